"""A trained network from a PyTorch file predicts the right classes of photographs."""

import numpy as np
import pretrained
import pytest
from keras import ops

from convbook import architectures
from convbook.architectures import weights
from convbook.architectures.weights.preparation import mode


@pytest.fixture(scope="module")
def lite0():
    """Padding, epsilon and values from -1 to 1 are TensorFlow's, where the weights are from."""
    model = architectures.create("efficientnet_lite0")
    weights.from_torch(model, pretrained.efficientnet_lite0())
    return weights.prepared(model, mode("tf", 224), weights.class_names("imagenet"))


# Short side 256, crop 224, values from -1 to 1.  Palace is quoted at 0.52 with these weights, and
# nothing here reproduces it: 16 other preparations gave 0.26 to 0.42.  Espresso agrees, at 0.96.
SEEN = [("coffee.png", "espresso", 0.957), ("china.jpg", "palace", 0.352)]


@pytest.mark.parametrize(("name", "what", "p"), SEEN)
def test_it_sees_what_is_there(name, what, p, lite0):
    x = lite0.preparation(pretrained.photograph(name))[None]
    logits = ops.convert_to_numpy(lite0(x))[0].astype("float64")
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    assert lite0.class_names[shares.argmax()] == what
    assert shares.max() == pytest.approx(p, abs=0.005)
