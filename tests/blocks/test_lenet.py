"""The parts of LeNet-5: connection table, subsampling, codes."""

import keras
import numpy as np
import pytest

from convbook import architectures
from convbook.blocks import lenet


def images(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def test_squash():
    """Its constants are such that it maps 1 to 1 and -1 to -1: LeNet-5, appendix A."""
    np.testing.assert_allclose(lenet.squash(np.array([-1.0, 0.0, 1.0])), [-1, 0, 1], atol=1e-4)


def test_each_map_of_c3_sees_what_table_i_says():
    """A change of one input map moves just the output maps whose row lists it: 60 links."""
    i = keras.Input((14, 14, 6))
    model = keras.Model(i, lenet.partial_conv(i))
    assert model.count_params() == 1516
    assert sum(map(len, lenet.C3)) == 60
    x = images(1, 14, 14, 6)
    before = model(x).numpy()
    for m in range(6):
        changed = x.copy()
        changed[..., m] += 1
        moved = np.abs(model(changed) - before).max(axis=(0, 1, 2)) > 1e-6
        assert [m in row for row in lenet.C3] == moved.tolist()
        assert moved.sum() == 10  # each map of S2 feeds ten of C3


def test_partial_conv_refuses_a_bad_table():
    with pytest.raises(ValueError, match="table="):
        lenet.partial_conv(keras.Input((14, 14, 6)), table=((0, 6),))


@pytest.mark.parametrize(
    ("variant", "c3"), [(None, [100] * 16), ("c3_fully_connected_softmax", [150])]
)
def test_kernels_start_as_the_paper_says(variant, c3):
    """Kernels of C1, C3, C5 and F6 are uniform within 2.4 / fan-in: appendix A."""
    model = architectures.create("lenet5", variant=variant)
    kernels = [w for w in model.weights if w.name == "kernel" and "logits" not in w.path]
    for w, fan_in in zip(kernels, [25, *c3, 400, 120], strict=True):
        most = np.abs(w.numpy()).max() * fan_in / 2.4
        assert 0.85 < most <= 1 + 1e-6, w.path
        assert abs(w.numpy().std() * fan_in / 2.4 * 3**0.5 - 1) < 0.25, w.path


@pytest.mark.parametrize("size", [4, 5])
def test_subsample(size):
    i = keras.Input((size, size, 3))
    model = keras.Model(i, lenet.subsample(i, a=None))
    layer = model.layers[-1]
    coefficient, bias = images(2, 3)
    layer.set_weights([coefficient, bias])
    x = images(2, size, size, 3)
    sums = x[:, :4, :4].reshape(2, 2, 2, 2, 2, 3).sum(axis=(2, 4))
    np.testing.assert_allclose(model(x), sums * coefficient + bias, rtol=1e-4, atol=1e-5)
    assert model.count_params() == 6


def test_radial_basis():
    codes = images(4, 7)
    i = keras.Input((7,))
    model = keras.Model(i, lenet.radial_basis(i, codes=codes.tolist()))
    x = images(3, 7)
    distances = ((x[:, None] - codes) ** 2).sum(-1)
    np.testing.assert_allclose(model(x), -distances, rtol=1e-4, atol=1e-5)
    assert model.weights == []
    with pytest.raises(ValueError, match="codes"):
        lenet.radial_basis(i)


def test_codes_are_ten_pictures_far_apart():
    codes = np.array(lenet.digit_codes())
    assert codes.shape == (10, 7 * 12)
    assert set(codes.ravel()) == {-1, 1}
    different = (codes[:, None] != codes[None]).sum(-1)
    assert different[~np.eye(10, dtype=bool)].min() >= 10
