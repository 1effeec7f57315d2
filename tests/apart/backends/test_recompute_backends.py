"""A dense block that is computed again trains as the plain one, the same on each backend."""

import keras
import numpy as np
import pytest
from cases import fill
from keras import ops

from convbook import blocks
from convbook.blocks import BN

IMAGES = np.random.default_rng(0).normal(size=(8, 6, 6, 5)).astype("float32")


def train(r, recompute):
    i = keras.Input((6, 6, 5))
    x = blocks.dense_block(i, 3, 3, n=BN, r=r, recompute=recompute)
    model = fill(keras.Model(i, blocks.dense(blocks.gavgpool(x), 4, None)))
    before = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    model.fit(IMAGES, np.arange(8) % 4, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.abs(new - old).max() > 1e-4
    return [*model.get_weights(), ops.convert_to_numpy(model(IMAGES))]


@pytest.mark.parametrize("r", [None, 2])
def test_fit(r, same_on_all):
    plain, ours = train(r, False), train(r, True)
    for a, b in zip(plain, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    same_on_all(*ours, rtol=1e-4, atol=1e-5)
