"""fold: the same outputs with fewer layers, and nothing is folded that cannot be."""

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from importlib import import_module

import keras
import numpy as np
import pytest
from cases import fill
from keras import layers, ops
from proofs.prove import CLASSES, small
from test_learning import MEMBERS, SHORT, shorter
from test_weights import randomise

import convbook
from convbook import architectures, blocks
from convbook.architectures import flat, fold
from convbook.architectures.catalog import NETS, build
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.graph.layer_names import inside as nested_in
from convbook.blocks import BN, GroupedConv2D, LayerScale, conv, drop_path, stochastic_depth
from convbook.blocks.legacy import StochasticDepth as GateOfOld
from convbook.gallery import show

FOLD = import_module("convbook.architectures.graph.fold")  # the module, which the function hides
SAME = 1e-5
# Batch norms that stay, each before a relu: in pre-activated nets the first of each unit or layer,
# those of transitions and the last; and one that reads halves padded by a channel of zeros.
STAY = {
    "preresnet18": 8 + 1,
    "dpn68": 5 + 4 + 1,  # of projections, too, which read what is joined
    "pyramidnet110_a48_cifar": 6 + 1,
    "densenet_cifar_BC_L100_k12": 3 * 2 + 2 + 1,
    "amoebanet_a_mobile_4_50": 1,
    "pnasnet5_mobile": 1,
    "inceptionnext_atto": 4 + 3,  # of joined parts, a block each; of sums, between the stages
}


ONE_PATH = ("repvgg_a0", "mobileone_s0")  # whose branches are folded into the first
FOLDED = re.compile(r"_b[2-9]_(conv|dwconv|pad)")


def kinds(model, kind=layers.BatchNormalization):
    return sum(isinstance(layer, kind) for layer in all_layers(model))


def images(model, seed=1):
    """Random inputs for a model, one or a list."""
    r = np.random.default_rng(seed)
    xs = [r.normal(size=(2, *x.shape[1:])).astype("float32") for x in model.inputs]
    return xs if len(xs) > 1 else xs[0]


def outputs_of(model, x):
    y = model(x, training=False)
    y = y[0] if isinstance(y, list) else y
    return ops.convert_to_numpy(y).astype("float32")


def difference(model, other, x=None):
    """The largest difference of the answers, over the largest answer."""
    x = images(model) if x is None else x
    y, z = outputs_of(model, x), outputs_of(other, x)
    assert y.shape == z.shape
    return float(np.abs(y - z).max() / np.abs(y).max())


def model_of(shape, *stack):
    i = x = keras.Input(shape)
    for layer in stack:
        x = layer(x)
    return fill(keras.Model(i, x))


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_of_each_family(name):
    model = randomise((shorter if name in SHORT else small)(name))
    before, x = model.get_weights(), images(model)
    folded = fold(model)
    assert difference(model, folded, x) < SAME
    assert folded.name == model.name
    assert kinds(folded) == STAY.get(name, 0)
    assert kinds(folded, layers.Dropout) == 0
    if kinds(model):
        assert folded.count_params() < model.count_params()
    kept = [
        x.name
        for x in all_layers(model)
        if not isinstance(x, (layers.BatchNormalization, layers.Rescaling, LayerScale))
        and not isinstance(x, (layers.Dropout, layers.InputLayer))
        and not x.name.endswith("_branch")
        and not (name in ONE_PATH and (isinstance(x, layers.Add) or FOLDED.search(x.name)))
    ]
    assert [architectures.get_layer(folded, name).name for name in kept] == kept
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(("name", "norms", "stay"), [("resnet50", 53, 0), ("densenet121", 121, 62)])
def test_whole_networks(name, norms, stay):
    """DenseNet keeps the first batch norm of each layer, those of transitions, and the last."""
    model = randomise(architectures.create(name, (32, 32, 3), 7))
    folded = fold(model)
    assert (kinds(model), kinds(folded)) == (norms, stay)
    assert difference(model, folded) < SAME
    channels = [v.shape[0] for v in model.weights if v.name == "gamma"]
    left = [v.shape[0] for v in folded.weights if v.name == "gamma"]
    assert model.count_params() - folded.count_params() == 3 * (sum(channels) - sum(left))


