"""The network that a command is to use: a file, or a network's name and its weights."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from convbook import names
from convbook.options import Parser, integer, of_run
from convbook.training import preparation

if TYPE_CHECKING:
    from convbook.training.evaluation.trained_network import TrainedNetwork

MODEL = "a run's folder, FILE.keras, or a network's name with --weights"
SAVED = (".keras", ".h5", ".hdf5")  # Keras reads its files of earlier versions too


def add_to(parser: Parser) -> None:
    """The options for the weights' source and the preparation of images."""
    add = parser.add_argument_group("network").add_argument
    add("--weights", metavar="W", help="imagenet, timm/NAME.TAG or a file, for a network by name")
    of = "where a bare file's weights are from: torchvision/resnet50, timm/resnet50.a1_in1k ..."
    add("--of", metavar="LIBRARY/NAME", help=of)
    preparation.add_to(add)
    add("--size", type=integer(1), help="pixels a side, for networks that take any size")


def chosen(options: Namespace, model: str) -> str:
    """The file of a run's folder, else model itself: a file, or a name with --weights.

    Raises ValueError, without waiting for Keras, for a model that is not there.
    """
    preparation.refuse_two_sources(options)
    if options.weights:
        names.network(model)
        return model
    path = of_run(model)
    if not Path(path).is_file():
        has = f"; {model} is a network: give --weights too" if model in names.networks() else ""
        raise ValueError(f"{model}: there is no such file{has}")
    if not path.endswith(SAVED):
        raise ValueError(f"{model}: MODEL must be {MODEL}")
    return path


def network(options: Namespace, model: str, prepared: bool = True) -> "TrainedNetwork":
    """The network of a file or a name; prepared: whether images need to be prepared for it.

    Raises ValueError, also if the preparation is not known.
    """
    from convbook.training.evaluation import trained_network

    given = preparation.given(options)
    if not options.weights:
        found = trained_network.load_network(model, options.size, given)
    else:
        found = trained_network.created(model, options.weights, options.size, given)
    if prepared and found.known is None and found.result is None:
        raise preparation.unknown(found.path)
    return found
