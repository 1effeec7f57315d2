"""ShuffleNet v1, arXiv:1707.01083."""

from collections.abc import Sequence

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.shufflenet import Order, shufflenet_unit
from convbook.blocks.types import Tensor

# Table 1, g = 3: filters and units of stages 2 to 4; the first unit of each has stride 2.
TABLE = ((240, 4), (480, 8), (960, 4))


def body(x: Tensor, table: Sequence[tuple[int, int]], g: int, *, eps: float = 1e-5,
         order: Order = "shortcut first") -> Tensor:  # fmt: skip
    """3x3/2 24 -> 3x3/2 max -> stages of units.

    x (N, H, W, C) -> (N, H/32, W/32, 960).

    Args:
        table: Table 1: filters and units of stages 2 to 4; the first unit of each has stride 2.
    """
    n = BN | {"epsilon": eps}
    x = tap(conv(x, 24, k=3, s=2, p=1, n=n), "stem")
    x = tap(maxpool(x, k=3, s=2, p=1), "stem_pool1")
    for i, (f, depth) in enumerate(table, 1):
        for j in range(1, depth + 1):
            first = 1 if i == j == 1 else None  # not grouped on 24 channels: section 3.2
            s = 2 if j == 1 else 1
            x = shufflenet_unit(x, f, s, g=g, n=n, first_g=first, order=order)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


STYLES = {"paper": {}, "torch": {"order": "branch first"}}
NETS = {"shufflenet_v1_g3_1x": Net(body, (TABLE, 3), options={"eps": 1e-5}, styles=STYLES)}
ALIASES = {"shufflenet": "shufflenet_v1_g3_1x"}
