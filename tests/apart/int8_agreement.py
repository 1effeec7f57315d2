"""How often a member of each family answers in int8 as it does in float32, for the ledger."""

import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pretrained
import tensorflow as tf
from proofs.prove import rated, small
from sklearn.datasets import load_digits
from test_learning import MEMBERS, SHORT, shorter

from convbook import architectures
from convbook.__main__ import main
from convbook.architectures import weights
from convbook.architectures.graph.ends import answers_probabilities
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.graph.prepared import first_output
from convbook.training import data
from convbook.training.evaluation import trained_network
from convbook.training.export import command, formats, int8

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "china.jpg")
CROPS = 8  # of each photograph, to show the ranges, and as many others to compare
RUN = Path("runs") / "resnet20-digits"  # what make train leaves
WEIGHTS = {
    "resnet20_cifar": "the digits, by its recipe",
    "squeezenet_v1_1": "ImageNet's",
}
NAMES = [name.replace("squeezenet_v1_0", "squeezenet_v1_1") for name in MEMBERS]
TEST, TRAIN, SHOWN = 180, 512, 100  # of the digits: how many images
EPOCHS, GOAL = 40, 0.1  # at most; a loss


def agreement(name):
    """{weights, shown, other, lost, classes} of a network; {weights, why} if it cannot be.

    shown, other: [for how many images the first class is the same, of how many], of those that
    showed the ranges and of others.  lost: the most that a first class led by where int8 has
    another.  classes: how many first classes the others have.
    """
    known = {"weights": WEIGHTS.get(name, "the digits, for some epochs")}
    model, *images = {"resnet20_cifar": of_digits, "squeezenet_v1_1": of_imagenet}.get(
        name, partial(of_family, name)
    )()
    form = formats.inference_form(first_output(model))
    call, spec = formats.signature(form, None, 1)
    int8.mark_ends(form)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.tflite"
            formats.litert(form, None, [], path, partial(int8.converted, images=images[0]))
            content = path.read_bytes()
    except ValueError as error:
        return known | {"why": str(error)}
    call = tf.function(call, [spec])
    ends = answers_probabilities(form)
    shown, other = (int8.agreement(content, call, part, ends) for part in images)
    found = {int(np.argmax(call(tf.constant(x))["outputs"])) for (x,) in images[1]()}
    counts = {"shown": [*shown[:2]], "other": [*other[:2]], "classes": len(found)}
    return known | counts | {"lost": round(max(shown.lost, other.lost), 3)}


def of_digits():
    """ResNet-20 as make train leaves it, and the digits: 200 of training, those of the test."""
    if not (RUN / "model.keras").exists():
        main(["train", "resnet20", "--data", "digits", "--out", str(RUN)])
    network = trained_network.load_network(RUN / "model.keras")
    prepare = command.preparation_of(network)
    images = data.load_data("digits", network.size, network.channels)
    return network.model, *(
        int8.calibration_images(part, prepare) for part in (images.train, images.test)
    )


def of_imagenet():
    model = architectures.create("squeezenet_v1_1")
    weights.from_torch(model, pretrained.squeezenet())
    prepare = weights.Preparation(**pretrained.PREPARATION)
    return model, *(partial(crops, prepare, seed) for seed in (0, 1))


def crops(prepare, seed):
    """Parts of photographs, prepared."""
    rng = np.random.default_rng(seed)
    for name in PHOTOGRAPHS:
        x = pretrained.photograph(name)
        for _ in range(CROPS):
            side = int(min(x.shape[:2]) * rng.uniform(0.3, 1))
            y0, x0 = (rng.integers(0, n - side + 1) for n in x.shape[:2])
            yield [np.asarray(prepare(x[None, y0 : y0 + side, x0 : x0 + side]))]


def of_family(name):
    """A small member of a family after a few epochs of the digits, at its smallest input."""
    keras.utils.set_random_seed(0)
    model = first_output((shorter if name in SHORT else small)(name))
    found = load_digits()
    x = keras.ops.image.resize(found.images[..., None].astype("float32"), model.input_shape[1:3])
    x = keras.ops.convert_to_numpy(x)
    x = np.repeat((x - x.mean()) / x.std(), model.input_shape[-1], axis=-1)
    others, x = np.split(x[: TEST + TRAIN], [TEST])
    fit(model, x, found.target[TEST:][:TRAIN], rated(name))
    return model, partial(singly, x[:SHOWN]), partial(singly, others)


def singly(x):
    for i in range(len(x)):
        yield [x[i : i + 1]]


def fit(model, x, y, rate):
    """Trains until the loss is small, and gives batch norms the statistics of these weights."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)

    class Enough(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            self.model.stop_training = logs["loss"] < GOAL

    model.fit(x, y, batch_size=64, epochs=EPOCHS, callbacks=[Enough()], verbose=2)
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(x, training=True)
