# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Branches that vanish
#
# Xiaohan Ding, Xiangyu Zhang, Ningning Ma, Jungong Han, Guiguang Ding, Jian Sun: *RepVGG: Making
# VGG-style ConvNets Great Again*, 2021, [arXiv:2101.03697](https://arxiv.org/abs/2101.03697).
# Pavan Kumar Anasosalu Vasu, James Gabriel, Jeff Zhu, Oncel Tuzel, Anurag Ranjan: *MobileOne: An
# Improved One Millisecond Mobile Backbone*, 2022,
# [arXiv:2206.04040](https://arxiv.org/abs/2206.04040).
#
# ## The question
#
# > **Paper** RepVGG: sections 1 and 3; MobileOne: section 3
#
# A net with branches trains well: ResNet showed it. A plain stack of 3x3 convolutions runs well:
# one layer after the other, nothing to keep for later. Must you choose? A convolution is linear,
# and so is an addition. So train with branches, and *afterwards* add up their kernels: what remains
# is a plain net that gives the same answers.
#
# > **Seen** exactly: a folded net gives the answers of the trained one.
# >
# > **Seen** on the digits, three seeds: the training loss with the branches ends 0.05 ± 0.08 below
# > that of 3x3s alone (**not significant**).

# %%
import time

import keras
import numpy as np
from keras import layers, ops
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.architectures.mobileone import NETS as MOBILEONE
from convbook.architectures.repvgg import NETS as REPVGG
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
from convbook.beside.printed import accuracies, as_printed, cell
from convbook.blocks.layers import BN

# %% [markdown]
# ## The block
#
# > **Paper** RepVGG: Figure 2, equation (1)
#
# Three branches, each with a batch norm of its own, meet in one addition: a 3x3, a 1x1, and the
# input itself. The relu comes after the addition. That matters: nothing before it bends a line.

# %%
code(
    blocks.repvgg_block,
    {
        "m = conv(x": r"a = \mathrm{BN}_3(W_3 * x)",
        "m1 = conv(x": r"b = \mathrm{BN}_1(W_1 * x)",
        "same =": r"\text{only then can } x \text{ be added}",
        "return": r"y = \sigma(a + b + \mathrm{BN}_0(x))",
    },
)

# %%
i = keras.Input((14, 14, 8))
block = keras.Model(i, blocks.repvgg_block(i, 8))
picture(
    block,
    "The graph of repvgg_block: a 3x3 convolution, a 1x1 and the input, each with batch norm, "
    "are added; then relu",
)

# %% [markdown]
# ### The fold, by hand
#
# > **Paper** RepVGG: section 3.3, equations (2) to (4); Figure 4
#
# A trained batch norm only scales and shifts each channel, so it moves into the kernel before it:
#
# $$W' = \frac{\gamma}{\sqrt{v + \epsilon}}\, W, \qquad
# b' = \beta - \frac{\gamma\, \mu}{\sqrt{v + \epsilon}}.$$
#
# A 1x1 kernel is the middle of a 3x3 whose border is zero. The input itself is a 1x1 whose matrix
# is the identity. Three kernels of one size: add them. We give the block a batch norm as if it had
# been trained, and do it.

# %%
rng = np.random.default_rng(0)
convs = [layer for layer in block.layers if isinstance(layer, layers.Conv2D)]
norms = [layer for layer in block.layers if isinstance(layer, layers.BatchNormalization)]
for norm in norms:
    norm.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in norm.get_weights()])

kernels = [convs[0].get_weights()[0], convs[1].get_weights()[0], np.eye(8)[None, None]]
kernel, bias = np.zeros((3, 3, 8, 8)), np.zeros(8)
for w, norm in zip(kernels, norms, strict=True):
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    place = slice(None) if w.shape[0] == 3 else slice(1, 2)  # a 1x1 sits in the middle
    kernel[place, place] += w * scale
    bias += beta - mean * scale

