"""HRNets, which keep a fine map to the end beside coarser ones.  arXiv:1908.07919."""

from collections.abc import Sequence

from keras import layers

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.architectures.resnet import stages
from convbook.blocks.hrnet import fuse_block
from convbook.blocks.layers import BN, conv
from convbook.blocks.resnet import basic_block, bottleneck_block
from convbook.blocks.types import Norm, Tensor

LARGE = ((1, 4), (4, 4), (3, 4))
# The authors' code for classification: channels of the finest map; blocks of the first stage and
# their filters; of each other stage its modules, and the blocks of each map in one.
NAMED = {
    "w18_small": (16, 1, 128, ((1, 2), (1, 2), (1, 2))),
    "w18_small_v2": (18, 2, 256, ((1, 2), (3, 2), (2, 2))),
    "w18": (18, 4, 256, LARGE),
    "w30": (30, 4, 256, LARGE),
    "w32": (32, 4, 256, LARGE),
    "w40": (40, 4, 256, LARGE),
    "w44": (44, 4, 256, LARGE),
    "w48": (48, 4, 256, LARGE),
    "w64": (64, 4, 256, LARGE),
}


def body(x: Tensor, width: int, depth: int, f: int, table: Sequence[tuple[int, int]], *,
         eps: float = 1e-5, bias: bool = True) -> Tensor:  # fmt: skip
    """Two 3x3/2 -> bottlenecks -> stages of two, three and four maps -> all in one, 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, 2048).  H and W are multiples of 32.

    Args:
        width: channels of the finest map; each coarser one has twice as many.
        depth: blocks of the first stage.
        f: filters of the first stage.
        table: modules of each other stage, and blocks of each map in one.
        bias: of the convolutions after the last stage, each of which a batch norm follows.
    """
    n = BN | {"epsilon": eps}
    x = conv(x, 64, k=3, s=2, p=1, n=n)
    x = tap(conv(x, 64, k=3, s=2, p=1, n=n), "stem")
    maps = [stages(x, bottleneck_block, f, (depth,), n=n, shortcut="B")]
    for i, (modules, blocks) in enumerate(table, 2):
        maps = transition(maps, i, width, f"stage{i}_transition", n)
        for j in range(1, modules + 1):
            maps = module(maps, blocks, f"stage{i}_module{j}", n)
    return joined(maps, n, bias)


def transition(maps: Sequence[Tensor], count: int, width: int, name: str, n: Norm) -> list[Tensor]:
    """count maps: those given, by a 3x3 where the channels change, and a 3x3/2 of the last."""
    found = []
    for j in range(count):
        new = j >= len(maps)
        x = maps[-1] if new else maps[j]
        if x.shape[-1] != width * 2**j:
            x = tap(conv(x, width * 2**j, k=3, s=2 if new else 1, p=1, n=n), f"{name}{j + 1}")
        found.append(x)
    return found


def module(maps: Sequence[Tensor], blocks: int, name: str, n: Norm) -> list[Tensor]:
    """Blocks on each map, and then of each the sum of all."""
    found = []
    for i, x in enumerate(maps, 1):
        for j in range(1, blocks + 1):
            x = tap(basic_block(x, x.shape[-1], n=n, shortcut="B"), f"{name}_branch{i}_block{j}")
        found.append(x)
    return [
        tap(fuse_block(x, finer=found[:i], coarser=found[i + 1 :], n=n), f"{name}_fuse{i + 1}")
        for i, x in enumerate(found)
    ]


def joined(maps: Sequence[Tensor], n: Norm, bias: bool) -> Tensor:
    """A wide bottleneck of each map, + 3x3/2 of the sum before, from the finest on; then 1x1."""
    x = bottleneck_block(maps[0], 128, n=n, shortcut="B")
    for i, m in enumerate(maps[1:], 2):
        x = conv(tap(x, f"join{i - 1}"), 64 * 2**i, k=3, s=2, p=1, n=n, bias=bias)
        x = layers.add([bottleneck_block(m, 64 * 2**i, n=n, shortcut="B"), x])
    return tap(conv(tap(x, "join4"), 2048, k=1, n=n, bias=bias), "last")


OPTIONS = {"eps": 1e-5, "bias": True}
NETS = {
    f"hrnet_{name}": Net(body, row, options=OPTIONS, multiple=32) for name, row in NAMED.items()
}
ALIASES = {"hrnet": "hrnet_w18"}
