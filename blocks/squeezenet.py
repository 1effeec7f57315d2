"""Squeeze, then expand.  SqueezeNet, arXiv:1602.07360."""

from typing import Literal

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import conv
from convbook.blocks.types import Map, Tensor, Whole


@checked
def fire_module(x: Map, f: Whole = 128, *, r: Whole = 8,
                bypass: Literal["simple", "complex"] | None = None) -> Tensor:  # fmt: skip
    """1x1 f/r -> [1x1 f/2, 3x3 f/2], concatenated: r is a reduction.

    x (N, H, W, C) -> (N, H, W, f); relu after each.  SqueezeNet, arXiv:1602.07360, Figure 1 and
    Table 1 (r=8 throughout).

    Args:
        bypass: 'simple' adds x, where C = f, 'complex' a 1x1 f of x; Figure 2, middle and right.
    """
    require(f % 2 == 0, f=f, right="even, because the 1x1 and the 3x3 make half of it each")
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    require(bypass != "simple" or x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}: x is added")
    m = conv(x, f // r, k=1)
    m = layers.concatenate([conv(m, f // 2, k=1), conv(m, f // 2, k=3)])
    if bypass is None:
        return m
    return layers.add([conv(x, f, k=1, a=None) if bypass == "complex" else x, m])
