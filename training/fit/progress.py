"""What a run prints before it starts, while it runs, and at its end."""

import os
import shlex
import shutil
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import keras
from keras.callbacks import SwapEMAWeights, TensorBoard

from convbook.training.fit.job import Job
from convbook.training.fit.resume import Keeper

HALF_A_MINUTE = 30.0  # seconds between two lines if there is no bar


def plan(job: Job) -> str:
    """What a run will do, as one line."""
    options, parts = job.options, (job.data.train, job.data.val, job.data.test)
    counts = "{:,} images to train, {:,} to validate, {:,} to test".format(*map(len, parts))
    count = -(-job.steps // job.epoch)
    epochs = f"{count} epoch{'s' * (count != 1)} of {job.epoch} steps"
    return f"{options.model} on {options.data}: {counts}; {epochs}; into {options.out}"


def next_commands(options: Namespace) -> list[str]:
    """What to type when a run has ended."""
    run, data = shlex.quote(str(options.out)), shlex.quote(options.data)
    convbook = called()
    return [
        "next:",
        f"  {convbook} evaluate {run}/model.keras --data {data}",
        f"  {convbook} predict {run}/model.keras IMAGE",
        f"  {convbook} compare {run} ANOTHER_RUN",
    ]


def called() -> str:
    """How to call convbook here: by its name if the shell finds it, else by its path or module."""
    if shutil.which("convbook"):
        return "convbook"
    path = Path(sys.executable).with_name("convbook")
    if path.exists():
        return shlex.quote(os.path.relpath(path))
    return f"{shlex.quote(sys.executable)} -m convbook"


def has_bar(options: Namespace) -> bool:
    return sys.stdout.isatty() and not options.log_every


def callbacks(job: Job, keeper: Keeper) -> list[keras.callbacks.Callback]:
    """In order: those that measure, decide, save, and only print."""
    options = job.options
    found = [Pace(job.recipe["batch_size"]), *keeper.others, keeper]
    if job.recipe["ema"]:
        found.append(SwapEMAWeights())
    if keeper.chief:
        found.append(Estimate(keeper, job.steps))
    if options.log_every or (keeper.chief and not has_bar(options)):
        found.append(Lines(keeper, options.log_every, job.steps))
    if keeper.chief and options.tensorboard:
        found.append(TensorBoard(keeper.folder / "tensorboard", write_graph=False))
    return found


class Pace(keras.callbacks.Callback):
    """Adds each epoch's learning rate and training images per second, validation apart."""

    def __init__(self, batch: int):
        super().__init__()
        self.batch = batch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start, self.done = time.perf_counter(), 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.done = batch + 1

    def on_test_begin(self, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self.start

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for key in ("accuracy", "val_accuracy"):  # of the network, where there are other heads
            logs.setdefault(key, logs.get(key.replace("accuracy", "logits_accuracy")))
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.done:  # none if a run resumes with the validation of an epoch
            logs["images_per_second"] = self.batch * self.done / self.seconds


class Estimate(keras.callbacks.Callback):
    """Prints once how much longer the run will take, estimated from a few steps."""

    AFTER = 10.0  # seconds

    def __init__(self, keeper: Keeper, steps: int):
        super().__init__()
        self.keeper, self.steps = keeper, steps
        self.begun: tuple[float, int] | None = None  # after the first step, which is compiled
        self.said = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.begun is None:
            self.begun = time.perf_counter(), self.keeper.info["step"]
        elif time.perf_counter() - self.begun[0] > self.AFTER:
            self.say("\n" if has_bar(self.keeper.job.options) else "")  # the bar stays on its line

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.say()

    def say(self, before: str = "") -> None:
        step = self.keeper.info["step"]
        if self.said or self.begun is None or step in (self.begun[1], self.steps):
            return
        a_step = (time.perf_counter() - self.begun[0]) / (step - self.begun[1])
        left = self.steps - step
        print(f"{before}about {duration(left * a_step)} for the {left} steps left", flush=True)
        self.said = True


def duration(seconds: float) -> str:
    """In a suitable unit: 40 seconds, 3 minutes, 2.5 hours."""
    for unit, size in {"hours": 3600, "minutes": 60}.items():
        if seconds >= 1.5 * size:
            digits = 1 if unit == "hours" else 0
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} seconds"


class Lines(keras.callbacks.Callback):
    """A line every n steps, for a log file; every half minute by default."""

    def __init__(self, keeper: Keeper, every: int | None, steps: int):
        super().__init__()
        self.keeper, self.every, self.steps = keeper, every, steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.said = time.perf_counter()  # the end of an epoch has a line of its own

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step, now = self.keeper.info["step"], time.perf_counter()
        if step % self.every == 0 if self.every else now - self.said >= HALF_A_MINUTE:
            metrics = "  ".join(f"{k} {float(v):.4f}" for k, v in logs.items())
            rate = float(self.model.optimizer.learning_rate)
            print(f"step {step}/{self.steps}  {metrics}  learning_rate {rate:.6g}", flush=True)
            self.said = now
