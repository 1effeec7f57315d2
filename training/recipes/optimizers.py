"""Optimizers of the recipes: Keras' own, and the forms of PyTorch and TensorFlow 1 beside them."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from convbook.architectures.graph.private import slot_of
from convbook.blocks.legacy import known_as


@keras.saving.register_keras_serializable("convbook")
class TorchSGD(keras.optimizers.SGD):
    """Momentum with the learning rate outside the velocity, as PyTorch has it.

    v = m v + g, w = w - lr v; nesterov: w = w - lr (g + m v).  Caffe and Keras keep the rate
    inside: v = m v - lr g, w = w + v.  The two are the same as long as the rate stays; when it
    falls, Caffe's velocity still carries the steps of the higher rate, PyTorch's falls at once.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if self.momentum == 0:
            return super().update_step(gradient, variable, learning_rate)
        gradient = ops.cast(gradient, variable.dtype)
        lr, m = (ops.cast(i, variable.dtype) for i in (learning_rate, self.momentum))
        v = self.velocity(variable)
        self.assign(v, ops.add(ops.multiply(v, m), gradient))
        step = ops.add(gradient, ops.multiply(v, m)) if self.nesterov else v
        self.assign_sub(variable, ops.multiply(step, lr))

    def velocity(self, variable: Any) -> Any:
        return self.momentums[slot_of(self, variable)]


@keras.saving.register_keras_serializable("convbook")
class TensorFlowRMSprop(keras.optimizers.RMSprop):
    """TensorFlow 1's RMSprop, which trained Inception, NASNet and MobileNet.

    r = rho r + (1 - rho) g^2, v = m v + lr g / sqrt(r + epsilon), w = w - v.  As Keras', but for r,
    which begins at 1, not at 0: the first steps are no larger than the later ones.
    """

    def add_optimizer_variables(
        self, trainable_variables: Any, name: Any, initializer: Any = "zeros"
    ) -> Any:
        initializer = "ones" if name == "velocity" else initializer  # Keras' name of r
        return super().add_optimizer_variables(trainable_variables, name, initializer)


known_as("training", TorchSGD, TensorFlowRMSprop)


def adam(
    rate: Any, momentum: float = 0.9, rho: float = 0.999, **kwargs: Any
) -> keras.optimizers.Optimizer:
    """keras.optimizers.Adam: beta_1 is the recipe's momentum, beta_2 its rho."""
    return keras.optimizers.Adam(rate, beta_1=momentum, beta_2=rho, **kwargs)


def adamw(
    rate: Any, momentum: float = 0.9, rho: float = 0.999, **kwargs: Any
) -> keras.optimizers.Optimizer:
    """keras.optimizers.AdamW, by the same names: w = w - lr (Adam's step + weight_decay w)."""
    return keras.optimizers.AdamW(rate, beta_1=momentum, beta_2=rho, **kwargs)


OPTIMIZERS: dict[tuple[str, str], Callable[..., keras.optimizers.Optimizer]] = {
    ("SGD", "caffe"): keras.optimizers.SGD,
    ("SGD", "torch"): TorchSGD,
    ("RMSprop", "caffe"): TensorFlowRMSprop,
    ("Adam", "caffe"): adam,
    ("AdamW", "caffe"): adamw,
}


def build(recipe: dict[str, Any], rate: Any, **kwargs: Any) -> keras.optimizers.Optimizer:
    """The Keras optimizer of a recipe at a rate, a number or a schedule (see recipes.schedules).

    With the recipe's moving average of weights, if it has one.  kwargs go to the optimizer.  Weight
    decay is the optimizer's if is_decoupled, else it is in the gradient: see recipes.decay.
    Raises ValueError for an unknown form.
    """
    kind = recipe["optimizer"]["name"], recipe["momentum_form"]
    if kind not in OPTIMIZERS:
        known = ", ".join(" ".join(pair) for pair in OPTIMIZERS)
        raise ValueError(f"optimizer, momentum_form = {' '.join(kind)!r}: must be one of {known}")
    average = {"use_ema": True, "ema_momentum": recipe["ema"]} if recipe["ema"] else {}
    if is_decoupled(recipe):
        kwargs["weight_decay"] = recipe["weight_decay"]
    return OPTIMIZERS[kind](rate, **recipe["optimizer"]["kwargs"] | average | kwargs)


def is_decoupled(recipe: dict[str, Any]) -> bool:
    """Whether the optimizer subtracts weight decay from the weights, beside the gradient's step."""
    return recipe["optimizer"]["name"] == "AdamW"
