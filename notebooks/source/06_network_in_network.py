# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Network in Network
#
# Min Lin, Qiang Chen, Shuicheng Yan: *Network In Network*, 2013,
# [arXiv:1312.4400](https://arxiv.org/abs/1312.4400). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Section 1; Figure 1
#
# A convolution followed by relu asks one linear question of each patch: on which side of a plane
# does it lie? If no plane separates the feature that a layer should find, many filters must share
# the work. Why not slide something stronger than a plane over the image: a small network? And with
# features this strong, does a network still need dense layers at the end, which have most of the
# weights and overfit?
#
# In the paper's words, a convolution is a *generalized linear model* (GLM) of its patch. That is
# enough when a plane separates the variants of a concept, but often they lie on a curved surface. A
# maxout layer, the maximum of several planes, can approximate any convex surface, but the variants
# need not form a convex set either. So the paper asks for a *universal approximator* of functions.
# Two are well known: radial basis networks and multilayer perceptrons. The paper chooses the
# perceptron because it learns by backpropagation, like the rest of the network, and can itself be
# deep.
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of mean pooling ends 8.72 ± 2.81
# > points below that of dense layers (**reversed**); a shift of 3 pixels costs dense layers 36.20 ±
# > 8.49 points more than mean pooling (**as expected**).
# >
# > **Seen** on 500 digits, one seed and so no verdict: with the mean 70 % of the test digits are
# > right, as many as of the training digits; with a dense layer 94 % are right, and all of the
# > training digits.

# %%
import keras
import numpy as np
from keras import layers
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.architectures.common import maps_head
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import accuracies, as_printed

# %% [markdown]
# ## The block
#
# > **Paper** Section 3.1; Figure 1b
#
# The block is a perceptron of several layers, with the same weights at every position. Its first
# layer reads a patch; the others read only the channels at their position. So the first layer is a
# kxk convolution, and each of the others is a 1x1 convolution.

# %%
code(
    blocks.mlpconv,
    {
        "x = conv(x, f[0]": r"f^1_{m,n,k} = \max(0,\; {w^1_k}^T x_{m,n} + b^1_k)",
        "x = conv(x, width": r"f^l_{m,n,k} = \max(0,\; {w^l_k}^T f^{l-1}_{m,n} + b^l_k)",
    },
)

# %%
i = keras.Input((32, 32, 3))
picture(
    keras.Model(i, blocks.mlpconv(i)),
    "The graph of mlpconv: a 5x5 convolution to 192 maps, a 1x1 to 160 and a 1x1 to 96, each "
    "with relu",
)

# %% [markdown]
# The block equals this perceptron exactly. To show it, we cut the 28 x 28 patches of 5 x 5 pixels
# out of an image, feed them to dense layers with the block's weights, and put the outputs back in
# their positions.

# %%
keras.utils.set_random_seed(0)
whole = keras.Model(i, blocks.mlpconv(i, p="valid"))
patch = keras.Input((75,))
m = patch
for width in (192, 160, 96):
    m = blocks.dense(m, width)
perceptron = keras.Model(patch, m)
perceptron.set_weights(
    [w.reshape(-1, w.shape[-1]) if w.ndim == 4 else w for w in whole.get_weights()]
)
x = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype("float32")
patches = np.lib.stride_tricks.sliding_window_view(x[0], (5, 5, 3)).reshape(28 * 28, 75)
one_by_one = perceptron.predict(patches, 784, verbose=0).reshape(1, 28, 28, 96)
difference = float(np.abs(whole.predict(x, verbose=0) - one_by_one).max())
assert difference < 1e-5
f"largest difference {difference:.0e} of values up to {one_by_one.max():.1f}"

# %% [markdown]
# > **Paper** Section 3.2
#
# The last block makes one map for each class. The head is the mean of each map (global average
# pooling): a layer without parameters. The library computes it in float32, whatever the precision
# of the rest.

# %%
code(
    maps_head,
    {"return tap": r"z_c = \frac{1}{HW} \sum_{m,n} f_{m,n,c},\; p = \mathrm{softmax}(z)"},
)

# %% [markdown]
# ## The table
#
# > **Paper** Figure 2; the widths come from the authors' released network for CIFAR-10
#
# The paper's drawing has three blocks and gives no widths.

# %%
ends = [
    *("stage1_conv1", "stage1_conv2", "stage1_conv3", "stage1", "stage2_dropout1"),
    *("stage2_conv1", "stage2_conv2", "stage2_conv3", "stage2", "head_dropout1"),
    *("head_conv1", "head_conv2", "head_conv3", "logits"),
]
table("nin_cifar10", errata=["nin_cifar10: widths and pools"], ends=ends)

# %% [markdown]
# Six 1x1 convolutions do the work of dense layers, with a fifth of the network's weights. A single
# dense layer from the 8 x 8 x 192 maps to the ten classes would take more than an eighth of them.

