"""Parallel kernels of several sizes.  GoogLeNet, arXiv:1409.4842; BN-Inception, 1502.03167."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from keras import layers

from convbook.blocks.checks import checked, refuse_large, require
from convbook.blocks.layers import BN, BN_TF, avgpool, conv, dense, fits, maxpool
from convbook.blocks.se import se_block
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import (
    Gate,
    Map,
    Norm,
    Pair,
    Path,
    PoolPadding,
    Rate,
    Row,
    Tensor,
    Whole,
    Widths,
    is_row,
    is_whole,
)


def chain(x: Tensor, *rows: tuple[int, Pair], n: Norm = BN_TF, bias: bool | None = None) -> Tensor:
    """A kxk convolution of f filters for each row (f, k), one after the other."""
    for f, k in rows:
        x = conv(x, f, k=k, n=n, bias=bias)
    return x


def follow(x: Tensor, path: Any, *, n: Norm, p: PoolPadding, pool_p: PoolPadding = "same",
           max_p: PoolPadding | None = None, bias: bool | None = None) -> Tensor:  # fmt: skip
    """x after a path of parallel."""
    for step in path:
        if isinstance(step, list):
            same: Any = dict(n=n, p=p, pool_p=pool_p, max_p=max_p, bias=bias)
            x = layers.concatenate([follow(x, way, **same) for way in step])
        elif step == "avg":
            x = avgpool(x, k=3, s=1, p=pool_p)
        elif step == "max":
            x = maxpool(x, k=3, s=1)
        elif step[0] == "max":
            x = maxpool(x, k=3, s=step[1], p=max_p or p)
        else:
            k, f, s = (*step, 1)[:3]
            x = conv(x, f, k=k, s=s, p=p if s > 1 else "same", n=n, bias=bias)
    return x


def meet(ends: Sequence[Tensor]) -> bool:
    """Whether all paths end in the same size, as far as sizes are known."""
    sizes = zip(*(m.shape[1:3] for m in ends), strict=True)
    return all(len({*found} - {None}) < 2 for found in sizes)


@checked
def parallel(x: Map, *paths: Path, n: Norm = BN_TF, p: PoolPadding = "valid",
             pool_p: PoolPadding = "same", max_p: PoolPadding | None = None,
             bias: bool | None = None, gate: Gate = None) -> Tensor:  # fmt: skip
    """Every path a chain of convolutions and pools of x; their ends concatenated.

    x (N, H, W, C) -> (N, H/s, W/s, sum of the ends).  A step is (k, f) or (k, f, s), a convolution;
    'avg' or 'max', a 3x3/1 pool; ('max', s); or a list of paths where the chain splits.
    GoogLeNet's modules, its Figure 2, and those of its heirs are such paths.

    Args:
        p: padding of the layers with a stride; all others pad 'same'.
        pool_p: padding of the average pooling.
        max_p: padding of max pooling with a stride, if not p.
        bias: of the convolutions, by default only without n.
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    require(paths, paths=paths, right="one or more lists of steps")
    half = "at most half of 3, the size of the pool"
    require(fits(3, pool_p), pool_p=pool_p, right=half)
    require(max_p is None or fits(3, max_p), max_p=max_p, right=half)
    gate = gate or run

    def end(way):
        return gate(x, lambda x: follow(x, way, n=n, p=p, pool_p=pool_p, max_p=max_p, bias=bias))

    ends = [end(way) for way in paths]
    require(meet(ends), paths=paths, right="paths whose maps all have the same size")
    return layers.concatenate(ends) if len(ends) > 1 else ends[0]


@checked
def naive_inception_module(x: Map, f: Whole = 32) -> Tensor:
    """[1x1 f, 3x3 f, 5x5 f, 3x3/1 max], concatenated.

    x (N, H, W, C) -> (N, H, W, 3f + C).  GoogLeNet, arXiv:1409.4842, Figure 2a.
    """
    one = conv(x, f, k=1)
    three = conv(x, f, k=3)
    five = conv(x, f, k=5)
    pooled = maxpool(x, k=3, s=1)
    return layers.concatenate([one, three, five, pooled])


