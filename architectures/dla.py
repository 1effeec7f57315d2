"""Deep layer aggregation: stages that are trees of blocks.  DLA, arXiv:1707.06484."""

from functools import partial
from itertools import count
from typing import NamedTuple

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.dla import dla_block, dla_root, dla_tree
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.types import Block, Tensor

DEEP, COMPACT = (128, 256, 512, 1024), (64, 64, 128, 256)


class Row(NamedTuple):
    """A network, stages 3 to 6: levels and filters; how wide the bottleneck's middle is, over the
    filters (None: a basic block), and its groups; whether roots have a shortcut; into how many
    parts Res2Net's middle is split (None: not), each as wide as the ratio says."""

    levels: tuple[int, ...]
    filters: tuple[int, ...]
    ratio: float | None = None
    g: int = 1
    shortcut: bool = False
    c: int | None = None


# Table 1; the roots' shortcuts and the middle of 102x2 are of the authors' code.  The two with
# parts are of Res2Net's authors, arXiv:1904.01169 and their dla.py.
NAMED = {
    "dla34": Row((1, 2, 2, 1), (64, 128, 256, 512)),
    "dla46_c": Row((1, 2, 2, 1), COMPACT, 0.5),
    "dla46x_c": Row((1, 2, 2, 1), COMPACT, 1, 32),
    "dla60x_c": Row((1, 2, 3, 1), COMPACT, 1, 32),
    "dla60": Row((1, 2, 3, 1), DEEP, 0.5),
    "dla60x": Row((1, 2, 3, 1), DEEP, 1, 32),
    "dla60_res2net": Row((1, 2, 3, 1), DEEP, 28 / 128, c=4),
    "dla60_res2next": Row((1, 2, 3, 1), DEEP, 1 / 4, 8, c=4),
    "dla102": Row((1, 3, 4, 1), DEEP, 0.5, shortcut=True),
    "dla102x": Row((1, 3, 4, 1), DEEP, 1, 32, True),
    "dla102x2": Row((1, 3, 4, 1), DEEP, 2, 64, True),
    "dla169": Row((2, 3, 5, 1), DEEP, 0.5, shortcut=True),
}


def body(x: Tensor, levels: tuple[int, ...], filters: tuple[int, ...], ratio: float | None,
         g: int, shortcut: bool, c: int | None, *, eps: float = 1e-5) -> Tensor:  # fmt: skip
    """7x7 16 -> 3x3 16 -> 3x3/2 32 -> four trees of blocks, each with stride 2.

    x (N, H, W, C) -> (N, H/32, W/32, the last of the filters).  The last root of a tree but the
    first is joined with the stage's input too, halved by a 2x2/2 max.
    """
    n = BN | {"epsilon": eps}
    x = tap(conv(x, 16, k=7, p=3, n=n), "stem")
    x = tap(conv(x, 16, k=3, p=1, n=n), "stage1")
    x = tap(conv(x, 32, k=3, s=2, p=1, n=n), "stage2")
    root = partial(dla_root, shortcut=shortcut, n=n)
    for i, (b, f) in enumerate(zip(levels, filters, strict=True), 3):
        width = None if ratio is None else int(f * ratio)
        block = numbered(partial(dla_block, width=width, c=c, g=g, n=n), f"stage{i}_block")
        join = numbered(root, f"stage{i}_root")
        seen = [maxpool(x)] if i > 3 else []
        x = tap(dla_tree(x, f, 2, b=b, seen=seen, block=block, root=join), f"stage{i}")
    return x


def numbered(make: Block, name: str) -> Block:
    """A block or root whose results have names, numbered from 1."""
    number = count(1)
    return lambda *maps, **more: tap(make(*maps, **more), f"{name}{next(number)}")


NETS = {name: Net(body, row, options={"eps": 1e-5}) for name, row in NAMED.items()}
ALIASES = {"dla": "dla34"}
