"""Augmentation, a batch at a time: pure functions of images and a seed, so that runs repeat."""

import math

import tensorflow as tf


def affine(x, seed, rotation=0.0, shear=0.0, zoom=0.0, shift=0.0):
    """x (B, H, W, C) turned, slanted, stretched and moved, each image by its own draws.

    All are drawn evenly, and both ways: rotation in degrees; shear as the slope of what was
    upright; zoom of each axis as the logarithm of the factor; shift of each axis as a share of
    the side.  Bilinear; what comes from outside the image is 0.  seed: two integers.
    """
    b, h, w = tf.shape(x)[0], x.shape[1], x.shape[2]
    u = tf.random.stateless_uniform((6, b), seed, -1.0, 1.0)
    angle, slope = u[0] * math.radians(rotation), u[1] * shear
    wide, tall = tf.exp(u[2] * zoom), tf.exp(u[3] * zoom)
    sin, cos = tf.sin(angle), tf.cos(angle)
    # A pixel of the result at (column, row) from the centre is read at matrix @ (column, row).
    a, c = cos * wide, (cos * slope - sin) * tall
    d, e = sin * wide, (sin * slope + cos) * tall
    i, j = (w - 1) / 2, (h - 1) / 2
    across = i - a * i - c * j + u[4] * shift * w
    down = j - d * i - e * j + u[5] * shift * h
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack([a, c, across, d, e, down, zero, zero], axis=1),
        output_shape=(h, w),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
