"""How images become the input of a network."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from convbook.blocks.checks import require
from convbook.blocks.types import WHOLE, Tensor, is_number, is_whole

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, in [0, 1]
MODES: dict[str, dict[str, Any]] = {  # as keras.applications calls them
    "caffe": dict(order="BGR", scale=1.0, mean=(103.939, 116.779, 123.68)),
    "tf": dict(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "torch": dict(mean=MEAN, std=STD),
    # of EfficientNetV2, and of pytorchcv:
    "128": dict(scale=1 / 128, mean=(1.0, 1.0, 1.0)),
    "dpn": dict(mean=(124 / 255, 117 / 255, 104 / 255), std=(1 / (0.0167 * 255),) * 3),
    "cifar": dict(mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)),
}
INTERPOLATIONS, ORDERS = ("bilinear", "bicubic"), ("RGB", "BGR", "grey")
FIRST = ("resize", "squash", "crop")


@keras.saving.register_keras_serializable("convbook")
@dataclass(frozen=True)
class Preparation:
    """How images, of values from 0 to 255, become the input of a network.

    preparation(x) prepares an image x (H, W, C), or a batch of one size (N, H, W, C).

    Args:
        short: resizes the short side to this many pixels, the other in proportion.
        crop: side of the centre crop in pixels.
        interpolation: 'bilinear' or 'bicubic', over all source pixels of each new pixel.
        order: of the channels: 'RGB', 'BGR' or 'grey'; images come as RGB or grey.
        scale: factor of the values.
        mean: of each channel in that order, or of each pixel too; subtracted after scaling.
        std: of each channel; divides the difference.
        first: 'resize', to whole values, as in Pillow and the libraries; 'squash', the same, but
            both sides become short; or 'crop', as in training here: crops the square from the
            original image, then resizes it.
    """

    short: int
    crop: int
    interpolation: str = "bilinear"
    order: str = "RGB"
    scale: float = 1 / 255
    mean: Any = (0.0, 0.0, 0.0)
    std: Any = (1.0, 1.0, 1.0)
    first: str = "resize"

    def __post_init__(self) -> None:
        require(is_whole(self.crop), crop=self.crop, right=WHOLE)
        large = is_whole(self.short) and self.short >= self.crop
        require(large, short=self.short, right=f"a whole number, at least crop={self.crop}")
        for name, known in (("interpolation", INTERPOLATIONS), ("order", ORDERS), ("first", FIRST)):
            value = getattr(self, name)
            good = isinstance(value, str) and value in known
            require(good, right=" or ".join(map(repr, known)), **{name: value})
        require(
            is_number(self.scale) and self.scale > 0, scale=self.scale, right="a number above 0"
        )
        for name, shapes in (("mean", self.shapes), ("std", self.shapes[:1])):
            value = getattr(self, name)
            right = f"numbers, of shape {' or '.join(map(str, shapes))}"
            require(good_numbers(value, shapes), right=right, **{name: value})
            object.__setattr__(self, name, tuples(np.asarray(value).tolist()))
        require(np.min(self.std) > 0, std=self.std, right="above 0")
        for name, kind in (("short", int), ("crop", int), ("scale", float)):  # of NumPy, for JSON
            object.__setattr__(self, name, kind(getattr(self, name)))

    @property
    def channels(self) -> int:
        return 1 if self.order == "grey" else 3

    @property
    def per_pixel(self) -> bool:
        """Whether the mean is one of each pixel, which only images of this size have."""
        return np.ndim(self.mean) > 1

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The sizes that a mean may have."""
        return [(self.channels,), (self.crop, self.crop, self.channels)]

    def __call__(self, x: Any) -> Tensor:
        refuse_images(x, self.channels)
        x = ops.cast(ops.convert_to_tensor(x), "float32")
        x = self.cut_first(x) if self.first == "crop" else self.resized_first(x)
        return self.normalised(x)

    def resized_first(self, x: Tensor) -> Tensor:
        h, w = x.shape[-3:-1]
        tall, wide = (self.short * side // min(h, w) for side in (h, w))
        if self.first == "squash":
            tall, wide = self.short, self.short
        # As Pillow: across, then down, each to whole values
        for size in ((h, wide), (tall, wide)):
            if size != tuple(x.shape[-3:-1]):
                x = resized(x, size, self.interpolation)
                x = ops.floor(ops.clip(x, 0.0, 255.0) + 0.5)
        return centre(x, round((tall - self.crop) / 2), round((wide - self.crop) / 2), self.crop)

    def cut_first(self, x: Tensor) -> Tensor:
        h, w = x.shape[-3:-1]
        side = max(round(float(np.float32(min(h, w)) * np.float32(self.crop / self.short))), 1)
        x = centre(x, (h - side) // 2, (w - side) // 2, side)
        return x if side == self.crop else resized(x, (self.crop, self.crop), self.interpolation)

    def normalised(self, x: Tensor) -> Tensor:
        """Images x (..., crop, crop, C) of values from 0 to 255 in the network's values."""
        x = ops.flip(x, -1) if self.order == "BGR" else x
        mean, std = (np.asarray(v, "float32") for v in (self.mean, self.std))
        return (x * self.scale - mean) / std

    def at(self, size: int) -> "Preparation":
        """This preparation for images of size pixels a side: all else in proportion."""
        require(is_whole(size), size=size, right=WHOLE)
        if size == self.crop:
            return self
        require(
            not self.per_pixel,
            size=size,
            right=f"{self.crop}, because the mean has a value for each pixel",
        )
        return replace(self, crop=size, short=max(round(self.short * size / self.crop), size))

    def words(self) -> str:
        """All settings in one line."""
        mean = "the mean of each pixel" if self.per_pixel else numbers(self.mean)
        x = f"values from 0 to {255 * self.scale:g} less {mean}, divided by {numbers(self.std)}"
        sides = "both sides" if self.first == "squash" else "short side"
        cut = f"centre {self.crop} x {self.crop}, {self.interpolation}"
        return f"{sides} {self.short}, {cut}, {self.order}, {x}"

    def get_config(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Preparation":
        return cls(**config)


def good_numbers(value: Any, shapes: list[tuple[int, ...]]) -> bool:
    try:
        found = np.asarray(value, "float64")
    except (TypeError, ValueError):
        return False
    return found.shape in shapes and bool(np.isfinite(found).all())


def tuples(v: Any) -> Any:
    return tuple(map(tuples, v)) if isinstance(v, list) else v


def numbers(v: Any) -> str:
    return "({})".format(", ".join(f"{float(i):.6g}" for i in v))


def refuse_images(x: Any, channels: int) -> None:
    """Raises ValueError unless these are images with values from 0 to 255."""
    shape = tuple(np.shape(x))
    good = len(shape) in (3, 4) and shape[-1] == channels and 0 not in shape
    right = f"images (H, W, {channels}) or (N, H, W, {channels}), of values from 0 to 255"
    require(good, x=shape, right=right)
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        low, high = float(x.min()), float(x.max())
        fits = low >= 0 and high <= 255 and not 0 < high <= 1
        require(fits, x=f"{low:g} to {high:g}", right=right)


def resized(x: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    return ops.image.resize(x, size, interpolation, antialias=True, data_format="channels_last")


def centre(x: Tensor, top: int, left: int, side: int) -> Tensor:
    return x[..., top : top + side, left : left + side, :]


def mode(name: str, crop: int) -> Preparation:
    """Preparation of a mode of keras.applications, or of a .json file of Preparation's fields."""
    if name.endswith(".json"):
        return read(name)
    right = f"{', '.join(list(MODES)[:3])} or the path of a .json file"
    require(name in MODES, preparation=name, right=right)
    return Preparation(short_side(crop), crop, **MODES[name])


def short_side(crop: int) -> int:
    """256 for the usual 224 and for the 227 of Caffe's networks; else in proportion."""
    return 256 if crop == 227 else round(crop * 8 / 7)


def read(path: str | Path) -> Preparation:
    """The Preparation in a JSON file of its fields.  Raises ValueError."""
    known = [field.name for field in fields(Preparation)]
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"preparation={str(path)!r} cannot be read: {error}") from error
    if not isinstance(found, dict) or not {"short", "crop"} <= {*found} <= {*known}:
        right = f"an object with short, crop and any of {', '.join(known[2:])}"
        raise ValueError(f"preparation={str(path)!r}: it must hold {right}")
    return Preparation(**found)
