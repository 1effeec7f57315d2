# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Training at scale
#
# Does training at scale change what a network learns? Several devices, several machines, half
# precision, batches that do not fit in memory, runs that are killed: none of them should. We try
# each with a small network on scikit-learn's digits and two virtual CPU devices, and compare the
# weights with those of an uninterrupted run on one device. For more cases, and for what does not
# work, see [several devices and several machines](../docs/strategies.md).

# %%
import os
import re
import signal
import subprocess
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from convbook import blocks
from convbook.beside import check, code, digits, figure, grid
from convbook.training.devices import cluster, multiworker, norms
from convbook.training.devices.accumulate import Accumulated

tf.get_logger().setLevel("ERROR")
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
two = multiworker.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2

# %% [markdown]
# ## The run that all others must equal
#
# The reference run trains a 3x3 convolution and two residual blocks on 512 digits of 8 x 8 pixels,
# in batches of 64 in a fixed order. Two epochs of SGD at 0.05 with momentum 0.9 make 16 steps.
# Training amplifies rounding errors: we had predicted that a first run in float32 would agree to
# 1e-5, but two devices differed by 5e-4. Was it rounding or a bug? Float64 tells the two apart. So
# all runs here use float64 unless stated otherwise. Weights and moving statistics that should be
# equal agree to 1e-9, after training has moved the weights by more than 0.01.

# %%
x, y, *_ = digits(8)
x, y = x[:512], y[:512]


def calculate_in(dtype):
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def net(n=blocks.BN, make=keras.Model, head=None):
    i = keras.Input((8, 8, 1))
    m = blocks.basic_block(blocks.conv(i, 8, k=3, n=n), 8, n=n)
    m = blocks.gavgpool(blocks.basic_block(m, 16, s=2, n=n))
    return make(i, keras.layers.Dense(10, dtype=head)(m))


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    return model


def trained(model):
    """The weights of a model after its 16 steps."""
    compiled(model).fit(x, y, batch_size=64, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


def apart(ones, others):
    """The largest difference of a weight."""
    return float(max(np.abs(a - b).max() for a, b in zip(ones, others, strict=True)))


calculate_in("float64")
keras.utils.set_random_seed(0)
model = net()
start, one, found = model.get_weights(), trained(model), {}
moved = apart(start, one)
assert moved > 0.01

# %% [markdown]
# ## Several devices
#
# Each replica takes half of the batch, and the devices add up their gradients. Batch norm must take
# its statistics over both halves, or each replica computes a different network; `norms.synchronize`
# sets this for a built model. Without it the weights differ, by design.

# %%
code(norms.synchronize)


# %%
def on_two(together=True):
    with two.scope():
        model = net()
        model.set_weights(start)
        norms.synchronize(model, together)
        return trained(model)


found["two devices"] = apart(one, on_two())
found["two devices, separate batch norm"] = apart(one, on_two(False))
calculate_in("float32")
model = net()
model.set_weights(start)
found["two devices, float32"] = apart(trained(model), on_two())
calculate_in("float64")
assert found["two devices"] < 1e-9
assert found["two devices, separate batch norm"] > 1e-3
assert found["two devices, float32"] < 1e-2
grid(["run", "largest difference from one device"], found.items())

# %% [markdown]
# ## Several machines
#
# We run two workers, here as two processes on one machine. Both run the same program.
# `cluster.find` says which worker it is; the first is the chief, and in a real run only the chief
# writes files. The workers read the model from a file, with its initial weights and its optimizer.
# `fit` gives each worker its half of every batch.

# %%
PROGRAM = """
import sys
import keras
import numpy as np
from convbook.training.devices import cluster, norms, strategy

folder, workers, index = sys.argv[1:]
keras.config.set_floatx("float64")
devices = strategy.choose(cluster.find(workers, int(index)), seconds=120)
with devices.scope():
    model = keras.models.load_model(f"{folder}/start.keras")
data = np.load(f"{folder}/data.npz")
model.fit(data["x"], data["y"], batch_size=64, epochs=2, shuffle=False, verbose=0)
np.savez(f"{folder}/{index}.npz", *model.get_weights())
"""
environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}