def test_repvgg_is_plain_once_folded():
    """It is a chain of one 3x3 per block, without branches."""
    model = randomise(architectures.create("repvgg_a0", (64, 64, 3), 7))
    folded, x = fold(model), images(model)
    assert difference(model, folded, x) < SAME
    found = [layer for layer in folded.layers if isinstance(layer, layers.Conv2D)]
    assert [c.kernel_size for c in found] == [(3, 3)] * (1 + 2 + 4 + 14 + 1)
    assert kinds(folded) == kinds(folded, layers.Add) == 0
    assert all(len(call.inputs) <= 1 for call in FOLD.calls(folded))
    readers = Counter(id(x) for call in FOLD.calls(folded) for x in call.inputs)
    assert {*readers.values()} == {1}


def test_repvgg_with_squeeze_and_excitation_keeps_its_gates():
    """One 3x3 and a gate for each of its blocks; double precision, as gates amplify rounding."""
    keras.config.set_dtype_policy("float64")
    i = x = keras.Input((16, 16, 8), dtype="float64")
    for f, s in ((8, 1), (12, 2), (12, 1)):
        x = blocks.repvgg_block(x, f, s, se=4)
    model = randomise(keras.Model(i, x))
    folded = fold(model)
    assert difference(model, folded) < SAME
    assert sum(isinstance(layer, layers.Conv2D) for layer in all_layers(folded)) == 3
    assert kinds(folded) == kinds(folded, layers.Add) == 0
    assert kinds(folded, layers.Multiply) == 3


@pytest.mark.parametrize("name", ["mobileone_s0", "mobileone_s4"])
def test_mobileone_is_a_mobilenet_once_folded(name):
    """A depthwise 3x3 and a 1x1 for each of its blocks; only squeeze-and-excitation joins paths."""
    folded = fold(architectures.create(name, (64, 64, 3), 7))
    found = [c for c in folded.layers if isinstance(c, (layers.Conv2D, layers.DepthwiseConv2D))]
    assert [c.kernel_size for c in found] == [(3, 3)] + [(3, 3), (1, 1)] * (2 + 8 + 10 + 1)
    assert kinds(folded) == kinds(folded, layers.Add) == 0
    assert kinds(folded, layers.Multiply) == {"mobileone_s0": 0, "mobileone_s4": 2 * (5 + 1)}[name]
    # Squeeze-and-excitation amplifies rounding
    keras.config.set_dtype_policy("float64")
    model = randomise(architectures.create(name, (64, 64, 3), 7))
    assert difference(model, fold(model)) < SAME


FOLDS_NORM = {  # layers into which a following batch norm is folded, and an input
    "Conv1D": ((8, 3), lambda: layers.Conv1D(6, 3)),
    "Conv2D": ((8, 8, 3), lambda: layers.Conv2D(6, 3, 2, "same", use_bias=False)),
    "Conv2D with bias": ((8, 8, 3), lambda: layers.Conv2D(6, 3, dilation_rate=2)),
    "Conv3D": ((4, 4, 4, 2), lambda: layers.Conv3D(3, 2)),
    "Conv2D in groups": ((8, 8, 4), lambda: layers.Conv2D(6, 3, groups=2)),
    "GroupedConv2D": ((8, 8, 4), lambda: GroupedConv2D(6, 3, groups=2, use_bias=False)),
    "DepthwiseConv1D": ((8, 3), lambda: layers.DepthwiseConv1D(3, depth_multiplier=2)),
    "DepthwiseConv2D": ((8, 8, 3), lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)),
    "SeparableConv1D": ((8, 3), lambda: layers.SeparableConv1D(6, 3, depth_multiplier=2)),
    "SeparableConv2D": ((8, 8, 3), lambda: layers.SeparableConv2D(6, 3, use_bias=False)),
    "Dense": ((5,), lambda: layers.Dense(7, use_bias=False)),
    "Dense on a map": ((4, 4, 3), lambda: layers.Dense(5)),
}


@pytest.mark.parametrize("kind", FOLDS_NORM)
def test_what_batch_norms_are_folded_into(kind):
    shape, make = FOLDS_NORM[kind]
    for norm in (dict(), dict(scale=False), dict(center=False), dict(axis=len(shape), epsilon=0.1)):
        model = model_of(shape, make(), layers.BatchNormalization(**norm))
        folded = fold(model)
        assert len(folded.layers) == 2
        assert folded.layers[-1].use_bias
        assert difference(model, folded) < SAME


