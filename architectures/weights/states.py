"""A state as its library keeps it: names of weights and their arrays, without wrappers."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from convbook.architectures.graph.layer_names import all_layers, inside

State = dict[str, np.ndarray]
# A checkpoint's entry that holds the state; the last two hold the mean over the steps
AROUND = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema")
PREFIXES = ("module.", "_orig_mod.", "model.")  # of DataParallel, torch.compile and Lightning


def state_of(checkpoint: Mapping[str, Any]) -> State:
    """The arrays of a checkpoint by name.  Raises ValueError if there are none.

    A mapping around the state and a wrapper's prefix of every name are removed, with a warning;
    num_batches_tracked is left out.
    """
    taken: list[str] = []
    while isinstance(checkpoint, Mapping) and (key := around(checkpoint)):
        checkpoint, taken = checkpoint[key], [*taken, f"of its entry {key!r}"]
    if not isinstance(checkpoint, Mapping):
        raise ValueError(f"state={type(checkpoint)}: state must be a mapping of names to arrays")
    if not checkpoint:
        raise ValueError("state={}: state must be a mapping of names to arrays, not empty")
    for name in checkpoint:
        if not isinstance(name, str):
            raise ValueError(f"state has an entry {name!r}: the names of entries must be text")
    state = {k: array(k, v) for k, v in checkpoint.items() if not k.endswith(UNUSED)}
    while prefix := shared_prefix(state):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
        taken.append(f"without {prefix!r} before each name")
    if taken:
        warnings.warn(f"state: taken {', and '.join(taken)}", stacklevel=3)
    return state


UNUSED = "num_batches_tracked"


def array(name: str, v: Any) -> np.ndarray:
    """The value of an entry as numbers.  Raises ValueError, naming the entry, if it has none."""
    try:
        found = np.asarray(v)
    except (RuntimeError, TypeError, ValueError):  # PyTorch's: with a gradient, or on a GPU
        found = np.asarray(v.detach().cpu().float() if hasattr(v, "detach") else None)
    if found.dtype.kind in "OSU":
        raise ValueError(f"state[{name!r}] is of {type(v)}: it must be an array of numbers")
    return found


def around(checkpoint: Mapping[str, Any]) -> str | None:
    return next((k for k in AROUND if isinstance(checkpoint.get(k), Mapping)), None)


def shared_prefix(state: State) -> str | None:
    """The prefix of every name of a state, if a wrapper wrote it."""
    return next((p for p in PREFIXES if state and all(n.startswith(p) for n in state)), None)


def keras_state(source: keras.Model) -> State:
    """{layer.weight: array} of a Keras model, or of the one nested in it with most of the weights.

    For what has no name of its own see keras_names.  A Normalization, which EfficientNet has, is of
    the preparation of images, and left out.
    """
    nested = [inner for layer in source.layers if (inner := inside(layer))]
    most = max(nested, key=lambda inner: inner.count_params(), default=None)
    if most and 2 * most.count_params() > source.count_params():  # ConvNeXt nests its stem
        return keras_state(most)
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
        if inside(layer) or isinstance(layer, layers.Normalization):
            continue
        for weight in layer.weights:
            role = "scale" if type(layer).__name__ == "LayerScale" else weight.name
            entry = f"{names.get(layer.name, layer.name)}.{role}"
            state[entry] = ops.convert_to_numpy(weight)
            if weight.name == "kernel" and 1 < getattr(layer, "groups", 1) == weight.shape[-1]:
                state[entry] = state[entry].swapaxes(2, 3)  # ConvNeXt's: depthwise, but in name
    return state


def adapted(kernel: np.ndarray, channels: int, axis: int) -> np.ndarray:
    """A first kernel for images of another number of channels, as timm adapts it.

    To one channel by the sum; to more by repeating, scaled so that equal channels give the same.
    """
    there = kernel.shape[axis]
    if channels == 1:
        return kernel.sum(axis, keepdims=True)
    order = np.arange(channels) % there
    return np.take(kernel, order, axis) * np.asarray(there / channels, kernel.dtype)
