"""ResNeSt: ResNet-D with split attention.  arXiv:2004.08955."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.architectures.resnet import RESIDUAL, STYLES, stages
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.resnest import resnest_block
from convbook.blocks.types import PoolPadding, Tensor

# Blocks in each stage, and filters of the first convolution; 14 and 26 are GluonCV's.
TABLE = {
    14: ((1, 1, 1, 1), 32),
    26: ((2, 2, 2, 2), 32),
    50: ((3, 4, 6, 3), 32),
    101: ((3, 4, 23, 3), 64),
    200: ((3, 24, 36, 3), 64),
    269: ((3, 30, 48, 8), 64),
}
# Of the authors' fast networks with 50 layers: splits, groups, and a group's width in conv2_x.
FAST = [(1, 4, 24), (4, 2, 40)]


def fast_block(x: Tensor, f: int, s: int, *, w: int, **letters: Any) -> Tensor:
    """The block, its mean early; groups are w wide where the stage is 256 wide."""
    return resnest_block(x, f, s, width=w * f // 256, early=True, **letters)


def body(x: Tensor, block: Callable[..., Tensor], depths: Sequence[int], stem: int, *,
         pool: PoolPadding = 1, eps: float = 1e-5, **letters: Any) -> Tensor:  # fmt: skip
    """ResNet-D's stem, then ResNet's stages of ResNeSt's blocks.

    x (N, H, W, C) -> (N, H/32, W/32, 2048).

    Args:
        block: the block of all stages.
        depths: blocks in each stage.
        stem: filters of the first two convolutions; the third has twice as many.
    """
    n, bias = BN | {"epsilon": eps}, letters.get("bias")
    x = conv(x, stem, k=3, s=2, p=1, n=n, bias=bias)
    x = conv(x, stem, k=3, p=1, n=n, bias=bias)
    x = tap(conv(x, 2 * stem, k=3, p=1, n=n, bias=bias), "stem")
    x = maxpool(x, k=3, s=2, p=pool)
    return stages(x, block, 256, depths, n=n, **letters)


OPTIONS = RESIDUAL | {"shortcut": "D", "pool": 1}
NETS = {
    f"resnest{depth}": Net(body, (resnest_block, *row), options=OPTIONS, styles=STYLES)
    for depth, row in TABLE.items()
}
NETS |= {
    f"resnest50_fast_{radix}s{c}x{w}d": Net(
        body,
        (partial(fast_block, radix=radix, c=c, w=w), *TABLE[50]),
        options=OPTIONS,
        styles=STYLES,
    )
    for radix, c, w in FAST
}
ALIASES: dict[str, str] = {}
