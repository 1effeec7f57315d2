"""MobileNetV2, arXiv:1801.04381, with its width multipliers."""

from collections.abc import Sequence
from typing import Any

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv
from convbook.blocks.mobilenet import inverted_residual_block
from convbook.blocks.types import Padding, Tensor

# Table 2: expansion t, channels c, repeats n, first stride s.
V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def wide(f: int, alpha: float) -> int:
    """f for the multiplier 1, else alpha f, rounded: the paper's own widths are multiples of 8."""
    return f if alpha == 1 else rounded(f * alpha)


def rounded(f: float) -> int:
    """f to the nearest multiple of 8, but not below 90 % of it: the authors' code."""
    near = max(8, int(f + 4) // 8 * 8)
    return near if near >= 0.9 * f else near + 8


def body(x: Tensor, table: Sequence[Any], alpha: float, *, eps: float = 1e-3,
         p: Padding = "same", survival: float | None = None,
         drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2, then inverted residuals, then 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, 1280).  The last 1x1 is 1280 alpha wide, but not below 1280
    (section 4, note of the authors' code).

    Args:
        table: Table 2: expansion t, channels c, repeats n, first stride s.
    """
    n = BN_TF | {"epsilon": eps}
    gate = gates(sum(row[2] for row in table), survival, drop_path)
    x = tap(conv(x, wide(32, alpha), k=3, s=2, p=p, n=n, a="relu6"), "stem")
    for i, (r, f, repeats, s) in enumerate(table, 1):
        for j in range(1, repeats + 1):
            letters = dict(r=r, p=p, n=n, gate=next(gate))
            x = inverted_residual_block(x, wide(f, alpha), s if j == 1 else 1, **letters)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, wide(1280, max(1, alpha)), k=1, n=n, a="relu6"), "last")


def head(x: Tensor, classes: int) -> Tensor:
    return pooled(x, classes, rate=0.2)


STYLES = {"paper": {}, "keras": {}, "torch": {"p": 1, "eps": 1e-5}}
OPTIONS = dict(eps=1e-3, survival=None, drop_path=None)
NETS = {
    f"mobilenet_v2_{alpha}_224": Net(
        body, (V2, float(alpha)), options=OPTIONS, styles=STYLES, head=head
    )
    for alpha in ("1.0", "1.4", "0.35", "0.5", "0.75", "1.3")
}
ALIASES = {"mobilenet_v2": "mobilenet_v2_1.0_224"}
