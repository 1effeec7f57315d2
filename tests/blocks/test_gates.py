"""In every block, gate(x, branch) is what the block adds or concatenates."""

import inspect
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import undrawn
from keras import layers

from convbook import blocks
from convbook.blocks import BN, drop_path, stochastic_depth

PNASNET_5 = dict(zip(("rows", "used"), blocks.PNASNET_5, strict=True))
ROW = (4, 3, 8, 2, 4, 4)
# name: (positions after the inputs, letters, how many gates) of a call; the same with a stride.
CALLS = {
    "basic_block": [((8,), {}, 1), ((12, 2), {}, 1)],
    "bottleneck_block": [((8,), {}, 1), ((12, 2), {}, 1)],
    "preact_block": [((8,), {}, 1), ((12, 2), {"r": 4}, 1)],
    "resnext_bottleneck_block": [((8,), {"c": 2}, 1), ((12, 2), {"c": 2, "form": "sum"}, 1)],
    "pyramid_block": [((8,), {}, 1), ((12, 2), {"r": 4}, 1)],
    "blur_block": [((8,), {"r": None}, 1), ((12, 2), {"se": 4}, 1)],
    "regnet_block": [((8,), {"width": 4}, 1), ((12, 2), {"width": 4, "se": 4}, 1)],
    "regnetz_block": [((8,), {}, 1), ((12, 2), {}, 0)],
    "res2net_block": [((8,), {"width": 2}, 1), ((12, 2), {"width": 2, "se": 4}, 1)],
    "sk_block": [((8,), {"g": 2}, 1), ((12, 2), {"g": 2}, 1)],
    "sk_basic_block": [((8,), {}, 1), ((12, 2), {}, 1)],
    "senet_block": [((8,), {"c": 2, "se": 4}, 1), ((12, 2), {"c": 2, "se": 4}, 1)],
    "inverted_residual_block": [((8,), {}, 1), ((12, 2), {}, 0)],
    "mobilenet_v3_block": [((8,), {}, 1), ((12, 2), {}, 0)],
    "fused_mbconv_block": [((8,), {}, 1), ((8,), {"r": 1}, 1), ((12, 2), {}, 0)],
    "uib_block": [((8,), {}, 1), ((12, 2), {}, 0)],
    "mbconv_block": [((8,), {}, 1), ((12, 2), {}, 0)],
    "resnest_block": [((8,), {}, 1), ((16, 2), {}, 1)],
    "ghost_bottleneck": [((8,), {}, 1), ((12, 2), {}, 1)],
    "convnext_block": [((), {"scale": 1.0}, 1)],
    "convnext_v2_block": [((), {}, 1)],
    "inceptionnext_block": [((), {"scale": 1.0}, 1)],
    "fasternet_block": [((), {}, 1)],
    "nf_block": [((8,), {"width": 4, "alpha": 1.0}, 1), ((12, 2), {"width": 2}, 1)],
    "xception_block": [((8,), {}, 1), ((12, 2), {}, 1)],
    "inception_module": [((ROW,), {}, 4)],
    "bn_inception_module": [((ROW,), {}, 4), (((0, *ROW[1:]), 2), {}, 3)],
    "parallel": [(([(1, 4)], ["max", (3, 4)]), {}, 2), (([(3, 4, 2)], [("max", 2)]), {}, 2)],
    "inception_v3_a": [((), {}, 4)],
    "inception_v3_b": [((8,), {}, 4)],
    "inception_v3_c": [((), {}, 4)],
    "inception_v4_a": [((), {}, 4)],
    "inception_v4_b": [((), {}, 4)],
    "inception_v4_c": [((), {}, 4)],
    "inception_resnet_block": [((), {"scale": 1.0}, 1)],
    "cell": [
        ((4,), PNASNET_5, 9),
        ((4, 2), PNASNET_5, 10),
    ],
    "nasnet_normal_cell": [((4,), {}, 8), ((4,), {"s_prev": 2}, 8)],
    "nasnet_reduction_cell": [((4,), {}, 9)],
    "amoebanet_normal_cell": [((4,), {}, 8), ((4,), {"s_prev": 2}, 8)],
    "amoebanet_reduction_cell": [((4,), {}, 10)],
}
# Sizes not known where it makes a difference: with a stride, and once in each kind of block.
ONES = [
    pytest.param(name, call, size, id=f"{name}{i or ''}-{size}")
    for name, found in CALLS.items()
    for i, call in enumerate(found)
    for size in (8, None)
    if size or i or name in ("basic_block", "inception_module", "amoebanet_reduction_cell")
]
every_call = pytest.mark.parametrize(("name", "call", "size"), ONES)


