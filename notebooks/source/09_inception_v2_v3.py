# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # BN-Inception and Inception v3
#
# Sergey Ioffe, Christian Szegedy: *Batch Normalization: Accelerating Deep Network Training by
# Reducing Internal Covariate Shift*, 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# (the BN paper). Christian Szegedy, Vincent Vanhoucke, Sergey Ioffe, Jonathon Shlens, Zbigniew
# Wojna: *Rethinking the Inception Architecture for Computer Vision*, 2015,
# [arXiv:1512.00567](https://arxiv.org/abs/1512.00567) (the v3 paper).
#
# ## The question
#
# > **Paper** BN: sections 1 and 2; v3: sections 1 and 2
#
# **BN** Each layer learns from inputs whose mean and scale shift while the layers before it learn.
# That calls for small steps, careful initialization and activations that do not saturate. What if
# the network itself normalized every layer's inputs to mean 0 and variance 1 over the mini-batch?
#
# **v3** [GoogLeNet](08_googlenet.ipynb) is cheap, but doubling its widths quadruples its cost.
# Which changes to its modules improve accuracy for few extra multiply-adds?
#
# The v3 paper begins with four principles of network design (section 2). The authors say that they
# come from experience and still need more evidence:
#
# 1. *Avoid bottlenecks in the representation, above all in early layers.* Rows x columns x channels
#    should shrink slowly from input to output.
# 2. *More channels are easier to process locally.* Features get disentangled, and the network
#    trains faster.
# 3. *Reduce channels before you look at neighbours.* Neighbouring positions are so alike that
#    little is lost. Hence the 1x1 before each large kernel.
# 4. *Balance width and depth.* Spend a larger budget on both.
#
# > **Seen** on Fashion-MNIST, three seeds: the net with batch norm reaches the final test accuracy
# > of the net without it 1.50 ± 2.48 epochs before the middle of its run (**not significant**).
# >
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of smoothed labels ends 0.46 ± 2.34
# > points above that of hard labels (**not significant**).
# >
# > **Seen** on the digits, one seed and so no verdict: with batch norm 13 layers read 91 % of the
# > test digits after training at a rate of 0.01, and 96 % at 30 times that rate. Without it they
# > stay at chance at both rates, so this run compares nothing: the nets on Fashion-MNIST both
# > learn.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import accuracies, as_printed, cell
from convbook.blocks.layers import BN

# %% [markdown]
# ## The block
#
# > **Paper** BN: Algorithm 1
#
# Batch norm takes each channel's statistics over images, rows and columns. We compute them by hand
# on the pixels of real digits and compare the result with Keras' layer.


# %%
def batch_norm(x, gamma, beta, eps):
    mean = x.mean((0, 1, 2))
    variance = ((x - mean) ** 2).mean((0, 1, 2))
    normed = (x - mean) / np.sqrt(variance + eps)
    return gamma * normed + beta


code(
    batch_norm,
    {
        "mean = x": r"\mu_B = \frac{1}{m}\sum_i x_i",
        "variance =": r"\sigma_B^2 = \frac{1}{m}\sum_i (x_i - \mu_B)^2",
        "normed =": r"\hat{x}_i = (x_i - \mu_B) / \sqrt{\sigma_B^2 + \epsilon}",
        "return": r"y_i = \gamma \hat{x}_i + \beta",
    },
)

# %%
data = digits(8)
keras_layer = keras.layers.BatchNormalization(epsilon=1e-5)
theirs = np.array(keras_layer(data[0], training=True))
ours = batch_norm(data[0], 1.0, 0.0, 1e-5)
assert np.abs(ours - theirs).max() < 1e-4
grid(
    ["", "mean", "standard deviation"],
    [[name, float(x.mean()), float(x.std())] for name, x in (("in", data[0]), ("out", ours))],
)

# %% [markdown]
# > **Paper** BN: appendix, Figure 5
#
# The module is GoogLeNet's, with two 3x3 convolutions instead of the 5x5 and, in most modules, a
# mean pool. A batch norm (`n`) follows every convolution, before its relu, so the convolution needs
# no bias. `f` is a row of the paper's table.

