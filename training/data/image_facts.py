"""The facts of an encoded image, found before it is used: a JPEG or PNG, decoded once.

A file changed in its middle may still decode, with wrong pixels: JPEG has no checksum.
"""

import hashlib
import io
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
OTHER = {
    (0, b"GIF8"): "a GIF",
    (0, b"BM"): "a BMP",
    (0, b"RIFF"): "a WebP",
    (0, b"II*\0"): "a TIFF",
    (0, b"MM\0*"): "a TIFF",
    (0, b"%PDF"): "a PDF",
    (4, b"ftyp"): "a HEIC, an AVIF or a video",
}
COLOURS = ("grey", "RGB", "palette", "grey with alpha", "RGB with alpha", "CMYK")
OF_PNG = {0: 0, 2: 1, 3: 2, 4: 3, 6: 4}  # the place in COLOURS of a PNG's colour type
OF_JPEG = {"L": 0, "RGB": 1, "CMYK": 5}


class Facts(NamedTuple):
    """digest: of the encoded bytes; height, width: as stored; colours: a place in COLOURS; bits: of
    a channel; orientation: EXIF's, 1 to 8, 1 for upright; top: the largest value of 16 bits."""

    digest: str
    height: int
    width: int
    colours: int
    bits: int
    orientation: int
    top: int


# A table of them
TABLE = np.dtype(list(zip(Facts._fields, ("S32", "i4", "i4", "u1", "u1", "u1", "u2"))))


class Unusable(ValueError):
    """The image cannot be used; its text says why."""


def digest(content: bytes | memoryview) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def look(encoded: bytes) -> Facts:
    """The Facts of an encoded image, all of which is decoded.  Raises Unusable."""
    is_jpeg = refuse_kind(encoded)
    kind = "JPEG" if is_jpeg else "PNG"
    try:
        pixels = tf.io.decode_image(encoded, 3, expand_animations=False)
    except tf.errors.OpError as error:
        raise Unusable(f"a {kind} that is truncated or corrupt") from error
    height, width, _ = pixels.shape
    mode, orientation = header(encoded, is_jpeg)
    if is_jpeg:
        of_image = OF_JPEG.get(mode, 1), 8, orientation, 0
    else:
        bits, colours = encoded[24], OF_PNG[encoded[25]]  # of IHDR, always the first chunk
        of_image = colours, bits, orientation, top(encoded, colours) if bits == 16 else 0
    return Facts(digest(encoded), height, width, *of_image)


def refuse_kind(encoded: bytes) -> bool:
    """Whether it is a JPEG, rather than a PNG.  Raises Unusable for anything else."""
    if not encoded:
        raise Unusable("empty")
    for (at, magic), kind in OTHER.items():
        if encoded.startswith(magic, at):
            raise Unusable(f"{kind}, neither JPEG nor PNG")
    if not encoded.startswith((JPEG, PNG)):
        raise Unusable("neither JPEG nor PNG")
    # The chunk acTL stands among the first, before the pixels
    if encoded.startswith(PNG) and b"acTL" in encoded[:4096]:
        raise Unusable("an animated PNG")
    return encoded.startswith(JPEG)


def header(encoded: bytes, is_jpeg: bool) -> tuple[str, int]:
    """(Pillow's mode, EXIF's orientation) of an image; an invalid orientation counts as 1."""
    try:
        image = Image.open(io.BytesIO(encoded))
        # For a PNG without a tag, Pillow would decode everything to look for one after the pixels
        tagged = is_jpeg or b"eXIf" in encoded or b"adobe.xmp" in encoded
        found = image.getexif().get(ExifTags.Base.Orientation, 1) if tagged else 1
    except Image.DecompressionBombError as error:
        raise Unusable("too large: over 178 million pixels") from error
    except Exception:  # a broken tag can make Pillow raise anything; the pixels are good
        return "RGB", 1
    return image.mode, int(found) if found in range(1, 9) else 1


def top(encoded: bytes, colours: int) -> int:
    """The largest value of a PNG of 16 bits, its alpha apart."""
    channels = 1 if COLOURS[colours].startswith("grey") else 3
    return int(tf.io.decode_png(encoded, channels, tf.uint16).numpy().max())
