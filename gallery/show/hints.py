"""The type hints of a block, read from their source: what an option may be."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.library import Library, Own
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.statements import Statements
from convbook.gallery.show.values import Frame, Unknown

PAIRS = "Pair", "Amount", "Padding", "PoolPadding", "Around"


class Hint(NamedTuple):
    """A type hint in a module."""

    library: Library
    module: str
    node: Node

    def union_members(self) -> Iterator["Hint"]:
        """The parts of a union, names of types replaced by what they stand for."""
        if isinstance(self.node, cst.BinaryOperation):
            for side in (self.node.left, self.node.right):
                yield from self._replace(node=side).union_members()
            return
        named = isinstance(self.node, cst.Name) and self.library.find(self.module, self.node.value)
        if isinstance(named, Own) and isinstance(named.node, cst.SimpleStatementLine):
            meant: Node = named.node.body[0]
            yield from Hint(self.library, named.module, meant.value).union_members()
        else:
            yield self

    def listed(self) -> list[Any]:
        """The values that the hint lists: those of a Literal, of bool, and None."""
        found: list[Any] = []
        for part in self.union_members():
            source = nodes.code(part.node)
            if source == "None":
                found.append(None)
            elif source == "bool":
                found += [True, False]
            elif source.startswith("Literal["):
                found += [nodes.literal(each.slice.value) for each in part.node.slice]
        return found

    def is_pair(self) -> bool:
        """Whether it is a size or a padding along rows and columns: one number, or two."""
        return any(self.accepts_type(kind) for kind in PAIRS)

    def accepts_type(self, kind: str) -> bool:
        """Whether a type of blocks/types.py stands in it."""
        return any(nodes.code(part) == kind for part in nodes.expressions(self.node))

    def rule(self, cutter: Statements) -> Any:
        """(the function that tests a value, the words for what is right) of an Annotated type."""
        for each in self.node.slice if nodes.code(self.node).startswith("Annotated[") else ():
            call = each.slice.value
            if isinstance(call, cst.Call) and nodes.code(call.func) == "Rule":
                return [cutter.value(arg.value, Frame(self.module)) for arg in call.args]
        return None

    def refuse_value(self, name: str, value: Any, cutter: Statements) -> None:
        """Raises ValueError for a value that the hint does not allow, as the library does."""
        words: list[str] = []
        listed = self.listed()
        if value in listed:
            return
        for part in self.union_members():
            rule = part.rule(cutter)
            try:
                if rule is None or cutter.apply(rule[0], [value], {}):
                    if rule or not part.listed():
                        return
                else:
                    words.append(rule[1])
            except (Unknown, NotImplementedError):  # only Keras knows
                return
        right = " or ".join([*words, *map(repr, listed)])
        raise ValueError(f"{name}={value!r}: {name} must be {right}")


def hints(library: Library, found: Own) -> dict[str, Hint]:
    """{parameter or option: its type hint} of a block."""
    every = nodes.parameters(found.node)
    given = {p.name.value: p.annotation.annotation for p in every if p.annotation}
    own = {name: Hint(library, found.module, node) for name, node in given.items()}
    return own | dict(fields(library, found))


def fields(library: Library, found: Own) -> Iterator[tuple[str, Hint]]:
    """(name, its type hint) for each option that a block takes by **, as a TypedDict lists them."""
    star = found.node.params.star_kwarg
    if star is None:
        return
    of = library.find(found.module, nodes.code(star.annotation.annotation.slice[0].slice.value))
    if isinstance(of, Own):
        for statement in of.node.body.body:
            small = nodes.small(statement, cst.AnnAssign)
            if small:
                yield small.target.value, Hint(library, of.module, small.annotation.annotation)
