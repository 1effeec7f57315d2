"""The frame of a benchmark: both sides in interleaved pairs, their ratio, and rows to keep.

A side is a function that does its work once and returns the seconds.  Ratios are ours
over theirs, so below 1 is faster.
"""

import time
from statistics import median

import numpy as np

ENDS, DRAWS = (0.05, 0.95), 2000  # of the interval, and number of resamplings


class Differs(ValueError):
    """The two sides compute different things, so their times must not be compared."""


def clocked(work, clock=time.perf_counter, times=1):
    """A side: runs work() that many times and returns the seconds of one call."""

    def side():
        start = clock()
        for _ in range(times):
            work()
        return (clock() - start) / times

    return side


def interleaved(ours, theirs, pairs):
    """[(seconds of ours, seconds of theirs)], run as A B, B A, A B ...

    So a temporary slowdown of the machine affects both sides.
    """
    times = []
    for i in range(pairs):
        if i % 2:
            b, a = theirs(), ours()
        else:
            a, b = ours(), theirs()
        times.append((a, b))
    return times


def ratio(times):
    """The median of ours over the median of theirs."""
    ours, theirs = zip(*times, strict=True)
    return median(ours) / median(theirs)


def drawn(times):
    """The ratios of resampled pairs, drawn with replacement: (DRAWS,), equal at every call."""
    times = np.asarray(times, float)
    picked = np.random.default_rng(0).integers(0, len(times), (DRAWS, len(times)))
    ours, theirs = np.median(times[picked], axis=1).T
    return ours / theirs


def interval(values):
    """(low, high): the middle 90 % of the draws."""
    return tuple(np.quantile(values, ENDS).tolist())


def judged(row, target):
    """The row with its target, an upper bound; it is met if the interval touches it."""
    if target is None:
        return row
    return row | {"target": target, "met": row["interval"][0] <= target}


def compare(what, ours, theirs, pairs, against, target=None, **known):
    """The row of a comparison, after a warm-up of each side.  known: kept with the row."""
    ours(), theirs()
    return compared(what, interleaved(ours, theirs, pairs), against, target, **known)


def compared(what, times, against, target=None, **known):
    row = {"what": what, "against": against, "ratio": ratio(times)}
    row |= {"interval": interval(drawn(times)), "pairs": len(times)}
    row["seconds"] = [median(side) for side in zip(*times, strict=True)]
    return judged(row, target) | known | {"times": times}


def together(what, rows, against, target=None):
    """The median of the ratios of several rows; its interval resamples the pairs of each."""
    each = np.median([drawn(row["times"]) for row in rows], axis=0)
    row = {"what": what, "against": against, "ratio": median(row["ratio"] for row in rows)}
    return judged(row | {"interval": interval(each), "rows": len(rows)}, target)


def alone(what, times, target=None, **known):
    """The row of a single side: the median of its seconds, with its interval."""
    each = drawn([(t, 1.0) for t in times])
    row = {"what": what, "seconds": median(times), "interval": interval(each)}
    return judged(row, target) | known | {"times": list(times)}


def skipped(what, why):
    return {"what": what, "skipped": why}


def printed_row(row):
    """A row as a line of the printed table: our seconds, theirs, then the ratio."""
    if "skipped" in row:
        return f"{row['what']:<32} skipped: {row['skipped']}"
    each, (low, high) = row.get("seconds", []), row.get("interval", (0, 0))
    cells = [f"{row['what']:<32}", *map(spelled, each if isinstance(each, list) else [each])]
    if "ratio" in row:
        cells.append(f" {row['ratio']:.3f} ({low:.3f} to {high:.3f}) of {row['against']}")
    elif "interval" in row:
        cells.append(f" ({spelled(low).strip()} to {spelled(high).strip()})")
    if "target" in row:
        cells.append(f" {'met' if row['met'] else 'MISSED'}: at most {row['target']:g}")
    return " ".join([*cells, *([f" {row['note']}"] if "note" in row else [])])


def spelled(seconds):
    return f"{seconds:7.2f} s " if seconds >= 1 else f"{seconds * 1000:7.1f} ms"
