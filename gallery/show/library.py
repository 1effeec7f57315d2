"""The library's source, read from its files: nothing of it is imported."""

import importlib.util
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import libcst as cst

from convbook.gallery.show.nodes import Node


class Own(NamedTuple):
    """A definition: a function, a class or a line at the top of a module."""

    module: str
    name: str
    node: Node


class Imported(NamedTuple):
    """What a module imports; no name stands for the whole other module."""

    module: str
    name: str | None


class Library:
    """The modules of packages, each package a folder of files."""

    def __init__(self, folders: Mapping[str, str | Path]):
        self.folders = {name: Path(folder) for name, folder in folders.items()}
        self.read: dict[str, dict[str, Own | Imported]] = {}

    @classmethod
    @cache
    def installed(cls) -> "Library":
        """convbook; to find its packages loads convbook alone, which loads neither of them."""
        folders = {}
        for name in ("convbook.blocks", "convbook.architectures"):
            spec = importlib.util.find_spec(name)
            if spec is None or spec.origin is None:
                raise ImportError(f"{name} is not installed as files")
            folders[name] = Path(spec.origin).parent
        return cls(folders)

    def path(self, module: str) -> Path | None:
        """The file of a module; None for one of another package."""
        for package, folder in self.folders.items():
            if module == package:
                return folder / "__init__.py"
            if module.startswith(f"{package}."):
                return folder / f"{module.removeprefix(f'{package}.').replace('.', '/')}.py"
        return None

    def definitions(self, module: str) -> dict[str, Own | Imported]:
        """{name: how a module of these packages comes by it}."""
        path = self.path(module)
        if path is None:
            raise ValueError(f"module={module!r}: no module of {', '.join(self.folders)}")
        if module not in self.read:
            tree = cst.parse_module(path.read_text(encoding="utf-8"))
            self.read[module] = dict(pair for node in tree.body for pair in defined(module, node))
        return self.read[module]

    def find(self, module: str, name: str) -> Own | Imported | None:
        """Where name in module leads: to a definition, or into another package."""
        found = self.definitions(module).get(name)
        while isinstance(found, Imported) and found.name and self.path(found.module):
            of = self.definitions(found.module).get(found.name)
            if of == found:  # a module of the package
                return None
            found = of
        return found


def defined(module: str, node: Node) -> Iterator[tuple[str, Own | Imported]]:
    """(name, how the module comes by it) for each name that a statement at its top gives it."""
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        yield node.name.value, Own(module, node.name.value, node)
    if not isinstance(node, cst.SimpleStatementLine):
        return
    for small in node.body:
        if isinstance(small, (cst.Import, cst.ImportFrom)):
            yield from imported(small)
        for target in small.targets if isinstance(small, cst.Assign) else ():
            if isinstance(target.target, cst.Name):
                yield target.target.value, Own(module, target.target.value, node)


def imported(small: Node) -> Iterator[tuple[str, Imported]]:
    source = dotted(small.module) if isinstance(small, cst.ImportFrom) else None
    for alias in small.names:
        name, known = dotted(alias.name), alias.evaluated_alias
        if source:
            yield known or name, Imported(source, name)
        elif known or "." not in name:
            yield known or name, Imported(name, None)


def dotted(node: Node) -> str:
    if isinstance(node, cst.Attribute):
        return f"{dotted(node.value)}.{node.attr.value}"
    return str(node.value)
