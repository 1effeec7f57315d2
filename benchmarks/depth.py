"""The training step with stochastic depth, p_L = 0.5, beside that of constant depth.

A block that is not drawn is not computed.  Of linearly decaying probabilities a quarter of the
blocks is dropped; arXiv:1603.09382, section 3, expects a step of 0.75.
"""

import architectures
from benchmarks.pairs import clocked, compare
from benchmarks.sides import KerasNet, same

OPTIONS = {
    "pairs": (11, 2, "timed pairs"),
    "net": ("resnet110_cifar", "resnet20_cifar", "a network with the option survival"),
    "survival": (0.5, 0.5, "p_L"),
    "batch": (64, 4, "images a step"),
    "steps": (10, 1, "steps that are timed together, as their draws differ"),
}
TARGET = 0.8


def run(told):
    theirs = KerasNet(architectures.create(told.net), told.batch)

    def gated(survival):
        model = architectures.create(told.net, survival=survival)
        model.set_weights(theirs.model.get_weights())
        return KerasNet(model, told.batch)

    known = same(gated(1.0), theirs)  # with every block drawn, the same network
    mine = gated(told.survival)
    sides = (clocked(side.step, times=told.steps) for side in (mine, theirs))
    known |= {"batch": told.batch, "survival": told.survival}
    yield compare(told.net, *sides, told.pairs, "constant depth", TARGET, **known)