def test_several_in_turn():
    """Two batch norms, a dropout between, a rescaling; then a relu ends it."""
    stack = [
        layers.Conv2D(6, 3, use_bias=False, name="one"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.BatchNormalization(),
        layers.Rescaling(0.3, 0.2),
        layers.ReLU(),
        layers.BatchNormalization(),
    ]
    model = model_of((8, 8, 3), *stack)
    folded = fold(model)
    assert [type(x).__name__ for x in folded.layers[1:]] == ["Conv2D", "ReLU", "BatchNormalization"]
    assert difference(model, folded) < SAME


def test_layer_scale():
    model = model_of((8, 8, 3), layers.Conv2D(6, 1, use_bias=False), LayerScale(0.1))
    folded = fold(model)
    assert [type(x).__name__ for x in folded.layers[1:]] == ["Conv2D"]
    assert difference(model, folded) < SAME


def test_after_a_concatenation():
    i = keras.Input((8, 8, 3))
    parts = [layers.Conv2D(f, 1, use_bias=False)(i) for f in (2, 5)]
    x = layers.concatenate([*parts, layers.DepthwiseConv2D(1)(i)])
    model = fill(keras.Model(i, layers.ReLU()(layers.BatchNormalization()(x))))
    assert kinds(fold(model)) == 0
    assert difference(model, fold(model)) < SAME
    rows = layers.concatenate([layers.Conv2D(2, 1)(i), layers.Conv2D(2, 1)(i)], axis=1)
    model = fill(keras.Model(i, layers.BatchNormalization()(rows)))
    assert kinds(fold(model)) == 1
    assert difference(model, fold(model)) < SAME


@keras.saving.register_keras_serializable("tests")
class Always(layers.Dropout):
    """A layer that acts in inference too."""

    def call(self, x, training=False):
        return 2 * x


@keras.saving.register_keras_serializable("tests")
class Doubled(layers.Conv2D):
    def call(self, x):
        return super().call(x) ** 2


@keras.saving.register_keras_serializable("tests")
class Shifted(layers.BatchNormalization):
    def call(self, x, training=None):
        return super().call(x, training) + 1


def two_by_two(x):
    """3x3/2 and 1x1/2 of one map."""
    m = layers.Conv2D(4, 3, 2, use_bias=False)(layers.ZeroPadding2D(1)(x))
    return layers.add([layers.BatchNormalization()(m), layers.Conv2D(4, 1, 2)(x)])


def with_x(x, kind=layers.Conv2D, **letters):
    """3x3 and 1x1 of one map, with the map; the sum is scaled too."""
    m = layers.BatchNormalization()(kind(filters=4, kernel_size=3, padding="same", **letters)(x))
    m1 = kind(filters=4, kernel_size=1, use_bias=False, **letters)(x)
    return NORM()(layers.add([layers.BatchNormalization()(x), m1, m]))


def rows_and_columns(x):
    """1x3, 3x1 and 3x3, as in ACNet; and sums of sums."""
    m = layers.add([layers.Conv2D(4, k, padding="same")(x) for k in ((1, 3), (3, 1))])
    return layers.add([layers.Conv2D(4, 3, padding="same")(x), x, m])


def depthwise(x):
    """Kernels of 5 and of 3 pixels for each channel, and the map."""
    kernels = [layers.DepthwiseConv2D(k, padding="same")(x) for k in (3, 5)]
    return layers.add([*(NORM()(m) for m in kernels), NORM()(x)])


def off_centre(x):
    """Windows that reach as far to the left as to the right, and one that does not."""
    m = layers.Conv2D(4, (1, 3))(layers.ZeroPadding2D(((0, 0), (2, 0)))(x))
    return layers.add([m, layers.Conv2D(4, (3, 5), padding="same")(x)])


MERGED = {  # branches that are one convolution, and its kernel
    "3x3/2 and 1x1/2": (two_by_two, (3, 3, 4, 4)),
    "with the map": (with_x, (3, 3, 4, 4)),
    "in groups": (partial(with_x, kind=GroupedConv2D, groups=2), (3, 3, 2, 4)),
    "Keras' in groups": (partial(with_x, groups=4), (3, 3, 1, 4)),
    "depthwise": (depthwise, (5, 5, 4, 1)),
    "off centre": (off_centre, (3, 5, 4, 4)),
}


@pytest.mark.parametrize("shape", [(9, 8, 4), (None, None, 4)])
@pytest.mark.parametrize("case", MERGED)
def test_branches_of_one_map_are_one_convolution(case, shape):
    build, kernel = MERGED[case]
    i = keras.Input(shape)
    model = fill(keras.Model(i, layers.ReLU()(build(i))))
    folded = fold(model)
    (found,) = (layer for layer in folded.layers if layer.weights)
    assert tuple(found.weights[0].shape) == kernel
    assert not kinds(folded, layers.Add)
    x = np.random.default_rng(1).normal(size=(2, 9, 8, 4)).astype("float32")
    assert difference(model, folded, x) < SAME


def other_maps(x):
    return layers.add([layers.Conv2D(4, 3, padding="same")(x), layers.Conv2D(4, 1)(x + 1)])


def other_strides(x):
    return layers.add([layers.Conv2D(4, 1, 2)(x), layers.Conv2D(4, 5)(x)])


def strided_same(x):
    """The places of the windows depend on the size."""
    return layers.add([layers.Conv2D(4, k, 2, padding="same")(x) for k in (3, 2)])


def no_window_holds_all(x):
    return layers.add([layers.Conv2D(4, k, padding="same")(x) for k in ((1, 3), (3, 1))])


def dilated(x):
    kernels = [layers.Conv2D(4, 3, padding="same", dilation_rate=d)(x) for d in (1, 2)]
    return layers.add(kernels)


def other_groups(x):
    return layers.add([layers.Conv2D(4, 3, padding="same", groups=g)(x) for g in (1, 2)])


def activated(x):
    return layers.add([layers.Conv2D(4, 3, padding="same", activation="relu")(x), x])


def read_elsewhere(x):
    m = layers.Conv2D(4, 3, padding="same")(x)
    return layers.add([layers.add([m, layers.Conv2D(4, 1)(x)]), layers.ReLU()(m)])


def broadcast(x):
    return layers.add([layers.Conv2D(4, (1, 8))(x), layers.Conv2D(4, 1)(x)])


def multiplied(x):
    return layers.multiply([layers.Conv2D(4, 3, padding="same")(x), x])


def of_rows(x):
    m = layers.Reshape((8, 32))(x)
    return layers.add([m, layers.Conv1D(32, 3, padding="same")(m)])


def dense(x):
    return layers.add([x, layers.Dense(4)(x), layers.Conv2D(4, 1)(x)])


APART = [other_maps, other_strides, strided_same, no_window_holds_all, dilated, other_groups]
APART += [activated, read_elsewhere, broadcast, multiplied, of_rows, dense]


@pytest.mark.parametrize("build", APART)
def test_branches_that_are_not_one_convolution(build):
    i = keras.Input((8, 8, 4))
    model = fill(keras.Model(i, build(i)))
    folded = fold(model)
    assert len(folded.layers) == len(model.layers)
    assert difference(model, folded) < SAME


def shared_convolution(i):
    layer = layers.Conv2D(6, 3)
    return layers.add([layers.BatchNormalization()(layer(i)), layer(i)])


def shared_norm(i):
    layer = layers.BatchNormalization()
    return layers.add([layer(layers.Conv2D(6, 3)(i)), layer(layers.Conv2D(6, 3)(i))])


def read_twice(i):
    x = layers.Conv2D(6, 3)(i)
    return layers.add([layers.BatchNormalization()(x), x])


def one_side_is_no_convolution(i):
    return layers.BatchNormalization()(layers.concatenate([layers.Conv2D(6, 1)(i), i]))


def chain(*stack):
    def build(x):
        for layer in stack:
            x = layer()(x)
        return x

    return build


NORM = layers.BatchNormalization
KEPT = {
    "an activation in the convolution": chain(lambda: layers.Conv2D(6, 3, activation="relu"), NORM),
    "over rows": chain(lambda: layers.Conv2D(6, 3), lambda: NORM(axis=1)),
    "before a relu": chain(NORM, layers.ReLU, lambda: layers.Conv2D(6, 3)),
    "another precision": chain(lambda: layers.Conv2D(6, 3), lambda: NORM(dtype="mixed_bfloat16")),
    "a subclass of dropout": chain(lambda: layers.Conv2D(6, 3), lambda: Always(0.5), NORM),
    "a subclass of convolution": chain(lambda: Doubled(6, 3), NORM),
    "a subclass of batch norm": chain(lambda: layers.Conv2D(6, 3), Shifted),
    "a convolution called twice": shared_convolution,
    "a batch norm called twice": shared_norm,
    "outputs read twice": read_twice,
    "concatenated with something else": one_side_is_no_convolution,
    "group norm": chain(lambda: layers.Conv2D(6, 3), lambda: layers.GroupNormalization(2), NORM),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_not_folded(case):
    i = keras.Input((8, 8, 3))
    model = fill(keras.Model(i, KEPT[case](i)))
    folded = fold(model)
    assert (kinds(folded), kinds(folded, layers.Dropout)) == (1, case == "a subclass of dropout")
    assert difference(model, folded) < SAME


def unit(x):
    """A residual unit with a gate of each kind, the second's last layer no convolution."""
    for survival in (0.8, 0.5):

        def branch(x, last=survival < 0.6):
            x = conv(x, 8, n=BN, a=None)
            return layers.ReLU()(x) if last else x

        shortcut = conv(x, 8, k=1) if survival < 0.6 else x
        x = layers.add([shortcut, stochastic_depth(x, branch, survival=survival)])
        x = layers.ReLU()(x)
    return layers.add([x, drop_path(x, lambda x: conv(x, 8, n=BN, a=None), survival=0.5)])


def unit_of_old(x):
    """The same with gates as models saved before have them, which add their shortcut themselves."""
    for survival in (0.8, 0.5):
        i = keras.Input(x.shape[1:])
        m = conv(i, 8, n=BN, a=None)
        m = layers.ReLU()(m) if survival < 0.6 else m
        gate = GateOfOld(keras.Model(i, m), survival, "relu")
        x = gate([conv(x, 8, k=1), x] if survival < 0.6 else x)
    return x


@pytest.mark.parametrize("unit", [unit, unit_of_old])
def test_gates_are_their_branches_times_survival(unit):
    i = keras.Input((8, 8, 8))
    model = fill(keras.Model(i, unit(i)))
    gates = [x for x in model.layers if hasattr(x, "branch")]
    folded = fold(model)
    assert len(gates) == 2
    assert difference(model, folded) < SAME
    assert (kinds(folded), kinds(folded, layers.Dropout)) == (0, 0)
    assert kinds(folded, layers.Rescaling) == 1  # after the relu; the other went into a kernel
    for gate in gates:
        (old,) = (x for x in gate.branch.layers if isinstance(x, layers.Conv2D))
        assert architectures.get_layer(folded, old.name).use_bias
        assert isinstance(folded.get_layer(gate.name), keras.Model)
    assert "convbook" not in str(folded.get_config())  # nothing of ours: plain Keras


def test_pasted_gates():
    """Their class has the name that ours is registered by, and what whoever pasted it made of it:
    a loaded network holds gates of that class, which multiply by survival themselves."""
    i = keras.Input((8, 8, 8))
    model = fill(keras.Model(i, unit(i)))
    config, pasted = model.get_config(), {}
    exec(show.text(["stochastic_depth"]), pasted)
    again = keras.Model.from_config(config)
    again.set_weights(model.get_weights())
    gates = [x for x in again.layers if hasattr(x, "branch")]
    assert {type(gate) for gate in gates} == {pasted["StochasticDepth"]}
    for changed in (fold, flat):
        assert difference(model, changed(again)) < SAME


def inner(shape=(8, 8, 3), name="inner"):
    """A model with two outputs; what the convolution makes is one of them."""
    i = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same")(i)
    y = layers.BatchNormalization()(layers.Conv2D(4, 1)(i))
    return keras.Model(i, [layers.BatchNormalization()(x), y, x], name=name)


def test_a_users_own_model():
    """Named inputs, operations, nested models (one called twice) and layers of every kind."""
    inputs = {name: keras.Input((8, 8, 3), name=name) for name in ("left", "right")}
    scale = layers.Normalization()
    scale.adapt(np.random.default_rng(1).normal(3, 2, size=(10, 8, 8, 3)))
    rows = [layers.RandomFlip(), scale, layers.Conv2D(3, 1), layers.BatchNormalization()]
    stem = keras.Sequential([keras.Input((8, 8, 3)), *rows])
    two = inner()
    x = [part for i in inputs.values() for part in two(stem(i))]
    x = ops.pad(layers.concatenate(x), [[0, 0], [1, 0], [0, 1], [0, 0]])[:, 1:] * 0.5
    x = layers.BatchNormalization()(layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))
    x = layers.Dropout(rate=0.5)(inputs=x - 1)
    model = keras.Model(inputs, {"y": layers.Softmax()(x)})
    for layer in all_layers(model):
        if layer not in (scale, stem):
            fill(layer)
    model.compile("adam", "mse")
    folded = fold(model)
    r = np.random.default_rng(0)
    x = {name: r.normal(size=(2, 8, 8, 3)).astype("float32") for name in inputs}
    y, z = (ops.convert_to_numpy(net(x, training=False)["y"]) for net in (model, folded))
    assert np.abs(y - z).max() < SAME * np.abs(y).max()
    assert kinds(model) == 4
    assert [x.name for x in all_layers(folded) if isinstance(x, layers.BatchNormalization)] == [
        two.layers[-2].name  # it reads what is an output of the nested model too
    ]
    assert architectures.get_layer(folded, two.layers[1].name).use_bias
    assert not folded.compiled


def test_somebody_elses_network():
    arguments = dict(weights=None, input_shape=(32, 32, 3), classes=7, alpha=0.35)
    model = randomise(keras.applications.MobileNetV2(**arguments, classifier_activation=None))
    folded = fold(model)
    assert (kinds(model), kinds(folded)) == (52, 0)
    assert difference(model, folded) < SAME


def test_auxiliary_heads_go():
    name = "nasnet_a_cifar_6at768"
    net = NETS[name]
    options = net.options | {"aux": True, "drop_path": 0.3}
    table = (net.table[0], 1, *net.table[2:])
    net = replace(net, table=table, shape=(32, 32, 3), classes=5, options=options)
    model = randomise(build(name, net, True, None))
    folded = fold(model)
    assert ([len(m.outputs) for m in (model, folded)], folded.output_shape) == ([2, 1], (None, 5))
    assert folded.output_names == ["logits"]
    assert [x for x in model.layers if x.name.startswith("aux")]
    assert not [x for x in folded.layers if x.name.startswith("aux")]
    assert kinds(model, layers.Dropout) > 10
    assert (kinds(folded), kinds(folded, layers.Dropout)) == (0, 0)
    assert difference(model, folded) < SAME


def structure(y):
    """Answers in the structure that a model gives them in, as arrays."""
    return keras.tree.map_structure(ops.convert_to_numpy, y)


def several(form):
    """A model with three outputs, in a dictionary, a list or a tuple."""
    i = keras.Input((16, 16, 3))
    maps = []
    x = i
    for f, name in ((4, "logits"), (6, "aux"), (8, "third")):
        x = conv(x, f, s=2, n=BN)
        maps.append(layers.Identity(name=name)(x))
    made = dict(zip(("logits", "aux", "third"), maps, strict=True)) if form is dict else form(maps)
    return fill(keras.Model(i, made))


@pytest.mark.parametrize("form", [dict, list, tuple])
def test_all_outputs_stay_in_their_structure(form):
    model = several(form)
    folded, x = fold(model), images(model)
    y, z = structure(model(x, training=False)), structure(folded(x))
    keras.tree.assert_same_structure(y, z)
    for a, b in zip(keras.tree.flatten(y), keras.tree.flatten(z), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert kinds(folded) == 0
    assert folded.output_names == model.output_names


@pytest.mark.parametrize("form", [dict, list])
def test_outputs_that_are_asked_for(form):
    model = several(form)
    x = images(model)
    y = structure(model(x, training=False))
    y = y if form is dict else dict(zip(model.output_names, y, strict=True))
    one, two = fold(model, outputs="logits"), fold(model, outputs=["third", "logits"])
    np.testing.assert_allclose(one(x), y["logits"], atol=1e-4)
    for made, name in zip(two(x), ("third", "logits"), strict=True):
        np.testing.assert_allclose(made, y[name], atol=1e-4)
    assert (kinds(one, layers.Conv2D), kinds(two, layers.Conv2D)) == (1, 3)
    for bad in ("nosuch", ["logits", "nosuch"], [], 0):
        with pytest.raises(ValueError, match=r"outputs=.*of logits, aux, third"):
            fold(model, outputs=bad)


def test_auxiliary_heads_stay_where_they_are_asked_for():
    model = architectures.create("googlenet", (96, 96, 3), 5, aux=True)
    names = ["logits", "aux1_logits", "aux2_logits"]
    assert fold(model).output_names == ["logits"]
    assert fold(model, outputs=names).output_names == names
    softmax = architectures.create("googlenet", (96, 96, 3), 5, aux=True, a="softmax")
    assert fold(softmax).output_names == ["probabilities"]


@pytest.mark.parametrize("unit", [unit, unit_of_old])
def test_flat_lays_gates_open(unit):
    """What is in a gate becomes an output: here what a model of the branch alone makes."""
    i = keras.Input((8, 8, 8))
    model = fill(keras.Model(i, unit(i)))
    whole, x = flat(model), images(model)
    assert difference(model, whole, x) < SAME
    assert not [layer for layer in whole.layers if nested_in(layer)]
    gates = [layer for layer in model.layers if hasattr(layer, "branch")]
    for gate in gates:
        read = keras.Model(model.input, keras.tree.flatten(gate.input)[-1])(x, training=False)
        for layer in gate.branch.layers[1:]:
            inside = keras.Model(gate.branch.input, layer.output)(read, training=False)
            found = architectures.get_layer(whole, layer.name).output
            made = keras.Model(whole.input, found)(x, training=False)
            np.testing.assert_allclose(made, inside, rtol=1e-4, atol=1e-4)
    assert not {id(v) for v in model.variables} & {id(v) for v in whole.variables}
    assert whole.count_params() == model.count_params()


def test_flat_lays_nested_models_open(tmp_path):
    """Two of a kind and one that is called twice; saved and loaded."""
    left, right = (architectures.create("resnet20", name=name) for name in ("left", "right"))
    shared = inner((8, 8, 64))
    i = keras.Input((32, 32, 3))
    maps = [keras.Model(net.input, net.get_layer("stage3").output, name=net.name)(i)
            for net in (left, right)]  # fmt: skip
    y, *_ = shared(layers.add([*maps]))
    a, b, _ = shared(maps[0])
    model = fill(
        keras.Model(i, {"y": layers.GlobalAveragePooling2D()(y), "ab": layers.add([a, b])})
    )
    whole, x = flat(model), images(model)
    y, z = structure(model(x, training=False)), structure(whole(x))
    for key in y:
        np.testing.assert_allclose(y[key], z[key], rtol=1e-4, atol=1e-4)
    stem = [whole.get_layer(f"{side}_stem_conv1") for side in ("left", "right")]
    made = keras.Model(whole.input, [layer.output for layer in stem])(x)
    ours = [architectures.get_layer(model, f"{side}/stem_conv1") for side in ("left", "right")]
    for layer, y in zip(ours, made, strict=True):
        np.testing.assert_allclose(layer(x), y, rtol=1e-4, atol=1e-5)
    whole.save(tmp_path / "flat.keras")
    loaded = structure(keras.saving.load_model(tmp_path / "flat.keras")(x))
    for key in z:
        np.testing.assert_array_equal(loaded[key], z[key])
    with pytest.raises(ValueError, match="left/stem_conv1 or right/stem_conv1"):
        architectures.get_layer(model, "stem_conv1")


@pytest.mark.parametrize("name", ["densenet_cifar_L40_k12", "nasnet_a_cifar_6at768"])
def test_flat_of_networks(name):
    options = {"recompute": True} if "densenet" in name else {"drop_path": 0.2}
    model = randomise(architectures.create(name, (16, 16, 3), 5, **options))
    whole = flat(model)
    assert difference(model, whole) < SAME
    named = {layer.name for layer in all_layers(model) if not nested_in(layer)}
    assert {layer.name for layer in whole.layers} <= named


def test_it_stands_alone():
    """The folded model shares no weights with the original; folding it again changes nothing."""
    model = fill(keras.Model(i := keras.Input((8, 8, 8)), unit(i)))
    first = fold(model)
    assert not {id(v) for v in model.variables} & {id(v) for v in first.variables}
    second, x = fold(first), images(model)
    assert [type(x) for x in all_layers(second)] == [type(x) for x in all_layers(first)]
    y = outputs_of(model, x)
    for v in model.weights:
        v.assign(ops.zeros_like(v))
    np.testing.assert_array_equal(outputs_of(first, x), outputs_of(second, x))
    assert np.abs(outputs_of(first, x) - y).max() < SAME * np.abs(y).max()
    calls = len(FOLD.calls(model))
    fold(model)
    assert len(FOLD.calls(model)) == calls


def mixed():
    """A small network of each layer that folds, and with a gate."""
    i = keras.Input((16, 16, 4))
    x = conv(i, 8, n=BN)
    x = conv(unit(x), 8, g=2, n=BN)
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, use_bias=False)(x))
    x = layers.BatchNormalization()(layers.SeparableConv2D(8, 3)(x))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return fill(keras.Model(i, layers.Dense(CLASSES, dtype="float32")(x)))


