"""Two virtual devices under MirroredStrategy, and data for them.  Import this first, in a separate
process: a second MirroredStrategy object would take the first one's keys."""

import numpy as np
import tensorflow as tf

from convbook.blocks import BN

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
rng = np.random.default_rng(0)
images = rng.normal(size=(32, 8, 8, 3)).astype("float32")
codes = rng.integers(0, 4, size=32)
together = BN | {"synchronized": True}
