"""weights= of create: files of ours, safetensors, the hub, and keras.applications."""

import os
import warnings
from difflib import get_close_matches
from importlib import import_module
from io import BytesIO
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile, ZipFile

import keras
import numpy as np

from convbook.architectures.graph.layer_names import all_layers, inside
from convbook.architectures.graph.private import as_called
from convbook.architectures.weights.convert import from_keras, from_torch
from convbook.architectures.weights.origin import OWN
from convbook.architectures.weights.published import APPLICATIONS, published, published_row
from convbook.blocks.checks import require

OURS = (".keras", ".weights.h5")


def foreign(weights: Any) -> bool:
    """Whether weights are another library's."""
    named = isinstance(weights, str) and (weights == "imagenet" or weights.startswith("timm/"))
    return named or str(weights).endswith(".safetensors")


def refuse_unknown_weights(weights: Any, adapt_channels: Any = False) -> None:
    """Raises ValueError for unknown weights or a missing file."""
    good = isinstance(adapt_channels, bool) and (foreign(weights) or not adapt_channels)
    right = "False; True is only for weights of another library"
    require(good, adapt_channels=adapt_channels, right=right)
    if weights is None or (isinstance(weights, str) and weights == "imagenet"):
        return
    path = str(weights) if isinstance(weights, (str, Path)) else ""
    if not path.startswith("timm/") and not path.endswith((*OURS, ".safetensors")):
        right = "None, 'imagenet', 'timm/NAME.TAG', or the path of a .keras, .weights.h5 or "
        raise ValueError(f"weights={weights!r}: weights must be {right}.safetensors file")
    if not path.startswith("timm/") and not Path(path).is_file():
        right = "the path of an existing file"
        raise ValueError(f"weights={weights!r}: weights must be {right}")


def needed(name: str, weights: Any, given: dict[str, Any], of: str | None = None) -> dict[str, Any]:
    """The options of a network with those that its weights need.  Raises ValueError.

    of: the row of published() that they are of, or 'own'.
    """
    said, needs = f"of={of!r}", {}
    if isinstance(weights, str) and weights == "imagenet":
        require(
            of is None,
            of=of,
            right="None, because weights='imagenet' are those of keras.applications",
        )
        if name not in APPLICATIONS:
            has = ", ".join(APPLICATIONS)
            raise ValueError(f"weights='imagenet': keras.applications has no {name}; it has {has}")
        said, needs = f"weights={weights!r}", APPLICATIONS[name][2]
    elif key := origin_of(weights, of):
        said = said if of else f"weights={weights!r}"
        network, needs = published_row(key)
        if network != name:
            raise ValueError(f"{said}: these are weights of {network}, not of {name}")
    for key, value in needs.items():
        if given.get(key, value) != value:
            raise ValueError(f"{key}={given[key]!r}: {said} need {key}={value!r}")
    return needs | given


def origin_of(weights: Any, of: str | None) -> str | None:
    """The row of published() that weights belong to, if given.  Raises ValueError."""
    if of is not None or not str(weights).startswith("timm/"):
        return None if of == OWN else of
    model, _, tag = str(weights).partition(".")
    rows = [key for key in published() if key.startswith("timm/")]
    every = "see architectures.weights.published()"
    near = ", ".join(get_close_matches(model, rows, 5, 0.5)) or every
    if model not in rows:
        none = f"convbook has no network for {model}; nearest, to be given as timm/NAME.TAG: {near}"
        raise ValueError(f"weights={weights!r}: {none}")
    right = f"a model and the tag of its weights, such as {model}.tv_in1k"
    require(tag, weights=weights, right=right)
    return model


def load_weights(model: keras.Model, weights: Any, of: str | None = None,
         adapt_channels: bool = False) -> None:  # fmt: skip
    """Loads weights into a new model, with or without its head.  Raises ValueError."""
    of = origin_of(weights, of) or of
    if isinstance(weights, str) and weights == "imagenet":
        from_keras(model, application(model.name), adapt_channels)
    elif str(weights).startswith("timm/"):
        from_torch(model, safetensors(fetched(weights)), of, adapt_channels)
    elif str(weights).endswith(".safetensors"):
        from_torch(model, safetensors(weights), of, adapt_channels)
    else:
        load_ours(model, weights)


def opened(path: Any) -> keras.Model:
    """The model of a .keras file, not compiled, read in Keras' safe mode.  Raises ValueError."""
    require(isinstance(path, (str, PathLike)), path=path, right="the path of a .keras file")
    if not os.path.isfile(path):
        raise ValueError(f"{path}: there is no such file")
    try:
        return as_called(keras.models.load_model(path, compile=False))
    except Exception as error:  # Keras raises errors of all kinds for a bad file
        raise ValueError(f"{path} cannot be loaded by Keras: {short(error)}") from error


