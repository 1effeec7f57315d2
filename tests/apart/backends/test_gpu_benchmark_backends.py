"""Both sides of the GPU benchmark train as plain nets do; out-of-memory errors are recognised."""

import keras
import numpy as np
import pytest
from keras import layers

from benchmarks import sides
from benchmarks.frame import best
from benchmarks.sides.gpu import our_net


def model():
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, 2)(i))
    return keras.Model(i, layers.Dense(5)(layers.Flatten()(layers.ReLU()(x))))


def weights(net):
    """The net's current weights; on JAX, training steps keep them in a state of their own."""
    state = getattr(net, "state", None)
    found = net.model.trainable_variables + net.model.non_trainable_variables
    found = [*state[0], *state[1]] if state else found
    return [keras.ops.convert_to_numpy(v) for v in found]


def test_our_side_trains_as_train_on_batch_does():
    plain, ours = sides.KerasNet(model(), 4), our_net(model(), 2, "false")
    ours.at(4)
    before = weights(plain)
    for net in (plain, ours):
        net.step()
        net.step()
        net.predict()
    ours.wait()
    pairs = list(zip(before, weights(plain), weights(ours), strict=True))
    assert all((a != b).any() for a, b, _ in pairs)
    for a, b, c in pairs:
        np.testing.assert_allclose(c - a, b - a, rtol=1e-3, atol=1e-7)
    ours.at(2)
    if keras.backend.backend() == "jax":  # begins anew
        assert all((a == b).all() for a, b in zip(before, weights(ours), strict=True))
        sides.same(ours, sides.KerasNet(model(), 4), 1e-6)


def test_memory_that_ran_out_is_known():
    if keras.backend.backend() == "jax":
        import jax

        error = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes")
    elif keras.backend.backend() == "torch":
        import torch

        error = torch.OutOfMemoryError("no room")
        with pytest.raises(RuntimeError) as raised:
            torch.empty(2**62, dtype=torch.uint8)
        assert best.is_full(raised.value)
    else:
        import tensorflow as tf

        error = tf.errors.ResourceExhaustedError(None, None, "no room")
    assert best.is_full(error)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_their_side_trains_as_pytorch_does(precision):
    torch = pytest.importorskip("torch")
    from benchmarks.sides.gpu import TimmNet

    def module():
        torch.manual_seed(0)
        parts = torch.nn.Conv2d(3, 4, 3, 2), torch.nn.BatchNorm2d(4), torch.nn.Flatten()
        return torch.nn.Sequential(*parts, torch.nn.Linear(36, 10))

    plain, theirs = sides.TorchNet(module(), 8, 4), TimmNet(module(), 8, 2, precision, False)
    theirs.at(4)
    before = {name: value.copy() for name, value in plain.state.items()}
    plain.step()
    theirs.step()
    theirs.predict()
    theirs.wait()
    low = precision == "bfloat16"
    assert theirs.out.dtype == (torch.bfloat16 if low else torch.float32)
    assert theirs.x.is_contiguous(memory_format=torch.channels_last)
    assert any((plain.state[name] != value).any() for name, value in before.items())
    close = {"rtol": 0.05, "atol": 1e-5} if low else {"rtol": 1e-3, "atol": 1e-7}
    for name, value in before.items():
        np.testing.assert_allclose(theirs.state[name] - value, plain.state[name] - value, **close)
