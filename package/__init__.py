"""The convolution block cookbook: blocks to copy, networks of the papers, their training.

    convbook.blocks           the letters and the blocks: functions from tensor to tensor
    convbook.architectures    create(name): the networks of the papers, exact to the count
    convbook.gallery          blocks and networks shown: the menu, text to copy, pictures
    convbook.training         training with model.fit, on one device or many

    convbook.load(path)       a saved network, with how images are prepared for it, if that is known

Importing convbook itself loads neither Keras nor a backend; each of its parts loads what it needs.
"""

from typing import Any

__all__ = ["architectures", "blocks", "gallery", "load", "training"]


def load(path: Any) -> Any:
    """The network of a .keras file, read in Keras' safe mode and not compiled.

    What create(..., weights=...) or a run made has preparation, which makes its input of images of
    values from 0 to 255, and class_names: see architectures.weights.  Raises ValueError.
    """
    from convbook.architectures.weights.loading import opened

    return opened(path)
