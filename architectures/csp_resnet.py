"""ResNet-50 and ResNeXt-50 with cross stage partial stages.  CSPNet, arXiv:1911.11929."""

from typing import NamedTuple

from keras import ops

from convbook.architectures.csp import net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.csp import csp_joined, leaky_bottleneck, leaky_conv
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.types import Tensor


class Row(NamedTuple):
    """A network: blocks of each stage; of the first, its filters and the channels of a half, which
    double in the next; the bottlenecks' reduction and groups; the leaky relus' slope."""

    depths: tuple[int, ...]
    f: int
    half: int
    r: int
    g: int
    slope: float = 0.1  # of darknet's


NAMED = {
    "cspresnet50": Row((3, 3, 5, 2), 128, 128, 2, 1),
    "cspresnext50": Row((3, 3, 5, 2), 256, 128, 1, 32),
}


def body(x: Tensor, depths: tuple[int, ...], f: int, half: int, r: int, g: int, slope: float, *,
         eps: float = 1e-5) -> Tensor:  # fmt: skip
    """7x7/2 64 -> 3x3/2 max -> four stages, from the second on with a 3x3/2 before.

    x (N, H, W, C) -> (N, H/32, W/32, 8 f).  No leaky relu follows the 1x1 that makes the halves.
    """
    n = BN | {"epsilon": eps}
    x = tap(leaky_conv(x, 64, 2, k=7, n=n, slope=slope), "stem")
    x = maxpool(x, k=3, s=2, p=1)
    for i, depth in enumerate(depths):
        x = leaky_conv(x, x.shape[-1], 2, g=g, n=n, slope=slope) if i > 0 else x
        x = conv(x, 2 * half * 2**i, k=1, n=n, a=None)
        kept, x = ops.split(x, 2, axis=-1)
        for j in range(1, depth + 1):
            x = leaky_bottleneck(x, half * 2**i, r=r, g=g, n=n, slope=slope)
            x = tap(x, f"stage{i + 1}_block{j}")
        x = tap(csp_joined(kept, x, f * 2**i, n=n, slope=slope), f"stage{i + 1}")
    return x


NETS = {name: net(row, body) for name, row in NAMED.items()}
ALIASES: dict[str, str] = {}
