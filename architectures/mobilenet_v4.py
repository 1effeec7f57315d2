"""MobileNetV4's convolutional networks, arXiv:2404.10518: universal inverted bottlenecks."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from keras import layers

from convbook.architectures.common import Net, gates, logits
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, gavgpool
from convbook.blocks.mbconv import fused_mbconv_block
from convbook.blocks.types import Antialias, Norm, Padding, Tensor
from convbook.blocks.uib import uib_block

# A block: the kernels of its two depthwise convolutions, and its expansion.  In the paper's names,
# E is ExtraDW, C is ConvNext-like, FFN has no depthwise: with these kernels and expansion 4.
E33, E35, E53, E55 = (3, 3, 4), (3, 5, 4), (5, 3, 4), (5, 5, 4)
C3, C5, FFN = (3, None, 4), (5, None, 4), (None, None, 4)
# A stage of the appendix is its channels and its blocks; the first block has stride 2.
S = (
    (96, (5, 5, 3), *4 * ((None, 3, 2),), C3),
    (128, (3, 3, 6), E55, (None, 5, 4), (None, 5, 3), *2 * ((None, 3, 4),)),
)
HALF = tuple((f // 2, *blocks) for f, *blocks in S)
M = (
    (80, E35, (3, 3, 2)),
    (160, (3, 5, 6), E33, E33, E35, E33, C3, (None, None, 2), C3),
    (256, (5, 5, 6), E55, E35, E35, FFN, C3, (3, 5, 2), E55, FFN, FFN, (5, None, 2)),
)
L = (
    (96, E35, E33),
    (192, E35, *3 * (E33,), E35, *5 * (E53,), C3),
    (512, *4 * (E55,), C5, E53, C5, C5, E53, E55, *3 * (C5,)),
)


def body(x: Tensor, table: Sequence[Any], stem: int, pairs: Sequence[Any], n: Norm, last: int,
         antialias: Antialias = None, *, p: Padding = "same",
         survival: float | None = None, drop_path: float | None = None) -> Tensor:  # fmt: skip
    """3x3/2, then 3x3/2 and 1x1 in pairs or one fused MBConv, then UIBs, then 1x1.

    x (N, H, W, C) -> (N, H/32, W/32, last).

    Args:
        table: channels of each stage, then kernels of both depthwise and expansion of each block.
        stem: filters of the first convolution.
        pairs: filters of each pair; none for a fused MBConv of 48 channels.
        last: filters of the last convolution.
        antialias: that of the blocks.
        p: 'same', or 1 for Torch's padding: 1 for a 3x3, 2 for a 5x5.
    """
    gate = gates(sum(len(blocks) for _, *blocks in table), survival, drop_path)
    x = tap(conv(x, stem, k=3, s=2, p=p, n=n), "stem")
    for i, (wide, f) in enumerate(pairs, 1):
        x = tap(conv(conv(x, wide, k=3, s=2, p=p, n=n), f, k=1, n=n), f"stage{i}")
    if not pairs:
        x = tap(fused_mbconv_block(x, 48, 2, p=p, n=n, a="relu", antialias=antialias), "stage1")
    for i, (f, *blocks) in enumerate(table, 1 + (len(pairs) or 1)):
        for j, (first, k, r) in enumerate(blocks, 1):
            rest = dict(r=r, first=first, k=k, p=p, n=n, antialias=antialias, gate=next(gate))
            x = tap(uib_block(x, f, 2 if j == 1 else 1, **rest), f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return tap(conv(x, last, k=1, n=n), "last")


def head(x: Tensor, classes: int, n: Norm, rate: float) -> Tensor:
    """Global mean -> 1x1 1280 n relu -> dropout -> dense."""
    m = layers.Reshape((1, 1, x.shape[-1]))(gavgpool(x))
    m = layers.Flatten()(conv(m, 1280, k=1, n=n))
    return logits(layers.Dropout(rate)(m), classes)


def net(table: Sequence[Any], size: int, n: Norm, stem: int = 32, pairs: Sequence[Any] = (),
        rate: float = 0.2, last: int = 960, antialias: Antialias = None) -> Net:  # fmt: skip
    """size: of the images; n, rate: batch norm and dropout of the authors' configuration.

    timm has Torch's padding and batch norm.
    """

    def row(n: Norm, p: Padding) -> dict[str, Any]:
        args, read = (table, stem, pairs, n, last, antialias), partial(head, n=n, rate=rate)
        return dict(table=args, options=OPTIONS | {"p": p}, head=read)

    return Net(body, shape=(size, size, 3), variants={"timm": row(BN, 1)}, **row(n, "same"))


OPTIONS = {"p": "same", "survival": None, "drop_path": None}
N, N_S = {"momentum": 0.997, "epsilon": 1e-3}, {"momentum": 0.95, "epsilon": 1e-6}
# timm's: 0.5 has half the channels after the stem; blur and aa are antialiased at each stride
NETS = {
    "mobilenet_v4_conv_small": net(S, 224, N_S, pairs=((32, 32), (96, 64)), rate=0.3),
    "mobilenet_v4_conv_small_0.5": net(HALF, 224, N_S, 32, ((16, 16), (48, 32)), 0.3, 480),
    "mobilenet_v4_conv_medium": net(M, 256, N),
    "mobilenet_v4_conv_large": net(L, 384, N, stem=24),
    "mobilenet_v4_conv_blur_medium": net(M, 224, N, antialias="blur"),
    "mobilenet_v4_conv_aa_large": net(L, 384, N, stem=24, antialias="avg"),
}
ALIASES = {"mobilenet_v4": "mobilenet_v4_conv_medium"}
