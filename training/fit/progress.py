"""What a run shows and measures while it goes on."""

import time
from typing import Any

import keras
from keras.callbacks import SwapEMAWeights, TensorBoard

from convbook.training.fit.job import Job
from convbook.training.fit.resume import Keeper


def callbacks(job: Job, keeper: Keeper) -> list[keras.callbacks.Callback]:
    """In their order: what measures, what decides, what keeps, what only shows."""
    options = job.options
    found = [Pace(job.recipe["batch_size"]), *keeper.others, keeper]
    if job.recipe["ema"]:
        found.append(SwapEMAWeights())
    if options.log_every:
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
        logs["images_per_second"] = self.batch * self.done / self.seconds


class Lines(keras.callbacks.Callback):
    """A line every so many steps, for a log file."""

    def __init__(self, keeper: Keeper, every: int, steps: int):
        super().__init__()
        self.keeper, self.every, self.steps = keeper, every, steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (step := self.keeper.info["step"]) % self.every == 0:
            metrics = "  ".join(f"{k} {float(v):.4f}" for k, v in logs.items())
            rate = float(self.model.optimizer.learning_rate)
            print(f"step {step}/{self.steps}  {metrics}  learning_rate {rate:.6g}", flush=True)
