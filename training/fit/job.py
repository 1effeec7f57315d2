"""The job of a run: data, model and recipe, with all checks that are possible before it starts."""

import math
from argparse import Namespace
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.graph.prepared import PreparedModel, prepared
from convbook.blocks.stochastic_depth import StochasticDepth
from convbook.training import data, preparation, recipes
from convbook.training.data.augment import plan
from convbook.training.devices import strategy
from convbook.training.devices.cluster import Cluster
from convbook.training.devices.norms import batch_norms
from convbook.training.fit import fingerprint
from convbook.training.fit.network import network, prepared_for, shape_of
from convbook.training.recipes import schedules
from convbook.training.recipes.fields import fields
from convbook.training.recipes.transfer import freeze

STEPS = 6  # at least so many in an epoch of finetune, if there are 24 images
# options: as the command line gave them, completed; data: see training.data; recipe: see
# training.recipes; statistics: of the training images, or None; steps: in an epoch, and in all
# fingerprint: see training.fit.fingerprint
Job = namedtuple("Job", "options model data devices recipe statistics epoch steps fingerprint")


def prepare(options: Namespace, devices: tf.distribute.Strategy | None = None,
            cluster: Cluster | None = None) -> Job:  # fmt: skip
    """Loads the data and builds the model: a Job.

    options: as convbook train makes them; size and the recipe's fields are filled in if None.
    devices: the tf.distribute strategy; by default chosen from those found.  Raises ValueError.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError("training runs on TensorFlow: set KERAS_BACKEND to tensorflow")
    recipe = chosen_recipe(options)
    # Workers must meet before TensorFlow does anything else
    devices = devices or strategy.choose(cluster, options.tpu)
    images, run_fingerprint = agreed(options, recipe, devices, cluster)
    settings = {"batch_size": recipe["batch_size"], "jit_compile": options.jit}
    strategy.refuse(vars(options) | settings, devices)
    for part in images.val, images.test:  # raises if a device gets no image of it
        strategy.evaluation_batch(len(part), devices.num_replicas_in_sync)
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(options.precision)
    with devices.scope():
        model = network(options, recipe, shape_of(options), images.classes)
        model = knowing(model, options, recipe, images.names)
    epoch = math.ceil(len(images.train) / recipe["batch_size"])
    head_first(options, recipe, epoch)
    settle(options, recipe, model, devices.num_replicas_in_sync > 1)
    recipe["words"] += too_short(recipe, epoch)
    stages = plan(recipe["augmentation"])
    statistics = data.statistics(images.train) if stages.needs_statistics else None
    steps = schedules.total_steps(recipe, epoch)
    return Job(options, model, images, devices, recipe, statistics, epoch, steps, run_fingerprint)


def agreed(options: Namespace, recipe: dict[str, Any], devices: tf.distribute.Strategy,
           cluster: Cluster | None) -> tuple[data.Data, dict[str, Any]]:  # fmt: skip
    """The images, and the fingerprint, which must be equal on all workers.  Raises ValueError."""
    try:
        images = loaded(options, recipe)
        found = fingerprint.fingerprint(options, recipe, images)
    except ValueError as error:
        if cluster:
            fingerprint.agreed(devices, cluster, error)
        raise
    if cluster:
        fingerprint.agreed(devices, cluster, found)
    return images, found


def loaded(options: Namespace, recipe: dict[str, Any]) -> data.Data:
    """The images of a run; if no batch size is given, finetune's is made smaller for few images.

    Raises ValueError.
    """
    *_, channels = shape_of(options)
    broken = dict(skip_broken=options.skip_broken, first_label=options.first_label)
    images = data.load_data(options.data, options.size, channels, **broken)
    if options.batch_size is None and recipe["name"].startswith("finetune"):
        fits = 2 ** int(math.log2(max(len(images.train) / STEPS, 4)))
        if fits < recipe["batch_size"]:
            recipe["batch_size"] = fits
            recipe["words"].append(f"batches of {fits}, for {len(images.train)} images")
    if recipe["batch_size"] > len(images.train):
        few = f"there are only {len(images.train)} images to train on"
        raise ValueError(f"--batch-size {recipe['batch_size']}: {few}")
    return images


def of_finished(options: Namespace) -> dict[str, Any]:
    """The fingerprint of a run with these options; needs no devices or model.  ValueError."""
    recipe = chosen_recipe(options)
    return fingerprint.fingerprint(options, recipe, loaded(options, recipe))


def chosen_recipe(options: Namespace) -> dict[str, Any]:
    """The recipe with the command line's fields; its sizes in pixels are for options.size.

    Fills in options.size.  Raises ValueError.
    """
    known = prepared_for(options)
    *_, channels = shape_of(options)
    recipe = recipes.asked(options)
    plan(recipe["augmentation"])  # raises for two that exclude each other
    evaluation = recipe["evaluation"]
    ratio = options.size / (evaluation["crop"] or options.size)
    if evaluation["resize"]:
        evaluation["resize"] = round(evaluation["resize"] * ratio)
        if evaluation["resize"] < options.size:
            short = f"its resize is below the {options.size} pixels of --size"
            raise ValueError(f"--set evaluation={evaluation}: {short}")
    for name, keywords in recipe["augmentation"]:
        if name == "scale_jitter":
            sides = {key: max(round(side * ratio), options.size) for key, side in keywords.items()}
            keywords.update(sides)
    if known:
        known = preparation.settled(known, options.model, options.size, channels)
        preparation.carried_out(recipe, known)
    return recipe


def knowing(model: keras.Model, options: Namespace, recipe: dict[str, Any],
            names: Sequence[str] | None) -> keras.Model:  # fmt: skip
    """The model; it knows how images are prepared for the weights it starts with."""
    if "prepared" not in dict(recipe["augmentation"]):
        stale = isinstance(model, PreparedModel)
        return keras.Model(model.input, model.output, name=model.name) if stale else model
    size, _, channels = shape_of(options)
    return prepared(model, preparation.of_recipe(recipe, size, channels), names)


def head_first(options: Namespace, recipe: dict[str, Any], epoch: int) -> None:
    """Fills in which layers are frozen, and until when, if a recipe trains the head first."""
    rule = recipe["head_first"]
    if not rule or not rule["share"] or options.freeze or options.unfreeze:
        recipe["head_first"] = None
        return
    epochs = schedules.total_steps(recipe, epoch) / epoch
    options.freeze, options.unfreeze = "body", max(round(rule["share"] * epochs), 1)
    after = f"then all at {rule['rate']:g} of the rate"
    if options.unfreeze >= epochs:
        after = "which is all of this run"
    recipe["words"].append(f"the head alone for {options.unfreeze} of {epochs:g} epochs, {after}")


def too_short(recipe: dict[str, Any], epoch: int) -> list[str]:
    """A line if a run is too short for the schedule of its recipe."""
    steps, planned = (schedules.total_steps(r, epoch) for r in (recipe, recipe["planned"]))
    kwargs = recipe["schedule"]["kwargs"]
    rise = kwargs.get("warmup", 0) * {"epochs": epoch, "runs": steps}.get(kwargs.get("unit"), 1)
    if rise > steps / 2:
        cut = f"its rise of {rise:g} steps is cut to {steps // 2}"
    elif steps < min(planned / 10, 1000):
        cut = f"the recipe {recipe['name']} has {planned:,}"
    else:
        return []
    return [f"{steps} steps are too few for the schedule: {cut}; --epochs for more"]


def settle(options: Namespace, recipe: dict[str, Any], model: keras.Model, several: bool) -> None:
    """Fields that depend on the network: the rate without batch norm, and batch norm's momentum."""
    norms = batch_norms(model)
    if not norms and recipe["lr_without_norm"]:
        recipe["lr"] = recipe["lr_without_norm"]
    if recipe["norm_momentum"]:
        for layer in norms:
            layer.momentum = min(layer.momentum, recipe["norm_momentum"])
    redropped(recipe, model)
    for key in recipes.OPTIONS:
        setattr(options, key, recipe[key])
    freeze(model, options.freeze)  # raises for a stage that the network does not have
    freeze(model, None)
    name = keras.saving.get_registered_name
    gated = any(name(type(x)) == name(StochasticDepth) for x in model.layers)  # pasted ones too
    if gated and several and options.synchronize:
        raise ValueError(
            "--option survival: batch norm cannot be synchronised in a block that may not run;"
            " on several devices use drop_path, or --no-synchronize"
        )


def redropped(recipe: dict[str, Any], model: keras.Model) -> None:
    """Dropout at rates from the command line, not the recipe's own.  Raises ValueError."""
    rates = recipe["dropout"]
    if rates == fields(recipe["name"])["dropout"]["value"]:
        return
    kinds = (layer for layer in all_layers(model) if isinstance(layer, keras.layers.Dropout))
    drops = [layer for layer in kinds if layer.noise_shape is None]  # the others drop paths
    if len(rates) != len(drops):
        has = ", ".join(f"{layer.rate:g}" for layer in drops) or "none"
        right = f"{len(drops)} rates, one for each dropout of the network ({has})"
        raise ValueError(f"dropout={rates}: must be {right}")
    for layer, rate in zip(drops, rates, strict=True):
        layer.rate = rate
