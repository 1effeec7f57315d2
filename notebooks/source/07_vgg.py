# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # VGG
#
# Karen Simonyan, Andrew Zisserman: *Very Deep Convolutional Networks for Large-Scale Image
# Recognition*, 2014, [arXiv:1409.1556](https://arxiv.org/abs/1409.1556). Keep the paper open beside
# this notebook.
#
# ## The question
#
# > **Paper** Section 1
#
# [AlexNet](05_alexnet.ipynb)'s successors tried other kernel sizes, other strides and other ways to
# test. What does depth alone do? To find out, the authors make everything else as plain as
# possible: kernels are 3x3 (a few in network C are 1x1), and pools are 2x2. Their networks have 11
# to 19 layers and differ only in the number of convolutions.
#
# > **Seen** on Fashion-MNIST, three seeds: the training loss of 4 layers ends 0.19 ± 0.03 above
# > that of 7 layers (**as expected**); the training loss of 7 layers ends 0.08 ± 0.01 above that of
# > 10 layers (**as expected**).
# >
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of two 3x3s ends 2.09 ± 1.40 points
# > above that of one 5x5 (**as expected**); the test accuracy of three 3x3s ends 2.81 ± 2.17 points
# > above that of one 7x7 (**as expected**).
# >
# > **Seen** on the digits, three seeds: the test accuracy of two 3x3 ends 0.09 ± 4.90 points above
# > that of one 5x5 (**not significant**).

# %%
import keras
import numpy as np
from keras import layers
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.architectures.graph.fully_convolutional import fully_convolutional
from convbook.architectures.vgg import TABLE, body
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
from convbook.beside.printed import as_printed, cell, published

# %% [markdown]
# ## The block
#
# > **Paper** Section 2.3
#
# A stack of 3x3 convolutions sees as much as one large kernel: two see 5x5, three see 7x7. But the
# stack has fewer weights, and a relu after each convolution.

# %%
code(
    blocks.small_kernels,
    {"x = conv(x": r"x_l = \max(0,\, b_l + W_l * x_{l-1}),\; W_l: 3\times3,\; l = 1 \dots (k-1)/2"},
)

# %%
i = keras.Input((28, 28, 256))
picture(
    keras.Model(i, blocks.small_kernels(i, 256, k=7)),
    "The graph of small_kernels for k = 7: three 3x3 convolutions of 256 maps in a row, each "
    "with relu",
)

