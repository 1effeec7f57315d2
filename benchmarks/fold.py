"""Inference of folded nets beside keras.applications' and our own, not folded."""

from benchmarks import nets
from benchmarks.pairs import clocked, compare, skipped, together
from benchmarks.sides import KerasNet, same

OPTIONS = {key: nets.OPTIONS[key] for key in ("pairs", "batch", "size", "nets")}
MEDIAN = 0.92  # the target


def run(told):
    try:
        from architectures.fold import fold
    except ImportError:
        yield skipped("fold", "architectures.fold is not there")
        return
    plain, applications = [], []
    for name in nets.twins(told.nets):
        for row, seen in zip(rows(fold, name, told), (plain, applications), strict=True):
            seen.append(row)
            yield row
    yield together(f"median of {len(plain)}", plain, "ours, plain")
    yield together(f"median of {len(plain)}", applications, "keras.applications", MEDIAN)


def rows(fold, name, told):
    """A net folded beside itself, and beside its twin.  Raises Differs."""
    plain, theirs, known = nets.against_keras(name, told, fused=False)
    folded = KerasNet(fold(plain.model), told.batch)
    # It has fewer layers and so may have fewer multiply-adds: the answers decide alone
    known |= same(folded, plain, 1e-5, macs=False)
    ours = clocked(folded.predict)
    for side, against in ((plain, "ours, plain"), (theirs, "keras.applications")):
        yield compare(name, ours, clocked(side.predict), told.pairs, against, **known)
