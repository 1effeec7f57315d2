# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # NASNet and PNASNet
#
# Barret Zoph, Vijay Vasudevan, Jonathon Shlens, Quoc V. Le: *Learning Transferable Architectures
# for Scalable Image Recognition*, 2017, [arXiv:1707.07012](https://arxiv.org/abs/1707.07012).
# Chenxi Liu, Barret Zoph, Maxim Neumann, Jonathon Shlens, Wei Hua, Li-Jia Li, Li Fei-Fei, Alan
# Yuille, Jonathan Huang, Kevin Murphy: *Progressive Neural Architecture Search*, 2017,
# [arXiv:1712.00559](https://arxiv.org/abs/1712.00559).
#
# ## The question
#
# > **Paper** NASNet: section 1; PNASNet: section 1
#
# Can a search find a network, so that nobody has to design it? On ImageNet each trial would cost
# too much. NASNet searches for a *cell* on CIFAR-10, and for ImageNet stacks more and wider copies
# of it. The search trained thousands of networks. PNASNet asks how to train fewer: start with small
# cells, and learn from their scores which larger cells are worth a trial.
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of NASNet-A ends 4.94 ± 2.82 points
# > above that of random 0 (**as expected**); the test accuracy of NASNet-A ends 3.64 ± 5.07 points
# > above that of random 1 (**not significant**); the test accuracy of NASNet-A ends 5.12 ± 2.30
# > points above that of random 2 (**as expected**).
# >
# > **Seen** on the digits, one seed and a single cell, so no verdict: NASNet-A's reads 79 % of the
# > test digits, three random cells 93 % on average, and cost does not explain it. The scores of
# > small cells predict the order of larger ones with a rank correlation of 0.42.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge, RidgeClassifier

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
from convbook.beside.printed import accuracies, as_printed
from convbook.blocks.layers import BN

# %% [markdown]
# ## The block
#
# > **Paper** NASNet: Figure 4, left (the normal cell of NASNet-A)
#
# Here is the cell in its simplest form. It reads $h'$ (`x1`), the output of the cell before the
# last, and $h$ (`x2`), that of the last cell, and concatenates five sums of two operations each.

# %%
code(
    blocks.normal_cell,
    {
        "sep3_sep5 = ": r"y_1 = \mathrm{sep}_3(h') + \mathrm{sep}_5(h')",
        "mean_mean = ": r"y_2 = \mathrm{mean}_3(h') + \mathrm{mean}_3(h')",
        "x1_mean = ": r"y_3 = h' + \mathrm{mean}_3(h)",
        "sep5_sep3 = ": r"y_4 = \mathrm{sep}_5(h) + \mathrm{sep}_3(h')",
        "x2_sep3 = ": r"y_5 = h + \mathrm{sep}_3(h)",
        "return": r"y = [y_1, y_2, y_3, y_4, y_5]",
    },
)

# %%
h_prev, h = (keras.Input((28, 28, 44), name=name) for name in ("h_prev", "h"))
picture(
    keras.Model([h_prev, h], blocks.normal_cell(h_prev, h, 44)),
    "The graph of normal_cell: two inputs; five sums of separable convolutions, mean pools and "
    "identities; concatenated",
)

# %% [markdown]
# In the networks the cell does more: it first brings both inputs, which the code now calls `h_prev`
# and `h`, to `f` filters, and it applies each separable convolution twice, with relu before and
# batch norm after each:

# %%
code(
    blocks.nasnet_normal_cell,
    {
        "two_sepconvs(h, f, k=5": r"s_0 = \mathrm{sep}_5(h) + \mathrm{sep}_3(h')",
        "add([two_sepconvs(h_prev": r"s_1 = \mathrm{sep}_5(h') + \mathrm{sep}_3(h')",
        "add([avgpool(h, ": r"s_2 = \mathrm{mean}_3(h) + h'",
        "add([avgpool(h_prev": r"s_3 = \mathrm{mean}_3(h') + \mathrm{mean}_3(h')",
        "n=n), h])": r"s_4 = \mathrm{sep}_3(h) + h",
        "return": r"y = [h', s_0, s_1, s_2, s_3, s_4]",
    },
)

# %% [markdown]
# The library stores cells as data, and one function builds any of them. A row is (operation, input,
# operation, input), and computes the sum of the two. (The data call the identity `none`.)

