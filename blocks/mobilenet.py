"""Depthwise separable and inverted residual blocks: MobileNets 1 to 3.

arXiv:1704.04861, arXiv:1801.04381, arXiv:1905.02244.
"""

from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN_TF, conv, dwconv, pair, sepconv
from convbook.blocks.se import se_block
from convbook.blocks.types import Act, Gate, Map, Norm, Padding, Pair, Tensor, Whole


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

    x (N, H, W, f) -> the same shape.  The idea in its simplest form, MobileNetV2, arXiv:1801.04381,
    Figure 3b, without batch norm and without anything inside the separable convolution.

    See also: inverted_residual_block, the paper's own.
    """
    require(x.shape[-1] == f, f=f, right=f"C={x.shape[-1]}, the channels of x, which is added")
    m = conv(x, f * r, k=1)
    m = sepconv(m, f, a="linear")
    return layers.add([m, x])


@checked
def inverted_residual_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 6, k: Whole = 3,
                            p: Padding = "same", n: Norm = BN_TF, a: Act = "relu6",
                            se: Whole | None = None, gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 rC n a -> kxk/s depthwise n a -> 1x1 f n, + x where the shape stays: r is an expansion.

    x (N, H, W, C) -> (N, H/s, W/s, f).  MobileNetV2, arXiv:1801.04381, Table 1 and Figure 4d; r is
    its t; with r=1 the first 1x1 is left out, as in the authors' code.

    Args:
        a: after the first 1x1 and the depthwise.
        p: 'same', or Torch's padding: 1 for a 3x3, 2 for a 5x5.
        se: the ratio of a squeeze-and-excitation after the depthwise, of C to its width, with a
            inside (MnasNet, arXiv:1807.11626); None for none.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.  A block
            that adds nothing has no gate.
    """
    require(keeps(p, k), p=p, right=f"'same' or {k // 2}, which keep the size with k={k}")
    channels = x.shape[-1]
    require(se is None or se <= channels, se=se, right=f"None or a ratio from 1 to C={channels}")

    def branch(x):
        m = conv(x, r * channels, k=1, n=n, a=a) if r > 1 else x
        m = dwconv(m, k=k, s=s, p=p, n=n, a=a)
        m = se_block(m, width=channels // se, a=a) if se else m
        return conv(m, f, k=1, n=n, a=None)

    m = branch(x) if gate is None or s != 1 or channels != f else gate(x, branch)
    return layers.add([x, m]) if s == 1 and channels == f else m


def keeps(p: Padding, k: int) -> bool:
    """Whether the padding keeps the size at stride 1."""
    return p == "same" if isinstance(p, str) else all(2 * i + 1 == k for i in pair(p))


def rounded(f: float) -> int:
    """f to the nearest multiple of 8, but not below 90 % of it: the authors' code."""
    near = max(8, int(f + 4) // 8 * 8)
    return near if near >= 0.9 * f else near + 8


@checked
def mobilenet_v3_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 6, width: Whole | None = None,
                       k: Whole = 3, p: Padding = "same", n: Norm = BN_TF, a: Act = "hard_silu",
                       se: Whole | None = 4, gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 rC n a -> kxk/s depthwise n a -> squeeze-and-excitation -> 1x1 f n, + x where it fits.

    x (N, H, W, C) -> (N, H/s, W/s, f).  MobileNetV3, arXiv:1905.02244, Figure 4; where rC is C the
    first 1x1 is left out, as in the authors' code.

    Args:
        a: after the first 1x1 and the depthwise: 'hard_silu', the paper's h-swish, or 'relu'.
        p: 'same', or Torch's padding: 1 for a 3x3, 2 for a 5x5.
        width: of the first 1x1, in place of rC.
        se: the ratio of the squeeze-and-excitation, of rC to its width, a multiple of 8; its
            weights come from a hard sigmoid.  None for none.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.  A block
            that adds nothing has no gate.
    """
    require(keeps(p, k), p=p, right=f"'same' or {k // 2}, which keep the size with k={k}")
    channels = x.shape[-1]
    width = width or r * channels

    def branch(x):
        m = conv(x, width, k=1, n=n, a=a) if width != channels else x
        m = dwconv(m, k=k, s=s, p=p, n=n, a=a)
        m = se_block(m, width=rounded(width / se), weigh="hard_sigmoid") if se else m
        return conv(m, f, k=1, n=n, a=None)

    m = branch(x) if gate is None or s != 1 or channels != f else gate(x, branch)
    return layers.add([x, m]) if s == 1 and channels == f else m
