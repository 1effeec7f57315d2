"""What the commands have in common: a parser whose errors are one line, and types of options."""

import argparse
import ast
import math
from pathlib import Path


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise ValueError(message)


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


def saved_model(path):
    """The type of an argument that is a model.keras: its path, if there is such a file."""
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{path}: there is no such file")
    return path