# %%
code(
    blocks.cell,
    {
        "h_prev = factorized_reduction": r"h' \text{ to half its grid, by strides}",
        "state = {": r"h \leftarrow W_{1 \times 1}\, \sigma(h)",
        "state[i] = layers.add": r"s_i = o_1(s_j) + o_2(s_k)",
        "return layers.concatenate": r"y = [s_i : i \in \mathrm{used}]",
    },
    longest=25,
    whole=True,
)

# %%
cells = {
    "NASNet-A, normal": blocks.NASNET_A_NORMAL,
    "NASNet-A, reduction": blocks.NASNET_A_REDUCTION,
    "PNASNet-5": blocks.PNASNET_5,
}


def shown(rows, used):
    of = {"none": "identity"}
    sums = [
        f"{i}: {of.get(a, a)}({x}) + {of.get(b, b)}({y})" for i, (a, x, b, y) in enumerate(rows)
    ]
    return ["<br>".join(sums), ", ".join(map(str, used))]


grid(["cell", "sums", "concatenated"], [[name, *shown(*cell)] for name, cell in cells.items()])

# %% [markdown]
# ## The table
#
# > **Paper** NASNet: Table 3 (mobile); the stacking: Figure 2
#
# There are N = 4 normal cells per stage and F = 44 filters at first; each of the two reductions
# doubles the filters.

# %%
table("nasnet_a_mobile", errata=["nasnet_a_mobile: what a normal cell concatenates"])

# %% [markdown]
# > **Paper** PNASNet: its table of mobile networks, with figures as DARTS quotes them
#
# PNASNet has only one cell; with stride 2 it also halves the map.

# %%
table("pnasnet5_mobile", errata=["pnasnet5_mobile: figures as quoted"])

# %% [markdown]
# How large is the search space? With eight operations on any two of the earlier outputs, five rows
# make this many cells (PNASNet's space, from memory; many differ only in order):

# %%
count = np.prod([(i + 2) ** 2 * 8**2 for i in range(5)], dtype=float)
assert 5.5e14 < count < 5.6e14
Markdown(f"${count / 1e14:.1f} \\times 10^{{14}}$ cells")

# %% [markdown]
# ### The accuracies
#
# > **Paper** NASNet: Tables 1 to 3; PNASNet: its tables of ImageNet and CIFAR-10
#
# Rows in italics are published weights that the networks load, with the figures their libraries
# report. [What top-1 and top-5 mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted).
# We have not trained on ImageNet or CIFAR.

# %%
accuracies("nasnet_a_mobile", "nasnet_a_large", "pnasnet5_mobile", "pnasnet5_large")

# %%
accuracies("nasnet_a_cifar_6at768", "nasnet_a_cifar_7at2304")

# %% [markdown]
# PNASNet's cell is as accurate as NASNet's, after a search through fewer networks.

# %%
as_printed("pnasnet5_large", "CIFAR-10")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** NASNet: the cell found by search, compared with random cells
#
# ### On Fashion-MNIST
#
# All train on 5,000 images, with three seeds:
# [how, and how we compare them](../docs/reading.md#how-the-fashion-mnist-experiments-train).
#
# All networks stack five cells on maps of 7 x 7: normal, reduction, normal, reduction, normal. One
# has NASNet-A's cells. The others have a normal and a reduction cell drawn at random: five rows
# each, from NASNet's operations and the same inputs, with seeds 0, 1 and 2. Widths are chosen so
# that multiply-adds differ by less than 4 %. All train with Adam at 0.001 for 5 epochs of batches
# of 128.

# %%
cost = [seeds[0]["macs"] for seeds in claims.runs("search").values()]
assert max(cost) < 1.04 * min(cost)
claims.shown("search")

# %%
claims.curves("search", "test")

# %% [markdown]
# The searched cells end above each of the random pairs, by 3.6 to 5.1 points. Two of the three
# differences are outside their intervals. In training loss, NASNet-A fits better than random 0 and
# random 2. Random 1 fits better still, yet its mean test accuracy is 3.6 points lower; that
# difference is inside its interval.

# %% [markdown]
# ### One cell on the digits, live
#
# We train a 3x3 convolution of 16 filters, one cell, global average pooling and a dense layer on
# the digits of 8 x 8 pixels. The cell is NASNet-A's normal cell, PNASNet-5's, or one of three
# random cells (five rows, the same operations, seed 0). Training: Adam at 0.001, batch size 128, 6
# epochs, seed 0. Before the first run we predicted: each of the two found cells has at least the
# mean test accuracy of the random ones. That is a weak claim: the paper's own random search comes
# close to its best result, and this is a single cell on digits.

# %%
OPERATIONS = "sep3", "sep5", "sep7", "avg3", "max3", "none"
data = digits(8)


