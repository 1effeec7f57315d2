"""ResNets with attention: BAM, arXiv:1807.06514, CBAM, 1807.06521, and ECA, 1910.03151."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from convbook.architectures import resnet, resnet_d
from convbook.architectures.common import Net
from convbook.blocks.attention import bam_block, cbam_block, eca_block
from convbook.blocks.layers import BN
from convbook.blocks.resnet import bottleneck_block
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


def eca(body: Callable[..., Tensor], depths: Sequence[int], *stem: Any) -> Net:
    """One of timm's: bottlenecks with ECA and ResNet-D's shortcuts."""
    table = (partial(bottleneck_block, attention=eca_block), 256, depths, *stem)
    options = OPTIONS | {"shortcut": "D", "stride_on": "3x3", "pool": 1}
    return Net(body, table, options=options, styles=resnet.STYLES)


OPTIONS = {key: value for key, value in resnet.RESIDUAL.items() if key != "se"}
NETS = {f"bam_resnet{depth}": net(depth, bam=True) for depth in resnet.IMAGENET}
NETS |= {f"cbam_resnet{depth}": net(depth, bam=False) for depth in resnet.IMAGENET}
DEPTHS = {depth: depths for depth, (_, _, depths) in resnet_d.TABLE.items()}
NETS |= {f"eca_resnet{i}d": eca(resnet_d.body, DEPTHS[i]) for i in (50, 101, 269)}
NETS |= {f"eca_resnet{i}t": eca(resnet_d.body, DEPTHS[i], resnet_d.TIERED) for i in (26, 50)}
NETS |= {"eca_resnet_light": eca(resnet.body, (1, 1, 11, 3), resnet.IMAGENET_STEM)}
ALIASES: dict[str, str] = {}
