"""A classifier as the equivalent fully convolutional network, for images of any size.

OverFeat, arXiv:1312.6229, section 3.5; VGG's dense evaluation, arXiv:1409.1556, section 3.2.
"""

from typing import Any

import keras
from keras import layers

from convbook.architectures.graph.calls import Call, calls
from convbook.blocks.types import Tensor

POOLS = {
    layers.GlobalAveragePooling2D: layers.AveragePooling2D,
    layers.GlobalMaxPooling2D: layers.MaxPooling2D,
}
ENDS = (layers.Flatten, *POOLS)
PLAIN = (layers.Activation, layers.Dropout, layers.Identity, layers.ReLU)  # value by value


def fully_convolutional(model: keras.Model) -> keras.Model:
    """A network with the same weights: images (N, H, W, C) -> logits (N, H', W', classes).

    For an image of the model's own size it gives the model's logits at one position; for a larger
    image, at each position the logits of a window of that size, all windows at once.  Flatten and
    dense become a convolution as large as the flattened map, later dense layers 1x1 convolutions, a
    global pool a pool over a map of that size; a softmax at the end is left out.

    If convolutions pad, a cut-out window sees zeros beyond its edge, but here the image, so the two
    are equal only without padding (or at the image's own edges).  Layers that read the whole map,
    such as squeeze-and-excitation, read the whole image here.

    model: functional or Sequential, of known size; of several outputs, the first.  Weights are
    copied.  Raises ValueError for a head with other layers.
    """
    end, head = head_of(model)
    h, w, _ = end.inputs[0].shape[1:]
    body = keras.Model(model.inputs, end.inputs[0])
    any_size = keras.Input((None, None, model.inputs[0].shape[-1]), dtype=model.inputs[0].dtype)
    free = keras.models.clone_model(body, input_tensors=[any_size])
    free.set_weights(body.get_weights())
    x = free.outputs[0]
    if x.shape[1:3] != (None, None):
        fixed = f"its last map is {x.shape[1:]} for images of any size"
        raise ValueError(f"{model.name} cannot become fully convolutional: {fixed}")
    k = (h, w)
    for op in [end.op, *head]:
        x, k = slid(op, x, k, model.name)
    if k != (1, 1):
        what = f"no dense layer reads the flattened map of {h} x {w}"
        raise ValueError(f"{model.name} cannot become fully convolutional: {what}")
    return keras.Model(any_size, x, name=f"{model.name}_fully_convolutional")


def is_softmax(op: keras.Operation) -> bool:
    """Whether an operation gives probabilities."""
    by_name = getattr(op, "activation", None) is keras.activations.softmax
    return by_name or isinstance(op, layers.Softmax)


def head_of(model: keras.Model) -> tuple[Call, list[keras.Operation]]:
    """The call of the flatten or global pool that ends the map, and the operations after it."""
    made = {id(x): call for call in calls(model) for x in call.outputs}
    if len(model.inputs) > 1:
        raise ValueError(f"{model.name} cannot become fully convolutional: it has several inputs")
    head: list[Any] = []
    call = made[id(model.outputs[0])]
    while not isinstance(call.op, ENDS):
        if len(call.inputs) != 1 or (is_softmax(call.op) and head):
            what = f"its head has {call.op.name} after the flatten or the global pool"
            what = what if call.inputs else "no flatten and no global pool ends its map"
            raise ValueError(f"{model.name} cannot become fully convolutional: {what}")
        head.insert(0, call.op)
        call = made[id(call.inputs[0])]
    if None in call.inputs[0].shape[1:]:
        right = "the input must have a known size, which becomes that of a window"
        raise ValueError(f"{model.name}: input {model.input_shape}: {right}")
    return call, head


def slid(op: Any, x: Tensor, k: tuple[int, int], name: str) -> tuple[Tensor, tuple[int, int]]:
    """(x, k) after op of the head, applied at each position.

    k: rows and columns of the map that a vector of the model's head still represents.
    """
    if type(op) in POOLS:
        return POOLS[type(op)](k, 1, "valid", dtype=op.dtype_policy)(x), (1, 1)
    if isinstance(op, layers.Dense):
        return convolution(op, x, k), (1, 1)
    if isinstance(op, layers.Flatten) or is_softmax(op):
        return x, k
    if isinstance(op, layers.BatchNormalization) and k == (1, 1):
        return copied(op, x), k
    if isinstance(op, PLAIN):
        return copied(op, x), k
    what = f"{op.name}, a {type(op).__name__}, has no counterpart on maps"
    raise ValueError(f"{name} cannot become fully convolutional: {what}")


def copied(op: keras.Layer, x: Tensor) -> Tensor:
    layer = type(op).from_config(op.get_config())
    x = layer(x)
    layer.set_weights(op.get_weights())
    return x


def convolution(dense: keras.layers.Dense, x: Tensor, k: tuple[int, int]) -> Tensor:
    """The dense layer that read a flattened map of k as a convolution over x."""
    a = None if is_softmax(dense) else dense.activation
    config = dict(use_bias=dense.use_bias, dtype=dense.dtype_policy, name=dense.name)
    layer = layers.Conv2D(dense.units, k, activation=a, **config)
    x = layer(x)
    kernel, *bias = dense.get_weights()
    layer.set_weights([kernel.reshape(layer.kernel.shape), *bias])
    return x
