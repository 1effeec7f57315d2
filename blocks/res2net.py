"""A bottleneck whose 3x3 is a ladder of small ones.  Res2Net, arXiv:1904.01169."""

from collections.abc import Callable
from typing import Unpack

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, avgpool
from convbook.blocks.resnet import Residual, residual
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


def ladder(conv: Callable[..., Tensor], x: Tensor, f: int, s: Pair, *, c: int, g: int,
           changes: bool) -> Tensor:  # fmt: skip
    """c parts of x: 3x3/s f of each + the part before, the last one kept; joined.

    x (N, H, W, c f) -> (N, H/s, W/s, c f).  If it changes the shape, no part is added to the next,
    and the kept one is pooled.
    """
    parts = ops.split(x, c, axis=-1)
    made = [conv(parts[0], f, k=3, s=s, p=1, g=g)]
    for m in parts[1:-1]:
        m = m if changes else layers.add([made[-1], m])
        made.append(conv(m, f, k=3, s=s, p=1, g=g))
    made.append(avgpool(parts[-1], k=3, s=s, p=1) if changes else parts[-1])
    return layers.concatenate(made)


@checked
def res2net_block(x: Map, f: Whole, s: Pair = 1, *, c: Whole = 4, width: Whole = 26, g: Whole = 1,
                  n: Norm = BN, **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """1x1 c width -> c parts: 3x3/s width of each + the part before, one kept -> 1x1 f, + shortcut,
    relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1904.01169, Figure 2b and equation 1, where c is s
    and width is w.  The equation keeps the first part, the authors' code and this block the last.
    If the shape changes, their code adds no part to the next one, and pools the kept part.

    Args:
        c: number of parts; each has its own 3x3, except the kept one.
        width: channels of a part.
        g: groups of each 3x3; 8 in Res2NeXt.
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.
    """
    require(c > 1, c=c, right="at least 2: one part is kept")
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    require(width % g == 0, g=g, right=f"a divisor of width={width}")
    conv, skip, gate = residual(n, **policy)
    changes = s != 1 or x.shape[-1] != f

    def branch(x):
        m = conv(x, c * width, k=1)
        m = ladder(conv, m, width, s, c=c, g=g, changes=changes)
        return conv(m, f, k=1, a=None)

    m = gate(x, branch)
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")
