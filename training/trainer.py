"""The run, top to bottom: what can be refused, data, model, optimizer, fit, resume, results."""

import math
import sys
import time
from argparse import Namespace
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras.callbacks import SwapEMAWeights, TensorBoard

from convbook import architectures
from convbook.architectures.catalog import find
from convbook.architectures.common import Net
from convbook.blocks.stochastic_depth import StochasticDepth
from convbook.training import (
    checkpoints,
    data,
    multiworker,
    optimizers,
    recipes,
    report,
    schedules,
    strategy,
)
from convbook.training.accumulate import Accumulated
from convbook.training.cluster import Cluster
from convbook.training.decay import decay
from convbook.training.feed import heads_of, held_out, training_data
from convbook.training.fused import fuse
from convbook.training.initial import initialise
from convbook.training.resume import Keeper, as_json, signals
from convbook.training.transfer import freeze, taken_over

# recipe: see training.recipes; statistics: of the training images; steps: in an epoch, and in all
Job = namedtuple("Job", "model parts devices recipe statistics epoch steps")


# What can be refused


def prepare(options: Namespace, devices: tf.distribute.Strategy | None = None,
            cluster: Cluster | None = None) -> Job:  # fmt: skip
    """Loads the data and builds the model: a Job, all that can be refused before time is spent.

    options: as convbook train makes them; size and what the recipe says are filled in if None.
    devices: the tf.distribute strategy, chosen from what is there if not given.  Raises ValueError.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError("training runs on TensorFlow: set KERAS_BACKEND to tensorflow")
    _, net = find(options.model)
    for name in {"input_shape", "classes", "top", "a", "aux"} & set(options.option):
        raise ValueError(f"--option {name}: the trainer sets it (of the data, and of the recipe)")
    size, channels = pixels(options, net), net.shape[-1]
    made = chosen_recipe(options)
    # Workers must meet before TensorFlow does anything else
    devices = devices or strategy.choose(cluster, options.tpu)
    broken = dict(skip_broken=options.skip_broken, first_label=options.first_label)
    parts = data.load(options.data, size, channels, **broken)
    if made["batch_size"] > len(parts.train):
        few = f"there are only {len(parts.train)} images to train on"
        raise ValueError(f"--batch-size {made['batch_size']}: {few}")
    asked = {"batch_size": made["batch_size"], "jit_compile": options.jit}
    strategy.refuse(vars(options) | asked, devices)
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(options.precision)
    with devices.scope():
        model = network(options, made, (size, size, channels), parts.classes)
    settle(options, made, model, devices.num_replicas_in_sync > 1)
    epoch = math.ceil(len(parts.train) / made["batch_size"])
    statistics = data.statistics(parts.train) if needs_statistics(made) else None
    steps = schedules.total_steps(made, epoch)
    return Job(model, parts, devices, made, statistics, epoch, steps)


def pixels(options: Namespace, net: Net) -> int:
    """Fills in options.size: the paper's, less for small images, where that would only cost."""
    if options.size is None:
        small = {"digits": 64, "mnist": 32, "fashion_mnist": 32, "cifar10": 32, "cifar100": 32}
        options.size = min(net.shape[0], small.get(options.data, net.shape[0]))
    return options.size


def chosen_recipe(options: Namespace) -> dict[str, Any]:
    """The recipe with what the command line puts in its places; its pixels are for options.size."""
    made = recipes.asked(options)
    ratio = options.size / (made["evaluation"]["crop"] or options.size)
    if made["evaluation"]["resize"]:
        made["evaluation"]["resize"] = round(made["evaluation"]["resize"] * ratio)
    for name, told in made["augmentation"]:
        if name == "scale_jitter":
            told.update({k: max(round(v * ratio), options.size) for k, v in told.items()})
    return made


def needs_statistics(made: dict[str, Any]) -> bool:
    names = {name for name, _ in made["augmentation"]}
    return bool(names & {"standardise", "subtract_mean", "pca_noise"})


def network(
    options: Namespace, made: dict[str, Any], shape: tuple[int, ...], classes: int
) -> keras.Model:
    """The model as the recipe trains it: gates, auxiliary heads, first weights."""
    told, net = dict(options.option), find(options.model)[1]
    for gate in {"survival", "drop_path"} & set(net.options):
        if made[gate] is not None and not {"survival", "drop_path"} & set(options.option):
            told[gate] = made[gate]
    heads: dict[str, Any] = {"aux": True} if made["aux_weights"] else {}
    model = architectures.create(options.model, input_shape=shape, classes=classes, **told, **heads)
    if options.weights or options.init_from:
        print(taken_over(model, options, shape, told), flush=True)
    else:
        initialise(model, made["init"])
    return model


