"""Weights of other libraries: which of their entries is which weight of ours, and its layout."""

import re
from collections.abc import Mapping
from functools import cache

import numpy as np
from keras import layers

from architectures.taps import all_layers
from architectures.weight_tables import TABLES
from blocks.graph import calls

ROLES = {  # PyTorch's name of a weight -> Keras' attribute, the first that the layer has
    "weight": ("kernel", "depthwise_kernel", "gamma"),
    "bias": ("bias", "beta"),
    "running_mean": ("moving_mean",),
    "running_var": ("moving_variance",),
}


def from_torch(model, state):
    """The weights of the same network elsewhere into model, which is changed in place and returned.

    state: an ordered mapping of names to NumPy arrays in PyTorch's layout, as torchvision, timm or
    pytorchcv name them (num_batches_tracked is ignored).  Every entry is used exactly once and
    every weight gets one, or the state is refused whole: ValueError names the first entry that
    differs, and the model stays as it was.
    """
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"state={type(state)}: state must be a mapping of names to arrays")
    state = {k: np.asarray(v) for k, v in state.items() if not k.endswith("num_batches_tracked")}
    found, grids = {layer.name: layer for layer in all_layers(model)}, flattened(model)
    values = {}
    for entry, target in targets(state, found).items():
        value, (layer, weight) = state[entry], place(found, *target)
        if weight is None:
            refuse(entry, value, f"{model.name} has no {' '.join(target)}")
        if id(weight) in values:
            refuse(entry, value, f"{weight.path} has its entry already")
        wanted, ours = layout(layer, weight, value.ndim, grids.get(layer.name))
        if value.shape != wanted:
            refuse(entry, value, f"{weight.path} {tuple(weight.shape)} takes {wanted}")
        values[id(weight)] = ours(value)
    for weight in model.weights:
        if id(weight) not in values:
            raise ValueError(f"state: no entry for {weight.path} {tuple(weight.shape)}")
    for weight in model.weights:
        weight.assign(values[id(weight)])
    return model


def refuse(entry, value, why):
    raise ValueError(f"state[{entry!r}], of shape {value.shape}, does not fit: {why}")


@cache
def pattern(module):
    """The regular expression of a table's row."""
    for sign, means in ((".", r"\."), ("#", r"(\d+)"), ("@", r"(\d+)"), ("&", "(conv|bn)")):
        module = module.replace(sign, means)
    return re.compile(module)


def translate(entry, table):
    """(our layer, PyTorch's name of the weight) for an entry, or None if the table has no row."""
    module, _, role = entry.rpartition(".")
    for theirs, ours in table.items():
        if role in ROLES and (match := pattern(theirs).fullmatch(module)):
            found = [*zip(re.findall("[#@&]", theirs), match.groups(), strict=True)]
            kinds = iter([v for sign, v in found if sign == "&"])
            numbers = iter([str(int(v) + (sign == "@")) for sign, v in found if sign != "&"])
            return re.sub("[#@]", lambda _, n=numbers: next(n), re.sub("&", lambda _, k=kinds: next(k), ours)), role
    return None


def targets(state, found):
    """{entry: (our layer, role)} by the one table that has rows and layers for most entries."""
    read = {label: {e: translate(e, table) for e in state} for label, table in TABLES.items()}

    def fitting(label):
        return sum(t is not None and t[0].partition(".")[0] in found for t in read[label].values())

    label = max(read, key=fitting)
    for entry, target in read[label].items():
        if target is None:
            refuse(entry, state[entry], f"the naming of {label}, which is nearest, has no such row")
    return read[label]


def place(found, target, role):
    """(our layer, its weight) by attribute: kernel, gamma, beta ...; None for what is not there."""
    name, _, attribute = target.partition(".")
    layer = found.get(name)
    weights = [getattr(layer, key, None) for key in ([attribute] if attribute else ROLES[role])]
    return layer, next((weight for weight in weights if weight is not None), None)


def layout(layer, weight, rank, grid=None):
    """(the shape that PyTorch has for a weight of ours, a function from its layout to ours).

    rank: that of the entry, since a 1x1 convolution may be a dense layer here, or the reverse.
    grid (H, W, C): what was flattened before a dense layer; PyTorch flattens C, H, W.
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
    if len(shape) == 2 and rank == 4 and grid:
        h, w, c = grid
        return (shape[1], c, h, w), lambda v: v.transpose(2, 3, 1, 0).reshape(shape)
    if len(shape) == 2 and rank == 4:
        return (*shape[::-1], 1, 1), lambda v: v[:, :, 0, 0].T
    if len(shape) == 2 and grid:
        h, w, c = grid
        return shape[::-1], lambda v: v.reshape(-1, c, h, w).transpose(2, 3, 1, 0).reshape(shape)
    return shape[::-1], np.transpose


def flattened(model):
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
