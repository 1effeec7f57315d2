"""Inference of every net that keras.applications also has, and of some of timm's.

Each net runs at its own size, with the same weights and images on both sides, in float32, by
predict_on_batch with jit_compile=False.
Our side uses the batch norm of training.devices.norms, as the trainer does.
"""

from benchmarks.sides.nets import OWN_SIZE, rows_of_all

OPTIONS = OWN_SIZE


def run(options):
    return rows_of_all(options, "predict")
