# %% [markdown]
# # The lab
#
# What do depth, shortcuts, paths, soft labels, gates and features do? Here we test ideas from
# several papers on scikit-learn's digits of 8 x 8 pixels. The networks are the ResNet paper's CIFAR
# nets of 6b + 2 layers. They train with Adam at 0.001, batch size 128, 8 epochs, and seeds 0, 1 and
# 2; we fixed these settings before the first run. Experiments that take more than a minute are in
# `notebooks/beside/lab.py`; `make experiments` runs them and keeps their results with the commit
# that produced them.
#
# > **Seen** on the digits, three seeds: the test accuracy of shortcut B ends 1.67 ± 1.19 points
# > below that of shortcut A (**reversed**); the test accuracy of shortcut C ends 2.32 ± 1.43 points
# > below that of shortcut B (**reversed**); the test accuracy of shortcut C ends 3.98 ± 0.40 points
# > below that of shortcut A (**reversed**). *Reversed* refers to the paper's order; we had expected
# > no difference.
# >
# > **Seen** on the digits, three seeds: the test accuracy of short paths ends 1.02 ± 0.80 points
# > above that of all paths (**as expected**).
# >
# > **Seen** on the digits, three seeds: from 8 layers to 44 the training loss of the plain nets
# > rises by 1.81 ± 0.44, and that of the residual nets falls by 0.045 ± 0.007 (**as expected**).
# > Smoothed labels lower the mean largest probability by 14.5 ± 2.2 points (**as expected**), and
# > the test accuracy by 0.18 ± 1.43, so that no difference shows.
# >
# > **Seen** on the digits, one seed and so no verdict: what blocks deleted or swapped do, and which
# > features a linear classifier reads best.

# %%
from math import comb

import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import convolve
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from convbook.beside import check, claims, digits, figure, grid, lab, results

data = digits(8)


def rows_of(name, **wanted):
    """The rows of an experiment that have these values."""
    rows = results.kept(f"lab_{name}")["rows"]
    return [row for row in rows if all(row[k] == v for k, v in wanted.items())]


def mean_of(rows, key):
    return float(np.mean([row[key] for row in rows]))


def more_of(rows, others, key):
    """How much more rows have of a key than others with the same seeds, and half its interval."""
    assert [row["seed"] for row in rows] == [row["seed"] for row in others] == [0, 1, 2]
    return claims.interval([row[key] - other[key] for row, other in zip(rows, others, strict=True)])


# %% [markdown]
# ## Plain against residual at growing depth
#
# > **Paper** He et al., arXiv:1512.03385, section 4.2 and Figure 6
#
# We expected that with depth the training loss of the plain nets rises, and that of the residual
# nets does not.

# %%
fig, axes = plt.subplots(1, 2)
for kind in ("plain", "residual"):
    for ax, key in zip(axes, ("loss", "accuracy"), strict=True):
        of = [[row[key] for row in rows_of("depth", kind=kind, depth=d)] for d in lab.DEPTHS]
        of = np.multiply(of, 100 if key == "accuracy" else 1)
        ax.plot(lab.DEPTHS, np.mean(of, 1), "o-", label=kind)
        ax.fill_between(lab.DEPTHS, np.min(of, 1), np.max(of, 1), alpha=0.2)
axes[0].set(yscale="log", xlabel="layers", ylabel="training loss")
axes[1].set(xlabel="layers", ylabel="test accuracy, %")
axes[0].legend()
figure(
    fig,
    "Training loss and test accuracy by depth, mean and range of three seeds: beyond 20 layers the "
    "plain nets' loss rises and their accuracy collapses; the residual nets' loss keeps falling, "
    "while their accuracy loses two points",
)

# %%
rows, rises = [], {}
for kind in ("plain", "residual"):
    few, many = (rows_of("depth", kind=kind, depth=depth) for depth in (8, 44))
    rises[kind], half = more_of(many, few, "loss")
    accuracy = [f"{100 * mean_of(of, 'accuracy'):.1f}" for of in (few, many)]
    rows.append([kind, f"{rises[kind]:+.3f} ± {half:.3f}", *accuracy])
