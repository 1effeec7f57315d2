# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # DenseNet
#
# Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Q. Weinberger: *Densely Connected
# Convolutional Networks*, 2016, [arXiv:1608.06993](https://arxiv.org/abs/1608.06993); and for its
# memory Geoff Pleiss, Danlu Chen, Gao Huang, Tongcheng Li, Laurens van der Maaten, Kilian Q.
# Weinberger: *Memory-Efficient Implementation of DenseNets*, 2017,
# [arXiv:1707.06990](https://arxiv.org/abs/1707.06990). Keep the papers open beside this notebook.
#
# ## The question
#
# > **Paper** Section 3; Figure 1
#
# A [residual network](10_resnet.ipynb) adds each layer's output to its input, and the two can no
# longer be separated. Suppose instead that a layer reads the outputs of *all* earlier layers,
# unchanged. Then it need not relearn what another layer has found, and it can be very narrow. Does
# a network of narrow layers that read everything make better use of its parameters?
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of the dense net ends 0.62 ± 1.12
# > points above that of the residual net (**not significant**).
# >
# > **Seen** on the digits, three seeds: the dense net, with half of the parameters, reads 96.9 % of
# > the test digits, the residual one 97.5 %: 0.65 ± 1.44 points more, where we expected at most one
# > point (**not significant**).

# %%
from itertools import pairwise

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
    results,
    table,
)
from convbook.beside.printed import accuracies, as_printed, published

# %% [markdown]
# ## The block
#
# > **Paper** Section 3; Figure 1
#
# $k$ (here `f`) is the growth rate: each layer adds $k$ channels. With `r` = 4 a 1x1 convolution to
# $4k$ channels comes before the 3x3 (DenseNet-B). Without `r` each layer is a single 3x3. All
# convolutions are [pre-activated](13_identity_mappings.ipynb): batch norm, relu, convolution.

# %%
code(
    blocks.dense_block,
    {
        "m = conv(x, r * f": r"1\times1:\; m = W_1\, \sigma(\mathrm{BN}([x_0, \ldots, x_{l-1}]))",
        "m = conv(m, f, k=3": r"x_l = H_l([x_0, x_1, \ldots, x_{l-1}]),\; k \text{ channels}",
        "x = layers.concatenate": r"[x_0, \ldots, x_l]:\; k_0 + l k \text{ channels}",
    },
    n="BN",
    r=4,
)

# %%
i = keras.Input((56, 56, 64))
picture(
    keras.Model(i, blocks.dense_block(i, 32, b=2, n=blocks.BN, r=4)),
    "The graph of two dense layers: batch norm, relu, 1x1 to 128 channels, batch norm, relu, "
    "3x3 to 32; the result is concatenated to the input, and the next layer reads both",
)

# %% [markdown]
# Between two blocks a transition halves the map and, with compression $\theta$ = 1/2 (DenseNet-C),
# the channels.

# %%
code(
    blocks.transition_block,
    {
        "x = conv(x": r"W\, \sigma(\mathrm{BN}(x)): \; \lfloor \theta m \rfloor \text{ channels}",
        "return avgpool": r"\text{mean of } 2\times2",
    },
)

# %% [markdown]
# ## The table
#
# > **Paper** Table 1, column *DenseNet-121*
#
# Left: the sizes printed in the paper. Right: our network, counted on the built model.

# %%
table("densenet121", errata=["densenet121: relu in the transitions"])

# %% [markdown]
# The CIFAR nets have three blocks; Table 2 prints their parameters. We compute the counts layer by
# layer, and check two of them on the built network:


# %%
def parameters(depth, k, bc):
    """Trainable parameters of a CIFAR net of Table 2: kernels, batch norms, the dense layer."""
    layers, c = (depth - 4) // (6 if bc else 3), 2 * k if bc else 16
    total = 27 * c
    for block in range(3):
        for _ in range(layers):
            total += 2 * c + (4 * k * c + 2 * 4 * k + 9 * 4 * k * k if bc else 9 * c * k)
            c += k
        if block < 2:
            out = c // 2 if bc else c
            total, c = total + 2 * c + c * out, out
    return total + 2 * c + 10 * c + 10


