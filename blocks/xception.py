"""Separable convolutions as extreme Inception modules.  Xception, arXiv:1610.02357."""

from typing import Literal

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN_TF, act, conv, dwconv, maxpool, sepconv
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Act, Around, Gate, Map, Norm, Pair, Row, Tensor, Whole


@checked
def extreme_inception(x: Map, f: Whole = 32, *, k: Pair = 3, a: Act = "relu", middle: Act = "relu",
                      first: Literal["1x1", "depthwise"] = "1x1",
                      n: Norm = BN_TF) -> Tensor:  # fmt: skip
    """1x1 f middle -> kxk depthwise n a: each channel of the 1x1 has a space of its own.

    x (N, H, W, C) -> (N, H, W, f).  Xception, arXiv:1610.02357, Figure 4 and section 2.2.

    Args:
        a: at the end.
        middle: None leaves out the non-linearity between the two, which the paper found better
            (Figure 10).
        first: 'depthwise' reverses the order: kxk depthwise middle -> 1x1 f n a.
    """
    if first == "1x1":
        return dwconv(conv(x, f, k=1, a=middle), k=k, n=n, a=a)
    return conv(dwconv(x, k=k, a=middle), f, k=1, n=n, a=a)


@checked
def xception_block(x: Map, f: Whole, s: Pair = 1, *, b: Whole = 2, n: Norm = BN_TF,
                   lead: bool = True, p: Around = "same", widths: Row | None = None,
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """b times relu -> separable 3x3 f n; 3x3/s max; + shortcut (1x1/s f n where the shape changes).

    x (N, H, W, C) -> (N, H/s, W/s, f).  Xception, arXiv:1610.02357, Figure 5: s=2 in the entry and
    exit flows (no pool at s=1), b=3 in the middle flow.

    Args:
        lead: False leaves out the first relu, as the paper's first block does.
        p: of the pool; 1 pads as Torch does.
        widths: filters of each separable convolution, if not all f.
        gate: a function such as drop_path; gate(x, branch) returns what is added.
    """
    require(not widths or widths[-1] == f, widths=widths, right=f"a row that ends with f={f}")
    b = len(widths) if widths else b

    def branch(x):
        for i in range(b):
            x = act(x, "relu") if lead or i else x
            x = sepconv(x, widths[i] if widths else f, k=3, n=n, a=None)
        return maxpool(x, k=3, s=s, p=p) if s != 1 else x

    skip = conv(x, f, k=1, s=s, n=n, a=None) if s != 1 or x.shape[-1] != f else x
    m = (gate or run)(x, branch)
    return layers.add([skip, m])
