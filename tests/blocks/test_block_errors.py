"""Bad input: one ValueError that names the argument, its value, and what would be right.  And of
good input every number and flag has an effect.
"""

import ast
import inspect
import random
import re
import traceback
from pathlib import Path

import keras
import numpy as np
import pytest
from refusals import built

from convbook import blocks
from convbook.architectures.graph import calls
from convbook.blocks import BN, BN_TF, GN, checks

ROW = (4, 3, 8, 2, 4, 4)
FUNCTIONS = {
    name: block for name in blocks.__all__ if inspect.isfunction(block := getattr(blocks, name))
}
TENSORS = ("x", "x1", "x2", "h_prev", "h")
# What a call needs beside its tensors, where that is not f=8.
NEEDS = {
    "act": {"a": "relu"},
    "avgpool": {},
    "bam_block": {"r": 4},
    "bn_inception_module": {"f": ROW},
    "cbam_block": {"r": 4},
    "coordinate_block": {},
    "eca_block": {},
    "global_context_block": {"r": 4},
    "cell": dict(f=8, rows=blocks.PNASNET_5[0], used=blocks.PNASNET_5[1]),
    "cell_op": dict(op="sep3", f=8),
    "blurpool": {},
    "channel_shuffle": {},
    "convnext_block": {},
    "csp_stage": {"f": 8},
    "dark_block": {"f": 8},
    "dla_block": {"f": 8},
    "dpn_block": {"f": 8},
    "dla_root": {"f": 8},
    "dla_tree": {"f": 8},
    "leaky_bottleneck": {"f": 8},
    "leaky_conv": {"f": 8},
    "convnext_v2_block": {},
    "drop_path": {},
    "ese_block": {},
    "dwconv": {},
    "fuse_block": {"finer": [keras.Input((34, 34, 4), name="finer")]},
    "fasternet_block": {},
    "gavgpool": {},
    "inception_dwconv": {},
    "inceptionnext_block": {},
    "inception_resnet_block": {},
    "inception_v4_stem": {"p": "same"},
    "lrn": {},
    "maxpool": {},
    "mlpconv": {"f": (8, 8)},
    "nf_block": dict(f=8, width=4),
    "norm": {"n": BN},
    "ws_conv": dict(f=8, n=BN),
    "pad": {"p": 1},
    "parallel": {},
    "partial_conv": {"table": ((0, 1), (2,))},
    "pconv": {},
    "radial_basis": {"codes": [[1] * 8]},
    "reduction_a": {"f": (4, 6, 8, 10)},
    "reduction_b": {"f": (4, 6, 8, 10)},
    "inception_resnet_reduction_b": {"f": (4, 5, 6)},
    "se_block": dict(f=8, r=4),
    "regnet_block": dict(f=8, width=4),
    "res2net_block": dict(f=8, width=4),
    "selective_kernel": dict(f=8, g=2),
    "senet_block": dict(f=8, se=4),
    "shortcut_path": {"f": 16},
    "shufflenet_unit": dict(f=8, g=2),
    "sk_block": dict(f=8, g=2),
    "spatial_sepconv": {},
    "stochastic_depth": {"branch": lambda x: x},
    "subsample": {},
    "survivals": {"b": 3},
    "transition_block": {},
}
NOT_F = ("aux_head", "aux_head_v3", "inception_v3_c", "inception_v3_reduction_a")
NOT_F += ("inception_v3_reduction_b", "inception_v4_a", "inception_v4_b", "inception_v4_c")


def parameters(name):
    """{name of a parameter: its default}; those of a policy too."""
    found = {}
    for parameter in inspect.signature(FUNCTIONS[name]).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= dict(shortcut="B", bias=None, se=None, attention=None, gate=None)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            found[parameter.name] = parameter.default
    return found


def good_call(name):
    """Keywords with which the block builds."""
    inputs = {key: keras.Input((17, 17, 8)) for key in parameters(name) if key in TENSORS}
    if name == "radial_basis":
        inputs = {"x": keras.Input((8,))}
    return inputs | NEEDS.get(name, {} if name in NOT_F else {"f": 8})


def called(name, given):
    """The block's result; what parallel takes by position stands under `paths`."""
    given = dict(given)
    paths = given.pop("paths", [[(1, 4)]]) if name == "parallel" else []
    # Nothing is computed: the weights have shapes and no values
    with keras.StatelessScope(initialize_variables=False):
        return FUNCTIONS[name](*([given.pop("x"), *paths] if paths else []), **given)


# Calls in which an option acts that is idle in the good call
ACTS = {
    ("resnest_block", "early"): {"s": 2},
    ("blur_block", "blur"): {"s": 2},
    ("coordinate_block", "r"): {"x": keras.Input((17, 17, 512))},
    ("fused_mbconv_block", "project"): {"r": 1},
    ("fused_mbconv_block", "antialias"): {"s": 2},
    ("uib_block", "antialias"): {"s": 2},
    ("ghost_bottleneck", "k"): {"s": 2},
    ("selective_kernel", "r"): {"x": keras.Input((17, 17, 8)), "f": 1024},
    ("splat_conv", "r"): {"x": keras.Input((17, 17, 128))},
}


def anonymous(config):
    """The configuration of a layer, and of those within it, without names and seeds."""
    if isinstance(config, dict):
        apart = ("name", "registered_name", "build_config", "seed")
        return {key: anonymous(value) for key, value in config.items() if key not in apart}
    if isinstance(config, (list, tuple)):
        return [*map(anonymous, config)]
    return config


def size_of(value):
    return value.shape if isinstance(value, keras.KerasTensor) else value


def built_by(name, given):
    """What a call makes, as text: each operation, its arguments, the sizes of weights and maps."""
    inputs = [v for v in keras.tree.flatten([*given.values()]) if isinstance(v, keras.KerasTensor)]
    made = []
    for op, _, outputs, arguments in each_call(keras.Model(inputs, called(name, given))):
        own = op.get_config() if isinstance(op, keras.Layer) else public(op)
        sizes = [w.shape for w in getattr(op, "weights", ())], [x.shape for x in outputs]
        arguments = keras.tree.map_structure(size_of, arguments)
        made.append(f"{type(op).__name__} {anonymous(own)} {arguments} {sizes}")
    return made


def each_call(model):
    return [(*call, call.arguments) for call in calls(model)]


