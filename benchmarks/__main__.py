"""Benchmarks on the command line.

python -m benchmarks                 the list
python -m benchmarks NAME            one, kept in benchmarks/results/NAME.json
python -m benchmarks NAME --help     its options
python -m benchmarks NAME --quick    at toy size, to check that it runs; kept only with --out
python -m benchmarks all             all, each in a process of its own

A benchmark runs alone: it refuses to start beside another one, or beside an experiment of the
notebooks, and they beside it.  With --quick it measures nothing, and runs beside anything.
"""

import argparse
import ast
import logging
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch shares the GPU with JAX
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # and with TensorFlow

from benchmarks import page
from benchmarks.frame import kept, pairs
from convbook.undisturbed import undisturbed

NAMES = (
    *("build", "grouped", "depth", "fold", "inference", "training", "recent"),
    *("deploy", "dense", "input", "memory", "scaling", "profile", "operations", "gpu"),
)


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(listing())
        return 0
    if argv[0] == "all":
        each = [subprocess.run([sys.executable, "-m", "benchmarks", n, *argv[1:]]) for n in NAMES]
        return max(abs(done.returncode) for done in each)
    if argv[0] not in NAMES:
        print(f"{argv[0]}: there is no such benchmark; there are {', '.join(NAMES)}, or all")
        return 2
    logging.getLogger("tensorflow").setLevel("ERROR")  # it warns because each net is traced again
    benchmark = import_module(f"benchmarks.measurements.{argv[0]}")
    options = parsed(benchmark, argv)
    command = " ".join(["python -m benchmarks", *argv])
    with nullcontext() if options.quick else undisturbed(command, alone=True):
        carry_out(argv[0], benchmark, options, argv)
    return 0


def listing():
    """All benchmarks with a summary of each, read without importing them."""
    lines = ["python -m benchmarks NAME [--help], or all:", ""]
    for name in NAMES:
        text = (Path(__file__).parent / "measurements" / f"{name}.py").read_text(encoding="utf-8")
        lines.append(f"  {name:<12}{ast.get_docstring(ast.parse(text)).splitlines()[0]}")
    return "\n".join(lines)


def parsed(benchmark, argv):
    """The options in a benchmark's OPTIONS, {name: (full, quick, help)}."""
    parser = argparse.ArgumentParser(f"python -m benchmarks {argv[0]}")
    parser.add_argument("--quick", action="store_true", help="at toy size")
    parser.add_argument("--out", help="the JSON file to write")
    for name, (full, quick, text) in benchmark.OPTIONS.items():
        text = f"{text}; {full}, or {quick} with --quick"
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(full), help=text)
    options = parser.parse_args(argv[1:])
    for name, (full, quick, _) in benchmark.OPTIONS.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else full)
    for name in ("pairs", "batch", "steps"):
        if getattr(options, name, 1) < 1:
            parser.error(f"--{name} {getattr(options, name)}: must be at least 1")
    if options.out is None and not options.quick:
        options.out = kept.RESULTS / f"{argv[0]}.json"
    return options


def carry_out(name, benchmark, options, argv):
    """Prints, keeps and returns the rows of a benchmark."""
    run, start, rows = kept.about(name, argv), time.perf_counter(), []
    print(f"{name}: {run['cores']} cores, {run['date']}", flush=True)
    for row in benchmark.run(options):
        rows.append(row)
        print("  " + pairs.printed_row(row), flush=True)
    run["load"].append(kept.load_average())
    run["versions"] = kept.versions()
    run["options"] = {key: getattr(options, key) for key in benchmark.OPTIONS}
    run["seconds"] = time.perf_counter() - start
    if options.out and not all("skipped" in row for row in rows):  # kept rows may come from a GPU
        kept.write(options.out, run, rows)
        print(f"  kept in {options.out}")
        if Path(options.out).resolve().parent == kept.RESULTS:
            page.write()
            if write := getattr(benchmark, "write", None):
                write(run | {"rows": rows})
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
