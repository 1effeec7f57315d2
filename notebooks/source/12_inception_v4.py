# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Inception v4 and Inception-ResNet
#
# Christian Szegedy, Sergey Ioffe, Vincent Vanhoucke, Alex Alemi: *Inception-v4, Inception-ResNet
# and the Impact of Residual Connections on Learning*, 2016,
# [arXiv:1602.07261](https://arxiv.org/abs/1602.07261). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Abstract and section 1
#
# [Residual networks](10_resnet.ipynb) had just shown that very deep networks train well with
# shortcuts. Inception networks are deep, too, and train without shortcuts. Does a shortcut around
# each module help? And does the gain come from the shortcut or from the size? The paper compares a
# larger pure Inception (v4) with Inception-ResNets of about the same cost: v1 costs as much as
# [Inception v3](09_inception_v2_v3.ipynb), and v2 as much as v4.
#
# > **Seen** on Fashion-MNIST, three seeds: the training loss of modules without shortcuts ends 0.34
# > ± 0.29 above that of modules with shortcuts (**as expected**).
# >
# > **Seen** on the digits, one seed and so no verdict: over twenty blocks the sum grows by a factor
# > of 4.17 at scale 1, and of 1.04 at scale 0.1; with shortcuts the training loss of eight modules
# > ends at 1.60, without at 1.89. We had predicted half.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import accuracies
from convbook.blocks.layers import BN

# %% [markdown]
# ## The block
#
# > **Paper** Section 3.3, Figure 20; the paths of module A of v2: Figure 16
#
# The block has parallel paths, like any Inception module. A 1x1 convolution without activation
# brings them back to the width of the input. The block scales the result by a small constant and
# adds the input.

# %%
code(
    blocks.inception_resnet_block,
    {
        "layers.concatenate": r"m = [b_1(x), b_2(x), b_3(x)]",
        "m = conv(m, x.shape": r"\mathcal{F}(x) = W_{1 \times 1}\, m + \mathrm{bias}",
        "layers.Rescaling": r"s\, \mathcal{F}(x),\quad s = 0.1 \ldots 0.3",
        "layers.add": r"y = \sigma(x + s\, \mathcal{F}(x))",
    },
)

# %%
i = keras.Input((35, 35, 320))
picture(
    keras.Model(i, blocks.inception_resnet_block(i, paths="v2 A")),
    "The graph of inception_resnet_block: three paths (1x1; 1x1 and 3x3; 1x1 and two 3x3), "
    "concatenated; a linear 1x1 to 320 channels, scaled by 0.17; the input is added, then relu",
)

# %% [markdown]
# > **Paper** Figures 4, 5 and 6; 7 and 8
#
# These are the modules of the pure network, v4. They are simpler than v3's, because all modules of
# a stage are alike.

# %%
code(
    blocks.inception_v4_b,
    {
        "256, k=(7, 1)": r"W_{7 \times 1} \ast W_{1 \times 7} \ast W_{1 \times 1}\, x",
        "256, k=(1, 7)": r"\text{the same twice: sees } 13 \times 13",
    },
)

# %%
i = keras.Input((17, 17, 1024))
picture(
    keras.Model(i, blocks.inception_v4_b(i)),
    "The graph of inception_v4_b: 1x1; 1x1, 1x7, 7x1; 1x1, 7x1, 1x7, 7x1, 1x7; mean pool and 1x1; "
    "concatenated to 1024 channels",
)

# %% [markdown]
# ## The table
#
# > **Paper** Figure 9, with the stem of Figure 3: Inception v4
#
# The paper prints sizes, but neither parameters nor multiply-adds.

# %%
table("inception_v4", errata=["inception_v4: parameters"])

# %% [markdown]
# > **Paper** Figures 10 to 15: Inception-ResNet v1

# %%
table("inception_resnet_v1", errata=["inception_resnet_v1: drawn and ported"])

# %% [markdown]
# > **Paper** Figures 15 to 19: Inception-ResNet v2
#
# This is the released network. It differs from the paper's figures: it has another stem, and twice
# as many modules.

# %%
table(
    "inception_resnet_v2",
    errata=[
        "inception_resnet_v2: drawn and released",
        "inception_resnet_v2: 1154 and 2048",
        "inception_resnet_v2: k, l, m, n of the first reduction",
    ],
)

# %% [markdown]
# These are the pairs that the paper compares, with its errors on one crop (only on images that are
# not blacklisted; see [errata](../docs/errata.md#inception_v4-resnets-errors-and-the-subset)).

