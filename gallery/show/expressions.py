"""Expressions of the library cut to a call: known ones are evaluated, the rest is kept."""

import builtins
import importlib
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.library import Imported, Library, Own
from convbook.gallery.show.nodes import LOCAL, Node
from convbook.gallery.show.policy import Policy
from convbook.gallery.show.values import Frame, Function, Key, Run, Unknown, Written

LITERALS = cst.Integer, cst.SimpleString, cst.ConcatenatedString


class Expressions:
    """Evaluates expressions in frames; statements that must come before go to self.out."""

    def __init__(self, library: Library, policy: Policy, calls_stay: Collection[Key] = ()):
        self.library, self.policy = library, policy
        self.out: list[Node] = []
        self.temporary: set[str] = set()  # variables that need not stay, if they are read once
        self.hints: dict[str, dict[str, None]] = {}  # what variables may be called
        self.tops: dict[Any, Any] = {}  # what definitions of the library are worth
        self.constants: dict[int, Own] = {}  # of those that are constants, by the id of the value
        self.origins: dict[str, set[Any]] = {}  # where the names lead that stand in the text
        # Functions within functions, by their keys: those whose calls stay, those that the text
        # has, those that are written in where they are called.
        self.calls_stay = calls_stay
        self.lifted: set[Key] = set()
        self.inlined: set[Key] = set()
        self.verifies = False  # what the library checks of a call, as far as it is known
        self.made: Counter[int] = Counter()  # how often each is defined, by the id of its node

    def lift(self, value: Any, hint: str | None = None) -> Node:
        """The expression that a value is in the text; hint: what a function may be called."""
        raise NotImplementedError

    @contextmanager
    def apart(self) -> Iterator[list[Node]]:
        """A list that takes what is emitted, in place of self.out."""
        before, self.out = self.out, []
        try:
            yield self.out
        finally:
            self.out = before

    # Values in variables.

    def new(self, hint: str) -> str:
        """A variable of the text, which may come to be called hint."""
        return Frame("").variable(hint)

    def store(self, variable: str, value: Any) -> Run:
        """Emits variable = value; returns what the variable is worth."""
        self.out.append(nodes.assign([cst.Name(variable)], self.lift(value)))
        return Run(cst.Name(variable), some=is_some(value))

    def keep(self, value: Any, hint: str, temporary: bool = True) -> Any:
        """value, where it makes layers, in variables, to be read later and more than once."""
        if not has_effect(value):
            return value
        if isinstance(value, (list, tuple)):
            one = singular(hint)
            return type(value)(self.keep(v, f"{one}{i}") for i, v in enumerate(value, 1))
        if isinstance(value, dict):
            return {key: self.keep(v, str(key), temporary) for key, v in value.items()}
        variable = self.new(hint)
        self.temporary |= {variable} if temporary else set()
        return self.store(variable, value)

    def in_order(
        self, evaluations: Sequence[Callable[[], Any]], hints: Sequence[str] = ()
    ) -> list[Any]:
        """The values of evaluations, each of which may emit; layers stay in their order.

        What comes before a part that emits layers is kept in a variable.  hints: the names of such
        variables, which then all of them have.
        """
        found: list[Any] = []
        stirred, start = False, Frame.count
        for i, part in enumerate(evaluations):
            with self.apart() as before:
                value = part()
                stirs = not all(map(nodes.is_idle, before))
                if stirs and not hints and isinstance(value, Run) and value.written:
                    value = self.keep(value, thread(value), temporary=False)
            if stirs:
                found = self.kept_each(found, hints, temporary=not hints)
            stirred |= stirs
            self.out += before
            found.append(value)
            if hints and isinstance(value, Run) and value.is_newer(start):
                self.hints.setdefault(str(value.variable), {})[hints[i]] = None
        return self.kept_each(found, hints, temporary=False) if hints and stirred else found

    def kept_each(self, found: list[Any], hints: Sequence[str], temporary: bool) -> list[Any]:
        names = hints or [thread(value) for value in found]
        return [self.keep(v, name, temporary) for v, name in zip(found, names, strict=False)]

    # Expressions.

    def value(self, node: Node, frame: Frame) -> Any:
        """What an expression is worth in a frame."""
        special = getattr(self, f"on_{type(node).__name__}", None)
        if special:
            return special(node, frame)
        if isinstance(node, LITERALS):
            return nodes.literal(node)
        operands = nodes.operands(node)
        return self.result(node, operands, self.values(operands, frame))

    def values(self, operands: Sequence[Node], frame: Frame) -> list[Any]:
        return self.in_order([partial(self.value, part, frame) for part in operands])

    def result(self, node: Node, operands: Sequence[Node], values: Sequence[Any]) -> Any:
        """The result of an operation: now, if Python can compute it, else when the text runs."""
        try:
            return done(node, values)
        except Unknown:
            return self.left(node, operands, values)

    def left(self, node: Node, operands: Sequence[Node], values: Sequence[Any]) -> Run:
        """node for the text, with what its parts are worth."""
        new = {id(part): self.lift(v) for part, v in zip(operands, values, strict=True)}
        return Run(nodes.swapped(node, new), any(map(has_effect, values)))

    def on_Float(self, node: Node, frame: Frame) -> Any:
        return Written(node.value)

    def on_Lambda(self, node: Node, frame: Frame) -> Any:
        return Function(node, frame, "run")

    def on_Attribute(self, node: Node, frame: Frame) -> Any:
        value = self.value(node.value, frame)
        if isinstance(value, Run):
            return self.left(node, [node.value], [value])
        return getattr(value, node.attr.value)

    def on_BooleanOperation(self, node: Node, frame: Frame) -> Any:
        strong = isinstance(node.operator, cst.Or)
        left = self.value(node.left, frame)
        truth = known_truth(left)
        if truth is not None:
            return left if truth is strong else self.value(node.right, frame)
        right = self.value(node.right, frame)
        decides = known_truth(right)
        if decides is (not strong) and nodes.is_test(left.node):
            return left
        if decides is strong and nodes.is_test(left.node) and not left.effect:
            return right
        return self.left(node, [node.left, node.right], [left, right])

    def on_IfExp(self, node: Node, frame: Frame) -> Any:
        test = self.value(node.test, frame)
        truth = known_truth(test)
        if truth is None:
            return self.either(test, node, frame)
        return self.value(node.body if truth else node.orelse, frame)

    def either(self, test: Run, node: Node, frame: Frame) -> Any:
        """One of two values by a test that stays; a single value if both have the same text."""
        arms, start = [], Frame.count
        for part in (node.body, node.orelse):
            with self.apart() as before:
                value = self.value(part, frame)
                arms.append((value, self.lift(value), before))
        (one, first, before), (other, second, otherwise) = arms
        if len({nodes.numbered(map(nodes.code, [*b, v]), start) for _, v, b in arms}) == 1:
            self.out += before
            return one
        some = is_some(one) and is_some(other)
        if not before and not otherwise:
            new = {id(node.test): test.node, id(node.body): first, id(node.orelse): second}
            effect = any(map(has_effect, (test, one, other)))
            return Run(nodes.swapped(node, new), effect, some)
        variable = cst.Name(self.new(thread(one)))
        before.append(nodes.assign([variable], first))
        otherwise.append(nodes.assign([variable], second))
        self.out.append(nodes.if_else(test.node, before, otherwise))
        return Run(variable, some=some)

    # Names.

    def on_Name(self, node: Node, frame: Frame) -> Any:
        around: Frame | None = frame
        while around:
            if node.value in around.known:
                return around.known[node.value]
            around = around.around
        return self.top(frame.module, node.value)

    def top(self, module: str, name: str) -> Any:
        """What a name is worth at the top of a module."""
        found = self.library.find(module, name)
        if found is None:
            return getattr(builtins, name)
        if found not in self.tops:
            if isinstance(found, Imported):
                self.tops[found] = self.outside(found)
            else:
                self.tops[found] = self.defined(found)
        return self.tops[found]

    def origin(self, name: str, found: Any) -> Node:
        """The name, of which the text will need what was found."""
        self.origins.setdefault(name, set()).add(found)
        return cst.Name(name)

    def outside(self, found: Imported) -> Any:
        """A name of another package: the thing itself where that is Python's own library."""
        if found.module.split(".")[0] in sys.stdlib_module_names:
            module = importlib.import_module(found.module)
            return getattr(module, found.name) if found.name else module
        return Run(self.origin(found.name or found.module, found), some=True)

    def defined(self, found: Own) -> Any:
        """The library's definition of a name."""
        if isinstance(found.node, cst.FunctionDef):
            return Function(found.node, Frame(found.module), found.name, found)
        if isinstance(found.node, cst.ClassDef):
            return Run(self.origin(found.name, found), some=True)
        value = self.value(found.node.body[0].value, Frame(found.module))
        if not isinstance(value, (int, float, str, type(None))):
            self.constants[id(value)] = found
        return value

    # Displays and comprehensions.

    def display(self, node: Node, frame: Frame, kind: Callable[[list[Any]], Any]) -> Any:
        elements = [element.value for element in node.elements]
        values = self.values(elements, frame)
        found: list[Any] = []
        try:
            for element, value in zip(node.elements, values, strict=True):
                found += value if isinstance(element, cst.StarredElement) else [value]
            return kind(found)
        except Unknown:
            return self.left(node, elements, values)

    def on_Tuple(self, node: Node, frame: Frame) -> Any:
        return self.display(node, frame, tuple)

    def on_List(self, node: Node, frame: Frame) -> Any:
        return self.display(node, frame, list)

    def on_Set(self, node: Node, frame: Frame) -> Any:
        return self.display(node, frame, set)

    def on_Dict(self, node: Node, frame: Frame) -> Any:
        found: dict[Any, Any] = {}
        for element in node.elements:
            value = self.value(element.value, frame)
            if isinstance(element, cst.StarredDictElement):
                found |= value
            else:
                found[self.value(element.key, frame)] = value
        return found

    def on_ListComp(self, node: Node, frame: Frame) -> Any:
        turns = self.value(node.for_in.iter, frame)
        if isinstance(turns, Run):
            return self.comprehension(node, turns, frame)
        rows, target = self.frames_of_turns(node.for_in, turns, frame), node.for_in.target
        name = target.value if isinstance(target, cst.Name) else "m"
        hints = [f"{name}{i}" for i in range(1, len(rows) + 1)]
        return self.in_order([partial(self.value, node.elt, row) for row in rows], hints)

    on_GeneratorExp = on_ListComp

    def on_DictComp(self, node: Node, frame: Frame) -> Any:
        rows = self.frames_of_turns(node.for_in, self.value(node.for_in.iter, frame), frame)
        return {self.value(node.key, row): self.value(node.value, row) for row in rows}

    def frames_of_turns(self, clause: Node, turns: Any, frame: Frame) -> list[Frame]:
        """A frame for each turn of a comprehension."""
        found: list[Frame] = []
        for turn in turns:
            row = Frame(frame.module, frame)
            unpack(clause.target, turn, row.known)
            if all(self.value(each.test, row) for each in clause.ifs):
                inner = clause.inner_for_in
                found += (
                    self.frames_of_turns(inner, self.value(inner.iter, row), row)
                    if inner
                    else [row]
                )
        return found

    def comprehension(self, node: Node, turns: Run, frame: Frame) -> Run:
        """A comprehension that stays."""
        row, clause = Frame(frame.module, frame), node.for_in
        only_a_loop = NotImplementedError(f"to be cut it must be a loop: {nodes.code(node)}")
        if clause.inner_for_in:
            raise only_a_loop
        new = {id(clause.iter): turns.node, **own_targets(clause.target, row)}
        with self.apart() as before:
            for each in clause.ifs:
                new[id(each.test)] = self.lift(self.value(each.test, row))
            value = self.value(node.elt, row)
            new[id(node.elt)] = self.lift(value)
        if before:
            raise only_a_loop
        return Run(nodes.swapped(node, new), has_effect(value), some=True)


