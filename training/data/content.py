"""The content of a data set as a text: the same at any path, different for different pixels."""

import hashlib
import json
from typing import Any

import numpy as np

from convbook.training.data.image_facts import TABLE, digest
from convbook.training.data.splits import Data, Part, Split

PARTS = ("train", "val", "test")


def table_of(part: Part) -> np.ndarray:
    """The TABLE of facts of a part."""
    if not isinstance(part, Split):
        return np.zeros(len(part), TABLE) if part.facts is None else part.facts
    x = np.asarray(getattr(part, "original", part.x))
    _, h, w, c = x.shape
    each = (digest(np.ascontiguousarray(image).tobytes()) for image in x)
    colours, bits = (0 if c == 1 else 1), 8 * x.dtype.itemsize
    return np.array([(text, h, w, colours, bits, 1, 0) for text in each], TABLE)


def contents(images: Data) -> dict[str, dict[str, Any]]:
    """{part: its number of images and a digest of them, in their order, with their labels}."""
    parts = {name: getattr(images, name) for name in PARTS}
    return {name: dict(images=len(p), content=content(p)) for name, p in parts.items()}


def content(part: Part) -> str:
    labels = np.asarray(part.y, "<i8").tobytes()
    return digest(labels + table_of(part)["digest"].tobytes())


def fingerprint(images: Data) -> str:
    """A text that is equal for equal Data: classes, parts, order, labels and the content of every
    image, whatever the files' paths and names."""
    described = [images.classes, images.names and list(images.names), contents(images)]
    return hashlib.blake2b(json.dumps(described).encode(), digest_size=16).hexdigest()
