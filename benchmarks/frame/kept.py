"""Keeps a run: its rows with versions, cores, command and date, as JSON."""

import datetime
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "numpy", "jax", "torch", "timm")


def cores():
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def load_average():
    """The load average of the last minute, or None if unknown."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def versions():
    """{package: version} of the loaded packages, and Python's."""
    numbers = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            if name.removesuffix("-cpu") in sys.modules:
                numbers[name] = version(name)
        except PackageNotFoundError:
            pass
    return numbers


def about(name, argv):
    """What it takes to repeat a run; called at its start."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "benchmark": name,
        "command": " ".join(["python -m benchmarks", *argv]),
        "date": now.isoformat(timespec="seconds"),
        "cores": cores(),
        "processor": platform.machine(),
        # Before and after the run: above the number of cores, other jobs ran too
        "load": [load_average()],
    }


def rounded(value):
    """Value with its floats at six significant digits, and tuples as lists."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return value


def write(path, run, rows):
    """Writes the run, replacing an existing file, whatever the result."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps(rounded(row)) for row in rows]
    head = json.dumps(rounded(run), indent=1)[:-2]
    path.write_text(f'{head},\n "rows": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n")


def picture(figure, out):
    """Writes a Matplotlib figure beside the file out and closes it; returns the picture's name."""
    import matplotlib.pyplot as plt

    path = Path(out).with_suffix(".png")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path.name
