"""A model as a list of calls, and a layer opened into one."""

import inspect
from collections import namedtuple
from collections.abc import Iterable
from typing import Annotated, Any

import keras

from convbook.architectures.graph.private import (
    layers_within,
    node_lists,
    node_of,
    nodes_by_depth,
)
from convbook.blocks.checks import require
from convbook.blocks.types import Rule


class Call(namedtuple("Call", "op inputs outputs")):
    """An operation, the symbolic tensors it reads and those it makes."""

    arguments: tuple[Any, Any] = (), {}

    def given(self, tensors: dict[int, Any]) -> tuple[Any, Any]:
        """(args, kwargs) of the call, with tensors[id] in place of each symbolic tensor."""
        return filled(self.arguments, tensors)


WITH_GRAPH = "a functional or Sequential keras.Model with known inputs"
Functional = Annotated[keras.Model, Rule(lambda v: has_calls(v), WITH_GRAPH)]
Opened = namedtuple("Opened", "calls inputs outputs")


def filled(arguments: Any, tensors: dict[int, Any]) -> Any:
    """Arguments of any structure, with tensors[id] in place of each symbolic tensor."""
    symbolic = keras.KerasTensor
    return keras.tree.map_structure(
        lambda x: tensors[id(x)] if isinstance(x, symbolic) else x, arguments
    )


def call_of(node: Any) -> Call:
    call = Call(node.operation, list(node.input_tensors), list(node.outputs))
    call.arguments = node.arguments.args, node.arguments.kwargs
    return call


def has_calls(model: keras.Model) -> bool:
    """Whether a model has a graph: it is functional, or Sequential with known inputs."""
    return isinstance(model, keras.Model) and nodes_by_depth(model) is not None


def calls(model: keras.Model) -> list[Call]:
    """The calls of a functional or Sequential model, each after the calls it needs.

    Returns a list of Call(op, inputs, outputs): the operation (a Layer, a nested model or a
    keras.ops operation; an InputLayer has no inputs) and its symbolic inputs and outputs.  A layer
    called twice gives two calls.  A nested model is one call; calls(nested) returns its own.
    Raises ValueError for a model that has no graph (subclassed, or Sequential without input shape).
    """
    nodes = nodes_by_depth(model)
    require(nodes is not None, model=model, right=WITH_GRAPH)
    assert nodes is not None  # for mypy, which does not know that require raises
    return [call_of(node) for depth in sorted(nodes, reverse=True) for node in nodes[depth]]


def opened(op: Any, args: Any, kwargs: Any, run: Any = None) -> Opened | None:
    """The calls inside an operation; None if they cannot be seen.

    op: a Layer or keras.Operation whose call is made of layers and keras.ops.  args, kwargs: of
    its call, symbolic tensors of known shapes among them.  run: a layer in op to run instead,
    such as the cell of a recurrent layer.  Returns Opened(calls, inputs, outputs); op and its state
    stay unchanged.
    """
    symbolic = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
    inputs = {id(x): keras.Input(batch_shape=x.shape, dtype=x.dtype, name="x") for x in symbolic}
    args, kwargs = filled((args, kwargs), inputs)
    run = run or op.call
    kwargs.pop("training", None)  # Keras passes it to every layer
    if "training" in inspect.signature(run).parameters:
        kwargs["training"] = False
    before = [(nodes, len(nodes)) for x in layers_within(op) for nodes in node_lists(x)]
    try:
        # Measuring a model whose weights have no values yet must not draw them
        with keras.StatelessScope(initialize_variables=False):
            outputs = keras.tree.flatten(run(*args, **kwargs))
        outputs = [x for x in outputs if x is not None]
        return Opened(leading_to(outputs), [inputs[id(x)] for x in symbolic], outputs)
    except Exception:  # foreign code can raise anything on tensors without values
        return None
    finally:
        for nodes, length in before:
            del nodes[length:]


def leading_to(outputs: Iterable[keras.KerasTensor]) -> list[Call]:
    """The calls that lead to symbolic tensors, each after the calls it needs."""
    done: dict[Any, None] = {}
    waiting = [node_of(x) for x in outputs]
    while waiting:
        node = waiting[-1]
        needed = [n for n in map(node_of, node.input_tensors) if n not in done]
        waiting += needed
        if not needed:
            done[waiting.pop()] = None
    return [call_of(node) for node in done]
