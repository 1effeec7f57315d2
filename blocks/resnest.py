"""Splits of the channels, among which each channel chooses.  ResNeSt, arXiv:2004.08955."""

from typing import Unpack

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, avgpool, conv, dense, gavgpool, norm
from convbook.blocks.mobilenet import rounded
from convbook.blocks.resnet import Residual, residual
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


@checked
def splat_conv(x: Map, f: Whole, s: Pair = 1, *, radix: Whole = 2, r: Whole = 4, least: Whole = 32,
               n: Norm = BN) -> Tensor:  # fmt: skip
    """3x3/s 2f in 2 groups -> each half * softmax of what their sum says, added.

    x (N, H, W, C) -> (N, H/s, W/s, f); r is a reduction.  Split attention of arXiv:2004.08955,
    section 3.1, with one cardinal group: global mean of the sum -> dense 2C/r n relu -> dense 2f, a
    number for each split and channel.

    Args:
        radix: splits, each of f channels, in place of two.
        least: the least width of the first dense layer, which is a multiple of 8.
    """
    channels = x.shape[-1]
    good = radix > 1 and channels % radix == 0
    require(good, radix=radix, right=f"a divisor of C={channels}, at least 2")
    x = conv(x, radix * f, k=3, s=s, p=1, g=radix, n=n)
    splits = ops.split(x, radix, -1)
    m = gavgpool(layers.add(splits))
    m = dense(m, max(rounded(channels * radix / r), least), a=None, bias=n is None)
    m = dense(act(norm(m, n), "relu"), radix * f, a=None)
    shares = layers.Softmax(1)(layers.Reshape((radix, f))(m))
    return layers.add([layers.multiply([split, shares[:, i]]) for i, split in enumerate(splits)])


@checked
def resnest_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 4, radix: Whole = 2, n: Norm = BN,
                  **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """1x1 f/r -> split attention f/r -> 3x3/s mean -> 1x1 f, + shortcut, relu: r is a reduction.

    x (N, H, W, C) -> (N, H/s, W/s, f).  ResNeSt, arXiv:2004.08955, section 3.1: ResNet's
    bottleneck with a split attention for its 3x3; the mean stands only where s is not 1.

    Args:
        radix: splits of the attention.
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.  The paper's shortcut is
            'D'.
    """
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    good = radix > 1 and (f // r) % radix == 0
    require(good, radix=radix, right=f"a divisor of f/r={f // r}, at least 2")
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    conv, skip, gate = residual(n, **policy)

    def branch(x):
        m = splat_conv(conv(x, f // r, k=1), f // r, radix=radix, n=n)
        m = avgpool(m, k=3, s=s, p=1) if s != 1 else m
        return conv(m, f, k=1, a=None)

    m = gate(x, branch)
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")
