"""Bottlenecks whose 3x3 is in groups of one width.  RegNet, arXiv:2003.13678, arXiv:2103.06877."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv
from convbook.blocks.se import se_block
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Act, Gate, Map, Norm, Pair, Tensor, Whole


def grouped_bottleneck(x: Tensor, f: int, s: Pair, *, inner: int, width: int, se: int | None,
                       n: Norm, a: Act) -> Tensor:  # fmt: skip
    """1x1 inner -> 3x3/s inner in groups of width -> squeeze-and-excitation of C/se -> 1x1 f n."""
    m = conv(x, inner, k=1, n=n, a=a)
    m = conv(m, inner, k=3, s=s, p=1, g=inner // width, n=n, a=a)
    m = se_block(m, width=round(x.shape[-1] / se), a=a) if se else m
    return conv(m, f, k=1, n=n, a=None)


@checked
def regnet_block(x: Map, f: Whole, s: Pair = 1, *, width: Whole = 16, se: Whole | None = None,
                 n: Norm = BN, gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 f -> 3x3/s f in groups of width -> 1x1 f, + x, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  RegNetX, Designing Network Design Spaces, arXiv:2003.13678,
    Figure 4, with bottleneck ratio 1; x is projected by a 1x1/s where its shape changes.

    Args:
        width: channels of a group.
        se: squeeze-and-excitation after the 3x3, C/se wide, rounded, C of x; 4 in RegNetY.
        gate: a function such as drop_path; gate(x, branch) returns what is added.
    """
    channels = x.shape[-1]
    require(f % width == 0, width=width, right=f"a divisor of f={f}, which is split into groups")
    require(se is None or se <= channels, se=se, right=f"None or a ratio from 1 to C={channels}")

    def branch(x):
        return grouped_bottleneck(x, f, s, inner=f, width=width, se=se, n=n, a="relu")

    skip = x if s == 1 and channels == f else conv(x, f, k=1, s=s, n=n, a=None)
    return act(layers.add([skip, (gate or run)(x, branch)]), "relu")


@checked
def regnetz_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 4, width: Whole = 8, n: Norm = BN,
                  a: Act = "silu", se: Whole | None = 4, gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 rf silu -> 3x3/s rf silu in groups of width -> squeeze-and-excitation -> 1x1 f n, + x.

    x (N, H, W, C) -> (N, H/s, W/s, f), + x where the shape stays.  RegNetZ, Fast and Accurate Model
    Scaling, arXiv:2103.06877: RegNetY's block turned inside out, with a linear end, as in the
    authors' pycls/models/anynet.py (ResBottleneckLinearBlock).  timm's regnetz_005 and _040 have
    this block; its regnetz_b16 to e8 are r times as wide as C, not as f, and squeeze that to a
    quarter.

    Args:
        a: after the first 1x1 and the 3x3, and inside the squeeze.
        width: channels of a group.
        se: the ratio of the squeeze-and-excitation, of C to its width; None for none.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.  A block
            that adds nothing has no gate.
    """
    channels = x.shape[-1]
    require(r * f % width == 0, width=width, right=f"a divisor of {r * f}, r times f={f}")
    require(se is None or se <= channels, se=se, right=f"None or a ratio from 1 to C={channels}")

    def branch(x):
        return grouped_bottleneck(x, f, s, inner=r * f, width=width, se=se, n=n, a=a)

    adds = s == 1 and channels == f
    m = gate(x, branch) if gate and adds else branch(x)
    return layers.add([x, m]) if adds else m
