"""Colours: x (B, H, W, C) in [0, 1], before the normalisation, each image by its own draws."""

from typing import Any

import numpy as np
import tensorflow as tf

from convbook.training.data.augment.draw import Images, Seed, Share, normal, uniform

GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601, as torch and PIL have it


def grey(x: Images) -> tf.Tensor:
    """x (..., C) -> (..., 1): the luma of red, green, blue; anything else as it is."""
    return tf.reduce_sum(x * tf.constant(GREY), -1, keepdims=True) if x.shape[-1] == 3 else x


def pca_noise(
    x: Images, seed: Seed, share: Share = (0, 1), statistics: Any = None, scale: float = 0.1
) -> tf.Tensor:
    """x plus a multiple of each principal component of the colours: AlexNet, section 4.1.

    The multiple is the eigenvalue times a draw of mean 0 and deviation scale, once an image.
    statistics: of the training split, with the covariance of channels in [0, 1]; of values to
    255, as the paper may be read, the noise would exceed them.
    """
    values, vectors = np.linalg.eigh(statistics.covariance)
    alpha = normal(seed, len(values), x, share) * scale * tf.constant(values[:, None], tf.float32)
    return x + tf.einsum("ck,kb->bc", tf.constant(vectors, tf.float32), alpha)[:, None, None]


def colour_jitter(x: Images, seed: Seed, share: Share = (0, 1), brightness: float = 0.4,
                  contrast: float = 0.4, saturation: float = 0.4) -> tf.Tensor:  # fmt: skip
    """x blended with black, with its mean grey and with its own grey, in an order of its own.

    Each blend keeps 1 - v to 1 + v of the image, v being brightness, contrast, saturation: the
    photometric distortions of Inception, arXiv:1409.4842, section 6, as fb.resnet.torch draws
    them (author_code; its v is 0.4).  Clipped to [0, 1].
    """
    u = uniform(seed, 6, x, share)
    strength = tf.constant([[brightness], [contrast], [saturation]], tf.float32)
    keep = 1 + (2 * u[:3] - 1) * strength
    order = tf.argsort(u[3:], axis=0)  # (3, B): which blend comes first, second, third
    for turn in range(3):
        which = tf.one_hot(order[turn], 3, axis=0)
        _, mean, own = (w[:, None, None, None] for w in tf.unstack(which))
        share_kept = tf.reduce_sum(which * keep, 0)[:, None, None, None]
        g = grey(x)
        aim = mean * tf.reduce_mean(g, [1, 2], keepdims=True) + own * g
        x = tf.clip_by_value(aim + (x - aim) * share_kept, 0.0, 1.0)
    return x
