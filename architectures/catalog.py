"""create(name): any network of the papers by name, with the same options for all."""

from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Annotated, Any, Literal

import keras
from keras import layers

from convbook.architectures.common import Net, logits
from convbook.architectures.graph.features import pyramid
from convbook.architectures.graph.layer_names import name_layers, one_name, tap
from convbook.architectures.graph.prepared import prepared
from convbook.architectures.graph.private import as_called
from convbook.architectures.weights import loading, origin
from convbook.architectures.weights.known import Known, about
from convbook.blocks.checks import require, rule_of, ruled
from convbook.blocks.types import (
    WHOLE,
    Padding,
    PoolPadding,
    Probability,
    Rate,
    Rule,
    Shortcut,
    StrideOn,
    Whole,
    is_number,
    is_row,
    is_whole,
)
from convbook.names import all_facts, unknown

PAPERS = """lenet alexnet zfnet vgg nin googlenet bn_inception inception_v3 inception_v4
inception_resnet xception resnet preresnet wide_resnet resnext resnet_d blurpool
pyramidnet stochastic_depth
senet attention selective_kernel densenet squeezenet nasnet amoebanet pnasnet mobilenet
mobilenet_v2 shufflenet shufflenet_v2 mnasnet mobilenet_v3 efficientnet efficientnet_v2 regnet dpn
dla repvgg mobileone nfnet ghostnet res2net hrnet resnest vovnet csp csp_resnet convnext fasternet
inceptionnext mobilenet_v4"""
FAMILIES = [
    import_module(f"convbook.architectures.{paper}") for paper in PAPERS.split()
]  # in their order
NETS = {name: net for family in FAMILIES for name, net in family.NETS.items()}
ALIASES = {alias: name for family in FAMILIES for alias, name in family.ALIASES.items()}
OPTIONS = ("shortcut", "stride_on", "se", "survival", "drop_path", "aux", "eps", "style", "variant")
Flag = Annotated[bool, Rule(lambda v: isinstance(v, bool), "True or False")]
Positive = Annotated[float, Rule(lambda v: is_number(v) and v > 0, "a number above 0")]
Ratio = Annotated[
    int | tuple[int, tuple[int, ...]],
    Rule(lambda v: is_ratio(v), "a ratio such as 16, or (ratio, stages) such as (16, (3, 4))"),
]
Network = Annotated[str, Rule(lambda v: isinstance(v, str), "the name of a network")]
TYPES: dict[str, Any] = {  # of the options that networks have
    "shortcut": Shortcut,
    "stride_on": StrideOn,
    "se": Ratio,
    "survival": Probability,
    "drop_path": Rate,
    "aux": Flag,
    "eps": Positive,
    "bias": Flag | None,
    "rate": Rate,
    "recompute": Flag,
    "bypass": Literal["simple", "complex"] | None,
    "p": Padding,
    "pool": PoolPadding,
    "blur": Whole,
    "skip": Flag,
    "scale": Positive,
    "alpha": Positive,
    "response": Literal["paper", "caffe", "torch"],
}


def is_ratio(v: Any) -> bool:
    return is_whole(v) or (
        isinstance(v, (tuple, list)) and len(v) == 2 and is_whole(v[0]) and is_row(v[1])
    )


@ruled
def names(aliases: bool = True) -> list[str]:
    """The names that create takes, in order of the papers; friendly aliases last."""
    return [*NETS, *ALIASES] if aliases else [*NETS]


@ruled
def facts(name: Network) -> dict[str, Any]:
    """The facts in facts.json about a network, from its paper and other sources; else {}."""
    return all_facts().get(ALIASES.get(name, name), {})


def find(name: str) -> tuple[str, Net]:
    """(the paper's name, its row).  For an unknown name: a ValueError with the nearest names."""
    full = ALIASES.get(name, name) if isinstance(name, str) else None
    if full not in NETS:
        raise ValueError(unknown(name, names()))
    return full, NETS[full]


