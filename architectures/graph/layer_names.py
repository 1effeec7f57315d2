"""Names of layers: taps that the architectures set, and stable names for all others."""

import weakref
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from itertools import takewhile
from typing import Annotated, Any, NamedTuple

import keras
from keras import layers

from convbook.architectures.graph.calls import Call, calls, has_calls
from convbook.architectures.graph.private import maker, set_path
from convbook.blocks.checks import require, ruled
from convbook.blocks.legacy import StochasticDepth as GateOfOld
from convbook.blocks.types import Rule, Tensor

KINDS = {  # Keras' class: what a layer of it is called; else the class's name in small letters
    "AveragePooling2D": "pool",
    "BatchNormalization": "bn",
    "Concatenate": "concat",
    "Conv2D": "conv",
    "DepthwiseConv2D": "dwconv",
    "GlobalAveragePooling2D": "gap",
    "GroupNormalization": "gn",
    "GroupedConv2D": "conv",
    "LayerNormalization": "ln",
    "MaxPooling2D": "pool",
    "SeparableConv2D": "sepconv",
    "StandardizedConv2D": "conv",
    "StochasticDepth": "gate",
    "ZeroPadding2D": "pad",
}
TAPS: weakref.WeakKeyDictionary[Any, str] = (
    weakref.WeakKeyDictionary()
)  # tapped layer: prefix for the layers before it


Symbolic = Annotated[
    keras.KerasTensor,
    Rule(lambda x: isinstance(x, keras.KerasTensor), "a symbolic tensor, as keras.Input returns"),
]
Name = Annotated[
    str, Rule(lambda v: isinstance(v, str) and v and "/" not in v, "a name without a slash")
]


@ruled
def tap(x: Symbolic, name: Name) -> Tensor:
    """x, with a name for model.get_layer(name).output.

    The name goes to the layer that made x.  An Identity takes it if that layer has weights (so that
    weights have the same names in all nets), is a tap already, or cannot have a layer's name.
    """
    op = maker(x)
    if name != getattr(op, "name", None):
        free = isinstance(op, layers.Layer) and op not in TAPS and not op.weights
        if not free or isinstance(op, layers.InputLayer):
            x = layers.Identity()(x)
            op = maker(x)
        op.name = name
    TAPS[op] = "head" if name in ("logits", "probabilities") else name
    return x


def inside(op: Any) -> keras.Model | None:
    """The functional model that an operation runs: itself, or the branch of a gate; or None."""
    inner = op if isinstance(op, keras.Model) else getattr(op, "branch", None)
    return inner if isinstance(inner, keras.Model) and has_calls(inner) else None


def block_of(op: Any) -> keras.Model | None:
    """Like inside; for a gate of earlier files, which adds its shortcut itself, the whole block."""
    return summed(op, op.branch.output) if isinstance(op, GateOfOld) else inside(op)


def summed(gate: Any, m: Tensor) -> keras.Model:
    """The functional model of the block in a gate of earlier files; m: its branch's output."""
    x, of = gate.branch.input, dict(dtype=gate.dtype_policy)
    shortcut = keras.Input(m.shape[1:], dtype=m.dtype) if isinstance(gate.input, list) else x
    y = layers.Add(**of, name=f"{gate.name}_add")([shortcut, m])
    if gate.activation is not keras.activations.linear:
        y = layers.Activation(gate.activation, **of, name=f"{gate.name}_activation")(y)
    return keras.Model(x if shortcut is x else [shortcut, x], y, name=gate.name)


class Place(NamedTuple):
    """Where an operation belongs: to a tap, at a position in the graph, by way of branches."""

    position: float
    tap: str
    branches: tuple[str, ...]


def prefixes(graph: Sequence[Call], root: str) -> dict[keras.Operation, str]:
    """{operation: its prefix}: its first tap, and the branches b1, b2 ... in it.

    An operation belongs to the first tap it leads to, or to root.  If several tensors merge there,
    operations that reach the merge only through its second input are in branch b2, and so on.
    graph: the model's calls().
    """
    starts: dict[Any, str] = {}
    uses: defaultdict[int, list[Place]] = defaultdict(list)  # of a tensor, by its id
    for position, (op, inputs, outputs) in reversed(list(enumerate(graph))):
        if op in TAPS:
            place = Place(position, TAPS[op], ())
        else:
            place = owner([use for y in outputs for use in uses[id(y)]], root)
        starts[op] = "_".join([place.tap, *place.branches])
        merges = len({id(x) for x in inputs}) > 1
        for i, x in enumerate(inputs, 1):
            branches = (*place.branches, f"b{i}") if merges else place.branches
            uses[id(x)].append(place._replace(branches=branches))
    return starts