def public(op):
    return {key: value for key, value in vars(op).items() if not key.startswith("_")}


def other_values(value):
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [other for other in (2 * value, value + 1, value + 2, value // 2) if other]
    return [value / 2 or 0.25] if isinstance(value, float) else []


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "survivals"])
def test_every_number_and_flag_has_an_effect(name):
    """Another value of an argument builds another graph; values that are refused do not count."""
    idle, good = [], good_call(name)
    usual = built_by(name, good)
    for key, default in parameters(name).items():
        acts = ACTS.get((name, key), {})
        given, others = good | acts, []
        plain = built_by(name, given) if acts else usual
        for other in other_values(given.get(key, default)):
            try:
                others.append(built_by(name, given | {key: other}))
            except ValueError:
                continue
            if others[-1] != plain:
                break
        else:
            idle += [key] if others else []
    assert idle == []


def message_of(call, *args):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the message is what is tested
        call(*args)
    return str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_good_calls_build(name):
    assert called(name, good_call(name)) is not None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_has_a_rule(name):
    """A value that no argument can have is refused, and the error names the argument."""
    for key in parameters(name):
        thing = object()
        message = message_of(called, name, good_call(name) | {key: thing})
        assert message.startswith(f"{key}={thing!r}: {key} must be "), (key, message)


SIZES = {*"fkscdbrg", "width", "units", "classes", "tiles", "hidden", "steps", "se", "first_g"}
SIZES |= {"size", "multiplier", "s_prev", "part"}
NO_SIZES = [0, -1, True, 2.5, 8.0, np.float32(8), float("nan"), float("inf"), "8", 1j]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if SIZES & {*parameters(name)}])
def test_sizes_are_whole_numbers(name):
    """Only whole numbers of at least 1 are sizes: no bools, floats or strings."""
    for key in SIZES & {*parameters(name)}:
        for value in NO_SIZES:
            message = message_of(called, name, good_call(name) | {key: value})
            assert message.startswith(f"{key}={value!r}: {key} must be "), (key, message)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_norms_whose_groups_do_not_divide(name):
    if "n" in parameters(name):
        for n in ({"groups": 3}, {"groups": 0}, {"momemtum": 0.9}):
            shown = f"n={n}: n must be "
            assert message_of(called, name, good_call(name) | {"n": n}).startswith(shown)


def refusal(name, given):
    """(the sizes that the block makes, what it says if it refuses)."""
    try:
        return called(name, good_call(name) | given).shape[1:3], ""
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "se" in parameters(name)])
def test_a_ratio_above_the_channels_is_refused_by_its_name(name):
    """The error names the block's own argument, not that of an inner block; or r is rounded up."""
    _, said = refusal(name, {"se": 1000})
    assert not said or said.startswith("se=1000: se must be ")


KERNELS = {"k", "first", "cheap", "blur"}
LETTERS = {"conv", "sepconv", "dwconv", "ws_conv", "mlpconv", "maxpool", "avgpool"}
EVEN = [name for name in FUNCTIONS if KERNELS & {*parameters(name)} and name not in LETTERS]


@pytest.mark.parametrize("name", EVEN)
def test_an_even_kernel_keeps_the_size_or_is_refused_by_name(name):
    """If kernels of 3 and 5 keep the size, 4 keeps it too, or the error names k or p."""
    paddings = ({"p": "same"}, {"p": 1}) if "p" in parameters(name) else ({},)
    for key in KERNELS & {*parameters(name)}:
        size, larger = (refusal(name, {key: k})[0] for k in (3, 5))
        for p in paddings if size == larger else ():
            found, said = refusal(name, {key: 4} | p)
            assert found == size or re.match(f"({key}=4|p=1): ({key}|p) must be ", said)


def wide(x):
    return keras.Input((8, 8, 64))


def flat(x):
    return keras.Input((8,))


def unknown(x):
    return keras.Input((8, 8, None))


def free(x):
    return keras.Input((None, None, 8))


