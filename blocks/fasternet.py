"""A convolution of a part of the channels, then two 1x1s.  FasterNet, arXiv:2303.03667."""

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, conv
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Act, Gate, Map, Norm, Tensor, Whole


@checked
def pconv(x: Map, *, part: Whole = 4) -> Tensor:
    """3x3 of the first C/part channels, joined with the others as they are: a partial convolution.

    x (N, H, W, C) -> the same shape.  PConv, FasterNet, arXiv:2303.03667, Figure 4, bottom left;
    no norm, no bias.

    Args:
        part: one channel in so many is convolved.
    """
    channels = x.shape[-1]
    require(1 < part <= channels, part=part, right=f"from 2 to C={channels}, the channels of x")
    m, rest = ops.split(x, [channels // part], axis=-1)
    m = conv(m, channels // part, k=3, a=None, bias=False)
    return layers.concatenate([m, rest])


@checked
def fasternet_block(x: Map, *, r: Whole = 2, part: Whole = 4, n: Norm = BN, a: Act = "relu",
                    gate: Gate = None) -> Tensor:  # fmt: skip
    """3x3 of the first C/part channels -> 1x1 rC n a -> 1x1 C, + x: r is an expansion.

    x (N, H, W, C) -> the same shape.  FasterNet, arXiv:2303.03667, Figure 4; one norm and one
    activation a block.  T0 and T1 have gelu for relu.

    Args:
        part: one channel in so many is convolved by the 3x3.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.
    """

    def branch(x):
        m = pconv(x, part=part)
        m = conv(m, r * x.shape[-1], k=1, n=n, a=a)
        return conv(m, x.shape[-1], k=1, a=None, bias=False)

    return layers.add([x, (gate or run)(x, branch)])
