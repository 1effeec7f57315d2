"""Weights from elsewhere, and frozen layers: to fine-tune, or to train a deeper network."""

import re
from argparse import Namespace
from typing import Any

import keras
import numpy as np

from convbook import architectures
from convbook.architectures.graph.calls import calls
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.weights import loading


def take_layers(
    model: keras.Model, options: Namespace, shape: tuple[int, ...], chosen: dict[str, Any]
) -> str:
    """Loads weights into the model, from options.weights or init_from; returns words on which.

    weights: as in architectures.create, but the head is for these classes.  init_from: the path of
    a .keras or weights file, of the same network or another: layers of the same name and shapes
    are loaded, if their names match options.init_only (a regular expression).  Raises ValueError
    if there are none.
    """
    path = options.weights or options.init_from
    if options.weights and loading.foreign(options.weights):
        whole = dict(input_shape=shape, top=False, weights=options.weights, of=options.of) | chosen
        source = architectures.create(options.model, **whole)
    elif str(path).endswith(".weights.h5"):  # a file without a network, for the paper's classes
        whole = dict(input_shape=shape, weights=path) | chosen
        source = architectures.create(options.model, **whole)
    else:
        source = loading.opened(path)
    theirs = {layer.name: layer.get_weights() for layer in all_layers(source)}
    taken: list[str] = []
    left: list[str] = []
    for layer in all_layers(model):
        ours, other = layer.get_weights(), theirs.get(layer.name, [])
        fits = [np.shape(v) for v in ours] == [np.shape(v) for v in other]
        if ours:
            wanted = fits and re.search(options.init_only or "", layer.name)
            (taken if wanted else left).append(layer.name)
        if ours and layer.name in taken:
            layer.set_weights(other)
    if not taken:
        raise ValueError(f"{path!r}: no layer has the name and shapes of one of {model.name}")
    drawn = f"; initialized from scratch: {', '.join(left)}" if left else ""
    return f"{model.name}: {len(taken)} layers of {path}{drawn}"


def leave_frozen(model: keras.Model) -> None:
    """Layers of a user's own network that are frozen now stay frozen, whatever freeze does."""
    frozen = [i for i, layer in enumerate(all_layers(model)) if not layer.trainable]
    model.left_frozen = tuple(frozen)


def freeze(model: keras.Model, stage: str | None) -> None:
    """Freezes the layers up to a stage; their batch norms keep their statistics.

    stage: a stage's name, such as stage2, or a layer's in a network without stages; 'body', all but
    the head; or None: all are trained.  Raises ValueError, naming the stages, for another.
    """
    every = all_layers(model)
    for layer in every:
        layer.trainable = True
    for i in getattr(model, "left_frozen", ()):
        every[i].trainable = False
    if stage is None:
        return
    stages = [layer.name for layer in model.layers if re.fullmatch(r"stem|stage\d+", layer.name)]
    names = stages or [layer.name for layer in model.layers]
    if stage not in ("body", *names):
        raise ValueError(f"--freeze {stage!r}: must be body or one of {', '.join(names)}")
    if stages or stage != "body":
        name = stages[-1] if stage == "body" else stage
        last = next(call.outputs[0] for call in calls(model) if call.op.name == name)
    else:  # the head is the last layer with weights
        weighted = (call for call in reversed(calls(model)) if getattr(call.op, "weights", ()))
        last = next(weighted).inputs[0]
    for layer in keras.Model(model.inputs, last).layers:
        layer.trainable = False
    if not model.trainable_variables:
        raise ValueError(f"--freeze {stage!r}: nothing is left to train; the head has no weights")
