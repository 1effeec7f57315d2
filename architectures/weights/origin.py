"""The source of a state's weights, by its names, and a check of the options they need."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import keras

from convbook.architectures.weights.published import APPLICATIONS, published, published_row

Options = Mapping[str, Any]
OWN = "own"  # of= for the user's own weights under a library's names
TRAINING = {"survival", "drop_path", "rate", "aux", "recompute"}  # do not change outputs
UNSEEN = {"eps", "p", "pool", "pool_p", "stride_on"}  # change outputs, and neither names nor shapes
# Networks whose outputs differ, and neither the names nor the shapes of their weights in a library
ALIKE = (
    {"mobilenet_v4_conv_medium", "mobilenet_v4_conv_blur_medium"},
    {"mobilenet_v4_conv_large", "mobilenet_v4_conv_aa_large"},
    {"squeezenet_v1_0", "squeezenet_v1_0_simple_bypass"},
)
AS_THEY_ARE = "weights of your own training as they are"


class Made(NamedTuple):
    """A model of create: the network, all its options, and those set by other options."""

    network: str
    options: Options
    completed: Callable[[Options], Options]
    kin: frozenset[str]  # the networks with the same body


MADE: WeakKeyDictionary[keras.Model, Made] = WeakKeyDictionary()


def refuse_other_options(model: keras.Model, naming: str, of: str | None = None) -> None:
    """Raises ValueError for a model of create without the options that weights of this name need.

    naming: the label of the table that reads their names; of: the row of published() that they are
    of, else any of the network under such names may be it.  Warns if such names have rows that
    differ in what no weight shows, of this network or of another.
    """
    made = MADE.get(model)
    if made is None or of == OWN:
        return
    rows = {of: published_row(of)} if of else rows_under(naming, made.network)
    lacking = {}
    for key, (network, options) in rows.items():
        if network != made.network:
            raise ValueError(f"of={of!r}: these are weights of {network}, not of {made.network}")
        lacking[key] = lacks(made, options)
    if lacking and all(lacking.values()):
        key = min(lacking, key=lambda k: len(lacking[k]))
        raise ValueError(lacking_options(made, key, rows[key][1], lacking[key]))
    if not rows:
        check_kin(made, naming)
        return
    lacking |= {} if of else {key: {"name": name} for key, name in alike(made.network, naming)}
    if other := next((key for key, v in lacking.items() if v.keys() & {"name", *UNSEEN}), None):
        fits = next(key for key, v in lacking.items() if not v)
        say = f"read as those of {fits}; those of {other} have the same, with "
        say += f"{words(lacking[other])}: of={fits!r} or of={other!r} says which"
        warnings.warn(f"state: its names and shapes are {say}", stacklevel=4)


def alike(network: str, naming: str) -> Iterator[tuple[str, str]]:
    """(row of published(), network) of each other network that such weights may be of too."""
    others = {name for names in ALIKE if network in names for name in names - {network}}
    for name in sorted(others):
        yield from ((key, name) for key in rows_under(naming, name))


def check_kin(made: Made, naming: str) -> None:
    """Refuses a network without a row that lacks what all rows of its kin have under such names."""
    rows = {key: v for name in made.kin for key, v in rows_under(naming, name).items()}
    given = [options for _, options in rows.values()]
    shared = (
        {k: v for k, v in given[0].items() if all(g.get(k) == v for g in given)} if given else {}
    )
    try:
        lack = lacks(made, shared, partly=True)
    except ValueError:  # this network has no such option
        return
    if lack:
        has = words({k: made.options.get(k) for k in lack})
        why = f"its names are those of {min(rows)}'s family, all with {words(lack)}"
        give = f"give create({made.network!r}, {words(shared)})"
        give += f"; of={OWN!r} takes {AS_THEY_ARE}" if "keras." not in min(rows) else ""
        raise ValueError(f"state: {why}; the model has {has}: {give}")


def lacks(made: Made, options: Options, partly: bool = False) -> dict[str, Any]:
    """What a row's options set and the model has not; partly: only what they name."""
    needs = made.completed({k: v for k, v in options.items() if k != "classes"})
    paper = made.completed({}) if partly else {}
    return {
        k: needs.get(k)
        for k in dict.fromkeys([*needs, *made.options])
        if k not in TRAINING
        and made.options.get(k) != needs.get(k)
        and (not partly or needs.get(k) != paper.get(k))
    }


def lacking_options(made: Made, key: str, needs: Options, lacks: Options) -> str:
    """The options that a model lacks for the weights of a row, and the message."""
    has = words({k: made.options.get(k) for k in lacks})
    needs = {k: v for k, v in needs.items() if k != "classes"}
    give = f"give create({', '.join([repr(made.network), *[words(needs)] * bool(needs)])})"
    if not key.startswith("keras."):
        give += f" or of={key!r} to create; of={OWN!r} takes {AS_THEY_ARE}"
    return f"state: its names are those of {key}, with {words(lacks)}; the model has {has}: {give}"


def words(options: Options) -> str:
    return ", ".join(f"{k}={v!r}" for k, v in options.items())


def rows_under(naming: str, network: str) -> dict[str, tuple[str, Options]]:
    """The published rows of a network whose weights have such names."""
    if naming.startswith("keras.applications"):
        found = APPLICATIONS.get(network)
        return {f"keras.applications/{found[0]}": (network, found[2])} if found else {}
    rows = {key: value for key, value in published().items() if value[0] == network}
    return {key: value for key, value in rows.items() if names_published(naming, key)}


def names_published(naming: str, of: str) -> bool:
    """Whether a table may be the one that reads the names of a published row."""
    library, _, name = of.partition("/")
    return library in naming and ("legacy" in naming) == name.startswith("legacy_")
