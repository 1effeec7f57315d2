"""The training step with stochastic depth, p_L = 0.5, against that of constant depth.

A dropped branch is not computed.  With linearly decaying probabilities a quarter of the blocks is
dropped; arXiv:1603.09382, section 3, therefore expects 0.75 of the time, which is right if all
blocks take the same time.  But late blocks, dropped most often, have the smallest maps.  So we also
time a step without the blocks of each stage, and a note gives the ratio that follows.
Both sides use the batch norm of training.devices.norms, as the trainer does.
"""

from statistics import mean

from benchmarks.frame.pairs import clocked, compare
from benchmarks.sides import KerasNet, same
from benchmarks.sides.nets import fuse
from convbook import architectures
from convbook.blocks.stochastic_depth import StochasticDepth

OPTIONS = {
    "pairs": (11, 2, "timed pairs"),
    "net": ("resnet110_cifar", "resnet20_cifar", "a network with the option survival"),
    "survival": (0.5, 0.5, "p_L"),
    "batch": (64, 4, "images a step"),
    "steps": (10, 1, "steps that are timed together, as their draws differ"),
}
TARGET = 0.8
NEVER = 1e-9  # survival probability


def gates(model):
    """The gates of each stage: lists of layers whose outputs have the same size."""
    by_size = {}
    for layer in model.layers:
        if isinstance(layer, StochasticDepth):
            by_size.setdefault(layer.output.shape, []).append(layer)
    return [*by_size.values()]


def run(options):
    def side(model):
        fuse(model)
        return KerasNet(model, options.batch)

    theirs = side(architectures.create(options.net))

    def gated(survival, never=None):
        """never: the number of a stage that drops all its blocks."""
        model = architectures.create(options.net, survival=survival)
        model.set_weights(theirs.model.get_weights())
        for gate in [] if never is None else gates(model)[never]:
            gate.survival = NEVER
        return side(model)

    mine = gated(options.survival)
    known = same(gated(1.0), theirs)  # without drops, the same network
    known |= {"batch": options.batch, "survival": options.survival}
    expected = 1.0
    for i, stage in enumerate(gates(mine.model)):
        sides = clocked(gated(1.0, never=i).step), clocked(theirs.step)
        name = f"no block of stage {i + 1}"
        yield (row := compare(name, *sides, options.pairs, "constant depth"))
        expected -= mean(1 - gate.survival for gate in stage) * (1 - row["ratio"])
    known["note"] = f"{expected:.3f} expected by the times of the stages"
    sides = (clocked(side.step, times=options.steps) for side in (mine, theirs))
    yield compare(options.net, *sides, options.pairs, "constant depth", TARGET, **known)
