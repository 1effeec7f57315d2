# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # AlexNet
#
# Alex Krizhevsky, Ilya Sutskever, Geoffrey E. Hinton: *ImageNet Classification with Deep
# Convolutional Neural Networks*, 2012, [NIPS
# 25](https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks),
# reprinted in 2017, [doi:10.1145/3065386](https://doi.org/10.1145/3065386). Keep the paper open
# beside this notebook.
#
# ## The question
#
# > **Paper** Abstract; Table 1
#
# By 2012 a million labelled photographs were available, yet the best classifiers still used
# features designed by hand. Can a large convolutional network make use of such a set, trained on
# nothing but labelled images? It must train within days (hence rectified units and two GPUs), and
# it must not merely memorize the set (hence augmentation and dropout). The paper's network reached
# a top-1 error of 37.5 % on ILSVRC-2010.
#
# > **Seen** on Fashion-MNIST, three seeds: tanh reaches 25 % training error 2.00 ± 0.00 epochs
# > after relu (**as expected**).
# >
# > **Seen** on the digits, one seed and so no verdict, with small inputs and weights: tanh gets
# > three quarters of the training digits right after 4 epochs, relu after 6. Below we look for the
# > reason.

# %%
import keras
import numpy as np
from keras import layers
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.architectures.alexnet import TABLE, body
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import accuracies, as_printed

# %% [markdown]
# ## The block
#
# > **Paper** Section 3.5, Figure 2
#
# AlexNet has no repeated block yet: it has five convolutions, each with its own row in a table. A
# row lists filters, kernel, stride, padding and groups, then whether local response normalization
# follows, and whether a pool does.

# %%
code(
    body,
    {
        "x = conv(x": r"a = \max(0,\, b + W * x)",
        "x = lrn(x": r"b^i = a^i / \bigl(k + \alpha \sum_j (a^j)^2\bigr)^\beta",
        "x = maxpool": r"y_{m,n} = \max_{0 \le u,v \le 2} x_{2m+u,\,2n+v}",
    },
)

# %%
i = keras.Input((227, 227, 3))
picture(
    keras.Model(i, body(i, TABLE, grouped=True)),
    "The graph of AlexNet's five convolutions, from 227 x 227 x 3: LRN after the first two; a "
    "3x3 pool with stride 2 after the first, second and last",
)

# %% [markdown]
# > **Paper** Section 3.3
#
# Local response normalization divides each value by a term that grows with the values of the
# $n = 5$ channels around it at the same position, so a strong unit dampens its neighbours. The
# paper's $k = 2$ is the argument `bias` here.

# %%
code(
    blocks.LocalResponseNorm.call,
    {
        "total = sum": r"t^i = \sum_{j=\max(0,\, i-n/2)}^{\min(N-1,\, i+n/2)} (a^j)^2",
        "ops.power": r"b^i = a^i / (k + \alpha\, t^i)^\beta,\; \alpha = 10^{-4},\; \beta = 0.75",
    },
)

# %% [markdown]
# > **Paper** Figure 2; Section 3.5
#
# The two halves of the paper's drawing are two GPUs. They exchange maps only before conv3 and the
# dense layers; conv2, 4 and 5 read only the maps on their own GPU. Each of these is a grouped
# convolution with two groups: change the maps on one GPU, and only the output on that GPU changes.
# [ResNeXt](17_resnext.ipynb) later uses groups without such a need.

# %%
halves = keras.Input((9, 9, 96))
conv2 = keras.Model(halves, blocks.conv(halves, 256, k=5, p=2, g=2, a=None))
x = np.random.default_rng(0).normal(size=(1, 9, 9, 96)).astype("float32")
other = x.copy()
other[..., :48] += 1  # the first card's maps
difference = np.abs(conv2(other) - conv2(x)).max((0, 1, 2))
assert (difference[:128] > 0).all()
assert (difference[128:] == 0).all()
conv2.count_params(), 5 * 5 * 96 * 256 + 256  # with two groups, and with one

# %% [markdown]
# ## The table
#
# > **Paper** Section 3.5, Figure 2
#
# Nearly all parameters are in the dense layers, and nearly all multiply-adds in the convolutions.

# %%
table(
    "alexnet_grouped",
    errata=[
        "alexnet_grouped: the input is 227, not 224",
        "alexnet_grouped: which of three networks",
        "alexnet_grouped: conv1's neurons",
    ],
)

# %% [markdown]
# The paper prints each layer's number of neurons, which is the size of its map. For the first layer
# it prints 55 x 48 x 96, but the map has 55 x 55 x 96 (the last line above).