def model_of(name, call, size, gate, *more):
    """The model of a call with this gate, each weight chosen by its shape and name alone; more
    are inputs that the gate reads."""
    (args, letters, _), block = call, getattr(blocks, name)
    inputs = [keras.Input((size, size, 8))]
    if "h_prev" in inspect.signature(block).parameters:
        n = size and size * letters.get("s_prev", 1)
        inputs = [keras.Input((n, n, 8)), *inputs]
    with undrawn:
        model = keras.Model([*inputs, *more], block(*inputs, *args, **letters, gate=gate))
    for v in model.weights:
        rng = np.random.default_rng([*v.shape, len(v.name)])
        if "seed" not in v.name and v.name != "runs":
            v.assign(
                rng.uniform(0.5, 1, v.shape) if len(v.shape) == 1 else rng.normal(size=v.shape)
            )
    return model


def images(call, model):
    rng, double = np.random.default_rng(0), call[1].get("s_prev", 1)
    sizes = (8 * double, 8)[-sum(i.shape[-1] == 8 for i in model.inputs) :]
    return [rng.normal(size=(2, n, n, 8)).astype("float32") for n in sizes]


def outputs_of(call, model, training):
    """A function of what the further inputs are: the answer to images, in a graph that does not
    know the size where the model does not."""
    run, given = partial(model, training=training), images(call, model)
    if None in model.inputs[0].shape[1:]:
        specs = [tf.TensorSpec(i.shape, i.dtype) for i in model.inputs]
        run = tf.function(run, [specs], autograph=False)
    return lambda *more: run([*given, *more]).numpy()


def answer(call, model, training):
    return outputs_of(call, model, training)()


def scaled(c):
    return lambda x, branch: c * branch(x)


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_every_block_with_a_gate_is_here():
    kinds = inspect.Parameter
    takes = {
        name
        for name in blocks.__all__
        if inspect.isfunction(block := getattr(blocks, name))
        for parameter in inspect.signature(block).parameters.values()
        if parameter.name == "gate" or parameter.kind is kinds.VAR_KEYWORD
    }
    assert takes == {*CALLS}


@every_call
def test_what_a_gate_returns_is_what_the_block_has(name, call, size):
    """In inference, stochastic depth gives half of each branch, drop path the branch itself."""
    c = keras.Input((1, 1, 1))
    expected = outputs_of(call, model_of(name, call, size, scaled(c), c), training=False)
    for gate, share in ((stochastic_depth, 0.5), (drop_path, 1)):
        found = answer(call, model_of(name, call, size, gate), training=False)
        same(found, expected(np.full((2, 1, 1, 1), share, "float32")))


@every_call
def test_what_is_dropped_counts_as_zeros(name, call, size):
    """In training, with gates that drop every branch."""
    expected = answer(call, model_of(name, call, size, scaled(0)), training=True)
    for gate in (stochastic_depth, drop_path):
        model = model_of(name, call, size, partial(gate, survival=1e-6))
        same(answer(call, model, training=True), expected)


@keras.saving.register_keras_serializable("tests")
class Counter(layers.Layer):
    """Counts how many times it really runs."""

    def build(self, shape):
        self.runs = self.add_weight(shape=(), initializer="zeros", trainable=False, name="runs")

    def call(self, x):
        self.runs.assign_add(1.0)
        return x


@every_call
def test_what_is_dropped_is_not_computed(name, call, size):
    """Only a strided branch of unknown size is computed, and masked.

    A block has one gate for each of its paths, except identities of a cell.
    """
    counters, strided = [], []

    def gate(x, branch, survival):
        def counted(x):
            counters.append(Counter())
            y = branch(counters[-1](x))
            strided.append(x.shape[1] is None and shrinks(x, y))
            return y

        return stochastic_depth(x, counted, survival=survival)

    model = model_of(name, call, size, partial(gate, survival=1e-6))
    answer(call, model, training=True)
    assert len(counters) == call[2]
    assert [float(counter.runs) for counter in counters] == [float(masked) for masked in strided]


def shrinks(x, y):
    """Whether y is smaller than x, of sizes not known."""
    return keras.Model(x, y).compute_output_shape((1, 16, 16, x.shape[-1]))[1] < 16


def test_a_gate_may_be_any_function():
    """A gate that always drops the branch leaves only the shortcut."""
    x = keras.Input((8, 8, 8))
    y = blocks.preact_block(x, 8, gate=lambda x, branch: keras.ops.zeros_like(x))
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 8)).astype("float32")
    np.testing.assert_array_equal(keras.Model(x, y)(images), images)


def test_two_gates_in_one_fit():
    """A net with both kinds of gate trains, with a known and an unknown input size."""
    for size in (8, None):
        x = i = keras.Input((size, size, 8))
        x = blocks.basic_block(x, 12, 2, gate=stochastic_depth)
        x = blocks.inverted_residual_block(x, 12, gate=partial(drop_path, survival=0.8))
        x = blocks.nasnet_reduction_cell(None, x, 8, n=BN, gate=partial(drop_path, survival=0.9))
        model = keras.Model(i, blocks.dense(blocks.gavgpool(x), 3, None))
        model.compile("sgd", "mse")
        images = np.random.default_rng(0).normal(size=(16, 8, 8, 8)).astype("float32")
        losses = model.fit(images, np.ones((16, 3)), 4, epochs=4, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
