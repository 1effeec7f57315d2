"""Rules for the values of a recipe's fields: `--set` takes any, and hours of training follow.

Nothing here imports Keras, so that a wrong value is refused at once.  A validator of JSON schemas
would name the rule that failed, not say in a line what would be right; and a value may be Python's.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

MOST = 3e38  # float32's range


class Rule(NamedTuple):
    """A test, and the words for values that pass it."""

    test: Callable[[Any], bool]
    words: str


def is_number(v: Any, least: float = -MOST, most: float = MOST) -> bool:
    return isinstance(v, (int, float)) and not isinstance(v, bool) and least <= v <= most


def is_whole(v: Any, least: int = 1) -> bool:
    return isinstance(v, int) and not isinstance(v, bool) and least <= v < 2**31


def is_row(v: Any, test: Callable[[Any], bool]) -> bool:
    return isinstance(v, (list, tuple)) and all(map(test, v))


def is_range(v: Any, least: float, most: float = MOST) -> bool:
    """Whether v is (low, high)."""
    good = is_row(v, lambda i: is_number(i, least, most)) and len(v) == 2
    return good and v[0] <= v[1]


def one_of(*words: str) -> Rule:
    return Rule(lambda v: isinstance(v, str) and v in words, " or ".join(words))


def is_dict(v: Any, keys: Mapping[str, Rule], needed: str = "") -> bool:
    """Whether v is a dictionary of these keys, with those needed, each value by its rule."""
    good = isinstance(v, Mapping) and {*needed.split()} <= {*v} <= {*keys}
    return good and all(keys[key].test(value) for key, value in v.items())


SHARE = Rule(lambda v: is_number(v, 0) and v < 1, "a number in [0, 1)")
PART = Rule(lambda v: is_number(v, 0, 1), "a number in [0, 1]")
LEAST = 1e-38  # of float32
ABOVE = Rule(lambda v: is_number(v, LEAST), "a number above 0")
NOT_BELOW = Rule(lambda v: is_number(v, 0), "a number of at least 0")
NUMBER = Rule(is_number, "a number")
WHOLE = Rule(is_whole, "a whole number of at least 1")
COUNT = Rule(lambda v: is_whole(v, 0), "a whole number of at least 0")
FLAG = Rule(lambda v: isinstance(v, bool), "True or False")
SHARES = Rule(lambda v: is_row(v, SHARE.test), "a list of numbers in [0, 1)")
ROW = Rule(lambda v: is_row(v, ABOVE.test) and len(v) > 0, "a list of numbers above 0")
UNIT = one_of("steps", "epochs", "runs")
MONITORS = ("val_accuracy", "val_loss", "accuracy", "loss")

# {schedule: (what it needs, {option: rule})}; see training.recipes.schedules
FIRST = {"lr": ABOVE, "epochs": ABOVE, "steps": WHOLE}
SCHEDULES: dict[str, tuple[str, dict[str, Rule]]] = {
    "constant": ("", {}),
    "step": (
        "factor at unit",
        dict(factor=ABOVE, at=ROW, unit=UNIT)
        | {"first": Rule(lambda v: is_dict(v, FIRST, "lr") and len(v) == 2, "lr, epochs or steps")},
    ),
    "rates": ("each unit", dict(rates=ROW, shares=ROW, each=ROW, unit=UNIT)),
    "exponential": ("factor every unit", dict(factor=ABOVE, every=ABOVE, unit=UNIT)),
    "polynomial": ("power", dict(power=ABOVE)),
    "cosine": ("", dict(warmup=NOT_BELOW, unit=UNIT)),
    "plateau": (
        "factor",
        dict(factor=Rule(lambda v: SHARE.test(v) and v > 0, "a number in (0, 1)"), times=WHOLE)
        | dict(floor=SHARE, monitor=one_of(*MONITORS), patience=COUNT),
    ),
}
# {augmentation: {option: rule}}; see training.data.augment
AUGMENTATIONS: dict[str, dict[str, Rule]] = {
    "random_area_crop": {
        "area": Rule(lambda v: is_range(v, LEAST, 1), "(low, high) in (0, 1]"),
        "aspect": Rule(lambda v: is_range(v, LEAST), "(low, high) above 0"),
        "tries": WHOLE,
    },
    "scale_jitter": {"low": WHOLE, "high": WHOLE},
    "centre_crop": {"short": WHOLE},
    "pca_noise": {"scale": NOT_BELOW},
    "colour_jitter": dict.fromkeys(("brightness", "contrast", "saturation"), NOT_BELOW),
    "rand_augment": {"n": COUNT, "m": Rule(lambda v: is_number(v, 0, 10), "from 0 to 10")},
    "subtract_mean": {"per_pixel": FLAG},
    "standardise": {},
    "prepared": {
        "order": one_of("RGB", "BGR", "grey"),
        "scale": ABOVE,
        "mean": Rule(lambda v: is_row(v, is_number), "numbers, one for each channel"),
        "std": Rule(lambda v: is_row(v, lambda i: is_number(i, LEAST)), "numbers above 0"),
    },
    "affine": {"rotation": NOT_BELOW, "shear": NOT_BELOW, "zoom": NOT_BELOW, "shift": NOT_BELOW},
    "pad_crop": {"p": COUNT},
    "flip": {"chance": PART},
    "mixup": {"alpha": ABOVE},
    "cutmix": {"alpha": ABOVE},
}
# {initializer: {keyword: rule}}; see training.recipes.initial
NORMAL = {"mean": NUMBER, "stddev": ABOVE, "variance": ABOVE}
INITIALIZERS: dict[str, dict[str, Rule]] = {
    "FanInUniform": {"scale": ABOVE},
    "RandomNormal": NORMAL,
    "TruncatedNormal": NORMAL,
    "RandomUniform": {"minval": NUMBER, "maxval": NUMBER},
    "Orthogonal": {"gain": ABOVE},
    **{of + how: {} for of in ("Glorot", "He", "Lecun") for how in ("Uniform", "Normal")},
}


def is_schedule(v: Any) -> bool:
    if not isinstance(v, Mapping) or not one_of(*SCHEDULES).test(v.get("name")):
        return False
    needed, keys = SCHEDULES[v["name"]]
    if not is_dict({k: i for k, i in v.items() if k != "name"}, keys, needed):
        return False
    rates = [v[key] for key in ("rates", "shares") if key in v]
    return v["name"] != "rates" or (len(rates) == 1 and len(rates[0]) == len(v["each"]) + 1)


def is_initializer(v: Any) -> bool:
    if not isinstance(v, Mapping) or not one_of(*INITIALIZERS).test(v.get("name")):
        return False
    needed = "name scale" if v["name"] == "FanInUniform" else "name"
    return is_dict(v, {"name": one_of(v["name"])} | INITIALIZERS[v["name"]], needed)


def is_augmentation(v: Any) -> bool:
    pairs = list(v.items()) if isinstance(v, Mapping) else v
    return is_row(pairs, is_entry)


def is_entry(pair: Any) -> bool:
    """Whether pair is (name, options), as training.data.augment.plan takes them."""
    if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str)):
        return False
    keys = AUGMENTATIONS.get(pair[0])
    value = pair[1]
    if keys is None or value is None or isinstance(value, bool):
        return keys is not None
    return is_dict(value if isinstance(value, Mapping) else {next(iter(keys), ""): value}, keys)


def is_evaluation(v: Any) -> bool:
    side = Rule(lambda i: i is None or is_whole(i), "")
    keys = {"resize": side, "crop": side, "views": one_of("centre", "ten", "dense")}
    good = is_dict(v, keys, "resize crop views")
    return good and (v["resize"] is None or v["crop"] is None or v["resize"] >= v["crop"])


INITIALIZER = Rule(is_initializer, "")
INIT = {
    "kernel": INITIALIZER,
    "last": INITIALIZER,
    "ones": Rule(lambda v: is_row(v, lambda i: isinstance(i, str)), "names of layers"),
}
PROBABILITY = Rule(lambda v: is_number(v, LEAST, 1), "a probability in (0, 1]")
RULES: dict[str, Rule] = {  # of the fields; None leaves the recipe's
    "optimizer": one_of("SGD", "RMSprop", "Adam", "AdamW"),
    "momentum": SHARE,
    "nesterov": FLAG,
    "momentum_form": one_of("caffe", "torch"),
    "rho": SHARE,
    "epsilon": ABOVE,
    "clip": ABOVE,
    "lr": ABOVE,
    "lr_without_norm": ABOVE,
    "schedule": Rule(
        is_schedule,
        f"{{'name': one of {', '.join(SCHEDULES)}, ...}} with its own options"
        " (training/recipes/schedules.py lists them)",
    ),
    "batch_size": WHOLE,
    "epochs": WHOLE,
    "steps": WHOLE,
    "weight_decay": NOT_BELOW,
    "decays": one_of("kernels", "kernels_but_depthwise", "all"),
    "init": Rule(
        lambda v: is_dict(v, INIT, "kernel"),
        f"{{'kernel': {{'name': one of {', '.join(INITIALIZERS)}, ...}}}}, 'last' and 'ones' too",
    ),
    "dropout": SHARES,
    "label_smoothing": SHARE,
    "class_weights": one_of("balanced"),
    "aux_weights": Rule(lambda v: is_row(v, NOT_BELOW.test), "a list of numbers of at least 0"),
    "survival": PROBABILITY,
    "drop_path": SHARE,
    "ema": SHARE,
    "norm_momentum": SHARE,
    "kept": one_of("last", "best"),
    "head_first": Rule(
        lambda v: is_dict(v, {"share": SHARE, "rate": PROBABILITY}, "share rate"),
        "{'share': of the run, in [0, 1), 'rate': what the rate is multiplied with, in (0, 1]}",
    ),
    "augmentation": Rule(
        is_augmentation,
        "pairs of a name and its options, such as [('pad_crop', {'p': 4}), ('flip', {})]; names are"
        f" {', '.join(AUGMENTATIONS)}",
    ),
    "evaluation": Rule(
        is_evaluation,
        "{'resize': pixels or None, 'crop': pixels or None, 'views': 'centre', 'ten' or 'dense'},"
        " resize no less than crop",
    ),
}


def refuse_broken_rules(given: Mapping[str, Any]) -> None:
    """Raises ValueError for the first value of a field that breaks its rule."""
    for key, value in given.items():
        if not RULES[key].test(value):
            raise ValueError(f"{key}={value!r}: {key} must be {RULES[key].words}")


def pairs(augmentation: Mapping[str, Any] | Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The augmentation as pairs [name, {option: value}], without what is left out."""
    entries = augmentation.items() if isinstance(augmentation, Mapping) else augmentation
    chosen = [(name, value) for name, value in entries if value is not None and value is not False]
    return [[name, options(name, value)] for name, value in chosen]


def options(name: str, value: Any) -> dict[str, Any]:
    """Of True, none; of a value alone, it is the first option."""
    if isinstance(value, Mapping):
        return dict(value)
    return {} if value is True else {next(iter(AUGMENTATIONS[name])): value}
