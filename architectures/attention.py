"""ResNets with attention: BAM, arXiv:1807.06514, CBAM, 1807.06521, and ECA, 1910.03151."""

from collections.abc import Callable
from functools import partial
from typing import Any

from convbook.architectures import resnet, resnet_d
from convbook.architectures.common import Net
from convbook.blocks.attention import bam_block, cbam_block, eca_block
from convbook.blocks.layers import BN
from convbook.blocks.types import Norm, Tensor


def bam_unit(x: Tensor, f: int, s: int, *, block: Callable[..., Tensor], n: Norm = BN,
             **letters: Any) -> Tensor:  # fmt: skip
    """The block; a BAM precedes it where it halves the grid, at the net's bottlenecks."""
    x = x if s == 1 else bam_block(x, n=n, form="product")
    return block(x, f, s, n=n, **letters)


def net(depth: int, bam: bool) -> Net:
    """A ResNet with another block and the stride in the 3x3, as in the authors' Torch code."""
    block, f, depths = resnet.IMAGENET[depth]
    block = partial(bam_unit, block=block) if bam else partial(block, attention=cbam_block)
    table = (block, f, depths, resnet.IMAGENET_STEM)
    options = OPTIONS if depth < 50 else OPTIONS | {"stride_on": "3x3"}
    return Net(resnet.body, table, options=options | {"pool": 1}, styles=resnet.STYLES)


def eca(depth: int) -> Net:
    """ResNet-D of that depth, with ECA."""
    block, f, depths = resnet.IMAGENET[depth]
    table = (partial(block, attention=eca_block), f, depths)
    options = OPTIONS | {"shortcut": "D", "stride_on": "3x3", "pool": 1}
    return Net(resnet_d.body, table, options=options, styles=resnet.STYLES)


OPTIONS = {key: value for key, value in resnet.RESIDUAL.items() if key != "se"}
NETS = {f"bam_resnet{depth}": net(depth, bam=True) for depth in resnet.IMAGENET}
NETS |= {f"cbam_resnet{depth}": net(depth, bam=False) for depth in resnet.IMAGENET}
NETS |= {f"eca_resnet{depth}d": eca(depth) for depth in (50, 101)}  # timm's
ALIASES: dict[str, str] = {}
