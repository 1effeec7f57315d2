# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # GoogLeNet
#
# Christian Szegedy, Wei Liu, Yangqing Jia, Pierre Sermanet, Scott Reed, Dragomir Anguelov, Dumitru
# Erhan, Vincent Vanhoucke, Andrew Rabinovich: *Going Deeper with Convolutions*, 2014,
# [arXiv:1409.4842](https://arxiv.org/abs/1409.4842). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Sections 1 and 3
#
# More layers and wider layers make a network more accurate, but also more expensive. The cost of
# two consecutive convolutions grows with the square of their width, and if most weights end up near
# zero, most of that work is wasted. How can we make a network deeper and wider within a fixed
# budget of multiply-adds?
#
# The paper argues from sparse to dense. A theorem of Arora et al. says that, if a large sparse
# network describes the data, it can be built layer by layer: find the units of the last layer that
# are active together, and connect each such cluster to one unit of the next layer. This resembles
# Hebb's rule: neurons that fire together wire together. But computers are slow at sparse
# arithmetic. So the module approximates the clusters with dense convolutions: 1x1 for clusters at a
# single position, 3x3 for clusters spread over a small patch, and 5x5 for those spread over a
# larger one.
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of 3x3s after 1x1s ends 1.65 ± 2.30
# > points below that of 3x3s alone (**not significant**); the test accuracy of Inception modules
# > ends 0.33 ± 5.82 points below that of 3x3s alone (**not significant**).
# >
# > **Seen** on Fashion-MNIST, three seeds: the training loss of the net without heads ends 0.05 ±
# > 0.06 above that of the net with two heads (**not significant**).
# >
# > **Seen** on the digits, one seed and so no verdict: with the auxiliary heads the training loss
# > of the main head ends at 0.7, without at 1.2. Before training, they make the gradient at the
# > stem 1.99 times as large, where we had predicted at least twice.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.architectures.googlenet import TABLE
from convbook.beside import check, claims, code, digits, figure, grid, picture, table
from convbook.beside.printed import accuracies

# %% [markdown]
# ## The block
#
# > **Paper** Section 4; Figure 2b
#
# A feature of an image may cover one pixel or many. So a module applies 1x1, 3x3 and 5x5 kernels
# and a pool in parallel, and concatenates their outputs. 1x1 convolutions reduce the channels
# before the large kernels, and set the width of the pool's output.

# %%
code(
    blocks.inception_module,
    {
        "one = ": r"y_1 = \sigma(W_{1} x),\; W_{1}: 1\times1",
        "three = ": r"y_3 = \sigma(W_{3}\, \sigma(V_{3} x)),\; V_{3}: 1\times1,\; W_{3}: 3\times3",
        "five = ": r"y_5 = \sigma(W_{5}\, \sigma(V_{5} x)),\; V_{5}: 1\times1,\; W_{5}: 5\times5",
        "pooled = ": r"y_p = \sigma(V_{p}\, \mathrm{max}_{3\times3}\, x),\; V_{p}: 1\times1",
        "return": r"y = [y_1, y_3, y_5, y_p]",
    },
)

# %%
i = keras.Input((28, 28, 192))
picture(
    keras.Model(i, blocks.inception_module(i, TABLE[0][0])),
    "The graph of module 3a: from 192 maps, four paths: 1x1 to 64; 1x1 to 96 and 3x3 to 128; "
    "1x1 to 16 and 5x5 to 32; a 3x3 pool and 1x1 to 32; concatenated to 256",
)

# %% [markdown]
# > **Paper** Figure 2a: the naive module
#
# Without the 1x1 convolutions the same large kernels cost two to five times as much. And because
# the pool keeps all channels of its input, a module's output is always wider than its input.

# %%
names = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
rows, c = [], 192
for name, row in zip(names, sum(TABLE, ()), strict=True):
    side = {"3": 28, "4": 14, "5": 7}[name[0]]
    i = keras.Input((side, side, c))
    f1, _, f3, _, f5, fp = row
    naive = blocks.parallel(i, [(1, f1)], [(3, f3)], [(5, f5)], ["max"], n=None)
    costs = [
        architectures.measure(keras.Model(i, x)).macs
        for x in (blocks.inception_module(i, row), naive)
    ]
    rows.append([name, c, f1 + f3 + f5 + fp, naive.shape[-1], *costs, costs[1] / costs[0]])
    c = f1 + f3 + f5 + fp
