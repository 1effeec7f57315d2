"""Evaluate trained networks on a set of images.

    convbook evaluate runs/resnet20-digits/model.keras --data digits
    convbook evaluate A.keras B.keras --data folder:birds --protocol ten

Several networks are an ensemble: their probabilities are averaged.  The results are in the folder
--out: evaluation.json, confusion.png and reliability.png.
"""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convbook import terminal
from convbook.names import data_source
from convbook.options import Command, Parser, integer
from convbook.training.evaluation import asked, protocols
from convbook.training.evaluation.protocols import Protocol

if TYPE_CHECKING:
    from convbook.training.data import Data
    from convbook.training.evaluation.trained_network import TrainedNetwork

FILES = ("confusion.png", "reliability.png", "evaluation.json")
GIVE = "give data with the classes of the network"


def evaluate(parser: Parser) -> Command:
    """convbook evaluate: its arguments; returns what evaluates."""
    parser.description, parser.epilog = __doc__, protocols.__doc__
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help=asked.MODEL)
    add("--data", required=True, metavar="D", help="as for training: digits, folder:PATH ...")
    parts = "test", "val", "train"
    add("--part", default="test", choices=parts, help="part of the data; default: test")
    add("--protocol", default="centre", metavar="P", help="see below; default: centre")
    add("--batch-size", type=integer(1), default=64, metavar="N", help="views in one batch")
    add("--out", metavar="FOLDER", help="default: evaluation-PROTOCOL-PART beside the first model")
    add("--skip-broken", action="store_true", help="leave out files that cannot be read")
    add(
        "--first-label",
        type=integer(0),
        metavar="N",
        help="with TFRecord files: the label of the first class",
    )
    asked.add_to(parser)
    return print_scores


def print_scores(options: Namespace) -> None:
    """Evaluates, writes the files and prints the scores.  Raises ValueError for bad options."""
    options.models = [asked.chosen(options, model) for model in options.models]
    refuse_twice(options.models)
    protocol = protocols.protocol(options.protocol)
    data_source(options.data)
    terminal.load_keras()
    from convbook.training.evaluation.scores import describe
    from convbook.training.fit.folder import claim

    networks, loaded = prepared(options, protocol)
    folder = Path(options.out or beside(options))
    claim(folder)
    evaluation, reliability = evaluated(networks, loaded, options, protocol)
    write(folder, evaluation, reliability)
    print("\n".join(describe(evaluation)))
    print(f"{folder}: {', '.join(FILES)}")


def refuse_twice(models: list[str]) -> None:
    """Raises ValueError for a network that would count twice in an ensemble."""
    for i, model in enumerate(models):
        if any(model == other or same_file(model, other) for other in models[:i]):
            raise ValueError(f"{model}: given twice; an ensemble averages different networks")


def same_file(one: str, other: str) -> bool:
    return Path(one).exists() and Path(other).exists() and Path(one).samefile(other)


def beside(options: Namespace) -> Path:
    name = "".join(c if c.isalnum() else "-" for c in options.protocol)
    return Path(options.models[0]).parent / f"evaluation-{name}-{options.part}"


def prepared(options: Namespace, protocol: Protocol) -> tuple[list, list]:
    """(networks, data of each), checked before time is spent.  Raises ValueError."""
    from convbook.training import data

    networks = [asked.network(options, model) for model in options.models]
    loaded = {}
    for network in networks:
        protocols.sides_of(protocol, network.size)
        size, channels, bits = key = shown_to(network)
        if key not in loaded:
            given = options.skip_broken, options.first_label, bits
            loaded[key] = data.load_data(options.data, size, channels, *given)
        refuse_classes(network, loaded[key], options.data)
    return networks, [loaded[shown_to(network)] for network in networks]


def shown_to(network: "TrainedNetwork") -> tuple[int, int, int | None]:
    """Size, channels and bits of the images that a network takes."""
    from convbook.training.evaluation import trained_network

    return network.size, network.channels, trained_network.bits(network)