assert rises["plain"] > 0 > rises["residual"]
grid(
    [
        "nets",
        "training loss, 44 layers minus 8",
        "test accuracy, %, 8 layers",
        "test accuracy, %, 44 layers",
    ],
    rows,
)

# %% [markdown]
# Both are as expected. But a loss that falls is not an accuracy that rises: 44 residual layers read
# two points fewer test digits than 8.
#
# Here we repeat one of these runs live.

# %%
again = lab.fit(0, 8, shortcut="A")[1]
before = rows_of("depth", kind="residual", depth=8, seed=0)[0]
assert abs(again["accuracy"] - before["accuracy"]) < 0.04
grid(
    ["8 layers, seed 0", "loss", "accuracy, %"],
    [
        [when, run["loss"], f"{100 * run['accuracy']:.1f}"]
        for when, run in (("kept", before), ("now", again))
    ],
)

# %% [markdown]
# ## Shortcuts A, B and C
#
# > **Paper** He et al., section 4.1, Table 3: B slightly better than A, C marginally better than
# > B
#
# At this size we expected no difference larger than the spread of the seeds.

# %%
grid(
    [
        "shortcut",
        "parameters and moving statistics",
        "training loss",
        "test accuracy, %, seeds 0, 1, 2",
    ],
    [
        [
            s,
            of[0]["weights"],
            mean_of(of, "loss"),
            ", ".join(f"{100 * r['accuracy']:.1f}" for r in of),
        ]
        for s in "ABC"
        for of in [rows_of("shortcuts", shortcut=s)]
    ],
)

# %% [markdown]
# Our expectation fails: the more projections, the less accurate the network is, outside the
# intervals. The training loss rises too, so the projections may be harder to train here.
# [Identity mappings](13_identity_mappings.ipynb) reports the same at 110 layers: with a 1x1
# convolution on every shortcut the error nearly doubles. The ResNet paper saw C slightly ahead, on
# ImageNet.
#
# ## A residual network as an ensemble of paths
#
# > **Paper** Veit, Wilber, Belongie: *Residual Networks Behave Like Ensembles of Relatively Shallow
# > Networks*, arXiv:1605.06431
#
# A signal passes each of $n$ blocks either through its shortcut or through its branch. That makes
# $2^n$ paths, of which $\binom{n}{k}$ go through $k$ branches. Most paths go through about $n/2$
# branches. Our network has 15 blocks; 13 of them keep the size of their input.

# %%
n = len(rows_of("paths", what="deleted", kind="residual"))
norms = {
    row["n"]: np.mean(row["norms"]) for row in rows_of("paths", what="gradient", kind="residual")
}
share = np.array([comb(n, k) / 2**n for k in range(n + 1)])
flow = share * np.array([norms[k] for k in range(n + 1)])
fig, axes = plt.subplots(1, 3, figsize=(7.6, 2.8))
for ax, y, title in zip(
    axes,
    (share, [norms[k] for k in range(n + 1)], flow / flow.sum()),
    ("share of the paths", "gradient of one path", "share of the gradient"),
    strict=True,
):
    ax.plot(range(n + 1), y, "o-", ms=4)
    ax.set(title=title, xlabel="branches on the path")
axes[1].set_yscale("log")
figure(
    fig,
    "By the number of branches on a path: the share of such paths, the norm of the gradient of "
    "one, and their product, whose mean lies at fewer branches than the mean path",
)

# %%
center = float((np.arange(n + 1) * flow).sum() / flow.sum())
half = n / 2
assert center < half
grid(
    ["", "branches"],
    [["mean length of a path", half], ["mean length, weighted by gradient", center]],
)

# %% [markdown]
# The longer a path, the less gradient it carries, so most of the gradient comes through paths a
# little shorter than the mean. The paper's network is deeper and shows this more clearly: nearly
# all of its gradient comes through 5 to 17 of its 54 branches. According to the paper, these are
# 0.45 % of the paths.

# %%
few = sum(comb(54, k) for k in range(5, 18)) / 2**54
assert f"{100 * few:.2f}" == "0.45"
f"paths through 5 to 17 of 54 branches: {100 * few:.3f} %"

