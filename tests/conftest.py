"""What every test starts from: one thread, two virtual CPUs, a fresh Keras."""

import gc
import os

import pytest
from hypothesis import settings
from tiers import is_long, is_slow, needs_newer_keras

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")
# Sums come out in the same order on any number of cores; pytest-xdist is what fills them.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

settings.register_profile("cookbook", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("cookbook")


def pytest_configure(config):
    """Two virtual CPUs for MirroredStrategy, before anything starts TensorFlow.

    All else runs on the first of them with the same results to the last bit.
    """
    if config.getoption("numprocesses", None):
        return  # the process that only hands out tests to its workers, which come here too
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    import keras

    old = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15)
    for item in items:
        if old and (why := needs_newer_keras(item.path, item.name)):
            item.add_marker(pytest.mark.skip(reason=why))
        if is_slow(item.path, item.name):
            item.add_marker(pytest.mark.slow)
            if is_long(item.path, item.name):
                item.add_marker(pytest.mark.long)


def pytest_collection_finish():
    """The garbage collector no longer looks through what was imported, at every big network."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(autouse=True)
def fresh():
    """Each test has its own layer names, the default precision and the same random seed."""
    import keras
    from private import kernels_kept

    with kernels_kept():
        keras.backend.clear_session(free_memory=False)  # collecting takes 0.1 s a test
        keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    registered = dict(keras.saving.get_custom_objects())
    yield
    # Pasted texts that a test runs register their layers under the names of ours
    keras.saving.get_custom_objects().update(registered)
