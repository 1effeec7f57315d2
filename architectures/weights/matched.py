"""Weights of any model of the same network, matched by the structure of the two graphs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from convbook.architectures.graph.calls import Functional, has_calls
from convbook.architectures.graph.fold import flat
from convbook.architectures.graph.onnx_graph import OnnxModel
from convbook.architectures.graph.structure import (
    Graph,
    Match,
    Node,
    Pairs,
    Reader,
    weighted,
    without_softmax,
)
from convbook.blocks.checks import require, ruled

Shape = tuple[int, ...]
SIZES = (128, 161)  # of the images on which both models must agree, where the models leave it open
CLOSE = 1e-5  # of the largest answer
SCALING = ("multiply", "rescaling", "normalization")
ABSENT = {"gamma": 1.0, "beta": 0.0, "bias": 0.0}  # defaults of a layer without such a weight


@ruled
def from_model(model: Functional, source: keras.Model | str | Path) -> keras.Model:
    """Loads the weights of source into model, the same network; model is changed and returned.

    source: a functional Keras model with any names of layers, from keras.applications, KerasHub,
    kimm or your own; or the path of an .onnx file, if onnx is installed.

    Every node of one graph must have a partner in the other: the same operation with the same
    options, after the same nodes and before the same.  Then the outputs for random images, of two
    sizes if the models leave the size open, must agree to 1e-5.
    Raises ValueError, naming the layer and the option that differs, and leaves model as it was.
    """
    given = opened(source)
    shapes = sizes(model, given)
    ours, own_end = without_softmax(Reader(model, shapes[0]).graph)
    theirs, their_end = without_softmax(graph_of(given, shapes[0]))
    refuse_scaling(ours, theirs)
    pairs = Match(ours, theirs).pairs()
    before = model.get_weights()
    assign(model, moved(ours, pairs))
    try:
        for shape in shapes:
            if off := apart(model, given, shape, (own_end, their_end)):
                where = first_apart(model, given, pairs, shape)
                raise ValueError(f"source: its outputs differ by {off:.1e} of the largest{where}")
            # A softmax may answer 0 and 1 to logits that differ
            if (own_end or their_end) and isinstance(given, keras.Model):
                refuse_features(model, given, pairs, shape)
    except BaseException:
        model.set_weights(before)
        raise
    return model


def opened(source: Any) -> keras.Model | OnnxModel:
    """The model to take weights from.  Raises ValueError."""
    if isinstance(source, (str, Path)) and Path(source).is_file():
        return OnnxModel(source)
    if not has_calls(source):
        right = "a functional keras.Model, or the path of an .onnx file"
        require(False, source=source, right=right)
    return source


def graph_of(source: keras.Model | OnnxModel, shape: Shape) -> Graph:
    return source.graph_at(shape) if isinstance(source, OnnxModel) else Reader(source, shape).graph


def refuse_scaling(ours: Graph, theirs: Graph) -> None:
    """Raises ValueError if only the source scales its input."""
    first, other = ours.nodes[0], theirs.nodes[0]
    if other.kind in SCALING and first.kind not in SCALING:
        instead = "build it without, and put the scaling into a Preparation"
        raise ValueError(f"source: it scales its input in layer {other.name!r}: {instead}")


def sizes(model: keras.Model, source: keras.Model | OnnxModel) -> list[tuple[int, ...]]:
    """The shapes of the test images for both models.  Raises ValueError."""
    here, there = tuple(model.input_shape[1:]), tuple(source.input_shape[1:])
    if any(a != b for a, b in zip(here, there, strict=True) if a and b):
        raise ValueError(f"input_shape={here}: it must be that of the source, {there}")
    known = tuple(a or b for a, b in zip(here, there, strict=True))
    return [tuple(v or size for v in known) for size in SIZES[: 1 + (None in known)]]


def moved(ours: Graph, pairs: Pairs) -> dict[int, np.ndarray]:
    """{id of a weight of ours: its value}.

    A bias before a batch norm that ours lacks is subtracted from the norm's moving mean.
    """
    values: dict[int, np.ndarray] = {}
    biases: dict[int, np.ndarray] = {}
    other = dict(pairs)
    readers = {x: node for node in ours.nodes for x in node.inputs}
    for node in weighted(ours.nodes):
        given = {role: array(*pair) for role, pair in other[node].weights.items()}
        for role, (weight, shape) in node.weights.items():
            value = given.pop(role, None)
            value = np.full(shape, ABSENT[role], "float32") if value is None else value
            values[id(weight)] = value.reshape(weight.shape)
        after = readers.get(node.output)
        if "bias" in given and after and after.kind == "batch norm":
            biases[id(after.weights["moving_mean"][0])] = given.pop("bias")
        left = [role for role, value in given.items() if np.any(value != ABSENT[role])]
        if left:
            raise ValueError(f"{other[node].name} has {left[0]}, and {node.name} has none")
    return values | {key: values[key] - bias for key, bias in biases.items()}


def array(weight: Any, shape: Sequence[int]) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(weight)).reshape(shape)


def assign(model: keras.Model, values: dict[int, np.ndarray]) -> None:
    """Assigns every weight its value, or none at all.  Raises ValueError for a missing value."""
    for weight in model.weights:
        if id(weight) not in values:
            raise ValueError(f"the source has nothing for {weight.path} {tuple(weight.shape)}")
        if not np.isfinite(values[id(weight)]).all():
            raise ValueError(f"the source has values for {weight.path} that are not finite")
    for weight in model.weights:
        weight.assign(values[id(weight)])


def answer(model: keras.Model | OnnxModel, x: np.ndarray) -> np.ndarray:
    if isinstance(model, OnnxModel):
        return model.answer(x)
    return ops.convert_to_numpy(keras.tree.flatten(model(x, training=False))[0])


def apart(
    model: keras.Model, source: keras.Model | OnnxModel, shape: Shape, ends: tuple[bool, bool]
) -> float:
    """The difference of two models' outputs for random images, if it is too large; else 0.

    ends: whether each of the two ends in a softmax.
    """
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype("float32")
    ours, theirs = answer(model, x), answer(source, x)
    if ends[0] != ends[1]:
        ours, theirs = (
            y if end else ops.convert_to_numpy(ops.softmax(y.reshape(ours.shape)))
            for y, end in zip((ours, theirs), ends, strict=True)
        )
    off = float(np.abs(ours - theirs.reshape(ours.shape)).max() / max(np.abs(theirs).max(), 1e-30))
    return 0.0 if off < CLOSE else off


def refuse_features(model: keras.Model, source: keras.Model, pairs: Pairs, shape: Shape) -> None:
    """Raises ValueError if the inputs of the last layer with weights differ."""
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype("float32")
    last = next(pair for pair in reversed(pairs) if pair[0].weights)
    ours, theirs = (
        answer(keras.Model(whole.input, whole.get_layer(node.name).input), x).ravel()
        for whole, node in zip((flat(model), flat(source)), last, strict=True)
    )
    if (off := np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30)) > CLOSE:
        where = f"{last[0].name} ({last[1].name} of the source)"
        raise ValueError(f"source: the input of {where} differs by {off:.1e} of the largest")


def first_apart(
    model: keras.Model, source: keras.Model | OnnxModel, pairs: Pairs, shape: Shape
) -> str:
    """A message about the first layer with another output; '' if unknown."""
    if isinstance(source, OnnxModel):
        return ""
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype("float32")
    nodes: list[tuple[Node, Node]] = [pair for pair in pairs if pair[0].weights]
    try:
        made = [
            keras.Model(whole.input, [whole.get_layer(pair[i].name).output for pair in nodes])(x)
            for i, whole in enumerate((flat(model), flat(source)))
        ]
    except (ValueError, TypeError, NotImplementedError):
        return ""
    for (ours, theirs), a, b in zip(nodes, *made, strict=True):
        a, b = ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        if np.abs(a.reshape(b.shape) - b).max() > CLOSE * np.abs(b).max():
            return f", first after {ours.name} ({theirs.name} of the source)"
    return ""
