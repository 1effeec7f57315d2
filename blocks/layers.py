"""The vocabulary: helper layers from tensor to tensor, with one letter for each choice.

    x  input tensor (N, H, W, C)     a  activation after the layer, by name or function; None: none
    f  filters (output channels)     g  groups of a grouped convolution
    k  kernel height and width       n  normalisation: None, or keywords of Keras' layer (see BN)
    s  stride                        r  ratio of a reduction or an expansion
    p  padding                       c  cardinality: number of parallel paths
    d  dilation rate                 b  depth: number of layers in a block

k, s and d are an int or a pair (rows, columns).  p is 'same' (TensorFlow's: the odd row goes to
the far side, and pools never count it), 'valid', or an int or a pair: that many rows and columns
on each side, as Caffe and Torch pad.  Everything is channels-last.
"""

import inspect
from collections.abc import Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from keras import layers, ops

from convbook.blocks.checks import checked, refuse_large, require
from convbook.blocks.grouped import GroupedConv2D
from convbook.blocks.types import (
    FLOATS,
    Act,
    Amount,
    Init,
    Map,
    Norm,
    Padding,
    Pair,
    PoolPadding,
    Sides,
    Tensor,
    Vector,
    Whole,
    is_float,
    is_whole,
)

# n= takes the keywords of keras.layers.BatchNormalization; if `groups` is among them, of
# GroupNormalization; if `axis` is (-1,), of LayerNormalization.  Keras' momentum is 1 - Torch's.
BN = MappingProxyType({"momentum": 0.9, "epsilon": 1e-5})  # Caffe and Torch: ResNet, its heirs
BN_TF = MappingProxyType({"momentum": 0.9997, "epsilon": 1e-3})  # TF-slim: Inception, NASNet
GN = MappingProxyType({"groups": 32})  # Group Normalization, arXiv:1803.08494
LN = MappingProxyType({"axis": (-1,), "epsilon": 1e-6})  # of each pixel, arXiv:1607.06450: ConvNeXt


def pair(v: Any) -> tuple[Any, Any]:
    """v as (rows, columns); a single value serves for both."""
    return tuple(v) if hasattr(v, "__len__") else (v, v)


@checked
def act(x: Tensor, a: Act) -> Tensor:
    """The activation a, by name or function; None and 'linear' do nothing."""
    return x if a in (None, "linear") else layers.Activation(a)(x)


@checked
def norm(x: Vector, n: Norm = BN) -> Tensor:
    """The normalisation n over channels: batch, group or layer norm, by its keywords; or None."""
    require(
        has_own_keywords(n), n=n, right="keywords of Keras' Batch-, Group- or LayerNormalization"
    )
    require(divide(n, x.shape[-1]), n=n, right=f"of groups that divide C={x.shape[-1]}")
    kind = "Group" if n and "groups" in n else "Layer" if n and n.get("axis") == (-1,) else "Batch"
    return x if n is None else getattr(layers, f"{kind}Normalization")(**n)(x)


def has_own_keywords(n: Norm) -> bool:
    """Whether Keras' layer has these keywords."""
    kind = "Group" if n and "groups" in n else "Layer" if n and n.get("axis") == (-1,) else "Batch"
    return n is None or {*n} <= keywords(getattr(layers, f"{kind}Normalization"))


@cache
def keywords(kind: type[layers.Layer]) -> set[str]:
    """The keywords of a layer, and those of every layer that matter to a norm."""
    own = inspect.signature(kind.__init__).parameters
    return {*own, "name", "dtype", "trainable"} - {"self", "kwargs"}


def divide(n: Norm, channels: int) -> bool:
    """Whether the groups of n, if it has them, divide the channels; -1 is one for each channel."""
    groups = 1 if n is None else n.get("groups", 1)
    return is_whole(groups, -1) and groups != 0 and channels % groups == 0


@checked
def pad(x: Map, p: Amount | Sides) -> Tensor:
    """x (N, H, W, C) with p rows and columns of zeros on each side; or p as ((t, b), (l, r))."""
    return layers.ZeroPadding2D(p)(x)


