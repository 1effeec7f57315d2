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

# model; path; size and channels of its input; classes, a number; what result.json says, or None
Trained = namedtuple("Trained", "model path size channels classes told")


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
    told = result(path)
    _, h, w, channels = model.input_shape
    options = (told or {}).get("options", {})
    h, w = (side or size or options.get("size") for side in (h, w))
    if not h or h != w or (size and size != h):
        raise ValueError(f"{path}: --size {size}: its input is {model.input_shape[1:]}, a square")
    return Trained(model, str(path), h, channels, model.output_shape[-1], told)


def result(path: str | Path) -> dict[str, Any] | None:
    """What result.json beside a model says, None where there is none.  Raises ValueError."""
    beside = Path(path).with_name("result.json")
    try:
        told = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ValueError(f"{beside} cannot be read: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("options"), dict):
        raise ValueError(f"{beside} is not of a run: it has no options")
    return told


def recipe(trained: Trained) -> dict[str, Any]:
    """What result.json says of the recipe; {} where there is none."""
    told = trained.told or {}
    return told.get("recipe") or told.get("options", {})


def names(trained: Trained, loaded: data.Data | None = None) -> list[str]:
    """The names of the classes: of result.json, else of loaded data, else their numbers."""
    known = (trained.told or {}).get("classes") or (loaded and loaded.names)
    if known and len(known) == trained.classes:
        return [str(name) for name in known]
    return [f"class {i}" for i in range(trained.classes)]


def preparation(
    trained: Trained, name: str | None = None, loaded: data.Data | None = None
) -> tuple[Augmentation, data.Statistics | None, int | None]:
    """(augmentation, statistics, short side or None): how images are made ready for the network.

    As in its training: normalised by the statistics of what it was trained on, which result.json
    has, or which are computed again from the data that it names.  name, loaded: data that are
    loaded already.  Without result.json images are in [0, 1] as they are.  Raises ValueError.
    """
    if trained.told is None:
        return None, None, None
    options, made = trained.told["options"], recipe(trained)
    augmentation, short = made.get("augmentation"), (made.get("evaluation") or {}).get("resize")
    needs = [told for _, _, told in plan(augmentation).normalisations]
    if not needs:
        return augmentation, None, short
    kept = trained.told.get("statistics") or {}
    if {"mean", "std"} <= set(kept) and not any(told.get("per_pixel") for told in needs):
        mean, std = (np.asarray(kept[key]) for key in ("mean", "std"))
        return augmentation, data.Statistics(mean, std, None, None), short
    if loaded is None or name != options.get("data"):
        loaded = again(trained, options)
    return augmentation, data.statistics(loaded.train), short


def again(trained: Trained, options: dict[str, Any]) -> data.Data:
    """The data that a network was trained on."""
    told = dict(skip_broken=options.get("skip_broken", False))
    told["first_label"] = options.get("first_label")
    try:
        return data.load(options["data"], trained.size, trained.channels, **told)
    except (KeyError, ValueError) as error:
        why = "the mean of its training data is not in result.json, and they cannot be loaded"
        raise ValueError(f"{trained.path}: {why}: {error}") from error