# %%
nin = architectures.create("nin_cifar10")
kernels = [w.shape for w in nin.trainable_weights if len(w.shape) == 4]
small = sum(int(np.prod(k)) for k in kernels if k[0] == 1)
dense = 8 * 8 * 192 * 10
weights = architectures.measure(nin).weights
assert len(kernels) == 9
assert 0.15 < small / weights < 0.25
assert dense > weights / 8
grid(
    ["kernels", "weights"],
    [["six 1x1", small], ["5x5, 5x5, 3x3", weights - small], ["dense instead", dense]],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 1 to 5
#
# Three tables follow: the errors printed for CIFAR, SVHN and MNIST, in %, and the accuracy of the
# network for ImageNet, which the paper does not have but its first author released; NIN compared
# with other methods on CIFAR-10; and three heads on the same body, the experiment that the claim
# below repeats on digits.
# [Reading paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains top-1. We
# have not trained on CIFAR or ImageNet.

# %%
accuracies("nin_cifar10", "nin_imagenet")

# %%
as_printed("nin_cifar10", "Table 1")

# %%
as_printed("nin_cifar10", "Table 5")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Section 4; Table 1 has the errors on CIFAR-10
#
# The paper makes two claims about the head. It is a *regularizer*: with the mean instead of a dense
# layer, the same body has a lower test error. And it is *readable*: each map of the last block
# shows where in the image its class is, although training uses only labels.
#
# Training: the first 500 of scikit-learn's training digits, 16 x 16 pixels, so few that there is
# something to regularize; Adam at 0.001, batch size 32, 25 epochs, seed 0. The body: mlpconv blocks
# of 16-16-16 (5x5), 32-32-32 (3x3) and 32-32 maps (3x3), then a 1x1 to ten maps, one pool, no
# dropout. One network ends in the mean, the other in a dense layer on the same ten maps. Test: the
# 360 test digits, and images of 16 x 32 with one test digit on the left and one of another class on
# the right.
#
# Before the first run we predicted: (1) with the mean, the test accuracy is higher and its gap to
# the training accuracy is smaller; (2) in at least 90 % of the wide images, the map of the left
# digit's class is stronger in the left half than in the right, and the map of the right digit's
# class the other way round.
#
# We changed one thing after that run: the ten maps are linear. With relu after them, as in mlpconv,
# a map that is zero for all images has no gradient and stays zero, and the network never named some
# of the classes.

# %%
x, y, test, truth = digits(16)
data = x[:500], y[:500], test, truth


def body(m):
    m = blocks.mlpconv(m, (16, 16, 16), k=5)
    m = blocks.maxpool(m, k=3, s=2)
    m = blocks.mlpconv(m, (32, 32, 32), k=3)
    m = blocks.mlpconv(m, (32, 32), k=3)
    return blocks.conv(m, 10, k=1, a=None)


def dense_on_maps(m):
    return blocks.dense(layers.Flatten()(m), 10, a=None)


nets, histories = {}, {}
for head in (blocks.gavgpool, dense_on_maps):
    keras.utils.set_random_seed(0)
    i = keras.Input((16, 16, 1))
    nets[head] = keras.Model(i, head(body(i)))
    histories[head] = learn(nets[head], data, epochs=25, batch=32, steps_per_execution=16)

# %%
fig, ax = plt.subplots()
for (head, history), color in zip(histories.items(), ("C0", "C1"), strict=True):
    for key, style, of in (("accuracy", ":", "training"), ("val_accuracy", "-", "test")):
        percent, label = 100 * np.array(history[key]), f"{head.__name__}, {of}"
        ax.plot(range(1, 26), percent, style, color=color, label=label)
ax.set(xlabel="epoch", ylabel="accuracy, %", ylim=(0, 102))
ax.legend()
figure(
    fig,
    "Accuracy by epoch of the two heads on training and test digits: the dense head is far more "
    "accurate on both; the head with the mean has no gap between them",
)

# %%
final = {
    head: [100 * float(np.mean(h[key][-2:])) for key in ("accuracy", "val_accuracy")]
    for head, h in histories.items()
}
grid(
    ["head", "training accuracy, last 2 epochs, %", "test accuracy, %", "parameters"],
    [[h.__name__, *final[h], nets[h].count_params()] for h in nets],
)

# %% [markdown]
# In this run half of (1) holds. The gap between training and test disappears with the mean, and is
# almost 6 points with the dense layer. But the network with the mean is far less accurate: each
# position gets a 64th of the gradient, and in 25 epochs of 500 digits the network has not learned
# them. It underfits.
#
# For (2) the network should read most digits, so we train it further on all 1,437 digits, for 20
# epochs at 0.003.

# %%
reader = nets[blocks.gavgpool]
history = learn(reader, (x, y, test, truth), epochs=20, rate=0.003, steps_per_execution=20)
wide = keras.Input((16, 32, 1))
maps_of = keras.Model(wide, body(wide))
maps_of.set_weights(reader.get_weights())
right = np.roll(np.arange(360), 1)
pairs = [(l, r) for l, r in enumerate(right) if truth[l] != truth[r]]
images = np.stack([np.concatenate([test[l], test[r]], 1) for l, r in pairs])
maps = maps_of.predict(images, 360, verbose=0)


def stronger_left(maps):
    return maps[:, :8].sum() > maps[:, 8:].sum()


found = [
    stronger_left(m[..., truth[l]]) and not stronger_left(m[..., truth[r]])
    for m, (l, r) in zip(maps, pairs, strict=True)
]
read = history["val_accuracy"][-1]
grid(
    ["accuracy on test digits, %", "wide images", "both digits in the correct half, %"],
    [[100 * read, len(pairs), 100 * float(np.mean(found))]],
)

# %%
fig, axes = plt.subplots(2, 3, figsize=(6.4, 2.6))
for column, n in zip(axes.T, (0, 1, 2), strict=True):
    l, r = (truth[j] for j in pairs[n])
    column[0].imshow(images[n, ..., 0], cmap="gray_r")
    both = np.maximum(np.stack([maps[n, ..., l], maps[n, ..., r]], -1), 0)
    red_blue = 1 - both / both.max() @ np.array([[0, 1, 1], [1, 1, 0]])
    column[1].imshow(np.clip(red_blue, 0, 1))
    column[1].set_xlabel(f"red: map of {l}; blue: map of {r}")
for ax in axes.flat:
    ax.grid(False)
    ax.set(xticks=[], yticks=[])
figure(
    fig,
    "Three images of two digits, and below them the maps of the two classes: the left digit's, "
    "in red, responds on the left; the right digit's, in blue, on the right",
)

# %% [markdown]
# In 95 % of the wide images both digits are in the correct half; we had predicted at least 90 %.
#
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# #### A mean or dense layers as the head
#
# Both nets have the same six 3x3 convolutions. One ends in the mean over all positions, the other
# in a dense layer of 128 units on the flattened map, with six times as many weights. We also test
# both on images shifted by three pixels.

# %%
claims.shown("pooling")

# %%
claims.curves("pooling", "test")

# %% [markdown]
# The first expectation is reversed: at this size the net with the mean underfits, and its training
# loss is three times that of the net with dense layers. The second effect shows clearly. Where the
# object moves, the head that averages over positions loses 5 points; the dense head, which has
# weights for each position, loses 41.

# %% [markdown]
# ## Exercises
#
# 1. A network that ends in the mean takes images of any size. Which of the two networks above does
#    so, and what would the other need?

# %% tags=["exercise"]
answer = ...  # "mean" or "dense": which takes any size
check(answer, "82523fae")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# free = keras.Input((None, None, 1))
# assert keras.Model(free, blocks.gavgpool(body(free))).output_shape == (None, 10)
# from convbook.architectures.graph.fully_convolutional import fully_convolutional
#
# slid = fully_convolutional(nets[dense_on_maps])
# assert slid.compute_output_shape((1, 16, 32, 1)) == (1, 1, 9, 10)
# answer = "mean"
# ```
#
# The first does. You can slide the second over a larger image, window by window: its dense layer
# becomes a convolution as large as the map.
# </details>
#
# 2. Swap the mean and a dense layer without bias: take a 1x1 convolution to ten maps and then the
#    mean, or the mean of the 32 maps and then a dense layer with the same weights. Do both give the
#    same result?

# %% tags=["exercise"]
answer = ...  # (linear maps: True or False, with relu: True or False)
check(answer, "8c19106e")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# rng = np.random.default_rng(0)
# features, w = rng.normal(size=(8, 8, 32)), rng.normal(size=(32, 10))
# assert np.allclose((features @ w).mean((0, 1)), features.mean((0, 1)) @ w)
# assert not np.allclose(
#     np.maximum(features @ w, 0).mean((0, 1)), np.maximum(features.mean((0, 1)) @ w, 0)
# )
# answer = True, False
# ```
#
# Yes, as long as the maps are linear. So later networks, from [GoogLeNet](08_googlenet.ipynb) on,
# take the mean first, which is cheaper. With relu after the maps, as in the paper's block, they do
# not.
# </details>
#
# 3. How many multiply-adds of the CIFAR-10 network are in its six 1x1 convolutions?

# %% tags=["exercise"]
answer = ...  # percent of all, a whole number
check(answer, "eb1e33e8")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# made = 32**2 * (192 * 160 + 160 * 96) + 16**2 * 2 * 192**2 + 8**2 * (192**2 + 192 * 10)
# assert round(made / architectures.measure(nin).macs, 2) == 0.31
# answer = round(100 * made / architectures.measure(nin).macs)
# ```
#
# Three tenths.
# </details>
#
# ## Copy it
#
# `convbook show mlpconv` prints the block and everything it needs, ready to paste;
# `architectures.create("nin_cifar10")` builds the network;
# `convbook train nin_cifar10 --data digits` trains it, and `convbook recipes nin_cifar` prints the
# paper's recipe.
#
# ## Cite
#
# ```bibtex
# @inproceedings{lin2014network,
#   title     = {Network In Network},
#   author    = {Lin, Min and Chen, Qiang and Yan, Shuicheng},
#   booktitle = {International Conference on Learning Representations (ICLR)},
#   year      = {2014}
# }
# ```
