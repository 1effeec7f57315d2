"""Exact resume: a callback that saves and restores the whole state of a run."""

import contextlib
import math
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras.callbacks import EarlyStopping

from convbook.training.devices import strategy
from convbook.training.fit import checkpoints, fingerprint, report
from convbook.training.fit.compiled import compiled, frozen_at
from convbook.training.fit.job import Job
from convbook.training.recipes import schedules


class Stopped(RuntimeError):
    """The run stops early; code is the exit code."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code


class Keeper(keras.callbacks.Callback):
    """Saves and restores the whole state of a run.

    Restores when a fit begins; saves at the end of an epoch, every save_every steps and when a
    signal asks to stop; stops if the loss is not finite.  It comes after the callbacks with
    counters, so that it saves what they decided.
    """

    COUNTERS = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")

    def __init__(self, job: Job, folder: Path):
        super().__init__()
        self.job, self.folder, options = job, folder, job.options
        self.chief = strategy.is_chief(job.devices)
        self.info: dict[str, Any] = dict(step=0, history=[], partial=None, best=None)
        self.info |= dict(counters=[], ended=False)
        self.arrays: dict[str, Any] = {}
        self.best: dict[str, Any] = {}  # weights of the best epoch, if those are kept
        self.signal: int | None = None
        self.last_saved: Path | None = None
        self.frozen: str | None = "not known"
        self.plateau = schedules.build(job.recipe, job.epoch)[1]
        self.others = list(self.plateau)  # with counters that decide
        if options.patience:
            self.others.append(EarlyStopping(options.monitor, patience=options.patience))

    def fit_to(self, frozen: str | None) -> None:
        """Makes the compiled twin in which layers up to the stage `frozen` are not trained."""
        if frozen != self.frozen:
            with self.job.devices.scope():
                self.set_model(compiled(self.job, frozen))
            self.frozen = frozen

    def averaged_model(self) -> keras.Model:
        """The twin at the end, with the moving average of the weights, if the recipe has one."""
        if self.arrays:
            self.restore()
        with self.job.devices.scope():
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        return self.model

    def variables(self) -> dict[str, keras.Variable]:
        """By number and path, without the numbers that Keras gives to unnamed layers."""
        each = [*self.model.variables, *self.model.optimizer.variables]
        return {f"{i:05}/{re.sub(r'_[0-9]+/', '/', v.path)}": v for i, v in enumerate(each)}

    def of_best(self) -> dict[str, keras.Variable]:
        """The network's weights, by their names in the state of the best epoch."""
        if self.job.recipe["kept"] == "last" or not self.info["best"]:
            return {}
        return {f"best/{i:05}": v for i, v in enumerate(self.job.model.weights)}

    def take_best(self) -> None:
        """Gives the network the weights of the best epoch."""
        with self.job.devices.scope():
            for name, v in self.of_best().items():
                v.assign(self.best[name])

    def capture(self) -> None:
        """Stores the present state in self.arrays and self.info."""
        self.arrays = {k: keras.ops.convert_to_numpy(v) for k, v in self.variables().items()}
        counters = [{k: getattr(c, k) for k in self.COUNTERS if hasattr(c, k)} for c in self.others]
        self.info |= dict(counters=counters, fingerprint=self.job.fingerprint)

    def restore(self) -> None:
        with self.job.devices.scope():
            for name, v in self.variables().items():
                v.assign(self.arrays[name])
        for callback, counters in zip(self.others, self.info["counters"], strict=False):
            vars(callback).update(counters)

    def save(self) -> None:
        self.capture()
        if self.chief:
            at, step, keep = self.folder / "checkpoints", self.info["step"], self.job.options.keep
            self.last_saved = checkpoints.save(at, step, self.arrays | self.best, self.info, keep)

    def on_train_begin(self, logs: Any = None) -> None:
        self.fresh = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.batch, self.before = -1, self.info["partial"]
        if self.fresh and self.arrays:  # not before: on_train_begin sets counters back
            self.restore()
        self.fresh = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        before, step = self.info["step"], self.info["step"] + batch - self.batch
        if not math.isfinite(logs["loss"]):
            last = self.last_saved or "none yet"
            raise Stopped(
                f"the loss is {logs['loss']} at step {step}: stopped; the last good checkpoint is "
                f"{last}; a lower --lr may help, with another --out"
            )
        self.info["step"], self.batch = step, batch
        every = self.job.options.save_every
        if self.ends_epoch() or self.signal or (every and step // every > before // every):
            self.info["partial"] = self.averaged(logs)
            self.save()
        self.stop_if_asked()

    def ends_epoch(self) -> bool:
        """Whether the steps of an epoch are done and only its validation is left."""
        return self.info["step"] % self.job.epoch == 0 or self.info["step"] == self.job.steps

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.stop_if_asked()  # the steps are saved: resume with the validation

    def stop_if_asked(self) -> None:
        if self.signal:
            name, step = signal.Signals(self.signal).name, self.info["step"]
            done = "saved" if self.chief else "stopped; the chief has the checkpoints"
            message = f"{name} at step {step}: {done}; the same command resumes the run"
            raise Stopped(message, 128 + self.signal)

    def averaged(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Means of the epoch so far, from before this fit and since."""
        old, here = self.before, self.batch + 1
        if not old:
            return dict(steps=here, logs={k: float(v) for k, v in logs.items()})
        steps = old["steps"] + here
        sums = {k: old["steps"] * v + here * float(logs[k]) for k, v in old["logs"].items()}
        return dict(steps=steps, logs={k: v / steps for k, v in sums.items()})

    def on_test_end(self, logs: Any = None) -> None:
        """Of the moving average of the weights, where the recipe has one."""
        accuracy = logs.get("accuracy", logs.get("logits_accuracy"))
        best, value = self.info["best"], [float(accuracy), -float(logs["loss"])]
        if best is None or value > best["value"]:
            epoch = len(self.info["history"]) + 1
            self.info["best"] = dict(epoch=epoch, val_accuracy=value[0], value=value)
            self.best = {k: keras.ops.convert_to_numpy(v) for k, v in self.of_best().items()}
            if self.chief:
                report.save_model(self.folder / "best.keras", self.job.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {k: float(v) for k, v in logs.items()}
        if self.before:
            row |= self.averaged(logs)["logs"]
        self.info["history"].append(row)
        self.info |= dict(partial=None, ended=bool(self.model.stop_training))
        self.save()
        if self.chief:
            report.write_history(self.folder / "history.csv", self.info["history"])
        self.stop_if_asked()


def resumed(job: Job, folder: Path) -> Keeper:
    """A Keeper with the state of the folder's last checkpoint, or for a new run.

    Raises ValueError for a checkpoint of another run: other options, recipe or data.
    """
    keeper = Keeper(job, folder)

    def take_info(info):
        """Takes over what a checkpoint says of its run; returns the shapes that it must hold."""
        if "fingerprint" not in info:
            begin = f"to start from its weights, give --init-from {folder}/best.keras"
            old = f"{folder} has a run of an older version"
            raise checkpoints.Refused(f"{old}; give another --out; {begin}")
        same_run(job.fingerprint, info["fingerprint"], folder)
        keeper.fit_to(frozen_at(job, max(info["step"] - 1, 0) // job.epoch))
        keeper.info = info
        variables = keeper.variables() | keeper.of_best()
        return {name: tuple(v.shape) for name, v in variables.items()}

    keeper.fit_to(frozen_at(job, 0))
    checkpoint, words = checkpoints.latest(folder / "checkpoints", take_info)
    for line in words:
        print(line, flush=True)
    if checkpoint:
        arrays, keeper.info = checkpoint
        keeper.best = {name: arrays.pop(name) for name in keeper.of_best()}
        keeper.arrays = arrays
        keeper.last_saved = checkpoints.written(folder / "checkpoints")[-1]
        print(f"{folder}: resumes at step {keeper.info['step']} of {job.steps}", flush=True)
    return keeper


def same_run(here: dict[str, Any], there: dict[str, Any], folder: str | Path) -> None:
    """Raises Refused if the folder holds another run; reports if only its code differs."""
    try:
        fingerprint.refuse_other_settings(
            here, there, f"the run in {folder}", "give the same, or another --out"
        )
    except ValueError as error:
        raise checkpoints.Refused(str(error)) from None
    if here["code"] != there["code"]:
        both = " to ".join(
            " ".join(f"{k} {v}" for k, v in c["code"].items()) for c in (there, here)
        )
        print(f"{folder}: the code has changed since the run started, from {both}", flush=True)


def thaw(job: Job, keeper: Keeper) -> None:
    """Trains all layers from now on, with a new optimizer that keeps only its step."""
    keeper.restore()
    rate = keeper.model.optimizer.learning_rate
    keeper.fit_to(None)
    optimizer = keeper.model.optimizer
    with job.devices.scope():
        optimizer.iterations.assign(keeper.info["step"])
        if keeper.plateau:
            optimizer.learning_rate = float(rate)
    keeper.capture()


@contextlib.contextmanager
def signals(keeper: Keeper) -> Iterator[None]:
    """Ctrl-C and SIGTERM only leave a note for the keeper, however often they come."""

    def leave_word(number, frame):
        keeper.signal = keeper.signal or number

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, leave_word) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
