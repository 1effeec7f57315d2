"""Squeeze-and-excitation: every channel weighted by what the whole image shows."""

from keras import layers

from convbook.blocks.layers import BN, act, conv, dense, gavgpool


def se_block(x, f=None, r=16):
    """x * (global mean -> dense f/r relu -> dense f sigmoid).

    x (N, H, W, f) -> the same shape; f is read off x if not given.
    SENet, arXiv:1709.01507, Figures 1 and 2, equations 2 to 4; both layers have a bias, as in the
    authors' Caffe definition (their text writes none).
    """
    f = f or x.shape[-1]
    if not 1 <= r <= f:
        raise ValueError(f"r={r!r}: r must be a ratio from 1 to f={f}")
    m = gavgpool(x)
    m = dense(m, f // r)
    m = dense(m, f, a="sigmoid")
    return layers.multiply([x, m])


def senet_block(x, f, s=1, c=64, width=4, n=BN, se=16, gate=None):
    """1x1 c width/2 -> 3x3/s c width in c groups -> 1x1 f -> squeeze-and-excitation, + x, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  SENet-154, arXiv:1709.01507, appendix: a ResNeXt block
    whose first 1x1 is halved and whose projection is a 3x3/2 where the grid is halved, else a 1x1.
    gate: see resnet.basic_block.
    """

    def branch(x):
        m = conv(x, c * width // 2, k=1, n=n)
        m = conv(m, c * width, k=3, s=s, p=1, g=c, n=n)
        m = conv(m, f, k=1, n=n, a=None)
        return se_block(m, f, se) if se else m

    k = 1 if s == 1 else 3
    skip = conv(x, f, k=k, s=s, p=k // 2, n=n, a=None) if s != 1 or x.shape[-1] != f else x
    if gate:
        return gate(x, branch, shortcut=skip, a="relu")
    return act(layers.add([skip, branch(x)]), "relu")
