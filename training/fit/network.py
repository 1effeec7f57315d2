"""The network of a run: from the catalog, or the user's own.

The user's own is a model object, a .keras file, or FILE.py:FUNCTION, which is called with
input_shape and classes, if it has these arguments, and with the values of --option.
"""

import hashlib
import inspect
import json
import re
import runpy
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import keras

from convbook import architectures, names
from convbook.architectures.catalog import find
from convbook.architectures.common import Net
from convbook.architectures.graph.calls import has_calls
from convbook.architectures.graph.ends import scaling
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.weights.known import Known, saved_with
from convbook.architectures.weights.loading import needed, opened
from convbook.training import preparation
from convbook.training.recipes.initial import initialise
from convbook.training.recipes.transfer import leave_frozen, take_layers

Shape = tuple[Any, ...]  # (rows, columns, channels)
SIDES = {"digits": 64, "mnist": 32, "fashion_mnist": 32, "cifar10": 32, "cifar100": 32}
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
ANY: Shape = (None, None, None)
GATES = {"survival", "drop_path"}  # options of networks that exclude each other


@dataclass(frozen=True)
class Own:
    """How a user's own network is made, and its name."""

    make: Callable[..., keras.Model]  # (shape, classes, **options)
    digest: str
    shape: Shape  # that it reads; None: any
    takes_options: bool = False


def own_network(name: str) -> Own | None:
    """The user's own network; None: it is in the catalog.  Raises ValueError for an invalid one."""
    if isinstance(name, names.AtHand):
        model = usable(name.model, name)
        return Own(lambda *_: twin(model), digest(layout(model)), model.input_shape[1:])
    if not names.is_own(name):
        return None
    path, _, function = name.partition(":")
    content = digest(Path(path).read_bytes())
    if not function:
        return Own(lambda *_: usable(opened(path), name), content, shape_in(path))
    return Own(lambda *args, **options: built(name, *args, **options), content, ANY, True)


def shape_in(path: str) -> Shape:
    """The input of the network in a .keras file, from its text alone, without TensorFlow.

    Raises ValueError.
    """
    try:
        with ZipFile(path) as file:
            config = json.loads(file.read("config.json"))
        layers = config["config"]["layers"]
        read = next(each for each in layers if each["class_name"] == "InputLayer")
        rows, columns, channels = read["config"]["batch_shape"][1:]
    except (OSError, BadZipFile, KeyError, ValueError, StopIteration, TypeError) as error:
        right = "a saved functional or Sequential keras.Model that reads images"
        raise ValueError(f"{path}: must be {right}: {error!r}") from error
    return rows, columns, channels


def built(name: str, shape: Shape, classes: int, **options: Any) -> keras.Model:
    """The network that FILE.py:FUNCTION makes.  Raises ValueError."""
    path, _, function = name.partition(":")
    build = run_file(path).get(function)
    if not callable(build):
        raise ValueError(f"{name}: {path} has no function {function!r}")
    parameters = inspect.signature(build).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in options:
        if not takes_any and key not in parameters:
            has = ", ".join(parameters) or "no arguments"
            raise ValueError(f"--option {key}: {name} takes {has}")
    offered = dict(input_shape=shape, classes=classes)
    arguments = {key: v for key, v in offered.items() if takes_any or key in parameters} | options
    for key, p in parameters.items():
        takes_keyword = p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        if takes_keyword and p.default is p.empty and key not in arguments:
            raise ValueError(f"{name} needs {key}: give --option {key}=VALUE")
    with in_file(path):
        model = build(**arguments)
    return usable(model, name)


def run_file(path: str) -> dict[str, Any]:
    """The definitions of a Python file; it can import modules beside it, as if it were run."""
    beside = str(Path(path).resolve().parent)
    sys.path.insert(0, beside)
    try:
        with in_file(path):
            return runpy.run_path(path)
    finally:
        sys.path.remove(beside)


@contextmanager
def in_file(path: str) -> Iterator[None]:
    """Raises ValueError in place of any error of the user's file, with the line that led to it."""
    try:
        yield
    except Exception as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == path
        ]
        file, line = path, lines[-1] if lines else None  # none if it is no Python at all
        why = str(error)
        if isinstance(error, SyntaxError):  # maybe in a file that this one imports
            file, line, why = error.filename or path, error.lineno, error.msg
        at = f"{file}, line {line}" if line else file
        raise ValueError(f"{at}: {type(error).__name__}: {why}") from error


def usable(model: Any, name: str) -> keras.Model:
    """The model.  Raises ValueError if it cannot be trained here."""
    right = "a functional or Sequential keras.Model with known inputs"
    if not isinstance(model, keras.Model) or not has_calls(model):
        raise ValueError(f"{name}: must be {right}, got {model!r}")
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(f"{name}: must read images (N, rows, columns, channels), got {shape}")
    if found := scaling(model):
        again = "the recipe already scales the images; leave the layer out"
        raise ValueError(f"{name}: {found.name!r} scales its input: {again}")
    return model


def twin(model: keras.Model) -> keras.Model:
    """A copy of a model object on all devices of the strategy; the model itself does not change.

    Raises ValueError for layers that cannot be copied.
    """
    try:
        copy = keras.models.clone_model(model)
    except (NotImplementedError, TypeError) as error:
        right = "must have only layers with get_config"
        raise ValueError(f"{model.name} {right}: {str(error).strip()[:200]}") from error
    copy.set_weights(model.get_weights())
    return copy


