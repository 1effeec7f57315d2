"""Channels made of other channels by cheap kernels.  GhostNet, arXiv:1911.11907."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, conv, dwconv
from convbook.blocks.mobilenet import rounded
from convbook.blocks.se import se_block
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Act, Gate, Map, Norm, Pair, Tensor, Whole


@checked
def ghost_module(x: Map, f: Whole, *, r: Whole = 2, k: Whole = 1, cheap: Whole = 3, n: Norm = BN,
                 a: Act = "relu") -> Tensor:  # fmt: skip
    """kxk f/r n a, beside 3x3 depthwise n a of that: r - 1 ghosts of each channel.

    x (N, H, W, C) -> (N, H, W, f).  GhostNet, arXiv:1911.11907, Figure 2 (b), where r is called s.

    Args:
        cheap: the kernel of the depthwise convolution, the paper's d.
    """
    require(r > 1 and f % r == 0, r=r, right=f"a divisor of f={f}, at least 2")
    x = conv(x, f // r, k=k, n=n, a=a)
    return layers.concatenate([x, dwconv(x, cheap, multiplier=r - 1, n=n, a=a)])


@checked
def ghost_bottleneck(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 6, width: Whole | None = None,
                     k: Whole = 3, n: Norm = BN, se: Whole | None = None,
                     gate: Gate = None) -> Tensor:  # fmt: skip
    """ghost module rC -> kxk/s depthwise n -> squeeze-and-excitation -> linear ghost module f, + x.

    x (N, H, W, C) -> (N, H/s, W/s, f).  GhostNet, arXiv:1911.11907, Figure 3: the depthwise stands
    only where s is not 1; where the shape changes, x is added by way of kxk/s depthwise n -> 1x1 f
    n.

    Args:
        width: of the first ghost module, in place of rC.
        se: the ratio of the squeeze-and-excitation, of rC to its width, which is a multiple of 4;
            a hard sigmoid makes its weights; None for none.
        gate: a function such as drop_path; gate(x, branch) returns what is added.
    """
    require(k % 2 == 1, k=k, right="odd, because the padding keeps the size")
    channels = x.shape[-1]
    width = width or r * channels
    require(f % 2 == 0, f=f, right="even, because half of the channels are ghosts")
    require(width % 2 == 0, width=width, right="even, because half of the channels are ghosts")

    def branch(x):
        m = ghost_module(x, width, n=n)
        m = dwconv(m, k, s, k // 2, n=n, a=None) if s != 1 else m
        m = se_block(m, width=fourfold(width / se), weigh="hard_sigmoid") if se else m
        return ghost_module(m, f, n=n, a=None)

    m = (gate or run)(x, branch)
    if s != 1 or channels != f:
        x = conv(dwconv(x, k, s, k // 2, n=n, a=None), f, k=1, n=n, a=None)
    return layers.add([x, m])


def fourfold(f: float) -> int:
    """f to the nearest multiple of 4, but not below 90 % of it: the authors' code."""
    return rounded(2 * f) // 2
