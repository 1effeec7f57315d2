# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Xception
#
# François Chollet: *Xception: Deep Learning with Depthwise Separable Convolutions*, 2016,
# [arXiv:1610.02357](https://arxiv.org/abs/1610.02357). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Section 1
#
# A convolution looks across channels and across space at the same time. An [Inception
# module](08_googlenet.ipynb) splits this: its 1x1 convolutions map the channels into three or four
# smaller spaces, then ordinary convolutions look across each. In the extreme case each channel is a
# space of its own. Can a network treat the two kinds of correlation entirely separately, and is it
# more accurate at the same size?
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of separable convolutions ends 0.76 ±
# > 2.55 points above that of plain 3x3s (**not significant**).
# >
# > **Seen** on the digits, three seeds: with nothing between depthwise and pointwise the training
# > loss ends 0.03 ± 0.16 below that with a relu (**not significant**), so that the paper's gain
# > does not show.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import as_printed, cell, published
from convbook.blocks.layers import BN

# %% [markdown]
# ## The block
#
# > **Paper** Figures 1 to 4: from Inception to its extreme
#
# In the extreme Inception module, each output channel of the 1x1 has its own spatial kernel:

# %%
code(
    blocks.extreme_inception,
    {"return": r"y_c = \sigma\big(D_c \ast \sigma((W_{1 \times 1} x)_c)\big)"},
)

# %% [markdown]
# Reverse the order and leave out the activation in between, and you get the depthwise separable
# convolution of the libraries:

# %%
code(
    blocks.extreme_inception,
    {"return": r"y = \sigma\big(W_{1 \times 1}\, (D_c \ast x_c)_c\big)"},
    first="depthwise",
    middle=None,
)

# %% [markdown]
# > **Paper** Figure 5
#
# The network is a stack of separable convolutions with shortcuts: 36 convolutions in 14 modules.

# %%
code(
    blocks.xception_block,
    {
        "act(": r"m \leftarrow \max(0, m)",
        "= sepconv": r"m \leftarrow \mathrm{BN}\big(W_{1 \times 1}\, (D_c \ast m_c)_c\big)",
        "conv(x, f, k=1": r"W_s x,\; 1\times1\text{, where the shape changes}",
        "layers.add": r"y = \mathcal{F}(x) + W_s x",
    },
)

# %%
i = keras.Input((74, 74, 128))
picture(
    keras.Model(i, blocks.xception_block(i, 256, s=2)),
    "The graph of xception_block in the entry flow: twice relu, separable 3x3 to 256 channels "
    "and batch norm; then a 3x3 max pool with stride 2; a 1x1 convolution of the input with "
    "stride 2 is added",
)

# %% [markdown]
# A separable convolution *is* a convolution whose kernel is a product: each channel has one 3x3
# pattern, with a different weight for each filter. Here is the proof, with ten filters on real
# digits:

# %%
data = digits(8)
keras.utils.set_random_seed(0)
i = keras.Input((8, 8, 3))
apart = keras.Model(i, blocks.sepconv(i, 10, k=3, a=None, bias=False))
depthwise, pointwise = apart.get_weights()  # (3, 3, 3, 1), (1, 1, 3, 10)
kernel = depthwise * pointwise  # (3, 3, 3, 10)
whole = keras.Model(i, blocks.conv(i, 10, k=3, a=None, bias=False))
whole.set_weights([kernel])
x = np.repeat(data[0][:64], 3, axis=3) * [1.0, 0.5, 2.0]
difference = np.abs(np.array(apart(x)) - np.array(whole(x))).max()
assert difference < 1e-5
assert all(np.linalg.matrix_rank(kernel[:, :, c].reshape(9, 10)) == 1 for c in range(3))
grid(
    ["", "weights", "multiply-adds"],
    [
        [name, m.weights, m.macs]
        for name, m in (
            ("separable", architectures.measure(apart)),
            ("full", architectures.measure(whole)),
        )
    ],
)

# %% [markdown]
# ## The table
#
# > **Paper** Figure 5, with the sizes that its flows imply; parameters: Table 3

