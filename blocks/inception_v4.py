"""Reductions and residual modules of Inception v4 and Inception-ResNet, arXiv:1602.07261."""

from typing import Any

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.inception import chain, parallel
from convbook.blocks.inception_v3 import split
from convbook.blocks.layers import BN_TF, act, avgpool, conv, maxpool
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import (
    Act,
    Around,
    Gate,
    Map,
    Norm,
    Number,
    Padding,
    Row,
    Tensor,
    is_path,
)

# The paths of the residual modules, (kernel, filters) per convolution; Figures 10, 11 and 13 (v1)
# and 16, 17 and 19 (v2).
RESIDUAL_PATHS = {
    "v1 A": [[(1, 32)], [(1, 32), (3, 32)], [(1, 32), (3, 32), (3, 32)]],
    "v1 B": [[(1, 128)], [(1, 128), ((1, 7), 128), ((7, 1), 128)]],
    "v1 C": [[(1, 192)], [(1, 192), ((1, 3), 192), ((3, 1), 192)]],
    "v2 A": [[(1, 32)], [(1, 32), (3, 32)], [(1, 32), (3, 48), (3, 64)]],
    "v2 B": [[(1, 192)], [(1, 128), ((1, 7), 160), ((7, 1), 192)]],
    "v2 C": [[(1, 192)], [(1, 192), ((1, 3), 224), ((3, 1), 256)]],
}


def is_known(paths: Any) -> bool:
    if isinstance(paths, str):
        return paths in RESIDUAL_PATHS
    return isinstance(paths, (tuple, list)) and len(paths) > 0 and all(map(is_path, paths))


@checked
def inception_resnet_block(x: Map, *, paths: Any = "v2 A", scale: Number = 0.17, n: Norm = BN_TF,
                           a: Act = "relu", gate: Gate = None) -> Tensor:  # fmt: skip
    """x + scale * (several paths of convolutions, concatenated -> 1x1 C linear), relu.

    x (N, H, W, C) -> the same shape.  Inception-ResNet, arXiv:1602.07261, section 3.3 and Figure
    20.  The last 1x1 has a bias and no norm, as in the authors' code.

    Args:
        paths: a key of RESIDUAL_PATHS, or paths as parallel takes them.
        scale: 0.17, 0.10, 0.20 for A, B, C in the authors' code (the paper: 0.1 to 0.3).
        a: None leaves out the last relu, as the code's last C module does.
        gate: a function such as drop_path; gate(x, branch) returns what is added.
    """
    require(is_known(paths), paths=paths, right=f"{', '.join(RESIDUAL_PATHS)}, or a list of paths")
    paths = RESIDUAL_PATHS[paths] if isinstance(paths, str) else paths

    def branch(x):
        m = parallel(x, *paths, n=n)
        m = conv(m, x.shape[-1], k=1, a=None)
        return layers.Rescaling(scale)(m)

    m = (gate or run)(x, branch)
    return act(layers.add([x, m]), a)


@checked
def inception_v4_stem(x: Map, *, n: Norm = BN_TF, p: Padding = "valid") -> Tensor:
    """3x3/2 32 -> 3x3 32 -> 3x3 64, then three times two paths, concatenated.

    x (N, 299, 299, 3) -> (N, 35, 35, 384).  Inception v4, arXiv:1602.07261, Figure 3.

    Args:
        p: padding; 'same' keeps the maps of small images large enough.
    """
    x = conv(x, 32, k=3, s=2, p=p, n=n)
    x = conv(x, 32, k=3, p=p, n=n)
    x = conv(x, 64, k=3, n=n)
    x = layers.concatenate([maxpool(x, k=3, s=2, p=p), conv(x, 96, k=3, s=2, p=p, n=n)])
    short = conv(x, 64, k=1, n=n)
    deep = chain(x, (64, 1), (64, (1, 7)), (64, (7, 1)), n=n)
    x = layers.concatenate([conv(m, 96, k=3, p=p, n=n) for m in (short, deep)])
    return layers.concatenate([conv(x, 192, k=3, s=2, p=p, n=n), maxpool(x, k=3, s=2, p=p)])


@checked
def inception_v4_a(x: Map, *, n: Norm = BN_TF, pool_p: Around = "same",
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 96, 1x1 64 -> 3x3 96, 1x1 64 -> 3x3 96 -> 3x3 96, mean -> 1x1 96], concatenated.

    x (N, H, W, C) -> (N, H, W, 384), at 35x35.  Inception v4, arXiv:1602.07261, Figure 4.

    Args:
        pool_p: padding of the average pooling; 1 counts the padding, as Torch does.
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    gate = gate or run
    one = gate(x, lambda x: conv(x, 96, k=1, n=n))
    three = gate(x, lambda x: chain(x, (64, 1), (96, 3), n=n))
    threes = gate(x, lambda x: chain(x, (64, 1), (96, 3), (96, 3), n=n))
    mean = gate(x, lambda x: conv(avgpool(x, k=3, s=1, p=pool_p), 96, k=1, n=n))
    return layers.concatenate([one, three, threes, mean])


