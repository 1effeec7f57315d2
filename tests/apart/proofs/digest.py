"""digest(name): of all code that builds a network, without comments and docstrings."""

import ast
import hashlib
from functools import cache
from pathlib import Path

from convbook.architectures.catalog import ALIASES, FAMILIES

ROOT = Path(__file__).parents[3]
PACKAGE = "convbook."  # left out of all names here, which are those of the folders
ROOMS = "blocks", "architectures"
ALWAYS = ("architectures.catalog", "architectures.common", "architectures.graph.layer_names")


def path(module):
    """The file of one of our modules; None for a name within a module."""
    at = ROOT / module.replace(".", "/")
    found = [file for file in (at.with_suffix(".py"), at / "__init__.py") if file.exists()]
    return found[0] if found and module.split(".")[0] in ROOMS else None


@cache
def tree(module):
    return ast.parse(path(module).read_text(encoding="utf-8"))


def imports(module):
    """Our modules that a module imports."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from filter(path, (name.removeprefix(PACKAGE) for name in found))


def closure(module, known=()):
    """The set of a module and all our modules that it imports."""
    known = {*known, module}
    for other in imports(module):
        if other not in known:
            known |= closure(other, known)
    return known


def code(node):
    """A syntax tree as nested lists: no positions, no docstrings, the same in all of Python 3."""
    if isinstance(node, list):
        return [code(child) for child in node if not is_docstring(child)]
    if isinstance(node, ast.AST):
        fields = [(key, code(value)) for key, value in ast.iter_fields(node)]
        return [type(node).__name__, *(field for field in fields if field[1] not in (None, []))]
    return node.removeprefix(PACKAGE) if isinstance(node, str) else node


def is_docstring(node):
    """Whether a node is a string on its own."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def of_module(module):
    return hashlib.sha256(repr(code(tree(module))).encode()).hexdigest()


def digest(name):
    """Of the family's file, its imports from blocks/ and architectures/, and the catalog."""
    name = ALIASES.get(name, name)
    family = next(family.__name__ for family in FAMILIES if name in family.NETS)
    modules = sorted(closure(family.removeprefix(PACKAGE)).union(ALWAYS))
    lines = [f"{module} {of_module(module)}" for module in modules]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
