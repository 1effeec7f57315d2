"""Weights from elsewhere: which entry of theirs is which weight of ours, and its layout.

from_torch(model, state)     a state dict of torchvision, timm or pytorchcv
from_keras(model, source)    a model of keras.applications
published()                  whose weights fit which network, with which options
"""

from convbook.architectures.weights.convert import from_keras, from_torch
from convbook.architectures.weights.published import published

__all__ = ["from_keras", "from_torch", "published"]
