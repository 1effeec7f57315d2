# %% [markdown]
# # The bake-off
#
# Which block does the most with little? Every paper compares its block with earlier ones, each in
# its own network and with its own recipe. Here nineteen blocks compete under the same conditions:
# the same trunk, budget of multiply-adds and recipe, and three seeds each. They learn from the
# first 5,000 training images of Fashion-MNIST; the test is all of its 10,000 test images.
#
# This is a small world: 28 x 28 pixels, ten classes, two million multiply-adds. The bake-off
# shows which block does best *there*. For 224 x 224 pixels and a thousand classes, read the papers.
#
# > **Seen** on Fashion-MNIST, three seeds: of eight gains that we expected, three are **as
# > expected**: a MobileNet block over a 3x3, and a 3x3 over the two blocks without batch norm. The
# > other five are **not significant**.

# %%
import numpy as np
from matplotlib import pyplot as plt

from convbook.beside import bake_off, check, code, digits, figure, grid

# %% [markdown]
# ## The trunk
#
# The trunk is a 3x3 convolution of stride 2, two blocks, a pool, two blocks twice as wide, global
# average pooling and a dense layer. Only `block` and its width `f` change: `f` is the largest width
# that keeps the whole network within the budget.

# %%
code(
    bake_off.trunk,
    {
        "x = conv(i": r"h_0 = \sigma(\mathrm{BN}(W_0 x))",
        "x = block(x": r"h_{l+1} = \mathrm{block}(h_l)",
        "return": r"p = \mathrm{softmax}(W \bar h + b)",
    },
)

# %% [markdown]
# The whole experiment is in `notebooks/beside/bake_off.py`; `make experiments` runs it. All blocks
# train with Adam for 6 epochs with batch size 64, a cosine schedule from 0.003 to 0, and seeds 0, 1
# and 2. All batch norms have the same momentum, because some papers' values are too slow for 474
# steps. After a cell that concatenates several maps, a 1x1 convolution brings them back to `f`
# channels. `mlpconv`, `inception_module` and `fire_module` were published before batch norm or
# without it; here `inception_module` has it, and the other two have none, as published.

# %%
accuracies = bake_off.accuracies()
first_run = {row["block"]: row for row in bake_off.rows() if row["seed"] == 0}
assert set(accuracies) == set(bake_off.BLOCKS)
assert all(len(seeds) == 3 for seeds in accuracies.values())
assert all(0 < row["macs"] <= bake_off.BUDGET for row in bake_off.rows())
order = sorted(accuracies, key=lambda name: -np.mean(accuracies[name]))
grid(
    ["block", "f", "weights", "multiply-adds", "of the budget", "test accuracy, %"],
    [
        [n, row["f"], row["weights"], row["macs"], f"{row['macs'] / bake_off.BUDGET:.0%}", right]
        for n in order
        for row in [first_run[n]]
        for right in ["{:.1f} ± {:.1f}".format(*bake_off.interval(accuracies[n]))]
    ],
)

# %% [markdown]
# The table shows each block's width `f`, the costs of its network, and its accuracy at the end: the
# mean of three seeds, and half of the 95 % interval of that mean. The most accurate block comes
# first. Some widths come in steps of 4 or 8 channels, so these blocks leave a part of the budget
# unused.

# %%
fig, ax = plt.subplots(figsize=(7, 5), layout="constrained")
for at, name in enumerate(reversed(order)):
    ax.plot(accuracies[name], [at] * 3, "|", ms=9, color="C0")
    ax.plot(np.mean(accuracies[name]), at, "o", ms=4, color="C0")
ax.set_yticks(range(len(order)), list(reversed(order)), fontsize=8)
ax.set(xlabel="test accuracy, %: a stroke for each seed, a dot for their mean")
best, last = (f"{name} {np.mean(accuracies[name]):.1f} %" for name in (order[0], order[-1]))
figure(
    fig,
    f"The test accuracy of each block, a stroke for each of three seeds and a dot for their mean, "
    f"from {best}, on top, down to {last}",
)

# %% [markdown]
# ## What we expected, and what we saw
#
# We wrote these eight expectations before the first run: that the block on the left ends with a
# higher test accuracy than the one on the right. The runs of one seed are compared with each other.
# A gain is **as expected** where its whole 95 % interval is above 0, **reversed** where it is below
# 0, and **not significant** otherwise.

# %%
grid(
    ["more expected from", "than from", "gain, points", "verdict"],
    [
        [block, other, f"{mean:+.2f} ± {half:.2f}", f"**{verdict}**"]
        for block, other, mean, half, verdict in bake_off.gains()
    ],
)

