"""The training step of every net that keras.applications also has, and of some of timm.

Both sides have the same weights, images and optimiser (SGD with momentum), jit_compile=False and
float32.
Our side uses the batch norm of training.devices.norms, as the trainer does.
"""

from benchmarks.sides.nets import OPTIONS, rows_of_all

__all__ = ["OPTIONS", "run"]


def run(options):
    return rows_of_all(options, "step")
