"""The inference form of a network: fold(model) has fewer operations, flat(model) a single graph."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from convbook.architectures.graph.arithmetic import CONVOLUTIONS
from convbook.architectures.graph.branches import NONE, Affine, Branch, identity, placed, widest
from convbook.architectures.graph.calls import Call, calls, has_calls
from convbook.architectures.graph.layer_names import summed
from convbook.architectures.graph.prepared import knowing
from convbook.architectures.graph.private import as_called, maker
from convbook.blocks.checks import require
from convbook.blocks.convnext import LayerScale
from convbook.blocks.grouped import GroupedConv2D
from convbook.blocks.legacy import StochasticDepth as GateOfOld
from convbook.blocks.nfnet import SkipInit
from convbook.blocks.recompute import Recompute
from convbook.blocks.standardized import StandardizedConv2D
from convbook.blocks.stochastic_depth import StochasticDepth
from convbook.blocks.types import Tensor

Models = dict[Any, keras.Model | None]  # {operation: the functional model that it runs}
Change = Any  # an Affine that follows the outputs, or Merged
Changes = dict[Any, list[Change]]  # {convolution: its changes, in order}
# Exactly these classes: a subclass may compute something else.
LINEAR = (*CONVOLUTIONS, GroupedConv2D, StandardizedConv2D)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
RANDOM = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout, layers.GaussianNoise)


def fold(model: keras.Model, outputs: str | Sequence[str] | None = None) -> keras.Model:
    """A new functional model with the outputs of model(x, training=False) and fewer operations.

    A batch norm, LayerScale or Rescaling is folded into the convolutions or dense layer before it,
    if their outputs are linear and go nowhere else; a concatenation of them may come between.
    Added convolutions of one tensor, and the tensor itself, become one, as in RepVGG: the one whose
    window contains all other windows.
    A convolution with a standardised kernel becomes an ordinary one with that kernel.
    Dropout, drop path and noise disappear.  A gate becomes its branch times the survival
    probability.

    outputs: which of several outputs to keep: a name or a list of names, the keys if the model
    returns a dictionary, else names of layers (model.output_names).  By default all are kept, in
    their structure; of create(..., aux=True) only the first, because the auxiliary heads are for
    training.

    What cannot be folded exactly stays, above all a batch norm that reads a sum, a pool or a shared
    tensor, as in pre-activation nets.  Layers that stay keep their names; gates and nested models
    stay nested: get_layer finds their layers, flat removes the nesting.  The result has its own
    weights and is not compiled; if you train it further, it becomes another network.

    Raises ValueError for a model that has no graph (subclassed, or Sequential without input
    shape), and for outputs that it does not have.
    """
    calls(model)
    whole: Any = nested(model)
    kept = chosen(whole, outputs)
    if kept is not whole.output:
        whole = keras.Model(whole.input, kept, name=model.name)
    return as_called(knowing(model, rebuilt(whole)))


def chosen(model: keras.Model, outputs: str | Sequence[str] | None) -> Any:
    """The requested output of a model, or structure of outputs."""
    named = model.output
    if not isinstance(named, dict):
        named = dict(zip(model.output_names, model.outputs, strict=True))
    if outputs is None:
        return model.outputs[0] if has_auxiliary_heads(model) else model.output
    asked = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if not asked or not all(isinstance(name, str) and name in named for name in asked):
        require(False, outputs=outputs, right=f"a name or a list of names, of {', '.join(named)}")
    asked = [named[name] for name in asked]
    return asked if isinstance(outputs, (list, tuple)) else asked[0]


def has_auxiliary_heads(model: keras.Model) -> bool:
    """Whether a model's outputs are those of one of our networks with auxiliary heads."""
    first, *rest = model.output_names
    heads = rest and all(re.fullmatch(r"aux\d+_(logits|softmax)", name) for name in rest)
    return isinstance(model.output, list) and first in ("logits", "probabilities") and heads


