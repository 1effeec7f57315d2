"""The views of an image in an evaluation protocol: windows, resized as the papers do."""

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from convbook.training.data.augment.crop import resize
from convbook.training.evaluation.protocols import Protocol, sides_of

Side: TypeAlias = int | tf.Tensor
Corner = tuple[Side, Side]  # (top, left)


def resized(x: tf.Tensor, short: int) -> tf.Tensor:
    """x (H, W, C) -> as many pixels at the short side, the other in proportion; bilinear."""
    both = tf.shape(x)[:2]
    least = tf.reduce_min(both)
    size = (2 * both * short + least) // (2 * least)  # rounded
    return tf.image.resize(x, size, "bilinear", antialias=True)


def squares(h: tf.Tensor, w: tf.Tensor) -> list[Corner]:
    """(top, left) of the left, centre and right square of an image; of a tall one top to bottom."""
    side = tf.minimum(h, w)
    return [((h - side) * i // 2, (w - side) * i // 2) for i in range(3)]


def corners_and_centre(h: Side, w: Side, size: int) -> list[Corner]:
    """(top, left) of five squares of an image: its corners, then its centre."""
    down, across = h - size, w - size
    return [(0, 0), (0, across), (down, 0), (down, across), (down // 2, across // 2)]


def sides(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    h, w = tf.unstack(tf.shape(x)[:2])
    return h, w


def cut(x: tf.Tensor, at: Corner, size: int) -> tf.Tensor:
    return x[at[0] : at[0] + size, at[1] : at[1] + size]


def crops(x: tf.Tensor, size: int, shorts: Sequence[int]) -> tf.Tensor:
    """Inception's 144 views without the mirror images: (72, size, size, C)."""
    views = []
    for short in shorts:
        y = resized(x, short)
        for square in squares(*sides(y)):
            part = cut(y, square, short)
            views += [cut(part, at, size) for at in corners_and_centre(short, short, size)]
            views.append(resize(tf.ensure_shape(part, (short, short, None)), size))
    return tf.stack(views)


def five(x: tf.Tensor, size: int, shorts: Sequence[int]) -> tf.Tensor:
    y = resized(x, shorts[0])
    return tf.stack([cut(y, at, size) for at in corners_and_centre(*sides(y), size)])


def centres(x: tf.Tensor, size: int, shorts: Sequence[int]) -> tf.Tensor:
    each = [resized(x, short) for short in shorts]
    return tf.stack([cut(y, corners_and_centre(*sides(y), size)[4], size) for y in each])


def views(protocol: Protocol, x: tf.Tensor, size: int, short: int | None = None) -> tf.Tensor:
    """A Protocol's views of an image x (H, W, C) in [0, 1]: (views, size, size, C).

    The mirror images come last.  Not for `dense`, which uses the whole image.
    """
    shorts = sides_of(protocol, size, short)
    show = dict(centre=centres, scales=centres, ten=five, crops=crops)[protocol.kind]
    seen = show(x, size, shorts)
    if protocol.kind in ("ten", "crops"):
        seen = tf.concat([seen, tf.reverse(seen, [2])], 0)
    return tf.ensure_shape(seen, (None, size, size, x.shape[-1]))
