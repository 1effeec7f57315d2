"""Inference of every net that keras.applications also has, and of some of timm's.

Each at its own size, the same weights and images, predict_on_batch with jit_compile=False, float32.
Our side uses the batch norm of training.devices.norms, as the trainer does.
"""

from benchmarks.sides.nets import OWN_SIZE, rows_of_all

OPTIONS = OWN_SIZE


def run(options):
    return rows_of_all(options, "predict")
