# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Attention without transformers
#
# Seven papers, one idea. Squeeze-and-excitation, Hu and others, 2017,
# [arXiv:1709.01507](https://arxiv.org/abs/1709.01507). BAM, Park and others, 2018,
# [arXiv:1807.06514](https://arxiv.org/abs/1807.06514). CBAM, Woo and others, 2018,
# [arXiv:1807.06521](https://arxiv.org/abs/1807.06521). Selective kernels, Li and others, 2019,
# [arXiv:1903.06586](https://arxiv.org/abs/1903.06586). Global context, Cao and others, 2019,
# [arXiv:1904.11492](https://arxiv.org/abs/1904.11492). ECA, Wang and others, 2019,
# [arXiv:1910.03151](https://arxiv.org/abs/1910.03151). Coordinate attention, Hou and others, 2021,
# [arXiv:2103.02907](https://arxiv.org/abs/2103.02907).
#
# ## The question
#
# > **Paper** SENet: Figure 1
#
# A trained convolution treats every image alike. Squeeze-and-excitation let the image itself decide
# how much each *channel* counts; the [SENet notebook](21_senet.ipynb) has the details. Then others
# asked: must this cost so many weights? Can a *place* count more, too? Can the image choose the
# *kernel*? None of these needs a transformer: each reads a summary of the map and multiplies.
#
# > **Seen** exactly: SE, ECA and global context do not notice when the places of a map are
# > shuffled; CBAM, BAM and coordinate attention do.
# >
# > **Seen** on the digits, three seeds: CBAM's map of places differs by 0.11 ± 0.19 between ink and
# > background, where we expected at least 0.05 (**not significant**).

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
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
from convbook.blocks.layers import BN

# %% [markdown]
# ## The block
#
# > **Paper** SENet: equations (2) to (4)
#
# The start of it all: a mean of each channel, two dense layers, a gate for each channel.

# %%
code(
    blocks.se_block,
    {
        "m = gavgpool": r"z_c = \mathrm{mean}_{i,j}\, x_c(i, j)",
        "m = dense(m, f, a=weigh)": r"s = \sigma(W_2\, \delta(W_1 z))",
        "return layers.multiply": r"y_c = s_c\, x_c",
    },
)

# %% [markdown]
# **ECA** keeps the mean and drops the dense layers. A channel asks only its `k` neighbours in the
# row of means: 3, 5 or 7 weights in all, whatever the width.

# %%
code(
    blocks.eca_block,
    {
        "k = half": r"k \approx (\log_2 C + 1) / 2, \text{ odd}",
        "layers.Conv1D": r"s = \sigma(w * z),\; w \in \mathbb{R}^k",
        "return layers.multiply": r"y_c = s_c\, x_c",
    },
)

# %% [markdown]
# **CBAM** asks twice: *which channels?*, from means and maxima, and then *which places?*, by one
# 7x7 over the maximum and the mean of all channels, which are concatenated.

# %%
code(
    blocks.cbam_block,
    {
        "m = ops.stack": r"z = \mathrm{mean}\, x,\; z' = \max x",
        "m = ops.sum(dense": r"W_2\, \delta(W_1 z) + W_2\, \delta(W_1 z')",
        "x = layers.multiply": r"x \leftarrow \sigma(\cdot)\, x \text{, for each channel}",
        "m = layers.concatenate": r"[\max_c x,\; \mathrm{mean}_c\, x]",
        "return layers.multiply": r"y = \sigma(W_{7 \times 7} * [\,\cdot\,])\, x",
    },
)

# %%
i = keras.Input((14, 14, 256))
picture(
    keras.Model(i, blocks.cbam_block(i)),
    "The graph of cbam_block: the channels' means and maxima pass two dense layers and are "
    "added; then the maximum and the mean over channels are concatenated and pass a 7x7",
)

# %% [markdown]
# **BAM** answers both questions side by side and adds the answers; its window is wide by dilation.
# It sits between the stages, three in a network, and is itself added to the input.

# %%
code(
    blocks.bam_block,
    {
        "by_channel =": r"M_c: \text{ a number for each channel}",
        "by_place =": r"M_s: \text{ a number for each place}",
        "m = act(layers.add": r"M = \sigma(M_c + M_s)",
        "return layers.add": r"y = x + x \odot M",
    },
)

# %% [markdown]
# **Global context** is the closest to a transformer: a softmax over all places makes a weighted
# mean. The same context is then *added* at each place.

