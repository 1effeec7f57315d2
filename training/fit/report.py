"""What a run leaves in its folder: the network, its history, its curves, its result."""

import csv
import json
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from convbook.architectures.graph.measure import measure
from convbook.architectures.graph.prepared import first_output
from convbook.architectures.weights.deployed import deployed
from convbook.training.data.summary import bits_in_use
from convbook.training.devices.norms import plain
from convbook.training.fit.folder import RESULT, digests, replaced
from convbook.training.fit.job import Job
from convbook.training.preparation import of_recipe

# Multiply-adds a second, half of the operations in NVIDIA's data sheets, dense 16-bit tensor cores.
PEAKS = {"T4": 32.5e12, "V100": 62.5e12, "A100": 156e12, "H100": 495e12, "H200": 495e12}


def revision() -> str | None:
    """The commit of the running code; None if it is no git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def share_of_peak(model: keras.Model, images_per_second: float, precision: str) -> float | None:
    """The share of the GPU's peak arithmetic that training uses; None if the peak is not known.

    Three times the multiply-adds of inference: forward, and backward to maps and to weights.
    """
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "") for gpu in gpus]
    peaks = [peak for name in names for key, peak in PEAKS.items() if key in name]
    if len(peaks) != max(len(gpus), 1) or precision == "float32":
        return None
    return 3 * measure(model).macs * images_per_second / sum(peaks)


def accuracies(result: dict[str, Any]) -> str:
    """The test accuracy of the weights that are kept, with the balanced one if it differs, and of
    the last weights if they differ."""
    accuracy, balanced = result["test_accuracy"], result.get("test_balanced_accuracy")
    line, last = f"test accuracy {accuracy:.2%}", result.get("last", {})
    if result.get("kept") == "best" and result["best"]["epoch"] != last["epoch"]:
        of_last = f"{last['test_accuracy']:.2%} after the last, {last['epoch']}"
        best = f"of the best epoch, {result['best']['epoch']}"
        line += f" with the weights {best} ({of_last})"
    if balanced is not None and abs(balanced - accuracy) >= 0.01:
        line += f", {balanced:.2%} balanced over the classes"
    return line


def remarks(job: Job, result: dict[str, Any], rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each sign that a run went wrong."""
    lines, counts = [], np.bincount(job.data.test.y)
    key, chance = "accuracy", counts.max() / counts.sum()  # of a constant answer
    of = f"{chance:.2%} for the most frequent of {job.data.classes} classes"
    if job.recipe["class_weights"]:  # which costs accuracy if classes are imbalanced
        key, chance = "balanced_accuracy", 1 / job.data.classes
        of = f"{chance:.2%} for {job.data.classes} classes"
    spread = 2 * (chance * (1 - chance) / counts.sum()) ** 0.5
    if (found := result[f"test_{key}"]) <= chance + spread:
        said = f"test {key.replace('_', ' ')} {found:.2%}"
        if chance + spread >= 1:  # where no accuracy would do
            few = f"{counts.sum()} test image{'' if counts.sum() == 1 else 's'}"
            lines.append(f"{few}: too few to tell {said} from chance, {of}")
        else:
            lines.append(f"{said} is near chance, {of}: the network has learned little")
    first, last = rows[0]["loss"], rows[-1]["loss"]
    if last > first:
        lines.append(f"the training loss rose from {first:.4g} to {last:.4g}: try a lower --lr")
    return lines


def versions() -> dict[str, str]:
    modules = dict(keras=keras, tensorflow=tf, numpy=np)
    return dict(python=platform.python_version()) | {k: m.__version__ for k, m in modules.items()}


def result(job: Job, info: dict[str, Any], test: dict[str, float], last: dict[str, float],
           seconds: float) -> dict[str, Any]:  # fmt: skip
    """The content of result.json as a dictionary.

    test, last: see training.fit.tested; of the weights that are kept, and of the last.
    """
    options, kept = job.options, job.recipe["kept"]
    rows, model = info["history"], job.model
    pace = [row["images_per_second"] for row in rows if row.get("images_per_second")]
    images_per_second = median(pace[1:] or pace or [0.0])  # the first epoch also traces the graph
    return dict(
        **of_test(test),
        val_accuracy=(info["best"] if kept == "best" else rows[-1])["val_accuracy"],
        kept=kept,
        last=dict(epoch=len(rows), val_accuracy=rows[-1]["val_accuracy"], **of_test(last)),
        best=info["best"] and {k: info["best"][k] for k in ("epoch", "val_accuracy")},
        seed=options.seed,
        parameters=sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        steps=info["step"],
        images_per_second=images_per_second,
        share_of_peak=share_of_peak(model, images_per_second, options.precision),
        seconds=seconds,  # since the run was last started
        classes=job.data.names and list(job.data.names),
        bits_in_use=bits_in_use(job.data),
        statistics=job.statistics
        and dict(mean=job.statistics.mean.tolist(), std=job.statistics.std.tolist()),
        devices=job.devices.num_replicas_in_sync,
        revision=revision(),
        versions=versions(),
        options=vars(options),
        recipe=job.recipe,
        fingerprint=job.fingerprint,
    )


def of_test(scores: dict[str, float]) -> dict[str, float]:
    return {f"test_{name}": score for name, score in scores.items()}


def write(
    folder: Path, model: keras.Model, history: Sequence[dict[str, Any]], result: dict[str, Any]
) -> dict[str, Any]:
    """Writes a finished run's files; result.json, which is returned, comes last as the mark."""
    save_model(folder / "model.keras", model)
    write_history(folder / "history.csv", history)
    replaced(folder / "curves.png", lambda path: draw_curves(path, history))
    result = result | {"files": digests(folder)}
    text = json.dumps(result, indent=2) + "\n"
    replaced(folder / RESULT, lambda path: path.write_text(text, encoding="utf-8"))
    return result


def save_model(path: Path, model: keras.Model) -> None:
    """The network without its auxiliary heads, which inference leaves out."""
    model = first_output(model)
    with plain(model):
        replaced(path, model.save)


def write_deployed(folder: Path, job: Job) -> list[str]:
    """deployed.keras, for users without this package; a message if it cannot be made."""
    size, channels, s = job.data.train.size, job.data.train.channels, job.statistics
    moments = (s.mean, s.std, s.pixel_mean) if s else ()
    try:
        own = of_recipe(job.recipe, size, channels, *moments)
        replaced(folder / "deployed.keras", deployed(job.model, own).save)
    except ValueError as error:
        return [f"no deployed.keras: {error}"]
    return []


def write_passport(folder: str | Path, contents: dict[str, Any]) -> None:
    """The passport of the data: see training.data.summary."""
    text = json.dumps(contents, indent=2) + "\n"
    replaced(Path(folder) / "passport.json", lambda path: path.write_text(text, encoding="utf-8"))


def write_skipped(folder: str | Path, skipped: Sequence[tuple[str, str]]) -> None:
    """The files that --skip-broken left out, and why."""

    def write(path):
        any_bytes = "surrogateescape"  # names may contain them
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
    error.set(xlabel="epoch", ylabel="error, %", ylim=(0, None))
    for axes in (loss, error):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    loss.legend()
    figure.savefig(path, dpi=150)
