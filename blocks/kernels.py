"""Variants of one convolution: replacements for a large dense kernel."""

from math import prod
from typing import Any

from keras import layers

from convbook.blocks.checks import checked, refuse_large, require
from convbook.blocks.layers import conv, dwconv, holds, pair
from convbook.blocks.types import Act, Map, Norm, Pair, Row, Tensor, Whole


@checked
def small_kernels(x: Map, f: Whole = 32, *, k: Whole = 5, n: Norm = None) -> Tensor:
    """(k - 1)/2 times 3x3 f: the receptive field of one kxk, fewer weights, more relus.

    x (N, H, W, C) -> (N, H, W, f); k odd.  VGG, arXiv:1409.1556, section 2.3; two 3x3 have 72 % of
    the weights of a 5x5.
    """
    require(k >= 3 and k % 2, k=k, right="an odd whole number of at least 3")
    for _ in range((k - 1) // 2):
        x = conv(x, f, k=3, n=n)
    return x


@checked
def asymmetric_pair(x: Map, f: Whole = 32, *, k: Whole = 7, n: Norm = None) -> Tensor:
    """1xk f -> kx1 f: 2/k of the weights of a kxk.

    x (N, H, W, C) -> (N, H, W, f).  Inception v3, arXiv:1512.00567, section 3.2 and Figure 3.
    """
    x = conv(x, f, k=(1, k), n=n)
    return conv(x, f, k=(k, 1), n=n)


@checked
def multi_size(x: Map, f: Whole = 32, *, k: Row = (1, 3, 5), n: Norm = None) -> Tensor:
    """One kxk f for each k, concatenated: several scales in one layer.

    x (N, H, W, C) -> (N, H, W, len(k) f).  GoogLeNet, arXiv:1409.4842, section 4.
    """
    require(len(k) > 1, k=k, right="two or more kernels, which are concatenated")
    return layers.concatenate([conv(x, f, k=size, n=n) for size in k])


@checked
def spatial_sepconv(x: Map, *, k: Whole = 3, s: Pair = 1, a: Act = "relu") -> Tensor:
    """kx1 depthwise -> 1xk depthwise, linear between: per channel the outer product of two vectors.

    x (N, H, W, C) -> (N, H/s, W/s, C); 2k weights per channel instead of k*k.  It can
    represent the kernels of rank 1 and no others, such as the Sobel kernels.

    Args:
        a: after the second.
    """
    x = dwconv(x, k=(k, 1), s=s, a=None, bias=False)
    return dwconv(x, k=(1, k), a=a)


@checked
def grouped_sepconv(x: Map, f: Whole = 32, *, k: Pair = 3, g: Whole = 4, n: Norm = None) -> Tensor:
    """kxk depthwise n relu -> 1x1 f in g groups: every group is a separable convolution.

    x (N, H, W, C) -> (N, H, W, f).  Without a channel shuffle the groups never meet.
    ShuffleNet, arXiv:1707.01083, Figure 1a.

    See also: shufflenet_unit.
    """
    x = dwconv(x, k=k, n=n)
    return conv(x, f, k=1, g=g, n=n)


@checked
def dilated_stack(x: Map, f: Whole = 32, *, d: Row = (1, 2, 5), n: Norm = None) -> Tensor:
    """3x3 f at each dilation rate d in turn: a wide view without a pool.

    x (N, H, W, C) -> (N, H, W, f); receptive field 1 + 2 sum(d).  Hybrid dilated convolution,
    arXiv:1702.08502, section 3.2: rates with a common divisor, such as (2, 2, 2), leave holes in
    the view (the gridding effect), (1, 2, 5) leave none.
    """
    for rate in d:
        x = conv(x, f, k=3, d=rate, n=n)
    return x


@checked
def maxout(x: Map, f: Whole = 32, *, c: Whole = 2, k: Pair = 3) -> Tensor:
    """The largest of c linear kxk f: a learned piecewise linear activation.

    x (N, H, W, C) -> (N, H, W, f).  Maxout Networks, arXiv:1302.4389, section 3.
    """
    m = conv(x, f * c, k=k, a=None)
    return layers.maximum([m[..., i * f : (i + 1) * f] for i in range(c)]) if c > 1 else m


def shapes(weights: Any) -> Any:
    """The shapes of arrays; anything else unchanged."""
    if not isinstance(weights, (tuple, list)):
        return weights
    return type(weights)(getattr(w, "shape", w) for w in weights)


def dense_shapes(layer: Any) -> list[tuple[int, ...]]:
    """The shapes of the weights of the dense layer that a convolution can replace."""
    *window, f = layer.kernel.shape
    return [(prod(window), f), (f,)]


def fit(weights: Any, layer: Any) -> bool:
    found = shapes(weights)
    return found is None or (isinstance(found, (tuple, list)) and [*found] == dense_shapes(layer))


@checked
def dense_as_conv(x: Map, f: Whole, *, k: Pair = 7, a: Act = "relu", weights: Any = None) -> Tensor:
    """kxk f, valid: the fully connected layer that reads a flattened kxk map, slid over a larger.

    x (N, H, W, C) -> (N, H - k + 1, W - k + 1, f).  OverFeat, arXiv:1312.6229, section
    3.5; VGG's dense evaluation, arXiv:1409.1556, section 3.2.

    Args:
        a: at the end.
        weights: weights of the Dense layer (get_weights()), kernel (k k C, f), to make the same
            function of it.
    """
    require(holds(x, k, 1, "valid"), x=tuple(x.shape), right=f"of at least {pair(k)} pixels")
    refuse_large((*pair(k), x.shape[-1], f), k=k, f=f)
    layer = layers.Conv2D(f, k, padding="valid", activation=a)
    y = layer(x)
    require(fit(weights, layer), weights=shapes(weights), right=f"of shapes {dense_shapes(layer)}")
    if weights is not None:
        kernel, *bias = weights
        layer.set_weights([kernel.reshape(layer.kernel.shape), *bias])
    return y
