"""The ends of any model: layers that scale its images at the start, a softmax at the end."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from convbook.architectures.graph.calls import calls, has_calls
from convbook.architectures.graph.fully_convolutional import is_softmax
from convbook.architectures.graph.private import node_of

SCALING = (layers.Rescaling, layers.Normalization)
ARITHMETIC = ("Multiply", "Divide", "TrueDivide", "Subtract", "Add")  # of keras.ops, with numbers
# Operations that keep values, or only move them
PASSING = (layers.InputLayer, layers.Identity, layers.ZeroPadding2D, layers.Cropping2D,
           layers.Resizing, layers.CenterCrop)  # fmt: skip
PASSING_OPS = ("Identity", "Cast", "ConvertToTensor", "GetItem", "Flip", "Pad")


def passes(op: Any) -> bool:
    linear = isinstance(op, layers.Activation) and op.activation is keras.activations.linear
    return linear or isinstance(op, PASSING) or type(op).__name__ in PASSING_OPS


def scaling(model: keras.Model) -> keras.Operation | None:
    """The operation that scales a model's images before anything else; or None."""
    reached = {id(x) for x in model.inputs}
    for call in calls(model):
        if not any(id(x) in reached for x in call.inputs):
            continue
        op = call.op
        if isinstance(op, keras.Model) and has_calls(op):
            if found := scaling(op):
                return found
        elif isinstance(op, SCALING) or is_arithmetic(call):
            return op
        elif passes(op):
            reached |= {id(x) for x in call.outputs}
    return None


def is_arithmetic(call: Any) -> bool:
    """Whether a call calculates with its input and a number."""
    given = keras.tree.flatten(call.arguments)
    with_number = any(type(v) in (int, float) for v in given)
    return type(call.op).__name__ in ARITHMETIC and with_number


def answers_probabilities(model: keras.Model) -> bool:
    """Whether a model's first output comes from a softmax, even in a nested model."""
    return ends_in(model, lambda op: is_softmax(op) or type(op).__name__ == "Softmax")


def ends_in_sigmoid(model: keras.Model) -> bool:
    """Whether a model's first output comes from a sigmoid, even in a nested model."""
    sigmoid = keras.activations.sigmoid
    return ends_in(model, lambda op: getattr(op, "activation", None) is sigmoid
                   or type(op).__name__ == "Sigmoid")  # fmt: skip


def ends_in(model: keras.Model, wanted: Callable[[Any], bool]) -> bool:
    """Whether the last operation that changes the values of a model's first output is wanted."""
    x = model.outputs[0]
    while True:
        node = node_of(x)
        op = node.operation
        if wanted(op):
            return True
        if isinstance(op, keras.Model) and has_calls(op):
            return ends_in(op, wanted)
        if not passes(op) or not node.input_tensors:
            return False
        x = node.input_tensors[0]
