# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # SqueezeNet
#
# Forrest Iandola, Song Han, Matthew Moskewicz, Khalid Ashraf, William Dally, Kurt Keutzer:
# *SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size*, 2016,
# [arXiv:1602.07360](https://arxiv.org/abs/1602.07360). Keep the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Title and abstract; Table 2
#
# A smaller network is quicker to send to a car, and it fits into a chip's own memory. So the paper
# reverses the usual question: how few parameters are enough for [AlexNet](05_alexnet.ipynb)'s
# accuracy? And how few bits do they need, once most weights are zero and the rest share a few
# values?
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of Fire modules ends 10.35 ± 9.72
# > points below that of 3x3s alone (**reversed**).
# >
# > **Seen** on the digits, one seed and so no verdict: a small SqueezeNet with a third of its
# > weights, in 64 values per layer, reads 96 % of the test digits, and 93 % with all of them.

# %%
import math
from itertools import pairwise

import keras
import numpy as np
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans

from convbook import architectures, blocks
from convbook.architectures import squeezenet
from convbook.beside import check, claims, code, digits, figure, grid, learn, picture, table
from convbook.beside.printed import accuracies

alexnet = architectures.measure(architectures.create("alexnet_grouped"))
net = architectures.create("squeezenet_v1_0")
ratio = alexnet.trainable / architectures.measure(net).trainable
assert round(ratio) == 49  # "50x fewer"
print(f"AlexNet has {ratio:.1f} times as many parameters")

# %% [markdown]
# ## The block
#
# > **Paper** Figure 1 (the Fire module); Figure 2 (the bypasses)
#
# Squeeze, then expand: a few 1x1 filters leave few channels ($f/r$, $r = 8$) for the expensive 3x3
# filters, and 1x1 filters make half of the output.

# %%
code(
    blocks.fire_module,
    {
        "m = conv(x, f // r": r"s = \sigma(W_s x),\; W_s: 1\times1,\; f/r \text{ filters}",
        "layers.concatenate": r"y = [\sigma(W_1 s),\, \sigma(W_3 s)],\; f/2 \text{ each}",
    },
)

# %% [markdown]
# A simple bypass adds the input where it has the right number of channels; a complex bypass adds
# its 1x1 convolution $W_b x$. Here is the complex one:

# %%
code(blocks.fire_module, {"return": r"y + W_b x"}, bypass="complex")

# %%
i = keras.Input((55, 55, 128))
picture(
    keras.Model(i, blocks.fire_module(i, 128)),
    "The graph of fire_module: a 1x1 to 16 channels; then, side by side, a 1x1 and a 3x3 to 64 "
    "channels each; concatenated to 128",
)

# %% [markdown]
# Here is what each of the two savings brings, from 128 to 128 channels (fire3):

# %%
steps = {
    "3x3": lambda x: blocks.conv(x, 128),
    "half of the filters 1x1": lambda x: keras.layers.concatenate(
        [blocks.conv(x, 64, k=1), blocks.conv(x, 64, k=3)]
    ),
    "squeezed to 16 channels first": lambda x: blocks.fire_module(x, 128),
}
costs = {k: architectures.measure(keras.Model(i, step(i))).weights for k, step in steps.items()}
assert [*costs.values()] == [147_456, 81_920, 12_288]
grid(["layer", "weights"], costs.items())

# %% [markdown]
# ## The table
#
# > **Paper** Table 1
#
# The paper's third strategy is to downsample late: fire2 to fire4 work on maps of 55 x 55.

# %%
table(
    "squeezenet_v1_0",
    errata=["squeezenet_v1_0: the input is 227, not 224", "squeezenet_v1_0: conv10"],
)

# %% [markdown]
# The right half of Table 1 is the pruned network, which keeps only the largest weights of each
# layer, and all biases. We quote each layer's share from memory. The kept weights must add up to
# the total printed in the paper, and they do, to the last weight.