def owner(uses: Sequence[Place], root: str) -> Place:
    """The place of an operation, from the places that use its outputs: the first tap."""
    if not uses:
        return Place(float("inf"), root, ())
    first = min(use.position for use in uses)
    nearest = [use for use in uses if use.position == first]
    return nearest[0]._replace(branches=common_prefix([use.branches for use in nearest]))


def common_prefix(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The common beginning of all paths."""
    columns = zip(*paths, strict=False)
    return tuple(column[0] for column in takewhile(lambda column: len({*column}) == 1, columns))


def kind(op: keras.Operation) -> str:
    """The short name of an operation: conv, bn, pool, relu ...; never ends in a digit."""
    name = type(op).__name__
    if isinstance(op, layers.Activation):
        name = getattr(op.activation, "__name__", name)
    return KINDS.get(name, name).lower().rstrip("0123456789")


def rename(op: keras.Operation, name: str) -> None:
    """Renames an operation, and its weights as if it had always had that name."""
    op.name = name
    for v in getattr(op, "weights", ()):
        # A saved model would load with other paths.
        set_path(v, "/".join([name, *v.path.split("/")[1:]]))


def name_layers(
    model: keras.Model, root: str = "head", counts: Counter[tuple[str, str]] | None = None
) -> None:
    """Renames all layers of a new model except its taps: the same names at every build.

    '{tap}_{branches}_{kind}{number}', as stage2_block3_b2_conv1: see prefixes; numbers count from
    1 for each beginning and kind.  Layers in a gate are named as if the gate were not there.
    """
    counts = Counter() if counts is None else counts
    graph = calls(model)
    starts = prefixes(graph, root)
    for op in dict.fromkeys(call.op for call in graph):
        start, what = starts[op], kind(op)
        if isinstance(op, layers.InputLayer):
            op.name = f"{root}_input" if "_" in root else "input"
        elif op not in TAPS:
            counts[start, what] += 1
            rename(op, f"{start}_{what}{counts[start, what]}")
        if inner := inside(op):
            inner.name = f"{op.name}_branch"
            name_layers(inner, start, counts)


def one_name() -> AbstractContextManager[Any]:
    """A scope in which TensorFlow's own variables all have one name; Keras' keep theirs.

    TensorFlow prepares an operation for each new name of a variable, which takes three quarters of
    the time of creating one.
    """
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    def named(make, **letters):
        # A graph would take two variables of one name for one; the slash prevents a scope prefix.
        return make(**letters | ({"name": "variable/"} if tf.executing_eagerly() else {}))

    return tf.variable_creator_scope(named)


def all_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of a model, including those in nested models and gates."""
    return [layer for _, layer in located(model)]


def located(model: keras.Model, within: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Yields (path, layer) for all layers; a path is the names around a layer, and its own."""
    require(isinstance(model, keras.Model), model=model, right="a keras.Model")
    for layer in model.layers:
        yield within + layer.name, layer
        if inner := inside(layer):
            yield from located(inner, f"{within}{layer.name}/")


def get_layer(model: keras.Model, name: str) -> keras.Layer:
    """model.get_layer(name) that also looks into gates and nested models.

    If nested models have layers of the same name, put theirs in front: left/stage1.  To use an
    inner layer as an output, flatten the model first: get_layer(flat(model), name).output.
    Raises ValueError for a name that no layer has, or several have.
    """
    by_path = dict(located(model))
    require(isinstance(name, str), name=name, right="the name of a layer")
    if name in by_path:
        return by_path[name]
    ends = {path: layer for path, layer in by_path.items() if path.endswith(f"/{name}")}
    if len({*ends.values()}) == 1:
        return next(iter(ends.values()))
    if ends:
        raise ValueError(
            f"name={name!r}: {model.name} has several: name must be {' or '.join(ends)}"
        )
    short = [path.split("/")[-1] for path in by_path]
    near = ", ".join(get_close_matches(str(name), short, 5, 0)) or "none"
    raise ValueError(f"name={name!r}: {model.name} has no such layer; nearest: {near}")
