"""Keras, with answers kept that it looks up anew for each layer: networks build in two thirds of
the time.

Each function here answers as Keras' own does; tests/project/test_remembered.py compares both.
PLAIN_KERAS=1, which make prove sets, runs all tests on Keras as it is, and so does any version or
backend that this was not written for.
"""

import inspect
import os
from contextlib import contextmanager, nullcontext
from functools import cache
from types import FunctionType, SimpleNamespace
from unittest.mock import patch
from weakref import WeakKeyDictionary

import keras

FITS = keras.backend.backend() == "tensorflow" and keras.__version__.startswith("3.15.")
started = []  # the patches in force


def kept(look):
    """look, which keeps its answer for each function, and for each method of a class."""
    plain, bound = WeakKeyDictionary(), WeakKeyDictionary()

    def found(function):
        own = getattr(function, "__func__", None)
        if own is None and not isinstance(function, FunctionType):
            return look(function)
        answers, key = (plain, function) if own is None else (bound, own)
        if key not in answers:
            answers[key] = look(function)
        return answers[key]

    return found


def set_and_track(own_set, own_track, tracked):
    """A layer's __setattr__, and track of its tracker: what holds nothing to track is set at once.

    Descriptors are left to Keras, which calls no setter for the value that is there already.
    """

    @cache
    def plain(kind):
        return not issubclass(kind, tracked)

    def __setattr__(self, name, value):
        kind = type(value)
        untracked = all(plain(type(v)) for v in value) if kind is tuple else plain(kind)
        if untracked and not hasattr(getattr(type(self), name, None), "__set__"):
            object.__setattr__(self, name, value)
        else:
            own_set(self, name, value)

    def track(self, attr):
        return attr if plain(type(attr)) else own_track(self, attr)

    return __setattr__, track


class Tensorlike(type):
    """As isinstance with the protocol of this one method, which is slow before Python 3.12."""

    def __instancecheck__(cls, x):
        return getattr(x, "is_tensor_like", None) is not None


@cache
def patches():
    from keras.src.layers import layer
    from keras.src.ops import operation
    from keras.src.utils import naming, tracking
    from tensorflow.python.framework import tensor_util
    from tensorflow.python.trackable.base import Trackable
    from tensorflow.python.trackable.data_structures import NoDependency
    from wrapt import ObjectProxy

    looks = ("signature", "getfullargspec")
    quick = vars(inspect) | {name: kept(getattr(inspect, name)) for name in looks}
    tracked = (keras.Variable, keras.Metric, keras.Layer, keras.random.SeedGenerator)
    tracked += (tuple, list, dict, set, Trackable, NoDependency, ObjectProxy)
    __setattr__, track = set_and_track(layer.Layer.__setattr__, tracking.Tracker.track, tracked)
    classes = (*tensor_util.tf_type_classes[:2], Tensorlike("IsTensorLike", (), {}))
    return [
        patch.object(layer, "inspect", SimpleNamespace(**quick)),
        patch.object(operation, "inspect", SimpleNamespace(**quick)),
        patch.object(layer.Layer, "__setattr__", __setattr__),
        patch.object(tracking.Tracker, "track", track),
        patch.object(naming, "to_snake_case", cache(naming.to_snake_case)),
        patch.object(tensor_util, "tf_type_classes", classes),
    ]


def remember():
    """From now on, Keras keeps such answers."""
    if FITS and not started and "PLAIN_KERAS" not in os.environ:
        started.extend(patches())
        for each in started:
            each.start()


@contextmanager
def as_it_is():
    """Within it, Keras is as it is."""
    stopped, started[:] = started[:], []
    for each in stopped:
        each.stop()
    try:
        yield
    finally:
        started.extend(stopped)
        for each in started:
            each.start()


def kernels_kept():
    """Within it, a fresh session and seed leave TensorFlow the kernels that it has prepared, which
    take a third of the time of small models.

    Only an operation that draws numbers by a state of its own would notice: Keras and we have none.
    """
    if not FITS or "PLAIN_KERAS" in os.environ:
        return nullcontext()
    from tensorflow.python import pywrap_tfe

    return patch.object(pywrap_tfe, "TFE_ContextClearCaches", lambda context: None)