# %%
fractions = [1]  # conv1
fractions += [1, 1, 0.33] * 4  # fire2 to fire5: squeeze, expand 1x1, expand 3x3
fractions += [1, 0.5, 0.33, 0.5, 1, 0.33]  # fire6, fire7
fractions += [1, 0.5, 0.3, 0.5, 1, 0.3]  # fire8, fire9
fractions += [0.2]  # conv10


def convolutions(model):
    calls = architectures.graph.calls(model)
    return [call.op for call in calls if isinstance(call.op, keras.layers.Conv2D)]


layers = convolutions(net)
kept = [
    math.ceil(part * math.prod(layer.kernel.shape)) + layer.bias.shape[0]
    for layer, part in zip(layers, fractions, strict=True)
]
names = ["conv1", *[f"fire{i}" for i in range(2, 10)], "conv10"]
groups = [0, *[1 + 3 * i for i in range(9)], 26]
before, after = (
    [sum(counts[i:j]) for i, j in pairwise(groups)]
    for counts in ([layer.count_params() for layer in layers], kept)
)
printed = architectures.facts("squeezenet_v1_0")["published"]["params"]
assert [sum(before), sum(after)] == [p["value"] for p in printed] == [1_248_424, 421_098]
grid(
    ["layer", "parameters", "after pruning", "kept"],
    [[n, b, a, a / b] for n, b, a in zip(names, before, after, strict=True)]
    + [["**all**", sum(before), sum(after), sum(after) / sum(before)]],
)

# %% [markdown]
# How many bytes is that? We use a simple code: one bit per weight says whether we keep it; 6 bits
# per kept weight are an index into the layer's list of 64 values; and we store that list. With Deep
# Compression's own coding of the positions the paper reaches 0.47 MB, 510 times less than AlexNet's
# 240 MB.


# %%
def megabytes(sizes, kept, biases, bits=6):
    """One bit per weight, bits per kept weight, 2^bits float32 per layer, float32 biases."""
    lists = len(sizes) * 2**bits * 32
    return (sum(sizes) + bits * sum(kept) + lists + 32 * sum(biases)) / 8 / 2**20


sizes = [math.prod(layer.kernel.shape) for layer in layers]
biases = [layer.bias.shape[0] for layer in layers]
weights_kept = [k - b for k, b in zip(kept, biases, strict=True)]
small = megabytes(sizes, weights_kept, biases)
assert small < 0.5  # the title's claim
print(f"{sum(before) * 4 / 2**20:.2f} MB as float32, {small:.2f} MB pruned and with 6 bits")

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 2 and 3
#
# The goal is AlexNet's accuracy: 57.2 % top-1 and 80.3 % top-5 in the paper's Table 2 (recalled).
# The simple bypass adds no weights and gains the most. Rows in italics are published weights that
# these networks load, with the figures torchvision reports. [Reading
# paths](../docs/reading.md#imagenet-and-how-its-errors-are-counted) explains top-1, top-5 and
# crops. We have not trained on ImageNet.

# %%
accuracies(
    "squeezenet_v1_0",
    "squeezenet_v1_0_simple_bypass",
    "squeezenet_v1_0_complex_bypass",
    "squeezenet_v1_1",
)

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Table 2: a third of the weights, with 6 bits each, is as accurate as all of them with
# > 32
#
# We cannot show AlexNet's accuracy on ImageNet here, but we can see what pruning costs on digits. A
# SqueezeNet of four Fire modules, 64 to 128 wide, learns scikit-learn's 1,437 training digits,
# enlarged to 32 x 32: Adam at 0.003, batch size 128, 40 epochs, seed 0. Then every layer but conv1
# keeps only the largest half of its weights, the rest stay at zero, and the network trains for 15
# more epochs. We repeat this with a third of the weights, and with a tenth. Last, k-means replaces
# the kept weights of each layer by 64 values.
#
# Before the first run we predicted: with a third kept, and with 6 bits, the accuracy on the 360
# test digits is at most 2 points below that of the whole network; keeping the largest tenth of the
# weights *without* further training is at least 20 points worse than with it; the coded network is
# at least 5 times smaller. (We had run two other designs before. One with eight modules had not
# learned enough when we pruned it. One with four, half as wide, lost 1.7 to 3 points with a third
# kept, depending on the machine, and shrank only by a factor of 4.)

