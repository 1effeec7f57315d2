"""Recipes: how the papers trained, as data.  recipes.json has the values, these files read them.

    convbook recipes             all recipes and their networks
    convbook recipes resnet50    one, field by field: value, tag, source, text as printed

recipes.fields explains recipes.json.  From it, `recipe` makes what a trainer needs:

    name, data         of the recipe, and the data set it was made for
    optimizer          {name: SGD, RMSprop, Adam or AdamW, kwargs: Keras' own}; see
                       recipes.optimizers
    momentum_form      caffe: the rate is inside the velocity; torch: outside
    lr                 peak learning rate, for batch_size
    lr_without_norm    what to put in its place for a network without batch norm; None: nothing
    schedule           {name, kwargs}; kwargs have their own unit; see recipes.schedules
    batch_size         images a step, of all devices together
    epochs, steps      the length of the run: one of them, the other is None
    planned            {epochs or steps: number}, the recipe's own length: schedules are stretched
                       by what the run is longer or shorter
    weight_decay       rate of w that is added to its gradient before the momentum; with AdamW the
                       rate of w, times lr, that is taken off w beside its step
    decays             what is decayed: kernels, kernels_but_depthwise or all
    init               None: the network's own; else see recipes.initial
    dropout            rates of the network's dropout layers, in order; the network has them by
                       itself; None: unchanged
    label_smoothing    share of the target that is spread evenly over all classes
    class_weights      balanced: what an image counts in the loss is inverse to how many its class
                       has, 1 on average; None: all alike
    aux_weights        a weight for the loss of each auxiliary head, from the input side
    survival           stochastic depth: probability that the last block runs; None: off
    drop_path          probability that the last block's path is dropped for a sample; None: off
    ema                factor of the moving average of the weights, a step; None: off
    norm_momentum      batch norm's, at most; None: the network's own
    kept               the weights that the run leaves: of the last epoch, or of the best
    head_first         {share of the run in which the head alone is trained, rate: times lr, after
                       it}; None: all is trained from the beginning
    augmentation       [(name, kwargs), ...] in order; see training.data.augment
    evaluation         {resize: pixels of the short side, crop: pixels, views: centre, ten or
                       dense}; both for images of `crop` pixels, to scale with other sizes; None:
                       the images as they are
    words              lines to print: where the run departs from the recipe
"""

import json
import math
from argparse import Namespace
from pathlib import Path
from typing import Any

from convbook import names
from convbook.training.recipes import rules
from convbook.training.recipes.fields import entries, family, fields, text_of

__all__ = [
    "KINDS",
    "OPTIONS",
    "asked",
    "assembled",
    "entry_of",
    "is_trained",
    "of_file",
    "recipe",
    "words",
]

SCALES = {"none": lambda ratio: 1.0, "linear": lambda ratio: ratio, "sqrt": math.sqrt}
KINDS = ("paper", "modern", "finetune", "digits")
# Options of the command line that replace the recipe's fields
OPTIONS = ("lr", "batch_size", "epochs", "steps", "class_weights")
CIFAR, GLYPHS = {"cifar10", "cifar100"}, {"digits", "mnist", "fashion_mnist"}


def entry_of(model: str, data: str, name: str | None = None, pretrained: bool = False) -> str:
    """The entry for a network, a data set and one of KINDS; None: the default for the data."""
    kind = data.partition(":")[0]
    own = {"digits": "digits", "folder": "finetune", "tfrecord": "finetune"}
    mine = names.is_own(model)
    name = name or own.get(kind, "modern" if mine else "paper")
    if name == "paper" and mine:
        right = "modern, finetune, digits or a FILE.json"
        raise ValueError(f"recipe='paper': {model} is your own and has no paper; give {right}")
    if name == "paper":
        return family(model)
    if name == "modern":
        small = "modern_glyphs" if data in GLYPHS else "modern_small"
        return small if data in CIFAR | GLYPHS else "modern"
    if name == "finetune":
        return "finetune" if pretrained else "finetune_scratch"
    if name == "digits":
        return name
    raise ValueError(f"recipe={name!r}: recipe must be one of {', '.join(KINDS)}")