# %%
with tempfile.TemporaryDirectory() as folder:
    model = compiled(net())
    model.set_weights(start)
    norms.synchronize(model)
    model.save(f"{folder}/start.keras")
    np.savez(f"{folder}/data.npz", x=x, y=y)
    names = ",".join(cluster.here(2))
    command = [sys.executable, "-c", PROGRAM, folder, names]
    quiet = dict(env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers = [subprocess.Popen([*command, str(i)], **quiet) for i in range(2)]
    assert [worker.wait(300) for worker in workers] == [0, 0]
    ends = [list(np.load(f"{folder}/{i}.npz").values()) for i in range(2)]
found["two workers"] = apart(one, ends[0])
assert apart(*ends) == 0  # both have the same weights
assert found["two workers"] < 1e-9

# %% [markdown]
# Keras 3.15 does not train under TensorFlow's own `MultiWorkerMirroredStrategy` with two workers.
# The remedy is small: one method that maps over structures and drops the axis of a scalar.

# %%
code(multiworker.Reduce.reduce)

# %% [markdown]
# ## A batch that does not fit
#
# `Accumulated` takes the batch in parts, one after the other, adds up their gradients and makes one
# update. It needs the memory of one part and takes the step of the whole batch. Without batch norm
# the result is the same up to rounding. Batch norm sees only the parts, so with it the weights
# differ, by design.

# %%
code(Accumulated.part_step)

# %%
for name, n in {"4 parts, no batch norm": None, "4 parts": blocks.BN}.items():
    keras.utils.set_random_seed(0)
    whole, parts = net(n), net(n, Accumulated)
    parts.set_weights(whole.get_weights())
    parts.parts = 4
    found[name] = apart(trained(parts), one if n else trained(whole))
assert parts.optimizer.iterations == 16  # steps are counted as updates, not as parts
assert found["4 parts, no batch norm"] < 1e-9
assert found["4 parts"] > 1e-3

# %% [markdown]
# ## Precision
#
# With `mixed_bfloat16` the layers compute in 16 bits; the weights and the last layer stay in 32.
# bfloat16 has the exponent of float32 and 8 bits of mantissa, so nothing overflows, and each result
# is rounded to two or three digits. Before the first run we predicted: the final weights differ
# from those of the float64 run by less than half the distance that training moved them, and by more
# than 1e-5.

# %%
keras.config.set_dtype_policy("mixed_bfloat16")
half = net(head="float32")
half.set_weights(start)
found["mixed_bfloat16"] = apart(one, trained(half))
calculate_in("float32")
assert {w.dtype for w in half.weights} == {"float32"}
assert {layer.compute_dtype for layer in half.layers[1:-1]} == {"bfloat16"}
assert half.output.dtype == "float32"
assert 1e-5 < found["mixed_bfloat16"] < moved / 2
largest = {name: float(tf.as_dtype(name).max) for name in ("float16", "bfloat16", "float32")}
grid(
    ["type", "largest number", "1.001 is stored as"],
    [
        [name, f"{most:.3g}", float(tf.cast(tf.constant(1.001), name))]
        for name, most in largest.items()
    ],
)

# %% [markdown]
# Here are all differences, compared with how far training moved the weights:

# %%
LEAST = 1e-17  # where a difference of 0 stands on the logarithmic axis
fig, ax = plt.subplots()
rows = dict(sorted({**found, "training itself": moved}.items(), key=lambda row: row[1]))
for name, value in rows.items():
    colour = "0.6" if name == "training itself" else "C2" if value < 1e-9 else "C1"
    ax.plot(max(value, LEAST), name, "o", color=colour)
    ax.annotate(f"{value:.0e}", (max(value, LEAST), name), (7, -3), textcoords="offset points")
ax.axvline(1e-9, color="0.3", ls="--", lw=1)
ax.set(xscale="log", xlim=(LEAST / 3, 1e3), xlabel="largest difference of a weight from one device")
figure(
    fig,
    "Largest difference of a weight from one device, on a logarithmic axis: below 1e-9 for two "
    "devices, two workers and four parts without batch norm; far larger with separate batch "
    "norm for each device or part, and at lower precision",
)

# %% [markdown]
# ## A run that is killed
#
# `convbook train` writes checkpoints: weights, optimizer, order of the data, random state, history.
# We train LeNet-5 on the digits for four epochs of three steps, with a checkpoint after each epoch
# and after step 7. We kill one run with SIGKILL once it has printed step 8, and start it again with
# the same command; another run is not interrupted. Before the first run we predicted: the final
# weights are bit-identical.

# %%
RUN = ["lenet5", "--batch-size", "384", "--epochs", "4", "--save-every", "7", "--log-every", "1"]
RUN += ["--deterministic", "--no-tensorboard"]


def life(out, until=None):
    """(exit code, output) of a run, which is killed as soon as it has printed step until."""
    command = [sys.executable, "-u", "-m", "convbook", "train", *RUN, "--out", out]
    pipe = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with subprocess.Popen(command, cwd=os.path.dirname(out), env=environment, **pipe) as process:
        printed = ""
        for row in process.stdout:
            printed += row
            if until and row.startswith(f"step {until}/"):
                process.send_signal(signal.SIGKILL)
                break
    return process.returncode, printed


def losses(printed):
    """{step: loss} of what a run printed."""
    return {int(n): float(v) for n, v in re.findall(r"^step (\d+)/.*?loss ([\d.]+)", printed, re.M)}


def ends_with(out):
    return keras.models.load_model(f"{out}/model.keras").get_weights()


with tempfile.TemporaryDirectory() as folder:
    alone = life(f"{folder}/alone")
    killed = life(f"{folder}/killed", until=8)
    resumed = life(f"{folder}/killed")
    weights = [ends_with(f"{folder}/{name}") for name in ("alone", "killed")]
assert (alone[0], killed[0], resumed[0]) == (0, -signal.SIGKILL, 0)
assert all((a == b).all() for a, b in zip(*weights, strict=True))
print(re.search(r"resumes at step .*", resumed[1])[0])

# %%
fig, ax = plt.subplots()
ax.plot(*zip(*losses(alone[1]).items(), strict=True), color="0.7", lw=5, label="never interrupted")
ax.plot(*zip(*losses(killed[1]).items(), strict=True), "o-", label="killed at step 8")
ax.plot(*zip(*losses(resumed[1]).items(), strict=True), "s-", ms=4, label="the same command again")
ax.set(xlabel="step", ylabel="loss, mean of the epoch so far")
ax.legend()
figure(
    fig,
    "Loss by step of an uninterrupted run and of one killed at step 8; after the same command "
    "again, the second resumes from its last checkpoint and follows the same line",
)

# %% [markdown]
# (After a mid-epoch restart the log averages only the remaining steps; the history has the mean of
# the whole epoch.)
#
# ## Exercises
#
# 1. With three devices and a batch size of 64, what does the trainer say before it begins?

# %% tags=["exercise"]
answer = ...  # the largest batch below 64 that it takes
check(answer, "da4ea2a5")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from convbook.training.devices import strategy
#
# class Three:
#     num_replicas_in_sync = 3
#
# try:
#     strategy.refuse({"batch_size": 64}, Three)
# except ValueError as error:
#     message = str(error)
# assert message == "--batch-size 64: must be a multiple of 3, for 3 devices, such as 63"
# answer = 63
# ```
# </details>
#
# 2. An evaluation must count every image exactly once, though 360 images do not divide into equal
#    batches for 7 devices. Check `strategy.rows_of_share` for all numbers of devices up to 16.

# %% tags=["exercise"]
answer = ...  # most images that one device can have more than another
check(answer, "6b86b273")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# for shares in range(1, 17):
#     steps = strategy.steps_of(360, 100, shares)
#     parts = [strategy.rows_of_share(360, step, steps, share, shares)
#              for step in range(steps) for share in range(shares)]
#     assert [i for first, last in sorted(parts) for i in range(first, last)] == list(range(360))
#     sizes = [last - first for first, last in parts]
#     assert max(sizes) - min(sizes) <= 1
# answer = 1
# ```
# </details>
#
# 3. Why do the weights stay in float32 under `mixed_bfloat16`?

# %% tags=["exercise"]
answer = ...  # from 1 to the next larger bfloat16: 1 / ...
check(answer, "2747b7c7")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# weight, step = tf.constant(1.0), 0.001
# assert tf.cast(weight, "bfloat16") + tf.cast(step, "bfloat16") == 1
# assert weight + step > 1
# answer = 128
# ```
#
# Near 1, neighbouring bfloat16 numbers are 1/128 apart: every update smaller than half of that
# would be lost.
# </details>
#
# ## Copy it
#
# `convbook train resnet20 --data digits --out runs/a` trains on all GPUs of a machine. On two
# machines, run the same command with `--workers a:2222,b:2222 --index 0` and with `--index 1`.
# Further options: `--precision mixed_bfloat16`, `--accumulate 4`, `--save-every 500`. The same
# command again resumes a run. You can copy the files of `training/devices/` into a script of your
# own. Guides: [several devices](../docs/guides/distribute.md), [resume](../docs/guides/resume.md).
