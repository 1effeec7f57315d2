"""Squeeze-and-excitation: weights for the channels, computed from the whole image."""

from collections.abc import Callable

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv, dense, gavgpool
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Act, Branch, Gate, Map, Norm, Pair, Tensor, Whole


@checked
def se_block(x: Map, f: Whole | None = None, r: Whole = 16, *, width: Whole | None = None,
             a: Act = "relu", weigh: Act = "sigmoid") -> Tensor:  # fmt: skip
    """x * (global mean -> dense f/r relu -> dense f sigmoid), r a reduction.

    x (N, H, W, f) -> the same shape; f defaults to the channels of x.
    SENet, arXiv:1709.01507, Figures 1 and 2, equations 2 to 4; both layers have a bias, as in the
    authors' Caffe definition (their text writes none).

    Args:
        width: of the first dense layer, in place of f/r.
        a: in place of relu, such as EfficientNet's swish.
        weigh: what gives the weights, a hard sigmoid in MobileNetV3.
    """
    f = f or x.shape[-1]
    require(f == x.shape[-1], f=f, right=f"C={x.shape[-1]}, the channels that are weighted")
    require(width is not None or r <= f, r=r, right=f"a ratio from 1 to f={f}")
    m = gavgpool(x)
    m = dense(m, f // r if width is None else width, a=a)
    m = dense(m, f, a=weigh)
    return layers.multiply([x, m])


def excited(gate: Gate, r: int | None) -> Callable[[Tensor, Branch], Tensor]:
    """The gate, with a squeeze-and-excitation of ratio r after the branch if r is given."""
    if r is None:
        return gate or run
    return lambda x, branch: (gate or run)(x, lambda x: se_block(branch(x), r=r))


def attended(
    gate: Callable[[Tensor, Branch], Tensor], attention: Branch | None
) -> Callable[[Tensor, Branch], Tensor]:
    """The gate, with the attention, if any, after the branch."""
    if attention is None:
        return gate
    return lambda x, branch: gate(x, lambda x: attention(branch(x)))


@checked
def senet_block(x: Map, f: Whole, s: Pair = 1, *, c: Whole = 64, width: Whole = 4, n: Norm = BN,
                se: Whole | None = 16, gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 c width/2 -> 3x3/s c width in c groups -> 1x1 f -> squeeze-and-excitation, + x, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  SENet-154, arXiv:1709.01507, appendix, and the
    authors' models/SENet-154.prototxt: a ResNeXt block with half the width in its first 1x1; its
    projection is a 3x3/2 if it halves the grid, else 1x1.

    Args:
        se: the ratio of the squeeze-and-excitation; None for none.
        gate: a function such as drop_path; gate(x, branch) returns what is added.
    """
    require(width % 2 == 0, width=width, right="an even whole number, because half of it is taken")
    require(se is None or se <= f, se=se, right=f"None or a ratio from 1 to f={f}")

    def branch(x):
        m = conv(x, c * width // 2, k=1, n=n)
        m = conv(m, c * width, k=3, s=s, p=1, g=c, n=n)
        return conv(m, f, k=1, n=n, a=None)

    skip = x
    if s != 1:
        skip = conv(x, f, k=3, s=s, p=1, n=n, a=None)
    elif x.shape[-1] != f:
        skip = conv(x, f, k=1, n=n, a=None)
    m = excited(gate, se)(x, branch)
    return act(layers.add([skip, m]), "relu")
