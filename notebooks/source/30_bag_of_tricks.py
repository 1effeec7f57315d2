# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # A bag of tricks
#
# Tong He, Zhi Zhang, Hang Zhang, Zhongyue Zhang, Junyuan Xie, Mu Li: *Bag of Tricks for Image
# Classification with Convolutional Neural Networks*, 2018,
# [arXiv:1812.01187](https://arxiv.org/abs/1812.01187). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Abstract and section 1. Equations (1), (7), (8) and Figure 3 have recalled numbers
#
# ResNet-50 had 75.3 % top-1 accuracy in many papers and 76 or 77 % in some people's code. Where
# does the difference come from? From small things, which papers mention in half a sentence, or not
# at all. This paper collects them, adds them one by one and ends at 79.29 % with nearly the same
# network. How much is each trick worth?
#
# > **Seen** on the digits, three seeds: the training loss with cosine decay ends 0.009 ± 0.004
# > above that with a constant rate (**reversed**). Label smoothing lowers the mean top probability
# > by 12.1 ± 0.4 points and holds the gap of the logits at 4.7 (**as expected**, both).

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
from convbook.beside.printed import accuracies, as_printed, cell
from convbook.blocks.layers import BN

# %% [markdown]
# ## The block
#
# > **Paper** Section 4.2, Figure 2
#
# Three small changes to ResNet-50:
#
# - **B** moves the stride from the first 1x1 to the 3x3. A 1x1 with stride 2 never looks at three
#   of every four pixels.
# - **C** replaces the 7x7 of the stem by three 3x3.
# - **D** does for the shortcut what B does for the branch: a mean over 2 x 2 pixels, then a 1x1
#   without stride. Now no pixel is thrown away.

# %%
code(
    blocks.bottleneck_block,
    {
        "m = conv(m, f // r, k=3": r"W_2: 3\times3 \text{ with the stride (B)}",
        "m = conv(m, f, k=1": r"\mathcal{F}(x) = \mathrm{BN}(W_3 m)",
        "x = conv(avgpool": r"W_s\, \mathrm{mean}_{2 \times 2}(x) \text{ (D)}",
        "return": r"y = \sigma(\mathcal{F}(x) + \mathrm{shortcut}(x))",
    },
    stride_on="3x3",
    shortcut="D",
)

# %%
i = keras.Input((56, 56, 256))
picture(
    keras.Model(i, blocks.bottleneck_block(i, 512, 2, stride_on="3x3", shortcut="D")),
    "The graph of bottleneck_block with stride 2, form D: the 3x3 has the stride, and the "
    "shortcut is a 2x2 mean and a 1x1; the two are added",
)

# %% [markdown]
# Which pixels does each shortcut read? We light one of the 64 pixels at a time and check whether
# the shortcut sees it.


# %%
def seen(shortcut):
    """The share of the input's pixels that a shortcut with stride 2 reads."""
    i = keras.Input((8, 8, 1))
    model = keras.Model(i, blocks.shortcut_path(i, 4, 2, n=None, shortcut=shortcut))
    answers = np.array(model(np.eye(64).reshape(64, 8, 8, 1)))
    return float((np.abs(answers).max((1, 2, 3)) > 0).mean())


read = {"B, a 1x1 with stride 2": seen("B"), "D, after a mean of 2 x 2": seen("D")}
assert [*read.values()] == [0.25, 1]
grid(["shortcut", "pixels that it reads"], [[k, f"{v:.0%}"] for k, v in read.items()])

# %% [markdown]
# ## The table
#
# > **Paper** Figure 2; the stages are those of ResNet-50

# %%
table("resnet50d", errata=["resnet50d: 25 million"])

# %% [markdown]
# > **Paper** Table 5, recalled; the gains agree with the text of section 4.2
#
# What do the tweaks cost? We build and count all four.

# %%
nets = {
    "ResNet-50": architectures.create("resnet50"),
    "ResNet-50-B": architectures.create("resnet50", stride_on="3x3"),
    "ResNet-50-C": architectures.create("resnet50d", shortcut="B"),
    "ResNet-50-D": architectures.create("resnet50d"),
}
rows, macs = [], {}
for name, net in nets.items():
    m = architectures.measure(net)
    macs[name] = m.macs
    billions, *accuracy = (
        cell("resnet50d", "Table 5", name, head)
        for head in ("multiply-adds", "top-1 accuracy", "top-5 accuracy")
    )
    assert abs(m.macs / 1e9 - float(billions.split()[0])) < 0.06, name
    rows.append([name, m.trainable, f"{billions}", m.macs, *accuracy])
assert macs["ResNet-50-C"] == macs["ResNet-50-D"]  # a mean multiplies nothing
head = ["network", "parameters", "multiply-adds, paper", "counted", "top-1, paper", "top-5, paper"]
grid(head, rows)

# %% [markdown]
# B costs 6 % more, C another 6 %, D nothing.
#
# ### The accuracies
#
# > **Paper** Table 6, recalled; the last row is Table 1's, and ResNeSt's paper quotes two others
#
# Then the training, trick by trick.
# [What top-1 and top-5 mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted). We have
# not trained on ImageNet.

