# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Scaling
#
# Mingxing Tan, Quoc V. Le: *EfficientNet: Rethinking Model Scaling for Convolutional Neural
# Networks*, 2019, [arXiv:1905.11946](https://arxiv.org/abs/1905.11946), and *EfficientNetV2:
# Smaller Models and Faster Training*, 2021, [arXiv:2104.00298](https://arxiv.org/abs/2104.00298).
#
# ## The question
#
# > **Paper** EfficientNet: sections 1 and 3, Figure 2
#
# You have a good small network and twice the computer. Do you make the network deeper, wider, or
# show it larger images? Until 2019 people chose one and stopped when it no longer helped.
# EfficientNet asks: what if all three grow together, in a fixed proportion?
#
# > **Seen** by counting, without training: twice the depth, or 1.41 times the width or the
# > resolution, makes the multiply-adds 1.9 to 2.0 times as many, as predicted. The first step of
# > $\phi$ makes them 2.6 times as many, not 2, since depths are rounded up.

# %%
from itertools import pairwise
from math import ceil

import keras
import numpy as np
from matplotlib import pyplot as plt

from convbook import architectures, blocks
from convbook.architectures.efficientnet import SCALES, TABLE
from convbook.beside import check, code, figure, grid, picture, table
from convbook.beside.printed import accuracies
from convbook.blocks.mobilenet import rounded

# %% [markdown]
# ## The block
#
# > **Paper** EfficientNet: Table 1; the block is MobileNetV2's with squeeze-and-excitation
#
# MBConv: widen with a 1x1, look around with a depthwise kernel, weigh the channels, narrow again.
# The input is added where its shape stays.

# %%
code(
    blocks.mbconv_block,
    {
        "m = conv(x, r *": r"m = \mathrm{swish}(\mathrm{BN}(W_1 x)),\; C \to rC",
        "m = dwconv": r"\mathrm{swish}(\mathrm{BN}(D_{k \times k} * m))",
        "m = se_block": r"m \odot \sigma(W_3\, \mathrm{swish}(W_2\, \mathrm{mean}(m)))",
        "m = conv(m, f": r"\mathrm{BN}(W_4 m),\; rC \to f",
        "return": r"y = x + m \text{ if the shape stays}",
    },
)

# %%
i = keras.Input((28, 28, 40))
picture(
    keras.Model(i, blocks.mbconv_block(i, 40, k=5)),
    "The graph of mbconv_block: 1x1 to 240 channels, depthwise 5x5, squeeze-and-excitation, 1x1 "
    "to 40; the input is added",
)

# %% [markdown]
# > **Paper** EfficientNetV2: Figure 2
#
# V2 measured the training time and found the early depthwise layers slow: little arithmetic, much
# memory. In the first stages it *fuses* the 1x1 and the depthwise into one full 3x3.

# %%
code(
    blocks.fused_mbconv_block,
    {
        "m = conv(x, r *": r"m = \mathrm{swish}(\mathrm{BN}(W_{k \times k} * x)),\; C \to rC",
        "m = conv(m, f": r"\mathrm{BN}(W_2 m),\; rC \to f",
        "return": r"y = x + m \text{ if the shape stays}",
    },
)

# %% [markdown]
# What does fusing cost? We count both blocks with r = 4 and no squeeze-and-excitation, at an early
# stage and at a late one. The multiply-adds grow by about the same factor, but at the late stage
# fusing also adds a great many weights.

# %%
rows, factors = [], {}
for stage, (size, c) in {"early": (112, 24), "late": (14, 160)}.items():
    i = keras.Input((size, size, c))
    pair = [
        architectures.measure(keras.Model(i, block))
        for block in (blocks.mbconv_block(i, c, r=4, se=None), blocks.fused_mbconv_block(i, c))
    ]
    factors[stage] = pair[1].macs / pair[0].macs
    for name, m in zip(("MBConv", "fused"), pair, strict=True):
        rows.append([f"{stage}, {size} x {size} x {c}, {name}", m.trainable, m.macs])
assert factors["early"] > 4
assert factors["late"] > 4
grid(["block", "parameters", "multiply-adds"], rows)

# %% [markdown]
# ## The table
#
# > **Paper** EfficientNet: Table 1

# %%
table("efficientnet_b0", errata=["efficientnet_b0: compound scaling"])

# %% [markdown]
# > **Paper** EfficientNetV2: its smallest network in the authors' code, B0

# %%
table("efficientnet_v2_b0")

# %% [markdown]
# ### Compound scaling, computed
#
# > **Paper** EfficientNet: section 3.3, equation (3), recalled
#
# Depth grows as $\alpha^\phi$, width as $\beta^\phi$, resolution as $\gamma^\phi$. Twice the depth
# costs twice; twice the width costs four times, since inputs and outputs both double; twice the
# resolution also costs four times. So
#
# $$\alpha \cdot \beta^2 \cdot \gamma^2 \approx 2$$
#
# makes one step of $\phi$ cost about a factor of two. The paper searched on a grid and took 1.2,
# 1.1 and 1.15. Here are all triples in steps of 0.05 that come near 2: the search had few to try.