# %%
data = digits(32)
keras.utils.set_random_seed(0)
i = keras.Input((32, 32, 1))
x = squeezenet.body(i, (24, 3), (64, 64), (128, 128))
model = keras.Model(i, squeezenet.head(x, 10))
kernels = [layer.kernel for layer in convolutions(model)]
masks = [keras.Variable(np.ones(kernel.shape), trainable=False) for kernel in kernels]
for kernel, mask in zip(kernels, masks, strict=True):
    kernel.constraint = lambda w, mask=mask: w * mask  # after every step
learn(model, data, epochs=40, rate=3e-3, batch=128)
whole = model.get_weights()


def accuracy():
    """Of the test digits, in %."""
    return 100 * float(model.evaluate(*data[2:], batch_size=360, verbose=0)[1])


dense = accuracy()
print(f"{model.count_params():,} parameters, test accuracy {dense:.1f} %")


# %%
def prune(part):
    """Keeps the largest part of each kernel but the first; zeros stay zero."""
    for kernel, mask in zip(kernels[1:], masks[1:], strict=True):
        w = np.abs(kernel.numpy())
        mask.assign(np.float32(w >= np.quantile(w, 1 - part)))
        kernel.assign(kernel * mask)
    return accuracy()


parts, cut, retrained, pruned = (1 / 2, 1 / 3, 1 / 10), [], [], {}
for part in parts:
    prune(part)
    model.fit(*data[:2], 128, 15, verbose=0)
    retrained.append(accuracy())
    pruned[part] = model.get_weights()
for part in parts:
    model.set_weights(whole)
    cut.append(prune(part))

# %%
fig, ax = plt.subplots()
ax.axhline(dense, color="gray", lw=1, label="the whole network")
ax.plot(parts, retrained, "o-", label="pruned in steps, 15 epochs after each")
ax.plot(parts, cut, "s--", label="pruned at once, not trained again")
ax.set(xscale="log", xlabel="weights kept", ylabel="test accuracy, %", ylim=(0, 105))
ax.set_xticks(parts, [f"1/{round(1 / part)}" for part in parts])
ax.minorticks_off()
ax.invert_xaxis()
ax.legend(loc="center right", bbox_to_anchor=(1, 0.5))
figure(
    fig,
    "Test accuracy by the share of weights kept: without further training it falls, in the end "
    "to chance; with training after each cut it stays near the whole network's down to a third "
    "of the weights",
)

# %%
model.set_weights(pruned[1 / 3])
counts = []
for layer in convolutions(model):
    w = layer.kernel.numpy()
    values = w[w != 0].reshape(-1, 1)
    start = np.linspace(values.min(), values.max(), 64).reshape(-1, 1)
    means = KMeans(64, init=start, n_init=1).fit(values) if len(values) > 64 else None
    if means:
        w[w != 0] = means.cluster_centers_[means.labels_, 0]
    layer.kernel.assign(w)
    counts.append((w.size, len(values), layer.bias.shape[0]))
shared, coded = accuracy(), megabytes(*zip(*counts, strict=True))
plain = model.count_params() * 4 / 2**20
third = retrained[parts.index(1 / 3)]
assert plain / coded > 5
print(f"a third of the weights, before they share values: test accuracy {third:.1f} %")
grid(
    ["network", "nonzero weights", "KB", "test accuracy, %"],
    [
        ["whole, float32", sum(c[0] for c in counts), plain * 1024, dense],
        ["a third, 64 values per layer", sum(c[1] for c in counts), coded * 1024, shared],
    ],
)

# %% [markdown]
# In this run all predictions hold. After the additional training, the network with a third of its
# weights is even slightly more accurate than the whole one. With one seed, that may be chance.

