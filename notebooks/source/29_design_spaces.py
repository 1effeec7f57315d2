# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Design spaces
#
# Ilija Radosavovic, Raj Prateek Kosaraju, Ross Girshick, Kaiming He, Piotr Dollár: *Designing
# Network Design Spaces*, 2020, [arXiv:2003.13678](https://arxiv.org/abs/2003.13678). Keep the paper
# open beside this notebook.
#
# ## The question
#
# > **Paper** Sections 1 and 3
#
# A search finds one good network and cannot say why it is good. This paper designs a whole *space*
# of networks: it draws hundreds at random, trains each for a short time, and looks at all their
# errors together. A rule that makes the crowd better is kept. What simple rule do good networks
# follow?
#
# > **Seen** on the digits with untrained networks, three seeds: the median error is 2.8 ± 3.6
# > points lower if widths never fall (**not significant**).

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt
from sklearn.linear_model import RidgeClassifier

from convbook import architectures, blocks
from convbook.architectures.regnet import X, Y, stages
from convbook.beside import Markdown, check, claims, code, digits, figure, grid, picture, table
from convbook.beside.printed import accuracies

# %% [markdown]
# ## The block
#
# > **Paper** Figure 4, with bottleneck ratio 1
#
# ResNeXt's block, with one finding built in: the bottleneck is gone. All three layers have `f`
# channels, the 3x3 in groups of `width` channels, and the input is added.

# %%
code(
    blocks.regnet_block,
    {
        "skip =": r"W_s x,\; W_s = I \text{ where the shape stays}",
        "m = conv(x, f, k=1, n=n)": r"m_1 = \sigma(\mathrm{BN}(W_1 x))",
        "k=3": r"m_2 = \sigma(\mathrm{BN}(W_2 * m_1)) \text{, in groups}",
        "m = conv(m, f, k=1": r"\mathcal{F}(x) = \mathrm{BN}(W_3 m_2)",
        "return": r"y = \sigma(W_s x + \mathcal{F}(x))",
    },
)

# %%
i = keras.Input((28, 28, 48))
picture(
    keras.Model(i, blocks.regnet_block(i, 48, width=16)),
    "The graph of regnet_block: 1x1, 3x3 in groups of 16 channels, 1x1, each with batch norm; "
    "the input is added, then relu",
)

# %% [markdown]
# ## The table
#
# > **Paper** RegNetX of 200 million multiply-adds; the figures are those of Figure 15

# %%
table("regnet_x_200mf")

# %% [markdown]
# ### How large a space is
#
# > **Paper** Section 3.2, Table 1
#
# The first space, AnyNetX, leaves everything free: in each of four stages a depth up to 16, a width
# up to 1024 in steps of 8, one of three bottleneck ratios, one of six group widths. Each rule then
# takes a part away, and the best networks stay inside.

# %%
depths, widths, ratios, groups = 16, 1024 // 8, 3, 6
spaces = {
    "AnyNetX A, all free": (depths * widths * ratios * groups) ** 4,
    "B, one bottleneck ratio": (depths * widths * groups) ** 4 * ratios,
    "C, one group width": (depths * widths) ** 4 * ratios * groups,
    "D, widths never fall": (depths * widths) ** 4 * ratios * groups / 24,
    "E, depths never fall": (depths * widths) ** 4 * ratios * groups / 24**2,
}
sizes = list(spaces.values())
assert 1e18 < sizes[0] < 2e18
assert sizes == sorted(sizes, reverse=True)
grid(["space", "number of networks, about"], [[name, f"{n:.1e}"] for name, n in spaces.items()])

# %% [markdown]
# ### The linear rule, quantised
#
# > **Paper** Section 3.3, equations (2) to (4)
#
# The authors looked at the best networks and saw: the width of block $j$ grows along a line. Two
# numbers make it, and a third turns it into stages:
#
# $$u_j = w_0 + w_a\, j, \quad s_j = \log_{w_m} (u_j / w_0), \quad
# w_j = w_0\, w_m^{\mathrm{round}(s_j)}.$$
#
# Blocks with the same $w_j$ are a stage. Widths become multiples of 8, then of the width of a
# group. Here is the rule, step by step, for RegNetX of 4 GF.

# %%
w0, wa, wm, depth, width = X["4gf"]
line = w0 + wa * np.arange(depth)
power = np.round(np.log(line / w0) / np.log(wm)).astype(int)
eights = (8 * np.round(w0 * wm**power / 8)).astype(int)
found = [(int((eights == w).sum()), int(width * round(w / width))) for w in np.unique(eights)]
assert found == [(b, f) for b, f, _ in stages(*X["4gf"])]
grid(
    ["stage", "blocks", "width, a multiple of 8", "width, a multiple of the group"],
    [
        [j + 1, b, int(w), f]
        for j, (w, (b, f)) in enumerate(zip(np.unique(eights), found, strict=True))
    ],
)

