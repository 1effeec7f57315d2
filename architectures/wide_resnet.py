"""Wide residual networks: pre-activation nets for CIFAR, and ResNet for ImageNet.  1605.07146."""

from functools import partial

from convbook.architectures import preresnet, resnet
from convbook.architectures.common import Net
from convbook.blocks.resnet import bottleneck_block

WIDTHS = ((50, 2), (101, 2))  # depth, and how much wider the 3x3 is: Table 8; 101 is torchvision's
CIFAR = ((16, 10), (28, 10), (40, 8))  # depth, and how much wider all stages are


def net(depth: int, width: int) -> Net:
    """ResNet with bottlenecks width times as wide and the stride in the 3x3."""
    _, f, depths = resnet.IMAGENET[depth]
    table = (partial(bottleneck_block, r=4 // width), f, depths, resnet.IMAGENET_STEM)
    options = resnet.BOTTLENECK | {"stride_on": "3x3", "pool": 1}
    return Net(resnet.body, table, options=options, styles=resnet.STYLES)


def cifar(depth: int, width: int) -> Net:
    """Pre-activation units of two 3x3, width times as wide, after a stem of 16 filters."""
    table = (16 * width, 3 * ((depth - 4) // 6,), None, (3, 1, 16), False)
    return Net(preresnet.body, table, (32, 32, 3), 10, preresnet.OPTIONS)


NETS = {f"wide_resnet{depth}_{width}": net(depth, width) for depth, width in WIDTHS}
NETS |= {f"wide_resnet{depth}_{width}_cifar": cifar(depth, width) for depth, width in CIFAR}
ALIASES: dict[str, str] = {}
