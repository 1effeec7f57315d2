"""weights= of create: files of ours, safetensors, the hub, and keras.applications."""

import warnings
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.weights.convert import from_keras, from_torch
from convbook.architectures.weights.published import APPLICATIONS, published

OURS = (".keras", ".weights.h5")


def foreign(weights: Any) -> bool:
    """Whether weights are another library's: those always have a head."""
    named = weights == "imagenet" or str(weights).startswith("timm/")
    return named or str(weights).endswith(".safetensors")


def refuse(weights: Any) -> None:
    """Raises ValueError for weights that are none, or a file that is not there."""
    if weights is None or (isinstance(weights, str) and weights == "imagenet"):
        return
    path = str(weights) if isinstance(weights, (str, Path)) else ""
    if not path.startswith("timm/") and not path.endswith((*OURS, ".safetensors")):
        right = "None, 'imagenet', 'timm/NAME.TAG', or the path of a .keras, .weights.h5 or "
        raise ValueError(f"weights={weights!r}: weights must be {right}.safetensors file")
    if not path.startswith("timm/") and not Path(path).is_file():
        right = "the path of a file that is there"
        raise ValueError(f"weights={weights!r}: weights must be {right}")


def needed(name: str, weights: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The options of a network with those that named weights need.  Raises ValueError."""
    needs = {}
    if weights == "imagenet":
        if name not in APPLICATIONS:
            has = ", ".join(APPLICATIONS)
            raise ValueError(f"weights='imagenet': keras.applications has no {name}; it has {has}")
        needs = APPLICATIONS[name][2]
    elif str(weights).startswith("timm/"):
        model, _, tag = weights.partition(".")
        rows = {key: row for key, row in published().items() if key.startswith("timm/")}
        if model not in rows or not tag:
            near = ", ".join(get_close_matches(model, rows, 5, 0.5)) or "see published()"
            right = f"a model and the tag of its weights, as {near} and .tv_in1k"
            raise ValueError(f"weights={weights!r}: weights must be {right}")
        of, needs = rows[model]
        if of != name:
            raise ValueError(f"weights={weights!r}: they are those of {of}, not of {name}")
    for key, value in needs.items():
        if given.get(key, value) != value:
            raise ValueError(f"{key}={given[key]!r}: weights={weights!r} need {key}={value!r}")
    return needs | given


def load(model: keras.Model, weights: Any) -> None:
    """Takes weights over into model.  Raises ValueError."""
    if weights == "imagenet":
        from_keras(model, application(model.name))
    elif str(weights).startswith("timm/"):
        from_torch(model, safetensors(fetched(weights)))
    elif str(weights).endswith(".safetensors"):
        from_torch(model, safetensors(weights))
    else:
        load_ours(model, weights)


def opened(path: Any) -> keras.Model:
    """The model of a .keras file, not compiled, read in Keras' safe mode.  Raises ValueError."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: there is no such file")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # by what is wrong with a file, Keras raises all kinds
        raise ValueError(f"{path} cannot be loaded by Keras: {short(error)}") from error


def load_ours(model: keras.Model, path: Any) -> None:
    """Reads the weights of a .keras or .weights.h5 file into model."""
    try:
        # Keras only warns of layers that a file does not have.
        with warnings.catch_warnings(action="error", category=UserWarning):
            model.load_weights(path)
    except (ValueError, KeyError, OSError, UserWarning) as error:
        raise ValueError(f"weights={path!r} does not fit {model.name}: {short(error)}") from error


def load_body(model: keras.Model, path: Any) -> None:
    """Reads the weights of a body of ours from a file of it or of the whole network.

    By the names of the layers where the file has them: auxiliary heads change their order.
    """
    if str(path).endswith(".keras"):
        whole = opened(path)
        if {v.name for v in all_layers(model) if v.weights} <= {v.name for v in all_layers(whole)}:
            return share(whole, model)
    return load(model, path)


def short(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]


def application(name: str) -> keras.Model:
    """The keras.applications model of a network, with its published weights."""
    builder, options, _ = APPLICATIONS[name]
    try:
        return getattr(keras.applications, builder)(weights="imagenet", **options)
    except Exception as error:  # Keras raises a plain Exception where it cannot download
        why = f"keras.applications could not get them, offline perhaps: {short(error)}"
        raise ValueError(f"weights='imagenet': {why}") from error


def extra(package: str, weights: Any) -> ModuleType:
    """A package that only published weights need.  Raises ValueError where it is missing."""
    try:
        return import_module(package)
    except ImportError as error:
        right = f"needs the package {package}: pip install 'keras-block-cookbook[weights]'"
        raise ValueError(f"weights={weights!r} {right}") from error


def fetched(name: str) -> str:
    """The path of the safetensors that timm publishes under a name such as timm/resnet50.tv_in1k"""
    hub = extra("huggingface_hub", name)
    try:
        return hub.hf_hub_download(name, "model.safetensors")
    except Exception as error:  # its errors have no common class but this
        why = f"the hub could not be reached, or has no such weights: {short(error)}"
        raise ValueError(f"weights={name!r}: {why}") from error


def safetensors(path: Any) -> dict[str, Any]:
    """{name: array} of a file; a format that holds numbers only, so that nothing in it is run."""
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