def asked(options: Namespace) -> dict[str, Any]:
    """The recipe that a command line asks for, with the fields that it replaces.

    Fills in options.batch_size if a field gives it.  Raises ValueError.
    """
    for key, value in options.set.items():
        if key not in rules.RULES:
            raise ValueError(
                f"{key}={value!r}: a recipe has no such field; it has {', '.join(rules.RULES)}"
            )
    typed = {key: getattr(options, key) for key in OPTIONS}
    for key in {*OPTIONS} & {*options.set}:
        if typed[key] not in (None, options.set[key]):
            option = f"--{key.replace('_', '-')} {typed[key]}"
            raise ValueError(f"{option} and --set {key}={options.set[key]}: give one of the two")
    given = typed | options.set
    given = {key: value for key, value in given.items() if value is not None}
    own: dict[str, Any] = {}
    name = options.recipe
    if name and name.endswith(".json"):
        name, own = of_file(name)
        if {"epochs", "steps"} & {*given}:
            own = {key: value for key, value in own.items() if key not in ("epochs", "steps")}
    pretrained = bool(options.weights or options.init_from) or is_trained(options.model, name)
    arguments = options.model, options.data, name, options.lr_scale, pretrained
    found = recipe(*arguments, **own | given)
    options.batch_size = (own | given).get("batch_size")
    return found


def is_trained(model: str, name: str | None) -> bool:
    """Whether a user's own network is trained already: it is a file, or the recipe says so."""
    return model.endswith(".keras") or (isinstance(model, names.AtHand) and name == "finetune")


def of_file(path: str) -> tuple[str | None, dict[str, Any]]:
    """(the recipe it builds on, or None; its own fields) of a recipe in a JSON file.

    {"like": "modern", "lr": 0.01, "epochs": 30}: fields as of --set.  Raises ValueError.
    """
    try:
        own = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"--recipe {path}: cannot be read: {error}") from error
    known = ["like", *rules.RULES]
    if not isinstance(own, dict):
        raise ValueError(f"--recipe {path}: must be one object of fields, {{...}}")
    for key in {*own} - {*known}:
        raise ValueError(
            f"--recipe {path}: {key}: a recipe has no such field; it has {', '.join(known)}"
        )
    return own.pop("like", None), own


def recipe(model: str, data: str, name: str | None = None, lr_scale: str = "none",
           pretrained: bool = False, **overrides: Any) -> dict[str, Any]:  # fmt: skip
    """The recipe for a network and a data set, as a new dictionary (keys: see above).

    name: 'paper', the network's own; 'modern'; 'finetune', the default for one's own files, of
    which there are two, from scratch and from weights (pretrained); or 'digits'.  overrides:
    fields in the places of the recipe's, also epochs or steps; None leaves the recipe's.  lr_scale:
    what another batch_size does to the recipe's rate: none, linear or sqrt (of the ratio).

    Raises ValueError, naming the argument, for unknown or contradictory values.
    """
    chosen = entry_of(model, data, name, pretrained)
    given = {k: v for k, v in overrides.items() if v is not None}
    own = {k: v["value"] for k, v in fields(chosen).items()}
    planned = own.pop("length")
    refuse_unknown_fields(given, own, lr_scale)
    length: dict[str, Any] = {k: given.pop(k) for k in ("epochs", "steps") if k in given}
    values = own | given
    ratio = values["batch_size"] / own["batch_size"]
    if "lr" in given:
        values["lr_without_norm"] = given.get("lr_without_norm")
    else:
        for rate in ("lr", "lr_without_norm"):
            values[rate] = values[rate] and values[rate] * SCALES[lr_scale](ratio)
    made = dict(name=chosen, data=entries()[chosen]["data"]) | assembled(values, own["lr"])
    made |= {"epochs": None, "steps": None} | (length or planned) | {"planned": planned}
    made["words"] = words(made, own, given, length, lr_scale, data)
    return json.loads(json.dumps(made))  # shares nothing with the cached recipe


