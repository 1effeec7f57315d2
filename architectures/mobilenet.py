"""MobileNet, arXiv:1704.04861, with its width multipliers."""

from collections.abc import Sequence

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv
from convbook.blocks.mobilenet import mobilenet_block
from convbook.blocks.types import Act, Padding, Tensor

# Table 1: filters, stride.  The last stride is 1; the table prints 2, which contradicts its sizes.
V1 = (
    ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2))
    + 5 * ((512, 1),)
    + ((1024, 2), (1024, 1))
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


STYLES = {"paper": {}, "keras": {"a": "relu6"}, "torch": {"p": 1, "eps": 1e-5}}
OPTIONS = {"eps": 1e-3, "p": "same"}
NETS = {
    f"mobilenet_v1_{alpha}_{size}": Net(
        body, (V1, float(alpha)), (size, size, 3), options=OPTIONS, styles=STYLES
    )
    for alpha, size in [(alpha, 224) for alpha in ("1.0", "0.75", "0.5", "0.25")]
    + [("1.0", size) for size in (192, 160, 128)]
}
ALIASES = {"mobilenet": "mobilenet_v1_1.0_224"}
