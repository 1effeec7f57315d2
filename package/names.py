"""The names of blocks and networks, known without importing Keras."""

import ast
import json
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def source(module):
    """The path of a module of ours, which is not imported."""
    return Path(find_spec(f"convbook.{module}").origin)


@cache
def kept(room, file):
    """What a JSON file of a package of ours holds."""
    return json.loads(source(room).with_name(file).read_text(encoding="utf-8"))


def facts():
    """architectures/facts.json: {network: what its paper and others say of it}."""
    return kept("architectures", "facts.json")


@cache
def blocks():
    """All that convbook.blocks offers: its __all__."""
    tree = ast.parse(source("blocks").read_text(encoding="utf-8"))
    assigned = (node for node in tree.body if isinstance(node, ast.Assign))
    return next(ast.literal_eval(n.value) for n in assigned if n.targets[0].id == "__all__")


def networks(aliases=True):
    """The names that architectures.create takes, as `make ledger` keeps them."""
    ledger = kept("gallery", "ledger.json")
    return [*ledger["ours"], *(ledger["aliases"] if aliases else ())]


def network(name):
    """The paper's name of a network.  Raises ValueError with the nearest names."""
    if name not in networks():
        raise ValueError(unknown(name, networks()))
    return kept("gallery", "ledger.json")["aliases"].get(name, name)


def unknown(name, names):
    """Words on a network that is not among names."""
    near = ", ".join(get_close_matches(str(name).lower(), names, 5, 0.5))
    return f"name={name!r}: there is no such architecture; nearest: {near or 'see names()'}"
