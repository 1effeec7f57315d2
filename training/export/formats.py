"""A network as a file: SavedModel, LiteRT or ONNX, each with the names of the classes.

network: an inference_form.  preparation: of its images; the file then takes unprepared images and
returns probabilities.  None: it takes prepared images and returns the network's own output.
"""

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from convbook.architectures.graph.fold import flat, fold, number, take
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.weights.loading import short
from convbook.architectures.weights.preparation import Preparation
from convbook.blocks.grouped import GroupedConv2D
from convbook.training.export.endpoint import Call, Endpoint
from convbook.training.fit.folder import replaced

OPSET = 17
LARGEST = 500_000_000  # weights as constants: a SavedModel's graph is below 2 GB
Signature = tuple[Callable[[Any], dict[str, Any]], Any]  # a function, and the spec of its argument


def inference_form(model: keras.Model) -> keras.Model:
    """The model folded, in float32, with names that TensorFlow's graphs may have.

    Not every CPU runs half precision in LiteRT and ONNX.
    """
    network = plain(fold(model))
    network.name = valid(network.name)
    return network


def plain(network: keras.Model) -> keras.Model:
    """The network in float32, without what ONNX cannot express: Keras' own grouped convolution runs
    through XLA, and the mean of its Normalization is no constant of a graph."""
    every = all_layers(network)
    if not any(map(is_changed, every)):
        return network
    made: dict[Any, Any] = {}

    def single(op):
        if not isinstance(op, keras.Layer):
            return type(op).from_config(op.get_config())
        kind = GroupedConv2D if is_grouped(op) else type(op)
        if is_per_channel(op):
            made[op] = rescaling(op)
        else:
            config = single_precision(op.get_config())
            made[op] = kind.from_config(config | {"name": valid(op.name)})
        return made[op]

    network = flat(network)  # a nested model would otherwise still cast its inputs
    twin = keras.models.clone_model(network, clone_function=single)
    for op, copy in made.items():
        take(copy, op.get_weights() if copy.weights else ())
    return twin


