"""The blocks of a network, each cut to what all the calls in the network have in common."""

from collections import namedtuple
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.call import Call
from convbook.gallery.show.library import Library, Own
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.policy import BLOCKS, RECURSIVE, Policy, is_size
from convbook.gallery.show.statements import Statements
from convbook.gallery.show.text import Part, Texts
from convbook.gallery.show.tidy import tidy
from convbook.gallery.show.values import Function, Key, Run, Unknown

ABSENT = object()
POLICY = {"shortcut": "B"}  # what residual blocks do by default
HELPERS = {"rounded"}  # of the papers' files: printed as they are and called by name


class Networks(Policy):
    """What stays a call in the body of a network: blocks, but none that take paths or functions."""

    def stays(self, func: Function, bound: Mapping[str, Any]) -> bool:
        if func.found and func.name in HELPERS:
            return any(isinstance(v, Run) for v in bound.values())
        return super().stays(func, bound)

    def is_called(self, func: Function) -> bool:
        starred = isinstance(func.params.star_arg, cst.Param)
        return self.is_block(func.found) and not starred and func.name not in RECURSIVE


def is_equal(one: Any, other: Any) -> bool:
    try:
        if isinstance(one, Function) and isinstance(other, Function):
            return one.found == other.found
        if isinstance(one, partial) and isinstance(other, partial):
            return is_equal(one.func, other.func)
        if isinstance(one, Run) or isinstance(other, Run):
            return False
        return one is other or (one is not None and bool(one == other))
    except Unknown:
        return False


def is_some(value: Any) -> bool:
    return value.some if isinstance(value, Run) else value is not None


class Words(Statements):
    """Carries out a cell, whose rows name no operations but the words of the network's table."""

    words: Collection[str] = ()

    def on_Comparison(self, node: Node, frame: Any) -> Any:
        operands = nodes.operands(node)
        values = self.values(operands, frame)
        one, other = values[0], values[-1]
        is_equal = isinstance(node.comparisons[0].operator, cst.Equal) and len(values) == 2
        if is_equal and isinstance(one, Run) and isinstance(other, str) and other not in self.words:
            return False
        return self.result(node, operands, values)


class Kept(Call):
    """A call of which some options stay parameters: stay is {option: whether it is never None}."""

    drops_unread = False  # a network's calls may say them

    def __init__(self, library: Library, policy: Policy, found: Own, cut: "Cut",
                 words: Collection[str], calls_stay: Collection[Key] = ()):  # fmt: skip
        given = {k: v for k, v in cut.fixed.items() if k != "gate"}
        super().__init__(library, policy, found, given, calls_stay)
        if any(p.name.value == "rows" for p in self.params):
            self.cutter = Words(library, policy, calls_stay)
            self.cutter.words = words
        self.stay = cut.stay
        if cut.fixed.get("gate"):
            survival = Run(cst.Name(self.frame.variable("survival")), some=True)
            self.given["gate"] = partial(
                self.cutter.top(BLOCKS, cut.fixed["gate"]), survival=survival
            )
        for name, some in self.stay.items():
            if name in self.fields:
                self.given[name] = Run(cst.Name(self.frame.variable(name)), some=some)

    def stays(self, param: Node) -> bool:
        return param.name.value in self.stay or super().stays(param)

    def worth(self, param: Node, stays: bool) -> Any:
        name = param.name.value
        if name in self.stay:
            return Run(self.variable(param), some=self.stay[name])
        return super().worth(param, stays)

    def signature(self, kept: list[Node]) -> Node:
        made = super().signature(kept)
        more = [name for name in self.stay if name in self.fields]
        more += ["survival"] if isinstance(self.given.get("gate"), partial) else []
        if not more:
            return made
        keywords = [cst.Param(cst.Name(self.frame.variable(name))) for name in more]
        star = made.star_arg if isinstance(made.star_arg, cst.Param) else cst.ParamStar()
        both = [*made.kwonly_params, *keywords]
        return made.with_changes(star_arg=star, kwonly_params=both)

    def title(self) -> list[Any]:
        given, self.given = self.given, {k: v for k, v in self.given.items() if k not in self.stay}
        if isinstance(given.get("gate"), partial):
            self.given["gate"] = given["gate"].func
        lines = super().title()
        self.given = given
        return lines


class Cut(namedtuple("Cut", "name fixed stay decided defaults")):
    """How a block is cut: its name in the text; what is fixed, what stays, what calls leave out."""

    def leaves_out(self, name: str, value: Any) -> bool:
        """Whether a call can leave it out."""
        if name in self.decided:
            return True
        default = self.defaults.get(name, ABSENT)
        return value is default or is_equal(value, default)


def cut_of(library: Library, policy: Policy, found: Own, calls: Sequence[Mapping[str, Any]]) -> Cut:
    """The cut of a block for all calls of it."""
    call = Call(library, policy, found, {})
    params = {p.name.value: p for p in nodes.parameters(found.node)}
    defaults = {k: call.cutter.value(p.default, call.frame) for k, p in params.items() if p.default}
    fixed: dict[str, Any] = {}
    stay: dict[str, bool] = {}
    decided: set[str] = set()
    for name in [*params, *call.fields]:
        values = [c.get(name) for c in calls]
        first: Any = values[0]
        same = all(v is first or is_equal(v, first) for v in values)
        same = same and not isinstance(first, Run)
        size = name in params and is_size(params[name])
        if name == "x":  # a tensor, also where a list of the network's holds it
            continue
        if (size and not same) or (size and first is not None):
            if not all(map(is_some, values)):
                stay[name] = False
        elif name == "n" and first is not None:
            fixed["n"] = "BN_TF" if same and first["momentum"] > 0.99 else "BN"
            defaults["n"] = call.cutter.top(BLOCKS, fixed["n"])
        elif not same:
            stay[name] = all(map(is_some, values))
        else:
            decided.add(name)
            default = POLICY.get(name) if name in call.fields else defaults.get(name)
            if not is_same(first, default):
                gate: Any = first.func if isinstance(first, partial) else None
                fixed[name] = gate.name if gate else first
    return Cut(found.name, fixed, stay, decided, defaults)


def is_same(one: Any, other: Any) -> bool:
    return one is other or is_equal(one, other)


def cut(texts: Texts, found: Own, of: Cut, words: Collection[str]) -> Part:
    """The part of a block with this cut."""
    make = partial(Kept, texts.library, texts.policy, found, of, words)
    call = make()
    function = call.function()
    both = call.cutter.lifted & call.cutter.inlined
    if both:
        call = make(both)
        function = call.function()
    function = tidy(function, call.cutter.temporary, call.cutter.hints)
    return texts.written(function, found, call.cutter.origins)
