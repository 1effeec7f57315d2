# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Identity mappings
#
# Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: *Identity Mappings in Deep Residual Networks*,
# 2016, [arXiv:1603.05027](https://arxiv.org/abs/1603.05027). Keep the paper open beside this
# notebook.
#
# ## The question
#
# > **Paper** Equations (1) to (5); Figure 1
#
# [ResNet](10_resnet.ipynb)'s unit adds and then applies relu, so its shortcut is not quite free.
# What if nothing at all were in the way, neither on the shortcut ($h$) nor after the addition
# ($f$)? Then
#
# $$x_{l+1} = x_l + \mathcal{F}(x_l), \qquad x_L = x_l + \sum_{i=l}^{L-1} \mathcal{F}(x_i),
# \qquad \frac{\partial E}{\partial x_l} = \frac{\partial E}{\partial x_L}
# \Bigl(1 + \frac{\partial}{\partial x_l} \sum_{i=l}^{L-1} \mathcal{F}(x_i)\Bigr)$$
#
# and the 1 carries the gradient from any unit to any earlier one without passing through weights.
# Can a network of 1001 layers learn this way?
#
# > **Seen** on Fashion-MNIST, three seeds: the training loss of original units ends 0.02 ± 0.03
# > above that of units with norm first (**not significant**).
# >
# > **Seen** on the digits, one seed and so no verdict: the training loss of 34 layers ends at 0.02
# > with the original unit, at 1.0 with constant scaling, and at 0.4 with norm first, for which we
# > had predicted the lowest.

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from convbook import blocks
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import accuracies, as_printed
from convbook.blocks.layers import act, norm

# %% [markdown]
# ## The block
#
# > **Paper** Figure 1b and Figure 4e
#
# Batch norm and relu come before each convolution, and nothing follows the addition. With `r`,
# `preact_block` is the bottleneck shown here; without `r` it has two 3x3 convolutions. A projection
# on the shortcut reads the same input as the first convolution, as in the authors' code.

# %%
code(
    blocks.preact_block,
    {
        "act(norm(x": r"\sigma(\mathrm{BN}(x))",
        "k=1, s=s, a=None, bias=n": r"m_1 = W_1 \,\sigma(\mathrm{BN}(x)),\; W_1: 1\times1",
        "m = conv(m, f // r": r"m_2 = W_2 \,\sigma(\mathrm{BN}(m_1)),\; W_2: 3\times3",
        "m = conv(m, f, k=1": r"\mathcal{F}(x) = W_3 \,\sigma(\mathrm{BN}(m_2)),\; W_3: 1\times1",
        "return": r"x_{l+1} = x_l + \mathcal{F}(x_l)",
    },
    r=4,
)

# %%
i = keras.Input((32, 32, 64))
picture(
    keras.Model(i, blocks.preact_block(i, 64, r=4)),
    "The graph of preact_block with r=4: batch norm, relu, 1x1 to 16 channels, batch norm, "
    "relu, 3x3, batch norm, relu, 1x1 to 64; the unchanged input is added, and nothing follows",
)

# %% [markdown]
# The authors compared several variants. First, orders of activation (Figure 4, Table 2), named as
# in the captions:

# %%
code(
    blocks.activation_order_block,
    {
        "n=n, pre=True)])": r"x + W_2\,\sigma\mathrm{BN}\,W_1\,\sigma\mathrm{BN}\,x",
        "return layers.add([x, conv(m, f, n=n, a=None)])": r"x + \mathrm{BN}\,W_2\,"
        r"\sigma\mathrm{BN}\,W_1\,\sigma x",
        "return act(layers": r"\sigma(x + \mathrm{BN}\,W_2\,\sigma\mathrm{BN}\,W_1 x)",
        "return act(norm": r"\sigma\mathrm{BN}(x + W_2\,\sigma\mathrm{BN}\,W_1 x)",
        "return layers.add([x, conv(m, f, n=n)])": r"x + \sigma\mathrm{BN}\,W_2\,"
        r"\sigma\mathrm{BN}\,W_1 x",
    },
    whole=True,
)