# %%
code(
    blocks.global_context_block,
    {
        "m = layers.Softmax": r"\alpha_j = \mathrm{softmax}_j(w^\top x_j)",
        "m = ops.sum": r"z = \textstyle\sum_j \alpha_j x_j",
        "m = act(norm": r"\delta(\mathrm{LN}(W_1 z))",
        "return layers.add": r"y_j = x_j + W_2\, \delta(\mathrm{LN}(W_1 z))",
    },
)

# %% [markdown]
# **Coordinate attention** takes means along rows and along columns instead of one global mean. So
# it still knows *where*: each place gets the product of a row's gate and a column's gate.

# %%
code(
    blocks.coordinate_block,
    {
        "rows, columns = ops.mean": r"z^h = \mathrm{mean}_j\, x,\; z^w = \mathrm{mean}_i\, x",
        "m = layers.concatenate": r"[z^h, z^w]",
        "m = conv(m": r"f = \delta(W_1 [z^h, z^w])",
        "rows = conv": r"g^h = \sigma(W_h f^h)",
        "columns = conv": r"g^w = \sigma(W_w f^w)",
        "return layers.multiply": r"y(i, j) = x(i, j)\, g^h(i)\, g^w(j)",
    },
)

# %% [markdown]
# A **selective kernel** lets the image choose between two windows, a 3x3 and one dilated to 5x5.
# For each channel the two weights add up to one.

# %%
code(
    blocks.selective_kernel,
    {
        "path1 = conv": r"u_1 = W_1 * x",
        "path2 = conv": r"u_2 = W_2 *_2 x \text{, dilated}",
        "m = dense(gavgpool": r"z = W\, \mathrm{mean}(u_1 + u_2)",
        "layers.Softmax(1)": r"a_1 + a_2 = 1 \text{ for each channel}",
        "return layers.add": r"y = a_1 u_1 + a_2 u_2",
    },
    longest=17,
)

# %% [markdown]
# ## The table
#
# > **Paper** CBAM: ResNet-50 with a CBAM in each block

# %%
table("cbam_resnet50", errata=["cbam_resnet50: norm and order of the 7x7"])

# %% [markdown]
# What does each cost? First by formula, for a map of C channels with the papers' reductions; then
# counted on the built block. The two must be equal. For the selective kernel we count only what it
# adds to the one grouped 3x3 that it replaces.


