"""ResNet that blurs before it leaves out pixels.  Shift-Invariant Again, arXiv:1904.11486."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from convbook.architectures import resnet
from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.architectures.resnet import stages
from convbook.blocks.blurpool import blur_block, blurpool
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.types import Tensor

RATIOS = {18: None, 50: 4}  # layers, reduction of the bottleneck (None: two 3x3)


def body(x: Tensor, block: Callable[..., Tensor], f: int, depths: Sequence[int], pool: int, *,
         blur: int = 3, eps: float = 1e-5, **letters: Any) -> Tensor:  # fmt: skip
    """7x7/2 64, a max at every pixel, then a blur for every stride of ResNet's stages.

    x (N, H, W, C) -> (N, H/32, W/32, 8f).

    Args:
        pool: rows and columns of the stem's max: 2, without padding, in the authors' code.
        blur: rows and columns of all blurs.
    """
    n = BN | {"epsilon": eps}
    x = tap(conv(x, 64, k=7, s=2, p=3, n=n), "stem")
    x = maxpool(x, k=pool, s=1, p=(pool - 1) // 2)
    x = blurpool(x, k=blur)
    return stages(x, partial(block, blur=blur), f, depths, n=n, **letters)


def net(depth: int) -> Net:
    """timm has ResNet's 3x3 max, padded, and its shortcuts, which are not blurred."""
    _, f, depths = resnet.IMAGENET[depth]
    block = partial(blur_block, r=RATIOS[depth])
    timm = {"timm": {"table": (partial(block, shortcut="B"), f, depths, 3)}}
    return Net(body, (block, f, depths, 2), options=OPTIONS, variants=timm)


OPTIONS = dict(blur=3, eps=1e-5, se=None, survival=None, drop_path=None)
NETS = {f"blur_resnet{depth}": net(depth) for depth in RATIOS}
ALIASES: dict[str, str] = {}
