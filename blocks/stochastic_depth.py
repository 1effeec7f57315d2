"""Gates drop branches at random in training.  gate(x, branch) returns what the block adds."""

from typing import Any, Literal

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.types import (
    PROBABILITY,
    Branch,
    Map,
    Probability,
    Seed,
    Tensor,
    Whole,
    is_probability,
)

Decay = Literal["linear", "uniform"]


@keras.saving.register_keras_serializable("convbook")
class StochasticDepth(layers.Wrapper):
    """branch(x) with probability survival in training, else zeros; in inference survival times it.

    branch is a functional keras.Model, survival a probability in (0, 1].  One draw serves the whole
    mini-batch.  TensorFlow does not compute a dropped branch, and its batch norms keep their
    statistics.  Exception: if its output has other rows or columns than x and these are unknown,
    it is computed and multiplied by 0, as the other backends do with every branch.
    """

    def __init__(
        self, branch: keras.Model, survival: float, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(branch, **kwargs)
        require(is_probability(survival), survival=survival, right=PROBABILITY)
        self.survival, self.seed = survival, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def branch(self) -> Any:
        return self.layer

    def call(self, x: Any, training: bool | None = None) -> Any:
        if not training:
            return self.survival * self.branch(x, training=False)
        drawn = keras.random.uniform((), seed=self.seed_generator) < self.survival
        shape = self.shape_of_zeros(x)
        # JAX cannot move a batch norm's state in a condition; PyTorch would warn of no gradients.
        if shape is None or keras.backend.backend() != "tensorflow":
            m = self.branch(x, training=True)
            return ops.where(drawn, m, ops.zeros_like(m))

        def zeros() -> Any:
            return ops.zeros(shape, self.branch.output.dtype)

        return ops.cond(drawn, lambda: self.branch(x, training=True), zeros)

    def shape_of_zeros(self, x: Any) -> Any:
        """The shape of branch(x), as far as that of x determines it; else None."""
        _, *sizes, channels = self.compute_output_shape(x.shape)
        if None in sizes:
            odd = (*x.shape[:1], 97, 101, *x.shape[3:])
            if self.compute_output_shape(odd)[1:3] != odd[1:3]:
                return None
            sizes = ops.shape(x)[1:3]
        return (ops.shape(x)[0], *sizes, channels)

    def compute_output_shape(self, shape: Any) -> Any:
        return self.branch.compute_output_shape(shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | dict(survival=self.survival, seed=self.seed)


def run(x: Tensor, branch: Branch) -> Tensor:
    """branch(x): the gate that never drops."""
    return branch(x)


@checked
def stochastic_depth(x: Map, branch: Branch, *, survival: Probability = 0.5,
                     seed: Seed = None) -> Tensor:  # fmt: skip
    """gate * branch(x), to be added: the gate is drawn once a mini-batch, 1 at survival.

    x (N, H, W, C) -> the shape of branch(x), which is a function from tensor to tensor.  Where the
    gate is 0 the branch is not computed; in inference the gate is survival.  Deep Networks with
    Stochastic Depth, arXiv:1603.09382, equations 2 and 5.
    """
    i = keras.Input(x.shape[1:], dtype=x.dtype)
    return StochasticDepth(keras.Model(i, branch(i)), survival, seed)(x)


@checked
def drop_path(x: Map, branch: Branch = lambda x: x, *, survival: Probability = 0.5,
              seed: Seed = None) -> Tensor:  # fmt: skip
    """gate * branch(x) / survival, to be added: the gate is drawn for each sample.

    x (N, H, W, C) -> the shape of branch(x); in inference branch(x).  FractalNet, arXiv:1605.07648,
    section 3.1, as NASNet (arXiv:1707.07012, section A.7) uses it.  Not stochastic depth, which
    draws one gate for the mini-batch and scales in inference.
    """
    return layers.Dropout(1 - survival, noise_shape=(None, 1, 1, 1), seed=seed)(branch(x))


@checked
def survivals(b: Whole, survival: Probability = 0.5, *, decay: Decay = "linear") -> list[float]:
    """The survival probabilities of b blocks: from 1 - (1 - p_L)/b down to survival (p_L).

    decay='uniform' gives every block the same.  arXiv:1603.09382, equation 4 and Figure 3.
    """
    if decay == "uniform":
        return [survival] * b
    return [1 - (i + 1) / b * (1 - survival) for i in range(b)]
