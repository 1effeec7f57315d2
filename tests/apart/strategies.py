"""What works on several devices with the installed Keras: python -m tests.apart.strategies

trains a small net with each option on one device, on two virtual devices of one process and on two
workers, and writes docs/strategies.md: "yes" where the weights are those of one device.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convbook import terminal
from convbook.training.devices.cluster import here

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
PLACES = {"one device": 1, "MirroredStrategy, 2 devices": 1, "MultiWorkerMirroredStrategy, 2": 2}
OPTIONS = {
    "float32": {},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "mixed_float16": {"precision": "mixed_float16"},
    "mixed_float16, a replica overflows": {"precision": "mixed_float16", "overflow": True},
    "mixed_float16, a replica overflows, Keras' LossScaleOptimizer": {
        "precision": "mixed_float16",
        "overflow": True,
        "own": False,
    },
    "use_ema": {"optimizer": {"use_ema": True}},
    "use_ema, ema_overwrite_frequency=2": {
        "optimizer": {"use_ema": True, "ema_overwrite_frequency": 2}
    },
    "gradient_accumulation_steps=2": {"optimizer": {"gradient_accumulation_steps": 2}},
    "Accumulated (training/devices/accumulate.py), parts=2": {"parts": 2},
    "steps_per_execution=2": {"compile": {"steps_per_execution": 2}},
    "jit_compile=True": {"compile": {"jit_compile": True}},
    "BackupAndRestore": {"backup": True},
}
LIMIT = 120  # seconds; what takes longer hangs


def devices_of(place: str, index: int, workers: str) -> Any:
    """The strategy of a process."""
    import tensorflow as tf

    from convbook.training.devices import cluster, lost_workers, multiworker

    tf.config.threading.set_intra_op_parallelism_threads(1)
    if "Multi" in place:
        found = cluster.find(workers, index)
        assert found is not None  # there are two
        with lost_workers.meeting(found, LIMIT):
            return multiworker.MultiWorkerMirroredStrategy()
    if "2" in place:
        cpu = tf.config.list_physical_devices("CPU")[0]
        each = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, each)
        return multiworker.MirroredStrategy(["CPU:0", "CPU:1"])
    return tf.distribute.get_strategy()


def net(option: dict[str, Any]) -> Any:
    """A small net, compiled with an option."""
    import keras

    from convbook.training.devices import multiworker
    from convbook.training.devices.accumulate import Accumulated

    layers = [keras.Input((8, 8, 2)), keras.layers.Conv2D(8, 3, activation="relu")]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4, dtype="float32")]
    model = keras.Sequential(layers)
    if "parts" in option:
        model = Accumulated(model.inputs, model.outputs)
        model.parts = option["parts"]
    optimizer = keras.optimizers.SGD(0.1, 0.9, **option["optimizer"])
    if option["own"] and option["precision"] == "mixed_float16":
        optimizer = multiworker.LossScaleOptimizer(optimizer)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    options = {"jit_compile": False} | option["compile"]
    model.compile(optimizer, loss, metrics=["accuracy"], **options)
    return model


def train(place: str, option: dict[str, Any], index: int, workers: str, out: str) -> None:
    """One process of a run: leaves its weights in OUT/INDEX.npz."""
    import keras
    import numpy as np

    devices = devices_of(place, index, workers)
    option = {"precision": "float32", "optimizer": {}, "compile": {}, "own": True} | option
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(option["precision"])
    x = np.random.default_rng(0).normal(size=(32, 8, 8, 2)).astype("float32")
    y = np.arange(32) % 4
    if option.get("overflow"):
        x[7] = np.inf  # the last image of the first batch, so on the last replica
    with devices.scope():
        model = net(option)
    backup = [keras.callbacks.BackupAndRestore(f"{out}/{index}")] if option.get("backup") else []
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=backup)
    np.savez(f"{out}/{index}.npz", *model.get_weights())


def ran(place: str, name: str) -> str | list[list[Any]]:
    """The weights that each worker ends with, or in a few words why there are none."""
    import numpy as np

    n = PLACES[place]
    with tempfile.TemporaryDirectory() as out:
        workers = ",".join(here(n))
        jobs = [json.dumps([place, OPTIONS[name], i, workers, out]) for i in range(n)]
        logs = [open(f"{out}/{i}.log", "w+") for i in range(n)]  # noqa: SIM115
        command = [sys.executable, "-m", "tests.apart.strategies"]
        environ = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        running = [
            subprocess.Popen([*command, job], stderr=log, stdout=log, env=environ)
            for job, log in zip(jobs, logs, strict=True)
        ]
        try:
            codes = [process.wait(LIMIT) for process in running]
        except subprocess.TimeoutExpired:
            return "no: hangs"
        finally:
            for process in running:
                process.kill()
        for i, code in enumerate(codes):
            if code:
                lines = Path(f"{out}/{i}.log").read_text().strip().split("\n")
                errors = [line for line in lines if "Error" in line] or lines[-1:]
                return f"no: {re.sub(r'[a-z_.]+[.](?=[A-Z])', '', errors[-1])[:120]}"
        return [list(np.load(f"{out}/{i}.npz").values()) for i in range(n)]


def verdict(weights: str | list[list[Any]], expected: str | list[list[Any]]) -> str:
    """Whether the weights of all workers are those of one device."""
    import numpy as np

    if isinstance(weights, str):
        return weights
    if not all(np.isfinite(w).all() for each in weights for w in each):
        return "no: the weights are NaN"
    if isinstance(expected, str):
        return "yes"
    pairs = [(a, b) for each in weights for a, b in zip(each, expected[0], strict=True)]
    apart = max(float(np.abs(a - b).max()) for a, b in pairs)
    return "yes" if apart < 1e-5 else f"yes, to {apart:.0e}" if apart < 1e-2 else f"no: {apart:.0e}"


def table() -> Iterator[str]:
    """The rows of the page, printed as they come."""
    for name in OPTIONS:
        expected = None
        cells = []
        for place in PLACES:
            weights = ran(place, name)
            expected = expected or weights
            cells.append(verdict(weights, expected))
        row = f"| {name} | {' | '.join(cells)} |"
        print(row, flush=True)
        yield row


def main() -> None:
    terminal.load_keras()
    import keras
    import tensorflow as tf

    head = [f"| Keras {keras.__version__}, TensorFlow {tf.__version__} | {' | '.join(PLACES)} |"]
    rows = [*head, "|---|" + "---|" * len(PLACES), *table()]
    rewritten(PAGE, rows)


def rewritten(page: Path, rows: list[str]) -> None:
    """Puts the rows in place of the page's table."""
    before, _, rest = page.read_text().partition("<!-- table -->")
    after = rest.partition("<!-- end -->")[2]
    table_text = "\n".join(["<!-- table -->", *rows, "<!-- end -->"])
    page.write_text(f"{before}{table_text}{after}")


if __name__ == "__main__":
    train(*json.loads(sys.argv[1])) if sys.argv[1:] else main()
