"""Recompute: a dense block trains as without it, but its memory grows only linearly."""

import json

import interpreter
import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import fill
from places import finding

from convbook import architectures, blocks
from convbook.blocks import BN, GN
from convbook.blocks.recompute import Recompute

IMAGES = np.random.default_rng(0).normal(size=(4, 6, 6, 5))


def net(recompute, f=3, b=3, n=BN, r=None, rate=0.0):
    """Two dense blocks; the same draws of dropout in both forms."""
    keras.utils.set_random_seed(0)
    i = keras.Input((6, 6, 5), dtype=keras.config.dtype_policy().compute_dtype)
    letters = dict(n=n, r=r, rate=rate, recompute=recompute)
    x = blocks.dense_block(i, f, b, **letters)
    x = blocks.dense_block(blocks.transition_block(x), f, b, **letters)
    return fill(keras.Model(i, blocks.dense(blocks.gavgpool(x), 4, None)))


def trained_once(model):
    """(outputs, gradients, moving statistics) of a step in a graph."""

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=True)
            loss = tf.reduce_mean(tf.cast(y, "float64") ** 2)
        return y, tape.gradient(loss, [x, *model.trainable_weights])

    y, gradients = step(tf.constant(IMAGES, model.compute_dtype))
    return [y, *gradients, *model.non_trainable_variables]


def same(ones, others, tolerance):
    """As a share of the largest of each array."""
    for a, b in zip(ones, others, strict=True):
        a, b = (np.asarray(keras.ops.convert_to_numpy(v), "float64") for v in (a, b))
        assert np.abs(a - b).max() <= tolerance * max(np.abs(a).max(), 1e-3)


@pytest.mark.parametrize("letters", [{}, {"r": 4}, {"rate": 0.3}, {"r": 2, "rate": 0.3}])
def test_a_step_is_the_plain_block_s(letters):
    plain, model = net(False, **letters), net(True, **letters)
    assert sum(isinstance(layer, Recompute) for layer in model.layers) == 2
    assert [v.shape for v in plain.weights] == [v.shape for v in model.weights]
    same(trained_once(plain), trained_once(model), 1e-5)


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("float64", 1e-12), ("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)]
)
def test_precisions(policy, tolerance):
    keras.config.set_dtype_policy(policy)
    same(trained_once(net(False, r=2)), trained_once(net(True, r=2)), tolerance)


@pytest.mark.parametrize("n", [BN | {"scale": False}, BN | {"center": False, "epsilon": 0.1}])
def test_norms(n):
    same(trained_once(net(False, n=n)), trained_once(net(True, n=n)), 1e-5)


def test_eager_calls():
    for training in (False, True):
        y = [net(recompute)(IMAGES, training=training) for recompute in (False, True)]
        same(y[:1], y[1:], 1e-5)


def test_frozen_batch_norm_normalises_by_its_moving_statistics():
    """The whole block is frozen, or some of its batch norms."""
    for chosen in (slice(None), slice(1, 3)):
        models = net(False), net(True)
        for model in models:
            norms = [m for m in architectures.graph.all_layers(model) if is_norm(m)]
            for norm in norms[chosen]:
                norm.trainable = False
        before = norms[1].moving_mean.numpy()
        same(*map(trained_once, models), 1e-5)
        np.testing.assert_array_equal(norms[1].moving_mean, before)
    model = net(True)
    model.trainable = False
    same([model(IMAGES, training=True)], [model(IMAGES)], 1e-6)


def is_norm(layer):
    return isinstance(layer, keras.layers.BatchNormalization)


def test_fit():
    """Weights and moving statistics after some steps equal the plain net's; and it learns."""
    codes, found = np.arange(4), []
    for recompute in (False, True):
        model = net(recompute, rate=0.2)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
        losses = model.fit(IMAGES, codes, 2, epochs=8, shuffle=False, verbose=0).history["loss"]
        assert losses[-1] < losses[0] / 2
        found.append(model.get_weights())
    same(*found, 1e-4)


def test_weights_move_between_both_forms(tmp_path):
    plain, model = (
        architectures.create("densenet_cifar_L40_k12", (8, 8, 3), recompute=recompute)
        for recompute in (False, True)
    )
    assert [v.path for v in plain.weights] == [v.path for v in model.weights]
    assert [v.path for v in plain.trainable_weights] == [v.path for v in model.trainable_weights]
    assert architectures.measure(plain) == architectures.measure(model)
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("float32")
    for one, other, seed in ((plain, model, 1), (model, plain, 2)):
        fill(one, seed)
        other.set_weights(one.get_weights())
        same([one(x)], [other(x)], 1e-6)
    tap = architectures.get_layer(model, "stage1_block3")
    assert tap.output.shape == plain.get_layer("stage1_block3").output.shape == (None, 8, 8, 52)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [v.path for v in loaded.weights] == [v.path for v in plain.weights]
    fresh = architectures.create(
        "densenet_cifar_L40_k12", (8, 8, 3), recompute=True, weights=tmp_path / "model.weights.h5"
    )
    cloned = keras.models.clone_model(model)
    cloned.set_weights(plain.get_weights())
    for again in (loaded, fresh, cloned):
        same([again(x)], [plain(x)], 1e-6)


