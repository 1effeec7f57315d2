"""Depthwise separable and inverted residual blocks.  arXiv:1704.04861, arXiv:1801.04381."""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN_TF, conv, dwconv, sepconv
from convbook.blocks.types import Act, Around, Gate, Map, Norm, Padding, Pair, Tensor, Whole


@checked
def mobilenet_block(x: Map, f: Whole = 32, s: Pair = 1, *, p: Padding = "same", n: Norm = BN_TF,
                    a: Act = "relu") -> Tensor:  # fmt: skip
    """3x3/s depthwise n a -> 1x1 f n a: a separable convolution with a non-linearity between.

    x (N, H, W, C) -> (N, H/s, W/s, f).  MobileNet, arXiv:1704.04861, Figure 3, right.

    Args:
        a: the paper writes relu; TF-slim and Keras clip it at 6 (a='relu6').
        p: of the 3x3; 1 pads as Torch does.
    """
    x = dwconv(x, k=3, s=s, p=p, n=n, a=a)
    return conv(x, f, k=1, n=n, a=a)


@checked
def inv_residual_block(x: Map, f: Whole = 32, r: Whole = 4) -> Tensor:
    """x + (1x1 rf relu -> separable 3x3 f, linear), with biases: r is an expansion.

    x (N, H, W, f) -> the same shape.  The idea in its barest form, MobileNetV2, arXiv:1801.04381,
    Figure 3b, without batch norm and with nothing inside the separable convolution.

    See also: inverted_residual_block, the paper's own.
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    m = conv(x, f * r, k=1)
    m = sepconv(m, f, a="linear")
    return layers.add([m, x])


@checked
def inverted_residual_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 6, p: Around = "same",
                            n: Norm = BN_TF, a: Act = "relu6",
                            gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 rC n a -> 3x3/s depthwise n a -> 1x1 f n, + x where the shape stays: r is an expansion.

    x (N, H, W, C) -> (N, H/s, W/s, f).  MobileNetV2, arXiv:1801.04381, Table 1 and Figure 4d; r is
    its t; with r=1 the first 1x1 is left out, as in the authors' code.

    Args:
        a: after the first 1x1 and the depthwise.
        p: of the 3x3; 1 pads as Torch does.
        gate: gate(x, branch) is what is added to x, such as drop_path; a block that adds nothing
            has no gate.
    """

    def branch(x):
        m = conv(x, r * x.shape[-1], k=1, n=n, a=a) if r > 1 else x
        m = dwconv(m, k=3, s=s, p=p, n=n, a=a)
        return conv(m, f, k=1, n=n, a=None)

    m = branch(x) if gate is None or s != 1 or x.shape[-1] != f else gate(x, branch)
    return layers.add([x, m]) if s == 1 and x.shape[-1] == f else m