def refuse_classes(network: "TrainedNetwork", images: "Data", name: str) -> None:
    """Raises ValueError if a network's classes are not those of the data."""
    if images.classes != network.classes:
        has = f"{network.path} has {network.classes} classes"
        raise ValueError(f"{has}, --data {name!r} has {images.classes}: {GIVE}")
    own_names = network.known and network.known.class_names
    own_names = own_names or (network.result or {}).get("classes")
    for i, (own, other) in enumerate(zip(own_names or (), images.names or (), strict=False)):
        if str(own) != str(other):
            said = f"{own!r} for {network.path}, {other!r} in --data {name!r}"
            raise ValueError(f"class {i} is {said}: {GIVE}")


def evaluated(
    networks: list, loaded: list, options: Namespace, protocol: Protocol
) -> tuple[dict[str, Any], Any]:
    """(the content of evaluation.json, the calibration of the answers).  Raises ValueError."""
    from convbook.training.evaluation import scores, trained_network

    pairs = zip(networks, loaded, strict=True)
    each = [probabilities_of(network, images, options, protocol) for network, images in pairs]
    p, y = np.sum(each, 0) / len(each), getattr(loaded[0], options.part).y
    evaluation = dict(
        models=[network.path for network in networks],
        data=options.data,
        part=options.part,
        protocol=options.protocol,
        words=[line for network in networks for line in words(network, protocol)],
        images=len(y),
        **scores.summary(p, y),
        top_1_of_each=[scores.top(own, y) for own in each],
        skipped=[[str(file), why] for file, why in loaded[0].skipped],
        classes=trained_network.class_names(networks[0], loaded[0]),
        accuracy_of_class=scores.per_class(p, y),
        confusion=scores.confusion(p, y).tolist(),
    )
    return evaluation, scores.reliability(p, y)


def words(network: "TrainedNetwork", protocol: Protocol) -> Iterator[str]:
    """Lines on choices that change a network's answers and that its user may not know of."""
    from convbook.training.evaluation import trained_network

    flips = "flip" in dict(trained_network.recipe(network).get("augmentation") or {})
    yield trained_network.words(network)
    if network.result and protocol.kind in ("ten", "crops", "dense") and not flips:
        yield f"{network.path}: evaluated with mirror images, but trained without them"


def probabilities_of(
    network: "TrainedNetwork", images: "Data", options: Namespace, protocol: Protocol
) -> np.ndarray:
    """The probabilities that a network gives, by a Protocol.  Raises ValueError."""
    from convbook.training.data.check import named
    from convbook.training.evaluation import probabilities, trained_network

    augmentation, statistics, short = trained_network.preparation(network, options.data, images)
    part, batch = getattr(images, options.part), options.batch_size
    known = network.known and network.known.preparation
    args = part, protocol, batch, short, augmentation, statistics, known
    with named(part):
        p = probabilities.probabilities(network.model, *args)
    if not np.isfinite(p).all():
        said = f"{network.path} returns numbers that are not finite (NaN or infinity)"
        raise ValueError(f"{said}: evaluate an earlier checkpoint, or train at a lower --lr")
    return p


def write(folder: Path, evaluation: dict[str, Any], reliability: Any) -> None:
    """The files of an evaluation.  Raises ValueError where they cannot be written."""
    from convbook.training.evaluation import plots

    try:
        folder.mkdir(parents=True, exist_ok=True)
        confused = np.asarray(evaluation["confusion"])
        plots.draw_confusion(folder / FILES[0], confused, evaluation["classes"])
        plots.draw_reliability(folder / FILES[1], reliability, evaluation["calibration_error"])
        # one line per key, however long: a matrix of 1,000 classes has a million numbers
        each = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in evaluation.items())
        (folder / FILES[2]).write_text(f"{{\n{each}\n}}\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"--out {str(folder)!r} cannot be written: {error.strerror}") from error
