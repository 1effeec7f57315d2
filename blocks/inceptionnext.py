"""Depthwise kernels of three shapes, then two 1x1s.  InceptionNeXt, arXiv:2303.16900."""

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.convnext import LayerScale
from convbook.blocks.layers import BN, conv, dwconv, norm
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Gate, Map, Norm, Number, Tensor, Whole


@checked
def inception_dwconv(x: Map, *, k: Whole = 11, part: Whole = 8) -> Tensor:
    """The first channels as they are, an eighth each through depthwise 3x3, 1xk and kx1, joined.

    x (N, H, W, C) -> the same shape.  InceptionNeXt, arXiv:2303.16900, Figure 2 and Algorithm 1;
    the depthwise layers have biases, as in the authors' code.

    Args:
        part: one channel in so many goes through each of the three, in place of 8.
    """
    channels = x.shape[-1]
    right = f"from 4 to C={channels}: three parts are convolved"
    require(4 <= part <= channels, part=part, right=right)
    f = channels // part
    rest, m1, m2, m3 = ops.split(x, [channels - 3 * f, channels - 2 * f, channels - f], axis=-1)
    m1 = dwconv(m1, k=3, a=None)
    m2 = dwconv(m2, k=(1, k), a=None)
    m3 = dwconv(m3, k=(k, 1), a=None)
    return layers.concatenate([rest, m1, m2, m3])


@checked
def inceptionnext_block(x: Map, *, r: Whole = 4, k: Whole = 11, part: Whole = 8, n: Norm = BN,
                        scale: Number | None = 1e-6, gate: Gate = None) -> Tensor:  # fmt: skip
    """Depthwise 3x3, 1xk and kx1 of an eighth each, n -> 1x1 rC gelu -> 1x1 C, scaled, + x.

    x (N, H, W, C) -> the same shape; r is an expansion.  InceptionNeXt, arXiv:2303.16900, Figure 2;
    all convolutions have biases.

    Args:
        part: one channel in so many goes through each depthwise kernel, in place of 8; the others
            go through none.
        scale: where the branch's trainable factors start (LayerScale); None for none.
        gate: gate(x, branch) is what is added to x, such as drop_path.
    """

    def branch(x):
        m = inception_dwconv(x, k=k, part=part)
        m = norm(m, n)
        m = conv(m, r * x.shape[-1], k=1, a="gelu")
        m = conv(m, x.shape[-1], k=1, a=None)
        return m if scale is None else LayerScale(scale)(m)

    return layers.add([x, (gate or run)(x, branch)])
