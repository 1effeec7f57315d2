# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # ResNet
#
# Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: *Deep Residual Learning for Image Recognition*,
# 2015, [arXiv:1512.03385](https://arxiv.org/abs/1512.03385). Keep the paper open beside this
# notebook.
#
# ## The question
#
# > **Paper** Sections 1 and 3.1; Figure 1
#
# A deeper plain network can do all that a shallower one does: its added layers need only copy their
# input. Yet in practice a deeper plain network had a higher error, even on the *training* images.
# So the cause is not overfitting: a good solution exists, but the optimizer does not find it. Is it
# easier to learn what a few layers should *add* to their input than to learn their whole output?
#
# > **Seen** on Fashion-MNIST, three seeds: the training loss of 56 plain layers ends 1.68 ± 0.67
# > above that of 56 residual layers (**as expected**); the training loss of 56 plain layers ends
# > 1.53 ± 0.66 above that of 20 plain layers (**as expected**).
# >
# > **Seen** on the digits after 40 epochs, three seeds: the training loss of 56 plain layers ends
# > 1.99 ± 0.35 above that of 20 plain layers (**as expected**); the training loss of 56 plain
# > layers ends 2.25 ± 0.08 above that of 56 residual layers (**as expected**).
# >
# > **Seen** on the digits, three seeds: with shortcut B the test accuracy ends 1.67 ± 1.19 points
# > below that with shortcut A, with shortcut C 3.98 ± 0.40 points; we had expected no difference.
# >
# > **Seen** on the digits, one seed: the responses of the layers deviate by 1.00 on average in all
# > four nets. 96 steps hardly move the $\gamma$ of batch norm, which sets them, so that the paper's
# > difference cannot show.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.beside import (
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
from convbook.beside.printed import accuracies, as_printed, cell

# %% [markdown]
# ## The block
#
# > **Paper** Section 3.2, equations (1) and (2); Figure 5
#
# The layers learn the residual $\mathcal{F}(x)$, and a shortcut without weights adds $x$ to it. If
# the size or the number of channels changes, the shortcut is a 1x1 projection $W_s$ (option B). A
# batch norm, `n`, follows each convolution, so the convolution needs no bias. A relu follows each
# batch norm except the last, where it comes after the addition.

# %%
code(
    blocks.basic_block,
    {
        "m = conv(x, f": r"m_1 = \sigma(\mathrm{BN}(W_1 x)),\; W_1: 3\times3",
        "m = conv(m, f": r"\mathcal{F}(x) = \mathrm{BN}(W_2 m_1),\; W_2: 3\times3",
        "x = conv(x": r"W_s x,\; W_s: 1\times1,\; W_s = I \text{ if sizes agree}",
        "return": r"y = \sigma(\mathcal{F}(x) + W_s x)",
    },
)

# %% [markdown]
# ResNet-18 and 34 consist of this block. In deeper networks the block is a *bottleneck*: two 1x1
# convolutions around one 3x3.

# %%
code(
    blocks.bottleneck_block,
    {
        "m = conv(x, f // r": r"m_1 = \sigma(\mathrm{BN}(W_1 x)),\; W_1: 1\times1",
        "m = conv(m, f // r": r"m_2 = \sigma(\mathrm{BN}(W_2 m_1)),\; W_2: 3\times3",
        "m = conv(m, f, k=1": r"\mathcal{F}(x) = \mathrm{BN}(W_3 m_2),\; W_3: 1\times1",
        "x = conv(x": r"W_s x,\; W_s: 1\times1,\; W_s = I \text{ if sizes agree}",
        "return": r"y = \sigma(\mathcal{F}(x) + W_s x)",
    },
)

# %%
i = keras.Input((56, 56, 256))
picture(
    keras.Model(i, blocks.bottleneck_block(i, 256)),
    "The graph of bottleneck_block: 1x1 to 64 channels, 3x3, 1x1 to 256, each with batch norm; the "
    "input is added, then relu",
)

# %% [markdown]
# The 1x1 convolutions pay for themselves: the block costs about as much as two 3x3 convolutions
# with a quarter of its channels (the block of ResNet-34, Figure 5, left).

# %%
small = keras.Input((56, 56, 64))
costs = {
    "basic_block, 64 channels": architectures.measure(
        keras.Model(small, blocks.basic_block(small, 64))
    ),
    "bottleneck_block, 256 channels": architectures.measure(
        keras.Model(i, blocks.bottleneck_block(i, 256))
    ),
}
ratio = costs["bottleneck_block, 256 channels"].macs / costs["basic_block, 64 channels"].macs
assert 0.9 < ratio < 1.1  # "similar time complexity"
grid(["block", "weights", "multiply-adds"], [[k, m.weights, m.macs] for k, m in costs.items()])