# %%
fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.8))
for ax, name in zip(axes, ("200mf", "4gf", "32gf"), strict=True):
    a, b, _, n, _ = X[name]
    steps = [f for blocks_here, f, _ in stages(*X[name]) for _ in range(blocks_here)]
    ax.plot(range(n), a + b * np.arange(n), "--", label="the line")
    ax.step(range(n), steps, where="mid", label="the network")
    ax.set(title=f"RegNetX {name}", xlabel="block")
axes[0].set_ylabel("width")
axes[0].legend()
figure(
    fig,
    "Widths of the blocks of RegNetX of 200 MF, 4 GF and 32 GF: stairs of four steps along a line",
)

# %% [markdown]
# ### All of them
#
# > **Paper** the models of section 5, Figures 15 and 16; the authors' model zoo prints the same
#
# Five numbers are a whole network. We count all 24 from them, without building one. RegNetY is X
# with squeeze-and-excitation.


# %%
def counts(rule, se=None):
    """Parameters and multiply-adds of a RegNet for 224 x 224, from its rule alone."""
    params, macs, c, size = 27 * 32 + 64, 112**2 * 27 * 32, 32, 112
    for depth, f, width in stages(*rule):
        for j in range(depth):
            kernels = c * f + 9 * f * width + f * f
            after = size // 2 if j == 0 else size
            macs += size**2 * c * f + after**2 * (9 * f * width + f * f)
            norms = 3
            if j == 0:  # the grid is halved: the input is projected
                kernels, norms, macs = kernels + c * f, 4, macs + after**2 * c * f
            params += kernels + norms * 2 * f
            if se:
                q = c // se
                params, macs = params + 2 * f * q + q + f, macs + 2 * f * q
            c, size = f, after
    return params + (c + 1) * 1000, macs + c * 1000


rows = []
for kind, rules, se in (("x", X, None), ("y", Y, 4)):
    for size in X:  # the paper's twelve; the table of Y goes on with SEER's three
        rule = rules[size]
        of = architectures.facts(f"regnet_{kind}_{size}")
        ours = counts(rule, se)
        assert ours == (of["computed"]["trainable"], of["computed"]["macs"]), (kind, size)
        widths_found = [f for _, f, _ in stages(*rule)]
        printed = [of["published"][key][0]["as_printed"] for key in ("params", "flops")]
        error = f"{next(e['value'] for e in of['errors'] if e['metric'] == 'top-1 error'):.1f}"
        text = ", ".join(f"{b} x {f}" for b, f, _ in stages(*rule))
        assert widths_found == sorted(widths_found)
        rows.append(
            [f"{kind.upper()} {size}", text, printed[0], ours[0], printed[1], ours[1], error]
        )
head = ["network", "blocks x width", "parameters, zoo", "counted", "multiply-adds, zoo", "counted"]
grid([*head, "top-1 error"], rows)

# %% [markdown]
# Where half a group remains, torchvision rounds another way and gets other networks:
# [the errata](../docs/errata.md#regnet_x_400mf-384-or-400-channels) have them.
#
# ### The accuracies
#
# > **Paper** Figures 15 and 16, means of five runs
#
# [What top-1 means](../docs/reading.md#imagenet-and-how-its-errors-are-counted). We have not
# trained on ImageNet.

# %%
accuracies(*(f"regnet_x_{size}" for size in X))

# %%
accuracies(*(f"regnet_y_{size}" for size in X))

# %% [markdown]
# Three larger RegNetY came later. SEER pre-trained them on a billion images of Instagram, so their
# accuracies do not compare with the errors above.

# %%
accuracies(*(f"regnet_y_{size}" for size in ("64gf", "128gf", "256gf")))

# %%
fig, ax = plt.subplots()
for kind in "XY":
    own = [row for row in rows if row[0].startswith(kind)]
    x, y = [row[5] / 1e9 for row in own], [float(row[6]) for row in own]
    ax.semilogx(x, y, "o-", label=f"RegNet{kind}")
ax.set(xlabel="billion multiply-adds", ylabel="top-1 error, %")
ax.legend()
figure(
    fig,
    "Top-1 error by multiply-adds of RegNetX and RegNetY, on a logarithmic axis: both fall, and "
    "Y stays below X",
)

# %% [markdown]
# ## The claim, shown
#
# > **Paper** Section 3.1: compare spaces by the errors of many networks; section 3.2, D: widths
# > should not fall
#
# The tool is the *empirical distribution*: for each error, what part of the crowd is at least that
# good? Three times, with three seeds, we draw 48 networks of three stages, a block each, on the
# digits of 8 x 8, with widths of 8 to 64 channels in groups of 8. To train each would take too
# long, so we score as the [NASNet notebook](20_nasnet_pnasnet.ipynb) does: a linear classifier on
# the *untrained* last map, its mean over each quarter, fitted on 500 digits and tested on 500
# others. Before the first run we predicted: the networks whose widths never fall have a lower
# median error than the others. A warning: a wide last stage has more features for the classifier,
# so this is the easy half of the paper's claim.