x = rng.normal(size=(4, 14, 14, 8)).astype("float32")
plain = ops.relu(ops.conv(x, kernel.astype("float32"), padding="same") + bias.astype("float32"))
np.testing.assert_allclose(plain, block(x), atol=1e-5)

# %% [markdown]
# `architectures.fold` does the same to any network. Nine layers become two, and nobody who sees the
# outputs can tell.

# %%
folded = architectures.fold(block)
(only,) = [layer for layer in folded.layers if layer.weights]
np.testing.assert_allclose(only.get_weights()[0], kernel, atol=1e-5)
picture(folded, "The graph after folding: one 3x3 convolution, then relu")

# %% [markdown]
# ### MobileOne's block
#
# > **Paper** MobileOne: Figure 3
#
# MobileOne does this to both halves of MobileNet's block, the depthwise 3x3 and the 1x1, and goes
# further: it adds `c` *equal* convolutions. They start from different random weights and learn
# different things; folded, they are one.

# %%
code(
    blocks.mobileone_block,
    {
        "paths = [dwconv": r"a_0 \ldots a_c = \mathrm{BN}(D_j * x)",
        "norm(x, n)] if s == 1": r"u = \textstyle\sum_j a_j + \mathrm{BN}(x)",
        "paths = [conv": r"e_1 \ldots e_c = \mathrm{BN}(W_j\, \sigma(u))",
        "x = layers.add(paths) if": r"y = \textstyle\sum_j e_j + \mathrm{BN}(\sigma(u))",
    },
    c=4,
)

# %% [markdown]
# ## The table
#
# > **Paper** RepVGG: Table 2; MobileOne: Table 2
#
# These are the sizes of both nets in training.

# %%
table("repvgg_a0", errata=["repvgg_a0: 8.31 million or 9.11"])

# %%
table("mobileone_s0", errata=["mobileone_s0: 2.08 million or 5.29"])

# %% [markdown]
# Now fold the whole nets. RepVGG-A0 loses a tenth of its work. MobileOne-S0, with four convolutions
# where it needs one, loses three quarters.

# %%
rows, both, faster = [], {}, {}
for name in ("repvgg_a0", "mobileone_s0"):
    trained = architectures.create(name)
    short = architectures.fold(trained)
    both[name] = [(architectures.measure(m), len(m.layers)) for m in (trained, short)]
    for form, (m, count) in zip(("trained", "folded"), both[name], strict=True):
        rows.append([f"{name}, {form}", count, m.trainable, m.macs])
    seconds, answers = [], []
    image = rng.uniform(-1, 1, size=(1, 224, 224, 3)).astype("float32")
    for model in (trained, short):
        answers.append(model(image))
        start = time.perf_counter()
        model(image)
        seconds.append(time.perf_counter() - start)
    faster[name] = seconds[0] / seconds[1]
    size = float(np.abs(answers[0]).max())
    np.testing.assert_allclose(answers[0] / size, answers[1] / size, atol=1e-4)
assert both["repvgg_a0"][1][0].macs < 0.91 * both["repvgg_a0"][0][0].macs
assert both["mobileone_s0"][1][0].macs < 0.27 * both["mobileone_s0"][0][0].macs
grid(["network", "layers", "parameters", "multiply-adds"], rows)

# %% [markdown]
# The plain net is so regular that we count every size without building it: a 3x3 kernel and a bias
# for each block, and the dense layer. OpenMMLab's figures for the authors' weights stand beside our
# counts. Its multiply-adds are up to 0.2 % higher, because its counter includes biases and relus.

# %%
FROM = "OpenMMLab's table of the authors' weights"


def plain_net(name):
    """Parameters and multiply-adds of a folded RepVGG, from its table alone."""
    stages, before, g = REPVGG[name].table
    params, size = 28 * before, 112  # of the first block, which reads three channels
    macs = size**2 * 27 * before
    for depth, f in stages:
        size //= 2
        for j in range(1, depth + 1):
            kernel = 9 * before * f // (1 if j % 2 else g)  # each second block has groups
            params, macs, before = params + kernel + f, macs + size**2 * kernel, f
    return params + (f + 1) * 1000, macs + f * 1000


