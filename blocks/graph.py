"""The graph of a functional model as a list of calls: the only file that reads Keras' own graph."""

from collections import namedtuple

Call = namedtuple("Call", "op inputs outputs")


def calls(model):
    """The calls of a functional or Sequential model, every call after those it needs.

    Returns a list of Call(op, inputs, outputs): the operation (a Layer, a nested model or a
    keras.ops operation; an InputLayer has no inputs) and the symbolic tensors it reads and makes.
    A layer that is called twice gives two calls.  Nested models are one call; ask again for theirs.
    Raises ValueError for a model that has no graph (subclassed, or Sequential without input shape).
    """
    graph = getattr(model, "_functional", None) or model
    # Keras has no public list of calls: layer.input and layer.output refuse a layer called twice.
    nodes = getattr(graph, "_nodes_by_depth", None)
    if nodes is None:
        raise ValueError(f"model must be a functional keras.Model with known inputs, got {model!r}")
    ordered = [node for depth in sorted(nodes, reverse=True) for node in nodes[depth]]
    return [Call(n.operation, list(n.input_tensors), list(n.outputs)) for n in ordered]
