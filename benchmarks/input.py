"""Whether the input keeps up: a batch of it beside ResNet-50's training step.

Photographs of 500 x 375 pixels, JPEG, in a folder and in TFRecord files; Inception's crop to
224 pixels, mirrored, the mean subtracted.  The aim is half of the time of a step or less.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from benchmarks.pairs import clocked, compare
from benchmarks.sides import KerasNet
from convbook import architectures
from convbook.training import data

CLASSES = 2
RECIPE = dict(random_area_crop=True, flip=True, subtract_mean=True)
OPTIONS = {
    "pairs": (11, 2, "timed pairs"),
    "images": (400, 16, "photographs"),
    "batch": (32, 2, "images a step"),
    "steps": (20, 2, "batches that are timed together"),
    "size": (224, 32, "pixels of a side"),
    "net": ("resnet50", "nin_cifar10", "the network that trains"),
}
TARGET = 0.5


def photographs(n):
    """n encoded windows of scikit-learn's two photographs, each its own."""
    import numpy as np
    from sklearn.datasets import load_sample_image

    rng = np.random.default_rng(0)
    for i in range(n):
        x = load_sample_image(("china.jpg", "flower.jpg")[i % 2])  # 427 x 640
        top, left = rng.integers(0, 427 - 375), rng.integers(0, 640 - 500)
        x = x[top : top + 375, left : left + 500]
        yield tf.io.encode_jpeg(x, quality=90).numpy(), i % 2


def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def write(root, n):
    """The photographs as files, root/class/number.jpg, and as records, root/all.tfrecord."""
    with tf.io.TFRecordWriter(str(root / "all.tfrecord")) as records:
        for i, (image, label) in enumerate(photographs(n)):
            path = root / "images" / str(label) / f"{i}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image)
            told = {"image/encoded": feature(image), "image/class/label": feature(label)}
            example = tf.train.Example(features=tf.train.Features(feature=told))
            records.write(example.SerializeToString())


def pipeline(name, told):
    """A side: the seconds of a training batch of a data set, made and thrown away.

    It begins anew each time, so that nothing is made in advance while the other side runs.
    """
    part = data.load(name, told.size, 3).train
    options = argparse.Namespace(batch_size=told.batch, seed=0, augmentation=RECIPE)
    found = data.statistics(part)

    def side():
        made = data.training_batches(part, told.steps + 2, CLASSES, options, statistics=found)
        batches = iter(made)
        for _ in range(2):
            next(batches)  # traced, and the buffers filled
        start = time.perf_counter()
        for _ in range(told.steps):
            next(batches)
        return (time.perf_counter() - start) / told.steps

    return side


def run(told):
    with tempfile.TemporaryDirectory() as folder:
        home = os.environ.get("KERAS_HOME")
        os.environ["KERAS_HOME"] = folder  # the check's verdict goes with the images
        try:
            yield from rows(folder, told)
        finally:
            os.environ.pop("KERAS_HOME")
            os.environ |= {"KERAS_HOME": home} if home else {}


def rows(folder, told):
    write(Path(folder), told.images)
    net = architectures.create(told.net, (told.size, told.size, 3), CLASSES)
    step = clocked(KerasNet(net, told.batch).step)
    known = {"batch": told.batch, "size": told.size}
    for name in (f"folder:{folder}/images", f"tfrecord:{folder}/*.tfrecord"):
        kind = f"a batch from a {name.partition(':')[0]}"
        yield compare(kind, pipeline(name, told), step, told.pairs, "a step", TARGET, **known)
