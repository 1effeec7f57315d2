"""Residual units and the layers around their addition.  Identity Mappings, arXiv:1603.05027."""

from functools import partial
from typing import Literal

import keras
from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, conv, norm
from convbook.blocks.resnet import shortcut_path
from convbook.blocks.se import excited
from convbook.blocks.types import Gate, Map, Norm, Pair, StrideOn, Tensor, Whole

Order = Literal[  # Figure 4, a to e
    "original",
    "BN after addition",
    "ReLU before addition",
    "ReLU-only pre-activation",
    "full pre-activation",
]
Variant = Literal[  # Figure 2, a to f
    "original",
    "constant scaling",
    "exclusive gating",
    "shortcut-only gating",
    "conv shortcut",
    "dropout shortcut",
]


@checked
def preact_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole | None = None, n: Norm = BN,
                 stride_on: StrideOn = "1x1", shortcut: Literal["A", "B", "C"] | None = "B",
                 bias: bool | None = None, se: Whole | None = None,
                 gate: Gate = None) -> Tensor:  # fmt: skip
    """n relu 3x3/s f -> n relu 3x3 f, + shortcut; nothing follows the addition.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1603.05027, Figures 1b and 4e.  If the shortcut is a
    projection, it reads the activated x, as in the authors' Torch code; the paper does not say.

    Args:
        r: the reduction of a bottleneck: n relu 1x1/s f/r -> n relu 3x3 f/r -> n relu 1x1 f.
        stride_on: '3x3' puts the stride of a bottleneck in the 3x3.
        shortcut: see shortcut_path; None leaves the shortcut out.
        bias: of the last convolution and the projection, which no batch norm follows.
        se: the ratio of a squeeze-and-excitation after the branch.
        gate: a function such as drop_path; gate(x, branch) returns what is added.  x is activated.
    """
    require(r is None or r <= f, r=r, right=f"None or a reduction from 1 to f={f}")
    require(se is None or se <= f, se=se, right=f"None or a ratio from 1 to f={f}")

    def branch(m):
        bare = partial(conv, a=None, bias=n is None, init="he_uniform")
        if r is None:
            m = bare(m, f, k=3, s=s, p=1)
            return conv(m, f, k=3, p=1, n=n, pre=True, bias=bias)
        s1, s3 = (s, 1) if stride_on == "1x1" else (1, s)
        m = bare(m, f // r, k=1, s=s1)
        m = conv(m, f // r, k=3, s=s3, p=1, n=n, pre=True)
        return conv(m, f, k=1, n=n, pre=True, bias=bias)

    first = act(norm(x, n), "relu")
    m = excited(gate, se)(first, branch)
    if shortcut == "C" or (shortcut == "B" and (s != 1 or x.shape[-1] != f)):
        x = conv(first, f, k=1, s=s, a=None, bias=bool(bias))
    elif shortcut == "A":
        x = shortcut_path(x, f, s, shortcut="A")
    return m if shortcut is None else layers.add([x, m])


@checked
def activation_order_block(x: Map, f: Whole = 32, *, order: Order = "full pre-activation",
                           n: Norm = BN) -> Tensor:  # fmt: skip
    """3x3 f -> 3x3 f, + x, with batch norm and relu before each convolution.

    x (N, H, W, f) -> the same shape.  arXiv:1603.05027, Figure 4 and Table 2.

    Args:
        order: of batch norm and relu, a caption of Figure 4: 'original' (a), 'BN after addition'
            (b), 'ReLU before addition' (c), 'ReLU-only pre-activation' (d) or 'full
            pre-activation' (e).
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    if order == "full pre-activation":
        m = conv(x, f, n=n, pre=True)
        return layers.add([x, conv(m, f, n=n, pre=True)])
    if order == "ReLU-only pre-activation":
        m = conv(act(x, "relu"), f, n=n)
        return layers.add([x, conv(m, f, n=n, a=None)])
    m = conv(x, f, n=n)
    if order == "original":
        return act(layers.add([x, conv(m, f, n=n, a=None)]), "relu")
    if order == "BN after addition":
        return act(norm(layers.add([x, conv(m, f, a=None, bias=False)]), n), "relu")
    return layers.add([x, conv(m, f, n=n)])


@checked
def shortcut_variant_block(x: Map, f: Whole = 32, *, variant: Variant = "original",
                           n: Norm = BN) -> Tensor:  # fmt: skip
    """3x3 f -> 3x3 f, + x, relu.

    x (N, H, W, f) -> the same shape.  arXiv:1603.05027, Figure 2 and Table 1.

    Args:
        variant: a caption of Figure 2, a shortcut that is more than the identity: 'original' (a),
            'constant scaling' (b, both paths halved), 'exclusive gating' (c), 'shortcut-only
            gating' (d), 'conv shortcut' (e) or 'dropout shortcut' (f, rate 0.5).  A gate's bias
            starts at -6, one of the values that the authors tried.
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    m = conv(conv(x, f, n=n), f, n=n, a=None)
    if variant == "constant scaling":
        x, m = layers.Rescaling(0.5)(x), layers.Rescaling(0.5)(m)
    elif variant == "conv shortcut":
        x = conv(x, f, k=1, n=n, a=None)
    elif variant == "dropout shortcut":
        x = layers.Dropout(0.5)(x)
    elif variant != "original":
        start = keras.initializers.Constant(-6.0)
        gate = layers.Conv2D(f, 1, activation="sigmoid", bias_initializer=start)(x)
        m = layers.multiply([gate, m]) if variant == "exclusive gating" else m
        x = layers.multiply([1 - gate, x])
    return act(layers.add([x, m]), "relu")
