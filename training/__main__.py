"""Train a network of the cookbook on a set of images, and see what it has learnt.

    python -m training resnet20 --data digits            about three minutes on two cores
    python -m training lenet5 --data digits --epochs 5 --out runs/quick
    python -m training recipes [NAME]                    how the papers trained
    python -m training evaluate MODEL.keras --data ...   see --help of each
    python -m training predict MODEL.keras IMAGE...
    python -m training compare OUT...

A run leaves model.keras, best.keras, history.csv, curves.png, result.json, checkpoints and
TensorBoard's logs in the folder --out; the same command goes on where a run was stopped.
"""

import argparse
import ast
import math
import os
import sys
from importlib import import_module

from convbook.training.options import Parser, whole

COMMANDS = {"evaluate": "evaluation", "predict": "predict", "compare": "compare"}


def number(text):
    """The type of an option that is a number above 0."""
    try:
        if 0 < float(text) < math.inf:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def pair(text):
    """The type of an option NAME=VALUE: the value as Python writes it, or text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def parse(argv):
    """(parser, options) of a run; what is None there is the recipe's, or the network's."""
    parser = Parser("python -m training", description=__doc__.split("\n")[0])
    parser.add_argument("model", metavar="MODEL", help="python -m architectures lists them")
    of_data(parser.add_argument_group("data").add_argument)
    of_recipe(parser.add_argument_group("recipe").add_argument)
    of_weights(parser.add_argument_group("weights").add_argument)
    of_devices(parser.add_argument_group("devices").add_argument)
    of_run(parser.add_argument_group("run").add_argument)
    options = parser.parse_args(argv)
    options.option, options.set = dict(options.option), dict(options.set)
    if options.out is None:
        options.out = f"runs/{options.model}-{options.data}".replace(":", "-")
        if "/" in options.data:
            parser.error(f"--data {options.data}: name a folder for the results with --out")
    if options.unfreeze and not options.freeze:
        parser.error(f"--unfreeze {options.unfreeze}: without --freeze nothing is frozen")
    if options.weights and options.init_from:
        parser.error("--weights and --init-from: give one of the two")
    return parser, options


def of_data(add):
    sources = "digits, mnist, fashion_mnist, cifar10, cifar100, folder:PATH, tfrecord:PATTERN"
    add("--data", default="digits", help=f"{sources} or tfds:NAME; default: digits")
    add("--size", type=whole(1), help="pixels a side; default: the paper's, less for small images")
    add("--skip-broken", action="store_true", help="leave out what cannot be read, and list it")
    add("--first-label", type=whole(0), help="of tfrecord: the label of the first class")


def of_recipe(add):
    add("--recipe", choices=("paper", "modern", "digits"), help="python -m training recipes")
    add("--epochs", type=whole(1))
    add("--steps", type=whole(1), help="in place of epochs")
    add("--batch-size", type=whole(1), metavar="IMAGES", help="of all devices together")
    add("--lr", type=number, help="the peak of the learning rate")
    add("--lr-scale", default="none", choices=("none", "linear", "sqrt"), help="with the batch")
    repeatable = dict(type=pair, action="append", default=[], metavar="NAME=VALUE")
    add("--set", **repeatable, help="a field of the recipe, such as weight_decay=0; repeatable")
    of_network = "of the network, such as survival=0.5 (see architectures.create); repeatable"
    add("--option", **repeatable, help=of_network)


def of_weights(add):
    add("--weights", metavar="W", help="imagenet, timm/NAME.TAG or a file; the head begins anew")
    add("--init-from", metavar="MODEL.keras", help="layers of the same names and shapes")
    add("--init-only", metavar="REGEX", help="with --init-from FILE: only layers whose names match")
    add("--freeze", metavar="STAGE", help="body, or a stage up to which nothing is trained")
    add("--unfreeze", type=whole(1), metavar="EPOCH", help="after so many epochs all is trained")


def of_devices(add):
    add("--precision", default="float32", choices=("float32", "mixed_float16", "mixed_bfloat16"))
    add("--accumulate", type=whole(1), default=1, metavar="PARTS", help="of a batch, one by one")
    add("--steps-per-execution", type=whole(1), default=1, metavar="STEPS")
    add("--jit", action="store_true", help="compile with XLA")
    add("--no-synchronize", dest="synchronize", action="store_false", help="batch norm by device")
    add("--workers", metavar="HOST:PORT,...", help="all machines, the chief first; with --index")
    add("--index", type=whole(0), help="which of the workers this is")
    add("--tpu", metavar="NAME", help="train on that TPU; local on a TPU's own machine")


def of_run(add):
    add("--seed", type=whole(0, 2**31 - 1), default=0)
    add("--deterministic", action="store_true", help="the same bits at every run, but slower")
    add("--patience", type=whole(1), metavar="EPOCHS", help="stop after so many without progress")
    add("--monitor", default="val_accuracy", help="what progress is; default: val_accuracy")
    add("--save-every", type=whole(1), metavar="STEPS", help="and at the end of each epoch")
    add("--keep", type=whole(1), default=2, metavar="N", help="checkpoints; default: 2")
    add("--log-every", type=whole(1), metavar="STEPS", help="a line for each so many steps")
    add("--no-tensorboard", dest="tensorboard", action="store_false")
    add("--out", metavar="FOLDER", help="default: runs/MODEL-DATA")


def main(argv=None):
    """Does as argv says.  Returns the exit code; ends with 2 and one line for what cannot be."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["recipes"]:
        return recipes(argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # warnings, but not how it was built
    if argv and argv[0] in COMMANDS:
        return import_module(f"convbook.training.{COMMANDS[argv[0]]}").main(argv[1:])
    parser, options = parse(argv)
    from convbook.training import (  # slow: TensorFlow; --help and errors need not wait for it
        cluster,
        run,
    )

    try:
        machines = cluster.find(options.workers, options.index)
        return run.run(options, machines)
    except ValueError as error:
        parser.error(str(error))


def recipes(argv):
    """Prints all recipes, or one, field by field."""
    from convbook.training.fields import describe, listing

    parser = Parser("python -m training recipes", description="How the papers trained.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a network, or a recipe")
    name = parser.parse_args(argv).name
    try:
        print("\n".join(describe(name) if name else listing()))
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
