"""A run from its command to its results: read this page first, the rest of the folder is detail.

`run` is what `convbook train` does.  `prepare` (job) loads the data and builds the model; `train`
fits, evaluates and writes; `fit` calls model.fit as often as it takes.
"""

import contextlib
import sys
import time
from argparse import Namespace
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from convbook import names
from convbook.architectures.weights.loading import opened
from convbook.training import data
from convbook.training.data.check import named
from convbook.training.data.summary import remarks
from convbook.training.devices import cluster, lost_workers, norms
from convbook.training.devices.agreement import from_all_workers
from convbook.training.devices.cluster import Cluster
from convbook.training.fit import checkpoints, report
from convbook.training.fit.effects import without_effect
from convbook.training.fit.folder import claim, finished, reserved
from convbook.training.fit.inputs import held_out, training_data
from convbook.training.fit.job import Job, of_finished, prepare
from convbook.training.fit.network import run_file
from convbook.training.fit.progress import callbacks, has_bar, next_commands, plan
from convbook.training.fit.resume import Keeper, Stopped, resumed, same_run, signals, thaw
from convbook.training.fit.tested import tested
from convbook.training.recipes.transfer import freeze

KERAS = (3, 15)  # the oldest on which the trainer's tests passed; blocks and networks: 3.5
# The folder; the network with the weights that are kept; the content of result.json
FinishedRun = namedtuple("FinishedRun", "folder model result")


def run(options: Namespace, machines: Cluster | None = None) -> int:
    """Trains with these options; returns the exit code, and prints errors as one line on stderr.

    machines: see cluster.find.  Raises ValueError for options that cannot work.
    """
    try:
        completed(options, machines)
    except (Stopped, checkpoints.Unwritable, lost_workers.WorkerLost, OSError) as error:
        print(f"convbook train: {error}", file=sys.stderr)
        return getattr(error, "code", 1)
    return 0


def supported() -> None:
    """Raises ValueError if Keras is older than the trainer's oldest tested version."""
    if tuple(map(int, keras.__version__.split(".")[:2])) < KERAS:
        right = ".".join(map(str, KERAS))
        raise ValueError(
            f"Keras {keras.__version__}: training needs {right} or newer: pip install -U keras"
        )


def completed(options: Namespace, machines: Cluster | None = None) -> FinishedRun:
    """Trains, or reports that this run is finished.  Raises ValueError for bad options."""
    if done := finished(options.out):
        return already(options, done)
    supported()
    chief = machines is None or machines.is_chief
    # At once, if another run uses it; for good below, after all checks
    with contextlib.ExitStack() as waits:
        if chief and Path(options.out).is_dir():
            waits.enter_context(reserved(options.out))
        job = prepare(options, cluster=machines)
    with contextlib.ExitStack() as waits:
        if chief:
            waits.enter_context(reserved(claimed(job)))
        if machines:
            waits.enter_context(lost_workers.watched(machines))
        done = train(job, options.out, machines)
    files = "model.keras", "deployed.keras", "history.csv", "curves.png", "result.json"
    written = [file for file in files if Path(options.out, file).exists()]
    print(f"{options.out}: {', '.join(written)}")
    print(report.accuracies(done))
    if chief:
        print("\n".join(next_commands(options)))
    return FinishedRun(options.out, job.model, done)


def already(options: Namespace, done: dict[str, Any]) -> FinishedRun:
    """Reports that there is nothing to do.  Raises ValueError if the options differ."""
    if "fingerprint" in done:
        same_run(of_finished(options), done["fingerprint"], options.out)
    what = "{model} on {data}, seed {seed}".format(**done["options"])
    nothing = "nothing to do; for a new run, give another --out"
    print(f"{options.out} has a finished run ({what}): {nothing}")
    print(report.accuracies(done))
    return FinishedRun(options.out, None, done)


def called(options: Namespace) -> FinishedRun:
    """completed, for a program: with the network; a model object gets the weights as well."""
    at_hand = isinstance(options.model, names.AtHand)
    machines = None if at_hand else cluster.find(options.workers, options.index)
    if at_hand and options.workers:
        instead = "each of several workers must build its own: give FILE.py:FUNCTION"
        raise ValueError(f"model={options.model}: this model is already built; {instead}")
    policy = keras.config.dtype_policy()
    try:
        run = completed(options, machines)
    finally:
        keras.config.set_dtype_policy(policy)
    if not at_hand:
        return run if run.model else run._replace(model=saved(options, run.folder))
    mine = options.model.model
    if run.model is None:
        mine.load_weights(f"{run.folder}/model.keras")
    else:
        mine.set_weights(run.model.get_weights())
    return run._replace(model=mine)


