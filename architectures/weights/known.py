"""The libraries' preprocessing for their published weights, and the names of the classes.

preparations.json: {library: {its name: {tag: [short, crop, interpolation, mode, classes]}}}, the
library's own choice of weights first; a sixth word, 'squash', is Preparation's first.  torchvision:
the transforms of its weights; its GoogLeNet and Inception v3 convert their input to 'tf'
themselves.  timm: pretrained_cfg, at the network's own size of its two.
pytorchcv: the data sets of its repository.
keras.applications, entered by our names: the modes of preprocess_input; it says nothing of sizes,
and 8/7 of the input is the custom of the others.  class_names.json: {classes: their names}.
"""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import keras

from convbook import names
from convbook.architectures.weights.preparation import MODES, Preparation
from convbook.architectures.weights.published import published_row
from convbook.blocks.checks import ruled
from convbook.blocks.types import Rule

ROOM = "architectures.weights"


class Known(NamedTuple):
    """Facts that come with weights; of: their source, or the path of their file."""

    of: str
    preparation: Preparation
    class_names: tuple[str, ...] | None


Set = Literal["imagenet", "cifar10", "cifar100", "svhn"]
Of = Annotated[str, Rule(lambda v: isinstance(v, str), "a library and its network")]


@ruled
def class_names(classes: Set) -> tuple[str, ...]:
    """The names of the classes of imagenet, cifar10, cifar100 or svhn, in their order."""
    return tuple(names.stored_json(ROOM, "class_names.json")[classes])


def tags_of(of: str) -> tuple[str, str, dict[str, Any]]:
    """('timm/resnet50', 'a1_in1k', {tag: its row}) of a name with or without a tag."""
    library, _, name = of.partition("/")
    rows, tag = names.stored_json(ROOM, "preparations.json").get(library, {}), ""
    if name not in rows and "." in name:
        name, tag = name.split(".", 1)
    return f"{library}/{name}", tag, rows.get(name, {})


@ruled
def prepared_as(of: Of) -> Known:
    """The Known facts of published weights.

    of: a library and its network, with a dot and the tag of the weights or without:
    'timm/resnet50.tv_in1k', 'torchvision/resnet50.IMAGENET1K_V1', 'timm/resnet50'.  Without a tag
    they are the library's default weights.  Raises ValueError for unknown names.
    """
    network, tag, tags = tags_of(of)
    if not tags:
        published_row(network)  # raises
        raise ValueError(f"of={of!r}: the preparation of its images is unknown: make a Preparation")
    tag = tag or next(iter(tags))
    if tag not in tags:
        known = ", ".join(f"{network}.{t}" for t in tags) if "" not in tags else network
        raise ValueError(f"of={of!r}: of must be {known}")
    short, crop, interpolation, mode, classes, *first = tags[tag]
    preparation = Preparation(short, crop, interpolation, **MODES[mode])
    preparation = replace(preparation, first=first[0]) if first else preparation
    return Known(f"{network}.{tag}" if tag else network, preparation, class_names(classes))


def about(name: str, weights: Any, of: str | None = None) -> Known | None:
    """The Known facts of the weights= of a network, from their row or file; or None.

    of: whose they are, if they are a bare file.  Raises ValueError for an unknown `of`.
    """
    if of is not None:
        return prepared_as(of)
    if isinstance(weights, str) and weights == "imagenet":
        return prepared_as(f"keras.applications/{name}")
    if str(weights).startswith("timm/"):
        _, tag, tags = tags_of(str(weights))
        return prepared_as(str(weights)) if tag in tags else None
    return saved_with(weights) if str(weights).endswith(".keras") else None


def saved_with(path: str | Path) -> Known | None:
    """The Known facts in a .keras file: see graph.prepared; None if it has none.

    An unreadable file gives None here: reading its weights will raise the error.
    """
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))["config"]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
    if not isinstance(config, dict) or not config.get("preparation"):
        return None
    preparation = keras.saving.deserialize_keras_object(config["preparation"])
    found = config.get("class_names")
    return Known(str(path), preparation, found and tuple(found))
