"""Devices: which of them train, what several of them need, and each one's share of the data."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from convbook.training.devices import multiworker
from convbook.training.devices.cluster import Cluster
from convbook.training.devices.lost_workers import meeting


def choose(
    cluster: Cluster | None = None, tpu: str | None = None, seconds: float = 300.0
) -> tf.distribute.Strategy:
    """The tf.distribute strategy of a run.

    Several workers (cluster, of cluster.find), or the TPU of that name, or all GPUs if there are
    several, or the one device there is.  Raises WorkerLost if not all workers start in seconds.
    """
    if cluster and tpu:
        raise ValueError(f"--tpu {tpu!r} with several workers: give one of the two")
    if tpu:
        return of_tpu(tpu)
    if cluster:
        with meeting(cluster, seconds):
            return multiworker.MultiWorkerMirroredStrategy()
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return multiworker.MirroredStrategy() if several else tf.distribute.get_strategy()


def of_tpu(name: str) -> tf.distribute.TPUStrategy:
    """TPUStrategy of the TPU called name, "local" on a TPU's own machine.  Raises ValueError."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (tf.errors.OpError, OSError, ValueError, RuntimeError) as error:
        right = "the name of a TPU of this project, or local on a TPU's own machine"
        raise ValueError(f"--tpu {name!r}: must be {right}: {error}") from error
    return tf.distribute.TPUStrategy(resolver)


REFUSED = {  # by Keras with several replicas (docs/strategies.md): what to do instead
    "gradient_accumulation_steps": "use accumulate (training/devices/accumulate.py) for it",
    "ema_overwrite_frequency": "leave it out: fit puts the averages in place at its end",
    "steps_per_execution": "leave it at 1",
    "jit_compile": "leave it off",
}


def refuse(options: Mapping[str, Any], strategy: tf.distribute.Strategy) -> None:
    """Raises ValueError for what does not work on the devices of strategy, before time is spent.

    options: a mapping of those of REFUSED, with batch_size, the images of a step on all devices,
    and accumulate, the parts of a step (1 if not given).
    """
    devices, accumulate = strategy.num_replicas_in_sync, options.get("accumulate") or 1
    allowed = {"steps_per_execution": 1}
    for name in REFUSED if devices > 1 else ():
        value = options.get(name)
        if value and value != allowed.get(name):
            why = f"does not work on several devices ({devices} here)"
            raise ValueError(f"{name}={value!r} {why}: {REFUSED[name]}")
    batch, each = options["batch_size"], devices * accumulate
    if batch % each:
        of = f" in {accumulate} parts" if accumulate > 1 else ""
        many = f"{devices} device{'s' * (devices != 1)}"
        near = max(batch // each * each, each)
        raise ValueError(
            f"--batch-size {batch}: must be a multiple of {each}, for {many}{of}, such as {near}"
        )


def evaluation_batch(images: int, devices: int, most: int = 256) -> int:
    """The batch, of most images where that can be, of which no device's share is ever empty.

    TensorFlow's convolutions on a CPU fail on no image.  Raises ValueError if there are too few.
    """
    if images < devices:
        few = "1 image" if images == 1 else f"{images} images"
        instead = "give more, or train on fewer devices"
        raise ValueError(f"{few} to validate or to test with, for {devices} devices: {instead}")
    top = math.ceil(min(images, most) / devices) * devices
    batches = itertools.chain(range(top, 0, -devices), itertools.count(top, devices))
    return next(b for b in batches if images % b == 0 or images % b >= devices)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files."""
    return getattr(strategy, "is_chief", True)


def distribute(
    strategy: tf.distribute.Strategy, make: Callable[[int, int], tf.data.Dataset]
) -> Any:
    """The data of model.fit, evaluate or predict, of which each worker makes only its own part.

    make(share, shares) returns the tf.data of one replica: of every global batch, in step, the rows
    of that share (see rows_of_share).  What is random in it must depend on the image and the step,
    not on the share.  It is repeated without end, so Keras needs the number of steps; for
    data that may end, TensorFlow would ask all workers before each step whether there is more.
    """

    def dataset(context):
        shares = strategy.num_replicas_in_sync
        here = shares // context.num_input_pipelines
        first = context.input_pipeline_id * here
        each = [make(share, shares) for share in range(first, first + here)]
        turns = tf.data.Dataset.range(here).repeat()  # replicas are served in turn
        every = tf.data.Dataset.choose_from_datasets(each, turns, False) if here > 1 else each[0]
        # TensorFlow's tuner sleeps for 10, 20, 40 ... ms, and at the end of fit or evaluate the
        # iterator may wait for it, up to as long again.  Without it AUTOTUNE means all threads.
        options = tf.data.Options()
        options.autotune.enabled = False
        return every.repeat().with_options(options)

    return strategy.distribute_datasets_from_function(dataset)


def rows_of_share(images: int, step: Any, steps: int, share: int, shares: int) -> tuple[Any, Any]:
    """(first, last): the rows that share gets in step; all of images go to one share of one step.

    Steps, and the shares of a step, differ by one image at most; they are equal where they divide.
    """
    first, last = images * step // steps, images * (step + 1) // steps
    n = last - first
    return first + n * share // shares, first + n * (share + 1) // shares


def steps_of(images: int, batch: int, shares: int) -> int:
    """Steps of a pass with about batch images each, in which no share is empty.

    Raises ValueError if there are fewer images than shares.
    """
    if images < shares:
        raise ValueError(
            f"{images} images are too few for {shares} devices: each needs at least one"
        )
    return min(math.ceil(images / batch), images // shares)


def each_once(
    strategy: tf.distribute.Strategy, images: int, batch: int, take: Callable[[Any, Any], Any]
) -> tuple[Any, int]:
    """(data, steps) of one pass that takes every image once, whatever the number of replicas.

    take(first, last) returns the batch of these rows.  There is no padding: replicas get one row
    more or less, which losses and metrics allow for; evaluate returns the same as on one device.
    """
    steps = steps_of(images, batch, strategy.num_replicas_in_sync)

    def make(share, shares):
        def part(step):
            return take(*rows_of_share(images, step, steps, share, shares))

        each = tf.data.Dataset.range(steps).map(part, num_parallel_calls=tf.data.AUTOTUNE)
        return each.prefetch(tf.data.AUTOTUNE)

    return distribute(strategy, make), steps