assert all(2 < row[-1] < 5.1 for row in rows)
assert all(row[3] > row[1] for row in rows)
grid(
    [
        "module",
        "input",
        "output",
        "output, naive",
        "multiply-adds",
        "multiply-adds, naive",
        "ratio",
    ],
    rows,
)

# %% [markdown]
# Now a single path, from 192 to 256 channels on maps of 32 x 32. A 1x1 reduction to 96 channels
# before the 3x3 saves almost half of the multiplications.

# %%
i = keras.Input((32, 32, 192))
direct, narrowed = (
    architectures.measure(keras.Model(i, blocks.conv(x, 256, k=3)))
    for x in (i, blocks.conv(i, 96, k=1))
)
assert (direct.macs, narrowed.macs) == (452_984_832, 245_366_784)
grid(
    ["192 to 256 channels", "weights", "multiplications"],
    [["3x3", direct.weights, direct.macs], ["1x1 to 96, 3x3", narrowed.weights, narrowed.macs]],
)

# %% [markdown]
# > **Paper** Section 5: auxiliary classifiers
#
# Two small networks after 4a and 4d also predict the classes. Training adds their losses to the
# main loss, each with weight 0.3; inference omits them.

# %%
code(
    blocks.aux_head,
    {
        "x = conv(x": r"m = \sigma(V\, \mathrm{mean}_{5\times5/3}\, x),\; V: 1\times1",
        "x = dense": r"h = \sigma(W m + b)",
        "return": r"L = L_{main} + 0.3\, L_{4a} + 0.3\, L_{4d}",
    },
)

# %% [markdown]
# ## The table
#
# > **Paper** Table 1
#
# The table shows our network and two columns printed in the paper, where K means 1024. The paper's
# first row and some of its parameter counts do not match its own filters; the errata below the
# table say which.

# %%
printed = {
    "parameters, paper": "2.7K 112K 159K 380K - 364K 437K 463K 580K 840K - 1072K 1388K - 1000K",
    "operations, paper": "34M 360M 128M 304M - 73M 88M 100M 119M 170M - 54M 71M - 1M",
}
table(
    "googlenet",
    errata=[
        "googlenet: the first convolution",
        "googlenet: Table 1's columns",
        "googlenet: 27 layers",
        "googlenet: torchvision's",
    ],
    columns={k: v.replace("-", "").split(" ") for k, v in printed.items()},
)

# %% [markdown]
# With both auxiliary heads, for training:

# %%
heads = architectures.create("googlenet", variant="with_two_aux_heads")
assert [x.shape[1:] for x in heads.outputs] == [(1000,)] * 3
taps = [heads.get_layer(name).output.shape[1:] for name in ("stage2_block1", "stage2_block4")]
assert taps == [(14, 14, 512), (14, 14, 528)]
both, one = (architectures.measure(net) for net in (heads, architectures.create("googlenet")))
assert both.trainable == 13_378_280
grid(
    ["GoogLeNet", "parameters", "multiply-adds"],
    [["with both heads", both.trainable, both.macs], ["without", one.trainable, one.macs]],
)

# %% [markdown]
# What keeps the network small is the mean of each 7 x 7 map before the classifier, an idea from
# [Network in Network](06_network_in_network.ipynb). A dense layer on the maps themselves would have
# seven times as many weights as the whole network:

# %%
last = keras.Input((7, 7, 1024))
ways = {"on the maps": keras.layers.Flatten(), "on their means": blocks.gavgpool}
dense = {
    way: architectures.measure(keras.Model(last, blocks.dense(head(last), 1000, None))).weights
    for way, head in ways.items()
}
assert [*dense.values()] == [7 * 7 * 1024 * 1000, 1024 * 1000]  # 50 million, 1 million
assert dense["on the maps"] > 7 * one.weights
grid(["classifier", "weights"], dense.items())

# %% [markdown]
# ### The accuracies
#
# > **Paper** Table 3
#
# The paper's table compares test protocols: one of seven networks or all of them, on 1, 10 or 144
# crops. The row in italics is torchvision's network with batch norm, which loads as the variant
# `torchvision_style`; torchvision reports its errors. [Reading
# paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains top-1, top-5 and
# crops. We have not trained on ImageNet.

