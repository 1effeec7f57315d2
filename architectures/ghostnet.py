"""GhostNet: half of the channels are made of the other half.  arXiv:1911.11907."""

from collections.abc import Sequence
from functools import partial

from keras import layers

from convbook.architectures.common import Net, gates, logits
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.ghostnet import fourfold, ghost_bottleneck
from convbook.blocks.layers import BN, conv, dense, gavgpool
from convbook.blocks.types import Tensor

Bottleneck = tuple[int, int, int, int | None]
# Table 7: kernel, expanded width, channels, ratio of squeeze-and-excitation.
TABLE = (
    ((3, 16, 16, None),),
    ((3, 48, 24, None), (3, 72, 24, None)),
    ((5, 72, 40, 4), (5, 120, 40, 4)),
    ((3, 240, 80, None), (3, 200, 80, None), *2 * ((3, 184, 80, None),), (3, 480, 112, 4),
     (3, 672, 112, 4)),
    ((5, 672, 160, 4), *2 * ((5, 960, 160, None), (5, 960, 160, 4))),
)  # fmt: skip


def body(x: Tensor, table: Sequence[Sequence[Bottleneck]], stem: int, last: int, *,
         eps: float = 1e-5, survival: float | None = None,
         drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2 -> stages of bottlenecks, all but the first of which begin with stride 2 -> 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, last).

    Args:
        table: a stage is bottlenecks: kernel, expanded width, channels, ratio of
            squeeze-and-excitation.
        stem: filters of the first convolution.
        last: filters of the last convolution.
    """
    n = BN | {"epsilon": eps}
    gate = gates(sum(map(len, table)), survival, drop_path)
    x = tap(conv(x, stem, k=3, s=2, p=1, n=n), "stem")
    for i, stage in enumerate(table, 1):
        for j, (k, width, f, se) in enumerate(stage, 1):
            s = 2 if i > 1 and j == 1 else 1
            x = ghost_bottleneck(x, f, s, width=width, k=k, n=n, se=se, gate=next(gate))
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, last, k=1, n=n), "last")


def head(x: Tensor, classes: int, f: int) -> Tensor:
    """Global mean -> dense f -> dropout -> dense."""
    m = dense(gavgpool(x), f)
    return logits(layers.Dropout(0.2)(m), classes)


def net(alpha: float) -> Net:
    """alpha scales all widths but the head's."""

    def scaled(k: int, width: int, f: int, se: int | None) -> Bottleneck:
        return k, fourfold(width * alpha), fourfold(f * alpha), se

    stages = tuple(tuple(scaled(*row) for row in stage) for stage in TABLE)
    stem, last = fourfold(16 * alpha), fourfold(960 * alpha)
    options = {"eps": 1e-5, "survival": None, "drop_path": None}
    return Net(body, (stages, stem, last), options=options, head=partial(head, f=1280))


NETS = {f"ghostnet_{alpha}x": net(alpha) for alpha in (0.5, 1.0, 1.3)}
ALIASES = {"ghostnet": "ghostnet_1.0x"}
