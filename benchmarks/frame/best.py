"""The best batch: of those that fit in memory, the one with the most images per second."""

import re

from benchmarks.frame.pairs import clocked

THOUSAND = 1000  # images; their seconds are kept
FULL = r"out of memory|RESOURCE_EXHAUSTED|_ALLOC_FAILED|can't allocate memory"
KINDS = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}


def is_full(error):
    """Whether the error means out of memory: TensorFlow, JAX and PyTorch raise different ones."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & KINDS) or re.search(FULL, str(error), re.IGNORECASE) is not None


def rates(net, work, batches, steps):
    """{batch: images per second}, from one timing after a warm-up.

    A batch that does not fit in memory ends the list.
    """
    seen = {}
    for batch in batches:
        try:
            side = timing(net, work, batch, steps)
            side()
            seen[batch] = THOUSAND / side()
        except Exception as error:
            if not is_full(error):
                raise
            break
    return seen


def timing(net, work, batch, steps):
    """A side that returns the seconds for 1000 images, in steps of one batch each.

    work: 'step' or 'predict', of the net; all work is finished before the clock stops.
    """
    net.at(batch)

    def run():
        for _ in range(steps):
            getattr(net, work)()
        net.wait()

    side = clocked(run)
    return lambda: side() * THOUSAND / (steps * batch)
