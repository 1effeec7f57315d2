"""Two virtual devices under MirroredStrategy train a net of these blocks to the weights of one."""

import json
import os
import subprocess
import sys

# In a process of its own: of two MirroredStrategy objects the second takes the first's keys.
PROGRAM = """
import json
import keras
import numpy as np
import tensorflow as tf
from cases import fill
import blocks
from blocks import BN
from training.fused import fuse
from two_devices import codes, images, together, two


def net(n, first=None, second=None):
    i = keras.Input((8, 8, 3))
    x = blocks.conv(i, 8, n=n)
    x = blocks.basic_block(x, 8, n=n, se=4, gate=first)
    x = blocks.resnext_bottleneck_block(x, 16, 2, c=4, width=2, n=n, gate=second)
    return fill(keras.Model(i, blocks.dense(blocks.gavgpool(x), 4, None)))


def trained(model, fused=False):
    fuse(model, fused)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    model.fit(images, codes, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


def apart(ones, others):
    return float(max(np.abs(a - b).max() for a, b in zip(ones, others, strict=True)))


def gate(x, branch):
    return blocks.stochastic_depth(x, branch, 0.5, seed=0)


def path(x, branch):
    return blocks.drop_path(branch(x), 0.5, seed=0)


start, one = net(BN).get_weights(), trained(net(together))
with two.scope():
    random = net(BN, gate, path)
    before, after = random.get_weights(), trained(random)
    synchronized, plain = trained(net(together)), trained(net(BN))
    kernel, kept = trained(net(BN), True), trained(net(together), True)
print(json.dumps([apart(*pair) for pair in (
    (one, synchronized), (one, plain), (one, start), (before, after), (plain, kernel), (one, kept)
)]))
"""


def test_two_devices_are_one():
    """With synchronised batch norm, moving statistics too; plain batch norm differs by design; and
    stochastic depth and drop path train under the strategy."""
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, os.path.dirname(here), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    synchronized, plain, moved, gated, fused, kept = json.loads(run.stdout)
    assert synchronized < 1e-5
    assert plain > 1e-3
    assert fused < 1e-5
    assert kept < 1e-5  # synchronised, it is Keras' own
    assert 1e-2 < moved < 10  # false for NaN
    assert 1e-2 < gated < 10
