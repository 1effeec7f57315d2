"""Stochastic depth and drop path: residual branches that are left out at random in training."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("convbook")
class StochasticDepth(layers.Wrapper):
    """a(shortcut + branch(x)) with probability survival in training, else the shortcut alone.

    branch is a functional keras.Model, survival a probability in (0, 1].  Called with x, the
    shortcut is x itself and goes on as it is, for a has nothing to do on what a made; called with
    [shortcut, x], a(shortcut) goes on.  In inference the result is a(shortcut + survival *
    branch(x)).  One draw serves the whole mini-batch.  On TensorFlow a block that is not drawn is
    not computed, and its batch norms do not move; the other backends compute it and choose.
    """

    def __init__(self, branch, survival, a=None, seed=None, **kwargs):
        super().__init__(branch, **kwargs)
        if not 0 < survival <= 1:
            raise ValueError(f"survival={survival!r}: survival must be a probability in (0, 1]")
        self.survival, self.a, self.seed = survival, a, seed
        self.activation = keras.activations.get(a)
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def branch(self):
        return self.layer

    def call(self, inputs, training=False):
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

    def compute_output_shape(self, shape):
        shortcut, x = shape if isinstance(shape, list) else (shape, shape)
        return layers.Add().compute_output_shape([shortcut, self.branch.compute_output_shape(x)])

    def get_config(self):
        return super().get_config() | dict(survival=self.survival, a=self.a, seed=self.seed)


def stochastic_depth(x, branch, survival=0.5, shortcut=None, a=None, seed=None):
    """a(shortcut + gate * branch(x)): the gate is drawn once a mini-batch, 1 at survival.

    x (N, H, W, C) -> the shape of branch(x), which is a function from tensor to tensor.  shortcut
    is a tensor of that shape, or None, which is x.  In inference the gate is survival.  Deep
    Networks with Stochastic Depth, arXiv:1603.09382, equations 2, 3 and 5: where the gate is 0 the
    block is the shortcut; x itself passes without a, since it comes from an a (equation 3).
    """
    i = keras.Input(x.shape[1:], dtype=x.dtype)
    layer = StochasticDepth(keras.Model(i, branch(i)), survival, a, seed)
    return layer(x if shortcut is None or shortcut is x else [shortcut, x])


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
