"""The names of blocks, networks and data, known without importing Keras."""

import ast
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

KERAS_DATASETS = ("mnist", "fashion_mnist", "cifar10", "cifar100")
DATA_SOURCES = ("digits", *KERAS_DATASETS, "folder:PATH", "tfrecord:PATTERN", "tfds:NAME")


def source(module: str) -> Path:
    """The path of a module of ours, which is not imported."""
    spec = find_spec(f"convbook.{module}")
    if spec is None or spec.origin is None:
        said = f"convbook.{module} is not installed as a file, and its text is read from there"
        raise ImportError(f"{said}: install convbook with pip, not as a zip file")
    return Path(spec.origin)


@cache
def stored_json(room: str, file: str) -> dict[str, Any]:
    """The content of a JSON file of one of our packages."""
    return json.loads(source(room).with_name(file).read_text(encoding="utf-8"))


def all_facts() -> dict[str, Any]:
    """architectures/facts.json: {network: facts from its paper and other sources}."""
    return stored_json("architectures", "facts.json")


@cache
def blocks() -> list[str]:
    """All that convbook.blocks offers: its __all__."""
    tree = ast.parse(source("blocks").read_text(encoding="utf-8"))
    assigned = (node for node in tree.body if isinstance(node, ast.Assign))
    return next(ast.literal_eval(n.value) for n in assigned if names_of(n) == ["__all__"])


def names_of(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def networks(aliases: bool = True) -> list[str]:
    """The names that architectures.create takes, as `make ledger` keeps them."""
    ledger = stored_json("gallery", "ledger.json")
    return [*ledger["ours"], *(ledger["aliases"] if aliases else ())]


def network(name: str, file: str = "") -> str:
    """The paper's name of a network.  Raises ValueError with the nearest names.

    file: the files that the caller takes instead, for the message on the name of another file.
    """
    if name not in networks():
        path = Path(name).suffix[1:].isalpha() or os.sep in name
        also = f", and this is no {file}" if file and path else ""
        inside = os.path.join(name, "model.keras")
        also = f"; for the network of this run give {inside}" if os.path.isfile(inside) else also
        raise ValueError(unknown(name, networks(), also))
    return stored_json("gallery", "ledger.json")["aliases"].get(name, name)


class AtHand(str):
    """The name of a model that a program has made, and the model."""

    model: Any


def is_own(network: str) -> bool:
    """Whether a network is the user's own: AtHand, a .keras file, or FILE.py:FUNCTION.

    Raises ValueError if there is no such file, or no function is named.
    """
    if isinstance(network, AtHand):
        return True
    path, _, function = network.partition(":")
    if network.endswith(".keras"):
        path, function = network, "-"
    elif not path.endswith(".py"):
        return False
    if not Path(path).is_file():
        raise ValueError(f"{path}: there is no such file")
    if not function:
        raise ValueError(f"{network}: name the function that makes the network, {path}:build")
    return True


def unknown(name: str, names: Iterable[str], also: str = "") -> str:
    """Words on a network that is not among names; also: what else is wrong."""
    near = ", ".join(get_close_matches(str(name).lower(), names, 5, 0.5))
    hint = f"nearest: {near}" if near else "convbook nets lists all"
    return f"network={name!r}: there is no such network{also}; {hint}"


@contextmanager
def given_as(argument: str) -> Iterator[None]:
    """Within it, messages on --data name the argument that a command has in its place."""
    try:
        yield
    except ValueError as error:
        said = str(error)
        if not said.startswith("--data "):
            raise
        raise ValueError(argument + said.removeprefix("--data")) from error


def data_source(data: str, argument: str = "--data") -> tuple[str, str]:
    """(kind, what follows the colon) of --data.  Raises ValueError for none of DATA_SOURCES.

    argument: the name under which the message gives it.
    """
    kind, colon, rest = data.partition(":")
    if data in DATA_SOURCES and not colon:
        return kind, rest
    if rest and any(known.startswith(f"{kind}:") for known in DATA_SOURCES):
        return kind, rest
    hint = f"; for this folder give folder:{data}" if Path(data).is_dir() else ""
    right = f"one of {', '.join(DATA_SOURCES)}"
    raise ValueError(f"{argument} {data!r}: {argument} must be {right}{hint}")