# %%
rows = []
for k in (5, 7, 11):
    stack = architectures.measure(keras.Model(i, blocks.small_kernels(i, 256, k=k)))
    large = architectures.measure(keras.Model(i, blocks.conv(i, 256, k=k)))
    assert stack.receptive_field == large.receptive_field == k
    rows.append([f"{k}x{k}", (k - 1) // 2, stack.weights, large.weights])
assert rows[1][2:] == [27 * 256**2, 49 * 256**2]  # 27 C^2 and 49 C^2
assert round(49 / 27 - 1, 2) == 0.81  # "81 % more"
grid(
    ["receptive field", "3x3 in the stack", "weights of the stack", "weights of one large kernel"],
    rows,
)

# %% [markdown]
# > **Paper** Section 2.1; Table 1
#
# The whole network consists of stages of such stacks, with a 2x2 pool after each stage. The option
# `respond` builds network A-LRN, which showed that response normalization does not help.

# %%
code(
    body,
    {
        "x = conv(x": r"x \leftarrow \max(0,\, b + W * x)",
        "maxpool": r"y_{m,n} = \max_{0 \le u,v \le 1} x_{2m+u,\,2n+v}",
    },
)

# %% [markdown]
# ## The table
#
# > **Paper** Table 1, column D (VGG-16)

# %%
ends = []
for n, kernels in enumerate(TABLE["D"], 1):
    ends += [f"stage{n}_conv{len(kernels)}", f"stage{n}"]
table(
    "vgg_D",
    errata=["vgg_D: 15.3 billion and 19.6 billion"],
    ends=[*ends, "head_dense1", "head_dense2", "logits"],
)

# %% [markdown]
# > **Paper** Table 1, Table 2 (parameters, in millions) and Table 3 (errors, one test scale)
#
# Now the other columns. All networks have the same three dense layers, which hold 124 of the 133 to
# 144 million parameters.

# %%
d = architectures.create("vgg_D")
head = d.count_params() - architectures.create("vgg_D", top=False).count_params()
assert head == 7 * 7 * 512 * 4096 + 4096**2 + 4096 * 1000 + 2 * 4096 + 1000
printed = {"A": 133, "B": 133, "C": 134, "D": 138, "E": 144}
rows = []
for letter, millions in printed.items():
    net = architectures.create(f"vgg_{letter}", top=False)
    count, convs = net.count_params() + head, sum(map(len, TABLE[letter]))
    assert round(count / 1e6) == millions
    top1 = cell("vgg_D", "Table 3", (letter, "256"), "top-1 error")
    rows.append([letter, convs + 3, millions, count, architectures.measure(net).macs, top1])
grid(
    [
        "net",
        "layers",
        "parameters in millions, paper",
        "counted",
        "multiply-adds, convolutions",
        "top-1 error, %",
    ],
    rows,
)

# %% [markdown]
# With 256 pixels as the smaller side in training and testing, the printed error falls from 29.6 to
# 27.0 % as the depth grows to 16 layers, and improves no further with 19.
#
# ### The accuracies
#
# > **Paper** Tables 3 to 5
#
# The other tables vary the scale. $S$ is the smaller side of a training image, either fixed or
# drawn at random for each image; $Q$ is that of a test image. Training at many scales takes 1.4
# points off D's error, and testing at three scales takes off another 0.8.
# [Reading paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains top-1, top-5
# and crops.

# %%
drawn, three = (cell("vgg_D", f"Table {n}", ("D", "256 to 512"), "top-1 error") for n in (3, 4))
fixed = cell("vgg_D", "Table 3", ("D", "256"), "top-1 error")
assert round(float(fixed) - float(drawn), 1) == 1.4
assert round(float(drawn) - float(three), 1) == 0.8
as_printed("vgg_D", "Table 3")

# %%
as_printed("vgg_D", "Table 4")

# %% [markdown]
# Is it better to slide the network densely over the image, or to average many crops? Doing both is
# best: they treat the edges of an image in different ways.

# %%
as_printed("vgg_D", "Table 5")

# %% [markdown]
# Our networks load torchvision's weights, which were trained with another recipe; the errors are
# those that torchvision reports. `bn` means with batch norm, which came after the paper. We
# have not trained on ImageNet.

# %%
published(*(f"vgg_{letter}{norm}" for letter in "ABDE" for norm in ("", "_BN")))

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Section 4.1: a stack of two 3x3 is better than one 5x5 with the same receptive field
#
# We build three stages of 8, 16 and 32 maps, with a pool after each and a dense layer at the end.
# Each stage has either two 3x3 convolutions or one 5x5. Training: scikit-learn's 1,437 training
# digits of 16 x 16 pixels, Adam at 0.001, batch size 64, 8 epochs, seeds 0, 1 and 2. Before the
# first run we predicted: the mean test accuracy of the stacks is not lower than that of the 5x5.

# %%
data = digits(16)


def three_stages(unit):
    i = m = keras.Input((16, 16, 1))
    for f in (8, 16, 32):
        m = blocks.maxpool(unit(m, f, k=5))
    return keras.Model(i, blocks.dense(layers.Flatten()(m), 10, a=None))


accuracy = {}
for unit in (blocks.small_kernels, blocks.conv):
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        history = learn(three_stages(unit), data, epochs=8, steps_per_execution=20)
        accuracy[unit, seed] = history["val_accuracy"]

# %%
fig, ax = plt.subplots()
for (unit, seed), row in accuracy.items():
    color, label = ("C0", "two 3x3") if unit is blocks.small_kernels else ("C1", "one 5x5")
    ax.plot(range(1, 9), np.multiply(row, 100), color=color, label=None if seed else label)
ax.set(xlabel="epoch", ylabel="test accuracy, %", ylim=(0, 102))
ax.legend(loc="lower right")
figure(
    fig,
    "Test accuracy by epoch for three seeds: the network of 3x3 stacks and that of 5x5 end "
    "close together",
)

# %%
UNITS = {"two 3x3": blocks.small_kernels, "one 5x5": blocks.conv}
last = {k: [100 * accuracy[unit, seed][-1] for seed in range(3)] for k, unit in UNITS.items()}
gain, half = claims.interval(np.subtract(*last.values()))
each = [[k, ", ".join(f"{a:.1f}" for a in v), f"{np.mean(v):.2f}"] for k, v in last.items()]
seen = grid(["unit", "test accuracy, %, seeds 0, 1, 2", "mean"], each)
Markdown(
    f"{seen}\n\nThe stacks' accuracy is {gain:+.2f} ± {half:.2f} points from that of "
    f"the 5x5: **{claims.verdict(gain, half)}**."
)

# %% [markdown]
# The mean is not lower, as predicted, but higher by only one answer in 1,080, while the seeds
# scatter by several points, so that no difference shows. Three stages learn the 16 x 16 digits with
# either kernel. (The paper replaces each pair of 3x3 in network B by one 5x5: the top-1 error on a
# centre crop rises by 7 %.)
#
# ### Dense evaluation
#
# > **Paper** Section 3.2
#
# To test on an image larger than the training images, slide the network over it. The first dense
# layer becomes a 7x7 convolution, and the others become 1x1. The output is a map of logits, one for
# each window, 32 pixels apart; their mean is the answer. The windows share almost all their work.
# An image of 384 pixels has 6 x 6 windows of 224:

# %%
larger = architectures.measure(architectures.create("vgg_D", top=False, input_shape=(384, 384, 3)))
weights = (
    architectures.measure(d).weights
    - architectures.measure(architectures.create("vgg_D", top=False)).weights
)
at_once, one_by_one = larger.macs + 36 * weights, 36 * architectures.measure(d).macs
assert larger.output_shape[1:3] == (12, 12)  # 12 - 7 + 1 = 6 windows a side
assert at_once < one_by_one / 10
grid(
    ["36 windows", "multiply-adds"],
    [["all at once", at_once], ["one by one", one_by_one], ["share", at_once / one_by_one]],
)

# %% [markdown]
# Are the answers the same? We build a small network for windows of 24 pixels: two stages of two 3x3
# convolutions without padding, of 8 and 16 maps, with a pool after each, and dense layers of 32
# and 10. Training: the digits of 16 x 16, each three times at a random position in 24 x 24, Adam at
# 0.001, batch size 64, 10 epochs, seed 0. The test image is a strip of the 360 test digits, each in
# the middle of 24 pixels; it has 2,155 window positions, 4 pixels apart. Before the first run we
# predicted: at each position the slid network gives the same answer as the network on that window
# alone, to within 1e-5 of the largest logit; at the positions of the digits it reads at least 90 %
# of them correctly.

# %%
rng = np.random.default_rng(0)
x, y, test, truth = data
room = np.zeros((3 * len(x), 24, 24, 1), "float32")
for n, (t, l) in enumerate(rng.integers(0, 9, (len(room), 2))):
    room[n, t : t + 16, l : l + 16] = x[n % len(x)]
tiles = np.pad(test, ((0, 0), (4, 4), (4, 4), (0, 0)))


def window_net(p):
    i = m = keras.Input((24, 24, 1))
    for f in (8, 16):
        m = blocks.maxpool(blocks.conv(blocks.conv(m, f, p=p), f, p=p))
    return keras.Model(i, blocks.dense(blocks.dense(layers.Flatten()(m), 32), 10, a=None))


keras.utils.set_random_seed(0)
model = window_net("valid")
learn(model, (room, np.tile(y, 3), tiles, truth), epochs=10, steps_per_execution=20)

strip = np.concatenate(list(tiles), axis=1)[None]
windows = np.stack([strip[0, :, t : t + 24] for t in range(0, strip.shape[2] - 23, 4)])


def apart(model):
    """(largest difference from single windows, over the largest logit; logits at each place)."""
    slid = fully_convolutional(model).predict(strip, verbose=0)[0, 0]
    cut = model.predict(windows, 512, verbose=0)
    return float(np.abs(slid - cut).max() / np.abs(cut).max()), slid


difference, answers = apart(model)
read = 100 * float((answers[::6].argmax(1) == truth).mean())
assert difference < 1e-5
grid(["windows", "largest difference", "accuracy, %"], [[len(windows), difference, read]])

# %% [markdown]
# The two agree up to rounding. The network reads 88 % of the digits, not 90: it was never trained
# on windows between two digits, and has never seen the strokes of a neighbouring digit.

# %%
fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 3))
axes[0].imshow(strip[0, :, : 24 * 10, 0], cmap="gray_r", aspect="auto", extent=(0, 240, 24, 0))
p = keras.ops.convert_to_numpy(keras.ops.softmax(answers[:55]))
axes[1].imshow(p.T, cmap="Blues", aspect="auto", extent=(10, 230, 9.5, -0.5))
axes[1].set(xlim=(0, 240), ylabel="class", yticks=range(0, 10, 3))
axes[1].set_xlabel("middle of the window, pixels")
axes[0].set(yticks=[], title="ten test digits, and what the sliding network reads along them")
for ax in axes:
    ax.grid(False)
