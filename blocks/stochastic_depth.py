"""Stochastic depth and drop path: residual branches that are left out at random in training."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("blocks")
class StochasticDepth(layers.Layer):
    """Runs branch with probability survival in training, and survival * branch in inference.

    branch is a functional keras.Model, survival a probability in (0, 1].  One draw serves the
    whole mini-batch.  On TensorFlow a branch that is not drawn is not computed, and its batch
    norms do not move; the other backends compute it and put zeros in its place.
    """

    def __init__(self, branch, survival, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 < survival <= 1:
            raise ValueError(f"survival={survival!r}: survival must be a probability in (0, 1]")
        self.branch, self.survival, self.seed = branch, survival, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        if not training:
            return self.survival * self.branch(x, training=False)
        drawn = keras.random.uniform((), seed=self.seed_generator) < self.survival
        # JAX cannot move a batch norm's state in a condition; PyTorch would warn of no gradients.
        if keras.backend.backend() != "tensorflow":
            m = self.branch(x, training=True)
            return ops.where(drawn, m, ops.zeros_like(m))
        return ops.cond(drawn, lambda: self.branch(x, training=True), lambda: self.nothing(x))

    def nothing(self, x):
        """Zeros of the branch's output shape; what is unknown before the run, as 'same' has it."""
        shape = self.branch.compute_output_shape(x.shape)
        if None in shape[1:]:
            seen = self.branch.compute_output_shape((1, 64, 64, x.shape[-1]))
            sizes = [-(-n // (64 // s)) for n, s in zip(ops.shape(x)[1:3], seen[1:3], strict=True)]
            shape = (None, *sizes, shape[-1])
        return ops.zeros([ops.shape(x)[0], *shape[1:]], self.compute_dtype)

    def compute_output_shape(self, shape):
        return self.branch.compute_output_shape(shape)

    def get_config(self):
        branch = keras.saving.serialize_keras_object(self.branch)
        return {**super().get_config(), "branch": branch} | {
            "survival": self.survival,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        branch = keras.saving.deserialize_keras_object(config.pop("branch"))
        return cls(branch, **config)


def stochastic_depth(x, branch, survival=0.5, seed=None):
    """gate * branch(x): the gate is drawn once a mini-batch, 1 with probability survival.

    branch is a function from tensor to tensor; x and the result have its shapes.  In inference the
    result is survival * branch(x).  Deep Networks with Stochastic Depth, arXiv:1603.09382,
    equations 2 and 5.
    """
    i = keras.Input(x.shape[1:], dtype=x.dtype)
    return StochasticDepth(keras.Model(i, branch(i)), survival, seed)(x)


def drop_path(x, survival=0.5, seed=None):
    """gate * x / survival: the gate is drawn for each sample; in inference x.

    x (N, H, W, C) -> the same shape.  FractalNet, arXiv:1605.07648, section 3.1, as NASNet
    (arXiv:1707.07012, section A.7) uses it.  Not stochastic depth, which draws one gate for the
    mini-batch and scales at test time.
    """
    if not 0 < survival <= 1:
        raise ValueError(f"survival={survival!r}: survival must be a probability in (0, 1]")
    return layers.Dropout(1 - survival, noise_shape=(None, 1, 1, 1), seed=seed)(x)


def survivals(b, survival=0.5, decay="linear"):
    """The survival probabilities of b blocks: from 1 - (1 - p_L)/b down to survival (p_L).

    decay='uniform' gives every block the same.  arXiv:1603.09382, equation 4 and Figure 3.
    """
    if decay not in ("linear", "uniform"):
        raise ValueError(f"decay={decay!r}: decay must be 'linear' or 'uniform'")
    if decay == "uniform":
        return [survival] * b
    return [1 - (i + 1) / b * (1 - survival) for i in range(b)]