def padded(x: Tensor, k: Pair, s: Pair, p: Padding, *, d: Pair = 1) -> tuple[Tensor, Any]:
    """x and the padding left to Keras: p pixels per side become zeros, or 'same' where equal."""
    require(is_float(x), x=str(x.dtype), right=FLOATS)
    require(max(pair(s)) == 1 or max(pair(d)) == 1, d=d, right=f"1 with s={s}, a limit of Keras")
    require(
        holds(x, k, s, p, d=d), x=tuple(x.shape), right=f"of at least {least(k, s, p, d)} pixels"
    )
    if isinstance(p, str):
        return x, p
    same = all(s == 1 and 2 * p == d * (k - 1) for k, s, p, d in zip(*map(pair, (k, s, p, d))))
    return (x, "same") if same else (layers.ZeroPadding2D(p)(x), "valid")


def conv_keywords(n: Norm, a: Act, bias: bool | None, init: Init) -> tuple[dict[str, Any], Init]:
    """Keras' keywords of a convolution, and its initialiser: He's if n follows, else Glorot's.

    Only a convolution without n has the activation a, and by default a bias.
    """
    own = dict(use_bias=n is None if bias is None else bias, activation=a if n is None else None)
    return own, init or ("glorot_uniform" if n is None else "he_uniform")


