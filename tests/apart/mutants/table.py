"""The kept results: a row for each mutant in tests/data/mutants.json, the page docs/mutants.md."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from .sample import ROOMS, ROOT

KEPT = ROOT / "tests" / "data" / "mutants.json"
PAGE = ROOT / "docs" / "mutants.md"
Row = dict[str, Any]
HEAD = """# Small bugs

Do the tests notice a small bug? `make mutants` plants one bug at a time in a copy of the source. It
runs the tests that concern the bug, the nearest first, and records whether one of them caught it or
the bug survived. A test that hangs has also caught the bug, if it ends without it. These are the
results of seed {seed}, commit {commit} of {date}, {versions}.

**{caught} of {counted} bugs are caught: {score:.0f} %.** At the first try it was {first} of
{counted}, {before:.0f} %. More are now caught by tests that were written for survivors, or were not
chosen at first. {equivalent}{note}

Each bug is in a function, method or table drawn at random, in turn from `blocks/`,
`architectures/`, `gallery/show/` and `training/`. It changes a comparison, operator or default,
turns `and` into `or` or `True` into `False`, adds 1 to a constant or subtracts it, leaves out a
keyword or a statement, swaps two arguments, or negates a condition. Docstrings, type hints and
messages stay as they are.

Only some tests run for a bug: those that name the changed code, that import its module, or that
import a module which imports it. Each may take up to {seconds} seconds of a processor. The rest of
`make test` may catch a bug that survived here.

"""
COLUMNS = ("where", "without the bug", "with it", "why it survived, or what catches it now")


def kept() -> dict[str, Any]:
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"rows": []}


def keep(results: dict[str, Any]) -> None:
    """Writes the results and their page; an interruption leaves the old file or the new one."""
    rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in results["rows"])
    about = {key: value for key, value in results.items() if key != "rows"}
    start = json.dumps(about, ensure_ascii=False)[:-1]
    write(KEPT, f'{start}, "rows": [\n{rows}\n]}}\n')
    write(PAGE, page(results))


def write(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def counts(rows: list[Row]) -> dict[str, int]:
    """Of the bugs that are none, equivalent; of all others counted, caught and caught at first."""
    real = [row for row in rows if not row.get("equivalent")]
    return {
        "counted": len(real),
        "caught": sum(row["outcome"] != "survived" for row in real),
        "first": sum(row["first"] != "survived" for row in real),
        "equivalent": len(rows) - len(real),
    }


def page(results: dict[str, Any]) -> str:
    """docs/mutants.md."""
    from .trial import SECONDS

    rows = results["rows"]
    made = counts(rows)
    share = {key: 100 * made[key] / max(made["counted"], 1) for key in ("caught", "first")}
    n = made["equivalent"]
    equivalent = f"{n} more changes are no bugs: the program does the same." if n else ""
    note = f"\n\n{results['note']}" if "note" in results else ""
    head = HEAD.format(
        **results | made | {"equivalent": equivalent, "seconds": SECONDS, "note": note},
        score=share["caught"],
        before=share["first"],
    )
    left = [row for row in rows if row["first"] == "survived"]
    table = [("where", "without the bug", "with it", "why it survived, or what catches it now")]
    table += [("---",) * 4, *map(line, left)]
    survivors = "## Survivors\n\n" + markdown(table) if left else ""
    return (
        head
        + markdown([*by("folder", rows)])
        + "\n"
        + markdown([*by("operator", rows)])
        + ("\n" + survivors if survivors else "")
    )


def by(what: str, rows: list[Row]) -> list[tuple[str, ...]]:
    """A table of how many were tried and caught, by folder or operator."""

    def of(row: Row) -> str:
        return row["operator"] if what == "operator" else room(row["path"])

    real = [row for row in rows if not row.get("equivalent")]
    tried, caught = (
        Counter(map(of, real)),
        Counter(of(row) for row in real if row["outcome"] != "survived"),
    )
    lines = [(name, str(caught[name]), str(tried[name])) for name in sorted(tried)]
    return [(what, "caught", "of"), ("---",) * 3, *lines]


def room(path: str) -> str:
    return next(name for name in ROOMS if path.startswith(f"{name}/"))


def line(row: Row) -> tuple[str, ...]:
    where = f"{row['path']}, {row['definition']}"
    if row.get("equivalent"):
        why = f"no bug: {row['equivalent']}"
    elif row["outcome"] == "survived":
        why = row.get("why", "no test checks it yet")
    else:
        why = f"`{row['by'].split('/')[-1]}`"
    return where, code(row["before"]), code(row["after"]), why


def code(text: str) -> str:
    short = text if len(text) <= 100 else f"{text[:97]}..."
    return "`" + short.replace("|", "\\|") + "`"


def markdown(table: list[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in table)
