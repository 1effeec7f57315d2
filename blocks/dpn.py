"""A residual path and a dense path, side by side in one tensor.  Dual Path Networks."""

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv, norm
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


@checked
def dpn_block(x: Map, f: Whole, s: Pair = 1, *, growth: Whole = 16, width: Whole = 64,
              g: Whole = 32, n: Norm = BN, split: bool = False) -> Tensor:  # fmt: skip
    """1x1 width -> 3x3/s width in g groups -> 1x1: f added to the first f of x, growth joined.

    x (N, H, W, C) -> (N, H, W, C + growth).  Before each convolution are n and a relu.  Where C is
    not more than f, or s is not 1, a 1x1/s f + 2 growth of x stands for x, and the result is
    (N, H/s, W/s, f + 3 growth).  Dual Path Networks, arXiv:1707.01629; authors' code:
    settings/symbol_dpn.py.

    Args:
        growth: channels by which the dense path grows.
        width: of the bottleneck.
        split: two last 1x1s, one for each path, without a norm between, as in DPN-68b.
    """
    require(width % g == 0, width=width, right=f"a multiple of g={g}, the number of groups")
    begins = s != 1 or x.shape[-1] <= f
    kept = conv(x, f + 2 * growth, k=1, s=s, n=n, pre=True) if begins else x
    m = conv(x, width, k=1, n=n, pre=True)
    m = conv(m, width, k=3, s=s, p=1, g=g, n=n, pre=True)
    m = act(norm(m, n), "relu")
    if split:
        added, more = conv(m, f, k=1, a=None, bias=False), conv(m, growth, k=1, a=None, bias=False)
    else:
        added, more = ops.split(conv(m, f + growth, k=1, a=None, bias=False), [f], axis=-1)
    kept, dense = ops.split(kept, [f], axis=-1)
    return layers.concatenate([layers.add([kept, added]), dense, more])
