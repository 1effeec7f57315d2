"""Parts of a data set, with random access: any image by its number, in any order, in tf.data.

A part knows its count, len(part); its labels, part.y (N,); the size and channels of the images
it gives.  Split holds pixels, Files and Records read encoded images when they are asked for.
"""

from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex

import numpy as np
import tensorflow as tf

from convbook.training.augment import crop

MAGIC = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}


def on_cpu(a: Any) -> tf.Tensor:
    """a as a tensor that the graphs of tf.data share, rather than each holding a copy."""
    with tf.device("CPU"):
        return tf.constant(a)


class Split:
    """Images in memory: x (N, H, W, C), float in [0, 1] or uint8; y (N,); size, if other than H."""

    def __init__(self, x: Any, y: Any, size: int | None = None):
        self.x, self.y, self.pixels = x, np.asarray(y), on_cpu(x)
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
    """Images to be read and decoded: what Files and Records have in common."""

    y: np.ndarray
    size: int
    channels: int

    def example(self, i: SupportsIndex | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The encoded image and the label of number i, in a graph."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.y)

    def window(self, i: tf.Tensor, window: crop.Window) -> tf.Tensor:
        return crop.decode(self.example(i)[0], self.channels, window)


class Files(Encoded):
    """An image a file: paths, labels y."""

    def __init__(self, paths: Iterable[str], y: Any, size: int, channels: int):
        self.paths, self.y = list(paths), np.asarray(y, "int64")
        self.size, self.channels = size, channels
        self.tensors = on_cpu(self.paths), on_cpu(self.y)

    def example(self, i: SupportsIndex | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The encoded image and the label of number i, in a graph."""
        path, y = (tf.gather(t, i) for t in self.tensors)
        return tf.io.read_file(path), y

    def name(self, i: SupportsIndex) -> str:
        return self.paths[i]

    def take(self, good: Iterable[int], y: Any) -> "Files":
        return Files([self.paths[i] for i in good], y, self.size, self.channels)


class Records(Encoded):
    """An image a record of TFRecord files: number i begins at byte offset[i] of files[shard[i]].

    features: the names of the encoded image and of the label in the record, a tf.train.Example.
    Each record is read for itself, its checksums verified.
    """

    def __init__(self, files: Iterable[str], shard: Any, offset: Any, y: Any, size: int,
                 channels: int, features: Sequence[str]):  # fmt: skip
        self.files, self.shard, self.offset = list(files), np.asarray(shard), np.asarray(offset)
        self.y, self.size, self.channels, self.features = y, size, channels, features
        self.tensors = on_cpu(self.files), on_cpu(self.shard), on_cpu(self.offset)

    def record(self, i: SupportsIndex | tf.Tensor) -> tf.Tensor:
        files, shard, offset = self.tensors
        dataset = tf.raw_ops.TFRecordDatasetV2(
            filenames=[tf.gather(files, tf.gather(shard, i))],
            compression_type="",
            buffer_size=1 << 18,
            byte_offsets=[tf.gather(offset, i)],
        )
        spec = tf.TensorSpec((), tf.string)
        return tf.data.experimental.from_variant(dataset, spec).take(1).get_single_element()

    def example(self, i: SupportsIndex | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = self.features
        kinds = {
            image: tf.io.FixedLenFeature((), tf.string),
            label: tf.io.FixedLenFeature((), tf.int64),
        }
        found = tf.io.parse_single_example(self.record(i), kinds)
        return found[image], found[label]

    def name(self, i: SupportsIndex) -> str:
        return f"{self.files[self.shard[i]]}, record at byte {self.offset[i]}"

    def take(self, good: Any, y: Any) -> "Records":
        at = self.shard[good], self.offset[good]
        return Records(self.files, *at, y, self.size, self.channels, self.features)


Part = Split | Files | Records
