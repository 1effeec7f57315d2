"""An ONNX model by its structure, as structure.Reader reads a Keras model: to take its weights.

Kernels are turned as Keras has them, maps are channel-last.  What Caffe writes after a batch norm,
a product and a sum with constants, is in the norm's own.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from convbook.architectures.graph.structure import Graph, Node, leading

NOTHING = ("Dropout", "Identity", "Cast")
SHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
ACTIVATIONS = {"Relu": "relu", "Sigmoid": "sigmoid", "Softmax": "softmax"}
Shape = tuple[int, ...]


class OnnxModel:
    """The ONNX model of a file.  Raises ImportError without onnx, ValueError for other files."""

    def __init__(self, path: str | Path):
        try:
            import onnx
        except ImportError as error:
            raise ImportError(
                f"{path}: onnx is not installed; type: pip install '.[onnx]'"
            ) from error
        try:
            model = onnx.load(path)
            onnx.checker.check_model(model)
            self.proto = without_softmax(model)
        except Exception as error:  # of protobuf and of the checker, of many kinds
            raise ValueError(f"{path} is not an ONNX model: {str(error).strip()[:200]}") from error
        graph = self.proto.graph
        self.path = path
        self.values = {v.name: onnx.numpy_helper.to_array(v) for v in graph.initializer}
        self.entry = next(v for v in graph.input if v.name not in self.values)
        self.shapes: dict[str, Shape] = {}
        if len(sizes_of(self.entry)) != 4:
            right = "export the network from its images on, without what reads or decodes them"
            raise ValueError(
                f"{path}: its input must be images, (N, channels, rows, columns): {right}"
            )

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """(N, rows, columns, channels); None: any."""
        n, c, h, w = (size or None for size in sizes_of(self.entry))
        return n, h, w, c

    def answer(self, x: np.ndarray) -> np.ndarray:
        """Its outputs for images (N, rows, columns, channels), each run separately."""
        run, name = runner(self.proto), self.entry.name
        n = self.input_shape[0] or 1  # that it is made for
        batches = [np.repeat(one[None].transpose(0, 3, 1, 2), n, 0) for one in x]
        return np.concatenate([run({name: batch})[:1] for batch in batches])

    def graph_at(self, shape: Shape) -> Graph:
        """Its nodes as those of a Keras model, for images of a shape (rows, columns, channels).

        Raises ValueError for what is not known here.
        """
        from onnx import ModelProto, shape_inference

        sized = ModelProto()
        sized.CopyFrom(self.proto)
        entry = next(v for v in sized.graph.input if v.name == self.entry.name)
        h, w, c = shape
        n = self.input_shape[0] or 1
        for dim, size in zip(entry.type.tensor_type.shape.dim, (n, c, h, w), strict=True):
            dim.dim_value = size
        graph = shape_inference.infer_shapes(sized, data_prop=True).graph
        known = [*graph.input, *graph.value_info, *graph.output]
        self.shapes = {v.name: sizes_of(v) for v in known}
        return OnnxReader(self).graph


def without_softmax(model: Any) -> Any:
    """The model up to its logits: of a softmax at its end nothing is left."""
    from onnx import TensorProto, helper

    graph = model.graph
    last = graph.node[-1]
    if last.op_type == "Softmax" and [v.name for v in graph.output] == list(last.output):
        logits = helper.make_tensor_value_info(last.input[0], TensorProto.FLOAT, None)
        graph.node.remove(last)
        del graph.output[:]
        graph.output.append(logits)
    return model


def sizes_of(value: Any) -> Shape:
    return tuple(d.dim_value for d in value.type.tensor_type.shape.dim)


def runner(proto: Any) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """What runs a model: onnxruntime, or the slower reference where that is not installed."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return lambda feeds: ReferenceEvaluator(proto).run(None, feeds)[0]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return lambda feeds: session.run(None, feeds)[0]