# %%
of = architectures.create("alexnet")
printed = {1: 253_440, 2: 186_624, 3: 64_896, 4: 64_896, 5: 43_264}
ours = {n: int(np.prod(of.get_layer(f"stage{n}_conv1").output.shape[1:])) for n in printed}
assert {n for n in printed if printed[n] != ours[n]} == {1}
grid(
    ["convolution", "neurons, paper", "counted"], [[f"conv{n}", printed[n], ours[n]] for n in ours]
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 1 and 2
#
# *Top-1 error* is the share of images whose most probable class is wrong; *top-5 error* the share
# whose label is not among the five most probable. [Reading paths](../docs/reading.md) explains the
# test protocols. The row in italics is a library's single-column network, with the figures that
# library reports. We have not trained on ImageNet; for our own measurements, on smaller data, see
# the claim below.

# %%
accuracies("alexnet_grouped", "alexnet_one_column")

# %% [markdown]
# The paper also averages the predictions of five networks and of seven:

# %%
as_printed("alexnet_grouped", "Table 2")

# %% [markdown]
# How much did each trick bring? The paper says by how many points each lowers the errors; the last
# row is a difference of two printed errors. Dropout has no figure: the paper says only that the
# network overfits without it, and that it about doubles the number of training steps (section 4.2).
# Weight decay has none either; the paper says that it also lowers the *training* error (section 5).

# %%
as_printed("alexnet_grouped", "sections 3.2 to 6")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Sections 3.1 and 3.3; Figure 1: rectified units learn faster than tanh
#
# The paper trains a four-layer network on CIFAR-10, each kind of unit at the learning rate that
# suits it. With rectified units it reaches 25 % training error in a sixth of the epochs. We train
# three convolutions and a dense layer on scikit-learn's 1,437 training digits of 16 x 16 pixels,
# with the mean image subtracted: SGD with momentum 0.9 at learning rates of 0.01, 0.03 and 0.1,
# batch size 256, 15 epochs, seed 0.
#
# Before the first run we predicted: each at its best learning rate, relu reaches 25 % training
# error in at most half the epochs that tanh needs.

# %%
x, y, test, truth = digits(16)
data = x - x.mean(0), y, test - x.mean(0), truth


def four_layers(a):
    i = m = keras.Input((16, 16, 1))
    for f in (16, 16, 32):
        m = blocks.maxpool(blocks.conv(m, f, k=5, a=a), k=3, s=2)
    return keras.Model(i, blocks.dense(layers.Flatten()(m), 10, a=None))


errors = {}
for a in ("relu", "tanh"):
    for rate in (0.01, 0.03, 0.1):
        keras.utils.set_random_seed(0)
        sgd = keras.optimizers.SGD(rate, 0.9)
        history = learn(four_layers(a), data, epochs=15, batch=256, optimizer=sgd)
        errors[a, rate] = 1 - np.array(history["accuracy"])

# %%
fig, ax = plt.subplots()
for (a, rate), row in errors.items():
    color, style = {"relu": "C0", "tanh": "C1"}[a], {0.01: ":", 0.03: "-", 0.1: "--"}[rate]
    ax.plot(np.arange(1, 16), 100 * row, style, color=color, label=f"{a}, rate {rate}")
ax.axhline(25, color="gray", lw=0.8)
ax.set(xlabel="epoch", ylabel="training error, %", ylim=(0, 100))
ax.legend(ncols=2)
figure(
    fig,
    "Training error by epoch with relu and with tanh, each at three rates: tanh at rate 0.1 is "
    "the first to fall below 25 %",
)

# %%
needed = {}
for (a, _), row in errors.items():
    reached = [epoch for epoch, error in enumerate(row, 1) if error <= 0.25]
    needed[a] = min([needed.get(a, 99), *reached])
grid(["unit", "epochs to 25 % training error, at its best rate"], needed.items())

# %% [markdown]
# We had predicted the opposite: in this run tanh is faster, not slower. One seed decides nothing,
# but a reason is at hand. The network is narrow, and its inputs lie between -1 and 1. The default
# Glorot initialization keeps the units of these four layers where tanh is nearly linear (the paper
# draws its weights from N(0, 0.01)).
#
# What we can reproduce is the paper's explanation. Tanh *saturates*: where its input is large, the
# gradient vanishes, so nothing is learned. A rectified unit has slope 1 wherever it is positive,
# however large its input. So we keep the initial weights and multiply the pixels by 1, 16 and 255
# (the paper feeds its network 0 to 255, minus the mean). Before the first run we predicted: at 255,
# more than half of the first layer's tanh units have a slope below 0.01 for an image; at 1, fewer
# than one in a hundred do; and exactly the same rectified units have slope 1 at all three scales.

# %%
keras.utils.set_random_seed(0)
net = four_layers(None)
first = keras.Model(net.inputs, net.layers[1].output)
before = {scale: first.predict(scale * data[2], 360, verbose=0) for scale in (1, 16, 255)}
active = {scale: z > 0 for scale, z in before.items()}
flat = {
    scale: float((1 - np.tanh(z.astype("float64")) ** 2 < 0.01).mean())
    for scale, z in before.items()
}
assert flat[1] < 0.01
assert flat[255] > 0.5
assert all(np.mean(active[1] == active[scale]) > 0.9999 for scale in active)  # up to rounding
grid(
    ["pixels multiplied by", "tanh units with slope below 0.01, %", "relu units with slope 1, %"],
    [[scale, 100 * flat[scale], 100 * float(active[scale].mean())] for scale in flat],
)

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# #### Relu and tanh
#
# The paper's Figure 1 shows a four-layer net on CIFAR-10: with relu it reaches 25 % training error
# several times faster than with tanh. Ours has the same form: three 5x5 convolutions with weights
# drawn from N(0, 0.01), and a dense layer. It trains with momentum 0.9 on pixels from 0 to 255
# minus the mean image. Each activation gets the best of three learning rates.

# %%
claims.shown("units")

# %%
claims.curves("units", "accuracy")

# %% [markdown]
# Relu is ahead from the first epoch. With each of the three seeds it needs two epochs, and tanh
# four: a factor of two. The paper found a larger factor, six, on CIFAR-10.

# %% [markdown]
# ## Exercises
#
# 1. What share of the parameters and of the multiply-adds do the three dense layers have?

# %% tags=["exercise"]
answer = ...  # percent of (parameters, multiply-adds), whole numbers
check(answer, "c283bad2")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# convolutions = architectures.measure(architectures.create("alexnet", top=False))
# whole = architectures.measure(of)
# assert 1 - convolutions.trainable / whole.trainable > 0.96
# assert 1 - convolutions.macs / whole.macs < 0.09
# shares = [convolutions.trainable / whole.trainable, convolutions.macs / whole.macs]
# answer = tuple(round(100 * (1 - share)) for share in shares)
# ```
#
# 96 % and 8 %: the convolutions use each weight at every position.
# </details>
#
# 2. How many weights and multiply-adds would the network have without its groups?

# %% tags=["exercise"]
answer = ...  # parameters more
check(answer, "6dbd3e7c")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# one = architectures.measure(architectures.create("alexnet_ungrouped", top=False))
# assert one.trainable - convolutions.trainable == 62_378_344 - 60_965_224
# assert round(one.macs / convolutions.macs, 1) == 1.6
# answer = one.trainable - convolutions.trainable
# ```
#
# It would have 1.4 million more weights, all in conv2, 4 and 5, and 60 % more multiply-adds in the
# convolutions.
# </details>
#
# 3. The pools overlap: their windows are 3x3, 2 pixels apart (section 3.4). What size is the map
#    after the first pool if they do not overlap?

# %% tags=["exercise"]
answer = ...  # width of the map
check(answer, "670671cd")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# maps = keras.Input((55, 55, 96))
# sizes = [blocks.maxpool(maps, k=k, s=2, p="valid").shape[1:] for k in (3, 2)]
# assert sizes == [(27, 27, 96)] * 2
# answer = sizes[1][0]
# ```
#
# The same: 55 is odd, and 2x2 windows leave out the last row and column. So the two kinds of pool
# can be compared in otherwise the same network, as in the paper.
# </details>
#
# ## Copy it
#
# `convbook show lrn` prints the layer and everything it needs, ready to paste;
# `architectures.create("alexnet")` builds the network; `convbook recipes alexnet` prints the
# paper's recipe, and `convbook train alexnet --data folder:PATH` trains on your images.
#
# Its successor ZFNet ([arXiv:1311.2901](https://arxiv.org/abs/1311.2901)) came from visualizing
# what AlexNet's maps respond to: `architectures.create("zfnet")` begins with a 7x7 kernel of
# stride 2.
#
# ## Cite
#
# ```bibtex
# @inproceedings{krizhevsky2012imagenet,
#   title     = {{ImageNet} Classification with Deep Convolutional Neural Networks},
#   author    = {Krizhevsky, Alex and Sutskever, Ilya and Hinton, Geoffrey E.},
#   booktitle = {Advances in Neural Information Processing Systems 25},
#   year      = {2012}
# }
# ```
