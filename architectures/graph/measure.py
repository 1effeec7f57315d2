"""measure(model): a network's weights, multiply-adds and receptive field, read from its graph."""

import math
from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
from keras import layers

from convbook.architectures.graph.arithmetic import (
    CONVOLUTIONS,
    FORMULAS,
    TRANSPOSED,
    Shape,
    is_variable,
    kernels,
    letters,
    multiply_adds,
    slid,
)
from convbook.architectures.graph.calls import Call, Opened, calls, opened
from convbook.architectures.graph.layer_names import block_of

RESAMPLING = ("GetItem", "Resiz", "UpSampling")  # the step changes with the size of the map
SEQUENCES = (layers.TimeDistributed, layers.RNN)
COUNTS = ("weights", "trainable", "total", "macs", "activation_bytes")
Row = namedtuple("Row", "stage weights trainable total macs activation_bytes uncounted shape field")
# The input pixels that an output position sees, and the pixels from one position to the next;
# alive until the map is flattened or pooled as a whole.
Field = namedtuple("Field", "size step alive")


class Measure(dict):
    """A dictionary with its keys as attributes."""

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(key) from None


def measure(model: keras.Model) -> Measure:
    """Counts of a functional Keras model, which need not be compiled or run.

    weights             numbers that multiply-adds read: kernels of convolutions, dense, recurrent
                        and attention layers, variables in ops.matmul and such; shared ones once
    trainable, total    numbers in trainable weights, and in all weights
    macs                multiply-adds for one image in inference: of those layers, of matrix
                        products, einsum and convolutions in keras.ops, and of what layers say that
                        have a method macs(input_shape, output_shape).  A layer that is called twice
                        counts twice
    uncounted           names of the layers and operations whose multiply-adds are not known, and
                        so are not in macs; 'outer/inner' for one inside a layer.  [] where macs is
                        all of it
    activation_bytes    outputs of all layers and operations for one image, in float32; the input
                        too, but not Identity, which only names a tensor, nor what a layer that is
                        no model keeps inside
    receptive_field     pixels of the input that one position of the last map sees, along the
                        largest path: what global pooling, flattening and dense layers add is left
                        out; (rows, columns) where they differ; None if there is no map
    output_shape        as Keras has it, the batch first; a list if there are several outputs
    stages              the same for each stage, by the beginnings of the layers' names: stem,
                        stage1 ... head.  The input is in no stage; output_shape is the last one

    Elementwise operations (activations, sums, products of maps), normalisation, pooling, resizing,
    table look-ups and moving values count 0 and are not listed.  What a layer computes from its
    weights alone counts 0 too.

    measure looks into nested models and gates, and into layers whose call consists of layers and
    keras.ops.  Raises ValueError if sizes are unknown.
    """
    walk = Walk(model)
    rows = walk.rows
    images = model.inputs[0].shape[0] or 1
    made = [(x.shape[:1], *walk.known[id(x)]) for x in model.outputs]
    shapes = [(*batch, *shape[1:]) for batch, shape, _ in made]
    by_stage = {
        s: [row for row in rows if row.stage == s] for s in dict.fromkeys(r.stage for r in rows)
    }
    stages = {s: summary(p, p[-1].shape, p[-1].field, images) for s, p in by_stage.items() if s}
    whole = summary(rows, shapes if len(shapes) > 1 else shapes[0], made[0][-1], images)
    return Measure(whole, stages=stages)