def load_ours(model: keras.Model, path: Any) -> None:
    """Reads the weights of a .keras or .weights.h5 file into model."""
    try:
        # Keras only warns of layers that a file does not have.
        with warnings.catch_warnings(action="error", category=UserWarning):
            model.load_weights(path)
    except (ValueError, KeyError, OSError, UserWarning) as error:
        why = difference(model, path) or short(error)
        raise ValueError(f"weights={path!r} does not fit {model.name}: {why}") from error
    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise ValueError(f"weights={path!r}: {weight.path} has values that are not finite")


def difference(model: keras.Model, path: Any) -> str | None:
    """The first weight in which a file and a model differ; None if unknown."""
    found = stored(path)
    here = [layer for layer in all_layers(model) if layer.weights and not inside(layer)]
    for layer in here if found else []:
        there = found.pop(layer.name, None)
        if there is None:
            return f"it has no {layer.name}"
        for weight, shape in zip(layer.weights, there, strict=False):
            if tuple(weight.shape) != shape:
                return f"{weight.path} is {tuple(weight.shape)} here and {shape} in it"
        if len(there) != len(layer.weights):
            return f"{layer.name} has {len(layer.weights)} weights here and {len(there)} in it"
    return f"it has {next(iter(found))} too" if found else None


def stored(path: Any) -> dict[str, list[tuple[int, ...]]]:
    """{layer: the shapes of its weights} of a .keras or .weights.h5 file; {} if it is none."""
    h5py, found = import_module("h5py"), {}  # Keras brings it

    def note(_, group):
        name = str(group.attrs.get("name", "")) if isinstance(group, h5py.Group) else ""
        if name and len(group) and not name.startswith("seed_generator"):
            found[name] = [group[key].shape for key in sorted(group, key=int)]

    try:
        whole = str(path).endswith(".keras")
        file = BytesIO(ZipFile(path).read("model.weights.h5")) if whole else path
        with h5py.File(file) as opened_file:
            opened_file.visititems(note)
    except (OSError, KeyError, ValueError, BadZipFile):
        return {}
    return found


def load_body(model: keras.Model, path: Any) -> None:
    """Reads the weights of one of our bodies from its file or a file of the whole network.

    Uses the layers' names if the file has them, because auxiliary heads change the order.
    """
    if str(path).endswith(".keras"):
        whole = opened(path)
        if {v.name for v in all_layers(model) if v.weights} <= {v.name for v in all_layers(whole)}:
            return share(whole, model)
    return load_ours(model, path)


def short(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]


def application(name: str) -> keras.Model:
    """The keras.applications model of a network, with its published weights."""
    builder, options, _ = APPLICATIONS[name]
    try:
        return getattr(keras.applications, builder)(weights="imagenet", **options)
    except Exception as error:  # Keras raises a plain Exception if it cannot download
        why = f"keras.applications could not load them (no connection?): {short(error)}"
        raise ValueError(f"weights='imagenet': {why}") from error


def extra(package: str, weights: Any) -> ModuleType:
    """A package that only published weights need.  Raises ValueError if it is missing."""
    try:
        return import_module(package)
    except ImportError as error:
        right = f"needs the package {package}; type: pip install 'keras-block-cookbook[weights]'"
        raise ValueError(f"weights={weights!r} {right}") from error


def fetched(name: str) -> str:
    """The path of the safetensors that timm publishes under a name such as timm/resnet50.tv_in1k"""
    hub = extra("huggingface_hub", name)
    try:
        return hub.hf_hub_download(name, "model.safetensors")
    except Exception as error:  # its errors share no other class
        why = f"the hub cannot be reached, or has no such weights: {short(error)}"
        raise ValueError(f"weights={name!r}: {why}") from error


def safetensors(path: Any) -> dict[str, Any]:
    """{name: array} of a file; the format holds only numbers, so nothing in it can run."""
    failure = extra("safetensors", path).SafetensorError
    try:
        return extra("safetensors.numpy", path).load_file(path)
    except (failure, OSError) as error:
        raise ValueError(f"weights={path!r} cannot be read: {short(error)}") from error


def share(whole: keras.Model, model: keras.Model) -> None:
    """The weights of a network into the same network without its head.  Raises ValueError."""
    found = {layer.name: layer for layer in all_layers(whole)}
    for layer in all_layers(model):
        if layer.weights:
            ours, theirs = layer.get_weights(), found[layer.name].get_weights()
            here, there = ([v.shape for v in values] for values in (ours, theirs))
            if here != there:
                size, c = f"input_shape={model.input_shape[1:]}", whole.input_shape[-1]
                why = f"{layer.name} takes {here}, not {there}"
                why = f"the weights have {c} channels" if c != model.input_shape[-1] else why
                raise ValueError(f"{size}: {why}")
            layer.set_weights(theirs)
