# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # AmoebaNet
#
# Esteban Real, Alok Aggarwal, Yanping Huang, Quoc V. Le: *Regularized Evolution for Image
# Classifier Architecture Search*, 2018, [arXiv:1802.01548](https://arxiv.org/abs/1802.01548). Keep
# the paper open beside this notebook.
#
# ## The question
#
# > **Paper** Abstract and section 1
#
# Reinforcement learning found [NASNet's cell](20_nasnet_pnasnet.ipynb). Evolution is far simpler:
# keep a population, copy a good member with one change, and drop a member. Does evolution do as
# well in the same space of cells, at the same cost? The paper changes one thing in tournament
# selection: the oldest member dies, not the worst.
#
# > **Seen** on Fashion-MNIST, three seeds: the test accuracy of AmoebaNet-A ends 2.02 ± 0.85 points
# > below that of NASNet-A (**reversed**).
# >
# > **Seen** on untrained features of the digits, two seeds, so no verdict: the last ten cells of
# > aging evolution score 90.3 % and 92.4 %, random cells 86.6 %; scored again, the last population
# > loses more if the worst die than if the oldest do.

# %%
from collections import deque

import keras
import numpy as np
from matplotlib import pyplot as plt
from sklearn.linear_model import RidgeClassifier

from convbook import architectures, blocks
from convbook.beside import check, claims, code, digits, figure, grid, picture, table
from convbook.beside.printed import accuracies

# %% [markdown]
# ## The block
#
# > **Paper** Figure 5: the cells of AmoebaNet-A
#
# We store the cells as data: sums of two operations each, where the identity is called `none`, and
# the list of outputs to concatenate. The rows follow the authors' code; only these rows give the
# printed sizes. Here is the first cell as code: $h$ is the output of the previous cell, $h'$
# (`h_prev`) that of the cell before it.

# %%
cells = {"normal": blocks.AMOEBANET_A_NORMAL, "reduction": blocks.AMOEBANET_A_REDUCTION}


def shown(rows, used):
    of = {"none": "identity"}
    sums = [
        f"{i}: {of.get(a, a)}({x}) + {of.get(b, b)}({y})" for i, (a, x, b, y) in enumerate(rows)
    ]
    return ["<br>".join(sums), ", ".join(map(str, used))]


grid(["cell", "sums", "concatenated"], [[name, *shown(*cell)] for name, cell in cells.items()])

# %%
code(
    blocks.amoebanet_normal_cell,
    {
        "add([avgpool(h, ": r"s_0 = \mathrm{mean}_3(h) + \mathrm{max}_3(h)",
        "add([two_sepconvs(h_prev": r"s_1 = \mathrm{sep}_3(h') + h'",
        "add([h, ": r"s_2 = h + \mathrm{mean}_3(h')",
        "add([two_sepconvs(h, ": r"s_3 = \mathrm{sep}_3(h) + \mathrm{sep}_5(s_0)",
        "add([avgpool(state3": r"s_4 = \mathrm{mean}_3(s_3) + \mathrm{sep}_3(h)",
        "return": r"y = [h', s_1, s_2, s_4]",
    },
)

# %%
h_prev, h = (keras.Input((28, 28, 50), name=name) for name in ("h_prev", "h"))
picture(
    keras.Model([h_prev, h], blocks.amoebanet_normal_cell(h_prev, h, 50, n=None)),
    "The graph of amoebanet_normal_cell, drawn without batch norm: two inputs; five sums of "
    "double separable convolutions, pools and identities; the previous input and three of the "
    "sums are concatenated",
)

# %% [markdown]
# > **Paper** Section 3: regularized evolution
#
# Now the search itself. A child is a copy of its parent with one operation or one input changed.
# `aging=False` gives the usual kind of evolution, which drops the worst member.
#
# Our search differs from the paper's in four points. The paper draws its sample *with* replacement,
# 25 of 100 cells; ours takes 4 different cells of 12. The paper draws a new operation from the
# whole list, so it may be the old one; ours is always a different one. In the paper one child in
# twenty is an unchanged copy (the *identity* mutation), which is trained again; our children always
# change. And the paper's non-aging evolution drops the worst of the sample; ours drops the worst of
# the population.


# %%
def evolve(score, draw, mutate, rng, cycles=40, p=12, s=4, aging=True):
    population, tried = deque(), []
    while len(tried) < cycles:
        if len(population) < p:
            cell = draw(rng)
        else:
            sample = [population[i] for i in rng.choice(p, s, replace=False)]
            cell = mutate(max(sample)[2], rng)
            worst = min(range(p), key=lambda i: population[i])
            del population[0 if aging else worst]
        population.append((score(cell), len(tried), cell))
        tried.append(population[-1])
    return tried, population


code(
    evolve,
    {
        "cell = draw": r"\text{first } P \text{ at random}",
        "sample =": r"S \text{ of the population}",
        "cell = mutate": r"\mathrm{child} = \mathrm{mutate}(\arg\max_S \mathrm{accuracy})",
        "del population": r"\text{the oldest goes, not the worst}",
    },
)

