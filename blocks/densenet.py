"""Dense connectivity: every layer reads all layers before it.  DenseNet, arXiv:1608.06993."""

from keras import layers

from convbook.blocks.layers import BN, avgpool, conv
from convbook.blocks.recompute import recomputed


def dense_block(x, f=32, b=5, n=None, r=None, rate=0.0, recompute=False):
    """b times: x = [x, 3x3 f of x]; with n and r: [x, n relu 1x1 rf -> n relu 3x3 f of x].

    x (N, H, W, C) -> (N, H, W, C + b f); f is the growth rate.  arXiv:1608.06993, section 3 and
    Figure 1.  Without n a biased convolution and relu, the idea in its barest form; n=BN is the
    paper's pre-activated layer, r=4 its DenseNet-B, rate its dropout after each layer.
    recompute: training keeps only what convolutions return, so that memory grows with b and not
    with its square (arXiv:1707.06990); n must be batch norm.
    """
    if recompute:
        if not isinstance(n, dict) or {"groups", "axis", "renorm"} & n.keys():
            raise ValueError(f"n={n!r}: with recompute, n must be batch norm, such as BN")
        return recomputed(x, lambda x: dense_block(x, f, b, n, r, rate))
    pre = n is not None
    for _ in range(b):
        m = conv(x, r * f, k=1, n=n, pre=pre) if r else x
        m = conv(m, f, k=3, n=n, pre=pre)
        if rate:
            m = layers.Dropout(rate)(m)
        x = layers.concatenate([x, m])
    return x


def transition_block(x, r=2, n=BN, rate=0.0):
    """n relu 1x1 C/r -> 2x2/2 mean.

    x (N, H, W, C) -> (N, H/2, W/2, C/r); 1/r is the paper's compression theta: r=2 for DenseNet-C
    and BC, r=1 for none.  arXiv:1608.06993, section 3.  rate: dropout before the pool.
    """
    x = conv(x, x.shape[-1] // r, k=1, n=n, pre=True)
    if rate:
        x = layers.Dropout(rate)(x)
    return avgpool(x, k=2, s=2, p="valid")
