"""The run, in order: what can be refused, data, model, optimizer, fit, evaluation, results."""

import math
import sys
import time
from collections import namedtuple

import keras

import architectures
from architectures.catalog import find
from training import data, report, strategy
from training.decay import decay_kernels

Job = namedtuple("Job", "model parts devices")


def prepare(options, devices=None):
    """Loads the data and builds the model: a Job, all that can be refused before time is spent.

    options: as python -m training makes them; size and lr are filled in if None.  devices: the
    tf.distribute strategy, chosen from what is there if not given.  Raises ValueError.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError("training runs on TensorFlow: set KERAS_BACKEND to tensorflow")
    _, net = find(options.model)
    for name in {"input_shape", "classes", "top", "a", "aux"} & set(options.option):
        raise ValueError(f"--option {name}: the trainer sets it (one output, of logits)")
    if options.size is None:
        options.size = min(net.shape[0], 64)  # digits have 8 x 8 pixels: 224 would only cost
    channels = net.shape[-1]
    parts = data.load(options.data, options.size, channels)
    devices = devices or strategy.choose()
    check_batch(options.batch_size, len(parts.train.y), devices.num_replicas_in_sync)
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.precision)
    with devices.scope():
        shape = (options.size, options.size, channels)
        model = architectures.create(
            options.model, input_shape=shape, classes=parts.classes, **options.option
        )
    norms = strategy.batch_norms(model)
    for layer in norms:
        layer.momentum = min(layer.momentum, options.norm_momentum)
    if options.lr is None:
        options.lr = options.lr_with_norm if norms else options.lr_without_norm
    return Job(model, parts, devices)


def check_batch(batch, images, replicas):
    if batch > images:
        raise ValueError(f"--batch-size {batch}: there are only {images} images to train on")
    if batch % replicas:
        raise ValueError(f"--batch-size {batch}: must be a multiple of the {replicas} devices")


def rate(options, steps):
    """The learning rate of each step: a linear rise to lr, then half a cosine down to 0."""
    warmup = min(options.warmup_epochs, options.epochs / 2)
    up = round(steps * warmup)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps * options.epochs - up, warmup_target=options.lr, warmup_steps=up
    )


def compiled(model, options, steps):
    """A twin of model, on the same layers, that can be fitted; model itself stays clean to save."""
    decay_kernels(model, options.l2)
    twin = keras.Model(model.inputs, model.outputs, name=model.name)
    twin.compile(
        keras.optimizers.SGD(rate(options, steps), options.momentum, options.nesterov),
        keras.losses.CategoricalCrossentropy(True, options.label_smoothing),
        metrics=["accuracy"],
        # XLA on a CPU: ResNet-20 compiles for 6 s more and then trains at half the speed
        jit_compile=False,
    )
    return twin


class Pace(keras.callbacks.Callback):
    """Adds each epoch's learning rate and training images per second, validation apart."""

    def __init__(self, images):
        super().__init__()
        self.images = images  # an epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.seconds = time.perf_counter() - self.start

    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["images_per_second"] = self.images / self.seconds


def train(job, options, folder):
    """Fits, evaluates and writes into folder; returns what result.json says."""
    start = time.perf_counter()
    model, parts, devices = job
    replicas, classes = devices.num_replicas_in_sync, parts.classes
    steps = math.ceil(len(parts.train.y) / options.batch_size)
    val, test = (data.batches(p, shared(len(p.y), replicas), classes) for p in parts[1:3])
    with devices.scope():
        strategy.synchronize(model, replicas > 1)
        twin = compiled(model, options, steps)
    history = twin.fit(
        data.training_batches(parts.train, steps * options.epochs, classes, options),
        epochs=options.epochs,
        steps_per_epoch=steps,
        validation_data=val,
        callbacks=[Pace(steps * options.batch_size)],
        shuffle=False,  # Keras' own: the batches come shuffled
        verbose=1 if sys.stdout.isatty() else 2,
    ).history
    accuracy = twin.evaluate(test, verbose=0, return_dict=True)["accuracy"]
    strategy.synchronize(model, False)
    result = report.result(model, options, history, accuracy, time.perf_counter() - start)
    report.write(folder, model, history, result)
    return result


def shared(images, replicas):
    """The batch of an evaluation: only the first one must fall into equal shares for Keras."""
    return min(images, 256) // replicas * replicas
