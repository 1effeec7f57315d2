"""MnasNet, arXiv:1807.11626: A1 and small with squeeze-and-excitation in places, B1 without."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv
from convbook.blocks.mobilenet import inverted_residual_block, rounded
from convbook.blocks.types import Padding, Tensor

# The authors' code; A1 is Figure 7.  Expansion, kernel, channels, layers, first stride, ratio of
# squeeze-and-excitation; the first stage is a separable convolution.
A1 = (
    (1, 3, 16, 1, 1, None),
    (6, 3, 24, 2, 2, None),
    (3, 5, 40, 3, 2, 4),
    (6, 3, 80, 4, 2, None),
    (6, 3, 112, 2, 1, 4),
    (6, 5, 160, 3, 2, 4),
    (6, 3, 320, 1, 1, None),
)
B1 = (
    (1, 3, 16, 1, 1, None),
    (3, 3, 24, 3, 2, None),
    (3, 5, 40, 3, 2, None),
    (6, 5, 80, 3, 2, None),
    (6, 3, 96, 2, 1, None),
    (6, 5, 192, 4, 2, None),
    (6, 3, 320, 1, 1, None),
)
SMALL = (
    (1, 3, 8, 1, 1, None),
    (3, 3, 16, 1, 2, None),
    (6, 3, 16, 2, 2, None),
    (6, 5, 32, 4, 2, 4),
    (6, 3, 32, 3, 1, 4),
    (6, 5, 88, 3, 2, 4),
    (6, 3, 144, 1, 1, None),
)


def body(x: Tensor, table: Sequence[Any], stem: int, *, eps: float = 1e-3, p: Padding = "same",
         survival: float | None = None, drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2, then inverted residuals, then 1x1 1280.

    x (N, H, W, C) -> (N, H/32, W/32, 1280).

    Args:
        table: expansion, kernel, channels, layers, first stride and ratio of squeeze-and-excitation
            of each stage.
        stem: filters of the first convolution.
        p: 'same', or 1 for Torch's padding: 1 for a 3x3, 2 for a 5x5.
    """
    n = BN_TF | {"momentum": 0.99, "epsilon": eps}
    gate = gates(sum(row[3] for row in table), survival, drop_path)
    x = tap(conv(x, stem, k=3, s=2, p=p, n=n), "stem")
    for i, (r, k, f, depth, s, se) in enumerate(table, 1):
        sides = p if isinstance(p, str) else p * (k // 2)
        for j in range(1, depth + 1):
            letters = dict(r=r, k=k, p=sides, n=n, a="relu", se=se, gate=next(gate))
            x = inverted_residual_block(x, f, s if j == 1 else 1, **letters)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, 1280, k=1, n=n), "last")


def net(table: Sequence[Any], alpha: float = 1.0, stem: int = 32) -> Net:
    """alpha scales the channels, to multiples of 8."""
    rows = [(r, k, rounded(f * alpha), depth, s, se) for r, k, f, depth, s, se in table]
    whole, head = (tuple(rows), rounded(stem * alpha)), partial(pooled, rate=0.2)
    return Net(body, whole, options=OPTIONS, styles=STYLES, head=head)


STYLES = {"paper": {}, "torch": {"p": 1, "eps": 1e-5}}
OPTIONS = {"eps": 1e-3, "p": "same", "survival": None, "drop_path": None}
NETS = {f"mnasnet_a1_{alpha}": net(A1, alpha) for alpha in (1.0, 0.75)}
NETS |= {f"mnasnet_b1_{alpha}": net(B1, alpha) for alpha in (1.0, 0.5, 0.75, 1.3)}
NETS["mnasnet_small"] = net(SMALL, stem=8)
ALIASES = {"mnasnet": "mnasnet_a1_1.0", "mnasnet_a1": "mnasnet_a1_1.0"}
ALIASES |= {"mnasnet_b1": "mnasnet_b1_1.0"}
