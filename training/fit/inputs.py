"""The tf.data of a run: every device gets its share, every output of the model gets the labels."""

import math
from argparse import Namespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from convbook.training import data
from convbook.training.data.splits import Part
from convbook.training.devices import strategy
from convbook.training.fit.job import Job


def training_data(job: Job, start: int) -> Any:
    """The tf.data of the steps from start on; each output of the model gets the labels."""
    options = Namespace(
        batch_size=job.recipe["batch_size"],
        seed=job.options.seed,
        augmentation=job.recipe["augmentation"],
    )

    def make(share=0, shares=1):
        args = job.data.train, job.steps, job.data.classes, options, start, (share, shares)
        batches = data.training_batches(*args, statistics=job.statistics)
        weights = class_weights(job.data) if job.recipe["class_weights"] else None
        return to_heads(batches, job.model, weights)

    several = job.devices.num_replicas_in_sync > 1
    return strategy.distribute(job.devices, make) if several else make()


def held_out(job: Job, part: Part) -> tuple[Any, int | None]:
    """(data, steps) of one pass over a part, each image once, whatever the number of devices."""
    replicas, images = job.devices.num_replicas_in_sync, len(part)
    batch = strategy.evaluation_batch(images, replicas)

    def make(share=0, shares=1):
        batches = data.batches(
            *(part, batch, job.data.classes, (share, shares)),
            short=job.recipe["evaluation"]["resize"],
            augmentation=job.recipe["augmentation"],
            statistics=job.statistics,
        )
        return to_heads(batches, job.model)

    if replicas == 1:
        return make(), None
    return strategy.distribute(job.devices, make), math.ceil(images / batch)


def to_heads(
    batches: tf.data.Dataset, model: keras.Model, weights: np.ndarray | None = None
) -> tf.data.Dataset:
    """The labels for each output of the model; weights: the weight of an image of each class."""
    heads = len(model.outputs)

    def each(y):
        return (y,) * heads if heads > 1 else y

    if weights is not None:
        # A mixture of two images counts as both, by their shares
        return batches.map(lambda x, y: (x, each(y), each(tf.linalg.matvec(y, weights))))
    return batches.map(lambda x, y: (x, each(y))) if heads > 1 else batches


def class_weights(images: data.Data) -> np.ndarray:
    """(classes,): weights of training images so that all classes count equally; 1 on average."""
    counts = np.bincount(images.train.y, minlength=images.classes)
    return (len(images.train) / (images.classes * np.maximum(counts, 1))).astype("float32")
