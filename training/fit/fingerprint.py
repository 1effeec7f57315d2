"""The fingerprint of a run: everything its result depends on, to compare with another run's.

    options, recipe    as given, completed; not the run's folder, nor how often it saves or prints
    data, classes      the content of each part, at whatever path; the names of the classes
    code               a digest of this package, and the versions below it

It is in every checkpoint and in result.json.  Workers must agree in all of it; a run resumes, and
counts as finished, only with the options, recipe, data and classes that it began with.
"""

import hashlib
import json
from argparse import Namespace
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from convbook import architectures, blocks, training
from convbook.training import data, recipes
from convbook.training.data.content import contents
from convbook.training.devices.agreement import from_all_workers
from convbook.training.devices.cluster import Cluster
from convbook.training.devices.lost_workers import watched
from convbook.training.fit import network

FREE = {"out", "keep", "save_every", "log_every", "tensorboard", "workers", "index"}  # may change
OF_RECIPE = {"recipe", "set", "lr_scale", *recipes.OPTIONS}  # in the recipe
OF_DATA = {"data", "skip_broken", "first_label"}  # in the content of the data
PARTS = {"train": "train on", "val": "validate with", "test": "test with"}

Difference = tuple[str, str, str]  # what, here, there


def fingerprint(options: Namespace, recipe: Mapping[str, Any], images: data.Data) -> dict[str, Any]:
    """The fingerprint of a run with these options, recipe and images, as JSON returns it."""
    apart = FREE | OF_RECIPE | OF_DATA
    asked = {k: v for k, v in vars(options).items() if k not in apart}
    if mine := network.own_network(options.model):
        asked["model"] += f" ({mine.digest})"
    found = dict(
        options=asked,
        recipe={k: v for k, v in recipe.items() if k != "words"},
        data=contents(images),
        classes=[str(name) for name in images.names or range(images.classes)],
        code=code(),
    )
    return json.loads(json.dumps(found, default=repr))


@cache
def code() -> dict[str, str]:
    """A digest of the training code, and the versions of Keras and TensorFlow."""
    found = hashlib.sha256()
    for room in (blocks, architectures, training):
        for path in sorted(Path(str(room.__file__)).parent.rglob("*.*")):
            if path.suffix in (".py", ".json"):
                found.update(path.read_bytes())
    return dict(convbook=found.hexdigest()[:12], keras=keras.__version__, tensorflow=tf.__version__)


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Difference]:
    """The differences of two fingerprints, with both values, the most telling first."""
    mine, theirs = ({**named(each), **named_recipe(each["recipe"])} for each in (here, there))
    for name in {**mine, **theirs}:
        if mine.get(name) != theirs.get(name):
            yield name, as_text(mine.get(name)), as_text(theirs.get(name))
    yield from of_classes(here["classes"], there["classes"])
    total, of_other = (sum(p["images"] for p in each["data"].values()) for each in (here, there))
    if total != of_other:
        yield "--data: images", f"{total:,}", f"{of_other:,}"
    for part, use in PARTS.items():
        if here["data"][part] != there["data"][part]:
            yield f"--data: the images to {use}", "differ", "others"


def named(found: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a fingerprint by the names on the command line."""
    return {k if k == "model" else option(k): v for k, v in found["options"].items()}


def named_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe by what is typed for them; two rates as one."""
    lr, other = recipe["lr"], recipe["lr_without_norm"]
    rate = {"--lr": f"{lr:g} ({other:g} without batch norm)" if other else f"{lr:g}"}
    typed = {option(k): recipe[k] for k in recipes.OPTIONS if k != "lr"}
    apart = {"name", "lr_without_norm", *recipes.OPTIONS}
    fields = {f"--set {k}": v for k, v in recipe.items() if k not in apart}
    return {"--recipe": recipe["name"], **rate, **typed, **fields}


def option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def of_classes(mine: list[str], theirs: list[str]) -> Iterator[Difference]:
    """A class that only one has, or the first that differs."""
    added, gone = sorted({*mine} - {*theirs}), sorted({*theirs} - {*mine})
    if added or gone:
        here, there = (", ".join(each[:3]) or "none of these" for each in (added, gone))
        yield "--data: classes", here, there
    else:
        for one, other in zip(mine, theirs, strict=True):
            if one != other:
                yield "--data: class", one, other
                break


def refuse_other_settings(
    here: Mapping[str, Any], there: Mapping[str, Any], who: str, instead: str
) -> None:
    """Raises ValueError, naming the differences, if here is not as who has it."""
    if found := list(differences(here, there)):
        (name, mine, theirs), *others = found
        more = ", ".join(name for name, *_ in others[:3]) + (", ..." if others[3:] else "")
        also = f" (also different: {more})" if more else ""
        raise ValueError(f"{name} {mine}: {who} has {theirs}{also}; {instead}")


def agreed(
    devices: tf.distribute.Strategy, cluster: Cluster, found: dict[str, Any] | ValueError
) -> None:
    """Returns if all workers of a cluster found the same, else raises ValueError on each of them.

    found: this worker's fingerprint, or the reason why it cannot train.
    """
    said = {"error": str(found)} if isinstance(found, ValueError) else found
    with watched(cluster):
        replies = from_all_workers(devices, len(cluster.workers), json.dumps(said))
    if isinstance(found, ValueError):
        raise found
    chief, *_ = each = [json.loads(one) for one in replies]
    for i, theirs in enumerate(each):
        name = cluster.name(i)
        if "error" in theirs:
            raise ValueError(f"{name} cannot train: {theirs['error']}")
        if theirs["code"] != chief["code"]:
            both = f"{as_text(theirs['code'])} on {name}, {as_text(chief['code'])} on the chief"
            raise ValueError(f"different code: {both}; install the same versions everywhere")
        try:
            refuse_other_settings(theirs, chief, "the chief", "give all workers the same")
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
