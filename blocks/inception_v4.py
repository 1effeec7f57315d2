"""Reductions and residual modules of Inception v4 and Inception-ResNet, arXiv:1602.07261."""

from keras import layers

from blocks.layers import BN_TF, act, conv, maxpool

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
    20; paths: a key of RESIDUAL_PATHS, or rows of (kernel, filters).  The last 1x1 has a bias and
    no norm, and scale is 0.17, 0.10, 0.20 for A, B, C, as in the authors' code (the paper: 0.1 to
    0.3); a=None leaves out the last relu, as the code's last C module.  gate: see
    resnet.basic_block.
    """

    def branch(x):
        ends = []
        for path in RESIDUAL_PATHS[paths] if isinstance(paths, str) else paths:
            m = x
            for k, f in path:
                m = conv(m, f, k=k, n=n)
            ends.append(m)
        m = conv(layers.concatenate(ends), x.shape[-1], k=1, a=None)
        return layers.Rescaling(scale)(m)

    return act(layers.add([x, gate(x, branch) if gate else branch(x)]), a)


def reduction_a(x, f=(192, 224, 256, 384), n=BN_TF, p="valid"):
    """[3x3/2 n, 1x1 k -> 3x3 l -> 3x3/2 m, 3x3/2 max], concatenated; f = (k, l, m, n) of Table 1.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, n + m + C).  arXiv:1602.07261, Figure 7 and Table 1:
    v4 (192, 224, 256, 384), Inception-ResNet v1 (192, 192, 256, 384), v2 (256, 256, 384, 384).
    """
    k, l, m, width = f
    a = conv(x, width, k=3, s=2, p=p, n=n)
    b = conv(conv(x, k, k=1, n=n), l, k=3, n=n)
    b = conv(b, m, k=3, s=2, p=p, n=n)
    return layers.concatenate([a, b, maxpool(x, k=3, s=2, p=p)])


def reduction_b(x, f=(192, 192, 256, 320), n=BN_TF, p="valid"):
    """[1x1 f1 -> 3x3/2 f2, 1x1 f3 -> 1x7 f3 -> 7x1 f4 -> 3x3/2 f4, 3x3/2 max], concatenated.

    x (N, H, W, C) -> (N, (H - 1)/2, (W - 1)/2, f2 + f4 + C).  Inception v4, arXiv:1602.07261,
    Figure 8.
    """
    a = conv(x, f[0], k=1, n=n)
    a = conv(a, f[1], k=3, s=2, p=p, n=n)
    b = conv(x, f[2], k=1, n=n)
    b = conv(b, f[2], k=(1, 7), n=n)
    b = conv(b, f[3], k=(7, 1), n=n)
    b = conv(b, f[3], k=3, s=2, p=p, n=n)
    return layers.concatenate([a, b, maxpool(x, k=3, s=2, p=p)])
