"""create(name): any network of the papers by name, with the same options for all."""

import json
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.resources import files

import keras
from keras import layers

from convbook.architectures import loading
from convbook.architectures.common import logits
from convbook.architectures.taps import name_layers, one_name, tap

PAPERS = """lenet alexnet vgg nin googlenet bn_inception inception_v3 inception_v4
inception_resnet xception resnet preresnet resnext stochastic_depth senet densenet squeezenet nasnet
amoebanet pnasnet mobilenet shufflenet"""
FAMILIES = [
    import_module(f"convbook.architectures.{paper}") for paper in PAPERS.split()
]  # in their order
NETS = {name: net for family in FAMILIES for name, net in family.NETS.items()}
ALIASES = {alias: name for family in FAMILIES for alias, name in family.ALIASES.items()}
OPTIONS = ("shortcut", "stride_on", "se", "survival", "drop_path", "aux", "eps", "style", "variant")


def names(aliases=True):
    """The names that create takes, in the order of the papers; with the friendly ones behind."""
    return [*NETS, *ALIASES] if aliases else [*NETS]


@cache
def all_facts():
    return json.loads((files("convbook.architectures") / "facts.json").read_text(encoding="utf-8"))


def facts(name):
    """What the paper and others say of a network, from facts.json; {} if nothing is written."""
    return all_facts().get(ALIASES.get(name, name), {})


def find(name):
    """(the paper's name, its row).  Raises ValueError with the nearest names."""
    full = ALIASES.get(name, name)
    if full not in NETS:
        near = ", ".join(get_close_matches(str(name).lower(), names(), 5, 0.5))
        raise ValueError(
            f"name={name!r}: there is no such architecture; nearest: {near or 'see names()'}"
        )
    return full, NETS[full]


def create(name, input_shape=None, classes=None, top=True, weights=None, **options):
    """A network of the papers as a functional keras.Model that returns logits.

    name: one of names().  input_shape (rows, columns, channels) and classes are the paper's unless
    given; rows and columns may be None where the head pools, and with top=False, which leaves out
    the head.  weights of the same network: the path of a .keras or .weights.h5 file; 'imagenet',
    those of keras.applications; or, as PyTorch's libraries name them, the path of a .safetensors
    file or 'timm/NAME.TAG' (see weights.published).  Named weights bring the options they need.

    Options, the same for all nets (each net's own are in its file):
    variant     another reading or edition, by its name in facts.json
    style       'paper', 'torch' or 'keras': padding, pooling and eps as in that library
    a           'softmax' returns probabilities
    shortcut    'A', 'B' or 'C', as in ResNet's section 4.1
    stride_on   '1x1' or '3x3' of a bottleneck
    se          squeeze-and-excitation: the ratio, or (ratio, stages)
    survival    stochastic depth: the last block's probability p_L, decaying linearly from 1
    drop_path   the last block's probability to be dropped for a sample, growing linearly with depth
    aux         True: [logits, then those of the auxiliary heads from the input side]
    eps         batch norm's epsilon

    Raises ValueError, naming the argument, for what the network does not have or cannot be.
    """
    name, net = find(name)
    given = loading.needed(name, weights, options)
    options = dict(given)
    a = options.pop("a", None)
    if a not in (None, "linear", "softmax"):
        raise ValueError(f"a={a!r}: a must be None for logits or 'softmax' for probabilities")
    net = choose(name, net, options)
    net = replace(net, shape=checked_shape(net, input_shape), classes=classes or net.classes)
    if classes is not None and not (isinstance(classes, int) and classes >= 1):
        raise ValueError(f"classes={classes!r}: classes must be a whole number of at least 1")
    try:
        with one_name():
            model = build(name, net, top, a)
    except ValueError as error:
        least = least_size(name, net)
        if least is None:
            raise
        right = f"at least {least} x {least} for {name}"
        raise ValueError(f"input_shape={net.shape}: rows and columns must be {right}") from error
    if weights is not None and (top or not loading.foreign(weights)):
        loading.load(model, weights)
    elif weights is not None:
        loading.share(create(name, weights=weights, **given), model)
    return model


def choose(name, net, given):
    """The row with a user's options in the places of the paper's; its options are then final."""
    left = {k for k, v in given.items() if k in OPTIONS and (v is None or v is False)}
    given = {k: v for k, v in given.items() if k not in left}
    for key, table in (("style", net.styles), ("variant", net.variants)):
        if key in given and given[key] not in table:
            has = ", ".join(table) or f"no {key}s"
            raise ValueError(f"{key}={given[key]!r}: {name} has {has}")
    change = net.variants.get(given.pop("variant", None), {})
    style = net.styles.get(given.pop("style", None), {})
    for key, value in given.items():
        if key not in net.options:
            has = [*net.options, *["variant"] * bool(net.variants), *["style"] * bool(net.styles)]
            raise ValueError(f"{key}={value!r}: {name} has no {key}; it has {', '.join(has)}, a")
    if "eps" in given and not (isinstance(given["eps"], (int, float)) and given["eps"] > 0):
        raise ValueError(f"eps={given['eps']!r}: eps must be a number above 0")
    options = net.options | style | change.get("options", {}) | given
    return replace(net, **change | {"options": options})


def checked_shape(net, shape):
    shape = net.shape if shape is None else shape
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    known = all(hasattr(i, "__index__") and i >= 1 for i in sizes if i is not None)
    if len(sizes) != 3 or not known or sizes[-1] is None:
        right = "(rows, columns, channels), at least 1 each; rows and columns may be None"
        raise ValueError(f"input_shape={shape!r}: input_shape must be {right}")
    return sizes


def build(name, net, top, a):
    i = keras.Input(net.shape, name="input")
    x = net.body(i, *net.table, **net.options)
    x, *aux = x if isinstance(x, list) else [x]
    if top:
        x = net.head(x, net.classes)
        aux = [logits(m, net.classes, f"aux{j}_logits") for j, m in enumerate(aux, 1)]
    if top and a == "softmax":
        kept = [(x, "probabilities")] + [(m, f"aux{j}_softmax") for j, m in enumerate(aux, 1)]
        x, *aux = [tap(layers.Activation(a, dtype="float32")(m), label) for m, label in kept]
    model = keras.Model(i, [x, *aux] if aux else x, name=name)
    name_layers(model)
    return model


def least_size(name, net):
    """The least size that the body takes, if that is more than what net.shape asks for; or None."""
    rows, columns, channels = net.shape
    low, high = min(rows or 0, columns or 0), max(NETS[name].shape[:2])
    body = build(name, replace(net, shape=(None, None, channels)), False, None)

    def takes(size):
        try:
            body.compute_output_shape((1, size, size, channels))
        except ValueError:
            return False
        return True

    if not 0 < low < high or takes(low) or not takes(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if takes(middle) else (middle, high)
    return high
