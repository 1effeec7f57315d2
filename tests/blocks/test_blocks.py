"""Every public block: counts, sizes, gradients, saving and mixed precision, from the table."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import CASES, NAMES, NO_BLOCKS, build, fill, images, model_of, output_shape

from convbook import blocks
from convbook.architectures.graph.arithmetic import is_variable
from convbook.architectures.graph.calls import calls
from convbook.architectures.graph.layer_names import inside

every_case = pytest.mark.parametrize("i", range(len(CASES)), ids=NAMES)


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def mixed(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield keras.config.dtype_policy()
    keras.config.set_dtype_policy(before)


def test_table_holds_every_public_block():
    assert {case.name for case in CASES} == set(blocks.__all__) - NO_BLOCKS
    assert len(set(NAMES)) == len(NAMES)


@every_case
def test_weights_by_formula(i):
    kinds = {"gamma": "norm", "beta": "norm", "coefficient": "bias", "scale": "bias"}
    kinds |= {"gain": "bias"}
    kinds |= {"moving_mean": "moving", "moving_variance": "moving"}
    found = dict.fromkeys(("kernel", "bias", "norm", "moving"), 0)
    for v in model_of(i).weights:
        found[kinds.get(v.name, v.name.split("_")[-1])] += int(np.prod(v.shape))
    case = CASES[i]
    norm, moving = 2 * (case.bn + case.gn), 2 * case.bn
    assert found == {"kernel": case.weights, "bias": case.biases, "norm": norm, "moving": moving}


@every_case
def test_sizes_even_odd_and_unknown(i):
    """The output has the formula's size, and a model of unknown size gives the same."""
    case = CASES[i]
    free = None if case.fixed else fill(build(case, None, None))
    for height, width in ((case.n, case.n), (case.n + 1, case.n + 2)):
        x = images(case, height, width)
        model = model_of(i, height, width)
        y = model(x).numpy()
        assert model.output.shape[1:] == y.shape[1:] == output_shape(case, height, width)
        assert np.isfinite(y).all()
        if free:
            np.testing.assert_allclose(free(x), y, rtol=1e-5, atol=1e-5)


def shifts_nothing(model):
    """The variables that batch norm makes void: added to all pixels of a channel just before it,
    at most 1x1 convolutions, means of neighbours and concatenations between."""
    readers = {}
    for op, inputs, outputs in calls(model):
        for x in inputs:
            readers.setdefault(id(x), []).append((op, outputs))

    def void(y):
        (op, outputs), *more = readers.get(id(y), [(None, None)])
        linear = getattr(op, "kernel_size", None) == (1, 1) and op.activation.__name__ == "linear"
        keeps = keras.layers.Concatenate, keras.layers.AveragePooling2D
        linear = linear or isinstance(op, keeps)
        return not more and (isinstance(op, norm) or (linear and void(outputs[0])))

    norm = keras.layers.BatchNormalization
    for op, _, outputs in calls(model):
        added = op.beta if isinstance(op, norm) else getattr(op, "bias", None)
        plain = getattr(op, "activation", None) in (None, keras.activations.linear)
        if is_variable(added) and plain and void(outputs[0]):
            yield added.path
        if inside(op):  # the branch of a gate
            yield from shifts_nothing(inside(op))


def dense(gradient, variable):
    """A gradient as an array: TensorFlow's is None for a skipped branch, slices for a gather."""
    return np.zeros(variable.shape) if gradient is None else tf.convert_to_tensor(gradient).numpy()


def gradients(model, x, seed):
    """{path of a variable: its gradient, as a share of the largest in its layer}."""
    with tf.GradientTape() as tape:
        y = model(x, training=True)
        loss = tf.reduce_sum(y * np.random.default_rng(seed).normal(size=y.shape))
    variables = model.trainable_variables
    found = map(dense, tape.gradient(loss, variables), variables)
    values = {v.path: np.abs(g) for v, g in zip(variables, found, strict=True)}
    largest = {}
    for path, g in values.items():
        layer = path.rsplit("/", 1)[0]
        largest[layer] = max(largest.get(layer, 0), g.max())
    return {path: g / (largest[path.rsplit("/", 1)[0]] or 1) for path, g in values.items()}


@every_case
def test_every_weight_learns(i):
    """Each single weight has, for one of 16 random models, a gradient above 1e-4 of the largest
    in its layer; a bias that batch norm takes away again has none in any."""
    case, model = CASES[i], model_of(i)
    void, dead = set(shifts_nothing(model)), None
    for seed in range(16):
        x = images(case, case.n, case.n, batch=8, seed=seed)
        shares = gradients(fill(model, seed), x, seed)
        assert all(shares[path].max() < 1e-4 for path in void)
        small = {path: g <= 1e-4 for path, g in shares.items() if path not in void}
        dead = {path: g & dead[path] if dead else g for path, g in small.items()}
        if not any(g.any() for g in dead.values()):
            return
    assert not {path: f"{g.sum()} of {g.size}" for path, g in dead.items() if g.any()}


@every_case
def test_saved_and_loaded_gives_the_same(i, tmp_path):
    model = model_of(i)
    x = images(CASES[i], CASES[i].n, CASES[i].n)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    assert [v.shape for v in loaded.weights] == [v.shape for v in model.weights]


@every_case
def test_mixed_precision(i, mixed):
    """Outputs and gradients are finite, and are computed in float16 or bfloat16."""
    case = CASES[i]
    model = fill(build(case, case.n, case.n))
    with tf.GradientTape() as tape:
        y = model(images(case, case.n, case.n), training=True)
        loss = tf.reduce_mean(tf.cast(y, "float32"))
    assert y.dtype == ("float32" if case.name.startswith("aux_head") else mixed.compute_dtype)
    assert np.isfinite(tf.cast(y, "float32")).all()
    variables = model.trainable_variables
    found = map(dense, tape.gradient(loss, variables), variables)
    assert all(np.isfinite(g).all() for g in found)
    assert all(v.dtype == "float32" for v in variables)