def refuse_unknown_fields(given: dict[str, Any], own: dict[str, Any], lr_scale: str) -> None:
    known = {*own, "epochs", "steps"}
    has = ", ".join(sorted(known))
    for key in given:
        if key not in known:
            raise ValueError(f"{key}={given[key]!r}: a recipe has no such field; it has {has}")
    if lr_scale not in SCALES:
        raise ValueError(f"lr_scale={lr_scale!r}: lr_scale must be one of {', '.join(SCALES)}")
    if "lr" in given and lr_scale != "none":
        raise ValueError(
            f"lr_scale={lr_scale!r}: lr_scale must be none, because lr={given['lr']} is given"
        )
    rules.refuse_broken_rules(given)
    optimizer, form = ((own | given)[key] for key in ("optimizer", "momentum_form"))
    if optimizer != "SGD" and form == "torch":
        raise ValueError(f"momentum_form={form!r}: momentum_form must be caffe with {optimizer}")
    if {"epochs", "steps"} <= set(given):
        both = f"epochs={given['epochs']}, steps={given['steps']}"
        raise ValueError(f"{both}: give one of the two")


def assembled(values: dict[str, Any], lr: float) -> dict[str, Any]:
    """Fields in the trainer's form; rates within a schedule become shares of lr."""
    v = dict(values)
    kwargs: dict[str, Any] = {
        k: v.pop(k) for k in ("momentum", "nesterov", "rho", "epsilon") if k in v
    }
    if v["optimizer"] != "SGD":
        kwargs.pop("nesterov", None)
    if (clip := v.pop("clip")) is not None:
        kwargs["global_clipnorm"] = clip
    v["augmentation"] = rules.pairs(v["augmentation"])
    schedule = dict(v["schedule"])
    if "rates" in schedule:
        rates = schedule.pop("rates")
        schedule["shares"] = [rate / rates[0] for rate in rates]
    if "first" in schedule:
        first = dict(schedule["first"])
        schedule["first"] = {"share": first.pop("lr") / lr} | first
    v["schedule"] = {"name": schedule.pop("name"), "kwargs": schedule}
    v["optimizer"] = {"name": v["optimizer"], "kwargs": kwargs}
    return v


def words(made: dict[str, Any], own: dict[str, Any], given: dict[str, Any], length: dict[str, Any],
          lr_scale: str, data: str) -> list[str]:  # fmt: skip
    """Where a run departs from its recipe, one line each."""
    lines, batch, lr = [], made["batch_size"], made["lr"]
    if batch != own["batch_size"]:
        why = "as given" if "lr" in given else f"--lr-scale {lr_scale}"
        rate = f"{lr:g} ({why}; the recipe's is {own['lr']:g})"
        if other := made["lr_without_norm"]:
            rate += f", {other:g} without batch norm"
        lines.append(f"batch size {batch} instead of {own['batch_size']}: learning rate {rate}")
    elif lr != own["lr"]:
        lines.append(f"learning rate {lr:g} instead of {own['lr']:g}")
    if length and length != made["planned"]:
        lines.append(
            f"{text_of(length)} instead of {text_of(made['planned'])}:"
            " the whole schedule is scaled by the same factor"
        )
    elif batch != own["batch_size"] and made["steps"]:
        lines.append(f"{made['steps']} steps as in the recipe: with such batches other epochs")
    if data in CIFAR | GLYPHS and made["data"] not in (data, "cifar10" if data in CIFAR else data):
        lines.append(f"the recipe {made['name']} was made for {made['data']}, not for {data}")
    return lines
