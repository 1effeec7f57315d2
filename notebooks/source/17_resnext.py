# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # ResNeXt
#
# Saining Xie, Ross Girshick, Piotr Dollár, Zhuowen Tu, Kaiming He: *Aggregated Residual
# Transformations for Deep Neural Networks*, 2016,
# [arXiv:1611.05431](https://arxiv.org/abs/1611.05431). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Figure 1
#
# [Inception](08_googlenet.ipynb) splits its input into paths, transforms each and merges the
# results. That is cheap for what it can express, but someone must design each path by hand.
# [ResNet](10_resnet.ipynb) repeats one block. What if a block adds up many paths that are all
# alike? Their number, the *cardinality* $C$, becomes a third dimension of a network, besides depth
# and width. Which of the three is worth its cost?
#
# $$\mathcal{F}(x) = \sum_{i=1}^{C} \mathcal{T}_i(x), \qquad y = x + \mathcal{F}(x)$$
#
# > **Seen** on Fashion-MNIST, three seeds: the training loss of 1 x 16d ends 0.04 ± 0.04 above that
# > of 32 x 1d (**not significant**); the test accuracy of 32 x 1d ends 1.81 ± 4.69 points above
# > that of 1 x 16d (**not significant**).
# >
# > **Seen** on the digits, three seeds: after 8 epochs the training loss of one path is 0.10 ± 0.06
# > below that of 32 paths (**reversed**).

# %%
from itertools import pairwise

import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.beside import Markdown, check, claims, code, digits, figure, grid, picture, table
from convbook.beside.printed import accuracies, as_printed

# %% [markdown]
# ## The block
#
# > **Paper** Figure 3: (a) a sum of paths, (b) concatenated early, (c) a grouped convolution
#
# Each path is a bottleneck of `width` channels (the paper's $d$): 1x1, 3x3, 1x1. Form (a):

# %%
code(
    blocks.aggregate,
    {
        "conv(conv(x": r"m_i = \sigma\mathrm{BN}\,W_{3i}\,\sigma\mathrm{BN}\,W_{1i}\,x",
        "layers.add": r"\mathrm{BN} \sum_i \mathcal{T}_i(x),\; \mathcal{T}_i(x) = W_i m_i",
    },
    form="sum",
)

# %% [markdown]
# Form (b) joins the paths before the last 1x1:

# %%
code(
    blocks.aggregate,
    {"layers.concatenate": r"\mathrm{BN}\, W [m_1, \dots, m_C]"},
    form="concat",
)

# %% [markdown]
# Form (c), which the networks use, merges all paths into one convolution of each kind; the 3x3 is
# grouped:

# %%
code(
    blocks.aggregate,
    {
        "m = conv(x, c * width": r"\text{all } C \text{ first 1x1 side by side}",
        "g=c, n=n": r"C \text{ groups that do not see each other}",
        "return": r"\mathrm{BN}\, W [m_1, \dots, m_C] = \mathrm{BN} \sum_i W_i m_i",
    },
)

# %%
code(
    blocks.resnext_bottleneck_block,
    {"return": r"y = \sigma\Bigl(x + \sum_{i=1}^{C} \mathcal{T}_i(x)\Bigr)"},
)

# %%
i = keras.Input((56, 56, 256))
picture(
    keras.Model(i, blocks.resnext_bottleneck_block(i, 256)),
    "The graph of resnext_bottleneck_block, form (c): 1x1 to 128 channels, 3x3 in 32 groups, "
    "1x1 to 256, each with batch norm; the input is added, then relu",
)

# %% [markdown]
# The three forms compute the same function. To show it, we cut the kernels of (c) into four parts
# and use them in (a) and (b). A grouped 3x3 equals four 3x3 side by side, and a 1x1 of the
# concatenation equals the sum of four 1x1.

# %%
w, c = 3, 4
i = keras.Input((8, 8, 16))
forms = {
    form: keras.Model(i, blocks.aggregate(i, 32, c=c, width=w, form=form))
    for form in ("sum", "concat", "grouped")
}


