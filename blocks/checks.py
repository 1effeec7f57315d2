"""Checks of arguments: each by its type, other conditions by one line in the block."""

import inspect
from collections.abc import Callable
from functools import cache, wraps
from itertools import chain, repeat
from math import prod
from numbers import Integral
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, Unpack, get_args, get_origin
from typing import get_type_hints as hints_of

import keras

from convbook.blocks.types import Branch, Gate, Pair, Rule, both, is_tensor

P = ParamSpec("P")
R = TypeVar("R")


def require(good: object, *, right: str, **given: Any) -> None:
    """Raises ValueError if not good; it names the argument given, its value and what is right."""
    if not good:
        ((name, value),) = given.items()
        if is_tensor(value):
            value = tuple(value.shape)
        shown = repr(dict(value) if isinstance(value, MappingProxyType) else value)
        shown = shown.replace("\n", " ")
        raise ValueError(f"{name}={shown}: {name} must be {right}")


def refuse_large(shape: tuple[int, ...], **sizes: Any) -> None:
    """Raises ValueError, in the name of the largest of these sizes, for a kernel of 2**31
    numbers or more: 8 GB in one layer, and some backends count no further."""
    name = max(sizes, key=lambda name: max(both(sizes[name])))
    right = f"smaller: a kernel {shape} has 2**31 numbers or more"
    require(prod(shape) < 2**31, right=right, **{name: sizes[name]})


def rule_of(hint: Any) -> Rule | None:
    """The rule of a type hint; a value meets a union's rule if it meets that of one part."""
    if get_origin(hint) is Annotated:
        return next((part for part in hint.__metadata__ if isinstance(part, Rule)), None)
    if get_origin(hint) is Literal:
        right = get_args(hint)
        *first, last = map(repr, right)
        words = f"{', '.join(first)} or {last}" if first else last
        return Rule(lambda v: is_word(v) and v in right, words)
    if get_origin(hint) in (Union, UnionType):
        return either(list(get_args(hint)))
    if hint is bool:
        return Rule(lambda v: isinstance(v, bool), "True or False")
    if hint is NoneType:
        return Rule(lambda v: v is None, "None")
    return None


def is_word(v: object) -> bool:
    return isinstance(v, (str, Integral)) and not isinstance(v, bool)


def either(hints: list[Any]) -> Rule | None:
    rules = [rule_of(hint) for hint in hints]
    known = [rule for rule in rules if rule is not None]
    if len(known) < len(rules):
        return None
    words = " or ".join(dict.fromkeys(rule.words for rule in known))
    return Rule(lambda v: any(rule.test(v) for rule in known), words)


def plain(v: Any, is_pair: bool = False) -> Any:
    """v; a whole number of another library as an int, because parts of Keras take no other.

    is_pair: v is a size along rows and columns; two equal sizes become one number.
    """
    if isinstance(v, dict):  # keywords of a normalisation
        return {key: plain(value) for key, value in v.items()}
    if is_pair and isinstance(v, (tuple, list)) and v[0] == v[1]:
        v = v[0]
    return int(v) if isinstance(v, Integral) and not isinstance(v, bool) else v


def every_hint(block: Callable[..., Any]) -> dict[str, Any]:
    """{argument: its type}, with the keywords of another block that it takes as **policy."""
    hints = hints_of(block, include_extras=True)
    for hint in [hint for hint in hints.values() if get_origin(hint) is Unpack]:
        hints |= hints_of(get_args(hint)[0], include_extras=True)
    return hints


@cache
def rules_of(block: Callable[..., Any]) -> dict[str, Rule]:
    """{argument: the rule of its type}."""
    found = {name: rule_of(hint) for name, hint in every_hint(block).items() if name != "return"}
    return {name: rule for name, rule in found.items() if rule is not None}


@cache
def keywords_of(block: Callable[..., Any]) -> list[str]:
    """The keywords of a block that takes those of another as **policy; of any other, none."""
    hints = hints_of(block)
    more = [get_args(hint)[0] for hint in hints.values() if get_origin(hint) is Unpack]
    of = inspect.signature(block).parameters.values()
    own = [parameter.name for parameter in of if parameter.kind is parameter.KEYWORD_ONLY]
    return [*own, *(name for kind in more for name in hints_of(kind))] if more else []


