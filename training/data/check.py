"""The check before training: every image decoded once, in parallel; what fails gets a reason.

A file changed in its middle may still decode, with wrong pixels: JPEG has no checksum.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import tensorflow as tf

from convbook.training.data.splits import MAGIC, Files, Records

VERSION = 1  # of the verdicts that are kept
OTHER = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"RIFF": "a WebP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
}
SHOWN = 10


def is_readable(encoded: bytes | tf.Tensor) -> tf.Tensor:
    """Whether the bytes are of a JPEG, or of a PNG that is not animated."""
    jpeg, png = (tf.strings.substr(encoded, 0, len(m)) == m for m in MAGIC)
    # The chunk acTL says so; it stands among the first, before the pixels.
    moving = tf.strings.regex_full_match(tf.strings.substr(encoded, 0, 4096), r"\C*acTL\C*")
    return jpeg | (png & ~moving)


def survey(part: Files | Records) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Numbers of the images that can be used, their labels, and {number: reason} of the rest."""

    def look(i):
        encoded, label = part.example(i)

        def whole():
            return tf.size(tf.io.decode_image(encoded, part.channels, expand_animations=False)) > 0

        return i, label, tf.cond(is_readable(encoded), whole, lambda: False)

    n = len(part)
    readable = tf.data.Dataset.range(n).map(look, num_parallel_calls=tf.data.AUTOTUNE)
    batches = list(readable.ignore_errors().batch(1024).as_numpy_iterator())
    if not batches:
        return np.zeros(0, int), np.zeros(0, "int64"), {i: reason(part, i) for i in range(n)}
    i, labels, decodes = (np.concatenate(columns) for columns in zip(*batches, strict=True))
    good = i[decodes]
    broken = {int(k): reason(part, k) for k in np.setdiff1d(np.arange(n), good)}
    return good, labels[decodes].astype("int64"), broken


def reason(part: Files | Records, i: SupportsIndex) -> str:
    """Why image i cannot be used."""
    try:
        if isinstance(part, Records):
            part.record(i)
    except tf.errors.OpError:
        return "the record is corrupt: its checksum is wrong"
    try:
        encoded = part.example(i)[0].numpy()
    except tf.errors.NotFoundError:
        return "not found"
    except tf.errors.PermissionDeniedError:
        return "may not be read"
    except tf.errors.OpError as error:
        if isinstance(part, Records):
            return f"no {' and '.join(part.features)} in the record"
        return str(error.message).split("\n")[0]
    if not encoded:
        return "empty"
    for magic, kind in OTHER.items():
        if encoded.startswith(magic):
            return f"{kind}, neither JPEG nor PNG"
    stored = next((MAGIC[m] for m in MAGIC if encoded.startswith(m)), None)
    if stored is None:
        return "neither JPEG nor PNG"
    if not is_readable(encoded):
        return "an animated PNG"
    return f"a {stored} that is truncated or corrupt"


def stamp(file: str | Path) -> tuple[int | None, int | None]:
    """What changes with a file: its size and time; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None, None
    return found.st_size, found.st_mtime_ns


def remembered(files: Iterable[str | Path], what: Any, find: Callable[[], Any]) -> Any:
    """find(), which JSON can hold; kept under KERAS_HOME/checked until one of the files changes.

    what: further text that the answer depends on.
    """
    stamps = [(str(f), *stamp(f)) for f in files]
    key = hashlib.sha256(json.dumps([VERSION, what, stamps]).encode()).hexdigest()
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    path = home / "checked" / f"{key}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = find()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(uuid.uuid4().hex)
        aside.write_text(json.dumps(found), encoding="utf-8")
        os.replace(aside, path)
    except OSError:  # a home that cannot be written only costs the next run a pass
        pass
    return found


def refuse(name: str, problems: Sequence[tuple[str, str]], skip_broken: bool) -> None:
    """Raises ValueError naming the first of problems [(file, reason)], unless they are skipped."""
    if problems and not skip_broken:
        shown = "; ".join(f"{file}: {why}" for file, why in problems[:SHOWN])
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise ValueError(f"--data {name!r}: {shown}{more} (--skip-broken trains without)")