def test_folds_as_the_plain_net():
    plain, model = net(False, r=4), net(True, r=4)
    folded = architectures.fold(model)
    same([plain(IMAGES)], [folded(IMAGES)], 1e-5)
    assert folded.count_params() == architectures.fold(plain).count_params()
    assert not any(isinstance(layer, Recompute) for layer in folded.layers)


@pytest.mark.parametrize("n", [None, "BN", GN, BN | {"renorm": True}, BN | {"axis": 1}])
def test_other_norms_are_refused(n):
    with pytest.raises(
        ValueError, match=r"n=.*: n must be (batch norm.* if recompute=True|None or keywords)"
    ):
        blocks.dense_block(keras.Input((8, 8, 4)), n=n, recompute=True)


def kept(b, recompute, r=None):
    """Numbers in the maps that a dense block's step keeps from the forward for the backward pass.

    The backward pass is what depends on the gradient of the output; of the rest, what it reads
    is kept.  A tensor under two names counts once.
    """
    i = keras.Input((4, 4, 8))
    model = keras.Model(i, blocks.dense_block(i, 2, b, n=BN, r=r, recompute=recompute))

    @tf.function
    def step(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=True)
        return tape.gradient(y, [x, *model.trainable_weights], dy)

    shape = (1, 4, 4, 8)
    graph = step.get_concrete_function(
        tf.TensorSpec(shape), tf.TensorSpec((*shape[:-1], 8 + 2 * b))
    ).graph
    after, needed = {graph.inputs[1].op}, set()
    for op in graph.get_operations():  # in an order in which they can run
        if after & {*(x.op for x in op.inputs), *op.control_inputs}:
            after.add(op)
    todo = [x.op for x in graph.structured_outputs]
    while todo:
        if (op := todo.pop()) not in needed:
            needed.add(op)
            todo += [*(x.op for x in op.inputs), *op.control_inputs]
    read = [origin(x) for op in after & needed for x in op.inputs if x.op not in after]
    read = {id(x): x for x in read if x.shape[:3] == shape[:3]}
    return sum(int(np.prod(x.shape)) for x in read.values())


def origin(x):
    """The tensor that x is only another name of."""
    while x.op.type in ("Identity", "IdentityN"):
        x = x.op.inputs[x.value_index]
    return x


@pytest.mark.parametrize("r", [None, 4])
def test_memory_grows_linearly(r):
    """What convolutions read or gave: x of 8 maps of 4x4, and 2 maps of each layer but the last,
    which nothing reads again; with r the 8 before them too."""
    depths = 2, 5, 8
    ours, plain = ([kept(b, recompute, r) for b in depths] for recompute in (True, False))
    assert ours == [4 * 4 * (8 + 2 * (b - 1) + (8 * b if r else 0)) for b in depths]
    steps = np.diff(plain)
    assert (np.diff(steps) > 0).all()
    assert plain[-1] > 4 * ours[-1]


# In a process of its own: see test_mirrored.
PROGRAM = """
import json
import sys
import keras
import numpy as np
import tensorflow as tf
from convbook import blocks
from convbook.blocks import BN
from two_devices import codes, images, together, two


def train(n, recompute):
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 3))
    x = blocks.dense_block(blocks.conv(i, 4, n=n), 4, 2, n=n, r=2, recompute=recompute)
    model = keras.Model(i, blocks.dense(blocks.gavgpool(x), 4, None))
    start = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    model.fit(images, codes, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.get_weights(), start


def apart(ones, others):
    return float(max(np.abs(a - b).max() for a, b in zip(ones, others, strict=True)))


one, start = train(together, False)
with two.scope():
    synchronized, plain, ours = (
        train(n, recompute)[0] for n, recompute in ((together, True), (BN, False), (BN, True))
    )
model = keras.saving.load_model(sys.argv[1])
outputs = model.predict(np.ones((1, 6, 6, 5)), verbose=0).tolist()
print(json.dumps([apart(one, synchronized), apart(plain, ours), apart(one, plain),
                  apart(one, start), outputs]))
"""


def test_two_devices_are_one(tmp_path):
    """With synchronised batch norm; and with plain batch norm as the plain net on two devices.

    The same process loads a model with nothing but `from convbook import blocks`.
    """
    model = net(True)
    model.save(tmp_path / "model.keras")
    run = interpreter.run(PROGRAM, tmp_path / "model.keras", env=finding())
    assert run.returncode == 0, run.stderr
    synchronized, ours, differ, moved, outputs = json.loads(run.stdout)
    assert synchronized < 1e-5
    assert ours < 1e-5
    assert differ > 1e-3
    assert 1e-2 < moved < 10  # false for NaN
    np.testing.assert_allclose(outputs, model(np.ones((1, 6, 6, 5))), rtol=1e-5, atol=1e-6)