@cache
def pairs_of(block: Callable[..., Any]) -> set[str]:
    """The arguments that are sizes along rows and columns."""
    hints = hints_of(block, include_extras=True)
    return {name for name, hint in hints.items() if Pair in (hint, *get_args(hint))}


@cache
def functions_of(block: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """{argument that is a branch or a gate: what gives it a check of its results}."""
    kinds = {Branch: checked_branch, Gate: checked_gate}
    return {
        name: kinds[kind]
        for name, hint in every_hint(block).items()
        for kind in (hint, *get_args(hint))
        if kind in (Branch, Gate)
    }


def checked_branch(name: str, branch: Any) -> Any:
    """A branch, or an attention, that raises ValueError in its name unless it returns a tensor."""

    @wraps(branch)
    def called(x: Any) -> Any:
        m = branch(x)
        require(
            is_tensor(m), right=f"a function that returns a tensor, not {m!r}", **{name: branch}
        )
        return m

    return called


def checked_gate(name: str, gate: Any) -> Any:
    """A gate that raises ValueError in its name unless it returns a map like that of the branch."""

    @wraps(gate)
    def called(x: Any, branch: Any) -> Any:
        made = []

        def noted(x: Any) -> Any:
            made.append(branch(x))
            return made[-1]

        m = gate(x, noted)
        got = tuple(m.shape) if is_tensor(m) else m
        right = f"a function that returns a map, not {got!r}"
        require(is_tensor(m), right=right, **{name: gate})
        shape = tuple((made[-1] if made else branch(x)).shape)
        right = f"a function that returns the shape of branch(x), {shape}, not {got}"
        require(alike(got[1:], shape[1:]), right=right, **{name: gate})
        return m

    return called


def taken(block: Callable[..., Any], name: str, v: Any) -> Any:
    """The value of an argument as the block takes it."""
    check = None if v is None else functions_of(block).get(name)
    return check(name, v) if check else plain(v, name in pairs_of(block))


def alike(one: Any, other: Any) -> bool:
    """Whether two shapes are equal, as far as their sizes are known."""
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(i is None or j is None or i == j for i, j in pairs)


def refuse_by_rule(function: Callable[..., Any], given: list[tuple[str, Any]]) -> None:
    """Raises ValueError for the first value that breaks the rule of its argument's type."""
    known = rules_of(function)
    for name, value in given:
        if name in known:
            require(known[name].test(value), right=known[name].words, **{name: value})


def ruled(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with a check of each argument whose type has a rule."""
    names = [*inspect.signature(function).parameters]

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        refuse_by_rule(function, [*zip(names, args, strict=False), *kwargs.items()])
        return function(*args, **kwargs)

    return wrapper


def checked(block: Callable[P, R]) -> Callable[P, R]:
    """The block, with a check of each argument against its type."""

    kinds = inspect.Parameter
    parameters = inspect.signature(block).parameters.items()
    names = [name for name, of in parameters if of.kind is kinds.POSITIONAL_OR_KEYWORD]
    names_of_more = [name for name, of in parameters if of.kind is kinds.VAR_POSITIONAL]
    takes_more = any(of.kind is kinds.VAR_KEYWORD for _, of in parameters)

    @wraps(block)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        order = keras.config.image_data_format()
        require(order == "channels_last", image_data_format=order, right="'channels_last'")
        if takes_more and (
            unknown := [k for k in kwargs if k not in (*names, *keywords_of(block))]
        ):
            said = f"{block.__name__}() got an unexpected keyword argument {unknown[0]!r}"
            raise TypeError(f"{said}; its keywords are {', '.join(keywords_of(block))}")
        places = chain(names, *map(repeat, names_of_more), repeat(""))
        first = list(zip(places, args, strict=False))
        refuse_by_rule(block, [*first, *kwargs.items()])
        own = [taken(block, name, v) for name, v in first]
        return block(*own, **{name: taken(block, name, v) for name, v in kwargs.items()})

    return wrapper
