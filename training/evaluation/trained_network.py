"""A trained network and what is known of it: model.keras, and result.json beside it."""

import json
from collections import namedtuple
from pathlib import Path
from typing import Any

import keras
import numpy as np

from convbook.architectures.weights.loading import opened
from convbook.training import data
from convbook.training.data.augment import Augmentation, plan

# model; path; size and channels of its input; classes, a number; result: what result.json says, or
# None
Trained = namedtuple("Trained", "model path size channels classes result")


def load(path: str | Path, size: int | None = None) -> Trained:
    """The Trained network of a .keras file; size: of its input, where any would do.

    The file is read in Keras' safe mode, so that no code of its own runs.  Weights averaged in
    training (EMA) are those that the trainer wrote into it.  Raises ValueError.
    """
    model = opened(path)
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ValueError(f"{path}: its input is {model.input_shape}: it must be one of images")
    if len(model.outputs) > 1:  # auxiliary heads behind the first
        model = keras.Model(model.inputs, model.outputs[0], name=model.name)
    if len(model.output_shape) != 2 or not model.output_shape[-1]:
        raise ValueError(f"{path}: its output is {model.output_shape}: it must be (None, classes)")
    result = read_result(path)
    _, h, w, channels = model.input_shape
    options = (result or {}).get("options", {})
    h, w = (side or size or options.get("size") for side in (h, w))
    if not h or h != w or (size and size != h):
        raise ValueError(f"{path}: --size {size}: its input is {model.input_shape[1:]}, a square")
    return Trained(model, str(path), h, channels, model.output_shape[-1], result)


def read_result(path: str | Path) -> dict[str, Any] | None:
    """What result.json beside a model says, None where there is none.  Raises ValueError."""
    beside = Path(path).with_name("result.json")
    try:
        result = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ValueError(f"{beside} cannot be read: {error}") from error
    if not isinstance(result, dict) or not isinstance(result.get("options"), dict):
        raise ValueError(f"{beside} is not of a run: it has no options")
    return result


def recipe(network: Trained) -> dict[str, Any]:
    """What result.json says of the recipe; {} where there is none."""
    result = network.result or {}
    return result.get("recipe") or result.get("options", {})


def names(network: Trained, images: data.Data | None = None) -> list[str]:
    """The names of the classes: of result.json, else of the images, else their numbers."""
    known = (network.result or {}).get("classes") or (images and images.names)
    if known and len(known) == network.classes:
        return [str(name) for name in known]
    return [f"class {i}" for i in range(network.classes)]


def preparation(
    network: Trained, name: str | None = None, images: data.Data | None = None
) -> tuple[Augmentation, data.Statistics | None, int | None]:
    """(augmentation, statistics, short side or None): how images are made ready for the network.

    As in its training: normalised by the statistics of what it was trained on, which result.json
    has, or which are computed again from the data that it names.  name, images: data that are
    loaded already.  Without result.json images are in [0, 1] as they are.  Raises ValueError.
    """
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


def training_images(network: Trained, options: dict[str, Any]) -> data.Data:
    """The data that a network was trained on."""
    files = dict(
        skip_broken=options.get("skip_broken", False), first_label=options.get("first_label")
    )
    try:
        return data.load(options["data"], network.size, network.channels, **files)
    except (KeyError, ValueError) as error:
        why = "the mean of its training data is not in result.json, and they cannot be loaded"
        raise ValueError(f"{network.path}: {why}: {error}") from error
