"""The network that a command is asked about: a file, or a network's name and its weights."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from convbook import names
from convbook.options import Parser, whole

if TYPE_CHECKING:
    from convbook.architectures.weights.known import Known
    from convbook.training.evaluation.trained_network import Trained

MODEL = "FILE.keras, or a network's name with --weights"


def add_to(parser: Parser) -> None:
    """The options that say whose weights they are, and how images are prepared for them."""
    add = parser.add_argument_group("network").add_argument
    add("--weights", metavar="W", help="imagenet, timm/NAME.TAG or a file, of a network by name")
    of = "whose weights a bare file holds: torchvision/resnet50, timm/resnet50.a1_in1k ..."
    add("--of", metavar="LIBRARY/NAME", help=of)
    prepared = "images for a bare file: caffe, tf, torch (as keras.applications) or FILE.json"
    add("--preparation", metavar="P", help=prepared)
    add("--size", type=whole(1), help="pixels a side, for networks that take any")


def refuse(options: Namespace, model: str) -> None:
    """Raises ValueError, without waiting for Keras, for a model that is not there."""
    if options.of and options.preparation:
        raise ValueError("--of and --preparation: give one of the two")
    if options.weights:
        names.network(model)
    elif not Path(model).is_file():
        has = f"; {model} is a network: give its --weights" if model in names.networks() else ""
        raise ValueError(f"{model}: there is no such file{has}")


def network(options: Namespace, model: str) -> "Trained":
    """The Trained network of a file, or of a name.  Raises ValueError."""
    from convbook.training.evaluation import trained_network

    if not options.weights:
        found = trained_network.load(model, options.size, told(options))
    else:
        found = trained_network.created(model, options.weights, options.size, told(options))
    if found.known is None and found.result is None:
        right = "--of LIBRARY/NAME, or --preparation caffe, tf, torch or FILE.json"
        raise ValueError(f"{found.path} does not say how images are prepared for it: give {right}")
    return found


def told(options: Namespace) -> "Known | str | None":
    """What the command line says of the preparation: Known of a library's row, or a word."""
    from convbook.architectures.weights.known import prepared_as

    return prepared_as(options.of) if options.of else options.preparation
