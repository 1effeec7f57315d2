"""Keras that remembers is Keras: networks, what they track, and each answer that is kept."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from remembered import FITS, as_it_is, kept, patches, started

from convbook import architectures

pytestmark = pytest.mark.skipif(not FITS, reason="this Keras remembers nothing")


@pytest.fixture(autouse=True)
def remembering():
    """Keras remembers here, whatever the run."""
    ours = [] if started else patches()
    for each in ours:
        each.start()
    yield
    for each in ours:
        each.stop()


def both(look):
    """What look finds on Keras that remembers, and on Keras as it is."""
    found = look()
    keras.backend.clear_session(free_memory=False)
    with as_it_is():
        plain = look()
    return found, plain


def told(x):
    """A value as it can be compared: numbers and words as they are, else its type and contents."""
    if isinstance(x, (bool, int, float, str, type(None))):
        return x
    if isinstance(x, dict):
        return type(x).__name__, {str(k): told(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x).__name__, [told(v) for v in x]
    if isinstance(x, set):  # a model's nodes, by their addresses
        return type(x).__name__, len(x)
    return type(x).__name__, getattr(x, "path", None) or getattr(x, "name", None)


def seen(model):
    """All that a model's layers hold, save, and track for Keras and for TensorFlow."""
    for layer in [model, *model._flatten_layers(include_self=False)]:
        own = {k: told(v) for k, v in vars(layer).items()}
        stores = {k: [told(v) for v in store] for k, (_, store) in layer._tracker.config.items()}
        children = {k: told(v) for k, v in layer._trackable_children().items()}
        yield own, stores, children, told(layer.get_config()), told(layer.get_build_config())
    yield [(v.path, v.shape, v.trainable, v.numpy().tobytes()) for v in model.weights]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet20_cifar", {}),
        ("stochastic_depth_resnet110_cifar", {"input_shape": (8, 8, 3)}),
        ("mobilenet_v3_small", {"input_shape": (32, 32, 3)}),
        ("googlenet", {"input_shape": (79, 79, 3)}),
    ],
)
def test_a_network_is_the_same(name, options):
    def look():
        keras.utils.set_random_seed(0)
        return [*seen(architectures.create(name, **options))]

    found, plain = both(look)
    assert found == plain


class Parts(keras.layers.Layer):
    """A layer that holds parts in every way that Keras knows."""

    def __init__(self, **options):
        super().__init__(**options)
        self.row = [keras.layers.Dense(2), 3]
        self.pair = (keras.layers.Dense(3), None)
        self.table = {"a": keras.layers.BatchNormalization(), "b": "c"}
        self.numbers, self.array, self.function = (1, 2.0), np.ones(2), np.sum
        self.mean, self.seed = keras.metrics.Mean(), keras.random.SeedGenerator(1)
        self.row.append(keras.layers.Dropout(0.5))
        self.counter = tf.Variable(0)  # TensorFlow's own, which Keras leaves to it
        self.changed = keras.layers.Dense(4)
        self.changed = 4
        self.same = self.numbers

    def build(self, shape):
        self.row[0].build(shape)
        self.pair[0].build((None, 2))
        self.table["a"].build((None, 3))

    def call(self, x):
        return self.table["a"](self.pair[0](self.row[0](x)))


def test_parts_of_a_layer_are_tracked():
    def look():
        keras.utils.set_random_seed(0)
        x = keras.Input((3,))
        model = keras.Model(x, Parts(name="parts")(x))
        model.layers[1].table["a"].trainable = False
        model.trainable = True  # as it is, Keras leaves what is frozen within
        found = [*seen(model)]
        with pytest.raises(ValueError, match="cannot add new elements"):
            model.layers[1].late = keras.Variable(np.ones(2), name="late")
        return [*found, [v.path for v in model.trainable_variables]]

    found, plain = both(look)
    assert found == plain
    assert len(found[-1]) == 4


def test_answers_are_those_of_keras():
    look = kept(inspect.signature), kept(inspect.getfullargspec)
    kinds = [v for v in vars(keras.layers).values() if hasattr(v, "call")]
    assert len(kinds) > 100
    for kind in kinds:
        for function in (kind.__init__, kind.call):
            for _ in range(2):
                assert look[0](function) == inspect.signature(function)
                assert look[1](function) == inspect.getfullargspec(function)
    layer = keras.layers.Dense(1)
    for _ in range(2):
        assert [*look[0](layer.call).parameters] == ["inputs", "training"]
        assert [*look[0](type(layer).call).parameters] == ["self", "inputs", "training"]
    names = [kind.__name__ for kind in kinds] + ["a b", "Conv2DTranspose", "RNNCell", "_X"]
    to_snake_case = keras.src.utils.naming.to_snake_case
    found, plain = both(lambda: [keras.src.utils.naming.to_snake_case(n) for n in names])
    assert found == plain
    assert to_snake_case("BatchNormalization") == "batch_normalization"


def test_tensors_are_those_of_tensorflow():
    class Like:
        def is_tensor_like(self):
            return True

    values = [1, None, "a", np.ones(1), tf.ones(1), tf.Variable(1.0), keras.Input((1,)), Like()]
    values += [tf.RaggedTensor.from_row_lengths([1], [1]), keras.Variable(1.0), [tf.ones(1)], Like]
    found, plain = both(lambda: [tf.is_tensor(v) for v in values])
    assert found == plain
    assert True in found
    assert False in found
