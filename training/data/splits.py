"""The parts of a data set, and a split into train, validation and test that is always the same.

A part has random access: any image by its number, in any order, in tf.data.  It knows its count,
len(part); its labels, part.y (N,); the size and channels of the images it gives.  Split holds
pixels, Files and Records read encoded images when they are asked for.
"""

import os
from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsIndex

import numpy as np
import tensorflow as tf
from sklearn.model_selection import train_test_split

from convbook.training.data.augment import crop


def on_cpu(a: Any) -> tf.Tensor:
    """a as one tensor that the graphs of tf.data share, instead of a copy in each."""
    with tf.device("CPU"):
        return tf.constant(a)


class Split:
    """Images in memory: x (N, H, W, C), float in [0, 1] or uint8; y (N,); size, if other than H.

    original: what x was resized from, if it was: the same to the last bit on any machine.
    """

    def __init__(self, x: Any, y: Any, size: int | None = None, original: Any = None):
        self.x, self.y, self.pixels = x, np.asarray(y), on_cpu(x)
        self.original = x if original is None else original
        self.size, self.channels = size or x.shape[1], x.shape[-1]

    def __len__(self) -> int:
        return len(self.y)

    def images(self, i: tf.Tensor) -> tf.Tensor:
        """The images numbered i (B,), whole, (B, size, size, C) in [0, 1]."""
        return crop.resize(tf.gather(self.pixels, i), self.size)

    def window(self, i: tf.Tensor, window: crop.Window) -> tf.Tensor:
        """The window of image i: see crop."""
        return crop.cut(tf.gather(self.pixels, i), window)