# %%
code(
    blocks.bn_inception_module,
    {
        "f1, k=1": r"b_1 = \sigma(\mathrm{BN}(W_{1 \times 1} x))",
        "f3, k=3": r"b_2 = W_{3 \times 3} \ast (W_{1 \times 1} x)",
        "fd, k=3, s=s": r"b_3 = W_{3 \times 3} \ast W_{3 \times 3} \ast (W_{1 \times 1} x)",
        "fp, k=1": r"b_4 = W_{1 \times 1}\, \mathrm{pool}(x)",
        "layers.concatenate": r"y = [b_1, b_2, b_3, b_4]",
    },
)

# %%
i = keras.Input((28, 28, 192))
row_3a = (64, 64, 64, 64, 96, 32)
picture(
    keras.Model(i, blocks.bn_inception_module(i, row_3a)),
    "The graph of module 3a: a 1x1 path; a 1x1 and 3x3 path; a path of 1x1 and two 3x3; a mean "
    "pool and 1x1; each convolution has batch norm and relu; concatenated to 256 channels",
)

# %% [markdown]
# > **Paper** v3: Figure 6 (with n = 7) and section 3
#
# The v3 paper goes further: it replaces a 7x7 convolution by a 1x7 and a 7x1, at two sevenths of
# the cost.

# %%
code(
    blocks.inception_v3_b,
    {
        "192, k=(7, 1)": r"W_{7 \times 1} \ast (W_{1 \times 7} \ast \cdot)\ "
        r"\text{for}\ W_{7 \times 7}",
        "192, k=(1, 7)": r"\text{the same twice: sees } 13 \times 13",
    },
)

# %%
i = keras.Input((17, 17, 768))
picture(
    keras.Model(i, blocks.inception_v3_b(i, 128)),
    "The graph of inception_v3_b: 1x1; 1x1, 1x7, 7x1; 1x1, 7x1, 1x7, 7x1, 1x7; mean pool and "
    "1x1; concatenated to 768 channels",
)


# %% [markdown]
# Here is what each replacement saves, at equal receptive field and width, counted on built models:


# %%
def chain(*kernels, f=64):
    """A stack of convolutions of f channels, without bias."""
    x = i = keras.Input((17, 17, f))
    for k in kernels:
        x = blocks.conv(x, f, k=k, bias=False)
    return architectures.measure(keras.Model(i, x))


swaps = [
    ("5x5", [5], "3x3, 3x3", [3, 3], 18 / 25),
    ("3x3", [3], "3x1, 1x3", [(3, 1), (1, 3)], 2 / 3),
    ("3x3", [3], "2x2, 2x2", [2, 2], 8 / 9),
    ("7x7", [7], "1x7, 7x1", [(1, 7), (7, 1)], 2 / 7),
]
rows = []
for old, kernels, new, others, ratio in swaps:
    a, b = chain(*kernels), chain(*others)
    assert a.receptive_field == b.receptive_field
    assert abs(b.macs / a.macs - ratio) < 1e-12
    rows.append([old, new, a.receptive_field, a.macs, b.macs, f"{1 - ratio:.0%} less"])
grid(["one", "two", "receptive field", "multiply-adds", "then", "saved"], rows)

# %% [markdown]
# ## The table
#
# > **Paper** BN: Figure 5
#
# First, BN-Inception. The widths in rows 4c and 4d add up to 608 each, but the paper prints 576 as
# their output.

# %%
modules = [f"stage{i}_block{j}" for i, n in ((1, 3), (2, 5), (3, 2)) for j in range(1, n + 1)]
table(
    "bn_inception",
    errata=[
        "bn_inception: 608 or 576 wide",
        "bn_inception: 13.6 million parameters",
        "bn_inception: the first convolution",
        "bn_inception: sizes of 3c and 4e",
    ],
    ends=["stem_pool1_relu1", "stem_relu2", *modules, "logits"],
)

# %% [markdown]
# > **Paper** v3: Table 1
#
# Next, Inception v3 as released. The paper's Table 1 has a different stem and different numbers of
# modules.

