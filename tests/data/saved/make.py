"""Makes the files beside it: our layers and optimizers as the code of commit 772ae56 saved them.

Its packages were not yet in one, so the files have the registered names of before, such as
blocks>ChannelShuffle.  `python make.py` makes them again, with that commit's folder in PYTHONPATH.
answers.npz has what that code made of the input x: NAME/y; NAME/trained, what the model answered
in each of 8 calls in training; and NAME/after, what it answered after one more step.
"""

import zipfile
from pathlib import Path

import keras
import numpy as np
from training.fused import FusedBatchNormalization
from training.multiworker import LossScaleOptimizer
from training.optimizers import TensorFlowRMSprop, TorchSGD

import blocks
from blocks.lenet import squash

FOLDER = Path(__file__).parent
X = np.random.default_rng(0).normal(size=(2, 7, 7, 4)).astype("float32")


def branch(x):
    return blocks.conv(x, 4, a=None)


def gate(x, branch=branch, **options):
    return blocks.stochastic_depth(x, branch, 0.5, seed=1, **options)


def gate_shortcut(x, a=None):
    """A gate beside a shortcut that is not x."""
    return gate(x, shortcut=blocks.conv(x, 4, k=1, a=None), a=a)


def fitted(optimizer):
    """A maker of a small model that was fitted by optimizer for some steps."""

    def make(x):
        return blocks.conv(x, 4)

    make.optimizer = optimizer
    return make


LAYERS = {
    "channel_shuffle": lambda x: blocks.channel_shuffle(x, 2),
    "gate": gate,
    "gate_a": lambda x: gate(x, a="relu"),
    "gate_shortcut": gate_shortcut,
    "gate_shortcut_a": lambda x: gate_shortcut(x, "relu"),
    "gated_block": lambda x: blocks.basic_block(x, 4, gate=gate),
    "lrn": lambda x: blocks.lrn(x, size=3, bias=1.0, alpha=0.5),
    "grouped": lambda x: blocks.conv(x, 8, s=2, p=1, g=2, n=blocks.BN),
    "recompute": lambda x: blocks.dense_block(x, 4, 2, n=blocks.BN, r=1, recompute=True),
    "squash": lambda x: blocks.conv(x, 2, a=squash),
    "subsample": blocks.subsample,
    "radial_basis": lambda x: blocks.radial_basis(blocks.gavgpool(x), [[1, 2, 3, 4], [4, 3, 2, 1]]),
    "local": lambda x: blocks.local_conv(x, 2, a=squash),
    "tiled": lambda x: blocks.tiled_conv(x, 2),
    "maxpool": lambda x: blocks.maxpool(blocks.conv(x, 2), 3, 2, p=1),
    "maxpool_ceil": lambda x: blocks.maxpool(blocks.conv(x, 2), 2, 2, p="ceil"),
    "avgpool_ceil": lambda x: blocks.avgpool(blocks.conv(x, 2), 2, 2, p="ceil"),
    "fused": lambda x: FusedBatchNormalization()(x),
    "torch_sgd": fitted(TorchSGD(0.1, momentum=0.9)),
    "tensorflow_rmsprop": fitted(TensorFlowRMSprop(0.1, momentum=0.9)),
    "loss_scale": fitted(LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0)),
}


def filled(model):
    """Weights all unlike, so that no two can be taken for each other."""
    rng = np.random.default_rng(1)
    for v in model.weights:
        if "float" in v.dtype:  # not the state of a seed
            v.assign(rng.uniform(0.2, 0.8, v.shape) * rng.choice([-1, 1] if v.trainable else [1]))
    return model


def save(model, path):
    """As Keras does, and packed: most of a small file is empty."""
    model.save(path)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)


def step(model, y):
    """One step of training towards twice the answer y."""
    model.train_on_batch(X, 2 * y)


def main():
    answers = {"x": X}
    for name, make in LAYERS.items():
        keras.backend.clear_session()
        i = keras.Input(X.shape[1:], name="x")
        model = filled(keras.Model(i, make(i), name=name))
        y = model(X).numpy()
        if optimizer := getattr(make, "optimizer", None):
            model.compile(optimizer, "mse")
            step(model, y)
            y = model(X).numpy()
        save(model, FOLDER / f"{name}.keras")
        answers[f"{name}/y"] = y
        if optimizer:
            step(model, y)
            answers[f"{name}/after"] = model(X).numpy()
        elif name.startswith("gate"):
            answers[f"{name}/trained"] = np.stack([model(X, training=True) for _ in range(8)])
    np.savez_compressed(FOLDER / "answers.npz", **answers)


if __name__ == "__main__":
    main()