# %%
steps = [round(1 + 0.05 * j, 2) for j in range(11)]
near = [
    (a, b, c, a * b**2 * c**2)
    for a in steps
    for b in steps
    for c in steps
    if b > 1 and c > 1 and a > 1 and abs(a * b**2 * c**2 - 2) < 0.1
]
chosen = 1.2, 1.1, 1.15
assert chosen in [row[:3] for row in near]
product = chosen[0] * chosen[1] ** 2 * chosen[2] ** 2
assert 1.9 < product < 2
print(f"{len(near)} triples; the paper's gives {product:.3f}")
grid(["alpha", "beta", "gamma", "alpha beta^2 gamma^2"], near[:12])

# %% [markdown]
# The authors' code does not compute the powers: it has a table, whose values from B4 on are larger
# than whole steps of $\phi$ give. The powers are on the left, the table is on the right.

# %%
PHI = {"b0": 0, "b1": 0.5, "b2": 1, "b3": 2, "b4": 3, "b5": 4, "b6": 5, "b7": 6}
rows = []
for name, phi in PHI.items():
    depth, width, size = (base**phi for base in chosen)
    w, d, pixels, _ = SCALES[name]
    rows.append([name.upper(), phi, depth, d, width, w, round(224 * size), pixels])
head = [
    "network",
    "phi",
    "depth",
    "depth in the code",
    "width",
    "width in the code",
    "pixels",
    "pixels in the code",
]
grid(head, rows)

# %% [markdown]
# ### B0 to B7
#
# > **Paper** EfficientNet: Table 2
#
# We count all eight from Table 1 and three factors, without building one: kernels, batch norms and
# the gates of each MBConv. Widths become multiples of 8, depths are rounded up.


# %%
def counts(width, depth, size):
    """Parameters and multiply-adds of an EfficientNet of these factors for size x size pixels."""
    c, last = rounded(32 * width), rounded(1280 * width)
    size = ceil(size / 2)
    params, macs = 27 * c + 2 * c, size**2 * 27 * c
    for r, k, f, b, s in TABLE:
        f = rounded(f * width)
        for j in range(ceil(b * depth)):
            m, q = r * c, c // 4  # inside the block, inside its gates
            if r > 1:
                params, macs = params + c * m + 2 * m, macs + size**2 * c * m
            size = ceil(size / (s if j == 0 else 1))
            params += k * k * m + 2 * m + (2 * m * q + q + m) + m * f + 2 * f
            macs += size**2 * (k * k * m + m * f) + 2 * m * q
            c = f
    params += c * last + 2 * last + (last + 1) * 1000
    return params, macs + size**2 * c * last + last * 1000


rows, ours = [], {}
for name in PHI:
    of = architectures.facts(f"efficientnet_{name}")
    ours[name] = counts(*SCALES[name][:3])
    assert ours[name] == (of["computed"]["trainable"], of["computed"]["macs"]), name
    printed = [of["published"][key][0]["as_printed"] for key in ("params", "flops")]
    top1 = next(e["value"] for e in of["errors"] if e["metric"] == "top-1 accuracy")
    rows.append([name.upper(), printed[0], ours[name][0], printed[1], ours[name][1], str(top1)])
head = ["network", "parameters, paper", "counted", "multiply-adds, paper", "counted", "top-1"]
grid(head, rows)

# %% [markdown]
# Some printed figures are neither the libraries' counts nor ours: see
# [the errata](../docs/errata.md#efficientnet_b1-figures-printed).
#
# ### The accuracies
#
# > **Paper** EfficientNet: Table 2 and Figure 1; V2: the authors' README
#
# The last column says which figures are second-hand or recalled. [What top-1 and top-5
# mean](../docs/reading.md#imagenet-and-how-its-errors-are-counted). We have not trained on
# ImageNet.

# %%
accuracies(*(f"efficientnet_{name}" for name in PHI))

# %%
V2 = [f"efficientnet_v2_{size}" for size in ("b0", "b1", "b2", "b3", "s", "m", "l")]
accuracies(*V2)

# %% [markdown]
# EfficientNet-Lite is the authors' edition for phones: without gates, with relu6, and with a stem
# and a head that do not scale.

# %%
accuracies(*(f"efficientnet_lite{i}" for i in range(5)))


# %%
def point(name):
    """Multiply-adds, and the accuracy that the paper prints."""
    of = architectures.facts(name)
    top1 = next(e["value"] for e in of["errors"] if e["metric"] == "top-1 accuracy")
    return of["computed"]["macs"] / 1e9, top1


fig, ax = plt.subplots()
first = np.array([point(f"efficientnet_{name}") for name in PHI])
second = np.array([point(name) for name in V2])
ax.semilogx(*first.T, marker="o", label="B0 to B7")
ax.semilogx(*second.T, marker="s", label="V2, B0 to B3, S, M, L")
ax.set(xlabel="billion multiply-adds", ylabel="top-1 accuracy, %")
ax.legend()
figure(
    fig,
    "Top-1 accuracy by multiply-adds, on a logarithmic axis: in both families it rises less "
    "with each doubling; V2 ends above B7",
)

