"""Devices: which of them train, and what several of them need."""

import tensorflow as tf
from keras.layers import BatchNormalization


def choose():
    """MirroredStrategy over all GPUs if there are several, else the one device there is."""
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def batch_norms(model):
    """The batch norms of model, those inside other layers too."""
    # No public call sees into a layer that holds layers, such as a stochastic depth gate.
    return [layer for layer in model._flatten_layers() if isinstance(layer, BatchNormalization)]


def synchronize(model, on=True):
    """Batch norm over the batch of all replicas, as on one device; before compile.

    Off again before saving: Keras loads synchronized batch norm on TensorFlow only.
    """
    for layer in batch_norms(model):
        layer.synchronized = on
