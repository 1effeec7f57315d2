"""Dense layers that recompute their cheap parts in the backward pass."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from convbook.blocks.types import Tensor


@keras.saving.register_keras_serializable("convbook")
class Recompute(layers.Wrapper):
    """Runs branch, a keras.Model of dense layers, and keeps only the outputs of its convolutions.

    x (N, H, W, C) -> branch(x).  branch is any number of dense layers, each of BN relu convolution
    one or more times, then dropout if any, then [all before, the result]; a dense_block with n=BN.
    Memory-Efficient Implementation of DenseNets, arXiv:1707.06990.

    Training discards each concatenation, batch norm and relu, and recomputes them for the gradient.
    It computes the mean and variance of a map only once, because they are the same in every
    concatenation, and updates moving statistics once.  On TensorFlow this saves memory in
    model.fit, but not in eager calls or under XLA, which Keras chooses by default on a GPU: use
    compile(jit_compile=False).  On JAX and PyTorch keras.remat does it.  Inference runs branch
    unchanged.
    """

    @property
    def branch(self) -> Any:
        return self.layer

    def call(self, x: Any, training: bool | None = None) -> Any:
        if not training:
            return self.layer(x, training=False)
        maps: list[Any] = [x]  # their concatenation is x
        moments: list[Any] = []
        for convolutions, dropouts, concatenate in dense_layers(self.layer):
            m, read, known = x, maps, moments
            for norm, activation, conv in convolutions:
                scale, shift = affine(norm, read, known)
                m = activated(conv, activation.activation, m, maps=read, scale=scale, shift=shift)
                read, known = [m], []
            for dropout in dropouts:
                m = dropout(m, training=True)
            x, maps = concatenate([x, m]), [*maps, m]
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        return self.layer.compute_output_shape(shape)


def dense_layers(branch: Any) -> list[tuple[Any, Any, Any]]:
    """(convolutions, dropouts, concatenation) of each dense layer of a model, in order.

    convolutions: (norm, activation, convolution), one or more; dropouts: one or none.
    """
    found: list[tuple[Any, Any, Any]] = []
    before: list[Any] = []
    for layer in branch.layers:
        if isinstance(layer, layers.Concatenate):
            kinds = layers.BatchNormalization, layers.Activation, layers.Conv2D, layers.Dropout
            *steps, dropouts = ([i for i in before if isinstance(i, kind)] for kind in kinds)
            found.append((list(zip(*steps, strict=True)), dropouts, layer))
            before = []
        else:
            before.append(layer)
    return found


def affine(norm: Any, maps: Sequence[Any], moments: list[Any]) -> tuple[Any, Any]:
    """The scale and shift by which norm normalises the concatenated maps in training.

    moments: (mean, variance) of each channel of the first maps; those of the others are appended.
    Moving statistics are updated, unless norm is frozen: then it normalises by them.
    """
    dtype = keras.backend.result_type(maps[0].dtype, "float32")  # as in Keras' layer
    mean, variance = (ops.cast(v, dtype) for v in (norm.moving_mean, norm.moving_variance))
    if norm.trainable:
        for x in maps[len(moments) :]:
            x = ops.cast(x, dtype)
            moments.append(ops.moments(x, (0, 1, 2), synchronized=norm.synchronized))
        means, variances = zip(*moments, strict=True)
        old, (mean, variance) = (mean, variance), (ops.concatenate(v) for v in (means, variances))
        norm.moving_mean.assign(old[0] * norm.momentum + mean * (1 - norm.momentum))
        norm.moving_variance.assign(old[1] * norm.momentum + variance * (1 - norm.momentum))
    scale = ops.rsqrt(variance + norm.epsilon) * (norm.gamma if norm.scale else 1)
    return scale, (norm.beta if norm.center else 0) - scale * mean


def activated(conv: Any, a: Any, x: Any, *, maps: Sequence[Any], scale: Any, shift: Any) -> Any:
    """conv(a(scale * x + shift)), keeping only maps, which concatenate to x."""

    def run(x, scale, shift, kernel):
        x = ops.cast(ops.cast(x, scale.dtype) * scale + shift, kernel.dtype)
        return conv.convolution_op(a(x), kernel)

    others = scale, shift, ops.convert_to_tensor(conv.kernel)
    if keras.backend.backend() != "tensorflow":
        return keras.remat(lambda maps, *on: run(ops.concatenate(maps, -1), *on))(maps, *others)
    import tensorflow as tf

    @tf.custom_gradient
    def once(x, *others):
        def backward(dy):
            with tf.control_dependencies([dy]):  # not before, and not shared with the forward pass
                given = [tf.concat(maps, -1), *others]
            with tf.GradientTape() as tape:
                tape.watch(given)
                y = run(*given)
            return tape.gradient(y, given, dy)

        return run(x, *others), backward

    # Given a variable, Keras' convert_to_tensor may return the variable, not its value.
    return once(x, *map(tf.convert_to_tensor, others))


def recomputed(x: Tensor, branch: Callable[[Tensor], Tensor]) -> Tensor:
    """branch(x); its dense layers keep only the outputs of their convolutions; see Recompute.

    branch is a function from tensor to tensor.
    """
    i = keras.Input(x.shape[1:], dtype=x.dtype)
    return Recompute(keras.Model(i, branch(i)))(x)