# %%
def formulas(c, r=16):
    """Trainable parameters of each attention on c channels; norms have 2 per channel."""
    w, narrow, d = c // r, max(8, c // 32), max(c // 16, 32)
    dense_pair = 2 * c * w + w + c
    k = eca_kernel(c)
    return {
        "SE": dense_pair,
        "ECA": k,
        "CBAM": dense_pair + 2 * 7 * 7 + 2,
        "BAM": dense_pair + 2 * c + (c * w + w) + 2 * (9 * w * w + w) + (w + 1) + 2,
        "global context": c + dense_pair + 2 * w,
        "coordinate": c * narrow + 2 * narrow + 2 * (narrow * c + c),
        "selective kernel": (9 * c * c // 32 + 2 * c) + (c * d + 2 * d) + 2 * c * d,
    }


def eca_kernel(c):
    """ECA's kernel: log2 of the channels, plus 1, halved, rounded down and made odd."""
    k = int((np.log2(c) + 1) / 2)
    return k if k % 2 else k + 1


ATTENTION = {
    "SE": blocks.se_block,
    "ECA": blocks.eca_block,
    "CBAM": blocks.cbam_block,
    "BAM": blocks.bam_block,
    "global context": blocks.global_context_block,
    "coordinate": blocks.coordinate_block,
    "selective kernel": lambda x: blocks.selective_kernel(x, x.shape[-1]),
}


def counted(name, c, size=14):
    """The measure of an attention; for a selective kernel, without the 3x3 that it replaces."""
    i = keras.Input((size, size, c))
    m = architectures.measure(keras.Model(i, ATTENTION[name](i)))
    if name != "selective kernel":
        return m.trainable, m.macs
    one = architectures.measure(keras.Model(i, blocks.conv(i, c, k=3, g=32, n=BN)))
    return m.trainable - one.trainable, m.macs - one.macs


rows = []
for name in ATTENTION:
    measured = [counted(name, c) for c in (256, 1024)]
    assert [m[0] for m in measured] == [formulas(c)[name] for c in (256, 1024)], name
    rows.append([name, formulas(256)[name], measured[0][0], *measured[1]])
head = [
    "attention",
    "C = 256, formula",
    "counted",
    "C = 1024, parameters",
    "multiply-adds, 14 x 14",
]
grid(head, rows)

# %%
widths = 2 ** np.arange(6, 12)
fig, ax = plt.subplots()
for name in ATTENTION:
    ax.loglog(widths, [formulas(int(c))[name] for c in widths], marker=".", label=name, base=2)
ax.set(xlabel="channels", ylabel="parameters")
ax.legend(ncols=2)
figure(
    fig,
    "Parameters of seven attentions by channels, on logarithmic axes: six grow with the square "
    "of the channels; ECA stays below ten",
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** SENet: Table 2; the others as their authors' code lists them
#
# Compare each only with its own baseline: the trainings differ by years of recipes. [What top-1 and
# top-5 mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted). We have not trained on
# ImageNet.

# %%
accuracies("se_resnet50", "bam_resnet50", "cbam_resnet50")

# %%
accuracies("eca_resnet50d", "eca_resnet101d", "sknet50", "sknet101")

# %% [markdown]
# ECA adds 86 weights to ResNet-50-D, for all 16 blocks together; squeeze-and-excitation adds 2.5
# million to ResNet-50.

# %%
of = {
    name: architectures.facts(name)["computed"]["trainable"]
    for name in ("resnet50", "se_resnet50", "resnet50d", "eca_resnet50d")
}
assert of["eca_resnet50d"] - of["resnet50d"] == 86
assert of["se_resnet50"] - of["resnet50"] == 2_530_992
grid(["network", "parameters"], [[name, n] for name, n in of.items()])

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Coordinate attention, section 3: a global mean forgets where things are
#
# Shuffle the places of a map. A block that reads only a mean of each channel cannot notice: its
# gates stay as they were. Before the first run we predicted: SE, ECA and global context do not
# notice; CBAM, BAM and coordinate attention do. We measure how far the output of the shuffled map
# is from the shuffled output, as a share of the output's size, on random weights.

# %%
rng = np.random.default_rng(0)
x = rng.normal(size=(2, 14, 14, 64)).astype("float32")
order = rng.permutation(14 * 14)


def shuffled(x):
    flat = np.reshape(x, (2, 14 * 14, 64))
    return flat[:, order].reshape(2, 14, 14, 64)


moved = {}
for name in ("SE", "ECA", "global context", "CBAM", "BAM", "coordinate"):
    keras.utils.set_random_seed(0)
    i = keras.Input((14, 14, 64))
    model = keras.Model(i, ATTENTION[name](i))
    answer, other = shuffled(np.array(model(x))), np.array(model(shuffled(x)))
    moved[name] = float(np.abs(answer - other).max() / np.abs(answer).max())
for name in ("SE", "ECA", "global context"):
    assert moved[name] < 1e-5
for name in ("CBAM", "BAM", "coordinate"):
    assert moved[name] > 1e-3
grid(["attention", "difference"], [[name, value] for name, value in moved.items()])

# %% [markdown]
# Now let us look at a map of places. A small net learns the digits, enlarged to 16 x 16: a 3x3 of
# 16 filters, a CBAM, a 3x3 with stride 2, and a dense layer. Adam at 0.003, batch 64, 8 epochs,
# three seeds. Before the first run we predicted: on test images, the map of places differs between
# ink and paper by at least 0.05 on average; we did not predict which of them gets more.

# %%
data = digits(16)


def learned(seed):
    """(CBAM's maps of places of the test images, test accuracy in %) of a net that learned."""
    keras.utils.set_random_seed(seed)
    i = keras.Input((16, 16, 1))
    weighed = blocks.cbam_block(blocks.conv(i, 16, k=3, n=BN), r=4)
    m = blocks.gavgpool(blocks.conv(weighed, 32, k=3, s=2, n=BN))
    net = keras.Model(i, blocks.dense(m, 10, a=None))
    history = learn(net, data, epochs=8, rate=3e-3)
    (last,) = [layer for layer in net.layers if layer.output is weighed]
    place = last.input[1]  # the map by which the channels' result is multiplied
    return np.array(keras.Model(i, place)(data[2]))[..., 0], 100 * history["val_accuracy"][-1]


every = [learned(seed) for seed in range(3)]

# %%
maps, ink = every[0][0], data[2][..., 0] > 0.5
fig, axes = plt.subplots(2, 6, figsize=(6.4, 2.4))
for column in range(6):
    for row, shown in enumerate((data[2][..., 0], maps)):
        axes[row, column].imshow(shown[column], cmap=("gray_r", "viridis")[row])
        axes[row, column].set(xticks=[], yticks=[])
        axes[row, column].grid(visible=False)
figure(
    fig,
    "Six test digits, and below each, CBAM's map of places with seed 0: low on the strokes, high "
    "beside them",
)

# %%
means = [(float(maps[ink].mean()), float(maps[~ink].mean())) for maps, _ in every]
apart, half = claims.interval([abs(on - off) for on, off in means])
head = ["seed", "mean of the map on ink", "mean on background", "test accuracy, %"]
rows = [[seed, *means[seed], right] for seed, (_, right) in enumerate(every)]
Markdown(
    f"{grid(head, rows)}\n\nInk and background differ by {apart:.2f} ± {half:.2f}; we expected at "
    f"least 0.05: **{claims.verdict(apart - 0.05, half)}**."
)

# %% [markdown]
# With each seed the map differs by more than 0.05 (the first run had seed 0 alone), but three seeds
# that differ so much prove no mean. With two of them the net turns down what is bright anyway; with
# the third it turns it up. Each has learned from the labels alone where the strokes are: nobody
# marked them.
#
# ## Exercises
#
# 1. How many weights do ECA's gates have on a map of 2048 channels, and how many does the SE block
#    with r = 16 have?

# %% tags=["exercise"]
answer = ...  # parameters of (ECA, SE)
check(answer, "36bca167")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = counted("ECA", 2048)[0], counted("SE", 2048)[0]
# assert answer == (7, 2 * 2048 * 128 + 128 + 2048)
# ```
#
# 7 against half a million, for one block.
# </details>
#
# 2. Coordinate attention reads means of rows and columns. How many places do the means have that
#    its first 1x1 reads, for a map of 56 x 28?

# %% tags=["exercise"]
answer = ...  # places
check(answer, "44c8031c")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((56, 28, 64))
# model = keras.Model(i, blocks.coordinate_block(i))
# joined = [l for l in model.layers if isinstance(l, keras.layers.Concatenate)]
# answer = joined[0].output.shape[1]
# assert answer == 56 + 28
# ```
#
# The sum, not the product: that is why it is cheap.
# </details>
#
# 3. An SE block starts with gates near 1/2. By what factor does a BAM whose gates are all 1/2
#    multiply its input?

# %% tags=["exercise"]
answer = ...  # the factor
check(answer, "ae229d7e")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((14, 14, 64))
# bam = keras.Model(i, blocks.bam_block(i))
# bam.set_weights([np.zeros(w.shape) for w in bam.get_weights()])
# np.testing.assert_allclose(bam(x), 1.5 * x, rtol=1e-5)
# answer = 1.5
# ```
#
# x + x/2. The shortcut keeps at least the whole input, where SE, ECA and CBAM make it smaller.
# </details>
#
# ## Copy it
#
# `convbook show cbam_block`, and likewise `eca_block`, `bam_block`, `global_context_block`,
# `coordinate_block` and `selective_kernel`, print the block and everything it needs. Any residual
# block takes one: `blocks.basic_block(x, 64, attention=blocks.eca_block)`.
# `architectures.create("sknet50")` and `create("cbam_resnet50")` build the papers' networks.
#
# ## Cite
#
# ```bibtex
# @inproceedings{woo2018cbam,
#   title     = {CBAM: Convolutional Block Attention Module},
#   author    = {Woo, Sanghyun and Park, Jongchan and Lee, Joon-Young and Kweon, In So},
#   booktitle = {European Conference on Computer Vision (ECCV)},
#   year      = {2018}
# }
# @inproceedings{li2019selective,
#   title     = {Selective Kernel Networks},
#   author    = {Li, Xiang and Wang, Wenhai and Hu, Xiaolin and Yang, Jian},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2019}
# }
# @inproceedings{wang2020eca,
#   title     = {ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks},
#   author    = {Wang, Qilong and Wu, Banggu and Zhu, Pengfei and Li, Peihua and Zuo, Wangmeng and
#                Hu, Qinghua},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2020}
# }
# @inproceedings{hou2021coordinate,
#   title     = {Coordinate Attention for Efficient Mobile Network Design},
#   author    = {Hou, Qibin and Zhou, Daquan and Feng, Jiashi},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2021}
# }
# ```
