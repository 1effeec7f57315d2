"""Darknet-53 and CSPDarknet-53.  YOLOv3, arXiv:1804.02767, and CSPNet, arXiv:1911.11929."""

from collections.abc import Callable
from typing import Any, NamedTuple

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.csp import csp_halves, csp_joined, dark_block, leaky_conv
from convbook.blocks.layers import BN
from convbook.blocks.types import Tensor

DEPTHS = (1, 2, 8, 8, 4)  # blocks of each stage


class Row(NamedTuple):
    """A network: blocks of each stage, whether they see half of its channels, and the slope."""

    depths: tuple[int, ...]
    csp: bool
    slope: float = 0.1  # of darknet's leaky relu


NAMED = {"darknet53": Row(DEPTHS, False), "cspdarknet53": Row(DEPTHS, True)}


def body(x: Tensor, depths: tuple[int, ...], csp: bool, slope: float, *,
         eps: float = 1e-5) -> Tensor:  # fmt: skip
    """3x3 32 -> stages of 64, 128, 256 ..., each with 3x3/2 before its blocks.

    x (N, H, W, C) -> (N, H/32, W/32, 1024).  YOLOv3, Table 1; in the first stage of CSPDarknet-53
    each half is as wide as the stage, and its block narrows, as in the authors' code.
    """
    n = BN | {"epsilon": eps}
    x = leaky_conv(x, 32, k=3, n=n, slope=slope)
    x = tap(x, "stem")
    for i, depth in enumerate(depths, 1):
        f, halved = 32 * 2**i, csp and i > 1
        part = f // 2 if halved else f  # width that the blocks read
        if csp:
            kept, x = csp_halves(x, f, 2, width=2 * part, n=n, slope=slope)
        else:
            x = leaky_conv(x, f, k=3, s=2, n=n, slope=slope)
        for j in range(1, depth + 1):
            x = dark_block(x, part, r=1 if halved else 2, n=n, slope=slope)
            x = tap(x, f"stage{i}_block{j}")
        x = csp_joined(kept, x, f, n=n, slope=slope) if csp else x
        x = tap(x, f"stage{i}")
    return x


def net(row: Any, body: Callable[..., Tensor] = body) -> Net:
    """torch_slope: PyTorch's default, used to train timm's weights."""
    variants = {"torch_slope": {"table": row._replace(slope=0.01)}}
    return Net(body, row, (256, 256, 3), options={"eps": 1e-5}, variants=variants)


NETS = {name: net(row) for name, row in NAMED.items()}
ALIASES: dict[str, str] = {}