def flat(model: keras.Model) -> keras.Model:
    """A new functional model with a single graph, without gates or nested models.

    Its outputs are those of model(x, training=False): a gate becomes its branch, times the
    probability of survival.  Unlike with nested layers, any layer's output can
    become an output of a model:

        net = flat(create("resnet50", survival=0.5))
        maps = keras.Model(net.input, net.get_layer("stage2_block3_b2_conv1").output)

    Layers keep their names; a name that occurs in several nested models gets theirs as a prefix, as
    in left_stage1.  The result has its own weights and is not compiled.  Raises ValueError for
    a model that has no graph (subclassed, or Sequential without input shape).
    """
    calls(model)
    whole: Any = nested(model)
    models: Models = {}
    paths = paths_of(whole, models)
    times = Counter(op.name for op in paths)
    copies = {}
    for op, path in paths.items():
        copies[op] = copied(op)
        copies[op].name = op.name if times[op.name] == 1 else "_".join([*path, op.name])
    inputs = [
        keras.Input(x.shape[1:], x.shape[0], x.dtype, name=maker(x).name) for x in whole.inputs
    ]
    outputs = laid(whole, inputs, models, copies)
    inputs, outputs = (
        keras.tree.pack_sequence_as(*pair)
        for pair in ((whole.input, inputs), (whole.output, outputs))
    )
    result = keras.Model(inputs, outputs, name=model.name)
    for op, copy in copies.items():
        take(copy, op.get_weights() if getattr(op, "weights", ()) else ())
    return as_called(knowing(model, result))


def paths_of(
    model: keras.Model, models: Models, path: tuple[str, ...] = ()
) -> dict[Any, tuple[str, ...]]:
    """{operation: names of the nested models around it}, for every operation of a model.

    models: {operation: the functional model that it runs, or None}; this adds them.
    """
    paths: dict[Any, tuple[str, ...]] = {}
    for op in dict.fromkeys(call.op for call in calls(model) if call.inputs):
        models[op] = inner = models.get(op) or nested(op)
        within = (*path, op.name) if isinstance(op, keras.Model) else path
        paths = (paths_of(inner, models, within) if inner else {op: path}) | paths
    return paths


def laid(
    model: keras.Model, given: Iterable[Tensor], models: Models, copies: dict[Any, Any]
) -> list[Tensor]:
    """The outputs of a model for these tensors, made by copies of all its layers."""
    known = dict(zip(map(id, model.inputs), given, strict=True))
    for call in calls(model):
        if not call.inputs:
            continue
        args, kwargs = call.given(known)
        if inner := models[call.op]:
            made = laid(inner, [known[id(x)] for x in call.inputs], models, copies)
        else:
            made = keras.tree.flatten(copies[call.op](*args, **kwargs))
        known |= dict(zip(map(id, call.outputs), made, strict=True))
    return [known[id(x)] for x in model.outputs]


def nested(op: Any) -> keras.Model | None:
    """The functional model that an operation runs in inference; None if it runs none."""
    if isinstance(op, (StochasticDepth, GateOfOld)):
        times = layers.Rescaling(op.survival, dtype=op.dtype_policy, name=f"{op.name}_survival")
        m = times(op.branch.output)
        if isinstance(op, GateOfOld):
            return summed(op, m)
        return keras.Model(op.branch.input, m, name=op.name)
    if isinstance(op, keras.Sequential) and has_calls(op):
        return keras.Model(op.inputs[0], op.outputs[0], name=op.name)
    # A pasted gate may have been changed since: such a layer stays as it is.
    inner = op.branch if isinstance(op, Recompute) else op
    if isinstance(inner, keras.Function):
        return keras.Model(inner.input, inner.output, name=op.name)
    return None


def copied(op: Any, **changes: Any) -> Any:
    return type(op).from_config(op.get_config() | changes)


def take(copy: keras.Layer, weights: Sequence[np.ndarray]) -> None:
    """Gives a copy of a layer its weights."""
    if weights:
        copy.set_weights(weights)
    if isinstance(copy, layers.Normalization):
        copy.finalize_state()  # it computes with copies of its weights


def rebuilt(model: keras.Model) -> keras.Model:
    """A functional model made by its plan."""
    changes, gone = plan(calls(model), model.outputs)
    made: dict[Any, Any] = {}

    def clone(op):
        if op in gone:
            return gone[op]
        if inner := nested(op):
            return rebuilt(inner)
        return made.setdefault(op, fixed(op, **{"use_bias": True} if op in changes else {}))

    def call(op, *args, **kwargs):
        if isinstance(op, int):
            return keras.tree.flatten((args, kwargs))[op]
        return op(*args, **kwargs)

    result = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for op, copy in made.items():
        if getattr(copy, "weights", ()):
            take(copy, changed(op, changes[op]) if op in changes else weights_of(op))
    return result


