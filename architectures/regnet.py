"""RegNetX and RegNetY.  Designing Network Design Spaces, arXiv:2003.13678."""

from collections.abc import Sequence
from math import log

from convbook.architectures.common import Net, gates
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv
from convbook.blocks.regnet import regnet_block
from convbook.blocks.types import Tensor

Rule = tuple[int, float, float, int, int]
# The authors' configurations: w0, wa, wm and d of equations 2 to 4, the width of a group.
X = {
    "200mf": (24, 36.44, 2.49, 13, 8),
    "400mf": (24, 24.48, 2.54, 22, 16),
    "600mf": (48, 36.97, 2.24, 16, 24),
    "800mf": (56, 35.73, 2.28, 16, 16),
    "1.6gf": (80, 34.01, 2.25, 18, 24),
    "3.2gf": (88, 26.31, 2.25, 25, 48),
    "4gf": (96, 38.65, 2.43, 23, 40),
    "6.4gf": (184, 60.83, 2.07, 17, 56),
    "8gf": (80, 49.56, 2.88, 23, 120),
    "12gf": (168, 73.36, 2.37, 19, 112),
    "16gf": (216, 55.59, 2.1, 22, 128),
    "32gf": (320, 69.86, 2.0, 23, 168),
}
Y = {
    "200mf": (24, 36.44, 2.49, 13, 8),
    "400mf": (48, 27.89, 2.09, 16, 8),
    "600mf": (48, 32.54, 2.32, 15, 16),
    "800mf": (56, 38.84, 2.4, 14, 16),
    "1.6gf": (48, 20.71, 2.65, 27, 24),
    "3.2gf": (80, 42.63, 2.66, 21, 24),
    "4gf": (96, 31.41, 2.24, 22, 64),
    "6.4gf": (112, 33.22, 2.27, 25, 72),
    "8gf": (192, 76.82, 2.19, 17, 56),
    "12gf": (168, 73.36, 2.37, 19, 112),
    "16gf": (200, 106.23, 2.48, 18, 112),
    "32gf": (232, 115.89, 2.53, 20, 232),
    "64gf": (352, 147.48, 2.4, 20, 328),  # this and larger: SEER's, arXiv:2103.01988
    "128gf": (456, 160.83, 2.52, 27, 264),
    "256gf": (640, 230.83, 2.53, 27, 373),
}


def stages(w0: int, wa: float, wm: float, depth: int, width: int,
           up: bool = False) -> tuple[tuple[int, int, int], ...]:  # fmt: skip
    """(blocks, filters, width of a group) of each stage.

    Widths grow linearly; each is rounded to w0 times a power of wm, a multiple of 8, and grouped.
    """
    linear = [w0 + wa * j for j in range(depth)]
    powers = [round(log(u / w0, wm)) for u in linear]
    widths = [8 * round(w0 * wm**power / 8) for power in powers]
    groups = {w: min(width, w) for w in widths}
    return tuple((widths.count(w), grouped(w, own, up), own) for w, own in groups.items())


def grouped(w: int, width: int, up: bool) -> int:
    """w rounded to the nearest multiple of a group's width; halves to an even number of groups.

    up: halves round up, and no result is below 90 % of w, as in torchvision.
    """
    if not up:
        return width * round(w / width)
    near = int(w + width / 2) // width * width
    return near if near >= 0.9 * w else near + width


def body(x: Tensor, table: Sequence[tuple[int, int, int]], se: int | None, *, eps: float = 1e-5,
         survival: float | None = None, drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2 32 -> four stages, the first block of each with stride 2.

    x (N, H, W, C) -> (N, H/32, W/32, the last width).

    Args:
        table: blocks, filters and width of a group of each stage.
        se: the ratio of squeeze-and-excitation; None for none.
    """
    n, gate = BN | {"epsilon": eps}, gates(sum(row[0] for row in table), survival, drop_path)
    x = tap(conv(x, 32, k=3, s=2, p=1, n=n), "stem")
    for i, (depth, f, width) in enumerate(table, 1):
        for j in range(1, depth + 1):
            x = regnet_block(x, f, 2 if j == 1 else 1, width=width, se=se, n=n, gate=next(gate))
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


def net(rule: Rule, se: int | None, variant: bool) -> Net:
    """variant: whether torchvision's network differs, because it rounds widths up."""
    other = {"torchvision": {"table": (stages(*rule, up=True), se)}} if variant else {}
    return Net(body, (stages(*rule), se), options=OPTIONS, variants=other)


OPTIONS = {"eps": 1e-5, "survival": None, "drop_path": None}
NETS = {f"regnet_x_{size}": net(rule, None, size == "400mf") for size, rule in X.items()}
NETS |= {f"regnet_y_{size}": net(rule, 4, size in ("800mf", "8gf")) for size, rule in Y.items()}
ALIASES = {"regnet_x": "regnet_x_4gf", "regnet_y": "regnet_y_4gf"}
