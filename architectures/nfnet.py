"""NFNets: residual networks without a norm.  arXiv:2102.06171."""

from collections.abc import Sequence
from functools import partial

from convbook.architectures.common import Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.nfnet import nf_block, scaled_act
from convbook.blocks.standardized import ws_conv
from convbook.blocks.types import Tensor

WIDTHS, STEM, LAST = (256, 512, 1536, 1536), (16, 32, 64, 128), 3072
# Table 1: how many times F0's blocks, pixels of an image in evaluation, rate of dropout.
DEPTHS = (1, 2, 6, 3)
NAMED = {
    "f0": (1, 256, 0.2),
    "f1": (2, 320, 0.3),
    "f2": (3, 352, 0.4),
    "f3": (4, 416, 0.4),
    "f4": (5, 512, 0.5),
    "f5": (6, 544, 0.5),
    "f6": (7, 576, 0.5),
}


def body(x: Tensor, depths: Sequence[int], widths: Sequence[int], stem: Sequence[int], last: int,
         width: int, *, alpha: float = 0.2, eps: float = 1e-5, survival: float | None = None,
         drop_path: float | None = None) -> Tensor:  # fmt: skip
    """Four 3x3, the first and the last /2 -> four stages of blocks -> 1x1, activation.

    x (N, H, W, C) -> (N, H/32, W/32, last).

    Args:
        depths: blocks of each stage.
        widths: channels of each stage.
        stem: filters of the first convolutions.
        last: filters of the last.
        width: channels of a group.
        alpha: by how much the branch of each block counts.
        eps: added to the variance of a kernel.
    """
    gate = gates(sum(depths), survival, drop_path)
    conv = partial(ws_conv, n=None, a=None, gain=True, eps=eps)
    x = conv(x, stem[0], 2)
    for i, f in enumerate(stem[1:], 2):
        x = conv(scaled_act(x), f, 2 if i == len(stem) else 1)
    x = tap(x, "stem")
    variance = 1.0  # that x should have: the stem keeps it at 1, each branch adds alpha^2
    for i, (f, depth) in enumerate(zip(widths, depths, strict=True), 1):
        for j in range(1, depth + 1):
            s = 2 if i > 1 and j == 1 else 1
            own = dict(width=width, alpha=alpha, beta=variance**-0.5, eps=eps, gate=next(gate))
            x = tap(nf_block(x, f, s, **own), f"stage{i}_block{j}")
            # The shortcut of a stage's first block is a convolution of what has variance 1.
            variance = (1 if j == 1 else variance) + alpha**2
        x = tap(x, f"stage{i}")
    return tap(scaled_act(conv(x, last, k=1)), "last")


def net(times: int, size: int, rate: float) -> Net:
    table = (tuple(times * depth for depth in DEPTHS), WIDTHS, STEM, LAST, 128)
    options = {"alpha": 0.2, "eps": 1e-5, "survival": None, "drop_path": None}
    return Net(body, table, (size, size, 3), options=options, head=partial(pooled, rate=rate))


NETS = {f"nfnet_{name}": net(*row) for name, row in NAMED.items()}
ALIASES = {"nfnet": "nfnet_f0"}