# %%
table(
    "inception_v3",
    errata=[
        "inception_v3: Table 1's stem",
        "inception_v3: number of modules",
        "inception_v3: 23,626,728",
        "inception_v3: multiply-adds",
    ],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** BN: Figures 3 and 4; v3: Tables 3 to 5
#
# Here are the errors of both networks under each test protocol; [Reading
# paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains top-1, top-5 and
# crops. Rows in italics are published weights that `inception_v3` loads, with the figures their
# library reports. We have not trained on ImageNet.

# %%
accuracies("bn_inception", "inception_v3")

# %% [markdown]
# How many steps does batch norm save? The paper counts those that each network needs to reach 72.2
# %, where Inception without batch norm ends. Batch norm alone more than halves them. At five times
# the learning rate, without dropout and response normalization, a fourteenth is enough; at thirty
# times the network needs a few more, and ends highest. Batch norm even trains a network of
# sigmoids, which stays at chance without it.

# %%
steps = {
    name: cell("bn_inception", "Figure 3", name, "steps to 72.2") for name in ("Inception", "BN-x5")
}
assert float(steps["Inception"]) > 14 * float(steps["BN-x5"])
as_printed("bn_inception", "Figure 3")

# %% [markdown]
# And here is what each change brought, from GoogLeNet to Inception v3; every row keeps the changes
# above it.

# %%
as_printed("inception_v3", "Table 3")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** BN: section 4.2, with training at 5 and 30 times the learning rate
#
# We train a convolution and six BN-Inception modules of (8, 8, 16, 8, 16, 8), 13 layers deep, on
# the digits of 8 x 8 pixels: SGD with momentum 0.9, batch size 128, 8 epochs, seed 0. We train it
# with batch norm and without (with biases instead), at a learning rate of 0.01 and at 30 times that
# rate. Before the first run we predicted: at 0.01 the network with batch norm has the lower
# training loss in every epoch but the first; at 0.3 it reaches a test accuracy of at least 0.9, and
# the one without reaches at most 0.2 (chance is 0.1).


# %%
def modules_net(n, depth=6, f=(8, 8, 16, 8, 16, 8)):
    x = i = keras.Input((8, 8, 1))
    x = blocks.conv(x, 16, k=3, n=n)
    for _ in range(depth):
        x = blocks.bn_inception_module(x, f, n=n)
    return keras.Model(i, keras.layers.Dense(10)(blocks.gavgpool(x)))


rates, histories, nets = (0.01, 0.3), {}, {}
for n in (None, BN):
    for rate in rates:
        keras.utils.set_random_seed(0)
        sgd = keras.optimizers.SGD(rate, momentum=0.9)
        key = "batch norm" if n else "without", rate
        nets[key] = modules_net(n)
        histories[key] = learn(nets[key], data, epochs=8, batch=128, optimizer=sgd)

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for (name, rate), history in histories.items():
    ax = axes[rates.index(rate)]
    style = "s--" if name == "without" else "o-"
    ax.plot(np.arange(1, 9), np.multiply(history["val_accuracy"], 100), style, label=name)
for ax, rate in zip(axes, rates, strict=True):
    ax.set(title=f"rate {rate}", xlabel="epoch", ylim=(0, 102))
axes[0].set_ylabel("test accuracy, %")
axes[0].legend(loc="center right")
figure(
    fig,
    "Test accuracy by epoch: without batch norm it stays at chance at both rates; with batch "
    "norm it rises steadily at rate 0.01 and jumps up and down at 0.3",
)

# %% [markdown]
# The net without batch norm stays at chance at both rates, in every epoch. The predictions about it
# hold, but they say little, for a net that does not learn is worse than any; so the table leaves it
# out. With batch norm, the net learns at both rates. At 0.3 its training loss is by far the lowest,
# but its test accuracy jumps up and down, so that chance decides where it ends. Inference
# normalizes with moving averages over about the last ten steps, and at this learning rate they lag
# behind the weights. We tested this explanation with a further prediction, written before its run:
# normalized with the statistics of the test images themselves, the same weights reach 0.9.

# %%
answers = np.array(nets["batch norm", 0.3](data[2], training=True)).argmax(1)
own = 100 * float((answers == data[3]).mean())
learned = {rate: histories["batch norm", rate] for rate in rates}
rows = [
    ["moving averages", r, h["loss"][-1], 100 * h["val_accuracy"][-1]] for r, h in learned.items()
]
rows.append(["the test images", 0.3, None, own])
grid(["batch norm, statistics of", "rate", "training loss, last epoch", "test accuracy, %"], rows)

# %% [markdown]
# > **Paper** v3: section 7, label smoothing
#
# The target is no longer 1 for the class and 0 for the others, but
# $q'(k) = (1 - \epsilon)\, \delta_{k,y} + \epsilon / K$. A network can reach that target with
# finite logits: at the optimum the right class has probability $1 - \epsilon + \epsilon/K$, here
# 0.91, and its logit is $\ln(0.91 / 0.01) = 4.51$ above each of the others.
#
# We train a network of two of the modules above, with batch norm: Adam at 0.001, batch size 128, 25
# epochs, seed 0, with $\epsilon = 0$ and 0.1. Before the first run we predicted for the training
# images: with smoothing, the mean probability of the right class is within 0.05 of 0.91, and the
# mean gap between the right logit and the mean of the others is within 1 of 4.51; without smoothing
# both are higher, and the probability is above 0.95. On ImageNet the paper gains about 0.2 % of
# accuracy. One of our 360 test images is 0.28 %, so such a gain cannot show here.

# %%
onehot = [keras.utils.to_categorical(y, 10) for y in data[1::2]]
loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, reduction="none")
smoothed = 0.9 * onehot[0][:4] + 0.1 / 10
logits = np.random.default_rng(0).normal(size=(4, 10)).astype("float32")
by_hand = -(smoothed * keras.ops.log_softmax(logits)).numpy().sum(1)
assert np.allclose(by_hand, loss(onehot[0][:4], logits), atol=1e-5)