def fixed(op: Any, **changes: Any) -> Any:
    """A copy of a layer, without weights, that computes nothing of its weights alone."""
    if type(op) is SkipInit:
        return layers.Rescaling(float(number(op.gain)), dtype=op.dtype_policy, name=op.name)
    if type(op) is not StandardizedConv2D:
        return copied(op, **changes)
    own = {key: v for key, v in op.get_config().items() if key not in ("gain", "epsilon")}
    return GroupedConv2D.from_config(own | changes)


def weights_of(op: Any) -> list[np.ndarray]:
    """The weights of a layer as its copy by fixed has them."""
    if type(op) is not StandardizedConv2D:
        return op.get_weights()
    kernel = keras.ops.convert_to_numpy(op.standardized(op.kernel))
    return [kernel, *[keras.ops.convert_to_numpy(op.bias)] * op.use_bias]


class Source(NamedTuple):
    """A convolution or dense layer that makes channels of a tensor, and their number."""

    op: Any
    filters: int


class Merged(NamedTuple):
    """The branches that a convolution absorbs, with their changes, and its own branch."""

    own: Branch
    others: list[tuple[Branch, list[Change]]]


def plan(graph: Sequence[Call], outputs: Iterable[Tensor]) -> tuple[Changes, dict[Any, int]]:
    """The changes of each convolution; {left-out operation: the input that it passes on}."""
    made = Plan(graph, outputs)
    return made.changes, made.gone