# %% [markdown]
# Then, operations on the shortcut (Figure 2, Table 1):

# %%
code(
    blocks.shortcut_variant_block,
    {
        "m = layers.multiply": r"g \odot \mathcal{F}(x),\; g = \mathrm{sigmoid}(W_g x + b_g)",
        "x = layers.multiply": r"(1 - g) \odot x",
        "layers.Rescaling": r"\tfrac12 x,\; \tfrac12 \mathcal{F}(x)",
        "x = conv(x, f, k=1": r"\mathrm{BN}(W_s x),\; W_s: 1\times1",
        "return act": r"\sigma(h(x) + \mathcal{F}(x))",
    },
    whole=True,
)

# %% [markdown]
# ## The table
#
# > **Paper** Table 4 (164 layers, 1.7M); CIFAR-10
#
# The network has three stages of 18 bottlenecks, then a last batch norm and relu, which ResNet
# keeps inside each unit. The sizes are those given in the text.

# %%
table("preresnet164_cifar", errata=["preresnet164_cifar: where the stride is"])

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 1, 2 and 5
#
# [Reading paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains top-1, top-5
# and crops.
#
# What happens to a 110-layer net if its shortcuts are not clean? The gates start with a bias: the
# more negative it is, the closer the shortcut is to the identity, and the lower the error. The
# exclusive gate closes the branch as it opens the shortcut, so there -7 is worse than -6. A 1x1
# convolution has more weights and could learn the identity, but the error nearly doubles all the
# same.

# %%
as_printed("preresnet110_cifar", "Table 1")

# %% [markdown]
# And with a clean shortcut, where should batch norm and relu go?

# %%
as_printed("preresnet110_cifar", "Table 2")

# %% [markdown]
# On ImageNet the original unit gets worse from 152 to 200 layers; the new one gets better.

# %%
as_printed("preresnet110_cifar", "Table 5")

# %% [markdown]
# The next table repeats the errors of 200 layers, and adds one with a crop of 224 that the ResNeXt
# paper prints. Rows in italics are timm's pre-activation networks, which load here (variant
# `no_stem_bn_stride3x3`). timm reports their errors, with a newer recipe and larger test images. We
# have not trained on ImageNet.

# %%
accuracies("preresnet200", "preresnet50", "preresnet101")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Equations (5) and (8); Figure 2
#
# First we show the 1 of equation (5), exactly. We set $\mathcal{F} = 0$ in a stack of 16 units by
# setting all their 3x3 kernels to zero, so that only the shortcuts remain. Then we send a random
# gradient back from the last unit. With full pre-activation nothing is in its way, and every
# component arrives unchanged. ResNet's relu after the addition keeps only the components where $x$
# is positive. Each factor $\frac12$ halves the gradient again, so that 16 units leave $2^{-16}$:
# equation (8), $\prod \lambda_i$. Dropout doubles half of the components and drops the other half,
# so that after 16 units almost none gets through (its line shows the survivors, doubled again and
# again).

# %%
UNITS, F = 16, 16
data = digits(8)


def net(block, **which):
    """3x3/2 -> 16 units of 16 filters on maps of 4 x 4, all their outputs, and the logits."""
    i = keras.Input((8, 8, 1))
    xs = [blocks.conv(i, F, s=2, n=blocks.BN)]
    for _ in range(UNITS):
        xs.append(block(xs[-1], F, **which))
    x = xs[-1] if "variant" in which else act(norm(xs[-1]), "relu")
    return keras.Model(i, [*xs, keras.layers.Dense(10)(blocks.gavgpool(x))])