def settle(options: Namespace, made: dict[str, Any], model: keras.Model, several: bool) -> None:
    """What the network has a say in: the rate without batch norm, and batch norm's momentum."""
    norms = strategy.batch_norms(model)
    if not norms and made["lr_without_norm"]:
        made["lr"] = made["lr_without_norm"]
    if made["norm_momentum"]:
        for layer in norms:
            layer.momentum = min(layer.momentum, made["norm_momentum"])
    for key in recipes.OPTIONS:
        setattr(options, key, made[key])
    freeze(model, options.freeze)  # raises for a stage that the network does not have
    freeze(model, None)
    gated = any(isinstance(layer, StochasticDepth) for layer in model.layers)
    if gated and several and options.synchronize:
        raise ValueError(
            "--option survival: batch norm cannot be synchronised in a block that may not run;"
            " on several devices use drop_path, or --no-synchronize"
        )


# Model and optimizer


def compiled(job: Job, options: Namespace, frozen: str | None = None) -> keras.Model:
    """A twin of the model, on the same layers, that can be fitted; the model stays clean to save.

    frozen: the stage up to which the layers are left as they are.
    """
    model, made = job.model, job.recipe
    freeze(model, frozen)
    decay(model, made["weight_decay"], made["decays"])
    optimizer = optimizers.build(made, schedules.build(made, job.epoch)[0])
    if options.precision == "mixed_float16":
        optimizer = multiworker.LossScaleOptimizer(optimizer)
    heads = heads_of(model)
    twin = (Accumulated if options.accumulate > 1 else keras.Model)(model.inputs, model.outputs)
    twin.parts = options.accumulate
    loss = keras.losses.CategoricalCrossentropy(True, made["label_smoothing"])
    twin.compile(
        optimizer,
        loss if heads == 1 else [loss] * heads,
        loss_weights=None if heads == 1 else [1.0, *made["aux_weights"]],
        metrics=["accuracy"] if heads == 1 else [["accuracy"]] + [[]] * (heads - 1),
        # XLA on a CPU: ResNet-20 compiles for 6 s more and then trains at half the speed
        jit_compile=options.jit,
        steps_per_execution=options.steps_per_execution,
    )
    optimizer.build(twin.trainable_variables)
    return twin


# Callbacks


