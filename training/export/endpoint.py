"""A network as a function of images of any size, made of operations that every format has.

LiteRT has no antialiased resizing, so shrinking a picture would lose the pixels between those it
reads.  Here a resize is two matrix products, one for rows and one for columns; the matrices are
computed from the size of the image, and crop the centre as well.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from convbook.architectures.graph.ends import answers_probabilities
from convbook.architectures.weights.preparation import Preparation

IN_FLOAT32 = "in_float32"  # in the names of operations that int8 leaves in float32
Call = Callable[[Any], Any]
Line = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]  # see span


class Endpoint:
    """A network with image preparation before it and probabilities after it.

    call: a function to call in place of the network.

    images(x)   x (N, H, W, C), uint8, of any size -> probabilities (N, classes)
    files(x)    x (N,), each the bytes of a JPEG or PNG file -> probabilities (N, classes)
    """

    def __init__(self, network: keras.Model, preparation: Preparation, call: Call | None = None):
        self.call: Call = call or (lambda x: network(x, training=False))
        self.preparation, self.dtype = preparation, network.inputs[0].dtype
        self.ends_in_softmax = answers_probabilities(network)

    def images(self, x: tf.Tensor) -> tf.Tensor:
        with tf.name_scope(IN_FLOAT32):
            x = prepared(tf.cast(x, "float32"), self.preparation)
        return self.probabilities(x)

    def files(self, x: tf.Tensor) -> tf.Tensor:
        p = self.preparation

        def one(file):
            image = tf.io.decode_image(file, p.channels, expand_animations=False)
            return prepared(tf.cast(image[None], "float32"), p)[0]

        shape = tf.TensorSpec((p.crop, p.crop, p.channels), "float32")
        return self.probabilities(tf.map_fn(one, x, fn_output_signature=shape))

    def probabilities(self, x: tf.Tensor) -> tf.Tensor:
        y = tf.cast(self.call(tf.cast(x, self.dtype)), "float32")
        return y if self.ends_in_softmax else tf.nn.softmax(y)


def prepared(x: tf.Tensor, p: Preparation) -> tf.Tensor:
    """Images (N, H, W, C) of values from 0 to 255 as the network takes them, as p(x) does."""
    size = tf.shape(x)
    h, w = size[1], size[2]
    span = cut_first if p.first == "crop" else resized_first
    down, across = (matrix(side, *span(side, tf.minimum(h, w), p), p) for side in (h, w))
    x = product(across, tf.transpose(x, (0, 2, 1, 3)))  # as Pillow: across first
    x = rounded_to_bytes(tf.transpose(x, (0, 2, 1, 3)), p)
    x = rounded_to_bytes(product(down, x), p)
    if p.order == "BGR":
        x = tf.gather(x, [2, 1, 0], axis=-1)
    x = tf.reshape(x, (-1, p.crop, p.crop, p.channels))
    mean, std = (np.asarray(v, "float32") for v in (p.mean, p.std))
    return (x * np.float32(p.scale) - mean) / std


def rounded_to_bytes(x: tf.Tensor, p: Preparation) -> tf.Tensor:
    """Rounded to whole values from 0 to 255, if the preparation works on 8 bits."""
    return tf.floor(tf.clip_by_value(x, 0.0, 255.0) + 0.5) if p.first != "crop" else x


def product(weights: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Rows of x (N, H, W, C) as sums of rows, by weights (rows, H) -> (N, rows, W, C)."""
    size = tf.shape(x)
    flat = tf.reshape(x, (size[0], size[1], size[2] * size[3]))
    return tf.reshape(tf.matmul(weights[None], flat), (size[0], -1, size[2], size[3]))


def resized_first(side: tf.Tensor, short: tf.Tensor, p: Preparation) -> Line:
    """span of a side of an image that is resized, its short side to p.short, and then cut."""
    new = p.short if p.first == "squash" else p.short * side // short
    first = tf.cast(tf.round(tf.cast(new - p.crop, "float32") / 2), "int32")
    scale = number(side) / number(new)
    return scale * number(first), scale, tf.constant(0.0), number(side)


def cut_first(side: tf.Tensor, short: tf.Tensor, p: Preparation) -> Line:
    """span of a side of an image whose centre is cut out, and then resized."""
    ratio = np.float32(p.crop / p.short)
    cut = tf.maximum(tf.cast(tf.round(number(short) * ratio), "int32"), 1)
    first = (side - cut) // 2
    return number(first), number(cut) / p.crop, number(first), number(first + cut)


def number(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, "float32")


def matrix(side: tf.Tensor, start: tf.Tensor, scale: tf.Tensor, low: tf.Tensor, high: tf.Tensor,
           p: Preparation) -> tf.Tensor:  # fmt: skip
    """(p.crop, side): how much each pixel of a side counts in each of the result.

    Pixel i of the result begins at start + i scale; only pixels from low to high count.
    """
    at = start + (tf.range(p.crop, dtype="float32") + 0.5) * scale
    pixels = number(tf.range(side)) + 0.5
    near = tf.abs(pixels[None] - at[:, None]) / tf.maximum(scale, 1.0)
    inside = number(tf.logical_and(pixels > low, pixels < high))
    weights = KERNELS[p.interpolation](near) * inside[None]
    return weights / tf.reduce_sum(weights, 1, keepdims=True)


def linear(d: tf.Tensor) -> tf.Tensor:
    return tf.maximum(1.0 - d, 0.0)


def cubic(d: tf.Tensor) -> tf.Tensor:
    """Keys' kernel with a = -1/2."""
    near = ((1.5 * d - 2.5) * d) * d + 1.0
    far = ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0
    return tf.where(d < 1.0, near, tf.where(d < 2.0, far, tf.zeros_like(d)))


KERNELS: dict[str, Callable[[Any], Any]] = {"bilinear": linear, "bicubic": cubic}
