"""MobileNet, arXiv:1704.04861, and MobileNetV2, arXiv:1801.04381, with their width multipliers."""

from collections.abc import Sequence
from typing import Any

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv
from convbook.blocks.mobilenet import inverted_residual_block, mobilenet_block
from convbook.blocks.types import Act, Padding, Tensor

# V1, Table 1: filters, stride.  The last stride is 1; the table prints 2, which its sizes refute.
V1 = (
    ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2))
    + 5 * ((512, 1),)
    + ((1024, 2), (1024, 1))
)
# V2, Table 2: expansion t, channels c, repeats n, first stride s.
V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def body(x: Tensor, table: Sequence[tuple[int, int]], alpha: float, *, eps: float = 1e-3,
         p: Padding = "same", a: Act = "relu") -> Tensor:  # fmt: skip
    """3x3/2, then depthwise separable blocks.

    x (N, H, W, C) -> (N, H/32, W/32, 1024 alpha).

    Args:
        table: Table 1: filters, stride.
    """
    n = BN_TF | {"epsilon": eps}
    x = tap(conv(x, int(32 * alpha), k=3, s=2, p=p, n=n, a=a), "stem")
    i = j = 1
    for f, s in table:
        i, j = (i + 1, 1) if s == 2 else (i, j)
        x = mobilenet_block(x, f if alpha == 1 else int(f * alpha), s, p=p, n=n, a=a)
        x = tap(x, f"stage{i}_block{j}")
        j += 1
    return tap(x, "last")


def wide(f: int, alpha: float) -> int:
    """f for the multiplier 1, else alpha f, rounded: the paper's own widths are multiples of 8."""
    return f if alpha == 1 else rounded(f * alpha)


def rounded(f: float) -> int:
    """f to the nearest multiple of 8, but not below 90 % of it: the authors' code."""
    near = max(8, int(f + 4) // 8 * 8)
    return near if near >= 0.9 * f else near + 8


def body_v2(x: Tensor, table: Sequence[Any], alpha: float, *, eps: float = 1e-3,
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
    for i, (t, c, repeats, s) in enumerate(table, 1):
        for j in range(1, repeats + 1):
            letters = dict(r=t, p=p, n=n, gate=next(gate))
            x = inverted_residual_block(x, wide(c, alpha), s if j == 1 else 1, **letters)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, wide(1280, max(1, alpha)), k=1, n=n, a="relu6"), "last")


def head(x: Tensor, classes: int) -> Tensor:
    return pooled(x, classes, rate=0.2)


STYLES = {"paper": {}, "keras": {"a": "relu6"}, "torch": {"p": 1, "eps": 1e-5}}
STYLES_V2 = {"paper": {}, "keras": {}, "torch": {"p": 1, "eps": 1e-5}}
OPTIONS = {"eps": 1e-3, "p": "same"}
NETS = {
    f"mobilenet_v1_{alpha}_{size}": Net(
        body, (V1, float(alpha)), (size, size, 3), options=OPTIONS, styles=STYLES
    )
    for alpha, size in [(a, 224) for a in ("1.0", "0.75", "0.5", "0.25")]
    + [("1.0", size) for size in (192, 160, 128)]
}
OPTIONS_V2 = dict(eps=1e-3, survival=None, drop_path=None)
NETS |= {
    f"mobilenet_v2_{alpha}_224": Net(
        body_v2, (V2, float(alpha)), options=OPTIONS_V2, styles=STYLES_V2, head=head
    )
    for alpha in ("1.0", "1.4", "0.35", "0.5", "0.75", "1.3")
}
ALIASES = {"mobilenet": "mobilenet_v1_1.0_224", "mobilenet_v2": "mobilenet_v2_1.0_224"}
