"""A label for every pixel, refined by the labels around it."""

from keras import layers

from convbook.blocks.checks import checked, refuse_large
from convbook.blocks.layers import act, pair
from convbook.blocks.types import Map, Pair, Tensor, Whole


@checked
def refinement_head(
    x: Map, f: Whole = 10, *, steps: Whole = 3, hidden: Whole = 32, k: Pair = 3
) -> Tensor:
    """steps times: H = relu(U * x + W * Y), Y = V * H; the kernels stay the same.

    x (N, H, W, C) -> logits (N, H, W, f) of the last step; the first step has no Y.  A recurrent
    convolutional network for scene labelling (Pinheiro and Collobert, arXiv:1306.2795); Goodfellow
    et al., Deep Learning, Figure 9.17.
    """
    refuse_large((*pair(k), max(x.shape[-1], f), hidden), k=k, f=f, hidden=hidden)
    u = layers.Conv2D(hidden, k, padding="same")(x)
    v = layers.Conv2D(f, k, padding="same")
    w = layers.Conv2D(hidden, k, padding="same", use_bias=False)
    y = v(act(u, "relu"))
    for _ in range(steps - 1):
        y = v(act(layers.add([u, w(y)]), "relu"))
    return y
