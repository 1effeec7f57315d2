"""One-shot aggregation: a row of 3x3s, joined once at its end.  VoVNet, arXiv:1904.09730."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, conv, dense, gavgpool, sepconv
from convbook.blocks.types import Map, Norm, Tensor, Whole


@checked
def ese_block(x: Map) -> Tensor:
    """x * (global mean -> dense C hard sigmoid): squeeze-and-excitation that squeezes no channels.

    x (N, H, W, C) -> the same shape.  Effective squeeze-and-excitation, CenterMask,
    arXiv:1911.06667; authors' code: vovnet/vovnet.py.
    """
    m = gavgpool(x)
    m = dense(m, x.shape[-1], a="hard_sigmoid")
    return layers.multiply([x, m])


@checked
def osa_block(x: Map, f: Whole, *, width: Whole = 128, b: Whole = 5, n: Norm = BN,
              separable: bool = False, ese: bool = False,
              identity: bool = False) -> Tensor:  # fmt: skip
    """b 3x3s width in a row, x and all of them joined -> 1x1 f.

    x (N, H, W, C) -> (N, H, W, f).  One-shot aggregation, VoVNet, arXiv:1904.09730,
    section 3.2.

    Args:
        width: filters of each 3x3.
        b: how many 3x3s.
        separable: each 3x3 is depthwise with a 1x1, after a 1x1 width if C differs from width.
        ese: ese_block at the end, as in VoVNetV2 (arXiv:1911.06667).
        identity: adds x, as in VoVNetV2; C must be f.
    """
    channels = x.shape[-1]
    right = f"C={channels}, the channels of x, which is added"
    require(not identity or channels == f, f=f, right=right)
    m = conv(x, width, k=1, n=n) if separable and channels != width else x
    made = [x]
    for _ in range(b):
        m = (sepconv if separable else conv)(m, width, k=3, n=n)
        made.append(m)
    m = conv(layers.concatenate(made), f, k=1, n=n)
    m = ese_block(m) if ese else m
    return layers.add([x, m]) if identity else m
