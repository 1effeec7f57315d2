"""Splits of the channels, among which each channel chooses.  ResNeSt, arXiv:2004.08955."""

from typing import Unpack

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, avgpool, conv, dense, gavgpool, norm
from convbook.blocks.mobilenet import rounded
from convbook.blocks.resnet import Residual, residual
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


@checked
def splat_conv(x: Map, f: Whole, s: Pair = 1, *, radix: Whole = 2,
               c: Whole | None = None, r: Whole = 4, least: Whole = 32,
               n: Norm = BN) -> Tensor:  # fmt: skip
    """3x3/s 2f in 2 groups -> each half * softmax of what their sum says, added.

    x (N, H, W, C) -> (N, H/s, W/s, f); r is a reduction.  Split attention of arXiv:2004.08955,
    section 3.1: global mean of the sum -> dense 2C/r n relu -> dense 2f, a number for each split
    and channel.

    Args:
        radix: splits, each of f channels, in place of two; a single one is weighted by a sigmoid.
        c: the paper's cardinal groups, of each split and of the dense layers; None for one.
        least: the least width of the first dense layer, which is a multiple of 8.
    """
    channels = x.shape[-1]
    require(channels % radix == 0, radix=radix, right=f"a divisor of C={channels}")
    width = max(rounded(channels * radix / r), least)
    groups = c or 1
    good = channels // radix % groups == f % groups == width % groups == 0
    right = f"a divisor of C/radix={channels // radix}, f={f} and {width}, the dense layer's width"
    require(good, c=c, right=right)
    x = conv(x, radix * f, k=3, s=s, p=1, g=radix * groups, n=n)
    splits = ops.split(x, radix, -1) if radix > 1 else [x]
    m = gavgpool(layers.add(splits) if radix > 1 else x)
    m = layers.Reshape((1, 1, f))(m) if groups > 1 else m
    m = dense_of_groups(m, width, groups, bias=n is None)
    m = dense_of_groups(act(norm(m, n), "relu"), radix * f, groups)
    if radix == 1:
        return layers.multiply([x, act(m, "sigmoid")])
    if groups > 1:
        m = layers.Permute((2, 1, 3))(layers.Reshape((groups, radix, f // groups))(m))
    shares = layers.Softmax(1)(layers.Reshape((radix, f))(m))
    return layers.add([layers.multiply([split, shares[:, i]]) for i, split in enumerate(splits)])


def dense_of_groups(x: Tensor, f: int, g: int, bias: bool = True) -> Tensor:
    """x (N, C) -> dense (N, f); in g groups x (N, 1, 1, C) -> 1x1 (N, 1, 1, f)."""
    if g == 1:
        return dense(x, f, a=None, bias=bias)
    return conv(x, f, k=1, a=None, g=g, bias=bias)


@checked
def resnest_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 4, width: Whole | None = None,
                  radix: Whole = 2, c: Whole | None = None, early: bool = False,
                  n: Norm = BN, **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """1x1 f/r -> split attention f/r -> 3x3/s mean -> 1x1 f, + shortcut, relu: r is a reduction.

    x (N, H, W, C) -> (N, H/s, W/s, f).  ResNeSt, arXiv:2004.08955, section 3.1: ResNet's
    bottleneck with a split attention for its 3x3; the mean stands only where s is not 1.

    Args:
        width: of each cardinal group, in place of f/r.
        radix: splits of the attention.
        c: cardinal groups of the attention; None for one.
        early: the mean stands before the attention, as in the authors' fast networks.
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.  The paper's shortcut is
            'D'.
    """
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    middle = (c or 1) * width if width else f // r
    require(middle % radix == 0, radix=radix, right=f"a divisor of the {middle} channels it splits")
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    conv, skip, gate = residual(n, **policy)

    def branch(x):
        m = conv(x, middle, k=1)
        m = avgpool(m, k=3, s=s, p=1) if early and s != 1 else m
        m = splat_conv(m, middle, radix=radix, c=c, n=n)
        m = avgpool(m, k=3, s=s, p=1) if s != 1 and not early else m
        return conv(m, f, k=1, a=None)

    m = gate(x, branch)
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")