# %%
table(
    "xception",
    errata=["xception: 22,855,952 and 22,910,480", "xception: what the figure leaves open"],
    ends=["stem", "stage1_block1", "stage1_block2", "stage1", "stage2", "stage3_block1", "stage3"],
)

# %% [markdown]
# Table 3 compares Xception with Inception v3, which has about as many parameters: Xception's gain
# does not come from its size. The number printed for Inception v3 belongs to another network
# ([errata](../docs/errata.md#inception_v3-23626728)).

# %%
names = "xception", "inception_v3"
nets = {name: architectures.measure(architectures.create(name)) for name in names}
printed = {"xception": "22,855,952", "inception_v3": "23,626,728"}
accuracy = {
    name: [cell("xception", "Table 1", row, f"{top} accuracy") for top in ("top-1", "top-5")]
    for name, row in zip(names, ("Xception", "Inception v3"), strict=True)
}
assert 0.9 < nets["xception"].trainable / nets["inception_v3"].trainable < 1
grid(
    [
        "network",
        "parameters, paper",
        "counted",
        "multiply-adds",
        "top-1 / top-5 accuracy, %, paper",
    ],
    [
        [name, printed[name], m.trainable, m.macs, " / ".join(accuracy[name])]
        for name, m in nets.items()
    ],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** Table 1
#
# All four networks were tested on one crop. [What top-1 and top-5
# mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted). The second table has the
# figures that timm reports for the weights that `xception` loads. We have not trained on ImageNet.

# %%
as_printed("xception", "Table 1")

# %%
published("xception")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Figure 10: no activation between depthwise and pointwise
#
# Inception puts a relu after both of its steps. For a separable convolution the paper found that
# with a relu (or elu) between the two, training is slower and ends worse. After the depthwise step
# each channel is still by itself, so whatever a relu cuts off is lost.
#
# We train four residual modules of one separable convolution each, 24 channels, on the digits of 8
# x 8 pixels, with nothing or a relu between the two steps: Adam at 0.001, batch size 128, 8 epochs,
# seeds 0, 1 and 2. Before the first run we predicted: for each seed the training loss of the last
# epoch is lower with nothing in between.


# %%
def separable_net(middle, f=24, depth=4):
    x = i = keras.Input((8, 8, 1))
    x = blocks.conv(x, f, k=3, n=BN, a=None)
    for _ in range(depth):
        m = blocks.act(x, "relu")
        m = blocks.extreme_inception(m, f, first="depthwise", middle=middle, a=None, n=BN)
        x = keras.layers.add([x, m])
    return keras.Model(i, keras.layers.Dense(10)(blocks.gavgpool(blocks.act(x, "relu"))))


histories = {}
for seed in range(3):
    for middle in (None, "relu"):
        keras.utils.set_random_seed(seed)
        histories[middle, seed] = learn(separable_net(middle), data, epochs=8, batch=128)

# %%
fig, axes = plt.subplots(1, 2)
for (middle, seed), history in histories.items():
    letters = dict(color="C1" if middle else "C0", ls="--" if middle else "-", alpha=0.8)
    letters |= dict(label="relu between" if middle else "nothing between") if not seed else {}
    axes[0].plot(np.arange(1, 9), history["loss"], **letters)
    axes[1].plot(np.arange(1, 9), 100 * np.array(history["val_accuracy"]), **letters)
axes[0].set(xlabel="epoch", ylabel="training loss")
axes[1].set(xlabel="epoch", ylabel="test accuracy, %")
axes[1].legend(loc="lower right")
figure(
    fig,
    "Training loss and test accuracy by epoch for three seeds, with a relu between depthwise "
    "and pointwise and with nothing between: the curves of the two kinds overlap",
)

# %%
ends = {
    kind: [[by * histories[m, seed][key][-1] for m in (None, "relu")] for seed in range(3)]
    for kind, key, by in (("training loss", "loss", 1), ("test accuracy, %", "val_accuracy", 100))
}
rows = []
for kind, each in ends.items():
    more, half = claims.interval(np.subtract(*np.transpose(each)))
    rows += [[kind, str(seed), *map(float, pair)] for seed, pair in enumerate(each)]
    rows[-1].append(f"{more:+.2f} ± {half:.2f}")
grid(["", "seed", "nothing between", "relu between", "difference"], [[*r, ""][:5] for r in rows])

# %% [markdown]
# With nothing in between, the loss is lower for two of the three seeds only, and the difference is
# well inside its interval: **not significant**. The test accuracy, for which we had no prediction,
# is higher with the relu for each seed, but its difference is inside the interval, too. Four
# modules and 96 steps are far from the paper's 14 modules on ImageNet.

# %% [markdown]
# ### On Fashion-MNIST
#
# All train on 5,000 images, with three seeds:
# [how, and how we compare them](../docs/reading.md#how-the-fashion-mnist-experiments-train).
#
# #### Separable convolutions at equal multiply-adds
#
# We compare six plain convolutions with six separable ones. The separable ones are about three
# times as wide, so that both nets have the same multiply-adds. The rate decays to 0 over the eight
# epochs; at a constant rate, as in our first runs, the last epoch depends on chance, and the
# interval spanned 11 points on either side.

# %%
claims.shown("separable")

# %%
claims.curves("separable", "test")

# %% [markdown]
# At equal multiply-adds, and with fewer weights, the separable net ends with a lower training loss
# with every seed. Its test accuracy is higher on average, but by less than its interval.

# %% [markdown]
# ## Exercises
#
# 1. How many times as many weights would a module of the middle flow have with ordinary
#    convolutions?

# %% tags=["exercise"]
answer = ...  # times as many, a whole number
check(answer, "19581e27")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((19, 19, 728))
# separable = architectures.measure(keras.Model(i, blocks.xception_block(i, 728, b=3)))
# x = i
# for _ in range(3):
#     x = blocks.conv(x, 728, k=3, n=BN, pre=True)
# ordinary = architectures.measure(keras.Model(i, keras.layers.add([i, x])))
# assert separable.weights == 3 * (9 * 728 + 728**2)
# assert 8.8 < ordinary.weights / separable.weights < 9
# answer = round(ordinary.weights / separable.weights)
# ```
#
# Nearly nine times as many. The 3x3 patterns of a separable convolution are almost free; the 1x1 is
# the cost. Eight such modules would have 114 million weights instead of 13.
# </details>
#
# 2. Does it matter which comes first, the 1x1 or the depthwise convolution?

# %% tags=["exercise"]
answer = ...  # weights for 64 channels (1x1 first, depthwise first)
check(answer, "886f59a1")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def module(first, f):
#     i = keras.Input((19, 19, 64))
#     y = blocks.extreme_inception(i, f, first=first, middle=None)
#     return architectures.measure(keras.Model(i, y)).weights
#
#
# assert module("1x1", 64) == module("depthwise", 64) == 64 * 64 + 9 * 64
# assert module("1x1", 128) - module("depthwise", 128) == 9 * 64
# answer = module("1x1", 64), module("depthwise", 64)
# ```
#
# In a deep stack hardly, as the paper says: the steps alternate anyway, and only the first and the
# last step of the stack differ.
# </details>
#
# 3. Which of the twelve shortcuts have weights?

# %% tags=["exercise"]
answer = ...  # their filters, in order
check(answer, "8658fd72")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# model = architectures.create("xception")
# ones = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
# projections = [x for x in ones if x.kernel_size == (1, 1) and x.strides == (2, 2)]
# assert [x.filters for x in projections] == [128, 256, 728, 1024]
# answer = tuple(x.filters for x in projections)
# ```
#
# The shortcuts of the four modules that halve the map. The eight in the middle flow pass their
# input on unchanged.
# </details>
#
# ## Copy it
#
# `convbook show xception_block` prints the block and everything it needs, ready to paste;
# `architectures.create("xception", weights="imagenet")` builds the network with published weights;
# `convbook recipes xception` prints how it was trained.
#
# ## Cite
#
# ```bibtex
# @inproceedings{chollet2017xception,
#   title     = {Xception: Deep Learning with Depthwise Separable Convolutions},
#   author    = {Chollet, Fran{\c{c}}ois},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2017}
# }
# ```
