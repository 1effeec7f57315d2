"""measure(model): what a network weighs, computes and sees, read off its graph."""

import math
from collections import namedtuple

import keras
from keras import layers

from convbook.architectures.taps import block_of
from convbook.blocks.graph import calls

CONVOLUTIONS = (
    *(layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D),
    *(layers.SeparableConv1D, layers.SeparableConv2D, layers.Dense),
)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
RESAMPLING = ("GetItem", "Resizing", "UpSampling")  # the step changes with the size of the map
Row = namedtuple("Row", "stage weights trainable total macs activation_bytes shape field")
# What an output position sees of the input, in pixels, and the pixels from one to the next;
# alive until the map is flattened or pooled as a whole.
Field = namedtuple("Field", "size step alive")


class Measure(dict):
    """A dictionary whose keys are attributes too."""

    def __getattr__(self, key):
        try:
            return self[key]
        except KeyError:
            raise AttributeError(key) from None


def measure(model):
    """Counts of a functional Keras model that needs neither be compiled nor run.

    weights             kernels of convolutions and dense layers, shared layers once
    trainable, total    numbers in trainable weights, and in all weights
    macs                multiply-adds of convolutions and dense layers for one image; a layer that
                        is called twice counts twice.  Other layers count if they have a method
                        macs(input_shape, output_shape)
    activation_bytes    outputs of all layers and operations for one image, in float32; the input
                        too, but not Identity, which only names a tensor
    receptive_field     pixels of the input that one position of the last map sees, along the
                        largest path: what global pooling, flattening and dense layers add is left
                        out; (rows, columns) where they differ; None if there is no map
    output_shape        as Keras has it, the batch first; a list if there are several outputs
    stages              the same for each stage, by the beginnings of the layers' names: stem,
                        stage1 ... head.  The input is in no stage; output_shape is the last one
    All of it sees into nested models and gates.  Raises ValueError if sizes are unknown.
    """
    known = {}
    rows = list(walk(model, known, set()))
    shapes, fields = zip(*(known[id(x)] for x in model.outputs), strict=True)
    shapes = list(shapes) if len(shapes) > 1 else shapes[0]
    stages = {
        s: [row for row in rows if row.stage == s] for s in dict.fromkeys(r.stage for r in rows)
    }
    stages = {s: summary(part, *part[-1][-2:]) for s, part in stages.items() if s}
    return Measure(summary(rows, shapes, fields[0]), stages=stages)


def summary(rows, shape, field):
    sums = {key: sum(getattr(row, key) for row in rows) for key in Row._fields[1:6]}
    size = [math.ceil(i) for i in field.size] or [None]
    seen = size[0] if len(set(size)) == 1 else tuple(size)
    return Measure(sums, receptive_field=seen, output_shape=shape)


def walk(model, known, counted, stage=None):
    """Yields a Row for each call in order; the calls of a nested model belong to its stage.

    known: {id of a tensor: its shape and Field}, to which all tensors of the graph are added.
    counted: ids of the weights that have been counted.
    """
    for op, ins, outs in calls(model):
        if isinstance(op, layers.InputLayer) and stage is not None:
            continue
        where = stage_of(op) if stage is None else stage
        inner = block_of(op)
        if inner is not None:
            known |= {id(i): known[id(x)] for i, x in zip(inner.inputs, ins, strict=True)}
            yield from walk(inner, known, counted, where)
            known |= {id(o): known[id(x)] for o, x in zip(outs, inner.outputs, strict=True)}
            continue
        shapes, fields = zip(*(known[id(x)] for x in ins), strict=True) if ins else ((), ())
        results = [shape_of(op, shapes, x) for x in outs]
        field = field_of(op, fields, shapes, results[0])
        known |= {id(x): (shape, field) for x, shape in zip(outs, results, strict=True)}
        weights = [w for w in getattr(op, "weights", ()) if id(w) not in counted]
        counted |= {id(w) for w in weights}
        yield Row(
            where,
            sum(math.prod(w.shape) for w in kernels(op) if any(w is v for v in weights)),
            sum(math.prod(w.shape) for w in weights if w.trainable),
            sum(math.prod(w.shape) for w in weights),
            macs(op, shapes, results[0]),
            0 if isinstance(op, layers.Identity) else sum(4 * math.prod(s[1:]) for s in results),
            results[0],
            field,
        )


def stage_of(op):
    """The beginning of a name; the input is in no stage."""
    if isinstance(op, layers.InputLayer):
        return ""
    return "head" if op.name in ("logits", "probabilities") else op.name.split("_")[0]


def kernels(op):
    """The kernels of a convolution or dense layer, or of a layer that counts its multiply-adds."""
    if not isinstance(op, CONVOLUTIONS + TRANSPOSED) and not hasattr(op, "macs"):
        return []
    return [w for key in KERNELS if (w := getattr(op, key, None)) is not None]


def macs(op, shapes, result):
    """Multiply-adds for one image: each kernel is used once at every position."""
    if hasattr(op, "macs"):
        return op.macs(shapes[0], result)
    at = shapes[0] if isinstance(op, TRANSPOSED) else result
    first = getattr(op, "data_format", None) == "channels_first"
    positions = math.prod(at[2:] if first else at[1:-1])
    return positions * sum(math.prod(w.shape) for w in kernels(op))


def shape_of(op, shapes, x):
    """The shape of x, which op makes of tensors of these shapes: a nested model may not know it."""
    shape = tuple(x.shape)
    if None in shape[1:] and isinstance(op, layers.InputLayer):
        raise ValueError(f"model: its input {shape} has unknown sizes: give it an input shape")
    if None in shape[1:] and isinstance(op, layers.Layer):
        shape = op.compute_output_shape(shapes[0] if len(shapes) == 1 else list(shapes))
    elif None in shape[1:]:
        shape = op.compute_output_spec(*(keras.KerasTensor(s) for s in shapes)).shape
    return tuple(shape)


def field_of(op, fields, shapes, result):
    """The Field of what op makes of tensors of these fields and shapes."""
    if not fields:
        n = len(result) - 2
        return Field((1,) * n, (1,) * n, n > 0)
    fields = [field for field in fields if field.alive] or fields
    size, step = (
        [max(i) for i in zip(*(getattr(field, part) for field in fields), strict=False)]
        for part in ("size", "step")
    )
    ends = isinstance(op, (layers.Flatten, layers.Reshape)) or len(result) < len(shapes[0])
    if ends or type(op).__name__.startswith("Global") or not fields[0].alive:
        return Field(tuple(size), tuple(step), False)
    k = getattr(op, "kernel_size", None) or getattr(op, "pool_size", None) or 1
    s, d = getattr(op, "strides", None) or k, getattr(op, "dilation_rate", 1)
    k, s, d = (v if isinstance(v, (tuple, list)) else (v,) * len(size) for v in (k, s, d))
    if isinstance(op, TRANSPOSED):
        s = [1 / i for i in s]
        k = [math.ceil(i * j) for i, j in zip(k, s, strict=True)]
    elif type(op).__name__.startswith(RESAMPLING):
        sides = zip(shapes[0][1:-1], result[1:-1], strict=True)
        s = [round(i / j) or 1 / round(j / i) for i, j in sides]
    size = [a + (b - 1) * i * j for a, b, i, j in zip(size, k, d, step, strict=True)]
    return Field(tuple(size), tuple(a * b for a, b in zip(step, s, strict=True)), True)