models, accuracy = {}, {}
for epsilon in (0.0, 0.1):
    keras.utils.set_random_seed(0)
    models[epsilon] = modules_net(BN, depth=2)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=epsilon)
    hot = data[0], onehot[0], data[2], onehot[1]
    history = learn(models[epsilon], hot, epochs=25, batch=128, loss=loss)
    accuracy[epsilon] = history["val_accuracy"][-1]

# %%
probability, gap = {}, {}
for epsilon, model in models.items():
    z = model.predict(data[0], batch_size=512, verbose=0)
    right = z[np.arange(len(z)), data[1]]
    gap[epsilon] = right - (z.sum(1) - right) / 9
    probability[epsilon] = (keras.ops.softmax(z).numpy() * onehot[0]).sum(1)

fig, axes = plt.subplots(1, 2)
for epsilon in models:
    axes[0].hist(gap[epsilon], 40, alpha=0.6, label=rf"$\epsilon$ = {epsilon}")
    counts, edges = np.histogram(probability[epsilon], np.linspace(0, 1, 41))
    axes[1].plot((edges[1:] + edges[:-1]) / 2, np.where(counts, counts, np.nan), ".-")
axes[0].axvline(np.log(91), color="k", ls=":", label="ln 91")
axes[0].set(xlabel="right logit minus mean of others", ylabel="training images", xlim=(-3, 9))
axes[1].set(xlabel="probability of the right class, in 40 bins", yscale="log")
axes[0].legend()
figure(
    fig,
    "How many training images have which value: with label smoothing, the gap of the logits is "
    "around 4.5 and its spread is narrower; without, the gap is around 6; only without smoothing "
    "do probabilities near 1 occur",
)

# %% [markdown]
# Result: with smoothing the gap lies where the loss puts it, with a narrow spread; without
# smoothing it is larger. The probabilities are 0.06 and 0.03 lower than predicted, because after 25
# epochs the network does not yet fit some images. Again, this is one seed.

# %%
grid(
    ["epsilon", "gap", "spread of the gap", "probability", "test accuracy, %"],
    [
        [e, *map(float, (gap[e].mean(), gap[e].std(), probability[e].mean())), 100 * accuracy[e]]
        for e in models
    ],
)

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# #### Batch norm
#
# We train six 3x3 convolutions with and without batch norm, with momentum 0.9. Each net gets the
# best of three learning rates, so that the baseline without batch norm learns, too.

# %%
claims.shown("batch_norm")

# %%
claims.curves("batch_norm", "test")

