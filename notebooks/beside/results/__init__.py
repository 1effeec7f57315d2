"""What the longer experiments gave: NAME.json here; each run with its commit and its date."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["commit", "keep", "kept", "made"]

HERE = Path(__file__).parent


def commit():
    """The commit that is checked out, + if files of it have changed, other than these results."""
    changed = ["git", "diff", "--name-only", "HEAD", "--", ":/", ":(exclude)*.json"]
    asked = ["git", "rev-parse", "--short=10", "HEAD"]
    done = [subprocess.run(a, cwd=HERE, capture_output=True, text=True) for a in (asked, changed)]
    if any(d.returncode for d in done):
        return "unknown"
    return done[0].stdout.strip() + "+" * bool(done[1].stdout)


def made():
    """What a run keeps of its origin when it ends: its commit, and its date in UTC."""
    return {"commit": commit(), "date": datetime.now(UTC).date().isoformat()}


def keep(name, rows, **settings):
    """Writes the rows, one a line; a run that is broken off has those it got to."""
    head = json.dumps({"commit": commit(), **settings})[:-1]
    body = ",\n".join(json.dumps(row) for row in rows)
    (HERE / f"{name}.json").write_text(f'{head},\n"rows": [\n{body}\n]}}\n', encoding="utf-8")


def kept(name):
    """{commit, the settings, rows: [{...}]}; None if the experiment has not been run."""
    path = HERE / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
