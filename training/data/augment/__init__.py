"""Augmentation by name, as recipes have it: pure functions of images and a seed, so runs repeat.

A recipe's augmentation is a dictionary, or a list of pairs: a name and its options, such as
`dict(pad_crop=4, flip=True)` or `[("random_area_crop", dict(area=(0.05, 1))), ("flip", {})]`.
Whatever its order, they act in five stages: a crop of each image, colours of values in [0, 1],
normalisation, places, mixtures; in its order within a stage.  Of two mixtures each step takes one.
Images for evaluation get the normalisation too.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from convbook.blocks.checks import require
from convbook.training.data.augment.colour import colour_jitter, pca_noise
from convbook.training.data.augment.crop import centre_crop, random_area_crop, scale_jitter
from convbook.training.data.augment.mix import cutmix, mixup
from convbook.training.data.augment.normalise import prepared, standardise, subtract_mean
from convbook.training.data.augment.place import affine, flip, pad_crop
from convbook.training.data.augment.rand import rand_augment

__all__ = ["options", "plan"]

STAGES: dict[str, tuple[Callable[..., Any], ...]] = dict(
    crops=(random_area_crop, scale_jitter, centre_crop),
    colours=(pca_noise, colour_jitter, rand_augment),
    normalisations=(subtract_mean, standardise, prepared),
    places=(affine, pad_crop, flip),
    mixtures=(mixup, cutmix),
)
GIVEN = {"h", "w", "x", "y", "seed", "size", "share", "statistics"}  # by the pipeline
NAMES = {f.__name__: (stage, f) for stage, fs in STAGES.items() for f in fs}

Augmentation = Mapping[str, Any] | Sequence[Sequence[Any]] | None  # as a recipe has it


class Transform(NamedTuple):
    """A function of this package and its options from a recipe; entry: its place in the recipe."""

    entry: int
    function: Callable[..., Any]
    options: dict[str, Any]

    @property
    def needs_statistics(self) -> bool:
        """Whether it reads the statistics of the training images."""
        return "statistics" in inspect.signature(self.function).parameters


class Plan(NamedTuple):
    """A recipe's augmentation, stage by stage."""

    crops: list[Transform]
    colours: list[Transform]
    normalisations: list[Transform]
    places: list[Transform]
    mixtures: list[Transform]

    @property
    def needs_statistics(self) -> bool:
        """Whether any of it reads the statistics of the training images."""
        return any(transform.needs_statistics for stage in self for transform in stage)


def options(f: Callable[..., Any]) -> list[str]:
    """The names of the options that a recipe may give f."""
    return [name for name in inspect.signature(f).parameters if name not in GIVEN]


def plan(augmentation: Augmentation) -> Plan:
    """A recipe's augmentation as a Plan.

    The value of a name is its options, or True for none, False to leave it out, or its first
    option.  Raises ValueError for unknown names, and for two crops or normalisations.
    """
    pairs = list(augmentation.items()) if isinstance(augmentation, Mapping) else augmentation
    pairs, row = () if pairs is None else pairs, (list, tuple)
    good = isinstance(pairs, row) and all(isinstance(p, row) and len(p) == 2 for p in pairs)
    right = "None, a dictionary, or a list of pairs of a name and its options"
    require(good, augmentation=augmentation, right=right)
    stages: dict[str, list[Transform]] = {stage: [] for stage in STAGES}
    for entry, (name, value) in enumerate(pairs):
        if not isinstance(name, str) or name not in NAMES:
            raise ValueError(f"augmentation {name!r}: must be one of {', '.join(NAMES)}")
        stage, f = NAMES[name]
        if value is False or value is None:
            continue
        if value is True:
            value = {}
        if not isinstance(value, dict):
            if not options(f):
                raise ValueError(f"augmentation {name!r} has no options: {value!r} must be True")
            value = {options(f)[0]: value}
        if unknown := [option for option in value if option not in options(f)]:
            may = f"options are {', '.join(options(f))}"
            raise ValueError(f"augmentation {name!r} has no option {unknown[0]!r}: its {may}")
        stages[stage].append(Transform(entry, f, value))
    for stage in ("crops", "normalisations"):
        if len(stages[stage]) > 1:
            names = " and ".join(each.function.__name__ for each in stages[stage])
            raise ValueError(f"augmentation {names}: give at most one of the {stage}")
    return Plan(**stages)
