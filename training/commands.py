"""The commands convbook check, train and recipes: options, and errors that need no TensorFlow."""

import json
import os
import re
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from convbook import names, terminal
from convbook.options import Command, Parser, integer, number, pair, regex
from convbook.training import preparation
from convbook.training.recipes.rules import MONITORS

Add = Callable[..., Any]  # the method add_argument of a group

EXAMPLES = """
    convbook train resnet20 --data digits                 about three minutes on two cores
    convbook train lenet5 --epochs 5 --out runs/quick
    convbook train resnet50 --data folder:photos --weights imagenet --freeze body

A run leaves model.keras, best.keras, deployed.keras, history.csv, curves.png, result.json,
checkpoints and TensorBoard's logs in the folder --out; the same command resumes an interrupted
run."""


PASSPORT = """
    convbook check photos                       a folder of images, one folder per class
    convbook check tfrecord:'records/*'         TFRecord files

Every image is decoded once, and the findings are kept, so that training starts at once.  The report
has classes, parts, counts, sizes and colours; images that their EXIF tag turns upright; what is
left out and why; equal images in two classes or parts; and classes with few images."""


def train(parser: Parser) -> Command:
    """convbook train: its arguments; returns what trains."""
    parser.description = f"{parser.description}\n{EXAMPLES}"
    own = "or your own: MODEL.keras, or FILE.py:FUNCTION, called with input_shape and classes"
    help = f"a network that convbook nets lists; {own}"
    parser.add_argument("model", metavar="NAME", help=help)
    for of in (of_data, of_recipe, of_weights, of_devices, of_run):
        of(parser.add_argument_group(of.__name__.removeprefix("of_")).add_argument)
    return run_train


def run_train(options: Namespace) -> int:
    """Trains; returns the exit code.  Raises ValueError for options that cannot work."""
    finished(options)
    names.is_own(options.model) or names.network(options.model, "MODEL.keras or FILE.py:FUNCTION")
    names.data_source(options.data)
    from convbook.training import recipes
    from convbook.training.devices import cluster

    recipes.asked(options)
    machines = cluster.find(options.workers, options.index)
    terminal.load_keras()
    from convbook.training.fit.run import run

    return run(options, machines)


def parse(argv: list[str]) -> Namespace:
    """The options of a run from a command line; what is None there is the recipe's, or the
    network's."""
    parser = Parser("convbook train", description="")
    train(parser)
    return finished(parser.parse_args(argv))


def asked(model: Any, data: Any, recipe: Any = None, **given: Any) -> Namespace:
    """The options of a run from a call of convbook.train, checked as those of a command line.

    Raises ValueError.
    """
    name: Any = model
    if not isinstance(model, (str, Path)):  # Keras numbers the models that have no name
        name = names.AtHand(re.sub(r"_\d+$", "", getattr(model, "name", "")))
    fields: dict[str, Any] = {}
    if isinstance(recipe, Mapping):
        fields = dict(recipe)
        recipe = fields.pop("like", None)
    given["set"] = fields | dict(given.get("set") or {})
    given |= {"data": data, "recipe": recipe}
    known = vars(parse([str(name)]))
    argv = [str(name)]
    for key, value in given.items():
        if key not in known or key == "model":
            has = ", ".join(key for key in known if key != "model")
            raise ValueError(f"{key}={value!r}: train has no such option; it has {has}")
        argv += typed(key, value, known[key])
    options = parse(argv)
    if isinstance(name, names.AtHand):
        name.model = model
        options.model = name
    return options


def typed(key: str, value: Any, default: Any) -> list[str]:
    """The pairs key=value of a command line, as values.  Raises ValueError."""
    dashed = key.replace("_", "-")
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{key}={value!r}: must be True or False")
        return [] if value == default else [f"--{dashed}" if value else f"--no-{dashed}"]
    if isinstance(default, dict):
        return [f"--{dashed}={name}={each!r}" for name, each in dict(value or {}).items()]
    return [] if value is None else [f"--{dashed}={value}"]


