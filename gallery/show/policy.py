"""What is written into a block and what stays a call: all decisions in one place."""

import ast
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.library import Library, Own
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.values import Function, Run

BLOCKS = "convbook.blocks"
# Parameters that stay parameters: sizes, rates, and tensors.
SIZES = {"b", "c", "classes", "d", "f", "g", "hidden", "k", "r", "s", "steps", "units", "width"}
SIZES |= {"alpha", "beta", "codes", "growth", "rate", "scale", "size", "survival", "table", "tiles"}
SIZES |= {"x", "x1", "x2", "h", "h_prev", "branch", "n", "seen", "finer", "coarser"}
# Those that stay even if their default is None, which stands for an expression.
OPEN = {"f", "seed", "codes"}
# Helpers that are printed as they are and called by name.
HELPERS = {
    "conv_1x7_7x1",
    "digit_codes",
    "relu_conv",
    "se_block",
    "two_sepconvs",
    "rounded",
    "ws_conv",
}
# What stands here is called with x alone, by attention=: a text of its own, pasted beside it with
# other sizes, would change what that call leaves to the defaults, so it is written in.
ATTENTION = f"{BLOCKS}.attention"
# The values of helpers that only work around a backend's bug.
WORTH = {"same_mean": "same"}
# One that calls itself is written into a block only where this argument is known.
RECURSIVE = {"follow": "path", "dla_tree": "b"}


class Name(NamedTuple):
    """What an option's value may name in the library: the test of what is meant, and its words."""

    test: Callable[[Any], bool]
    words: str


def is_gate(meant: Any) -> bool:
    return isinstance(meant, Function) and "branch" in [p.name.value for p in meant.params.params]


def is_attention(meant: Any) -> bool:
    if not isinstance(meant, Function) or meant.found is None:
        return False
    return meant.found.module == ATTENTION or meant.name == "ese_block"


def needs(meant: Any) -> list[str] | None:
    """The arguments that a block of the library needs; None if it is no block."""
    if not isinstance(meant, Function) or meant.found is None:
        return None
    return [p.name.value for p in nodes.parameters(meant.node) if p.default is None]


def is_block(meant: Any) -> bool:
    """Whether it takes x, f and s."""
    known = [p.name.value for p in meant.params.params] if needs(meant) == ["x", "f"] else []
    return known == ["x", "f", "s"]


def is_root(meant: Any) -> bool:
    """Whether it takes x, f and seen=."""
    known = nodes.parameters(meant.node) if needs(meant) == ["x", "f"] else []
    return "seen" in [p.name.value for p in known]


NAMED = {
    "block": Name(is_block, "a block of the library that needs only x and f, such as basic_block"),
    "branch": Name(
        lambda meant: needs(meant) == ["x"],
        "a block of the library that needs only x, such as se_block; one that needs f is given it "
        "in Python, by partial",
    ),
    "root": Name(is_root, "a block of the library that takes x, f and seen, such as dla_root"),
    "attention": Name(is_attention, "an attention of the library, such as eca_block"),
    "gate": Name(is_gate, "a gate of the library, such as drop_path"),
    "n": Name(lambda meant: isinstance(meant, Mapping), "keywords of the library, such as BN"),
    "table": Name(
        lambda meant: isinstance(meant, tuple), "rows of maps, or a table of the library"
    ),
}


class Policy:
    """The decisions for a library."""

    def __init__(self, library: Library, blocks: str = BLOCKS):
        self.library, self.blocks = library, blocks
        self.letters, self.checks = f"{blocks}.layers", {f"{blocks}.checks"}

    def stays(self, func: Function, bound: Mapping[str, Any]) -> bool:
        """Whether a call of func stays a call in the text."""
        if func.found is None:
            return func.kept is not None
        if func.name in RECURSIVE:
            return isinstance(bound[RECURSIVE[func.name]], Run)
        if func.found.module == self.letters:
            return any(isinstance(value, Run) for value in bound.values())
        if func.name in HELPERS or is_registered(func.node):
            return True
        return self.is_one_text(func.found)

    def is_one_text(self, found: Own) -> bool:
        """Whether a block has a single text: a block with options has several under one name."""
        sizes = all(map(is_size, nodes.parameters(found.node)))
        return (
            found.module != ATTENTION and self.is_block(found) and (sizes or self.is_whole(found))
        )

    def is_whole(self, found: Own) -> bool:
        """Whether a block is printed with all its options, because other blocks set several."""
        return found.name in HELPERS

    def is_shared(self, found: Own) -> bool:
        """Whether the texts of other blocks contain this one too and call it by name."""
        return self.is_one_text(found) and found.name in self.called

    @cached_property
    def called(self) -> set[str]:
        """The names that the definitions of blocks read of others."""
        blocks = self.library.definitions(self.blocks)
        found = {self.library.find(self.blocks, name) for name in blocks}
        paths = {self.library.path(own.module) for own in found if isinstance(own, Own)}
        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths if path]
        return {
            name.id
            for definition in (node for tree in trees for node in tree.body)
            for name in ast.walk(definition)
            if isinstance(name, ast.Name) and name.id != getattr(definition, "name", "")
        }

    def is_block(self, found: Any) -> bool:
        """Whether a definition is one of the blocks that the library offers."""
        offered = found is not None and self.library.find(self.blocks, found.name) == found
        return offered and found.module != self.letters

    def is_cut(self, found: Own) -> bool:
        """Whether a definition is printed cut to a call, not as it is."""
        is_function = self.is_block(found) and isinstance(found.node, cst.FunctionDef)
        return is_function and not is_registered(found.node)

    def kind(self, found: Own) -> str:
        """What a definition is in a text: a constant, a letter, a layer or a block."""
        if isinstance(found.node, cst.SimpleStatementLine):
            return "constant"
        if found.module == self.letters:
            return "letter"
        return "block" if self.is_cut(found) else "layer"


def is_registered(node: Node) -> bool:
    return any("register" in nodes.code(d.decorator) for d in node.decorators)


def default_of(param: Node) -> str:
    """The source of a parameter's default; '' if it has none."""
    return nodes.code(param.default) if param.default else ""


def is_open(param: Node) -> bool:
    """Whether a parameter stays one although its default is None."""
    return param.name.value in OPEN and default_of(param) == "None"


def is_size(param: Node) -> bool:
    """Whether a parameter stays one in the text, if the call does not set it."""
    if param.default is None or is_open(param):
        return True
    if param.name.value in SIZES | OPEN:
        return default_of(param) not in ("None", "0.0")
    return isinstance(param.default, cst.Float) and default_of(param) != "0.0"


def is_optional(param: Node) -> bool:
    """Whether a parameter may be None but is not so by default: None is an option then."""
    hint = nodes.code(param.annotation.annotation) if param.annotation else ""
    return hint.endswith("| None") and default_of(param) != "None"
