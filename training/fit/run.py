"""A run from its command to its results: read this page first, the rest of the folder is detail.

`run` is what `convbook train` does.  `prepare` (job) loads the data and builds the model; `train`
fits, evaluates and writes; `fit` calls model.fit as often as it takes.
"""

import contextlib
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convbook.training import data
from convbook.training.data.check import named
from convbook.training.data.summary import remarks
from convbook.training.devices import lost_workers, norms
from convbook.training.devices.cluster import Cluster
from convbook.training.fit import checkpoints, report
from convbook.training.fit.inputs import held_out, training_data
from convbook.training.fit.job import Job, prepare
from convbook.training.fit.progress import callbacks, has_bar, next_commands, plan
from convbook.training.fit.resume import Keeper, Stopped, resumed, signals, thaw
from convbook.training.fit.tested import tested
from convbook.training.recipes.transfer import freeze


def run(options: Namespace, machines: Cluster | None = None) -> int:
    """Trains as options say; machines: see cluster.find.  Raises ValueError for what cannot be."""
    if done := report.finished(options.out):
        of = "{model} on {data}, seed {seed}".format(**done["options"])
        print(f"{options.out} holds a finished run ({of}): nothing to do; --out names another")
        print(accuracy_of(done))
        return 0
    job = prepare(options, cluster=machines)
    if machines is None or machines.is_chief:
        announce(job)
    try:
        with lost_workers.watched(machines) if machines else contextlib.nullcontext():
            done = train(job, options.out)
    except (Stopped, checkpoints.Unwritable, lost_workers.WorkerLost, OSError) as error:
        print(f"convbook train: {error}", file=sys.stderr)
        return getattr(error, "code", 1)
    print(f"{options.out}: model.keras, history.csv, curves.png, result.json")
    print(accuracy_of(done))
    if machines is None or machines.is_chief:
        print("\n".join(next_commands(options)))
    return 0


def accuracy_of(done: dict[str, Any]) -> str:
    """The test accuracy of a result, with the balanced one where it is another."""
    accuracy, balanced = (done.get(f"test_{k}accuracy") for k in ("", "balanced_"))
    line = f"test accuracy {accuracy:.2%}"
    apart = balanced is not None and abs(balanced - accuracy) >= 0.01
    return f"{line}, {balanced:.2%} with all classes counted alike" if apart else line


def announce(job: Job) -> None:
    """Makes the folder, and says what there is to say before a run."""
    out = job.options.out
    report.claim(out)
    for line in job.recipe["words"]:
        print(line, flush=True)
    if job.data.skipped:
        report.write_skipped(out, job.data.skipped)
        print(f"{len(job.data.skipped)} left out: see {out}/skipped.csv", flush=True)
    told = data.passport(job.data)
    report.write_passport(out, told)
    for line in remarks(told):
        print(line, flush=True)
    print(plan(job), flush=True)


def train(job: Job, folder: str | Path) -> dict[str, Any]:
    """Fits from where the folder's checkpoints end, evaluates, writes; returns result.json's."""
    begun = time.perf_counter()
    several = job.devices.num_replicas_in_sync > 1
    norms.synchronize(job.model, several and job.options.synchronize)
    norms.fuse(job.model, not job.options.jit)
    keeper = resumed(job, Path(folder))
    with signals(keeper), named(job.data.train, job.data.val):
        fit(job, keeper)
    scores = tested(job, keeper.averaged_model())
    norms.synchronize(job.model, False)
    norms.fuse(job.model, False)
    freeze(job.model, None)
    result = report.result(job, keeper.info, scores, time.perf_counter() - begun)
    if keeper.chief:
        report.write(Path(folder), job.model, keeper.info["history"], result)
    return result


def fit(job: Job, keeper: Keeper) -> None:
    """All the steps that are left."""
    options = job.options
    val, val_steps = held_out(job, job.data.val)
    thawing = options.unfreeze if options.freeze else None
    for start, first, size, last in spans(keeper.info["step"], job.steps, job.epoch, thawing):
        if keeper.info["ended"]:  # by patience
            break
        if first == thawing and start == first * job.epoch:
            thaw(job, keeper)
        keeper.model.fit(
            training_data(job, start),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=size,
            validation_data=val,
            validation_steps=val_steps,
            callbacks=callbacks(job, keeper),
            shuffle=False,  # Keras' own: the batches come shuffled
            verbose=(1 if has_bar(options) else 2) if keeper.chief else 0,
        )


def spans(
    start: int, steps: int, epoch: int, cut: int | None = None
) -> Iterator[tuple[int, int, int, int]]:
    """Calls of fit from a step on: (first step, its epoch, steps an epoch, epoch to end before).

    cut: an epoch to begin another call at.
    """
    while start < steps:
        first, into_epoch = divmod(start, epoch)
        if into_epoch:  # the rest of an epoch that was begun
            size, last = min(epoch - into_epoch, steps - start), first + 1
        elif steps - start < epoch:  # the last epoch, a short one
            size, last = steps - start, first + 1
        else:  # whole epochs, in one call
            size, last = epoch, steps // epoch
            if cut is not None and first < cut:
                last = min(last, cut)
        yield start, first, size, last
        start += size * (last - first)