def kernels(form, shape):
    return [v for v in forms[form].trainable_weights if tuple(v.shape) == shape]


first, second, third = (v.numpy() for v in forms["grouped"].trainable_weights if len(v.shape) == 4)
for form in ("sum", "concat"):
    for p in range(c):
        part = slice(w * p, w * (p + 1))
        kernels(form, (1, 1, 16, w))[p].assign(first[..., part])
        kernels(form, (3, 3, w, w))[p].assign(second[..., part])
        if form == "sum":
            kernels(form, (1, 1, w, 32))[p].assign(third[:, :, part])
        else:
            kernels(form, (1, 1, c * w, 32))[0].assign(third)
images = np.random.default_rng(0).normal(size=(4, 8, 8, 16)).astype("float32")
outputs = {form: model(images, training=True).numpy() for form, model in forms.items()}
for form in ("sum", "concat"):
    np.testing.assert_allclose(outputs[form], outputs["grouped"], rtol=1e-4, atol=1e-5)
counts = {form: architectures.measure(model) for form, model in forms.items()}
assert len({m.weights for m in counts.values()}) == len({m.macs for m in counts.values()}) == 1
grid(
    ["form", "weights", "multiply-adds", "layer calls"],
    [[k, m.weights, m.macs, len(forms[k].layers) - 1] for k, m in counts.items()],
)

# %% [markdown]
# > **Paper** Figure 4: two layers are not enough
#
# If each path is two 3x3 convolutions, their sum is one wide, dense block, whatever $C$ is. It
# takes at least three layers for grouping to make a difference.

# %%
i = keras.Input((8, 8, 16))
two = {
    form: keras.Model(i, blocks.resnext_two_layer_block(i, 16, c=4, width=3, form=form))
    for form in ("sum", "dense")
}
paths, wide = ([v for v in m.trainable_weights if len(v.shape) == 4] for m in two.values())
narrow = [[v for v in paths if v.shape[-1] == f] for f in (3, 16)]
for v, parts, axis in zip(wide, narrow, (3, 2), strict=True):
    v.assign(np.concatenate([part.numpy() for part in parts], axis))
one, other = (model(images, training=True).numpy() for model in two.values())
np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

# %% [markdown]
# ## The table
#
# > **Paper** Table 1, column *ResNeXt-50 (32x4d)*

# %%
table("resnext50_32x4d", errata=["resnext50_32x4d: 25.0 and 25.5 million"])

# %% [markdown]
# > **Paper** Tables 2 and 3
#
# As the cardinality grows, the paths get narrower, so that a block of conv2 keeps roughly 70,000
# weights. The errors are those of the paper (ImageNet, one crop, top-1 in %).

# %%
sweep = (1, 64), (2, 40), (4, 24), (8, 14), (32, 4)
rows = []
for c, d in sweep:
    per_block = c * (256 * d + 3 * 3 * d * d + d * 256)
    assert abs(per_block / 69_632 - 1) < 0.03
    facts = [architectures.facts(f"resnext{n}_{c}x{d}d") for n in (50, 101)]
    errors = [str(fact["errors"][0]["value"]) for fact in facts]
    rows.append([c, d, c * d, per_block, facts[0]["computed"]["macs"], *errors])
assert rows[0][4] == architectures.measure(architectures.create("resnext50_1x64d")).macs
for fewer, more in pairwise(rows):  # both depths gain with every step
    assert float(fewer[-2]) > float(more[-2])
    assert float(fewer[-1]) > float(more[-1])
heads = (
    "C",
    "d",
    "width of the 3x3",
    "weights",
    "multiply-adds, 50 layers",
    "top-1 error, 50 layers",
    "top-1 error, 101 layers",
)
grid(heads, rows)

