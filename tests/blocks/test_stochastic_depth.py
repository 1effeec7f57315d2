"""Stochastic depth (one gate a mini-batch, skipped when closed) and drop path (one a sample)."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import fill
from keras import layers
from reference import IMAGES, close, norms

from convbook import blocks
from convbook.blocks import BN


@keras.saving.register_keras_serializable("tests")
class Counter(layers.Layer):
    """Counts how many times it really runs."""

    def build(self, shape):
        self.runs = self.add_weight(shape=(), initializer="zeros", trainable=False, name="runs")

    def call(self, x):
        self.runs.assign_add(1.0)
        return x


def branch(x):
    return blocks.conv(Counter()(x), x.shape[-1], n=BN)


def gated(survival=0.5, seed=0, shape=(8, 8, 8), branch=branch):
    """A model of one gate alone, and the model of its branch."""
    x = keras.Input(shape)
    model = fill(keras.Model(x, blocks.stochastic_depth(x, branch, survival=survival, seed=seed)))
    return model, model.layers[-1].branch


def is_zero(y):
    """Whether the branch was dropped."""
    return not np.any(y)


def runs(inner):
    return next(layer for layer in inner.layers if isinstance(layer, Counter)).runs


def test_whole_batch_kept_or_dropped():
    """In training, all samples get the branch with probability p, else zeros."""
    model, inner = gated(0.7)
    expected, kept = inner(IMAGES, training=True).numpy(), 0
    for _ in range(300):
        y = model(IMAGES, training=True).numpy()
        if not is_zero(y):
            close(y, expected)
            kept += 1
    assert abs(kept / 300 - 0.7) < 0.08  # three standard deviations


def test_expectation_in_inference():
    """survival times the branch: what training gives on average, and the same each time."""
    model, inner = gated(0.3)
    for _ in range(2):
        close(model(IMAGES), 0.3 * inner(IMAGES).numpy())
        close(model(IMAGES, training=False), 0.3 * inner(IMAGES, training=False).numpy())


def test_survival_of_one_is_the_branch():
    model, inner = gated(1)
    before = [w.copy() for w in model.get_weights()]
    close(model(IMAGES), inner(IMAGES).numpy())
    y = model(IMAGES, training=True)
    model.set_weights(before)
    close(y, inner(IMAGES, training=True).numpy())


def test_dropped_branch_does_not_run():
    """In a tf.function and eagerly, its counter and its batch norm do not change."""
    model, inner = gated()
    mean = norms(inner)[0].moving_mean
    runs(inner).assign(0)
    fast = tf.function(lambda x: model(x, training=True))
    for call in (fast, lambda x: model(x, training=True)):
        seen = set()
        for _ in range(20):
            before, count = mean.numpy(), float(runs(inner))
            dropped = is_zero(call(IMAGES))
            seen.add(dropped)
            assert float(runs(inner)) - count == (not dropped)
            assert np.array_equal(mean.numpy(), before) == dropped
        assert seen == {True, False}


@pytest.mark.parametrize("f", [8, 16])
def test_the_whole_block(f):
    """What a block makes of the same weights, or relu of its shortcut; the sum is the block's."""
    i = keras.Input((8, 8, 8))
    letters = dict(f=f, shortcut="A")
    plain = fill(keras.Model(i, blocks.basic_block(i, **letters)))
    model = keras.Model(
        i, blocks.basic_block(i, **letters, gate=partial(blocks.stochastic_depth, seed=1))
    )
    model.set_weights(plain.get_weights())
    (gate,) = (layer for layer in model.layers if hasattr(layer, "branch"))
    shortcut = np.pad(IMAGES, [(0, 0)] * 3 + [(0, f - 8)])
    half = np.maximum(shortcut + 0.5 * gate.branch(IMAGES).numpy(), 0)
    close(model(IMAGES), half)
    run, seen = plain(IMAGES, training=True), set()
    for _ in range(16):
        y = model(IMAGES, training=True).numpy()
        dropped = np.array_equal(y, np.maximum(shortcut, 0))
        seen.add(dropped)
        if not dropped:
            close(y, run)
    assert seen == {True, False}