# %% [markdown]
# ## The table
#
# > **Paper** Table 1, column *50-layer*
#
# Left: the sizes printed in the paper. Right: our network, counted on the built model.

# %%
table("resnet50", errata=["resnet50: multiply-adds", "Conventions: which one a printed count has"])

# %% [markdown]
# Next, the other depths of Table 1. The paper gives multiply-adds to two digits, truncated or
# rounded.

# %%
printed = {"resnet18": 1.8, "resnet34": 3.6, "resnet50": 3.8, "resnet101": 7.6, "resnet152": 11.3}
nets = {name: architectures.measure(architectures.create(name)) for name in printed}
for name, billions in printed.items():
    assert abs(nets[name].macs / 1e9 - billions) < 0.1, name
grid(
    ["network", "multiply-adds, paper", "counted", "parameters", "weights"],
    [[k, f"{printed[k]} x 10^9", m.macs, m.trainable, m.weights] for k, m in nets.items()],
)

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 2 to 4 and 6
#
# First, plain against residual networks: 34 plain layers do worse than 18, while 34 residual layers
# do better. [Reading paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains
# top-1, top-5 and crops.

# %%
plain, residual = (
    [float(cell("resnet34", "Table 2", kind, f"{n} layers")) for n in (18, 34)]
    for kind in ("plain", "ResNet")
)
assert plain[1] > plain[0]
assert residual[1] < residual[0] - 2.8
as_printed("resnet34", "Table 2")

# %% [markdown]
# Then the three kinds of shortcut: A pads with zeros, B projects where the size changes, and C
# projects everywhere. They differ little, so the paper keeps B.

# %%
as_printed("resnet34", "Table 3")

# %%
as_printed("resnet34", "Table 4")

# %% [markdown]
# The next table has, network by network, the paper's errors, those of one crop that the authors'
# repository adds, and those of fb.resnet.torch, which others trained. Rows in italics are
# torchvision's weights, which load into the same networks, with the stride on the 3x3. The `V2`
# weights come from a newer training recipe, which lowers the error of the same networks by 4.0 to
# 4.7 points. We have not trained on ImageNet.

# %%
accuracies("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")

# %% [markdown]
# On CIFAR-10 the error keeps falling up to 110 layers. With 1202 layers the net still fits the
# training images, but its test error rises: the paper blames overfitting.

# %%
as_printed("resnet34", "Table 6")

# %%
rows = []
for depth in ("20", "32", "44", "56", "110", "1202"):
    of = architectures.facts(f"resnet{depth}_cifar")["computed"]["trainable"]
    here = [cell("resnet34", "Table 6", ("ResNet", depth), key) for key in ("parameters", "error")]
    digits_printed = len(here[0].rstrip("M").partition(".")[2])
    assert f"{of / 1e6:.{digits_printed}f}M" == here[0]
    rows.append([depth, here[0], of, here[1]])
grid(["layers", "parameters, paper", "counted", "error, paper"], rows)

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Section 4.2, Figure 6: plain nets get worse with depth, residual nets do not
#
# We train the paper's CIFAR nets of 20 and 56 layers on scikit-learn's 1,437 training digits of 8 x
# 8 pixels: Adam at 0.001, batch size 128, 8 epochs, seed 0. Before the first run we predicted: the
# *training* loss of the plain 56-layer net is at least twice that of the plain 20-layer net, while
# that of the residual 56-layer net is at most twice that of the residual 20-layer net.

# %%
data = digits(8)
histories, models = {}, {}
for name in ("plain20", "plain56", "resnet20", "resnet56"):
    keras.utils.set_random_seed(0)
    model = architectures.create(f"{name}_cifar", input_shape=(8, 8, 1), classes=10)
    histories[name] = learn(model, data, epochs=8, batch=128)
    models[name] = model

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for name, history in histories.items():
    ax = axes[int(name.startswith("resnet"))]
    ax.semilogy(np.arange(1, 9), history["loss"], label=name, lw=1 + name.endswith("56"))
for ax, title in zip(axes, ("plain", "residual"), strict=True):
    ax.set(title=title, xlabel="epoch")
    ax.legend()
