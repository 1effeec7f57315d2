"""Multiply-adds of one layer or operation, from the shapes of its inputs and outputs."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import keras
import numpy as np
from keras import layers

from convbook.architectures.graph.private import layers_within

Shape = tuple[Any, ...]  # whole numbers, and None for unknown sizes
CONVOLUTIONS = (
    *(layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D),
    *(layers.SeparableConv1D, layers.SeparableConv2D, layers.Dense),
)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel")

# Where Keras keeps the layers and operations that work value by value, normalise, pool, resize,
# look up or move values; and what stands among them but is more, or is not known.
PLAIN = {
    "layers": "activations merging normalization pooling preprocessing regularization reshaping",
    "ops": "core einops image math nn numpy",
}
PLAIN_CORE = (layers.Embedding, layers.Identity, layers.InputLayer, layers.Masking)
LATER = ("Pipeline", "STFTSpectrogram")  # layers that the oldest Keras does not have
MORE = (layers.Dot, layers.Wrapper, layers.MelSpectrogram)
MORE += tuple(getattr(layers, name) for name in LATER if hasattr(layers, name))
UNKNOWN = """AssociativeScan Cond ForiLoop Map Scan Switch VectorizedMap WhileLoop CTCLoss CTCDecode
ElasticTransform GaussianBlur SobelEdges SSIM CDist FFT FFT2 IFFT2 RFFT IRFFT STFT ISTFT Corrcoef
Correlate Kron Logdet Slogdet"""


def multiply_adds(
    op: Any, shapes: Sequence[Shape], result: Shape, operands: Iterable[Any]
) -> int | None:
    """Multiply-adds of a call for a whole batch; None if op must be opened to count.

    shapes: of the tensors that op reads, result: of its first output.
    operands: the arguments of the call, tensors or weights.
    """
    if any(None in shape for shape in (*shapes, result)):
        return 0 if is_plain(op) else None
    if hasattr(op, "macs"):
        return shapes[0][0] * op.macs((None, *shapes[0][1:]), (None, *result[1:]))
    if type(op) is layers.EinsumDense:
        return products(op.equation, [shapes[0], op.kernel.shape])
    if isinstance(op, CONVOLUTIONS + TRANSPOSED) and made_by(op, "keras", "convbook"):
        return slid(op, shapes[0], result)
    if type(op) in ATTENTIONS:
        return ATTENTIONS[type(op)](op, shapes, result)
    if is_plain(op):
        return 0
    own = made_by(op, "keras") and not isinstance(op, keras.Layer)
    formula = FORMULAS.get(type(op).__name__) if own else None
    return formula and formula(op, [np.shape(x) for x in operands], result)


def made_by(op: keras.Operation, *packages: str) -> bool:
    return type(op).__module__.split(".")[0] in packages


def is_plain(op: keras.Operation) -> bool:
    """Whether op is one of Keras' own that makes no multiply-adds by definition."""
    path, kind = type(op).__module__.split("."), type(op)
    if isinstance(op, MORE) or kind.__name__ in (*UNKNOWN.split(), *FORMULAS):
        return False
    room = PLAIN.get(path[2], "").split() if path[:2] == ["keras", "src"] else []
    known = any(part in room for part in path[3:4])
    return known or kind in PLAIN_CORE or (path[-1] == "linalg" and kind.__name__ == "Norm")


def slid(op: keras.Operation, shape: Shape, result: Shape) -> int:
    """A convolution or dense layer uses each kernel once at every position."""
    return positions(op, shape if isinstance(op, TRANSPOSED) else result) * sum(
        math.prod(w.shape) for w in kernels(op)
    )


def positions(op: keras.Operation, shape: Shape) -> int:
    """The positions of all maps of a batch."""
    order = getattr(op, "data_format", "channels_last") or keras.config.image_data_format()
    return shape[0] * math.prod(shape[2:] if order == "channels_first" else shape[1:-1])


def is_variable(x: Any) -> TypeGuard[keras.Variable]:
    """Whether x is a variable of Keras."""
    # keras.Variable is no class of a layer's weights in Keras 3.5
    return isinstance(x, keras.Variable) or (hasattr(x, "assign") and hasattr(x, "trainable"))


def kernels(op: keras.Operation) -> list[keras.Variable]:
    """The kernels of a layer with multiply-adds, as far as it has them under their usual names."""
    if type(op) in PROJECTED:
        return [dense.kernel for dense in projections(op).values()]
    own = isinstance(op, (*CONVOLUTIONS, *TRANSPOSED, layers.EinsumDense))
    if not own and not hasattr(op, "macs") and not hasattr(op, "recurrent_kernel"):
        return []
    weights = [getattr(op, key, None) for key in KERNELS]
    return [w for w in weights if is_variable(w)]


