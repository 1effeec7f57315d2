"""Batch norm by TensorFlow's kernel is Keras' own: answers, gradients, statistics and the file."""

import interpreter
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from convbook import architectures
from convbook.training.devices.norms import (
    FusedBatchNormalization,
    batch_norms,
    fuse,
    plain,
    synchronize,
)
from convbook.training.devices.strided import PickedConv2D
from convbook.training.fit import report

KERNEL = "FusedBatchNormV3"
CONVS = layers.Conv2D, PickedConv2D
SHAPE = (3, 4, 5, 6)


def drawn(shape=SHAPE, seed=0, dtype="float32"):
    return tf.constant(np.random.default_rng(seed).normal(2, 3, shape), dtype)


def layer(kind, shape=SHAPE, **letters):
    """A layer whose weights are not their initial values."""
    made = kind(**letters)
    made.build(shape)
    rng = np.random.default_rng(1)
    made.set_weights([rng.uniform(0.5, 2, w.shape) for w in made.get_weights()])
    return made


def worked(made, x, training, g):
    """What a layer returns, its gradients and the weights after it."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = made(x, training=training)
    found = tape.gradient(y, [x, *(w.value for w in made.trainable_weights)], g)
    return [y, *found, *made.get_weights()]


def both(letters, x, training=True, change=lambda made: None):
    for kind in (layers.BatchNormalization, FusedBatchNormalization):
        made = layer(kind, x.shape, **letters)
        change(made)
        yield worked(made, x, training, tf.cast(drawn(x.shape, 2), made.compute_dtype))


def kernels(made, x, training=True):
    """How often the fused kernel occurs in the graph of a layer or model."""
    graph = tf.function(lambda x: made(x, training=training)).get_concrete_function(x).graph
    inner = [n for f in graph.as_graph_def().library.function for n in f.node_def]
    return sum(n.op == KERNEL for n in [*graph.as_graph_def().node, *inner])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("letters", [
    {}, {"center": False}, {"scale": False}, {"center": False, "scale": False},
    {"epsilon": 1e-5, "momentum": 0.9}, {"epsilon": 0.5, "momentum": 0.0}, {"axis": 3},
])  # fmt: skip
def test_the_same_as_keras(letters, training):
    x = drawn()
    for a, b in zip(*both(letters, x, training), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
    assert kernels(layer(FusedBatchNormalization, **letters), x, training) == 1


@pytest.mark.parametrize("shape", [(1, 1, 1, 4), (2, 1, 1, 4), (1, 7, 1, 1)])
def test_few_numbers_in_a_channel(shape):
    """The kernel divides the variance by n - 1; for a single number it is 0."""
    for a, b in zip(*both({}, drawn(shape)), strict=True):
        assert np.isfinite(b).all()
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_fewer_bits(dtype):
    """x is widened to float32 and what it gives rounded, as in Keras."""
    x = drawn(dtype=dtype.removeprefix("mixed_"))
    ours, theirs = both({"dtype": dtype}, x)
    assert ours[0].dtype == theirs[0].dtype == x.dtype
    for a, b in zip(ours, theirs, strict=True):
        a, b = (np.asarray(tf.cast(v, "float32")) for v in (a, b))
        np.testing.assert_allclose(a, b, rtol=0.01, atol=0.01)
    np.testing.assert_allclose(ours[-2:], theirs[-2:], rtol=1e-5)  # the statistics, in float32


def test_what_the_kernel_does_not_do_is_left_to_keras():
    x, frozen = drawn(), lambda made: setattr(made, "trainable", False)
    for letters, given, change in (
        ({"axis": 1}, x, lambda made: None),
        ({"dtype": "float64"}, drawn(dtype="float64"), lambda made: None),
        ({}, drawn((8, 6)), lambda made: None),
        ({}, x, frozen),
    ):
        for a, b in zip(*both(letters, given, True, change), strict=True):
            np.testing.assert_array_equal(a, b)
        made = layer(FusedBatchNormalization, given.shape, **letters)
        change(made)
        assert kernels(made, given) == 0
    masked = [
        layer(kind)(x, training=True, mask=tf.constant([[[True] * 4 + [False]] * 4] * 3))
        for kind in (layers.BatchNormalization, FusedBatchNormalization)
    ]
    np.testing.assert_array_equal(*masked)


def test_gradient_of_a_gradient():
    def second(made):
        x = drawn()
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.reduce_sum(made(x, training=True) ** 3)
            inner = tf.reduce_sum(tape.gradient(y, x) ** 2)
        return outer.gradient(inner, x)

    a, b = (second(layer(k)) for k in (layers.BatchNormalization, FusedBatchNormalization))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * abs(np.asarray(a)).max())


def fitted(model, x, y, fused):
    fuse(model, fused)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, 0.9), loss, jit_compile=False)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


def nets(name="resnet20_cifar", shape=(8, 8, 3), **options):
    """Two networks with the same weights."""
    keras.utils.set_random_seed(0)
    one, two = (architectures.create(name, shape, 10, **options) for _ in range(2))
    two.set_weights(one.get_weights())
    return one, two


def test_a_network_trains_to_the_same_weights():
    one, two = nets()
    x, y = np.asarray(drawn((16, 8, 8, 3))), np.arange(16) % 10
    first = one.get_weights()
    fitted(one, x, y, False), fitted(two, x, y, True)
    assert kernels(one, x) == 0
    assert kernels(two, x) == len(batch_norms(two)) == 19
    for a, b, before in zip(one.get_weights(), two.get_weights(), first, strict=True):
        assert abs(a - b).max() <= 1e-3 * abs(a - before).max()
    np.testing.assert_allclose(one.predict(x, verbose=0), two.predict(x, verbose=0), rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "norms"),
    [
        ("resnet20_cifar", {"survival": 0.5}, 19),
        ("densenet_cifar_L40_k12", {"recompute": True}, 39),
    ],
)
def test_norms_inside_other_layers_too(name, options, norms):
    """Stochastic depth's branches, and those of DenseNet that are computed again."""
    one, two = nets(name, **options)
    fuse(two)
    assert [type(n) for n in batch_norms(two)] == [FusedBatchNormalization] * norms
    x = drawn((4, 8, 8, 3))
    np.testing.assert_allclose(one(x), two(x), rtol=1e-4, atol=1e-4)


