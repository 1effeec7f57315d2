"""The convolution block cookbook: blocks to copy, networks of the papers, their training.

    convbook.blocks           the letters and the blocks: functions from tensor to tensor
    convbook.architectures    create(name): the networks of the papers, exact to the count
    convbook.gallery          blocks and networks shown: the menu, text to copy, pictures
    convbook.training         training with model.fit, on one device or many

Importing convbook itself loads neither Keras nor a backend; each of its parts loads what it needs.
"""

__all__ = ["architectures", "blocks", "gallery", "training"]
