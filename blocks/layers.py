"""The vocabulary: helper layers from tensor to tensor, with one letter for each choice.

    x  input tensor (N, H, W, C)     a  activation after the layer, by name or function; None: none
    f  filters (output channels)     g  groups of a grouped convolution
    k  kernel height and width       n  normalisation: None, or keywords of Keras' layer (see BN)
    s  stride                        r  ratio of a reduction or an expansion
    p  padding                       c  cardinality: number of parallel paths
    d  dilation rate                 b  depth: number of layers in a block

k, s and d are an int or a pair (rows, columns).  p is 'same' (TensorFlow's: the odd row goes to
the far side, and pools never count it), 'valid', or an int or a pair: so many rows and columns on
each side, as Caffe and Torch pad.  Everything is channels-last.
"""

import keras
from keras import layers, ops

from blocks.grouped import GroupedConv2D

# n= takes the keywords of keras.layers.BatchNormalization or, if `groups` is among them, of
# GroupNormalization.  Keras' momentum is 1 - Torch's.
BN = {"momentum": 0.9, "epsilon": 1e-5}  # Caffe and Torch nets: ResNet and its descendants
BN_TF = {"momentum": 0.9997, "epsilon": 1e-3}  # TF-slim nets: Inception, NASNet, MobileNet
GN = {"groups": 32}  # Group Normalization, arXiv:1803.08494


def pair(v):
    """v as (rows, columns); a single value stands for both."""
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)


def check(x, f=1, k=1, s=1, p="same", d=1, a=None, g=1):
    """Raises ValueError if a letter is bad: names it, its value and what would be right."""

    def whole(v, least=1):
        return hasattr(v, "__index__") and v >= least

    def wholes(v, least=1):
        return len(pair(v)) == 2 and all(whole(i, least) for i in pair(v))

    order, c = keras.config.image_data_format(), x.shape[-1]
    groups = whole(f) and whole(g) and c and f % g == 0 == c % g
    known = a is None or callable(a) or (isinstance(a, str) and hasattr(keras.activations, a))
    padding = p in ("same", "valid", "ceil") if isinstance(p, str) else wholes(p, 0)
    for letter, value, good, right in (
        ("image_data_format", order, order == "channels_last", "'channels_last'"),
        ("x", tuple(x.shape), len(x.shape) == 4 and c, "a 4D tensor (N, H, W, C) with known C"),
        ("f", f, whole(f), "a whole number of at least 1"),
        ("k", k, wholes(k), "a whole number of at least 1, or a pair of them"),
        ("s", s, wholes(s), "a whole number of at least 1, or a pair of them"),
        ("p", p, padding, "'same', 'valid' ('ceil' for pools), a whole number or a pair of them"),
        ("d", d, wholes(d), "a whole number of at least 1, or a pair of them"),
        ("a", a, known, "None, a function, or the name of a Keras activation such as 'relu'"),
        ("g", g, groups, f"a divisor of f={f} and of C={c}"),
    ):
        if not good:
            raise ValueError(f"{letter}={value!r}: {letter} must be {right}")


def pad(x, p, value=0.0):
    """x (N, H, W, C) with p rows and columns of value on each side; or p as ((t, b), (l, r))."""
    sides = [pair(side) for side in pair(p)]
    if value == 0:
        return layers.ZeroPadding2D(sides)(x)
    return ops.pad(x, [(0, 0), *sides, (0, 0)], constant_values=value)


def as_same(k, s, p, d=1):
    """'same' where p rows and columns on each side are what 'same' means: s = 1, 2p = d(k - 1)."""
    if isinstance(p, str):
        return p
    same = zip(pair(k), pair(s), pair(p), pair(d), strict=True)
    return "same" if all(s == 1 and 2 * p == d * (k - 1) for k, s, p, d in same) else p


def overhang(k, s):
    """How far the last window of a pool may reach over the far sides, to begin inside."""
    return [(0, min(i, j) - 1) for i, j in zip(pair(k), pair(s), strict=True)]


def act(x, a):
    """The activation a, by name or function; None and 'linear' do nothing."""
    return x if a in (None, "linear") else layers.Activation(a)(x)


def norm(x, n=BN):
    """The normalisation n over channels: batch norm, or group norm if n has `groups`; or None."""
    if n is None:
        return x
    if not isinstance(n, dict):
        raise ValueError(f"n={n!r}: n must be None or keywords of a normalisation, such as BN")
    if "groups" in n:
        return layers.GroupNormalization(**n)(x)
    return layers.BatchNormalization(**n)(x)


