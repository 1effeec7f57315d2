"""AlexNet.  ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012."""

from collections.abc import Sequence
from typing import Any

from convbook.architectures.common import Net, dense_head
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import conv, maxpool
from convbook.blocks.lrn import lrn
from convbook.blocks.types import Tensor

# Section 3.5 and Figure 2: filters, kernel, stride, padding, groups, LRN, 3x3/2 max pool behind.
# Input 227: the printed 224 does not give conv1's 55 x 55 without padding.
TABLE = (
    (96, 11, 4, "valid", 1, True, True),
    (256, 5, 1, 2, 2, True, True),
    (384, 3, 1, 1, 1, False, False),
    (384, 3, 1, 1, 2, False, False),
    (256, 3, 1, 1, 2, False, True),
)


def body(x: Tensor, table: Sequence[Any], grouped: bool) -> Tensor:
    """Five convolutions, each with relu, then LRN, then overlapping pools where the table says.

    x (N, 227, 227, 3) -> (N, 6, 6, 256).

    Args:
        table: section 3.5 and Figure 2: filters, kernel, stride, padding, groups, LRN, max pool.
        grouped: conv2, 4 and 5 in the two groups of the paper's two GPUs.
    """
    for i, (f, k, s, p, g, norm, pool) in enumerate(table, 1):
        x = conv(x, f, k=k, s=s, p=p, g=g if grouped else 1)
        x = lrn(x) if norm else x
        x = maxpool(x, k=3, s=2, p="valid") if pool else x
        x = tap(x, f"stage{i}")
    return x


NETS = {
    "alexnet_grouped": Net(body, (TABLE, True), (227, 227, 3), head=dense_head),
    "alexnet_ungrouped": Net(body, (TABLE, False), (227, 227, 3), head=dense_head),
}
ALIASES = {"alexnet": "alexnet_grouped"}