# %% [markdown]
# With every seed, batch norm gets there within half of the epochs, but the three seeds scatter so
# much that the interval includes zero.
#
# #### Label smoothing
#
# We train the CIFAR ResNet of 20 layers for twelve epochs with Adam, once with smoothed labels and
# once with hard ones.

# %%
claims.shown("smoothing")

# %%
claims.curves("smoothing", "test")

# %% [markdown]
# The mean test accuracy is half a point higher with smoothed labels, less than the spread of the
# seeds with hard ones. The training losses cannot be compared, for smoothed labels have an entropy
# of their own, which no network gets below.

# %% [markdown]
# ## Exercises
#
# 1. After training, batch norm is an affine map of each channel, so you can fold it into the
#    convolution before it. Does the network still give the same answers?

# %% tags=["exercise"]
answer = ...  # batch norms (before, after)
check(answer, "526b9bf9")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# whole, folded = models[0.0], architectures.fold(models[0.0])
# count = lambda m: sum(isinstance(x, keras.layers.BatchNormalization) for x in m.layers)
# assert count(whole) == 15 and count(folded) == 0
# a, b = whole.predict(data[2], verbose=0), folded.predict(data[2], verbose=0)
# assert np.abs(a - b).max() < 1e-3
# answer = count(whole), count(folded)
# ```
# </details>
#
# 2. Section 5 of the v3 paper: to get from 35x35x320 to 17x17x640 you can pool and then convolve
#    (cheap, but the pooled map is a bottleneck), or convolve and then pool (expensive). The paper's
#    third way computes half of the channels with a strided convolution and half with a pool. What
#    does it cost?

# %% tags=["exercise"]
answer = ...  # (convolving first, both at a time) over pooling first, two digits
check(answer, "340c2baf")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def cost(f):
#     i = keras.Input((35, 35, 320))
#     return architectures.measure(keras.Model(i, f(i))).macs
#
#
# down = dict(k=3, s=2, p="valid")
# pool_first = cost(lambda x: blocks.conv(blocks.maxpool(x, **down), 640, bias=False))
# conv_first = cost(lambda x: blocks.maxpool(blocks.conv(x, 640, bias=False), **down))
# both = cost(lambda x: blocks.grid_reduction(x, 320, p="valid"))
# assert conv_first / pool_first == 35**2 / 17**2 > 4
# assert both == pool_first / 2
# answer = conv_first / pool_first, both / pool_first
# ```
#
# With 3x3 convolutions throughout, convolving first costs over four times as much as pooling first.
# `blocks.grid_reduction` convolves with a stride and pools in parallel. It costs half as much as
# pooling first, and it has no bottleneck.
# </details>
#
# 3. How many parameters does Inception v3's auxiliary head have, and what does it cost after
#    training?

# %% tags=["exercise"]
answer = ...  # parameters
check(answer, "581344db")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# plain = architectures.measure(architectures.create("inception_v3"))
# headed = architectures.measure(architectures.create("inception_v3", variant="with_aux"))
# assert headed.trainable - plain.trainable == 3_326_696
# answer = headed.trainable - plain.trainable
# ```
#
# It adds 3.3 million parameters. It costs nothing after training: inference omits it.
# </details>
#
# ## Copy it
#
# `convbook show bn_inception_module` and `convbook show inception_v3_b` print the blocks and
# everything they need, ready to paste; `architectures.create("bn_inception")` and
# `architectures.create("inception_v3", weights="imagenet")` build the networks, the second with
# published weights; `convbook recipes inception_v3` prints how it was trained, and
# `convbook train inception_v3 --data FOLDER` trains it that way.
#
# ## Cite
#
# ```bibtex
# @inproceedings{ioffe2015batch,
#   title     = {Batch Normalization: Accelerating Deep Network Training by Reducing Internal
#                Covariate Shift},
#   author    = {Ioffe, Sergey and Szegedy, Christian},
#   booktitle = {International Conference on Machine Learning (ICML)},
#   year      = {2015}
# }
# @inproceedings{szegedy2016rethinking,
#   title     = {Rethinking the Inception Architecture for Computer Vision},
#   author    = {Szegedy, Christian and Vanhoucke, Vincent and Ioffe, Sergey and Shlens, Jonathon
#                and Wojna, Zbigniew},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2016}
# }
# ```
