"""The sides of the GPU's comparison: Keras' network on any backend, and timm's.

Like those of benchmarks.sides, with data on the device; at(batch) changes the batch, and wait()
waits for all work.
"""

import gc
import sys
from functools import partial

import keras
from keras import ops

from benchmarks.sides import KerasNet, TorchNet, images

JIT = {"auto": "auto", "true": True, "false": False}  # Keras' jit_compile


def empty():
    """Frees unused memory, so that another batch and the other side fit."""
    gc.collect()
    if torch := sys.modules.get("torch"):
        torch.cuda.empty_cache()


def forget():
    """Clears the cache of torch.compile, which gives up after about eight batches and modes."""
    if "torch._dynamo" in sys.modules:
        sys.modules["torch"].compiler.reset()


def our_net(model, batch, jit):
    return (JaxNet if keras.backend.backend() == "jax" else OurNet)(model, batch, JIT[jit])


class OurNet(KerasNet):
    """Keras' train_on_batch and predict_on_batch; they return numbers, so the work is finished."""

    def at(self, batch):
        self.x = self.y = None
        empty()
        super().at(batch)

    def wait(self):
        pass


class JaxNet(OurNet):
    """Keras' stateless calls, always jitted; the state stays on the device, as in fit."""

    def __init__(self, model, batch, jit_compile):
        import jax

        self.jax = jax
        super().__init__(model, batch, jit_compile)
        self.train = jax.jit(self.train_step, donate_argnums=0)
        self.answer = jax.jit(lambda state, x: model.stateless_call(*state, x, training=False)[0])

    def at(self, batch):
        """Copies the initial state: a step reuses the memory of the previous state."""
        self.state = self.out = None
        super().at(batch)
        model, optimizer = self.model, self.model.optimizer
        optimizer.build(model.trainable_variables)
        variables = model.trainable_variables, model.non_trainable_variables, optimizer.variables
        self.state = [[self.jax.numpy.array(v.value) for v in each] for each in variables]

    def train_step(self, state, x, y):
        """(the state after a step of the optimizer, the loss)."""
        trainable, rest, slots = state

        def loss(trainable):
            logits, after = self.model.stateless_call(trainable, rest, x, training=True)
            return self.model.loss(y, logits), after

        (value, rest), slopes = self.jax.value_and_grad(loss, has_aux=True)(trainable)
        trainable, slots = self.model.optimizer.stateless_apply(slots, slopes, trainable)
        return [trainable, rest, slots], value

    def says(self, x):
        return ops.convert_to_numpy(self.answer(self.state[:2], x))

    def step(self):
        self.state, self.out = self.train(self.state, self.x, self.y)

    def predict(self):
        self.out = self.answer(self.state[:2], self.x)

    def wait(self):
        self.jax.block_until_ready(self.out)


class TimmNet(TorchNet):
    """channels_last, optionally under torch.compile, and under autocast in bfloat16."""

    def __init__(self, module, size, batch, precision, compiled):
        import torch

        torch.backends.cudnn.benchmark = True  # tries cuDNN's algorithms, as XLA does
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.size, low = size, precision == "bfloat16"
        self.cast = partial(torch.autocast, self.device, torch.bfloat16, enabled=low)
        super().__init__(module.to(self.device, memory_format=torch.channels_last), size, batch)
        self.run = torch.compile(module, dynamic=False) if compiled else module
        self.at(batch)

    def at(self, batch):
        self.x = self.y = self.out = None
        empty()
        x, y = images(batch, self.size)
        self.x, self.y = self.tensor(x), self.torch.tensor(y, device=self.device)

    def tensor(self, x):
        x = super().tensor(ops.convert_to_numpy(x))
        return x.to(self.device, memory_format=self.torch.channels_last)

    def says(self, x):
        with self.cast():
            return super().says(x)

    def step(self):
        if not self.module.training:
            self.module.train()
        self.optimizer.zero_grad()
        with self.cast():
            loss = self.loss(self.run(self.x), self.y)
        loss.backward()
        self.optimizer.step()

    def predict(self):
        if self.module.training:
            self.module.eval()
        with self.torch.inference_mode(), self.cast():
            self.out = self.run(self.x)

    def wait(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()