def done(node: Node, values: Sequence[Any]) -> Any:
    """What an operation gives for these operands; Unknown if that needs a run."""
    if isinstance(node, cst.Comparison):
        asked = any(isinstance(c.operator, (cst.Is, cst.IsNot)) for c in node.comparisons)
        if asked and any(isinstance(value, Run) and not value.some for value in values):
            raise Unknown
    return nodes.operation(node)(*values)


def unpack(target: Node, value: Any, known: dict[str, Any]) -> None:
    """Gives the names of a target their parts of a value."""
    if isinstance(target, cst.Name):
        known[target.value] = value
        return
    for element, part in zip(target.elements, nodes.dealt(target, value), strict=True):
        unpack(element.value, part, known)


def own_targets(target: Node, frame: Frame) -> dict[int, Node]:
    """The names of a target as variables of a frame, by the id of their nodes."""
    new = {}
    for name in nodes.name_nodes(target):
        new[id(name)] = name if name.value == "_" else cst.Name(frame.variable(name.value))
        frame.known[name.value] = Run(new[id(name)])
    return new


def singular(name: str) -> str:
    return f"{name[:-3]}f" if name.endswith("ves") else name.removesuffix("s")


def thread(value: Any) -> str:
    """A name for a value: that of the first variable that it is made from."""
    node = value.node if isinstance(value, Run) else nodes.NONE
    while isinstance(node, cst.IfExp) or (isinstance(node, cst.Call) and node.args):
        node = node.body if isinstance(node, cst.IfExp) else node.args[0].value
    found = (name.value for name in nodes.name_nodes(node) if LOCAL in name.value)
    return next(found, "m").split(LOCAL)[0]


def has_effect(value: Any) -> bool:
    """Whether a value, or one within it, may make a layer where it is written."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(map(has_effect, value))
    return isinstance(value, Run) and value.effect


def is_some(value: Any) -> bool:
    """Whether a value is known to be neither None nor 0, nor empty."""
    return known_truth(value) or False


def known_truth(value: Any) -> bool | None:
    """Whether a value is true; None if only a run can tell."""
    try:
        return bool(value)
    except Unknown:
        return None
