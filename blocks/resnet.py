"""Residual blocks, post-activation.  Deep Residual Learning, arXiv:1512.03385."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypedDict, Unpack

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, avgpool, conv
from convbook.blocks.se import attended, excited
from convbook.blocks.types import Branch, Gate, Map, Norm, Pair, Shortcut, StrideOn, Tensor, Whole


@checked
def bottleneck(x: Map, f: Whole = 32, r: Whole = 4) -> Tensor:
    """1x1 f/r -> 3x3 f/r -> 1x1 f, each with bias and relu: r is a reduction.

    x (N, H, W, C) -> (N, H, W, f).  The 3x3 works on fewer channels.  arXiv:1512.03385, Figure 5,
    right, without its shortcut and its batch norm.

    See also: bottleneck_block, the paper's own.
    """
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    x = conv(x, f // r, k=1)
    x = conv(x, f // r, k=3)
    return conv(x, f, k=1)


@checked
def residual_block(x: Map, f: Whole = 32, r: Whole = 4) -> Tensor:
    """x + (1x1 f/r -> 3x3 f/r -> 1x1 f), each with bias and relu: r is a reduction.

    x (N, H, W, f) -> the same shape.  The idea in its simplest form, arXiv:1512.03385, Figures 2
    and 5.  Its last relu comes before the addition, which Identity Mappings (arXiv:1603.05027,
    Table 2) found harmful.

    See also: bottleneck_block, the paper's own, with batch norm and the relu after the addition.
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    m = bottleneck(x, f, r)
    return layers.add([x, m])


@checked
def shortcut_path(x: Map, f: Whole, s: Pair = 1, *, n: Norm = BN, shortcut: Shortcut = "B",
                  bias: bool | None = None) -> Tensor:  # fmt: skip
    """x itself, or its 1x1/s f projection where the shape changes.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1512.03385, sections 3.3 and 4.1, Table 3.

    Args:
        shortcut: 'A', every s-th pixel, padded with zero channels; 'B', a projection where the
            shape changes; 'C', a projection everywhere; 'D', as 'B' but after an sxs/s mean
            (ResNet-D, arXiv:1812.01187, Figure 2c).
        bias: of the projection, by default only without n.
    """
    if shortcut == "A":
        channels = x.shape[-1]
        require(channels <= f, f=f, right=f"at least C={channels} for shortcut 'A'")
        x = avgpool(x, k=1, s=s, p="valid") if s != 1 else x
        return ops.pad(x, [(0, 0), (0, 0), (0, 0), (0, f - channels)]) if channels != f else x
    if shortcut == "D" and s != 1:
        return conv(avgpool(x, k=s, s=s), f, k=1, n=n, a=None, bias=bias)
    if shortcut == "C" or s != 1 or x.shape[-1] != f:
        x = conv(x, f, k=1, s=s, n=n, a=None, bias=bias)
    return x


class Residual(TypedDict, total=False):
    """How a residual block is composed; every residual block takes these keywords.

    shortcut: see shortcut_path; None leaves the shortcut out, as in the plain nets.
    bias: of the convolutions, by default only without n.
    se: the ratio of a squeeze-and-excitation after the branch.
    attention: a block such as eca_block that weights the branch.
    gate: a function such as drop_path; gate(x, branch) returns what is added.
    """

    shortcut: Shortcut | None
    bias: bool | None
    se: Whole | None
    attention: Branch | None
    gate: Gate


# See residual
Composed = tuple[Callable[..., Tensor], Callable[..., Any], Callable[[Tensor, Branch], Tensor]]


def residual(n: Norm = BN, *, shortcut: Shortcut | None = "B", bias: bool | None = None,
             se: int | None = None, attention: Branch | None = None,
             gate: Gate = None) -> Composed:  # fmt: skip
    """(conv, skip, gate) of a residual block, as its keywords make them; see Residual."""
    conv_of, gated = partial(conv, n=n, bias=bias), attended(excited(gate, se), attention)
    if shortcut is None:
        return conv_of, no_shortcut, gated
    return conv_of, partial(shortcut_path, n=n, shortcut=shortcut, bias=bias), gated


def no_shortcut(x: Tensor, f: int, s: Pair = 1) -> None:
    """None: the plain net adds nothing."""
    return None


@checked
def basic_block(x: Map, f: Whole, s: Pair = 1, *, n: Norm = BN,
                **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """3x3/s f -> 3x3 f, + shortcut, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1512.03385, Figure 5, left.

    Args:
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.
    """
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    conv, skip, gate = residual(n, **policy)

    def branch(x):
        m = conv(x, f, k=3, s=s, p=1)
        return conv(m, f, k=3, p=1, a=None)

    m = gate(x, branch)
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")


@checked
def bottleneck_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 4, n: Norm = BN,
                     stride_on: StrideOn = "1x1",
                     **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """1x1/s f/r -> 3x3 f/r -> 1x1 f, + shortcut, relu: r is a reduction.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1512.03385, Figure 5, right.  The stride is in the
    first 1x1, as in the paper and its Caffe nets.

    Args:
        stride_on: '3x3' puts the stride where Torch has it ("v1.5").
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.
    """
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    conv, skip, gate = residual(n, **policy)
    s1, s3 = (s, 1) if stride_on == "1x1" else (1, s)

    def branch(x):
        m = conv(x, f // r, k=1, s=s1)
        m = conv(m, f // r, k=3, s=s3, p=1)
        return conv(m, f, k=1, a=None)

    m = gate(x, branch)
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")
