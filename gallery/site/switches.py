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


def shown_option(call: Example) -> str:
    """The option that an Example shows: its last; those before are what it needs."""
    return [*call.options][-1]


def single(calls: Iterable[Example]) -> dict[str, dict[str, Example]]:
    """{option: {value as text: its Example}}."""
    by: dict[str, dict[str, Example]] = {}
    for call in calls:
        if call.options:
            option = shown_option(call)
            value, by_value = written(option, call.options[option]), by.setdefault(option, {})
            is_new = value not in by_value or option in AT_STRIDE
            if value != default(call.name, option) and is_new:
                by_value[value] = call
    return by


def combinations(name: str) -> list[Switched]:
    """The calls of a block: first at its defaults, then each combination of its options' values.

    If these are more than MOST, each combination of two options.
    """
    first, *others = examples(installed(), name)
    unset_or_set = [[None, *values.items()] for values in single(others).values()]
    choices = [[pair for pair in choice if pair] for choice in product(*unset_or_set)]
    if len(choices) > MOST:
        choices = [choice for choice in choices if len(choice) <= 2]
    return [merged(first, choice) for choice in choices]


def merged(first: Example, choice: list[tuple[str, Example]]) -> Switched:
    """One call with the options of several; where these need other arguments, with those.

    choice: (the value as text, its Example) of each option that is chosen.
    """
    chosen = {shown_option(call): value for value, call in choice}
    calls = [call for _, call in choice]
    options: dict[str, Any] = {}
    for call in calls:
        options |= call.options
    for call in calls:  # what one shows holds, even where another needs it otherwise
        options[shown_option(call)] = call.options[shown_option(call)]
    args = next((call.args for call in calls if call.args != first.args), first.args)
    shapes = next((call.shapes for call in calls if call.shapes != first.shapes), first.shapes)
    given = [args, *(f"{option}={written(option, value)}" for option, value in options.items())]
    return Switched(chosen, f"{first.name}({', '.join(given)})", shapes, options)
