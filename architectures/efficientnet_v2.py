"""EfficientNetV2, arXiv:2104.00298: fused MBConv in the first stages, MBConv in the others."""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from typing import Any

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv
from convbook.blocks.mbconv import fused_mbconv_block, mbconv_block
from convbook.blocks.mobilenet import rounded
from convbook.blocks.types import Padding, Tensor

# The authors' code, S as in Table 4.  The stages of all networks: whether fused, expansion, first
# stride.
STAGES = (
    (True, 1, 1),
    (True, 4, 2),
    (True, 4, 2),
    (False, 4, 2),
    (False, 6, 1),
    (False, 6, 2),
    (False, 6, 1),
)
# Channels and layers of each stage; S and B have six.
S = ((24, 2), (48, 4), (64, 4), (128, 6), (160, 9), (256, 15))
M = ((24, 3), (48, 5), (80, 5), (160, 7), (176, 14), (304, 18), (512, 5))
L = ((32, 4), (64, 7), (96, 7), (192, 10), (224, 19), (384, 25), (640, 7))
XL = ((32, 4), (64, 8), (96, 8), (192, 16), (256, 24), (512, 32), (640, 8))
B = ((16, 1), (32, 2), (48, 2), (96, 3), (112, 5), (192, 8))


def body(x: Tensor, table: Sequence[Any], stem: int, last: int, project: bool = False, *,
         eps: float = 1e-3, p: Padding = "same", survival: float | None = None,
         drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2, then fused MBConv, MBConv and 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, last).

    Args:
        table: whether fused, expansion, channels, layers and first stride of each stage.
        stem, last: filters of the first and the last convolution.
        project: a 1x1 in the first stage too.
    """
    n = BN_TF | {"momentum": 0.9, "epsilon": eps}
    gate = gates(sum(row[3] for row in table), survival, drop_path)
    x = tap(conv(x, stem, k=3, s=2, p=p, n=n, a="silu"), "stem")
    for i, (fused, r, f, depth, s) in enumerate(table, 1):
        for j in range(1, depth + 1):
            letters = dict(s=s if j == 1 else 1, r=r, p=p, n=n, gate=next(gate))
            if fused:
                x = fused_mbconv_block(x, f, project=project, **letters)
            else:
                x = mbconv_block(x, f, **letters)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, last, k=1, n=n, a="silu"), "last")


def net(table: Sequence[Any], stem: int, size: int, rate: float, last: int = 1280,
        *project: bool) -> Net:  # fmt: skip
    """size: of the images in evaluation; rate: of the dropout before the logits."""
    stages = zip(STAGES, table, strict=False)  # S and B have no seventh
    rows = tuple((fused, r, f, depth, s) for (fused, r, s), (f, depth) in stages)
    whole, head = (rows, stem, last, *project), partial(pooled, rate=rate)
    return Net(body, whole, (size, size, 3), options=OPTIONS, styles=STYLES, head=head)


def scaled(table: Sequence[Any], width: float, depth: float,
           near: Callable[[float], int]) -> tuple[Any, ...]:  # fmt: skip
    """The channels times width, rounded to multiples of 8 by near, and the layers times depth."""
    return tuple((near(f * width), ceil(repeats * depth)) for f, repeats in table)


def nearest(f: float) -> int:
    return int(f + 4) // 8 * 8


# timm's, named rw there: the first S, from the paper's figures, and M; T is the authors' S, scaled.
RW = (*S[:-1], (272, 15))
RW_M = scaled(RW[:4], 1.2, 1.2, rounded) + scaled(RW[4:], 1.2, 1.6, rounded)


STYLES = {"paper": {}, "keras": {}, "torch": {"p": 1}}
OPTIONS = {"eps": 1e-3, "p": "same", "survival": None, "drop_path": None}
NETS = {
    "efficientnet_v2_s": net(S, 24, 384, 0.2),
    "efficientnet_v2_m": net(M, 24, 480, 0.3),
    "efficientnet_v2_l": net(L, 32, 480, 0.4),
    "efficientnet_v2_xl": net(XL, 32, 512, 0.4),
    "efficientnet_v2_b0": net(B, 32, 224, 0.2),
    "efficientnet_v2_b1": net(scaled(B, 1.0, 1.1, nearest), 32, 240, 0.2),
    "efficientnet_v2_b2": net(scaled(B, 1.1, 1.2, nearest), 32, 260, 0.3, 1408),
    "efficientnet_v2_b3": net(scaled(B, 1.2, 1.4, nearest), 40, 300, 0.3, 1536),
    "efficientnet_v2_rw_t": net(scaled(S, 0.8, 0.9, rounded), 24, 288, 0.2, 1024),
    "efficientnet_v2_rw_s": net(RW, 24, 384, 0.2, 1792, True),
    "efficientnet_v2_rw_m": net(RW_M, 32, 416, 0.2, rounded(1792 * 1.2), True),
}
ALIASES = {"efficientnet_v2": "efficientnet_v2_s"}
