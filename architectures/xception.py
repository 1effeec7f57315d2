"""Xception, arXiv:1610.02357."""

from collections.abc import Sequence
from functools import partial

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv, sepconv
from convbook.blocks.types import PoolPadding, Tensor
from convbook.blocks.xception import xception_block

# Figure 5: widths of the entry flow's modules, middle modules, exit module, last convolutions.
TABLE = ((128, 256, 728), 8, (728, 1024), (1536, 2048))


def body(x: Tensor, entry: Sequence[int], middle: int, exit: tuple[int, ...], last: Sequence[int],
         *, eps: float = 1e-3, survival: float | None = None, drop_path: float | None = None,
         p: PoolPadding = "same") -> Tensor:  # fmt: skip
    """Entry flow, middle flow, exit flow: residual modules of separable convolutions.

    x (N, 299, 299, 3) -> (N, 10, 10, 2048).

    Args:
        entry: Figure 5: widths of the entry flow's modules.
        last: Figure 5: widths of the last convolutions.
    """
    n = BN_TF | {"epsilon": eps}
    gate = gates(len(entry) + middle + 1, survival, drop_path)
    x = conv(x, 32, k=3, s=2, p="valid", n=n)
    x = tap(conv(x, 64, k=3, p="valid", n=n), "stem")
    for j, f in enumerate(entry, 1):
        x = xception_block(x, f, s=2, n=n, lead=j > 1, p=p, gate=next(gate))
        x = tap(x, f"stage1_block{j}")
    x = tap(x, "stage1")
    for j in range(1, middle + 1):
        x = tap(xception_block(x, entry[-1], b=3, n=n, gate=next(gate)), f"stage2_block{j}")
    x = tap(x, "stage2")
    x = xception_block(x, exit[-1], s=2, n=n, widths=exit, p=p, gate=next(gate))
    x = tap(x, "stage3_block1")
    for f in last:
        x = sepconv(x, f, k=3, n=n)
    return tap(x, "stage3")


OPTIONS = dict(eps=1e-3, survival=None, drop_path=None)
STYLES = {"paper": {}, "keras": {}, "torch": {"p": 1, "eps": 1e-5}}
HEAD = partial(pooled, rate=0.5)  # the paper's dropout; keras.applications has none
NETS = {"xception": Net(body, TABLE, (299, 299, 3), options=OPTIONS, styles=STYLES, head=HEAD)}
ALIASES: dict[str, str] = {}
