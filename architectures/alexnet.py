"""AlexNet.  ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012.

Also its author's later, narrower net with one column: One weird trick, arXiv:1404.5997.
"""

from collections.abc import Sequence
from typing import Any, Literal

from convbook.architectures.common import Net, dense_head
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import conv, maxpool
from convbook.blocks.lrn import lrn
from convbook.blocks.types import PoolPadding, Tensor

# Section 3.5 and Figure 2: filters, kernel, stride, padding, groups, LRN, 3x3/2 max pool after it.
# Input 227: the printed 224 does not give conv1's 55 x 55 without padding.
TABLE = (
    (96, 11, 4, "valid", 1, True, True),
    (256, 5, 1, 2, 2, True, True),
    (384, 3, 1, 1, 1, False, False),
    (384, 3, 1, 1, 2, False, False),
    (256, 3, 1, 1, 2, False, True),
)
# One weird trick, as in torchvision and pytorchcv (alexnetb): no groups, no LRN.
ONE_COLUMN = (
    (64, 11, 4, 2, 1, False, True),
    (192, 5, 1, 2, 1, False, True),
    (384, 3, 1, 1, 1, False, False),
    (256, 3, 1, 1, 1, False, False),
    (256, 3, 1, 1, 1, False, True),
)

Response = Literal["paper", "caffe", "torch"]
RESPONSES = {  # how LRN differs; the paper's k is bias
    "paper": {},
    "caffe": {"bias": 1.0, "alpha": 1e-4 / 5},
    "torch": {"alpha": 1e-4 / 5},
}


def body(x: Tensor, table: Sequence[Any], grouped: bool, *, pool: PoolPadding = "valid",
         response: Response = "paper") -> Tensor:  # fmt: skip
    """Five convolutions with relu; LRN and overlapping pooling follow where the table says.

    x (N, 227, 227, 3) -> (N, 6, 6, 256).

    Args:
        table: section 3.5 and Figure 2: filters, kernel, stride, padding, groups, LRN, max pool.
        grouped: conv2, 4 and 5 in the two groups of the paper's two GPUs.
        pool: padding of the pooling; in Caffe and pytorchcv windows overhang ('ceil').
        response: LRN's constants; Caffe and Torch divide its alpha by n, and Caffe's k is 1.
    """
    for i, (f, k, s, p, g, norm, pooled) in enumerate(table, 1):
        x = conv(x, f, k=k, s=s, p=p, g=g if grouped else 1)
        x = lrn(x, **RESPONSES[response]) if norm else x
        x = maxpool(x, k=3, s=2, p=pool) if pooled else x
        x = tap(x, f"stage{i}")
    return x


OPTIONS = dict(pool="valid", response="paper")
STYLES = {
    "paper": {},
    "caffe": dict(pool="ceil", response="caffe"),
    "torch": dict(pool="ceil", response="torch"),
}
NETS = {
    name: Net(
        body, (TABLE, grouped), (227, 227, 3), options=OPTIONS, styles=STYLES, head=dense_head
    )
    for name, grouped in (("alexnet_grouped", True), ("alexnet_ungrouped", False))
} | {
    "alexnet_one_column": Net(body, (ONE_COLUMN, False), head=dense_head),
}
ALIASES = {"alexnet": "alexnet_grouped"}
