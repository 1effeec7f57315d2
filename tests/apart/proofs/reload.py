"""python reload.py FOLDER: loads the models that prove.learn kept there, and compares answers.

Prints {name: {"exported": difference, "loaded": difference}}, relative to the largest answer.
"""

import json
import sys
from pathlib import Path

import numpy as np


def difference(folder, model):
    """The largest difference of the answers of model from those kept, over the largest of those."""
    kept = np.load(folder / "digits.npz")
    answer = np.asarray(model(kept["x"]))
    error = np.abs(answer - kept["answer"]).max() / np.abs(kept["answer"]).max()
    return float(error) if np.isfinite(error) else float("inf")


def exported(folder):
    """Without Keras and without the cookbook: TensorFlow alone."""
    import tensorflow as tf

    model = tf.saved_model.load(folder / "exported")  # kept, for its variables live with it
    return difference(folder, model.serve)


def loaded(folder):
    import keras

    import convbook.blocks  # noqa: F401  (its layers are registered)

    keras.backend.clear_session()
    return difference(folder, keras.saving.load_model(folder / "model.keras", compile=False))


def main(root):
    folders = sorted(Path(root).iterdir())
    found = {folder.name: {"exported": exported(folder)} for folder in folders}
    if "convbook" in sys.modules:
        raise ImportError("convbook was imported before the exported models ran")
    for folder in folders:
        found[folder.name]["loaded"] = loaded(folder)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