class OnnxReader:
    """Reads the nodes of an ONNX model, each of them into one of ours, or into none."""

    def __init__(self, model: OnnxModel):
        self.model, self.values, self.shapes = model, dict(model.values), model.shapes
        self.nodes: list[Node] = []
        self.made: dict[str, Node] = {}  # by the tensor that it makes
        self.same: dict[str, str] = {}  # a tensor: the one that it is another name of
        self.joined: dict[str, list[str]] = {}  # a concatenation: what is in it
        for each in model.proto.graph.node:
            self.read(each)
        ends = [self.source_of(v.name) for v in model.proto.graph.output]
        self.graph = Graph(leading(self.nodes, ends), [model.entry.name], ends)

    def source_of(self, name: str) -> str:
        while name in self.same:
            name = self.same[name]
        return name

    def size(self, name: str) -> Shape:
        """(channels, rows, columns), or what a tensor has.  Raises ValueError if none is known."""
        if not (shape := self.shapes.get(name)) or 0 in shape:
            said = f"{self.model.path} does not give the size of {name!r}"
            right = "export the network with images of a fixed size"
            raise ValueError(f"{said}: {right}")
        return shape[1:]

    def read(self, each: Any) -> None:
        given = {a.name: attribute(a) for a in each.attribute}
        inputs, output = list(each.input), each.output[0]
        maps = [self.source_of(name) for name in inputs if name and name not in self.values]
        constants = [self.values[name] for name in inputs if name in self.values]
        if not maps:
            self.values[output] = constant(each, given, constants)
        elif self.is_nothing(each, inputs[0], output) or self.merged(each, maps[0], constants):
            self.same[output] = maps[0]
        else:
            node = self.node(each, given, constants)
            if node.kind == "concat":
                maps = [part for name in maps for part in self.joined.get(name, [name])]
                self.joined[output] = maps
            node.inputs, node.output = maps, output
            self.nodes.append(node)
            self.made[output] = node

    def is_nothing(self, each: Any, entry: str, output: str) -> bool:
        if each.op_type not in SHAPES:
            return each.op_type in NOTHING
        return bool(np.prod(self.size(entry)) == max(self.size(entry)))

    def merged(self, each: Any, name: str, constants: list[np.ndarray]) -> bool:
        """Whether a product or sum with constants went into the batch norm or dense layer before.

        Nothing else may read what that makes.
        """
        if each.op_type not in ("Mul", "Add") or not constants:
            return False
        node, value = self.made.get(name), constants[0].reshape(-1)
        read = next(raw for raw in each.input if raw not in self.values)
        readers = [n for n in self.model.proto.graph.node if read in n.input]
        if node is None or len(readers) != 1:
            return False
        if node.kind == "batch norm":
            for role in ("gamma", "beta") if each.op_type == "Mul" else ("beta",):
                array, shape = node.weights[role]
                changed = array * value if each.op_type == "Mul" else array + value
                node.weights[role] = changed, shape
            return True
        if node.kind == "dense" and each.op_type == "Add" and "bias" not in node.weights:
            node.weights["bias"] = value, value.shape
            return True
        return False

    def node(self, each: Any, given: dict[str, Any], constants: list[np.ndarray]) -> Node:
        """The node of one of theirs.  Raises ValueError for an operation not known here."""
        kind, name, x = each.op_type, each.name or each.output[0], each.input[0]
        if kind in ("Conv", "Gemm", "MatMul") and constants:
            return self.weighted(each, given, constants, name)
        if kind == "BatchNormalization":
            own = dict(zip(("gamma", "beta", "moving_mean", "moving_variance"), constants,
                           strict=True))  # fmt: skip
            fields = {"eps": short(given.get("epsilon", 1e-5))}
            return made(name, "batch norm", fields, own)
        if kind in ("MaxPool", "AveragePool"):
            return self.pool(each, given, name)
        if kind in ("Sum", "Add"):
            return made(name, "add")
        if kind == "LRN":
            size = given["size"]
            fields = {key: short(given.get(key, default)) for key, default in LRN.items()}
            fields |= {"size": size, "alpha": short(given.get("alpha", 1e-4) / size)}
            return made(name, "local response norm", fields)
        if kind in SHAPES and len(self.shapes[each.output[0]]) == 2:
            c, h, w = self.size(x)
            return made(name, "flatten", {"constants": [(h, w, c)]})
        if kind == "Clip" and clipped(given, constants) == (0, 6):
            return made(name, "relu6")
        plain = {"GlobalAveragePool": "global mean", "Concat": "concat", **ACTIVATIONS}
        if kind not in plain:
            raise ValueError(
                f"{self.model.path}: {name} is {kind}, an operation that convbook cannot read"
            )
        return made(name, plain[kind])

    def weighted(self, each: Any, given: dict[str, Any], constants: list[np.ndarray],
                 name: str) -> Node:  # fmt: skip
        kernel, *biases = constants
        bias = {"bias": biases[0].reshape(-1)} if biases else {}
        x, y = self.size(each.input[0]), self.size(each.output[0])
        if each.op_type != "Conv":
            kernel = kernel.T if given.get("transB") else kernel
            before = self.made.get(self.source_of(each.input[0]))
            if before and before.kind == "flatten":  # their maps are read channel by channel
                h, w, c = before.fields["constants"][0]
                kernel = kernel.reshape(c, h, w, -1).transpose(1, 2, 0, 3).reshape(h * w * c, -1)
            fields = {"channels": kernel.shape[0], "units": kernel.shape[1]}
            return made(name, "dense", fields, {"kernel": kernel} | bias)
        kernel, groups = kernel.transpose(2, 3, 1, 0), given.get("group", 1)
        h, w, c, f = kernel.shape
        if x[1:] == y[1:] == (h, w) == (1, 1) and groups == 1:
            fields = {"channels": c, "units": f}
            return made(name, "dense", fields, {"kernel": kernel.reshape(c, f)} | bias)
        fields = {"channels": c, "filters": f, "groups": groups}
        fields |= window(x[1:], y[1:], (h, w), given)
        return made(name, "convolution", fields, {"kernel": kernel} | bias)

    def pool(self, each: Any, given: dict[str, Any], name: str) -> Node:
        x, y, k = self.size(each.input[0]), self.size(each.output[0]), given["kernel_shape"]
        fields, mean = window(x[1:], y[1:], k, given), each.op_type == "AveragePool"
        if k == (1, 1):
            return made(name, "every other", fields)
        if mean and x[1:] == k and not any(given.get("pads", ())):
            return made(name, "global mean")
        if mean and any(map(sum, fields["pads"])):
            fields["counts its padding"] = bool(given.get("count_include_pad"))
        return made(name, "mean pool" if mean else "max pool", fields)


