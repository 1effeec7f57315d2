"""Initial weights by a recipe, if they differ from the network's own."""

import math
from typing import Any

import keras
from keras import initializers

from convbook.training.recipes.decay import depthwise, kernel


def initialise(model: keras.Model, init: dict[str, Any] | None) -> None:
    """Draws the kernels of a built model again, from Keras' global seed.

    init: a recipe's; None leaves the model as it is.  kernel: {name: one of Keras' initializers, or
    FanInUniform: evenly from -scale / fan-in to scale / fan-in; and its keywords; variance for
    stddev}.  last: the same for the last kernel.  ones: names of layers whose biases are set to 1.
    Depthwise kernels are left: Keras counts all channels in their fan.
    """
    if init is None:
        return
    weights = model.trainable_weights
    kernels = [w for w in weights if kernel(w) and not depthwise(w)]
    for i, w in enumerate(kernels):
        chosen = init["last"] if "last" in init and i == len(kernels) - 1 else init["kernel"]
        w.assign(initializer(w.shape, **chosen)(w.shape))
    biased = {v.name: v for v in model.layers if getattr(v, "bias", None) is not None}
    for name in init.get("ones", ()):
        if name not in biased:
            right = f"names of layers with a bias: {', '.join(biased) or 'there are none'}"
            raise ValueError(f"init: ones={name!r}: ones must be {right}")
        bias = biased[name].bias
        bias.assign(bias * 0 + 1)


def initializer(shape: Any, name: str, **kwargs: Any) -> keras.initializers.Initializer:
    """The Keras initializer for a kernel of this shape, with a seed of its own."""
    if name == "FanInUniform":
        limit = kwargs["scale"] / math.prod(shape[:-1])
        return initializers.RandomUniform(-limit, limit)
    if "variance" in kwargs:
        kwargs["stddev"] = math.sqrt(kwargs.pop("variance"))
    return getattr(initializers, name)(**kwargs)
