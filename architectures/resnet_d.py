"""ResNet-D: another stem and another shortcut.  Bag of Tricks, arXiv:1812.01187."""

from collections.abc import Callable, Sequence
from typing import Any

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.architectures.resnet import IMAGENET, RESIDUAL, STYLES, stages
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.types import PoolPadding, Tensor

DEPTHS = (18, 34, 50, 101, 152)  # section 4.2 has 50; the others are timm's


def body(x: Tensor, block: Callable[..., Tensor], f: int, depths: Sequence[int], *,
         pool: PoolPadding = 1, eps: float = 1e-5, **letters: Any) -> Tensor:  # fmt: skip
    """Three 3x3 instead of the 7x7 (Figure 2b), then ResNet's stages.

    x (N, H, W, C) -> (N, H/32, W/32, 8f).

    Args:
        depths: blocks in each stage, as in ResNet.
    """
    n, bias = BN | {"epsilon": eps}, letters.get("bias")
    x = conv(x, 32, k=3, s=2, p=1, n=n, bias=bias)
    x = conv(x, 32, k=3, p=1, n=n, bias=bias)
    x = tap(conv(x, 64, k=3, p=1, n=n, bias=bias), "stem")
    x = maxpool(x, k=3, s=2, p=pool)
    return stages(x, block, f, depths, n=n, **letters)


def net(depth: int) -> Net:
    own = {"shortcut": "D", "pool": 1} | ({"stride_on": "3x3"} if depth >= 50 else {})
    return Net(body, IMAGENET[depth], options=RESIDUAL | own, styles=STYLES)


NETS = {f"resnet{depth}d": net(depth) for depth in DEPTHS}
ALIASES: dict[str, str] = {}
