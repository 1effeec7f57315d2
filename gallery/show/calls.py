"""The calls of blocks that we show and test: each with its defaults, and with every option."""

from typing import Any, NamedTuple

from convbook.gallery.menu import MENU
from convbook.gallery.show import definition, nodes
from convbook.gallery.show.hints import hints
from convbook.gallery.show.policy import default_of, is_optional, is_size
from convbook.gallery.show.text import Texts


class Example(NamedTuple):
    """A call: args, whose first names are inputs of these shapes, and what its text is cut to."""

    name: str
    args: str
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any]


# Values of options whose type does not list them, beside the default.
VALUES: dict[str, tuple[Any, ...]] = {
    "a": (None, "relu6"),
    "alpha": (0.5,),
    "attention": ("eca_block", "cbam_block"),
    "cheap": (5,),
    "blur": (5,),
    "c": (2,),
    "beta": (0.5,),
    "eps": (1e-3,),
    "first": (None, 5),
    "first_g": (1,),
    "gate": ("drop_path", "stochastic_depth"),
    "init": ("he_normal",),
    "k": (None, 5),
    "max_p": (1,),
    "middle": (None,),
    "n": ({"groups": 2}, None),
    "p": ("same", "valid", 1),
    "part": (2,),
    "paths": ("v1 B", [[(1, 8)], [(1, 8), (3, 16)]]),
    "pool_p": (1,),
    "r": (4,),
    "radix": (1, 4),
    "rate": (0.25,),
    "scale": (0.1,),
    "se": (4,),
    "slope": (0.01,),
    "width": (16,),
    "widths": ((16, 64),),
}
NO_N = "BN", {"groups": 2}  # the same of n where the default is None
# Second arguments, with a stride or with other channels than the menu's.
MORE = {
    "basic_block": "x, 64, 2",
    "bottleneck_block": "x, 64, 2",
    "blur_block": "x, 64",
    "bn_inception_module": "x, (0, 64, 64, 64, 96, 0), 2",
    "inception_module": "x, (8, 8, 12, 4, 8, 8)",
    "fused_mbconv_block": "x, 64, 2",
    "inverted_residual_block": "x, 64, 2",
    "mbconv_block": "x, 64, 2",
    "ghost_bottleneck": "x, 64, 2",
    "mobilenet_v3_block": "x, 64, 2",
    "preact_block": "x, 64, 2",
    "pyramid_block": "x, 64, 2",
    "resnext_bottleneck_block": "x, 64, 2",
    "regnet_block": "x, 64, 2",
    "regnetz_block": "x, 64, 2",
    "repvgg_block": "x, 64, 2",
    "mobileone_block": "x, 64, 2",
    "nf_block": "x, 256, 2",
    "ws_conv": "x, 32, 2",
    "res2net_block": "x, 64, 2",
    "resnest_block": "x, 128, 2",
    "splat_conv": "x, 32, 2",
    "selective_kernel": "x, 64, 2",
    "senet_block": "x, 256",
    "sk_basic_block": "x, 64, 2",
    "sk_block": "x, 128, 2",
    "shufflenet_unit": "x, 480, 2",
    "shufflenet_v2_unit": "x, 64, 2",
    "uib_block": "x, 64, 2",
}
# What else a call needs for an option or for one of its values: other arguments or options.
ARGS = {
    ("fire_module", "simple"): "x, 32",
    ("osa_block", "True"): "x, 32, width=32",
    ("bn_inception_module", "valid"): "x, (0, 64, 64, 64, 96, 0), 2",
}
WITH: dict[tuple[str, str], dict[str, Any]] = {
    ("dense_block", "r"): {"n": "BN"},
    ("dla_block", "c"): {"width": 16},
    ("selective_kernel", "split"): {"g": 4},
    ("dense_block", "recompute"): {"n": "BN"},
    ("bn_inception_module", "valid"): {"max_p": "valid", "pool_p": "valid"},
}
TALL = {"s_prev": (64, 64, 32)}  # the shape of the first input
# A value with which the block's sizes would not match where it is added or concatenated.
UNFIT = {("inverted_residual_block", "valid"), ("xception_block", "valid")}
UNFIT |= {("mbconv_block", "valid"), ("mobilenet_v3_block", "valid")}
UNFIT |= {("fused_mbconv_block", "valid"), ("uib_block", "valid")}
# Three parts of theirs are convolved
UNFIT |= {("inception_dwconv", "2"), ("inceptionnext_block", "2")}
# Their map of places has one channel
UNFIT |= {("bam_block", "{'groups': 2}"), ("cbam_block", "{'groups': 2}")}


def choices(texts: Texts, name: str) -> dict[str, list[Any]]:
    """{option: the values it may have beside its default} of a block."""
    found = definition(texts, name)
    params = {p.name.value: p for p in nodes.parameters(found.node)}
    given = {}
    for option, hint in hints(texts.library, found).items():
        param = params.get(option)
        if param and not param.default:
            continue
        if option == "n" or param is None or is_optional(param) or not is_size(param):
            default = default_of(param).replace('"', "'") if param else "None"
            listed = [value for value in hint.listed() if repr(value) != default]
            more = NO_N if option == "n" and default == "None" else VALUES.get(option, ())
            fewer = [value for value in more if repr(value) != default]
            given[option] = listed if listed and option != "n" else fewer
    return {option: of for option, of in given.items() if of}


def examples(texts: Texts, name: str) -> list[Example]:
    """The calls of a block: with its defaults, then with each value of each option."""
    args, shapes = MENU[name].args, MENU[name].shapes
    every = [args, *([MORE[name]] if name in MORE else [])]
    found = [Example(name, args, shapes, {}) for args in every]
    for option, of in choices(texts, name).items():
        tall = (TALL[option], *shapes[1:]) if option in TALL else shapes
        for value in of:
            key = (name, str(value))
            chosen = {**WITH.get((name, option), {}), **WITH.get(key, {}), option: value}
            given = [ARGS[key]] if key in ARGS else every
            found += [Example(name, args, tall, chosen) for args in given if key not in UNFIT]
    return found
