"""A LiteRT file in int8, but for its ends: the preparation, the first and last layer, the answers.

The ranges of what layers answer come from images that the network is shown.  Resizing in 8 bits
gives wrong classes, and the first and last layer lose most: they stay in float32.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from convbook.training.data.splits import Part
from convbook.training.evaluation.probabilities import uncropped
from convbook.training.export.endpoint import IN_FLOAT32

MOST = 200  # images that are shown
Images = Callable[[], Iterator[list[np.ndarray]]]


def shown(part: Part, prepare: Callable[[np.ndarray], Any]) -> Images:
    """What gives images of a part, at most MOST, each (1, H, W, C), of type uint8, prepared."""
    step = -(-len(part) // MOST)

    def images() -> Iterator[list[np.ndarray]]:
        for i in range(0, len(part), step):
            x = tf.cast(tf.round(255 * uncropped(part, tf.constant(i))), tf.uint8)
            yield [np.asarray(prepare(x.numpy()[None]))]

    return images


def mark_ends(network: keras.Model) -> None:
    """Names the first and the last layer with weights as those that stay in float32.

    network: of a single graph, as flat makes it.
    """
    weighted = [layer for layer in network.layers if layer.weights]
    for layer in {*weighted[:1], *weighted[-1:]}:
        layer.name = f"{IN_FLOAT32}_{layer.name}"


def converted(folder: str, images: Images) -> bytes:
    """The LiteRT file of a SavedModel; what is named IN_FLOAT32 stays so."""
    content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    lite = tf.lite.TFLiteConverter.from_saved_model(folder)
    lite.optimizations, lite.representative_dataset = [tf.lite.Optimize.DEFAULT], images
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that tf.lite.Interpreter will go
        # The one public call that leaves out operations by their names
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=floats(content))
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=lite, debug_dataset=images, debug_options=options
        )
    return debugger.get_nondebug_quantized_model()


def floats(content: bytes) -> list[str]:
    """The names of the tensors of a LiteRT file that stay as they are."""
    file = tf.lite.Interpreter(model_content=content)
    file.allocate_tensors()
    names = [tensor["name"] for tensor in file.get_tensor_details()]
    answers = [tensor["name"] for tensor in file.get_output_details()]
    return answers + [name for name in names if IN_FLOAT32 in name]


class Agreement(NamedTuple):
    """For how many images a file has the first class of the network, and of how many.

    lost: the most that the network's first class led by where the file has another, in probability.
    """

    same: int
    of: int
    lost: float

    def words(self) -> str:
        same = f"the first class is the network's for {self.same} of {self.of} images"
        led = f"; for the others, it led the second by at most {self.lost:.2f}"
        return same + led * (self.same < self.of)


def agreement(
    content: bytes, call: Callable[[Any], dict[str, Any]], images: Images, probabilities: bool
) -> Agreement:
    """How a file answers beside what was exported.  probabilities: whether they answer these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run = tf.lite.Interpreter(model_content=content).get_signature_runner()
    of, lost = 0, []
    for of, (x,) in enumerate(images(), 1):  # noqa: B007
        (found,), (y,) = run(images=x).values(), call(tf.constant(x)).values()
        p = np.ravel(y if probabilities else tf.nn.softmax(y))
        second, first = np.sort(p)[-2:]
        if np.argmax(found) != np.argmax(y):
            lost.append(float(first - second))
    return Agreement(of - len(lost), of, max(lost, default=0.0))