rows = []
for name in [*REPVGG][:-1]:  # the last one, D2se, keeps its gates
    printed = name.replace("repvgg_", "RepVGG-").replace("-a", "-A").replace("-b", "-B")
    millions, billions, top1 = (
        cell("repvgg_a0", FROM, printed, head)
        for head in ("folded", "multiply-adds, folded", "top-1 accuracy")
    )
    params, macs = plain_net(name)
    assert abs(params / 1e6 - float(millions)) < 0.01, name
    assert abs(macs / 1e9 - float(billions)) < 0.005 + 0.002 * macs / 1e9, name
    rows.append([printed, f"{millions} M", params, f"{billions} x 10^9", macs, top1])
m = both["repvgg_a0"][1][0]
assert plain_net("repvgg_a0") == (m.trainable, m.macs)
grid(
    ["network", "parameters, printed", "counted", "multiply-adds, printed", "counted", "top-1"],
    rows,
)

# %% [markdown]
# We do the same for MobileOne: a depthwise 3x3 and a 1x1, each with its bias. S4's last blocks have
# squeeze-and-excitation twice, which cannot be folded. The paper's figures are as StarNet and SHViT
# quote them; S3's alone are recalled.


# %%
def plain_mobileone(name):
    """Parameters and multiply-adds of a folded MobileOne, from its table alone."""
    stages, c, _ = MOBILEONE[name].table
    params, size = 28 * c, 112
    macs = size**2 * 27 * c
    for depth, f, weighted in stages:
        size //= 2
        for j in range(depth):
            params, macs = params + 10 * c + (c + 1) * f, macs + size**2 * (9 * c + c * f)
            for width in (c, f) if j >= depth - weighted else ():
                gates = 2 * width * (width // 16)
                params, macs = params + gates + width // 16 + width, macs + gates
            c = f
    return params + (c + 1) * 1000, macs + c * 1000


rows, QUOTED, RECALLED = [], "StarNet, 2403.19967, Table 6", "the paper's results on ImageNet"
for name in MOBILEONE:
    printed = name.replace("mobileone_s", "MobileOne-S")
    millions, mmacs, top1 = (
        cell("mobileone_s0", RECALLED if name == "mobileone_s3" else QUOTED, printed, head)
        for head in ("parameters", "multiply-adds", "top-1 accuracy")
    )
    params, macs = plain_mobileone(name)
    assert f"{params / 1e6:.1f}" == millions, name
    assert abs(macs / 1e6 - float(mmacs)) < 2, name
    rows.append([printed, f"{millions} M", params, f"{mmacs} M", macs, top1])
m = both["mobileone_s0"][1][0]
assert plain_mobileone("mobileone_s0") == (m.trainable, m.macs)
grid(["network", "parameters, paper", "counted", "multiply-adds, paper", "counted", "top-1"], rows)

# %% [markdown]
# ### The accuracies
#
# > **Paper** RepVGG: Tables 4 to 6; MobileOne: its results on ImageNet
#
# For RepVGG these are the authors' weights as OpenMMLab lists them; for MobileOne, OpenMMLab's own
# training and the figures of the authors' README. [What top-1
# means](../docs/reading.md#imagenet-and-how-its-errors-are-counted). We have not trained on
# ImageNet.

# %%
accuracies(*REPVGG, *MOBILEONE)

# %% [markdown]
# Which branch helps? The paper takes them away from RepVGG-B0. Without both it is a VGG with batch
# norm, and 2.75 points worse. All four fold to the same plain net.

# %%
none, both_branches = (
    float(cell("repvgg_a0", "Table 6", [way, way], "accuracy")) for way in ("no", "yes")
)
assert round(both_branches - none, 2) == 2.75
as_printed("repvgg_a0", "Table 6")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** RepVGG: sections 3.1 and 3.3, Table 6
#
# We stack eight blocks of 16 filters and train on scikit-learn's 1,437 training digits (8 x 8):
# Adam at 0.001, batch 128, 8 epochs, with three seeds; once 3x3 alone, once with the 1x1 and the
# identity. A first try with 30 blocks took minutes (its loss was 1.88 for 3x3 alone, 1.92 with a
# 1x1, 1.22 with the identity and 1.64 with both); before the first run with eight we predicted:
#
# 1. With its branches the net has the lower training loss.
# 2. Folded after its training, it names the same digit for every test image.
# 3. MobileOne-S0 folded, run above layer by layer, took less than half the time.


# %%
def deep(branches):
    """Eight blocks of a 3x3, with or without a 1x1 and the identity."""
    i = keras.Input((8, 8, 1))
    x = blocks.conv(i, 16, k=3, s=2, n=BN)
    for _ in range(8):
        x = blocks.repvgg_block(x, 16) if branches else blocks.conv(x, 16, k=3, n=BN)
    return keras.Model(i, blocks.dense(blocks.gavgpool(x), 10, a=None))


data = digits(8)
models, loss, test = {}, {}, {}
for name, branches in (("3x3", False), ("3x3 + 1x1 + identity", True)):
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        models[name, seed] = deep(branches)
        history = learn(models[name, seed], data, epochs=8, batch=128)
        loss[name, seed] = float(np.mean(history["loss"][-2:]))
        test[name, seed] = 100 * history["val_accuracy"][-1]

# %%
short = {key: architectures.fold(model) for key, model in models.items()}
counts = {key: architectures.measure(model) for key, model in short.items()}
assert len({(m.trainable, m.macs) for m in counts.values()}) == 1  # both are one plain net
for key, model in models.items():
    answers = [np.argmax(m(data[2]), 1) for m in (model, short[key])]
    assert (answers[0] == answers[1]).all()
assert faster["mobileone_s0"] > 2
print(f"MobileOne-S0, folded: {faster['mobileone_s0']:.0f} times as fast, layer by layer")
rows, ways = [], ("3x3", "3x3 + 1x1 + identity")
for name in ways:
    losses, right = ([kept[name, seed] for seed in range(3)] for kept in (loss, test))
    row = [name, architectures.measure(models[name, 0]).trainable, counts[name, 0].trainable]
    rows.append([*row, ", ".join(f"{v:.2f}" for v in losses), f"{np.mean(right):.1f}"])
head = ["branches", "parameters", "folded", "training loss, last 2 epochs, seeds 0, 1, 2"]
lower, half = claims.interval([loss[ways[0], seed] - loss[ways[1], seed] for seed in range(3)])
more, about = claims.interval([test[ways[1], seed] - test[ways[0], seed] for seed in range(3)])
Markdown(
    f"{grid([*head, 'test accuracy, mean, %'], rows)}\n\nWith its branches the net's training loss "
    f"is {lower:.2f} ± {half:.2f} below: **{claims.verdict(lower, half)}**. Its test accuracy "
    f"differs by {more:+.1f} ± {about:.1f} points."
)

# %% [markdown]
# The second and the third come out as predicted. The first does too with each seed (the first run
# had seed 0 alone), but by so little that the interval holds zero. The net with branches reads
# eight points fewer of the test digits, about which we had made no prediction; its interval is
# wider still. Eight blocks and 96 steps do not show what branches do for training.
#
# What does the fold leave? Here is the mean size of the weights at each place of the 3x3, over the
# eight blocks: the branches put their weight in the middle.


# %%
def profile(model):
    """The mean absolute weight at each place of the 3x3 between equal maps."""
    found = [layer.get_weights()[0] for layer in model.layers if isinstance(layer, layers.Conv2D)]
    return np.mean([np.abs(w).mean((2, 3)) for w in found if w.shape[2] > 1], 0)


shown = {name: profile(short[name, 0]) for name in ways}
middle = {name: float(w[1, 1] / w.mean()) for name, w in shown.items()}
assert middle["3x3 + 1x1 + identity"] > middle["3x3"]
fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.8))
for ax, (name, w) in zip(axes, shown.items(), strict=True):
    ax.imshow(w, cmap="Blues", vmin=0)
    ax.set(title=name, xticks=[], yticks=[])
    ax.grid(visible=False)
    for (row, column), value in np.ndenumerate(w):
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="C1")
figure(
    fig,
    "Mean absolute weight at each place of the folded 3x3 kernels: even for the plain net, "
    "largest in the middle for the net with branches",
)

