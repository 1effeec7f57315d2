"""The sides of a comparison of networks, Keras' and PyTorch's, and a check that both agree.

Both have macs, says(x), step() and predict(), on the same images and labels, in float32.
"""

import re
import sys
import time
from functools import cache

import keras
import numpy as np
from keras import ops

from benchmarks.frame.pairs import Differs
from convbook import architectures

RATE, MOMENTUM = 1e-4, 0.9  # small enough to keep the loss finite for any weights


def images(batch, size, channels=3):
    """(images (N, H, W, C), labels (N,) below 10), the same at every call."""
    x = np.random.default_rng(0).normal(size=(batch, size, size, channels)).astype("float32")
    return x, np.arange(batch) % 10


class KerasNet:
    """A model that returns logits, compiled without XLA by default."""

    def __init__(self, model, batch, jit_compile=False):
        self.model = model
        model.compile(
            keras.optimizers.SGD(RATE, MOMENTUM),
            keras.losses.CategoricalCrossentropy(from_logits=True),
            jit_compile=jit_compile,
        )
        self.at(batch)

    def at(self, batch):
        """Sets the number of images per step."""
        _, size, _, channels = self.model.input_shape
        x, y = images(batch, size, channels)
        self.x, classes = ops.convert_to_tensor(x), self.model.output_shape[-1]
        self.y = ops.one_hot(y % classes, classes)

    @property
    def macs(self):
        return architectures.measure(self.model).macs

    def says(self, x):
        return ops.convert_to_numpy(self.model(x, training=False))

    def step(self):
        self.model.train_on_batch(self.x, self.y)  # returns the loss, so the step is finished

    def predict(self):
        self.model.predict_on_batch(self.x)  # returns a NumPy array


class Clock(keras.callbacks.Callback):
    """seconds: the steps of the last fit, without Keras' work before and after them.

    At its end fit waits for the tuner of its data, which sleeps twice as long each time.
    """

    def on_train_begin(self, logs=None):
        self.start = time.perf_counter()

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self.start


class TorchNet:
    """A module that returns logits, in PyTorch's default layout, not compiled."""

    def __init__(self, module, size, batch):
        import torch

        self.torch, self.module = torch, module
        x, y = images(batch, size)
        self.x, self.y = self.tensor(x), torch.tensor(y)
        self.optimizer = torch.optim.SGD(module.parameters(), RATE, MOMENTUM)
        self.loss = torch.nn.CrossEntropyLoss()

    def tensor(self, x):
        return self.torch.tensor(np.asarray(x)).permute(0, 3, 1, 2).contiguous()

    @property
    def macs(self):
        """Counts each kernel once per position, as architectures.measure does."""
        counts, kinds = [], (self.torch.nn.Conv2d, self.torch.nn.Linear)

        def count(layer, inputs, out):
            counts.append(out[0].numel() // out.shape[1] * layer.weight.numel())

        layers = [layer for layer in self.module.modules() if isinstance(layer, kinds)]
        hooks = [layer.register_forward_hook(count) for layer in layers]
        self.says(np.asarray(self.x[:1].permute(0, 2, 3, 1).cpu()))
        for hook in hooks:
            hook.remove()
        return sum(counts)

    @property
    def state(self):
        return {name: v.detach().cpu().numpy() for name, v in self.module.state_dict().items()}

    def says(self, x):
        self.module.eval()
        with self.torch.inference_mode():
            return self.module(self.tensor(x)).float().cpu().numpy()

    def step(self):
        self.module.train()
        self.optimizer.zero_grad()
        self.loss(self.module(self.x), self.y).backward()
        self.optimizer.step()

    def predict(self):
        self.module.eval()
        with self.torch.inference_mode():
            self.module(self.x).numpy()


def same(ours, theirs, tolerance=1e-4, macs=True, images=1):
    """{macs, difference} of two nets with the same weights; raises Differs if they disagree.

    difference: of the outputs for that many images, relative to the largest.
    """
    known = {"macs": ours.macs}
    if macs and theirs.macs != known["macs"]:
        raise Differs(f"{known['macs']} multiply-adds are not {theirs.macs}: not the same network")
    x = ours.x[:images]
    a, b = ours.says(x), theirs.says(x)
    known["difference"] = float(abs(a - b).max() / abs(b).max()) if a.shape == b.shape else np.inf
    if not known["difference"] <= tolerance:
        raise Differs(f"answers differ by {known['difference']:.1e}, more than {tolerance:.0e}")
    return known


@cache
def timm():
    """The package timm, or None if it or PyTorch is not installed.

    It imports torchvision, which may be built for CUDA while PyTorch is for CPUs; then we declare
    torchvision's operators by name, since no network here runs them.
    """
    for _ in range(20):
        try:
            import timm

            return timm
        except ImportError:
            return None
        except RuntimeError as error:
            missing = re.search(r"operator (\w+::\w+) does not exist", str(error))
            if not missing:
                raise
            sys.modules["torch"].library.define(missing[1], "() -> ()")
            for name in [n for n in sys.modules if n.split(".")[0] in ("torchvision", "timm")]:
                del sys.modules[name]
    return None
