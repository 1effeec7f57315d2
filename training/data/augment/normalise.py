"""Normalisation; x (B, H, W, C) in [0, 1]."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from convbook.training.data.augment.draw import Images


def subtract_mean(x: Images, statistics: Any, per_pixel: bool = False) -> tf.Tensor:
    """x - mean of the training split: of each channel (VGG, arXiv:1409.1556, section 2.1), or of
    each channel and pixel (ResNet, arXiv:1512.03385, sections 3.4 and 4.2)."""
    return x - tf.constant(statistics.pixel_mean if per_pixel else statistics.mean, tf.float32)


def standardise(x: Images, statistics: Any) -> tf.Tensor:
    """(x - mean) / deviation of each channel, of the training split."""
    mean, std = (tf.constant(a, tf.float32) for a in (statistics.mean, statistics.std))
    return (x - mean) / std


def prepared(x: Images, order: str = "RGB", scale: float = 1 / 255, mean: Sequence[Any] = (0.0,),
             std: Sequence[float] = (1.0,)) -> tf.Tensor:  # fmt: skip
    """As the weights that a network begins with were trained: see weights.Preparation."""
    x = 255 * scale * (tf.reverse(x, [-1]) if order == "BGR" else x)
    return (x - tf.constant(mean, tf.float32)) / tf.constant(std, tf.float32)
