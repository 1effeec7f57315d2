"""Separable convolutions as extreme Inception modules.  Xception, arXiv:1610.02357."""

from keras import layers

from convbook.blocks.layers import BN_TF, act, conv, dwconv, maxpool, sepconv


def extreme_inception(x, f=32, k=3, a="relu", middle="relu", first="1x1", n=BN_TF):
    """1x1 f middle -> kxk depthwise a: each channel of the 1x1 has a space of its own.

    x (N, H, W, C) -> (N, H, W, f).  Xception, arXiv:1610.02357, Figure 4 and section 2.2.
    first='depthwise' turns the order round (a separable convolution); middle=None leaves out the
    non-linearity between the two, which the paper found better (Figure 10).
    """
    if first == "1x1":
        return dwconv(conv(x, f, k=1, a=middle), k=k, n=n, a=a)
    if first == "depthwise":
        return conv(dwconv(x, k=k, a=middle), f, k=1, n=n, a=a)
    raise ValueError(f"first={first!r}: first must be '1x1' or 'depthwise'")


def xception_block(x, f, s=1, b=2, n=BN_TF, lead=True, p="same", widths=None, gate=None):
    """b times relu -> separable 3x3 f n; 3x3/s max; + shortcut (1x1/s f n where the shape changes).

    x (N, H, W, C) -> (N, H/s, W/s, f).  Xception, arXiv:1610.02357, Figure 5: s=2 in the entry and
    exit flows (no pool at s=1), b=3 in the middle flow.  lead=False leaves out the first relu, as
    the paper's first block does; widths: filters of each separable convolution, if not all f.
    gate: see resnet.basic_block.
    """

    def branch(x):
        m = x
        for i, width in enumerate(widths or [f] * b):
            m = act(m, "relu") if lead or i else m
            m = sepconv(m, width, k=3, n=n, a=None)
        return maxpool(m, k=3, s=s, p=p) if s != 1 else m

    skip = conv(x, f, k=1, s=s, n=n, a=None) if s != 1 or x.shape[-1] != f else x
    return gate(x, branch, shortcut=skip) if gate else layers.add([skip, branch(x)])
