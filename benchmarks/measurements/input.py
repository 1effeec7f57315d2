"""Whether the input keeps up: time to load a batch against ResNet-50's training step.

JPEG photographs of 500 x 375 pixels, in a folder and in TFRecord files; Inception's crop to 224
pixels, mirrored, the mean subtracted.  The target is at most half of the time of a step.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from benchmarks.frame.pairs import clocked, compare
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
    """n different encoded windows of scikit-learn's two photographs."""
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
            features = {"image/encoded": feature(image), "image/class/label": feature(label)}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            records.write(example.SerializeToString())


def pipeline(name, options):
    """A side: the seconds to load and discard a training batch of a data set.

    It starts again each time, so that nothing is loaded in advance while the other side runs.
    """
    part = data.load_data(name, options.size, 3).train
    recipe = argparse.Namespace(batch_size=options.batch, seed=0, augmentation=RECIPE)
    statistics = data.statistics(part)

    def side():
        batches = iter(
            data.training_batches(part, options.steps + 2, CLASSES, recipe, statistics=statistics)
        )
        for _ in range(2):
            next(batches)  # traces, and fills the buffers
        start = time.perf_counter()
        for _ in range(options.steps):
            next(batches)
        return (time.perf_counter() - start) / options.steps

    return side


def run(options):
    with tempfile.TemporaryDirectory() as folder:
        home = os.environ.get("KERAS_HOME")
        os.environ["KERAS_HOME"] = folder  # keeps the result of the check with the images
        try:
            yield from rows_of_folder(folder, options)
        finally:
            os.environ.pop("KERAS_HOME")
            os.environ |= {"KERAS_HOME": home} if home else {}


def rows_of_folder(folder, options):
    write(Path(folder), options.images)
    net = architectures.create(options.net, (options.size, options.size, 3), CLASSES)
    step = clocked(KerasNet(net, options.batch).step)
    known = {"batch": options.batch, "size": options.size}
    for name in (f"folder:{folder}/images", f"tfrecord:{folder}/*.tfrecord"):
        kind = f"a batch from a {name.partition(':')[0]}"
        yield compare(kind, pipeline(name, options), step, options.pairs, "a step", TARGET, **known)