def create(network: str, /, input_shape: tuple[int | None, ...] | None = None,
           classes: int | None = None, top: bool = True, weights: Any = None, *,
           of: str | None = None, adapt_channels: bool = False,
           features: bool = False, name: str | None = None,
           **options: Any) -> keras.Model:  # fmt: skip
    """A network of the papers as a functional keras.Model that returns logits.

    network: one of names().  input_shape (rows, columns, channels) and classes default to the
    paper's; rows and columns may be None if the head pools, or with top=False, which leaves out the
    head; HRNet takes multiples of 32.  weights of the same network: the path of a .keras or
    .weights.h5 file; 'imagenet', those of keras.applications; or, with names of PyTorch's
    libraries, the path of a .safetensors file or 'timm/NAME.TAG' (see weights.published).  Named
    weights set the options they need, and the model knows how to preprocess images for them: see
    graph.prepared.  of='torchvision/resnet50', the row of weights.published() that describes a
    file's weights, sets its options too ('own': your own weights, which fit the options as given);
    without weights, this is the network into which weights.from_torch loads those of the row.
    adapt_channels=True adapts another library's first kernel to images with other channels, as timm
    does.  name: of the model, by default the network's; the same network twice in one model needs
    two names, and get_layer(model, 'left/stage1') then finds a layer of one.

    features=True leaves out the head and returns a list of maps: the last map at each stride, the
    smallest stride first; the last entry is what top=False returns.  Networks for ImageNet have the
    strides 2, 4, 8, 16 and 32; VGG, DLA, Darknet-53 and CSPDarknet-53 also 1; AlexNet, Network in
    Network, ConvNeXt (but not its 'ols'), InceptionNeXt and FasterNet lack 2, SqueezeNet 32.
    Networks for CIFAR and LeNet-5 have 1, 2 and 4.  A convolution without padding trims the map
    without starting a new stride: LeNet-5's maps are 28, 10 and 1 wide.

    Options, the same for all nets (each net's own are in its file):
    variant     another reading or edition, by its name in facts.json
    style       'paper', 'torch', 'keras' or 'caffe': padding, pools, eps and LRN as in that library
    a           'softmax' returns probabilities
    shortcut    'A', 'B' or 'C', as in ResNet's section 4.1, or 'D', that of ResNet-D
    stride_on   '1x1' or '3x3' of a bottleneck
    se          squeeze-and-excitation: the ratio, or (ratio, stages)
    survival    stochastic depth: the last block's probability p_L, decaying linearly from 1
    drop_path   the last block's probability to be dropped for a sample, growing linearly with depth
    aux         True: [logits, then those of the auxiliary heads from the input side]
    eps         batch norm's epsilon

    Raises ValueError, naming the argument, for options and values that the network cannot take.
    """
    key, net = find(network)
    check_call(top, features, name, classes, options.get("a"))
    loading.refuse_unknown_weights(weights, adapt_channels)
    options = loading.needed(key, weights, options, of)
    variant = options.get("variant")
    published = options.pop("classes", None)
    classes = classes or published
    a = options.pop("a", None)
    net = choose(key, net, options)
    known = about(key, weights)
    if input_shape is None and known:
        input_shape = (known.preparation.crop, known.preparation.crop, net.shape[-1])
    net = replace(net, shape=checked_shape(net, input_shape), classes=int(classes or net.classes))
    whole = top and not features
    model = built(key, net, whole, a)
    origin.MADE[model] = made(key, net, variant)
    if weights is not None and (whole or loading.foreign(weights)):
        loading.load_weights(model, weights, of, adapt_channels)
    elif weights is not None:
        loading.load_body(model, weights)
    if features:
        model = pyramid(model, NETS[key].shape)
    model.name = name or key
    return as_called(with_preparation(model, known, whole) if known else model)


def with_preparation(model: keras.Model, known: Known, whole: bool) -> keras.Model:
    """The model with what is known of its weights, for images of its size."""
    rows, columns, channels = model.input_shape[1:]
    preparation, names = known.preparation, known.class_names
    size = rows if rows and rows == columns else preparation.crop
    if channels != preparation.channels or (size != preparation.crop and preparation.per_pixel):
        return model
    fits = whole and names is not None and len(names) == model.outputs[0].shape[-1]
    return prepared(model, preparation.at(size), names if fits else None)


def made(name: str, net: Net, variant: Any) -> origin.Made:
    """What weights of other libraries are compared with."""
    kin = frozenset(other for other, row in NETS.items() if row.body is net.body)
    return origin.Made(name, settled(name, net, variant), partial(completed, name), kin)


