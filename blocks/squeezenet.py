"""Squeeze, then expand.  SqueezeNet, arXiv:1602.07360."""

from keras import layers

from convbook.blocks.layers import conv


def fire_module(x, f=128, r=8, bypass=None):
    """1x1 f/r -> [1x1 f/2, 3x3 f/2], concatenated; + x with bypass.

    x (N, H, W, C) -> (N, H, W, f); relu after each.  SqueezeNet, arXiv:1602.07360, Figure 1 and
    Table 1 (r=8 throughout).  bypass: None, 'simple' (+ x, where C = f) or 'complex' (+ 1x1 f of
    x), Figure 2, middle and right.
    """
    if bypass not in (None, "simple", "complex"):
        raise ValueError(f"bypass={bypass!r}: bypass must be None, 'simple' or 'complex'")
    m = conv(x, f // r, k=1)
    m = layers.concatenate([conv(m, f // 2, k=1), conv(m, f // 2, k=3)])
    if bypass is None:
        return m
    return layers.add([conv(x, f, k=1, a=None) if bypass == "complex" else x, m])
