"""The model of a run, compiled for model.fit: optimizer, losses of all heads, frozen layers."""

import keras

from convbook.architectures.graph.ends import answers_probabilities
from convbook.training.devices import multiworker
from convbook.training.devices.accumulate import Accumulated
from convbook.training.fit.job import Job
from convbook.training.recipes import optimizers, schedules
from convbook.training.recipes.decay import decay, undecayed
from convbook.training.recipes.transfer import freeze


def compiled(job: Job, frozen: str | None = None) -> keras.Model:
    """A compiled twin of the model on the same layers; the model itself stays clean to be saved.

    frozen: the stage up to which layers are not trained.
    """
    model, recipe, options = job.model, job.recipe, job.options
    freeze(model, frozen)
    decoupled = optimizers.is_decoupled(recipe)
    decay(model, 0 if decoupled else recipe["weight_decay"], recipe["decays"])
    if recipe["head_first"] and not frozen:
        recipe = recipe | {"lr": recipe["lr"] * recipe["head_first"]["rate"]}
    optimizer = optimizers.build(recipe, schedules.build(recipe, job.epoch)[0])
    if decoupled:
        optimizer.exclude_from_weight_decay(undecayed(model, recipe["decays"]))
    if options.precision == "mixed_float16":
        optimizer = multiworker.LossScaleOptimizer(optimizer)
    heads = len(model.outputs)
    twin = (Accumulated if options.accumulate > 1 else keras.Model)(model.inputs, model.outputs)
    twin.parts = options.accumulate
    logits = not answers_probabilities(model)
    loss = keras.losses.CategoricalCrossentropy(logits, recipe["label_smoothing"])
    twin.compile(
        optimizer,
        loss if heads == 1 else [loss] * heads,
        loss_weights=None if heads == 1 else [1.0, *recipe["aux_weights"]],
        metrics=["accuracy"] if heads == 1 else [["accuracy"]] + [[]] * (heads - 1),
        # With XLA on a CPU, ResNet-20 compiles for 6 s longer and then trains at half the speed
        jit_compile=options.jit,
        steps_per_execution=options.steps_per_execution,
    )
    optimizer.build(twin.trainable_variables)
    return twin


def frozen_at(job: Job, epoch: int) -> str | None:
    """The stage up to which layers are frozen in an epoch; None: all are trained."""
    freeze, unfreeze = job.options.freeze, job.options.unfreeze
    return freeze if unfreeze is None or epoch < unfreeze else None