def test_saved_and_loaded(tmp_path):
    folded = fold(mixed())
    folded.save(tmp_path / "folded.keras")
    loaded = keras.saving.load_model(tmp_path / "folded.keras", safe_mode=True)
    x = images(folded)
    np.testing.assert_array_equal(outputs_of(loaded, x), outputs_of(folded, x))
    assert [w.path for w in loaded.weights] == [w.path for w in folded.weights]


def test_saved_model(tmp_path):
    tf = pytest.importorskip("tensorflow")
    model = mixed()
    fold(model).export(tmp_path / "folded", verbose=False)
    x, exported = images(model), tf.saved_model.load(tmp_path / "folded")
    y = outputs_of(model, x)
    assert np.abs(exported.serve(x).numpy() - y).max() < SAME * np.abs(y).max()


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_litert(tmp_path):
    tf = pytest.importorskip("tensorflow")
    model = mixed()
    x, path = images(model)[:1], str(tmp_path / "folded.tflite")
    fold(model).export(path, format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(path)
    runner = interpreter.get_signature_runner()
    (name,) = runner.get_input_details()
    (z,) = runner(**{name: x}).values()
    y = outputs_of(model, x)
    assert np.abs(z - y).max() < SAME * np.abs(y).max()


def pyramid():
    return randomise(architectures.create("resnet20", (16, 16, 4), features=True))


@pytest.mark.parametrize("make", [mixed, pyramid])
def test_onnx(make, tmp_path):
    """Keras' own export of a new model, of its fold and of its file has all outputs."""
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model, path = make(), tmp_path / "a.onnx"
    model.save(tmp_path / "model.keras")
    new = [] if make is mixed else [model]
    for each in (*new, fold(model), convbook.load(tmp_path / "model.keras")):
        each.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path)
        found = session.run(None, {session.get_inputs()[0].name: images(model)})
        ys = keras.tree.flatten(model(images(model), training=False))
        for y, z in zip(ys, found, strict=True):
            assert np.abs(z - y).max() < SAME * np.abs(y).max()


