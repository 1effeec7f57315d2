"""The convolution block cookbook: blocks to copy, networks of the papers, their training.

    convbook.blocks           the letters and the blocks: functions from tensor to tensor
    convbook.architectures    create(name): the networks of the papers, exact to the count
    convbook.gallery          shows blocks and networks: the menu, code to copy, pictures
    convbook.training         training with model.fit, on one device or many

    convbook.load(path)       a saved network, with the preparation of its images, if known
    convbook.train(model, data)    trains, as the command convbook train does

Importing convbook itself loads neither Keras nor a backend; each of its parts loads what it needs.
"""

from typing import Any

__all__ = ["architectures", "blocks", "gallery", "load", "train", "training"]


def load(path: Any) -> Any:
    """The network of a .keras file, read in Keras' safe mode and not compiled.

    A network made by create(..., weights=...) or by a run has preparation, which turns images with
    values from 0 to 255 into its input, and class_names: see architectures.weights.  Raises
    ValueError.
    """
    from convbook.architectures.weights.loading import opened

    return opened(path)


def train(model: Any, data: Any, recipe: Any = None, **options: Any) -> Any:
    """Trains a network on a set of images: what the command convbook train does.

    Args:
        model: a keras.Model, functional or Sequential, of logits or probabilities, which has the
            trained weights afterwards; or, as for the command, a network's name, 'FILE.keras',
            'FILE.py:FUNCTION'.
        data: as --data: 'digits', 'folder:photos', 'tfrecord:records/*'.
        recipe: as --recipe, or a dictionary: {"like": "modern", "lr": 0.01, "epochs": 30}.
        options: those of convbook train --help, dashes as underscores: epochs=5, size=96,
            out="runs/mine", skip_broken=True, tensorboard=False, set={"weight_decay": 0}.

    Returns (folder, model, result): the folder of the run, the network with its final weights, and
    the content of result.json.  The same call resumes an interrupted run.  Raises ValueError for
    bad input, naming the option.
    """
    from convbook.training.commands import asked

    asking = asked(model, data, recipe, **options)
    from convbook.training.fit.run import called

    return called(asking)
