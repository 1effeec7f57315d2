"""Variants of one convolution: what stands in place of a large dense kernel."""

from keras import layers

from convbook.blocks.layers import conv, dwconv


def small_kernels(x, f=32, k=5, n=None):
    """(k - 1)/2 times 3x3 f: the receptive field of one kxk, fewer weights, more relus.

    x (N, H, W, C) -> (N, H, W, f); k odd.  VGG, arXiv:1409.1556, section 2.3; two 3x3 have 72 % of
    the weights of a 5x5.
    """
    if k < 3 or k % 2 == 0:
        raise ValueError(f"k={k!r}: k must be an odd whole number of at least 3")
    for _ in range((k - 1) // 2):
        x = conv(x, f, k=3, n=n)
    return x


def asymmetric_pair(x, f=32, k=7, n=None):
    """1xk f -> kx1 f: 2/k of the weights of a kxk.

    x (N, H, W, C) -> (N, H, W, f).  Inception v3, arXiv:1512.00567, section 3.2 and Figure 3.
    """
    return conv(conv(x, f, k=(1, k), n=n), f, k=(k, 1), n=n)


def multi_size(x, f=32, k=(1, 3, 5), n=None):
    """One kxk f for each k, concatenated: several scales in one layer.

    x (N, H, W, C) -> (N, H, W, len(k) f).  GoogLeNet, arXiv:1409.4842, section 4.
    """
    return layers.concatenate([conv(x, f, k=size, n=n) for size in k])


def spatial_sepconv(x, k=3, s=1, a="relu"):
    """kx1 depthwise -> 1xk depthwise, linear between: per channel the outer product of two vectors.

    x (N, H, W, C) -> (N, H/s, W/s, C); 2k weights a channel in place of k*k.  The Sobel kernels
    are of this kind; a kernel is if and only if its rank is 1.
    """
    x = dwconv(x, k=(k, 1), s=s, a=None, bias=False)
    return dwconv(x, k=(1, k), a=a)


def grouped_sepconv(x, f=32, k=3, g=4, n=None):
    """kxk depthwise n relu -> 1x1 f in g groups: every group is a separable convolution.

    x (N, H, W, C) -> (N, H, W, f).  Without a channel shuffle the groups never meet; see
    shufflenet_unit (arXiv:1707.01083).
    """
    return conv(dwconv(x, k=k, n=n), f, k=1, g=g, n=n)


def dilated_stack(x, f=32, d=(1, 2, 5), n=None):
    """3x3 f at each dilation rate d in turn: a wide view without a pool.

    x (N, H, W, C) -> (N, H, W, f); receptive field 1 + 2 sum(d).  Hybrid dilated convolution,
    arXiv:1702.08502, section 3.2: rates with a common divisor, such as (2, 2, 2), leave holes in
    the view (the gridding effect), (1, 2, 5) leave none.
    """
    for rate in d:
        x = conv(x, f, k=3, d=rate, n=n)
    return x


def maxout(x, f=32, c=2, k=3):
    """The largest of c linear kxk f: a learned piecewise linear activation.

    x (N, H, W, C) -> (N, H, W, f).  Maxout Networks, arXiv:1302.4389, section 3.
    """
    m = conv(x, f * c, k=k, a=None)
    return layers.maximum([m[..., i * f : (i + 1) * f] for i in range(c)]) if c > 1 else m


def dense_as_conv(x, f, k=7, a="relu", weights=None):
    """kxk f, valid: the fully connected layer that reads a flattened kxk map, slid over a larger.

    x (N, H, W, C) -> (N, H - k + 1, W - k + 1, f).  weights: those of the Dense layer
    (get_weights()), kernel (k k C, f), to give the equal convolution.  OverFeat, arXiv:1312.6229,
    section 3.5; VGG's dense evaluation, arXiv:1409.1556, section 3.2.
    """
    layer = layers.Conv2D(f, k, padding="valid", activation=a)
    y = layer(x)
    if weights is not None:
        kernel, *bias = weights
        layer.set_weights([kernel.reshape(layer.kernel.shape), *bias])
    return y
