"""ResNet-D: another stem and another shortcut.  Bag of Tricks, arXiv:1812.01187."""

from collections.abc import Callable, Sequence
from typing import Any

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.architectures.resnet import IMAGENET, RESIDUAL, STYLES, stages
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.resnet import basic_block, bottleneck_block
from convbook.blocks.types import PoolPadding, Tensor

# Section 4.2 has 50; the others are timm's: block, width after the first stage, blocks.
TABLE = IMAGENET | {
    10: (basic_block, 64, (1, 1, 1, 1)),
    14: (bottleneck_block, 256, (1, 1, 1, 1)),
    26: (bottleneck_block, 256, (2, 2, 2, 2)),
    200: (bottleneck_block, 256, (3, 24, 36, 3)),
    269: (bottleneck_block, 256, (3, 30, 48, 8)),
}
TIERED = 24  # filters of the first convolution in timm's T: 24, 32, 64


def body(x: Tensor, block: Callable[..., Tensor], f: int, depths: Sequence[int], stem: int = 32, *,
         pool: PoolPadding = 1, eps: float = 1e-5, **letters: Any) -> Tensor:  # fmt: skip
    """Three 3x3 instead of the 7x7 (Figure 2b), then ResNet's stages.

    x (N, H, W, C) -> (N, H/32, W/32, 8f).

    Args:
        depths: blocks in each stage, as in ResNet.
        stem: filters of the first 3x3.
    """
    n, bias = BN | {"epsilon": eps}, letters.get("bias")
    x = conv(x, stem, k=3, s=2, p=1, n=n, bias=bias)
    x = conv(x, 32, k=3, p=1, n=n, bias=bias)
    x = tap(conv(x, 64, k=3, p=1, n=n, bias=bias), "stem")
    x = maxpool(x, k=3, s=2, p=pool)
    return stages(x, block, f, depths, n=n, **letters)


def net(depth: int, *stem: int) -> Net:
    deep = TABLE[depth][0] is bottleneck_block
    own = {"shortcut": "D", "pool": 1} | ({"stride_on": "3x3"} if deep else {})
    return Net(body, (*TABLE[depth], *stem), options=RESIDUAL | own, styles=STYLES)


NETS = {f"resnet{depth}d": net(depth) for depth in (18, 26, 34, 50, 101, 152, 200)}
NETS |= {f"resnet{depth}t": net(depth, TIERED) for depth in (10, 14, 26)}
ALIASES: dict[str, str] = {}
