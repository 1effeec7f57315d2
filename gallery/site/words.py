"""A graph in words: lines to compare, and a sentence that stands for its picture."""

import inspect
import re
from collections import Counter

import keras

from convbook import blocks
from convbook.architectures.graph.calls import Call, calls
from convbook.gallery.draw.labels import MERGES, SAME_SIZE, letters, sizes, title_of, words

AFTER = re.compile(SAME_SIZE)


def title(call: Call) -> str:
    """What a call does, as its box in the picture says it: relu, or dense 16 units, relu."""
    kind = type(call.op).__name__
    if len(call.inputs) > 1:
        return MERGES.get(kind, words(kind))
    kernel, rest = letters(call.op)
    return " ".join(filter(None, [title_of(call.op), kernel, rest.replace(" filters", "")]))


def in_order(model: keras.Model) -> list[Call]:
    """The calls of the graph as its code has them: what a merge reads first comes first."""
    makers = {id(x): call for call in calls(model) if call.inputs for x in call.outputs}
    ordered = {}

    def visit(x):
        if id(x) in makers and id(makers[id(x)]) not in ordered:
            call = makers[id(x)]
            for source in call.inputs:
                visit(source)
            ordered[id(call)] = call

    for x in model.outputs:
        visit(x)
    return [*ordered.values()]


def paths(model: keras.Model) -> list[str]:
    """Each path of the graph of a functional model as a line of text, merges in front of theirs.

    A path ends where its output is merged, or read by several: a bottleneck is one line and a sum.
    Inputs that are merged are named; what only follows a layer stands after a comma.
    """
    graph, named = in_order(model), {id(x): x.name for x in model.inputs}
    readers = Counter(id(x) for call in graph for x in call.inputs)
    readers.update(id(x) for x in model.outputs)
    steps_of_paths: list[list[str]] = []
    open_ends: dict[int, list[str]] = {}
    for call in graph:
        first, step = id(call.inputs[0]), title(call)
        if len(call.inputs) > 1:
            step = " ".join([step, *(named[id(x)] for x in call.inputs if id(x) in named)])
        if len(call.inputs) == 1 and readers[first] == 1 and first in open_ends:
            path = open_ends.pop(first)
            path += [", " if AFTER.search(type(call.op).__name__) else " → ", step]
        else:
            path = [step]
            steps_of_paths.append(path)
        open_ends[id(call.outputs[0])] = path
    return ["".join(path) for path in steps_of_paths]


def spelled(name: str) -> str:
    """The first line of the docstring of a block: the block spelled out."""
    return str(inspect.getdoc(getattr(blocks, name))).split("\n")[0]


def sentence(name: str, model: keras.Model) -> str:
    """The graph of the block name, drawn from model, in words: what a picture of it shows."""
    counts = Counter(
        MERGES.get(type(c.op).__name__) if len(c.inputs) > 1 else words(type(c.op).__name__)
        for c in in_order(model)
    )
    drawn = ", ".join(f"{n} {kind or 'merge'}" for kind, n in counts.items())
    ends = f"{sizes(model.inputs)} in, {sizes(model.outputs)} out"
    return f"The graph of {name}: {spelled(name).rstrip('.')}. Drawn: {drawn}; {ends}."
