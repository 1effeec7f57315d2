"""PyramidNet-110 for CIFAR.  Deep Pyramidal Residual Networks, arXiv:1610.02915."""

from collections.abc import Callable, Sequence
from itertools import accumulate

from convbook.architectures.common import Net, gates
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, act, conv, norm
from convbook.blocks.pyramidnet import pyramid_block
from convbook.blocks.types import Tensor

BLOCKS = (18, 18, 18)  # of 110 layers
STEM = 16
ALPHAS = (48, 84, 270)  # by how many filters the last block is wider than the stem


def widths(alpha: int, whole: Callable[[float], int] = round) -> tuple[tuple[int, ...], ...]:
    """Filters of each block of each stage: on a line from the stem's to alpha more."""
    total = sum(BLOCKS)
    line = [whole(STEM + alpha * i / total) for i in range(1, total + 1)]
    ends = accumulate(BLOCKS)
    return tuple(tuple(line[end - depth : end]) for depth, end in zip(BLOCKS, ends, strict=True))


def body(x: Tensor, table: Sequence[Sequence[int]], *, eps: float = 1e-5,
         survival: float | None = None, drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3 16 -> blocks that widen one by one, a stride of 2 in the first of each later stage.

    x (N, H, W, C) -> (N, H/4, W/4, the last width).

    Args:
        table: filters of each block of each stage.
    """
    n, gate = BN | {"epsilon": eps}, gates(sum(map(len, table)), survival, drop_path)
    x = tap(conv(x, STEM, k=3, p=1, n=n, a=None), "stem")
    for i, stage in enumerate(table, 1):
        for j, f in enumerate(stage, 1):
            s = 2 if i > 1 and j == 1 else 1
            x = tap(pyramid_block(x, f, s, n=n, gate=next(gate)), f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(act(norm(x, n), "relu"), "last")


OPTIONS = {"eps": 1e-5, "survival": None, "drop_path": None}
NETS = {
    f"pyramidnet110_a{alpha}_cifar": Net(body, (widths(alpha),), (32, 32, 3), 10, OPTIONS)
    for alpha in ALPHAS
}
ALIASES = {"pyramidnet110": "pyramidnet110_a48_cifar"}
