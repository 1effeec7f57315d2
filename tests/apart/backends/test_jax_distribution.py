"""On JAX, keras.distribution.DataParallel trains a net of these blocks as one device does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

# In a process of its own: the number of devices is fixed when JAX starts.
PROGRAM = """
import json
import keras
import numpy as np
from convbook import blocks
from convbook.blocks import BN

rng = np.random.default_rng(0)
images = rng.normal(size=(32, 8, 8, 3)).astype("float32")
codes = rng.integers(0, 4, size=32)


def train(distribution):
    keras.distribution.set_distribution(distribution)
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 3))
    x = blocks.basic_block(blocks.conv(i, 8, n=BN), 8, n=BN)
    model = keras.Model(i, blocks.dense(blocks.gavgpool(x), 4, None))
    start = [np.array(w) for w in model.get_weights()]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    model.fit(images, codes, batch_size=8, epochs=2, shuffle=False, verbose=0)
    places = {len(v.value.sharding.device_set) for v in model.variables}
    return [start, model.get_weights(), places]


start, one, alone = train(None)
_, two, both = train(keras.distribution.DataParallel(auto_shard_dataset=False))


def apart(these, those):
    return float(max(np.abs(a - b).max() for a, b in zip(these, those, strict=True)))


print(json.dumps([apart(one, two), apart(start, one), list(alone), list(both)]))
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX only")
def test_two_devices_are_one():
    """Batch norm needs no switch here: JAX computes its mean over the batch of all devices."""
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    more = {"PYTHONPATH": path, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    apart, moved, alone, both = json.loads(run.stdout)
    assert apart < 1e-5
    assert 1e-2 < moved < 10  # false for NaN
    assert (alone, both) == ([1], [2])
