"""Paths with several kernels; each channel chooses among them.  SKNet, arXiv:1903.06586."""

from typing import Unpack

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, avgpool, conv, dense, gavgpool, norm
from convbook.blocks.resnet import Residual, residual
from convbook.blocks.types import Map, Norm, Pair, Tensor, Whole


@checked
def selective_kernel(x: Map, f: Whole, s: Pair = 1, *, g: Whole = 32, r: Whole = 16,
                     least: Whole = 32, n: Norm = BN, split: bool = False) -> Tensor:  # fmt: skip
    """3x3/s f at dilation 1 and at 2 -> each * softmax of what their sum says, added.

    x (N, H, W, C) -> (N, H/s, W/s, f); r is a reduction.  The SK convolution of arXiv:1903.06586,
    Figure 1: global mean of the sum -> dense f/r n relu -> dense 2f, a number for each path and
    channel.

    Args:
        least: minimum of f/r, the paper's L.
        split: each path reads half of the channels, as in timm's SK-ResNets.
    """
    require(s in (1, 2, (1, 1), (2, 2)), s=s, right="1 or 2, because the 3x3 has the dilation 2")
    require(not split or x.shape[-1] % 2 == 0, split=split, right="False, because C is odd")
    one, two = ops.split(x, 2, -1) if split else (x, x)
    # On every second pixel a 3x3 at dilation 1 equals one at dilation 2 on the whole map.
    d = 2 if s in (1, (1, 1)) else 1
    two = two if d == 2 else avgpool(two, k=1, s=s, p="valid")
    paths = [conv(one, f, k=3, s=s, p=1, g=g, n=n), conv(two, f, k=3, p=d, d=d, g=g, n=n)]
    m = dense(gavgpool(layers.add(paths)), max(f // r, least), a=None, bias=n is None)
    m = dense(act(norm(m, n), "relu"), 2 * f, a=None, bias=False)
    shares = layers.Softmax(1)(layers.Reshape((2, f))(m))
    return layers.add([layers.multiply([path, shares[:, i]]) for i, path in enumerate(paths)])


@checked
def sk_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 2, g: Whole = 32, n: Norm = BN,
             **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """1x1 f/r -> SK convolution/s f/r -> 1x1 f, + shortcut, relu: r is a reduction.

    x (N, H, W, C) -> (N, H/s, W/s, f).  SKNet, arXiv:1903.06586, as in the authors'
    models/sknet50.prototxt: ResNeXt's block with an SK convolution, which chooses its kernel, in
    place of the 3x3.

    Args:
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.
    """
    require(r <= f, r=r, right=f"a reduction from 1 to f={f}")
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    conv, skip, gate = residual(n, **policy)

    def branch(x):
        m = conv(x, f // r, k=1)
        m = selective_kernel(m, f // r, s, g=g, n=n)
        return conv(m, f, k=1, a=None)

    m = gate(x, branch)
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")


@checked
def sk_basic_block(x: Map, f: Whole, s: Pair = 1, *, n: Norm = BN,
                   **policy: Unpack[Residual]) -> Tensor:  # fmt: skip
    """SK convolution/s f, of halves -> 3x3 f, + shortcut, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  timm's SK-ResNet-18 and 34 (timm/models/sknet.py), after
    arXiv:1903.06586: each path of the SK convolution reads half of the channels, so it adds no
    weights.

    Args:
        policy: shortcut=, bias=, se=, attention= and gate=; see Residual.
    """
    require((policy.get("se") or 1) <= f, se=policy.get("se"), right=f"None or from 1 to f={f}")
    conv, skip, gate = residual(n, **policy)

    def branch(x):
        m = selective_kernel(x, f, s, g=1, r=8, least=16, n=n, split=True)
        return conv(m, f, k=3, p=1, a=None)

    m = gate(x, branch)
    x = skip(x, f, s)
    return act(m if x is None else layers.add([x, m]), "relu")
