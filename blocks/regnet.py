"""A bottleneck as wide inside as outside, its 3x3 in groups of one width.  arXiv:2003.13678."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv
from convbook.blocks.se import squeeze_excite
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Gate, Map, Norm, Pair, Tensor, Whole


@checked
def regnet_block(x: Map, f: Whole, s: Pair = 1, *, width: Whole = 16, se: Whole | None = None,
                 n: Norm = BN, gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 f -> 3x3/s f in groups of width -> 1x1 f, + x, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  RegNetX, Designing Network Design Spaces, arXiv:2003.13678,
    Figure 4, with bottleneck ratio 1; x is projected by a 1x1/s where its shape changes.

    Args:
        width: channels of a group.
        se: squeeze-and-excitation after the 3x3, C/se wide, C of x; 4 in RegNetY.
        gate: a function such as drop_path; gate(x, branch) returns what is added.
    """
    c = x.shape[-1]
    require(f % width == 0, width=width, right=f"a divisor of f={f}, which falls into groups")
    require(se is None or se <= c, se=se, right=f"None or a ratio from 1 to C={c}")

    def branch(x):
        m = conv(x, f, k=1, n=n)
        m = conv(m, f, k=3, s=s, p=1, g=f // width, n=n)
        m = m if se is None else squeeze_excite(m, c // se)
        return conv(m, f, k=1, n=n, a=None)

    skip = x if s == 1 and c == f else conv(x, f, k=1, s=s, n=n, a=None)
    return act(layers.add([skip, (gate or run)(x, branch)]), "relu")