printed = {
    (40, 12, False): "1.0",
    (100, 12, False): "7.0",
    (100, 24, False): "27.2",
    (100, 12, True): "0.8",
    (250, 24, True): "15.3",
    (190, 40, True): "25.6",
}
for net, millions in printed.items():
    assert f"{parameters(*net) / 1e6:.1f}" == millions
for net, name in {(40, 12, False): "L40_k12", (100, 12, True): "BC_L100_k12"}.items():
    built = architectures.create(f"densenet_cifar_{name}")
    assert architectures.measure(built).trainable == parameters(*net)
grid(
    ["depth", "k", "bottleneck and compression", "parameters", "paper, millions"],
    [
        [depth, k, "yes" if bc else "no", parameters(depth, k, bc), millions]
        for (depth, k, bc), millions in printed.items()
    ],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 2 and 3
#
# First come the paper's errors on ImageNet and those that torchvision reports for its published
# weights, then the errors on CIFAR, where "+" means with augmentation.
# [What top-1 and top-5 mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted). We have
# not trained on either.

# %%
as_printed("densenet121", "Table 3")

# %%
published("densenet121", "densenet169", "densenet201")

# %%
nets = "L40_k12", "L100_k12", "L100_k24", "BC_L100_k12", "BC_L250_k24", "BC_L190_k40"
accuracies(*(f"densenet_cifar_{net}" for net in nets))

# %% [markdown]
# ## The claim, shown
#
# ### Fewer parameters
#
# > **Paper** Figure 4: as accurate as a pre-activation ResNet with about a third of its parameters
#
# We train both networks on scikit-learn's digits of 8 x 8 pixels. Both begin with a 3x3 convolution
# of 16 filters. One has two dense blocks of four layers, $k$ = 8, with a transition between them;
# the other has four pre-activation residual blocks of 16, 16, 32 and 32 filters. Training: 1,437
# images, 8 epochs of Adam at 0.001, batch size 128, seeds 0, 1 and 2. Before the first run we
# predicted: the dense net has at most half of the parameters, and its mean accuracy on the 360 test
# images is at most one point lower.

# %%
data = digits(8)


def ended(x):
    return blocks.act(blocks.norm(x, blocks.BN), "relu")


def dense_net(b=4, k=8, **letters):
    i = keras.Input((8, 8, 1))
    x = blocks.conv(i, 16, k=3, a=None, bias=False)
    x = blocks.dense_block(x, k, b, n=blocks.BN, **letters)
    x = blocks.dense_block(blocks.transition_block(x), k, b, n=blocks.BN, **letters)
    return keras.Model(i, blocks.dense(blocks.gavgpool(ended(x)), 10, None))


def residual_net():
    i = keras.Input((8, 8, 1))
    x = blocks.conv(i, 16, k=3, a=None, bias=False)
    for f, s in ((16, 1), (16, 1), (32, 2), (32, 1)):
        x = blocks.preact_block(x, f, s)
    return keras.Model(i, blocks.dense(blocks.gavgpool(ended(x)), 10, None))


makers, runs, counts, kept = {"dense": dense_net, "residual": residual_net}, {}, {}, {}
for name, make in makers.items():
    runs[name] = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        kept[name] = make()
        runs[name].append(learn(kept[name], data, epochs=8, batch=128))
    counts[name] = architectures.measure(kept[name])

# %%
fig, ax = plt.subplots()
for name, each in runs.items():
    accuracy = 100 * np.array([run["val_accuracy"] for run in each])
    label = f"{name}: {counts[name].trainable:,} parameters"
    (line,) = ax.plot(range(1, 9), accuracy.mean(0), label=label)
    low, high = accuracy.min(0), accuracy.max(0)
    ax.fill_between(range(1, 9), low, high, alpha=0.2, color=line.get_color())
ax.set(xlabel="epoch", ylabel="test accuracy, % (mean, range)")
ax.legend(loc="lower right")
figure(
    fig,
    "Test accuracy by epoch of the dense net and of the residual net, which has twice the "
    "parameters: they end close together",
)

# %%
last = {name: [100 * run["val_accuracy"][-1] for run in each] for name, each in runs.items()}
assert counts["dense"].trainable <= counts["residual"].trainable / 2
gain, half = claims.interval(np.subtract(last["dense"], last["residual"]))
rows = [
    [k, counts[k].trainable, counts[k].macs, ", ".join(f"{a:.1f}" for a in each),
     f"{np.mean(each):.1f}"]
    for k, each in last.items()
]  # fmt: skip
head = ["net", "parameters", "multiply-adds", "test accuracy, %, seeds 0, 1, 2", "mean"]
Markdown(
    f"{grid(head, rows)}\n\nThe dense net's accuracy is {gain:+.2f} ± {half:.2f} points from the "
    f"residual one's; at most one point below it: **{claims.verdict(gain + 1, half)}**."
)

# %% [markdown]
# The dense net has half of the parameters, as predicted. Whether it loses less than a point, three
# seeds cannot decide.

# %% [markdown]
# ### On Fashion-MNIST
#
# All train on 5,000 images, with three seeds:
# [how, and how we compare them](../docs/reading.md#how-the-fashion-mnist-experiments-train).
#
# The dense net has three blocks of eight layers, $k$ = 9; the residual one is the CIFAR ResNet of
# 20 layers. Both begin with a 3x3 of stride 2 and a pool, so that their first maps have 7 x 7
# pixels, and their weights differ by less than one percent. They train for eight epochs with Adam,
# whose rate decays to 0. In our first runs the two began with maps of different sizes, at other
# weights and at a constant rate, and nothing could be read from them.

# %%
claims.shown("dense")

# %%
claims.curves("dense", "test")

# %% [markdown]
# At equal weights the dense net's mean accuracy is higher, but by less than its interval. It fits
# the training images less closely than the residual net with every seed, and so overfits less. It
# also computes a third more: equal weights are not equal cost.

# %% [markdown]
# ### Every layer is read by all later ones
#
# > **Paper** Figure 5: the mean size of each layer's weights on the features of each layer before
# > it
#
# Instead of measuring weights, we cut connections: in the dense net of seed 2 we remove one
# connection at a time by setting the kernel of the reading layer to zero there. Before the first
# run we predicted: cutting any of the 20 connections changes the loss on the test images; without
# all connections that skip a layer, the accuracy falls by more than 20 points.

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
dense, (test, labels) = kept["dense"], data[2:]
readers = [
    layer for layer in dense.layers if isinstance(layer, keras.layers.Conv2D) and layer.filters == 8
]
score = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def result():
    logits = dense(test, training=False)
    accuracy = np.mean(np.argmax(logits, 1) == labels)
    return float(score(labels, logits)), float(accuracy)


def sources(reader):
    """The channels that a layer reads, grouped by their source, the block's input first."""
    first = reader.kernel.shape[2] - 8 * (readers.index(reader) % 4)
    edges = [0, *range(first, reader.kernel.shape[2] + 1, 8)]
    return [slice(*edge) for edge in pairwise(edges)]


def cut(reader, parts):
    """Removes the connections to parts; returns the kernel as it was."""
    whole = reader.kernel.numpy()
    part = whole.copy()
    for channels in parts:
        part[:, :, channels] = 0
    reader.kernel.assign(part)
    return whole


before, harm = result(), np.full((2, 4, 4), np.nan)
for n, reader in enumerate(readers):
    for j, channels in enumerate(sources(reader)):
        whole = cut(reader, [channels])
        harm[n // 4, n % 4, j] = result()[0] - before[0]
        reader.kernel.assign(whole)
wholes = [cut(reader, sources(reader)[:-1]) for reader in readers]
after = result()
for reader, whole in zip(readers, wholes, strict=True):
    reader.kernel.assign(whole)
assert np.allclose(result(), before)
assert np.isfinite(harm).sum() == 2 * 4 * 5 // 2
assert (harm[np.isfinite(harm)] != 0).all()
print(f"accuracy {before[1]:.1%}; without all connections over a layer {after[1]:.1%}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.2))
most = np.nanmax(np.abs(harm))
for n, ax in enumerate(axes):
    ax.imshow(harm[n], cmap="PuOr_r", vmin=-most, vmax=most)
    ax.grid(False)
    ax.set(title=f"block {n + 1}", xlabel="reads from", xticks=range(4), yticks=range(4))
    ax.set(xticklabels=["input", "1", "2", "3"], yticklabels=range(1, 5))
    for (row, column), v in np.ndenumerate(harm[n]):
        if np.isfinite(v):
            ink = "white" if abs(v) > most / 2 else "black"
            ax.text(column, row, f"{v:+.2f}", ha="center", va="center", color=ink, fontsize=8)
axes[0].set_ylabel("layer")
figure(
    fig,
    "How much the test loss rises when one layer no longer reads the features of another, for "
    "both blocks",
)

# %% [markdown]
# Both come out as predicted, with one seed. What the first two layers of a block read from its
# input matters most: without it the loss rises by up to 2.3 in the first block and 0.6 in the
# second. But the net uses each of the 20 connections, and without all that skip a layer the
# accuracy falls to chance.

# %% [markdown]
# ## Its memory
#
# > **Paper** arXiv:1707.06990, Section 3
#
# DenseNet has few parameters but needs a lot of memory in training. In each layer, concatenation,
# batch norm and relu produce new tensors as wide as all the layers before, and the gradient needs
# them. So memory grows with the square of the number of layers. These tensors are cheap to compute,
# though. With `recompute=True` the network keeps only the outputs of the convolutions; it discards
# the other tensors and computes them again in the backward pass. We count the channels kept for
# each position on the graph of a block:


# %%
def channels_kept(b, k=12, k0=16):
    """(plain, recomputed): channels of all outputs in a block of b layers; of its convolutions."""
    i = keras.Input((1, 1, k0))
    block = keras.Model(i, blocks.dense_block(i, k, b, n=blocks.BN))
    outputs = block.layers[1:]
    convs = [layer for layer in outputs if isinstance(layer, keras.layers.Conv2D)]
    return tuple(k0 + sum(layer.output.shape[-1] for layer in some) for some in (outputs, convs))


depths = (4, 8, 12, 16, 20)
channels = np.array([channels_kept(b) for b in depths])
second = np.diff(channels, n=2, axis=0)
assert (second[:, 0] == second[0, 0]).all()  # the square: the second differences are constant
assert second[0, 0] > 0
assert (second[:, 1] == 0).all()  # a straight line
assert (channels[:, 1] == 16 + 12 * np.array(depths)).all()

# %%
measured = results.kept("memory")
peaks = {row["depth"]: row["gigabytes"] for row in measured["rows"] if "gigabytes" in row}
assert peaks[100][0] < 0.3 * peaks[100][1]
fig, axes = plt.subplots(1, 2)
for column, label in enumerate(("plain", "recompute=True")):
    axes[0].plot(depths, channels[:, column], "o-", label=label)
    axes[1].plot(list(peaks), [peak[1 - column] for peak in peaks.values()], "o-", label=label)
axes[0].set(xlabel="layers of a block, k = 12", ylabel="channels kept per position", ylim=0)
axes[1].set(xlabel="depth of the CIFAR net, k = 12", ylabel="peak memory of training, GB", ylim=0)
axes[0].legend()
figure(
    fig,
    "Left, channels kept for the gradient by the number of layers: a parabola, and a line; right, "
    f"gigabytes by depth: {peaks[100][1]:.1f} against {peaks[100][0]:.1f} at depth 100",
)

# %% [markdown]
# The right plot shows by how much resident memory rises in training at its peak, with batch size 64
# and each net in its own process. `python -m benchmarks memory` measures it (results in
# `benchmarks/results/memory.json`).
#
# Recomputing must not change the result. We take two steps of SGD with momentum from the same
# weights, with and without recomputing. Before the first run we predicted: all weights and moving
# statistics agree to 1e-5.

# %%
images, codes = data[0][:128], data[1][:128]


def stepped(**letters):
    keras.utils.set_random_seed(0)
    model = dense_net(**letters)
    start = model.get_weights()
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), score)
    model.fit(images, codes, batch_size=64, shuffle=False, verbose=0)
    return start, model.get_weights()


(start, plain), (other, recomputed) = stepped(), stepped(recompute=True)
pairs = list(zip(plain, recomputed, strict=True))
assert all((a == b).all() for a, b in zip(start, other, strict=True))
assert max(np.abs(a - b).max() for a, b in pairs) < 1e-5
assert max(np.abs(a - b).max() for a, b in zip(start, plain, strict=True)) > 1e-2
print(f"largest difference {max(np.abs(a - b).max() for a, b in pairs):.1e}")

# %% [markdown]
# ## Exercises
#
# 1. How many layers do DenseNet-121 and DenseNet-264 have? Count as the paper does: two
#    convolutions for each dense layer, one for each transition, the first convolution, and the last
#    dense layer.

# %% tags=["exercise"]
answer = ...  # layers of DenseNet-264
check(answer, "768b84ef")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from convbook.architectures.densenet import IMAGENET
#
# layers = {name: 2 * sum(depths) + 3 + 1 + 1 for name, depths in IMAGENET.items()}
# assert layers == {121: 121, 169: 169, 201: 201, 264: 265}
# answer = layers[264]
# ```
#
# By this count DenseNet-264 has 265 layers.
# </details>
#
# 2. A block of $L$ layers has $L(L+1)/2$ direct connections. How many do you count in the graph?

# %% tags=["exercise"]
answer = ...  # connections for L = 4
check(answer, "4a44dc15")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# connections = sum(len(sources(reader)) for reader in readers[:4])
# assert connections == 4 * 5 // 2
# answer = connections
# ```
# </details>
#
# 3. How many weights would DenseNet-121 have without bottlenecks, with a single 3x3 in each layer?
#    Count them for its first block.

# %% tags=["exercise"]
answer = ...  # weights of the first block
check(answer, "2ab86839")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((56, 56, 64))
# weights = {}
# for r in (4, None):
#     block = keras.Model(i, blocks.dense_block(i, 32, b=6, n=blocks.BN, r=r))
#     weights[r] = architectures.measure(block).weights
# assert weights == {4: 331_776, None: 248_832}
# answer = weights[None]
# ```
#
# The first block would have fewer, because its input is narrow. The 1x1 pays off where
# $9 c k > 4 k c + 36 k^2$, that is, for more than $7.2 k$ channels, here 231 or more.
# </details>
#
# ## Copy it
#
# `convbook show dense_block` prints the block and everything it needs, ready to paste;
# `architectures.create("densenet121", weights="imagenet")` builds the network with published
# weights, and `architectures.create("densenet121", recompute=True)` builds one that trains in less
# memory.
#
# ## Cite
#
# ```bibtex
# @inproceedings{huang2017densely,
#   title     = {Densely Connected Convolutional Networks},
#   author    = {Huang, Gao and Liu, Zhuang and van der Maaten, Laurens and Weinberger, Kilian Q.},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2017}
# }
#
# @article{pleiss2017memory,
#   title   = {Memory-Efficient Implementation of DenseNets},
#   author  = {Pleiss, Geoff and Chen, Danlu and Huang, Gao and Li, Tongcheng and
#              van der Maaten, Laurens and Weinberger, Kilian Q.},
#   journal = {arXiv preprint arXiv:1707.06990},
#   year    = {2017}
# }
# ```
