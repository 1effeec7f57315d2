"""Normalisation by the statistics of the training split; x (B, H, W, C) in [0, 1]."""

from typing import Any

import tensorflow as tf

from convbook.training.data.augment.draw import Images


def subtract_mean(x: Images, statistics: Any, per_pixel: bool = False) -> tf.Tensor:
    """x - mean of each channel (VGG, arXiv:1409.1556, section 2.1), or of each channel and pixel
    (ResNet, arXiv:1512.03385, sections 3.4 and 4.2)."""
    return x - tf.constant(statistics.pixel_mean if per_pixel else statistics.mean, tf.float32)


def standardise(x: Images, statistics: Any) -> tf.Tensor:
    """(x - mean) / deviation of each channel."""
    mean, std = (tf.constant(a, tf.float32) for a in (statistics.mean, statistics.std))
    return (x - mean) / std
