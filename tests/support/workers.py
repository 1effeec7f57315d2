"""One process of a run on several workers: python workers.py JOB INDEX, where JOB is JSON.

JOB: workers (["host:port", ...]), task (the name of a function here), out (a folder), and replicas,
the virtual devices if there is only one worker.  The task's result goes to OUT/INDEX.json.
"""

import json
import os
import signal
import sys

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from convbook.blocks import BN, conv, dense, gavgpool
from convbook.training.devices import cluster, lost_workers, multiworker, norms, strategy
from convbook.training.devices.accumulate import Accumulated

BATCH, STEPS, EPOCHS = 24, 3, 2  # 24: equal shares for one, two and three
VALIDATION = 47  # not a multiple of 2 or 3; the batches of 24 give 24 and 23


class Images(keras.metrics.Metric):
    """How many images it has seen."""

    def __init__(self):
        super().__init__(name="images")
        self.n = self.add_weight(shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.n.assign_add(tf.cast(tf.shape(y_true)[0], "float32"))

    def result(self):
        return self.n + 0.0


class Steps(keras.callbacks.Callback):
    """Keeps the logs of every step."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append({k: float(v) for k, v in logs.items()})


def digits():
    found = load_digits()
    return (found.images[..., None] / 16).astype("float32"), found.target.astype("int64")


def compiled(devices, optimizer, n=BN, parts=None):
    keras.utils.set_random_seed(0)
    with devices.scope():
        i = keras.Input((8, 8, 1))
        x = conv(conv(i, 8, n=n), 8, s=2, n=n)
        model = (Accumulated if parts else keras.Model)(i, dense(gavgpool(x), 10, None))
        model.parts = parts
        norms.synchronize(model, devices.num_replicas_in_sync > 1)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metrics = ["accuracy", Images()]
        model.compile(optimizer(), loss, metrics=metrics, jit_compile=False)
    return model


def sgd():
    return keras.optimizers.SGD(0.1, momentum=0.9)


def take(x, y):
    return lambda first, last: (x[first:last], y[first:last])


def train(devices, job, index):
    """Trains on shares, then on arrays that Keras splits; evaluates and predicts in both ways."""
    x, y = map(tf.constant, digits())
    count = BATCH * STEPS * EPOCHS
    training, steps = strategy.each_once(devices, count, BATCH, take(x, y))
    held = x[count : count + VALIDATION], y[count : count + VALIDATION]
    validation, held_steps = strategy.each_once(devices, VALIDATION, BATCH, take(*held))
    assert steps == STEPS * EPOCHS
    model, seen = compiled(devices, sgd), Steps()
    history = model.fit(
        training,
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        validation_data=validation,
        validation_steps=held_steps,
        callbacks=[seen],
        shuffle=False,
        verbose=0,
    ).history
    shares = model.evaluate(validation, steps=held_steps, verbose=0, return_dict=True)
    predicted = model.predict(validation, steps=held_steps, verbose=0)
    numpy = [t.numpy() for t in held]
    arrays = model.evaluate(*numpy, batch_size=BATCH, verbose=0, return_dict=True)
    again = model.predict(numpy[0], batch_size=BATCH, verbose=0)
    weights = model.get_weights()
    if strategy.is_chief(devices):  # alone: it must not wait for the others
        model.save(f"{job['out']}/{index}.keras")
    # The last batch of 23 splits into unequal shares: replicas have equal weight, images do not
    model.fit(*numpy, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    uneven = np.concatenate([w.ravel() for w in model.get_weights()])
    # Two parts per step on one device: parts make no difference either
    model = compiled(devices, sgd, None, None if devices.num_replicas_in_sync == 1 else 2)
    model.fit(training, steps_per_epoch=STEPS, shuffle=False, verbose=0)
    accumulated = model.get_weights()
    np.savez(f"{job['out']}/{index}.npz", *weights, predicted, again, *accumulated, uneven)
    return {
        "history": history,
        "steps": seen.logs,
        "shares": shares,
        "arrays": arrays,
        "chief": strategy.is_chief(devices),
        "overflow": overflow(devices, x, y),
    }


def overflow(devices, x, y):
    """Weights and loss scale after a step in which only the last image, and so the last replica,
    overflows, and after a step without overflow."""
    bad = tf.tensor_scatter_nd_update(x[:BATCH], [[BATCH - 1, 0, 0, 0]], [np.inf])
    model = compiled(devices, lambda: multiworker.LossScaleOptimizer(sgd(), initial_scale=8.0))
    norms.synchronize(model, False)  # else every replica would see it
    start, found = model.trainable_variables[0].numpy(), []
    for images in (bad, x[:BATCH]):
        data, steps = strategy.each_once(devices, BATCH, BATCH, take(images, y[:BATCH]))
        model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)
        moved = np.abs(model.trainable_variables[0].numpy() - start).max()
        found += [float(moved), float(model.optimizer.dynamic_scale.numpy())]
    return found


def die(devices, job, index):
    """Kills worker 1 in its third step; the others must end by themselves."""
    x, y = digits()
    model = compiled(devices, sgd)

    def kill(batch, logs):
        if index == job["dies"] and batch == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=kill)
    model.fit(x, y, batch_size=BATCH, epochs=100, verbose=0, callbacks=[callback])


def main(job, index):
    tf.config.threading.set_intra_op_parallelism_threads(1)
    if job.get("replicas", 1) > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        each = [tf.config.LogicalDeviceConfiguration()] * job["replicas"]
        tf.config.set_logical_device_configuration(cpu, each)
    workers = ",".join(job["workers"])
    found = cluster.find(workers, index) if len(job["workers"]) > 1 else None
    if found:
        with lost_workers.meeting(found, job["seconds"]):
            devices = multiworker.MultiWorkerMirroredStrategy()
        with lost_workers.watched(found):
            result = globals()[job["task"]](devices, job, index)
    else:
        devices = tf.distribute.get_strategy()
        if job.get("replicas", 1) > 1:
            devices = multiworker.MirroredStrategy([f"CPU:{i}" for i in range(job["replicas"])])
        result = globals()[job["task"]](devices, job, index)
    with open(f"{job['out']}/{index}.json", "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