class Encoded:
    """Images that are read and decoded: the common base of Files and Records.

    facts: a TABLE of what the check found, or None; orientation is what the images are turned by.
    bits: of 16, those that the PNGs of 16 bits use.
    """

    y: np.ndarray
    size: int
    channels: int

    def __init__(self, y: Any, size: int, channels: int, facts: np.ndarray | None, bits: int):
        self.y, self.size, self.channels = np.asarray(y, "int64"), size, channels
        self.facts, self.bits = facts, bits
        self.turns = None
        if facts is not None and (facts["orientation"] > 1).any():
            self.turns = on_cpu(crop.TURNS[facts["orientation"]])

    def example(self, i: SupportsIndex | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The encoded image and the label of number i, in a graph."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.y)

    def window(self, i: tf.Tensor, window: crop.Window) -> tf.Tensor:
        encoded = self.example(i)[0]
        if self.turns is None:
            return crop.decode(encoded, self.channels, window, self.bits)
        turn = tf.gather(self.turns, i)
        stored = crop.decode(encoded, self.channels, crop.in_stored(window, turn), self.bits)
        return crop.upright(stored, turn)

    def facts_of(self, good: Any) -> np.ndarray | None:
        return None if self.facts is None else self.facts[np.asarray(good, int)]


class Files(Encoded):
    """An image a file: paths, labels y."""

    def __init__(self, paths: Iterable[str], y: Any, size: int, channels: int,
                 facts: np.ndarray | None = None, bits: int = 16):  # fmt: skip
        super().__init__(y, size, channels, facts, bits)
        self.paths = list(paths)
        # As bytes: a name may have any
        self.tensors = on_cpu([os.fsencode(path) for path in self.paths]), on_cpu(self.y)

    def example(self, i: SupportsIndex | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The encoded image and the label of number i, in a graph."""
        path, y = (tf.gather(t, i) for t in self.tensors)
        return tf.io.read_file(path), y

    def name(self, i: SupportsIndex) -> str:
        return self.paths[i]

    def take(self, good: Iterable[int], y: Any) -> "Files":
        good = list(good)
        paths = [self.paths[i] for i in good]
        return Files(paths, y, self.size, self.channels, self.facts_of(good), self.bits)


def opened(file: bytes | tf.Tensor, offset: int | tf.Tensor) -> tf.data.Dataset:
    """The records of a TFRecord file from the one on that begins at byte offset."""
    dataset = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file], compression_type="", buffer_size=1 << 18, byte_offsets=[offset]
    )
    return tf.data.experimental.from_variant(dataset, tf.TensorSpec((), tf.string))


class Records(Encoded):
    """An image a record of TFRecord files: number i begins at byte offset[i] of files[shard[i]].

    features: the names of the encoded image and of the label in the record, a tf.train.Example.
    Each record is read for itself, its checksums verified.
    """

    def __init__(self, files: Iterable[str], shard: Any, offset: Any, y: Any, size: int,
                 channels: int, features: Sequence[str], facts: np.ndarray | None = None,
                 bits: int = 16):  # fmt: skip
        super().__init__(y, size, channels, facts, bits)
        self.files, self.shard, self.offset = list(files), np.asarray(shard), np.asarray(offset)
        self.features = features
        names = on_cpu([os.fsencode(file) for file in self.files])
        self.tensors = names, on_cpu(self.shard), on_cpu(self.offset)

    def record(self, i: SupportsIndex | tf.Tensor) -> tf.Tensor:
        files, shard, offset = self.tensors
        file = tf.gather(files, tf.gather(shard, i))
        return opened(file, tf.gather(offset, i)).take(1).get_single_element()

    def example(self, i: SupportsIndex | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = self.features
        kinds = {
            image: tf.io.FixedLenFeature((), tf.string),
            label: tf.io.FixedLenFeature((), tf.int64),
        }
        values = tf.io.parse_single_example(self.record(i), kinds)
        return values[image], values[label]

    def name(self, i: SupportsIndex) -> str:
        return f"{self.files[self.shard[i]]}, record at byte {self.offset[i]}"

    def take(self, good: Any, y: Any) -> "Records":
        at, facts = (self.shard[good], self.offset[good]), self.facts_of(good)
        size, channels = self.size, self.channels
        return Records(self.files, *at, y, size, channels, self.features, facts, self.bits)


Part = Split | Files | Records

# Three parts (see Part); the number of classes; their names, if known; as (file, reason), the files
# left out because they cannot be used, and files that are no images of the set.
Data = namedtuple("Data", "train val test classes names skipped left_out", defaults=(None, (), ()))

LEAST = 7  # images of a class, so that validation gets one of each class even if all are so few
HELD, MOST = 0.1, 10_000  # for validation where a test part is given: CIFAR's 5,000 in ResNet


def split(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of train, validation and test: 20 % for test, then 20 % of the rest for validation.

    Every class is split in the same proportions, and always the same way, whatever a run's seed.
    """
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=0)
    train, val = train_test_split(rest, test_size=0.2, stratify=y[rest], random_state=0)
    return train, val, test


def hold_out(y: np.ndarray) -> list[np.ndarray]:
    """Indices of train and validation where the test part is given: 10 %, at most 10,000."""
    count = min(max(round(len(y) * HELD), len(np.unique(y))), MOST)
    return train_test_split(np.arange(len(y)), test_size=count, stratify=y, random_state=0)


def images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def check_counts(name: str, y: np.ndarray, names: Sequence[str] | None = None) -> None:
    """Raises ValueError for a class with too few images to hold some of them out."""
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() < LEAST:
        label = labels[counts.argmin()]
        which = f"{names[label]!r}" if names else f"{label}"
        raise ValueError(
            f"--data {name!r}: class {which} has {images(counts.min())} to train on; it takes "
            f"{LEAST} to hold some out for validation and test: add some, or provide train, val "
            "and test yourself"
        )


def refuse_one_class(name: str, y: np.ndarray) -> None:
    if len(np.unique(y)) < 2:
        raise ValueError(f"--data {name!r}: only one class; provide images of at least two")


def parted(name: str, parts: Mapping[str, Any], classes: int, names: Sequence[str] | None,
           skipped: Sequence[tuple[str, str]]) -> Data:  # fmt: skip
    """Data of the parts given; the missing ones are split off from train.  Raises ValueError."""
    train = parts["train"]
    refuse_one_class(name, train.y)
    if "val" in parts and "test" in parts:
        return Data(train, parts["val"], parts["test"], classes, names, skipped)
    check_counts(name, train.y, names)
    # A given part is the test part: a model must not be chosen by it.
    given = [parts[p] for p in ("val", "test") if p in parts]
    indices = hold_out(train.y) if given else split(train.y)
    train, val, test = [*(train.take(i, train.y[i]) for i in indices), *given]
    return Data(train, val, test, classes, names, skipped)
