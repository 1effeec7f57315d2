"""Every network that another library also has, against it: for training and inference."""

import gc
import logging
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import keras

from benchmarks.frame.pairs import clocked, compare, skipped, together
from benchmarks.sides import KerasNet, TorchNet, same, timm
from convbook import architectures
from convbook.architectures.weights.convert import from_keras, from_torch
from convbook.architectures.weights.published import APPLICATIONS, published

OPTIONS = {
    "pairs": (11, 2, "timed pairs"),
    "batch": (4, 2, "images a step"),
    "size": (128, 32, "pixels of a side; 0 for each net's own"),
    "nets": ("all", "mobilenet_v1_0.25_224", "names of ours, with commas"),
    "peers": (
        "resnet50,resnext50_32x4d,seresnext50_32x4d,densenet121,inception_v3,mobilenetv2_100",
        "mobilenetv2_035",
        "timm's names, with commas, or all",
    ),
}
OWN_SIZE = OPTIONS | {"size": (0, *OPTIONS["size"][1:])}
EACH, MEDIAN, TORCH = 1.03, 0.95, 1.1  # the targets
FEW = 4  # rows per process
NARROW = 0.7  # of the kernels that the twin draws


def chosen(text, known):
    """The names in text, in order.  Raises ValueError for an unknown name."""
    names = [*known] if text == "all" else text.split(",")
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r}: there is no such net here; there are {', '.join(known)}")
    return names


def twins(text):
    """Our names with a twin; of all, those whose twins differ in more than the image's size."""
    if text != "all":
        return chosen(text, APPLICATIONS)
    unlike = {}
    for name, (function, arguments, _) in APPLICATIONS.items():
        arguments = {"alpha": 1.0} | arguments | {"input_shape": None}
        unlike.setdefault((function, str(sorted(arguments.items()))), name)
    return list(unlike.values())


def size_of(name, size=0):
    """The given size of an image, or the net's own."""
    return size or architectures.create(name).input_shape[1]


def ours(name, size):
    """Our network in the form of keras.applications, with logits."""
    return architectures.create(name, (size, size, 3), **APPLICATIONS[name][2])


def twin(name, size):
    """The network of keras.applications, with its own initial weights, made narrower."""
    function, arguments, _ = APPLICATIONS[name]
    arguments = arguments | {"weights": None, "input_shape": (size, size, 3)}
    whole = getattr(keras.applications, function)(**arguments, classifier_activation=None)
    return narrowed(unscaled(whole))


def narrowed(model):
    """With kernels so small that rounding does not grow from layer to layer, as in a deep net."""
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(NARROW * layer.kernel)
    return model


def unscaled(model):
    """The network after the layers that scale its pixels, such as EfficientNet's."""
    scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    others = model.layers[1:]
    first = next(layer for layer in others if not isinstance(layer, scaling))
    return model if first is others[0] else keras.Model(first.input, model.output)


def fuse(model):
    """Batch norms of training.devices.norms, as in the trainer."""
    from convbook.training.devices.norms import (
        fuse,  # needs TensorFlow, unlike the rest of this file
    )

    fuse(model)


def fresh():
    """Frees earlier networks, so that each net has the whole memory."""
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(0)


def against_keras(name, options, fused=True):
    """Our side and theirs, with the same weights; and facts about both.  Raises Differs.

    fused: ours with fuse.
    """
    fresh()
    size = size_of(name, options.size)
    theirs = KerasNet(twin(name, size), options.batch)
    model = from_keras(ours(name, size), theirs.model)
    if fused:
        fuse(model)
    mine = KerasNet(model, options.batch)
    return mine, theirs, same(mine, theirs) | {"size": size, "batch": options.batch}


def against_torch(peer, options, fused=True):
    """The same for a network by its name in timm."""
    fresh()
    name, of_network = published()[f"timm/{peer}"]
    size = size_of(name, options.size)
    theirs = TorchNet(timm().create_model(peer), size, options.batch)
    model = from_torch(architectures.create(name, (size, size, 3), **of_network), theirs.state)
    if fused:
        fuse(model)
    mine = KerasNet(model, options.batch)
    return mine, theirs, same(mine, theirs) | {"size": size, "batch": options.batch}


@contextmanager
def apart():
    """do(work, *arguments) returns work's result from a process that ends after FEW calls.

    TensorFlow keeps the weights of trained networks in memory.
    """
    letters = {"mp_context": get_context("spawn"), "max_tasks_per_child": FEW}
    with ProcessPoolExecutor(1, initializer=quiet, **letters) as pool:
        yield lambda work, *arguments: pool.submit(work, *arguments).result()


def quiet():
    """Silences TensorFlow's warning that each net is traced again."""
    logging.getLogger("tensorflow").setLevel("ERROR")


def beside_torch(options, do, work, *arguments):
    """The rows of do(work, peer, options, *arguments) for each network of timm, if installed."""
    if timm() is None:
        yield skipped("PyTorch's", "timm or PyTorch is not installed")
        return
    known = [n.removeprefix("timm/") for n in published() if n.startswith("timm/")]
    for peer in chosen(options.peers, known):
        yield do(work, peer, options, *arguments)


def rows_of_all(options, work):
    """The rows of all nets against keras.applications, and of the peers against timm.

    work: 'step' or 'predict', of the sides.
    """
    with apart() as do:
        seen = []
        for name in twins(options.nets):
            seen.append(do(row_keras, name, options, work))
            yield seen[-1]
        yield together(f"median of {len(seen)}", seen, "keras.applications", MEDIAN)
        yield from beside_torch(options, do, row_torch, work)


def row_keras(name, options, work):
    """The row of a net against keras.applications.  Raises Differs."""
    return row_of_pair(
        name, options, work, "keras.applications", EACH, *against_keras(name, options)
    )


def row_torch(peer, options, work, target=TORCH):
    """The row of a net against timm's.  Raises Differs."""
    return row_of_pair(peer, options, work, "timm", target, *against_torch(peer, options))


def row_of_pair(name, options, work, library, target, mine, theirs, known):
    each = (clocked(getattr(side, work)) for side in (mine, theirs))
    return compare(name, *each, options.pairs, library, target, **known)
