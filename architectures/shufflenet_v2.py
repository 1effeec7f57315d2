"""ShuffleNet V2, arXiv:1807.11164."""

from collections.abc import Sequence

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.shufflenet_v2 import shufflenet_v2_unit
from convbook.blocks.types import PoolPadding, Tensor

# Table 5: filters of stages 2 to 4, then of the last 1x1, for each width.
WIDTHS = {
    "0.5": (48, 96, 192, 1024),
    "1": (116, 232, 464, 1024),
    "1.5": (176, 352, 704, 1024),
    "2": (244, 488, 976, 2048),
}
UNITS = (4, 8, 4)  # of stages 2 to 4; the first of each has stride 2


def body(x: Tensor, widths: Sequence[int], units: Sequence[int], *, eps: float = 1e-5,
         pool: PoolPadding = 1) -> Tensor:  # fmt: skip
    """3x3/2 24 -> 3x3/2 max -> stages of units -> 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, 1024), twice as wide at 2x.

    Args:
        widths: Table 5: filters of stages 2 to 4, then of the last 1x1.
        units: of each stage; the first has stride 2.
        pool: padding of the max pooling; pytorchcv's windows overhang ('ceil').
    """
    n = BN | {"epsilon": eps}
    x = tap(conv(x, 24, k=3, s=2, p=1, n=n), "stem")
    x = tap(maxpool(x, k=3, s=2, p=pool), "stem_pool1")
    for i, (f, depth) in enumerate(zip(widths[:-1], units, strict=True), 1):
        for j in range(1, depth + 1):
            x = shufflenet_v2_unit(x, f, 2 if j == 1 else 1, n=n)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, widths[-1], k=1, n=n), "last")


OPTIONS = {"eps": 1e-5, "pool": 1}
NETS = {
    f"shufflenet_v2_{scale}x": Net(body, (widths, UNITS), options=OPTIONS)
    for scale, widths in WIDTHS.items()
}
ALIASES = {"shufflenet_v2": "shufflenet_v2_1x"}