axes[0].set_ylabel("training loss")
figure(
    fig,
    "Training loss by epoch: the plain 56-layer net stays far above the plain 20-layer net; the "
    "residual 56-layer net falls as fast as the residual 20-layer one",
)

# %%
final = {name: float(np.mean(history["loss"][-2:])) for name, history in histories.items()}
grid(
    ["network", "training loss, last 2 epochs", "test accuracy, %"],
    [[k, v, 100 * histories[k]["val_accuracy"][-1]] for k, v in final.items()],
)

# %% [markdown]
# Both predictions hold in this run. Below, three seeds on Fashion-MNIST say the same, and three on
# the digits after more epochs.

# %% [markdown]
# ### The responses of the layers
#
# > **Paper** Section 4.2, Figure 7: residual nets have smaller responses than plain nets, and
# > deeper residual nets smaller ones than shallower
#
# The *response* of a layer is the output of its 3x3 convolution after batch norm, before the relu
# and the addition. The paper plots its standard deviation, layer by layer. Batch norm divides each
# channel by its standard deviation and multiplies it by $\gamma$, which starts at 1. So on a
# training batch the figure shows the size of $\gamma$. Before the first run we predicted for the
# four trained nets: no channel deviates by more than $|\gamma|$; the mean over all layers is
# smaller in the residual nets than in the plain nets of the same depth, and smaller in the residual
# net of 56 layers than in that of 20.

