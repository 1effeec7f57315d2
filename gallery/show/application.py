"""Calls in the library, cut to a call: evaluated now, kept, or replaced by the function's body."""

from collections.abc import Collection
from functools import partial
from typing import Any

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.expressions import Expressions, has_effect, known_truth, singular
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.policy import RECURSIVE, WORTH
from convbook.gallery.show.values import Frame, Function, Run, Unknown

ASKS = isinstance, hasattr, getattr, callable, type, round  # these would ask a Run about itself
NONE: dict[Any, Any] = {}
LAZY: tuple[type[Any], ...] = (
    *(zip, enumerate, reversed, range),
    *(type(of) for of in (NONE.keys(), NONE.values(), NONE.items())),
)
ORDER = "kspdgna"  # of a call's keywords, from two places
Keywords = dict[str, Any]


class Application(Expressions):
    """Evaluates calls."""

    def run(self, node: Node, frame: Frame) -> Any:
        """The value of a call of a function, in its own frame."""
        raise NotImplementedError

    def on_Call(self, node: Node, frame: Frame, tail: bool = False) -> Any:
        """tail: it is all that a return of the text returns."""
        func = self.value(node.func, frame)
        if isinstance(func, Function) and func.frame.module in self.policy.checks:
            if self.verifies and frame.emits and not frame.depth:
                self.verify(node, frame)
            return None
        values = self.values([arg.value for arg in node.args], frame)
        if isinstance(getattr(func, "__self__", None), list):  # append and the like
            hint = singular(nodes.code(node.func.value))
            values = [self.keep(value, hint) for value in values]
        positional: list[Any] = []
        keywords: Keywords = {}
        for arg, value in zip(node.args, values, strict=True):
            if arg.star == "**":
                keywords |= value
            elif arg.keyword:
                keywords[arg.keyword.value] = value
            else:
                positional += value if arg.star else [value]
        literal = {a.keyword.value for a in node.args if a.keyword and nodes.is_literal(a.value)}
        return self.apply(func, positional, keywords, literal, tail)

    def verify(self, node: Node, frame: Frame) -> None:
        """Raises ValueError, as the library does, for a check that is known to fail."""
        with self.apart():
            try:
                if known_truth(self.value(node.args[0].value, frame)) is not False:
                    return
                said = {arg.keyword.value: self.value(arg.value, frame) for arg in node.args[1:]}
                right = said.pop("right")
                ((name, value),) = said.items()
                text = f"{name}={value!r}: {name} must be {right}"
            except (Unknown, NotImplementedError):  # only a run knows
                return
        raise ValueError(text)

    def apply(
        self,
        func: Any,
        positional: list[Any],
        keywords: Keywords,
        literal: Collection[str] = (),
        tail: bool = False,
    ) -> Any:
        """The value of a call.  literal: the keywords whose values the source spells out."""
        if isinstance(func, partial):
            keywords = dict(sorted({**func.keywords, **keywords}.items(), key=place))
            return self.apply(func.func, [*func.args, *positional], keywords, literal, tail)
        if isinstance(func, Function):
            if func.found and func.name in WORTH:
                return WORTH[func.name]
            bound = self.bound(func, positional, keywords)
            if not self.policy.stays(func, bound):
                return self.inline(func, bound, tail)
            if not self.policy.is_block(func.found):
                keywords = self.telling(func, keywords, literal)
            elif func.name in RECURSIVE:  # of itself, whose text has no options that are decided
                keywords = {k: v for k, v in keywords.items() if isinstance(v, (Run, list))}
            return self.kept_call(func, positional, keywords, effect=True)
        if isinstance(func, Run):
            return self.kept_call(func, positional, keywords, effect=not nodes.is_pure(func.node))
        try:
            return now(func, positional, keywords)
        except Unknown:
            return self.kept_call(Run(cst.Name(func.__name__)), positional, keywords, effect=False)

    def kept_call(self, func: Any, positional: list[Any], keywords: Keywords, effect: bool) -> Run:
        """A call that stays."""
        params = func.params.params if isinstance(func, Function) else []
        names = [p.name.value for p in params] + [None] * len(positional)
        args = [self.lift(v, name) for v, name in zip(positional, names, strict=False)]
        named = [(key, self.lift(v, key)) for key, v in keywords.items()]
        effect = effect or has_effect([*positional, *keywords.values()])
        return Run(nodes.call(self.lift(func), args, named), effect, some=effect)

    def bound(self, func: Function, positional: list[Any], keywords: Keywords) -> dict[str, Any]:
        """{parameter: value} of a call; parameters that are not given have their defaults."""
        params = func.params
        own = [p.name.value for p in params.params]
        every = {p.name.value: p for p in nodes.parameters(func.node)}
        given = dict(zip(own, positional, strict=False))
        given |= {k: v for k, v in keywords.items() if k in every}
        rest = {k: v for k, v in keywords.items() if k not in every}
        for name, p in every.items():
            if name not in given and p.default:
                given[name] = self.value(p.default, func.frame)
        if isinstance(params.star_arg, cst.Param):
            given[params.star_arg.name.value] = tuple(positional[len(own) :])
        if params.star_kwarg:
            given[params.star_kwarg.name.value] = rest
        elif rest or set(every) - set(given):
            wrong = ", ".join(rest or set(every) - set(given))
            raise TypeError(f"{func.name} is called with or without {wrong}")
        return given

    def telling(self, func: Function, keywords: Keywords, literal: Collection[str]) -> Keywords:
        """The keywords of a call that differ from the defaults.

        A kernel and a stride of more than 1 always stay.
        """
        params = {p.name.value: p for p in nodes.parameters(func.node)}
        kept = {}
        for key, value in keywords.items():
            default = key in params and params[key].default
            said = key in literal or key == "k" or (key == "s" and not same(value, 1))
            if said or not default or not same(value, self.value(default, func.frame)):
                kept[key] = value
        return kept

    def inline(self, func: Function, bound: dict[str, Any], tail: bool = False) -> Any:
        """What a call is worth; what the function does before is emitted."""
        frame = Frame(func.frame.module, func.frame, emits=tail)
        frame.helps, frame.once = func.found is not None, nodes.once(func.node)
        again = nodes.assigned(func.node)
        for name, value in bound.items():
            frame.known[name] = self.given(frame, name, value, name in again)
        self.inlined.add(func.key)
        start = len(self.out)
        if isinstance(func.node, cst.Lambda):
            value = self.value(func.node.body, frame)
        else:
            value = self.run(func.node, frame)
        if isinstance(value, Run):
            value = Run(value.node, value.effect, value.some)
            value.written = not all(map(nodes.is_idle, self.out[start:]))
        return value

    def given(self, frame: Frame, name: str, value: Any, again: bool) -> Any:
        """What a parameter is worth within; again: the body sets it, so it is a variable."""
        if not isinstance(value, Run):
            return self.keep(value, name)
        if value.steady or (value.variable and not again):
            return value
        variable = frame.variable(name)
        self.temporary |= set() if value.variable else {variable}
        return self.store(variable, value)


def now(func: Any, positional: list[Any], keywords: Keywords) -> Any:
    """A call of something of Python's own, done now; Unknown if that needs a run."""
    if func in ASKS and isinstance(positional[0], Run):
        raise Unknown
    value = func(*positional, **keywords)
    return list(value) if isinstance(value, LAZY) else value


def place(item: tuple[str, Any]) -> int:
    return ORDER.index(item[0]) if item[0] in ORDER else len(ORDER)


def same(one: Any, other: Any) -> bool:
    """Whether two values are known to be the same."""
    if isinstance(one, Run) and isinstance(other, Run):
        return one.steady and other.steady and nodes.code(one.node) == nodes.code(other.node)
    try:
        return type(one) is type(other) and bool(one == other)
    except Unknown:
        return False
