"""With the same weights, blocks give the outputs of the same modules in timm."""

import keras
import numpy as np
import pytest
from keras import layers
from places import DATA

from convbook import blocks
from convbook.blocks.grouped import GroupedConv2D

FILES = DATA / "attention.npz", DATA / "regnetz.npz"  # inputs, weights by timm's names, answers
KERNELS = (layers.Conv2D, GroupedConv2D, layers.Dense)
NORMS = (layers.BatchNormalization, layers.LayerNormalization)
PATHS = (["paths.0.conv", "paths.1.conv", "attn.fc_reduce", "attn.fc_select"],)
PATHS += (["paths.0.bn", "paths.1.bn", "attn.bn"],)
REGNETZ = (["conv1.conv", "conv2.conv", "se.fc1", "se.fc2", "conv3.conv"],)
REGNETZ += (["conv1.bn", "conv2.bn", "conv3.bn"],)
CASES = {  # the block, and the modules there of its kernels and of its norms, in their order
    "regnetz": (lambda x: blocks.regnetz_block(x, 16), *REGNETZ),
    "regnetz_stride": (lambda x: blocks.regnetz_block(x, 24, 2, width=4), *REGNETZ),
    "global_context": (
        lambda x: blocks.global_context_block(x, r=4),
        ["conv_attn", "mlp_add.fc1", "mlp_add.fc2"],
        ["mlp_add.norm"],
    ),
    "coordinate": (
        lambda x: blocks.coordinate_block(x, r=4),
        ["conv1", "conv_h", "conv_w"],
        ["bn1"],
    ),
    "selective_kernel": (
        lambda x: blocks.selective_kernel(x, 32, g=4, r=4, least=1, split=True),
        *PATHS,
    ),
    "selective_kernel_split": (
        lambda x: blocks.selective_kernel(x, 32, 2, g=1, r=4, least=1, split=True),
        *PATHS,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_as_in_timm(case):
    block, kernels, norms = CASES[case]
    w = {}
    for kept in map(np.load, FILES):
        w |= {key.partition("/")[2]: kept[key] for key in kept if key.startswith(f"{case}/")}
    if case == "coordinate":  # a bias before batch norm, which ours has not
        w["bn1.running_mean"] = w["bn1.running_mean"] - w.pop("conv1.bias")
    i = keras.Input(w["x"].shape[1:])
    model = keras.Model(i, block(i))
    for kinds, modules in ((KERNELS, kernels), (NORMS, norms)):
        found = [layer for layer in model.layers if isinstance(layer, kinds)]
        for layer, module in zip(found, modules, strict=True):
            parts = ("weight", "bias", "running_mean", "running_var")
            given = [w[f"{module}.{part}"] for part in parts if f"{module}.{part}" in w]
            if kinds is KERNELS:
                kernel = given[0]
                kernel = kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T
                given[0] = kernel.reshape(layer.kernel.shape)
            layer.set_weights(given[: len(layer.weights)])
    found = keras.ops.convert_to_numpy(model(w["x"], training=False))
    assert np.abs(found - w["y"]).max() < 1e-5 * np.abs(w["y"]).max()
