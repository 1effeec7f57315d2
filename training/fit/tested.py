"""The test of a run: accuracy, and the same with every class counted equally."""

from typing import Any

import keras
from keras import ops

from convbook.training.data.check import named
from convbook.training.fit.inputs import held_out
from convbook.training.fit.job import Job


class BalancedAccuracy(keras.metrics.Metric):
    """The mean recall over the classes that have images."""

    def __init__(self, classes: int):
        super().__init__(name="balanced_accuracy")
        self.right = self.add_variable((classes,), "zeros", name="right")
        self.all = self.add_variable((classes,), "zeros", name="all")

    def update_state(self, y: Any, p: Any, sample_weight: Any = None) -> None:
        """y: one-hot labels (B, classes); p: logits or probabilities (B, classes)."""
        right = ops.equal(ops.argmax(y, -1), ops.argmax(p, -1))
        self.right.assign_add(ops.sum(y * ops.cast(right, y.dtype)[:, None], 0))
        self.all.assign_add(ops.sum(y, 0))

    def result(self) -> Any:
        there = ops.cast(self.all > 0, self.all.dtype)
        return ops.sum(self.right / ops.maximum(self.all, 1)) / ops.maximum(ops.sum(there), 1)


def tested(job: Job, model: keras.Model) -> dict[str, float]:
    """{accuracy, balanced_accuracy} of a compiled model on the test part; it is compiled again."""
    data, steps = held_out(job, job.data.test)
    with job.devices.scope():
        figures = ["accuracy", BalancedAccuracy(job.data.classes)]
        heads = len(model.outputs)
        metrics = figures if heads == 1 else [figures] + [[]] * (heads - 1)
        model.compile(loss=model.loss, metrics=metrics, jit_compile=job.options.jit)
    with named(job.data.test):
        scores = model.evaluate(data, steps=steps, verbose=0, return_dict=True)
    return {k: scores.get(k, scores.get(f"logits_{k}")) for k in ("accuracy", "balanced_accuracy")}
