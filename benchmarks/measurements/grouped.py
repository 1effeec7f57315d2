"""ResNeXt's training step against Keras' own grouped convolution and against timm.

Keras' side is the same model with keras.layers.Conv2D(groups=32) in place of our grouped
convolutions.  One step of it takes most of a minute.
"""

import keras

from benchmarks.frame.pairs import clocked, compare, skipped
from benchmarks.sides import KerasNet, same, timm
from benchmarks.sides.nets import fresh, row_torch
from convbook import architectures
from convbook.blocks.grouped import GroupedConv2D

OPTIONS = {
    "pairs": (11, 2, "timed pairs, against timm"),
    "slow_pairs": (11, 1, "timed pairs, against Keras' grouped convolution"),
    "net": ("resnext50_32x4d", "resnext29_32x4d_cifar", "the network"),
    "peer": ("resnext50_32x4d", "mobilenetv2_035", "its name in timm"),
    "batch": (8, 2, "images a step"),
    "size": (224, 8, "pixels of a side"),
}
KERAS, TORCH = 1 / 20, 1.3  # the targets


def on_keras(model):
    """The same model with Keras' grouped convolution in place of ours, and the same weights."""

    def layer(of):
        if isinstance(of, GroupedConv2D):
            return keras.layers.Conv2D.from_config(of.get_config())
        return of.__class__.from_config(of.get_config())

    copy = keras.models.clone_model(model, clone_function=layer)
    copy.set_weights(model.get_weights())
    return copy


def run(options):
    if timm() is None:
        yield skipped("PyTorch's", "timm or PyTorch is not installed")
    else:
        yield row_torch(options.peer, options, "step", TORCH)
    fresh()
    model = architectures.create(options.net, (options.size, options.size, 3))
    mine, theirs = KerasNet(model, options.batch), KerasNet(on_keras(model), options.batch)
    known = same(mine, theirs) | {"size": options.size, "batch": options.batch}
    sides = clocked(mine.step), clocked(theirs.step)
    yield compare(options.net, *sides, options.slow_pairs, "Conv2D(groups=)", KERAS, **known)
