"""Strided 1x1 convolutions in training, with a gradient that TensorFlow can compute on any CPU."""

from typing import Any

import keras
from keras.layers import Conv2D

FEW = 16  # channels


@keras.saving.register_keras_serializable("convbook")
class PickedConv2D(Conv2D):
    """keras.layers.Conv2D of 1x1 with a stride: same arguments, weights and results.

    x (N, H, W, C) -> (N, H/s, W/s, f).  It picks the pixels and convolves them without a stride.
    On CPUs with AVX-512, TensorFlow 2.21 ends the process in the gradient of the strided one, for
    fewer than 16 channels and from 80 pixels on: RepVGG's and MobileOne's first block.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        rows, columns = self.strides
        picked = inputs[:, ::rows, ::columns]
        return keras.ops.conv(picked, kernel, padding="valid", data_format="channels_last")


def picks(layer: keras.Layer) -> bool:
    """Whether a layer is such a convolution of few channels."""
    return (
        type(layer) in (Conv2D, PickedConv2D)
        and layer.built
        and layer.kernel_size == (1, 1)
        and layer.strides != (1, 1)
        and layer.kernel.shape[-2] < FEW
        and layer.data_format == "channels_last"
    )