# %%
as_printed("resnet50d", "Table 6")

# %%
accuracies("resnet50d")

# %% [markdown]
# ### Cosine decay
#
# > **Paper** Section 5.1, equation (1); Figure 3
#
# A warm-up over five epochs, then half a cosine from the first rate to 0, in place of steps by ten:
# $\eta_t = \frac{1}{2} (1 + \cos(\pi t / T))\, \eta$. The first rate is 0.1 for a batch of 256, and
# grows with the batch (section 3.1).


# %%
def cosine(epoch, epochs=120, rate=0.4, warm=5):
    """The rate at an epoch, for a batch of 1024."""
    rising = rate * epoch / warm
    return np.where(
        epoch < warm, rising, rate * (1 + np.cos(np.pi * (epoch - warm) / (epochs - warm))) / 2
    )


epochs = np.linspace(0, 120, 601)
stairs = 0.4 * 0.1 ** (epochs // 30)
stairs = np.where(epochs < 5, cosine(epochs), stairs)
fig, ax = plt.subplots()
ax.plot(epochs, cosine(epochs), label="cosine")
ax.plot(epochs, stairs, label="divided by ten every 30 epochs")
ax.set(xlabel="epoch", ylabel="learning rate")
ax.legend()
figure(
    fig,
    "Learning rate by epoch: both rise for five epochs; then the cosine falls smoothly, the "
    "other in steps",
)

# %% [markdown]
# ### Label smoothing
#
# > **Paper** Section 5.2, equations (4) and (5)
#
# With one-hot labels the loss falls as long as the gap between the right logit and the others
# grows: it never ends. Give the right class $1 - \varepsilon$ and share $\varepsilon$ among the
# other $K - 1$: then the best gap is finite,
#
# $$z_y - z_i = \log \frac{(K - 1)(1 - \varepsilon)}{\varepsilon}.$$
#
# Let us not believe it but compute it, by gradient descent on ten free logits.


# %%
def best_gap(epsilon, classes=10, steps=4000, rate=1.0):
    """The gap after gradient descent on the logits alone."""
    q = np.full(classes, epsilon / (classes - 1))
    q[0] = 1 - epsilon
    z = np.zeros(classes)
    for _ in range(steps):
        p = np.exp(z - z.max())
        z -= rate * (p / p.sum() - q)
    return float(z[0] - z[1])


rows = []
for epsilon in (0.0, 0.01, 0.1, 0.3):
    theory = np.log(9 * (1 - epsilon) / epsilon) if epsilon else np.inf
    found = best_gap(epsilon)
    assert epsilon == 0 or abs(found - theory) < 0.05
    rows.append([epsilon, f"{theory:.2f}", found])
grid(["epsilon", "best gap, by formula", "gap after 4000 steps"], rows)

# %% [markdown]
# ### Mixup
#
# > **Paper** Section 5.4, equations (7) and (8)
#
# Lay one image over another, and their labels too: $\lambda x_i + (1 - \lambda) x_j$, with
# $\lambda$ drawn from Beta(0.2, 0.2). Most draws are near 0 or 1, so most images stay recognisable.

# %%
data = digits(8)
rng = np.random.default_rng(0)
draws = rng.beta(0.2, 0.2, size=100_000)
assert 0.5 < np.mean((draws < 0.1) | (draws > 0.9)) < 0.8
fig, axes = plt.subplots(1, 6, figsize=(7.2, 1.6))
a, b = data[0][3, ..., 0], data[0][8, ..., 0]
for ax, weight in zip(axes[:5], (1, 0.8, 0.5, 0.2, 0), strict=True):
    ax.imshow(weight * a + (1 - weight) * b, cmap="gray_r")
    ax.set(title=f"{weight}", xticks=[], yticks=[])
    ax.grid(visible=False)
axes[5].hist(draws, bins=20, density=True)
axes[5].set(title="Beta(0.2, 0.2)", yticks=[])
figure(
    fig,
    "Two digits mixed with weights from 1 to 0, and the distribution of the weight, which is "
    "high at both ends",
)

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Table 6: cosine decay and label smoothing
#
# A small net (3x3 of 16 filters, a `basic_block` to 32 with stride 2, mean, dense) learns
# scikit-learn's 1,437 training digits (8 x 8): SGD with momentum 0.9 at 0.1, batch 64, 10 epochs,
# three seeds. Before the first run we predicted:
#
# 1. With cosine decay the training loss of the last epoch is lower than at a constant rate.
# 2. Smoothing, on top, lowers the mean top probability on test images by at least 0.03.
# 3. And it holds the gap: the right logit minus the mean of the others, averaged over the training
#    images, is within 1 of the formula, 4.5. (Keras shares 0.1 among all ten classes, so the others
#    get 0.09.)


# %%
def train(seed, rate, smoothing=0.0):
    """(net, history): labels as rows of ten numbers, so that they can be smoothed."""
    keras.utils.set_random_seed(seed)
    i = keras.Input((8, 8, 1))
    m = blocks.basic_block(blocks.conv(i, 16, k=3, n=BN), 32, 2, shortcut="D")
    net = keras.Model(i, blocks.dense(blocks.gavgpool(m), 10, a=None))
    hot = data[0], np.eye(10)[data[1]], data[2], np.eye(10)[data[3]]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    sgd = keras.optimizers.SGD(rate, momentum=0.9)
    return net, learn(net, hot, epochs=10, optimizer=sgd, loss=loss)


steps = 10 * -(-len(data[0]) // 64)
decay = keras.optimizers.schedules.CosineDecay(0.1, steps)
WAYS = {"constant": (0.1,), "cosine": (decay,), "cosine, smoothing": (decay, 0.1)}
trained = {name: [train(seed, *way) for seed in range(3)] for name, way in WAYS.items()}


# %%
def seen(net, history):
    """Training loss, test accuracy and mean top probability in %, gap of the logits."""
    z = np.array(net(data[0]))
    right = z[np.arange(len(z)), data[1]]
    gap = float(np.mean(right - (z.sum(1) - right) / 9))
    top = float(np.mean(np.array(keras.ops.softmax(net(data[2]))).max(1)))
    return history["loss"][-1], 100 * history["val_accuracy"][-1], 100 * top, gap


found = {name: np.array([seen(*one) for one in nets]) for name, nets in trained.items()}
head = ["training", "training loss", "test accuracy, %", "mean top probability, %", "gap"]
rows = [[name, *(float(v) for v in every.mean(0))] for name, every in found.items()]
lower, half = claims.interval(found["constant"][:, 0] - found["cosine"][:, 0])
less, about = claims.interval(found["cosine"][:, 2] - found["cosine, smoothing"][:, 2])
off, around = claims.interval(found["cosine, smoothing"][:, 3] - 4.5)
Markdown(
    f"{grid(head, rows)}\n\nMeans of three seeds. Cosine decay's training loss is {-lower:+.3f} ± "
    f"{half:.3f} from that of the constant rate: **{claims.verdict(lower, half)}**. Smoothing "
    f"lowers the mean top probability by {less:.1f} ± {about:.1f} points, of which we expected "
    f"3: **{claims.verdict(less - 3, about)}**. The gap lies {off:+.2f} ± {around:.2f} from the "
    f"formula's 4.5; we expected less than 1: **{claims.verdict(1 - abs(off), around)}**."
)

# %% [markdown]
# The second and the third come out as predicted, with each seed (the first run had seed 0 alone):
# smoothing keeps the gap where the formula puts it, at less than half of what it is without. The
# first is *reversed*: after ten epochs the constant rate has the lower training loss. Both losses
# are tiny, for digits are easy. The paper gains 0.75 points on ImageNet, where a large rate keeps
# the loss from falling.
#
# ## Exercises
#
# 1. The first rate is 0.1 for a batch of 256. What is it for a batch of 1024, by the paper's rule?

# %% tags=["exercise"]
answer = ...  # learning rate
check(answer, "acf2d125")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = 0.1 * 1024 / 256
# assert float(cosine(5)) == answer
# ```
#
# Four times the batch means a quarter of the steps, each four times as long.
# </details>
#
# 2. For ImageNet's 1000 classes and $\varepsilon = 0.1$, what is the best gap? (Two digits.)

# %% tags=["exercise"]
answer = ...  # gap of the logits
check(answer, "717dcb1a")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = float(np.log(999 * 0.9 / 0.1))
# assert abs(answer - 9.1) < 0.01
# ```
#
# $e^{9.1}$: at the best gap the right class is 9,000 times as probable as any other.
# </details>
#
# 3. How many more multiply-adds does the stem of C have than the 7x7, at 224 x 224?

# %% tags=["exercise"]
answer = ...  # multiply-adds more
check(answer, "18bddcb7")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# seven = 112**2 * 7 * 7 * 3 * 64
# threes = 112**2 * 9 * (3 * 32 + 32 * 32 + 32 * 64)
# answer = threes - seven
# assert answer == macs["ResNet-50-C"] - macs["ResNet-50-B"]
# ```
#
# Three times the work of the 7x7: the small kernels run at the same large map, with many channels.
# </details>
#
# ## Copy it
#
# `convbook show bottleneck_block shortcut=D stride_on=3x3` prints the block and everything it
# needs, ready to paste; `architectures.create("resnet50d", weights="imagenet")` builds the network
# with published weights. `convbook train resnet20 --data digits` trains by a recipe; `convbook
# recipes` prints which recipes have cosine decay, smoothing and mixup.
#
# ## Cite
#
# ```bibtex
# @inproceedings{he2019bag,
#   title     = {Bag of Tricks for Image Classification with Convolutional Neural Networks},
#   author    = {He, Tong and Zhang, Zhi and Zhang, Hang and Zhang, Zhongyue and Xie, Junyuan and
#                Li, Mu},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2019}
# }
# ```
