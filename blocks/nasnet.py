"""Cells found by search, as data: NASNet-A, AmoebaNet-A and PNASNet-5."""

from typing import Annotated, Any, Literal, get_args

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN_TF, act, avgpool, conv, maxpool, norm, sepconv
from convbook.blocks.types import Gate, Map, Norm, Pair, Rule, Tensor, Whole, is_whole

Op = Literal["sep3", "sep5", "sep7", "avg3", "max3", "none", "1x7_7x1"]
PoolOf = Literal["same", "zeros", "zeros in means"]
Stride = Annotated[int, Rule(lambda v: is_whole(v) and v <= 2, "1 or 2")]

# A cell: rows of (op, input, op, input), which add two results, and the states to concatenate.  h
# is the previous cell, h_prev the one before it; a number is the result of that row.
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


def follows(h: Tensor, h_prev: Tensor | None, s_prev: int = 1) -> bool:
    """Whether h_prev, if any, is s_prev times as large as h, as far as their sizes are known."""
    sizes = zip((h if h_prev is None else h_prev).shape[1:3], h.shape[1:3], strict=True)
    return h_prev is None or all(None in (i, j) or -(-i // s_prev) == j for i, j in sizes)


def are_rows(rows: Any) -> bool:
    """Whether each is (op, input, op, input), with known operations and earlier inputs."""
    good = isinstance(rows, (tuple, list)) and len(rows) > 0
    return good and all(
        isinstance(row, (tuple, list))
        and len(row) == 4
        and all(op in get_args(Op) for op in row[::2])
        and are_states(row[1::2], done)
        for done, row in enumerate(rows)
    )


def are_states(used: Any, done: int, named: tuple[str, ...] = ("h", "h_prev")) -> bool:
    """Whether each is one of the names, or the number of an earlier row."""
    numbers = [i for i in used if not isinstance(i, str)]
    good = all(is_whole(i, 0) and i < done for i in numbers)
    return good and all(i in named for i in used if isinstance(i, str))


def are_used(used: Any, rows: Any, s: int) -> bool:
    """Whether a cell of stride s can concatenate these states: all have the same size."""
    good = isinstance(used, (tuple, list)) and len(used) > 0
    return good and are_states(used, len(rows), ("h", "h_prev") if s == 1 else ())


@checked
def normal_cell(x1: Map, x2: Map, f: Whole = 32) -> Tensor:
    """[sep3 + sep5, mean + mean, x1 + mean, sep5 + sep3, x2 + sep3] of x1, x2, concatenated.

    x1, x2 (N, H, W, f) -> (N, H, W, 5f).  NASNet-A, arXiv:1707.07012, Figure 4, in its barest
    form: x1 is the cell before the last, x2 the last.

    See also: nasnet_normal_cell, the paper's own, with batch norm, doubled separable convolutions
    and x1 in the concatenation.
    """
    require(x1.shape[-1] == f, f=f, right=f"{x1.shape[-1]}, the channels of x1, which is added")
    require(x2.shape[-1] == f, f=f, right=f"{x2.shape[-1]}, the channels of x2, which is added")
    require(follows(x2, x1), x1=tuple(x1.shape), right=f"of the size of x2, {tuple(x2.shape)}")
    sep3_sep5 = layers.add([sepconv(x1, f, k=3), sepconv(x1, f, k=5)])
    mean_mean = layers.add([avgpool(x1, k=3, s=1), avgpool(x1, k=3, s=1)])
    x1_mean = layers.add([x1, avgpool(x2, k=3, s=1)])
    sep5_sep3 = layers.add([sepconv(x2, f, k=5), sepconv(x1, f, k=3)])
    x2_sep3 = layers.add([x2, sepconv(x2, f, k=3)])
    return layers.concatenate([sep3_sep5, mean_mean, x1_mean, sep5_sep3, x2_sep3])


def relu_conv(x: Tensor, f: int, *, k: Pair = 1, s: Pair = 1, n: Norm = BN_TF) -> Tensor:
    """relu -> kxk/s f -> n.  x (N, H, W, C) -> (N, H/s, W/s, f)."""
    return conv(act(x, "relu"), f, k=k, s=s, n=n, a=None)


def two_sepconvs(x: Tensor, f: int, *, k: int = 3, s: int = 1, n: Norm = BN_TF) -> Tensor:
    """Twice relu -> separable kxk f -> n, the first with the stride.  arXiv:1707.07012, A.4."""
    x = sepconv(act(x, "relu"), f, k=k, s=s, n=n, a=None)
    return sepconv(act(x, "relu"), f, k=k, n=n, a=None)


def conv_1x7_7x1(x: Tensor, f: int, *, s: int = 1, n: Norm = BN_TF) -> Tensor:
    """relu before and n after each of 1x1 f/4 -> 1x7/s f/4 -> 7x1/s f/4 -> 1x1 f."""
    x = relu_conv(x, f // 4, n=n)
    x = relu_conv(x, f // 4, k=(1, 7), s=(1, s), n=n)
    x = relu_conv(x, f // 4, k=(7, 1), s=(s, 1), n=n)
    return relu_conv(x, f, n=n)


def is_even(size: int | None) -> bool:
    """Whether a size is known and even."""
    return size is not None and size % 2 == 0


@keras.saving.register_keras_serializable("convbook")
class SamePadding(layers.Layer):
    """The zeros that 'same' pads for a 3x3/2 window, even if rows and columns are unknown.

    x (N, H, W, C) -> one more row at the far side, and one at the near side if H is odd; the same
    for columns.
    """

    def call(self, x: Any) -> Any:
        _, h, w, _ = ops.shape(x)
        x = ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        top, left = 1 - h % 2, 1 - w % 2  # 1 for an even size: one row less
        return x[:, top:, left:]

    def compute_output_shape(self, shape: Any) -> Any:
        batch, *sizes, channels = shape
        more = (1 if is_even(size) else 2 for size in sizes)
        sizes = [size and size + i for size, i in zip(sizes, more, strict=True)]
        return (batch, *sizes, channels)


@checked
def factorized_reduction(x: Map, f: Whole, *, n: Norm = BN_TF) -> Tensor:
    """relu -> [1x1/2 f/2, 1x1/2 f/2 of x shifted by one pixel], concatenated -> n.

    x (N, H, W, C) -> (N, H/2, W/2, f): halves the grid and reads two pixels of every four.  Not in
    the NASNet paper, but in the authors' nets/nasnet/nasnet_utils.py (TF-slim), which needs an even
    f.  Here an odd f (AmoebaNet's stems) rounds both halves down and adds a channel of zeros.
    """
    require(f > 1, f=f, right="a whole number of at least 2, because half of it is taken")
    x = act(x, "relu")
    shifted = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    half = conv(avgpool(x, k=1, s=2, p="valid"), f // 2, k=1, a=None, bias=False)
    other = conv(avgpool(shifted, k=1, s=2, p="valid"), f // 2, k=1, a=None, bias=False)
    x = layers.concatenate([half, other])
    x = ops.pad(x, [(0, 0), (0, 0), (0, 0), (0, 1)]) if f % 2 else x
    return norm(x, n)


def pool_of_cell(x: Tensor, op: str, s: int, pool_p: PoolOf) -> Tensor:
    """A cell's 3x3/s 'avg3' or 'max3'; pool_p says whether its padding counts."""
    zeros = pool_p == "zeros" or (op == "avg3" and pool_p == "zeros in means")
    if s > 1 and zeros:
        x, p = SamePadding()(x), "valid"
    else:
        p = same_mean(x) if op == "avg3" and s > 1 else "same"
    return avgpool(x, k=3, s=s, p=p) if op == "avg3" else maxpool(x, k=3, s=s, p=p)


def same_mean(x: Tensor) -> str:
    """'same', or 'ceil' for PyTorch on maps of even sizes, where both are the same.

    Keras 3.15 on PyTorch counts an edge of an even map twice (its pull request 23233 fixes that).
    """
    even = all(map(is_even, x.shape[1:3]))
    return "ceil" if even and keras.backend.backend() == "torch" else "same"


def operation(x: Tensor, op: str, f: int, s: int, *, fits: bool, n: Norm, pool_p: PoolOf) -> Tensor:
    """The result of cell_op; fits says whether C is f."""
    require(f >= 4 or op != "1x7_7x1", f=f, right="at least 4, because a quarter of it is taken")
    if op == "none":
        return x if s == 1 and fits else relu_conv(x, f, s=s, n=n)
    if op == "1x7_7x1":
        return conv_1x7_7x1(x, f, s=s, n=n)
    if op in ("avg3", "max3"):
        x = pool_of_cell(x, op, s, pool_p)
        return x if fits else conv(x, f, k=1, n=n, a=None)
    return two_sepconvs(x, f, k=int(op[-1]), s=s, n=n)


@checked
def cell_op(x: Map, op: Op, f: Whole, s: Stride = 1, *, n: Norm = BN_TF,
            pool_p: PoolOf = "same") -> Tensor:  # fmt: skip
    """One operation of a cell: sep3 to sep7, avg3, max3, none or 1x7_7x1, at stride s.

    x (N, H, W, C) -> (N, H/s, W/s, f).  NASNet, arXiv:1707.07012, section A.4: a separable
    convolution runs twice, relu before and n after each; where C is not f (in a first cell), a 1x1
    follows the others.  TF-slim's and the TPU models' code.

    Args:
        pool_p: padding of pools with a stride; 'zeros' pads like 'same' with zeros that count, as
            in keras.applications; 'zeros in means' does so for average pooling only, as in timm.
    """
    return operation(x, op, f, s, fits=x.shape[-1] == f, n=n, pool_p=pool_p)


@checked
def cell(h_prev: Map | None, h: Map, f: Whole, s: Stride = 1, *, rows: Any, used: Any,
         s_prev: Stride = 1, n: Norm = BN_TF, gate: Gate = None,
         pool_p: PoolOf = "same") -> Tensor:  # fmt: skip
    """For each row (op, input, op, input) the sum of two operations; the used states concatenated.

    h (N, H, W, C), h_prev (N, H, W, C') -> (N, H/s, W/s, f len(used)), both first projected to f
    filters.  NASNet, arXiv:1707.07012, Figure 4; AmoebaNet, arXiv:1802.01548, Figure 5.  The stride
    acts on operations that read h or h_prev.

    Args:
        h_prev: None uses h in its place, as in a first cell.
        s_prev: 2 where h_prev is twice as large as h, as after a reduction.
        gate: a function such as drop_path; gate(x, op) returns what is added; no identity has one.
        pool_p: padding of pools with a stride, as cell_op has it.
    """
    require(are_rows(rows), rows=rows, right="rows (op, input, op, input): see cell_op")
    require(are_used(used, rows, s), used=used, right="numbers of rows, or h and h_prev if s=1")
    require(follows(h, h_prev, s_prev), s_prev=s_prev, right="2 if h_prev is twice h, else 1")
    first = h_prev is None
    if h_prev is None:
        h_prev = h
    elif s_prev == 2:
        h_prev = factorized_reduction(h_prev, f, n=n)
    elif h_prev.shape[-1] != f:
        h_prev = relu_conv(h_prev, f, n=n)
    state = {"h_prev": h_prev, "h": relu_conv(h, f, n=n)}

    def result(op, i):
        x, stride = state[i], s if isinstance(i, str) else 1
        fits = not (first and i == "h_prev") or x.shape[-1] == f

        def branch(x):
            return operation(x, op, f, stride, fits=fits, n=n, pool_p=pool_p)

        identity = op == "none" and stride == 1 and fits
        return branch(x) if gate is None or identity else gate(x, branch)

    for i, (op1, i1, op2, i2) in enumerate(rows):
        state[i] = layers.add([result(op1, i1), result(op2, i2)])
    if first and "h_prev" in used and h.shape[-1] != f:
        state["h_prev"] = conv(h_prev, f, k=1, n=n, a=None)
    return layers.concatenate([state[i] for i in used])


@checked
def nasnet_normal_cell(h_prev: Map | None, h: Map, f: Whole = 32, *, s_prev: Stride = 1,
                       n: Norm = BN_TF, gate: Gate = None) -> Tensor:  # fmt: skip
    """NASNet-A's normal cell, of the cell before, h, and the one before that, h_prev.

    h, h_prev (N, H, W, C) -> (N, H, W, 6f), both first projected to f filters.  NASNet,
    arXiv:1707.07012, Figure 4, left.  The authors' code concatenates h_prev with all five sums; the
    figure does not show it.

    See also: cell.

    Args:
        s_prev: 2 after a reduction cell, where h_prev is twice as large as h.
        gate: a function such as drop_path; gate(x, op) returns what is added.
    """
    rows, used = NASNET_A_NORMAL
    return cell(h_prev, h, f, rows=rows, used=used, s_prev=s_prev, n=n, gate=gate)


@checked
def nasnet_reduction_cell(h_prev: Map | None, h: Map, f: Whole = 32, *, s_prev: Stride = 1,
                          n: Norm = BN_TF, gate: Gate = None) -> Tensor:  # fmt: skip
    """NASNet-A's reduction cell, of the cell before, h, and the one before that, h_prev.

    h, h_prev (N, H, W, C) -> (N, H/2, W/2, 4f), both first projected to f filters.  NASNet,
    arXiv:1707.07012, Figure 4, right.

    See also: cell.

    Args:
        s_prev: 2 after a reduction cell, where h_prev is twice as large as h.
        gate: a function such as drop_path; gate(x, op) returns what is added.
    """
    rows, used = NASNET_A_REDUCTION
    return cell(h_prev, h, f, 2, rows=rows, used=used, s_prev=s_prev, n=n, gate=gate)


@checked
def amoebanet_normal_cell(h_prev: Map | None, h: Map, f: Whole = 32, *, s_prev: Stride = 1,
                          n: Norm = BN_TF, gate: Gate = None) -> Tensor:  # fmt: skip
    """AmoebaNet-A's normal cell, of the cell before, h, and the one before that, h_prev.

    h, h_prev (N, H, W, C) -> (N, H, W, 4f), both first projected to f filters.  AmoebaNet,
    arXiv:1802.01548, Figure 5, left; operations and concatenation follow the authors' code, because
    only they give the published counts.

    See also: cell.

    Args:
        s_prev: 2 after a reduction cell, where h_prev is twice as large as h.
        gate: a function such as drop_path; gate(x, op) returns what is added.
    """
    rows, used = AMOEBANET_A_NORMAL
    return cell(h_prev, h, f, rows=rows, used=used, s_prev=s_prev, n=n, gate=gate)


@checked
def amoebanet_reduction_cell(h_prev: Map | None, h: Map, f: Whole = 32, *, s_prev: Stride = 1,
                             n: Norm = BN_TF, gate: Gate = None) -> Tensor:  # fmt: skip
    """AmoebaNet-A's reduction cell, of the cell before, h, and the one before that, h_prev.

    h, h_prev (N, H, W, C) -> (N, H/2, W/2, 5f), both first projected to f filters.  AmoebaNet,
    arXiv:1802.01548, Figure 5, right.

    See also: cell.

    Args:
        s_prev: 2 after a reduction cell, where h_prev is twice as large as h.
        gate: a function such as drop_path; gate(x, op) returns what is added.
    """
    rows, used = AMOEBANET_A_REDUCTION
    return cell(h_prev, h, f, 2, rows=rows, used=used, s_prev=s_prev, n=n, gate=gate)
