"""Every block of the table of cases gives the same on TensorFlow, JAX and PyTorch."""

import os
from functools import partial

import keras
import numpy as np
import pytest
from cases import CASES, NAMES, fill, images, model_of
from keras import ops

from convbook import blocks
from convbook.blocks import BN

# Most of the time on JAX is compilation; read when it first computes, which no import does.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


@pytest.mark.parametrize("i", range(len(CASES)), ids=NAMES)
def test_same_outputs(i, same_on_all):
    """In inference; and if nothing is random, in training, with batch norm's moving statistics."""
    case, model = CASES[i], model_of(i)
    # A batch norm over the means of two images divides by what is hardly more than rounding
    x = images(case, case.n, case.n, batch=8)
    found = [model(x)]
    if not case.noisy:
        found += [model(x, training=True), *model.non_trainable_variables]
    arrays = [ops.convert_to_numpy(tensor) for tensor in found]
    scale = max(1, *(np.abs(array).max() for array in arrays))
    same_on_all(*arrays, rtol=1e-5, atol=1e-5 * scale)


def gated(survival):
    x = keras.Input((8, 8, 8))
    y = blocks.stochastic_depth(x, lambda x: blocks.conv(x, 8, n=BN), survival=survival, seed=0)
    model = fill(keras.Model(x, y))
    return model, model.layers[-1].branch


def test_stochastic_depth_in_training():
    """The branch or zeros, for the whole mini-batch; in inference its expectation."""
    model, branch = gated(0.5)
    (x,) = images(CASES[0], 8, 8)
    expected = ops.convert_to_numpy(branch(x, training=True))
    kept = []
    for _ in range(60):
        y = ops.convert_to_numpy(model(x, training=True))
        kept.append(np.any(y))
        np.testing.assert_allclose(y, expected * kept[-1], rtol=1e-5, atol=1e-5)
    assert 0.25 < np.mean(kept) < 0.75
    y = ops.convert_to_numpy(branch(x)) * 0.5
    np.testing.assert_allclose(ops.convert_to_numpy(model(x)), y, rtol=1e-5, atol=1e-5)


def test_random_layers_train():
    """fit, compiled as the backend does, moves every weight of a net with both kinds of gate."""
    x = i = keras.Input((8, 8, 8))
    for survival in (0.9, 0.5):
        x = blocks.basic_block(x, 8, gate=partial(blocks.stochastic_depth, survival=survival))
    x = blocks.preact_block(x, 16, 2, gate=blocks.drop_path)
    model = keras.Model(i, blocks.dense(blocks.gavgpool(x), 3, None))
    model.compile("sgd", "mse")
    before = model.get_weights()
    pixels = np.random.default_rng(0).normal(size=(64, 8, 8, 8)).astype("float32")
    model.fit(pixels, np.ones((64, 3)), batch_size=4, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(new).all()
        assert np.abs(new - old).max() > 0


def test_loads_what_it_saves(tmp_path):
    model, _ = gated(0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    (x,) = images(CASES[0], 8, 8)
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded(x)), ops.convert_to_numpy(model(x)))
