"""A folded network gives the outputs of the original, the same on all backends."""

import keras
import numpy as np
from cases import fill
from keras import layers, ops

from convbook import blocks
from convbook.architectures import fold
from convbook.architectures.graph.layer_names import all_layers
from convbook.blocks import BN


def network():
    """One of each layer that folds, alone and side by side, with gates of both kinds."""
    i = keras.Input((8, 8, 4))
    x = layers.concatenate([blocks.conv(i, 3, k=1, a=None), blocks.conv(i, 5, k=1, a=None)])
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for gate in (blocks.stochastic_depth, lambda x, branch: blocks.drop_path(branch(x))):
        x = layers.add([x, gate(x, lambda x: blocks.conv(x, 8, n=BN, a=None))])
    x = blocks.conv(x, 8, g=2, n=BN)
    x = blocks.repvgg_block(blocks.repvgg_block(x, 8, 2), 8, g=2)
    x = blocks.dwconv(x, multiplier=2, n=BN)
    x = layers.Dropout(0.5)(blocks.gavgpool(blocks.sepconv(x, 8, n=BN)))
    return fill(keras.Model(i, layers.BatchNormalization()(layers.Dense(5)(x))))


def test_fold(same_on_all, tmp_path):
    model, x = network(), np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    folded = fold(model)
    left = {type(layer).__name__ for layer in all_layers(folded)}
    assert not left & {"BatchNormalization", "Dropout", "Rescaling", "StochasticDepth"}
    folded.save(tmp_path / "folded.keras")
    loaded = keras.saving.load_model(tmp_path / "folded.keras")
    y, z, again = (ops.convert_to_numpy(m(x, training=False)) for m in (model, folded, loaded))
    assert np.abs(z - y).max() < 1e-5 * np.abs(y).max()
    np.testing.assert_array_equal(again, z)
    same_on_all(z, rtol=1e-5, atol=1e-5)
