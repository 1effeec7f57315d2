"""A process that trains on request: python -m benchmarks.sides.worker JOB INDEX, JOB is JSON.

JOB: workers (["host:port", ...], of which this is number INDEX), replicas (virtual devices of a
worker that is alone), threads, net, batch (of all replicas together), steps, and together: whether
batch norms use the batch of all replicas.  For each line on standard input it trains that
many steps and prints a line: the loss and the seconds, without Keras' work before and after the
steps.
"""

import contextlib
import json
import sys

import keras
import tensorflow as tf

from benchmarks.sides import MOMENTUM, RATE, Clock, images
from convbook import architectures
from convbook.training.devices import cluster, lost_workers, multiworker, norms, strategy

SECONDS = 120  # for all workers to start


def devices(job, workers):
    """Sets a process's threads and virtual devices; returns its strategy."""
    tf.config.threading.set_intra_op_parallelism_threads(job["threads"])
    if workers:
        return strategy.choose(workers, seconds=SECONDS)
    cpu = tf.config.list_physical_devices("CPU")[0]
    each = [tf.config.LogicalDeviceConfiguration()] * job["replicas"]
    tf.config.set_logical_device_configuration(cpu, each)
    if job["replicas"] == 1:
        return tf.distribute.get_strategy()
    return multiworker.MirroredStrategy([f"CPU:{i}" for i in range(job["replicas"])])


def made(job, on):
    """(compiled model, data, steps): one pass is the steps of a line."""
    keras.utils.set_random_seed(0)
    with on.scope():
        model = architectures.create(job["net"])
        norms.fuse(model)
        norms.synchronize(model, job["together"] and on.num_replicas_in_sync > 1)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(RATE, MOMENTUM), loss, jit_compile=False)
    n = job["batch"] * job["steps"]
    _, size, _, channels = model.input_shape
    x, y = map(tf.constant, images(n, size, channels))
    data, steps = strategy.each_once(on, n, job["batch"], lambda i, j: (x[i:j], y[i:j]))
    return model, data, steps


def main(job, index):
    many = len(job["workers"]) > 1
    workers = cluster.find(",".join(job["workers"]), index) if many else None
    with lost_workers.watched(workers) if workers else contextlib.nullcontext():
        model, data, steps = made(job, devices(job, workers))
        clock = Clock()
        letters = dict(steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
        for _ in sys.stdin:
            loss = model.fit(data, **letters).history["loss"][0]
            print(f"loss {loss} {clock.seconds}", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
