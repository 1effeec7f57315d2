"""The source of a state's weights, by its names, and a check of the options they need."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import keras

from convbook.architectures.weights.published import APPLICATIONS, published, row

Options = Mapping[str, Any]
OWN = "own"  # of= for the user's own weights under a library's names
TRAINING = {"survival", "drop_path", "rate", "aux", "recompute"}  # do not change outputs


class Made(NamedTuple):
    """A model of create: the network, all its options, and those set by other options."""

    network: str
    options: Options
    completed: Callable[[Options], Options]


MADE: WeakKeyDictionary[keras.Model, Made] = WeakKeyDictionary()


def check(model: keras.Model, naming: str, of: str | None = None) -> None:
    """Raises ValueError for a model of create without the options that weights of this name need.

    naming: the label of the table that reads their names; of: the row of published() that they are
    of, else any of the network under such names may be it.
    """
    made = MADE.get(model)
    if made is None or of == OWN:
        return
    rows = {of: row(of)} if of else rows_under(naming, made.network)
    lacking = {}
    for key, (network, options) in rows.items():
        if network != made.network:
            raise ValueError(f"of={of!r}: these are weights of {network}, not of {made.network}")
        needs = made.completed({k: v for k, v in options.items() if k != "classes"})
        answering = {k: v for k, v in needs.items() if k not in TRAINING}
        lacking[key] = {k: v for k, v in answering.items() if made.options.get(k) != v}
    if lacking and all(lacking.values()):
        key = min(lacking, key=lambda k: len(lacking[k]))
        raise ValueError(lacking_options(made, key, rows[key][1], lacking[key]))


def lacking_options(made: Made, key: str, needs: Options, lacks: Options) -> str:
    """The options that a model lacks for the weights of a row, and the message."""
    has = words({k: made.options.get(k) for k in lacks})
    needs = {k: v for k, v in needs.items() if k != "classes"}
    give = f"give create({made.network!r}, {words(needs)})"
    if not key.startswith("keras."):
        give += (
            f" or of={key!r} to create; of={OWN!r} takes weights of your own training as they are"
        )
    return f"state: its names are those of {key}, with {words(lacks)}; the model has {has}: {give}"


def words(options: Options) -> str:
    return ", ".join(f"{k}={v!r}" for k, v in options.items())


def rows_under(naming: str, network: str) -> dict[str, tuple[str, Options]]:
    """The published rows of a network whose weights have such names."""
    if naming.startswith("keras.applications"):
        found = APPLICATIONS.get(network)
        return {f"keras.applications/{found[0]}": (network, found[2])} if found else {}
    rows = {key: value for key, value in published().items() if value[0] == network}
    return {key: value for key, value in rows.items() if names(naming, key)}


def names(naming: str, of: str) -> bool:
    """Whether a table may be the one that reads the names of a published row."""
    library, _, name = of.partition("/")
    return library in naming and ("legacy" in naming) == name.startswith("legacy_")
