"""Batches: tf.data of (images, one-hot labels).  The batch of a step depends on (seed, step)
alone, so that a run may begin at any step, and each worker reads only its share."""

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from convbook.training.data.augment import (
    Augmentation,
    Plan,
    centre_crop,
    plan,
    scale_jitter,
)
from convbook.training.data.augment.crop import Window, resize
from convbook.training.data.augment.draw import Share
from convbook.training.data.splits import Part, Split

AUTOTUNE = tf.data.AUTOTUNE


def training_batches(part: Part, steps: int, classes: int, options: Namespace, start: int = 0,
                     share: Share = (0, 1), statistics: Any = None) -> tf.data.Dataset:  # fmt: skip
    """The tf.data of a run: its batches start .. steps - 1, all of them full.

    Shuffled passes follow each other, each image once a pass; one batch may end a pass and begin
    the next.  So no image is left out, and all replicas get equal shares, without
    which their gradients would not average to those of one device.  options: batch_size, of all
    workers together, seed, augmentation (see training.data.augment).  share (i, n): the i-th of n
    equal parts of each batch, read and made alone; in order, they are the whole.  statistics: of
    the training part, for what needs them.  Raises ValueError.
    """
    stages = plan(options.augmentation)
    batch, seed, n = options.batch_size, options.seed, len(part)
    b, first = size_of_share(batch, share)
    refuse_plan(stages, part, b, share, statistics)
    labels = tf.constant(part.y)

    def draw(j):
        step, row = start + j // b, first + j % b
        place = step * batch + row
        seeds = [seed, place // n]
        return tf.random.experimental.index_shuffle(place % n, seeds, np.int64(n - 1)), step, row

    def read(i, step, row):
        return i, view(part, i, window(part, stages, seed, step, row))

    def finish(step, numbered):
        i, x = numbered
        y = tf.one_hot(tf.gather(labels, i), classes)
        seeds = [tf.random.fold_in([seed, k], step) for k in range(len(options.augmentation or ()))]
        return augmented(x, y, stages, seeds, share, statistics)

    drawn = tf.data.Dataset.range((steps - start) * b).map(draw)
    if isinstance(part, Split) and not stages.crops:
        numbers = drawn.map(lambda i, step, row: i).batch(b, drop_remainder=True)
        numbered = whole_images(part, numbers)
    else:
        numbered = drawn.map(read, num_parallel_calls=AUTOTUNE).batch(b, drop_remainder=True)
    return numbered.enumerate(start).map(finish, num_parallel_calls=AUTOTUNE).prefetch(AUTOTUNE)


def whole_images(part: Split, numbers: tf.data.Dataset) -> tf.data.Dataset:
    """(numbers, images) of batches of numbers: images in memory are read a batch at a time."""
    return numbers.map(lambda i: (i, part.images(i)), num_parallel_calls=AUTOTUNE)


def window(part: Part, stages: Plan, seed: int, step: tf.Tensor, row: tf.Tensor) -> Window:
    """The window of each row, a function of h and w: drawn by the crop, or the centre."""
    if not stages.crops:
        return lambda h, w: centre_crop(h, w, None, part.size)
    (crop,) = stages.crops
    seeds = tf.random.fold_in(tf.random.fold_in([seed, crop.entry], step), row)
    return lambda h, w: crop.function(h, w, seeds, part.size, **crop.options)


def augmented(x: tf.Tensor, y: tf.Tensor, stages: Plan, seeds: Sequence[tf.Tensor], share: Share,
              statistics: Any) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """A share of a batch after all stages but the crops; seeds: of each entry of the recipe."""
    for colour in stages.colours:
        known = dict(statistics=statistics) if colour.needs_statistics else {}
        x = colour.function(x, seeds[colour.entry], share, **known, **colour.options)
    x = normalised(x, stages, statistics)
    for place in stages.places:
        x = place.function(x, seeds[place.entry], share, **place.options)
    if not stages.mixtures:
        return x, y

    def mix(mixture):
        return mixture.function(x, y, seeds[mixture.entry], share, **mixture.options)

    choices = [partial(mix, mixture) for mixture in stages.mixtures]
    seed = tf.random.fold_in(seeds[stages.mixtures[0].entry], 2)  # 0 and 1 may be the mixture's
    chosen = tf.random.stateless_uniform((), seed, 0, len(choices), tf.int32)
    return tf.switch_case(chosen, choices)


def normalised(x: tf.Tensor, stages: Plan, statistics: Any) -> tf.Tensor:
    for normalisation in stages.normalisations:
        known = dict(statistics=statistics) if normalisation.needs_statistics else {}
        x = normalisation.function(x, **known, **normalisation.options)
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
    share (i, n): as of training_batches; the last batch is dealt out as evenly as can be.  Raises
    ValueError, also where a share of it would have no image.
    """
    stages = plan(augmentation)._replace(crops=[], colours=[], mixtures=[])
    b, _ = size_of_share(batch, share)
    refuse_plan(stages, part, b, share, statistics)
    if short and short < part.size:
        raise ValueError(f"{short=}: short must be at least the {part.size} pixels of the crop")
    labels = tf.constant(part.y)
    mine = numbers_of_share(len(part), batch, share)

    def read(i):
        return i, view(part, i, lambda h, w: centre_crop(h, w, None, part.size, short))

    def finish(i, x):
        return normalised(x, stages, statistics), tf.one_hot(tf.gather(labels, i), classes)

    numbers = tf.data.Dataset.from_tensor_slices(mine)
    if isinstance(part, Split) and short in (None, part.size):
        numbered = whole_images(part, numbers.batch(b))
    else:
        numbered = numbers.map(read, num_parallel_calls=AUTOTUNE).batch(b)
    return numbered.map(finish).prefetch(AUTOTUNE)


def numbers_of_share(n: int, batch: int, share: Share) -> np.ndarray:
    """The numbers of a share of each batch, in order.  Raises ValueError if there are none."""
    i, shares = share
    if 0 < n % batch < shares:
        raise ValueError(f"{batch=}: the last batch of {n} images is too small for {shares} shares")
    whole = [np.arange(s, min(s + batch, n)) for s in range(0, n, batch)]
    own = [rows[len(rows) * i // shares : len(rows) * (i + 1) // shares] for rows in whole]
    return np.concatenate(own)


def size_of_share(batch: int, share: Share) -> tuple[int, int]:
    """How many rows of a batch a share has, and the first.  Raises ValueError."""
    i, shares = share
    if not 0 <= i < shares or batch % shares:
        raise ValueError(
            f"{batch=}, {share=}: share must be (i, n), i below n, and n must divide batch"
        )
    return batch // shares, i * batch // shares


def refuse_plan(stages: Plan, part: Part, b: int, share: Share, statistics: Any) -> None:
    """Raises ValueError for a plan that does not work on shares of b images."""
    for crop in stages.crops:
        low = crop.options.get("low", 256)
        if crop.function is scale_jitter and low < part.size:
            raise ValueError(
                f"augmentation scale_jitter {low=}: low must be at least the image's {part.size}"
            )
    for transform in (*stages.normalisations, *stages.colours):
        if statistics is None and transform.needs_statistics:
            name = transform.function.__name__
            raise ValueError(f"augmentation {name} needs statistics=data.statistics(train)")
    for mixture in stages.mixtures:
        if share[1] > 1 and b % 2:
            name = mixture.function.__name__
            raise ValueError(
                f"augmentation {name} mixes pairs, so each worker needs an even number of images, "
                f"not {b}"
            )