# %%
accuracies("googlenet")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Section 5: the heads give the early layers more gradient, and regularize
#
# We build the nine modules of Table 1 at an eighth of their width, after a 3x3 stem with stride 2,
# and without batch norm, as in the paper. They train on scikit-learn's 1,437 training digits of 16
# x 16 pixels, so the maps are 8 x 8 in 3a to 4e and 4 x 4 in 5a and 5b. The heads follow 4a and 4d
# as above, with 16 maps and 128 units. With seed 0, all weights that both networks share start out
# the same.
#
# Before the first run we predicted: (1) before training, on 256 images, the gradient at the stem's
# kernel is at least twice as large with the heads; (2) after 8 epochs of Adam at 0.001 with batch
# size 64, the main head's training loss (mean of the last two epochs) is lower with them.

# %%
x, y, test, truth = digits(16)


def narrow(aux):
    keras.utils.set_random_seed(0)
    i = keras.Input((16, 16, 1))
    m, ends = blocks.conv(i, 24, k=3, s=2), []
    modules = [m]
    for name, row in zip(names, sum(TABLE, ()), strict=True):
        m = blocks.maxpool(m, k=3, s=2) if name == "5a" else m
        m = blocks.inception_module(m, [f // 8 for f in row])
        modules.append(m)
        if name in ("4a", "4d"):
            ends.append(m)
    m = keras.layers.Dropout(0.4)(blocks.gavgpool(m))
    out = keras.layers.Dense(10, name="main")(m)
    heads = [blocks.aux_head(m, classes=10, f=16, units=128) for m in ends]
    return keras.Model(i, [out, *heads] if aux else [out]), keras.Model(i, modules)


def fitted(model, optimizer, **options):
    """The history of a model trained on the digits; auxiliary losses count 0.3."""
    n = len(model.outputs)
    loss = [keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in range(n)]
    weights = [1.0, 0.3, 0.3][:n]
    model.compile(optimizer, loss, loss_weights=weights, metrics=[["accuracy"]] + [[]] * (n - 1))
    return model.fit(verbose=0, **options).history


nets = {"with heads": narrow(True), "without": narrow(False)}
sizes = {}
for kind, (model, trunk) in nets.items():
    start = model.get_weights()
    before = trunk.get_weights()
    options = dict(x=x[:256], y=[y[:256]] * len(model.outputs), batch_size=256)
    fitted(model, keras.optimizers.SGD(1.0), **options)  # a step of minus the gradient
    steps = [b - w for b, w in zip(before, trunk.get_weights(), strict=True)]
    parts = [steps[:2]] + [steps[n : n + 12] for n in range(2, len(steps), 12)]  # stem, 3a ... 5b
    sizes[kind] = [float(np.sqrt(sum((g**2).sum() for g in part))) for part in parts]
    model.set_weights(start)

# %%
fig, ax = plt.subplots()
for kind, row in sizes.items():
    ax.semilogy(["stem", *names], row, "o-", label=kind)
ax.set(xlabel="module", ylabel="size of the gradient")
ax.legend()
figure(
    fig,
    "Size of the gradient in each module before training: without auxiliary heads it falls from "
    "5b to the stem; with them it rises again at 4d and 4a",
)

# %%
ratio = np.divide(sizes["with heads"], sizes["without"]).tolist()
rows = [[kind, *row] for kind, row in (sizes | {"ratio": ratio}).items()]
grid(["gradient", "stem", *names], rows)

# %% [markdown]
# At the stem the gradient is 1.99 times as large, just below the prediction. In 3a, 3b and 4a it is
# three to five times as large. Without batch norm the gradient falls from the last module to the
# first by a factor of almost 30; with the heads, by 14.

# %%
loss, right = {}, {}
for kind, (model, _) in nets.items():
    n = len(model.outputs)
    options = dict(batch_size=64, epochs=8, validation_data=(test, [truth] * n))
    history = fitted(model, keras.optimizers.Adam(1e-3), x=x, y=[y] * n, **options)
    loss[kind] = history.get("main_loss", history["loss"])
    right[kind] = history.get("val_main_accuracy", history.get("val_accuracy"))

# %%
fig, ax = plt.subplots()
for kind, row in loss.items():
    ax.plot(range(1, 9), row, "o-", label=kind)
ax.set(xlabel="epoch", ylabel="training loss of the main head", ylim=(0, None))
ax.legend()
figure(
    fig,
    "Training loss of the main head by epoch: it starts alike, and then falls faster with the "
    "two auxiliary heads",
)

# %%
final = {kind: float(np.mean(row[-2:])) for kind, row in loss.items()}
grid(
    ["network", "training loss of the main head, last 2 epochs", "test accuracy, %"],
    [[kind, final[kind], 100 * right[kind][-1]] for kind in nets],
)

# %% [markdown]
# The second prediction holds in this run, in a deep, narrow network without batch norm whose
# training we stop early. It is one seed, and another may turn it round. This does not test whether
# the heads *regularize*, and the [Inception v3](09_inception_v2_v3.ipynb) paper (section 4)
# withdraws the claim that they help early in training.

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# #### Reductions and several kernel sizes at equal cost
#
# We compare three nets whose multiply-adds are equal to within 5 %: 3x3 convolutions alone; wider
# ones, each after a 1x1 reduction to a quarter of the channels; and Inception modules with 1x1,
# 3x3, 5x5 and pooling paths. All have batch norm, unlike the paper's network.

# %%
claims.shown("modules")

# %%
claims.curves("modules", "test")

# %% [markdown]
# Test accuracy does not separate the three here. The training loss, for which we had predicted
# nothing, does: with fewer weights and fewer multiply-adds, the Inception modules end 0.096 ± 0.051
# below the 3x3 convolutions, so that zero is outside the interval.

# %% [markdown]
# #### Auxiliary heads
#
# We train a plain net of twelve 3x3 convolutions and a dense layer, without batch norm. One version
# has two auxiliary heads, after the fourth and the eighth convolution; each head's loss has weight
# 0.3. The table counts both nets without the heads, which inference drops; the curves show the main
# head.

# %%
claims.shown("heads")

# %%
claims.curves("heads")

# %% [markdown]
# The loss, for which we had a prediction, decides nothing: zero is inside its interval. The test
# accuracy, for which we had none, is 2.40 ± 0.89 points higher with the heads.

# %% [markdown]
# ## Exercises
#
# 1. How wide would the nine modules become if they had the kernels of Table 1, but no 1x1
#    convolution narrowed the pool's output?

# %% tags=["exercise"]
answer = ...  # maps after the nine
check(answer, "e83a33c5")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# width = 192
# for f1, _, f3, _, f5, _ in sum(TABLE, ()):
#     width += f1 + f3 + f5
# assert width == 4944
# answer = width
# ```
#
# 4,944 maps instead of 1,024: each module would add its own maps to all those before it.
# </details>
#
# 2. How many parameters do the two auxiliary heads have?

# %% tags=["exercise"]
answer = ...  # parameters of both
check(answer, "a8fedc12")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def head(c):
#     return (c * 128 + 128) + (4 * 4 * 128 * 1024 + 1024) + (1024 * 1000 + 1000)
#
#
# assert head(512) + head(528) == both.trainable - one.trainable == 6_379_728
# answer = both.trainable - one.trainable
# ```
#
# Nearly as many as the network itself, almost all in dense layers. Inference uses none of them.
# </details>
#
# 3. The printed operations add up to 1,502 million, and the network has 1,583 million
#    multiply-adds. Which reading of the first row gives the printed sum?

# %% tags=["exercise"]
answer = ...  # million multiply-adds in that reading, a whole number
check(answer, "a3d0c757")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# column = printed["operations, paper"].replace("-", "").replace("M", "").split()
# assert sum(map(int, column)) == 1_502
# other = architectures.measure(architectures.create("googlenet", variant="separable_first_conv"))
# assert round(other.macs / 1e6) == 1_499
# answer = round(other.macs / 1e6)
# ```
#
# A separable first convolution. The remaining difference is rounding and 5a, where the paper prints
# 54 instead of 51.
# </details>
#
# ## Copy it
#
# `convbook show inception_module` prints the block and everything it needs, ready to paste;
# `architectures.create("googlenet")` builds the network, and `aux=True` adds both heads;
# `convbook recipes googlenet` prints the paper's recipe, and
# `convbook train googlenet --data folder:PATH` trains on your images.
#
# ## Cite
#
# ```bibtex
# @inproceedings{szegedy2015going,
#   title     = {Going Deeper with Convolutions},
#   author    = {Szegedy, Christian and Liu, Wei and Jia, Yangqing and Sermanet, Pierre and
#                Reed, Scott and Anguelov, Dragomir and Erhan, Dumitru and Vanhoucke, Vincent and
#                Rabinovich, Andrew},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2015}
# }
# ```
