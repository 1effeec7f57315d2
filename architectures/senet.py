"""SENets: ResNets and ResNeXts with squeeze-and-excitation, and SENet-154.  arXiv:1709.01507."""

from collections.abc import Sequence
from typing import Any

from convbook.architectures import resnet, resnext
from convbook.architectures.common import Net, Ratio, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.architectures.resnet import stages
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.resnet import bottleneck_block
from convbook.blocks.se import senet_block
from convbook.blocks.types import Gate, Norm, PoolPadding, Tensor


def body(x: Tensor, depths: Sequence[int], *, eps: float = 1e-5, se: Ratio = 16,
         pool: PoolPadding = "ceil", **options: Any) -> Tensor:  # fmt: skip
    """SENet-154: three 3x3 instead of the 7x7, then stages of senet_block.

    x (N, H, W, C) -> (N, H/32, W/32, 2048).

    Args:
        depths: blocks in each stage, as in ResNet-152.
    """
    n = BN | {"epsilon": eps}
    x = conv(conv(x, 64, k=3, s=2, p=1, n=n), 64, k=3, n=n)
    x = maxpool(tap(conv(x, 128, k=3, n=n), "stem"), k=3, s=2, p=pool)
    return stages(x, block, 256, depths, n=n, se=se, **options)


def block(x: Tensor, f: int, s: int, n: Norm, se: int | None, gate: Gate) -> Tensor:
    """64 paths, 4 wide where the stage is 256 wide and in proportion."""
    return senet_block(x, f, s, c=64, width=f // 64, n=n, se=se, gate=gate)


def head(x: Tensor, classes: int) -> Tensor:
    return pooled(x, classes, rate=0.2)


def se_resnet(depth: int) -> Net:
    """The authors' Caffe nets: stride in the first 1x1, overhanging pooling in the stem."""
    table = (bottleneck_block, 256, resnet.IMAGENET[depth][2], resnet.IMAGENET_STEM)
    options = resnet.BOTTLENECK | {"se": 16, "pool": "ceil"}
    return Net(resnet.body, table, options=options, styles=STYLES)


# Torch's own SE nets (timm's seresnet50) pad the stem's pool on both sides, stride in the 3x3.
STYLES = {"paper": {}, "torch": {"pool": 1}, "keras": {"pool": 1, "eps": 1.001e-5}}
OPTIONS = dict(eps=1e-5, se=16, pool="ceil", survival=None, drop_path=None)
NETS = {f"se_resnet{depth}": se_resnet(depth) for depth in (50, 101, 152)}
NETS |= {
    f"se_resnext{depth}_32x4d": resnext.imagenet(depth, 32, 4, se=16, pool="ceil")
    for depth in (50, 101)
}
NETS["senet154"] = Net(body, ((3, 8, 36, 3),), options=OPTIONS, styles=STYLES, head=head)
ALIASES: dict[str, str] = {}
