"""Grouped convolution that trains at full speed on a CPU under TensorFlow."""

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("convbook")
class GroupedConv2D(layers.Conv2D):
    """keras.layers.Conv2D with groups, drop-in: same arguments, weights and results.

    x (N, H, W, C) -> (N, H', W', filters); kernel (k, k, C / groups, filters).
    AlexNet, section 3.5, split its channels over two GPUs; ResNeXt, arXiv:1611.05431, Figure 3c.
    On TensorFlow, Keras runs every grouped convolution through XLA, which is too slow on a CPU for
    training.  This layer uses TensorFlow's own kernel, or one convolution per group if that kernel
    has no gradient.  On the other backends it is Keras' layer unchanged.
    """

    _direct: dict[Any, bool] = {}  # whether TensorFlow's kernel has a gradient here, by data type

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        ours = self.groups > 1 and self.data_format == "channels_last"
        if not ours or keras.backend.backend() != "tensorflow":
            return super().convolution_op(inputs, kernel)
        import tensorflow as tf

        def conv(x, w):
            return tf.nn.convolution(
                x, w, self.strides, self.padding.upper(), dilations=self.dilation_rate
            )

        if self.runs_direct(inputs.dtype):
            return conv(inputs, kernel)
        xs, ws = (tf.split(t, self.groups, axis=-1) for t in (inputs, kernel))
        return tf.concat([conv(x, w) for x, w in zip(xs, ws, strict=True)], axis=-1)

    @classmethod
    def runs_direct(cls, dtype: Any) -> bool:
        """Tries the gradient once: GPUs have it, CPUs in oneDNN builds, not all in float16."""
        import tensorflow as tf

        if dtype not in cls._direct:
            image, kernel = (1, 3, 3, 4), (3, 3, 2, 4)
            with tf.init_scope():  # outside the traced graph; it also pauses gradient tapes
                x, w = tf.ones(image, dtype), tf.ones(kernel, dtype)
                letters = dict(out_backprop=x, strides=[1, 1, 1, 1], padding="SAME")
                try:
                    tf.raw_ops.Conv2DBackpropInput(input_sizes=image, filter=w, **letters)
                    tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=kernel, **letters)
                    cls._direct[dtype] = True
                except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
                    cls._direct[dtype] = False
        return cls._direct[dtype]