def test_the_file_is_keras_own(tmp_path):
    """It loads without this project's code, as Keras' batch norm, with the model's outputs."""
    model = nets()[0]
    fuse(model)
    synchronize(model)
    path = tmp_path / "net.keras"
    report.save_model(path, model)
    norms = batch_norms(model)
    assert {type(n) for n in norms} == {FusedBatchNormalization}
    assert all(n.synchronized for n in norms)
    fuse(model, False)
    assert {type(n) for n in norms} == {layers.BatchNormalization}
    x = np.asarray(drawn((2, 8, 8, 3)))
    np.save(tmp_path / "x.npy", x)
    code = f"""
import keras, numpy as np
model = keras.saving.load_model({str(path)!r})
assert not any(getattr(layer, "synchronized", False) for layer in model.layers)
np.save({str(tmp_path / "y.npy")!r}, model.predict(np.load({str(tmp_path / "x.npy")!r}), verbose=0))
"""
    run = interpreter.run(code, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0), rtol=1e-4)


def test_other_kinds_of_norm_are_left_alone():
    class Own(layers.BatchNormalization):
        pass

    i = keras.Input((4, 4, 3))
    model = keras.Model(i, Own()(layers.GroupNormalization(3)(i)))
    fuse(model)
    assert [type(x).__name__ for x in model.layers[1:]] == ["GroupNormalization", "Own"]


@pytest.mark.parametrize("strides", [2, (1, 2), 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_pixels_that_are_picked_first_are_those_of_the_stride(strides, padding):
    options = {"strides": strides, "padding": padding, "activation": "tanh"}
    own, picked = (layer(kind, filters=5, kernel_size=1, **options) for kind in CONVS)
    x = drawn((3, 7, 8, 6))
    g = drawn(own(x).shape, 2)
    for one, two in zip(worked(own, x, True, g), worked(picked, x, True, g), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_few_channels_are_picked_in_training_and_never_saved(tmp_path):
    i = keras.Input((9, 9, 3))
    few, many = layers.Conv2D(16, 1, 2), layers.Conv2D(4, 1, 2)
    other, wide = layers.Conv2D(4, 1), layers.Conv2D(4, 3, 2, "same")
    y = layers.add([many(few(i)), layers.MaxPooling2D(2, 2, "same")(other(wide(i)))])
    model = keras.Model(i, y)
    fuse(model)
    assert [type(each) for each in (few, many, other, wide)] == [PickedConv2D, *3 * [layers.Conv2D]]
    with plain(model):
        assert type(few) is layers.Conv2D
    assert type(few) is PickedConv2D
    fuse(model, False)
    model.save(tmp_path / "a.keras")
    assert "convbook" not in (tmp_path / "a.keras").read_bytes().decode("latin-1")
    assert type(few) is layers.Conv2D


CRASH = """
import keras
from convbook.training.devices.norms import fuse

i = keras.Input((96, 96, 3))
x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 1, 2)(i))
model = keras.Model(i, x)
fuse(model)
model.compile("sgd", "mse", jit_compile=False)
for _ in range(20):
    model.train_on_batch(keras.ops.ones((4, 96, 96, 3)), keras.ops.ones((4, 8)))
"""


def test_a_strided_1x1_of_an_image_trains():
    """Without fuse, such a layer crashes the process on CPUs with AVX-512."""
    done = interpreter.run(CRASH)
    assert done.returncode == 0, done.stderr
