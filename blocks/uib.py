"""The universal inverted bottleneck of MobileNetV4.  arXiv:2404.10518."""

from keras import layers

from convbook.blocks.blurpool import thinned
from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN_TF, conv, dwconv
from convbook.blocks.types import Act, Antialias, Gate, Map, Norm, Padding, Pair, Tensor, Whole


def spatial(x: Tensor, *, k: Whole, s: Pair, p: Padding, n: Norm, a: Act,
            antialias: Antialias) -> Tensor:  # fmt: skip
    """kxk/s depthwise n a; with antialias and a stride, kxk n a and then every s-th pixel of a
    mean."""
    blurred = antialias is not None and s != 1
    m = dwconv(x, k=k, s=1 if blurred else s, p=p if p == "same" else k // 2, n=n, a=a)
    return thinned(m, s, antialias) if blurred else m


@checked
def uib_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 4, first: Whole | None = 3,
              k: Whole | None = 3, p: Padding = "same", n: Norm = BN_TF, a: Act = "relu",
              antialias: Antialias = None, gate: Gate = None) -> Tensor:  # fmt: skip
    """3x3 depthwise n -> 1x1 rC n relu -> kxk/s depthwise n relu -> 1x1 f n, + x if it fits.

    x (N, H, W, C) -> (N, H/s, W/s, f).  MobileNetV4, arXiv:2404.10518, Figure 4: either depthwise
    is optional.  The extra depthwise block has both, the inverted bottleneck the second alone, the
    block like ConvNeXt's the first alone, the feed-forward network neither.

    Args:
        a: in place of relu.
        first: the kernel of the depthwise before the first 1x1; None for none.
        k: the kernel of the depthwise between the 1x1s; None for none: then first has the stride.
        p: 'same', or 1 for Torch's padding: 1 for a 3x3, 2 for a 5x5.
        antialias: in place of the stride, as in timm's networks: after the depthwise a 2x2 mean
            ('avg') or a 3x3 binomial with zeros around it ('blur'), of every second pixel.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.  A block
            that adds nothing has no gate.
    """
    require(p in ("same", 1), p=p, right="'same' or 1, which keep the size")
    require(p == "same" or (k or 1) % 2, k=k, right="odd with p=1, which keeps the size")
    odd = p == "same" or (first or 1) % 2
    require(odd, first=first, right="odd with p=1, which keeps the size")
    require(s == 1 or first or k, s=s, right="1 without a depthwise convolution")
    require(s in (1, 2) or antialias is None, s=s, right="1 or 2 with antialias")

    def branch(x):
        early = 1 if k else s
        m = spatial(x, k=first, s=early, p=p, n=n, a=None, antialias=antialias) if first else x
        m = conv(m, r * x.shape[-1], k=1, n=n, a=a)
        m = spatial(m, k=k, s=s, p=p, n=n, a=a, antialias=antialias) if k else m
        return conv(m, f, k=1, n=n, a=None)

    adds = s == 1 and x.shape[-1] == f
    m = gate(x, branch) if gate and adds else branch(x)
    return layers.add([x, m]) if adds else m
