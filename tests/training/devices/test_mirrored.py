"""Two virtual devices under MirroredStrategy train a net of these blocks to the weights of one."""

import json

import interpreter
from places import finding

# In a process of its own: of two MirroredStrategy objects the second takes the first's keys.
PROGRAM = """
import json
import keras
import numpy as np
import tensorflow as tf
from cases import fill
from convbook import blocks
from convbook.blocks import BN
from convbook.training.devices.norms import fuse
from two_devices import codes, images, together, two


def net(n, first=None, second=None):
    i = keras.Input((8, 8, 3))
    x = blocks.conv(i, 8, n=n)
    x = blocks.basic_block(x, 8, n=n, se=4, gate=first)
    x = blocks.resnext_bottleneck_block(x, 16, 2, c=4, width=2, n=n, gate=second)
    return fill(keras.Model(i, blocks.dense(blocks.gavgpool(x), 4, None)))


def train(model, fused=False):
    fuse(model, fused)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    model.fit(images, codes, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


def apart(ones, others):
    return float(max(np.abs(a - b).max() for a, b in zip(ones, others, strict=True)))


def gate(x, branch):
    return blocks.stochastic_depth(x, branch, survival=0.5, seed=0)


def path(x, branch):
    return blocks.drop_path(x, branch, survival=0.5, seed=0)


start, one = net(BN).get_weights(), train(net(together))
"""
BATCH_NORMS = """
with two.scope():
    synchronized, plain = train(net(together)), train(net(BN))
print(json.dumps([apart(one, synchronized), apart(one, plain), apart(one, start)]))
"""
FUSED_AND_GATED = """
with two.scope():
    random = net(BN, gate, path)
    before, after = random.get_weights(), train(random)
    plain, kernel, kept = train(net(BN)), train(net(BN), True), train(net(together), True)
print(json.dumps([apart(before, after), apart(plain, kernel), apart(one, kept)]))
"""
SHARES = """
import json
import numpy as np
import tensorflow as tf
from keras import layers
from convbook.training.devices.norms import FusedBatchNormalization
from two_devices import images, two

x, sent, reduce = images[:8], [], tf.distribute.ReplicaContext.all_reduce


def counted(self, *args, **kwargs):
    sent.append(self)
    return reduce(self, *args, **kwargs)


def run(layer, shares):
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y ** 3)
        return y, *tape.gradient(loss, [x, *layer.trainable_weights])

    y, dx, *others = two.run(tf.function(step), [shares])
    local = two.experimental_local_results
    rows = [np.concatenate(local(v)) for v in (y, dx)]
    return rows + [sum(local(v)) for v in others] + [np.array(w) for w in layer.weights]


tf.distribute.ReplicaContext.all_reduce = counted
results, counts = [], []
for kind, first in (
    (layers.BatchNormalization, 3), (FusedBatchNormalization, 3), (FusedBatchNormalization, 5)
):
    with two.scope():
        layer = kind(synchronized=True)
        layer.build(x.shape)
    parts = lambda c: tf.constant(x[:first] if c.replica_id_in_sync_group == 0 else x[first:])
    sent.clear()
    results.append(run(layer, two.experimental_distribute_values_from_function(parts)))
    counts.append(len(sent) / 2)  # of each of the two
ours, whole = FusedBatchNormalization(), tf.constant(x)
ours.build(x.shape)
with tf.GradientTape() as tape:
    tape.watch(whole)
    y = ours(whole, training=True)
    loss = tf.reduce_sum(y ** 3)
results.append([y, *tape.gradient(loss, [whole, *ours.trainable_weights]), *ours.weights])
apart = [
    max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(r, results[0], strict=True))
    for r in results[1:]
]
print(json.dumps([counts, apart]))
"""

LARGE = """
import json
import numpy as np
import tensorflow as tf
from convbook.training.devices.norms import FusedBatchNormalization
from two_devices import images, two

x = images[:8] + np.float32(100)
with two.scope():
    layer = FusedBatchNormalization(synchronized=True, momentum=0.0)
    layer.build(x.shape)
parts = lambda c: tf.constant(x[:3] if c.replica_id_in_sync_group == 0 else x[3:])
shares = two.experimental_distribute_values_from_function(parts)
y = two.run(tf.function(lambda x: layer(x, training=True)), [shares])
y = np.concatenate(two.experimental_local_results(y))
exact = x.astype("float64")
mean, variance = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
apart = np.abs(np.array(layer.moving_variance) / variance - 1).max()
wrong = np.abs(y - (exact - mean) / np.sqrt(variance + 1e-3)).max()
print(json.dumps([float(apart), float(wrong)]))
"""


def results_of(program):
    """The JSON that a program prints in its own process."""
    run = interpreter.run(program, env=finding())
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_two_devices_are_one():
    """With synchronised batch norm, moving statistics too; plain batch norm differs by design."""
    synchronized, plain, moved = results_of(PROGRAM + BATCH_NORMS)
    assert synchronized < 1e-5
    assert plain > 1e-3
    assert 1e-2 < moved < 10  # false for NaN


def test_two_devices_are_one_where_norms_are_fused():
    """And stochastic depth and drop path train under the strategy."""
    gated, fused, kept = results_of(PROGRAM + FUSED_AND_GATED)
    assert fused < 1e-5
    assert kept < 1e-5  # fused and synchronised
    assert 1e-2 < gated < 10


def test_one_message_in_place_of_three():
    """Synchronised: answers, gradients and statistics are Keras', and those of the whole batch,
    whatever the shares of the two devices."""
    counts, apart = results_of(SHARES)
    assert counts[1:] == [2, 2]  # one forward, one backward
    assert counts[0] > 2  # of Keras: three and two
    assert max(apart) < 1e-5


def test_a_large_mean_does_not_cancel():
    """Maps have the mean 100 and the variance 1: sums of squares would be off by 1e-4."""
    variance, difference = results_of(LARGE)
    assert variance < 2e-6
    assert difference < 5e-5  # 100 itself has a rounding of 8e-6
