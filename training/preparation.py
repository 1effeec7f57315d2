"""How images are prepared for weights: by the command line, else as known of the weights."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbook.architectures.weights.known import Known
    from convbook.architectures.weights.preparation import Preparation

RIGHT = "--of LIBRARY/NAME, or --preparation caffe, tf, torch or FILE.json"
OWN = "own"  # of weights that are of no library


def add_to(add: Callable[..., Any]) -> None:
    """The option that says how images are prepared, if a bare file does not."""
    prepared = (
        "how to prepare images, for a bare file: caffe, tf, torch (as "
        "keras.applications) or FILE.json"
    )
    add("--preparation", metavar="P", help=prepared)


def refuse_two_sources(options: Namespace) -> None:
    """Raises ValueError, without waiting for Keras, if two sources are given."""
    if options.preparation and options.of not in (None, OWN):
        raise ValueError("--of and --preparation: give one of the two")


def given(options: Namespace) -> "Known | str | None":
    """The command line's choice: Known of a library's row, or a word."""
    from convbook.architectures.weights.known import prepared_as

    if options.preparation or options.of in (None, OWN):
        return options.preparation
    return prepared_as(options.of)


def unknown(path: str | Path) -> ValueError:
    return ValueError(f"{path} does not say how to prepare its images; give {RIGHT}")


def settled(known: "Known | str", path: str, size: int, channels: int, classes: int = 0) -> "Known":
    """Known of the network of path, for images (size, size, channels); a word: see mode.

    Raises ValueError for images of other channels.
    """
    from convbook.architectures.weights.known import Known, class_names
    from convbook.architectures.weights.preparation import MODES, mode

    if isinstance(known, str):
        names = class_names("imagenet") if known in MODES and classes == 1000 else None
        known = Known(f"--preparation {known}", mode(known, size), names)
    if known.preparation.channels != channels:
        takes = f"of {known.preparation.channels} channels, but {path} takes {channels}"
        raise ValueError(f"{known.of} prepares images {takes}")
    return known._replace(preparation=known.preparation.at(size))


def of_weights(options: Namespace, name: str, channels: int) -> "Known | str | None":
    """How images are prepared for the weights that a network starts with; None: it has none.

    Raises ValueError if it is not known.
    """
    from convbook.architectures.weights import loading
    from convbook.architectures.weights.known import about

    if not options.weights:
        return None
    loading.refuse_unknown_weights(options.weights)
    beside = read_result(options.weights)
    found = given(options) or about(name, options.weights)
    if found is None and beside:
        found = of_run(options.weights, beside, channels)
    if found is None:
        raise unknown(options.weights)
    return found


def of_run(path: str | Path, result: dict[str, Any], channels: int) -> "Known | None":
    """The preparation in result.json; None if its numbers are missing."""
    from convbook.architectures.weights.known import Known

    recipe, moments = result.get("recipe") or {}, result.get("statistics") or {}
    size = result["options"].get("size")
    if not size or "augmentation" not in recipe:
        return None
    found = of_recipe(recipe, size, channels, moments.get("mean"), moments.get("std"))
    return Known(str(path), found, None) if found else None


def of_recipe(recipe: dict[str, Any], size: int, channels: int, mean: Any = None, std: Any = None,
              pixel_mean: Any = None) -> "Preparation | None":  # fmt: skip
    """The Preparation of a recipe's evaluation; None if the numbers it needs are not given.

    mean, std, pixel_mean: of the training images.
    """
    from convbook.architectures.weights.preparation import Preparation
    from convbook.training.data.augment import plan

    short = (recipe.get("evaluation") or {}).get("resize") or size
    order = "grey" if channels == 1 else "RGB"
    numbers: dict[str, Any] = dict(order=order, mean=[0.0] * channels, std=[1.0] * channels)
    for normalisation in plan(recipe["augmentation"]).normalisations:
        name, options = normalisation.function.__name__, normalisation.options
        if name == "prepared":
            numbers |= options
        elif name == "standardise":
            numbers |= dict(mean=mean, std=std)
        else:  # subtract_mean
            numbers["mean"] = pixel_mean if options.get("per_pixel") else mean
    if numbers["mean"] is None or numbers["std"] is None:
        return None
    return Preparation(short, size, **numbers, first="crop")


def carried_out(recipe: dict[str, Any], known: "Known") -> None:
    """Prepares a recipe's images as for the weights, from training to test, and reports it.

    It takes the normalisation's place, since the other stages' draws depend on their places.
    """
    from convbook.training.data.augment import plan

    own = known.preparation
    values = {key: listed(getattr(own, key)) for key in ("order", "scale", "mean", "std")}
    pairs = recipe["augmentation"]
    places = [each.entry for each in plan(pairs).normalisations]
    for place in places or [len(pairs)]:
        pairs[place : place + 1] = [["prepared", values]]
    recipe["evaluation"]["resize"] = own.short
    recipe["words"].append(f"images prepared as for {known.of}: {own.words()}")


def listed(v: Any) -> Any:
    """The value as JSON would read it back: lists for tuples."""
    return [listed(i) for i in v] if isinstance(v, tuple) else v


def read_result(path: str | Path) -> dict[str, Any] | None:
    """The content of result.json beside a model; None if there is none.  Raises ValueError."""
    beside = Path(path).with_name("result.json")
    try:
        result = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ValueError(f"{beside} cannot be read: {error}") from error
    if not isinstance(result, dict) or not isinstance(result.get("options"), dict):
        said = f"{beside} has no options, so it is not the result of a run"
        raise ValueError(f"{said}: name a folder that convbook train --out made")
    return result