def test_a_pyramid_keeps_its_maps():
    model = pyramid()
    assert len(model.output) == 3
    pairs = zip(model(images(model)), fold(model)(images(model)), strict=True)
    for y, z in pairs:
        assert np.abs(z - y).max() < SAME * np.abs(y).max()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(policy):
    """Folded, a net is about as far from single precision as it was: over six draws of weights."""
    exact, errors = mixed(), []
    keras.config.set_dtype_policy(policy)
    model = mixed()
    for seed in range(6):
        model.set_weights(fill(exact, seed).get_weights())
        folded = fold(model)
        x = np.random.default_rng(seed).normal(size=(16, 16, 16, 4)).astype("float32")
        y, *others = (outputs_of(net, x) for net in (exact, model, folded))
        errors.append([((z - y) ** 2).mean() ** 0.5 / (y**2).mean() ** 0.5 for z in others])
    assert kinds(folded) == 0
    assert {x.compute_dtype for x in folded.layers[1:-1]} == {policy.removeprefix("mixed_")}
    assert folded.output.dtype == "float32"
    plain, less = np.mean(errors, axis=0)
    assert SAME < less < 1.5 * plain


@keras.saving.register_keras_serializable("tests")
class Own(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize("model", [Own, keras.Sequential, lambda: None])
def test_no_graph(model):
    with pytest.raises(ValueError, match=r"a functional or Sequential keras\.Model with known"):
        fold(model())


def flipped(op, changes):
    """The changes of a depthwise convolution in the order of another."""
    if type(op) is not layers.DepthwiseConv2D:
        return changes
    return [[v.reshape(op.kernel.shape[-2:]).T.ravel() for v in change] for change in changes]


AFFINE, CHANGED, PLAN, NESTED = (getattr(FOLD, n) for n in ("affine", "changed", "plan", "nested"))
BUGS = {
    "epsilon forgotten": ("affine", lambda op, y: (v := AFFINE(op, y)) and [v[0] * 1.0001, v[1]]),
    "shift forgotten": ("affine", lambda op, y: (v := AFFINE(op, y)) and [v[0], 0 * v[1]]),
    "all convolutions linear": ("linear", lambda op: type(op) in FOLD.LINEAR),
    "outputs do not count as readers": ("plan", lambda rows, _: PLAN(rows, [])),
    "survival forgotten": (
        "nested",
        lambda op: op.branch if hasattr(op, "branch") else NESTED(op),
    ),
    "turns swapped": ("changed", lambda op, changes: CHANGED(op, changes[::-1])),
    "filters of all in one order": ("changed", lambda op, c: CHANGED(op, flipped(op, c))),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_show(bug, monkeypatch):
    """Each planted bug changes the outputs of one net that uses every case."""
    i = keras.Input((8, 8, 3))
    x = conv(layers.add(inner()(i)), 8, n=BN, a=None)
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, depth_multiplier=2)(x))
    x = layers.BatchNormalization()(layers.BatchNormalization()(layers.Conv2D(8, 1)(x)))
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, activation="relu")(x))
    model = fill(keras.Model(i, layers.GlobalAveragePooling2D()(unit(x))))
    assert difference(model, fold(model)) < SAME
    monkeypatch.setattr(FOLD, *BUGS[bug])
    assert difference(model, fold(model)) > 2 * SAME


@pytest.mark.parametrize("tool", [all_layers, lambda model: architectures.get_layer(model, "x")])
def test_layers_are_those_of_a_model(tool):
    with pytest.raises(ValueError, match=r"^model=None: model must be a keras\.Model$"):
        tool(None)
