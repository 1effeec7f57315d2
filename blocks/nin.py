"""A small network slid over the image in place of a linear filter.  Network in Network."""

from convbook.blocks.checks import checked
from convbook.blocks.layers import conv
from convbook.blocks.types import Map, Padding, Pair, Row, Tensor


@checked
def mlpconv(x: Map, f: Row = (192, 160, 96), *, k: Pair = 5, s: Pair = 1,
            p: Padding = "same") -> Tensor:  # fmt: skip
    """kxk/s f1 -> 1x1 f2 -> 1x1 f3 ..., relu after each: a perceptron at every position.

    x (N, H, W, C) -> (N, H/s, W/s, last f).  Network in Network, arXiv:1312.4400, Figure 1b and
    section 3.1; the widths are the first block of the authors' CIFAR-10 net.

    Args:
        p: of the kxk.
    """
    x = conv(x, f[0], k=k, s=s, p=p)
    for width in f[1:]:
        x = conv(x, width, k=1)
    return x
