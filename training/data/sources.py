"""Sources of data, by name."""

import gzip
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from convbook.architectures.weights.known import class_names
from convbook.names import KERAS_DATASETS, data_source
from convbook.training.data import folder, records
from convbook.training.data.splits import Data, Split, hold_out, split

Pairs = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

FILES: dict[str, Callable[..., Data]] = {
    "folder": folder.load_folder,
    "tfrecord": records.tfrecord,
    "tfds": records.tfds,
}

# Where Debian's and Ubuntu's package dataset-fashion-mnist has it
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
FASHION_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
CLASS_NAMES = {  # as on the data sets' own pages
    "mnist": [*"0123456789"],
    "fashion_mnist": [
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ],
    "cifar10": [*class_names("cifar10")],
    "cifar100": [*class_names("cifar100")],
}


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits that scikit-learn ships: x (1797, 8, 8, 1), y in 0 .. 9."""
    found = load_digits()
    return found.images[..., None] / 16, found.target


def of_channels(name: str, x: np.ndarray, channels: int) -> np.ndarray:
    """x (N, H, W, C), grey repeated to channels.  Raises ValueError."""
    if x.shape[-1] not in (1, channels):
        raise ValueError(f"--data {name!r} has {x.shape[-1]} channels; the model takes {channels}")
    return np.broadcast_to(x, (*x.shape[:3], channels))


def load_digits_data(name: str, size: int, channels: int) -> Data:
    if size > 512:
        raise ValueError(
            f"--size {size}: must be at most 512 for digits, whose images have 8 pixels a side"
        )
    small, y = digits()
    x = tf.image.resize(small, (size, size), "bilinear", antialias=True).numpy()
    x = of_channels(name, x, channels)
    names = [str(i) for i in range(10)]
    train, val, test = (Split(x[i], y[i], original=small[i]) for i in split(y))
    return Data(train, val, test, classes=int(y.max()) + 1, names=names)


def idx(path: Path) -> np.ndarray:
    """The bytes of a file in MNIST's format, gzipped, as an array of its shape."""
    with gzip.open(path) as file:
        found = file.read()
    sizes = np.frombuffer(found, ">i4", count=found[3], offset=4)  # after two zeros and the type
    return np.frombuffer(found, "uint8", offset=4 + sizes.nbytes).reshape(sizes)


def arrays(name: str) -> Pairs:
    """(images, labels) to train and to test.  Raises ValueError if they cannot be loaded."""
    packaged = name == "fashion_mnist" and FASHION_MNIST.is_dir()
    try:
        if not packaged:
            return getattr(keras.datasets, name).load_data()
        x, y, test_x, test_y = (idx(FASHION_MNIST / f"{file}-ubyte.gz") for file in FASHION_FILES)
        return (x, y), (test_x, test_y)
    except Exception as error:  # Keras raises Exception, or what its archive reader raises
        said = str(error).strip().split("\n")[0]
        if packaged:
            why = f"{FASHION_MNIST} cannot be read: {said}; install dataset-fashion-mnist again"
        else:
            why = f"keras.datasets could not load it: {said}"
            if name == "fashion_mnist":
                why += "; connect once, so that Keras keeps it, or install Debian's package"
                why += " dataset-fashion-mnist"
        raise ValueError(f"--data {name!r}: {why}") from error


def load_keras(name: str, size: int, channels: int) -> Data:
    """Of keras.datasets, which fetches it once; 10 % of the training images are for validation,
    5,000 of CIFAR's as in arXiv:1512.03385, section 4.2."""
    (x, y), (test_x, test_y) = arrays(name)
    x, test_x = (a[..., None] if a.ndim == 3 else a for a in (x, test_x))
    x, test_x = (of_channels(name, a, channels) for a in (x, test_x))
    y, test_y = y.ravel().astype("int64"), test_y.ravel().astype("int64")
    train, val = (Split(x[i], y[i], size) for i in hold_out(y))
    test = Split(test_x, test_y, size)
    classes, names = int(y.max()) + 1, CLASS_NAMES[name]
    return Data(train, val, test, classes, names if len(names) == classes else None)


def load_data(
    name: str,
    size: int,
    channels: int,
    skip_broken: bool = False,
    first_label: int | None = None,
    bits: int | None = None,
) -> Data:
    """The data called name, as Data of (size, size) images of so many channels.

    skip_broken: unusable files are left out, and listed in Data.skipped as (file, reason).
    first_label: what the first class is labelled in TFRecord files, 0 if not given.
    bits: of PNGs of 16 bits, those that count, of the network's training; those in use if None.
    Raises ValueError for an unknown name, where the channels cannot be made, and for files that
    cannot be used, naming them.
    """
    kind, rest = data_source(name)
    if first_label is not None and kind != "tfrecord":
        raise ValueError(f"--first-label {first_label} works only with --data tfrecord:PATTERN")
    if skip_broken and kind not in FILES:
        raise ValueError(f"--skip-broken works only with your own files; --data {name} reads none")
    if name == "digits":
        return load_digits_data(name, size, channels)
    if name in KERAS_DATASETS:
        return load_keras(name, size, channels)
    if channels not in (1, 3):
        raise ValueError(f"--data {name!r} has 1 or 3 channels; the model takes {channels}")
    more = dict(first_label=first_label or 0) if kind == "tfrecord" else {}
    return FILES[kind](name, rest, size, channels, skip_broken, bits=bits, **more)
