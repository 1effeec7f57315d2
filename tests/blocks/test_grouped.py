"""GroupedConv2D equals keras.layers.Conv2D with groups, in both of its implementations."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import fill
from places import finding
from reference import convolve

from convbook.blocks import GroupedConv2D

LETTERS = [  # kernel, stride, padding, dilation
    (3, 1, "same", 1),
    ((1, 3), 1, "same", 1),
    (3, 2, "same", 1),
    ((3, 2), (1, 2), "valid", 1),
    (3, 1, "valid", 2),
    (3, 1, "same", (1, 2)),
]


@pytest.fixture(params=["direct", "split"])
def way(request, monkeypatch):
    """Both of its implementations on TensorFlow; by default the first, if that has a gradient."""
    monkeypatch.setattr(GroupedConv2D, "runs_direct", lambda *_: request.param == "direct")
    return request.param


def layer_and_input(cls=GroupedConv2D, g=4, letters=LETTERS[0], dtype="float32", **kwargs):
    k, s, p, d = letters
    layer = cls(16, k, s, p, groups=g, dilation_rate=d, dtype=dtype, **kwargs)
    x = np.random.default_rng(1).normal(size=(2, 7, 8, 8)).astype("float32")
    layer.build(x.shape)
    return fill(layer), tf.constant(x)


def gradients(call, x, weights):
    """d(sum of y * r)/d(x and weights), r some fixed random numbers."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(x)
        r = np.random.default_rng(2).normal(size=y.shape)
        loss = tf.reduce_sum(tf.cast(y, "float32") * tf.cast(r, "float32"))
    return [g.numpy() for g in tape.gradient(loss, [x, *weights])]


def split(kernel, bias, x, g, letters=LETTERS[0]):
    """One convolution for each group, in the data type of x."""
    _, s, p, d = letters
    kernel, bias = tf.cast(kernel, x.dtype), tf.cast(bias, x.dtype)
    groups = zip(tf.split(x, g, axis=-1), tf.split(kernel, g, axis=-1), strict=True)
    ys = [tf.nn.convolution(x, w, s, p.upper(), dilations=d) for x, w in groups]
    return tf.concat(ys, axis=-1) + bias


