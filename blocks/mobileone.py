"""Branches in a depthwise half and a pointwise half.  MobileOne, arXiv:2206.04040."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv, dwconv, norm
from convbook.blocks.se import se_block
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


@checked
def mobileone_block(x: Map, f: Whole, s: Pair = 1, *, c: Whole = 1, n: Norm = BN,
                    se: Whole | None = None) -> Tensor:  # fmt: skip
    """c 3x3/s depthwise n, + 1x1/s depthwise n, + x n, relu -> c 1x1 f n, + x n, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f); x n stands only where the shape stays.  MobileOne,
    arXiv:2206.04040, Figure 3, where c is called k: with batch norm
    convbook.architectures.fold turns the branches into one depthwise 3x3 and one 1x1.

    Args:
        c: how many convolutions each half adds.
        se: the ratio of a squeeze-and-excitation after both additions, as in S4's last blocks.
    """
    least = min(x.shape[-1], f)
    require(se is None or se <= least, se=se, right=f"None or a ratio from 1 to {least}")
    paths = [dwconv(x, 3, s, 1, a=None, n=n) for _ in range(c)]
    paths = [*paths, dwconv(x, 1, s, a=None, n=n)]
    paths = [*paths, norm(x, n)] if s == 1 else paths
    x = layers.add(paths)
    x = act(se_block(x, r=se) if se else x, "relu")
    paths = [conv(x, f, k=1, n=n, a=None) for _ in range(c)]
    paths = [*paths, norm(x, n)] if x.shape[-1] == f else paths
    x = layers.add(paths) if len(paths) > 1 else paths[0]
    return act(se_block(x, r=se) if se else x, "relu")
