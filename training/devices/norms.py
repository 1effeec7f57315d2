"""Batch norm in training: over the batch of all devices, and by TensorFlow's own kernel."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras.layers import BatchNormalization, Conv2D

from convbook.architectures.graph.private import change_class, layers_within
from convbook.blocks.legacy import known_as
from convbook.training.devices.strided import PickedConv2D, picks


@keras.saving.register_keras_serializable("convbook")
class FusedBatchNormalization(BatchNormalization):
    """keras.layers.BatchNormalization in one kernel: same arguments, weights and results.

    x (N, H, W, C) -> the same shape.  Keras 3 takes means, differences and products one by one,
    each a pass over the map; so it stays where the kernel does not go: other ranks and axes,
    float64, masks, renorm, and gradients of a layer that is frozen.  Synchronized, on several
    devices, there is no kernel either, but one message each way in place of Keras' three and two.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        learns = bool(training and self.trainable)
        replica = tf.distribute.get_replica_context()
        several = replica is None or replica.num_replicas_in_sync > 1
        among = self.synchronized and learns and several
        outside = among and replica is None  # of all replicas, where Keras only learns shapes
        if outside or mask is not None or not self.fits(inputs, learns, training):
            return super().call(inputs, training=training, mask=mask)
        x = tf.cast(inputs, "float32")  # as Keras does where x has fewer bits
        y, *moments = self.together(x, replica) if among else self.alone(x, learns)
        if learns:
            for value, new in zip(self.moving, moments, strict=True):
                old = tf.convert_to_tensor(value)
                value.assign(old * self.momentum + new * (1 - self.momentum))
        return tf.cast(y, self.compute_dtype)

    @property
    def moving(self) -> tuple[Any, Any]:
        return self.moving_mean, self.moving_variance

    def alone(self, x: tf.Tensor, learns: bool) -> tuple[tf.Tensor, ...]:
        """(y, mean, variance) by the kernel: of the batch if the layer learns, else (y,)."""
        gamma = tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(x.shape[-1])
        beta = tf.convert_to_tensor(self.beta) if self.center else tf.zeros(x.shape[-1])
        mean, variance = ([], []) if learns else map(tf.convert_to_tensor, self.moving)
        letters = dict(epsilon=self.epsilon, is_training=learns)
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=mean, variance=variance, **letters
        )
        if not learns:
            return (y,)
        n = tf.cast(tf.size(x) // x.shape[-1], "float32")
        variance *= tf.maximum(n - 1, 1) / n  # the kernel's has n - 1 below, Keras' has n
        return y, mean, variance

    def together(self, x: tf.Tensor, replica: Any) -> tuple[tf.Tensor, ...]:
        """(y, mean, variance) of the batch of all replicas; all send theirs at once.

        Each sends its count, mean and squared deviations, which are put together as by Chan et al.
        (1979): sums of squares would cancel where the mean is large.  A mean of 100 is rounded to
        8e-6; what it is off is sent as well.
        """
        f, n = x.shape[-1], tf.cast(tf.size(x) // x.shape[-1], "float32")
        mean = tf.reduce_sum(x, (0, 1, 2)) / tf.maximum(n, 1)
        off = tf.reduce_sum(x - mean, (0, 1, 2)) / tf.maximum(n, 1)
        squares = tf.reduce_sum(tf.square(x - mean), (0, 1, 2))
        place = tf.one_hot(replica.replica_id_in_sync_group, replica.num_replicas_in_sync)
        own = place[:, None] * tf.concat([mean, off, squares, n[None]], 0)
        means, off, squares, n = tf.split(replica.all_reduce("SUM", own), [f, f, f, 1], 1)
        share = n / tf.reduce_sum(n)
        middle = tf.reduce_sum(share * means, 0)
        apart = means - middle + off  # of each replica's mean from the middle
        mean = middle + tf.reduce_sum(share * apart, 0)
        within = tf.reduce_sum(squares, 0) / tf.reduce_sum(n) - tf.reduce_sum(share * off**2, 0)
        between = tf.reduce_sum(share * tf.square(apart - tf.reduce_sum(share * apart, 0)), 0)
        variance = within + between
        gamma, beta = self.gamma if self.scale else None, self.beta if self.center else None
        y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, self.epsilon)
        return y, mean, variance

    def fits(self, x: Any, learns: bool, training: bool | None) -> bool:
        """Whether what is here computes what Keras' layer does."""
        shape = len(x.shape) == 4 and x.shape[-1] and self.axis in (-1, 3)
        frozen = training and not learns  # the kernel's gradient is not deterministic on a GPU
        wide = keras.backend.result_type(x.dtype, "float32") == "float64"
        return shape and not (frozen or wide or getattr(self, "renorm", False))


known_as("training", FusedBatchNormalization)


def batch_norms(model: keras.Model) -> list[BatchNormalization]:
    """The batch norms of model, including nested ones."""
    return [layer for layer in layers_within(model) if isinstance(layer, BatchNormalization)]


def synchronize(model: keras.Model, on: bool = True) -> None:
    """Batch norm over the batch of all replicas, as on one device; before compile.

    Off again before saving: Keras loads synchronized batch norm on TensorFlow only.
    """
    for layer in batch_norms(model):
        layer.synchronized = on


def fuse(model: keras.Model, on: bool = True) -> None:
    """The batch norms of model, including nested ones, by the fused kernel; before compile.

    Strided 1x1 convolutions of few channels pick their pixels first.  The model, its layers and
    their weights stay.  on=False makes them Keras' again: before saving, so that the file needs
    none of this package.
    """
    # Both classes have the same state, so a layer can change from one to the other.
    for layer in layers_within(model):
        if type(layer) in (BatchNormalization, FusedBatchNormalization):
            change_class(layer, FusedBatchNormalization if on else BatchNormalization)
        elif picks(layer):
            change_class(layer, PickedConv2D if on else Conv2D)


@contextmanager
def plain(model: keras.Model) -> Iterator[None]:
    """While a model is saved: its layers are Keras' own, its batch norms those of one device."""
    kinds = [(layer, type(layer)) for layer in layers_within(model)]
    together = [(layer, layer.synchronized) for layer in batch_norms(model)]
    fuse(model, False)
    synchronize(model, False)
    try:
        yield
    finally:
        for layer, kind in kinds:
            if type(layer) is not kind:
                change_class(layer, kind)
        for layer, on in together:
            layer.synchronized = on
