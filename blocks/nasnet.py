"""Cells found by search, as data: NASNet-A, AmoebaNet-A and PNASNet-5."""

import keras
from keras import layers, ops

from convbook.blocks.layers import BN_TF, act, avgpool, conv, maxpool, norm, sepconv

# A cell: rows of (op, input, op, input), whose results are added, and the states concatenated.
# h is the cell before, h_prev the one before that; a number is the result of that row.
NASNET_A_NORMAL = (
    (
        ("sep5", "h", "sep3", "h_prev"),
        ("sep5", "h_prev", "sep3", "h_prev"),
        ("avg3", "h", "none", "h_prev"),
        ("avg3", "h_prev", "avg3", "h_prev"),
        ("sep3", "h", "none", "h"),
    ),
    ("h_prev", 0, 1, 2, 3, 4),
)
NASNET_A_REDUCTION = (
    (
        ("sep5", "h", "sep7", "h_prev"),
        ("max3", "h", "sep7", "h_prev"),
        ("avg3", "h", "sep5", "h_prev"),
        ("none", 1, "avg3", 0),
        ("sep3", 0, "max3", "h"),
    ),
    (1, 2, 3, 4),
)
AMOEBANET_A_NORMAL = (
    (
        ("avg3", "h", "max3", "h"),
        ("sep3", "h_prev", "none", "h_prev"),
        ("none", "h", "avg3", "h_prev"),
        ("sep3", "h", "sep5", 0),
        ("avg3", 3, "sep3", "h"),
    ),
    ("h_prev", 1, 2, 4),
)
AMOEBANET_A_REDUCTION = (
    (
        ("sep3", "h_prev", "avg3", "h"),
        ("max3", "h", "sep7", 0),
        ("max3", "h_prev", "max3", "h"),
        ("sep3", 2, "1x7_7x1", "h"),
        ("avg3", "h_prev", "sep7", "h"),
    ),
    (0, 1, 2, 3, 4),
)
PNASNET_5 = (
    (
        ("sep5", "h_prev", "max3", "h_prev"),
        ("sep7", "h", "max3", "h"),
        ("sep5", "h", "sep3", "h"),
        ("sep3", 2, "max3", "h"),
        ("sep3", "h_prev", "none", "h"),
    ),
    (0, 1, 2, 3, 4),
)


def normal_cell(x1, x2, f=32):
    """[sep3 + sep5, mean + mean, x1 + mean, sep5 + sep3, x2 + sep3] of x1, x2, concatenated.

    x1, x2 (N, H, W, f) -> (N, H, W, 5f).  NASNet-A, arXiv:1707.07012, Figure 4, in its barest
    form: x1 is the cell before the last, x2 the last.  The paper's own, with batch norm, doubled
    separable convolutions and x1 in the concatenation, is nasnet_normal_cell.
    """
    a1 = sepconv(x1, f, k=3)
    a2 = sepconv(x1, f, k=5)
    a = layers.add([a1, a2])
    b = layers.add([avgpool(x1, k=3, s=1), avgpool(x1, k=3, s=1)])
    c = layers.add([x1, avgpool(x2, k=3, s=1)])
    d1 = sepconv(x2, f, k=5)
    d2 = sepconv(x1, f, k=3)
    d = layers.add([d1, d2])
    e = layers.add([x2, sepconv(x2, f, k=3)])
    return layers.concatenate([a, b, c, d, e])


def relu_conv(x, f, k=1, s=1, n=BN_TF):
    """relu -> kxk/s f -> n.  x (N, H, W, C) -> (N, H/s, W/s, f)."""
    return conv(act(x, "relu"), f, k=k, s=s, n=n, a=None)


