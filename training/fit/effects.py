"""Options that change nothing in a run, reported before the first step."""

from collections.abc import Iterator

import numpy as np

from convbook import names
from convbook.architectures.catalog import find
from convbook.training.devices.norms import batch_norms
from convbook.training.fit.job import Job
from convbook.training.fit.network import GATES
from convbook.training.recipes.fields import fields


def without_effect(job: Job) -> list[str]:
    """A line for each option and each field of --set that has no effect, and why."""
    return [f"{what} has no effect: {why}" for what, why in (*of_options(job), *of_fields(job))]


def of_options(job: Job) -> Iterator[tuple[str, str]]:
    options, epochs = job.options, job.steps / job.epoch
    length = f"the run has {epochs:g} epochs"
    if not options.synchronize and job.devices.num_replicas_in_sync == 1:
        yield "--no-synchronize", "there is only one device"
    elif not options.synchronize and not batch_norms(job.model):
        yield "--no-synchronize", "the network has no batch norm"
    if options.unfreeze and options.unfreeze >= epochs and not job.recipe["head_first"]:
        yield f"--unfreeze {options.unfreeze}", length
    if options.patience and options.patience >= epochs:
        yield f"--patience {options.patience}", length
    if (every := options.save_every) and (every % job.epoch == 0 or every > job.steps):
        yield (
            f"--save-every {every}",
            f"each epoch of {job.epoch} steps ends with a checkpoint anyway",
        )
    if options.log_every and options.log_every > job.steps:
        ends = f"after {job.steps} steps" if job.steps > 1 else "after 1 step"
        yield f"--log-every {options.log_every}", f"the run ends {ends}"
    counts = np.bincount(job.data.train.y, minlength=job.data.classes)
    if job.recipe["class_weights"] and np.ptp(counts) == 0:
        yield "--class-weights balanced", "all classes have the same number of images"
    batch = fields(job.recipe["name"])["batch_size"]["value"]
    if options.lr_scale != "none" and job.recipe["batch_size"] == batch:
        yield f"--lr-scale {options.lr_scale}", f"the batch size is that of the recipe, {batch}"


def of_fields(job: Job) -> Iterator[tuple[str, str]]:
    recipe, norms = job.recipe, batch_norms(job.model)
    optimizer = recipe["optimizer"]["name"]
    mine = names.is_own(job.options.model)
    gates = GATES & {*({} if mine else find(job.options.model)[1].options)}
    given = job.options.option.keys() & GATES
    whys = {
        "nesterov": optimizer != "SGD" and f"{optimizer} has none",
        "decays": not recipe["weight_decay"] and "the weight decay is 0",
        "lr_without_norm": norms and "the network has batch norm",
        "norm_momentum": not norms and "the network has no batch norm",
        "head_first": not recipe["head_first"] and "--freeze decides what is frozen",
    } | {gate: gate not in gates and "the network has no such option" for gate in GATES}
    if given:
        whys |= dict.fromkeys(GATES, f"--option {min(given)} is given")
    for key, why in whys.items():
        if job.options.set.get(key) is not None and why:
            yield f"--set {key}={job.options.set[key]}", str(why)