# %% [markdown]
# ## The table
#
# > **Paper** Table 2: AmoebaNet-A (N = 6, F = 190)

# %%
table(
    "amoebanet_a_6_190",
    errata=[
        "amoebanet_a_6_190: what the cells concatenate",
        "amoebanet_a_6_190: which input is which",
        "amoebanet_a_6_448: two inputs in one table",
    ],
)

# %% [markdown]
# > **Paper** Table 1: AmoebaNet-A on CIFAR-10, N = 6 and F = 32, 2.6M parameters

# %%
cifar = architectures.measure(architectures.create("amoebanet_a_cifar_6_32"))
assert f"{cifar.trainable / 1e6:.1f}M" == "2.6M"
grid(["network", "paper", "parameters"], [["amoebanet_a_cifar_6_32", "2.6M", cifar.trainable]])

# %% [markdown]
# ### The accuracies
#
# > **Paper** Tables 1 and 2
#
# We have not trained on ImageNet or CIFAR, and no library that we load from has weights for
# AmoebaNet. [What top-1 and top-5
# mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted).

# %%
accuracies("amoebanet_a_6_190", "amoebanet_a_6_448", "amoebanet_a_mobile_4_50")

# %%
accuracies("amoebanet_a_cifar_6_32", "amoebanet_a_cifar_6_36")

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Sections 4 and 5: evolution against random search; why the oldest
#
# The paper trained 20,000 cells for each search. Here a trial must cost a tenth of a second. So we
# score a cell of two rows by a linear classifier on its *untrained* features: we average them over
# 4 x 4 patches, fit a ridge classifier on 250 digits, and measure its accuracy on 250 others. Each
# trial draws new weights, so its score is noisy, like that of a trained network.
#
# We compare aging evolution, evolution that drops the worst, and random search: 40 trials, a
# population of 12, samples of 4, seeds 0 and 1; 40 random cells, seed 2. Before the first run we
# predicted for both seeds:
#
# 1. the last ten cells that aging evolution tries score better on average than random ones;
# 2. scored again with new weights, the final population loses more when the worst are dropped than
#    when the oldest are. (The paper's argument: if the worst are dropped, one lucky score keeps a
#    cell alive. If the oldest are dropped, only a cell that scores well again and again, in its
#    children, survives.)

# %%
OPERATIONS = "sep3", "sep5", "sep7", "1x7_7x1", "avg3", "max3", "none"
data, fresh = digits(8), iter(range(10**6))