# %% [markdown]
# [Why the multiply-adds are only roughly
# equal](../docs/errata.md#resnext50_8x14d-equal-complexity).
#
# ### The accuracies
#
# > **Paper** Tables 3 to 5 and 7; section 5.1
#
# Given twice the budget, should a network be deeper, be wider, or have more paths? More paths gain
# most. Even ResNeXt-101 at half the budget (21.2) is more accurate than the deeper and the wider
# ResNet. [What top-1 and top-5 mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted).

# %%
as_printed("resnext101_64x4d", "Table 4")

# %%
as_printed("resnext101_64x4d", "Table 5")

# %% [markdown]
# Are the paths an ensemble that needs no shortcut? No: without shortcuts both networks get worse,
# though the one with paths loses less.

# %%
as_printed("resnext101_64x4d", "section 5.1")

# %% [markdown]
# The sweep over the number of paths follows, at 50 layers and at 101: at equal cost, more paths are
# more accurate. Rows in italics are published weights that the networks load, with the figures
# their libraries report. We have not trained on ImageNet or CIFAR.

# %%
sweep = "1x64d", "2x40d", "4x24d", "8x14d", "32x4d"
accuracies(*(f"resnext50_{paths}" for paths in sweep))

# %%
twice = "2x64d", "1x100d", "64x4d", "32x8d"  # the last is a library's
accuracies(*(f"resnext101_{paths}" for paths in (*sweep, *twice)))

# %%
accuracies("resnext29_8x64d_cifar", "resnext29_16x64d_cifar")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Table 3, Figure 5: at equal cost, more paths learn better
#
# We repeat the sweep at a quarter of the size: four blocks of 64 channels on 4 x 4 maps, with $C$ x
# $d$ of 1x16, 4x6 and 32x1 and about 4,350 weights per block. Training: scikit-learn's 1,437
# training digits (8 x 8), Adam at 0.001, batch size 128, 8 epochs, seeds 0, 1 and 2. Before the
# first run we predicted: the training loss, averaged over the last two epochs and the seeds, is
# lower with 32x1 than with 1x16. (The first run also had 2x10. We left it out to save time.)

# %%
x, y, *test = digits(8)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def net(c, d):
    i = keras.Input((8, 8, 1))
    x = blocks.conv(i, 64, s=2, n=blocks.BN)
    for _ in range(4):
        x = blocks.resnext_bottleneck_block(x, 64, c=c, width=d)
    return keras.Model(i, keras.layers.Dense(10)(blocks.gavgpool(x)))


