"""ConvNeXt, arXiv:2201.03545, and ConvNeXt V2, arXiv:2301.00808."""

from collections.abc import Callable, Sequence
from typing import Any

from convbook.architectures.common import Net, gates, logits, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.convnext import convnext_block, convnext_v2_block
from convbook.blocks.layers import LN, conv, gavgpool, norm
from convbook.blocks.types import Tensor

# Section 2.2 and appendix: blocks and channels of each stage.
V1: dict[str, tuple[Any, ...]] = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "xlarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}
# timm's: small ones; with an overlapping stem, whose first 3x3/2 has so many channels; and with
# the last norm before the mean.
SMALL = {
    "atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": ((2, 2, 6, 2), (48, 96, 192, 384)),
    "pico": ((2, 2, 6, 2), (64, 128, 256, 512)),
    "nano": ((2, 2, 8, 2), (80, 160, 320, 640)),
}
STEMS = {"atto": 24, "femto": 24, "pico": 32, "nano": 80}
V1 |= SMALL | {f"{size}_ols": (*SMALL[size], mid) for size, mid in STEMS.items()}
V1["tiny_hnf"] = (*V1["tiny"], None, True)
# V2, appendix.
V2 = {
    "atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": ((2, 2, 6, 2), (48, 96, 192, 384)),
    "pico": ((2, 2, 6, 2), (64, 128, 256, 512)),
    "nano": ((2, 2, 8, 2), (80, 160, 320, 640)),
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "huge": ((3, 3, 27, 3), (352, 704, 1408, 2816)),
}


def body(x: Tensor, block: Callable[..., Tensor], depths: Sequence[int], widths: Sequence[int],
         mid: int | None = None, last: bool = False, *, survival: float | None = None,
         drop_path: float | None = None, **letters: Any) -> Tensor:  # fmt: skip
    """4x4/4 n -> stages of blocks; n -> 2x2/2 between them; an n after the last one if last.

    x (N, H, W, C) -> (N, H/32, W/32, widths[-1]).

    Args:
        depths: blocks of each stage.
        widths: channels of each stage.
        mid: makes the stem of two 3x3/2, the first with so many channels.
        letters: for every block, such as scale.
    """
    gate = gates(sum(depths), survival, drop_path)
    x = conv(x, mid, k=3, s=2, p=1, a=None) if mid else x
    k, s, p = (3, 2, 1) if mid else (4, 4, "valid")
    x = tap(conv(x, widths[0], k=k, s=s, p=p, n=LN, a=None, bias=True), "stem")
    for i, (f, depth) in enumerate(zip(widths, depths, strict=True), 1):
        if i > 1:
            x = conv(norm(x, LN), f, k=2, s=2, p="valid", a=None)
        for j in range(1, depth + 1):
            x = tap(block(x, gate=next(gate), **letters), f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(norm(x, LN), "last") if last else x


def head(x: Tensor, classes: int) -> Tensor:
    """Global mean -> n -> dense."""
    return logits(norm(gavgpool(x), LN), classes)


OPTIONS = {"survival": None, "drop_path": None}
NETS = {
    f"convnext_{size}": Net(
        body,
        (convnext_block, *table),
        options=OPTIONS | {"scale": 1e-6},
        head=pooled if size == "tiny_hnf" else head,
    )
    for size, table in V1.items()
} | {
    f"convnext_v2_{size}": Net(body, (convnext_v2_block, *table), options=OPTIONS, head=head)
    for size, table in V2.items()
}
ALIASES = {"convnext": "convnext_tiny", "convnext_v2": "convnext_v2_tiny"}