@checked
def inception_module(x: Map, f: Whole | Row = 32, r: Whole = 4, *, n: Norm = None, k: Pair = 5,
                     se: Whole | None = None, gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 f, 1x1 f/3 -> 3x3 f, 1x1 f/r -> 5x5 f, 3x3/1 max -> 1x1 f], concatenated.

    x (N, H, W, C) -> (N, H, W, sum of the widths); r is a reduction.  GoogLeNet, arXiv:1409.4842,
    Figure 2b.  f may be a row of its Table 1: (#1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool
    proj).

    Args:
        k: the large kernel, 3 in torchvision's net.
        se: the ratio of a squeeze-and-excitation after it (arXiv:1709.01507, Figure 2).
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    require(is_row(f, 1, 6) or is_whole(f, 3), f=f, right="a row of six, or at least 3")
    require(is_row(f) or is_whole(f, r), r=r, right=f"a reduction from 1 to f={f}")
    f1, r3, f3, r5, f5, fp = f if isinstance(f, (tuple, list)) else (f, f // 3, f, f // r, f, f)
    gate = gate or run
    one = gate(x, lambda x: conv(x, f1, k=1, n=n))
    three = gate(x, lambda x: conv(conv(x, r3, k=1, n=n), f3, k=3, n=n))
    five = gate(x, lambda x: conv(conv(x, r5, k=1, n=n), f5, k=k, n=n))
    pooled = gate(x, lambda x: conv(maxpool(x, k=3, s=1), fp, k=1, n=n))
    x = layers.concatenate([one, three, five, pooled])
    require(se is None or se <= x.shape[-1], se=se, right=f"None or from 1 to {x.shape[-1]}")
    return x if se is None else se_block(x, r=se)


@checked
def bn_inception_module(x: Map, f: Widths, s: Pair = 1, *, pool: Literal["avg", "max"] = "avg",
                        n: Norm = BN, p: PoolPadding = "same", pool_p: PoolPadding = "same",
                        max_p: PoolPadding = "same", bias: bool | None = None,
                        se: Whole | None = None, gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 f1, 1x1 -> 3x3/s f3, 1x1 -> 3x3 -> 3x3/s fd, pool -> 1x1 fp], concatenated.

    x (N, H, W, C) -> (N, H/s, W/s, sum of the widths).  BN-Inception, arXiv:1502.03167, Figure 5;
    f is a row: (#1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pool proj), where 0
    leaves a convolution out.  s=2 in 3c and 4e.

    Args:
        pool: 'avg' or 'max'.
        p: of the convolutions with a stride.
        pool_p: padding of the average pooling.
        max_p: padding of max pooling with a stride.
        bias: of the convolutions, by default only without n.
        se: the ratio of a squeeze-and-excitation after it (arXiv:1709.01507, Figure 2).
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    require(len(f) == 6 and all(f[1:5]), f=f, right="six widths; only the first and last may be 0")
    f1, r3, f3, rd, fd, fp = f
    require(s == 1 or f1 == 0, f=f, right=f"a row that begins with 0, because s={s}")
    gate, last = gate or run, partial(conv, k=3, s=s, p=p if s != 1 else "same", n=n, bias=bias)

    def pooled(x):
        if pool == "avg":
            x = avgpool(x, k=3, s=s, p=pool_p)
        else:
            x = maxpool(x, k=3, s=s, p=max_p if s != 1 else "same")
        return conv(x, fp, k=1, n=n, bias=bias) if fp else x

    ends = [gate(x, lambda x: conv(x, f1, k=1, n=n, bias=bias))] if f1 else []
    ends += [gate(x, lambda x: last(conv(x, r3, k=1, n=n, bias=bias), f3))]
    ends += [gate(x, lambda x: last(chain(x, (rd, 1), (fd, 3), n=n, bias=bias), fd))]
    ends += [gate(x, pooled)]
    require(meet(ends), p=p, right=f"such that all paths have one size, with {pool_p=}, {max_p=}")
    x = layers.concatenate(ends)
    require(se is None or se <= x.shape[-1], se=se, right=f"None or from 1 to {x.shape[-1]}")
    return x if se is None else se_block(x, r=se)


@checked
def aux_head(x: Map, *, classes: Whole | None = 1000, f: Whole = 128, units: Whole = 1024,
             rate: Rate = 0.7, n: Norm = None) -> Tensor:  # fmt: skip
    """5x5/3 mean -> 1x1 f -> dense units -> dropout -> dense classes: logits for an extra loss.

    x (N, H, W, C), sizes known -> (N, classes), float32.  GoogLeNet, arXiv:1409.4842, section 5:
    after modules 4a and 4d, where H = W = 14.  Its loss has weight 0.3; inference leaves it out.

    Args:
        classes: None leaves the last layer out: (N, units).
        rate: of the dropout.
    """
    require(None not in x.shape[1:], x=tuple(x.shape), right="of known H and W, for dense")
    x = avgpool(x, k=5, s=3, p="valid")
    x = conv(x, f, k=1, n=n)
    x = dense(layers.Flatten()(x), units)
    x = layers.Dropout(rate)(x)
    refuse_large((x.shape[-1], classes or 1), classes=classes or 1)
    return x if classes is None else layers.Dense(classes, dtype="float32")(x)


@checked
def grid_reduction(x: Map, f: Whole | None = None, *, k: Pair = 3, n: Norm = None,
                   p: PoolPadding = "same") -> Tensor:  # fmt: skip
    """[kxk/2 f, 3x3/2 max], concatenated: half the grid, more channels, no bottleneck.

    x (N, H, W, C) -> (N, H/2, W/2, f + C); f is C if not given.  Inception v3, arXiv:1512.00567,
    section 5 and Figure 10, right.

    Args:
        p: of both.
    """
    paths = [conv(x, f or x.shape[-1], k=k, s=2, p=p, n=n), maxpool(x, k=3, s=2, p=p)]
    require(meet(paths), p=p, right=f"such that both paths have one size, with k={k}")
    return layers.concatenate(paths)