# %% [markdown]
# ## Exercises
#
# 1. A RepVGG block maps 64 channels to 64. How many parameters does it have in training, and how
#    many folded?

# %% tags=["exercise"]
answer = ...  # (in training, folded)
check(answer, "5b19f257")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((56, 56, 64))
# trained = keras.Model(i, blocks.repvgg_block(i, 64))
# short_block = architectures.fold(trained)
# answer = tuple(architectures.measure(m).trainable for m in (trained, short_block))
# assert answer == (9 * 64**2 + 64**2 + 3 * 2 * 64, 9 * 64**2 + 64)
# ```
#
# In training 10 kernels' worth of weights and three batch norms of 128; folded, 9 and a bias.
# </details>
#
# 2. Where the grid is halved, the input cannot be added. How many of RepVGG-A0's 22 blocks have an
#    identity branch?

# %% tags=["exercise"]
answer = ...  # blocks with an identity
check(answer, "4523540f")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = sum(depth - 1 for depth, _ in REPVGG["repvgg_a0"].table[0])
# adds = [l for l in architectures.create("repvgg_a0").layers if isinstance(l, layers.Add)]
# assert len(adds) == 22
# assert sum(len(layer.input) == 3 for layer in adds) == answer
# ```
#
# All but the first block of the net and the first of each stage: 1 + 3 + 13 + 0.
# </details>
#
# 3. Two 3x3 convolutions in a row, with no relu between them, are one convolution too. How large is
#    its kernel?

