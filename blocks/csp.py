"""Darknet's residual blocks, and stages that process only half of the channels.  CSPNet."""

from functools import partial

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, conv
from convbook.blocks.types import Branch, Map, Norm, Pair, Rate, Tensor, Whole


@checked
def leaky_conv(x: Map, f: Whole, s: Pair = 1, *, k: Whole = 3, g: Whole = 1, n: Norm = BN,
               slope: Rate = 0.1) -> Tensor:  # fmt: skip
    """kxk/s f in g groups -> n -> leaky relu, with k // 2 pixels of padding.

    x (N, H, W, C) -> (N, H/s, W/s, f).  Darknet's layer, YOLOv3, arXiv:1804.02767; authors'
    code: cfg/darknet53.cfg.

    Args:
        slope: of the leaky relu below 0.
    """
    require(k % 2 == 1, k=k, right="odd, because the padding keeps the size")
    m = conv(x, f, k=k, s=s, p=k // 2, g=g, n=n, a=None)
    return layers.LeakyReLU(negative_slope=slope)(m)


@checked
def dark_block(x: Map, f: Whole = 32, *, r: Whole = 2, n: Norm = BN,
               slope: Rate = 0.1) -> Tensor:  # fmt: skip
    """1x1 f/r -> 3x3 f, each with n and a leaky relu, + x, and nothing after.

    x (N, H, W, f) -> the same shape.  Darknet-53, YOLOv3, arXiv:1804.02767, Table 1.

    Args:
        slope: of the leaky relu below 0.
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    m = leaky_conv(x, f // r, k=1, n=n, slope=slope)
    m = leaky_conv(m, f, k=3, n=n, slope=slope)
    return layers.add([x, m])


@checked
def leaky_bottleneck(x: Map, f: Whole = 32, *, r: Whole = 2, g: Whole = 1, n: Norm = BN,
                     slope: Rate = 0.1) -> Tensor:  # fmt: skip
    """1x1 f/r -> 3x3 f/r in g groups -> 1x1 f, + x, each with n and a leaky relu, the last after x.

    x (N, H, W, f) -> the same shape.  CSPResNet-50's and CSPResNeXt-50's block, CSPNet,
    arXiv:1911.11929; authors' code: cfg/csresnet50.cfg and cfg/csresnext50.cfg.

    Args:
        slope: of the leaky relu below 0.
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    m = leaky_conv(x, f // r, k=1, n=n, slope=slope)
    m = leaky_conv(m, f // r, k=3, g=g, n=n, slope=slope)
    m = conv(m, f, k=1, n=n, a=None)
    return layers.LeakyReLU(negative_slope=slope)(layers.add([x, m]))


@checked
def csp_stage(x: Map, f: Whole, s: Pair = 2, *, b: Whole = 1, block: Branch | None = None,
              width: Whole | None = None, n: Norm = BN, slope: Rate = 0.1) -> Tensor:  # fmt: skip
    """3x3/s f -> 1x1 f, in two halves: one as it is, one -> b blocks -> 1x1; joined -> 1x1 f.

    x (N, H, W, C) -> (N, H/s, W/s, f).  Cross stage partial network, CSPNet, arXiv:1911.11929,
    Figure 2 (b); the authors' code has the first 1x1 as two, one for each half.

    Args:
        block: the block to repeat, a function from tensor to tensor that keeps the width / 2
            channels; None: dark_block with r=1.
        width: of both halves together, in place of the first 1x1's f.
        slope: of the leaky relu below 0.
    """
    require(width or f % 2 == 0, f=f, right="even without a width, because it is halved")
    width = width or f
    require(width % 2 == 0, width=width, right="even, because it is halved")
    block = block or partial(dark_block, f=width // 2, r=1, n=n, slope=slope)
    kept, m = csp_halves(x, f, s, width=width, n=n, slope=slope)
    for _ in range(b):
        m = block(m)
    right = f"such that it keeps the {kept.shape[-1]} channels of a half, not {m.shape[-1]}"
    require(m.shape[-1] == kept.shape[-1], block=block, right=right)
    return csp_joined(kept, m, f, n=n, slope=slope)


def csp_halves(x: Tensor, f: int, s: Pair, *, width: int, n: Norm, slope: float) -> list[Tensor]:
    """3x3/s f -> 1x1 width, in two halves: how a cross stage partial network begins a stage."""
    x = leaky_conv(x, f, k=3, s=s, n=n, slope=slope)
    x = leaky_conv(x, width, k=1, n=n, slope=slope)
    return ops.split(x, 2, axis=-1)


def csp_joined(kept: Tensor, m: Tensor, f: int, *, n: Norm, slope: float) -> Tensor:
    """m -> 1x1, joined with kept -> 1x1 f: how such a stage ends."""
    m = leaky_conv(m, kept.shape[-1], k=1, n=n, slope=slope)
    return leaky_conv(layers.concatenate([kept, m]), f, k=1, n=n, slope=slope)
