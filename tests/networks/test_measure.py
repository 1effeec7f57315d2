"""measure, compared with formulas, other libraries' models, and the pixels that reach an output."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from convbook import architectures
from convbook.architectures import measure
from convbook.architectures.graph.private import layers_within, node_lists
from convbook.blocks.legacy import StochasticDepth as GateOfOld


def model_of(shape, *stack):
    i = x = keras.Input(shape)
    for layer in stack:
        x = layer(x)
    return keras.Model(i, x)


# Each layer on an input, with its kernels' size and its multiply-adds by hand.
LAYERS = [
    ((8, 8, 3), layers.Conv2D(4, 3), 9 * 3 * 4, 36 * 9 * 3 * 4),
    ((8, 8, 3), layers.Conv2D(4, (1, 7), 2, "same"), 7 * 3 * 4, 16 * 7 * 3 * 4),
    ((9, 8, 4), layers.Conv2D(6, 3, groups=2), 9 * 2 * 6, 7 * 6 * 9 * 2 * 6),
    ((8, 3), layers.Conv1D(4, 5), 5 * 3 * 4, 4 * 5 * 3 * 4),
    ((4, 5, 6, 2), layers.Conv3D(3, 2), 8 * 2 * 3, 3 * 4 * 5 * 8 * 2 * 3),
    ((8, 8, 3), layers.DepthwiseConv2D(3, depth_multiplier=2), 9 * 3 * 2, 36 * 9 * 3 * 2),
    ((8, 3), layers.DepthwiseConv1D(3), 3 * 3, 6 * 3 * 3),
    ((8, 8, 3), layers.SeparableConv2D(4, 3), 27 + 12, 36 * (27 + 12)),
    ((8, 3), layers.SeparableConv1D(4, 3), 9 + 12, 6 * (9 + 12)),
    ((8, 8, 3), layers.Conv2DTranspose(4, 3, 2), 9 * 3 * 4, 64 * 9 * 3 * 4),
    ((8, 3), layers.Conv1DTranspose(4, 3, 2), 3 * 3 * 4, 8 * 3 * 3 * 4),
    ((5,), layers.Dense(7), 35, 35),
    ((8, 8, 5), layers.Dense(7), 35, 64 * 35),
    ((8, 8, 3), layers.BatchNormalization(), 0, 0),
    ((8, 8, 3), layers.PReLU(), 0, 0),
]


@pytest.mark.parametrize(("shape", "layer", "weights", "macs"), LAYERS)
def test_layers(shape, layer, weights, macs):
    model = model_of(shape, type(layer).from_config(layer.get_config()))
    found = measure(model)
    assert (found.weights, found.macs) == (weights, macs)
    assert found.total == model.count_params()
    assert found.output_shape == model.output_shape
    sizes = [np.prod(t.shape[1:]) for t in (model.input, model.output)]
    assert found.activation_bytes == 4 * sum(sizes)


def test_weights_without_values_are_counted_and_not_drawn():
    """Counting a model that was built for its shapes alone draws no initial values."""
    drawn = []

    def draw(shape, dtype=None):
        drawn.append(shape)
        return ops.zeros(shape, dtype)

    class Own(layers.Layer):
        def build(self, shape):
            self.dense = layers.Dense(7, kernel_initializer=draw)
            self.dense.build(shape)

        def call(self, x):
            return self.dense(x)

    with keras.StatelessScope(initialize_variables=False):
        model = model_of((5,), Own())
    drawn.clear()
    assert measure(model).macs == 35
    assert drawn == []
    with keras.StatelessScope():  # whose end draws what has no value yet
        pass
    assert drawn == [(5, 7)]


def test_layers_that_count_their_own():
    @keras.saving.register_keras_serializable("tests")
    class Own(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(10,))
            self.scale = self.add_weight(shape=(5,))

        def call(self, x):
            return x

        def macs(self, input_shape, output_shape):
            return 3 * input_shape[1] + output_shape[2]

    found = measure(model_of((8, 6, 3), Own()))
    assert (found.weights, found.macs, found.total) == (10, 30, 15)


def of_itself(layer):
    """A layer of several inputs that reads one tensor as all of them."""
    return lambda x: layer(x, x)


ATTENTION = 3 * 5 * 16 * 16 + 2 * (2 * 5 * 5 * 8) + 5 * 16 * 16  # projections, scores, sums, output
GROUPED = 2 * 5 * 16 * 32 + 2 * 5 * 16 * 16 + 2 * (4 * 5 * 5 * 8)  # 4 queries, 2 keys and values
LSTM, GRU = 4 * (3 * 5 + 5 * 5), 3 * (3 * 5 + 5 * 5)  # of 3 numbers into 5, a step
# Layers within layers: a name, an input, what is built on it, kernels and multiply-adds by hand.
NESTED = [
    ("time", (7, 3), layers.TimeDistributed(layers.Dense(4)), 12, 7 * 12),
    (
        "time and space",
        (5, 8, 8, 3),
        layers.TimeDistributed(layers.Conv2D(4, 3, 2)),
        *(9 * 3 * 4, 5 * 3 * 3 * 9 * 3 * 4),
    ),
    (
        "time in time",
        (2, 7, 3),
        layers.TimeDistributed(layers.TimeDistributed(layers.Dense(4))),
        *(12, 14 * 12),
    ),
    ("simple recurrent", (6, 3), layers.SimpleRNN(5), 15 + 25, 6 * (15 + 25)),
    ("LSTM", (6, 3), layers.LSTM(5), LSTM, 6 * LSTM),
    ("GRU", (6, 3), layers.GRU(5, return_sequences=True), GRU, 6 * GRU),
    ("both ways", (6, 3), layers.Bidirectional(layers.LSTM(5)), 2 * LSTM, 2 * 6 * LSTM),
    (
        "stacked cells",
        (6, 3),
        layers.RNN([layers.LSTMCell(5), layers.GRUCell(2)]),
        *(LSTM + 3 * (10 + 4), 6 * (LSTM + 3 * (10 + 4))),
    ),
    (
        "convolutions in time",
        (3, 8, 8, 2),
        layers.ConvLSTM2D(4, 3, padding="same"),
        *(4 * 9 * (2 + 4) * 4, 3 * 64 * 4 * 9 * (2 + 4) * 4),
    ),
    ("attention", (5, 16), of_itself(layers.MultiHeadAttention(2, 8)), 4 * 16 * 16, ATTENTION),
    (
        "attention with its scores",
        (5, 16),
        of_itself(layers.MultiHeadAttention(2, 8, dropout=0.1)),
        *(4 * 16 * 16, ATTENTION),
    ),
    (
        "grouped attention",
        (5, 16),
        of_itself(layers.GroupQueryAttention(8, 4, 2)),
        *(2 * 16 * 32 + 2 * 16 * 16, GROUPED),
    ),
    ("bare attention", (5, 16), lambda x: layers.Attention()([x, x]), 0, 2 * 5 * 5 * 16),
    (
        "attention by sums",
        (5, 16),
        lambda x: layers.Attention(score_mode="concat")([x, x]),
        *(0, 5 * 5 * 16),
    ),
    (
        "attention to what is longer",
        (5, 16),
        lambda x: layers.MultiHeadAttention(2, 8, 4)(x, layers.ZeroPadding1D(1)(x)),
        *(16 * (16 + 16 + 8) + 8 * 16, 16 * (5 * 16 + 7 * 16 + 7 * 8) + 5 * 8 * 16 + 35 * 2 * 12),
    ),
    (
        "attention of maps",
        (2, 3, 16),
        of_itself(layers.MultiHeadAttention(2, 8, attention_axes=(1, 2))),
        *(4 * 16 * 16, 4 * 6 * 16 * 16 + 2 * (2 * 6 * 6 * 8)),
    ),
    (
        "attention of rows",
        (2, 3, 16),
        of_itself(layers.MultiHeadAttention(2, 8, attention_axes=2)),
        *(4 * 16 * 16, 4 * 6 * 16 * 16 + 2 * (2 * 6 * 3 * 8)),
    ),
    ("einsum dense", (5, 16), layers.EinsumDense("abc,cd->abd", (None, 7)), 16 * 7, 5 * 16 * 7),
    ("with an ellipsis", (4, 5, 6), layers.EinsumDense("...x,xy->...y", 7), 42, 4 * 5 * 42),
    ("a table", (5,), layers.Embedding(10, 4), 0, 0),
    ("dot", (5, 16), lambda x: layers.Dot(2)([x, x]), 0, 5 * 5 * 16),
    ("matmul", (5, 16), lambda x: x @ ops.transpose(x, (0, 2, 1)), 0, 5 * 5 * 16),
    ("einsum", (5, 16), lambda x: ops.einsum("nij,nkj->nik", x, x), 0, 5 * 5 * 16),
    ("a sum by einsum", (5, 16), lambda x: ops.einsum("nij->n", x), 0, 0),
    ("tensordot", (5, 16), lambda x: ops.tensordot(x, np.ones((16, 3)), 1), 0, 5 * 16 * 3),
    ("convolution", (8, 8, 3), lambda x: ops.conv(x, np.ones((3, 3, 3, 4))), 0, 36 * 9 * 3 * 4),
    ("a function", (8, 8), layers.Lambda(lambda x: ops.matmul(x, x)), 0, 8 * 8 * 8),
    ("the batch folded", (8, 6), lambda x: layers.Dense(5)(ops.reshape(x, (-1, 3))), 15, 16 * 15),
    ("normalised kernels", (8,), layers.SpectralNormalization(layers.Dense(3)), 24, 24),
]


@pytest.mark.parametrize(("shape", "on", "weights", "macs"), [row[1:] for row in NESTED],
                         ids=[row[0] for row in NESTED])  # fmt: skip
def test_layers_within_layers(shape, on, weights, macs):
    model = model_of(shape, on)
    before = len(model.layers)
    found = measure(model)
    assert (found.weights, found.macs, found.uncounted) == (weights, macs, [])
    assert found.total == model.count_params()
    assert measure(model) == found  # nothing is left over
    assert len(keras.Model(model.input, model.output).layers) == before


class Residual(layers.Layer):
    """relu(x + bn(conv(conv(x)))), its parts of one name, as in people's own code."""

    def __init__(self, **options):
        super().__init__(**options)
        self.one = layers.Conv2D(4, 3, padding="same", name="conv")
        self.rest = [layers.Conv2D(4, 3, padding="same", name="conv"), layers.BatchNormalization()]

    def build(self, shape):
        for part in (self.one, *self.rest):
            part.build(shape)
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign(self.calls + 1)
        m = self.one(x)
        for part in self.rest:
            m = part(m)
        return ops.relu(x + m)