def draw(rng, b=2):
    """b rows at random, each a tuple (operation, input, operation, input)."""
    sides = [(rng.choice(OPERATIONS), rng.integers(-2, i // 2)) for i in range(2 * b)]
    return tuple((str(o), int(x)) for o, x in sides)


def mutate(sides, rng):
    """One side of one row gets another operation or another input: -2 and -1 are h_prev and h."""
    sides, i = list(sides), rng.integers(len(sides))
    o, x = sides[i]
    if rng.random() < 0.5:
        o = str(rng.choice([other for other in OPERATIONS if other != o]))
    else:
        x = int(rng.choice([other for other in range(-2, i // 2) if other != x]))
    sides[i] = o, x
    return tuple(sides)


def score(sides):
    """Accuracy, in %, of a linear classifier on the untrained features of a cell of 8 filters."""
    keras.utils.set_random_seed(next(fresh))
    of = {-2: "h_prev", -1: "h"}
    rows = [
        (o, of.get(x, x), q, of.get(y, y))
        for (o, x), (q, y) in zip(sides[::2], sides[1::2], strict=True)
    ]
    used = [i for i in range(len(rows)) if i not in {x for _, x in sides}]
    h_prev = blocks.conv(data[0][:500], 8, k=3)
    y = blocks.cell(h_prev, blocks.conv(h_prev, 8, k=3), 8, rows=rows, used=used, n=None)
    x = np.array(blocks.avgpool(y, k=4, s=4)).reshape(500, -1)
    x = (x - x.mean(0)) / (x.std(0) + 1e-6)
    fitted = RidgeClassifier(10.0).fit(x[:250], data[1][:250])
    return 100 * fitted.score(x[250:], data[1][250:500])


searches = {}
for seed in (0, 1):
    for aging in (True, False):
        rng = np.random.default_rng(seed)
        tried, population = evolve(score, draw, mutate, rng, aging=aging)
        again = [score(cell) for _, _, cell in population]
        key = "aging" if aging else "worst dies", seed
        searches[key] = [t[0] for t in tried], [t[0] for t in population], again
rng = np.random.default_rng(2)
at_random = float(np.mean([score(draw(rng)) for _ in range(40)]))

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for (name, seed), (tried, _, _) in searches.items():
    smooth = np.convolve(tried, np.ones(10) / 10, "valid")
    axes[seed].plot(np.arange(10, 41), smooth, label=name)
for seed, ax in enumerate(axes):
    ax.axhline(at_random, color="0.5", ls="--", label="random search")
    ax.set(title=f"seed {seed}", xlabel="trials")
axes[0].set_ylabel("score, %, mean of 10 trials")
axes[1].legend()
figure(
    fig,
    "Mean score of the last ten cells tried, by number of trials, for two seeds: with both "
    "kinds of evolution it rises above random search",
)

# %%
last = {key: float(np.mean(tried[-10:])) for key, (tried, _, _) in searches.items()}
loss = {key: float(np.mean(p) - np.mean(a)) for key, (_, p, a) in searches.items()}
rows = [
    [*key, last[key], float(np.mean(p)), float(np.mean(a)), loss[key]]
    for key, (_, p, a) in searches.items()
]
rows.append(["random", None, at_random, None, None, None])
grid(
    ["search", "seed", "last 10 trials, %", "last population, %", "again, %", "lost, points"], rows
)

# %% [markdown]
# Both predictions come out with both seeds. If the oldest die, the last population even scores
# better the second time. Two seeds of a search of 40 trials are an illustration, not a measurement.

# %% [markdown]
# ### On Fashion-MNIST
#
# All train on 5,000 images, with three seeds:
# [how, and how we compare them](../docs/reading.md#how-the-fashion-mnist-experiments-train).
#
# Both networks stack five cells on maps of 7 x 7: normal, reduction, normal, reduction, normal.
# AmoebaNet-A's have 18 filters, NASNet-A's 16; multiply-adds differ by 3.8 %. Both train with Adam
# for 5 epochs of batches of 128, from a rate of 0.001 down to 0. In our first runs the rate was
# constant, and the interval spanned nine points on either side. [NASNet's
# notebook](20_nasnet_pnasnet.ipynb) compares its cells with random ones in the same way.

# %%
claims.shown("evolution")

# %%
claims.curves("evolution", "test")

# %% [markdown]
# AmoebaNet-A's cells end about two points below NASNet-A's with each seed, although both fit the
# training images about equally well. The paper finds the two nearly equal on ImageNet, in networks
# of many more cells and after far longer training. Why five cells on small images separate them, we
# do not know.

# %% [markdown]
# ## Exercises
#
# 1. How large is the space of two rows searched above? And with five rows?

# %% tags=["exercise"]
answer = ...  # cells of two rows
check(answer, "3f8d3892")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# space = [float(np.prod([(7 * (i + 2)) ** 2 for i in range(b)])) for b in (2, 5)]
# assert space[0] == 86_436
# assert 1.4e14 < space[1] < 1.5e14
# answer = space[0]
# ```
#
# We tried 40 of 86 thousand cells. Five rows, as in the paper's cells, give over $10^{14}$.
# </details>
#
# 2. The normal cell concatenates the output of the cell before the last with three of its sums. How
#    wide is its output for F = 190, and how wide is that of the reduction cell?

# %% tags=["exercise"]
answer = ...  # channels of the (normal, reduction) cell
check(answer, "db2e8311")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# a, b = keras.Input((8, 8, 190)), keras.Input((8, 8, 190))
# assert blocks.amoebanet_normal_cell(a, b, 190).shape[1:] == (8, 8, 4 * 190)
# assert blocks.amoebanet_reduction_cell(a, b, 190).shape[1:] == (4, 4, 5 * 190)
# answer = 4 * 190, 5 * 190
# ```
# </details>
#
# 3. The normal cell itself reads its sums 0 and 3. Can you tell from the printed parameter count
#    whether the cell concatenates `h_prev`?

# %% tags=["exercise"]
answer = ...  # True or False
check(answer, "3cbc87c7")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from dataclasses import replace
#
# from convbook.architectures.catalog import NETS, build
#
# net = NETS["amoebanet_a_mobile_4_50"]
# (rows, _), reduction = net.table[0]
# table_of_three = (((rows, (1, 2, 4)), reduction), *net.table[1:])
# three = build("three", replace(net, table=table_of_three), True, None)
# whole = architectures.facts("amoebanet_a_mobile_4_50")["computed"]["trainable"]
# assert architectures.measure(three).trainable < 0.95 * whole
# answer = architectures.measure(three).trainable < 0.95 * whole
# ```
#
# Yes: without `h_prev`, every later cell reads a map that is a quarter narrower.
# </details>
#
# ## Copy it
#
# `convbook show amoebanet_normal_cell` prints the cell and everything it needs, ready to paste;
# `architectures.create("amoebanet_a_6_190")` builds the network; `convbook recipes amoebanet`
# prints how it was trained.
#
# ## Cite
#
# ```bibtex
# @inproceedings{real2019regularized,
#   title     = {Regularized Evolution for Image Classifier Architecture Search},
#   author    = {Real, Esteban and Aggarwal, Alok and Huang, Yanping and Le, Quoc V.},
#   booktitle = {AAAI Conference on Artificial Intelligence},
#   year      = {2019}
# }
# ```
