"""Modules of Inception v3.  Rethinking the Inception Architecture, arXiv:1512.00567.

The paper draws the modules and leaves their widths out; these are the authors' code (TF-slim).
"""

from keras import layers

from convbook.blocks.inception import parallel
from convbook.blocks.layers import BN_TF, avgpool, conv, gavgpool


def inception_v3_a(x, f=64, n=BN_TF, pool_p="same", gate=None):
    """[1x1 64, 1x1 48 -> 5x5 64, 1x1 64 -> 3x3 96 -> 3x3 96, mean -> 1x1 f], concatenated.

    x (N, H, W, C) -> (N, H, W, 224 + f); at 35x35, f = 32, 64, 64.  arXiv:1512.00567, Figure 5,
    which has two 3x3 in place of the code's 5x5.
    """
    small, large = [(1, 48), (5, 64)], [(1, 64), (3, 96), (3, 96)]
    return parallel(x, [(1, 64)], small, large, ["avg", (1, f)], n=n, pool_p=pool_p, gate=gate)


def inception_v3_reduction_a(x, n=BN_TF, p="valid"):
    """[3x3/2 384, 1x1 64 -> 3x3 96 -> 3x3/2 96, 3x3/2 max], concatenated.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, 480 + C).  arXiv:1512.00567, Figure 10.
    """
    return parallel(x, [(3, 384, 2)], [(1, 64), (3, 96), (3, 96, 2)], [("max", 2)], n=n, p=p)


def inception_v3_b(x, f=192, n=BN_TF, pool_p="same", gate=None):
    """[1x1 192, 1x1 f -> 1x7 f -> 7x1 192, 1x1 f -> 7x1, 1x7, 7x1 f -> 1x7 192, mean -> 1x1 192].

    x (N, H, W, C) -> (N, H, W, 768), the paths concatenated; at 17x17, f = 128, 160, 160, 192; a
    pair gives the long path's 1x1 its own.  arXiv:1512.00567, Figure 6, with n = 7.
    """
    f, g = f if isinstance(f, tuple) else (f, f)
    short = [(1, f), ((1, 7), f), ((7, 1), 192)]
    deep = [(1, g), ((7, 1), f), ((1, 7), f), ((7, 1), f), ((1, 7), 192)]
    return parallel(x, [(1, 192)], short, deep, ["avg", (1, 192)], n=n, pool_p=pool_p, gate=gate)


def inception_v3_reduction_b(x, n=BN_TF, p="valid"):
    """[1x1 192 -> 3x3/2 320, 1x1 192 -> 1x7 192 -> 7x1 192 -> 3x3/2 192, 3x3/2 max], concatenated.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, 512 + C).  Authors' code; not drawn in the paper.
    """
    tower = [(1, 192), ((1, 7), 192), ((7, 1), 192), (3, 192, 2)]
    return parallel(x, [(1, 192), (3, 320, 2)], tower, [("max", 2)], n=n, p=p)


def inception_v3_c(x, n=BN_TF, pool_p="same", gate=None):
    """[1x1 320, 1x1 384 -> split, 1x1 448 -> 3x3 384 -> split, mean -> 1x1 192], concatenated.

    A split is [1x3 384, 3x1 384].  x (N, H, W, C) -> (N, H, W, 2048), at 8x8.  arXiv:1512.00567,
    Figure 7.
    """
    split = [[((1, 3), 384)], [((3, 1), 384)]]
    paths = [(1, 320)], [(1, 384), split], [(1, 448), (3, 384), split], ["avg", (1, 192)]
    return parallel(x, *paths, n=n, pool_p=pool_p, gate=gate)


def aux_head_v3(x, classes=1000, f=(128, 768), k=5, n=BN_TF):
    """5x5/3 mean -> 1x1 128 -> 5x5 768, valid -> global mean -> dense classes.

    x (N, H, W, C) -> logits (N, classes), float32; classes=None: (N, 768), without the last layer.
    arXiv:1512.00567, section 4 and Figure 8: on the last 17x17 module, where the 5x5 leaves one
    position; left out in inference.  k=None takes in the whole map, as NASNet's code does.
    """
    x = avgpool(x, k=5, s=3, p="valid")
    x = conv(x, f[0], k=1, n=n)
    x = conv(x, f[1], k=k or x.shape[1:3], p="valid", n=n)
    x = gavgpool(x)
    return x if classes is None else layers.Dense(classes, dtype="float32")(x)
