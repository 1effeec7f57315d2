"""Residual units and what stands around their addition.  Identity Mappings, arXiv:1603.05027."""

import keras
from keras import layers

from convbook.blocks.layers import BN, act, conv, norm
from convbook.blocks.resnet import join, stride_of
from convbook.blocks.se import se_block


def preact_block(
    x, f, s=1, r=None, n=BN, shortcut="B", stride_on="1x1", bias=None, se=None, gate=None
):
    """n relu 3x3/s f -> n relu 3x3 f, + shortcut; with r: n relu 1x1/s f/r -> 3x3 f/r -> 1x1 f.

    x (N, H, W, C) -> (N, H/s, W/s, f); nothing follows the addition.  arXiv:1603.05027, Figures
    1b and 4e.  Where the shortcut is a projection it reads the activated x, as in the authors'
    Torch code; the paper does not say.  bias: in what is added, where no batch norm follows.
    stride_on, se, gate: see resnet.bottleneck_block.
    """
    projected = shortcut == "C" or (shortcut == "B" and (s != 1 or x.shape[-1] != f))
    if projected:
        x = act(norm(x, n), "relu")
    s1, s3 = stride_of(s, stride_on)
    first = {"n": None, "a": None, "bias": False} if projected else {"n": n, "pre": True}

    def branch(x):
        if r:
            m = conv(x, f // r, k=1, s=s1, **first)
            m = conv(m, f // r, k=3, s=s3, p=1, n=n, pre=True)
            m = conv(m, f, k=1, n=n, pre=True, bias=bias)
        else:
            m = conv(x, f, k=3, s=s, p=1, **first)
            m = conv(m, f, k=3, p=1, n=n, pre=True, bias=bias)
        return se_block(m, f, se) if se else m

    return join(x, branch, f, s, None, shortcut, bool(bias), gate, a=None)


def activation_order_block(x, f=32, order="full pre-activation", n=BN):
    """3x3 f -> 3x3 f, + x, with batch norm and relu in one of five orders.

    x (N, H, W, f) -> the same shape.  arXiv:1603.05027, Figure 4 and Table 2; order is its
    caption: 'original' (a), 'BN after addition' (b), 'ReLU before addition' (c), 'ReLU-only
    pre-activation' (d) or 'full pre-activation' (e).
    """
    if order == "full pre-activation":
        return layers.add([x, conv(conv(x, f, n=n, pre=True), f, n=n, pre=True)])
    if order == "ReLU-only pre-activation":
        m = conv(act(x, "relu"), f, n=n)
        return layers.add([x, conv(m, f, n=n, a=None)])
    m = conv(x, f, n=n)
    if order == "original":
        return act(layers.add([x, conv(m, f, n=n, a=None)]), "relu")
    if order == "BN after addition":
        return act(norm(layers.add([x, conv(m, f, a=None, bias=False)]), n), "relu")
    if order == "ReLU before addition":
        return layers.add([x, conv(m, f, n=n)])
    raise ValueError(f"order={order!r}: order must be a caption of Figure 4, see the docstring")


def shortcut_variant_block(x, f=32, variant="original", n=BN):
    """3x3 f -> 3x3 f, + a shortcut that is more than the identity, relu.

    x (N, H, W, f) -> the same shape.  arXiv:1603.05027, Figure 2 and Table 1; variant is its
    caption: 'original' (a), 'constant scaling' (b, both paths halved), 'exclusive gating' (c),
    'shortcut-only gating' (d), 'conv shortcut' (e) or 'dropout shortcut' (f, rate 0.5).  The
    gate's bias starts at -6, one of the values the authors tried.
    """
    m = conv(conv(x, f, n=n), f, n=n, a=None)
    if variant in ("exclusive gating", "shortcut-only gating"):
        bias = keras.initializers.Constant(-6.0)
        g = layers.Conv2D(f, 1, activation="sigmoid", bias_initializer=bias)(x)
        m = layers.multiply([g, m]) if variant == "exclusive gating" else m
        x = layers.multiply([1 - g, x])
    elif variant == "constant scaling":
        x, m = layers.Rescaling(0.5)(x), layers.Rescaling(0.5)(m)
    elif variant == "conv shortcut":
        x = conv(x, f, k=1, n=n, a=None)
    elif variant == "dropout shortcut":
        x = layers.Dropout(0.5)(x)
    elif variant != "original":
        raise ValueError(f"variant={variant!r}: variant must be a caption of Figure 2")
    return act(layers.add([x, m]), "relu")
