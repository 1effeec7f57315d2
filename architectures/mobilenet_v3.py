"""MobileNetV3 large and small, arXiv:1905.02244, with their width multipliers."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from keras import layers

from convbook.architectures.common import Net, gates, logits
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN_TF, conv, dense, gavgpool
from convbook.blocks.mobilenet import mobilenet_v3_block, rounded
from convbook.blocks.types import Padding, Tensor

RE, HS = "relu", "hard_silu"
# Table 1: kernel, expanded width, channels, ratio of squeeze-and-excitation, activation, stride.
LARGE = (
    (3, 16, 16, None, RE, 1),
    (3, 64, 24, None, RE, 2),
    (3, 72, 24, None, RE, 1),
    (5, 72, 40, 4, RE, 2),
    *2 * ((5, 120, 40, 4, RE, 1),),
    (3, 240, 80, None, HS, 2),
    (3, 200, 80, None, HS, 1),
    *2 * ((3, 184, 80, None, HS, 1),),
    (3, 480, 112, 4, HS, 1),
    (3, 672, 112, 4, HS, 1),
    (5, 672, 160, 4, HS, 2),
    *2 * ((5, 960, 160, 4, HS, 1),),
)
# Table 2: the same for the small network.
SMALL = (
    (3, 16, 16, 4, RE, 2),
    (3, 72, 24, None, RE, 2),
    (3, 88, 24, None, RE, 1),
    (5, 96, 40, 4, HS, 2),
    *2 * ((5, 240, 40, 4, HS, 1),),
    (5, 120, 48, 4, HS, 1),
    (5, 144, 48, 4, HS, 1),
    (5, 288, 96, 4, HS, 2),
    *2 * ((5, 576, 96, 4, HS, 1),),
)


def body(x: Tensor, table: Sequence[Any], last: int, *, eps: float = 1e-3, p: Padding = "same",
         survival: float | None = None, drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2 16, then inverted residuals, then 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, last).

    Args:
        table: the columns of LARGE for each block; blocks with equal channels form a stage.
        last: filters of the last convolution.
        p: 'same', or 1 for Torch's padding: 1 for a 3x3, 2 for a 5x5.
    """
    n, last_a = BN_TF | {"momentum": 0.99, "epsilon": eps}, table[-1][-1][4]
    gate = gates(sum(len(stage) for stage in table), survival, drop_path)
    x = tap(conv(x, 16, k=3, s=2, p=p, n=n, a=last_a), "stem")
    for i, stage in enumerate(table, 1):
        for j, (k, width, f, se, a, s) in enumerate(stage, 1):
            sides = p if isinstance(p, str) else p * (k // 2)
            letters = dict(width=width, k=k, p=sides, n=n, a=a, se=se, gate=next(gate))
            x = tap(mobilenet_v3_block(x, f, s, **letters), f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, last, k=1, n=n, a=last_a), "last")


def head(x: Tensor, classes: int, f: int, a: str) -> Tensor:
    """Global mean -> dense f a -> dropout -> dense: the last 1x1s see one pixel (section 5.1)."""
    return logits(layers.Dropout(0.2)(dense(gavgpool(x), f, a=a)), classes)


def staged(table: Iterable[Sequence[Any]]) -> Iterator[tuple[int, int, Sequence[Any]]]:
    """(stage, block, row) of a table: blocks with equal channels form a stage."""
    for i, (_, rows) in enumerate(groupby(table, key=lambda row: row[2]), 1):
        for j, row in enumerate(rows, 1):
            yield i, j, row


def net(table: Sequence[Any], last: int, alpha: float, *, minimalistic: bool = False) -> Net:
    """alpha scales the channels, and each block's expanded width with those it reads."""
    stages: list[list[tuple[Any, ...]]] = []
    before = now = 16
    for _, j, (k, width, f, se, a, s) in staged(table):
        k, se, a = (3, None, RE) if minimalistic else (k, se, a)  # the authors' code
        stages += [[]] if j == 1 else []
        stages[-1].append((k, rounded(now * width / before), rounded(f * alpha), se, a, s))
        before, now = f, rounded(f * alpha)
    whole, top = (tuple(map(tuple, stages)), rounded(6 * now)), partial(head, f=last, a=a)
    return Net(body, whole, options=OPTIONS, styles=STYLES, head=top)


STYLES = {"paper": {}, "keras": {}, "torch": {"p": 1}}
OPTIONS = {"eps": 1e-3, "p": "same", "survival": None, "drop_path": None}
NETS = {f"mobilenet_v3_large_{alpha}_224": net(LARGE, 1280, alpha) for alpha in (1.0, 0.75)}
NETS |= {f"mobilenet_v3_small_{alpha}_224": net(SMALL, 1024, alpha) for alpha in (1.0, 0.75, 0.5)}
NETS["mobilenet_v3_large_minimalistic_1.0_224"] = net(LARGE, 1280, 1.0, minimalistic=True)
NETS["mobilenet_v3_small_minimalistic_1.0_224"] = net(SMALL, 1024, 1.0, minimalistic=True)
ALIASES = {f"mobilenet_v3_{size}": f"mobilenet_v3_{size}_1.0_224" for size in ("large", "small")}