def finished(options: Namespace) -> Namespace:
    """The options, completed by those that follow from others.  Raises ValueError if they clash."""
    options.option, options.set = dict(options.option), dict(options.set)
    if options.out is None:
        model = Path(options.model).name.replace(".keras", "").replace(".py", "")
        options.out = f"runs/{model}-{options.data}".replace(":", "-")
        if "/" in options.data:
            raise ValueError(f"--data {options.data}: name a folder for the results with --out")
    if not options.out.strip():
        raise ValueError("--out is empty: name a folder")
    if options.unfreeze and not options.freeze:
        raise ValueError(
            f"--unfreeze {options.unfreeze}: give --freeze too; nothing is frozen without it"
        )
    if options.weights and options.init_from:
        raise ValueError("--weights and --init-from: give one of the two")
    if options.of and not options.weights:
        raise ValueError(f"--of {options.of}: give --weights too; --of names their library")
    if options.preparation and not options.weights:
        given = f"--preparation {options.preparation}"
        raise ValueError(
            f"{given}: give --weights too; without them the recipe prepares the images"
        )
    preparation.refuse_two_sources(options)
    if options.init_only is not None and not options.init_from:
        only = f"--init-only {options.init_only!r}"
        raise ValueError(f"{only}: give --init-from too, the file to load layers from")
    return options


def of_data(add: Add) -> None:
    sources = ", ".join(names.DATA_SOURCES)
    add("--data", default="digits", help=f"{sources}; default: digits")
    pixels = "pixels a side; default: the paper's, less for small images"
    add("--size", type=integer(1, 4096), help=pixels)
    add(
        "--skip-broken",
        action="store_true",
        help="leave out files that cannot be read, and list them",
    )
    add("--first-label", type=integer(0), help="with tfrecord: the label of the first class")


def of_recipe(add: Add) -> None:
    kinds = "paper, modern, finetune, digits or a FILE.json of fields"
    default = "default: digits for digits, finetune for folder: and tfrecord:, else paper"
    add("--recipe", metavar="R", help=f"{kinds}; {default}")
    add("--epochs", type=integer(1), help="passes over the images; default: the recipe's")
    add("--steps", type=integer(1), help="length in steps, instead of --epochs")
    add("--batch-size", type=integer(1), metavar="IMAGES", help="per step, on all devices together")
    add("--lr", type=number, help="peak learning rate")
    alike = "balanced: rare classes count as much as frequent ones"
    add("--class-weights", choices=("balanced",), help=alike)
    add(
        "--lr-scale",
        default="none",
        choices=("none", "linear", "sqrt"),
        help="scale the rate with the batch",
    )
    repeatable = dict(type=pair, action="append", default=[], metavar="NAME=VALUE")
    add("--set", **repeatable, help="a field of the recipe, such as weight_decay=0; repeatable")
    of_network = (
        "an option of the network, such as survival=0.5 (see architectures.create); repeatable"
    )
    add("--option", **repeatable, help=of_network)


def of_weights(add: Add) -> None:
    add(
        "--weights",
        metavar="W",
        help="start from imagenet, timm/NAME.TAG or a file; the head starts from scratch",
    )
    of = "where the weights are from, as torchvision/resnet50; sets the options they need; or own"
    add("--of", metavar="LIBRARY/NAME", help=of)
    preparation.add_to(add)
    add("--init-from", metavar="MODEL.keras", help="load layers with the same names and shapes")
    only = "with --init-from: load only layers whose names match"
    add("--init-only", type=regex, metavar="REGEX", help=only)
    add("--freeze", metavar="STAGE", help="freeze the body, or all up to this stage")
    add(
        "--unfreeze",
        type=integer(1),
        metavar="EPOCH",
        help="train all layers after this many epochs",
    )


