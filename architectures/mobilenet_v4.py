"""MobileNetV4's convolutional networks, arXiv:2404.10518: universal inverted bottlenecks."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from keras import layers

from convbook.architectures.common import Net, gates, logits
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, gavgpool
from convbook.blocks.mbconv import fused_mbconv_block
from convbook.blocks.types import Norm, Padding, Tensor
from convbook.blocks.uib import uib_block

# A stage of the appendix is its blocks: kernel of the first depthwise, kernel of the second,
# expansion, channels, stride.
S = (
    ((5, 5, 3, 96, 2), *4 * ((None, 3, 2, 96, 1),), (3, None, 4, 96, 1)),
    (
        (3, 3, 6, 128, 2),
        (5, 5, 4, 128, 1),
        (None, 5, 4, 128, 1),
        (None, 5, 3, 128, 1),
        *2 * ((None, 3, 4, 128, 1),),
    ),
)
M = (
    ((3, 5, 4, 80, 2), (3, 3, 2, 80, 1)),
    (
        (3, 5, 6, 160, 2),
        *2 * ((3, 3, 4, 160, 1),),
        (3, 5, 4, 160, 1),
        (3, 3, 4, 160, 1),
        (3, None, 4, 160, 1),
        (None, None, 2, 160, 1),
        (3, None, 4, 160, 1),
    ),
    (
        (5, 5, 6, 256, 2),
        (5, 5, 4, 256, 1),
        *2 * ((3, 5, 4, 256, 1),),
        (None, None, 4, 256, 1),
        (3, None, 4, 256, 1),
        (3, 5, 2, 256, 1),
        (5, 5, 4, 256, 1),
        *2 * ((None, None, 4, 256, 1),),
        (5, None, 2, 256, 1),
    ),
)
L = (
    ((3, 5, 4, 96, 2), (3, 3, 4, 96, 1)),
    (
        (3, 5, 4, 192, 2),
        *3 * ((3, 3, 4, 192, 1),),
        (3, 5, 4, 192, 1),
        *5 * ((5, 3, 4, 192, 1),),
        (3, None, 4, 192, 1),
    ),
    (
        (5, 5, 4, 512, 2),
        *3 * ((5, 5, 4, 512, 1),),
        (5, None, 4, 512, 1),
        (5, 3, 4, 512, 1),
        *2 * ((5, None, 4, 512, 1),),
        (5, 3, 4, 512, 1),
        (5, 5, 4, 512, 1),
        *3 * ((5, None, 4, 512, 1),),
    ),
)


def body(x: Tensor, table: Sequence[Any], stem: int, pairs: Sequence[Any], n: Norm, *,
         p: Padding = "same", survival: float | None = None,
         drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2, then 3x3/2 and 1x1 in pairs or one fused MBConv, then UIBs, then 1x1 960.

    x (N, H, W, C) -> (N, H/32, W/32, 960).

    Args:
        table: the stages: kernels of the two depthwise convolutions, expansion, channels, stride.
        stem: filters of the first convolution.
        pairs: filters of each pair; none for a fused MBConv of 48 channels.
        p: 'same', or 1: as Torch pads, 1 of a 3x3 and 2 of a 5x5.
    """
    gate = gates(sum(map(len, table)), survival, drop_path)
    x = tap(conv(x, stem, k=3, s=2, p=p, n=n), "stem")
    for i, (wide, f) in enumerate(pairs, 1):
        x = tap(conv(conv(x, wide, k=3, s=2, p=p, n=n), f, k=1, n=n), f"stage{i}")
    if not pairs:
        x = tap(fused_mbconv_block(x, 48, 2, p=p, n=n, a="relu"), "stage1")
    for i, stage in enumerate(table, max(len(pairs), 1) + 1):
        for j, (first, k, r, f, s) in enumerate(stage, 1):
            x = uib_block(x, f, s, r=r, first=first, k=k, p=p, n=n, gate=next(gate))
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, 960, k=1, n=n), "last")


def head(x: Tensor, classes: int, n: Norm, rate: float) -> Tensor:
    """Global mean -> 1x1 1280 n relu -> dropout -> dense."""
    m = layers.Reshape((1, 1, x.shape[-1]))(gavgpool(x))
    m = layers.Flatten()(conv(m, 1280, k=1, n=n))
    return logits(layers.Dropout(rate)(m), classes)


def net(table: Sequence[Any], size: int, n: Norm, stem: int = 32, pairs: Sequence[Any] = (),
        rate: float = 0.2) -> Net:  # fmt: skip
    """size: of the images; n, rate: the batch norm and the dropout of the authors' configuration.

    timm pads as Torch does, and has its batch norm.
    """
    timm = {"table": (table, stem, pairs, BN), "head": partial(head, n=BN, rate=rate)}
    timm["options"] = OPTIONS | {"p": 1}
    return Net(body, (table, stem, pairs, n), (size, size, 3), options=OPTIONS,
               variants={"timm": timm}, head=partial(head, n=n, rate=rate))  # fmt: skip


OPTIONS = {"p": "same", "survival": None, "drop_path": None}
N = {"momentum": 0.997, "epsilon": 1e-3}
NETS = {
    "mobilenet_v4_conv_small": net(
        S, 224, {"momentum": 0.95, "epsilon": 1e-6}, pairs=((32, 32), (96, 64)), rate=0.3
    ),
    "mobilenet_v4_conv_medium": net(M, 256, N),
    "mobilenet_v4_conv_large": net(L, 384, N, stem=24),
}
ALIASES = {"mobilenet_v4": "mobilenet_v4_conv_medium"}
