"""Inception v4, arXiv:1602.07261."""

from typing import Any

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.inception_v4 import (
    inception_v4_a,
    inception_v4_b,
    inception_v4_c,
    inception_v4_stem,
    reduction_a,
    reduction_b,
)
from convbook.blocks.layers import BN_TF
from convbook.blocks.types import PoolPadding, Tensor

# Figure 9: modules of each stage, their number, and the reduction before the next stage.
TABLE = (
    (inception_v4_a, 4, reduction_a),
    (inception_v4_b, 7, reduction_b),
    (inception_v4_c, 3, None),
)


def body(x: Tensor, table: tuple[Any, ...], *, eps: float = 1e-3, drop_path: float | None = None,
         pool_p: PoolPadding = "same") -> Tensor:  # fmt: skip
    """Figure 9: stem, modules A at 35x35, B at 17x17, C at 8x8, reductions between.

    x (N, 299, 299, 3) -> (N, 8, 8, 1536).
    """
    n = BN_TF | {"epsilon": eps}
    gate = gates(sum(row[1] for row in table), None, drop_path)
    x = tap(inception_v4_stem(x, n=n), "stem")
    for i, (module, depth, reduction) in enumerate(table, 1):
        for j in range(1, depth + 1):
            x = module(x, n=n, pool_p=pool_p, gate=next(gate))
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
        if reduction:
            x = tap(reduction(x, n=n), f"stage{i + 1}_reduction")
    return x


def head(x: Tensor, classes: int) -> Tensor:
    """Figure 9: the dropout keeps 0.8."""
    return pooled(x, classes, rate=0.2)


OPTIONS = dict(eps=1e-3, drop_path=None)
NETS = {"inception_v4": Net(body, (TABLE,), (299, 299, 3), options=OPTIONS, head=head)}
ALIASES: dict[str, str] = {}
