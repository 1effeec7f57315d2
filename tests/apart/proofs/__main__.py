"""python -m tests.apart.proofs [NAME ...]: proves the networks, each in its own interpreter.

Each row is kept at once.  Rows that passed with the present code stay, so an interrupted run
resumes where it stopped.  A network keeps its row if changed code makes the same graph of the same
layers.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from .table import ROOT, keep, kept, stale, wanted


def main(argv=None):
    parser = argparse.ArgumentParser("python -m tests.apart.proofs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="at a time; up to 16 GB each (1)")
    parser.add_argument("--limit", type=float, default=7200, help="seconds for each (7200)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    unknown = sorted({*options.names} - {*wanted()})
    if unknown:
        parser.error(f"NAME: {', '.join(unknown)}: no networks below 300 M weights")
    if options.one:
        return one(*options.names)
    left = stale(kept())
    todo = [name for name in options.names or wanted() if name in left]
    print(f"{len(todo)} of {len(wanted())} networks to prove", flush=True)
    running = set()
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = {pool.submit(apart, name, options.limit, running): name for name in todo}
        try:
            for future in as_completed(futures):
                name, row, rows = futures[future], future.result(), kept()
                done = f"{row['seconds']:.0f} s" if "seconds" in row else ""
                if row | {"digest": 0} == rows.get(name, {}) | {"digest": 0}:
                    done = "other code makes the same network"
                keep(rows | {name: row})
                print(name, "; ".join(row["failures"]) or done, flush=True)
        finally:  # also on Ctrl-C
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                os.killpg(process.pid, signal.SIGKILL)
    left = stale(kept())
    print(f"{len(wanted()) - len({*left} & {*wanted()})} of {len(wanted())} networks are proven")
    return 1 if left else 0


def one(name):
    """Proves a network here, unless changed code makes the same graph; prints its row last."""
    from .digest import digest

    code = digest(name)  # before building, in case a file changes meanwhile
    from .graph import graph
    from .prove import prove

    row, now = kept().get(name, {}), graph(name)
    if row.get("failures") != [] or row.get("graph") != now:
        row = prove(name)
    print(json.dumps(row | {"digest": code, "graph": now}))
    return 0


def apart(name, limit, running):
    """The row of a network, from its own process group, which is killed at the limit.

    running: the set that holds the process while it runs.
    """
    command = [sys.executable, "-m", "tests.apart.proofs", "--one", name]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)
    running.add(process)
    try:
        out, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"failures": [f"not done after {limit:.0f} s"]}
    finally:
        running.discard(process)
    if process.returncode:
        last = (errors.strip() or "no message").splitlines()[-1]
        return {"failures": [f"exit code {process.returncode}: {last[:300]}"]}
    return json.loads(out.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
