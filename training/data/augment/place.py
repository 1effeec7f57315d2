"""Geometry: images x (B, H, W, C) rotated, shifted and mirrored, each by its own draws."""

import math
from collections.abc import Sequence

import tensorflow as tf

from convbook.training.data.augment.draw import Images, Seed, Share, choose, uniform


def project(x: Images, rows: Sequence[tf.Tensor], interpolation: str) -> tf.Tensor:
    """x with its pixel (column, row) read where rows a, c, across, d, e, down (B,) say; else 0."""
    zero = tf.zeros_like(rows[0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack([*rows, zero, zero], axis=1),
        output_shape=tf.shape(x)[1:3],
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="CONSTANT",
    )


def affine(x: Images, seed: Seed, share: Share = (0, 1), rotation: float = 0.0,
           shear: float = 0.0, zoom: float = 0.0, shift: float = 0.0) -> tf.Tensor:  # fmt: skip
    """x rotated, sheared, zoomed and shifted.

    All are drawn evenly, and both ways: rotation in degrees; shear as the slope of what was
    upright; zoom of each axis as the logarithm of the factor; shift of each axis as a share of
    the side.  Bilinear; pixels from outside the image are 0.  seed: two integers.
    """
    h, w = x.shape[1], x.shape[2]
    u = uniform(seed, 6, x, share, -1.0, 1.0)
    angle, slope = u[0] * math.radians(rotation), u[1] * shear
    wide, tall = tf.exp(u[2] * zoom), tf.exp(u[3] * zoom)
    sin, cos = tf.sin(angle), tf.cos(angle)
    # A pixel of the result at (column, row) from the centre is read at matrix @ (column, row).
    a, c = cos * wide, (cos * slope - sin) * tall
    d, e = sin * wide, (sin * slope + cos) * tall
    i, j = (w - 1) / 2, (h - 1) / 2
    across = i - a * i - c * j + u[4] * shift * w
    down = j - d * i - e * j + u[5] * shift * h
    return project(x, [a, c, across, d, e, down], "BILINEAR")


def pad_crop(x: Images, seed: Seed, share: Share = (0, 1), p: int = 4) -> tf.Tensor:
    """p zeros on every side, then a window of the old size anywhere: ResNet on CIFAR,
    arXiv:1512.03385, section 4.2, p=4.  After the normalisation, 0 is the mean."""
    u = uniform(seed, 2, x, share)
    across, down = tf.unstack(tf.cast(choose(u, 2 * p + 1) - p, tf.float32))
    one, zero = tf.ones_like(across), tf.zeros_like(across)
    return project(x, [one, zero, across, zero, one, down], "NEAREST")


def flip(x: Images, seed: Seed, share: Share = (0, 1), chance: float = 0.5) -> tf.Tensor:
    """x with left and right exchanged, with the chance."""
    u = uniform(seed, 1, x, share)[0]
    return tf.where(u[:, None, None, None] < chance, tf.reverse(x, [2]), x)