def completed(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """All options of a network, with those given."""
    return settled(name, choose(name, NETS[name], dict(given)), given.get("variant"))


def settled(name: str, net: Net, variant: Any) -> dict[str, Any]:
    """All options of a chosen row; also its variant, if that changes more than options."""
    change = NETS[name].variants.get(variant, {})
    beyond = change.keys() - {"options", "shape", "classes"}
    return net.options | ({"variant": variant} if beyond else {})


def check_call(top: Any, features: Any, name: Any, classes: Any, a: Any) -> None:
    """Raises ValueError for arguments of create that fit no network."""
    named = name is None or (isinstance(name, str) and name and "/" not in name)
    require(isinstance(top, bool), top=top, right="True or False")
    require(isinstance(features, bool), features=features, right="True or False")
    require(named, name=name, right="a name without a slash")
    require(classes is None or is_whole(classes), classes=classes, right=WHOLE)
    right = "None for logits or 'softmax' for probabilities"
    known = a is None or (isinstance(a, str) and a in ("linear", "softmax"))
    require(known, a=a, right=right)


def choose(name: str, net: Net, given: dict[str, Any]) -> Net:
    """The row with a user's options in place of the paper's; the result is final."""
    left = {key for key in given.keys() & OPTIONS if given[key] is None or given[key] is False}
    asked = {key: value for key, value in given.items() if key not in left}
    check_options(name, net, asked)
    change = net.variants.get(asked.pop("variant", None), {})
    style = net.styles.get(asked.pop("style", None), {})
    options = net.options | style | change.get("options", {}) | asked
    return replace(net, **change | {"options": options})


def check_options(name: str, net: Net, asked: dict[str, Any]) -> None:
    """Raises ValueError for an option that a network does not have, or an invalid value."""
    named = {"variant": net.variants, "style": net.styles}
    has = [*net.options, *(key for key, table in named.items() if table), "a"]
    for key, value in asked.items():
        if key in named:
            known = ", ".join(named[key]) or f"no {key}s"
            if not (isinstance(value, str) and value in named[key]):
                raise ValueError(f"{key}={value!r}: {name} has {known}")
        elif key not in net.options:
            raise ValueError(f"{key}={value!r}: {name} has no {key}; it has {', '.join(has)}")
        elif rule := rule_of(TYPES[key]):
            require(rule.test(value), right=rule.words, **{key: value})


def built(name: str, net: Net, top: bool, a: str | None) -> keras.Model:
    """The network of a row.  Raises ValueError, naming the size if it is too small."""
    try:
        with one_name():
            return build(name, net, top, a)
    except ValueError as error:
        least = least_size(name, net)
        if least is None:
            raise
        right = f"at least {least} x {least} for {name}"
        raise ValueError(f"input_shape={net.shape}: rows and columns must be {right}") from error


def checked_shape(net: Net, shape: Any) -> tuple[int | None, ...]:
    shape = net.shape if shape is None else shape
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    known = all(is_whole(i) for i in sizes if i is not None)
    if len(sizes) != 3 or not known or sizes[-1] is None:
        right = "(rows, columns, channels), at least 1 each; rows and columns may be None"
        require(False, input_shape=shape, right=right)
    fit = all(i is None or i % net.multiple == 0 for i in sizes[:2])
    right = f"(rows, columns, channels), rows and columns multiples of {net.multiple}"
    require(fit, input_shape=sizes, right=right)
    return sizes


def build(name: str, net: Net, top: bool, a: str | None) -> keras.Model:
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


def least_size(name: str, net: Net) -> int | None:
    """The smallest size that the body takes, if larger than the given one; else None."""
    rows, columns, channels = net.shape
    low, high = min(rows or 0, columns or 0), max(NETS[name].shape[:2])
    free = replace(net, shape=(None, None, channels))
    # Dense layers of auxiliary heads ask for a size.
    body = None if net.options.get("aux") else build(name, free, False, None)

    def takes(size: int) -> bool:
        try:
            if body is None:
                build(name, replace(net, shape=(size, size, channels)), False, None)
                return True
            # Keras 3.5 does not refuse maps without pixels
            return min(body.compute_output_shape((1, size, size, channels))) > 0
        except ValueError:
            return False

    if not 0 < low < high or takes(low) or not takes(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if takes(middle) else (middle, high)
    return high