# %% [markdown]
# ## The claim, shown
#
# > **Paper** EfficientNet: section 3.3: each step of phi costs about a factor of two
#
# Training eight nets for each choice is beyond a notebook; the arithmetic of the choice is not. We
# count B0 scaled by powers of one factor alone, and by all three. Before the first run we
# predicted:
#
# 1. Each of depth $\times 2$, width $\times \sqrt 2$ and resolution $\times \sqrt 2$ makes the
#    multiply-adds 1.8 to 2.2 times as many.
# 2. Each of the first six whole steps of $\phi$ makes them 1.75 to 2.2 times as many.
# 3. Width pays with weights: width alone has at least 1.6 times the parameters, resolution alone
#    has as many as B0.

# %%
base = counts(1, 1, 224)
alone = {
    "depth x 2": counts(1, 2, 224),
    "width x 1.41": counts(2**0.5, 1, 224),
    "resolution x 1.41": counts(1, 1, round(224 * 2**0.5)),
    "all three, phi = 1": counts(chosen[1], chosen[0], round(224 * chosen[2])),
}
grown = {name: (p / base[0], m / base[1]) for name, (p, m) in alone.items()}
path = [
    counts(chosen[1] ** phi, chosen[0] ** phi, round(224 * chosen[2] ** phi))[1] for phi in range(7)
]
growth = [b / a for a, b in pairwise(path)]
grid(
    ["B0 with", "parameters, times B0's", "multiply-adds, times B0's"],
    [[name, *row] for name, row in grown.items()],
)

# %%
fig, ax = plt.subplots()
ax.semilogy(range(7), np.array(path) / 1e9, "o-", base=2, label="counted")
ax.semilogy(range(7), path[0] / 1e9 * 2.0 ** np.arange(7), "--", base=2, label="doubled each step")
ax.set(xlabel="phi", ylabel="billion multiply-adds")
ax.legend()
figure(fig, "Multiply-adds of B0 scaled by phi from 0 to 6, and a line that doubles each step")

# %%
singles = [m for name, (_, m) in grown.items() if "phi" not in name]
assert all(1.8 < m < 2.2 for m in singles)
assert grown["width x 1.41"][0] > 1.6
assert grown["resolution x 1.41"][0] == 1
assert growth[0] > 2.5  # not as predicted: see below
assert all(1.75 < m < 2.2 for m in growth[1:])
grid(
    ["step of phi", "multiply-adds grow by a factor of"],
    [[f"{k} to {k + 1}", m] for k, m in enumerate(growth)],
)

# %% [markdown]
# The first and the third hold. The second fails at the first step: 2.6 times, not 2. Depths are
# rounded *up*, so a stage of one layer becomes one of two at once, and 2 layers become 3. On the
# later steps, rounding evens out. Small networks do not follow smooth laws.

# %% [markdown]
# ## Exercises
#
# 1. A network has twice the depth and three times the width, on images of the same size. How many
#    times the multiply-adds, roughly?

# %% tags=["exercise"]
answer = ...  # times as many
check(answer, "4ec9599f")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = 2 * 3**2
# assert answer == 18
# ```
#
# Depth counts once, width twice.
# </details>
#
# 2. The first stage has 16 channels in Table 1. How many in B2, whose width is 1.1 times B0's? And
#    how many in B7?

# %% tags=["exercise"]
answer = ...  # channels in (B2, B7)
check(answer, "073db78f")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = tuple(rounded(16 * SCALES[name][0]) for name in ("b2", "b7"))
# assert answer == (16, 32)
# ```
#
# 17.6 becomes the multiple of 8 that is nearest, 16: small layers do not scale smoothly.
# </details>
#
# 3. B7 keeps its depth and width, but reads images of 224 pixels instead of 600. What part of its
#    multiply-adds remains? (Two digits.)

# %% tags=["exercise"]
answer = ...  # between 0 and 1
check(answer, "e33f955e")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# w, d, pixels, _ = SCALES["b7"]
# answer = counts(w, d, 224)[1] / counts(w, d, pixels)[1]
# assert abs(answer - (224 / 600) ** 2) < 0.01
# ```
#
# (224/600)² = 0.14. Six sevenths of B7's work is the size of its images.
# </details>
#
# ## Copy it
#
# `convbook show mbconv_block` and `convbook show fused_mbconv_block` print the blocks and
# everything they need, ready to paste; `architectures.create("efficientnet_b0",
# weights="imagenet")` builds a network with published weights; `convbook measure efficientnet_b7`
# counts one.
#
# ## Cite
#
# ```bibtex
# @inproceedings{tan2019efficientnet,
#   title     = {EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks},
#   author    = {Tan, Mingxing and Le, Quoc V.},
#   booktitle = {International Conference on Machine Learning (ICML)},
#   year      = {2019}
# }
# @inproceedings{tan2021efficientnetv2,
#   title     = {EfficientNetV2: Smaller Models and Faster Training},
#   author    = {Tan, Mingxing and Le, Quoc V.},
#   booktitle = {International Conference on Machine Learning (ICML)},
#   year      = {2021}
# }
# ```
