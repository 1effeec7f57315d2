"""Wide residual networks for ImageNet: ResNet with wider bottlenecks.  arXiv:1605.07146."""

from functools import partial

from convbook.architectures import resnet
from convbook.architectures.common import Net
from convbook.blocks.resnet import bottleneck_block

WIDTHS = ((50, 2), (101, 2))  # depth, and how much wider the 3x3 is: Table 8; 101 is torchvision's


def net(depth: int, width: int) -> Net:
    """ResNet whose bottlenecks are width times as wide, with the stride in the 3x3."""
    _, f, depths = resnet.IMAGENET[depth]
    table = (partial(bottleneck_block, r=4 // width), f, depths, resnet.IMAGENET_STEM)
    options = resnet.BOTTLENECK | {"stride_on": "3x3", "pool": 1}
    return Net(resnet.body, table, options=options, styles=resnet.STYLES)


NETS = {f"wide_resnet{depth}_{width}": net(depth, width) for depth, width in WIDTHS}
ALIASES: dict[str, str] = {}
