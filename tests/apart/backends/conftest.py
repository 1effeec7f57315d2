"""Each run has one backend: TensorFlow's outputs are stored, those of the others compared."""

import re

import keras
import numpy as np
import pytest


@pytest.fixture
def same_on_all(request):
    """same_on_all(*tensors, atol=...): keeps them on TensorFlow, else compares with those kept."""
    name = re.sub(r"\W+", "_", request.node.nodeid)
    file = request.config.cache.mkdir("backends") / f"{name}.npz"

    def check(*tensors, **tolerance):
        arrays = [keras.ops.convert_to_numpy(tensor) for tensor in tensors]
        if keras.backend.backend() == "tensorflow":
            np.savez(file, *arrays)
            return
        assert file.exists(), "run the same test with KERAS_BACKEND=tensorflow first"
        kept = np.load(file)
        assert len(kept) == len(arrays)
        for array, expected in zip(arrays, kept.values(), strict=True):
            np.testing.assert_allclose(array, expected, **tolerance)

    return check
