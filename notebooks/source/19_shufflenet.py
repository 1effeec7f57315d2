# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # ShuffleNet
#
# Xiangyu Zhang, Xinyu Zhou, Mengxiao Lin, Jian Sun: *ShuffleNet: An Extremely Efficient
# Convolutional Neural Network for Mobile Devices*, 2017,
# [arXiv:1707.01083](https://arxiv.org/abs/1707.01083). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Section 3.1; Figure 1
#
# In nets of [depthwise convolutions](16_xception.ipynb) almost all of the cost is in the 1x1
# convolutions. Groups would make those cheaper, too. But then the channels of one group never see
# those of another, no matter how many such layers follow. What if we redistribute the channels
# between two grouped layers?
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of groups with shuffle ends 0.10 ±
# > 0.82 points above that of groups without shuffle (**not significant**).
# >
# > **Seen** on pairs of digits, a digit in each group, three seeds: with the shuffle 99 % of the
# > pairs are right, without it 49 % (**as expected**).

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.architectures.shufflenet import UNITS
from convbook.beside import (
    Markdown,
    check,
    claims,
    code,
    digits,
    figure,
    grid,
    learn,
    picture,
    table,
)
from convbook.beside.printed import accuracies

# %% [markdown]
# ## The block
#
# ### Channel shuffle
#
# > **Paper** Section 3.1; Figure 1c
#
# Write the channels as $g$ rows of $n = C/g$, transpose, and read them out. The shuffle has no
# weights and costs no multiply-adds.

# %%
code(
    blocks.shufflenet.ChannelShuffle.call,
    {
        "self.groups, channels // self.groups": r"x_{j n + i} \to X_{j i},\; j < g,\; i < n",
        "ops.transpose": r"y_{i g + j} = X^{\top}_{i j} = x_{j n + i}",
    },
)