def summary(rows: Sequence[Row], shape: Any, field: Field, images: int) -> Measure:
    sums = {key: sum(getattr(row, key) for row in rows) for key in COUNTS}
    sums |= {key: sums[key] // images for key in COUNTS[3:]}
    names = list(dict.fromkeys(name for row in rows for name in row.uncounted))
    size = [math.ceil(i) for i in field.size] or [None]
    seen = size[0] if len(set(size)) == 1 else tuple(size)
    return Measure(sums, uncounted=names, receptive_field=seen, output_shape=shape)


class Walk:
    """A walk through a model and its nested parts, for one image or its own batch.

    rows: a Row for each call, in order.  known: {id of a tensor: (its shape, batch included, and
    its Field)}.  shape: of one image, for sizes that the model's input leaves open.
    """

    def __init__(self, model: keras.Model, shape: Shape | None = None):
        self.known: dict[int, tuple[Shape, Field]] = {}
        self.shape = shape
        self.counted: set[int] = set()  # ids of weights
        self.multiplied: set[int] = set()
        self.rows = list(self.walk(calls(model)))

    def walk(
        self, graph: Iterable[Call], stage: str | None = None, within: str = ""
    ) -> Iterator[Row]:
        """Yields Rows; nested calls belong to the stage of the outer call.

        within: the names of the layers that were opened to get here, each with a slash after it.
        """
        for call in graph:
            if stage is None:
                yield from self.visit(call, stage_of(call.op), within)
            elif not isinstance(call.op, layers.InputLayer):  # those are known from outside
                yield from self.visit(call, stage, within)

    def visit(self, call: Call, stage: str, within: str) -> Iterator[Row]:
        """Yields a Row for a call, after the Rows of its nested calls."""
        model = block_of(call.op)
        if model is not None:
            block = Opened(calls(model), model.inputs, model.outputs)
            yield from self.nested(call, block, stage, within)
            yield self.row_of_call(call, stage, 0, within, own=False)
            return
        macs = self.alone(call)
        inner = self.opened(call) if macs is None else None
        if inner:
            yield from self.nested(call, inner, stage, f"{within}{call.op.name}/")
        yield self.row_of_call(call, stage, 0 if inner else macs, within)

    def met(self, call: Call) -> list[tuple[Shape, Field]]:
        """Shapes and Fields of a call's inputs."""
        return [self.known[id(x)] for x in call.inputs]

    def given(self, call: Call) -> tuple[Any, Any]:
        """The arguments of a call, its tensors with their known shapes."""
        known = zip(call.inputs, self.met(call), strict=True)
        return call.given({id(x): keras.KerasTensor(shape, x.dtype) for x, (shape, _) in known})

    def alone(self, call: Call) -> int | None:
        """Notes a call's outputs; returns its multiply-adds, None if it must be opened."""
        args, kwargs = self.given(call)
        shapes, fields = zip(*self.met(call), strict=True) if call.inputs else ((), ())
        made = shapes_of(call, shapes, args, kwargs, self.shape)
        field = field_of(call, fields, shapes, made[0])
        self.known |= {id(x): (shape, field) for x, shape in zip(call.outputs, made, strict=True)}
        return multiply_adds(call.op, shapes, made[0], args)

    def opened(self, call: Call) -> Opened | None:
        """The calls in a layer or operation; steps in time count as further images."""
        op, (args, kwargs) = call.op, self.given(call)
        if isinstance(op, SEQUENCES):
            x = next(x for x in keras.tree.flatten((args, kwargs)) if hasattr(x, "shape"))
            n = x.shape[0] * x.shape[1]
            args = [keras.KerasTensor((n, *x.shape[2:]), x.dtype)]
        if isinstance(op, layers.TimeDistributed):
            return opened(op, args, {}, op.layer)
        if isinstance(op, layers.RNN):
            states = keras.tree.map_structure(
                lambda v: keras.KerasTensor((n, *v.shape[1:]), v.dtype), op.get_initial_state(1)
            )
            return opened(op, [*args, states], {}, op.cell)
        return opened(op, args, kwargs)

    def nested(self, call: Call, inner: Opened, stage: str, within: str) -> Iterator[Row]:
        """Yields the Rows of the calls in a call, and notes their outputs as its own."""
        met, op = self.met(call), call.op
        if isinstance(op, SEQUENCES):
            met = [(tuple(x.shape), step_of(op, met[0][1])) for x in inner.inputs]
        self.known |= {id(x): it for x, it in zip(inner.inputs, met, strict=True)}
        yield from self.walk(inner.calls, stage, within)
        made = [self.known[id(x)] for x in inner.outputs]
        if isinstance(op, layers.TimeDistributed):
            (shape, before), (_, after) = self.known[id(call.outputs[0])], made[0]
            size, step = (a[:1] + b for a, b in zip(before[:2], after[:2], strict=True))
            made = [(shape, Field(size, step, after.alive))]
        if len(made) == len(call.outputs) and not isinstance(op, layers.RNN):
            self.known |= {id(x): it for x, it in zip(call.outputs, made, strict=True)}

    def row_of_call(
        self, call: Call, stage: str, macs: int | None, within: str, own: bool = True
    ) -> Row:
        """The Row of a call; own: whether its output is a new map."""
        op, (made, field) = call.op, self.known[id(call.outputs[0])]
        if macs is None and isinstance(op, CONVOLUTIONS + TRANSPOSED) and None not in made:
            macs = slid(op, self.met(call)[0][0], made)  # a subclass, as far as known
        weights = fresh(getattr(op, "weights", ()), self.counted)
        own = own and not within and not isinstance(op, layers.Identity)
        return Row(
            stage,
            numbers(fresh([*kernels(op), *read_by(call)], self.multiplied)),
            numbers(w for w in weights if w.trainable),
            numbers(weights),
            macs or 0,
            sum(4 * math.prod(i or 0 for i in self.known[id(x)][0]) for x in call.outputs) * own,
            [within + op.name] if macs is None else [],
            (*call.outputs[0].shape[:1], *made[1:]),
            field,
        )


def stage_of(op: keras.Operation) -> str:
    """The beginning of a name; the input is in no stage."""
    if isinstance(op, layers.InputLayer):
        return ""
    return "head" if op.name in ("logits", "probabilities") else op.name.split("_")[0]


def fresh(weights: Iterable[Any], seen: set[int]) -> list[Any]:
    """The weights not seen before; marks them as seen."""
    new = {id(w): w for w in weights if id(w) not in seen}
    seen.update(new)
    return list(new.values())


def numbers(weights: Iterable[keras.Variable]) -> int:
    return sum(math.prod(w.shape) for w in weights)


def read_by(call: Call) -> list[keras.Variable]:
    """The variables that an operation of keras.ops multiplies by."""
    if isinstance(call.op, keras.Layer) or type(call.op).__name__ not in FORMULAS:
        return []
    return [x for x in keras.tree.flatten(call.arguments) if is_variable(x)]


def shapes_of(call: Call, shapes: Sequence[Shape], args: Any, kwargs: Mapping[str, Any],
              image: Shape | None = None) -> list[Shape]:  # fmt: skip
    """The shapes, batch included, of a call's outputs for inputs of these shapes."""
    op, built = call.op, [batched(x.shape) for x in call.outputs]
    if isinstance(op, layers.InputLayer):
        if image:
            built = [(shape[0], *map(filled, shape[1:], image)) for shape in built]
        if any(None in shape for shape in built):
            unknown = tuple(call.outputs[0].shape)
            raise ValueError(
                f"model: its input {unknown} has unknown sizes: give it an input shape"
            )
        return built
    if type(op) is layers.EinsumDense:  # Keras knows only the sizes that its author gave
        sizes, made = letters(op.equation, [shapes[0], op.kernel.shape])
        return [tuple(sizes[letter] for letter in made)]
    same = [batched(x.shape) for x in call.inputs] == list(shapes)
    if isinstance(op, keras.Layer) and same and not any(None in shape for shape in built):
        return built
    # Operations may have folded the batch into other dimensions; the model cannot show that.
    made = keras.tree.flatten(op.compute_output_spec(*args, **kwargs))
    return [tuple(x.shape) for x in made if x is not None]


def filled(size: int | None, given: int | None) -> int | None:
    return given if size is None else size


def batched(shape: Shape) -> Shape:
    """A shape with a batch of one in place of an unknown one."""
    return tuple(shape[:1] and (shape[0] or 1,)) + tuple(shape[1:])


def step_of(op: keras.Operation, field: Field) -> Field:
    """The Field of one step in time; a recurrent layer sees all earlier steps."""
    if isinstance(op, layers.RNN):
        return Field((), (), False)
    return Field(field.size[1:], field.step[1:], field.alive)


def field_of(call: Call, fields: Sequence[Field], shapes: Sequence[Shape], result: Shape) -> Field:
    """The Field of a call's output for inputs with these fields and shapes."""
    op, n = call.op, len(result) - 2
    if not fields:
        return Field((1,) * n, (1,) * n, n > 0)
    fields = [field for field in fields if field.alive] or fields
    size, step = (
        tuple(map(max, zip(*(getattr(field, part) for field in fields), strict=False)))
        for part in ("size", "step")
    )
    if ends(op, fields[0], shapes[0], result):
        return Field(size, step, False)
    k, s, d = window(call, len(size))
    if transposes(op):
        s = [1 / i for i in s]
        k = [math.ceil(i * j) for i, j in zip(k, s, strict=True)]
    elif type(op).__name__.startswith(RESAMPLING):
        sides = zip(shapes[0][1:], result[1:], size, strict=False)
        s = [round(i / j) or 1 / round(j / i) for i, j, _ in sides]
    size = tuple(a + (b - 1) * i * j for a, b, i, j in zip(size, k, d, step, strict=True))
    return Field(size, tuple(a * b for a, b in zip(step, s, strict=True)), True)


def ends(op: keras.Operation, field: Field, shape: Shape, result: Shape) -> bool:
    """Whether an operation ends the map: flattens it or sees it as a whole."""
    n = len(field.size)
    if not field.alive or type(op).__name__.startswith("Global") or isinstance(op, layers.RNN):
        return True
    # Channels may be split and joined again.
    return len(result) != n + 2 and (len(result) < n + 2 or shape[: n + 1] != result[: n + 1])


def transposes(op: keras.Operation) -> bool:
    return isinstance(op, TRANSPOSED) or type(op).__name__ == "ConvTranspose"


def window(call: Call, n: int) -> list[Any]:
    """Kernel or pool, strides and dilation of an operation, each in n directions."""
    op = call.op
    k = getattr(op, "kernel_size", None) or getattr(op, "pool_size", None) or 1
    if type(op).__name__ in FORMULAS and hasattr(op, "dilation_rate"):  # a convolution in keras.ops
        k = tuple(call.arguments[0][1].shape[:-2])
    s, d = getattr(op, "strides", None) or k, getattr(op, "dilation_rate", 1)
    return [v if isinstance(v, (tuple, list)) else (v,) * n for v in (k, s, d)]