# %%
responses = {}
for name, model in models.items():
    norms = [n for n in model.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert len(norms) == int(name[-2:]) - 1  # one for each 3x3: option A has no others
    maps = keras.Model(model.input, [n.output for n in norms])(data[0], training=True)
    deviations = [np.std(of, (0, 1, 2)) for of in maps]
    for deviation, n in zip(deviations, norms, strict=True):
        assert (deviation <= np.abs(n.gamma) + 1e-3).all()
    responses[name] = [float(deviation.mean()) for deviation in deviations]

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for name, row in responses.items():
    ax = axes[int(name.endswith("56"))]
    ax.plot(range(1, len(row) + 1), row, ".-", label=name)
for ax, title in zip(axes, ("20 layers", "56 layers"), strict=True):
    ax.set(title=title, xlabel="layer")
    ax.legend()
axes[0].set_ylabel("deviation of the response")
figure(
    fig,
    "Standard deviation of the response by layer, of the plain and the residual nets with 20 and "
    "with 56 layers",
)

# %%
grid(
    ["network", "deviation of the responses, mean"],
    [[name, float(np.mean(row))] for name, row in responses.items()],
)

# %% [markdown]
# Our figure cannot show the paper's difference: the mean is 1.00 in all four nets. Only $\gamma$
# could change it, and 96 steps of Adam at 0.001 hardly move it. The paper trains for 64,000 steps,
# and with weight decay, which can also shrink $\gamma$. One part holds at any scale: on a training
# batch, batch norm alone sets the size of a response.
#
# ### Shortcuts A, B and C
#
# > **Paper** Section 4.1, Table 3: B is slightly better than A, C marginally better than B
#
# We train the residual net of 20 layers on the digits as above, with each kind of shortcut and with
# seeds 0, 1 and 2. At this size we expected no difference.

# %%
rows = results.kept("lab_shortcuts")["rows"]
of = {kind: [row for row in rows if row["shortcut"] == kind] for kind in "ABC"}
right = {kind: np.array([100 * row["accuracy"] for row in of[kind]]) for kind in of}
below = {
    kind: "{:.2f} ± {:.2f}".format(*claims.interval(right["A"] - right[kind])) for kind in "BC"
}
grid(
    ["shortcut", "parameters and moving statistics", "test accuracy, mean, %", "points below A"],
    [[k, of[k][0]["weights"], float(right[k].mean()), below.get(k, "")] for k in of],
)

# %% [markdown]
# The more projections, the less accurate the network is, outside the intervals; we had expected no
# difference. The paper saw C slightly ahead, on ImageNet.
# [Identity mappings](13_identity_mappings.ipynb) tells what a convolution on every shortcut does to
# 110 layers.
#
# Is a residual net one deep net? Veit, Wilber and Belongie
# ([arXiv:1605.06431](https://arxiv.org/abs/1605.06431)) see an ensemble of $2^n$ paths through $n$
# blocks: nearly all of the gradient comes through 0.45 % of them, and a net trained on short paths
# alone ends at an error of 5.96 % on CIFAR-10, the whole one at 6.10 %. [The lab](24_lab.ipynb)
# deletes and swaps blocks, as they did, and measures the swaps by Kendall's tau.

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# #### Plain and residual at 20 and 56 layers
#
# We use the nets of Section 4.2 with the paper's option A shortcuts. A first convolution of stride
# 2 and a max pool make maps of 7 x 7. Training takes six epochs with Adam.

# %%
claims.shown("residual")

# %%
claims.curves("residual")

# %% [markdown]
# The paper's Figures 1, 4 and 6 plot the errors. Here are ours:

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for net, seeds in claims.runs("residual").items():
    for ax, of in zip(axes, ("accuracy", "test"), strict=True):
        error = 100 * (1 - np.array([seed[of] for seed in seeds]))
        ax.plot(range(1, 7), error.mean(0), label=net)
        ax.fill_between(range(1, 7), error.min(0), error.max(0), alpha=0.2)
for ax, title in zip(axes, ("training", "test"), strict=True):
    ax.set(title=title, xlabel="epoch", ylim=(0, 100))
axes[0].set_ylabel("error, %")
axes[1].legend()
figure(
    fig,
    "Training and test error by epoch, mean and range of three seeds: the plain net of 56 layers "
    "stays above 70 %, the others fall to between 20 and 26 % on the test images",
)

# %% [markdown]
# ### On the digits, for longer
#
# Eight epochs, as in the first test above, could be too few for the plain net: it might only be
# slower. So we train the four nets on the digits for 40 epochs, with seeds 0, 1 and 2. They begin
# as on Fashion-MNIST, so their first stage works on maps of 2 x 2 and the rest on a single pixel.

# %%
claims.shown("digits")

# %%
claims.curves("digits")

# %% [markdown]
# It is not only slower: after 40 epochs the plain net of 56 layers still gets more than four of
# five training images wrong, while the residual one gets all of them right. On test images its
# depth does not help: the residual net of 20 layers is better with each of the three seeds. On
# average, all four are less accurate than in the first test, where the maps are 8 x 8.

# %% [markdown]
# ## Exercises
#
# 1. What do ResNet-50's projections cost? Count the network with shortcuts of option A (padded with
#    zeros) and of option C (a projection everywhere).

# %% tags=["exercise"]
answer = ...  # parameters with option (A, C)
check(answer, "8a251a16")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# counts = {"B": nets["resnet50"].trainable}
# for option in "AC":
#     net = architectures.create("resnet50", variant=f"option_{option}")
#     counts[option] = architectures.measure(net).trainable
# assert counts == {"A": 22_780_456, "B": 25_557_032, "C": 40_128_552}
# answer = counts["A"], counts["C"]
# ```
#
# B adds 2.8 million weights to A, and C adds another 14.6 million. The paper found C only
# marginally better than B (Table 3).
# </details>
#
# 2. torchvision's ResNet-50 has its stride in the 3x3 convolution. Does that take more weights? How
#    many multiply-adds does it cost?

# %% tags=["exercise"]
answer = ...  # multiply-adds
check(answer, "3f641914")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# torch_like = architectures.measure(architectures.create("resnet50", variant="stride_on_3x3"))
# assert torch_like.trainable == nets["resnet50"].trainable
# assert torch_like.macs == 4_089_184_256
# answer = torch_like.macs
# ```
#
# The number of weights is the same. The multiply-adds rise by 6 %, because the 1x1 before the 3x3
# now works on the larger map.
# </details>
#
# ## Copy it
#
# `convbook show bottleneck_block` prints the block and everything it needs, ready to paste;
# `architectures.create("resnet50", weights="imagenet")` builds the network with published weights;
# `convbook train resnet20 --data digits` trains one. [The lab](24_lab.ipynb) compares the shortcuts
# A, B and C, deletes blocks of a trained net and swaps them; [identity
# mappings](13_identity_mappings.ipynb) takes the relu out of the shortcut's way.
#
# Later relatives: ResNet-D ([arXiv:1812.01187](https://arxiv.org/abs/1812.01187)) has three 3x3
# convolutions in the stem and a mean pool before each projection,
# `architectures.create("resnet50d")`; Wide ResNet
# ([arXiv:1605.07146](https://arxiv.org/abs/1605.07146)) has bottlenecks twice as wide,
# `architectures.create("wide_resnet50_2")`.
#
# ## Cite
#
# ```bibtex
# @inproceedings{he2016deep,
#   title     = {Deep Residual Learning for Image Recognition},
#   author    = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2016}
# }
# ```
