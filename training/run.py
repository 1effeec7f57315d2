"""A run from its command to its exit code."""

import contextlib
import sys
from argparse import Namespace

from convbook.training import checkpoints, peers, report, trainer
from convbook.training.cluster import Cluster
from convbook.training.resume import Stopped


def run(options: Namespace, machines: Cluster | None = None) -> int:
    """Trains as options say; machines: see cluster.find.  Raises ValueError for what cannot be."""
    if done := report.finished(options.out):
        of = "{model} on {data}, seed {seed}".format(**done["options"])
        print(f"{options.out} holds a finished run ({of}): nothing to do; --out names another")
        print(f"test accuracy {done['test_accuracy']:.2%}")
        return 0
    job = trainer.prepare(options, cluster=machines)
    if machines is None or machines.is_chief:
        begun(options, job)
    try:
        with peers.watched(machines) if machines else contextlib.nullcontext():
            done = trainer.train(job, options, options.out)
    except (Stopped, checkpoints.Unwritable, peers.WorkerLost, OSError) as error:
        print(f"convbook train: {error}", file=sys.stderr)
        return getattr(error, "code", 1)
    print(f"{options.out}: model.keras, history.csv, curves.png, result.json")
    print(f"test accuracy {done['test_accuracy']:.2%}")
    return 0


def begun(options: Namespace, job: trainer.Job) -> None:
    """Makes the folder, and says what there is to say before a run."""
    report.claim(options.out)
    for line in job.recipe["words"]:
        print(line, flush=True)
    if job.parts.skipped:
        report.write_skipped(options.out, job.parts.skipped)
        print(f"{len(job.parts.skipped)} left out: see {options.out}/skipped.csv", flush=True)