def of_devices(add: Add) -> None:
    kinds = "float32", "mixed_float16", "mixed_bfloat16"
    add("--precision", default="float32", choices=kinds, help="default: float32")
    add(
        "--accumulate",
        type=integer(1),
        default=1,
        metavar="PARTS",
        help="split each batch into this many parts",
    )
    together = "run this many steps in one call of TensorFlow; default: 1"
    add("--steps-per-execution", type=integer(1), default=1, metavar="STEPS", help=together)
    add("--jit", action="store_true", help="compile with XLA")
    add(
        "--no-synchronize",
        dest="synchronize",
        action="store_false",
        help="separate batch norm on each device",
    )
    add("--workers", metavar="HOST:PORT,...", help="all machines, chief first; needs --index")
    add("--index", type=integer(0), help="this worker's place in --workers, from 0")
    add("--tpu", metavar="NAME", help="train on this TPU; local on its own machine")


def of_run(add: Add) -> None:
    add("--seed", type=integer(0), default=0, help="of all random draws; default: 0")
    add("--deterministic", action="store_true", help="bit-identical in every run, but slower")
    add("--patience", type=integer(1), metavar="EPOCHS", help="stop after so many without progress")
    progress = "the metric of --patience; default: val_accuracy"
    add("--monitor", default="val_accuracy", choices=MONITORS, help=progress)
    add(
        "--save-every",
        type=integer(1),
        metavar="STEPS",
        help="save this often, and after each epoch",
    )
    add("--keep", type=integer(1), default=2, metavar="N", help="checkpoints to keep; default: 2")
    add("--log-every", type=integer(1), metavar="STEPS", help="print a line every so many steps")
    add("--no-tensorboard", dest="tensorboard", action="store_false", help="no logs for it")
    add("--out", metavar="FOLDER", help="for the results; default: runs/MODEL-DATA")


def check(parser: Parser) -> Command:
    """convbook check: its arguments; returns what prints the passport of a data set."""
    parser.description = f"{parser.description}\n{PASSPORT}"
    add = parser.add_argument
    add("data", metavar="DATA", help=f"{', '.join(names.DATA_SOURCES)}, or the path of a folder")
    add(
        "--skip-broken",
        action="store_true",
        help="check all files, and list those that cannot be used",
    )
    add(
        "--first-label",
        type=integer(0),
        metavar="N",
        help="with tfrecord: the label of the first class",
    )
    add("--out", metavar="FILE.json", help="write the full report, with every file left out")
    return checked


def checked(options: Namespace) -> None:
    """Prints a passport, and writes it to a file if asked.  Raises ValueError for bad options."""
    data, path = options.data, Path(options.data)
    if data and path.is_dir() and ":" not in data:
        data = f"folder:{data}"
    elif os.sep in data and ":" not in data:
        raise ValueError(f"DATA {data!r}: there is no folder {data}")
    elif not data:
        raise ValueError("DATA '': name a folder, or one of " + ", ".join(names.DATA_SOURCES))
    names.data_source(data, "DATA")
    refuse_place(options.out)
    terminal.load_keras()
    from convbook.training.data import load_data, summary

    with names.given_as("DATA"):
        passport = summary.passport(load_data(data, 8, 3, options.skip_broken, options.first_label))
    if options.out:
        try:
            Path(options.out).write_text(json.dumps(passport, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ValueError(f"--out {options.out}: cannot be written: {error.strerror}") from error
    print("\n".join([data, *summary.describe(passport)]))


def refuse_place(out: str | None) -> None:
    """Raises ValueError, before an image is read, if no file can be written there."""
    if out is None:
        return
    path = Path(out)
    if not out or path.is_dir():
        raise ValueError(f"--out {out!r}: give the name of a file, such as report.json")
    if not path.parent.is_dir():
        raise ValueError(f"--out {out}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"--out {out}: no permission to write it")


def recipes(parser: Parser) -> Command:
    """convbook recipes: its argument; returns what prints all recipes, or one field by field."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a network, or a recipe")

    def print_recipes(options: Namespace) -> None:
        from convbook.training.recipes.fields import describe, listing

        print("\n".join(describe(options.name) if options.name else listing()))

    return print_recipes
