"""Loads weights of other libraries: matches their entries with our weights and layouts.

from_torch(model, state)     a state dict of torchvision, timm or pytorchcv
from_keras(model, source)    a model of keras.applications
from_model(model, source)    any Keras model of the same network, matched by its structure
published()                  the published weights that fit each network, with their options
prepared_as(of)              the preprocessing of their library, and the classes' names
Preparation(...)             the same for your own weights; prepared(model, it, names) is a model
                             that keeps both when saved; deployed(model) has only Keras' own
                             layers, from image to probabilities
"""

from convbook.architectures.graph.prepared import prepared
from convbook.architectures.weights.convert import from_keras, from_torch
from convbook.architectures.weights.deployed import deployed
from convbook.architectures.weights.known import class_names, prepared_as
from convbook.architectures.weights.matched import from_model
from convbook.architectures.weights.preparation import Preparation
from convbook.architectures.weights.published import published

__all__ = [
    "Preparation",
    "class_names",
    "deployed",
    "from_keras",
    "from_model",
    "from_torch",
    "prepared",
    "prepared_as",
    "published",
]
