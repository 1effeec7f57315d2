"""ResNet and its plain counterparts.  Deep Residual Learning, arXiv:1512.03385."""

from collections.abc import Callable, Sequence
from typing import Any

from convbook.architectures.common import Net, Ratio, gates, ratios
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.resnet import basic_block, bottleneck_block
from convbook.blocks.types import Norm, PoolPadding, Shortcut, Tensor

# Table 1: block, width after conv2_x, blocks in conv2_x ... conv5_x.
IMAGENET = {
    18: (basic_block, 64, (2, 2, 2, 2)),
    34: (basic_block, 64, (3, 4, 6, 3)),
    50: (bottleneck_block, 256, (3, 4, 6, 3)),
    101: (bottleneck_block, 256, (3, 4, 23, 3)),
    152: (bottleneck_block, 256, (3, 8, 36, 3)),
}
IMAGENET_STEM = (7, 2, 64)
CIFAR = (20, 32, 44, 56, 110, 1202)  # section 4.2: 6n + 2 layers, n blocks in each of 3 stages

# The options, with the paper's values: sections 3.3, 3.4 and 4.1; eps as in its Caffe nets.
# pool: padding of the stem's pooling, 1 as in Torch and Keras, 'ceil' as in Caffe.
COMMON = dict(bias=None, eps=1e-5)
RESIDUAL = COMMON | dict(shortcut="B", se=None, survival=None, drop_path=None)
STYLES = {"paper": {}, "torch": {}, "keras": {"eps": 1.001e-5}}  # all three pad on both sides


def stages(x: Tensor, block: Callable[..., Tensor], f: int, depths: Sequence[int], *, n: Norm,
           se: Ratio = None, survival: float | None = None, drop_path: float | None = None,
           late: bool = False, **letters: Any) -> Tensor:  # fmt: skip
    """Stages of blocks; each stage is twice as wide and half as large as the previous one.

    x (N, H, W, C) -> (N, H/8, W/8, 8f) in four stages.  late: the stride is in the last block of
    a stage, not in the first of the next, and its shortcut takes every second pixel.
    """
    gate, ratio = gates(sum(depths), survival, drop_path), ratios(se, len(depths))
    for i, depth in enumerate(depths):
        r = next(ratio)
        for j in range(depth):
            first, last = i > 0 and j == 0, j + 1 == depth and i + 1 < len(depths)
            s = 2 if (last if late else first) else 1
            own = {"shortcut": "A" if last else letters["shortcut"]} if late else {}
            x = block(x, f * 2**i, s, n=n, se=r, gate=next(gate), **letters | own)
            x = tap(x, f"stage{i + 1}_block{j + 1}")
        x = tap(x, f"stage{i + 1}")
    return x


def body(x: Tensor, block: Callable[..., Tensor], f: int, depths: Sequence[int],
         stem: tuple[int, int, int], *, pool: PoolPadding = 1, eps: float = 1e-5,
         shortcut: Shortcut | None = None, **letters: Any) -> Tensor:  # fmt: skip
    """A convolution, then stages of blocks; each stage is twice as wide as the previous one.

    x (N, H, W, C) -> (N, H/32, W/32, 8f), or with the CIFAR stem (N, H/4, W/4, 4f).  Without a
    shortcut it is the plain net.

    Args:
        depths: blocks in each stage, Table 1 or section 4.2.
        stem: kernel, stride and filters of the first convolution; max pooling follows if it has a
            stride.
    """
    n, (k, s, width) = BN | {"epsilon": eps}, stem
    x = tap(conv(x, width, k=k, s=s, p=k // 2, n=n, bias=letters.get("bias")), "stem")
    if s == 2:
        x = maxpool(x, k=3, s=2, p=pool)
    return stages(x, block, f, depths, n=n, shortcut=shortcut, **letters)


def variant(**options: Any) -> dict[str, dict[str, Any]]:
    return {"options": options}


def imagenet(depth: int, options: dict[str, Any], **variants: Any) -> Net:
    """ResNet or plain net of Table 1, for 224 x 224 and 1000 classes."""
    table = (*IMAGENET[depth], IMAGENET_STEM)
    return Net(body, table, options={"pool": 1} | options, variants=variants, styles=STYLES)


def cifar(depth: int, options: dict[str, Any], **variants: Any) -> Net:
    """ResNet or plain net of section 4.2, for 32 x 32 and 10 classes."""
    table = (basic_block, 16, 3 * ((depth - 2) // 6,), (3, 1, 16))
    return Net(body, table, (32, 32, 3), 10, options, variants, STYLES)


A, B, C = (variant(shortcut=way) for way in "ABC")
WAYS = dict(option_A=A, option_C=C)
DEEP = WAYS | dict(stride_on_3x3=variant(stride_on="3x3"), conv_bias_keras=variant(bias=True))
BOTTLENECK, SMALL = RESIDUAL | {"stride_on": "1x1"}, RESIDUAL | {"shortcut": "A"}
NETS = {
    **{f"resnet{depth}": imagenet(depth, RESIDUAL, **WAYS) for depth in (18, 34)},
    **{f"resnet{depth}": imagenet(depth, BOTTLENECK, **DEEP) for depth in (50, 101, 152)},
    **{f"plain{depth}": imagenet(depth, COMMON) for depth in (18, 34)},
    **{f"resnet{depth}_cifar": cifar(depth, SMALL, option_B=B) for depth in CIFAR},
    **{f"plain{depth}_cifar": cifar(depth, COMMON) for depth in CIFAR[:-1]},
}
ALIASES = {name.removesuffix("_cifar"): name for name in NETS if name.endswith("_cifar")}
