"""Inference of every net that keras.applications has too, and beside timm's.

Each at its own size, the same weights and images, predict_on_batch with jit_compile=False, float32.
Our batch norms are those of training.devices.norms, as in the trainer.
"""

from benchmarks.nets import OWN_SIZE, rows_of_all

OPTIONS = OWN_SIZE


def run(options):
    return rows_of_all(options, "predict")
