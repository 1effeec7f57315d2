"""Depthwise separable and inverted residual blocks.  arXiv:1704.04861, arXiv:1801.04381."""

from keras import layers

from convbook.blocks.layers import BN_TF, conv, dwconv, sepconv


def mobilenet_block(x, f=32, s=1, p="same", n=BN_TF, a="relu"):
    """3x3/s depthwise n a -> 1x1 f n a: a separable convolution with a non-linearity between.

    x (N, H, W, C) -> (N, H/s, W/s, f).  MobileNet, arXiv:1704.04861, Figure 3, right.  TF-slim and
    Keras clip the relu at 6 (a='relu6'); the paper writes relu.
    """
    x = dwconv(x, k=3, s=s, p=p, n=n, a=a)
    return conv(x, f, k=1, n=n, a=a)


def inv_residual_block(x, f=32, r=4):
    """x + (1x1 rf relu -> separable 3x3 f, linear), with biases: the idea in its barest form.

    x (N, H, W, f) -> the same shape.  MobileNetV2, arXiv:1801.04381, Figure 3b; the paper's own,
    with batch norm and a non-linearity inside the separable convolution, is
    inverted_residual_block.
    """
    m = conv(x, f * r, k=1)
    m = sepconv(m, f, a="linear")
    return layers.add([m, x])


def inverted_residual_block(x, f, s=1, r=6, p="same", n=BN_TF, a="relu6", gate=None):
    """1x1 rC n a -> 3x3/s depthwise n a -> 1x1 f n, + x where the shape stays.

    x (N, H, W, C) -> (N, H/s, W/s, f).  MobileNetV2, arXiv:1801.04381, Table 1 and Figure 4d.
    r is the expansion t; with r=1 the first 1x1 is left out, as in the authors' code.  gate: see
    resnet.basic_block; it serves only blocks that have a shortcut.
    """
    c = x.shape[-1]

    def branch(x):
        m = conv(x, r * c, k=1, n=n, a=a) if r > 1 else x
        m = dwconv(m, k=3, s=s, p=p, n=n, a=a)
        return conv(m, f, k=1, n=n, a=None)

    if s != 1 or c != f:
        return branch(x)
    return gate(x, branch) if gate else layers.add([x, branch(x)])
