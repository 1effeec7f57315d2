"""The best batch: the one of most images a second, of those that memory takes."""

import re

from benchmarks.frame.pairs import clocked

THOUSAND = 1000  # images, whose seconds are kept
FULL = r"out of memory|RESOURCE_EXHAUSTED|_ALLOC_FAILED|can't allocate memory"
KINDS = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}


def is_full(error):
    """Whether the error says that memory ran out: TensorFlow, JAX and PyTorch raise their own."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & KINDS) or re.search(FULL, str(error), re.IGNORECASE) is not None


def rates(net, work, batches, steps):
    """{batch: images a second}, of one timing after an unseen one.

    A batch that memory does not take ends the list.
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
    """A side that returns the seconds of 1000 images, in so many steps of so many images.

    work: 'step' or 'predict', of the net; all of it is over before the clock stops.
    """
    net.at(batch)

    def run():
        for _ in range(steps):
            getattr(net, work)()
        net.wait()

    side = clocked(run)
    return lambda: side() * THOUSAND / (steps * batch)