# %% [markdown]
# ### On Fashion-MNIST
#
# All notebooks train on Fashion-MNIST [in the same
# way](../docs/reading.md#how-the-fashion-mnist-experiments-train): 5,000 images, three seeds, and
# expectations that we wrote down before the first run.
#
# Fewer weights for the same accuracy is also more accuracy for the same weights. We compare six 3x3
# convolutions with six Fire modules, $r$ = 4, twice as wide: weights and multiply-adds are equal to
# within 1 %. Training takes eight epochs with Adam, without batch norm, as in the paper.

# %%
claims.shown("fire")

# %%
claims.curves("fire", "test")

# %% [markdown]
# This is reversed: at equal cost the Fire modules are 10 points less accurate. Their training loss
# is higher, too, so they learn more slowly: they are twelve layers deep instead of six, with
# neither batch norm nor shortcut, and see only eight epochs. The paper's own claim is weaker, as
# accurate as AlexNet, after training to the end.
#
# ## Exercises
#
# 1. Which layer has most of the parameters, and which has most of the multiply-adds? Why does the
#    paper prune the first to a fifth, and why is there hardly anything to gain at conv1?

# %% tags=["exercise"]
answer = ...  # percent of the (parameters in conv10, multiply-adds in conv1), whole numbers
check(answer, "8025ba0b")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# assert max(zip(before, names)) == (513_000, "conv10")
# assert round(513_000 / sum(before), 2) == 0.41
# assert names[0] == "conv1" and before[0] == 14_208
# macs = architectures.measure(net)
# assert round(173_873_952 / macs.macs, 2) == 0.21
# answer = round(100 * 513_000 / sum(before)), round(100 * 173_873_952 / macs.macs)
# ```
#
# conv10, with one filter of 512 weights for each class, has 41 % of the parameters. conv1 has 1 %
# of the parameters and 21 % of the multiply-adds.
# </details>
#
# 2. What does a complex bypass cost, and is the paper's 7.7 MB (Table 3) right?

# %% tags=["exercise"]
answer = ...  # MB of 2^20 bytes, two digits
check(answer, "712fdebc")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# complex_ = architectures.measure(architectures.create("squeezenet_v1_0_complex_bypass"))
# assert complex_.trainable == 1_589_672
# assert round(complex_.trainable * 4 / 2**20, 1) == 6.1
# answer = complex_.trainable * 4 / 2**20
# ```
#
# It adds four 1x1 convolutions with 341,248 parameters. The network takes 6.1 MB, not 7.7. The
# difference is unresolved; see [errata](../docs/errata.md#squeezenet_v1_0_complex_bypass-77-mb).
# </details>
#
# 3. SqueezeNet 1.1, which exists only in the authors' repository, has a 3x3 as conv1 and pools
#    earlier. What does that save?

# %% tags=["exercise"]
answer = ...  # multiply-adds of 1.1
check(answer, "2b6a0bd1")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# later = architectures.measure(architectures.create("squeezenet_v1_1"))
# first = architectures.measure(net)
# assert (later.trainable, later.macs) == (1_235_496, 387_747_520)
# assert round(first.macs / later.macs, 1) == 2.1
# answer = later.macs
# ```
#
# It saves hardly any parameters, but more than half of the multiply-adds. In return it gives up the
# third strategy, downsampling late.
# </details>
#
# ## Copy it
#
# `convbook show fire_module` prints the block and everything it needs, ready to paste;
# `architectures.create("squeezenet_v1_0")` builds the network; `squeezenet_v1_0_simple_bypass`,
# `squeezenet_v1_0_complex_bypass` and `squeezenet_v1_1` are its variants;
# `convbook recipes squeezenet_v1_0` prints how the authors trained it.
#
# ## Cite
#
# ```bibtex
# @article{iandola2016squeezenet,
#   title   = {{SqueezeNet}: {AlexNet}-level accuracy with 50x fewer parameters and <0.5MB model
#              size},
#   author  = {Iandola, Forrest N. and Han, Song and Moskewicz, Matthew W. and Ashraf, Khalid and
#              Dally, William J. and Keutzer, Kurt},
#   journal = {arXiv preprint arXiv:1602.07360},
#   year    = {2016}
# }
# ```
