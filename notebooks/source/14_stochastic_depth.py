# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Stochastic depth
#
# Gao Huang, Yu Sun, Zhuang Liu, Daniel Sedra, Kilian Weinberger: *Deep Networks with Stochastic
# Depth*, 2016, [arXiv:1603.09382](https://arxiv.org/abs/1603.09382). Keep the paper open beside
# this notebook.
#
# ## The question
#
# > **Paper** Abstract
#
# A deep network tests well but is hard to train: gradients vanish on the way back, and every step
# takes long. A [residual network](10_resnet.ipynb) still works when one of its blocks is missing.
# So can we train short networks, with a different random set of blocks for each mini-batch, and
# test the deep one?
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of the net that drops blocks ends 3.01
# > ± 0.68 points above that of the whole net (**as expected**).
# >
# > **Seen** on 300 digits, one seed, so no verdict: the test accuracy ends at 95 % with stochastic
# > depth and at 93 % without.

# %%
from functools import partial
from itertools import product

import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import accuracies, cell
from convbook.blocks.stochastic_depth import StochasticDepth

# %% [markdown]
# ## The block
#
# > **Paper** Equations (2), (3) and (5)
#
# Take any residual block and put its branch inside a gate. The gate $b_\ell$ is 1 with probability
# $p_\ell$, drawn once for the whole mini-batch. If it is 0, only the shortcut remains, and the
# branch is not computed. At inference all branches run, each weighted by its probability $p_\ell$.

# %%
code(
    blocks.basic_block,
    {
        "return conv": r"f_\ell(x)",
        "m = stochastic_depth": r"b_\ell\, f_\ell(x)",
        "return act": r"\sigma(x + b_\ell\, f_\ell(x)), \text{ (2)};\; \sigma(x) = x "
        r"\;\text{if } b_\ell = 0, \text{ (3)}",
    },
    gate="stochastic_depth",
)

# %% [markdown]
# Here is the gate as a layer. (If the size of $f_\ell(x)$ is unknown, and on JAX and PyTorch, the
# layer computes the branch and multiplies it by $b_\ell$.)

# %%
code(
    StochasticDepth.call,
    {
        "return self.survival": r"p_\ell\, f_\ell(x) \;\text{in inference, (5)}",
        "drawn =": r"b_\ell \sim \mathrm{Bernoulli}(p_\ell)",
        "ops.zeros(": r"0 \;\text{if } b_\ell = 0",
        "return ops.cond": r"f_\ell(x) \;\text{if } b_\ell = 1",
    },
)

# %%
i = keras.Input((32, 32, 16))
gate = partial(blocks.stochastic_depth, survival=0.5)
picture(
    keras.Model(i, blocks.basic_block(i, 16, gate=gate)),
    "The graph of basic_block with a gate: a box, stochastic depth, holds the branch; its "
    "output is added to the input, then relu",
)

# %% [markdown]
# > **Paper** Equation (4); Figure 3
#
# All later blocks use the features of the early ones, so the early blocks are dropped less often:
# $p_\ell$ falls linearly from 1 to $p_L$.

# %%
code(
    blocks.survivals,
    {"return": r"p_\ell = 1 - \frac{\ell}{L}(1 - p_L),\; \ell = i + 1,\; L = b"},
)

# %% [markdown]
# The 110-layer network has 54 blocks. With $p_L = 0.5$ a mini-batch trains 40 of them on average,
# which saves a quarter of the work.

# %%
p = blocks.survivals(54, 0.5)
L, p_L = 54, 0.5
assert np.isclose(sum(p), ((1 + p_L) * L - (1 - p_L)) / 2)
assert np.isclose(sum(p), 40.25)
draws = np.random.default_rng(0).uniform(size=(10_000, L)) < p
fig, axes = plt.subplots(1, 2)
axes[0].bar(np.arange(1, L + 1), p, width=1)
axes[0].set(xlabel="block", ylabel="probability of survival", ylim=(0, 1))
axes[1].hist(draws.sum(axis=1), bins=np.arange(24.5, 55.5), density=True)
axes[1].axvline(sum(p), color="black", lw=1)
axes[1].set(xlabel="blocks in a mini-batch", ylabel="share of the mini-batches", xlim=(25, 55))
figure(
    fig,
    "Left: the probability of survival falls linearly over 54 blocks from nearly 1 to a half. "
    "Right: most mini-batches have between 30 and 50 blocks, 40.25 on average",
)

# %% [markdown]
# ## The table
#
# > **Paper** Table 1: the 110-layer network of ResNet's section 4.2 on CIFAR
#
# Stochastic depth adds no weights and changes no sizes. The table counts multiply-adds at test
# time.

