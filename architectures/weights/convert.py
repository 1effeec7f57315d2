"""Weights of other libraries: which of their entries is which weight of ours, and its layout."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import keras
import numpy as np
from keras import layers, ops

from convbook.architectures.graph.calls import calls
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.weights import keras_names, torch_names
from convbook.architectures.weights.patterns import layer_of

Roles = Mapping[str, tuple[str, ...]]
Layout = tuple[tuple[int, ...], Callable[[np.ndarray], np.ndarray]]  # see layout
ROLES = {  # PyTorch's name of a weight -> Keras' attribute, the first that the layer has
    "weight": ("kernel", "gamma"),
    "bias": ("bias", "beta"),
    "running_mean": ("moving_mean",),
    "running_var": ("moving_variance",),
}
KERAS = "kernel depthwise_kernel pointwise_kernel bias gamma beta moving_mean moving_variance"
KERAS_ROLES = {name: (name,) for name in KERAS.split()}


def from_torch(model: keras.Model, state: Mapping[str, np.ndarray]) -> keras.Model:
    """The weights of the same network elsewhere into model, which is changed in place and returned.

    state: a mapping of names to NumPy arrays in PyTorch's layout, as torchvision, timm or pytorchcv
    name them.  num_batches_tracked is left out, and auxiliary heads where the model has none; every
    other entry is used exactly once and every weight gets one, or the state is refused whole:
    ValueError names the first entry that differs, and the model stays as it was.
    """
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"state={type(state)}: state must be a mapping of names to arrays")
    state = {k: np.asarray(v) for k, v in state.items() if not k.endswith("num_batches_tracked")}
    found, grids = {layer.name: layer for layer in all_layers(model)}, flattened(model)
    read = targets(state, found, torch_names.TABLES, ROLES)
    if "aux1_logits" not in found:
        read = {e: target for e, target in read.items() if not target[0].startswith("aux")}

    def fit(layer, weight, rank):
        return layout(layer, weight, rank, grids.get(layer.name))

    return take(model, state, place(read, found, ROLES), fit)


def from_keras(model: keras.Model, source: keras.Model) -> keras.Model:
    """The weights of a keras.applications model into model, changed in place and returned.

    The same network with style='keras' (and a='softmax', if source has it) gives the same answers.
    A bias before a batch norm, where ours has none, is taken off that norm's moving mean.  Raises
    ValueError as from_torch does.
    """
    state = keras_state(source)
    found = {layer.name: layer for layer in all_layers(model)}
    read = targets(state, found, keras_names.TABLES, KERAS_ROLES)
    entries = {target: entry for entry, target in read.items()}
    for entry, (name, role) in [*read.items()]:
        mean = entries.get((re.sub(r"conv(\d+)$", r"bn\1", name), "moving_mean"))
        if role == "bias" and mean and getattr(found.get(name), "bias", True) is None:
            if state[entry].shape != state[mean].shape:
                refuse(entry, state[entry], f"{mean} has the shape {state[mean].shape}")
            state[mean] = state[mean] - state[entry]
            del read[entry]

    def fit(layer, weight, rank):
        shape = tuple(weight.shape)  # MobileNet's logits are a 1x1 convolution there
        wanted = (1, 1, *shape) if rank == 4 and len(shape) == 2 else shape
        return wanted, lambda v: v.reshape(shape)

    return take(model, state, place(read, found, KERAS_ROLES), fit)


def keras_state(source: keras.Model) -> dict[str, np.ndarray]:
    """{layer.weight: array} of a Keras model; for what has no name of its own see keras_names."""
    unnamed: dict[str, list[tuple[int, str]]] = {"conv2d": [], "batch_normalization": []}
    state = {}
    for layer in all_layers(source):
        if match := re.fullmatch(r"(conv2d|batch_normalization)_?(\d*)", layer.name):
            unnamed[match[1]].append((int(match[2] or 0), layer.name))
    names = {
        name: f"auto.{'conv' if kind == 'conv2d' else 'bn'}{i}"
        for kind, found in unnamed.items()
        for i, (_, name) in enumerate(sorted(found), 1)
    }
    for layer in all_layers(source):
        for weight in layer.weights:
            entry = f"{names.get(layer.name, layer.name)}.{weight.name}"
            state[entry] = ops.convert_to_numpy(weight)
    return state


def refuse(entry: str, value: np.ndarray, why: str) -> NoReturn:
    raise ValueError(f"state[{entry!r}], of shape {value.shape}, does not fit: {why}")


def translate(entry: str, table: Mapping[str, str], roles: Roles) -> tuple[str, str] | None:
    """(our layer, the library's name of the weight), or None if the table has no row."""
    module, _, role = entry.rpartition(".")
    layer = layer_of(module, table) if role in roles else None
    return (layer, role) if layer else None


def targets(state: Mapping[str, np.ndarray], found: Mapping[str, keras.Layer],
            tables: Mapping[str, Mapping[str, str]],
            roles: Roles) -> dict[str, tuple[str, str]]:  # fmt: skip
    """{entry: (our layer, role)} by the table with rows for most entries, layers for most rows."""
    read = {label: {e: translate(e, rows, roles) for e in state} for label, rows in tables.items()}

    def fitting(label):
        rows = [target for target in read[label].values() if target]
        return len(rows), sum(target.partition(".")[0] in found for target, _ in rows)

    label, told = max(read, key=fitting), {}
    for entry, target in read[label].items():
        if target is None:
            refuse(entry, state[entry], f"the naming of {label}, which is nearest, has no such row")
        told[entry] = target
    return told


def place(
    read: Mapping[str, tuple[str, str]], found: Mapping[str, keras.Layer], roles: Roles
) -> dict[str, tuple[str, Any, Any]]:
    """{entry: (what it is, our layer, its weight)}; None for what is not there."""
    places = {}
    for entry, (target, role) in read.items():
        name, _, attribute = target.partition(".")
        layer = found.get(name)
        weights = [getattr(layer, key, None) for key in ([attribute] if attribute else roles[role])]
        weight = next((weight for weight in weights if weight is not None), None)
        places[entry] = (f"{target} {role}", layer, weight)
    return places


def take(model: keras.Model, state: Mapping[str, np.ndarray],
         places: Mapping[str, tuple[str, Any, Any]],
         fit: Callable[[Any, Any, int], Layout]) -> keras.Model:  # fmt: skip
    """Assigns every entry to its place, or none.

    fit(layer, weight, rank) -> (the shape an entry must have, a function to our layout).
    """
    values = {}
    for entry, (what, layer, weight) in places.items():
        value = state[entry]
        if weight is None:
            refuse(entry, value, f"{model.name} has no {what}")
        if id(weight) in values:
            refuse(entry, value, f"{weight.path} has its entry already")
        wanted, ours = fit(layer, weight, value.ndim)
        if value.shape != wanted:
            refuse(entry, value, f"{weight.path} {tuple(weight.shape)} takes {wanted}")
        values[id(weight)] = ours(value)
    missing = [weight for weight in model.weights if id(weight) not in values]
    if missing:
        raise ValueError(f"state: no entry for {missing[0].path} {tuple(missing[0].shape)}")
    for weight in model.weights:
        weight.assign(values[id(weight)])
    return model


def layout(
    layer: keras.Layer, weight: keras.Variable, rank: int, grid: tuple[int, ...] | None = None
) -> Layout:
    """(the shape that PyTorch has for a weight of ours, a function from its layout to ours).

    rank: that of the entry, since a 1x1 convolution may be a dense layer here, or the reverse.
    grid (H, W, C): what was flattened before a dense layer; PyTorch flattens C, H, W, or has a
    convolution of the grid's size.
    """
    shape = tuple(weight.shape)
    alone = isinstance(layer, layers.DepthwiseConv2D)
    if alone or weight is getattr(layer, "depthwise_kernel", None):
        h, w, c, m = shape
        return (c * m, 1, h, w), lambda v: v.reshape(c, m, h, w).transpose(2, 3, 0, 1)
    if len(shape) == 4 and rank == 2 and shape[:2] == (1, 1):
        return shape[:1:-1], lambda v: v.T[None, None]
    if len(shape) == 4:
        return (shape[3], shape[2], *shape[:2]), lambda v: v.transpose(2, 3, 1, 0)
    if len(shape) == 2 and (grid or rank == 4):
        h, w, c = grid or (1, 1, shape[0])
        wanted = (shape[1], c, h, w) if rank == 4 else shape[::-1]
        return wanted, lambda v: v.reshape(-1, c, h, w).transpose(2, 3, 1, 0).reshape(shape)
    return shape[::-1], np.transpose


def flattened(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """{dense layer: the (H, W, C) that was flattened for it}."""
    made = {id(x): call for call in calls(model) for x in call.outputs}
    grids = {}
    for call in calls(model):
        before = made[id(call.inputs[0])] if call.inputs else None
        while before and isinstance(before.op, (layers.Dropout, layers.Identity)):
            before = made[id(before.inputs[0])]
        if isinstance(call.op, layers.Dense) and before and isinstance(before.op, layers.Flatten):
            grids[call.op.name] = tuple(before.inputs[0].shape[1:])
    return grids
