"""The table of convbook compare: where runs differ, and their results."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from convbook.training.recipes.fields import text_of

FREE = {"out", "index"}  # options that do not change the training
Figure = Callable[[dict[str, Any], dict[str, list[float]]], str]  # of a result and a history
WIDEST = 30  # characters of a value


def comparison(runs: Sequence[Any]) -> list[list[str]]:
    """Rows of texts: where the runs differ, and their results."""
    settings = [settings_of(run) for run in runs]
    ended = [own for own, run in zip(settings, runs, strict=True) if run.result]
    keys = dict.fromkeys(key for own in ended for key in own)
    differ = [key for key in keys if len({own.get(key, "-") for own in ended}) > 1]
    rows = [["", *titles(runs)], ["state", *map(state, runs)]]
    rows += [[key, *(short(own.get(key, "-")) for own in settings)] for key in differ]
    for label, figure in FIGURES.items():
        figures = [figure(run.result or {}, run.history) for run in runs]
        if any(text != "-" for text in figures):
            rows.append([label, *figures])
    return rows


def settings_of(run: Any) -> dict[str, str]:
    """{key: text} of the recipe and the options of a run."""
    if run.result is None:
        return {}
    recipe = {k: v for k, v in (run.result.get("recipe") or {}).items() if k != "words"}
    values = flat(recipe) | flat(run.result.get("options", {}))
    return {key: text_of(value) for key, value in values.items() if key not in FREE}


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """{key: value} of nested dictionaries and lists of pairs [name, dictionary]."""
    if isinstance(value, list) and value and all(map(is_named_dictionary, value)):
        value = {name: inner or True for name, inner in value}
    if not isinstance(value, dict):
        return {key: value}
    flattened: dict[str, Any] = {}
    for name, inner in value.items():
        flattened |= flat(inner, f"{key}.{name}" if key else name)
    return flattened


def is_named_dictionary(pair: Any) -> bool:
    """Whether it is [name, dictionary], as a recipe has each augmentation."""
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], dict)


def titles(runs: Sequence[Any]) -> list[str]:
    """The names of the folders; their paths where two have the same."""
    names = [Path(run.name).name for run in runs]
    return names if len(set(names)) == len(names) else [run.name for run in runs]


def state(run: Any) -> str:
    """Whether a run has ended, and how many epochs it has done."""
    epochs = len(run.history.get("epoch", ()))
    return f"{'finished' if run.result else 'unfinished'}, {epochs} epochs"


def short(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def of_result(key: str, form: str) -> Figure:
    def figure(result, history):
        return form.format(result[key]) if result.get(key) is not None else "-"

    return figure


def last(result: dict[str, Any], history: dict[str, list[float]]) -> str:
    column = history.get("val_accuracy")
    return f"{column[-1]:.2%}" if column else "-"


def best(result: dict[str, Any], history: dict[str, list[float]]) -> str:
    column = [v for v in history.get("val_accuracy", ()) if not math.isnan(v)]
    if not column:
        return "-"
    at = history["val_accuracy"].index(max(column))
    return f"{max(column):.2%}, epoch {history['epoch'][at]:.0f}"


def pace(result: dict[str, Any], history: dict[str, list[float]]) -> str:
    column = history.get("images_per_second", ())
    rate = result.get("images_per_second") or (column and median(column[1:] or column))
    return f"{rate:.1f}" if rate else "-"


FIGURES = {
    "test accuracy": of_result("test_accuracy", "{:.2%}"),
    "validation accuracy": last,
    "best validation accuracy": best,
    "seconds": of_result("seconds", "{:.0f}"),
    "images per second": pace,
    "parameters": of_result("parameters", "{:,}"),
}