# Calls that do not fit together, and what is said of them; x has 8x8 pixels of 8 channels.  Every
# line of the blocks that refuses something is among what these reach.
CALLS = [
    (
        lambda x: blocks.inception_dwconv(x, part=3),
        "part=3: part must be from 4 to C=8: three parts are convolved",
    ),
    (lambda x: blocks.inceptionnext_block(x, part=9), "part=9: part must be from 4 to C=8"),
    (
        lambda x: blocks.parallel(x, ["avg", (1, 8)], pool_p=2),
        "pool_p=2: pool_p must be at most half of 3",
    ),
    (
        lambda x: blocks.parallel(x, [("max", 2)], p="ceil", max_p=4),
        "max_p=4: max_p must be at most half of 3",
    ),
    (lambda x: blocks.pyramid_block(x, 7), "f=7: f must be at least C=8"),
    (lambda x: blocks.pyramid_block(x, 8, r=9), "r=9: r must be None or a reduction from 1 to"),
    (lambda x: blocks.pconv(x, part=1), "part=1: part must be from 2 to C=8, the channels of x"),
    (lambda x: blocks.fasternet_block(x, part=9), "part=9: part must be from 2 to C=8"),
    (lambda x: blocks.BlurPool2D(0), "k=0: k must be a whole number"),
    (
        lambda x: blocks.BlurPool2D(3).compute_output_shape((None, 1, 4, 8)),
        "shape must be higher and wider than half of k",
    ),
    (lambda x: blocks.blurpool(x, k=17), "x=(None, 8, 8, 8): x must be of more than 8 pixels"),
    (lambda x: blocks.blur_block(x, 8, r=9), "r=9: r must be None or a reduction from 1 to f=8"),
    (
        lambda x: blocks.leaky_conv(x, 8, k=4),
        "k=4: k must be odd, because the padding keeps the size",
    ),
    (lambda x: blocks.uib_block(x, 8, k=4, p=1), "k=4: k must be odd with p=1, which keeps the"),
    (lambda x: blocks.uib_block(x, 8, first=4, p=1), "first=4: first must be odd with p=1, which"),
    (lambda x: blocks.repvgg_block(x, 8, se=9), "se=9: se must be None or a ratio from 1 to f=8"),
    (lambda x: blocks.mobileone_block(x, 8, se=9), "se=9: se must be None or a ratio from 1 to 8"),
    (
        lambda x: blocks.nf_block(x, 8, width=4, se=9),
        "se=9: se must be None or a ratio from 1 to f",
    ),
    (lambda x: blocks.resnest_block(x, 8, se=9), "se=9: se must be None or from 1 to f=8"),
    (lambda x: blocks.sk_block(x, 8, g=2, se=9), "se=9: se must be None or from 1 to f=8"),
    (lambda x: blocks.sk_basic_block(x, 8, se=9), "se=9: se must be None or from 1 to f=8"),
    (lambda x: blocks.blur_block(x, 8, se=9), "se=9: se must be None or a ratio from 1 to f=8"),
    (lambda x: blocks.conv(x, 9, g=3), "g=3: g must be a divisor of f=9 and of C=8"),
    (lambda x: blocks.conv(x, 8, s=2, d=2), "d=2: d must be 1 with s=2"),
    (lambda x: blocks.sepconv(x, 8, s=2, d=2), "d=2: d must be 1 with s=2"),
    (lambda x: blocks.dwconv(x, s=(1, 2), d=2), "d=2: d must be 1 with s=(1, 2)"),
    (lambda x: blocks.conv(x, 8, 9, p="valid"), "x=(None, 8, 8, 8): x must be of at least (9, 9)"),
    (lambda x: blocks.norm(x, {"momemtum": 1}), "n={'momemtum': 1}: n must be keywords of Keras'"),
    (lambda x: blocks.norm(x, GN), "n={'groups': 32}: n must be of groups that divide C=8"),
    (lambda x: blocks.maxpool(x, 2, 2, p=2), "p=2: p must be at most half of k=2"),
    (lambda x: blocks.avgpool(x, 2, 2, p=2), "p=2: p must be at most half of k=2"),
    (lambda x: blocks.maxpool(x, 9, p="valid"), "x=(None, 8, 8, 8): x must be of at least (9, 9)"),
    (lambda x: blocks.avgpool(x, 10, p=0), "x=(None, 8, 8, 8): x must be of at least (10, 10)"),
    (lambda x: blocks.bottleneck(x, 8, r=16), "r=16: r must be a reduction from 1 to f=8"),
    (lambda x: blocks.residual_block(wide(x), 32), "f=32: f must be C=64, the channels of x"),
    (lambda x: blocks.shortcut_path(x, 4, shortcut="A"), "f=4: f must be at least C=8"),
    (lambda x: blocks.basic_block(x, 8, se=16), "se=16: se must be None or from 1 to f=8"),
    (lambda x: blocks.bottleneck_block(x, 8, se=9), "se=9: se must be None or from 1 to f=8"),
    (lambda x: blocks.bottleneck_block(x, 8, r=16), "r=16: r must be a reduction from 1 to f=8"),
    (lambda x: blocks.preact_block(x, 8, r=16), "r=16: r must be None or a reduction from 1 to"),
    (lambda x: blocks.preact_block(x, 8, se=9), "se=9: se must be None or a ratio from 1 to f=8"),
    (lambda x: blocks.activation_order_block(x, 9), "f=9: f must be C=8, the channels of x"),
    (lambda x: blocks.shortcut_variant_block(x, 9), "f=9: f must be C=8, the channels of x"),
    (lambda x: blocks.resnext_block(x, 9), "f=9: f must be C=8, the channels of x"),
    (lambda x: blocks.resnext_block(x, 8, c=16), "r=2: r must be a reduction from 1 to f/c=0"),
    (lambda x: blocks.resnext_bottleneck_block(x, 8, se=9), "se=9: se must be None or from 1 to"),
    (lambda x: blocks.dense_block(x, recompute=True), "n=None: n must be batch norm, such as BN"),
    (lambda x: blocks.transition_block(x, r=9), "r=9: r must be a reduction from 1 to C=8"),
    (lambda x: blocks.se_block(wide(x), 32), "f=32: f must be C=64, the channels that"),
    (
        lambda x: blocks.inverted_residual_block(x, 8, k=5, p=1),
        "p=1: p must be 'same' or 2, which keep the size with k=5",
    ),
    (lambda x: blocks.inverted_residual_block(x, 8, se=9), "se=9: se must be None or a ratio"),
    (
        lambda x: blocks.mobilenet_v3_block(x, 8, p="valid"),
        "p='valid': p must be 'same' or 1, which keep the size with k=3",
    ),
    (
        lambda x: blocks.fused_mbconv_block(x, 8, k=5, p=1),
        "p=1: p must be 'same' or 2, which keep the size with k=5",
    ),
    (lambda x: blocks.fused_mbconv_block(x, 8, se=9), "se=9: se must be None or a ratio"),
    (
        lambda x: blocks.fused_mbconv_block(x, 8, 3, antialias="avg"),
        "s=3: s must be 1 or 2 with antialias",
    ),
    (
        lambda x: blocks.uib_block(x, 8, (1, 2), antialias="blur"),
        "s=(1, 2): s must be 1 or 2 with antialias",
    ),
    (lambda x: blocks.uib_block(x, 8, p=2), "p=2: p must be 'same' or 1, which keep the size"),
    (lambda x: blocks.uib_block(x, 8, 2, first=None, k=None), "s=2: s must be 1 without a depth"),
    (lambda x: blocks.splat_conv(x, 8, radix=3), "radix=3: radix must be a divisor of C=8"),
    (lambda x: blocks.resnest_block(x, 8, r=9), "r=9: r must be a reduction from 1 to f=8"),
    (
        lambda x: blocks.resnest_block(x, 8, radix=4),
        "radix=4: radix must be a divisor of the 2 channels it splits",
    ),
    (
        lambda x: blocks.splat_conv(x, 8, c=3),
        "c=3: c must be a divisor of C/radix=4, f=8 and 32, the dense layer's",
    ),
    (lambda x: blocks.ghost_module(x, 8, r=1), "r=1: r must be a divisor of f=8, at least"),
    (lambda x: blocks.ghost_module(x, 8, r=3), "r=3: r must be a divisor of f=8, at least"),
    (
        lambda x: blocks.ghost_bottleneck(x, 9),
        "f=9: f must be even, because half of the channels are",
    ),
    (
        lambda x: blocks.ghost_bottleneck(x, 8, width=9),
        "width=9: width must be even, because half of",
    ),
    (lambda x: blocks.ghost_bottleneck(x, 8, k=2), "k=2: k must be odd, because the padding keeps"),
    (lambda x: blocks.selective_kernel(x, 8, 3, g=1), "s=3: s must be 1 or 2, because the 3x3 has"),
    (
        lambda x: blocks.selective_kernel(x[..., :7], 8, g=1, split=True),
        "split=True: split must be False, because C is odd",
    ),
    (lambda x: blocks.sk_block(x, 8, r=9), "r=9: r must be a reduction from 1 to f=8"),
    (lambda x: blocks.eca_block(x, k=4), "k=4: k must be odd: as many"),
    (lambda x: blocks.bam_block(x), "r=16: r must be a reduction from 1 to C=8"),
    (lambda x: blocks.cbam_block(x), "r=16: r must be a reduction from 1 to C=8"),
    (lambda x: blocks.global_context_block(x), "r=16: r must be a reduction from 1 to C=8"),
    (
        lambda x: blocks.coordinate_block(keras.Input((None, 8, 8))),
        "x=(None, 8, 8): x must be of known rows and columns",
    ),
    (lambda x: blocks.se_block(x), "r=16: r must be a ratio from 1 to f=8"),
    (lambda x: blocks.regnet_block(x, 24), "width=16: width must be a divisor of f=24, which"),
    (lambda x: blocks.regnet_block(x, 16, se=9), "se=9: se must be None or a ratio from 1 to C=8"),
    (lambda x: blocks.regnetz_block(x, 9), "width=8: width must be a divisor of 36, r times f=9"),
    (lambda x: blocks.regnetz_block(x, 8, se=9), "se=9: se must be None or a ratio from 1 to C=8"),
    (lambda x: blocks.res2net_block(x, 8, c=1), "c=1: c must be at least 2: one part is kept"),
    (lambda x: blocks.res2net_block(x, 8, se=9), "se=9: se must be None or from 1 to f=8"),
    (lambda x: blocks.dark_block(x, 9), "f=9: f must be C=8, the channels of x"),
    (lambda x: blocks.dark_block(x, 8, r=9), "r=9: r must be a reduction from 1 to f=8"),
    (lambda x: blocks.leaky_bottleneck(x, 9), "f=9: f must be C=8, the channels of x"),
    (lambda x: blocks.leaky_bottleneck(x, 8, r=9), "r=9: r must be a reduction from 1 to f=8"),
    (lambda x: blocks.csp_stage(x, 8, width=7), "width=7: width must be even"),
    (lambda x: blocks.csp_stage(x, 9), "f=9: f must be even without a width"),
    (
        lambda x: blocks.csp_stage(x, 8, block=lambda x: blocks.conv(x, 7)),
        "block must be such that it keeps the 4 channels of a half, not 7",
    ),
    (lambda x: blocks.res2net_block(x, 8, g=5), "g=5: g must be a divisor of width=26"),
    (lambda x: blocks.conv(np.ones((1, 8, 8, 3), int), 8), "x='int64': x must be of floats"),
    (lambda x: blocks.dense(np.ones((1, 8), int), 8), "x='int64': x must be of floats"),
    (
        lambda x: blocks.dla_tree(x, 8, b=2, seen=[x, blocks.maxpool(x)]),
        "seen=[(None, 4, 4, 8)]: seen must be maps of the size of the result, (8, 8)",
    ),
    (lambda x: blocks.dpn_block(x, 8, width=6, g=4), "width=6: width must be a multiple of g=4"),
    (
        lambda x: blocks.fuse_block(x, finer=[x]),
        "finer=[(None, 8, 8, 8)]: finer must be maps, each twice as large as the next",
    ),
    (
        lambda x: blocks.fuse_block(x, coarser=[x]),
        "coarser=[(None, 8, 8, 8)]: coarser must be maps, each half as large as the one before",
    ),
    (
        lambda x: blocks.fuse_block(x),
        "coarser=(): coarser must be one or more maps, because finer is empty",
    ),
    (lambda x: blocks.dla_block(x, 8, g=2), "g=2: g must be 1 without a width"),
    (lambda x: blocks.dla_block(x, 8, c=4), "c=4: c must be None, or at least 2 and with a width"),
    (lambda x: blocks.dla_block(x, 8, width=2, c=1), "c=1: c must be None, or at least 2"),
    (lambda x: blocks.dla_root(x, 9, shortcut=True), "f=9: f must be C=8, the channels of x"),
    (
        lambda x: blocks.dla_root(x, 8, seen=[blocks.maxpool(x)]),
        "seen=[(None, 4, 4, 8)]: seen must be maps of the size of x",
    ),
    (lambda x: blocks.osa_block(x, 9, identity=True), "f=9: f must be C=8, the channels of x"),
    (lambda x: blocks.senet_block(x, 8, width=3), "width=3: width must be an even whole number"),
    (lambda x: blocks.senet_block(x, 8), "se=16: se must be None or a ratio from 1 to f=8"),
    (lambda x: blocks.fire_module(x, 1), "f=1: f must be even, because"),
    (lambda x: blocks.fire_module(x, 17), "f=17: f must be even, because"),
    (lambda x: blocks.fire_module(x, 4), "r=8: r must be a reduction from 1 to f=4"),
    (lambda x: blocks.fire_module(x, 16, bypass="simple"), "f=16: f must be C=8: x is added"),
    (lambda x: blocks.inv_residual_block(x, 9), "f=9: f must be C=8, the channels of x"),
    (lambda x: blocks.channel_shuffle(x, g=3), "g=3: g must be a divisor of C=8"),
    (lambda x: blocks.ChannelShuffle(0), "groups=0: groups must be a whole number"),
    (lambda x: blocks.ChannelShuffle(3)(x), "groups=3: groups must be a divisor of C=8"),
    (lambda x: blocks.shufflenet_unit(x, 9), "f=9: f must be C=8 if s=1, else more than C=8"),
    (lambda x: blocks.shufflenet_unit(x, 8, 2), "f=8: f must be C=8 if s=1, else more than"),
    (lambda x: blocks.shufflenet_unit(x, 8, g=3), "r=4: r must be a reduction of f=8 to a"),
    (lambda x: blocks.LayerScale("1"), "value='1': value must be a finite number"),
    (lambda x: blocks.SkipInit("1"), "value='1': value must be a finite number"),
    (
        lambda x: blocks.StandardizedConv2D(8, 3, epsilon=-1),
        "epsilon=-1: epsilon must be a number of at least 0",
    ),
    (lambda x: blocks.ws_conv(x, 8, g=3), "g=3: g must be a divisor of f=8 and of C=8"),
    (lambda x: blocks.nf_block(x, 12, width=4), "width=4: width must be a divisor of f/r=6"),
    (lambda x: blocks.GlobalResponseNorm(-1), "epsilon=-1: epsilon must be a number of at least"),
    (lambda x: blocks.shufflenet_v2_unit(x, 9, 2), "f=9: f must be even, because each path"),
    (lambda x: blocks.shufflenet_v2_unit(x, 10), "f=10: f must be C=8, the channels of x, if"),
    (lambda x: blocks.xception_block(x, 8, widths=(8, 9)), "widths=(8, 9): widths must be a row"),
    (lambda x: blocks.inception_module(x, 2), "f=2: f must be a row of six, or at least 3"),
    (lambda x: blocks.inception_module(x, (1, 2)), "f=(1, 2): f must be a row of six, or at"),
    (lambda x: blocks.inception_module(x, 8, 9), "r=9: r must be a reduction from 1 to f=8"),
    (lambda x: blocks.inception_module(x, ROW, se=21), "se=21: se must be None or from 1 to 20"),
    (lambda x: blocks.bn_inception_module(x, ROW[1:]), "f=(3, 8, 2, 4, 4): f must be six widths"),
    (lambda x: blocks.bn_inception_module(x, ROW, 2), f"f={ROW}: f must be a row that begins"),
    (
        lambda x: blocks.bn_inception_module(x, (0, *ROW[1:]), 2, p="valid"),
        "p='valid': p must be such that all paths have one size, with pool_p='same'",
    ),
    (lambda x: blocks.bn_inception_module(x, ROW, se=21), "se=21: se must be None or from 1 to"),
    (lambda x: blocks.parallel(x), "paths=(): paths must be one or more lists of steps"),
    (
        lambda x: blocks.parallel(x, [(3, 4, 2)], [(1, 4)]),
        "paths=([(3, 4, 2)], [(1, 4)]): paths must be paths whose maps all have the same size",
    ),
    (
        lambda x: blocks.aux_head(free(x)),
        "x=(None, None, None, 8): x must be of known H and W",
    ),
    (lambda x: blocks.grid_reduction(x, k=5, p=1), "p=1: p must be such that both paths have one"),
    (lambda x: blocks.inception_v3_b(x, (8, 8, 8)), "f=(8, 8, 8): f must be a whole number or a"),
    (lambda x: blocks.aux_head_v3(x, f=(8,)), "f=(8,): f must be two widths"),
    (lambda x: blocks.aux_head_v3(free(x), k=None), "k=None: k must be given, because H and W"),
    (
        lambda x: blocks.inception_resnet_block(x, paths="v3 A"),
        "paths='v3 A': paths must be v1 A, v1 B, v1 C, v2 A, v2 B, v2 C, or a list of paths",
    ),
    (lambda x: blocks.inception_resnet_block(x, paths=()), "paths=(): paths must be v1 A, v1 B,"),
    (lambda x: blocks.reduction_a(x, (4, 6, 8)), "f=(4, 6, 8): f must be four widths, (k, l, m"),
    (lambda x: blocks.reduction_b(x, ROW), f"f={ROW}: f must be four widths, (f1, f2, f3, f4)"),
    (lambda x: blocks.inception_resnet_reduction_b(x, ROW), f"f={ROW}: f must be three widths"),
    (lambda x: blocks.normal_cell(x, x, 9), "f=9: f must be 8, the channels of x1, which is"),
    (lambda x: blocks.normal_cell(x, wide(x), 8), "f=8: f must be 64, the channels of x2, which"),
    (
        lambda x: blocks.normal_cell(keras.Input((9, 8, 8)), x, 8),
        "x1=(None, 9, 8, 8): x1 must be of the size of x2, (None, 8, 8, 8)",
    ),
    (lambda x: blocks.factorized_reduction(x, 1), "f=1: f must be a whole number of at least 2"),
    (lambda x: blocks.cell_op(x, "1x7_7x1", 3), "f=3: f must be at least 4, because a quarter"),
    (
        lambda x: blocks.cell(x, x, 8, rows=[("sep3", 0, "sep3", "h")], used=[0]),
        "rows=[('sep3', 0, 'sep3', 'h')]: rows must be rows (op, input, op, input)",
    ),
    (
        lambda x: blocks.cell(x, x, 8, 2, rows=blocks.PNASNET_5[0], used=["h", 0]),
        "used=['h', 0]: used must be numbers of rows, or h and h_prev if s=1",
    ),
    (
        lambda x: blocks.nasnet_normal_cell(keras.Input((16, 16, 8)), x, 8),
        "s_prev=1: s_prev must be 2 if h_prev is twice h",
    ),
    (lambda x: blocks.small_kernels(x, k=4), "k=4: k must be an odd whole number of at least 3"),
    (lambda x: blocks.multi_size(x, k=(3,)), "k=(3,): k must be two or more kernels"),
    (lambda x: blocks.dense_as_conv(x, 8, k=9), "x=(None, 8, 8, 8): x must be of at least (9, 9)"),
    (
        lambda x: blocks.dense_as_conv(x, 4, k=1, weights=[np.ones((8, 5)), np.ones(5)]),
        "weights=[(8, 5), (5,)]: weights must be of shapes [(8, 4), (4,)]",
    ),
    (lambda x: blocks.local_conv(x, k=9), "x=(None, 8, 8, 8): x must be of at least (9, 9)"),
    (lambda x: blocks.tiled_conv(x, k=9), "x=(None, 8, 8, 8): x must be of at least (9, 9)"),
    (lambda x: blocks.LocallyConnected2D(0), "filters=0: filters must be a whole number"),
    (
        lambda x: blocks.local_conv(free(x)),
        "x=(None, None, None, 8): x must be of known H, W and C",
    ),
    (lambda x: blocks.TiledConv2D(8, tiles=0), "tiles=0: tiles must be a whole number"),
    (lambda x: blocks.lrn(x, size=4), "size=4: size must be an odd whole number of channels"),
    (lambda x: blocks.subsample(x, k=9), "x=(None, 8, 8, 8): x must be of at least (9, 9)"),
    (lambda x: blocks.partial_conv(x, table=((0, 8),)), "table=((0, 8),): table must be rows of"),
    (
        lambda x: blocks.radial_basis(flat(x), codes=[[1], []]),
        "codes=[[1], []]: codes must",
    ),
    (lambda x: blocks.radial_basis(flat(x)), "x=(None, 8): x must be (N, 84), as codes"),
    (
        lambda x: blocks.StochasticDepth(keras.Model(x, blocks.conv(x, 8)), "high"),
        "survival='high': survival must be a probability in (0, 1]",
    ),
    (
        lambda x: calls(keras.Sequential()),
        "model must be a functional or Sequential keras.Model",
    ),
]
MORE = [  # the same lines by other ways, and rules of single arguments
    (lambda x: blocks.basic_block(x, 8, shortcut="E"), "shortcut='E': shortcut must be 'A', 'B'"),
    (lambda x: blocks.bottleneck_block(x, 8, stride_on="5x5"), "stride_on='5x5': stride_on must"),
    (lambda x: blocks.aggregate(x, 8, form="d"), "form='d': form must be 'grouped', 'concat' or"),
    (lambda x: blocks.dense_block(x, n=GN, recompute=True), "n={'groups': 32}: n must be batch"),
    (lambda x: blocks.basic_block(x, 8, n=GN), "n={'groups': 32}: n must be of groups that"),
    (lambda x: blocks.cell_op(x, "sep4", 8), "op='sep4': op must be 'sep3', 'sep5', 'sep7'"),
    (lambda x: blocks.cell_op(x, "avg3", 8, 3), "s=3: s must be 1 or 2"),
    (lambda x: blocks.drop_path(x, survival=0), "survival=0: survival must be a probability"),
    (lambda x: blocks.drop_path(x, survival=1.5), "survival=1.5: survival must be a probability"),
    (lambda x: blocks.drop_path(x, survival=float("nan")), "survival=nan: survival must be a"),
    (lambda x: blocks.dense_block(x, b=-1), "b=-1: b must be a whole number of at least 1"),
    (lambda x: blocks.dense_block(x, rate=1), "rate=1: rate must be a rate in [0, 1)"),
    (lambda x: blocks.transition_block(unknown(x)), "x=(None, 8, 8, None): x must be a 4D tensor"),
    (lambda x: blocks.residual_block(x, r=None), "r=None: r must be a whole number"),
    (lambda x: blocks.channel_shuffle(x, g=0), "g=0: g must be a whole number"),
    (lambda x: blocks.reduction_b(x, f=8), "f=8: f must be a row of whole numbers"),
    (lambda x: blocks.reduction_a(keras.Input((2, 8, 8))), "x=(None, 2, 8, 8): x must be of at"),
    (lambda x: blocks.reduction_a(x, p=2), "p=2: p must be at most half of k=3"),
    (lambda x: blocks.xception_block(x, 8, 2, p="valid"), "p='valid': p must be 'same' or 1"),
    (lambda x: blocks.inception_v3_a(x, pool_p="valid"), "pool_p='valid': pool_p must be 'same'"),
    (lambda x: blocks.parallel(x, [(3, 0)]), "paths=[(3, 0)]: paths must be a list of steps"),
    (lambda x: blocks.parallel(x, 3), "paths=3: paths must be a list of steps"),
    (lambda x: blocks.mlpconv(x, (8, -1)), "f=(8, -1): f must be a row of whole numbers"),
    (lambda x: blocks.inv_residual_block(wide(x)), "f=32: f must be C=64, the channels of x"),
    (lambda x: blocks.conv(flat(x), 8), "x=(None, 8): x must be a 4D tensor (N, H, W, C)"),
]
MORE += [  # functions that a block calls: their arguments and results
    (lambda x: blocks.convnext_block(x, gate=lambda x: x), "gate must be None or a function gate("),
    (lambda x: blocks.convnext_block(x, gate=lambda x, b: None), "that returns a map, not None"),
    (
        lambda x: blocks.convnext_block(x, gate=lambda x, b: b(x)[:, :4]),
        "gate must be a function that returns the shape of branch(x), (None, 8, 8, 8), not (None,",
    ),
    (lambda x: blocks.basic_block(x, 8, gate=lambda x, b: None), "gate must be a function that"),
    (lambda x: blocks.basic_block(x, 8, attention=lambda x: None), "attention must be a function"),
    (lambda x: blocks.csp_stage(x, 8, block=lambda x: None), "block must be a function that"),
    (lambda x: blocks.csp_stage(x, 8, block=lambda x, f: x), "block must be a function from"),
    (lambda x: blocks.dla_tree(x, 8, block=lambda x: x), "block must be a function of x, f and s"),
    (lambda x: blocks.conv(x, 8, a=keras.layers.ReLU), "a must be None, a function (no class)"),
    (lambda x: blocks.conv(x, 8, init=keras.layers.ReLU), "init must be None, an initializer"),
    (lambda x: blocks.conv(x, 8, init=keras.layers.ReLU()), "init must be None, an initializer"),
    (lambda x: blocks.conv(x, 8, init=lambda shape: shape), "init must be None, an initializer"),
    (lambda x: blocks.basic_block(x, 8, gate=keras.layers.ReLU), "gate must be None or a function"),
    (lambda x: blocks.basic_block(x, 8, gate=keras.layers.Dropout(0.1)), "gate must be None or a"),
    (
        lambda x: blocks.basic_block(x, 8, attention=keras.layers.ReLU),
        "attention must be a function",
    ),
    (
        lambda x: blocks.basic_block(x, 4, gate=lambda x, b: x),
        "branch(x), (None, 8, 8, 4), not (None",
    ),
    (lambda x: blocks.dla_tree(x, 8, block=keras.layers.ReLU), "block must be a function of x"),
    (lambda x: blocks.norm(x, {"momentum": 2.0}), "n={'momentum': 2.0}: n must be None or"),
    (lambda x: blocks.norm(x, {"dtype": "x"}), "n={'dtype': 'x'}: n must be None or"),
    (
        lambda x: blocks.norm(x, {"gamma_regularizer": "l9"}),
        "n={'gamma_regularizer': 'l9'}: n",
    ),
    (lambda x: blocks.norm(x, {"beta_constraint": 3}), "n={'beta_constraint': 3}: n must be None"),
    (lambda x: blocks.norm(x, {"synchronized": "x"}), "n={'synchronized': 'x'}: n must be None or"),
    (lambda x: blocks.norm(x, {1: 2}), "n={1: 2}: n must be None or"),
    (lambda x: blocks.dense_as_conv(x, 2, weights=np.ones((3, 3))), "weights=(3, 3): weights must"),
    (lambda x: blocks.inception_v4_a(x, pool_p=np.int64(3)), "pool_p=np.int64(3): pool_p must be"),
    (lambda x: blocks.conv(x, 10**9), "f=1000000000: f must be smaller: a kernel (3, 3, 8, 1000"),
    (lambda x: blocks.conv(x, 8, 10**6), "k=1000000: k must be smaller: a kernel (1000000, 1000"),
    (lambda x: blocks.dense(x, 10**9), "f=1000000000: f must be smaller: a kernel (8, 1000"),
    (lambda x: blocks.aux_head(x, classes=10**9), "classes=1000000000: classes must be smaller"),
    (lambda x: blocks.sepconv(x, 8, multiplier=10**9), "multiplier=1000000000: multiplier must be"),
    (lambda x: blocks.dwconv(x, (9, 10**9)), "k=(9, 1000000000): k must be smaller: a kernel (9, "),
    (lambda x: blocks.ws_conv(x, 10**9, n=None), "f=1000000000: f must be smaller: a kernel (3, "),
    (lambda x: blocks.dense_as_conv(free(x), 8, k=10**6), "k=1000000: k must be smaller"),
    (
        lambda x: blocks.refinement_head(x, hidden=10**9),
        "hidden=1000000000: hidden must be smaller",
    ),
    (lambda x: blocks.norm(x, {"groups": 4, "axis": (-1,)}), "'axis': (-1,)}: n must be None or"),
    (lambda x: blocks.norm(x, BN | {"axis": True}), "'axis': True}: n must be None or keywords"),
    (lambda x: blocks.norm(x, BN | {"renorm_momentum": "x"}), "'renorm_momentum': 'x'}: n must be"),
    (lambda x: blocks.norm(x, BN | {"renorm_clipping": {"r": 1}}), "{'r': 1}}: n must be None or"),
    (lambda x: blocks.norm(x, {"axis": -1}), "such as BN; the axis (-1,) is layer norm"),
    (lambda x: blocks.norm(x, {"axis": [-1]}), "the axis (-1,) is layer norm"),
    (lambda x: blocks.norm(x, {"name": "a/b"}), "n={'name': 'a/b'}: n must be None or keywords"),
]
ids = [message for _, message in CALLS + MORE]