def random_cell(rng, b, operations=OPERATIONS):
    """b random rows, and as used states the sums that no row reads."""
    rows = []
    for i in range(b):
        inputs = ["h", "h_prev", *range(i)]
        o1, o2 = (operations[j] for j in rng.integers(len(operations), size=2))
        x1, x2 = (inputs[j] for j in rng.integers(len(inputs), size=2))
        rows.append((o1, x1, o2, x2))
    read = {x for row in rows for x in (row[1], row[3])}
    return tuple(rows), tuple(i for i in range(b) if i not in read)


rng = np.random.default_rng(0)
tried = {"NASNet-A": blocks.NASNET_A_NORMAL, "PNASNet-5": blocks.PNASNET_5}
tried |= {f"random {i}": random_cell(rng, 5) for i in (1, 2, 3)}
results = {}
for name, (rows, used) in tried.items():
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 1))
    stem = blocks.conv(i, 16, k=3, n=BN, a=None)
    y = blocks.cell(stem, stem, 16, rows=rows, used=used, n=BN)
    model = keras.Model(i, keras.layers.Dense(10)(blocks.gavgpool(blocks.act(y, "relu"))))
    history = learn(model, data, epochs=6, batch=128)
    results[name] = architectures.measure(model).macs, 100 * history["val_accuracy"][-1]

# %%
fig, ax = plt.subplots()
for name, (macs, accuracy) in results.items():
    ax.plot(macs / 1e6, accuracy, "o" if "random" in name else "D", ms=8, label=name)
ax.set(xlabel="million multiply-adds", ylabel="test accuracy, %")
ax.legend()
figure(
    fig,
    "Test accuracy by multiply-adds of five one-cell networks: NASNet-A, PNASNet-5 and three "
    "random cells",
)

# %%
random = float(np.mean([value for name, (_, value) in results.items() if "random" in name]))
grid(
    ["cell", "multiply-adds", "test accuracy, %"],
    [[name, *result] for name, result in results.items()] + [["mean of random", None, random]],
)

# %% [markdown]
# We predicted the opposite: all three random cells read more digits than either found cell. Cost
# does not explain it: random 1 is the cheapest of the five. One seed and 72 steps tell nothing
# about what a cell is worth in a deep stack after hundreds of epochs.

# %% [markdown]
# > **Paper** PNASNet: the predictor of its progressive search
#
# The search fits a model to the scores of small cells and asks it to rank larger ones that nobody
# has run. The paper trains each cell and predicts with networks; here a trial must cost a tenth of
# a second. So we score a cell by a linear classifier on its *untrained* features: we average them
# over 4 x 4 patches, fit a ridge classifier on 400 digits, and measure its accuracy on 400 others.
# The predictor is a ridge regression on how often each (operation, input) pair occurs.
#
# We take forty random cells of one row, then thirty of two rows, with weights of seed 0. Before the
# first run we predicted: the rank correlation between the scores of the larger cells and their
# predictions from the small cells alone is above 0.3, and the third predicted to be best scores
# better than the third predicted to be worst.

# %%
INPUTS = "h", "h_prev", "sum"


def score(cell):
    """Accuracy, in %, of a linear classifier on the untrained features of a cell of 8 filters."""
    keras.utils.set_random_seed(0)
    h_prev = blocks.conv(data[0][:800], 8, k=3)
    rows, used = cell
    y = blocks.cell(h_prev, blocks.conv(h_prev, 8, k=3), 8, rows=rows, used=used, n=None)
    x = np.array(blocks.avgpool(y, k=4, s=4)).reshape(800, -1)
    x = (x - x.mean(0)) / (x.std(0) + 1e-6)
    fitted = RidgeClassifier(10.0).fit(x[:400], data[1][:400])
    return 100 * fitted.score(x[400:], data[1][400:800])


def occurrences(cell):
    """How often each (operation, input) stands in a row, on average."""
    found = np.zeros((len(OPERATIONS), len(INPUTS)))
    for o1, x1, o2, x2 in cell[0]:
        for o, x in ((o1, x1), (o2, x2)):
            found[OPERATIONS.index(o), INPUTS.index(x if isinstance(x, str) else "sum")] += 1
    return found.ravel() / len(cell[0])


rng = np.random.default_rng(0)
small = [random_cell(rng, 1) for _ in range(40)]
large = [random_cell(rng, 2) for _ in range(30)]
of_small, of_large = ([score(cell) for cell in cells] for cells in (small, large))
predictor = Ridge(1.0).fit([occurrences(cell) for cell in small], of_small)
predicted = predictor.predict([occurrences(cell) for cell in large])