def factorized_reduction(x, f, n=BN_TF):
    """relu -> [1x1/2 f/2, 1x1/2 f/2 of x shifted by one pixel], concatenated -> n.

    x (N, H, W, C) -> (N, H/2, W/2, f): halves the grid but reads two pixels of every four.  Not in
    the NASNet paper; the authors' code (TF-slim, factorized_reduction), which asks for an even f.
    Here an odd f (AmoebaNet's stems) has both halves rounded down and a channel of zeros.
    """
    x = act(x, "relu")
    shifted = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    halves = [avgpool(m, k=1, s=2, p="valid") for m in (x, shifted)]
    x = layers.concatenate([conv(m, f // 2, k=1, a=None, bias=False) for m in halves])
    return norm(ops.pad(x, [(0, 0)] * 3 + [(0, 1)]) if f % 2 else x, n)


def cell_op(x, op, f, s=1, n=BN_TF, pool_p="same"):
    """One operation of a cell: sep3 to sep7, avg3, max3, none or 1x7_7x1, at stride s.

    x (N, H, W, C) -> (N, H/s, W/s, f).  NASNet, arXiv:1707.07012, section A.4: a separable
    convolution is done twice, relu before and n after each; where C is not f (in a first cell),
    the others are followed by a 1x1.  TF-slim's and the TPU models' code.  pool_p: padding of pools
    with a stride; 'zeros' pads as 'same' with zeros that count, as keras.applications does, 'zeros
    in means' does so for means only, as timm.
    """
    if op == "none":
        return relu_conv(x, f, s=s, n=n) if s > 1 or x.shape[-1] != f else x
    if op == "1x7_7x1":
        x = relu_conv(x, f // 4, n=n)
        x = relu_conv(x, f // 4, k=(1, 7), s=(1, s), n=n)
        x = relu_conv(x, f // 4, k=(7, 1), s=(s, 1), n=n)
        return relu_conv(x, f, n=n)
    if pool_p not in ("same", "zeros", "zeros in means"):
        raise ValueError(f"pool_p={pool_p!r}: pool_p must be 'same', 'zeros' or 'zeros in means'")
    if op in ("avg3", "max3"):
        # On an even map 'ceil' is 'same', for which Keras 3.15 on PyTorch counts an edge twice (its
        # pull request 23233 mends that).
        even = op == "avg3" and s > 1 and not any((i or 1) % 2 for i in x.shape[1:3])
        p = "ceil" if even and keras.backend.backend() == "torch" else "same"
        if s > 1 and (pool_p == "zeros" or (op == "avg3" and pool_p == "zeros in means")):
            x, p = layers.ZeroPadding2D([((i or 0) % 2, 1) for i in x.shape[1:3]])(x), "valid"
        x = avgpool(x, 3, s, p) if op == "avg3" else maxpool(x, 3, s, p)
        return x if x.shape[-1] == f else conv(x, f, k=1, n=n, a=None)
    if op not in ("sep3", "sep5", "sep7"):
        right = "'sep3', 'sep5', 'sep7', 'avg3', 'max3', 'none' or '1x7_7x1'"
        raise ValueError(f"op={op!r}: op must be {right}")
    for stride in (s, 1):
        x = sepconv(act(x, "relu"), f, k=int(op[3:]), s=stride, n=n, a=None)
    return x


def cell(h_prev, h, f, rows, used, s=1, s_prev=1, n=BN_TF, gate=None, pool_p="same"):
    """For each row (op, input, op, input) the sum of two operations; the used states concatenated.

    h (N, H, W, C), h_prev (N, s_prev H, s_prev W, C') -> (N, H/s, W/s, f len(used)).  NASNet,
    arXiv:1707.07012, Figure 4; AmoebaNet, arXiv:1802.01548, Figure 5.  Both inputs are first
    brought to f filters and h's size (s_prev=2 after a reduction), but for h_prev=None, which takes
    h as it is (in a first cell); the stride acts on operations that read them.  gate(m), such as
    drop_path, acts on each operation's result but the identity.  pool_p: see cell_op.
    """
    if h_prev is None:
        h_prev = h
    elif s_prev == 2:
        h_prev = factorized_reduction(h_prev, f, n)
    elif h_prev.shape[-1] != f:
        h_prev = relu_conv(h_prev, f, n=n)
    states = {"h_prev": h_prev, "h": relu_conv(h, f, n=n)}

    def run(op, i):
        m = cell_op(states[i], op, f, s if isinstance(i, str) else 1, n, pool_p)
        return gate(m) if gate and m is not states[i] else m

    for i, (op1, i1, op2, i2) in enumerate(rows):
        states[i] = layers.add([run(op1, i1), run(op2, i2)])
    used = [states[i] for i in used]
    return layers.concatenate([m if m.shape[-1] == f else conv(m, f, 1, n=n, a=None) for m in used])


def nasnet_normal_cell(h_prev, h, f=32, s_prev=1, n=BN_TF, gate=None):
    """NASNet-A's normal cell: (N, H, W, 6f).  arXiv:1707.07012, Figure 4, left; see cell.

    The authors' code concatenates h_prev with all five sums; the figure does not show it.
    """
    return cell(h_prev, h, f, *NASNET_A_NORMAL, s_prev=s_prev, n=n, gate=gate)


def nasnet_reduction_cell(h_prev, h, f=32, s_prev=1, n=BN_TF, gate=None):
    """NASNet-A's reduction cell: (N, H/2, W/2, 4f).  arXiv:1707.07012, Figure 4; see cell."""
    return cell(h_prev, h, f, *NASNET_A_REDUCTION, s=2, s_prev=s_prev, n=n, gate=gate)


def amoebanet_normal_cell(h_prev, h, f=32, s_prev=1, n=BN_TF, gate=None):
    """AmoebaNet-A's normal cell: (N, H, W, 4f).  arXiv:1802.01548, Figure 5, left; see cell.

    The rows and the concatenation are the authors' code; only they give the published counts.
    """
    return cell(h_prev, h, f, *AMOEBANET_A_NORMAL, s_prev=s_prev, n=n, gate=gate)


def amoebanet_reduction_cell(h_prev, h, f=32, s_prev=1, n=BN_TF, gate=None):
    """AmoebaNet-A's reduction cell: (N, H/2, W/2, 5f).  arXiv:1802.01548, Figure 5; see cell."""
    return cell(h_prev, h, f, *AMOEBANET_A_REDUCTION, s=2, s_prev=s_prev, n=n, gate=gate)
