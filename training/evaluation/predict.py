"""Predict the classes of images with a trained network.

    convbook predict runs/resnet20-digits/model.keras seven.png other.jpg
    convbook predict resnet50 --weights timm/resnet50.a1_in1k photos/ 'more/*.jpg' --json

The network gets the centre of each image, prepared as it expects: see convbook evaluate.
"""

import glob
import json
import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

import numpy as np

from convbook import terminal
from convbook.options import Command, Parser, integer
from convbook.training.evaluation import asked
from convbook.training.evaluation.protocols import CENTRE

if TYPE_CHECKING:
    from convbook.training.evaluation.trained_network import TrainedNetwork


def predict(parser: Parser) -> Command:
    """convbook predict: its arguments; returns what predicts."""
    parser.description = __doc__
    add = parser.add_argument
    add("model", metavar="MODEL", help=asked.MODEL)
    add("images", nargs="+", metavar="IMAGE", help="JPEG or PNG files, folders, patterns")
    add(
        "--top",
        type=integer(1),
        default=5,
        metavar="N",
        help="how many classes to print; default: 5",
    )
    add("--json", action="store_true", help="print JSON: every image with its classes")
    asked.add_to(parser)
    return print_predictions


def print_predictions(options: Namespace) -> int:
    """Prints the likeliest classes of each image.  Returns 1 if one could not be read, else 0.
    Raises ValueError for an unusable model."""
    options.model = asked.chosen(options, options.model)
    paths = image_paths(options.images)
    terminal.load_keras()
    from convbook.training.evaluation import trained_network

    network = asked.network(options, options.model)
    good, probabilities, broken = predicted(network, paths)
    names = trained_network.class_names(network)
    seen = {i: likeliest(p, names, options.top) for i, p in zip(good, probabilities, strict=True)}
    if options.json:
        print(json.dumps(document(network, paths, seen, broken), indent=2))
        return 1 if broken else 0
    print(trained_network.words(network))
    for i, path in enumerate(paths):
        if i in broken:
            print(f"{path}: {broken[i]}", file=sys.stderr)
        else:
            print(f"{path}: " + ", ".join(f"{name} {p:.1%}" for _, name, p in seen[i]))
    return 1 if broken else 0


def image_paths(images: list[str]) -> list[str]:
    """The paths of files, of the images in folders, at any depth, and of what patterns fit."""
    from convbook.images import listed

    paths = []
    for image in images:
        if not image:
            raise ValueError("IMAGE '': name image files, or folders that hold some")
        fits = [image] if os.path.lexists(image) else sorted(glob.glob(image, recursive=True))
        for path in fits or [image]:  # a missing file is reported with the unreadable ones
            if not os.path.isdir(path):
                paths.append(path)
                continue
            inside = listed(path)  # an unreadable file is reported with those that are no images
            paths += sorted([*inside.files, *(name for name, _ in inside.unreadable)])
    if not paths:
        right = "name image files, or folders that hold some"
        raise ValueError(f"{', '.join(images)}: no images there; {right}")
    return paths


def likeliest(p: np.ndarray, names: list[str], top: int) -> list[tuple[int, str, float]]:
    """(number, name, probability) of the likeliest classes."""
    return [(int(c), names[c], float(p[c])) for c in (-p).argsort(kind="stable")[:top]]


def document(network: "TrainedNetwork", paths: list[str], seen: dict[int, Any],
             broken: dict[int, str]) -> dict[str, Any]:  # fmt: skip
    """The predictions as JSON, for programs."""
    from convbook.training.evaluation import trained_network

    def image_of(i):
        if i in broken:
            return dict(image=paths[i], error=broken[i])
        keys = ("number", "name", "probability")
        return dict(image=paths[i], classes=[dict(zip(keys, row, strict=True)) for row in seen[i]])

    prepared = trained_network.words(network)
    images = [image_of(i) for i in range(len(paths))]
    return dict(model=network.path, preparation=prepared, images=images)


def predicted(network: "TrainedNetwork", paths: list[str]) -> tuple[list[int], Any, dict[int, str]]:
    """(numbers of the paths, probabilities (N, classes) of these, {number: why not} of others)."""
    from convbook.training.data.check import checked
    from convbook.training.evaluation import probabilities, trained_network

    if network.channels not in (1, 3):
        right = "images have 1 or 3"
        raise ValueError(f"{network.path} takes images of {network.channels} channels: {right}")
    part, numbers, broken, _ = checked(
        paths, network.size, network.channels, trained_network.bits(network)
    )
    if not len(good := numbers.tolist()):
        return [], [], broken
    augmentation, statistics, short = trained_network.preparation(network)
    known = network.known and network.known.preparation
    args = part, CENTRE, 64, short, augmentation, statistics, known
    p = probabilities.probabilities(network.model, *args)
    for i, finite in zip(good, np.isfinite(p).all(-1), strict=True):
        if not finite:
            said = f"{network.path} returns numbers that are not finite for {paths[i]}"
            raise ValueError(f"{said}: predict with an earlier checkpoint")
    return good, p, broken
