"""Shared by all commands: a parser whose errors are one line, and types of options."""

import argparse
import ast
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

Command = Callable[[argparse.Namespace], int | None]  # takes its options, returns the exit code


MOST = 2**31 - 1  # a whole number of 32 bits
WORDS = {"true": True, "false": False, "none": None}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def integer(least: int, most: int = MOST) -> Callable[[str], int]:
    """The type of an option that is a whole number from least to most."""

    def parse(text: str) -> int:
        digits = text.isascii() and text.isdigit()
        if not (digits and len(text) < 20 and least <= int(text) <= most):
            right = f"a whole number from {least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is not {right}")
        return int(text)

    return parse


def number(text: str) -> float:
    """The type of an option that is a number above 0, which float32 can hold."""
    try:
        if 1e-38 < float(text) < 3e38:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and below 3e38")


def regex(text: str) -> str:
    """The type of an option that is a regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a regular expression: {error}"
        ) from error
    return text


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


def of_run(path: str) -> str:
    """The model.keras in a run's folder; any other path as it is.

    Raises ValueError for a folder without one.
    """
    inside = Path(path) / "model.keras"
    if os.path.isfile(inside):
        return str(inside)
    if os.path.isdir(path):
        right = "give the folder of a finished run, or a .keras file"
        raise ValueError(f"{path}: this folder has no model.keras; {right}")
    return path


def saved_model(path: str) -> str:
    """The type of an argument that is a model.keras: its path, if there is such a file."""
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{path}: there is no such file")
    return path
