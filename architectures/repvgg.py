"""RepVGG: branches in training, a plain net of 3x3s after folding.  arXiv:2101.03697."""

from collections.abc import Sequence

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN
from convbook.blocks.repvgg import repvgg_block
from convbook.blocks.types import Tensor

# Section 3.4: blocks of the stages, and their multipliers of 64, 128, 256 and 512 filters.
A, B = (2, 4, 14, 1), (4, 6, 16, 1)
NAMED = {
    "a0": (A, 0.75, 2.5),
    "a1": (A, 1, 2.5),
    "a2": (A, 1.5, 2.75),
    "b0": (B, 1, 2.5),
    "b1": (B, 2, 4),
    "b2": (B, 2.5, 5),
    "b3": (B, 3, 5),
}


def body(x: Tensor, table: Sequence[tuple[int, int]], stem: int, g: int, se: int | None = None, *,
         eps: float = 1e-5) -> Tensor:  # fmt: skip
    """One block, then four stages of blocks, the first of each with stride 2.

    x (N, H, W, C) -> (N, H/32, W/32, the last width).

    Args:
        table: blocks and filters of each stage.
        stem: filters of the first block.
        g: groups of each second block of a stage.
        se: the ratio of every block's squeeze-and-excitation; None for none.
    """
    n = BN | {"epsilon": eps}
    x = tap(repvgg_block(x, stem, 2, n=n, se=se), "stem")
    for i, (depth, f) in enumerate(table, 1):
        for j in range(1, depth + 1):
            s = 2 if j == 1 else 1
            x = repvgg_block(x, f, s, g=1 if j % 2 else g, n=n, se=se)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


def net(depths: Sequence[int], alpha: float, last: float, g: int = 1,
        se: int | None = None) -> Net:  # fmt: skip
    """alpha, last: multipliers of the first three stages and of the fourth."""
    widths = [int(f * alpha) for f in (64, 128, 256)] + [int(512 * last)]
    table = tuple(zip(depths, widths, strict=True))
    gated = () if se is None else (se,)
    return Net(body, (table, min(64, widths[0]), g, *gated), options={"eps": 1e-5})


NETS = {f"repvgg_{name}": net(*row) for name, row in NAMED.items()}
NETS |= {f"repvgg_{name}g4": net(*NAMED[name], g=4) for name in ("b1", "b2", "b3")}
NETS["repvgg_d2se"] = net((8, 14, 24, 1), 2.5, 5, se=16)  # the authors' code
ALIASES = {"repvgg": "repvgg_a0"}