@pytest.mark.parametrize("letters", LETTERS, ids=str)
@pytest.mark.parametrize("g", [1, 2, 8])
def test_equals_keras_and_definition(g, letters, way):
    layer, x = layer_and_input(g=g, letters=letters)
    theirs, _ = layer_and_input(keras.layers.Conv2D, g, letters)
    theirs.set_weights(layer.get_weights())
    assert [v.shape for v in layer.weights] == [v.shape for v in theirs.weights]
    assert layer.compute_output_shape(x.shape) == layer(x).shape
    np.testing.assert_allclose(layer(x), theirs(x), rtol=1e-5, atol=1e-5)
    kernel, bias = layer.get_weights()
    _, s, p, d = letters
    np.testing.assert_allclose(
        layer(x), convolve(x, kernel, s, p, d, g) + bias, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("letters", LETTERS, ids=str)
def test_gradients_equal_split_and_concatenate(letters, way):
    """With respect to the input and to every weight."""
    layer, x = layer_and_input(letters=letters)
    weights = [layer.kernel.value, layer.bias.value]
    found = gradients(layer, x, weights)
    expected = gradients(partial(split, *weights, g=4, letters=letters), x, weights)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    by_filter = np.abs(found[1]).max((0, 1))  # (C / groups, filters): every slice of the kernel
    assert by_filter.min() > 1e-2 * by_filter.max()


def test_block_diagonal(way):
    """The input of one group changes all of that group's output, and nothing else."""
    layer, x = layer_and_input()
    for group in range(4):
        noise = np.zeros(x.shape, "float32")
        noise[..., 2 * group : 2 * group + 2] = 1
        moved = np.abs(layer(x + noise) - layer(x)).max((0, 1, 2)) > 0
        assert moved.tolist() == [i // 4 == group for i in range(16)]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("g", [2, 8])
def test_short_types(dtype, g):
    """Forward and gradient run, near those of float32: by two thousandths, or bfloat16's 2 %; or as
    near as TensorFlow's own convolution is, whose float16 depends on the processor."""
    layer, x = layer_and_input(g=g)
    short, _ = layer_and_input(g=g, dtype=dtype)
    bits = dtype.removeprefix("mixed_")
    assert layer(x).dtype == "float32"
    assert short(x).dtype == bits
    weights = [v.value for v in short.trainable_variables]

    def plain(x):
        return split(*weights, tf.cast(x, bits), g)

    expected = [layer(x).numpy(), *gradients(layer, x, layer.trainable_variables)]
    found = [short(x), *gradients(short, x, weights)]
    theirs = [plain(x), *gradients(plain, x, weights)]
    near = 2e-2 if bits == "bfloat16" else 2e-3
    for one, own, other in zip(found, theirs, expected, strict=True):
        errors = [np.abs(tf.cast(y, "float32").numpy() - other).max() for y in (one, own)]
        limit = near * np.abs(other).max()
        assert errors[0] <= max(limit, errors[1])
        assert errors[1] < 5 * limit  # that of a sum of 112 in float16 is half of this


PROBE = """
import sys
from pathlib import Path
import numpy as np
from test_grouped import GroupedConv2D, outputs_of
np.savez(sys.argv[1], *outputs_of())
print(GroupedConv2D.runs_direct("float32"), GroupedConv2D.runs_direct("float16"))
"""


def outputs_of():
    layer, x = layer_and_input()
    return [layer(x).numpy(), *gradients(layer, x, layer.trainable_variables)]


def test_without_onednn_it_splits(tmp_path):
    """TensorFlow's own kernel has a gradient on a CPU only in oneDNN builds; where it has none the
    layer runs one convolution a group, with the same results."""
    environment = finding(Path(__file__).parent) | {"TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-c", PROBE, str(tmp_path / "answers.npz")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"], run.stderr
    kept = np.load(tmp_path / "answers.npz").values()
    for one, other in zip(outputs_of(), kept, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_config_is_that_of_conv2d():
    """A drop-in: either layer is made from the other's configuration."""
    ours, _ = layer_and_input(activation="relu", kernel_regularizer="l2", name="same")
    theirs, _ = layer_and_input(
        keras.layers.Conv2D, activation="relu", kernel_regularizer="l2", name="same"
    )
    assert ours.get_config() == theirs.get_config()
    again = GroupedConv2D.from_config(theirs.get_config())
    assert again.get_config() == keras.layers.Conv2D.from_config(ours.get_config()).get_config()
    stored = keras.saving.serialize_keras_object(ours)
    assert stored["registered_name"] == "convbook>GroupedConv2D"
    loaded = keras.saving.deserialize_keras_object(stored)
    assert type(loaded) is GroupedConv2D
    assert loaded.get_config() == ours.get_config()


def test_trains_saves_and_loads(tmp_path):
    """fit, which compiles the step, changes every weight."""
    x = keras.Input((8, 8, 8))
    y = GroupedConv2D(8, 3, padding="same", groups=4, activation="relu")(x)
    y = GroupedConv2D(8, 3, strides=2, groups=2)(y)
    model = keras.Model(x, keras.layers.GlobalAveragePooling2D()(y))
    model.compile("sgd", "mse")
    before = model.get_weights()
    images = np.random.default_rng(0).normal(size=(16, 8, 8, 8)).astype("float32")
    model.fit(images, np.ones((16, 8)), batch_size=8, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (np.abs(new - old) > 0).mean() > 0.99
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


def test_channels_first_is_left_to_keras(monkeypatch):
    """Neither of our implementations runs; if TensorFlow can (on a GPU), the output is Keras'."""
    seen = []

    def theirs(self, inputs, kernel):
        seen.append((self.data_format, tuple(inputs.shape)))
        return keras.ops.zeros(self.compute_output_shape(inputs.shape))

    monkeypatch.setattr(keras.layers.Conv2D, "convolution_op", theirs)
    layer = GroupedConv2D(16, 3, padding="same", groups=4, data_format="channels_first")
    x = keras.ops.ones((2, 8, 7, 6))
    assert layer(x).shape == (2, 16, 7, 6)
    assert seen == [("channels_first", (2, 8, 7, 6))]
    assert layer.kernel.shape == (3, 3, 2, 16)


def test_channels_first_answers_as_keras():
    """One group, which TensorFlow runs on a CPU too, and several under XLA as Keras does."""
    x = np.random.default_rng(0).normal(size=(2, 8, 7, 6)).astype("float32")
    for g in (1, 4):
        of = dict(kernel_size=3, padding="same", groups=g, data_format="channels_first")
        ours, theirs = GroupedConv2D(16, **of), keras.layers.Conv2D(16, **of)
        ours.build(x.shape)
        theirs.build(x.shape)
        theirs.set_weights(fill(ours).get_weights())
        np.testing.assert_array_equal(ours(x), theirs(x))
        kernel, bias = ours.get_weights()
        expected = convolve(x.transpose(0, 2, 3, 1), kernel, g=g) + bias
        np.testing.assert_allclose(ours(x), expected.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-4)


def test_bad_groups():
    with pytest.raises(ValueError, match="groups=3"):
        GroupedConv2D(8, 3, groups=3)
