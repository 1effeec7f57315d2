"""Weights of other libraries: which of their entries is which weight of ours, and its layout."""

import re
from collections.abc import Mapping
from functools import cache

import numpy as np
from keras import layers

from architectures.taps import all_layers
from blocks.graph import calls

# A module of the library -> our layer.  Regular expressions in which . is a dot, # a number and
# @ one that the library counts from 0 and we from 1.  Two modules of theirs that are one layer of
# ours end in the attribute, as sepconv1.pointwise_kernel.
TABLES = {
    "torchvision and timm ResNet": {
        "conv1": "stem_conv1",
        "bn1": "stem_bn1",
        "layer#.@.conv#": "stage#_block@_b2_conv#",
        "layer#.@.bn#": "stage#_block@_b2_bn#",
        "layer#.@.downsample.0": "stage#_block@_b1_conv1",
        "layer#.@.downsample.1": "stage#_block@_b1_bn1",
        "fc": "logits",
    },
    "pytorchcv ResNet": {
        "features.init_block.(?:conv.)?conv": "stem_conv1",
        "features.init_block.(?:conv.)?bn": "stem_bn1",
        "features.stage#.unit#.body.conv#.conv": "stage#_block#_b2_conv#",
        "features.stage#.unit#.body.conv#.bn": "stage#_block#_b2_bn#",
        "features.stage#.unit#.identity_conv.conv": "stage#_block#_b1_conv1",
        "features.stage#.unit#.identity_conv.bn": "stage#_block#_b1_bn1",
        "output": "logits",
    },
}
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
    for entry, target in targets(state).items():
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
    return re.compile(module.replace(".", r"\.").replace("#", r"(\d+)").replace("@", r"(\d+)"))


def translate(entry, table):
    """(our layer, PyTorch's name of the weight) for an entry, or None if the table has no row."""
    module, _, role = entry.rpartition(".")
    for theirs, ours in table.items():
        if role in ROLES and (match := pattern(theirs).fullmatch(module)):
            signs = zip(match.groups(), re.findall("[#@]", theirs), strict=True)
            numbers = iter([str(int(n) + (sign == "@")) for n, sign in signs])
            return re.sub("[#@]", lambda _, n=numbers: next(n), ours), role
    return None


def targets(state):
    """{entry: (our layer, role)} by the one table that has a row for every entry."""
    read = {label: {e: translate(e, table) for e in state} for label, table in TABLES.items()}
    label = max(read, key=lambda label: sum(t is not None for t in read[label].values()))
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