def letters(equation: str, shapes: Sequence[Shape]) -> tuple[dict[str | int, int], list[str | int]]:
    """({letter of an einsum: its size}, the letters of the result); an ellipsis has numbers."""
    terms, _, made = equation.replace(" ", "").partition("->")
    sizes: dict[str | int, int] = {}
    most: Sequence[int] = ()
    for term, shape in zip(terms.split(","), shapes, strict=True):
        head, dots, tail = term.partition("...")
        between: Sequence[int] = (
            range(len(head + tail) - len(shape), 0) if dots else ()
        )  # from the right
        most = max(most, between, key=len)
        for letter, size in zip([*head, *between, *tail], shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    head, dots, tail = made.partition("...")
    return sizes, [*head, *(most if dots else ()), *tail]


def products(equation: str, shapes: Sequence[Shape]) -> int | None:
    """Products of an einsum of two: one for each value of all letters.  None for more than two."""
    sizes, _ = letters(equation, shapes)
    return {1: 0, 2: math.prod(sizes.values())}.get(len(shapes))


def contracted(op: keras.Operation, shapes: Sequence[Shape], result: Shape) -> int:
    """Of a product of two arrays: each number of the result sums over what both have in common."""
    common = math.prod(shapes[0]) * math.prod(shapes[1]) // max(1, math.prod(result))
    return math.prod(result) * math.isqrt(common)


def dotted(op: keras.Operation, shapes: Sequence[Shape], result: Shape) -> int:
    """Of ops.dot, which with a single number multiplies value by value."""
    return 0 if () in shapes[:2] else math.prod(result) * shapes[0][-1]


def attended(op: keras.Operation, shapes: Sequence[Shape], result: Shape) -> int:
    """Scores of queries (N, T, heads, d) with all keys (N, S, heads, d), and the sums by them."""
    return shapes[1][1] * (math.prod(shapes[0]) + math.prod(result))


def kernels_at(op: keras.Operation, shapes: Sequence[Shape], result: Shape) -> int:
    """Of a convolution in keras.ops, whose kernels are operands."""
    return positions(op, result) * sum(map(math.prod, shapes[1:]))


FORMULAS = {
    "Matmul": lambda op, shapes, result: math.prod(result) * shapes[0][-1],
    "Einsum": lambda op, shapes, result: products(op.subscripts, shapes),
    "Dot": dotted,
    **dict.fromkeys(("Tensordot", "Inner", "Outer", "Vdot"), contracted),
    **dict.fromkeys(("Conv", "DepthwiseConv", "SeparableConv"), kernels_at),
    "ConvTranspose": lambda op, shapes, result: kernels_at(op, shapes, shapes[0]),
    "DotProductAttention": attended,
}


def of_two(op: Any, shapes: Sequence[Shape], result: Shape) -> int:
    """Of layers.Dot: each number of the result sums along an axis of the first input."""
    return math.prod(result) * shapes[0][op.axes if isinstance(op.axes, int) else op.axes[0]]


def bare_attention(op: Any, shapes: Sequence[Shape], result: Shape) -> int:
    """Of queries (N, T, d) with keys (N, S, d): scores, if they are products, and sums by them."""
    return shapes[1][1] * ((op.score_mode == "dot") * math.prod(shapes[0]) + math.prod(result))


def projections(op: Any) -> dict[str, layers.EinsumDense]:
    """The dense layers of an attention of several heads: query, key, value, attention_output."""
    return {x.name: x for x in layers_within(op) if isinstance(x, layers.EinsumDense)}


def projected_attention(op: Any, shapes: Sequence[Shape], result: Shape) -> int:
    """Of queries (N, ..., D) and values (N, ..., D): projections, scores, sums."""
    dense, (queries, values) = projections(op), shapes[:2]
    axes = op.get_config().get("attention_axes") or range(1, len(values) - 1)
    size = {name: math.prod(x.kernel.shape) for name, x in dense.items()}
    read = math.prod(values[:-1]) * (size["key"] + size["value"])
    alone = math.prod(queries[:-1]) * (size["query"] + size["attention_output"])
    kernels = dense["query"].kernel.shape[1:], dense["attention_output"].kernel.shape[:2]
    heads = sum(map(math.prod, kernels))  # numbers of all heads of a query, and of a sum
    return read + alone + math.prod(queries[:-1]) * math.prod(values[i] for i in axes) * heads


# Keras' own attentions and Dot: from 3.16 on, their operations cannot be traced.
PROJECTED = layers.MultiHeadAttention, layers.GroupQueryAttention
ATTENTIONS = {layers.Dot: of_two, layers.Attention: bare_attention}
ATTENTIONS |= dict.fromkeys(PROJECTED, projected_attention)
