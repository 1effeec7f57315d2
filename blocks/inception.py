"""Parallel kernels of several sizes.  GoogLeNet, arXiv:1409.4842; BN-Inception, 1502.03167."""

from keras import layers

from convbook.blocks.layers import BN, BN_TF, avgpool, check, conv, dense, maxpool
from convbook.blocks.se import se_block


def parallel(x, *paths, n=BN_TF, p="valid", pool_p="same", max_p=None, bias=None, gate=None):
    """Every path a chain of convolutions and pools of x; their ends concatenated.

    x (N, H, W, C) -> (N, H/s, W/s, sum of the ends).  A step is (k, f) or (k, f, s), a convolution;
    'avg' or 'max', a 3x3/1 pool; ('max', s); or a list of paths, into which the chain splits.  What
    has a stride pads as p says (a max pool as max_p, if given), the mean pool as pool_p, all else
    'same'.  gate(m), such as drop_path, acts on each end.
    """
    ends = []
    for path in paths:
        m = x
        for step in path:
            if isinstance(step, list):
                m = parallel(m, *step, n=n, p=p, bias=bias)
            elif step == "avg":
                m = avgpool(m, k=3, s=1, p=pool_p)
            elif step == "max" or step[0] == "max":
                m = maxpool(m, k=3, s=1) if step == "max" else maxpool(m, 3, step[1], max_p or p)
            else:
                k, f, s = (*step, 1)[:3]
                m = conv(m, f, k=k, s=s, p=p if s > 1 else "same", n=n, bias=bias)
        ends.append(gate(m) if gate else m)
    return layers.concatenate(ends) if len(ends) > 1 else ends[0]


def naive_inception_module(x, f=32):
    """[1x1 f, 3x3 f, 5x5 f, 3x3/1 max], concatenated.

    x (N, H, W, C) -> (N, H, W, 3f + C).  GoogLeNet, arXiv:1409.4842, Figure 2a.
    """
    a = conv(x, f, k=1)
    b = conv(x, f, k=3)
    c = conv(x, f, k=5)
    d = maxpool(x, k=3, s=1)
    return layers.concatenate([a, b, c, d])


def inception_module(x, f=32, r=4, n=None, se=None, k=5, gate=None):
    """[1x1 f, 1x1 f/3 -> 3x3 f, 1x1 f/r -> 5x5 f, 3x3/1 max -> 1x1 f], concatenated.

    x (N, H, W, C) -> (N, H, W, sum of the widths).  GoogLeNet, arXiv:1409.4842, Figure 2b.  f may
    be a row of its Table 1: (#1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj).  k: the large
    kernel, 3 in torchvision's net.  se: the ratio of a squeeze-and-excitation behind
    (arXiv:1709.01507, Figure 2).  gate: see parallel.
    """
    f1, r3, f3, r5, f5, fp = f if isinstance(f, (tuple, list)) else (f, f // 3, f, f // r, f, f)
    a = conv(x, f1, k=1, n=n)
    b = conv(x, r3, k=1, n=n)
    b = conv(b, f3, k=3, n=n)
    c = conv(x, r5, k=1, n=n)
    c = conv(c, f5, k=k, n=n)
    d = maxpool(x, k=3, s=1)
    d = conv(d, fp, k=1, n=n)
    x = layers.concatenate([gate(m) if gate else m for m in (a, b, c, d)])
    return se_block(x, r=se) if se else x


def bn_inception_module(
    x, f, pool="avg", s=1, n=BN, p="same", pool_p="same", max_p=None, bias=None, se=None, gate=None
):
    """[1x1 f1, 1x1 -> 3x3/s f3, 1x1 -> 3x3 -> 3x3/s fd, pool -> 1x1 fp], concatenated.

    x (N, H, W, C) -> (N, H/s, W/s, sum of the widths).  BN-Inception, arXiv:1502.03167, Figure 5;
    f is a row: (#1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pool proj), where 0
    leaves a convolution out; pool is 'avg' or 'max'; s=2 in 3c and 4e.  se, gate: see
    inception_module.
    """
    f1, r3, f3, rd, fd, fp = f
    paths = [[(1, f1)]] if f1 else []
    paths += [(1, r3), (3, f3, s)], [(1, rd), (3, fd), (3, fd, s)]
    paths += [[(pool, s) if s > 1 else pool, *([(1, fp)] if fp else [])]]
    x = parallel(x, *paths, n=n, p=p, pool_p=pool_p, max_p=max_p, bias=bias, gate=gate)
    return se_block(x, r=se) if se else x


def aux_head(x, classes=1000, f=128, units=1024, rate=0.7, n=None):
    """5x5/3 mean -> 1x1 f -> dense units -> dropout -> dense classes: logits for an extra loss.

    x (N, H, W, C), sizes known -> (N, classes), float32; classes=None: (N, units), without the
    last layer.  GoogLeNet, arXiv:1409.4842, section 5: after modules 4a and 4d, where H = W = 14;
    its loss counts 0.3; left out in inference.
    """
    if None in x.shape[1:]:
        raise ValueError(f"x={tuple(x.shape)!r}: x must have known H and W: dense layers read it")
    x = avgpool(x, k=5, s=3, p="valid")
    x = conv(x, f, k=1, n=n)
    x = dense(layers.Flatten()(x), units)
    x = layers.Dropout(rate)(x)
    return x if classes is None else layers.Dense(classes, dtype="float32")(x)


def grid_reduction(x, f=None, k=3, n=None, p="same"):
    """[kxk/2 f, 3x3/2 max], concatenated: half the grid, more channels, no bottleneck.

    x (N, H, W, C) -> (N, H/2, W/2, f + C); f is C if not given.  Inception v3, arXiv:1512.00567,
    section 5 and Figure 10, right.
    """
    check(x, k=k, p=p)
    return layers.concatenate([conv(x, f or x.shape[-1], k=k, s=2, p=p, n=n), maxpool(x, 3, 2, p)])
