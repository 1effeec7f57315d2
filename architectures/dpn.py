"""Dual path networks: ResNeXt's additions and DenseNet's joins in one.  arXiv:1707.01629."""

from typing import NamedTuple

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.dpn import dpn_block
from convbook.blocks.layers import BN, act, conv, maxpool, norm
from convbook.blocks.types import Tensor


class Row(NamedTuple):
    """A network: filters and kernel of the stem, filters and bottleneck width of the first stage,
    which double in the next; groups; blocks and growth of each stage; whether the last 1x1 is in
    two."""

    stem: tuple[int, int]
    f: int
    width: int
    g: int
    depths: tuple[int, ...]
    growths: tuple[int, ...]
    split: bool = False


SMALL = Row((10, 3), 64, 128, 32, (3, 4, 12, 3), (16, 32, 32, 64))
NAMED = {  # Table 1; 68, 107 and 131 as the authors' code has them
    "dpn68": SMALL,
    "dpn68b": SMALL._replace(split=True),
    "dpn92": Row((64, 7), 256, 96, 32, (3, 4, 20, 3), (16, 32, 24, 128)),
    "dpn98": Row((96, 7), 256, 160, 40, (3, 6, 20, 3), (16, 32, 32, 128)),
    "dpn107": Row((128, 7), 256, 200, 50, (4, 8, 20, 3), (20, 64, 64, 128)),
    "dpn131": Row((128, 7), 256, 160, 40, (4, 8, 28, 3), (16, 32, 32, 128)),
}


def body(x: Tensor, stem: tuple[int, int], f: int, width: int, g: int, depths: tuple[int, ...],
         growths: tuple[int, ...], split: bool, *, eps: float = 1e-3) -> Tensor:  # fmt: skip
    """7x7/2 or 3x3/2 -> 3x3/2 max -> four stages of blocks -> n relu.

    x (N, H, W, C) -> (N, H/32, W/32, 8 f + (depth + 2) growth), of the last stage.
    """
    n = BN | {"epsilon": eps}
    filters, k = stem
    x = tap(conv(x, filters, k=k, s=2, p=k // 2, n=n), "stem")
    x = maxpool(x, k=3, s=2, p=1)
    for i, (depth, growth) in enumerate(zip(depths, growths, strict=True)):
        own = dict(growth=growth, width=width * 2**i, g=g, split=split)
        for j in range(1, depth + 1):
            s = 2 if i > 0 and j == 1 else 1
            x = tap(dpn_block(x, f * 2**i, s, n=n, **own), f"stage{i + 1}_block{j}")
        x = tap(x, f"stage{i + 1}")
    return tap(act(norm(x, n), "relu"), "last")


NETS = {name: Net(body, row, options={"eps": 1e-3}) for name, row in NAMED.items()}
ALIASES = {"dpn": "dpn92"}
