"""Draws: random numbers that depend on a seed alone, one for each image of a batch."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

Seed: TypeAlias = tf.Tensor | Sequence[int]  # two integers
Images: TypeAlias = tf.Tensor | np.ndarray  # or labels of images
Share = tuple[int, int]  # (i, shares): the i-th of so many equal shares of a batch


def uniform(
    seed: Seed, n: int, x: Images, share: Share = (0, 1), least: float = 0.0, most: float = 1.0
) -> tf.Tensor:
    """(n, B) even draws from least to most, a column an image of x (B, ...).

    share (i, shares): x is the i-th of so many equal shares of a batch, and gets the columns that
    it would have in the whole batch.  seed: two integers.
    """
    i, shares = share
    b = tf.shape(x)[0]
    return tf.random.stateless_uniform((n, b * shares), seed, least, most)[:, i * b : (i + 1) * b]


def normal(seed: Seed, n: int, x: Images, share: Share = (0, 1)) -> tf.Tensor:
    """(n, B) draws of mean 0 and deviation 1, as uniform."""
    i, shares = share
    b = tf.shape(x)[0]
    return tf.random.stateless_normal((n, b * shares), seed)[:, i * b : (i + 1) * b]


def beta(seed: Seed, alpha: float, x: Images, share: Share = (0, 1)) -> tf.Tensor:
    """(B,) draws of Beta(alpha, alpha), as uniform."""
    i, shares = share
    b = tf.shape(x)[0]
    # Two gamma draws share their sum as beta does; float64, as small alphas draw tiny numbers.
    both = tf.constant(alpha, tf.float64)
    g = tf.random.stateless_gamma((2, b * shares), seed, both, dtype=tf.float64)
    g = g[:, i * b : (i + 1) * b] + 1e-300
    return tf.cast(g[0] / (g[0] + g[1]), tf.float32)


def choose(u: tf.Tensor, n: int | tf.Tensor) -> tf.Tensor:
    """Even draws u in [0, 1) as whole numbers 0 .. n - 1."""
    return tf.minimum(tf.cast(u * tf.cast(n, u.dtype), tf.int32), n - 1)
