"""A trained network and the facts about it: model.keras, and result.json beside it."""

import warnings
from collections import namedtuple
from pathlib import Path
from typing import Any

import keras
import numpy as np

from convbook import architectures
from convbook.architectures.catalog import find
from convbook.architectures.graph.calls import has_calls
from convbook.architectures.graph.prepared import first_output
from convbook.architectures.weights.deployed import is_deployed
from convbook.architectures.weights.known import Known, about, tags_of
from convbook.architectures.weights.loading import opened
from convbook.architectures.weights.published import published_row
from convbook.training import data
from convbook.training.data.augment import Augmentation, plan
from convbook.training.preparation import read_result, settled

# model; path; size and channels of its input; classes, a number; result: the content of result.json
# or None; known: how images are prepared for it, and its class names, or None; outputs: how many it
# had, of which model keeps the first
TrainedNetwork = namedtuple(
    "TrainedNetwork", "model path size channels classes result known outputs", defaults=(None, 1)
)


RENAMED = {"load": "load_network", "names": "class_names"}  # deprecated names


def __getattr__(name: str) -> Any:
    if name not in RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    said = f"trained_network.{name} is now {RENAMED[name]}; version 0.4.0 removes the old name"
    warnings.warn(said, DeprecationWarning, stacklevel=2)
    return globals()[RENAMED[name]]


def load_network(
    path: str | Path, size: int | None = None, given: Known | str | None = None
) -> TrainedNetwork:
    """The network of a .keras file; size: of its input, if that is free.

    The file is read in Keras' safe mode, so that no code of its own runs.  Weights averaged in
    training (EMA) are those that the trainer wrote into it.  given: see about.  Raises ValueError.
    """
    return of_model(opened(path), path, size, given, read_result(path))


def created(name: str, weights: str, size: int | None, given: Known | str | None) -> TrainedNetwork:
    """The network of a name with weights from elsewhere; given: see about.  ValueError."""
    options: dict[str, Any] = {}
    known = about(name, weights) or given
    if isinstance(given, Known):
        network, options = published_row(tags_of(given.of)[0])
        if network != find(name)[0]:
            raise ValueError(f"--of {given.of}: these are weights of {network}, not of {name}")
    if isinstance(known, Known):
        size = size or known.preparation.crop
    if size:
        options |= dict(input_shape=(size, size, find(name)[1].shape[-1]))
    model = architectures.create(name, weights=weights, **options)
    return of_model(model, weights, size, given, None)


def of_model(
    model: keras.Model, path: str | Path, size: int | None, given: Known | str | None, result: Any
) -> TrainedNetwork:
    """The TrainedNetwork of a model for images.  Raises ValueError."""
    if not has_calls(model):
        raise ValueError(
            f"{path}: a {type(model).__name__} has no graph; it must be a functional or "
            "Sequential model"
        )
    if is_deployed(model):
        raise ValueError(f"{path} prepares images itself; give the network that it was made from")
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ValueError(f"{path}: its input is {model.input_shape}; it must be (None, H, W, C)")
    outputs, model = len(model.outputs), first_output(model)
    if len(model.output_shape) != 2 or not model.output_shape[-1]:
        raise ValueError(f"{path}: its output is {model.output_shape}; it must be (None, classes)")
    _, h, w, channels = model.input_shape
    known = known_of(model, path, given)
    usual = known.preparation.crop if isinstance(known, Known) else None
    options = (result or {}).get("options", {})
    h, w = (side or size or options.get("size") or usual for side in (h, w))
    if not h or h != w or (size and size != h):
        own = f"its input is {model.input_shape[1:]}"
        if size:
            raise ValueError(f"{path}: --size {size}: {own}")
        raise ValueError(f"{path}: {own}: " + ("it must be square" if h and w else "give --size"))
    if known:
        known = settled(known, str(path), h, channels, model.output_shape[-1])
    return TrainedNetwork(
        model, str(path), h, channels, model.output_shape[-1], result, known, outputs
    )


def known_of(model: keras.Model, path: str | Path, given: Known | str | None) -> Known | str | None:
    """The Known facts of a model: from the command line, else from the model."""
    if given is not None or getattr(model, "preparation", None) is None:
        return given
    return Known(str(path), model.preparation, model.class_names)


def words(network: TrainedNetwork) -> str:
    """How images are prepared for a network, as one line."""
    if network.known:
        return f"images prepared as for {network.known.of}: {network.known.preparation.words()}"
    return f"images prepared as in the training of {network.path}"


def bits(network: TrainedNetwork) -> int | None:
    """The bits that its training images used, if they were PNGs of 16 bits; else None."""
    return (network.result or {}).get("bits_in_use")


def recipe(network: TrainedNetwork) -> dict[str, Any]:
    """The recipe in result.json; {} if there is none."""
    result = network.result or {}
    return result.get("recipe") or result.get("options", {})


def class_names(network: TrainedNetwork, images: data.Data | None = None) -> list[str]:
    """The class names: from result.json, else from the images, else their numbers."""
    known = network.known and network.known.class_names
    known = known or (network.result or {}).get("classes") or (images and images.names)
    if known and len(known) == network.classes:
        return [str(name) for name in known]
    return [f"class {i}" for i in range(network.classes)]


def preparation(
    network: TrainedNetwork, name: str | None = None, images: data.Data | None = None
) -> tuple[Augmentation, data.Statistics | None, int | None]:
    """(augmentation, statistics, short side or None): how images are prepared for the network.

    As is known of it, or as in its training: normalised by the statistics of what it was trained
    on, which result.json has, or which are computed again from the data that it names.  name,
    images: data that are loaded already.  Without result.json images are in [0, 1] as they are.
    Raises ValueError.
    """
    if network.known:
        known = network.known.preparation
        given = {key: getattr(known, key) for key in ("order", "scale", "mean", "std")}
        return [("prepared", given)], None, known.short
    if network.result is None:
        return None, None, None
    fields = recipe(network)
    augmentation, short = fields.get("augmentation"), (fields.get("evaluation") or {}).get("resize")
    normalisations = plan(augmentation).normalisations
    if not normalisations:
        return augmentation, None, short
    per_pixel = any(each.options.get("per_pixel") for each in normalisations)
    moments = network.result.get("statistics") or {}
    if {"mean", "std"} <= set(moments) and not per_pixel:
        mean, std = (np.asarray(moments[key]) for key in ("mean", "std"))
        return augmentation, data.Statistics(mean, std, None, None), short
    options = network.result["options"]
    if images is None or name != options.get("data"):
        images = training_images(network, options)
    return augmentation, data.statistics(images.train), short


def training_images(network: TrainedNetwork, options: dict[str, Any]) -> data.Data:
    """The data that a network was trained on."""
    files = dict(
        skip_broken=options.get("skip_broken", False), first_label=options.get("first_label")
    )
    try:
        return data.load_data(options["data"], network.size, network.channels, **files)
    except (KeyError, ValueError) as error:
        why = "result.json lacks the mean of its training data, and the data cannot be loaded"
        raise ValueError(f"{network.path}: {why}: {error}") from error