# %%
line = blocks.channel_shuffle(np.arange(12.0).reshape(1, 1, 1, 12), g=3)
assert np.ravel(line).tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
back = blocks.channel_shuffle(line, g=12 // 3)  # the shuffle with n in place of g undoes it
assert np.ravel(back).tolist() == list(range(12))

# %% [markdown]
# ### The unit
#
# > **Paper** Section 3.2; Figure 2b, and with stride 2 Figure 2c
#
# The unit is a ResNet bottleneck with grouped 1x1 convolutions, one shuffle, and a depthwise 3x3
# without a relu after it. With stride 2 the shortcut is a mean pool, and the unit concatenates
# instead of adding, which widens the map at no extra cost.

# %%
code(
    blocks.shufflenet_unit,
    {
        "m = conv(x, f // r": r"m_1 = \sigma(\mathrm{BN}(W_1 x)): \; h w\, c m / g",
        "m = channel_shuffle": r"m_2 = \mathrm{shuffle}(m_1)",
        "m = dwconv": r"m_3 = \mathrm{BN}(K * m_2): \; 9\, h w\, m",
        "m = conv(m, f if": r"\mathcal{F}(x) = \mathrm{BN}(W_2 m_3): \; h w\, m c / g",
        "return act(layers.add": r"y = \sigma(x + \mathcal{F}(x))",
        "return act(layers.concatenate": r"y = \sigma([\mathrm{mean}(x), \mathcal{F}(x)])",
    },
)

# %%
i = keras.Input((28, 28, 240))
unit = keras.Model(i, blocks.shufflenet_unit(i, 240))
picture(
    unit,
    "The graph of shufflenet_unit: 1x1 to 60 channels in 3 groups, channel shuffle, depthwise "
    "3x3, 1x1 to 240 channels in 3 groups, each convolution with batch norm; the input is "
    "added, then relu",
)

# %%
i = keras.Input((28, 28, 240))
picture(
    keras.Model(i, blocks.shufflenet_unit(i, 480, s=2)),
    "The graph of shufflenet_unit with stride 2: the branch makes 240 channels, which are "
    "concatenated with a 3x3 mean of the input with stride 2",
)

# %% [markdown]
# With $c$ channels, $m$ in the bottleneck and $g$ groups on maps of $h \times w$, a ResNet unit
# costs $hw(2cm + 9m^2)$, a ResNeXt unit $hw(2cm + 9m^2/g)$ and a ShuffleNet unit $hw(2cm/g + 9m)$
# multiply-adds (section 3.2). We check this on the blocks, with $c = 240$, $m = 60$, $g = 3$:

# %%
h, c, m, g = 28, 240, 60, 3
units = {
    "ResNet": (blocks.bottleneck_block(i, c), 2 * c * m + 9 * m * m),
    "ResNeXt": (
        blocks.resnext_bottleneck_block(i, c, c=g, width=m // g),
        2 * c * m + 9 * m * m // g,
    ),
    "ShuffleNet": (blocks.shufflenet_unit(i, c, g=g), 2 * c * m // g + 9 * m),
}
counts = {name: architectures.measure(keras.Model(i, y)).macs for name, (y, _) in units.items()}
for name, (_, formula) in units.items():
    assert counts[name] == h * h * formula
assert counts["ShuffleNet"] < counts["ResNet"] / 5
grid(["unit", "multiply-adds"], counts.items())

# %% [markdown]
# ## The table
#
# > **Paper** Table 1, column *g = 3*
#
# Left: the sizes printed in the paper. Right: our network, counted on the built model.

# %%
table(
    "shufflenet_v1_g3_1x",
    errata=[
        "shufflenet_v1_g3_1x: the bottleneck where the grid is halved",
        "Conventions: which one a printed count has",
    ],
)

# %% [markdown]
# The more groups a column of Table 1 has, the more channels it can afford at about the same cost:
# 144 in stage 2 without groups, then 200, 240, 272 and 384, and two and four times as many in later
# stages. The millions printed there (from memory: 143, 140, 137, 133, 137) follow from the formula
# above, rounded, without the dense layer.


# %%
def network(f, g, r=4, side=56):
    """Multiply-adds of Table 1 with f channels in stage 2 and g groups, without the dense layer."""
    macs, c = 112**2 * 9 * 3 * 24, 24
    for i, units in enumerate(UNITS):
        out = f * 2**i
        m, first = out // r, 1 if c == 24 else g  # no groups on 24 channels: section 3.2
        macs += side**2 * c * m // first
        side //= 2
        macs += side**2 * (9 * m + m * (out - c) // g)
        macs += (units - 1) * side**2 * (2 * out * m // g + 9 * m)
        c = out
    return macs


columns = {1: (144, 143), 2: (200, 140), 3: (240, 137), 4: (272, 133), 8: (384, 137)}
assert network(240, 3) + 960 * 1000 == 137_460_672  # the built network, in the table above
for g, (f, printed) in columns.items():
    assert round(network(f, g) / 1e6) == printed
grid(
    ["groups", "channels", "multiply-adds", "paper, millions"],
    [[g, f, network(f, g), printed] for g, (f, printed) in columns.items()],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 2 and 3
#
# These are [top-1 errors](../docs/reading.md#imagenet-and-how-its-errors-are-counted) on ImageNet
# for different numbers of groups at equal cost, and for narrower nets. The smaller the network, the
# more groups help. The row *no shuffle* is the paper's own test of the claim below. We have not
# trained on ImageNet.

# %%
nets = "g3_1x", "g1_1x", "g2_1x", "g4_1x", "g8_1x", "g3_0.5x", "g1_0.5x", "g3_0.25x", "g1_0.25x"
accuracies(*(f"shufflenet_v1_{net}" for net in nets))

# %% [markdown]
# ## The claim, shown
#
# ### What each group sees
#
# > **Paper** Section 3.1; Figure 1a and 1b
#
# Three units of 64 channels in 4 groups with random weights read a map whose channels come from the
# digits. The same net without the shuffle has the same weights. We change the input channels of one
# group and see which groups of the output change. The result is exact and needs no threshold:
# without the shuffle only the same group changes; with it, all four do.

# %%
keras.utils.set_random_seed(0)
data = digits(8)
i = keras.Input((8, 8, 64))
y = i
for _ in range(3):
    y = blocks.shufflenet_unit(y, 64, g=4)
shuffled = keras.Model(i, y)


def unshuffled(model):
    """The same net, with the same weights, without its shuffles."""

    def clone(layer):
        if isinstance(layer, blocks.shufflenet.ChannelShuffle):
            return keras.layers.Identity()
        return layer.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def reach(model, x, g=4):
    """Mean change of each group of the output when each group of the input is disturbed."""
    before, moved = model(x).numpy(), np.zeros((g, g))
    for group in range(g):
        other, part = x.copy(), 64 // g
        other[..., group * part : (group + 1) * part] *= 1.5
        change = np.abs(model(other).numpy() - before).mean((0, 1, 2))
        moved[group] = change.reshape(g, part).mean(1)
    return moved


maps = np.tile(data[0][:4], 64) * np.random.default_rng(0).uniform(-1, 1, 64).astype("float32")
seen = {"without shuffle": reach(unshuffled(shuffled), maps), "with shuffle": reach(shuffled, maps)}
assert ((seen["without shuffle"] > 0) == np.eye(4, dtype=bool)).all()
assert (seen["with shuffle"] > 0).all()

# %%
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3))
for ax, (name, moved) in zip(axes, seen.items(), strict=True):
    ax.imshow(moved, cmap="Blues", vmin=0)
    ax.grid(False)
    ax.set(title=name, xlabel="group of the output", xticks=range(4), yticks=range(4))
    for (row, column), v in np.ndenumerate(moved):
        ink = "white" if v > moved.max() / 2 else "black"
        ax.text(column, row, f"{v:.2g}", ha="center", va="center", color=ink, fontsize=8)
axes[0].set_ylabel("group of the input")
figure(
    fig,
    "Change of each group of the output for each disturbed group of the input: only the "
    "diagonal changes without shuffle, everything with it",
)

# %% [markdown]
# ### Training with and without
#
# > **Paper** Table 3: the net of 137M with 3 groups has 1.9 points more top-1 error without shuffle
#
# For a first experiment, on scikit-learn's digits, we predicted: a net of four units has a lower
# training loss with the shuffle than without. It had not, and no wonder: all groups read the same
# image, each can recognize the digit alone, and the last, dense layer adds up their scores.
#
# So in a second experiment the groups see different things. Two channels hold two digits, each a 0
# or a 1, and the class is whether they differ: 2,048 pairs of training digits, 360 pairs of test
# digits. The first convolution and two units of 32 channels have 2 groups. Without the shuffle the
# net is therefore the sum of a function of each digit, and no such sum gets more than three of the
# four cases right. Training: 6 epochs of Adam at 0.003, batch size 64, seeds 0, 1 and 2, with the
# same initial weights for both nets. Before the first run we predicted: with every seed the test
# accuracy is at most 80 % without the shuffle and at least 90 % with it.


# %%
def pairs(x, y, n, seed):
    """n pairs of two digits, each 0 or 1, as two channels, and whether they differ."""
    rng = np.random.default_rng(seed)
    x, y = x[y < 2], y[y < 2]
    a, b = rng.integers(0, len(x), (2, n))
    return np.concatenate([x[a], x[b]], -1), y[a] ^ y[b]


def net():
    i = keras.Input((8, 8, 2))
    x = blocks.conv(i, 32, k=3, s=2, g=2, n=blocks.BN)
    for _ in range(2):
        x = blocks.shufflenet_unit(x, 32, g=2)
    return keras.Model(i, blocks.dense(blocks.gavgpool(x), 2, None))


both = (*pairs(*data[:2], 2048, 0), *pairs(*data[2:], 360, 1))
histories = {"with shuffle": [], "without shuffle": []}
for seed in range(3):
    keras.utils.set_random_seed(seed)
    model = net()
    for name, each in {"without shuffle": unshuffled(model), "with shuffle": model}.items():
        keras.utils.set_random_seed(seed)  # the same order of the images
        histories[name].append(learn(each, both, epochs=6, rate=3e-3))

# %%
fig, ax = plt.subplots()
for name, runs in histories.items():
    accuracy = 100 * np.array([run["val_accuracy"] for run in runs])
    (line,) = ax.plot(range(1, 7), accuracy.mean(0), label=name)
    low, high = accuracy.min(0), accuracy.max(0)
    ax.fill_between(range(1, 7), low, high, alpha=0.2, color=line.get_color())
ax.axhline(75, color="0.5", ls=":", label="the most that a sum can reach")
ax.set(xlabel="epoch", ylabel="test accuracy, % (mean, range)", ylim=(40, 102))
ax.legend(loc="center right", bbox_to_anchor=(1, 0.38))
figure(
    fig,
    "Test accuracy by epoch on pairs of digits: near 100 % with the shuffle, near 50 % without",
)

# %%
last = {name: [100 * run["val_accuracy"][-1] for run in runs] for name, runs in histories.items()}
gain, half = claims.interval(np.subtract(last["with shuffle"], last["without shuffle"]))
head = ["net", "test accuracy, %, seeds 0, 1, 2", "mean"]
rows = [
    [k, ", ".join(f"{a:.1f}" for a in each), f"{np.mean(each):.1f}"] for k, each in last.items()
]
Markdown(
    f"{grid(head, rows)}\n\nWith the shuffle {gain:.1f} ± {half:.1f} points more pairs are right: "
    f"**{claims.verdict(gain, half)}**."
)

# %% [markdown]
# With every seed the net without the shuffle stays below 80 %, and the one with it is above 90 %,
# as predicted.

# %% [markdown]
# ### On Fashion-MNIST
#
# All train on 5,000 images, with three seeds:
# [how, and how we compare them](../docs/reading.md#how-the-fashion-mnist-experiments-train).
#
# #### With and without the shuffle
#
# Each unit has two grouped 1x1 convolutions with 8 groups and a depthwise 3x3 between them. One net
# shuffles the channels after the first 1x1, the other does not. All maps have 64 channels, so that
# after the first convolution nothing but the shuffle mixes the groups. In our first runs a plain
# 1x1 widened the maps at each stage, and mixed all groups. The rate decays to 0 over eight epochs.

# %%
claims.shown("shuffle")

# %%
claims.curves("shuffle", "test")

# %% [markdown]
# We see no gain here either. Without the shuffle the net is eight separate nets of eight channels,
# each of which sees the whole image, and the last layer reads them all: that is enough for these
# ten classes. In the experiment above the groups see different things, and there the shuffle
# decides.

# %% [markdown]
# ## Exercises
#
# 1. After how many units can every group of the output depend on every group of the input? Take 4
#    groups and 16 channels in the bottleneck, as above, then 8 groups and 16 channels.

# %% tags=["exercise"]
answer = ...  # units for (4, 8) groups
check(answer, "b4dedd70")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def units(groups, m):
#     """Units until all groups have reached all, with m channels in the bottleneck."""
#     numbers = np.arange(float(m)).reshape(1, 1, 1, m)
#     dealt = np.ravel(blocks.channel_shuffle(numbers, g=groups)).astype(int)
#     link = np.eye(groups, dtype=int)  # the shortcut
#     link[dealt // (m // groups), np.arange(m) // (m // groups)] = 1
#     seen, needed = link, 1
#     while not (seen > 0).all():
#         seen, needed = seen @ link, needed + 1
#     return needed
#
# assert (units(4, 16), units(8, 16)) == (1, 3)
# answer = units(4, 16), units(8, 16)
# ```
#
# One unit is enough if each group of the bottleneck has a channel for each of the $g$ groups:
# $m/g \ge g$. With 16 channels in 8 groups each group has two. Each unit then doubles the number of
# groups reached, so it takes three units.
# </details>
#
# 2. Does `channel_shuffle` with $g$ groups undo itself?

# %% tags=["exercise"]
answer = ...  # True or False for (16 channels in 4 groups, 12 in 3)
check(answer, "8c19106e")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def twice(c, g):
#     x = np.arange(float(c)).reshape(1, 1, 1, c)
#     return np.ravel(blocks.channel_shuffle(blocks.channel_shuffle(x, g=g), g=g))
#
# assert (twice(16, 4) == np.arange(16)).all()
# assert (twice(12, 3) != np.arange(12)).any()
# answer = True, False
# ```
#
# Only if $g^2 = C$: the shuffle is the transpose of a $g \times C/g$ matrix.
# </details>
#
# 3. What would the network cost if the bottleneck of a unit with stride 2 had a quarter of the
#    channels of its branch, instead of its output?

# %% tags=["exercise"]
answer = ...  # multiply-adds
check(answer, "fbef297e")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# saved = 0
# for c, out, side, g in ((24, 240, 56, 1), (240, 480, 28, 3), (480, 960, 14, 3)):
#     for m, sign in ((out // 4, 1), ((out - c) // 4, -1)):
#         saved += sign * ((c * m // g) * side**2 + (9 * m + m * (out - c) // 3) * (side // 2) ** 2)
# assert network(240, 3) + 960 * 1000 - saved == 127_061_304
# answer = network(240, 3) + 960 * 1000 - saved
# ```
#
# 127 million multiply-adds. The paper prints 137, so it takes a quarter of the output.
# </details>
#
# ## Copy it
#
# `convbook show shufflenet_unit` prints the unit and everything it needs, ready to paste;
# `architectures.create("shufflenet_v1_g3_1x", classes=10)` builds the network, and
# `architectures.create("shufflenet_v1_g3_1x", style="torch")` builds it with pytorchcv's order of
# concatenation.
#
# ## Cite
#
# ```bibtex
# @inproceedings{zhang2018shufflenet,
#   title     = {ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile
#                Devices},
#   author    = {Zhang, Xiangyu and Zhou, Xinyu and Lin, Mengxiao and Sun, Jian},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2018}
# }
# ```