# %% tags=["exercise"]
answer = ...  # k, of a kernel k x k
check(answer, "ef2d127d")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((15, 15, 1))
# two = blocks.conv(blocks.conv(i, 4, k=3, a=None), 1, k=3, a=None)
# pixel = np.zeros((1, 15, 15, 1))
# pixel[0, 7, 7] = 1.0
# seen = np.abs(keras.Model(i, two)(pixel))[0, :, :, 0] > 1e-9
# answer = int(seen.any(0).sum())
# assert answer == 5
# ```
#
# The window grows by two pixels with each 3x3. So a stack *without* relu is no deeper than one
# layer: it is the relu after each addition that keeps RepVGG's 22 blocks apart.
# </details>
#
# ## Copy it
#
# `convbook show repvgg_block` and `convbook show mobileone_block c=4` print the blocks and
# everything they need, ready to paste; `architectures.create("mobileone_s0", weights="imagenet")`
# builds a network with published weights, and `architectures.fold` folds it, or any net of your
# own.
#
# ## Cite
#
# ```bibtex
# @inproceedings{ding2021repvgg,
#   title     = {RepVGG: Making VGG-style ConvNets Great Again},
#   author    = {Ding, Xiaohan and Zhang, Xiangyu and Ma, Ningning and Han, Jungong and
#                Ding, Guiguang and Sun, Jian},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2021}
# }
# @inproceedings{vasu2023mobileone,
#   title     = {MobileOne: An Improved One Millisecond Mobile Backbone},
#   author    = {Vasu, Pavan Kumar Anasosalu and Gabriel, James and Zhu, Jeff and Tuzel, Oncel and
#                Ranjan, Anurag},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2023}
# }
# ```
