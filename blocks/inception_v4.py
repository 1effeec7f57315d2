"""Reductions and residual modules of Inception v4 and Inception-ResNet, arXiv:1602.07261."""

from keras import layers

from convbook.blocks.inception import parallel
from convbook.blocks.layers import BN_TF, act, conv

# The paths of the residual modules, (kernel, filters) a convolution; Figures 10, 11 and 13 (v1)
# and 16, 17 and 19 (v2).
RESIDUAL_PATHS = {
    "v1 A": [[(1, 32)], [(1, 32), (3, 32)], [(1, 32), (3, 32), (3, 32)]],
    "v1 B": [[(1, 128)], [(1, 128), ((1, 7), 128), ((7, 1), 128)]],
    "v1 C": [[(1, 192)], [(1, 192), ((1, 3), 192), ((3, 1), 192)]],
    "v2 A": [[(1, 32)], [(1, 32), (3, 32)], [(1, 32), (3, 48), (3, 64)]],
    "v2 B": [[(1, 192)], [(1, 128), ((1, 7), 160), ((7, 1), 192)]],
    "v2 C": [[(1, 192)], [(1, 192), ((1, 3), 224), ((3, 1), 256)]],
}


def inception_resnet_block(x, paths="v2 A", scale=0.17, n=BN_TF, a="relu", gate=None):
    """x + scale * (several paths of convolutions, concatenated -> 1x1 C linear), relu.

    x (N, H, W, C) -> the same shape.  Inception-ResNet, arXiv:1602.07261, section 3.3 and Figure
    20; paths: a key of RESIDUAL_PATHS, or paths as parallel takes them.  The last 1x1 has a bias
    and no norm, and scale is 0.17, 0.10, 0.20 for A, B, C, as in the authors' code (the paper: 0.1
    to 0.3); a=None leaves out the last relu, as the code's last C module.  gate: see
    resnet.basic_block.
    """

    def branch(x):
        m = parallel(x, *RESIDUAL_PATHS[paths] if isinstance(paths, str) else paths, n=n)
        m = conv(m, x.shape[-1], k=1, a=None)
        return layers.Rescaling(scale)(m)

    return gate(x, branch, a=a) if gate else act(layers.add([x, branch(x)]), a)


def inception_v4_stem(x, n=BN_TF, p="valid"):
    """3x3/2 32 -> 3x3 32 -> 3x3 64, then three times two paths, concatenated.

    x (N, 299, 299, 3) -> (N, 35, 35, 384).  Inception v4, arXiv:1602.07261, Figure 3; p='same'
    keeps the sizes of small images up.
    """
    x = conv(conv(x, 32, k=3, s=2, p=p, n=n), 32, k=3, p=p, n=n)
    x = conv(x, 64, k=3, n=n)
    x = parallel(x, [("max", 2)], [(3, 96, 2)], n=n, p=p)
    a, b = conv(x, 64, k=1, n=n), parallel(x, [(1, 64), ((1, 7), 64), ((7, 1), 64)], n=n)
    x = layers.concatenate([conv(m, 96, k=3, p=p, n=n) for m in (a, b)])
    return parallel(x, [(3, 192, 2)], [("max", 2)], n=n, p=p)


def inception_v4_a(x, n=BN_TF, pool_p="same", gate=None):
    """[1x1 96, 1x1 64 -> 3x3 96, 1x1 64 -> 3x3 96 -> 3x3 96, mean -> 1x1 96], concatenated.

    x (N, H, W, C) -> (N, H, W, 384), at 35x35.  Inception v4, arXiv:1602.07261, Figure 4.
    """
    paths = [(1, 96)], [(1, 64), (3, 96)], [(1, 64), (3, 96), (3, 96)], ["avg", (1, 96)]
    return parallel(x, *paths, n=n, pool_p=pool_p, gate=gate)


def inception_v4_b(x, n=BN_TF, pool_p="same", gate=None):
    """[1x1 384, 1x1 192 -> 1x7 224 -> 7x1 256, 1x1 and twice 7x1, 1x7, mean -> 1x1 128].

    x (N, H, W, C) -> (N, H, W, 1024), concatenated, at 17x17.  arXiv:1602.07261, Figure 5; the long
    path is 1x1 192 -> 7x1 192 -> 1x7 224 -> 7x1 224 -> 1x7 256 (the authors' code).
    """
    short = [(1, 192), ((1, 7), 224), ((7, 1), 256)]
    deep = [(1, 192), ((7, 1), 192), ((1, 7), 224), ((7, 1), 224), ((1, 7), 256)]
    return parallel(x, [(1, 384)], short, deep, ["avg", (1, 128)], n=n, pool_p=pool_p, gate=gate)


def inception_v4_c(x, n=BN_TF, pool_p="same", gate=None):
    """[1x1 256, 1x1 384 -> split, 1x1 384 -> 3x1 448 -> 1x3 512 -> split, mean -> 1x1 256].

    A split is [1x3 256, 3x1 256]; x (N, H, W, C) -> (N, H, W, 1536), all concatenated, at 8x8.
    Inception v4, arXiv:1602.07261, Figure 6, in the order of the authors' code.
    """
    split = [[((1, 3), 256)], [((3, 1), 256)]]
    deep = [(1, 384), ((3, 1), 448), ((1, 3), 512), split]
    paths = [(1, 256)], [(1, 384), split], deep, ["avg", (1, 256)]
    return parallel(x, *paths, n=n, pool_p=pool_p, gate=gate)


def reduction_a(x, f=(192, 224, 256, 384), n=BN_TF, p="valid"):
    """[3x3/2 n, 1x1 k -> 3x3 l -> 3x3/2 m, 3x3/2 max], concatenated; f = (k, l, m, n) of Table 1.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, n + m + C).  arXiv:1602.07261, Figure 7 and Table 1:
    v4 (192, 224, 256, 384), Inception-ResNet v1 (192, 192, 256, 384), v2 (256, 256, 384, 384).
    """
    tower = [(1, f[0]), (3, f[1]), (3, f[2], 2)]
    return parallel(x, [(3, f[3], 2)], tower, [("max", 2)], n=n, p=p)


def reduction_b(x, f=(192, 192, 256, 320), n=BN_TF, p="valid"):
    """[1x1 f1 -> 3x3/2 f2, 1x1 f3 -> 1x7 f3 -> 7x1 f4 -> 3x3/2 f4, 3x3/2 max], concatenated.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, f2 + f4 + C).  Inception v4, arXiv:1602.07261,
    Figure 8.
    """
    tower = [(1, f[2]), ((1, 7), f[2]), ((7, 1), f[3]), (3, f[3], 2)]
    return parallel(x, [(1, f[0]), (3, f[1], 2)], tower, [("max", 2)], n=n, p=p)


def inception_resnet_reduction_b(x, f=(256, 288, 320), n=BN_TF, p="valid"):
    """[1x1 256 -> 3x3/2 384, 1x1 256 -> 3x3/2 f2, 1x1 256 -> 3x3 f2 -> 3x3/2 f3, 3x3/2 max].

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, 384 + f2 + f3 + C), concatenated; f = (f1, f2, f3).
    arXiv:1602.07261, Figures 12 (v1: 256, 256, 256) and 18 (v2).
    """
    short, deep = [(1, f[0]), (3, f[1], 2)], [(1, f[0]), (3, f[1]), (3, f[2], 2)]
    paths = [(1, f[0]), (3, 384, 2)], short, deep, [("max", 2)]
    return parallel(x, *paths, n=n, p=p)
