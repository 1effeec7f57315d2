"""What a run leaves in its folder, each file written aside and renamed: none is half written."""

import csv
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from convbook.architectures.graph.measure import measure
from convbook.training.data.summary import bits_in_use
from convbook.training.devices.norms import plain
from convbook.training.fit.job import Job

RESULT = "result.json"
UNFINISHED = ".unfinished"
# Multiply-adds a second, half of the operations in NVIDIA's data sheets, dense 16-bit tensor cores.
PEAKS = {"T4": 32.5e12, "V100": 62.5e12, "A100": 156e12, "H100": 495e12, "H200": 495e12}


def finished(folder: str | Path) -> dict[str, Any] | None:
    """What result.json in folder says, None where there is none: it is written last."""
    try:
        return json.loads((Path(folder) / RESULT).read_text(encoding="utf-8"))
    except OSError:
        return None


def claim(folder: str | Path) -> None:
    """Makes folder and proves that it can be written.  Raises ValueError."""
    try:
        aside = Path(folder) / UNFINISHED
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        (aside / "probe").write_text("")
        shutil.rmtree(aside)
    except OSError as error:
        raise ValueError(f"--out {folder!r} cannot be written: {error.strerror}") from error


def revision() -> str | None:
    """The commit of the code that runs, None where it is no git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def share_of_peak(model: keras.Model, images_per_second: float, precision: str) -> float | None:
    """The share of the GPU's peak arithmetic that training uses; None where it is not known.

    Three times the multiply-adds of inference: forward, and backward to maps and to weights.
    """
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "") for gpu in gpus]
    peaks = [peak for name in names for key, peak in PEAKS.items() if key in name]
    if len(peaks) != max(len(gpus), 1) or precision == "float32":
        return None
    return 3 * measure(model).macs * images_per_second / sum(peaks)


def versions() -> dict[str, str]:
    modules = dict(keras=keras, tensorflow=tf, numpy=np)
    return dict(python=platform.python_version()) | {k: m.__version__ for k, m in modules.items()}


def result(
    job: Job, info: dict[str, Any], test: dict[str, float], seconds: float
) -> dict[str, Any]:
    """What result.json says, as a dictionary; test: see training.fit.tested."""
    options = job.options
    rows, model = info["history"], job.model
    pace = [row["images_per_second"] for row in rows]
    images_per_second = median(pace[1:] or pace)  # the first epoch also traces the graph
    return dict(
        test_accuracy=test["accuracy"],
        test_balanced_accuracy=test["balanced_accuracy"],
        val_accuracy=rows[-1]["val_accuracy"],
        best=info["best"] and {k: info["best"][k] for k in ("epoch", "val_accuracy")},
        seed=options.seed,
        parameters=sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        steps=info["step"],
        images_per_second=images_per_second,
        share_of_peak=share_of_peak(model, images_per_second, options.precision),
        seconds=seconds,  # since the run was last begun
        classes=job.data.names and list(job.data.names),
        bits_in_use=bits_in_use(job.data),
        statistics=job.statistics
        and dict(mean=job.statistics.mean.tolist(), std=job.statistics.std.tolist()),
        devices=job.devices.num_replicas_in_sync,
        revision=revision(),
        versions=versions(),
        options=vars(options),
        recipe=job.recipe,
    )


def replaced(path: Path, write: Callable[[Path], Any]) -> None:
    """write(path aside), then renamed to path."""
    aside = path.with_name(f".writing-{path.name}")  # the ending says which format Keras saves
    try:
        write(aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write(
    folder: Path, model: keras.Model, history: Sequence[dict[str, Any]], result: dict[str, Any]
) -> None:
    """All that a finished run leaves; result.json is the last, its mark."""
    save_model(folder / "model.keras", model)
    write_history(folder / "history.csv", history)
    replaced(folder / "curves.png", lambda path: draw_curves(path, history))
    text = json.dumps(result, indent=2) + "\n"
    replaced(folder / RESULT, lambda path: path.write_text(text, encoding="utf-8"))


def save_model(path: Path, model: keras.Model) -> None:
    """The network without its auxiliary heads, which inference leaves out."""
    if len(model.outputs) > 1:
        model = keras.Model(model.inputs, model.outputs[0], name=model.name)
    with plain(model):
        replaced(path, model.save)


def write_passport(folder: str | Path, told: dict[str, Any]) -> None:
    """What was found in the data: see training.data.passport."""
    text = json.dumps(told, indent=2) + "\n"
    replaced(Path(folder) / "passport.json", lambda path: path.write_text(text, encoding="utf-8"))


def write_skipped(folder: str | Path, skipped: Sequence[tuple[str, str]]) -> None:
    """The files that --skip-broken left out, and why."""

    def write(path):
        any_bytes = "surrogateescape"  # as a name may have
        with open(path, "w", newline="", encoding="utf-8", errors=any_bytes) as file:
            csv.writer(file).writerows([("file", "reason"), *skipped])

    replaced(Path(folder) / "skipped.csv", write)


def write_history(path: Path, history: Sequence[dict[str, Any]]) -> None:
    """A line an epoch, counted from 1."""

    def write(path):
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *dict.fromkeys(k for r in history for k in r)])
            writer.writeheader()
            writer.writerows({"epoch": i} | row for i, row in enumerate(history, 1))

    replaced(path, write)


def draw_curves(path: Path, history: Sequence[dict[str, Any]]) -> None:
    """Loss and error of training and validation against the epoch."""
    figure = Figure((10, 4), layout="constrained")
    epochs = range(1, len(history) + 1)
    loss, error = figure.subplots(1, 2)
    for key, label in (("", "training, augmented"), ("val_", "validation")):
        loss.plot(epochs, [row[f"{key}loss"] for row in history], label=label)
        errors = [100 * (1 - row[f"{key}accuracy"]) for row in history]
        error.plot(epochs, errors, label=label)
    loss.set(xlabel="epoch", ylabel="loss, with label smoothing and L2")
    error.set(xlabel="epoch", ylabel="error, %", yscale="symlog")
    loss.legend()
    figure.savefig(path, dpi=150)
