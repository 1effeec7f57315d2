"""Modules of Inception v3.  Rethinking the Inception Architecture, arXiv:1512.00567.

The paper draws the modules without their widths, which come from the authors' code (TF-slim).
"""

from keras import layers

from convbook.blocks.checks import checked, refuse_large, require
from convbook.blocks.inception import chain
from convbook.blocks.layers import BN_TF, avgpool, conv, gavgpool, maxpool
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import (
    Around,
    Gate,
    Map,
    Norm,
    Padding,
    Pair,
    Row,
    Tensor,
    Whole,
    is_row,
    is_whole,
)


@checked
def inception_v3_a(x: Map, f: Whole = 64, *, n: Norm = BN_TF, pool_p: Around = "same",
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 64, 1x1 48 -> 5x5 64, 1x1 64 -> 3x3 96 -> 3x3 96, mean -> 1x1 f], concatenated.

    x (N, H, W, C) -> (N, H, W, 224 + f); at 35x35, f = 32, 64, 64.  arXiv:1512.00567, Figure 5,
    which has two 3x3 in place of the code's 5x5.

    Args:
        pool_p: padding of the average pooling; 1 counts the padding, as Torch does.
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    gate = gate or run
    one = gate(x, lambda x: conv(x, 64, k=1, n=n))
    five = gate(x, lambda x: chain(x, (48, 1), (64, 5), n=n))
    threes = gate(x, lambda x: chain(x, (64, 1), (96, 3), (96, 3), n=n))
    mean = gate(x, lambda x: conv(avgpool(x, k=3, s=1, p=pool_p), f, k=1, n=n))
    return layers.concatenate([one, five, threes, mean])


@checked
def inception_v3_reduction_a(x: Map, *, n: Norm = BN_TF, p: Padding = "valid") -> Tensor:
    """[3x3/2 384, 1x1 64 -> 3x3 96 -> 3x3/2 96, 3x3/2 max], concatenated.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, 480 + C).  arXiv:1512.00567, Figure 10.

    Args:
        p: padding of the layers with a stride.
    """
    one = conv(x, 384, k=3, s=2, p=p, n=n)
    threes = chain(x, (64, 1), (96, 3), n=n)
    threes = conv(threes, 96, k=3, s=2, p=p, n=n)
    return layers.concatenate([one, threes, maxpool(x, k=3, s=2, p=p)])


@checked
def inception_v3_b(x: Map, f: Whole | Row = 192, *, n: Norm = BN_TF, pool_p: Around = "same",
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 192, 1x1 f -> 1x7 f -> 7x1 192, 1x1 f -> 7x1, 1x7, 7x1 f -> 1x7 192, mean -> 1x1 192].

    x (N, H, W, C) -> (N, H, W, 768), the paths concatenated; at 17x17, f = 128, 160, 160, 192; a
    pair gives the long path's 1x1 its own.  arXiv:1512.00567, Figure 6, with n = 7.

    Args:
        pool_p: padding of the average pooling; 1 counts the padding, as Torch does.
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    require(is_whole(f) or is_row(f, 1, 2), f=f, right="a whole number or a pair")
    f, first = f if isinstance(f, (tuple, list)) else (f, f)
    deep_rows = (first, 1), (f, (7, 1)), (f, (1, 7)), (f, (7, 1)), (192, (1, 7))
    gate = gate or run
    one = gate(x, lambda x: conv(x, 192, k=1, n=n))
    short = gate(x, lambda x: chain(x, (f, 1), (f, (1, 7)), (192, (7, 1)), n=n))
    deep = gate(x, lambda x: chain(x, *deep_rows, n=n))
    mean = gate(x, lambda x: conv(avgpool(x, k=3, s=1, p=pool_p), 192, k=1, n=n))
    return layers.concatenate([one, short, deep, mean])


@checked
def inception_v3_reduction_b(x: Map, *, n: Norm = BN_TF, p: Padding = "valid") -> Tensor:
    """[1x1 192 -> 3x3/2 320, 1x1 192 -> 1x7 192 -> 7x1 192 -> 3x3/2 192, 3x3/2 max], concatenated.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, 512 + C).  Not drawn in the paper; authors' code
    (TF-slim): nets/inception_v3.py.

    Args:
        p: padding of the layers with a stride.
    """
    short = conv(x, 192, k=1, n=n)
    short = conv(short, 320, k=3, s=2, p=p, n=n)
    deep = chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)), n=n)
    deep = conv(deep, 192, k=3, s=2, p=p, n=n)
    return layers.concatenate([short, deep, maxpool(x, k=3, s=2, p=p)])


def split(x: Tensor, f: int, n: Norm) -> Tensor:
    """[1x3 f, 3x1 f], concatenated."""
    return layers.concatenate([conv(x, f, k=(1, 3), n=n), conv(x, f, k=(3, 1), n=n)])


@checked
def inception_v3_c(x: Map, *, n: Norm = BN_TF, pool_p: Around = "same",
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 320, 1x1 384 -> split, 1x1 448 -> 3x3 384 -> split, mean -> 1x1 192], concatenated.

    A split is [1x3 384, 3x1 384].  x (N, H, W, C) -> (N, H, W, 2048), at 8x8.  arXiv:1512.00567,
    Figure 7.

    Args:
        pool_p: padding of the average pooling; 1 counts the padding, as Torch does.
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    gate = gate or run
    one = gate(x, lambda x: conv(x, 320, k=1, n=n))
    short = gate(x, lambda x: split(conv(x, 384, k=1, n=n), 384, n))
    deep = gate(x, lambda x: split(chain(x, (448, 1), (384, 3), n=n), 384, n))
    mean = gate(x, lambda x: conv(avgpool(x, k=3, s=1, p=pool_p), 192, k=1, n=n))
    return layers.concatenate([one, short, deep, mean])


@checked
def aux_head_v3(x: Map, *, classes: Whole | None = 1000, f: Row = (128, 768), k: Pair | None = 5,
                n: Norm = BN_TF) -> Tensor:  # fmt: skip
    """5x5/3 mean -> 1x1 128 -> 5x5 768, valid -> global mean -> dense classes.

    x (N, H, W, C) -> logits (N, classes), float32.  arXiv:1512.00567, section 4 and Figure 8: on
    the last 17x17 module, where the 5x5 leaves one position; inference leaves it out.  k=None
    covers the whole map, as in NASNet's code.

    Args:
        classes: None leaves the last layer out: (N, 768).
    """
    require(len(f) == 2, f=f, right="two widths, of the 1x1 and of the next convolution")
    require(k or None not in x.shape[1:], k=k, right="given, because H and W of x are unknown")
    x = avgpool(x, k=5, s=3, p="valid")
    x = conv(x, f[0], k=1, n=n)
    x = conv(x, f[1], k=k or tuple(x.shape[1:3]), p="valid", n=n)
    x = gavgpool(x)
    refuse_large((x.shape[-1], classes or 1), classes=classes or 1)
    return x if classes is None else layers.Dense(classes, dtype="float32")(x)
