"""What the commands have in common: a parser whose errors are one line, and types of options."""

import argparse
import ast
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

Command = Callable[[argparse.Namespace], int | None]  # takes its options, returns the exit code


WORDS = {"true": True, "false": False, "none": None}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def whole(least: int, most: float = math.inf) -> Callable[[str], int]:
    """The type of an option that is a whole number from least to most."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            limit = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limit}")
        return int(text)

    return parse


def number(text: str) -> float:
    """The type of an option that is a number above 0."""
    try:
        if 0 < float(text) < math.inf:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def pair(text: str) -> tuple[str, Any]:
    """The type of an option NAME=VALUE: the value as Python writes it, true, false or none in small
    letters too, or text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, WORDS[value] if value in WORDS else ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def saved_model(path: str) -> str:
    """The type of an argument that is a model.keras: its path, if there is such a file."""
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{path}: there is no such file")
    return path