def test_good_functions_of_the_user_are_taken():
    x = keras.Input((8, 8, 8))
    blocks.conv(x, 8, a=keras.layers.ReLU(), init=keras.initializers.Zeros)
    blocks.conv(x, 8, init=lambda shape, dtype=None: keras.ops.ones(shape, dtype))
    blocks.norm(x, {"groups": np.int64(4)})
    blocks.norm(x, BN | {"renorm": True, "renorm_clipping": {"rmax": 3}})
    blocks.norm(x, {"dtype": "mixed_float16", "gamma_regularizer": keras.regularizers.L2(0.1)})
    blocks.inception_v4_a(x, pool_p=np.int64(1))


def test_paddings_of_pools_reach_the_paths_within_a_path():
    x = keras.Input((8, 8, 8))
    y = blocks.parallel(x, [(1, 4), [["avg"], [(1, 2)]]], pool_p=1)
    kinds = {type(layer) for layer in keras.Model(x, y).layers}
    assert keras.layers.ZeroPadding2D in kinds  # of Caffe's padding; 'same' has none


@pytest.mark.parametrize(("call", "message"), CALLS + MORE, ids=ids)
def test_what_does_not_fit_is_refused_by_name(call, message):
    found = message_of(call, keras.Input((8, 8, 8)))
    assert message in found
    assert re.search(r"(\w+)=.*: \1 must|model must", found, re.DOTALL)


