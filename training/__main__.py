"""Train a network of the cookbook on a set of images.

    python -m training resnet20 --data digits            about three minutes on two cores
    python -m training lenet5 --data digits --epochs 5 --out runs/quick

It leaves model.keras, history.csv, curves.png and result.json in the folder --out.
"""

import argparse
import ast
import math
import os
import sys

from training.recipes import recipe


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def whole(least, most=math.inf):
    """The type of an option that is a whole number from least to most."""

    def parse(text):
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            limit = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limit}")
        return int(text)

    return parse


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
    """The options of a run: those of the recipe, with what argv says in their places."""
    parser = Parser("python -m training", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("model", metavar="MODEL", help="a network: python -m architectures lists them")
    add("--data", default="digits", help="digits, the 1,797 of scikit-learn (the default)")
    add("--size", type=whole(1), help="pixels a side; default: the paper's, 64 at most")
    add("--seed", type=whole(0, 2**31 - 1), default=0)
    add("--epochs", type=whole(1))
    add("--batch-size", type=whole(1), metavar="IMAGES", help="of all devices together")
    add("--lr", type=number, help="the peak of the learning rate")
    add("--precision", default="float32", choices=("float32", "mixed_float16", "mixed_bfloat16"))
    add("--out", metavar="FOLDER", help="default: runs/MODEL-DATA")
    of_network = "of the network, such as survival=0.5 (see architectures.create); repeatable"
    add("--option", type=pair, action="append", default=[], metavar="NAME=VALUE", help=of_network)
    given = {k: v for k, v in vars(parser.parse_args(argv)).items() if v is not None}
    given["option"] = dict(given["option"])
    options = argparse.Namespace(size=None, lr=None, out=f"runs/{given['model']}-{given['data']}")
    vars(options).update(recipe(given["model"], given["data"]) | given)
    return parser, options


def main(argv=None):
    """Trains as argv says.  Returns 0; ends with exit code 2 and one line for what cannot be."""
    parser, options = parse(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # warnings, but not how it was built
    from training import report, trainer  # slow: TensorFlow; --help and errors need not wait for it

    try:
        if not options.out.strip():
            raise ValueError("--out is empty: name a folder")
        job = trainer.prepare(options)
        done = report.finished(options.out)
        if done is None:
            report.claim(options.out)
    except ValueError as error:
        parser.error(str(error))
    if done is None:
        done = trainer.train(job, options, options.out)
        print(f"{options.out}: model.keras, history.csv, curves.png, result.json")
    else:
        of = "{model} on {data}, seed {seed}".format(**done["options"])
        print(f"{options.out} holds a finished run ({of}): nothing to do; --out names another")
    print(f"test accuracy {done['test_accuracy']:.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