# %% [markdown]
# To see whether short paths suffice, the authors trained with only 23 randomly chosen blocks in
# each step, so that long paths never occur. The error on CIFAR-10 was 5.96 %, against 6.10 % for
# the whole network: no significant difference.
#
# Now we delete one block from the trained residual network, which leaves its shortcut, and two
# layers from the trained plain network (of 20 layers, a depth that still trains). Both are trained
# once, with seed 0.

# %%
whole = {k: rows_of("paths", what="whole", kind=k)[0]["error"] for k in ("residual", "plain")}
fig, ax = plt.subplots()
for kind in ("residual", "plain"):
    of = rows_of("paths", what="deleted", kind=kind)
    ax.plot(np.linspace(0, 1, len(of)), [100 * row["error"] for row in of], "o-", label=kind)
ax.axhline(90, color="0.6", lw=1, ls="--")
ax.set(
    xlabel="position of the deleted block: first 0, last 1", ylabel="test error, %", ylim=(0, 100)
)
ax.legend()
figure(
    fig,
    "Test error after one block is deleted: low for the residual network; near chance (90 %, "
    "dashed) for the plain one",
)

# %%
lost = {
    k: np.median([row["error"] for row in rows_of("paths", what="deleted", kind=k)]) - whole[k]
    for k in whole
}
assert lost["residual"] < lost["plain"]
several = rows_of("paths", what="several deleted", kind="residual")
swaps = rows_of("paths", what="swapped", kind="residual")
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, of, label in zip(axes, (several, swaps), ("blocks deleted", "blocks swapped"), strict=True):
    ax.boxplot(
        [np.multiply(row["errors"], 100) for row in of], tick_labels=[row["n"] for row in of]
    )
    ax.set(xlabel=label)
axes[0].set_ylabel("test error, %")
figure(
    fig, "Test error rises smoothly with the number of deleted blocks, and with the number of swaps"
)

# %% [markdown]
# The very first block is indispensable. Each block of the second half is not: without it, the
# network gets only a few more images wrong. The plain network can only guess, whichever two layers
# we delete.
#
# Swaps disturb the order of the blocks. The paper measures how much with *Kendall's tau* between
# the old order and the new: the number of pairs that kept their order minus the number that did
# not, as a share of all pairs. Tau is 1 if nothing moved and -1 if the order is reversed. We
# expected: the lower tau, the higher the error, with a rank correlation below -0.5.

# %%
taus, errors = (np.concatenate([row[key] for row in swaps]) for key in ("taus", "errors"))
fig, ax = plt.subplots()
ax.plot(taus, 100 * errors, "o")
ax.set(xlabel="Kendall's tau of the new order", ylabel="test error, %")
figure(
    fig,
    "Test error of the network with swapped blocks by Kendall's tau: the lower tau, the higher "
    "the error",
)

# %%
rank = float(spearmanr(taus, errors).statistic)
assert rank < -0.5
f"rank correlation of tau and error: {rank:.2f}"

# %% [markdown]
# Next we switch blocks off at random during training, so that mainly short paths learn. We use
# stochastic depth (arXiv:1603.09382), whose linear rule ends at 0.5.

# %%
grid(
    ["", "training loss", "test accuracy, %, seeds 0, 1, 2"],
    [
        [label, mean_of(of, "loss"), ", ".join(f"{100 * r['accuracy']:.1f}" for r in of)]
        for label, p in (("all paths", None), ("short paths", 0.5))
        for of in [rows_of("short_paths", survival=p)]
    ],
)

# %%
accuracies = {
    p: [row["accuracy"] for row in rows_of("short_paths", survival=p)] for p in (None, 0.5)
}
assert mean_of(rows_of("short_paths", survival=0.5), "loss") > 0.01
assert min(accuracies[0.5]) > max(accuracies[None])

# %% [markdown]
# The network fits the training digits less well, but with every seed it is more accurate on the
# test digits.
#
# ## Label smoothing
#
# > **Paper** Szegedy et al., arXiv:1512.00567, section 7
#
# $q'(k) = (1-\epsilon)\,\delta_{k,y} + \epsilon / K$: the loss no longer pushes any logit to
# infinity. We expected that the network is less confident and about as accurate.

