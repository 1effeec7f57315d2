"""Squeeze-and-excitation: every channel weighted by what the whole image shows."""

from keras import layers

from blocks.layers import dense, gavgpool


def se_block(x, f=None, r=16):
    """x * (global mean -> dense f/r relu -> dense f sigmoid).

    x (N, H, W, f) -> the same shape; f is read off x if not given.
    SENet, arXiv:1709.01507, Figures 1 and 2, equations 2 to 4; both layers have a bias, as in the
    authors' Caffe definition (their text writes none).
    """
    f = f or x.shape[-1]
    m = gavgpool(x)
    m = dense(m, f // r)
    m = dense(m, f, a="sigmoid")
    return layers.multiply([x, m])
