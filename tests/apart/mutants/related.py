"""Which tests concern a mutant, the nearest first: by names and imports, no table by hand."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from .sample import ROOT, Place, text

MOST = 5  # files of each tier
CASES = "tests/support/cases.py"
APART = "tests/apart/"  # runs by itself
SEARCHED = ("", "tests/support", "tests/apart", "tests/networks", "tests/project")  # by pytest
COMMON = 12  # files of tests that have a word, beyond which it says little: size, text
FAR = 99  # imports, where none lead there: a command line starts another process


class Test(NamedTuple):
    """A function that pytest collects tests from."""

    file: str
    name: str
    text: str  # with its parameters


def tiers(place: Place) -> Iterator[list[Test]]:
    """Three lists of tests: those that name what was changed, those that import its module or name
    it, and those of whatever imports that."""
    own, stem = words(place), stem_of(place)
    found: list[dict[str, list[Test]]] = [{}, {}, {}]
    for file in sorted(all_tests(), key=lambda file: nearness(file, place, own)):
        far, table = distance(file, place.path), in_its_table(file, place.path, own)
        for test in all_tests()[file]:
            named = bool(own & names_in(text(file) if table else test.text))
            near = far == 1 or table or re.search(rf"(\b|_){stem}", test.text)
            if named or near or far is not None:
                tier = 0 if named and near else 1 if named or near else 2
                found[tier].setdefault(file, []).append(test)
    for tier in found:
        yield [test for file in list(tier)[:MOST] for test in tier[file]]


def nearness(file: str, place: Place, own: set[str]) -> tuple[bool, int, int, int]:
    """First the tests whose table of cases has it, then by imports, then by how many name it; the
    shorter file first."""
    far, table = distance(file, place.path), in_its_table(file, place.path, own)
    times = sum(bool(own & names_in(test.text)) for test in all_tests()[file])
    return not table, FAR if far is None else far, 0 if table else -times, len(text(file))


def in_its_table(file: str, path: str, own: set[str]) -> bool:
    """Whether a file of tests takes its cases from a table, and these name what changed; or from
    the table of all modules of a kind, as NETS of the catalog is."""
    if CASES in imports(file) and own & names_in(text(CASES)):
        return True
    gathered = any(path in chosen_by_name(table) for table in imports(file))
    return gathered and bool(own & names_in(text(file)))


@cache
def names_in(source: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", source))


@cache
def all_tests() -> dict[str, list[Test]]:
    """{file: its tests}."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT).as_posix()
        if file.startswith(APART):
            continue
        nodes = [n for n in ast.parse(text(file)).body if isinstance(n, ast.FunctionDef)]
        lines = text(file).splitlines()
        found[file] = [
            Test(file, node.name, "\n".join(lines[first(node) - 1 : node.end_lineno]))
            for node in nodes
            if node.name.startswith("test_")
        ]
    return found


def first(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def stem_of(place: Place) -> str:
    path = Path(place.path)
    return path.parent.name if path.stem == "__init__" else path.stem


def words(place: Place) -> set[str]:
    """The name of what was changed, and of all in its module that refers to it; without common
    words, if there are others."""
    name = place.mutant.definition.split(".")[-1]
    outer = place.mutant.definition.split(".")[0]
    found = {name, outer} if not name.startswith("__") else {outer}
    tree = ast.parse(text(place.path))
    kinds = ast.FunctionDef | ast.ClassDef | ast.Assign
    tops = [top for top in tree.body if isinstance(top, kinds)]
    for _ in tops:
        users = set().union(*(called(top) for top in tops if names(top) & found))
        if users <= found:
            break
        found |= users
    return {word for word in found if how_common(word) <= COMMON} or found


@cache
def how_common(word: str) -> int:
    """How many files of tests have a word."""
    return sum(word in names_in(text(file)) for file in all_tests())


def names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def called(top: Any) -> set[str]:
    """What a definition gives a name to."""
    if isinstance(top, ast.Assign):
        return set().union(*map(names, top.targets))
    return {top.name}


@cache
def distance(start: str, end: str) -> int | None:
    """How many imports lead from one file to another; None where none do."""
    seen, front, steps = {start}, {start}, 0
    while front:
        if end in front:
            return steps
        front = {there for here in front for there in imports(here)} - seen
        seen |= front
        steps += 1
    return None


@cache
def imports(path: str) -> frozenset[str]:
    """The files of ours that a file imports; a package's own file counts where it is named."""
    found = set()
    for node in ast.walk(ast.parse(text(path))):
        match node:
            case ast.Import(names=aliases):
                dotted = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                dotted = [f"{module}.{alias.name}" for alias in aliases]
            case _:
                continue
        found |= {file for name in dotted if (file := file_of(name, path))}
    return frozenset(found) | chosen_by_name(path)


@cache
def chosen_by_name(path: str) -> frozenset[str]:
    """The files of the packages of ours whose modules a file imports by name, f"package.{name}"."""
    packages = re.findall(r"import_module\(f\"convbook\.(\w+)\.\{", text(path))
    return frozenset(
        file.relative_to(ROOT).as_posix()
        for package in packages
        for file in (ROOT / package).glob("*.py")
    )


@cache
def file_of(name: str, importer: str) -> str | None:
    """The file of a dotted name, or of the module that has it, if it is ours."""
    parts = name.split(".")
    if parts[0] == "convbook":
        parts = parts[1:] if len(parts) > 2 else [*parts[1:], "__init__"]
        at = ROOT / "notebooks" if parts[0] == "beside" else ROOT
        at = at if (at / parts[0]).is_dir() else ROOT / "package"
    else:
        at = None
    roots = [at] if at else [ROOT / folder for folder in SEARCHED]
    for root, end in product(roots, (len(parts), len(parts) - 1)):
        base = root.joinpath(*parts[:end])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if end and file.is_file():
                return file.relative_to(ROOT).as_posix()
    return None