def test_all_that_is_refused_is_tried():
    """No line of the blocks refuses what none of these calls gives."""
    home, rules = Path(inspect.getfile(blocks)).parent, Path(inspect.getfile(checks))
    written, reached = set(), set()
    for file in home.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            text = ast.unparse(node) if isinstance(node, (ast.Raise, ast.Expr)) else ""
            if file != rules and re.match(r"raise ValueError|require\(", text):
                written.add((file.name, node.lineno, node.end_lineno))
    for call, _ in CALLS:
        try:
            call(keras.Input((8, 8, 8)))
        except ValueError as error:
            for frame in traceback.extract_tb(error.__traceback__):
                reached.add((Path(frame.filename).name, frame.lineno))
    missed = {
        (name, first)
        for name, first, last in written
        if not any((name, line) in reached for line in range(first, last + 1))
    }
    assert missed == set()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: blocks.basic_block(x, 64, 1, BN, "B", 16),
        lambda x: blocks.basic_block(x, 64, 1, BN),
        lambda x: blocks.preact_block(x, 8, 1, 4),
        lambda x: blocks.inception_module(x, 8, 4, BN),
        lambda x: blocks.inverted_residual_block(x, 8, 1, 6),
        lambda x: blocks.dense_block(x, 8, 3, BN),
        lambda x: blocks.resnext_block(x, 8, 2, 4, BN),
        lambda x: blocks.normal_cell(x, x, 8, BN),
        lambda x: blocks.drop_path(x, lambda x: x, 0.5),
        lambda x: blocks.basic_block(x, 8, ratio=4),
        lambda x: blocks.conv(x, 8, filters=4),
    ],
)
def test_what_is_not_in_the_signature_is_a_type_error(call):
    with pytest.raises(TypeError, match=r"positional|unexpected keyword"):
        call(keras.Input((8, 8, 8)))


