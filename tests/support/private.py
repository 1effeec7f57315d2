"""What the tests change in Keras and TensorFlow by private names, to build and run in less time."""

import os
from contextlib import nullcontext
from unittest.mock import patch

import keras


def kernels_kept():
    """Within it, a fresh session and seed leave TensorFlow the kernels that it has prepared, which
    take a third of the time of small models.

    Only an operation that draws numbers by a state of its own would notice: Keras and we have none.
    """
    if keras.backend.backend() != "tensorflow" or "FRESH" in os.environ:
        return nullcontext()
    from tensorflow.python import pywrap_tfe  # TensorFlow has no public way to keep them

    return patch.object(pywrap_tfe, "TFE_ContextClearCaches", lambda context: None)


def door(dataset):
    """Where Keras gets the function that downloads a data set: there is no option for its place."""
    return f"keras.src.datasets.{dataset}.get_file"


def untracked():
    """Layers made within are not noted down for a SavedModel, a third of the time of a bare one.

    Where a version of Keras has no class of this name, nothing is saved.
    """
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    try:
        from keras.src.backend.tensorflow.trackable import KerasAutoTrackable
    except ImportError:
        return nullcontext()
    return patch.object(KerasAutoTrackable, "__setattr__", object.__setattr__)
