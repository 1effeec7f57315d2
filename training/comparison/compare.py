"""Put runs side by side: in a table and in a plot.

    convbook compare runs/a runs/b --plot both.png

Reads result.json and history.csv of each folder; an unfinished run is shown up to its last epoch.
"""

import csv
import json
import math
from argparse import Namespace
from collections import namedtuple
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from convbook.options import Command, Parser
from convbook.tables import aligned
from convbook.training.comparison.run_table import comparison, titles

# name; result: the content of result.json, None of an unfinished run; history: {column: numbers}
Run = namedtuple("Run", "name result history")
TICKS = (0, 1, 2, 5, 10, 20, 50, 100)  # percent of error


def compare(parser: Parser) -> Command:
    """convbook compare: its arguments; returns what compares."""
    parser.description = __doc__
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of runs")
    parser.add_argument("--plot", metavar="FILE.png", help="draw all curves into one picture")
    return print_comparison


def print_comparison(options: Namespace) -> None:
    """Prints the table and draws the plot.  Raises ValueError for a folder without a run."""
    runs = [read_run(folder) for folder in options.runs]
    if options.plot:
        draw(options.plot, runs)
    print("\n".join(aligned(comparison(runs))))
    if options.plot:
        print(f"curves: {options.plot}")


def read_run(folder: str | Path) -> Run:
    """The Run in a folder.  Raises ValueError if there is none."""
    at = Path(folder)
    if not folder or not at.is_dir():
        raise ValueError(f"{folder!r}: there is no such folder; give the folder of a run")
    result, history = None, {}
    file = at / "result.json"
    try:
        if file.exists():
            result = json.loads(file.read_text(encoding="utf-8"))
        if (file := at / "history.csv").exists():
            history = columns(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read: {error}; leave this run out") from error
    if result is None and not history:
        raise ValueError(f"{folder}: no result.json and no history.csv; give the folder of a run")
    if result is not None and not of_a_run(result):
        raise ValueError(f"{folder}: result.json is not the result of a run")
    return Run(str(folder), result, history)


def of_a_run(result: Any) -> bool:
    """Whether this is the content of a result.json: numbers, and options and recipe by name."""
    figures = ("test_accuracy", "seconds", "images_per_second", "parameters")
    if not isinstance(result, dict):
        return False
    numbers = all(isinstance(result.get(key), (int, float, type(None))) for key in figures)
    return numbers and all(isinstance(result.get(k) or {}, dict) for k in ("options", "recipe"))


def columns(text: str) -> dict[str, list[float]]:
    """{column: numbers} of a history.csv; an incomplete last line is ignored."""
    head, *lines = csv.reader(text[: text.rfind("\n") + 1].splitlines() or [""])
    rows = [line for line in lines if len(line) == len(head)]
    return {key: [as_number(row[i]) for row in rows] for i, key in enumerate(head)}


def as_number(text: str) -> float:
    return float(text) if text else math.nan


def draw(path: str | Path, runs: list[Run]) -> None:
    """Loss and error of all runs against the epoch: validation as a solid line, training dashed."""
    figure = Figure((12, 4.5), layout="constrained")
    loss, error = figure.subplots(1, 2)
    for i, (run, title) in enumerate(zip(runs, titles(runs), strict=True)):
        title += "" if run.result else ", unfinished"
        for key, style, label in (("val_", "-", title), ("", "--", None)):
            drawn_as = dict(linestyle=style, color=f"C{i}", label=label)
            if {"epoch", f"{key}loss", f"{key}accuracy"} <= set(run.history):
                epochs, errors = run.history["epoch"], run.history[f"{key}accuracy"]
                loss.plot(epochs, run.history[f"{key}loss"], **drawn_as)
                error.plot(epochs, [100 * (1 - a) for a in errors], **drawn_as)
    loss.set(xlabel="epoch", ylabel="loss", title="validation; dashed: training, augmented")
    error.set(xlabel="epoch", ylabel="error, %", yscale="symlog")
    error.set_yticks(TICKS, list(map(str, TICKS)))
    if loss.lines:
        loss.legend()
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as problem:
        raise ValueError(f"--plot {path!r} cannot be written: {problem}") from problem
