"""sample(n, seed): n mutants, in turn of each room, at most one of a function or table.

Their order is that of digests of the seed and the definition's name: a longer run begins with the
mutants of a shorter one, and a change elsewhere leaves them as they are.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import NamedTuple

from .operators import Mutant, changed_line, is_another, mutants

ROOT = Path(__file__).parents[3]
ROOMS = ("blocks", "architectures", "gallery/show", "training")


class Place(NamedTuple):
    """A mutant in a file of ours."""

    path: str
    mutant: Mutant

    @property
    def row(self) -> dict[str, str | int]:
        """What is kept of it, before it is tried."""
        before, after = changed_line(text(self.path), self.mutant.source())
        return {
            "path": self.path,
            "definition": self.mutant.definition,
            "operator": self.mutant.operator,
            "line": self.mutant.line,
            "before": before,
            "after": after,
            "code": hashlib.sha256(self.mutant.source().encode()).hexdigest()[:16],
        }


def sample(n: int, seed: int = 0) -> list[Place]:
    turns = chain.from_iterable(zip_longest(*(drawn(room, seed) for room in ROOMS)))
    return list(islice((place for place in turns if place), n))


def drawn(room: str, seed: int) -> Iterator[Place]:
    """A mutant of each definition of a room, in a random order."""
    places = [
        (path, definition)
        for file in sorted((ROOT / room).rglob("*.py"))
        for path in [file.relative_to(ROOT).as_posix()]
        for definition in definitions(text(path))
    ]
    for path, definition in sorted(places, key=lambda place: digest(seed, *place)):
        own = [mutant for mutant in of_file(path) if mutant.definition == definition]
        own.sort(key=lambda mutant: digest(seed, definition, mutant.operator, mutant.nth))
        yield from islice((Place(path, it) for it in own if is_another(text(path), it)), 1)


def definitions(source: str) -> list[str]:
    """The functions, Class.methods, classes and tables of a module, as mutants name them."""
    found = []
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef(name=name):
                found.append(name)
            case ast.ClassDef(name=name, body=body):
                methods = [child for child in body if isinstance(child, ast.FunctionDef)]
                found += [name, *(f"{name}.{method.name}" for method in methods)]
            case (
                ast.Assign(targets=[ast.Name(id=name), *_])
                | ast.AnnAssign(target=ast.Name(id=name))
            ):
                found.append(name)
    return list(dict.fromkeys(found))


def digest(*parts: object) -> str:
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()


@cache
def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def of_file(path: str) -> list[Mutant]:
    return mutants(text(path))
