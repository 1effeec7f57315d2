"""What a trained network sees in images.

    convbook predict runs/resnet20-digits/model.keras seven.png other.jpg

An image's centre is shown to the network, as in its validation.
"""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from convbook import terminal
from convbook.options import Command, Parser, saved_model, whole

if TYPE_CHECKING:
    from convbook.training.evaluation.trained_network import Trained


def predict(parser: Parser) -> Command:
    """convbook predict: its arguments; returns what predicts."""
    parser.description = __doc__
    add = parser.add_argument
    add("model", type=saved_model, metavar="MODEL.keras")
    add("images", nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    add("--top", type=whole(1), default=5, metavar="N", help="classes to name; default: 5")
    add("--size", type=whole(1), help="pixels a side, for networks that take any")
    return printed


def printed(options: Namespace) -> int:
    """Prints the likeliest classes of each image.  Returns 1 if one could not be read, else 0.
    Raises ValueError for a model that cannot be used."""
    terminal.load_keras()
    from convbook.training.evaluation import trained_network

    network = trained_network.load(options.model, options.size)
    good, probabilities, broken = predicted(network, options.images)
    if network.result is None:
        print("no result.json beside the model: images in [0, 1] as they are, classes by number")
    names, seen = trained_network.names(network), dict(zip(good, probabilities, strict=True))
    for i, path in enumerate(options.images):
        if i in broken:
            print(f"{path}: {broken[i]}", file=sys.stderr)
            continue
        p = seen[i]
        likeliest = (-p).argsort(kind="stable")[: options.top]
        print(f"{path}: " + ", ".join(f"{names[c]} {p[c]:.1%}" for c in likeliest))
    return 1 if broken else 0


def predicted(network: "Trained", paths: list[str]) -> tuple[list[int], Any, dict[int, str]]:
    """(numbers of the paths, probabilities (N, classes) of these, {number: why not} of others)."""
    from convbook.training.data.check import checked
    from convbook.training.evaluation import probabilities, protocols, trained_network

    if network.channels not in (1, 3):
        right = "images have 1 or 3"
        raise ValueError(f"{network.path} takes images of {network.channels} channels: {right}")
    part, numbers, broken, _ = checked(paths, network.size, network.channels)
    if not len(good := numbers.tolist()):
        return [], [], broken
    augmentation, statistics, short = trained_network.preparation(network)
    centre = protocols.Protocol("centre", None)
    args = part, centre, 64, short, augmentation, statistics
    return good, probabilities.probabilities(network.model, *args), broken