@pytest.mark.parametrize("name", ["basic_block", "sk_block", "res2net_block"])
def test_an_unknown_keyword_is_refused_in_the_name_of_the_block(name):
    """Of blocks that pass keywords on; the error lists those that there are."""
    with pytest.raises(TypeError, match=rf"^{name}\(\) .*'S'; its keywords are .*shortcut, bias"):
        getattr(blocks, name)(keras.Input((8, 8, 8)), 64, S=2)


def test_positions_are_those_of_the_article():
    """Elsewhere only tensors, f and s are positional, and the main argument of a helper."""
    own = {
        "bottleneck": "x f r",
        "naive_inception_module": "x f",
        "inception_module": "x f r",
        "residual_block": "x f r",
        "resnext_block": "x f r c",
        "dense_block": "x f b",
        "se_block": "x f r",
        "normal_cell": "x1 x2 f",
        "inv_residual_block": "x f r",
        "conv": "x f k s p d a",
        "sepconv": "x f k s p d a",
        "dwconv": "x k s p d a",
        "maxpool": "x k s p",
        "avgpool": "x k s p",
        "dense": "x f a",
        "act": "x a",
        "norm": "x n",
        "pad": "x p",
        "cell": "h_prev h f s",
        "cell_op": "x op f s",
        "survivals": "b survival",
        "stochastic_depth": "x branch",
        "drop_path": "x branch",
    }
    for name, block in FUNCTIONS.items():
        found = [
            parameter.name
            for parameter in inspect.signature(block).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        if name in own:
            assert " ".join(found) == own[name]
        else:
            tensors = [key for key in found if key in TENSORS]
            assert found in (tensors, [*tensors, "f"], [*tensors, "f", "s"]), name


def test_defaults_of_sizes_are_the_usual_but_for_what_a_paper_has():
    """They are public: a call without them builds what its page says."""
    usual = dict(f=32, s=1, k=3, d=1, classes=1000)
    papers = {
        "f": dict(aux_head=128, fire_module=128, inception_v3_a=64, inception_v3_b=192,
                  refinement_head=10),
        "s": dict.fromkeys(("avgpool", "blurpool", "csp_stage", "maxpool"), 2),
        "k": dict.fromkeys(("avgpool", "maxpool", "subsample"), 2)
        | dict.fromkeys(("asymmetric_pair", "cbam_block", "dense_as_conv"), 7)
        | dict.fromkeys(("inception_dwconv", "inceptionnext_block"), 11)
        | dict.fromkeys(("aux_head_v3", "inception_module", "mlpconv", "partial_conv"), 5)
        | dict(ghost_module=1, small_kernels=5),
        "d": dict(bam_block=4),
        "classes": {},
    }  # fmt: skip
    for key, value in usual.items():
        found = {name: parameters(name)[key] for name in FUNCTIONS if key in parameters(name)}
        others = {name: v for name, v in found.items() if type(v) is int and v != value}
        assert others == papers[key], key


CHOICES = {  # of which most can be right
    "f": [1, 2, 4, 8, 8, 12, 32],
    "k": [1, 2, 3, 5, 7, (1, 3), [3, 3]],
    "s": [1, 2, 3, (1, 2)],
    "d": [1, 2, (1, 2)],
    "p": ["same", "valid", "ceil", 0, 1, (0, 1), 2],
    "pool_p": ["same", 1, "valid", "zeros", "zeros in means"],
    "max_p": [None, "same", 1],
    "a": ["relu", None, "linear", keras.activations.tanh],
    "n": [None, BN, BN_TF, {"groups": 4}, GN, {}],
    "branch": [lambda x: x, lambda x: blocks.conv(x, 8)],
    "gate": [None, blocks.drop_path, blocks.stochastic_depth],
    "paths": ["v1 A", "v2 C", [[(1, 4)], ["avg", (3, 2)]]],
    "rows": [blocks.PNASNET_5[0], blocks.NASNET_A_NORMAL[0]],
    "used": [(0, 1, 2, 3, 4), ("h_prev", 0, 1)],
    "op": ["sep3", "avg3", "max3", "none", "1x7_7x1"],
    "table": [((0, 1), (2,)), ((0,),)],
    "codes": [[[1] * 8, [0] * 8]],
    "widths": [None, (4, 8), (8,)],
    "survival": [0.5, 1],
    "shortcut": ["A", "B", "C", "D", None],
}
ODD = [0, -1, 2.5, True, None, "8", "", "same", "relu", float("nan"), (1, 2, 3), (), [], {}]
ODD += [object(), 1, 2, 4, 16, ROW, (0, *ROW[1:]), ROW[:4], np.ones(3), 10**3, {"a": 1}]
SHAPES = [(8, 8, 8)] * 5 + [(None, None, 8), (5, 7, 4), (2, 2, 8), (1, 1, 8), (None, 8, 32)]
SHAPES += [(8, 8, None), (8, 8), (35, 35, 12)]
STEPS = [(1, 4), (3, 4, 2), "avg", "max", ("max", 2), [[(1, 2)], [(3, 2)]], ((1, 3), 2), (1, 0), 3]


def random_call(rng):
    name = rng.choice(sorted(FUNCTIONS))
    given, shape = {}, rng.choice(SHAPES)
    for key, default in parameters(name).items():
        if key in TENSORS:
            given[key] = keras.Input(shape if rng.random() < 0.8 else rng.choice(SHAPES))
        elif default is inspect.Parameter.empty or rng.random() < 0.35:
            likely = CHOICES.get(key, [default])
            given[key] = rng.choice(likely if rng.random() < 0.75 else ODD)
    if name == "parallel":
        given["paths"] = [rng.choices(STEPS, k=rng.randint(1, 2)) for _ in range(rng.randint(1, 2))]
    return name, given


def shown(value):
    if getattr(value, "shape", ()):
        return repr(tuple(value.shape))
    return repr(dict(value) if hasattr(value, "items") else value)


def by_name(refused, name, given):
    """Whether the name and the value are those of the call; of a tensor, of one within."""
    key = refused.partition("=")[0]
    if key in (*TENSORS, "paths"):
        return f": {key} must be " in refused
    value = (parameters(name) | given).get(key, inspect.Parameter.empty)
    texts = (shown(value), repr(value))  # of an array the shape, or the numbers
    return any(refused.startswith(f"{key}={text}: {key} must be ") for text in texts)


@pytest.mark.parametrize("seed", range(10))
def test_random_calls_build_or_are_refused_by_name(seed):
    rng = random.Random(seed)
    are_tensors = [
        name == "survivals" or keras.ops.is_tensor(y) or isinstance(y, keras.KerasTensor)
        for name, y in built(lambda: random_call(rng), called, by_name)
    ]
    assert all(are_tensors)
    assert len(are_tensors) > 10
