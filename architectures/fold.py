"""fold(model): the inference form of a network, which gives the same in fewer steps."""

from collections import Counter, defaultdict

import keras
import numpy as np
from keras import layers

from convbook.architectures.arithmetic import CONVOLUTIONS
from convbook.architectures.taps import summed
from convbook.blocks.graph import calls
from convbook.blocks.grouped import GroupedConv2D
from convbook.blocks.stochastic_depth import StochasticDepth

# These very classes: what a subclass computes is not known.
LINEAR = (*CONVOLUTIONS, GroupedConv2D)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
RANDOM = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout, layers.GaussianNoise)


def fold(model):
    """A new functional model that answers as model(x, training=False) does, in fewer steps.

    A batch norm or Rescaling is folded into the convolutions or dense layer before it, if their
    outputs are linear and go nowhere else; a concatenation of them may stand between.  Dropout,
    drop path and noise go.  A gate becomes its branch, times the probability of survival.  Of
    several outputs only the first stays: the others are auxiliary heads.

    What cannot be folded exactly stays: above all a batch norm that reads a sum, a pool or what
    others read too, as in pre-activated nets.  Layers that stay keep their names, and gates and
    nested models stay nested: get_layer finds what is in them.  The result has weights of its own
    and is not compiled; trained further, it is another network.

    Raises ValueError for a model that has no graph (subclassed, or Sequential without input shape).
    """
    calls(model)
    whole = nested(model)
    if len(whole.outputs) > 1:
        whole = keras.Model(whole.input, whole.outputs[0], name=model.name)
    return rebuilt(whole)


def nested(op):
    """The functional model that an operation runs in inference; None if it runs no such model."""
    if isinstance(op, StochasticDepth):
        times = layers.Rescaling(op.survival, dtype=op.dtype_policy, name=f"{op.name}_survival")
        return summed(op, times(op.branch.output))
    if isinstance(op, keras.Sequential):
        return keras.Model(op.inputs[0], op.outputs[0], name=op.name)
    inner = getattr(op, "branch", op)  # of Recompute
    if isinstance(inner, keras.Function):
        return keras.Model(inner.input, inner.output, name=op.name)
    return None


def rebuilt(model):
    """A functional model as its plan has it."""
    changes, gone = plan(calls(model), model.outputs)
    made = {}

    def clone(op):
        if op in gone:
            return None
        if inner := nested(op):
            return rebuilt(inner)
        config = op.get_config() | ({"use_bias": True} if op in changes else {})
        return made.setdefault(op, type(op).from_config(config))

    def call(op, *args, **kwargs):
        return [*args, *kwargs.values()][0] if op is None else op(*args, **kwargs)

    result = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for op, new in made.items():
        if getattr(op, "weights", ()):
            new.set_weights(changed(op, changes[op]) if op in changes else op.get_weights())
        if isinstance(new, layers.Normalization):
            new.finalize_state()  # it computes with copies of its weights
    return result


def plan(rows, outputs):
    """({convolution: [(scale, shift) of its filters, ...]}, the operations that are left out)."""
    times = Counter(row.op for row in rows)
    uses = Counter(id(x) for x in [*outputs, *(x for row in rows for x in row.inputs)])
    changes, gone = defaultdict(list), set()
    source = {}  # id of a tensor: the convolutions, and their filters, of whose outputs it is made
    for op, inputs, (y, *_) in rows:
        alone = times[op] == 1 and all(uses[id(x)] == 1 and id(x) in source for x in inputs)
        before = [part for x in inputs for part in source[id(x)]] if alone else []
        last = getattr(op, "axis", -1) in (-1, len(y.shape) - 1)
        same = inputs and inputs[0].dtype == y.dtype
        if times[op] == 1 and linear(op):
            before = [(op, y.shape[-1])]
        elif same and type(op) in RANDOM:
            gone.add(op)
        elif same and last and before and (found := affine(op, y)):
            gone.add(op)
            for conv, f in before:
                changes[conv].append([v[:f] for v in found])
                found = [v[f:] for v in found]
        elif not (last and type(op) is layers.Concatenate):
            continue
        source |= {id(y): before} if before else {}
    return changes, gone


def linear(op):
    """Whether op is a convolution or dense layer without activation, with its usual weights."""
    plain = type(op) in LINEAR and op.activation is keras.activations.linear
    last = plain and getattr(op, "data_format", "channels_last") == "channels_last"
    return last and all(w.name.endswith(("kernel", "bias")) for w in op.weights)


def affine(op, y):
    """scale and shift of each channel, if in inference y is scale * x + shift; else None."""
    if type(op) is layers.BatchNormalization:
        scale = (number(op.moving_variance) + op.epsilon) ** -0.5
        scale = scale * number(op.gamma) if op.scale else scale
        shift = (number(op.beta) if op.center else 0) - scale * number(op.moving_mean)
    elif type(op) is layers.Rescaling and np.ndim(op.scale) == np.ndim(op.offset) == 0:
        scale, shift = op.scale, op.offset
    else:
        return None
    return [np.broadcast_to(v, y.shape[-1:]) for v in (scale, shift)]


def number(v):
    return keras.ops.convert_to_numpy(v).astype("float64")


def changed(op, changes):
    """The weights of a convolution, with a bias, whose outputs are scaled and shifted in turn."""
    *kernels, bias = [*map(number, op.weights), *[0] * (not op.use_bias)]
    for scale, shift in changes:
        kernels[-1] *= scale.reshape(kernels[-1].shape[-2:] if type(op) in DEPTHWISE else -1)
        bias = bias * scale + shift
    return [*kernels, bias]
