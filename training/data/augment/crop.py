"""Windows: which part of an image h pixels high and w wide becomes the network's input.

Each returns top, left, height, width, whole pixels of the image as it is stored, so that of a
JPEG only the window need be decoded; it is resized to (size, size) afterwards.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from convbook.training.data.augment.draw import Images, Seed, choose

# top, left, height and width; and a function that gives them for an image of h x w
Box = Sequence[Any]
Window = Callable[[Any, Any], Box]


def ints(*numbers: tf.Tensor) -> list[tf.Tensor]:
    return [tf.cast(tf.round(n), tf.int32) for n in numbers]


def anywhere(u: tf.Tensor, h: tf.Tensor, w: tf.Tensor, tall: tf.Tensor, wide: tf.Tensor) -> Box:
    """A window tall x wide at one of all its places, by two even draws u."""
    return choose(u[0], h - tall + 1), choose(u[1], w - wide + 1), tall, wide


def random_area_crop(h: tf.Tensor, w: tf.Tensor, seed: Seed, size: int,
                     area: tuple[float, float] = (0.08, 1.0),
                     aspect: tuple[float, float] = (3 / 4, 4 / 3),
                     tries: int = 10) -> list[tf.Tensor]:  # fmt: skip
    """A share of the area and a ratio width / height in these ranges: Inception's.

    arXiv:1409.4842, section 6: the area evenly, 8 % to 100 %; the ratio from 3/4 to 4/3, here
    evenly in its logarithm.  What does not fit is drawn again; after so many tries, the largest
    window of an allowed ratio in the centre.
    """
    u = tf.random.stateless_uniform((4, tries), seed)
    pixels = tf.cast(h * w, tf.float32) * (area[0] + u[0] * (area[1] - area[0]))
    low, high = map(math.log, aspect)
    ratio = tf.exp(low + u[1] * (high - low))
    tall, wide = ints(tf.sqrt(pixels / ratio), tf.sqrt(pixels * ratio))
    fits = (tall > 0) & (tall <= h) & (wide > 0) & (wide <= w)
    i = tf.argmax(fits)
    high, long = tf.cast(h, tf.float32), tf.cast(w, tf.float32)
    nearest = tf.clip_by_value(long / high, *aspect)
    most = tf.stack(ints(tf.minimum(high, long / nearest), tf.minimum(long, high * nearest)))
    drawn = tf.stack(anywhere(u[2:, i], h, w, tall[i], wide[i]))
    centre = tf.concat([(tf.stack([h, w]) - most) // 2, most], 0)
    return tf.unstack(tf.where(tf.reduce_any(fits), drawn, centre), num=4)


def scale_jitter(
    h: tf.Tensor, w: tf.Tensor, seed: Seed, size: int, low: int = 256, high: int = 512
) -> Box:
    """(size, size) anywhere in the image whose short side is S, low to high: VGG, section 3.1.

    arXiv:1409.1556 rescales, then crops; here the same square is cut out first, its side to the
    nearest pixel.  low=high=256 is AlexNet's crop of 256 pixels.
    """
    u = tf.random.stateless_uniform((3,), seed)
    s = low + choose(u[0], high - low + 1)
    short = tf.cast(tf.minimum(h, w), tf.float32)
    side = tf.maximum(ints(size * short / tf.cast(s, tf.float32))[0], 1)
    return anywhere(u[1:], h, w, side, side)


def centre_crop(
    h: tf.Tensor, w: tf.Tensor, seed: Seed | None, size: int, short: int | None = None
) -> Box:
    """(size, size) in the centre of the image whose short side is short, size if not given."""
    side = tf.cast(tf.minimum(h, w), tf.float32) * (size / (short or size))
    side = tf.maximum(ints(side)[0], 1)
    return (h - side) // 2, (w - side) // 2, side, side


def cut(x: Images, window: Window) -> tf.Tensor:
    """The window of an image x (H, W, C), window being a function of h and w."""
    h, w = tf.unstack(tf.shape(x)[:2])
    top, left, tall, wide = window(h, w)
    return tf.slice(x, [top, left, 0], [tall, wide, x.shape[-1]])


# For EXIF's orientations 0 to 8: whether the stored image is transposed, then flipped top to
# bottom, then left to right, to stand upright; 0 stands for no tag.
TURNS = np.array(
    [[c == "1" for c in t] for t in ["000", "000", "001", "011", "010", "100", "101", "111", "110"]]
)


def in_stored(window: Window, turn: tf.Tensor) -> Window:
    """A window of the upright image as one of the image as it is stored; turn: one of TURNS."""
    transposed, vertical, horizontal = tf.unstack(turn)

    def stored(h, w):
        high, wide = tf.where(transposed, w, h), tf.where(transposed, h, w)
        top, left, tall, broad = window(high, wide)
        top = tf.where(vertical, high - top - tall, top)
        left = tf.where(horizontal, wide - left - broad, left)
        there = tf.stack([left, top, broad, tall]), tf.stack([top, left, tall, broad])
        return tf.unstack(tf.where(transposed, *there), num=4)

    return stored


def upright(x: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """A stored image x (h, w, C), or a window of it, turned upright."""
    transposed, vertical, horizontal = tf.unstack(turn)
    x = tf.cond(transposed, lambda: tf.transpose(x, (1, 0, 2)), lambda: x)
    x = tf.cond(vertical, lambda: tf.reverse(x, [0]), lambda: x)
    return tf.cond(horizontal, lambda: tf.reverse(x, [1]), lambda: x)


def decode(encoded: tf.Tensor, channels: int, window: Window, bits: int = 16) -> tf.Tensor:
    """The window of a JPEG or PNG, uint8 (h, w, channels); of a JPEG no more is decoded.

    libjpeg then lacks the neighbours that it interpolates colours with: some at the borders of
    the window, and single rows in it, differ by a few of 256 levels; grey is exact.  bits: of
    16, those that a PNG of 16 bits uses, of which the first eight are taken.
    """

    def jpeg():
        h, w, stored = tf.unstack(tf.io.extract_jpeg_shape(encoded))
        at = tf.stack(window(h, w))

        def decoded(channels):
            return tf.io.decode_and_crop_jpeg(encoded, at, channels, dct_method="INTEGER_ACCURATE")

        if channels == 3:
            return decoded(3)
        # There is no direct conversion from CMYK to grey.
        return tf.cond(
            stored == 4, lambda: tf.image.rgb_to_grayscale(decoded(3)), lambda: decoded(1)
        )

    def png():
        if bits == 16:
            return cut(tf.io.decode_png(encoded, channels), window)
        deep = tf.strings.substr(encoded, 24, 1) == b"\x10"  # in IHDR, always the first chunk
        return cut(tf.cond(deep, few_bits, lambda: tf.io.decode_png(encoded, channels)), window)

    def few_bits():
        x = tf.cast(tf.io.decode_png(encoded, channels, tf.uint16), tf.int32)
        return tf.cast(tf.minimum(x * 256 // 2**bits, 255), tf.uint8)

    return tf.cond(tf.io.is_jpeg(encoded), jpeg, png)


def resize(x: Images, size: int) -> tf.Tensor:
    """x (..., H, W, C), uint8 or in [0, 1] -> (..., size, size, C) in [0, 1]: bilinear, and over
    all the pixels that one is made of."""
    x = tf.image.convert_image_dtype(x, tf.float32)
    if x.shape[-3:-1] == (size, size):
        return x
    return tf.image.resize(x, (size, size), "bilinear", antialias=True)
