"""Trees of residual blocks, whose ends are joined at a root.  Deep layer aggregation."""

from functools import partial

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv, maxpool
from convbook.blocks.res2net import ladder
from convbook.blocks.types import Block, Map, Maps, Norm, Pair, Tensor, Whole


@checked
def dla_block(x: Map, f: Whole, s: Pair = 1, *, width: Whole | None = None,
              c: Whole | None = None, g: Whole = 1, n: Norm = BN) -> Tensor:  # fmt: skip
    """3x3/s f -> 3x3 f, + sxs max of x, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f); where C is not f, a 1x1 f follows the max.  Deep Layer
    Aggregation, arXiv:1707.06484; the max is of the authors' code, dla.py.

    Args:
        width: a bottleneck instead, 1x1 width -> 3x3/s width -> 1x1 f.
        c: parts, as Res2Net's, each width wide and with a 3x3 of its own, except the last one;
            1x1 c width -> parts -> 1x1 f.  Res2Net, arXiv:1904.01169; the authors' dla.py.
        g: groups of the bottleneck's 3x3s.
    """
    require(g == 1 or width, g=g, right="1 without a width: only a bottleneck has groups")
    require(not c or (width and c > 1), c=c, right="None, or at least 2 and with a width")
    skip = x if s == 1 else maxpool(x, k=s, s=s)
    skip = skip if x.shape[-1] == f else conv(skip, f, k=1, n=n, a=None)
    if width and c:
        m = conv(x, c * width, k=1, n=n)
        m = ladder(partial(conv, n=n), m, width, s, c=c, g=g, changes=s != 1)
        m = conv(m, f, k=1, n=n, a=None)
    elif width:
        m = conv(x, width, k=1, n=n)
        m = conv(m, width, k=3, s=s, p=1, g=g, n=n)
        m = conv(m, f, k=1, n=n, a=None)
    else:
        m = conv(x, f, k=3, s=s, p=1, n=n)
        m = conv(m, f, k=3, p=1, n=n, a=None)
    return act(layers.add([m, skip]), "relu")


@checked
def dla_root(x: Map, f: Whole, *, seen: Maps = (), shortcut: bool = False,
             n: Norm = BN) -> Tensor:  # fmt: skip
    """x and all of seen, joined -> 1x1 f -> n -> relu.

    x (N, H, W, C) -> (N, H, W, f).  An aggregation node, Deep Layer Aggregation, arXiv:1707.06484,
    Equation 3.

    Args:
        seen: more maps of x's size.
        shortcut: x, which has f channels, is added before the relu.
    """
    channels = x.shape[-1]
    require(
        all(m.shape[1:3] == x.shape[1:3] for m in seen),
        seen=[tuple(m.shape) for m in seen if m.shape[1:3] != x.shape[1:3]],
        right=f"maps of the size of x, {x.shape[1:3]}",
    )
    right = f"C={channels}, the channels of x, which is added"
    require(not shortcut or channels == f, f=f, right=right)
    m = layers.concatenate([x, *seen])
    m = conv(m, f, k=1, n=n, a=None)
    return act(layers.add([m, x]) if shortcut else m, "relu")


@checked
def dla_tree(x: Map, f: Whole, s: Pair = 1, *, b: Whole = 1, seen: Maps = (),
             block: Block | None = None, root: Block | None = None,
             n: Norm = BN) -> Tensor:  # fmt: skip
    """A tree of b levels: of 1, two blocks and the root that joins them; else two trees of b - 1.

    x (N, H, W, C) -> (N, H/s, W/s, f).  The last root of the second tree is joined with the end of
    the first as well.  Hierarchical deep aggregation, arXiv:1707.06484; Tree of the authors'
    dla.py.

    Args:
        seen: more maps, as large as the result, that the last root is joined with.
        block: block(x, f, s), which makes f channels of x; None: dla_block.
        root: root(x, f, seen=maps), which joins x with maps; None: dla_root.
    """
    if b > 1:
        first = dla_tree(x, f, s, b=b - 1, block=block, root=root, n=n)
        return dla_tree(first, f, b=b - 1, seen=[*seen, first], block=block, root=root, n=n)
    block = block or partial(dla_block, n=n)
    root = root or partial(dla_root, n=n)
    m1 = block(x, f, s)
    m2 = block(m1, f)
    require(
        all(m.shape[1:3] == m2.shape[1:3] for m in seen),
        seen=[tuple(m.shape) for m in seen if m.shape[1:3] != m2.shape[1:3]],
        right=f"maps of the size of the result, {m2.shape[1:3]}",
    )
    return root(m2, f, seen=[m1, *seen])
