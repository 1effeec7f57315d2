"""A LiteRT file in int8, except for its ends: preparation, first and last layer, probabilities.

The ranges of activations come from sample images.  Resizing in 8 bits gives wrong classes, and the
first and last layer lose most accuracy: they stay in float32.
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

MOST = 200  # sample images
Images = Callable[[], Iterator[list[np.ndarray]]]


def calibration_images(part: Part, prepare: Callable[[np.ndarray], Any]) -> Images:
    """A generator of a part's images, at most MOST, each (1, H, W, C), uint8, prepared."""
    step = -(-len(part) // MOST)

    def images() -> Iterator[list[np.ndarray]]:
        for i in range(0, len(part), step):
            x = tf.cast(tf.round(255 * uncropped(part, tf.constant(i))), tf.uint8)
            yield [np.asarray(prepare(x.numpy()[None]))]

    return images


def mark_ends(network: keras.Model) -> None:
    """Marks the first and the last layer with weights, by name, to stay in float32.

    network: of a single graph, as flat makes it.
    """
    weighted = [layer for layer in network.layers if layer.weights]
    for layer in {*weighted[:1], *weighted[-1:]}:
        layer.name = f"{IN_FLOAT32}_{layer.name}"


def converted(folder: str, images: Images) -> bytes:
    """The LiteRT file of a SavedModel; operations named IN_FLOAT32 stay in float32."""
    content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    lite = tf.lite.TFLiteConverter.from_saved_model(folder)
    lite.optimizations, lite.representative_dataset = [tf.lite.Optimize.DEFAULT], images
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # tf.lite.Interpreter is deprecated
        # The only public call that excludes operations by name
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=floats(content))
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=lite, debug_dataset=images, debug_options=options
        )
    return debugger.get_nondebug_quantized_model()


def floats(content: bytes) -> list[str]:
    """The names of the tensors of a LiteRT file that are not quantised."""
    file = tf.lite.Interpreter(model_content=content)
    file.allocate_tensors()
    names = [tensor["name"] for tensor in file.get_tensor_details()]
    outputs = [tensor["name"] for tensor in file.get_output_details()]
    return outputs + [name for name in names if IN_FLOAT32 in name]


class Agreement(NamedTuple):
    """For how many of how many images a file has the same first class as the network.

    lost: the most that the network's first class led by where the file has another, in probability.
    """

    same: int
    of: int
    lost: float

    def words(self) -> str:
        same = f"same first class as the network for {self.same} of {self.of} images"
        led = f"; for the others, its class led by at most {self.lost:.2f}"
        return same + led * (self.same < self.of)


def agreement(
    content: bytes, call: Callable[[Any], dict[str, Any]], images: Images, probabilities: bool
) -> Agreement:
    """How a file's output compares with the network's.  probabilities: whether both return them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run = tf.lite.Interpreter(model_content=content).get_signature_runner()
    same, leads = 0, []
    for (x,) in images():
        (of_file,) = run(images=x).values()
        (of_network,) = call(tf.constant(x)).values()
        if np.argmax(of_file) == np.argmax(of_network):
            same += 1
            continue
        p = np.ravel(of_network if probabilities else tf.nn.softmax(of_network))
        second, first = np.sort(p)[-2:]
        leads.append(float(first - second))
    return Agreement(same, same + len(leads), max(leads, default=0.0))