@checked
def inception_v4_b(x: Map, *, n: Norm = BN_TF, pool_p: Around = "same",
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 384, 1x1 192 -> 1x7 224 -> 7x1 256, 1x1 and twice 7x1, 1x7, mean -> 1x1 128].

    x (N, H, W, C) -> (N, H, W, 1024), concatenated, at 17x17.  arXiv:1602.07261, Figure 5; the long
    path is 1x1 192 -> 7x1 192 -> 1x7 224 -> 7x1 224 -> 1x7 256 (the authors' code).

    Args:
        pool_p: padding of the average pooling; 1 counts the padding, as Torch does.
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    deep_rows = (192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))
    gate = gate or run
    one = gate(x, lambda x: conv(x, 384, k=1, n=n))
    short = gate(x, lambda x: chain(x, (192, 1), (224, (1, 7)), (256, (7, 1)), n=n))
    deep = gate(x, lambda x: chain(x, *deep_rows, n=n))
    mean = gate(x, lambda x: conv(avgpool(x, k=3, s=1, p=pool_p), 128, k=1, n=n))
    return layers.concatenate([one, short, deep, mean])


@checked
def inception_v4_c(x: Map, *, n: Norm = BN_TF, pool_p: Around = "same",
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """[1x1 256, 1x1 384 -> split, 1x1 384 -> 3x1 448 -> 1x3 512 -> split, mean -> 1x1 256].

    A split is [1x3 256, 3x1 256]; x (N, H, W, C) -> (N, H, W, 1536), all concatenated, at 8x8.
    Inception v4, arXiv:1602.07261, Figure 6, in the order of the authors' code.

    Args:
        pool_p: padding of the average pooling; 1 counts the padding, as Torch does.
        gate: a function such as drop_path; gate(x, path) returns what is concatenated.
    """
    deep_rows = (384, 1), (448, (3, 1)), (512, (1, 3))
    gate = gate or run
    one = gate(x, lambda x: conv(x, 256, k=1, n=n))
    short = gate(x, lambda x: split(conv(x, 384, k=1, n=n), 256, n))
    deep = gate(x, lambda x: split(chain(x, *deep_rows, n=n), 256, n))
    mean = gate(x, lambda x: conv(avgpool(x, k=3, s=1, p=pool_p), 256, k=1, n=n))
    return layers.concatenate([one, short, deep, mean])


@checked
def reduction_a(x: Map, f: Row = (192, 224, 256, 384), *, n: Norm = BN_TF,
                p: Padding = "valid") -> Tensor:  # fmt: skip
    """[3x3/2 n, 1x1 k -> 3x3 l -> 3x3/2 m, 3x3/2 max], concatenated; f = (k, l, m, n) of Table 1.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, n + m + C).  arXiv:1602.07261, Figure 7 and Table 1:
    v4 (192, 224, 256, 384), Inception-ResNet v1 (192, 192, 256, 384), v2 (256, 256, 384, 384).

    Args:
        p: padding of the layers with a stride.
    """
    require(len(f) == 4, f=f, right="four widths, (k, l, m, n) of Table 1")
    one = conv(x, f[3], k=3, s=2, p=p, n=n)
    threes = chain(x, (f[0], 1), (f[1], 3), n=n)
    threes = conv(threes, f[2], k=3, s=2, p=p, n=n)
    return layers.concatenate([one, threes, maxpool(x, k=3, s=2, p=p)])


@checked
def reduction_b(x: Map, f: Row = (192, 192, 256, 320), *, n: Norm = BN_TF,
                p: Padding = "valid") -> Tensor:  # fmt: skip
    """[1x1 f1 -> 3x3/2 f2, 1x1 f3 -> 1x7 f3 -> 7x1 f4 -> 3x3/2 f4, 3x3/2 max], concatenated.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, f2 + f4 + C).  Inception v4, arXiv:1602.07261,
    Figure 8.

    Args:
        p: padding of the layers with a stride.
    """
    require(len(f) == 4, f=f, right="four widths, (f1, f2, f3, f4)")
    short = conv(x, f[0], k=1, n=n)
    short = conv(short, f[1], k=3, s=2, p=p, n=n)
    deep = chain(x, (f[2], 1), (f[2], (1, 7)), (f[3], (7, 1)), n=n)
    deep = conv(deep, f[3], k=3, s=2, p=p, n=n)
    return layers.concatenate([short, deep, maxpool(x, k=3, s=2, p=p)])


@checked
def inception_resnet_reduction_b(x: Map, f: Row = (256, 288, 320), *, n: Norm = BN_TF,
                                 p: Padding = "valid") -> Tensor:  # fmt: skip
    """[1x1 256 -> 3x3/2 384, 1x1 256 -> 3x3/2 f2, 1x1 256 -> 3x3 f2 -> 3x3/2 f3, 3x3/2 max].

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, 384 + f2 + f3 + C), concatenated; f = (f1, f2, f3).
    arXiv:1602.07261, Figures 12 (v1: 256, 256, 256) and 18 (v2).

    Args:
        p: padding of the layers with a stride.
    """
    require(len(f) == 3, f=f, right="three widths, (f1, f2, f3)")
    wide = conv(x, f[0], k=1, n=n)
    wide = conv(wide, 384, k=3, s=2, p=p, n=n)
    short = conv(x, f[0], k=1, n=n)
    short = conv(short, f[1], k=3, s=2, p=p, n=n)
    deep = chain(x, (f[0], 1), (f[1], 3), n=n)
    deep = conv(deep, f[2], k=3, s=2, p=p, n=n)
    return layers.concatenate([wide, short, deep, maxpool(x, k=3, s=2, p=p)])