# %%
smooth = {s: rows_of("smoothing", smoothing=s) for s in (0.0, 0.1)}
assert mean_of(smooth[0.1], "sure") < mean_of(smooth[0.0], "sure")
assert abs(mean_of(smooth[0.1], "accuracy") - mean_of(smooth[0.0], "accuracy")) < 0.01
assert mean_of(smooth[0.1], "calibration_error") > mean_of(smooth[0.0], "calibration_error")
keys = ("accuracy", "sure", "calibration_error")
rows = [[str(s), *(f"{100 * mean_of(of, k):.1f}" for k in keys)] for s, of in smooth.items()]
more = (100 * np.array(more_of(smooth[0.1], smooth[0.0], k)) for k in keys)
rows.append(["difference, points", *(f"{mean:+.2f} ± {half:.2f}" for mean, half in more)])
grid(["smoothing", "test accuracy, %", "mean largest probability, %", "calibration error, %"], rows)

# %% [markdown]
# The network is less confident, and in accuracy no difference shows. As it reads nearly all of
# these digits correctly, it is now underconfident. Smoothing lowers the calibration error of an
# overconfident network; here it raises it.
#
# ## Squeeze-and-excitation's gates by class and depth
#
# > **Paper** Hu et al., arXiv:1709.01507, the section on the role of excitation
#
# The paper finds the gates alike for all classes in early stages and different in later ones. We
# compute the spread of a gate over the ten classes, averaged over all gates of a block:

# %%
rows = rows_of("gates")
spread = np.mean([row["spread"] for row in rows], 0)
assert spread[6:].mean() > 2 * spread[:3].mean()
fig, ax = plt.subplots()
for row in rows:
    ax.plot(range(1, 10), row["spread"], lw=0.8, color="0.6")
ax.plot(range(1, 10), spread, "o-")
ax.set(xlabel="block", ylabel="spread of a gate over the classes")
figure(
    fig,
    "The spread over the classes grows from the first block to the last; in grey, the three seeds",
)

# %%
late, half = claims.interval([np.mean(r["spread"][6:]) - np.mean(r["spread"][:3]) for r in rows])
print(f"spread, last three blocks minus first three: {late:.3f} ± {half:.3f}")

# %% [markdown]
# ## Features: random, made by hand, learned without labels
#
# The network is one layer of 3x3 kernels, relu, a 2x2 max pool, then logistic regression. Only the
# kernels differ: random ones; edges and similar patterns made by hand; and k-means centers of
# patches, learned without labels. We expected all three to be more accurate than the raw pixels.
#
# Deep networks once began this way. In *greedy layer-wise pre-training* the first layer learns to
# describe images without labels. Then it is frozen, the second layer learns from its outputs, and
# so on. Only the last layer needs labels, and no gradient passes through the whole network.
# Convolutional deep belief networks are the best-known example. Pre-training saves computation and
# acts as a regularizer. Today, with enough labels and faster machines, nearly all convolutional
# networks learn all layers at once, and predict better.

# %%
x, y, test_x, test_y = (np.squeeze(a) for a in data)


def features(images, kernels):
    """Each kernel's response after relu and a 2x2 max pool, as one row per image."""
    maps = np.stack([convolve(images, k[None], mode="constant") for k in kernels], -1)
    maps = np.maximum(maps, 0).reshape(len(images), 4, 2, 4, 2, -1).max((2, 4))
    return maps.reshape(len(images), -1)


def accuracy(kernels=None):
    parts = [
        (a.reshape(len(a), -1) if kernels is None else features(a, kernels)) for a in (x, test_x)
    ]
    scale = StandardScaler().fit(parts[0])
    model = LogisticRegression(C=0.1, max_iter=300).fit(scale.transform(parts[0]), y)
    return float(model.score(scale.transform(parts[1]), test_y))


