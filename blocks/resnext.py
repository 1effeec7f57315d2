"""Aggregated transformations: many equal paths.  ResNeXt, arXiv:1611.05431."""

from collections.abc import Callable, Sequence
from typing import Literal, Unpack

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv, norm
from convbook.blocks.resnet import Residual, residual
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole

Form = Literal["grouped", "concat", "sum"]


@checked
def resnext_block(x: Map, f: Whole = 32, r: Whole = 2, c: Whole = 4) -> Tensor:
    """x + the sum of c paths 1x1 f/(cr) -> 3x3 f/(cr) -> 1x1 f: r is a reduction.

    x (N, H, W, f) -> the same shape; bias and relu after each convolution.  arXiv:1611.05431,
    Figure 3a, in its simplest form.

    See also: resnext_bottleneck_block, the paper's own, with batch norm and paths that end
    linearly.
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    require(c * r <= f, r=r, right=f"a reduction from 1 to f/c={f // c}")
    paths = []
    for _ in range(c):
        m = conv(x, f // (c * r), k=1)
        m = conv(m, f // (c * r), k=3)
        paths.append(conv(m, f, k=1))
    return layers.add([x, layers.add(paths) if c > 1 else paths[0]])


@checked
def aggregate(x: Map, f: Whole, s: Pair = 1, *, c: Whole = 32, width: Whole = 4, n: Norm = BN,
              form: Form = "grouped") -> Tensor:  # fmt: skip
    """1x1 c width -> 3x3/s c width in c groups -> 1x1 f: c paths, summed.

    x (N, H, W, C) -> (N, H/s, W/s, f), no activation at the end.  arXiv:1611.05431, Figure 3c, as
    in the authors' code; width is the paper's d.

    Args:
        form: one of three equivalent forms: 'sum', c paths 1x1 width -> 3x3 width -> 1x1 f added
            (Figure 3a); 'concat', the paths' 3x3 concatenated before one 1x1 (b); 'grouped' (c).
    """
    if form == "grouped":
        m = conv(x, c * width, k=1, n=n)
        m = conv(m, c * width, k=3, s=s, p=1, g=c, n=n)
        return conv(m, f, k=1, n=n, a=None)
    paths = [conv(conv(x, width, k=1, n=n), width, k=3, s=s, p=1, n=n) for _ in range(c)]
    if form == "concat":
        return conv(joined(layers.concatenate, paths), f, k=1, n=n, a=None)
    paths = [conv(m, f, k=1, a=None, bias=n is None) for m in paths]
    return norm(joined(layers.add, paths), n)


def joined(merge: Callable[[Sequence[Tensor]], Tensor], paths: Sequence[Tensor]) -> Tensor:
    """merge(paths), which takes two or more."""
    return merge(paths) if len(paths) > 1 else paths[0]


@checked
def resnext_bottleneck_block(x: Map, f: Whole, s: Pair = 1, *, c: Whole = 32, width: Whole = 4,
                             n: Norm = BN, form: Form = "grouped",
                             **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """1x1 c width -> 3x3/s c width in c groups -> 1x1 f, + shortcut, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1611.05431, Figure 3c and Table 1; width is the
    paper's d.  The stride is in the 3x3, as in the authors' Torch code.

    Args:
        form: see aggregate.
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.
    """
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    _, skip, gate = residual(n, **policy)
    m = gate(x, lambda x: aggregate(x, f, s, c=c, width=width, n=n, form=form))
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")


@checked
def resnext_two_layer_block(x: Map, f: Whole = 32, *, c: Whole = 4, width: Whole = 8,
                            n: Norm = BN,
                           form: Literal["sum", "dense"] = "sum") -> Tensor:  # fmt: skip
    """c paths 3x3 width -> 3x3 f, summed, + x, relu: with two layers cardinality adds nothing.

    x (N, H, W, C) -> (N, H, W, f), a 1x1 of x where C is not f.  arXiv:1611.05431, Figure 4, left.

    Args:
        form: 'sum', or the wide dense block 3x3 c width -> 3x3 f that equals it, 'dense' (Figure 4,
            right).
    """
    if form == "dense":
        m = conv(conv(x, c * width, n=n), f, n=n, a=None)
    else:
        paths = [conv(conv(x, width, n=n), f, a=None, bias=n is None) for _ in range(c)]
        m = norm(joined(layers.add, paths), n)
    if x.shape[-1] != f:
        x = conv(x, f, k=1, n=n, a=None)
    return act(layers.add([x, m]), "relu")
