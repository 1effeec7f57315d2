"""A network for use without this package: Keras' own layers, from image to probabilities."""

from typing import Any

import keras
from keras import layers, ops

from convbook.architectures.graph.calls import Functional
from convbook.architectures.graph.ends import answers_probabilities
from convbook.architectures.graph.fold import fold
from convbook.architectures.graph.prepared import first_output
from convbook.architectures.graph.private import layers_within
from convbook.architectures.weights.preparation import Preparation
from convbook.blocks.checks import require, ruled
from convbook.blocks.grouped import GroupedConv2D


@ruled
def deployed(model: Functional, preparation: Preparation | None = None) -> keras.Model:
    """The network with its preprocessing, in Keras' own layers only.

    x (N, H, W, C), values from 0 to 255, any size -> probabilities (N, classes).  Once saved, it
    loads wherever Keras is installed.  preparation: by default the model's own.  It resizes the
    square of the short side and crops its centre, while a Preparation resizes the whole image, to
    whole values, or crops first; outputs differ accordingly.  It shares the model's weights, except
    for networks with gates or groups.

    Raises ValueError for a model without a preparation, and for a layer that is not Keras' own.
    """
    own: Any = getattr(model, "preparation", None) if preparation is None else preparation
    right = "a Preparation, as the model has none"
    require(isinstance(own, Preparation), preparation=own, right=right)
    model = first_output(model)
    network = keras.Model(model.inputs[0], model.outputs[0], name=f"{model.name}_network")
    network = of_keras(network)
    i = keras.Input((None, None, own.channels), dtype="float32", name="images")
    # Keras' Resizing has training=True by default, which later layers would inherit
    x = network(prepared_by_layers(i, own), training=False)
    if not answers_probabilities(network):
        x = layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(i, x, name=model.name)


def is_deployed(model: keras.Model) -> bool:
    """Whether deployed made the model: it prepares images itself."""
    return {"resized", "centre", "normalised"} <= {layer.name for layer in model.layers}


def prepared_by_layers(x: keras.KerasTensor, p: Preparation) -> keras.KerasTensor:
    # With an odd margin the centre lies between two pixels, unless there are twice as many
    fine = 2 if p.first == "crop" and (p.short - p.crop) % 2 else 1
    square = p.first != "squash"  # a squashed image becomes one without a cut
    whole = dict(crop_to_aspect_ratio=square, antialias=True, dtype="float32", name="resized")
    x = layers.Resizing(fine * p.short, fine * p.short, p.interpolation, **whole)(x)
    if p.interpolation == "bicubic":  # which overshoots
        x = layers.ReLU(255.0, dtype="float32", name="clipped")(x)
    x = layers.CenterCrop(fine * p.crop, fine * p.crop, dtype="float32", name="centre")(x)
    if fine > 1:
        half = dict(antialias=True, dtype="float32", name="halved")
        x = layers.Resizing(p.crop, p.crop, p.interpolation, **half)(x)
    x = ops.flip(x, -1) if p.order == "BGR" else x
    mean, std = (ops.convert_to_numpy(v).astype("float64") for v in (p.mean, p.std))
    scale, offset = (p.scale / std).tolist(), (-mean / std).tolist()
    return layers.Rescaling(scale, offset, dtype="float32", name="normalised")(x)


def of_keras(model: keras.Model) -> keras.Model:
    """The model if all its layers are Keras' own, else its inference form in such layers."""
    if not others(model):
        return model
    folded = fold(model)
    twin = keras.models.clone_model(folded, clone_function=plain, recursive=True)
    twin.set_weights(folded.get_weights())
    if left := others(twin):
        kind = type(left[0]).__name__
        raise ValueError(f"{model.name} has {left[0].name}, a {kind}, which is no layer of Keras")
    return twin


def plain(layer: keras.Layer) -> keras.Layer:
    kind = layers.Conv2D if type(layer) is GroupedConv2D else type(layer)
    return kind.from_config(layer.get_config())


def others(model: keras.Model) -> list[keras.Layer]:
    """The layers that are not Keras' own, including nested ones."""
    return [v for v in layers_within(model) if type(v).__module__.partition(".")[0] != "keras"]