def layout(model: keras.Model) -> bytes:
    """The layers of a model and their connections, whatever their names are."""
    text = model.to_json()
    given = dict.fromkeys(re.findall(r'"name": "([^"]+)"', text))
    numbers = {name: str(i) for i, name in enumerate(given)}
    return re.sub(r'"([^"]+)"', lambda m: numbers.get(m[1], m[1]), text).encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def shape_of(options: Namespace) -> Shape:
    """(rows, columns, channels) of the network's images, at the size that options ask for.

    Fills in options.size: the network's, or less for small images, where more would only cost time.
    Raises ValueError for options that do not fit the network.
    """
    if mine := own_network(options.model):
        refuse_catalog_options(options, mine)
        rows, columns, channels = mine.shape
        if rows != columns or (rows and options.size not in (None, rows)):
            right = "leave --size out" if rows == columns else "its input must be square"
            raise ValueError(
                f"--size {options.size}: {options.model} reads {rows} x {columns}; {right}"
            )
        options.size = rows or options.size or SIDES.get(options.data, 224)
        return options.size, options.size, channels or 3
    rows, _, channels = asked_network(options).shape
    if options.size is None:
        options.size = min(rows, SIDES.get(options.data, rows))
    return options.size, options.size, channels


def prepared_for(options: Namespace) -> Known | str | None:
    """How images are prepared for the weights that a network starts with; None: it has none.

    Fills in options.size: theirs, except for small images.  Raises ValueError.
    """
    if mine := own_network(options.model):
        refuse_catalog_options(options, mine)
        return of_own(options.model)
    if not options.weights:
        return None
    *_, channels = asked_network(options).shape
    known = preparation.of_weights(options, find(options.model)[0], channels)
    if options.size is None and options.data not in SIDES and isinstance(known, Known):
        options.size = known.preparation.crop
    return known


def of_own(name: Any) -> Known | None:
    """The input shape of a user's own network, if it is a model already."""
    if not isinstance(name, names.AtHand):
        return saved_with(name) if name.endswith(".keras") else None
    said = getattr(name.model, "preparation", None)
    return Known(str(name), said, None) if said else None


def asked_network(options: Namespace) -> Net:
    """The row of the network, whose options fit the weights.  Raises ValueError."""
    key, net = find(options.model)
    if options.weights:
        needed(key, options.weights, dict(options.option), options.of)
    for name in {"input_shape", "classes", "top", "a", "aux"} & set(options.option):
        raise ValueError(
            f"--option {name}: leave it out; the trainer sets it from the data and the recipe"
        )
    return net


def refuse_catalog_options(options: Namespace, mine: Own) -> None:
    """Raises ValueError for options that a user's own network does not have."""
    if options.weights:
        instead = "to load the layers that fit, give --init-from FILE.keras"
        raise ValueError(
            f"--weights {options.weights}: {options.model} is your own model; {instead}"
        )
    if options.option and not mine.takes_options:
        first = next(iter(options.option))
        raise ValueError(
            f"--option {first}: {options.model} is already built; leave the option out"
        )


def network(options: Namespace, recipe: dict[str, Any], shape: Shape, classes: int) -> keras.Model:
    """The model as the recipe trains it: gates, auxiliary heads, first weights.

    A user's own network keeps the weights it comes with.  Raises ValueError.
    """
    if mine := own_network(options.model):
        model = mine.make(shape, classes, **options.option)
        leave_frozen(model)
        chosen: dict[str, Any] = {}
    else:
        chosen = choices(options, recipe)
        model = architectures.create(options.model, input_shape=shape, classes=classes, **chosen)
    fits(model, options.model, shape, classes, recipe["aux_weights"])
    if mine:
        refuse_precision(model, options.precision)
    if options.weights or options.init_from:
        chosen.pop("aux", None)
        print(take_layers(model, options, shape, chosen), flush=True)
    elif not mine:
        initialise(model, recipe["init"])
    return model


def choices(options: Namespace, recipe: dict[str, Any]) -> dict[str, Any]:
    """The options of a network of the catalog, with those of its weights and of the recipe."""
    (name, net), chosen = find(options.model), dict(options.option)
    if options.weights:
        chosen = needed(name, options.weights, chosen, options.of)
        chosen.pop("classes", None)
    if not GATES & set(chosen):
        gates = {gate: recipe[gate] for gate in GATES & set(net.options)}
        chosen |= {gate: rate for gate, rate in gates.items() if rate is not None}
    if recipe["aux_weights"] and "aux" in net.options:
        chosen["aux"] = True
    return chosen


def fits(model: keras.Model, name: str, shape: Shape, classes: int, aux_weights: Any) -> None:
    """Raises ValueError if a model does not accept these images, or has other heads."""
    taken, returned = model.input_shape[1:], model.outputs[0].shape
    if any(here not in (None, there) for here, there in zip(taken, shape, strict=True)):
        right = "let it take input_shape, or give --size"
        raise ValueError(f"{name} reads {taken}, but the images are {shape}: {right}")
    if tuple(returned) != (None, classes):
        right = f"(None, {classes}), one number for each class of the data"
        raise ValueError(f"{name} returns {tuple(returned)}: must be {right}")
    heads = len(model.outputs) - 1
    if len(aux_weights) != heads:
        right = f"{heads} numbers, one for each auxiliary head of {name}"
        raise ValueError(f"aux_weights={aux_weights}: aux_weights must be {right}")


def refuse_precision(model: keras.Model, precision: str) -> None:
    """Raises ValueError if an existing model has another precision."""
    has = {layer.dtype_policy.name for layer in all_layers(model)} & {*PRECISIONS}
    if precision not in has and precision != "float32":
        raise ValueError(
            f"--precision {precision}: {model.name} is already built in another precision"
        )
    if precision == "float32" and (mixed := has - {"float32"}):
        raise ValueError(f"--precision float32: {model.name} was built in {min(mixed)}; give that")