figure(
    fig,
    "Top: a strip of ten handwritten digits. Bottom: the probability of each class by position, "
    "dark in the row of each digit while the window passes over it",
)

# %% [markdown]
# VGG's own convolutions use padding. A window cut out of an image has zeros beyond its edge, where
# the slid network sees the rest of the image. So with padding the slid network is a *different*
# network, with nearly the same answers (the paper welcomes the added context). Here are the same
# layers with padding, untrained:

# %%
keras.utils.set_random_seed(0)
padded, _ = apart(window_net("same"))
assert padded > 0.01
f"largest difference with padding: {padded:.2f} of the largest logit"

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# #### Depth
#
# We compare three plain nets of 3x3 convolutions without batch norm. They have one, two or three
# convolutions in each of three stages, then global average pooling and a dense layer.

# %%
claims.shown("depth")

# %%
claims.curves("depth")

# %% [markdown]
# #### Small kernels instead of a large one
#
# Two 3x3 convolutions see as far as one 5x5, and three as far as one 7x7. The four nets differ only
# in these kernels.

# %%
claims.shown("kernels")

# %%
claims.curves("kernels", "test")

# %% [markdown]
# Both differences are as expected, but the costs are not equal: the stacks have 32 % and 16 % more
# multiply-adds than the 5x5 and the 7x7, and two 3x3s have 10 % more weights than one 5x5. At the
# start of a stage a large kernel reads only half as many channels as it puts out, so here it is
# cheaper than in the table above. The stack's higher cost may explain a part of its gain.

