"""Gradient accumulation that works on one and on several devices.

Keras' own (gradient_accumulation_steps of an optimizer) fails with several replicas, and counts a
step, a schedule's too, for every part.  Here a step stays an update with the whole batch.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class Accumulated(keras.Model):
    """A functional model whose train step takes its batch in parts, one after the other.

    It needs the memory of one part and makes the update of the whole batch, save that batch norm
    sees the parts.  Set parts (1 at first) before fit, to what divides each device's batch.
    """

    parts = 1

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        sums: list[Any] = []
        results: dict[str, Any] = {}
        for part in zip(*(self.cut(values) for values in (x, y, weight)), strict=True):
            # In order: else TensorFlow would run all parts at once, and need the memory of all
            with tf.control_dependencies([g for g in sums if g is not None]):
                gradients, results = self.part_step(*part)
            sums = added(sums, gradients) if sums else gradients
        self.optimizer.apply_gradients(zip(sums, self.trainable_weights, strict=True))
        return results

    def cut(self, values: Any) -> list[Any]:
        """parts structures of equal rows."""
        if values is None:
            return [None] * self.parts
        split = [tf.split(tensor, self.parts) for tensor in tf.nest.flatten(values)]
        return [tf.nest.pack_sequence_as(values, each) for each in zip(*split, strict=True)]

    def part_step(self, x: Any, y: Any, weight: Any) -> tuple[list[Any], dict[str, Any]]:
        """Gradients and metrics of one part, the gradients over parts."""
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x, y, predicted, weight, training=True)
            scaled = self.optimizer.scale_loss(loss / self.parts)
        images = tf.shape(tf.nest.flatten(x)[0])[0]
        # compute_loss divides by the replicas, so that their gradients add up
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss * replicas, sample_weight=images)
        results = self.compute_metrics(x, y, predicted, weight)
        return tape.gradient(scaled, self.trainable_weights), results


def added(these: Sequence[Any], those: Sequence[Any]) -> list[Any]:
    """Sums of gradients; None for a weight that the loss does not depend on."""
    return [None if a is None else a + b for a, b in zip(these, those, strict=True)]