random = np.random.default_rng(0)
angles = np.arange(8) * np.pi / 4
rows, columns = np.mgrid[-1:2, -1:2]
edges = [np.cos(a) * columns + np.sin(a) * rows for a in angles]
lines = [
    np.cos(2 * a) * (columns**2 - rows**2) + np.sin(2 * a) * 2 * rows * columns
    for a in angles[:4] / 2
]
by_hand = [*edges, *lines, np.ones((3, 3)) / 9, 8 * ((rows == 0) & (columns == 0)) - 1.0]
patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2)).reshape(-1, 9)
patches = patches[random.choice(len(patches), 5000, replace=False)]
patches = patches - patches.mean(1, keepdims=True)
centers = KMeans(len(by_hand), n_init=2, random_state=0).fit(patches).cluster_centers_
found = {
    "pixels": accuracy(),
    "random": accuracy(random.normal(size=(len(by_hand), 3, 3))),
    "by hand": accuracy(by_hand),
    "k-means": accuracy(centers.reshape(-1, 3, 3)),
}
assert min(found["random"], found["by hand"], found["k-means"]) > found["pixels"]
grid(["kernels", "test accuracy, %"], [[k, f"{100 * v:.1f}"] for k, v in found.items()])

# %% [markdown]
# All three are, by 5 to 8 of the 360 test digits. That is one draw of random kernels and of
# patches.
#
# ## What the visual cortex suggests
#
# Gabor functions, waves under a Gaussian window, describe the simple cells of V1 well. Complex
# cells respond to the same wave wherever its crests are. Their response is the energy of two simple
# cells a quarter of a wave apart,
#
# $$ c(I) = \sqrt{s_{0}(I)^2 + s_{\pi/2}(I)^2}. $$
#
# So a complex cell ignores the phase as a pool ignores a shift. For a grating of the cell's own
# frequency this is exact:

# %%
grid_x, grid_y = np.meshgrid(np.arange(-15, 16), np.arange(-15, 16))
window, wave = np.exp(-(grid_x**2 + grid_y**2) / 40), 2 * np.pi / 6
phases = np.linspace(0, 2 * np.pi, 33)


def simple(image, phase):
    return float((image * window * np.cos(wave * grid_x + phase)).sum())


gratings = [np.cos(wave * grid_x + phase) for phase in phases]
one = [simple(g, 0) for g in gratings]
energy = [np.hypot(simple(g, 0), simple(g, np.pi / 2)) for g in gratings]
assert np.ptp(energy) < 1e-3 * np.mean(energy)
assert np.ptp(one) > 1.9 * np.mean(energy)
fig, ax = plt.subplots()
ax.plot(phases, one, label="simple cell")
ax.plot(phases, energy, label="complex cell")
ax.set(xlabel="phase of the grating", ylabel="response")
ax.legend(loc="lower right")
figure(
    fig,
    "The response of a simple cell swings with the phase of the grating; that of a complex cell "
    "stays constant",
)

# %% [markdown]
# So a convolutional network borrows three things from V1: its two-dimensional map, its simple cells
# (convolution) and its complex cells (pooling). Its last layer compares best to the inferotemporal
# cortex (IT), which a signal reaches through V1, V2 and V4 in the first 100 ms of a glance; cells
# there respond to an object wherever it is. But the network leaves out a lot:
#
# - The *fovea*. The eye sees sharply only what a thumb covers at arm's length. It builds a scene
#   from glances, and *attention* chooses where to look next. A network gets the whole image, sharp
#   everywhere.
# - *Feedback*. After those 100 ms, signals flow back from higher areas, even to V1.
# - *Other senses*, mood and thought take part in seeing, as does knowledge of scenes, of the
#   relations between objects and of three dimensions.
# - What a single neuron computes. One linear filter and a relu may be a poor account of it.
#
# ## Exercises
#
# 1. What share of the paths of ResNet-110 (54 blocks) have between 19 and 35 branches?

# %% tags=["exercise"]
answer = ...  # percent, rounded down
check(answer, "29db0c67")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# inside = sum(comb(54, k) for k in range(19, 36)) / 2**54
# assert inside > 0.95
# answer = int(100 * inside)
# ```
#
# More than 95 %, as arXiv:1605.06431 says.
# </details>
#
# 2. A max pool and an energy both forget where a feature is. What remains if you average a simple
#    cell's response over all phases?

# %% tags=["exercise"]
answer = ...  # a number
check(answer, "5feceb66")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# assert abs(np.mean(one[:-1])) < 1e-6 * np.mean(energy)
# answer = round(float(np.mean(one[:-1]) / np.mean(energy)))
# ```
#
# Nothing: the responses cancel. A nonlinearity, such as a square or a relu, must come before the
# mean.
# </details>
