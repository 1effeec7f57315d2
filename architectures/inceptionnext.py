"""InceptionNeXt: ConvNeXt whose depthwise kernel is taken apart, as Inception's.  2303.16900."""

from collections.abc import Sequence

from convbook.architectures.common import Net, gates, logits
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.inceptionnext import inceptionnext_block
from convbook.blocks.layers import BN, LN, conv, dense, gavgpool, norm
from convbook.blocks.types import Tensor

# Table of the models: blocks and channels of each stage, the bands' length, and the share of the
# channels that goes through each kernel.
NAMED = {
    "atto": ((2, 2, 6, 2), (40, 80, 160, 320), 9, 4),
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768), 11, 8),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768), 11, 8),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024), 11, 8),
}


def body(x: Tensor, depths: Sequence[int], widths: Sequence[int], k: int, part: int, *,
         survival: float | None = None, drop_path: float | None = None, scale: float | None = 1e-6,
         eps: float = 1e-5) -> Tensor:  # fmt: skip
    """4x4/4 n -> stages of blocks; n -> 2x2/2 between them.

    x (N, H, W, C) -> (N, H/32, W/32, widths[-1]).

    Args:
        depths: blocks of each stage.
        widths: channels of each stage.
        k, part: of every block.
    """
    n = BN | {"epsilon": eps}
    gate, last = gates(sum(depths), survival, drop_path), len(depths)
    x = tap(conv(x, widths[0], k=4, s=4, p="valid", n=n, a=None, bias=True), "stem")
    for i, (f, depth) in enumerate(zip(widths, depths, strict=True), 1):
        if i > 1:
            x = conv(norm(x, n), f, k=2, s=2, p="valid", a=None)
        for j in range(1, depth + 1):
            r = 3 if i == last else 4
            x = inceptionnext_block(x, r=r, k=k, part=part, n=n, scale=scale, gate=next(gate))
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


def head(x: Tensor, classes: int) -> Tensor:
    """Global mean -> dense 3C gelu -> layer norm -> dense."""
    return logits(norm(dense(gavgpool(x), 3 * x.shape[-1], a="gelu"), LN), classes)


OPTIONS = {"survival": None, "drop_path": None, "scale": 1e-6, "eps": 1e-5}
NETS = {
    f"inceptionnext_{size}": Net(body, row, options=OPTIONS, head=head)
    for size, row in NAMED.items()
}
ALIASES = {"inceptionnext": "inceptionnext_tiny"}