def direct(block, **which):
    """The gradient at each unit's input, first unit first, through shortcuts alone."""
    keras.utils.set_random_seed(0)
    model = net(block, **which)
    for w in model.trainable_weights:
        if tuple(w.shape) == (3, 3, F, F):
            w.assign(np.zeros(w.shape))
    images = tf.constant(data[0][:128])
    with tf.GradientTape() as tape:
        tape.watch(images)
        *xs, _ = model(images, training=True)
        given = np.random.default_rng(0).normal(size=xs[-1].shape).astype("float32")
        e = tf.reduce_sum(xs[-1] * given)
    return np.stack([*tape.gradient(e, xs)]), given


ORDERS = "BN after addition", "full pre-activation"
SHORTCUTS = "original", "constant scaling", "conv shortcut", "dropout shortcut"
gradients = {}
for way in ORDERS:
    gradients[way], given = direct(blocks.activation_order_block, order=way)
for way in SHORTCUTS:
    gradients[way], given = direct(blocks.shortcut_variant_block, variant=way)
for g in gradients["full pre-activation"]:
    np.testing.assert_array_equal(g, given)  # the 1 of equation (5)
left, full = gradients["constant scaling"], gradients["original"]
for k in range(UNITS):  # the same units are positive; 2^-(16 - k) is left
    np.testing.assert_array_equal(left[k], full[k] / 2 ** (UNITS - k))
assert np.mean(gradients["dropout shortcut"][0] != 0) < 1e-3

# %%
norms = {k: np.linalg.norm(g.reshape(len(g), -1), axis=1) for k, g in gradients.items()}
fig, ax = plt.subplots()
for way, sizes in norms.items():
    sizes = np.where(sizes > 0, sizes, np.nan) / np.linalg.norm(given)
    ax.semilogy(sizes, "-" if way in SHORTCUTS else "--", label=way, marker=".")
ax.set(xlabel="unit", ylabel="gradient through shortcuts alone")
fig.legend(loc="outside right upper", fontsize=8)
figure(
    fig,
    "Size of the gradient through the shortcuts alone, by unit: 1 everywhere for the full "
    "pre-activation; with constant scaling each unit halves it",
)

# %% [markdown]
# > **Paper** Table 1 and Table 2
#
# Then we train the same networks (34 layers) on scikit-learn's 1,437 training digits of 8 x 8
# pixels: Adam at 0.001, batch size 128, 10 epochs, seed 0. Before the first run we predicted for
# the mean training loss of the last two epochs: with constant scaling it is at least twice that of
# ResNet's own unit; with full pre-activation it is lower than that of ResNet's own unit.

# %%
blocks_of = {way: (blocks.shortcut_variant_block, {"variant": way}) for way in SHORTCUTS[:2]}
blocks_of |= {ORDERS[1]: (blocks.activation_order_block, {"order": ORDERS[1]})}
histories = {}
for way, (block, which) in blocks_of.items():
    keras.utils.set_random_seed(0)
    model = net(block, **which)
    model = keras.Model(model.input, model.outputs[-1])
    histories[way] = learn(model, data, epochs=10, batch=128)

# %%
fig, ax = plt.subplots()
for way, history in histories.items():
    ax.semilogy(np.arange(1, 11), history["loss"], marker=".", label=way)
ax.set(xlabel="epoch", ylabel="training loss")
ax.legend()
figure(
    fig,
    "Training loss by epoch: with constant scaling it stays far above that of ResNet's own "
    "unit; the full pre-activation lies in between",
)

# %%
final = {way: float(np.mean(history["loss"][-2:])) for way, history in histories.items()}
grid(
    ["unit", "training loss, last 2 epochs", "test accuracy, %"],
    [[k, v, 100 * histories[k]["val_accuracy"][-1]] for k, v in final.items()],
)

# %% [markdown]
# In this run the first prediction holds by a wide margin, and the second does not: with ResNet's
# own unit, 34 layers fit the training digits faster (but get a few more of the 360 test digits
# wrong). One seed decides nothing. In the paper, too, the new unit gains more with depth: little at
# 110 layers, much at 1001. The paper gives these errors (in %):

