"""The choice of devices, what is refused on them, and the shares of the data."""

from types import SimpleNamespace

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from convbook.training.devices import strategy
from convbook.training.devices.cluster import Cluster
from convbook.training.devices.strategy import rows_of_share, steps_of


def test_a_tpu_is_joined_as_tensorflow_asks(monkeypatch):
    calls = []

    def stub(name):
        return lambda *given: calls.append((name, *given)) or f"a {name}"

    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", stub("resolver"))
    monkeypatch.setattr(tf.config, "experimental_connect_to_cluster", stub("connection"))
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", stub("system"))
    monkeypatch.setattr(tf.distribute, "TPUStrategy", stub("strategy"))
    assert strategy.choose(tpu="mine") == "a strategy"
    steps = [("connection", "a resolver"), ("system", "a resolver"), ("strategy", "a resolver")]
    assert calls == [("resolver", "mine"), *steps]
    with pytest.raises(ValueError, match="--tpu 'mine' with several workers"):
        strategy.choose(Cluster(("a:1", "b:1"), 0), "mine")


REFUSED = {
    "gradient_accumulation_steps": 2,
    "ema_overwrite_frequency": 1,
    "steps_per_execution": 2,
    "jit_compile": True,
}


@pytest.mark.parametrize("name", strategy.REFUSED)
def test_what_fails_on_several_devices_is_refused(name):
    one, two = (SimpleNamespace(num_replicas_in_sync=n) for n in (1, 2))
    options = {"batch_size": 8, name: REFUSED[name]}
    strategy.refuse(options, one)
    strategy.refuse({"batch_size": 8, "steps_per_execution": 1, "jit_compile": False}, two)
    with pytest.raises(
        ValueError, match=f"{name}={REFUSED[name]}.*2 here.*: {strategy.REFUSED[name][:5]}"
    ):
        strategy.refuse(options, two)


def test_a_batch_must_fall_into_equal_shares():
    three = SimpleNamespace(num_replicas_in_sync=3)
    strategy.refuse({"batch_size": 12, "accumulate": 2}, three)
    with pytest.raises(ValueError, match="10: must be a multiple of 3, for 3 devices, such as 9"):
        strategy.refuse({"batch_size": 10}, three)
    with pytest.raises(ValueError, match=r"15: must be a multiple of 6, .* in 2 parts, such as 12"):
        strategy.refuse({"batch_size": 15, "accumulate": 2}, three)
    one = SimpleNamespace(num_replicas_in_sync=1)
    with pytest.raises(ValueError, match=r"64: must be .* 7, for 1 device in 7 parts, such as 63"):
        strategy.refuse({"batch_size": 64, "accumulate": 7}, one)


@given(st.integers(1, 200), st.integers(1, 70), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_rows_are_taken_once(images, batch, shares):
    if images < shares:
        with pytest.raises(ValueError, match=f"{images} images are too few for {shares}"):
            steps_of(images, batch, shares)
        return
    steps = steps_of(images, batch, shares)
    parts = [
        rows_of_share(images, i, steps, j, shares) for i in range(steps) for j in range(shares)
    ]
    assert [row for part in parts for row in range(*part)] == list(range(images))
    assert all(first < last for first, last in parts)
    assert max(b - a for a, b in parts) <= max(-(-batch // shares), 2)


def test_data_is_not_tuned_while_it_runs():
    """See strategy.distribute: the end of the iterator would wait for TensorFlow's tuner."""
    one = tf.distribute.get_strategy()
    data = strategy.distribute(one, lambda share, shares: tf.data.Dataset.range(3))
    assert data.options().autotune.enabled is False
    assert [int(v) for v in data.take(4)] == [0, 1, 2, 0]


@pytest.mark.parametrize("devices", range(1, 9))
def test_no_device_evaluates_nothing(devices):
    """For any number of images, batches have about the requested size, and no share is empty."""
    for images in range(devices, 300):
        batch = strategy.evaluation_batch(images, devices, most=32)
        assert batch % devices == 0
        assert batch <= 2 * 32
        for first in range(0, images, batch):
            rows = min(batch, images - first)
            shares = [rows * (i + 1) // devices - rows * i // devices for i in range(devices)]
            assert min(shares) > 0
    with pytest.raises(ValueError, match=f"{devices + 1} devices: give more, or train on fewer"):
        strategy.evaluation_batch(devices, devices + 1)
