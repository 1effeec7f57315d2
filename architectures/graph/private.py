"""What Keras has no public call for: the only file that uses its private names.

A name that begins with an underscore may change with any version of Keras.
"""

from typing import Any

import keras


def nodes_by_depth(model: Any) -> dict[int, list[Any]] | None:
    """Keras' nodes, its records of calls, by depth, 0 at the outputs; None without a graph."""
    # layer.input and layer.output tell of the first call only, and model.layers of no operation.
    return getattr(getattr(model, "_functional", None) or model, "_nodes_by_depth", None)


def maker(x: keras.KerasTensor) -> keras.Operation:
    """The operation that made a symbolic tensor."""
    # The public way is to build a model and look at its layers, which needs the inputs of x.
    return x._keras_history.operation  # type: ignore[attr-defined]  # Keras sets it later


def node_of(x: keras.KerasTensor) -> Any:
    """The node of the call that made a symbolic tensor."""
    # A layer that is called twice has two, and no public call tells which of them made x.
    op, index, _ = x._keras_history  # type: ignore[attr-defined]  # Keras sets it later
    return op._inbound_nodes[index]


def node_lists(op: Any) -> tuple[list[Any], list[Any]]:
    """The lists of nodes that an operation keeps: of its calls, and of the calls that read it."""
    # Keras adds to them at each symbolic call and has no public call that takes one back.
    return op._inbound_nodes, op._outbound_nodes


def layers_within(op: Any) -> list[Any]:
    """An operation and, if it is a layer, all layers in it, at any depth."""
    # model.layers sees into no layer that holds layers, such as a stochastic depth gate.
    return op._flatten_layers() if isinstance(op, keras.Layer) else [op]


def is_keras_own(op: Any) -> bool:
    """Whether the class of an operation is one of Keras' own."""
    # keras.saving.get_registered_name gives them no package, nor one that is not registered.
    return type(op).__module__.startswith(("keras.src.", "tf_keras."))


def set_path(v: keras.Variable, path: str) -> None:
    """Gives a weight another path."""
    # The path is fixed when a weight is made, and read-only from then on; in Keras 3.5 it is not.
    own = "path" in vars(v)
    setattr(v, "path" if own else "_path", path)


def slot_of(optimizer: keras.optimizers.Optimizer, v: Any) -> int:
    """The place of a weight in the optimizer's lists of slots, such as momentums."""
    # Under tf.distribute v is one of several copies: it cannot be looked up by identity.
    return optimizer._get_variable_index(v)


def as_called(model: keras.Model) -> keras.Model:
    """The model, as if it had been called: Keras then exports it to ONNX."""
    # A call computes or traces the whole graph once more, to learn shapes that it knows already.
    model._called = True
    return model


def change_class(layer: keras.Layer, kind: type[keras.Layer]) -> None:
    """Makes a layer one of a class with the same state: it stays in its model, with its weights."""
    # keras.models.clone_model makes other layers and other weights.
    layer.__class__ = kind
