"""EfficientNet, arXiv:1905.11946: one small network, scaled in width, depth and resolution at once.

Also the authors' Lite, for phones: no squeeze-and-excitation, relu6, unscaled ends.
"""

from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import Any

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv
from convbook.blocks.mbconv import mbconv_block
from convbook.blocks.mobilenet import rounded
from convbook.blocks.types import Padding, Tensor

# Table 1, stages 2 to 8: expansion, kernel, channels, layers, first stride.
TABLE = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
# The authors' code for section 5.2: width, depth, resolution, dropout of the head.
SCALES = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
    "lite0": (1.0, 1.0, 224, 0.2),
    "lite1": (1.0, 1.1, 240, 0.2),
    "lite2": (1.1, 1.2, 260, 0.3),
    "lite3": (1.2, 1.4, 280, 0.3),
    "lite4": (1.4, 1.8, 300, 0.3),
    # Later ones: AdvProp's, arXiv:1911.09665, and Noisy Student's, 1911.04252
    "b8": (2.2, 3.6, 672, 0.5),
    "l2": (4.3, 5.3, 800, 0.5),
}


def body(x: Tensor, table: Sequence[Any], stem: int, last: int, a: str, se: int | None, *,
         eps: float = 1e-3, p: Padding = "same", survival: float | None = None,
         drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2, then MBConv, then 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, last).

    Args:
        table: Table 1, scaled: expansion, kernel, channels, layers, first stride.
        stem, last: filters of the first and the last convolution.
        p: 'same', or 1 for Torch's padding: 1 for a 3x3, 2 for a 5x5.
    """
    n = BN_TF | {"momentum": 0.99, "epsilon": eps}
    gate = gates(sum(row[3] for row in table), survival, drop_path)
    x = tap(conv(x, stem, k=3, s=2, p=p, n=n, a=a), "stem")
    for i, (r, k, f, depth, s) in enumerate(table, 1):
        sides = p if isinstance(p, str) else p * (k // 2)
        for j in range(1, depth + 1):
            letters = dict(r=r, k=k, p=sides, n=n, a=a, se=se, gate=next(gate))
            x = mbconv_block(x, f, s if j == 1 else 1, **letters)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, last, k=1, n=n, a=a), "last")


def net(name: str) -> Net:
    """Widths are multiples of 8, depths rounded up; Lite's stages of one layer stay as deep."""
    width, depth, size, rate = SCALES[name]
    lite = name.startswith("lite")

    def deep(repeats: int) -> int:
        return repeats if lite and repeats == 1 else ceil(repeats * depth)

    table = tuple((r, k, rounded(f * width), deep(repeats), s) for r, k, f, repeats, s in TABLE)
    stem, last = (32, 1280) if lite else (rounded(32 * width), rounded(1280 * width))
    a, se = ("relu6", None) if lite else ("silu", 4)
    whole, head = (table, stem, last, a, se), partial(pooled, rate=rate)
    return Net(body, whole, (size, size, 3), options=OPTIONS, styles=STYLES, head=head)


STYLES = {"paper": {}, "keras": {}, "torch": {"p": 1, "eps": 1e-5}}
OPTIONS = {"eps": 1e-3, "p": "same", "survival": None, "drop_path": None}
NETS = {f"efficientnet_{name}": net(name) for name in SCALES}
ALIASES = {"efficientnet": "efficientnet_b0", "efficientnet_lite": "efficientnet_lite0"}
