"""ResNeXt: ResNet with cardinality.  Aggregated Residual Transformations, arXiv:1611.05431."""

from functools import partial
from typing import Any

from convbook.architectures import resnet
from convbook.architectures.common import Net
from convbook.blocks.resnext import resnext_bottleneck_block
from convbook.blocks.types import Tensor

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
# Tables 2 to 5: cardinality C and width d of the paths in conv2_x, at about equal cost.
IMAGENET = {
    50: ((1, 64), (2, 40), (4, 24), (8, 14), (32, 4)),
    101: ((1, 64), (2, 40), (4, 24), (8, 14), (32, 4), (64, 4), (2, 64), (1, 100), (32, 8)),
}  # 32x8d is torchvision's and that of arXiv:1805.00932
CIFAR = (
    (8, 64),
    (16, 64),
    (32, 4),
)  # ResNeXt-29, section 5.3; 32x4d is pytorchcv's, not the paper's


def block(x: Tensor, f: int, s: int, *, c: int, width: int, **letters: Any) -> Tensor:
    """The ResNeXt block with c paths, width wide where the stage is 256 wide and in proportion."""
    return resnext_bottleneck_block(x, f, s, c=c, width=width * f // 256, **letters)


OPTIONS = dict(eps=1e-5, shortcut="B", se=None, survival=None, drop_path=None)


def imagenet(depth: int, c: int, width: int, **options: Any) -> Net:
    """ResNet's stages with the stride in the 3x3, as in the authors' Torch code."""
    table = (partial(block, c=c, width=width), 256, DEPTHS[depth], resnet.IMAGENET_STEM)
    return Net(resnet.body, table, options=OPTIONS | options, styles=resnet.STYLES)


def cifar(c: int, width: int) -> Net:
    """Three stages of three blocks for 32 x 32, from 64 filters."""
    table = (partial(block, c=c, width=width), 256, (3, 3, 3), (3, 1, 64))
    return Net(resnet.body, table, (32, 32, 3), 10, OPTIONS, styles=resnet.STYLES)


NETS = {
    f"resnext{depth}_{c}x{width}d": imagenet(depth, c, width)
    for depth, sweep in IMAGENET.items()
    for c, width in sweep
}
NETS |= {f"resnext29_{c}x{width}d_cifar": cifar(c, width) for c, width in CIFAR}
ALIASES = {"resnext50": "resnext50_32x4d", "resnext101": "resnext101_32x4d"}
