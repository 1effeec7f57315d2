"""RandAugment, arXiv:1909.13719: n operations for each image, drawn from a list, at one strength.

Keras' RandAugment draws from a state of its own, the same operations for a whole batch, computes
all of them, and rotates by up to half a circle: unlike the paper, and without exact resume.
Ranges are AutoAugment's (recalled): shear 0.3, shift 150/331 of a side, turn 30 degrees,
posterize down to 4 bits, blends 0.1 to 1.9.
"""

import math
from typing import TypeAlias

import tensorflow as tf

from convbook.training.data.augment.colour import grey
from convbook.training.data.augment.draw import Images, Seed, Share, choose, uniform
from convbook.training.data.augment.place import project

Number: TypeAlias = float | tf.Tensor


def move(x: Images, a: Number = 1.0, c: Number = 0.0, across: Number = 0.0, d: Number = 0.0,
         e: Number = 1.0, down: Number = 0.0) -> tf.Tensor:  # fmt: skip
    """An image (H, W, C) read where the matrix says, about its centre."""
    i, j = (x.shape[1] - 1) / 2, (x.shape[0] - 1) / 2
    rows = [a, c, i - a * i - c * j + across, d, e, j - d * i - e * j + down]
    return project(x[None], [tf.cast(r, tf.float32)[None] for r in rows], "BILINEAR")[0]


def rotate(x: Images, m: tf.Tensor) -> tf.Tensor:
    angle = m * math.radians(30)
    return move(x, tf.cos(angle), -tf.sin(angle), 0.0, tf.sin(angle), tf.cos(angle))


def blend(aim: Number, x: Images, m: tf.Tensor) -> tf.Tensor:
    """1 + 0.9 m of x, the rest of aim."""
    return tf.clip_by_value(aim + (x - aim) * (1 + 0.9 * m), 0.0, 1.0)


def sharpness(x: Images, m: tf.Tensor) -> tf.Tensor:
    """Blended with itself smoothed by 1 1 1, 1 5 1, 1 1 1, as PIL does; the border stays."""
    kernel = tf.constant([[1, 1, 1], [1, 5, 1], [1, 1, 1]], tf.float32) / 13
    kernel = tf.tile(kernel[..., None, None], (1, 1, x.shape[-1], 1))
    inner = tf.nn.depthwise_conv2d(x[None], kernel, (1, 1, 1, 1), "VALID")[0]
    here = tf.pad(tf.ones_like(inner), [[1, 1], [1, 1], [0, 0]])
    smooth = tf.where(here > 0, tf.pad(inner, [[1, 1], [1, 1], [0, 0]]), x)
    return blend(smooth, x, m)


def autocontrast(x: Images, m: tf.Tensor) -> tf.Tensor:
    low, high = tf.reduce_min(x, [0, 1]), tf.reduce_max(x, [0, 1])
    return tf.where(high > low, (x - low) / tf.maximum(high - low, 1 / 255), x)


def equalize(x: Images, m: tf.Tensor) -> tf.Tensor:
    """Each channel's 256 levels spread so that each holds about as many pixels, as PIL does."""

    def channel(c):
        level = tf.cast(tf.round(c * 255), tf.int32)
        counts = tf.math.bincount(level, minlength=256, maxlength=256)
        step = (tf.size(c) - counts[tf.reduce_max(level)]) // 255
        spread = (step // 2 + tf.cumsum(counts, exclusive=True)) // tf.maximum(step, 1)
        spread = tf.cast(tf.minimum(spread, 255), tf.float32) / 255
        return tf.where(step > 0, tf.gather(spread, level), c)

    return tf.stack([channel(c) for c in tf.unstack(x, axis=-1)], -1)


def posterize(x: Images, m: tf.Tensor) -> tf.Tensor:
    step = 2 ** tf.round(4 * tf.abs(m))  # of 256 levels: 8 bits down to 4
    return tf.floor(tf.round(x * 255) / step) * step / 255


OPERATIONS = (  # m in [-1, 1]: the strength, its sign drawn
    lambda x, m: x,
    autocontrast,
    equalize,
    rotate,
    lambda x, m: tf.where(x > 1 - tf.abs(m), 1 - x, x),  # solarize
    lambda x, m: blend(grey(x), x, m),  # colour
    posterize,
    lambda x, m: blend(tf.reduce_mean(grey(x)), x, m),  # contrast
    lambda x, m: blend(0.0, x, m),  # brightness
    sharpness,
    lambda x, m: move(x, c=0.3 * m),  # shear
    lambda x, m: move(x, d=0.3 * m),
    lambda x, m: move(x, across=150 / 331 * m * x.shape[1]),  # shift
    lambda x, m: move(x, down=150 / 331 * m * x.shape[0]),
)


def rand_augment(
    x: Images, seed: Seed, share: Share = (0, 1), n: int = 2, m: float = 9
) -> tf.Tensor:
    """n operations an image of x (B, H, W, C) in [0, 1], at m tenths of their range.
    The paper's N = 2 and M = 9 are for ResNet-50."""
    u = uniform(seed, 2 * n, x, share)
    which = tf.transpose(choose(u[:n], len(OPERATIONS)))
    strength = tf.transpose(tf.where(u[n:] < 0.5, -m / 10, m / 10))

    def augmented(drawn):
        image, which, strength = drawn
        shape = image.shape
        for i in range(n):
            doing = [lambda f=f, i=i: f(image, strength[i]) for f in OPERATIONS]  # noqa: B023
            image = tf.ensure_shape(tf.switch_case(which[i], doing), shape)
        return image

    return tf.map_fn(augmented, (x, which, strength), fn_output_signature=tf.float32)
