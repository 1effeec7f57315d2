"""Maps of several resolutions, each of which becomes the sum of all.  HRNet, arXiv:1908.07919."""

from collections.abc import Sequence
from itertools import pairwise

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv
from convbook.blocks.types import Map, Maps, Norm, Tensor


@checked
def fuse_block(x: Map, *, finer: Maps = (), coarser: Maps = (), n: Norm = BN) -> Tensor:
    """3x3/2s of each finer map, + x, + a 1x1 of each coarser one with its pixels repeated, relu.

    x (N, H, W, C) -> the same shape.  HRNet, arXiv:1908.07919, Figure 3; the norms, and the relu
    between two 3x3/2s, are of the authors' code.

    Args:
        finer: maps of 2, 4 and more times x's rows and columns, the largest first.
        coarser: maps of 1/2, 1/4 and less of x's rows and columns, the largest first.
    """
    sizes = [tuple(m.shape) for m in (*finer, x, *coarser)]
    own = len(finer)  # the place of x
    require(halving(sizes[: own + 1]), finer=sizes[:own], right=TWICE)
    require(halving(sizes[own:]), coarser=sizes[own + 1 :], right=HALF)
    require(finer or coarser, coarser=(), right="one or more maps, because finer is empty")
    maps = []
    for i, m in enumerate(finer):
        for _ in finer[i + 1 :]:
            m = conv(m, m.shape[-1], k=3, s=2, p=1, n=n)
        maps.append(conv(m, x.shape[-1], k=3, s=2, p=1, n=n, a=None))
    maps.append(x)
    for i, m in enumerate(coarser, 1):
        m = conv(m, x.shape[-1], k=1, n=n, a=None)
        maps.append(layers.UpSampling2D(2**i)(m))
    return act(layers.add(maps), "relu")


TWICE = "maps, each twice as large as the next, the last twice as large as x"
HALF = "maps, each half as large as the one before, the first half as large as x"


def halving(shapes: Sequence[tuple[int | None, ...]]) -> bool:
    """Whether each has half the rows and columns of the one before, as far as they are known."""
    pairs = [zip(one[1:3], two[1:3], strict=True) for one, two in pairwise(shapes)]
    return all(i is None or j is None or i == 2 * j for pair in pairs for i, j in pair)
