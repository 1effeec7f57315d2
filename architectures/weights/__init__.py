"""Weights from elsewhere: which entry of theirs is which weight of ours, and its layout.

from_torch(model, state)     a state dict of torchvision, timm or pytorchcv
from_keras(model, source)    a model of keras.applications
from_model(model, source)    any Keras model of the same network, matched by its structure
published()                  whose weights fit which network, with which options
prepared_as(of)              how their library prepares images for them, and the classes' names
Preparation(...)             the same of weights of your own; prepared(model, it, names) is a model
                             that keeps both when it is saved; deployed(model) is one of Keras'
                             own layers, from image to probabilities
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