# %%
data = digits(8)
x, y = data[0][:1000], data[1][:1000]
CHOICES = 8, 16, 24, 32, 48, 64


def error(widths):
    """The error in % of a linear classifier on the untrained last map."""
    m = blocks.conv(x, 8, k=3)
    for f, s in zip(widths, (1, 2, 1), strict=True):
        m = blocks.regnet_block(m, f, s, width=8)
    m = np.array(blocks.avgpool(m, k=2, s=2)).reshape(len(x), -1)
    m = (m - m.mean(0)) / (m.std(0) + 1e-6)
    return 100 - 100 * RidgeClassifier(10.0).fit(m[:500], y[:500]).score(m[500:], y[500:])


crowds = []  # (errors, whether the widths never fall) of each seed
for seed in range(3):
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    drawn = [tuple(int(f) for f in rng.choice(CHOICES, 3)) for _ in range(48)]
    rising = np.array([list(widths) == sorted(widths) for widths in drawn])
    crowds.append((np.array([error(widths) for widths in drawn]), rising))

# %%
fig, ax = plt.subplots()
for name, color, falls in (("never fall", "C0", False), ("fall somewhere", "C1", True)):
    for seed, (errors, rising) in enumerate(crowds):
        own = np.sort(errors[rising != falls])
        share = np.arange(1, len(own) + 1) / len(own)
        label = None if seed else f"widths {name}"
        ax.step(own, share, where="post", label=label, color=color)
ax.set(xlabel="error, %", ylabel="share of the networks")
ax.legend()
figure(
    fig,
    "Empirical distributions of the errors, three seeds: the curves of the networks whose widths "
    "never fall lie left of those of the others, at lower errors",
)

# %%
rows, medians = [], []
for seed, (errors, rising) in enumerate(crowds):
    pair = [float(np.median(errors[part])) for part in (rising, ~rising)]
    medians.append(pair)
    best = [f"{errors[part].min():.1f}" for part in (rising, ~rising)]
    rows.append([seed, int(rising.sum()), *(f"{v:.1f}" for v in pair), *best])
head = ["seed", "networks that never fall", "median error, %", "median of the others, %"]
lower, half = claims.interval([others - never for never, others in medians])
Markdown(
    f"{grid([*head, 'best, %', 'best of the others, %'], rows)}\n\nThe median error of the "
    f"networks whose widths never fall is {lower:.1f} ± {half:.1f} points below that of the "
    f"others: **{claims.verdict(lower, half)}**."
)

# %% [markdown]
# With each seed the curve of the rising widths lies to the left, and the best network is one of
# them (the first run had seed 0 alone). But the medians differ by one point to four, and three
# crowds of 48 do not settle by how much. Note what the picture can say and a single winner cannot:
# where the rule helps, it helps the whole crowd.
#
# ## Exercises
#
# 1. Compute the four widths of RegNetX of 200 MF by hand: $w_0 = 24$, $w_a = 36.44$, $w_m = 2.49$,
#    13 blocks, groups of 8.

# %% tags=["exercise"]
answer = ...  # (w1, w2, w3, w4)
check(answer, "cf0c22d5")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# powers = sorted({round(np.log(1 + 36.44 * j / 24) / np.log(2.49)) for j in range(13)})
# answer = tuple(8 * round(24 * 2.49**p / 8) for p in powers)
# assert answer == tuple(f for _, f, _ in stages(*X["200mf"]))
# ```
#
# 24, 24 · 2.49, 24 · 2.49² and 24 · 2.49³, to multiples of 8.
# </details>
#
# 2. How many groups does the 3x3 of the last stage have in RegNetX of 4 GF?

# %% tags=["exercise"]
answer = ...  # groups
check(answer, "86e50149")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# _, f, width = stages(*X["4gf"])[-1]
# answer = f // width
# assert answer == 1360 // 40
# ```
#
# The width of a group is the same in all stages, so the number of groups grows with the width.
# </details>
#
# 3. Step C of the design gives all four stages one group width, of six possible. How many times
#    smaller does that make the space?

# %% tags=["exercise"]
answer = ...  # times smaller
check(answer, "0f4121d0")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = round(sizes[1] / sizes[2])
# assert answer == 6**4 / 6
# ```
#
# Six choices instead of six to the fourth. In the paper, the best of the remaining networks are as
# good as before.
# </details>
#
# ## Copy it
#
# `convbook show regnet_block` prints the block and everything it needs, ready to paste;
# `architectures.create("regnet_x_400mf", weights="imagenet")` builds a network with published
# weights; `convbook nets regnet_y_4gf` compares one with its paper.
#
# ## Cite
#
# ```bibtex
# @inproceedings{radosavovic2020designing,
#   title     = {Designing Network Design Spaces},
#   author    = {Radosavovic, Ilija and Kosaraju, Raj Prateek and Girshick, Ross and He, Kaiming and
#                Doll{\'a}r, Piotr},
#   booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
#   year      = {2020}
# }
# ```
