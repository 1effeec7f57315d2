"""Res2Net: ResNet with parts that read each other.  Res2Net, arXiv:1904.01169."""

from functools import partial
from typing import Any

from convbook.architectures import resnet, resnet_d
from convbook.architectures.common import Net
from convbook.blocks.res2net import res2net_block
from convbook.blocks.types import Tensor

# Width and number of the parts of conv2_x, and groups: the authors' networks.
IMAGENET = {
    50: ((48, 2), (26, 4), (14, 8), (26, 6), (26, 8)),
    101: ((26, 4),),
}


def block(x: Tensor, f: int, s: int, *, w: int, c: int, g: int = 1, **letters: Any) -> Tensor:
    """The Res2Net block with c parts, w wide where the stage is 256 wide and in proportion."""
    return res2net_block(x, f, s, c=c, width=w * f // 256, g=g, **letters)


def net(depth: int, w: int, c: int, g: int = 1) -> Net:
    """ResNet's stem and stages."""
    _, f, depths = resnet.IMAGENET[depth]
    table = (partial(block, w=w, c=c, g=g), f, depths, resnet.IMAGENET_STEM)
    return Net(resnet.body, table, options=OPTIONS, styles=resnet.STYLES)


def net_d(depth: int) -> Net:
    """ResNet-D's stem and shortcuts, which the authors call v1b."""
    _, f, depths = resnet.IMAGENET[depth]
    table = (partial(block, w=26, c=4), f, depths)
    return Net(resnet_d.body, table, options=OPTIONS | {"shortcut": "D"}, styles=resnet.STYLES)


OPTIONS = resnet.RESIDUAL | {"pool": 1}
NETS = {
    f"res2net{depth}_{w}w_{c}s": net(depth, w, c) for depth, row in IMAGENET.items() for w, c in row
}
NETS["res2next50"] = net(50, 32, 4, g=8)
NETS |= {f"res2net{depth}d": net_d(depth) for depth in (50, 101)}
ALIASES = {"res2net50": "res2net50_26w_4s", "res2net101": "res2net101_26w_4s"}
