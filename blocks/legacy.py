"""Support for files saved by earlier versions: former names, a layer that has since changed."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops


def known_as(package: str, *found: type | Callable[..., Any]) -> None:
    """Lets Keras also find our classes and functions under `package>NAME` when it loads a file."""
    objects = keras.saving.get_custom_objects()
    objects |= {f"{package}>{of.__name__}": of for of in found}


@keras.saving.register_keras_serializable("blocks")
class StochasticDepth(layers.Wrapper):
    """a(shortcut + branch(x)) with probability survival in training, else the shortcut alone.

    Today's gate returns the summand and the block adds it; this one adds it itself.  branch is a
    functional keras.Model.  Called with x, the shortcut is x itself, unchanged if the branch is
    dropped; called with [shortcut, x], a dropped branch leaves a(shortcut).  In inference the
    result is a(shortcut + survival * branch(x)).
    """

    def __init__(self, branch: keras.Model, survival: float, a: Any = None, seed: int | None = None,
                 **kwargs: Any):  # fmt: skip
        super().__init__(branch, **kwargs)
        self.survival, self.a, self.seed = survival, a, seed
        self.activation = keras.activations.get(a)
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def branch(self) -> keras.Model:
        return self.layer

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        shortcut, x = inputs if isinstance(inputs, list) else (inputs, inputs)
        if not training:
            return self.activation(shortcut + self.survival * self.branch(x, training=False))

        def block():
            return self.activation(shortcut + self.branch(x, training=True))

        left = shortcut if shortcut is x else self.activation(shortcut)
        drawn = keras.random.uniform((), seed=self.seed_generator) < self.survival
        # JAX cannot move a batch norm's state in a condition; PyTorch would warn of no gradients.
        if keras.backend.backend() != "tensorflow":
            return ops.where(drawn, block(), left)
        return ops.cond(drawn, block, lambda: left)

    def compute_output_shape(self, shape: Any) -> Any:
        shortcut, x = shape if isinstance(shape, list) else (shape, shape)
        return layers.Add().compute_output_shape([shortcut, self.branch.compute_output_shape(x)])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | dict(survival=self.survival, a=self.a, seed=self.seed)