def single_precision(config: Any) -> Any:
    """The config of a layer, and of all layers that it holds, with float32 as their dtype."""
    if isinstance(config, dict):
        return {
            key: "float32" if key == "dtype" else single_precision(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(map(single_precision, config))
    return config


def valid(name: str) -> str:
    """As a valid name in TensorFlow's graphs."""
    name = re.sub(r"[^A-Za-z0-9_.\\/>-]", lambda m: f"_{ord(m[0]):x}", name)
    return re.sub(r"^(?=[^A-Za-z0-9.])", "named", name)


def is_changed(layer: keras.Layer) -> bool:
    kept = layer.compute_dtype == "float32" and layer.name == valid(layer.name)
    return not kept or is_grouped(layer) or is_per_channel(layer)


def is_grouped(layer: keras.Layer) -> bool:
    last = type(layer) is keras.layers.Conv2D and layer.data_format == "channels_last"
    return last and layer.groups > 1


def is_per_channel(layer: keras.Layer) -> bool:
    """Whether a layer is a Normalization by numbers of the channels, the last axis."""
    is_one = type(layer) is keras.layers.Normalization and not layer.invert
    return is_one and keras.ops.size(layer.mean) in (1, keras.ops.shape(layer.mean)[-1])


def rescaling(layer: keras.layers.Normalization) -> keras.layers.Rescaling:
    """The same, up to rounding."""
    mean, variance = (np.ravel(number(v)) for v in (layer.mean, layer.variance))
    scale = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    offset = -mean * scale
    return keras.layers.Rescaling(
        scale.tolist(), offset.tolist(), dtype="float32", name=valid(layer.name)
    )


def signature(
    network: keras.Model,
    preparation: Preparation | None,
    batch: int | None = None,
    call: Call | None = None,
) -> Signature:
    """That of images -> {"probabilities": ...}, or, raw, -> {"outputs": ...}.

    call: what answers in the network's place.
    """
    if preparation is None:
        spec = tf.TensorSpec((batch, *network.input_shape[1:]), network.inputs[0].dtype, "images")
        raw: Call = call or (lambda x: network(x, training=False))
        return lambda images: {"outputs": raw(images)}, spec
    spec = tf.TensorSpec((batch, None, None, preparation.channels), "uint8", "images")
    endpoint = Endpoint(network, preparation, call)
    return lambda images: {"probabilities": endpoint.images(images)}, spec


def with_constants(network: keras.Model) -> Call:
    """The network as a function whose weights are constants: TensorFlow lays them out for its
    convolutions once, and variables in each call."""
    kinds = network.trainable_variables, network.non_trainable_variables
    values = [[keras.ops.convert_to_numpy(v) for v in each] for each in kinds]

    def call(x: tf.Tensor) -> Any:
        state = [[tf.constant(v) for v in each] for each in values]
        return network.stateless_call(*state, x, training=False)[0]

    spec = tf.TensorSpec((None, *network.input_shape[1:]), network.inputs[0].dtype)
    return tf.function(call, [spec], autograph=False, jit_compile=False)


def archive(network: keras.Model, path: Path | str, functions: dict[str, Signature]) -> None:
    """A SavedModel with functions by name; serving_default is the first."""
    kept = keras.export.ExportArchive()
    kept.track(network)
    for name, (call, spec) in functions.items():
        kept.add_endpoint(name, call, [spec])
    kept.write_out(str(path), verbose=False)


def saved_model(
    network: keras.Model, preparation: Preparation | None, names: Sequence[str], path: Path
) -> None:
    """A folder: signatures serving_default, of images, and jpeg, of files; both return
    probabilities and classes.  Raw: serving_default alone."""
    module, answer = tf.Module(), None
    if network.count_params() < LARGEST:
        answer = with_constants(network)
    else:
        module.kept = [v.value for v in network.variables]
    call, spec = signature(network, preparation, call=answer)
    functions = {"serving_default": (call, spec)}
    if preparation is not None:
        classes, of_files = list(names), Endpoint(network, preparation, answer).files

        def images(images):
            return call(images) | {"classes": tf.constant(classes)}

        def jpeg(files):
            return {"probabilities": of_files(files), "classes": tf.constant(classes)}

        files = tf.TensorSpec((None,), "string", "files")
        functions = {"serving_default": (images, spec), "jpeg": (jpeg, files)}
    kept = {name: tf.function(call, [spec]) for name, (call, spec) in functions.items()}
    tf.saved_model.save(module, str(path), kept)


def in_float32(folder: str) -> bytes:
    return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def litert(
    network: keras.Model,
    preparation: Preparation | None,
    names: Sequence[str],
    path: Path,
    convert: Callable[[str], bytes] = in_float32,
) -> None:
    """A .tflite file of one image at a time; labels.txt, the names of the classes, is in it, as in
    a zip.  convert: of the path of a SavedModel."""
    with tempfile.TemporaryDirectory() as folder:
        archive(network, folder, {"serve": signature(network, preparation, 1)})
        try:
            content = convert(folder)
        except Exception as error:  # TensorFlow raises errors of all kinds
            raise ValueError(
                f"{network.name} cannot be converted to LiteRT: {short(error)}"
            ) from error
    labels = io.BytesIO()
    with zipfile.ZipFile(labels, "w") as file:
        file.writestr("labels.txt", "\n".join(names))
    replaced(path, lambda aside: aside.write_bytes(content + labels.getvalue()))


def onnx(
    network: keras.Model, preparation: Preparation | None, names: Sequence[str], path: Path
) -> None:
    """An .onnx file; the names of the classes are in its metadata, as JSON under classes.

    Raises ValueError if it cannot be made, or its output differs.
    """
    import onnx as library
    import tf2onnx

    call, spec = signature(network, preparation)
    handlers: dict[str, Any] = {"Erfc": (erfc, []), "Square": (square, [])}
    try:
        model, _ = tf2onnx.convert.from_function(
            tf.function(call, input_signature=[spec]),
            input_signature=[spec],
            opset=OPSET,
            custom_op_handlers=handlers,
        )
        library.helper.set_model_props(model, {"classes": json.dumps(list(names))})
        library.checker.check_model(model)  # tf2onnx leaves operations in that it cannot convert
        content = model.SerializeToString()
        alike = answers_alike(content, call, spec)
    except Exception as error:  # of all kinds, as above
        raise ValueError(f"{network.name} cannot be converted to ONNX: {short(error)}") from error
    if not alike:
        raise ValueError(f"{network.name} cannot be converted to ONNX: tf2onnx changes its outputs")
    replaced(path, lambda aside: aside.write_bytes(content))


def answers_alike(content: bytes, call: Callable[[Any], dict[str, Any]], spec: Any) -> bool:
    """Whether an ONNX file and a function agree on noise, to a hundredth of the largest value."""
    from onnxruntime import InferenceSession

    noise = np.random.default_rng(0).normal(size=[side or 256 for side in spec.shape[1:]])
    x = tf.cast(40 * noise + 128 if spec.dtype == tf.uint8 else noise, spec.dtype)[None]
    (found,) = InferenceSession(content).run(None, {"images": x.numpy()})
    (expected,) = (y.numpy() for y in call(x).values())
    return np.abs(found - expected).max() < 0.01 * np.abs(expected).max()


def erfc(graph: Any, node: Any, name: str, _: Any) -> None:
    """TensorFlow's operation, of GELU, as 1 - erf: tf2onnx knows only that."""
    (shape,), (dtype,) = node.output_shapes, node.output_dtypes
    one = graph.make_const(f"{name}_one", np.array(1, "float32"))
    erf = graph.make_node("Erf", node.input, shapes=[shape], dtypes=[dtype])
    graph.remove_node(node.name)
    args = [one.output[0], erf.output[0]]
    graph.make_node("Sub", args, name=name, outputs=node.output, shapes=[shape], dtypes=[dtype])


def square(graph: Any, node: Any, name: str, _: Any) -> None:
    """TensorFlow's operation; of maps with a side of 1, tf2onnx confuses the axes of its x * x."""
    from tf2onnx.utils import map_onnx_to_numpy_type

    (shape,), (dtype,) = node.output_shapes, node.output_dtypes
    if shape is None or 1 not in shape:
        node.type, more = "Mul", node.input[0]
    else:
        two = graph.make_const(f"{name}_two", np.array(2, map_onnx_to_numpy_type(dtype)))
        node.type, more = "Pow", two.output[0]
    node.input.append(more)