class Windows(layers.Layer):
    """Dense 5 of each 2 x 2 window, and all pairs of positions in it, the windows as a batch."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(5)

    def build(self, shape):
        self.dense.build((None, 4, shape[-1]))

    def call(self, x):
        _, h, w, c = x.shape
        x = ops.reshape(x, (-1, h // 2, 2, w // 2, 2, c))
        x = self.dense(ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 4, c)))
        return ops.reshape(x @ ops.transpose(x, (0, 2, 1)), (-1, h * w * 4))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv, self.dense = layers.Conv2D(2, 3), layers.Dense(3)

    def call(self, x):
        return self.dense(self.conv(x))


class Squared(layers.Conv2D):
    def call(self, x):
        return super().call(x) ** 2


OWN = {  # a layer, its kernels, its multiply-adds and what one output sees, by hand
    "residual": (Residual, 2 * 9 * 16, 64 * 2 * 9 * 16, 5),
    "windows": (Windows, 20, 16 * (4 * 20 + 4 * 4 * 5), 1),
    "model": (Subclassed, 9 * 8 + 6, 36 * (9 * 8 + 6), 3),
    "subclass": (lambda: Squared(4, 3), 9 * 16, 36 * 9 * 16, 3),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_layer_of_ones_own(kind):
    make, weights, macs, field = OWN[kind]
    layer = make()
    model = model_of((8, 8, 4), layer)
    state = [ops.convert_to_numpy(v).copy() for v in layer.variables]
    found = measure(model)
    assert (found.weights, found.macs, found.uncounted) == (weights, macs, [])
    assert (found.total, found.receptive_field) == (model.count_params(), field)
    for before, after in zip(state, layer.variables, strict=True):
        np.testing.assert_array_equal(before, after)  # no state moved
    assert not [part for part in layers_within(layer) if part is not layer and node_lists(part)[0]]


def test_two_of_a_kind_within_another():
    stack = keras.Sequential([Residual(), Residual()])
    found = measure(model_of((8, 8, 4), stack))
    assert (found.weights, found.macs) == (4 * 9 * 16, 64 * 4 * 9 * 16)
    assert found.receptive_field == 9


class Foreign(layers.Layer):
    """A layer that computes outside of Keras, so that its operations cannot be read."""

    def call(self, x):
        return keras.ops.convert_to_tensor(np.asarray(x) @ np.ones((4, 4)))

    def compute_output_shape(self, shape):
        return shape


class Holds(layers.Layer):
    def __init__(self, part, **options):
        super().__init__(**options)
        self.part = part

    def build(self, shape):
        self.part.build(shape)

    def call(self, x):
        return self.part(x)

    def compute_output_shape(self, shape):
        return shape


# What cannot be counted: how it is built on x, and the names that say so.
UNKNOWN = {
    "past Keras": (Foreign(name="foreign"), ["foreign"]),
    "inside another": (Holds(Foreign(name="foreign"), name="outer"), ["outer/foreign"]),
    "spectrum": (lambda x: ops.rfft(x)[0], ["rfft"]),
    "decomposition": (lambda x: ops.svd(x)[1], ["svd"]),
    "a loop": (lambda x: ops.map(lambda y: y @ y, x), ["map"]),
    "three factors": (lambda x: ops.einsum("nij,njk,nkl->nil", x, x, x), ["einsum"]),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_counted_is_said(case):
    on, names = UNKNOWN[case]
    i = keras.Input((4, 4))
    x = on(layers.Dense(4, name="stem_dense")(i))
    found = measure(keras.Model(i, layers.Dense(2, name="head_dense")(layers.Flatten()(x))))
    own = 4 * 16 + found.stages["head"].macs
    assert (found.macs, [name.split("_")[0] for name in found.uncounted]) == (own, names)
    stages = {s: part.uncounted for s, part in found.stages.items() if part.uncounted}
    assert list(stages.values()) == [found.uncounted]
    assert not found.stages["stem"].uncounted


def test_a_batch_of_its_own():
    """The counts are those of one image."""
    i = keras.Input(batch_shape=(4, 8, 8, 3))
    found = measure(keras.Model(i, layers.Conv2D(2, 3)(i)))
    assert (found.macs, found.activation_bytes) == (36 * 54, 4 * (64 * 3 + 36 * 2))
    assert found.output_shape == (4, 6, 6, 2)


# Class, options and the name it has in facts.json.
APPLICATIONS = [
    ("ResNet50", {}, "ResNet50"),
    ("ResNet50V2", {}, "ResNet50V2"),
    ("InceptionV3", {}, "InceptionV3"),
    ("Xception", {}, "Xception"),
    ("DenseNet121", {}, "DenseNet121"),
    ("MobileNet", {}, "MobileNet_1.0"),
    ("MobileNetV2", {}, "MobileNetV2_1.0"),
    ("NASNetMobile", {}, "NASNetMobile"),
]


@pytest.mark.parametrize(("name", "options", "entry"), APPLICATIONS)
def test_keras_applications(name, options, entry):
    """Counts and multiply-adds that others have computed for these models in other ways."""
    known = {
        i["name"]: i
        for of in architectures.catalog.all_facts().values()
        for i in of.get("implementations", ())
        if i["library"].startswith("keras.applications")
    }[entry]
    found = measure(getattr(keras.applications, name)(weights=None, **options))
    expected = {key: known[key] for key in ("total", "trainable", "macs")}
    assert {key: found[key] for key in expected} == expected


def test_stages_add_up():
    found = measure(architectures.create("resnet20"))
    for key in ("weights", "trainable", "total", "macs"):
        assert sum(stage[key] for stage in found.stages.values()) == found[key]
    stages = sum(stage.activation_bytes for stage in found.stages.values())
    assert stages + 4 * 32 * 32 * 3 == found.activation_bytes
    assert found["macs"] is found.macs
    with pytest.raises(AttributeError):
        found.nonsense  # noqa: B018


def test_activation_bytes():
    """Outputs of the input, conv, relu, pool and flatten; an Identity makes nothing."""
    model = model_of(
        (8, 8, 3),
        *(layers.Conv2D(4, 3), layers.Identity(), layers.ReLU(), layers.MaxPooling2D()),
        layers.Flatten(),
    )
    assert measure(model).activation_bytes == 4 * (192 + 144 + 144 + 36 + 36)


def test_shared_and_nested():
    """Shared weights count once and their work at each call; a nested model may know no size."""
    inner = model_of((None, None, 4), layers.Conv2D(4, 3, padding="same"), layers.Conv2D(4, 1))
    shared = layers.Conv2D(4, 1, name="shared")
    i = keras.Input((8, 8, 4))
    x = inner(shared(shared(i)))
    model = keras.Model(i, layers.Dense(2)(layers.GlobalAveragePooling2D()(inner(x))))
    found = measure(model)
    one, block = 4 * 4, 9 * 4 * 4 + 4 * 4
    assert found.weights == one + block + 8
    assert found.macs == 64 * (2 * one + 2 * block) + 8
    assert found.total == model.count_params()
    assert found.receptive_field == 5
    assert found.output_shape == (None, 2)
    sizes = [256] * (1 + 2 + 2 * 2) + [4, 2]
    assert found.activation_bytes == 4 * sum(sizes)
    assert measure(keras.Sequential([keras.Input((8, 8, 4)), inner])).weights == block


@pytest.mark.parametrize("shortcut", [False, True])
def test_gates_saved_before(shortcut):
    """Gates of older files add the shortcut, and apply the activation, themselves."""
    i = keras.Input((8, 8, 4))
    x = keras.Input((8, 8, 4))
    gate = GateOfOld(keras.Model(x, layers.Conv2D(4, 3, padding="same")(x)), 0.5, "relu")
    y = gate([layers.Conv2D(4, 1)(i), i] if shortcut else i)
    found = measure(keras.Model(i, y))
    assert found.macs == 64 * (9 * 16 + 16 * shortcut)
    assert found.activation_bytes == 4 * 256 * (4 + shortcut)  # input, convolutions, sum, relu
    assert (found.receptive_field, found.uncounted) == (3, [])


def test_several_outputs():
    i = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(i)
    found = measure(keras.Model(i, [layers.Conv2D(2, 3)(x), layers.Flatten()(x)]))
    assert found.output_shape == [(None, 4, 4, 2), (None, 144)]
    assert found.receptive_field == 5


def test_unknown_sizes():
    with pytest.raises(ValueError, match="input shape"):
        measure(architectures.create("resnet20", input_shape=(None, None, 3)))
    with pytest.raises(ValueError, match="functional"):
        measure(keras.Model())


def branches(x):
    """A short and a long path, as in Inception."""
    b1 = layers.Conv2D(2, 1, kernel_initializer="ones")(x)
    b2 = layers.Conv2D(2, 5, padding="same", kernel_initializer="ones")(x)
    return layers.Concatenate()([b1, b2])


FIELDS = {
    "strides": [layers.Conv2D(2, 3, 2), layers.AveragePooling2D(2), layers.Conv2D(2, 3)],
    "dilation": [layers.Conv2D(2, 3, dilation_rate=4), layers.AveragePooling2D(3, 1)],
    "oblong": [layers.Conv2D(2, (1, 7)), layers.Conv2D(2, (3, 1), (2, 1)), layers.Conv2D(2, 3)],
    "depthwise": [layers.SeparableConv2D(2, 3, 2), layers.DepthwiseConv2D(5)],
    "branches": [layers.Conv2D(2, 3, 2), branches, layers.Conv2D(2, 3)],
    "slices": [layers.Conv2D(2, 3), lambda x: x[:, ::2, ::2], layers.Conv2D(2, 3)],
    "up": [layers.Conv2D(2, 3, 2), layers.UpSampling2D(2), layers.Conv2D(2, 3)],
    "transposed": [layers.Conv2D(2, 3, 2), layers.Conv2DTranspose(2, 4, 2), layers.Conv2D(2, 3)],
}


@pytest.mark.parametrize("stack", FIELDS)
def test_receptive_field_is_what_reaches_an_output(stack):
    """A net of ones: one pixel at a time, which rows and columns move a position in the middle."""
    model = model_of((48, 48, 1), *FIELDS[stack])
    for w in model.weights:
        w.assign(keras.ops.zeros_like(w) if w.name == "bias" else keras.ops.ones_like(w))
    found = measure(model).receptive_field
    seen = []
    for axis in (0, 1):
        x = np.zeros((48, 48, 48, 1), "float32")  # image i has row (or column) i of ones
        for i in range(48):
            x[i].swapaxes(0, axis)[i] = 1
        rows, columns = (n // 2 for n in model.output_shape[1:3])
        around = model.predict(x, verbose=0)[:, rows : rows + 2, columns : columns + 2]
        moved = around.max(-1) > 0
        first, last = moved.argmax(0), 47 - moved[::-1].argmax(0)
        seen.append((last - first + 1).max())  # dilation leaves holes between
    assert seen == list(found if isinstance(found, tuple) else (found, found))


def test_receptive_field_stops_at_the_last_map():
    """Squeeze-and-excitation sees the whole image, but is no path of the map."""
    plain, excited = (architectures.create("resnet20", se=se) for se in (None, 4))
    assert measure(plain).receptive_field == measure(excited).receptive_field == 81
    assert measure(model_of((5,), layers.Dense(2))).receptive_field is None
    whole = model_of((9, 9, 1), layers.Conv2D(1, 3), layers.Flatten(), layers.Reshape((7, 7, 1)))
    assert measure(whole).receptive_field == 3