# %%
accuracies("preresnet110_cifar", "preresnet164_cifar", "preresnet1001_cifar")

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# We compare two residual nets of 56 layers with option A shortcuts: one has the original units, the
# other units with norm and relu first. A first convolution of stride 2 and a max pool make maps of
# 7 x 7. Training takes six epochs with Adam.

# %%
claims.shown("preactivation")

# %%
claims.curves("preactivation")

# %% [markdown]
# Unlike on the digits, the new unit now has the lower training loss with each of the three seeds.
# But the difference is small, and it varies so much that the interval includes zero.

# %% [markdown]
# ## Exercises
#
# 1. A ResNet-164 built from ResNet's own unit has 896 more parameters than the paper's. Where are
#    they?

# %% tags=["exercise"]
answer = ...  # parameters of the batch norms (after conv1, after projections, at the end)
check(answer, "2e570433")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from convbook import architectures
#
# facts = architectures.facts("preresnet164_cifar")
# ours, other = facts["computed"], facts["variants"]["original_unit"]["computed"]
# assert ours["weights"] == other["weights"]
# assert other["trainable"] - ours["trainable"] == 896
# after_conv1, projections, last = 16, 64 + 128 + 256, 256
# first_units = (64 - 16) + (128 - 64) + (256 - 128)
# assert 2 * (after_conv1 + projections + first_units - last) == 896
# answer = 2 * after_conv1, 2 * projections, 2 * last
# ```
#
# All of them belong to batch norm. ResNet's unit has one after conv1 and one after each projection.
# The new unit has one at the end, and the first batch norm of each stage reads the narrower input.
# </details>
#
# 2. In which order of Figure 4 can the unit never add a negative value? Why is that bad?

# %% tags=["exercise"]
answer = ...  # the letter of its part of the figure
check(answer, "2e7d2c03")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# images = np.random.default_rng(0).normal(size=(8, 4, 4, 16)).astype("float32")
# least = {}
# for order in ("ReLU before addition", "ReLU-only pre-activation", "full pre-activation"):
#     i = keras.Input((4, 4, 16))
#     unit = keras.Model(i, blocks.activation_order_block(i, 16, order=order))
#     least[order] = float(np.min(unit(images) - images))
# assert least["ReLU before addition"] > -1e-6
# assert max(least["ReLU-only pre-activation"], least["full pre-activation"]) < -0.1
# answer = "c"
# ```
#
# In (c), ReLU before addition: the signal can only grow from unit to unit.
# </details>
#
# 3. Keras' ResNet50V2 has the same number of weights but fewer multiply-adds. Why?

# %% tags=["exercise"]
answer = ...  # multiply-adds of Keras' network
check(answer, "de5477a4")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# v2 = architectures.measure(architectures.create("preresnet50", variant="keras"))
# paper = architectures.facts("preresnet50")["computed"]
# assert v2.weights == paper["weights"]
# assert (v2.macs, paper["macs"]) == (3_482_255_360, 3_857_973_248)
# answer = v2.macs
# ```
#
# It halves the map in the last unit of a stage, not in the first unit of the next; see
# [errata](../docs/errata.md#preresnet50-kerasapplications-resnet50v2).
# </details>
#
# ## Copy it
#
# `convbook show preact_block` prints the block and everything it needs, ready to paste;
# `architectures.create("preresnet50")`, `create("preresnet164_cifar")` build networks from it;
# `convbook recipes preresnet164_cifar` prints how they were trained.
#
# ## Cite
#
# ```bibtex
# @inproceedings{he2016identity,
#   title     = {Identity Mappings in Deep Residual Networks},
#   author    = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
#   booktitle = {European Conference on Computer Vision (ECCV)},
#   year      = {2016}
# }
# ```
