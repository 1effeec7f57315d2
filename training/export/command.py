"""Export a network as one file, for a server or a phone.

    convbook export runs/photos --to litert -o photos.tflite
    convbook export resnet50 --weights imagenet --to savedmodel -o resnet50

The file takes photographs of any size with values from 0 to 255, prepares them itself, and returns
probabilities.  With --raw it takes prepared images and returns the network's own output.  Either
way it contains the class names, and the network is folded.
"""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convbook import terminal
from convbook.names import data_source, given_as
from convbook.options import Command, Parser
from convbook.training import preparation as prepare
from convbook.training.evaluation import asked

if TYPE_CHECKING:
    from convbook.architectures.weights.preparation import Preparation
    from convbook.training.evaluation.trained_network import TrainedNetwork

ENDINGS = {"savedmodel": "", "litert": ".tflite", "onnx": ".onnx"}
USES = {
    "savedmodel": "a folder, for TensorFlow and TensorFlow Serving; it takes JPEG files as well",
    "litert": "a .tflite file, for phones",
    "onnx": "an .onnx file, for onnxruntime and OpenVINO (pip install '.[export]')",
}


def export(parser: Parser) -> Command:
    """convbook export: its arguments; returns what exports."""
    parser.description = f"{__doc__}\n" + "\n".join(f"    {k:12}{v}" for k, v in USES.items())
    add = parser.add_argument
    add("model", metavar="MODEL", help=asked.MODEL)
    add("--to", required=True, choices=tuple(ENDINGS), help="the format")
    add("-o", "--out", metavar="FILE", help="default: beside the model, with the format's ending")
    add("--raw", action="store_true", help="leave out the preparation and the softmax")
    add(
        "--int8",
        action="store_true",
        help="LiteRT in 8 bits: a smaller file, slightly different outputs",
    )
    add("--calibrate", metavar="D", help="images for --int8: as --data of train, folder:PATH ...")
    asked.add_to(parser)
    return exported


def exported(options: Namespace) -> int:
    """Writes the file and describes it.  Raises ValueError for bad options."""
    options.model = asked.chosen(options, options.model)
    refuse_conflicting_options(options)
    path = place(options)
    terminal.load_keras()
    from convbook.training.evaluation import trained_network
    from convbook.training.export import fastest, formats

    network = asked.network(options, options.model, prepared=not options.raw or options.int8)
    preparation = None if options.raw else preparation_of(network)
    if not options.raw:
        refuse_end(network)
    plain = dict(savedmodel=formats.saved_model, litert=formats.litert, onnx=formats.onnx)
    write = in_int8(network, options) if options.int8 else plain[options.to]
    names = trained_network.class_names(network)
    write(formats.inference_form(network.model), preparation, names, path)
    print(f"{path}: {description(network, preparation)}")
    print(f"run it: {fastest.RUN[options.to].format(path)}")
    if advice := fastest.advice(network.model.name):
        print(advice)
    return 0


def in_int8(network: "TrainedNetwork", options: Namespace) -> Callable[..., None]:
    """A function that writes LiteRT in int8 and reports how often it agrees with the network."""
    from convbook.architectures.graph.ends import answers_probabilities
    from convbook.architectures.graph.fold import flat
    from convbook.training import data
    from convbook.training.export import formats, int8

    with given_as("--calibrate"):
        images = data.load_data(options.calibrate, network.size, network.channels)
    prepare = preparation_of(network) if options.raw else np.asarray
    train, test = (int8.calibration_images(part, prepare) for part in (images.train, images.test))

    def write(form, preparation, names, path):
        form = flat(form)
        int8.mark_ends(form)
        call, _ = formats.signature(form, preparation, 1)
        formats.litert(form, preparation, names, path, partial(int8.converted, images=train))
        probabilities = preparation is not None or answers_probabilities(form)
        same = int8.agreement(path.read_bytes(), call, test, probabilities)
        print(f"int8: {same.words()}")

    return write


def refuse_conflicting_options(options: Namespace) -> None:
    """Raises ValueError for options that do not go together."""
    if options.int8 and options.to != "litert":
        raise ValueError(f"--int8 works only with --to litert, not {options.to}")
    if options.int8 != bool(options.calibrate):
        raise ValueError("--int8 and --calibrate DATA: give both, or neither")
    if options.calibrate:
        data_source(options.calibrate, "--calibrate")


def place(options: Namespace) -> Path:
    """The path to write to.  Raises ValueError for an invalid path or a missing library."""
    ending = ENDINGS[options.to]
    if options.out and not options.out.endswith(ending):
        raise ValueError(f"--out {options.out}: for {options.to}, the name must end with {ending}")
    for form, other in ENDINGS.items():
        if options.out and not ending and other and options.out.endswith(other):
            said = f"--out {options.out}: {options.to} is a folder"
            raise ValueError(f"{said}; {other} is the ending of --to {form}")
    stem = options.model if options.weights else str(Path(options.model).with_suffix(""))
    path = Path(options.out or f"{stem}{ending or '-savedmodel'}")
    if path.exists() and (not ending or path.is_dir()):
        raise ValueError(f"--out {path}: it already exists; name another, or delete it")
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: there is no folder {path.parent}")
    missing = [name for name in ("tf2onnx", "onnx", "onnxruntime") if not find_spec(name)]
    if options.to == "onnx" and missing:
        how = "pip install '.[export]', or tf2onnx onnx onnxruntime"
        raise ValueError(f"--to onnx: {missing[0]} is not installed: {how}")
    return path


def preparation_of(network: "TrainedNetwork") -> "Preparation":
    """How images are prepared for it.  Raises ValueError if that is not known exactly."""
    known = network.known or prepare.of_run(network.path, network.result or {}, network.channels)
    if known is None:
        raise ValueError(
            f"{network.path}: result.json lacks the mean of its training images;"
            " give --raw to leave the preparation out"
        )
    return known.preparation


def refuse_end(network: "TrainedNetwork") -> None:
    """Raises ValueError for a network whose output no softmax turns into class probabilities."""
    from convbook.architectures.graph.ends import ends_in_sigmoid

    if network.classes == 1:
        raise ValueError(f"{network.path} returns one number, not classes: give --raw")
    if network.result is None and ends_in_sigmoid(network.model):
        raise ValueError(f"{network.path} ends in a sigmoid, not in logits: give --raw")


def description(network: "TrainedNetwork", preparation: "Preparation | None") -> str:
    """What the file takes and returns, as one line."""
    first = f", the first of its {network.outputs} outputs" * (network.outputs > 1)
    if preparation is None:
        shape = ", ".join(str(n or "any") for n in network.model.input_shape[1:])
        return f"images (N, {shape}), already prepared, to the network's output{first}"
    what = f"images of any size, values from 0 to 255, to {network.classes} probabilities{first}"
    return f"{what}; inside: {preparation.words()}"
