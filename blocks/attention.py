"""Attention in convolutional networks: weights for channels and positions, computed from the map.

Each block multiplies a map by such weights or adds a context to it.  In a residual block it comes
last in the branch: basic_block(x, f, attention=eca_block).
"""

from typing import Literal

from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, LN, act, conv, dense, gavgpool, norm
from convbook.blocks.types import Map, Norm, Tensor, Whole


@checked
def eca_block(x: Map, *, k: Whole | None = None) -> Tensor:
    """x * sigmoid(convolution of k channels over the row of global means).

    x (N, H, W, C) -> the same shape.  ECA-Net, arXiv:1910.03151, Figure 2.

    Args:
        k: how many neighbouring channels set a channel's weight, an odd number; by default
            (log2 C + 1) / 2, truncated and made odd, as in the authors' code.
    """
    if k is None:
        half = x.shape[-1].bit_length() // 2  # of log2 C + 1, truncated
        k = half if half % 2 else half + 1
    require(k % 2 == 1, k=k, right="odd: as many neighbours on each side")
    m = ops.expand_dims(gavgpool(x), -1)
    m = layers.Conv1D(1, k, padding="same", use_bias=False, activation="sigmoid")(m)
    return layers.multiply([x, ops.squeeze(m, -1)])


@checked
def bam_block(x: Map, *, r: Whole = 16, d: Whole = 4, n: Norm = BN,
              form: Literal["sum", "product"] = "sum") -> Tensor:  # fmt: skip
    """x + x * sigmoid(channels + places): what says a global mean, and where says a wide window.

    x (N, H, W, C) -> the same shape; r is a reduction.  BAM, arXiv:1807.06514; authors'
    code: MODELS/bam.py.  Channels are dense C/r relu -> dense C n; places are 1x1 C/r -> 3x3 C/r,
    twice -> 1x1 1 n.

    Args:
        d: dilation of the 3x3.
        form: 'sum' is the paper's; 'product' is the authors' code, which multiplies the two and has
            n after every layer of each except the last.
    """
    channels, product = x.shape[-1], form == "product"
    require(r <= channels, r=r, right=f"a reduction from 1 to C={channels}")
    inner, last = (n, None) if product else (None, n)
    m = act(norm(dense(gavgpool(x), channels // r, a=None), inner), "relu")
    by_channel = norm(dense(m, channels, a=None), last)
    m = conv(x, channels // r, k=1, n=inner, bias=True)
    for _ in range(2):
        m = conv(m, channels // r, k=3, d=d, n=inner, bias=True)
    by_place = conv(m, 1, k=1, n=last, a=None, bias=True)
    both = layers.multiply if product else layers.add
    m = act(both([by_place, by_channel]), "sigmoid")
    return layers.add([x, layers.multiply([x, m])])


@checked
def cbam_block(x: Map, *, r: Whole = 16, k: Whole = 7, n: Norm = BN) -> Tensor:
    """x * sigmoid(channels) -> * sigmoid(places), each from means and maxima.

    x (N, H, W, C) -> the same shape; r is a reduction.  CBAM, arXiv:1807.06521.
    Channels are dense C/r relu -> dense C, shared by means and maxima, then added; places are a kxk
    on the channels' maximum and mean, in the order of the authors' code,
    MODELS/cbam.py.

    Args:
        n: after the kxk, as in the authors' code; the paper's equation has None.
    """
    channels = x.shape[-1]
    require(r <= channels, r=r, right=f"a reduction from 1 to C={channels}")
    m = ops.stack([gavgpool(x), ops.max(x, (1, 2))], 1)
    m = ops.sum(dense(dense(m, channels // r), channels, a=None), 1)
    x = layers.multiply([x, act(m, "sigmoid")])
    m = layers.concatenate([ops.max(x, -1, keepdims=True), ops.mean(x, -1, keepdims=True)])
    return layers.multiply([x, conv(m, 1, k=k, n=n, a="sigmoid")])


@checked
def global_context_block(x: Map, *, r: Whole = 16, n: Norm = LN) -> Tensor:
    """x + (mean weighed by a softmax over all places -> dense C/r n relu -> dense C).

    x (N, H, W, C) -> the same shape; r is a reduction.  The GC block of GCNet, arXiv:1904.11492.
    The authors' code (mmdet/ops/ct/context_block.py) has a bias before the softmax, which cancels
    it.
    """
    channels = x.shape[-1]
    require(r <= channels, r=r, right=f"a reduction from 1 to C={channels}")
    m = layers.Softmax((1, 2))(conv(x, 1, k=1, a=None, bias=False))
    m = ops.sum(layers.multiply([x, m]), (1, 2))
    m = act(norm(dense(m, channels // r, a=None), n), "relu")
    return layers.add([x, dense(m, channels, a=None)])


@checked
def coordinate_block(x: Map, *, r: Whole = 32, n: Norm = BN) -> Tensor:
    """x * sigmoid(rows) * sigmoid(columns): 1x1s of the means over columns and over rows.

    x (N, H, W, C) -> the same shape, rows and columns known; r is a reduction, to at least 8
    channels.  Coordinate attention, arXiv:2103.02907; hard swish after the shared 1x1, as in
    the authors' code, coordatt.py.
    """
    _, h, w, channels = x.shape
    require(None not in (h, w), x=(h, w, channels), right="of known rows and columns")
    rows, columns = ops.mean(x, 2, keepdims=True), ops.mean(x, 1, keepdims=True)
    m = layers.concatenate([rows, layers.Permute((2, 1, 3))(columns)], 1)
    m = conv(m, max(8, channels // r), k=1, n=n, a="hard_silu")
    rows, columns = m[:, :h], layers.Permute((2, 1, 3))(m[:, h:])
    rows = conv(rows, channels, k=1, a="sigmoid")
    columns = conv(columns, channels, k=1, a="sigmoid")
    return layers.multiply([x, rows, columns])
