"""FasterNet: 3x3s of a quarter of the channels, between 1x1s.  arXiv:2303.03667."""

from collections.abc import Sequence
from functools import partial

from convbook.architectures.common import Net, gates, logits
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.fasternet import fasternet_block
from convbook.blocks.layers import BN, conv, dense, gavgpool
from convbook.blocks.types import Act, Tensor

# Appendix: blocks of each stage, channels of the first, which double at each, and the activation.
NAMED = {
    "t0": ((1, 2, 8, 2), 40, "gelu"),
    "t1": ((1, 2, 8, 2), 64, "gelu"),
    "t2": ((1, 2, 8, 2), 96, "relu"),
    "s": ((1, 2, 13, 2), 128, "relu"),
    "m": ((3, 4, 18, 3), 144, "relu"),
    "l": ((3, 4, 18, 3), 192, "relu"),
}


def body(x: Tensor, depths: Sequence[int], width: int, a: Act, *, survival: float | None = None,
         drop_path: float | None = None, eps: float = 1e-5) -> Tensor:  # fmt: skip
    """4x4/4 n -> stages of blocks; 2x2/2 n between them, which doubles the channels.

    x (N, H, W, C) -> (N, H/32, W/32, 8 width).

    Args:
        depths: blocks of each stage.
        width: channels of the first stage.
    """
    n = BN | {"epsilon": eps}
    gate = gates(sum(depths), survival, drop_path)
    x = tap(conv(x, width, k=4, s=4, p="valid", n=n, a=None), "stem")
    for i, depth in enumerate(depths, 1):
        if i > 1:
            x = conv(x, 2 * x.shape[-1], k=2, s=2, p="valid", n=n, a=None)
        for j in range(1, depth + 1):
            x = tap(fasternet_block(x, n=n, a=a, gate=next(gate)), f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


def head(x: Tensor, classes: int, a: Act) -> Tensor:
    """Global mean -> dense 1280 a, without biases -> dense."""
    return logits(dense(gavgpool(x), 1280, a=a, bias=False), classes)


OPTIONS = {"survival": None, "drop_path": None, "eps": 1e-5}
NETS = {
    f"fasternet_{size}": Net(body, row, options=OPTIONS, head=partial(head, a=row[-1]))
    for size, row in NAMED.items()
}
ALIASES = {"fasternet": "fasternet_t0"}
