"""Whether the input keeps up: images per second of the pipeline beside ResNet-50's training.

    python -m benchmarks.input [--images 400] [--batch 32]

Photographs of 500 x 375 pixels, JPEG, in a folder and in TFRecord files; Inception's crop to
224 pixels, mirrored, the mean subtracted.  The aim is a ratio of 2 or more.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_sample_image

import architectures
from training import data

SIZE, CLASSES = 224, 2
RECIPE = dict(random_area_crop=True, flip=True, subtract_mean=True)


def photographs(n):
    """n encoded windows of scikit-learn's two photographs, each its own."""
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
    return len(image)


def pipeline(name, batch, steps):
    """Images per second of the training batches of a data set, made and thrown away."""
    part = data.load(name, SIZE, 3).train
    options = argparse.Namespace(batch_size=batch, seed=0, augmentation=RECIPE)
    found = data.statistics(part)
    batches = iter(data.training_batches(part, steps + 2, CLASSES, options, statistics=found))
    for _ in range(2):
        next(batches)  # traced, and the buffers filled
    start = time.perf_counter()
    for _ in range(steps):
        next(batches)
    return batch * steps / (time.perf_counter() - start)


def consumption(batch, steps):
    """Images per second that ResNet-50 trains on, always the same batch."""
    model = architectures.create("resnet50", input_shape=(SIZE, SIZE, 3), classes=CLASSES)
    model.compile(keras.optimizers.SGD(0.01, 0.9), "categorical_crossentropy", jit_compile=False)
    x = tf.random.uniform((batch, SIZE, SIZE, 3))
    y = tf.one_hot(tf.zeros(batch, tf.int32), CLASSES)
    model.train_on_batch(x, y)
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(x, y)
    return batch * steps / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser("python -m benchmarks.input")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20, help="of the pipeline")
    parser.add_argument("--train-steps", type=int, default=3, help="of ResNet-50")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KERAS_HOME"] = folder  # the check's verdict goes with the images
        size = write(Path(folder), told.images)
        print(f"{os.cpu_count()} cores, JPEG of about {size / 1000:.0f} kB")
        eats = consumption(told.batch, told.train_steps)
        print(f"{'ResNet-50 trains on':<20}{eats:8.1f} images/s")
        for name in (f"folder:{folder}/images", f"tfrecord:{folder}/*.tfrecord"):
            gives = pipeline(name, told.batch, told.steps)
            kind = name.partition(":")[0]
            print(f"{kind:<20}{gives:8.1f} images/s, {gives / eats:.1f} times as many")


if __name__ == "__main__":
    main()