@checked
def conv(x: Map, f: Whole, k: Pair = 3, s: Pair = 1, p: Padding = "same", d: Pair = 1,
         a: Act = "relu", *, g: Whole = 1, n: Norm = None, bias: bool | None = None,
         pre: bool = False, init: Init = None) -> Tensor:  # fmt: skip
    """kxk/s f -> n -> a; with pre=True n -> a -> kxk/s f.

    x (N, H, W, C) -> (N, H/s, W/s, f).

    Args:
        bias: by default only without n.
        init: initialiser of the kernel, by default He's (arXiv:1502.01852) with n, else Glorot's,
            both uniform, because a truncated normal takes half of a network's build time.
    """
    require(f % g == 0 == x.shape[-1] % g, g=g, right=f"a divisor of f={f} and of C={x.shape[-1]}")
    refuse_large((*pair(k), x.shape[-1] // g, f), k=k, f=f)
    x = act(norm(x, n), a) if pre else x
    x, p = padded(x, k, s, p, d=d)
    own, init = conv_keywords(n, None if pre else a, bias, init)
    Conv2D = GroupedConv2D if g > 1 else layers.Conv2D
    x = Conv2D(f, k, s, p, dilation_rate=d, groups=g, kernel_initializer=init, **own)(x)
    return x if n is None or pre else act(norm(x, n), a)


@checked
def sepconv(x: Map, f: Whole, k: Pair = 3, s: Pair = 1, p: Padding = "same", d: Pair = 1,
            a: Act = "relu", *, n: Norm = None, bias: bool | None = None, multiplier: Whole = 1,
            init: Init = None) -> Tensor:  # fmt: skip
    """kxk/s depthwise -> 1x1 f -> n -> a, nothing between the two.

    x (N, H, W, C) -> (N, H/s, W/s, f).  Xception, arXiv:1610.02357, section 3.1.

    Args:
        bias: of the 1x1, by default only without n.
        multiplier: depthwise kernels for each channel.
        init: of both kernels, by default as for conv.
    """
    refuse_large((*pair(k), x.shape[-1], multiplier), k=k, multiplier=multiplier)
    refuse_large((x.shape[-1] * multiplier, f), f=f, multiplier=multiplier)
    x, p = padded(x, k, s, p, d=d)
    own, init = conv_keywords(n, a, bias, init)
    own |= dict(depthwise_initializer=init, pointwise_initializer=init)
    x = layers.SeparableConv2D(f, k, s, p, dilation_rate=d, depth_multiplier=multiplier, **own)(x)
    return x if n is None else act(norm(x, n), a)


@checked
def dwconv(x: Map, k: Pair = 3, s: Pair = 1, p: Padding = "same", d: Pair = 1, a: Act = "relu", *,
           n: Norm = None, bias: bool | None = None, multiplier: Whole = 1,
           init: Init = None) -> Tensor:  # fmt: skip
    """kxk/s depthwise -> n -> a: each channel has its own kernel.

    x (N, H, W, C) -> (N, H/s, W/s, C).  MobileNet, arXiv:1704.04861, section 3.1.

    Args:
        bias: by default only without n.
        multiplier: kernels, so output channels, for each input channel.
        init: as for conv.
    """
    refuse_large((*pair(k), x.shape[-1], multiplier), k=k, multiplier=multiplier)
    x, p = padded(x, k, s, p, d=d)
    own, init = conv_keywords(n, a, bias, init)
    own |= dict(dilation_rate=d, depth_multiplier=multiplier, depthwise_initializer=init)
    x = layers.DepthwiseConv2D(k, s, p, **own)(x)
    return x if n is None else act(norm(x, n), a)


@checked
def dense(x: Vector, f: Whole, a: Act = "relu", *, bias: bool = True,
          init: Init = "glorot_uniform") -> Tensor:  # fmt: skip
    """Fully connected f -> a.  x (N, C) -> (N, f); more dimensions stay as they are."""
    require(is_float(x), x=str(x.dtype), right=FLOATS)
    refuse_large((x.shape[-1], f), f=f)
    return layers.Dense(f, activation=a, use_bias=bias, kernel_initializer=init)(x)


def overhang(k: Pair, s: Pair) -> list[tuple[int, int]]:
    """How far a pool's last window may overhang the far sides if it must begin inside."""
    return [(0, min(i, j) - 1) for i, j in zip(pair(k), pair(s), strict=True)]


def edge(x: Tensor, sides: Sequence[tuple[int, int]]) -> Tensor:
    """x with its borders repeated, which changes no maximum and, unlike -inf, can be quantised."""
    for i in range(max(map(max, sides))):
        once = [(int(i < near), int(i < far)) for near, far in sides]
        x = ops.pad(x, [(0, 0), *once, (0, 0)], "symmetric")
    return x


@checked
def maxpool(x: Map, k: Pair = 2, s: Pair = 2, p: PoolPadding = "same") -> Tensor:
    """kxk/s max.  x (N, H, W, C) -> (N, H/s, W/s, C).

    An int p repeats the border, with the same result as Torch's padding with -inf; p='ceil' pads
    the far side so that the last window may overhang, as in Caffe.
    """
    require(fits(k, p), p=p, right=f"at most half of k={k}, or windows lie in the padding")
    require(holds(x, k, s, p), x=tuple(x.shape), right=f"of at least {least(k, s, p)} pixels")
    if not isinstance(p, str) or p == "ceil":
        x = edge(x, overhang(k, s) if p == "ceil" else [(i, i) for i in pair(p)])
        p = "valid"
    return layers.MaxPooling2D(k, s, p)(x)


@checked
def avgpool(x: Map, k: Pair = 2, s: Pair = 2, p: PoolPadding = "same") -> Tensor:
    """kxk/s mean.  x (N, H, W, C) -> (N, H/s, W/s, C).

    An int p pads with zeros that count, as in Torch.  'same' and 'ceil' never count their padding;
    'ceil' pads the far side so that the last window may overhang, as in Caffe.
    """
    require(fits(k, p), p=p, right=f"at most half of k={k}, or windows lie in the padding")
    require(holds(x, k, s, p), x=tuple(x.shape), right=f"of at least {least(k, s, p)} pixels")
    if p == "ceil":
        far, ones = overhang(k, s), ops.ones_like(x[..., :1])
        ones, x = (layers.ZeroPadding2D(far)(m) for m in (ones, x))
        return avgpool(x, k, s, "valid") / avgpool(ones, k, s, "valid")
    x, p = (x, p) if isinstance(p, str) else (layers.ZeroPadding2D(p)(x), "valid")
    return layers.AveragePooling2D(k, s, p)(x)


def least(k: Pair, s: Pair, p: PoolPadding, d: Pair = 1) -> Any:
    """The rows and columns that x must have for one window."""
    if p == "same":
        return (1, 1)
    more = (0, 0) if isinstance(p, str) else [2 * i for i in pair(p)]
    if p == "ceil":
        more = [far for _, far in overhang(k, s)]
    sides = zip(pair(k), pair(d), more, strict=True)
    return tuple(max(d * (k - 1) + 1 - more, 1) for k, d, more in sides)


def holds(x: Tensor, k: Pair, s: Pair, p: PoolPadding, *, d: Pair = 1) -> bool:
    """Whether x has room for one window, as far as its sizes are known."""
    return all(i is None or i >= j for i, j in zip(x.shape[1:3], least(k, s, p, d), strict=True))


def fits(k: Pair, p: PoolPadding) -> bool:
    """Whether a pool pads at most half of its window, so that each one reads a pixel."""
    return isinstance(p, str) or all(2 * j <= i for i, j in zip(pair(k), pair(p), strict=True))


@checked
def gavgpool(x: Map) -> Tensor:
    """Global mean.  x (N, H, W, C) -> (N, C)."""
    return layers.GlobalAveragePooling2D()(x)