# %%
names = "inception_v3", "inception_resnet_v1", "inception_v4", "inception_resnet_v2"
nets = {name: architectures.measure(architectures.create(name)) for name in names}
printed = {}
for name in names:
    first = architectures.facts(name)["errors"][:2]  # top-1 and top-5 on one crop
    assert ["1 crop" in e["protocol"] or e["protocol"] == "same" for e in first] == [True, True]
    printed[name] = " / ".join(str(e["value"]) for e in first)
for pure, residual in (tuple(nets)[:2], tuple(nets)[2:]):
    assert abs(nets[residual].macs / nets[pure].macs - 1) < 0.1  # "about the cost"
grid(
    ["network", "top-1 / top-5 error, paper", "parameters", "multiply-adds"],
    [[name, printed[name], m.trainable, m.macs] for name, m in nets.items()],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** The tables of single-model errors: 1, 12 and 144 crops
#
# More crops help every network by about two points. Rows in italics are published weights that the
# networks load, with the figures timm reports, on all validation images. [Reading
# paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains top-1, top-5 and
# crops. We have not trained on ImageNet.

# %%
accuracies("inception_v4", "inception_resnet_v1", "inception_resnet_v2")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Section 3.3: scaling of the residuals
#
# In the paper, residual networks with more than 1,000 filters died: after some ten thousand steps
# the layer before the mean pool put out only zeros, whatever the learning rate. Scaling the
# residuals by 0.1 to 0.3 kept training stable. We do not run anything as wide or as long, but we
# can show right away what the scale does to the sum. Each branch normalizes its input, so it adds
# about the same amount, however large the sum already is.
#
# We take twenty blocks of 32 channels with untrained weights and feed them 256 digits; batch norm
# uses the statistics of the batch; seed 0. Before the first run we predicted: from the first
# block's input to the last block's output the root mean square grows more than threefold at scale
# 1, and by less than a quarter at scale 0.1.

# %%
PATHS = [[(1, 8)], [(1, 8), (3, 8)], [(1, 8), (3, 12), (3, 16)]]
data = digits(8)


def sizes(scale, depth=20):
    """Root mean square before the first block and after each, over 256 images."""
    keras.utils.set_random_seed(0)
    x = i = keras.Input((8, 8, 1))
    maps = [x := blocks.conv(x, 32, k=3, n=BN)]
    for _ in range(depth):
        x = blocks.inception_resnet_block(x, paths=PATHS, scale=scale, n=BN)
        maps.append(x)
    outputs = keras.Model(i, maps)(data[0][:256], training=True)
    return np.array([float(np.sqrt(np.mean(np.square(y)))) for y in outputs])


growth = {scale: sizes(scale) for scale in (1.0, 0.3, 0.17, 0.1)}
fig, ax = plt.subplots()
for scale, size in growth.items():
    ax.plot(size / size[0], "o-", ms=3, label=f"scale {scale}")
ax.set(xlabel="blocks", ylabel="root mean square / that of the input", xticks=range(0, 21, 5))
ax.legend()
figure(
    fig,
    "Root mean square of the activations by number of blocks, for four scales: at scale 1 it "
    "grows more than fourfold, at 0.1 it hardly changes",
)

# %%
ends = {scale: float(size[-1] / size[0]) for scale, size in growth.items()}
assert ends[1.0] > 3
assert ends[0.1] < 1.25
grid(["scale", "growth over 20 blocks"], list(ends.items()))

# %% [markdown]
# > **Paper** Section 5 and its figures of error by epoch: residual Inceptions train faster
#
# We train the same blocks with the shortcut and without it (the branch alone, then relu), eight of
# them on the digits of 8 x 8 pixels: Adam at 0.001, batch size 128, 6 epochs, seed 0. Before the
# first run we predicted: after every epoch the training loss with the shortcut (scale 0.17) is
# lower than without it; in the last epoch it is at most half.


# %%
def alone(x):
    """The block without its shortcut: the branch, then relu."""
    m = blocks.parallel(x, *PATHS, n=BN)
    return blocks.conv(m, x.shape[-1], k=1)


def added(x):
    return blocks.inception_resnet_block(x, paths=PATHS, scale=0.17, n=BN)


def modules_net(block, depth=8):
    x = i = keras.Input((8, 8, 1))
    x = blocks.conv(x, 32, k=3, n=BN)
    for _ in range(depth):
        x = block(x)
    return keras.Model(i, keras.layers.Dense(10)(blocks.gavgpool(x)))


histories = {}
for name, block in {"no shortcut": alone, "shortcut, scale 0.17": added}.items():
    keras.utils.set_random_seed(0)
    histories[name] = learn(modules_net(block), data, epochs=6, batch=128)

# %%
fig, ax = plt.subplots()
for name, history in histories.items():
    ax.plot(np.arange(1, 7), history["loss"], "o-", label=name)
ax.set(xlabel="epoch", ylabel="training loss")
ax.legend()
figure(
    fig,
    "Training loss by epoch of eight Inception modules: it falls faster with the shortcut than "
    "without",
)

# %% [markdown]
# Result: with the shortcut, the loss is equal after epoch 1, contrary to our prediction, and lower
# after every other epoch. In the last epoch it is lower by a seventh, not by half. After these 72
# steps the test accuracies differ widely: 72 % with shortcuts, 26 % without. All this is one seed.

# %%
grid(
    ["", "training loss, epoch 1", "training loss, epoch 6", "test accuracy, %"],
    [[k, h["loss"][0], h["loss"][-1], 100 * h["val_accuracy"][-1]] for k, h in histories.items()],
)

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# These are the same eight modules, with the shortcut (scale 0.17) and without it, on maps of 7 x 7.
# Training takes six epochs with Adam.

# %%
claims.shown("branches")

# %%
claims.curves("branches")

# %% [markdown]
# At equal weights and multiply-adds, the modules with shortcuts learn faster with every seed: after
# four epochs they are where the others are after six. The test accuracy follows: 72 % against 57 %.
# That is the paper's claim about training speed. Its networks without shortcuts reach almost the
# same accuracy in the end; six epochs are too few to see that.

# %% [markdown]
# ## Exercises
#
# 1. The figures of v2 print 1154 and 2048 filters for the linear 1x1 of modules B and C. Which
#    numbers must they be?

# %% tags=["exercise"]
answer = ...  # filters of the (second, third) stage
check(answer, "b7cdbd57")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# drawn = architectures.create("inception_resnet_v2", variant="paper_figures_literal")
# widths = [drawn.get_layer(f"stage{i}").output.shape[-1] for i in (1, 2, 3)]
# assert widths == [384, 384 + 384 + 384, 1152 + 384 + 288 + 320] == [384, 1152, 2144]
# answer = widths[1], widths[2]
# ```
#
# The block adds its branch to its input, so both must have the same width.
# </details>
#
# 2. Table 1 gives (k, l, m, n) of the first reduction for three networks. Which widths follow from
#    them?

# %% tags=["exercise"]
answer = ...  # channels for (v4, v1, v2)
check(answer, "67b79a94")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# rows = {384: (192, 224, 256, 384), 256: (192, 192, 256, 384), 320: (256, 256, 384, 384)}
# width = {}
# for channels, row in rows.items():
#     i = keras.Input((35, 35, channels))
#     width[channels] = blocks.reduction_a(i, row).shape[1:]
# assert width == {384: (17, 17, 1024), 256: (17, 17, 896), 320: (17, 17, 1088)}
# answer = tuple(shape[-1] for shape in width.values())
# ```
#
# For v4, for Inception-ResNet v1, and for v2 as released, it is n + m plus the width of the pool's
# output.
# </details>
#
# 3. What would the 1x7 and 7x1 pairs of `inception_v4_b` cost as 7x7 convolutions?

# %% tags=["exercise"]
answer = ...  # times as many multiply-adds, two digits
check(answer, "6278ac8a")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def cost(path):
#     x = i = keras.Input((17, 17, 1024))
#     for k, f in path:
#         x = blocks.conv(x, f, k=k, bias=False)
#     return architectures.measure(keras.Model(i, x)).macs
#
#
# pairs = cost([(1, 192), ((1, 7), 224), ((7, 1), 256)])
# square = cost([(1, 192), (7, 256)])
# assert 2.5 < square / pairs < 3
# answer = square / pairs
# ```
# </details>
#
# ## Copy it
#
# `convbook show inception_resnet_block` and `convbook show inception_v4_b` print the blocks and
# everything they need, ready to paste; `architectures.create("inception_v4")` and
# `architectures.create("inception_resnet_v2", weights="imagenet")` build the networks, the second
# with published weights; `convbook recipes inception_v4` prints how they were trained.
#
# ## Cite
#
# ```bibtex
# @inproceedings{szegedy2017inception,
#   title     = {Inception-v4, {Inception-ResNet} and the Impact of Residual Connections on
#                Learning},
#   author    = {Szegedy, Christian and Ioffe, Sergey and Vanhoucke, Vincent and Alemi, Alexander},
#   booktitle = {AAAI Conference on Artificial Intelligence},
#   year      = {2017}
# }
# ```
