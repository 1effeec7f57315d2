"""Network in Network, arXiv:1312.4400; widths of the authors' released nets."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from keras import layers

from convbook.architectures.common import Net, maps_head
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import avgpool, maxpool
from convbook.blocks.nin import mlpconv
from convbook.blocks.types import PoolPadding, Tensor

# Kernel, stride, padding and widths of each mlpconv block, then its pooling and dropout; the last
# block ends in one map per class and belongs to the head.
CIFAR10 = (
    (5, 1, 2, (192, 160, 96), "max", True),
    (5, 1, 2, (192, 192, 192), "avg", True),
    (3, 1, 1, (192, 192, None), None, False),
)
IMAGENET = (
    (11, 4, "valid", (96, 96, 96), "max", False),
    (5, 1, 2, (256, 256, 256), "max", False),
    (3, 1, 1, (384, 384, 384), "max", True),
    (3, 1, 1, (1024, 1024, None), None, False),
)


def body(x: Tensor, table: Sequence[Any], *, pool: PoolPadding = "ceil") -> Tensor:
    """mlpconv blocks, each with a 3x3/2 pool; the last block is in the head.

    x (N, 32, 32, 3) -> (N, 8, 8, 192), or (N, 224, 224, 3) -> (N, 6, 6, 384).  The paper says max
    pooling everywhere; its released CIFAR net has average pooling after the second block.

    Args:
        table: the authors' released net: kernel, stride, padding, widths, pool after it, dropout.
        pool: padding of the pooling, by default overhanging, as in Caffe.
    """
    for i, (k, s, p, widths, kind, drop) in enumerate(table[:-1], 1):
        x = mlpconv(x, widths, k=k, s=s, p=p)
        x = (avgpool if kind == "avg" else maxpool)(x, k=3, s=2, p=pool)
        x = tap(x, f"stage{i}")
        x = layers.Dropout(0.5)(x) if drop else x
    return x


def head(x: Tensor, classes: int, last: tuple[Any, ...]) -> Tensor:
    """The last mlpconv block and the global mean of its maps, one per class: no dense layer."""
    k, s, p, widths, _, _ = last
    return maps_head(mlpconv(x, (*widths[:-1], classes), k=k, s=s, p=p))


def net(table: Sequence[Any], shape: tuple[int, int, int], classes: int) -> Net:
    styles = {"paper": {}, "torch": {"pool": 1}}
    return Net(body, (table,), shape, classes, styles=styles, head=partial(head, last=table[-1]))


NETS = {
    "nin_cifar10": net(CIFAR10, (32, 32, 3), 10),
    "nin_imagenet": net(IMAGENET, (224, 224, 3), 1000),
}
ALIASES = {"nin": "nin_imagenet"}
