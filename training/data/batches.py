"""Batches: tf.data of (images, one-hot labels).  The batch of a step depends on (seed, step)
alone, so that a run may begin at any step, and each worker reads only its share."""

import inspect
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from convbook.training.data.augment import Augmentation, Plan, centre_crop, plan, scale_jitter
from convbook.training.data.augment.crop import Window, resize
from convbook.training.data.augment.draw import Share
from convbook.training.data.splits import Part, Split

AUTOTUNE = tf.data.AUTOTUNE


def training_batches(part: Part, steps: int, classes: int, options: Namespace, start: int = 0,
                     share: Share = (0, 1), statistics: Any = None) -> tf.data.Dataset:  # fmt: skip
    """The tf.data of a run: its batches start .. steps - 1, all of them full.

    Shuffled passes follow each other in one row, each image once a pass; a batch that ends one
    pass begins the next.  So no image is left out, and all replicas get equal shares, without
    which their gradients would not average to those of one device.  options: batch_size, of all
    workers together, seed, augmentation (see training.augment).  share (i, n): the i-th of n
    equal parts of each batch, read and made alone; in order, they are the whole.  statistics: of
    the training part, for what needs them.  Raises ValueError.
    """
    todo = plan(options.augmentation)
    batch, seed, n = options.batch_size, options.seed, len(part)
    b, first = rows(batch, share)
    check(todo, part, b, share, statistics)
    labels = tf.constant(part.y)

    def draw(j):
        step, row = start + j // b, first + j % b
        place = step * batch + row
        seeds = [seed, place // n]
        return tf.random.experimental.index_shuffle(place % n, seeds, np.int64(n - 1)), step, row

    def make(step, told):
        i, x = told if isinstance(told, tuple) else (told, whole(part, told))
        y = tf.one_hot(tf.gather(labels, i), classes)
        seeds = [tf.random.fold_in([seed, k], step) for k in range(len(options.augmentation or ()))]
        return augmented(x, y, todo, seeds, share, statistics)

    def look(i, step, row):
        return i, view(part, i, window(part, todo, seed, step, row))

    drawn = tf.data.Dataset.range((steps - start) * b).map(draw)
    if isinstance(part, Split) and not todo.crops:  # a batch at a time
        drawn = drawn.map(lambda i, *_: i)
    else:
        drawn = drawn.map(look, num_parallel_calls=AUTOTUNE)
    batches = drawn.batch(b, drop_remainder=True).enumerate(start)
    return batches.map(make, num_parallel_calls=AUTOTUNE).prefetch(AUTOTUNE)


def whole(part: Any, i: tf.Tensor) -> tf.Tensor:
    """The images numbered i of a Split."""
    return part.images(i)


def window(part: Part, todo: Plan, seed: int, step: tf.Tensor, row: tf.Tensor) -> Window:
    """What a row of a batch shows, a function of h and w: what the crop draws, or the centre."""
    for k, crop, told in todo.crops:
        own = tf.random.fold_in(tf.random.fold_in([seed, k], step), row)
        return lambda h, w: crop(h, w, own, part.size, **told)
    return lambda h, w: centre_crop(h, w, None, part.size)


def augmented(x: tf.Tensor, y: tf.Tensor, todo: Plan, seeds: Sequence[tf.Tensor], share: Share,
              statistics: Any) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """A share of a batch after all stages but the crops; seeds: of each entry of the recipe."""
    for k, f, told in todo.colours:
        known = dict(statistics=statistics) if "statistics" in arguments(f) else {}
        x = f(x, seeds[k], share, **known, **told)
    x = normalised(x, todo, statistics)
    for k, f, told in todo.places:
        x = f(x, seeds[k], share, **told)
    if not todo.mixtures:
        return x, y
    mixed = [lambda m=m: m[1](x, y, seeds[m[0]], share, **m[2]) for m in todo.mixtures]
    own = tf.random.fold_in(seeds[todo.mixtures[0][0]], 2)  # 0 and 1 may be the mixture's
    return tf.switch_case(tf.random.stateless_uniform((), own, 0, len(mixed), tf.int32), mixed)


def normalised(x: tf.Tensor, todo: Plan, statistics: Any) -> tf.Tensor:
    for _, f, told in todo.normalisations:
        x = f(x, statistics, **told)
    return x


def view(part: Part, i: tf.Tensor, window: Window) -> tf.Tensor:
    """Image i of part, its window(h, w), (size, size, C) in [0, 1]."""
    x = resize(part.window(i, window), part.size)
    return tf.ensure_shape(x, (part.size, part.size, part.channels))


def batches(part: Part, batch: int, classes: int, share: Share = (0, 1), short: int | None = None,
            augmentation: Augmentation = None,
            statistics: Any = None) -> tf.data.Dataset:  # fmt: skip
    """The tf.data of one pass in order, each image once; the last batch may be smaller.

    short: of an image, the short side is resized to as many pixels, and (size, size) cut out of
    its centre; size if None.  augmentation: the recipe's, of which its normalisation counts.
    share (i, n): as of training_batches; the last batch is dealt out as evenly as can be, so that
    all shares have equally many batches, the last perhaps of no image.  Raises ValueError.
    """
    todo = plan(augmentation)
    todo = todo._replace(crops=[], colours=[], mixtures=[])
    b, _ = rows(batch, share)
    check(todo, part, b, share, statistics)
    if short and short < part.size:
        raise ValueError(f"{short=}: the short side is below the {part.size} pixels of the crop")
    labels = tf.constant(part.y)
    mine, steps = dealt(len(part), batch, share)

    def look(i):
        return i, view(part, i, lambda h, w: centre_crop(h, w, None, part.size, short))

    def make(*told):
        i, x = told if len(told) > 1 else (*told, whole(part, *told))
        return normalised(x, todo, statistics), tf.one_hot(tf.gather(labels, i), classes)

    found = tf.data.Dataset.from_tensor_slices(mine)
    if short not in (None, part.size) or not isinstance(part, Split):
        found = found.map(look, num_parallel_calls=AUTOTUNE)
    found = found.batch(b).map(make)
    if len(mine) <= (steps - 1) * b:  # the last batch has no image for this share
        none = tuple(tf.zeros((0, *s.shape[1:]), s.dtype) for s in found.element_spec)
        found = found.concatenate(tf.data.Dataset.from_tensors(none))
    return found.prefetch(AUTOTUNE)


def dealt(n: int, batch: int, share: Share) -> tuple[np.ndarray, int]:
    """The numbers of a share of each batch, one after the other, and how many batches there are."""
    i, parts = share
    cut = [np.arange(s, min(s + batch, n)) for s in range(0, n, batch)]
    return np.concatenate([c[len(c) * i // parts : len(c) * (i + 1) // parts] for c in cut]), len(
        cut
    )


def rows(batch: int, share: Share) -> tuple[int, int]:
    """How many rows of a batch a share has, and the first.  Raises ValueError."""
    i, parts = share
    if not 0 <= i < parts or batch % parts:
        raise ValueError(f"{batch=}, {share=}: must be (i, n), i below n, and n divide the batch")
    return batch // parts, i * batch // parts


def arguments(f: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(f).parameters


def check(todo: Plan, part: Part, b: int, share: Share, statistics: Any) -> None:
    """Raises ValueError for a plan that cannot be carried out on shares of b images."""
    for _, f, told in todo.crops:
        low = told.get("low", 256)
        if f is scale_jitter and low < part.size:
            raise ValueError(f"augmentation scale_jitter {low=}: below the {part.size} of an image")
    for _, f, _ in (*todo.normalisations, *todo.colours):
        if statistics is None and "statistics" in arguments(f):
            raise ValueError(f"augmentation {f.__name__} needs statistics=data.statistics(train)")
    for _, f, _ in todo.mixtures:
        if share[1] > 1 and b % 2:
            raise ValueError(f"augmentation {f.__name__}: a worker's {b} images are not in pairs")
