"""Residual blocks, post-activation.  Deep Residual Learning, arXiv:1512.03385."""

from keras import layers, ops

from convbook.blocks.layers import BN, act, avgpool, conv
from convbook.blocks.se import se_block


def bottleneck(x, f=32, r=4):
    """1x1 f/r -> 3x3 f/r -> 1x1 f, each with bias and relu: the 3x3 works on fewer channels.

    x (N, H, W, C) -> (N, H, W, f).  arXiv:1512.03385, Figure 5, right, without its shortcut; the
    paper's own, with batch norm, is bottleneck_block.
    """
    x = conv(x, f // r, k=1)
    x = conv(x, f // r, k=3)
    return conv(x, f, k=1)


def residual_block(x, f=32, r=4):
    """x + (1x1 f/r -> 3x3 f/r -> 1x1 f), each with bias and relu: the idea in its barest form.

    x (N, H, W, f) -> the same shape.  arXiv:1512.03385, Figures 2 and 5; the paper's own block,
    with batch norm and the relu after the addition, is bottleneck_block.
    """
    m = bottleneck(x, f, r)
    return layers.add([x, m])


def shortcut_path(x, f, s=1, n=BN, shortcut="B", bias=None):
    """x itself, or what stands in for it where the shape changes to (N, H/s, W/s, f).

    'A': every s-th pixel, padded with zero channels; 'B': 1x1/s projection where the shape
    changes; 'C': projection everywhere.  arXiv:1512.03385, sections 3.3 and 4.1, Table 3.
    """
    if shortcut not in ("A", "B", "C"):
        raise ValueError(f"shortcut={shortcut!r}: shortcut must be 'A', 'B', 'C' or, plain, None")
    if shortcut == "C" or (shortcut == "B" and (s != 1 or x.shape[-1] != f)):
        return conv(x, f, k=1, s=s, n=n, a=None, bias=bias)
    if s != 1:
        x = avgpool(x, k=1, s=s, p="valid")
    if x.shape[-1] > f:
        raise ValueError(f"f={f!r}: f must be at least C={x.shape[-1]} for shortcut 'A'")
    if x.shape[-1] != f:
        x = ops.pad(x, [(0, 0), (0, 0), (0, 0), (0, f - x.shape[-1])])
    return x


def join(x, branch, f, s, n, shortcut, bias=None, gate=None, a="relu"):
    """a(shortcut(x) + branch(x)), or what gate(x, branch, shortcut=shortcut(x), a=a) makes."""
    if gate:
        return gate(x, branch, shortcut=shortcut_path(x, f, s, n, shortcut, bias), a=a)
    m = branch(x)
    if shortcut is not None:
        m = layers.add([shortcut_path(x, f, s, n, shortcut, bias), m])
    return act(m, a)


def basic_block(x, f, s=1, n=BN, shortcut="B", bias=None, se=None, gate=None):
    """3x3/s f -> 3x3 f, + shortcut, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1512.03385, Figure 5, left.  shortcut: see
    shortcut_path; None is the plain net.  se: the ratio of a squeeze-and-excitation before the
    addition; gate(x, branch, shortcut=tensor, a="relu") stands for sum and relu, such as
    stochastic_depth.
    """

    def branch(x):
        m = conv(x, f, k=3, s=s, p=1, n=n, bias=bias)
        m = conv(m, f, k=3, p=1, n=n, bias=bias, a=None)
        return se_block(m, f, se) if se else m

    return join(x, branch, f, s, n, shortcut, bias, gate)


def stride_of(s, stride_on):
    """The strides of the first 1x1 and of the 3x3 of a bottleneck with stride s."""
    if stride_on not in ("1x1", "3x3"):
        raise ValueError(f"stride_on={stride_on!r}: stride_on must be '1x1' or '3x3'")
    return (s, 1) if stride_on == "1x1" else (1, s)


def bottleneck_block(
    x, f, s=1, r=4, n=BN, shortcut="B", stride_on="1x1", bias=None, se=None, gate=None
):
    """1x1 f/r -> 3x3 f/r -> 1x1 f, + shortcut, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1512.03385, Figure 5, right.  The stride is in the
    first 1x1, as in the paper and its Caffe nets; Torch has it in the 3x3 ("v1.5"):
    stride_on='3x3'.  shortcut, se, gate: see basic_block.
    """
    s1, s3 = stride_of(s, stride_on)

    def branch(x):
        m = conv(x, f // r, k=1, s=s1, n=n, bias=bias)
        m = conv(m, f // r, k=3, s=s3, p=1, n=n, bias=bias)
        m = conv(m, f, k=1, n=n, bias=bias, a=None)
        return se_block(m, f, se) if se else m

    return join(x, branch, f, s, n, shortcut, bias, gate)