def losses(c, d):
    """Training loss by epoch (rows) for three seeds, test accuracies; all runs share one graph."""
    model, found = net(c, d), []
    model.compile(keras.optimizers.Adam(1e-3), LOSS, metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    fresh = [v.numpy() for v in model.optimizer.variables]
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        model.set_weights(net(c, d).get_weights())
        for v, value in zip(model.optimizer.variables, fresh, strict=True):
            v.assign(value)
        history = model.fit(x, y, 128, 8, verbose=0).history["loss"]
        found.append((history, model.evaluate(*test, batch_size=360, verbose=0)[1]))
    curves, accuracies = zip(*found, strict=True)
    return np.array(curves).T, accuracies


small = (1, 16), (4, 6), (32, 1)
assert all(abs(c * (64 * d + 9 * d * d + d * 64) / 4352 - 1) < 0.01 for c, d in small)
runs = {f"{c}x{d}": losses(c, d) for c, d in small}

# %%
fig, ax = plt.subplots()
for name, (curves, _) in runs.items():
    mean = curves.mean(axis=1)
    ax.semilogy(np.arange(1, 9), mean, marker=".", label=name)
    ax.fill_between(np.arange(1, 9), curves.min(axis=1), curves.max(axis=1), alpha=0.15)
ax.set(xlabel="epoch", ylabel="training loss")
ax.legend(title="C x d")
figure(
    fig,
    "Training loss by epoch of three networks of equal cost, mean and range of three seeds: with "
    "one path it falls fastest, with 32 slowest",
)

# %%
final = {name: curves[-2:].mean(axis=0) for name, (curves, _) in runs.items()}
gain, half = claims.interval(final["1x16"] - final["32x1"])
rows_of_runs = []
for name, loss in final.items():
    right = f"{100 * np.mean(runs[name][1]):.1f}"
    rows_of_runs.append([name, ", ".join(f"{v:.3f}" for v in loss), f"{loss.mean():.3f}", right])
head = ["C x d", "training loss, last 2 epochs, seeds 0, 1, 2", "mean", "test accuracy, %"]
Markdown(
    f"{grid(head, rows_of_runs)}\n\nWe expected a higher training loss of 1x16 than of 32x1. The "
    f"difference is {gain:+.2f} ± {half:.2f}: **{claims.verdict(gain, half)}**."
)

# %% [markdown]
# We see the reverse: four small blocks learn the digits faster with one wide path. Why, we do not
# know: on Fashion-MNIST, below, the order is the paper's. The paper trains 50 and 101 layers on 1.3
# million images, and gains 1.7 and 0.8 points. Two facts hold at any scale: the cost is the same,
# and the three forms compute the same function.

# %% [markdown]
# ### On Fashion-MNIST
#
# All train on 5,000 images, with three seeds:
# [how, and how we compare them](../docs/reading.md#how-the-fashion-mnist-experiments-train).
#
# #### Cardinality against width
#
# Each net has six bottlenecks, of 1 path of width 16, 4 paths of width 6 or 32 paths of width 1;
# widths double in each stage. As in Table 2, multiply-adds and weights are nearly equal: they
# differ by 5 %.

# %%
claims.shown("cardinality")

# %%
claims.curves("cardinality")

# %% [markdown]
# Both columns rank the nets as the paper does, but the differences are too small for three seeds to
# confirm.

# %% [markdown]
# ## Exercises
#
# 1. How wide would 16 paths be at the same cost? Why are they not in Table 3?

# %% tags=["exercise"]
answer = ...  # weights with (7, 8) channels a path
check(answer, "20648421")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# weights = [16 * (256 * d + 9 * d * d + d * 256) for d in (7, 8)]
# assert weights == [64_400, 74_752]
# answer = tuple(weights)
# ```
#
# Between 7 and 8 channels (for 69,632 weights): no whole number is close.
# </details>
#
# 2. NASNet's paper quotes 83.6M parameters for ResNeXt-101 (64x4d). Which count is that?

# %% tags=["exercise"]
answer = ...  # parameters by that count
check(answer, "65ec56c7")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# counts = architectures.facts("resnext101_64x4d")["computed"]
# assert counts["trainable"] == 83_455_272
# assert counts["total_keras_style"] == 83_658_152
# answer = counts["total_keras_style"]
# ```
#
# It includes batch norm's moving statistics, and is truncated; see
# [errata](../docs/errata.md#conventions-which-one-a-printed-count-has).
# </details>
#
# 3. ResNeXt-50 (1x64d) is ResNet-50. Why does the paper print 4.1 billion where ResNet's paper has
#    3.8?

# %% tags=["exercise"]
answer = ...  # "1x1" or "3x3": which has the stride in ResNeXt
check(answer, "97a611ef")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# first = architectures.measure(architectures.create("resnet50"))
# assert (rows[0][4], first.macs) == (4_089_184_256, 3_857_973_248)
# answer = "3x3"
# ```
#
# ResNeXt has its stride in the 3x3, as in Torch, not in the first 1x1.
# </details>
#
# ## Copy it
#
# `convbook show resnext_bottleneck_block` prints the block and everything it needs, ready to paste;
# `architectures.create("resnext50_32x4d")` builds the network, also with published weights
# (`weights="timm/..."`); `convbook recipes resnext50_32x4d` prints how it was trained.
#
# ## Cite
#
# ```bibtex
# @inproceedings{xie2017aggregated,
#   title     = {Aggregated Residual Transformations for Deep Neural Networks},
#   author    = {Xie, Saining and Girshick, Ross and Doll{\'a}r, Piotr and Tu, Zhuowen and
#                He, Kaiming},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2017}
# }
# ```