def conv(x, f, k=3, s=1, p="same", d=1, a="relu", *, g=1, n=None, bias=None, pre=False, init=None):
    """kxk/s f -> n -> a.

    x (N, H, W, C) -> (N, H/s, W/s, f).
    g: groups of channels that do not see each other.
    bias: by default only where there is no n.
    pre=True: n -> a -> kxk/s f.
    init: the kernel's, by default He's variance (arXiv:1502.01852) beside an n, else Glorot's,
          drawn evenly, as a truncated normal takes five times as long, half of a network's build.
    """
    check(x, f, k, s, p, d, a, g)
    bias = n is None if bias is None else bias
    init = init or ("glorot_uniform" if n is None else "he_uniform")
    if pre:
        return conv(act(norm(x, n), a), f, k, s, p, d, None, g=g, bias=bias, init=init)
    p = as_same(k, s, p, d)
    if not isinstance(p, str):
        x, p = pad(x, p), "valid"
    fused = a if n is None else None
    letters = dict(dilation_rate=d, activation=fused, use_bias=bias, kernel_initializer=init)
    if g > 1:
        x = GroupedConv2D(f, k, s, p, groups=g, **letters)(x)
    else:
        x = layers.Conv2D(f, k, s, p, **letters)(x)
    return x if n is None else act(norm(x, n), a)


def sepconv(x, f, k=3, s=1, p="same", d=1, a="relu", *, n=None, bias=None, pre=False,
            multiplier=1, init=None):  # fmt: skip
    """kxk/s depthwise -> 1x1 f -> n -> a, nothing between the two.

    x (N, H, W, C) -> (N, H/s, W/s, f).  Xception, arXiv:1610.02357, section 3.1.
    bias: of the 1x1, by default only where there is no n.
    pre=True: n -> a -> both.
    multiplier: depthwise kernels for each channel.
    init: of both kernels, by default as for conv.
    """
    check(x, f, k, s, p, d, a)
    bias = n is None if bias is None else bias
    init = init or ("glorot_uniform" if n is None else "he_uniform")
    if pre:
        letters = dict(bias=bias, multiplier=multiplier, init=init)
        return sepconv(act(norm(x, n), a), f, k, s, p, d, None, **letters)
    p = as_same(k, s, p, d)
    if not isinstance(p, str):
        x, p = pad(x, p), "valid"
    fused = a if n is None else None
    letters = dict(dilation_rate=d, activation=fused, use_bias=bias)
    letters |= dict(depthwise_initializer=init, pointwise_initializer=init)
    x = layers.SeparableConv2D(f, k, s, p, depth_multiplier=multiplier, **letters)(x)
    return x if n is None else act(norm(x, n), a)


def dwconv(x, k=3, s=1, p="same", d=1, a="relu", *, n=None, bias=None, multiplier=1, init=None):
    """kxk/s depthwise -> n -> a: each channel has its own kernel.

    x (N, H, W, C) -> (N, H/s, W/s, C).  MobileNet, arXiv:1704.04861, section 3.1.
    bias: by default only where there is no n.
    multiplier: kernels for each channel, which make as many channels of it.
    init: as for conv.
    """
    check(x, k=k, s=s, p=p, d=d, a=a)
    bias = n is None if bias is None else bias
    init = init or ("glorot_uniform" if n is None else "he_uniform")
    p = as_same(k, s, p, d)
    if not isinstance(p, str):
        x, p = pad(x, p), "valid"
    fused = a if n is None else None
    letters = dict(dilation_rate=d, activation=fused, use_bias=bias, depthwise_initializer=init)
    x = layers.DepthwiseConv2D(k, s, p, depth_multiplier=multiplier, **letters)(x)
    return x if n is None else act(norm(x, n), a)


def dense(x, f, a="relu", *, bias=True, init="glorot_uniform"):
    """Fully connected f -> a.  x (N, C) -> (N, f); more dimensions stay as they are."""
    return layers.Dense(f, activation=a, use_bias=bias, kernel_initializer=init)(x)


def maxpool(x, k=2, s=2, p="same"):
    """kxk/s max.  x (N, H, W, C) -> (N, H/s, W/s, C).  An int p pads with -inf, as Torch does;
    p='ceil' pads the far side, so that the last window may overhang, as Caffe does."""
    check(x, k=k, s=s, p=p)
    p = as_same(k, s, p)
    if p == "ceil":
        x, p = pad(x, overhang(k, s), -float("inf")), "valid"
    elif not isinstance(p, str):
        x, p = pad(x, p, -float("inf")), "valid"
    return layers.MaxPooling2D(k, s, p)(x)


def avgpool(x, k=2, s=2, p="same"):
    """kxk/s mean.  x (N, H, W, C) -> (N, H/s, W/s, C).  An int p pads with zeros that count, as
    Torch does; 'same' and 'ceil' (see maxpool) never count what they pad."""
    check(x, k=k, s=s, p=p)
    if p == "ceil":
        far = overhang(k, s)
        inside = avgpool(pad(ops.ones_like(x[..., :1]), far), k, s, "valid")
        return avgpool(pad(x, far), k, s, "valid") / inside
    if not isinstance(p, str):
        x, p = pad(x, p), "valid"
    return layers.AveragePooling2D(k, s, p)(x)


def gavgpool(x):
    """Global mean.  x (N, H, W, C) -> (N, C)."""
    check(x)
    return layers.GlobalAveragePooling2D()(x)
