"""Half of the channels is convolved, then all are shuffled.  ShuffleNet V2, arXiv:1807.11164."""

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, conv, dwconv
from convbook.blocks.shufflenet import channel_shuffle
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


@checked
def shufflenet_v2_unit(x: Map, f: Whole, s: Pair = 1, *, n: Norm = BN) -> Tensor:
    """1x1 f/2 -> 3x3/s depthwise, linear -> 1x1 f/2 of half of x, beside the other half; shuffled.

    x (N, H, W, C) -> (N, H/s, W/s, f), C = f where s = 1.  ShuffleNet V2, arXiv:1807.11164, Figure
    3c; with s=2, Figure 3d: both paths read all of x, the second by 3x3/2 depthwise -> 1x1 f/2.
    """
    channels = x.shape[-1]
    require(f % 2 == 0, f=f, right="even, because each path makes half of it")
    require(s != 1 or channels == f, f=f, right=f"C={channels}, the channels of x, if s=1")
    if s == 1:
        kept, m = ops.split(x, 2, axis=-1)
    else:
        kept, m = conv(dwconv(x, k=3, s=s, p=1, n=n, a=None), f // 2, k=1, n=n), x
    m = conv(m, f // 2, k=1, n=n)
    m = dwconv(m, k=3, s=s, p=1, n=n, a=None)
    m = conv(m, f // 2, k=1, n=n)
    return channel_shuffle(layers.concatenate([kept, m]), g=2)
