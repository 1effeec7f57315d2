"""MobileOne: branches in training, a plain MobileNet after folding.  arXiv:2206.04040."""

from collections.abc import Sequence

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN
from convbook.blocks.mobileone import mobileone_block
from convbook.blocks.repvgg import repvgg_block
from convbook.blocks.types import Tensor

DEPTHS, WIDTHS = (2, 8, 10, 1), (64, 128, 256, 512)
# Table 3: multipliers of the stages' widths, convolutions added in each half of a block, and how
# many of a stage's last blocks have squeeze-and-excitation.
NAMED = {
    "s0": ((0.75, 1, 1, 2), 4, (0, 0, 0, 0)),
    "s1": ((1.5, 1.5, 2, 2.5), 1, (0, 0, 0, 0)),
    "s2": ((1.5, 2, 2.5, 4), 1, (0, 0, 0, 0)),
    "s3": ((2, 2.5, 3, 4), 1, (0, 0, 0, 0)),
    "s4": ((3, 3.5, 3.5, 4), 1, (0, 0, 5, 1)),
}


def body(x: Tensor, table: Sequence[tuple[int, int, int]], stem: int, c: int, *,
         eps: float = 1e-5) -> Tensor:  # fmt: skip
    """3x3/2 and 1x1/2 added -> four stages of blocks, the first of each with stride 2.

    x (N, H, W, C) -> (N, H/32, W/32, the last width).

    Args:
        table: blocks, filters and blocks with squeeze-and-excitation of each stage.
        stem: filters of the first convolutions.
        c: convolutions added in each half of a block.
    """
    n = BN | {"epsilon": eps}
    x = tap(repvgg_block(x, stem, 2, n=n), "stem")
    for i, (depth, f, weighted) in enumerate(table, 1):
        for j in range(1, depth + 1):
            se = 16 if j > depth - weighted else None
            x = mobileone_block(x, f, 2 if j == 1 else 1, c=c, n=n, se=se)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


def net(alphas: Sequence[float], c: int, weighted: Sequence[int]) -> Net:
    widths = [int(f * alpha) for f, alpha in zip(WIDTHS, alphas, strict=True)]
    table = tuple(zip(DEPTHS, widths, weighted, strict=True))
    return Net(body, (table, min(64, widths[0]), c), options={"eps": 1e-5})


NETS = {f"mobileone_{name}": net(*row) for name, row in NAMED.items()}
ALIASES = {"mobileone": "mobileone_s0"}
