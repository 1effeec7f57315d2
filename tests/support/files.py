"""Tiny data sets in the formats that the trainer reads, and a network to train."""

import io
import pickle
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

# For tests of runs, not of a network: tracing the paper's connections of C3 takes TensorFlow more
# than half of a short run
LENET = ["lenet5", "--option", "variant=c3_fully_connected_softmax"]


def picture(seed, h=20, w=24, channels=3):
    """A smooth image (h, w, channels), uint8, different for each seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), "uint8")).resize((w, h))
    return np.asarray(small)[..., :channels]


def jpeg(x):
    return tf.io.encode_jpeg(x, quality=95).numpy()


def png(x):
    return tf.io.encode_png(x).numpy()


def pil(x, mode, format):
    """x as PIL saves it in a mode such as CMYK, P, RGBA, I;16."""
    out = io.BytesIO()
    image = Image.fromarray(x)
    if mode == "I;16":
        image = Image.fromarray((x[..., 0].astype("uint16") << 8) + 7)
    image = image if mode == "I;16" else image.convert(mode)
    image.save(out, format)
    return out.getvalue()


def animated_png(x):
    """A PNG with the chunk that announces two frames."""
    data = png(x)
    chunk = b"acTL" + struct.pack(">II", 2, 0)
    return (
        data[:33] + struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    )


def folder(root, counts, encode=jpeg, suffix="jpg", seed=0):
    """Files root/class/n.suffix for counts {class: how many}; returns root."""
    for name, n in counts.items():
        (Path(root) / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            seed += 1
            (Path(root) / name / f"{i}.{suffix}").write_bytes(encode(picture(seed)))
    return root


def example(image, label, names=("image/encoded", "image/class/label")):
    """A serialized tf.train.Example."""
    features = {
        names[0]: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        names[1]: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def records(path, pairs, **options):
    """A TFRecord file of (encoded image, label)."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, label in pairs:
            writer.write(example(image, label, **options))


def mnist(home, n, seed=0):
    """datasets/mnist.npz as keras.datasets stores it: n to train, 10 to test, cycling labels."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n + 10, 28, 28), "uint8")
    y = np.arange(n + 10).astype("uint8") % 10
    home.mkdir(parents=True, exist_ok=True)
    np.savez(home / "mnist.npz", x_train=x[:n], y_train=y[:n], x_test=x[n:], y_test=y[n:])
    return x, y


def archive(path, files):
    """A tar.gz of {name: what to pickle}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            data = pickle.dumps(content)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def cifar10(home, seed=0):
    """The archive of CIFAR-10: keras.datasets spreads a single image over each of five batches."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (10, 3, 32, 32), "uint8")
    files = {f"data_batch_{i}": (x[i - 1 : i], [i - 1]) for i in range(1, 6)}
    files["test_batch"] = (x, [i % 5 for i in range(10)])
    pickled = {
        f"cifar-10-batches-py/{name}": {b"data": a.reshape(len(a), -1), b"labels": y}
        for name, (a, y) in files.items()
    }
    archive(home / "cifar-10-batches-py-target_archive", pickled)
    return x.transpose(0, 2, 3, 1)
