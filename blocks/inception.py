"""Parallel kernels of several sizes.  Inception v1 to v3: arXiv:1409.4842, 1512.00567."""

from keras import layers

from blocks.layers import avgpool, check, conv, dense, maxpool
from blocks.se import se_block


def naive_inception_module(x, f=32):
    """[1x1 f, 3x3 f, 5x5 f, 3x3/1 max], concatenated.

    x (N, H, W, C) -> (N, H, W, 3f + C).  GoogLeNet, arXiv:1409.4842, Figure 2a.
    """
    a = conv(x, f, k=1)
    b = conv(x, f, k=3)
    c = conv(x, f, k=5)
    d = maxpool(x, k=3, s=1)
    return layers.concatenate([a, b, c, d])


def inception_module(x, f=32, r=4, n=None, se=None):
    """[1x1 f, 1x1 f/3 -> 3x3 f, 1x1 f/r -> 5x5 f, 3x3/1 max -> 1x1 f], concatenated.

    x (N, H, W, C) -> (N, H, W, sum of the widths).  GoogLeNet, arXiv:1409.4842, Figure 2b.  f may
    be a row of its Table 1: (#1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj).  se: the ratio
    of a squeeze-and-excitation after it (SE-Inception, arXiv:1709.01507, Figure 2).
    """
    f1, r3, f3, r5, f5, fp = f if isinstance(f, (tuple, list)) else (f, f // 3, f, f // r, f, f)
    a = conv(x, f1, k=1, n=n)
    b = conv(x, r3, k=1, n=n)
    b = conv(b, f3, k=3, n=n)
    c = conv(x, r5, k=1, n=n)
    c = conv(c, f5, k=5, n=n)
    d = maxpool(x, k=3, s=1)
    d = conv(d, fp, k=1, n=n)
    x = layers.concatenate([a, b, c, d])
    return se_block(x, r=se) if se else x


def aux_head(x, classes=1000, f=128, units=1024, rate=0.7):
    """5x5/3 mean -> 1x1 f -> dense units -> dropout -> dense classes: logits for an extra loss.

    x (N, H, W, C), sizes known -> (N, classes), float32.  GoogLeNet, arXiv:1409.4842, section 5:
    after modules 4a and 4d, where H = W = 14; its loss counts 0.3; left out in inference.
    """
    if None in x.shape[1:]:
        raise ValueError(f"x={tuple(x.shape)!r}: x must have known H and W: dense layers read it")
    x = avgpool(x, k=5, s=3, p="valid")
    x = conv(x, f, k=1)
    x = dense(layers.Flatten()(x), units)
    x = layers.Dropout(rate)(x)
    return layers.Dense(classes, dtype="float32")(x)


def grid_reduction(x, f=None, k=3, n=None, p="same"):
    """[kxk/2 f, 3x3/2 max], concatenated: half the grid, more channels, no bottleneck.

    x (N, H, W, C) -> (N, H/2, W/2, f + C); f is C if not given.  Inception v3, arXiv:1512.00567,
    section 5 and Figure 10, right.
    """
    check(x, k=k, p=p)
    return layers.concatenate([conv(x, f or x.shape[-1], k=k, s=2, p=p, n=n), maxpool(x, 3, 2, p)])
