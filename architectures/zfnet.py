"""ZFNet.  Visualizing and Understanding Convolutional Networks, arXiv:1311.2901."""

from collections.abc import Sequence
from typing import Any, Literal

from convbook.architectures.common import Net, dense_head
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import conv, maxpool
from convbook.blocks.lrn import lrn
from convbook.blocks.types import Tensor

# Figure 3: filters, kernel, stride, padding, then 3x3/2 max pool and LRN, max pool alone.
TABLE = (
    (96, 7, 2, 1, True, False),
    (256, 5, 2, "valid", True, False),
    (384, 3, 1, 1, False, False),
    (384, 3, 1, 1, False, False),
    (256, 3, 1, 1, False, True),
)
# Table 2: the same with 512, 1024 and 512 maps in layers 3, 4 and 5.
WIDE = (
    *TABLE[:2],
    (512, 3, 1, 1, False, False),
    (1024, 3, 1, 1, False, False),
    (512, 3, 1, 1, False, True),
)
Order = Literal["pool first", "LRN first"]


def body(x: Tensor, table: Sequence[Any], *, order: Order = "pool first",
         alpha: float = 1e-4) -> Tensor:  # fmt: skip
    """Five convolutions with relu; overlapping pooling, then LRN, follow where the table says.

    x (N, 224, 224, 3) -> (N, 6, 6, 256).

    Args:
        table: Figure 3: filters, kernel, stride, padding, max pool and LRN, max pool alone.
        order: 'LRN first' as in pytorchcv and in AlexNet.
        alpha: of the LRN.
    """
    for i, (f, k, s, p, responds, pools) in enumerate(table, 1):
        x = conv(x, f, k=k, s=s, p=p)
        if order == "LRN first":
            x = lrn(x, alpha=alpha) if responds else x
        x = maxpool(x, k=3, s=2, p="ceil") if responds or pools else x
        if order == "pool first":
            x = lrn(x, alpha=alpha) if responds else x
        x = tap(x, f"stage{i}")
    return x


STYLES = {"paper": {}, "torch": {"order": "LRN first", "alpha": 1e-4 / 5}}
NETS = {
    "zfnet": Net(body, (TABLE,), styles=STYLES, head=dense_head),
    "zfnet_wide": Net(body, (WIDE,), styles=STYLES, head=dense_head),
}
ALIASES: dict[str, str] = {}
