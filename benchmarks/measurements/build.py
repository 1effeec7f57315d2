"""Time to build each net against its keras.applications twin, and to import the blocks.

Process time of all cores together; Keras' session is cleared before each build.  The import is the
time of `import convbook.blocks` after `import keras`, each in a new process.

Shared names save the time: TensorFlow does extra work for each new name of a variable, and ours
share one (one_name in architectures/graph/layer_names.py).  VGG has the paper's two dropouts, which
keras.applications leaves out; each makes a variable for its seed.
"""

import subprocess
import sys
import time

import keras

from benchmarks.frame.pairs import Differs, alone, compare, together
from benchmarks.sides import nets
from convbook import architectures

OPTIONS = {
    "pairs": (11, 2, "timed pairs of each net"),
    "imports": (11, 1, "processes that import the blocks"),
    "nets": ("all", "mobilenet_v1_0.25_224", "names of ours, with commas"),
}
IMPORT, TWIN = 0.05, 1.0  # the targets: seconds, and no slower than the twin
SCRIPT = """
import time, keras
start = time.perf_counter()
from convbook import blocks
print(time.perf_counter() - start)
"""


def imported():
    """Seconds of import convbook.blocks after import keras."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    return float(done.stdout.split()[-1])


def side(make, name, size):
    """A side that builds a network in a cleared session; clearing is not timed."""

    def built():
        keras.backend.clear_session()
        start = time.process_time()
        make(name, size)
        return time.process_time() - start

    return built


def counts(name, size):
    """{macs} of both, which must be equal."""
    ours, theirs = (architectures.measure(make(name, size)).macs for make in (nets.ours, nets.twin))
    if ours != theirs:
        raise Differs(f"{name}: {ours} multiply-adds are not {theirs}: not the same network")
    return {"macs": ours, "size": size}


def run(options):
    names = nets.twins(options.nets)
    imported()  # warm-up: compiles the files and fills the file cache
    times = [imported() for _ in range(options.imports)]
    yield alone("import blocks after keras", times, IMPORT)
    seen = []
    for name in names:
        size = nets.size_of(name)
        known = counts(name, size)
        sides = side(nets.ours, name, size), side(nets.twin, name, size)
        seen.append(compare(name, *sides, options.pairs, "keras.applications", TWIN, **known))
        yield seen[-1]
    yield together(f"median of {len(seen)}", seen, "keras.applications")
