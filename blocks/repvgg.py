"""Linear branches that fold into one convolution after training.  RepVGG, arXiv:2101.03697."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv, norm
from convbook.blocks.se import se_block
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


@checked
def repvgg_block(x: Map, f: Whole, s: Pair = 1, *, g: Whole = 1, n: Norm = BN,
                 se: Whole | None = None) -> Tensor:  # fmt: skip
    """3x3/s f n, + 1x1/s f n, + x n where the shape stays, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  RepVGG, arXiv:2101.03697, Figure 2 and equation 1: with
    batch norm convbook.architectures.fold turns the branches into one 3x3.

    Args:
        se: the ratio of a squeeze-and-excitation after the addition, as in D2se; None for none.
    """
    require(se is None or se <= f, se=se, right=f"None or a ratio from 1 to f={f}")
    m = conv(x, f, k=3, s=s, p=1, g=g, n=n, a=None)
    m1 = conv(x, f, k=1, s=s, g=g, n=n, a=None)
    same = s == 1 and x.shape[-1] == f
    m = layers.add([m, m1, norm(x, n)] if same else [m, m1])
    return act(se_block(m, r=se) if se else m, "relu")
