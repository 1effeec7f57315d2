"""A batch in parts makes the update of the whole."""

import keras
import numpy as np
import pytest

from convbook.training.devices.accumulate import Accumulated


def train(parts, make=Accumulated, **compile):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 6)).astype("float32"), rng.integers(0, 3, 24)
    keras.utils.set_random_seed(0)
    i = keras.Input((6,))
    hidden = keras.layers.Dense(8, activation="relu", kernel_regularizer="l2")(i)
    model = make(i, keras.layers.Dense(3, dtype="float32")(hidden))
    model.parts = parts
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"], **compile)
    weight = np.linspace(0.5, 1.5, 24)
    history = model.fit(
        x, y, batch_size=12, epochs=2, shuffle=False, verbose=0, sample_weight=weight
    ).history
    return model.get_weights(), history, int(model.optimizer.iterations)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_make_the_update_of_the_whole(parts):
    """Weights, loss with the regularizer's, metrics; and steps are counted as updates."""
    weights, history, steps = train(None, keras.Model)
    others, log, updates = train(parts)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-6)
    assert set(log) == set(history)
    for name in history:
        assert log[name] == pytest.approx(history[name], rel=1e-5)
    assert steps == updates == 4


def test_a_batch_that_does_not_fall_into_parts():
    with pytest.raises(Exception, match=r"12 .* 5|5.* 12"):
        train(5)
