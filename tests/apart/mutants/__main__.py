"""python -m tests.apart.mutants: tries a random sample of small bugs, and writes docs/mutants.md.

Each result is kept at once; the same command resumes where it stopped.  Another seed
starts again, and bugs in files that have changed are tried again.  Those that survived are, with
--survivors, after a test was written.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

from .sample import ROOT, Place, sample
from .table import Row, counts, keep, kept
from .trial import Trial

SAME = ("path", "definition", "operator", "before", "after", "code")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.apart.mutants", description=__doc__)
    parser.add_argument("n", nargs="?", type=int, default=60, metavar="N", help="how many (60)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (0)")
    parser.add_argument("--survivors", action="store_true", help="try these again")
    parser.add_argument("--more", type=int, default=1, metavar="TIMES", help="as many tests each")
    options = parser.parse_args(argv)
    places = sample(options.n, options.seed)
    old = kept() if kept().get("seed") == options.seed else {"rows": []}
    known = {place: found for place in places if (found := row_of(place, old["rows"]))}
    todo = [place for place in places if place not in known or again(known[place], options)]
    print(f"{len(todo)} of {len(places)} bugs to try", flush=True)
    if not todo:
        keep(about(options.seed) | {"rows": [known[place] for place in places]})
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the with below
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, Trial(Path(folder)) as trial:
        for place in todo:
            found = trial.outcome(place, options.more)
            known[place] = known.get(place, place.row | {"first": found["outcome"]}) | found
            keep(about(options.seed) | {"rows": [known[p] for p in places if p in known]})
            print(f"{place.path}:{place.mutant.line} {place.mutant.operator}:",
                  found["outcome"], found["by"] or "", flush=True)  # fmt: skip
    made = counts(list(known.values()))
    print(f"{made['caught']} of {made['counted']} bugs are caught, see docs/mutants.md")
    return 0


def row_of(place: Place, rows: list[Row]) -> Row | None:
    """What is kept of a mutant of the same code."""
    own = place.row
    return next((row for row in rows if all(row[key] == own[key] for key in SAME)), None)


def again(row: Row, options: argparse.Namespace) -> bool:
    survived = row["outcome"] == "survived" and not row.get("equivalent")
    return options.survivors and survived


def about(seed: int) -> Row:
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    python = ".".join(map(str, sys.version_info[:3]))
    names = {"Keras": "keras", "TensorFlow": "tensorflow"}
    versions = [f"{name} {version(package)}" for name, package in names.items()]
    return {
        "seed": seed,
        "commit": commit.strip(),
        "date": str(date.today()),
        "versions": ", ".join([f"Python {python}", *versions]),
    }


if __name__ == "__main__":
    sys.exit(main())
