"""Data: images and labels, split once and for all, and the batches made of them."""

from collections import namedtuple

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from training.augment import affine

Split = namedtuple("Split", "x y")  # x (N, H, W, C) float32 in [0, 1], y (N,) int
Data = namedtuple("Data", "train val test classes")


def digits():
    """The 1,797 handwritten digits that scikit-learn ships: x (1797, 8, 8, 1), y in 0 .. 9."""
    found = load_digits()
    return found.images[..., None] / 16, found.target


SOURCES = {"digits": digits}


def split(y):
    """Indices of train, validation and test: 20 % for test, then 20 % of the rest for validation.

    Every class is split alike, and always the same way: the seed of a run has no part in it.
    """
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=0)
    train, val = train_test_split(rest, test_size=0.2, stratify=y[rest], random_state=0)
    return train, val, test


def load(name, size, channels):
    """The data called name, as Data of (size, size) images; grey is repeated to channels.

    Raises ValueError for an unknown name, or where the channels cannot be made.
    """
    if name not in SOURCES:
        raise ValueError(f"--data {name!r}: --data must be one of {', '.join(SOURCES)}")
    x, y = SOURCES[name]()
    x = tf.image.resize(x, (size, size), "bilinear", antialias=True).numpy()
    if x.shape[-1] not in (1, channels):
        raise ValueError(f"--data {name!r} has {x.shape[-1]} channels, the model takes {channels}")
    x = np.broadcast_to(x, (*x.shape[:3], channels))
    return Data(*(Split(x[i], y[i]) for i in split(y)), classes=int(y.max()) + 1)


def training_batches(part, steps, classes, options):
    """The tf.data of a whole run: steps batches of (images, one-hot labels), all of them full.

    The batch of a step depends on (seed, step) alone.  Shuffled passes follow each other in one
    row, each image once a pass; a batch that ends one pass begins the next.  So no image is left
    out, and all replicas get equal shares, without which their gradients would not average to
    those of one device.
    """
    x, y, n = tf.constant(part.x), tf.constant(part.y), len(part.y)
    batch, seed = options.batch_size, options.seed

    def draw(place):
        return tf.random.experimental.index_shuffle(place % n, [seed, place // n], np.int64(n - 1))

    def make(step, i):
        images = affine(tf.gather(x, i), tf.random.fold_in([seed, 0], step), **options.augmentation)
        return images, tf.one_hot(tf.gather(y, i), classes)

    drawn = tf.data.Dataset.range(steps * batch).map(draw)
    batches = drawn.batch(batch, drop_remainder=True).enumerate()
    return batches.map(make, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def batches(part, batch, classes):
    """The tf.data of one pass in order, each image once, as it is; the last may be smaller."""
    pairs = tf.data.Dataset.from_tensor_slices((part.x, part.y)).batch(batch)
    return pairs.map(lambda x, y: (x, tf.one_hot(y, classes))).prefetch(tf.data.AUTOTUNE)
