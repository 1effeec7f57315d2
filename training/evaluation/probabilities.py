"""The probabilities that a network gives for the images of a part, by an evaluation protocol."""

import sys
from collections.abc import Callable
from functools import reduce
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from convbook.architectures.graph.ends import answers_probabilities
from convbook.architectures.graph.fully_convolutional import fully_convolutional
from convbook.architectures.weights.preparation import Preparation
from convbook.training.data import Split, Statistics, batches
from convbook.training.data.augment import Augmentation, plan
from convbook.training.data.batches import AUTOTUNE, normalised, refuse_plan
from convbook.training.data.splits import Part
from convbook.training.evaluation.protocols import CENTRE, Protocol, sides_of
from convbook.training.evaluation.views import resized, views


def probabilities(model: keras.Model, part: Part, protocol: Protocol, batch: int = 64,
                  short: int | None = None, augmentation: Augmentation = None,
                  statistics: Statistics | None = None,
                  preparation: Preparation | None = None) -> np.ndarray:  # fmt: skip
    """(N, classes): for each image of a part, the mean over the Protocol's views of it.

    model: returns logits, or probabilities if its last layer is a softmax.  batch: views at a
    time.  short, augmentation, statistics: see shown.  preparation: that of a library, which is
    carried out exactly where the Protocol is the centre of an image as it has it.  Raises
    ValueError.
    """
    if preparation and preparation.first != "crop" and protocol == CENTRE:
        images = exactly(part, batch, preparation)
    else:
        images = images_of_views(part, protocol, batch, short, augmentation, statistics)
    if protocol.kind == "dense":
        maps = fully_convolutional(model)
        return averaged(lambda x: softmax(maps.predict_on_batch(x).mean((1, 2))), images, len(part))
    after = (lambda y: y) if answers_probabilities(model) else softmax
    return averaged(lambda x: after(model.predict_on_batch(x)), images, len(part))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True), dtype="float64")
    return e / e.sum(-1, keepdims=True)


def averaged(predict: Callable[[Any], np.ndarray], images: tf.data.Dataset, n: int) -> np.ndarray:
    """The mean of predict(x) for each of n images, over all (numbers, x) of images."""
    total: Any = 0.0
    count = np.zeros(n)
    bar = keras.utils.Progbar(None, unit_name="batch", verbose=int(sys.stdout.isatty()))
    for done, (numbers, x) in enumerate(images.as_numpy_iterator(), 1):
        p = predict(x)
        bar.update(done)
        total = total if count.any() else np.zeros((n, p.shape[-1]))
        np.add.at(total, numbers, p)
        np.add.at(count, numbers, 1)
    bar.update(done, finalize=True)
    return total / count[:, None]


def images_of_views(part: Part, protocol: Protocol, batch: int, short: int | None = None,
          augmentation: Augmentation = None,
          statistics: Statistics | None = None) -> tf.data.Dataset:  # fmt: skip
    """The tf.data of a Protocol's views of a part: (numbers of the images (B,), x (B, h, w, C)).

    short: the recipe's short side, where the protocol does not say one.  augmentation: the
    recipe's, of which its normalisation counts; statistics: of the training part.  For `dense`
    the mean of a channel stands in for the means of its pixels: images have many sizes.
    """
    sides = sides_of(protocol, part.size, short)
    if protocol.kind == "centre":
        centred = batches(part, batch, 1, (0, 1), sides[0], augmentation, statistics)
        return numbered(centred.map(lambda x, y: x), len(part), batch)
    stages = plan(augmentation)._replace(crops=[], colours=[], places=[], mixtures=[])
    if protocol.kind == "dense":
        per_channel = [each._replace(options={}) for each in stages.normalisations]
        stages = stages._replace(normalisations=per_channel)
    refuse_plan(stages, part, batch, (0, 1), statistics)

    def of_each_image(views_of):
        def read(i):
            x = normalised(views_of(uncropped(part, i)), stages, statistics)
            return tf.repeat(i, tf.shape(x)[0]), x

        return tf.data.Dataset.range(len(part)).map(read, num_parallel_calls=2)

    if protocol.kind != "dense":
        crops = of_each_image(lambda x: views(protocol, x, part.size, short))
        return crops.unbatch().batch(batch).prefetch(AUTOTUNE)
    scales = [of_each_image(lambda x, s=s: both_ways(resized(x, s))) for s in sides]
    if isinstance(part, Split):  # of one size
        scales = [images.unbatch().batch(batch) for images in scales]
    return reduce(tf.data.Dataset.concatenate, scales).prefetch(AUTOTUNE)


def exactly(part: Part, batch: int, preparation: Preparation) -> tf.data.Dataset:
    """Batches of images as a library prepares them: in 8 bits, resized whole."""

    def prepare(x):
        return np.asarray(preparation(x), "float32")

    def read(i):
        x = tf.cast(tf.round(255 * uncropped(part, i)), tf.uint8)
        x = tf.numpy_function(prepare, [x], tf.float32, stateful=False)
        return tf.ensure_shape(x, (preparation.crop, preparation.crop, part.channels))

    images = tf.data.Dataset.range(len(part)).map(read, num_parallel_calls=2)
    return numbered(images.batch(batch), len(part), batch).prefetch(AUTOTUNE)


def numbered(images: tf.data.Dataset, n: int, batch: int) -> tf.data.Dataset:
    """images, the batches of n images in order, with the numbers of the images."""
    numbers = tf.data.Dataset.range(n).batch(batch)
    return tf.data.Dataset.zip(numbers, images)


def uncropped(part: Part, i: tf.Tensor) -> tf.Tensor:
    """Image i of a part, uncropped, (H, W, C) in [0, 1]."""
    x = tf.image.convert_image_dtype(part.window(i, lambda h, w: (0, 0, h, w)), tf.float32)
    return tf.ensure_shape(x, (None, None, part.channels))


def both_ways(x: tf.Tensor) -> tf.Tensor:
    return tf.stack([x, tf.reverse(x, [1])])