class Pace(keras.callbacks.Callback):
    """Adds each epoch's learning rate and training images per second, validation apart."""

    def __init__(self, batch: int):
        super().__init__()
        self.batch = batch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start, self.done = time.perf_counter(), 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.done = batch + 1

    def on_test_begin(self, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self.start

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for key in ("accuracy", "val_accuracy"):  # of the network, where there are other heads
            logs.setdefault(key, logs.get(key.replace("accuracy", "logits_accuracy")))
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["images_per_second"] = self.batch * self.done / self.seconds


class Lines(keras.callbacks.Callback):
    """A line every so many steps, for a log file."""

    def __init__(self, keeper: Keeper, every: int, steps: int):
        super().__init__()
        self.keeper, self.every, self.steps = keeper, every, steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (step := self.keeper.info["step"]) % self.every == 0:
            told = "  ".join(f"{k} {float(v):.4f}" for k, v in logs.items())
            rate = float(self.model.optimizer.learning_rate)
            print(f"step {step}/{self.steps}  {told}  learning_rate {rate:.6g}", flush=True)


# Fit


def spans(
    start: int, steps: int, epoch: int, cut: int | None = None
) -> Iterator[tuple[int, int, int, int]]:
    """Calls of fit from a step on: (first step, its epoch, steps an epoch, epoch to end before).

    Whole epochs in one call; what is left of one, and the last if it is short, in calls of their
    own.  cut: an epoch to begin another call at.
    """
    while start < steps:
        n, rest = divmod(start, epoch)
        size = min(epoch - rest, steps - start)
        last = n + 1 if size < epoch else steps // epoch
        if cut is not None and n < cut:
            last = min(last, cut)
        yield start, n, size, last
        start += size * (last - n)


def train(job: Job, options: Namespace, folder: str | Path) -> dict[str, Any]:
    """Fits from where the folder's checkpoints end, evaluates, writes; returns result.json's."""
    begun = time.perf_counter()
    strategy.synchronize(job.model, job.devices.num_replicas_in_sync > 1 and options.synchronize)
    fuse(job.model, not options.jit)
    keeper = resumed(job, options, Path(folder))
    with signals(keeper):
        fit(job, options, keeper)
    test, steps = held_out(job, job.parts.test)
    twin = keeper.averaged_model()
    found = twin.evaluate(test, steps=steps, verbose=0, return_dict=True)
    strategy.synchronize(job.model, False)
    fuse(job.model, False)
    freeze(job.model, None)
    accuracy = found.get("accuracy", found.get("logits_accuracy"))
    result = report.result(job, options, keeper.info, accuracy, time.perf_counter() - begun)
    if keeper.chief:
        report.write(Path(folder), job.model, keeper.info["history"], result)
    return result


def fit(job: Job, options: Namespace, keeper: Keeper) -> None:
    """All the steps that are left."""
    val, val_steps = held_out(job, job.parts.val)
    cut = options.unfreeze if options.freeze else None
    bar = sys.stdout.isatty() and not options.log_every
    for start, first, size, last in spans(keeper.info["step"], job.steps, job.epoch, cut):
        if keeper.info["ended"]:  # by patience
            break
        if first == cut and start == first * job.epoch:
            thaw(job, options, keeper)
        keeper.model.fit(
            training_data(job, options, start),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=size,
            validation_data=val,
            validation_steps=val_steps,
            callbacks=callbacks(job, options, keeper),
            shuffle=False,  # Keras' own: the batches come shuffled
            verbose=(1 if bar else 2) if keeper.chief else 0,
        )


def frozen_at(options: Namespace, epoch: int) -> str | None:
    """The stage up to which nothing is trained in an epoch; None: all is."""
    return options.freeze if options.unfreeze is None or epoch < options.unfreeze else None


def resumed(job: Job, options: Namespace, folder: Path) -> Keeper:
    """A Keeper with the state of the folder's last checkpoint, or of a new run.

    Raises ValueError for options that are not those of the run that left it.
    """
    keeper = Keeper(job, options, folder, compiled)

    def shapes(info):
        differ = [k for k, v in keeper.kept.items() if info["options"].get(k) != as_json(v)]
        if differ:
            k, was = differ[0], info["options"].get(differ[0])
            now = f"{k}={keeper.kept[k]!r}: the run in {folder} has {k}={was!r}"
            raise checkpoints.Refused(f"{now}; give that, or another --out")
        keeper.fit_to(frozen_at(options, max(info["step"] - 1, 0) // job.epoch))
        return {k: tuple(v.shape) for k, v in keeper.variables().items()}

    keeper.fit_to(frozen_at(options, 0))
    found, words = checkpoints.latest(folder / "checkpoints", shapes)
    for line in words:
        print(line, flush=True)
    if found:
        keeper.arrays, keeper.info = found
        keeper.last_saved = checkpoints.written(folder / "checkpoints")[-1]
        print(f"{folder}: goes on from step {keeper.info['step']} of {job.steps}", flush=True)
    return keeper


def thaw(job: Job, options: Namespace, keeper: Keeper) -> None:
    """All layers are trained from now on, by an optimizer that begins anew but for its step."""
    keeper.restore()
    rate = keeper.model.optimizer.learning_rate
    keeper.fit_to(None)
    optimizer = keeper.model.optimizer
    with job.devices.scope():
        optimizer.iterations.assign(keeper.info["step"])
        if keeper.plateau:
            optimizer.learning_rate = float(rate)
    keeper.capture()


def callbacks(job: Job, options: Namespace, keeper: Keeper) -> list[keras.callbacks.Callback]:
    """In their order: what measures, what decides, what keeps, what only shows."""
    found = [Pace(job.recipe["batch_size"]), *keeper.others, keeper]
    if job.recipe["ema"]:
        found.append(SwapEMAWeights())
    if options.log_every:
        found.append(Lines(keeper, options.log_every, job.steps))
    if keeper.chief and options.tensorboard:
        found.append(TensorBoard(keeper.folder / "tensorboard", write_graph=False))
    return found
