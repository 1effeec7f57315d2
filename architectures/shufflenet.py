"""ShuffleNet v1, arXiv:1707.01083."""

from collections.abc import Sequence

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.shufflenet import Order, shufflenet_unit
from convbook.blocks.types import Tensor

# Table 1: filters of stage 2 for each number of groups g; stages 3 and 4 are twice as wide as
# the previous one.
WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
UNITS = (4, 8, 4)  # of stages 2 to 4; the first of each has stride 2


def body(x: Tensor, table: Sequence[tuple[int, int]], g: int, stem: int = 24, *, eps: float = 1e-5,
         order: Order = "shortcut first") -> Tensor:  # fmt: skip
    """3x3/2 24 -> 3x3/2 max -> stages of units.

    x (N, H, W, C) -> (N, H/32, W/32, 960) with three groups.

    Args:
        table: Table 1: filters and units of stages 2 to 4; the first unit of each has stride 2.
        g: groups of the 1x1s.
        stem: filters of the first convolution.
    """
    n = BN | {"epsilon": eps}
    x = tap(conv(x, stem, k=3, s=2, p=1, n=n), "stem")
    x = tap(maxpool(x, k=3, s=2, p=1), "stem_pool1")
    for i, (f, depth) in enumerate(table, 1):
        for j in range(1, depth + 1):
            first = 1 if i == j == 1 else None  # too few channels to group: section 3.2
            s = 2 if j == 1 else 1
            x = shufflenet_unit(x, f, s, g=g, n=n, first_g=first, order=order)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


def net(g: int, scale: float) -> Net:
    """Every layer scale times as wide: section 4, ShuffleNet sx."""
    rows = [(int(WIDTHS[g] * 2**i * scale), depth) for i, depth in enumerate(UNITS)]
    return Net(body, (tuple(rows), g, int(24 * scale)), options={"eps": 1e-5}, styles=STYLES)


STYLES = {"paper": {}, "torch": {"order": "branch first"}}
SCALED = [(g, scale) for scale in (0.75, 0.5, 0.25) for g in (3, 1)]
NETS = {
    f"shufflenet_v1_g{g}_{scale:g}x": net(g, scale)
    for g, scale in [(3, 1), *((g, 1) for g in WIDTHS if g != 3), *SCALED]
}
ALIASES = {"shufflenet": "shufflenet_v1_g3_1x"}