# %% [markdown]
# Three of the eight are as expected. A block with depthwise convolutions beats the plain 3x3 at
# equal multiply-adds, and the two blocks without batch norm fall far behind at a learning rate that
# suits the others. The first four places all go to blocks that are made of depthwise and 1x1
# convolutions: the 3x3s cost them so little that their maps, for the inverted residual those inside
# the block, can be two to five times as wide as those of the plain 3x3. Among these four, three
# seeds show no difference.
#
# The other five differences are within the noise of three seeds. They concern the addition,
# squeeze-and-excitation, many paths, the inverted residual, and two 3x3s in place of a 5x5. The
# networks are four blocks deep and train for six epochs, and most of these ideas were made for
# networks of fifty layers and more. `resnext_bottleneck_block` also uses only two thirds of the
# budget, because its next larger width exceeds it.

# %%
verdicts = {(block, other): verdict for block, other, *_, verdict in bake_off.gains()}
assert [pair for pair, verdict in verdicts.items() if verdict == "as expected"] == [
    ("mobilenet_block", "conv"),
    ("conv", "mlpconv"),
    ("conv", "fire_module"),
]
assert "reversed" not in verdicts.values()
DEPTHWISE = "extreme_inception", "xception_block", "inverted_residual_block", "mobilenet_block"
assert {*order[:4]} == {*DEPTHWISE}
assert order[-2:] == ["fire_module", "mlpconv"]

# %% [markdown]
# How much of the differences between blocks is luck? The spread over the seeds shows it.

# %%
spread = np.mean([np.std(seeds, ddof=1) for seeds in accuracies.values()])
between = np.std([np.mean(seeds) for seeds in accuracies.values()], ddof=1)
assert spread < between
grid(
    ["", "points"],
    [
        ["between seeds of one block (standard deviation)", float(spread)],
        ["between blocks (of their means)", float(between)],
    ],
)

# %% [markdown]
# ## One network of the table, live
#
# Fashion-MNIST may not be on this machine, but scikit-learn's digits are. The same network learns
# them here, enlarged to 28 x 28: 1,437 images for training, 360 for the test.

# %%
small = digits(28)
name = "mobilenet_block"
live = bake_off.run(name, first_run[name]["f"], 0, small)
assert live["macs"] == first_run[name]["macs"]
assert live["accuracy"] > 0.8
accuracy = {"Fashion-MNIST, kept": first_run[name]["accuracy"], "digits, now": live["accuracy"]}
grid(["", "test accuracy, %, seed 0"], [[k, 100 * v] for k, v in accuracy.items()])

# %% [markdown]
# ## Exercises
#
# 1. What share of the multiply-adds of the `mobilenet_block` network is in its 1x1 convolutions?

# %% tags=["exercise"]
answer = ...  # percent, a whole number
check(answer, "44c8031c")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# import keras
#
# model = bake_off.trunk(bake_off.BLOCKS["mobilenet_block"], first_run["mobilenet_block"]["f"])
# pointwise = sum(
#     layer.kernel.shape[-2] * layer.filters * layer.output.shape[1] * layer.output.shape[2]
#     for layer in model.layers
#     if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1)
#     and not isinstance(layer, keras.layers.DepthwiseConv2D)
# )
# share = pointwise / bake_off.measure(model).macs
# assert 0.4 < share < 0.95
# answer = round(100 * share)
# ```
#
# Most of them, as the MobileNet paper says of its own network (Table 2: 94.86 %). Here the first
# 3x3 convolution and the depthwise convolutions take a larger share.
# </details>
#
# 2. Put a block of your own into the trunk: any function of `(x, f)` will do. How accurate is
#    `blocks.conv(x, f, k=1, n=blocks.BN)`, which never looks at neighbouring pixels?

# %% tags=["exercise"]
answer = ...  # "more" or "less" accurate than the 3x3
check(answer, "4fdd3b62")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from convbook import blocks
#
# bake_off.BLOCKS["pointwise"] = lambda x, f: blocks.conv(x, f, k=1, n=blocks.BN)
# blind = bake_off.run("pointwise", bake_off.widest("pointwise"), 0, small)
# sees = bake_off.run("conv", first_run["conv"]["f"], 0, small)
# assert blind["accuracy"] < sees["accuracy"]
# answer = "less"
# ```
#
# Less accurate than the 3x3, though it is wider: only the trunk's first convolution and its pool
# see more than one pixel, and the digits need more.
# </details>
