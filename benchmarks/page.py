"""Writes the results in benchmarks/results as the page docs/benchmarks.md."""

import ast
import json
from pathlib import Path

from benchmarks.frame.kept import RESULTS
from benchmarks.frame.pairs import spelled

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

See how fast our networks build, train and answer, compared with keras.applications, timm and
PyTorch. These are the results of the latest run of each benchmark, with the targets that it met or
missed. `make bench`, or `python -m benchmarks NAME`, runs them again and writes this page. A
benchmark runs alone: beside another one, or beside an experiment of the notebooks, it refuses to
start.

Both sides run in turn, pair by pair, on the same images and weights, after a check that they
compute the same thing. A ratio is our median time over theirs: below 1 we are faster. Its 90 %
interval is a bootstrap over the pairs, and a target is met when the interval touches it.
`benchmarks/results` has every single time. Each table has the date of its run; later changes to the
code are not in it.
"""
PAIRS = 11  # of a full run
COLUMNS = ("what", "ours", "theirs", "ratio (90 %)", "of", "target", "note")


def benchmarks_page(folder=RESULTS):
    """The page's text."""
    paths = sorted(Path(folder).glob("*.json"))
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return "\n".join([HEAD, *summary(runs), "", *map(section, runs)])


def summary(runs):
    """Markdown of each run's targets and of the rows that missed theirs."""
    lines = ["| benchmark | targets met | missed |", "| --- | --- | --- |"]
    for run in runs:
        name, rows = run["benchmark"], [row for row in run["rows"] if "target" in row]
        missed = [row for row in rows if not row["met"]]
        texts = [f"{row['what']}: {measured(row)}, not {row['target']:g}" for row in missed]
        count = f"{len(rows) - len(missed)} of {len(rows)}" if rows else "none set"
        lines.append(f"| [{name}](#{name}) | {count} | {'; '.join(texts)} |")
    return lines


def measured(row):
    """The measurement of a row with a target, in words."""
    if "ratio" in row:
        return f"{row['ratio']:.3f} of {row['against']}"
    return spelled(row["seconds"]).strip()


def section(run):
    """A benchmark's description, its kept run and the rows."""
    code = (ROOT / "benchmarks" / "measurements" / f"{run['benchmark']}.py").read_text(
        encoding="utf-8"
    )
    about = ast.get_docstring(ast.parse(code)).replace(".  ", ". ")
    packages = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    load = " and ".join(f"{each:.1f}" for each in run["load"])
    lines = [f"## {run['benchmark']}", "", about, "", "```", run["command"], "```", ""]
    lines += [
        f"{run['date'][:10]}, {run['cores']} cores, load {load} before and after; {packages}."
    ]
    lines += ["", run["remark"]] if "remark" in run else []
    rows = [row for row in run["rows"] if "skipped" not in row and row["what"] != "picture"]
    wide = wide_table([row for row in rows if "columns" in row])
    plain = plain_table([row for row in rows if "columns" not in row])
    return "\n".join([*lines, *wide, "", *plain, *pictures(run), ""])


def wide_table(rows):
    """Markdown of the rows with their own columns."""
    head = list(dict.fromkeys(name for row in rows for name in row["columns"]))
    grid = [("what", *head), ("---",) * (len(head) + 1)]
    grid += [(row["what"], *(row["columns"].get(name, "") for name in head)) for row in rows]
    return ["", *("| " + " | ".join(row) + " |" for row in grid)] if rows else []


def plain_table(rows):
    """Markdown of the rows, without empty columns."""
    grid = [COLUMNS, *map(cells, rows)]
    used = [any(each) for each in zip(*grid[1:], strict=True)]
    grid = [[cell for cell, use in zip(row, used, strict=True) if use] for row in grid]
    grid[1:1] = [["---"] * sum(used)]
    return ["| " + " | ".join(row) + " |" for row in grid]


def cells(row):
    """A row as the text of COLUMNS."""
    each = row.get("seconds", [])
    ours, theirs = (*(each if isinstance(each, list) else [each]), None, None)[:2]
    ratio, target = "", ""
    if "ratio" in row:
        low, high = row["interval"]
        ratio = f"{row['ratio']:.3f}" + f" ({low:.3f} to {high:.3f})" * (low < high)
    if "target" in row:
        target = f"{'met' if row['met'] else 'missed'}: {row['target']:g}"
    times = ("" if t is None else spelled(t).strip() for t in (ours, theirs))
    few = f"{row['pairs']} pairs only" if row.get("pairs", PAIRS) < PAIRS else ""
    note = ", ".join(filter(None, (row.get("note"), few)))
    return row["what"], *times, ratio, row.get("against", ""), target, note


def pictures(run):
    """The pictures of a run."""
    names = [row["note"] for row in run["rows"] if row["what"] == "picture"]
    text = f"{run['benchmark']}: the figures of the table"
    return [line for name in names for line in ("", f"![{text}](../benchmarks/results/{name})")]


def write():
    """Writes docs/benchmarks.md."""
    PAGE.write_text(benchmarks_page(), encoding="utf-8")
