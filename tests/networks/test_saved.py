"""Files that earlier versions saved load in a fresh interpreter, and give the outputs of then."""

import json
import re
import zipfile

import interpreter
import keras
import numpy as np
import pytest
from places import DATA

from convbook import blocks

SAVED = DATA / "saved"
TRAINING = {
    "fused": "convbook.training.devices.norms",
    "loss_scale": "convbook.training.devices.multiworker",
    "torch_sgd": "convbook.training.recipes.optimizers",
    "tensorflow_rmsprop": "convbook.training.recipes.optimizers",
}
NAMES = sorted(path.stem for path in SAVED.glob("*.keras"))
# All that was registered before everything was called convbook
REGISTERED = {
    *(f"blocks>{name}" for name in ("ChannelShuffle", "GroupedConv2D", "LocalResponseNorm")),
    *(f"blocks>{name}" for name in ("LocallyConnected2D", "RadialBasis", "Recompute")),
    *(f"blocks>{name}" for name in ("StochasticDepth", "Subsample", "TiledConv2D", "squash")),
    *(f"training>{name}" for name in ("FusedBatchNormalization", "TorchSGD", "TensorFlowRMSprop")),
    "cookbook>LossScaleOptimizer",
}
LOAD = """
import importlib, json, sys
import keras, numpy as np
from pathlib import Path

saved, aside = map(Path, sys.argv[1:3])
kept, found = np.load(saved / "answers.npz"), {}


def off(name, what, y):
    right = kept[name + "/" + what]
    return float(np.abs(np.asarray(y) - right).max() / np.abs(right).max())


def answer(name):
    model = keras.saving.load_model(saved / (name + ".keras"), safe_mode=True)
    found[name] = {"y": off(name, "y", model(kept["x"]))}
    model.save(aside / (name + ".keras"))
    again = keras.saving.load_model(aside / (name + ".keras"), safe_mode=True)
    found[name]["saved again"] = off(name, "y", again(kept["x"]))
    if name + "/trained" in kept:
        trained = [model(kept["x"], training=True) for _ in kept[name + "/trained"]]
        found[name]["trained"] = off(name, "trained", trained)
    if name + "/after" in kept:
        model.train_on_batch(kept["x"], 2 * kept[name + "/y"])
        found[name]["after"] = off(name, "after", model(kept["x"]))


for module, names in json.loads(sys.argv[3]).items():
    # As fresh an interpreter as a new one, which would import Keras again
    for other in [name for name in sys.modules if name.split(".")[0] == "convbook"]:
        del sys.modules[other]
    keras.saving.get_custom_objects().clear()
    importlib.import_module(module)
    for name in names:
        answer(name)
print(json.dumps(found))
"""


def registered(path):
    """The registered names in the file of a model."""
    text = zipfile.ZipFile(path).read("config.json").decode()
    return set(re.findall(r'"(\w+>\w+)"', text))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """{name: {what: how far off, relative to the largest}}; and the folder they were saved in."""
    aside, modules = tmp_path_factory.mktemp("again"), {}
    for name in NAMES:
        modules.setdefault(TRAINING.get(name, "convbook.blocks"), []).append(name)
    done = interpreter.run(LOAD, SAVED, aside, json.dumps(modules))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), aside


def test_every_name_of_before_is_in_a_file():
    assert set.union(*(registered(SAVED / f"{name}.keras") for name in NAMES)) == REGISTERED


def overrides():
    """Whether training=True given to a model reaches a layer that was called with training=False.

    It does up to Keras 3.15, which writes into a file the default of call(training=False); with the
    nightly of 3.16 it does not, so that dropout and gates of such a file do nothing in training.
    """
    x = keras.Input((64,))
    model = keras.Model(x, keras.layers.Dropout(0.5)(x, training=False))
    return not np.all(model(np.ones((1, 64)), training=True))


@pytest.mark.parametrize("name", NAMES)
def test_answers_as_it_did(loaded, name):
    """It gives the outputs of then: in training, after a step, and saved once more."""
    errors = loaded[0][name]
    if not overrides():
        errors = {what: error for what, error in errors.items() if what != "trained"}
    assert max(errors.values()) < 1e-6


def test_a_file_does_not_say_in_which_mode_a_layer_was_called():
    """Else a newer Keras takes the default of call, training=False, for an order."""
    x = keras.Input((8, 8, 4))
    y = blocks.dense_block(x, 4, 2, n=blocks.BN, r=1, recompute=True)
    y = blocks.stochastic_depth(y, lambda x: blocks.conv(x, 4))
    config = json.loads(keras.Model(x, y).to_json())["config"]
    ours = [layer for layer in config["layers"] if layer["registered_name"]]
    assert {layer["class_name"] for layer in ours} == {"Recompute", "StochasticDepth"}
    assert not [layer for layer in ours if "training" in layer["inbound_nodes"][0]["kwargs"]]


@pytest.mark.parametrize("name", NAMES)
def test_is_saved_under_the_names_of_today(loaded, name):
    """Except for the gate that adds the shortcut itself, which today's gate does not."""
    before, now = (registered(folder / f"{name}.keras") for folder in (SAVED, loaded[1]))
    kept = {"blocks>StochasticDepth"}
    assert now == {name if name in kept else re.sub(r"^\w+>", "convbook>", name) for name in before}