# %%
fig, ax = plt.subplots()
ax.plot(predicted, of_large, "o")
ax.set(xlabel="score predicted from cells of one row, %", ylabel="score of cells of two rows, %")
figure(fig, "Scores of thirty cells with two rows by their predicted scores")

# %%
rank = float(spearmanr(predicted, of_large).statistic)
order = np.argsort(predicted)
worst, best = (float(np.mean(np.array(of_large)[part])) for part in (order[:10], order[-10:]))
grid(["rank correlation", "worst third, %", "best third, %"], [[rank, worst, best]])

# %% [markdown]
# Both are as predicted, with one set of weights: the small cells say something about the large
# ones.

# %% [markdown]
# ## Exercises
#
# 1. The names of NASNet-A's networks give N and the filters before the last layer: 4 @ 1056,
#    6 @ 4032. Which F is that?

# %% tags=["exercise"]
answer = ...  # F of (the first, the second)
check(answer, "f6da2cd0")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# wide = len(blocks.NASNET_A_NORMAL[1])  # states that a normal cell concatenates
# assert wide == 6
# assert (wide * 4 * 44, wide * 4 * 168) == (1056, 4032)
# answer = 1056 // (4 * wide), 4032 // (4 * wide)
# ```
#
# Two reductions double F twice, and the cell concatenates six outputs of that width: 24 F in all,
# so F = 44 and 168.
# </details>
#
# 2. The simplest cell above concatenates five states, the networks' cells six. Which number does
#    the printed parameter count support? Count the mobile network with five.

# %% tags=["exercise"]
answer = ...  # parameters with five
check(answer, "99aac378")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from dataclasses import replace
#
# from convbook.architectures.catalog import NETS, build
#
# net = NETS["nasnet_a_mobile"]
# (rows, _), reduction = net.table[0]
# five = ((rows, (0, 1, 2, 3, 4)), reduction)
# other = build("five", replace(net, table=(five, *net.table[1:])), True, None)
# assert architectures.measure(other).trainable == 4_852_618
# answer = architectures.measure(other).trainable
# ```
#
# Six: with five we count 4.9 million, not the printed 5.3. The cell also concatenates the output of
# the cell before the last.
# </details>
#
# 3. The reduction cell halves the maps of both inputs with strides. In the cell after it, `h_prev`
#    is twice as large as `h`. How is `h_prev` brought to the size of `h`?

# %% tags=["exercise"]
answer = ...  # how many of every four pixels are read
check(answer, "d4735e3a")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((16, 16, 8))
# y = keras.Model(i, blocks.factorized_reduction(i, 8))
# x = np.zeros((16, 16, 16, 8), "float32")
# for j in range(16):
#     x[j, j // 4, j % 4] = 1.0
# seen = np.abs(np.array(y(x)) - np.array(y(np.zeros_like(x[:1])))).max((1, 2, 3)) > 0
# even = [(j // 4) % 2 == (j % 4) % 2 == 0 for j in range(16)]
# odd = [(j // 4) % 2 == (j % 4) % 2 == 1 for j in range(16)]
# assert (seen == np.logical_or(even, odd)).all()
# answer = round(4 * float(seen.mean()))
# ```
#
# A factorized reduction brings it to the size of h: two 1x1 convolutions with stride 2, the second
# shifted one pixel down and to the right. It reads two pixels of every four.
# </details>
#
# ## Copy it
#
# `convbook show nasnet_normal_cell` prints the cell and everything it needs, ready to paste;
# `architectures.create("nasnet_a_large", weights="imagenet")` and
# `architectures.create("pnasnet5_large")` build the large networks, the first with published
# weights; `convbook recipes nasnet_mobile` prints how the mobile one was trained.
#
# ## Cite
#
# ```bibtex
# @inproceedings{zoph2018learning,
#   title     = {Learning Transferable Architectures for Scalable Image Recognition},
#   author    = {Zoph, Barret and Vasudevan, Vijay and Shlens, Jonathon and Le, Quoc V.},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2018}
# }
# @inproceedings{liu2018progressive,
#   title     = {Progressive Neural Architecture Search},
#   author    = {Liu, Chenxi and Zoph, Barret and Neumann, Maxim and Shlens, Jonathon and Hua, Wei
#                and Li, Li-Jia and Fei-Fei, Li and Yuille, Alan and Huang, Jonathan and
#                Murphy, Kevin},
#   booktitle = {European Conference on Computer Vision (ECCV)},
#   year      = {2018}
# }
# ```
