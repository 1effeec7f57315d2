"""Units that each widen a little.  Deep Pyramidal Residual Networks, arXiv:1610.02915."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, avgpool, conv, norm
from convbook.blocks.resnet import shortcut_path
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Gate, Map, Norm, Pair, Tensor, Whole


@checked
def pyramid_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole | None = None, n: Norm = BN,
                  gate: Gate = None) -> Tensor:  # fmt: skip
    """n -> 3x3/s f -> n relu -> 3x3 f -> n, + x; nothing follows the addition.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1610.02915, as in the authors' addpyramidnet.lua:
    batch norm without relu comes first, another one last, and x, a mean where s is not 1, gets
    f - C channels of zeros.

    Args:
        r: the reduction of a bottleneck: n -> 1x1 f/r -> n relu -> 3x3/s f/r -> n relu -> 1x1 f
            -> n.
        gate: gate(x, branch) is what is added, such as drop_path.
    """
    channels = x.shape[-1]
    right = f"at least C={channels}: the shortcut can only add channels, as zeros"
    require(channels <= f, f=f, right=right)
    require(r is None or r <= f, r=r, right=f"None or a reduction from 1 to f={f}")

    def branch(x):
        if r is None:
            m = conv(x, f, k=3, s=s, p=1, n=n, pre=True, a=None)
            return norm(conv(m, f, k=3, n=n, pre=True), n)
        m = conv(x, f // r, k=1, n=n, pre=True, a=None)
        m = conv(m, f // r, k=3, s=s, p=1, n=n, pre=True)
        return norm(conv(m, f, k=1, n=n, pre=True), n)

    m = (gate or run)(x, branch)
    x = x if s == 1 else avgpool(x, k=s, s=s)
    return layers.add([shortcut_path(x, f, shortcut="A"), m])
