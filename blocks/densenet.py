"""Dense connectivity: every layer reads all layers before it.  DenseNet, arXiv:1608.06993."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, avgpool, conv
from convbook.blocks.recompute import recomputed
from convbook.blocks.types import Map, Norm, Rate, Tensor, Whole


@checked
def dense_block(x: Map, f: Whole = 32, b: Whole = 5, *, n: Norm = None, r: Whole | None = None,
                rate: Rate = 0.0, recompute: bool = False) -> Tensor:  # fmt: skip
    """b times: x = [x, 3x3 f of x]; with n, [x, n relu 3x3 f of x].

    x (N, H, W, C) -> (N, H, W, C + b f); f is the growth rate.  arXiv:1608.06993, section 3 and
    Figure 1.  Without n each layer is a convolution with bias and relu, the idea in its simplest
    form; n=BN gives the paper's pre-activation layer.

    Args:
        r: DenseNet-B's expansion, 4 in the paper: n relu 1x1 rf before each 3x3.
        rate: the paper's dropout after each layer.
        recompute: training keeps only the outputs of convolutions, so memory grows with b, not with
            its square (arXiv:1707.06990); n must be batch norm.
    """
    if recompute:
        batch_norm = n is not None and not {"groups", "axis", "renorm"} & n.keys()
        require(batch_norm, n=n, right="batch norm, such as BN, if recompute=True")
        return recomputed(x, lambda x: dense_block(x, f, b, n=n, r=r, rate=rate))
    pre = n is not None
    for _ in range(b):
        m = conv(x, r * f, k=1, n=n, pre=pre) if r else x
        m = conv(m, f, k=3, n=n, pre=pre)
        m = layers.Dropout(rate)(m) if rate else m
        x = layers.concatenate([x, m])
    return x


@checked
def transition_block(x: Map, *, r: Whole = 2, n: Norm = BN, rate: Rate = 0.0) -> Tensor:
    """n relu 1x1 C/r -> 2x2/2 mean: r is a reduction.

    x (N, H, W, C) -> (N, H/2, W/2, C/r); 1/r is the paper's compression theta: r=2 for DenseNet-C
    and BC, r=1 for none.  arXiv:1608.06993, section 3.

    Args:
        rate: dropout before the pool.
    """
    require(r <= x.shape[-1], r=r, right=f"a reduction from 1 to C={x.shape[-1]}")
    x = conv(x, x.shape[-1] // r, k=1, n=n, pre=True)
    x = layers.Dropout(rate)(x) if rate else x
    return avgpool(x, k=2, s=2, p="valid")
