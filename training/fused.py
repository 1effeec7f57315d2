"""Batch norm by TensorFlow's own kernel, for models that are trained without XLA."""

from contextlib import contextmanager

import keras
import tensorflow as tf
from keras.layers import BatchNormalization

from training.strategy import batch_norms


@keras.saving.register_keras_serializable("training")
class FusedBatchNormalization(BatchNormalization):
    """keras.layers.BatchNormalization in one kernel: same arguments, weights and results.

    x (N, H, W, C) -> the same shape.  Keras 3 takes means, differences and products one by one,
    each a pass over the map; so it stays where the kernel does not go: other ranks and axes,
    float64, masks, renorm, statistics of several devices, and gradients of a layer that is frozen.
    """

    def call(self, inputs, training=None, mask=None):
        learns = bool(training and self.trainable)
        if mask is not None or not self.fits(inputs, learns, training):
            return super().call(inputs, training=training, mask=mask)
        x = tf.cast(inputs, "float32")  # as Keras does where x has fewer bits
        gamma = tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(x.shape[-1])
        beta = tf.convert_to_tensor(self.beta) if self.center else tf.zeros(x.shape[-1])
        before = [tf.convert_to_tensor(v) for v in (self.moving_mean, self.moving_variance)]
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=gamma,
            offset=beta,
            mean=[] if learns else before[0],
            variance=[] if learns else before[1],
            epsilon=self.epsilon,
            is_training=learns,
        )
        if learns:
            n = tf.cast(tf.size(x) // x.shape[-1], "float32")
            variance *= tf.maximum(n - 1, 1) / n  # the kernel's has n - 1 below, Keras' has n
            moving = self.moving_mean, self.moving_variance
            for old, value, new in zip(before, moving, (mean, variance), strict=True):
                value.assign(old * self.momentum + new * (1 - self.momentum))
        return tf.cast(y, self.compute_dtype)

    def fits(self, x, learns, training):
        """Whether the kernel computes what Keras' layer does."""
        shape = len(x.shape) == 4 and x.shape[-1] and self.axis in (-1, 3)
        frozen = training and not learns  # the kernel's gradient is not deterministic on a GPU
        apart = learns and self.synchronized
        wide = keras.backend.result_type(x.dtype, "float32") == "float64"
        return shape and not (frozen or apart or wide or getattr(self, "renorm", False))


def fuse(model, on=True):
    """The batch norms of model, those inside other layers too, by the fused kernel; before compile.

    The model, its layers and their weights stay.  on=False makes them Keras' again: before saving,
    so that the file needs none of this package.
    """
    # Both classes have the same state, so a layer can change from one to the other.
    for layer in batch_norms(model):
        if type(layer) in (BatchNormalization, FusedBatchNormalization):
            layer.__class__ = FusedBatchNormalization if on else BatchNormalization


@contextmanager
def plain(model):
    """While a model is saved: its batch norms are Keras' own and those of one device."""
    norms = batch_norms(model)
    before = [(type(layer), layer.synchronized) for layer in norms]
    fuse(model, False)
    for layer in norms:
        layer.synchronized = False
    try:
        yield
    finally:
        for layer, (kind, together) in zip(norms, before, strict=True):
            layer.__class__, layer.synchronized = kind, together