LRN = {"bias": 1.0, "beta": 0.75}


def made(name: str, kind: str, fields: dict[str, Any] | None = None,
         weights: dict[str, np.ndarray] | None = None) -> Node:  # fmt: skip
    own = {role: (array, array.shape) for role, array in (weights or {}).items()}
    return Node(name, kind, fields or {}, [], None, own)


def attribute(a: Any) -> Any:
    """The value of an attribute, lists as tuples."""
    from onnx import helper

    value = helper.get_attribute_value(a)
    return tuple(value) if isinstance(value, list) else value


def constant(each: Any, given: dict[str, Any], constants: list[np.ndarray]) -> np.ndarray:
    """What a node makes of constants alone."""
    from onnx import numpy_helper

    if each.op_type == "Constant":
        return numpy_helper.to_array(given["value"])
    if each.op_type == "ConstantOfShape":
        value = numpy_helper.to_array(given["value"]) if "value" in given else np.zeros(1, "f")
        return np.full(tuple(constants[0]), value[0])
    if each.op_type in SHAPES or each.op_type == "Identity":
        return constants[0]  # its values in their order
    raise ValueError(
        f"{each.name or each.output[0]}: convbook cannot compute {each.op_type} of constants"
    )


def short(value: float) -> float:
    """A number of single precision as it was written."""
    return float(f"{value:.6g}")


def clipped(given: dict[str, Any], constants: list[np.ndarray]) -> tuple[float, ...]:
    ends = constants or [given.get("min", -np.inf), given.get("max", np.inf)]
    return tuple(float(v) for v in ends)


def window(x: Shape, y: Shape, k: Shape, given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a window, as those of structure.window."""
    stride, dilation = given.get("strides", (1, 1)), given.get("dilations", (1, 1))
    return {"kernel": tuple(k), "stride": stride, "dilation": dilation,
            "pads": tuple(sides(x, y, k, stride, dilation, given))}  # fmt: skip


def sides(x: Shape, y: Shape, k: Shape, stride: Shape, dilation: Shape,
          given: dict[str, Any]) -> Iterator[tuple[int, int]]:  # fmt: skip
    """By how much a window reaches over each side, as far as it is read."""
    pads, auto = given.get("pads", (0, 0, 0, 0)), given.get("auto_pad", b"NOTSET")
    for i in (0, 1):
        total = (y[i] - 1) * stride[i] + (k[i] - 1) * dilation[i] + 1
        more = max(total - x[i], 0)
        near = {b"SAME_UPPER": more // 2, b"SAME_LOWER": -(-more // 2)}.get(auto, pads[i])
        yield near, total - x[i] - near