# %% [markdown]
# ## Exercises
#
# 1. Which network needs more multiply-adds for an image: D with its 138 million parameters or E
#    with 144? And what do the dense layers cost compared with the convolutions?

# %% tags=["exercise"]
answer = ...  # percent that E has more than D, a whole number
check(answer, "670671cd")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# macs = {row[0]: row[4] for row in rows}
# assert round(macs["E"] / macs["D"], 2) == 1.27
# assert weights / architectures.measure(d).macs < 0.01
# answer = round(100 * (macs["E"] / macs["D"] - 1))
# ```
#
# E does: it has 4 % more parameters and needs 27 % more multiply-adds. The dense layers have 89 %
# of D's parameters and less than 1 % of its multiply-adds.
# </details>
#
# 2. C has three 1x1 convolutions where D has 3x3 (section 2.3: more nonlinearity, no larger view).
#    How many weights does that save, and how many pixels wide is the receptive field just before
#    the dense layers?

# %% tags=["exercise"]
answer = ...  # (weights saved, pixels seen by C, by D)
check(answer, "7873cee6")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# count = {row[0]: row[3] for row in rows}
# assert count["D"] - count["C"] == 8 * (256**2 + 2 * 512**2)
# seen = [architectures.measure(architectures.create(f"vgg_{n}", top=False)) for n in "CD"]
# assert [net.receptive_field for net in seen] == [156, 212]
# answer = count["D"] - count["C"], seen[0].receptive_field, seen[1].receptive_field
# ```
#
# Both are deeper than B; D sees more than C, and has the lower error.
# </details>
#
# 3. VGG-16 slides over an image. How large must the image be for a map of 10 x 10 logits?

# %% tags=["exercise"]
answer = ...  # pixels a side
check(answer, "94f86079")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# size = 224 + 9 * 32
# shape = architectures.create("vgg_A", top=False, input_shape=(size, size, 3)).output_shape
# assert shape[1] - 7 + 1 == 10
# answer = size
# ```
# </details>
#
# ## Copy it
#
# `convbook show small_kernels` prints the block and everything it needs, ready to paste;
# `architectures.create("vgg16", weights="imagenet")` builds the network with published weights;
# `architectures.graph.fully_convolutional.fully_convolutional(model)` slides it;
# `convbook recipes vgg` prints the paper's recipe.
#
# ## Cite
#
# ```bibtex
# @inproceedings{simonyan2015very,
#   title     = {Very Deep Convolutional Networks for Large-Scale Image Recognition},
#   author    = {Simonyan, Karen and Zisserman, Andrew},
#   booktitle = {International Conference on Learning Representations (ICLR)},
#   year      = {2015}
# }
# ```