def test_dropped_branch_does_not_run_in_fit():
    """It runs in about half of 64 steps; weights of a branch that never ran do not change."""
    model, inner = gated()
    model.compile("sgd", "mse")
    runs(inner).assign(0)
    x = np.repeat(IMAGES[:1], 64, 0)
    model.fit(x, x, batch_size=1, verbose=0)
    assert 16 < float(runs(inner)) < 48
    model, inner = gated(1e-6)
    model.compile("sgd", "mse")
    before = inner.get_weights()
    model.fit(x, x, batch_size=8, verbose=0)
    for old, new in zip(before, inner.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_gates_draw_for_themselves():
    """Two gates of a net agree in about half of the steps, with and without their own seeds."""
    x = keras.Input((8, 8, 8))
    y = [blocks.stochastic_depth(x, lambda x: blocks.conv(x, 8)) for _ in range(2)]
    model = keras.Model(x, y)
    drawn = [tuple(is_zero(y) for y in model(IMAGES, training=True)) for _ in range(60)]
    assert set(drawn) == {(a, b) for a in (True, False) for b in (True, False)}


def test_seed_repeats_the_draws():
    draws = []
    for seed in (1, 1, 2):
        model, _ = gated(seed=seed)
        draws.append([is_zero(model(IMAGES, training=True)) for _ in range(16)])
    assert draws[0] == draws[1] != draws[2]


def test_gradient_of_a_dropped_branch_is_none_of_the_shortcut():
    """If the branch is dropped, the input's gradient is the shortcut's, 1; if it runs, more."""
    x = keras.Input((8, 8, 8))
    y = blocks.preact_block(x, 8, gate=partial(blocks.stochastic_depth, seed=3))
    model = fill(keras.Model(x, y))
    images = tf.constant(IMAGES)
    step = tf.function(lambda: tape_gradient(model, images))
    ones = [np.array_equal(step(), np.ones(IMAGES.shape)) for _ in range(16)]
    assert set(ones) == {True, False}


def tape_gradient(model, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(model(x, training=True))
    return tape.gradient(y, x)


@pytest.mark.parametrize("f", [8, 12])
def test_unknown_sizes(f):
    """Dropped or run, a block of unknown height and width gives the same size in a tf.function."""
    x = keras.Input((None, None, 8))
    y = blocks.basic_block(x, f, 2, gate=partial(blocks.stochastic_depth, seed=0))
    model = keras.Model(x, y)
    spec = tf.TensorSpec((None, None, None, 8))
    call = tf.function(lambda x: model(x, training=True), input_signature=[spec])
    for size in (7, 8):
        shapes = {tuple(call(np.ones((2, size, size + 1, 8), "float32")).shape) for _ in range(16)}
        assert shapes == {(2, 4, -(-(size + 1) // 2), f)}


def test_saved_and_loaded(tmp_path):
    model, _ = gated(0.25, seed=7)
    config = model.layers[-1].get_config()
    assert (config["survival"], config["seed"]) == (0.25, 7)
    again = blocks.StochasticDepth.from_config(config)
    assert (again.survival, again.seed, again.name) == (0.25, 7, model.layers[-1].name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))
    cloned = keras.models.clone_model(model)
    cloned.set_weights(model.get_weights())
    np.testing.assert_array_equal(cloned(IMAGES), model(IMAGES))


def test_seen_into():
    """Weights within the gate are the model's, and their regularisation counts in its loss."""

    def heavy(x):
        return layers.Conv2D(8, 3, padding="same", kernel_regularizer="l2")(x)

    model, inner = gated(branch=heavy)
    assert [v.path for v in model.weights] == [v.path for v in inner.weights]
    assert len(model.losses) == 1
    model, _ = gated()
    assert len(model.weights) == 6
    assert model.layers[-1].output.shape == (None, 8, 8, 8)


@pytest.mark.parametrize("survival", [0.25, 0.5, 0.8])
def test_drop_path(survival):
    """Each sample alone is dropped, or kept and divided by survival; not in inference."""
    x = np.ones((4000, 2, 2, 3), "float32")
    i = keras.Input((2, 2, 3))
    model = keras.Model(i, blocks.drop_path(i, survival=survival, seed=0))
    assert model.output.shape == (None, 2, 2, 3)
    np.testing.assert_array_equal(model(x), x)
    y = model(x, training=True).numpy().reshape(4000, -1)
    assert (y == y[:, :1]).all()
    np.testing.assert_allclose(np.unique(y), [0, 1 / survival], rtol=1e-6)
    assert abs((y[:, 0] > 0).mean() - survival) < 0.03


def test_drop_path_of_a_branch():
    """It drops the output of the branch, not x; survival and seed are keyword arguments."""
    i = keras.Input((8, 8, 8))
    model = fill(keras.Model(i, blocks.drop_path(i, branch, survival=0.8, seed=0)))
    y = model(IMAGES).numpy()
    plain = keras.Model(i, branch(i))
    plain.set_weights(model.get_weights())
    close(y, plain(IMAGES))
    for gate in (blocks.drop_path, blocks.stochastic_depth):
        with pytest.raises(TypeError, match="positional"):
            gate(i, branch, 0.8)


def test_a_dropped_branch_of_unknown_size_does_not_run():
    """In a graph it does not run; a branch that changes the size runs, multiplied by zero."""
    for s, expected in ((1, 0), (2, 1)):
        model, inner = gated(1e-6, shape=(None, None, 8), branch=partial(strided, s=s))
        runs(inner).assign(0)
        spec = [tf.TensorSpec((None, None, None, 8))]
        y = tf.function(lambda x, model=model: model(x, training=True), spec)(IMAGES)
        assert y.shape == (3, 8 // s, 8 // s, 8)
        assert is_zero(y)
        assert float(runs(inner)) == expected


def strided(x, s):
    return blocks.conv(Counter()(x), 8, s=s, n=BN)


def test_survivals():
    """p_l = 1 - l/L (1 - p_L); the expected depth of ResNet-110's 54 blocks at 0.5 is 40.25."""
    p = blocks.survivals(54, 0.5)
    assert sum(p) == pytest.approx(((1 + 0.5) * 54 - (1 - 0.5)) / 2)
    assert sum(p) == pytest.approx(40.25)
    assert p == pytest.approx([1 - l / 54 * 0.5 for l in range(1, 55)])
    assert (p[0], p[-1]) == (1 - 0.5 / 54, 0.5)
    assert blocks.survivals(3, 0.8, decay="uniform") == [0.8] * 3
    assert blocks.survivals(4, 1.0) == [1.0] * 4