def saved(options: Namespace, folder: str) -> keras.Model:
    """The network of a finished run."""
    path, _, function = str(options.model).partition(":")
    if function:  # it may have layers of its own
        run_file(path)
    return opened(f"{folder}/model.keras")


def claimed(job: Job) -> str:
    """Makes the folder and prints what to know before a run."""
    out = job.options.out
    claim(out)
    for line in (*job.recipe["words"], *without_effect(job)):
        print(line, flush=True)
    print(plan(job), flush=True)
    return out


def describe_data(job: Job, folder: str | Path) -> None:
    """Writes the passport of the data into a folder and prints its warnings."""
    if job.data.skipped:
        report.write_skipped(folder, job.data.skipped)
        print(f"{len(job.data.skipped)} images left out: see {folder}/skipped.csv", flush=True)
    passport = data.passport(job.data)
    report.write_passport(folder, passport)
    for line in remarks(passport):
        print(line, flush=True)


def train(job: Job, folder: str | Path, machines: Cluster | None = None) -> dict[str, Any]:
    """Fits from the folder's last checkpoint on, evaluates, writes; returns result.json's text."""
    begun = time.perf_counter()
    several = job.devices.num_replicas_in_sync > 1
    norms.synchronize(job.model, several and job.options.synchronize)
    norms.fuse(job.model, not job.options.jit)
    keeper = resumed(job, Path(folder))
    if machines:
        refuse_other_steps(job, keeper.info["step"], machines)
    if keeper.chief:  # not before: the folder may hold a run with other data, which is refused
        describe_data(job, folder)
    with signals(keeper), named(job.data.train, job.data.val):
        fit(job, keeper)
    last = test = tested(job, keeper.averaged_model())
    best = keeper.info["best"]
    if job.recipe["kept"] == "best" and best["epoch"] < len(keeper.info["history"]):
        keeper.take_best()
        test = tested(job, keeper.model)
    norms.synchronize(job.model, False)
    norms.fuse(job.model, False)
    freeze(job.model, None)
    result = report.result(job, keeper.info, test, last, time.perf_counter() - begun)
    if keeper.chief:
        words = report.write_deployed(Path(folder), job)
        result = report.write(Path(folder), job.model, keeper.info["history"], result)
        for line in words + report.remarks(job, result, keeper.info["history"]):
            print(line, flush=True)
    return result


def refuse_other_steps(job: Job, step: int, machines: Cluster) -> None:
    """Raises ValueError, on all workers, if they do not all resume from the same step."""
    chief, *_ = steps = from_all_workers(job.devices, len(machines.workers), str(step))
    for i, other in enumerate(steps):
        if other != chief:
            here = f"{machines.name(i)} resumes at step {other}, the chief from step {chief}"
            raise ValueError(f"{here}: --out must be one folder that all workers can read")


def fit(job: Job, keeper: Keeper) -> None:
    """Trains all remaining steps."""
    options = job.options
    val, val_steps = held_out(job, job.data.val)
    if keeper.info["partial"] and keeper.ends_epoch():
        validate(job, keeper, val, val_steps)
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
            shuffle=False,  # Keras' own shuffling: the batches are shuffled already
            verbose=(1 if has_bar(options) else 2) if keeper.chief else 0,
        )


def validate(job: Job, keeper: Keeper, val: Any, steps: int | None) -> None:
    """Ends an epoch, as fit does, whose steps were saved before its validation was done."""
    history = keeper.info["history"]
    pace = history[-1].get("images_per_second", 0.0) if history else 0.0
    logs = keeper.info["partial"]["logs"] | {"images_per_second": pace}
    every = keras.callbacks.CallbackList(callbacks(job, keeper), model=keeper.model)
    every.on_train_begin()
    every.on_epoch_begin(len(history))  # which restores the saved state
    scores = keeper.model.evaluate(val, steps=steps, callbacks=every, verbose=0, return_dict=True)
    logs |= {f"val_{name}": value for name, value in scores.items()}
    every.on_epoch_end(len(history), logs)
    every.on_train_end(logs)


def spans(
    start: int, steps: int, epoch: int, cut: int | None = None
) -> Iterator[tuple[int, int, int, int]]:
    """Calls of fit from a step on: (first step, its epoch, steps per epoch, epoch to stop before).

    cut: an epoch to begin another call at.
    """
    while start < steps:
        first, into_epoch = divmod(start, epoch)
        if into_epoch:  # the rest of an unfinished epoch
            size, last = min(epoch - into_epoch, steps - start), first + 1
        elif steps - start < epoch:  # the last epoch, a short one
            size, last = steps - start, first + 1
        else:  # whole epochs, in one call
            size, last = epoch, steps // epoch
            if cut is not None and first < cut:
                last = min(last, cut)
        yield start, first, size, last
        start += size * (last - first)
