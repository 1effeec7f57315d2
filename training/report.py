"""What a run leaves in its folder: model.keras, history.csv, curves.png and, last, result.json."""

import csv
import json
import os
import platform
import shutil
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

RESULT = "result.json"
UNFINISHED = ".unfinished"


def finished(folder):
    """What result.json in folder says, None where there is none: it is written last."""
    try:
        return json.loads((Path(folder) / RESULT).read_text(encoding="utf-8"))
    except OSError:
        return None


def claim(folder):
    """Makes folder and proves that it can be written.  Raises ValueError."""
    try:
        aside = Path(folder) / UNFINISHED
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        (aside / "probe").write_text("")
    except OSError as error:
        raise ValueError(f"--out {folder!r} cannot be written: {error.strerror}") from error


def result(model, options, history, test_accuracy, seconds):
    """What result.json says, as a dictionary."""
    pace = history["images_per_second"]
    return dict(
        test_accuracy=test_accuracy,
        val_accuracy=history["val_accuracy"][-1],
        seed=options.seed,
        parameters=sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        images_per_second=median(pace[1:] or pace),  # the first epoch also traces the graph
        seconds=seconds,
        versions=dict(
            python=platform.python_version(),
            keras=keras.__version__,
            tensorflow=tf.__version__,
            numpy=np.__version__,
        ),
        options=vars(options),
    )


def write(folder, model, history, result):
    """Writes every file aside, then renames it: no file in folder is ever half written."""
    folder = Path(folder)
    aside = folder / UNFINISHED
    aside.mkdir(parents=True, exist_ok=True)
    model.save(aside / "model.keras")
    write_history(aside / "history.csv", history)
    draw_curves(aside / "curves.png", history)
    (aside / RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name in ("model.keras", "history.csv", "curves.png", RESULT):
        os.replace(aside / name, folder / name)
    shutil.rmtree(aside)


def write_history(path, history):
    """A line an epoch, counted from 1."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        epochs = range(1, len(history["loss"]) + 1)
        writer.writerows(zip(epochs, *history.values(), strict=True))


def draw_curves(path, history):
    """Loss and error of training and validation against the epoch."""
    figure = Figure((10, 4), layout="constrained")
    epochs = range(1, len(history["loss"]) + 1)
    loss, error = figure.subplots(1, 2)
    for key, label in (("", "training, augmented"), ("val_", "validation")):
        loss.plot(epochs, history[f"{key}loss"], label=label)
        error.plot(epochs, [100 * (1 - a) for a in history[f"{key}accuracy"]], label=label)
    loss.set(xlabel="epoch", ylabel="loss, with label smoothing and L2")
    error.set(xlabel="epoch", ylabel="error, %", yscale="symlog")
    loss.legend()
    figure.savefig(path, dpi=150)