class Plan:
    """Walks a graph and notes the changes of each convolution, and the operations left out."""

    def __init__(self, graph: Sequence[Call], outputs: Iterable[Tensor]):
        self.times = Counter(call.op for call in graph)
        self.uses = Counter(id(x) for x in [*outputs, *(x for call in graph for x in call.inputs)])
        self.changes: Changes = defaultdict(list)
        self.gone: dict[Any, int] = {}
        self.sources: dict[int, list[Source]] = {}  # of a tensor, by its id, where it has no others
        self.branches: dict[Any, Branch] = {}  # {convolution, or what scales a tensor: the branch}
        self.scaled: dict[int, Any] = {}  # {tensor: the scale and shift that make it}
        self.padded: dict[int, tuple[Tensor, Any]] = {}  # {tensor: (the same without zeros, these)}
        for call in graph:
            self.take(*call)

    def take(self, op: Any, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Plans one call."""
        y, once = outputs[0], self.times[op] == 1
        before = self.before(inputs) if once else []
        last = getattr(op, "axis", -1) in (-1, len(y.shape) - 1)
        same = inputs and all(x.dtype == y.dtype for x in inputs)
        if once and linear(op):
            before, self.branches[op] = [Source(op, y.shape[-1])], self.without_zeros(op, inputs[0])
        elif same and type(op) in RANDOM:
            self.gone[op] = 0
        elif same and last and (found := affine(op, y)):
            self.scale(op, inputs[0], y, found, before)
        elif type(op) is layers.ZeroPadding2D and op.data_format == "channels_last":
            self.padded[id(y)] = inputs[0], op.padding
            before = []
        elif once and same and type(op) is layers.Add:
            before = self.add(op, inputs, y)
        elif not (last and type(op) is layers.Concatenate):
            before = []
        if before:
            self.sources[id(y)] = before

    def before(self, inputs: Sequence[Tensor]) -> list[Source]:
        """The layers that make all channels of tensors without other readers."""
        alone = all(self.uses[id(x)] == 1 and id(x) in self.sources for x in inputs)
        return [source for x in inputs for source in self.sources[id(x)]] if alone else []

    def without_zeros(self, op: Any, x: Tensor) -> Branch:
        """A convolution as a branch of the tensor before its layers of zeros."""
        pads = NONE
        while id(x) in self.padded:
            x, more = self.padded[id(x)]
            pads = tuple((a + c, b + d) for (a, b), (c, d) in zip(pads, more, strict=True))
        return Branch(x, op, pads)

    def scale(self, op: Any, x: Tensor, y: Tensor, found: Affine, before: list[Source]) -> None:
        """Folds a scale and shift into the layers before it, or notes them."""
        if before:
            self.gone[op] = 0
            for source, share in zip(before, shares(before, *found), strict=True):
                self.changes[source.op].append(share)
        elif self.times[op] == 1:
            self.branches[op], self.scaled[id(y)] = Branch(x, affine=found), op

    def add(self, op: Any, inputs: Sequence[Tensor], y: Tensor) -> list[Source]:
        """Merges added branches, if one of them can absorb the others."""
        makers = [self.maker(x) for x in inputs]
        branches = [
            self.branches[m] if m else Branch(x) for m, x in zip(makers, inputs, strict=True)
        ]
        fit = all(x.shape == y.shape for x in inputs) and branches[0].x.dtype == y.dtype
        own = widest(branches) if fit else None
        if own is None:
            return []
        self.gone |= {m: 0 for m in makers if m not in (None, own.op)}
        self.gone[op] = makers.index(own.op)
        others = [(b, self.changes[b.op] if b.op else []) for b in branches if b is not own]
        self.changes[own.op].append(Merged(own, others))
        return [Source(own.op, y.shape[-1])]

    def maker(self, x: Tensor) -> Any:
        """The convolution that alone makes x, or the scale and shift that make it; else None."""
        if self.uses[id(x)] != 1:
            return None
        sources = self.sources.get(id(x), ())
        return sources[0].op if len(sources) == 1 else self.scaled.get(id(x))


def shares(sources: Sequence[Source], scale: Any, shift: Any) -> Iterator[Affine]:
    """(scale, shift) of the channels of each source."""
    ends = np.cumsum([source.filters for source in sources])[:-1]
    return zip(np.split(scale, ends), np.split(shift, ends), strict=True)


def linear(op: Any) -> bool:
    """Whether op is a convolution or dense layer without activation, with its usual weights."""
    plain = type(op) in LINEAR and op.activation is keras.activations.linear
    last = plain and getattr(op, "data_format", "channels_last") == "channels_last"
    return last and all(w.name.endswith(("kernel", "bias", "gain")) for w in op.weights)


def affine(op: Any, y: Tensor) -> Affine | None:
    """scale and shift of each channel, if in inference y is scale * x + shift; else None."""
    if type(op) is layers.BatchNormalization:
        scale = (number(op.moving_variance) + op.epsilon) ** -0.5
        scale = scale * number(op.gamma) if op.scale else scale
        shift = (number(op.beta) if op.center else 0) - scale * number(op.moving_mean)
    elif type(op) is LayerScale:
        scale, shift = number(op.scale), 0.0
    elif type(op) is SkipInit:
        scale, shift = number(op.gain), 0.0
    elif type(op) is layers.Rescaling and np.ndim(op.scale) == np.ndim(op.offset) == 0:
        scale, shift = op.scale, op.offset
    else:
        return None
    return np.broadcast_to(scale, y.shape[-1:]), np.broadcast_to(shift, y.shape[-1:])


def number(v: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(v).astype("float64")


def changed(op: Any, changes: Iterable[Change]) -> list[np.ndarray]:
    """The weights of a convolution, with a bias, after all changes."""
    kernels: list[Any] = [*map(number, weights_of(op)), *[0] * (not op.use_bias)]
    bias = kernels.pop()
    for change in changes:
        if isinstance(change, Merged):
            for other in change.others:
                kernel, more = taken_in(*other, change.own)
                kernels[-1], bias = kernels[-1] + kernel, bias + more
            continue
        scale, shift = change
        kernels[-1] *= scale.reshape(kernels[-1].shape[-2:] if type(op) in DEPTHWISE else -1)
        bias = bias * scale + shift
    return [*kernels, bias]


def taken_in(branch: Branch, changes: Iterable[Change], own: Branch) -> tuple[Any, Any]:
    """The kernel and the bias that a branch adds to those of own."""
    if branch.op:
        kernel, bias = changed(branch.op, changes)
    else:
        scale, bias = branch.affine or (np.ones(1), np.zeros(1))
        scale = scale[:, None] if type(own.op) in DEPTHWISE else scale
        kernel = identity(own.op, branch.x.shape[-1]) * scale
    return placed(kernel, branch, own), bias
