"""The calls of a block that the switches of its card choose between."""

import inspect
from collections import namedtuple
from collections.abc import Iterable
from itertools import product
from typing import Any

from convbook import blocks
from convbook.blocks.resnet import residual
from convbook.gallery.show import installed
from convbook.gallery.show.calls import Example, examples
from convbook.gallery.show.policy import NAMED

# Of a block with more combinations of its options, the site has those of two options at a time.
MOST = 36
AT_STRIDE = {"shortcut", "stride_on"}  # options that show only where a block changes the size
# chosen: {option: its value as text}, what the switches say; call: the call as text; options: of
# the call, with those that the chosen ones need.
Switched = namedtuple("Switched", "chosen call shapes options")


def written(option: str, value: Any) -> str:
    """The value of an option as code: what the library has is given by name."""
    return value if isinstance(value, str) and option in NAMED else repr(value)


def default(name: str, option: str) -> str:
    """The default of an option of a block as code; residual has those of **policy."""
    for of in (getattr(blocks, name), residual):
        if option in (parameters := inspect.signature(of).parameters):
            value = parameters[option].default
            constants = {n: v for n, v in vars(blocks).items() if n.isupper()}
            return next((n for n, v in constants.items() if v is value), repr(value))
    raise ValueError(f"option={option!r}: {name} has no such option")


def single(calls: Iterable[Example]) -> dict[str, dict[str, Example]]:
    """{option: {value as text: its Example}}."""
    by: dict[str, dict[str, Example]] = {}
    for call in calls:
        if call.options:
            option, value = [*call.options.items()][-1]
            key, known = written(option, value), by.setdefault(option, {})
            if key != default(call.name, option) and (key not in known or option in AT_STRIDE):
                known[key] = call
    return by


def combinations(name: str) -> list[Switched]:
    """The calls of a block: first at its defaults, then each combination of its options' values.

    If these are more than MOST, each combination of two options.
    """
    first, *others = examples(installed(), name)
    of = [[None, *values.items()] for values in single(others).values()]
    chosen = [[way for way in row if way] for row in product(*of)]
    if len(chosen) > MOST:
        chosen = [row for row in chosen if len(row) <= 2]
    return [merged(first, row) for row in chosen]


def merged(first: Example, row: list[tuple[str, Example]]) -> Switched:
    """One call with the options of several; where these need other arguments, with those."""
    own = {[*call.options][-1]: key for key, call in row}
    options: dict[str, Any] = {}
    for _, call in row:
        options |= call.options
    options |= {[*call.options][-1]: [*call.options.values()][-1] for _, call in row}
    args = next((call.args for _, call in row if call.args != first.args), first.args)
    shapes = next((call.shapes for _, call in row if call.shapes != first.shapes), first.shapes)
    given = [args, *(f"{option}={written(option, v)}" for option, v in options.items())]
    return Switched(own, f"{first.name}({', '.join(given)})", shapes, options)
