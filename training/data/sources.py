"""Sources of data, by name."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from convbook.names import KERAS_DATASETS, data_source
from convbook.training.data import folder, records
from convbook.training.data.splits import Data, Split, hold_out, split

FILES: dict[str, Callable[..., Data]] = {
    "folder": folder.load,
    "tfrecord": records.tfrecord,
    "tfds": records.tfds,
}


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits that scikit-learn ships: x (1797, 8, 8, 1), y in 0 .. 9."""
    found = load_digits()
    return found.images[..., None] / 16, found.target


def of_channels(name: str, x: np.ndarray, channels: int) -> np.ndarray:
    """x (N, H, W, C), grey repeated to channels.  Raises ValueError."""
    if x.shape[-1] not in (1, channels):
        raise ValueError(f"--data {name!r} has {x.shape[-1]} channels, the model takes {channels}")
    return np.broadcast_to(x, (*x.shape[:3], channels))


def load_digits_data(name: str, size: int, channels: int) -> Data:
    if size > 512:
        raise ValueError(f"--size {size}: the digits, of 8 pixels a side, take at most 512")
    x, y = digits()
    x = tf.image.resize(x, (size, size), "bilinear", antialias=True).numpy()
    x = of_channels(name, x, channels)
    names = [str(i) for i in range(10)]
    train, val, test = (Split(x[i], y[i]) for i in split(y))
    return Data(train, val, test, classes=int(y.max()) + 1, names=names)


def load_keras(name: str, size: int, channels: int) -> Data:
    """Of keras.datasets, which fetches it once; 10 % of the training images are for validation,
    5,000 of CIFAR's as in arXiv:1512.03385, section 4.2."""
    try:
        (x, y), (test_x, test_y) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # what Keras raises is an Exception, or of the archive's reader
        said = str(error).strip().split("\n")[0]
        raise ValueError(f"--data {name!r}: keras.datasets cannot load it: {said}") from error
    x, test_x = (a[..., None] if a.ndim == 3 else a for a in (x, test_x))
    x, test_x = (of_channels(name, a, channels) for a in (x, test_x))
    y, test_y = y.ravel().astype("int64"), test_y.ravel().astype("int64")
    train, val = (Split(x[i], y[i], size) for i in hold_out(y))
    return Data(train, val, Split(test_x, test_y, size), classes=int(y.max()) + 1)


def load(
    name: str, size: int, channels: int, skip_broken: bool = False, first_label: int | None = None
) -> Data:
    """The data called name, as Data of (size, size) images of so many channels.

    skip_broken: what cannot be used is left out, and listed in Data.skipped as (file, reason).
    first_label: what the first class is labelled in TFRecord files, 0 if not given.
    Raises ValueError for an unknown name, where the channels cannot be made, and for files that
    cannot be used, naming them.
    """
    kind, rest = data_source(name)
    if first_label is not None and kind != "tfrecord":
        raise ValueError(f"--first-label {first_label} is for --data tfrecord:PATTERN alone")
    if name == "digits":
        return load_digits_data(name, size, channels)
    if name in KERAS_DATASETS:
        return load_keras(name, size, channels)
    if channels not in (1, 3):
        raise ValueError(f"--data {name!r} has 1 or 3 channels, the model takes {channels}")
    told = dict(first_label=first_label or 0) if kind == "tfrecord" else {}
    return FILES[kind](name, rest, size, channels, skip_broken, **told)