# %%
table(
    "stochastic_depth_resnet110_cifar",
    errata=[
        "stochastic_depth_resnet110_cifar: the shortcut",
        "stochastic_depth_resnet110_cifar: errors quoted",
    ],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** Table 1; section 4
#
# These are errors in %, with constant and with stochastic depth.
# [What top-1 and top-5 mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted). We have
# not trained on these data sets; for our own comparison, see the claim below.

# %%
names = "resnet110_cifar", "resnet1202_cifar", "resnet152"
accuracies(*(f"stochastic_depth_{name}" for name in names))

# %% [markdown]
# > **Paper** Section 5 and Figure 8: depth and $p_L$
#
# Two settings remain: the depth $L$ (in blocks) and $p_L$. We compute the share of blocks that a
# step skips, which is the time saved, and put the errors printed in the text next to it. For 110
# layers the paper says that the linear rule beats the same $p_L$ in all blocks, that it does well
# with $p_L$ from 0.4 to 0.8, and that even 0.2 performs well, with 40 % less training time. Figure
# 8 maps the error over depth and $p_L$ in colours, without numbers. The deeper the network, the
# smaller the best $p_L$: the valley of low error lies on the diagonal.

# %%
rows = []
for layers, blocks_in in (("110", 54), ("1202", 600)):
    for last in ("1", "0.8", "0.5", "0.2"):
        skipped = 1 - sum(blocks.survivals(blocks_in, float(last))) / blocks_in
        said = last in ("1", "0.5")
        error = "stochastic_depth_resnet110_cifar", "section 4", (layers, last), "error"
        rows.append([layers, blocks_in, last, f"{skipped:.0%}", cell(*error) if said else ""])
assert [row[3] for row in rows if row[2] == "0.5"] == ["25%", "25%"]  # as the paper measures
assert rows[3][3] == "41%"  # "a 40 % reduction"
grid(["layers", "blocks", "$p_L$", "skipped", "error on CIFAR-10+, paper"], rows)

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Equation (5): many networks of different depth, and their mean
#
# $L$ gates have $2^L$ settings. Each setting is a network, and all of them share their weights.
# Inference weights each branch by $p_\ell$. For *linear* branches the result is exactly the mean of
# all $2^L$ networks, each weighted by how often it is trained. We check this for $L = 6$. With relu
# in the branches, the result is only an approximation; we compute its error, too.


# %%
def apart(a, size=16, b=6):
    """The mean of all 2^b networks and the network of equation (5), on the same inputs."""
    rng = np.random.default_rng(0)
    ws = rng.normal(size=(b, size, size)) / size
    ps, x = blocks.survivals(b, 0.5), rng.normal(size=(100, size))

    def run(gates):
        y = x
        for g, w in zip(gates, ws, strict=True):
            y = y + g * a(y @ w)
        return y

    mean = 0
    for gates in product((0, 1), repeat=b):
        chance = np.prod([p if g else 1 - p for g, p in zip(gates, ps, strict=True)])
        mean = mean + chance * run(gates)
    return mean, run(ps), run([1] * b)


mean, one, _ = apart(lambda x: x)
np.testing.assert_allclose(mean, one, rtol=1e-10)
mean, one, whole = apart(lambda x: np.maximum(x, 0))
error, unscaled = np.abs(one - mean).mean(), np.abs(whole - mean).mean()
assert 0 < error < 0.1 * unscaled
print(f"relu: off by {error:.4f}; without p_l by {unscaled:.4f}")

# %% [markdown]
# Can a residual network be trained on its short members alone? Veit, Wilber and Belongie
# ([arXiv:1605.06431](https://arxiv.org/abs/1605.06431)) trained a network of 54 blocks with only 23
# random ones in each step. Its error on CIFAR-10 was 5.96 %, against 6.10 % for the whole network.
# [The lab](24_lab.ipynb) repeats this on the digits.

# %% [markdown]
# > **Paper** Training time: a dropped branch is not computed
#
# We put a branch that counts its own runs inside a gate of $p = 0.3$, and run 300 steps of `fit`.
# We expected 90 runs, give or take 4 standard deviations (32).


# %%
class Counter(keras.layers.Layer):
    """Counts how often it runs in training."""

    def build(self, shape):
        self.runs = self.add_weight(initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.runs.assign_add(1.0)
        return x


i, counter = keras.Input((4, 4, 1)), Counter()
x = blocks.stochastic_depth(i, lambda x: counter(blocks.conv(x, 1)), survival=0.3, seed=0)
model = keras.Model(i, x)
model.compile("sgd", "mse")
ones = np.ones((300, 4, 4, 1), "float32")
model.fit(ones, ones, batch_size=1, verbose=0)
runs = int(counter.runs.numpy())
assert abs(runs - 90) < 32
print(f"{runs} runs in 300 steps")

# %% [markdown]
# > **Paper** Table 1: the network trained with stochastic depth is better
#
# We train ResNet-20 with constant depth and with stochastic depth ($p_L = 0.5$) on only 300 of
# scikit-learn's digits (8 x 8), so that it can overfit: Adam at 0.001, batch size 50, 25 epochs,
# seed 0, tested on 360 digits. Before the first run we predicted: the *training* loss of the
# stochastic network ends at more than twice that of the constant one; its test accuracy is no lower
# than that of the constant one.

# %%
x, y, *test = digits(8)
histories, few = {}, (x[:300], y[:300], *test)
for name, survival in (("constant", None), ("stochastic", 0.5)):
    keras.utils.set_random_seed(0)
    model = architectures.create(
        "resnet20_cifar", input_shape=(8, 8, 1), classes=10, survival=survival
    )
    histories[name] = learn(model, few, epochs=25, batch=50)

# %%
fig, axes = plt.subplots(1, 2)
for name, history in histories.items():
    axes[0].semilogy(np.arange(1, 26), history["loss"], label=name)
    axes[1].plot(np.arange(1, 26), 100 * np.array(history["val_accuracy"]), label=name)
axes[0].set(xlabel="epoch", ylabel="training loss")
axes[1].set(xlabel="epoch", ylabel="test accuracy, %")
axes[0].legend()
figure(
    fig,
    "Left: the training loss falls far lower with constant depth. Right: the test accuracy ends "
    "higher with stochastic depth",
)

# %%
final = {
    name: (np.mean(history["loss"][-3:]), 100 * np.mean(history["val_accuracy"][-3:]))
    for name, history in histories.items()
}
grid(
    ["ResNet-20", "training loss, last 3 epochs", "test accuracy, %, last 3 epochs"],
    [[name, *map(float, row)] for name, row in final.items()],
)

# %% [markdown]
# Both come out as predicted, the second by eight images of 360. With one seed that is a hint, not a
# measurement. Three seeds follow.

# %% [markdown]
# ### On Fashion-MNIST
#
# All train on 5,000 images, with three seeds:
# [how, and how we compare them](../docs/reading.md#how-the-fashion-mnist-experiments-train).
#
# We compare residual nets of 56 layers with option A shortcuts: in one all blocks survive, in the
# other the probability falls linearly to 0.5 at the last block. A first convolution of stride 2 and
# a max pool make maps of 7 x 7. Training takes twelve epochs with Adam; on CIFAR, the paper trains
# for 500.

# %%
claims.shown("survival")

# %%
claims.curves("survival", "test")

# %% [markdown]
# The net whose blocks drop out is better by three points, with each of the three seeds, though its
# training loss ends four times as high: with only 5,000 images, it learns less of them by heart.

# %% [markdown]
# ## Exercises
#
# 1. If every block survives with the same probability 0.5, how many of the 54 does a mini-batch
#    train on average? Which uniform probability trains as many blocks as the linear rule?

# %% tags=["exercise"]
answer = ...  # (blocks, percent: a whole number)
check(answer, "e2e0e5d5")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# assert sum(blocks.survivals(54, 0.5, decay="uniform")) == 27
# assert round(40.25 / 54, 3) == 0.745
# answer = 27, round(100 * 40.25 / 54)
# ```
# </details>
#
# 2. Drop path (`blocks.drop_path`), used in later networks, looks similar. How does it differ?

# %% tags=["exercise"]
answer = ...  # draws for a mini-batch of 1,000 images (drop path, stochastic depth)
check(answer, "e13244b3")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# keras.utils.set_random_seed(0)
# ones = np.ones((1000, 1, 1, 1), "float32")
# i = keras.Input((1, 1, 1))
# path = keras.Model(i, blocks.drop_path(i, survival=0.5))
# depth = keras.Model(i, blocks.stochastic_depth(i, lambda x: 1.0 * x, survival=0.5))
# kept = np.unique(path(ones, training=True))
# assert [*kept] == [0, 2]
# assert len(np.unique(depth(ones, training=True))) == 1
# assert float(path(ones[:1])[0, 0, 0, 0]) == 1
# assert float(depth(ones[:1])[0, 0, 0, 0]) == 0.5
# answer = 1000, 1
# ```
#
# Drop path draws once for each image and scales in training (by 2), so inference needs no change.
# Stochastic depth draws once for the whole mini-batch and scales at inference.
# </details>
#
# 3. The ImageNet network of this paper is not ResNet's own ResNet-152. Which difference changes a
#    count?

# %% tags=["exercise"]
answer = ...  # the multiply-adds of this paper's network
check(answer, "6b7c6a9b")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# theirs = architectures.measure(architectures.create("stochastic_depth_resnet152"))
# first = architectures.facts("resnet152")["computed"]
# assert theirs.trainable == first["trainable"]
# assert (theirs.macs, first["macs"]) == (11_513_626_624, 11_282_415_616)
# answer = theirs.macs
# ```
#
# The stride is in the 3x3 convolution; see
# [errata](../docs/errata.md#stochastic_depth_resnet152-another-resnet-152).
# </details>
#
# ## Copy it
#
# `convbook show stochastic_depth` prints the block and everything it needs, ready to paste;
# `architectures.create("resnet56_cifar", survival=0.5)` gives any residual network stochastic
# depth; `convbook train resnet20 --data digits --option survival=0.5` trains one.
#
# ## Cite
#
# ```bibtex
# @inproceedings{huang2016deep,
#   title     = {Deep Networks with Stochastic Depth},
#   author    = {Huang, Gao and Sun, Yu and Liu, Zhuang and Sedra, Daniel and
#                Weinberger, Kilian Q.},
#   booktitle = {European Conference on Computer Vision (ECCV)},
#   year      = {2016}
# }
# ```
