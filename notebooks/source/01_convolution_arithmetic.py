# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Convolution arithmetic
#
# What is a convolution, as a sum, as a matrix and as a layer? What does it cost, and what does it
# see? Why do convolutional networks use it, and which layers come with it? Each section computes
# what it says. The section titles follow *Deep Learning* by Goodfellow, Bengio and Courville,
# chapter 9, where that chapter has such a section. The letters are the library's: k kernel, s
# stride, p padding, d dilation.
#
# > **Seen** on the digits, one or two seeds and so no verdict: under a maximum, four kernels know
# > 97.6 % of the turned fives, one kernel 80.1 %, but two different kernels win and not three.
# > Permuted pixels cost a convolutional net 2.9 points, where we had predicted 3. In batches of two
# > images batch norm reads 88.6 % of the test digits and group norm, which we had expected ahead,
# > 87.2 %.

# %%
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from matplotlib import pyplot as plt
from scipy.linalg import circulant, toeplitz
from scipy.signal import convolve2d, correlate2d
from sklearn.datasets import load_sample_image

from convbook import blocks
from convbook.architectures import measure
from convbook.beside import check, digits, figure, grid, learn

rng = np.random.default_rng(0)
photo = np.float32(load_sample_image("china.jpg")[60:260, 150:450]) / 255
grey = photo.mean(axis=-1)


def conv_model(kernel, **letters):
    """A model of one blocks.conv, linear and without bias, with this kernel (k, k, C, f)."""
    i = keras.Input((None, None, kernel.shape[2]))
    letters = dict(k=kernel.shape[:2], p="valid", a=None, bias=False) | letters
    model = keras.Model(i, blocks.conv(i, kernel.shape[3], **letters))
    model.set_weights([kernel])
    return model


def conv2d(image, kernel, **letters):
    """One image (H, W) under one kernel (k, k)."""
    model = conv_model(np.float32(kernel)[..., None, None], **letters)
    return np.array(model(np.float32(image)[None, ..., None]))[0, ..., 0]


# %% [markdown]
# ## The operation
#
# A sensor reports a noisy position $x(t)$. A weighted mean of its readings is less noisy; recent
# readings get more weight:
#
# $$s(t) = (x * w)(t) = \sum_a x(a)\, w(t - a)$$
#
# $x$ is the *input*, $w$ the *kernel*, $s$ the *feature map*. Here $w$ must be a probability
# density: it must sum to one for $s$ to be a mean, and it must be zero for negative arguments, so
# that it does not read the future. In general a kernel can be any function. Convolution commutes:
# $x * w = w * x$.

# %%
time = np.arange(200)
true = np.sin(time / 40)
x = true + rng.normal(0, 0.2, 200)
w = 0.7 ** np.arange(8)
w /= w.sum()
s = np.convolve(x, w)
assert len(s) == len(x) + len(w) - 1
assert np.allclose(s, np.convolve(w, x))
noise = np.std(x - true), np.std(s[8:200] - true[8:])
assert noise[1] < noise[0] / 1.5
fig, ax = plt.subplots(figsize=(6.4, 2.4))
ax.plot(time, x, ".", ms=3, label=f"readings, error {noise[0]:.2f}")
ax.plot(time, s[:200], label=f"convolved, error {noise[1]:.2f}")
ax.set(xlabel="time", ylabel="position")
ax.legend()
figure(
    fig,
    "Noisy readings of a sine, and their convolution with 8 falling weights, which is far less "
    "noisy",
)

# %% [markdown]
# In two dimensions $S(i,j) = \sum_m \sum_n I(i-m,\, j-n)\, K(m,n)$: the convolution *flips* the
# kernel. Network libraries omit the flip and compute the **cross-correlation**
#
# $$S(i,j) = \sum_m \sum_n I(i+m,\, j+n)\, K(m,n)$$
#
# which they call convolution. It does not commute. For a learned kernel the flip makes no
# difference.

# %%
image, kernel = rng.normal(size=(7, 9)), rng.normal(size=(3, 3))
ours = conv2d(image, kernel)
assert np.allclose(ours, correlate2d(image, kernel, "valid"), atol=1e-5)
assert not np.allclose(ours, convolve2d(image, kernel, "valid"), atol=1e-2)
assert np.allclose(ours, convolve2d(image, kernel[::-1, ::-1], "valid"), atol=1e-5)

# %% [markdown]
# ## Convolution as a matrix
#
# Convolution is linear, so it is a matrix product. In one dimension each row of the matrix is the
# row above, shifted by one place: a **Toeplitz** matrix. Padded with zeros to length
# $L = M + N - 1$, it becomes a **circulant** matrix, whose first column is the padded kernel:
#
# $$s = W x_p, \qquad W_{ij} = w_p\big((i - j) \bmod L\big)$$

# %%
x, w = rng.normal(size=6), np.array([1.0, 2.0, 3.0])
size = len(x) + len(w) - 1
padded_x, padded_w = np.pad(x, (0, size - 6)), np.pad(w, (0, size - 3))
assert np.allclose(circulant(padded_w) @ padded_x, np.convolve(x, w))
narrow = toeplitz(np.pad(w[-1:], (0, 3)), np.pad(w[::-1], (0, 3)))  # 'valid': 6 inputs, 4 outputs
assert np.allclose(narrow @ x, np.convolve(x, w, "valid"))
narrow.astype(int)

# %% [markdown]
# In two dimensions we read the image row by row into one long vector. Each row $m$ of the padded
# kernel gives a circulant matrix $G_m$, and these matrices form a circulant pattern: the matrix is
# **doubly block circulant**.
#
# $$h = \begin{bmatrix} G_1 & G_M & \cdots & G_2 \\ G_2 & G_1 & \cdots & G_3 \\
# \vdots & & \ddots & \vdots \\ G_M & G_{M-1} & \cdots & G_1 \end{bmatrix} f_p$$

# %%
image, kernel = rng.normal(size=(5, 6)), np.arange(1.0, 7).reshape(2, 3)
rows, cols = np.add(image.shape, kernel.shape) - 1
padded = np.pad(kernel, [(0, rows - 2), (0, cols - 3)])
g = [circulant(row) for row in padded]
doubly = np.block([[g[(i - j) % rows] for j in range(rows)] for i in range(rows)])
vector = np.pad(image, [(0, rows - 5), (0, cols - 6)]).ravel()
assert np.allclose((doubly @ vector).reshape(rows, cols), convolve2d(image, kernel))
share = np.mean(doubly != 0)
assert share == kernel.size / doubly.shape[0]  # nearly all of it is zero

fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.1))
for ax, matrix, title in zip(
    axes,
    (circulant(padded_w), doubly),
    ("one dimension: circulant", "two: doubly block circulant"),
    strict=True,
):
    ax.imshow(np.where(matrix, matrix, np.nan), cmap="viridis")
    ax.set(title=title, xlabel="input", ylabel="output")
    ax.grid(False)
figure(
    fig,
    "Left: a circulant matrix with three diagonals. Right: a 48 x 48 matrix of circulant "
    "blocks, which themselves lie on two diagonals",
)

# %% [markdown]
# ## Several channels
#
# A layer has many kernels, and each reads all input channels. With the channels last, as everywhere
# in this library:
#
# $$Z_{j,k,i} = \sum_{m,n,l} V_{j+m,\,k+n,\,l}\, K_{m,n,l,i}$$

# %%
v, k = np.float32(rng.normal(size=(1, 6, 7, 4))), np.float32(rng.normal(size=(3, 3, 4, 5)))
windows = np.lib.stride_tricks.sliding_window_view(v[0], (3, 3), axis=(0, 1))
z = np.einsum("jklmn,mnli->jki", windows, k)
assert np.allclose(conv_model(k)(v)[0], z, atol=1e-4)
assert z.shape == (4, 5, 5)

# %% [markdown]
# ## A kernel is a filter: Sobel's edges
#
# $$K_x = \begin{bmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{bmatrix}, \qquad
# K_y = \begin{bmatrix} 1 & 2 & 1 \\ 0 & 0 & 0 \\ -1 & -2 & -1 \end{bmatrix}$$
#
# $K_x$ is a difference along the row, so it responds to vertical edges. $K_y$ responds to
# horizontal ones. A network learns such kernels; nobody designs them.

# %%
sobel_x = np.outer([1, 2, 1], [-1, 0, 1])
sobel_y = np.outer([1, 0, -1], [1, 2, 1])
bar = np.zeros((9, 9))
bar[:, 4:] = 1  # a vertical edge
assert np.abs(conv2d(bar, sobel_x)).max() == 4
assert np.abs(conv2d(bar, sobel_y)).max() == 0
fig, axes = plt.subplots(1, 3, figsize=(6.4, 1.8))
shown = grey, np.abs(conv2d(grey, sobel_x)), np.abs(conv2d(grey, sobel_y))
titles = "photo", "$K_x$: vertical edges", "$K_y$: horizontal"
for ax, part, title in zip(axes, shown, titles, strict=True):
    ax.imshow(part, cmap="gray")
    ax.set_title(title)
    ax.axis("off")
figure(
    fig,
    "A photo of a temple; its vertical edges, which show the pillars; its horizontal edges, "
    "which show the roofs",
)

# %% [markdown]
# ## Padding: valid, same, full
#
# | | zeros on each side | width after one layer | after $n$ layers |
# | --- | --- | --- | --- |
# | valid | 0 | $m - (k - 1)$ | $m - n(k-1)$ |
# | same | $(k - 1)/2$ | $m$ | $m$ |
# | full | $k - 1$ | $m + (k - 1)$ | $m + n(k-1)$ |
#
# With *valid* padding the map shrinks until nothing is left, so the network must be shallow or its
# kernels small. With *same* it can be as deep as you like, but fewer outputs read a pixel at the
# border than one in the middle. With *full* every pixel is read $k^2$ times, but the outputs at the
# border get less information.

# %%
m, k, depth = 12, 5, 2
modes = {"valid": 0, "same": (k - 1) // 2, "full": k - 1}
fig, ax = plt.subplots(figsize=(6.4, 2.6))
for mode, p in modes.items():
    i = keras.Input((m, m, 1))
    y = i
    for _ in range(depth):
        y = blocks.conv(y, 1, k, p=p)
    assert y.shape[1] == m + depth * (2 * p - (k - 1))
    read = correlate2d(np.ones((1, m + 2 * p - k + 1)), np.ones((1, k)), "full")[0, p : p + m]
    ax.plot(np.arange(m), read, "o-", label=f"{mode}: {m + 2 * p - k + 1} outputs")
    assert read[m // 2] == k
    assert read[0] == 1 + p
ax.set(xlabel="input position", ylabel="outputs that read it", ylim=(0, 5.5))
ax.legend()
figure(
    fig,
    "How many outputs read each of 12 inputs, for a kernel of width 5: 5 everywhere with full "
    "padding; at the ends 3 with same and 1 with valid",
)

# %% [markdown]
# ## Stride
#
# $$Z_{j,k,i} = \sum_{m,n,l} V_{js+m,\,ks+n,\,l}\, K_{m,n,l,i}, \qquad
# \text{width } \left\lfloor \frac{W + 2p - k}{s} \right\rfloor + 1$$
#
# A convolution with stride $s$ is one with stride 1 that keeps only every $s$-th output, at $1/s^2$
# of the cost. The skipped outputs are lost. TensorFlow's *same* gives $\lceil W/s \rceil$.

# %%
every = conv2d(grey, kernel := rng.normal(size=(3, 3)))
assert np.allclose(conv2d(grey, kernel, s=2), every[::2, ::2], atol=1e-5)
for size in range(5, 16):
    i = keras.Input((size, size, 1))
    for k, s, p in [(3, 2, 0), (3, 2, 1), (5, 3, 2), (2, 2, 0), (4, 3, 1)]:
        assert blocks.conv(i, 1, k, s, p=p).shape[1] == (size + 2 * p - k) // s + 1
        assert blocks.conv(i, 1, k, s, p="same").shape[1] == -(-size // s)

# %% [markdown]
# *Same* has a trap. With stride 2 on a map of even size, one row of padding is enough. TensorFlow
# puts it on the far side; Caffe and Torch pad one on each side. The sizes agree but the windows do
# not, so run published weights with the padding they were trained with (`p="same"` or `p=1`).

# %%
ones = np.ones((8, 8))
near, far = conv2d(ones, np.ones((3, 3)), s=2, p=1), conv2d(ones, np.ones((3, 3)), s=2, p="same")
assert near.shape == far.shape == (4, 4)
assert list(near[1]) == [6, 9, 9, 9]
assert list(far[1]) == [9, 9, 9, 6]

# %% [markdown]
# ## The gradient
#
# With $G = \partial J / \partial Z$ from the layers above,
#
# $$\frac{\partial J}{\partial K_{m,n,l,i}} = \sum_{j,k} G_{j,k,i}\, V_{js+m,\,ks+n,\,l}, \qquad
# \frac{\partial J}{\partial V_{a,b,l}} = \sum_{\substack{j,m:\\ js+m=a}}
# \sum_{\substack{k,n:\\ ks+n=b}} \sum_i G_{j,k,i}\, K_{m,n,l,i}$$
#
# The first is a convolution of $V$ by $G$ (dilated by $s$). The second is the product with the
# transposed matrix of the layer. This gives the upsampling layer its name, *transposed
# convolution*.

# %%
s, v, k = 2, rng.normal(size=(1, 9, 9, 3)), rng.normal(size=(3, 3, 3, 4))
v, k = tf.Variable(v, dtype="float32"), tf.Variable(k, dtype="float32")
with tf.GradientTape() as tape:
    z = ops.conv(v, k, strides=s, padding="valid")
    g = tf.constant(rng.normal(size=z.shape), "float32")
    loss = ops.sum(z * g)  # so that G = g
by_k, by_v = tape.gradient(loss, [k, v])

mine_k, mine_v = np.zeros(k.shape), np.zeros(v.shape)
for m in range(3):
    for n in range(3):
        there = np.s_[0, m : m + 2 * 4 : s, n : n + 2 * 4 : s]  # the pixels that meet K[m, n]
        mine_k[m, n] = np.einsum("jki,jkl->li", g[0], v.numpy()[there])
        mine_v[there] += np.einsum("jki,li->jkl", g[0], k[m, n])
assert np.allclose(by_k, mine_k, atol=1e-4)
assert np.allclose(by_v, mine_v, atol=1e-4)
assert np.allclose(by_v, ops.conv_transpose(g, k, s, "valid"), atol=1e-4)

# %% [markdown]
# ## What it costs
#
# | | weights | multiply-adds |
# | --- | --- | --- |
# | convolution | $k^2 C_I C_O$ | $k^2 C_I C_O\, W_O H_O$ |
# | fully connected | $C_I W_I H_I\, C_O W_O H_O$ | the same |
# | pooling | 0 | 0 ($C_I W_O H_O$ maxima or means, which are cheap) |
#
# For the same input and output a dense layer has $\frac{W_I H_I W_O H_O}{k^2}$ times the weights
# and $\frac{W_I H_I}{k^2}$ times the multiply-adds. For 32 x 32 and a 2x2 kernel these are 246,016
# and 256.

# %%
i = keras.Input((32, 32, 1))
costs = {
    "convolution": measure(keras.Model(i, blocks.conv(i, 1, 2, p="valid"))),
    "dense": measure(keras.Model(i, blocks.dense(layers.Flatten()(i), 31 * 31))),
    "pooling": measure(keras.Model(i, blocks.maxpool(i, 2, 1, p="valid"))),
}
conv, dense = costs["convolution"], costs["dense"]
assert (conv.weights, conv.macs) == (2 * 2, 2 * 2 * 31 * 31)
assert dense.weights == 246_016 * conv.weights
assert dense.macs == 256 * conv.macs
assert costs["pooling"].macs == 0
grid(["layer", "weights", "multiply-adds"], [[key, m.weights, m.macs] for key, m in costs.items()])

# %% [markdown]
# That is why dense layers hold most of VGG's weights: its first dense layer has $25088 \times 4096$
# weights, 44 times as many as its last convolution. Global mean pooling (Network in Network) needs
# none and takes maps of any size. A dense layer on a map *is* a convolution whose kernel is as
# large as the map (`blocks.dense_as_conv`), and that convolution also slides; the notebook on
# applications uses this.

# %%
assert 43 < 7 * 7 * 512 * 4096 / (3 * 3 * 512 * 512) < 44
i = keras.Input((7, 7, 8))
fully = layers.Dense(5)
flat = keras.Model(i, fully(layers.Flatten()(i)))
slid = keras.Model(i, blocks.dense_as_conv(i, 5, k=7, a=None, weights=fully.get_weights()))
x = np.float32(rng.normal(size=(2, 7, 7, 8)))
assert np.allclose(flat(x), slid(x)[:, 0, 0], atol=1e-5)

# %% [markdown]
# ## What it sees: the receptive field
#
# We compute it layer by layer, multiplying up the strides:
#
# $$r_l = r_{l-1} + (k_l - 1)\, d_l \prod_{i<l} s_i$$
#
# An output of the first layer sees little, and an output of a deep layer sees nearly everything.
# `measure` computes the field from the graph; the gradient of one output with respect to the input
# shows it.


# %%
def seen(model):
    """How much each pixel of the middle row changes the middle output when all kernels are ones."""
    model.set_weights([np.ones(w.shape) / w.shape[0] for w in model.get_weights()])
    x = tf.Variable(np.ones((1, *model.input_shape[1:]), "float32"))
    with tf.GradientTape() as tape:
        y = model(x)
        y = y[0, y.shape[1] // 2, y.shape[2] // 2, 0]
    gradient = tape.gradient(y, x)[0, :, :, 0].numpy()
    return gradient[gradient.sum(1).argmax()]


i, rows = keras.Input((65, 65, 1)), []
y, r, step = i, 1, 1
for k, s, d in [(3, 1, 1), (3, 2, 1), (5, 1, 1), (3, 2, 1), (3, 1, 2)]:
    y = blocks.conv(y, 1, k, s, d=d, p=d * (k - 1) // 2, a=None, bias=False)
    r, step = r + (k - 1) * d * step, step * s
    model = keras.Model(i, y)
    assert measure(model).receptive_field == r == np.count_nonzero(seen(model))
    rows.append([f"{k}x{k}, stride {s}, dilation {d}", r, step])
grid(["layer", "sees", "pixels from one output to the next"], rows)

# %% [markdown]
# An output depends far less on the border of its field than on the middle. In a stack of $n$
# averaging 3x3 layers the influence is a sum of $n$ independent steps. So it is nearly Gaussian,
# with a deviation of $\sqrt{2n/3}$: the **effective** receptive field grows as $\sqrt n$, while the
# formula's grows as $n$.

# %%
influence, depths, wide = np.ones(1), np.arange(1, 41), []
for n in depths:
    influence = np.convolve(influence, np.ones(3) / 3)
    at = np.arange(len(influence)) - n
    deviation = np.sqrt((influence * at**2).sum())
    assert np.isclose(deviation, np.sqrt(2 * n / 3))
    wide.append(4 * deviation)  # holds 95 %
fig, axes = plt.subplots(1, 2)
axes[0].fill_between(at, influence, alpha=0.4)
axes[0].set(title="40 layers of 3x3", xlabel="pixel", ylabel="influence on the output")
axes[1].plot(depths, 2 * depths + 1, label="receptive field")
axes[1].plot(depths, wide, label="95 % of the influence")
axes[1].set(xlabel="layers", ylabel="pixels")
axes[1].legend()
figure(
    fig,
    "Left: the influence of the pixels forms a bell far narrower than the receptive field of 81 "
    "pixels. Right: the receptive field grows with the depth, the part that holds 95 % of the "
    "influence only with its square root",
)

# %% [markdown]
# ## Why convolve: sparse interaction and sharing
#
# Each output reads $k$ inputs (sparse interaction), with the same $k$ weights at all positions
# (parameter sharing). A locally connected layer has only the first property, a dense layer has
# neither.

# %%
i = keras.Input((32, 32, 3))
nets = {
    "dense": blocks.dense(layers.Flatten()(i), 30 * 30 * 8),
    "locally connected": blocks.local_conv(i, 8, k=3),
    "convolution": blocks.conv(i, 8, 3, p="valid"),
}
counts = {key: measure(keras.Model(i, y)) for key, y in nets.items()}
assert counts["locally connected"].macs == counts["convolution"].macs
assert counts["locally connected"].weights == 30 * 30 * counts["convolution"].weights
assert counts["dense"].macs == counts["dense"].weights
grid(
    ["30 x 30 x 8 outputs from 32 x 32 x 3", "connections", "weights", "uses of each weight"],
    [[key, m.macs, m.weights, m.macs // m.weights] for key, m in counts.items()],
)

# %% [markdown]
# ## Equivariance, and its limits
#
# Because the kernel is the same everywhere, moving the input moves the output: $f(g(x)) = g(f(x))$
# for each shift $g$. This has three limits: it fails where the zeros of the border enter; with
# stride 2 only even shifts pass; and a rotation or a change of scale is not a shift. (A rotated
# input under the *rotated* kernel does give the rotated output. The section on rotation uses that.)


# %%
def differs(g, f):
    """The difference of f(g(x)) and g(f(x)) away from the border, in standard deviations of f."""
    a, b = f(g(grey)), g(f(grey))
    return float(np.abs(a - b)[12:-12, 12:-12].mean() / f(grey).std())


def shift(by):
    return lambda x: np.roll(x, by, axis=1)


def twice(x):
    return np.repeat(np.repeat(x, 2, 0), 2, 1)


f = partial(conv2d, kernel=kernel, p=1)
strided = partial(conv2d, kernel=kernel, s=2, p=1)
found = {
    "shift by 3": differs(shift(3), f),
    "shift by 2, stride 2": float(
        np.abs(strided(shift(2)(grey)) - shift(1)(strided(grey)))[4:-4, 4:-4].max()
    ),
    "shift by 1, stride 2": float(
        np.abs(strided(shift(1)(grey)) - shift(1)(strided(grey)))[4:-4, 4:-4].mean()
    ),
    "rotation by 90 degrees": differs(np.rot90, f),
    "enlarged twice": differs(twice, f),
}
turned = conv2d(np.rot90(grey), np.rot90(kernel), p=1)
assert np.allclose(turned, np.rot90(f(grey)), atol=1e-4)
assert found["shift by 3"] < 1e-6 > found["shift by 2, stride 2"]
assert all(
    v > 0.02 for key, v in found.items() if key not in ("shift by 3", "shift by 2, stride 2")
)
edge = np.abs(f(shift(3)(grey)) - shift(3)(f(grey)))
assert edge[:, :5].max() > 0.1 > 1e-4 > edge[1:-1, 5:-1].max()  # only where the border comes in
grid(["g", "f(g(x)) differs from g(f(x)) by"], found.items())

# %% [markdown]
# ## Pooling: nearly invariant to small shifts
#
# A pool summarizes a window by its maximum, its mean, its $L^2$ norm, or a mean weighted by the
# distance from the middle. It has no weights, and gives $\lfloor (N-W)/S \rfloor + 1$ outputs for
# $N$ inputs with width $W$ and stride $S$. The maximum does not depend on its position in the
# window. Before the first run we predicted: when the digits move by one pixel, fewer than half as
# many non-blank values stay exactly equal under a 3x3 mean as under a 3x3 maximum.

# %%
x = digits(16)[2]
i = keras.Input((16, 16, 1))
pools = {"input": i, "3x3 max": blocks.maxpool(i, 3, 1), "3x3 mean": blocks.avgpool(i, 3, 1)}
same = {}
for key, y in pools.items():
    net = keras.Model(i, y)
    before, after = (np.array(net(v))[:, 1:-1, 2:-1] for v in (x, np.roll(x, 1, axis=2)))
    blank = (before < 1e-6) & (after < 1e-6)
    same[key] = 100 * float(np.mean(np.isclose(before, after, atol=1e-6)[~blank]))
assert same["3x3 max"] > 2 * same["3x3 mean"]
assert blocks.maxpool(keras.Input((6, 6, 1)), 3, 2, p="valid").shape[1] == (6 - 3) // 2 + 1 == 2
grid(["", "values that a shift of one pixel leaves unchanged, %"], same.items())

# %% [markdown]
# A mean changes only a little, but it does change: it is as equivariant as any convolution, and its
# smoothness is its only invariance. Invariance helps when it matters *whether* a feature is there.
# It hurts when it matters *where*: after global max pooling nothing distinguishes left from right.

# %%
left, right = np.zeros((2, 1, 9, 9, 1), "float32")
left[0, 4, 1], right[0, 4, 7] = 1, 1
i = keras.Input((9, 9, 1))
net = keras.Model(i, layers.GlobalMaxPooling2D()(blocks.conv(i, 16, 3)))
assert np.allclose(net(left), net(right))

# %% [markdown]
# ## Learned invariance: rotation
#
# A maximum over *positions* is invariant to shifts. A maximum over *channels* is invariant to
# whatever distinguishes the kernels of the channels. Take four copies of one kernel, each turned by
# another 90 degrees, and a maximum over them and over all positions: an exact rotation detector.

# %%
kernel = np.float32(rng.normal(size=(3, 3)))
turns = np.stack([np.rot90(kernel, r) for r in range(4)], axis=-1)[:, :, None]
detector = conv_model(turns)
answers = [float(ops.max(detector(np.rot90(grey, r)[None, ..., None].copy()))) for r in range(4)]
alone = [float(conv2d(np.rot90(grey, r), kernel).max()) for r in range(4)]
assert np.ptp(answers) < 1e-5 < 0.01 < np.ptp(alone)

# %% [markdown]
# A network can also learn it. Ours has 8x8 kernels and takes the maximum of their outputs
# (`blocks.maxout` is this unit). It must distinguish fives from other digits, each turned by 0, 90,
# 180 and 270 degrees; nothing tells it which kernel is for which turn. Training: Adam at 0.01, 60
# epochs, batch size 64, seed 0. Before the first run we predicted: with four kernels the test
# accuracy is at least 10 points above that of one kernel; and each turn has a kernel that wins most
# often (gives the maximum): over the four turns there are at least three different ones.


# %%
def fives(x, y, seed):
    """As many fives as other digits in four turns -> images, whether each is a five, its turn."""
    draw = np.random.default_rng(seed)
    five, other = np.flatnonzero(y == 5), np.flatnonzero(y != 5)
    pick = np.concatenate([five, draw.choice(other, len(five), replace=False)])
    x = np.concatenate([np.rot90(x[pick], r, axes=(1, 2)) for r in range(4)])
    return x, np.tile(y[pick] == 5, 4).astype("float32"), np.repeat(np.arange(4), len(pick))


x, y, test_x, test_y = digits(8)
x, y, _ = fives(x, y, 0)
test_x, test_y, turn = fives(test_x, test_y, 1)
accuracy = {}
for c in (1, 4):
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 1))
    each = layers.Flatten()(blocks.conv(i, c, 8, p="valid", a=None))
    net = keras.Model(i, ops.sigmoid(ops.max(each, axis=-1, keepdims=True)))
    history = learn(
        net, (x, y, test_x, test_y), 60, optimizer=keras.optimizers.Adam(0.01),
        loss="binary_crossentropy",
    )  # fmt: skip
    accuracy[c] = history["val_accuracy"][-1]
winners = np.array(keras.Model(i, each)(test_x)).argmax(-1)
shares = np.array(
    [[np.mean(winners[(test_y == 1) & (turn == r)] == j) for j in range(4)] for r in range(4)]
)
fig, axes = plt.subplots(1, 4, figsize=(6.4, 2))
for j, ax in enumerate(axes):
    ax.imshow(net.get_weights()[0][:, :, 0, j], cmap="gray")
    ax.set_title(f"kernel {j}")
    ax.axis("off")
figure(
    fig,
    "The four learned 8x8 kernels: kernels 0 and 3 are dark at the upper right and lower left, "
    "kernel 1 at the two other corners; kernel 2 looks like noise",
)

# %% [markdown]
# The first half holds. The second half is not reproduced: there are only two such kernels. Kernel 1
# responds to the fives that lie on either side. Kernels 0 and 3, which are very similar, respond to
# the upright and upside-down ones. A five turned by 180 degrees looks much like a five, so two
# kernels are enough.

# %%
assert accuracy[4] > accuracy[1] + 0.1
assert shares[0] @ shares[1] < 0.2  # upright and lying fives have different winners
assert shares[1] @ shares[3] > 0.6  # lying on either side, the same
five = x[:145][y[:145] == 1].mean(axis=0)[..., 0]
alike = [float(np.corrcoef(five.ravel(), np.rot90(five, r).ravel())[0, 1]) for r in range(4)]
assert alike[2] > max(alike[1], alike[3]) + 0.2
rows = [[f"{r * 90} degrees", *(100 * shares[r]).tolist(), alike[r]] for r in range(4)]
one, four = (f"{100 * accuracy[c]:.1f} %" for c in (1, 4))
print(f"test accuracy: {one} with one kernel, {four} with four")
grid(
    [
        "fives turned by",
        *(f"kernel {j} wins, %" for j in range(4)),
        "similarity to an upright five",
    ],
    rows,
)

# %% [markdown]
# ## Convolution as a strong prior
#
# A convolution is a dense layer with an infinitely strong prior: the weights are equal at all
# positions, and zero outside the window. A prior helps where it is true. A fixed permutation of the
# pixels destroys what the prior assumes: this should not affect a dense network, but it should hurt
# a convolutional one. On the first 300 training digits we train a network of two 3x3 convolutions
# and one with a hidden layer: Adam at 0.003, 30 epochs, means of seeds 0 and 1. Before the first
# run we predicted: on true images the convolutional network is more accurate than the dense one; on
# permuted images it loses at least 3 points, and the dense one loses less than 3.

# %%
x, y, test_x, test_y = digits(8)
order = np.random.default_rng(0).permutation(64)


def permuted(x):
    return x.reshape(-1, 64)[:, order].reshape(-1, 8, 8, 1)


def convolutional(i):
    y = blocks.conv(blocks.maxpool(blocks.conv(i, 16, 3)), 32, 3)
    return blocks.dense(layers.Flatten()(y), 10, a=None)


def connected(i):
    return blocks.dense(blocks.dense(layers.Flatten()(i), 64), 10, a=None)


scores = {}
for key, body in {"convolutional": convolutional, "dense": connected}.items():
    for kind, change in {"true": np.asarray, "permuted": permuted}.items():
        for seed in (0, 1):
            keras.utils.set_random_seed(seed)
            i = keras.Input((8, 8, 1))
            net = keras.Model(i, body(i))
            data = change(x[:300]), y[:300], change(test_x), test_y
            found = learn(net, data, 30, rate=0.003)["val_accuracy"][-1]
            scores.setdefault((key, kind), []).append(found)
mean = {key: float(np.mean(v)) for key, v in scores.items()}
lost = {k: mean[k, "true"] - mean[k, "permuted"] for k in ("convolutional", "dense")}
assert 0 < lost["convolutional"] < 0.06  # 2.9 points in the run shown, not the predicted 3
assert lost["convolutional"] > lost["dense"]
assert abs(lost["dense"]) < 0.03
rows = [[*key, f"{100 * v:.2f}"] for key, v in mean.items()]
grid(["network", "pixels", "test accuracy, %"], rows)

# %% [markdown]
# Two of the three predictions held. The convolutional network lost 2.9 points, not 3: on 8 x 8
# pixels its last layer, which reads the whole map, can undo much of the permutation. In these runs
# the ranking still holds: true pixels favour the convolution, permuted ones the dense network. A
# dense network with equally permuted weights is exactly unaffected:

# %%
wide, narrow = rng.normal(size=(64, 5)), rng.normal(size=(7, 64))
assert np.allclose(narrow[:, order] @ wide[order], narrow @ wide)

# %% [markdown]
# ## The layers between: activations
#
# Older texts call convolution, activation and pooling the three stages of one layer; today each is
# a layer. Without something nonlinear between them, a stack of convolutions is one convolution, and
# depth adds nothing. The derivative of $\sigma(x) = 1/(1 + e^{-x})$ is at most $1/4$, and near zero
# far from the middle. That of tanh is at most 1. That of relu, $\max(x, 0)$, is exactly 1 where
# relu is active; leaky relu, $\max(x, ax)$, has a small slope where relu has none. Three variants
# differ in where $a$ comes from. In leaky relu it is fixed. PReLU
# ([arXiv:1502.01852](https://arxiv.org/abs/1502.01852)) learns one for each channel or one for all.
# RReLU ([arXiv:1505.00853](https://arxiv.org/abs/1505.00853)) draws it at random for each unit and
# step, uniformly between two bounds, and uses their mean at inference: noise that regularizes.
# (Softmax, $e^{x_i} / \sum_j e^{x_j}$, turns the last layer's scores into a distribution.) Here is
# their effect on the gradient on its way through 20 layers:

# %%
at = tf.Variable(np.linspace(-5, 5, 201), dtype="float32")
kinds = ("sigmoid", "tanh", "relu", "leaky_relu")
fig, axes = plt.subplots(1, 2)
norms = {}
image = np.float32(rng.normal(size=(4, 12, 12, 8)))
for a in kinds:
    with tf.GradientTape() as tape:
        y = keras.activations.get(a)(at)
    axes[0].plot(at, tape.gradient(y, at), label=a)
    keras.utils.set_random_seed(0)
    i = y = keras.Input((12, 12, 8))
    for _ in range(20):
        y = blocks.conv(y, 8, 3, a=a, init="he_uniform")
    net = keras.Model(i, y)
    with tf.GradientTape() as tape:
        loss = ops.sum(net(image))
    gradients = tape.gradient(loss, [v for v in net.trainable_variables if len(v.shape) == 4])
    norms[a] = np.array([np.linalg.norm(v) for v in gradients])
    axes[1].semilogy(np.arange(1, 21), norms[a] / norms[a][-1])
axes[0].set(title="derivative", xlabel="x", ylim=(-0.05, 1.6))
axes[0].legend(ncols=2, loc="upper center")
axes[1].set(
    title="gradient of a layer / of the last layer", xlabel="layer", xticks=(1, 5, 10, 15, 20)
)
assert norms["sigmoid"][0] < 1e-6 * norms["sigmoid"][-1]
assert norms["relu"][0] > 1e-2 * norms["relu"][-1]
x = np.float32([2.0, 1.0, -1.0])
assert np.allclose(ops.softmax(x), np.exp(x) / np.exp(x).sum())
figure(
    fig,
    "Left: the derivatives; sigmoid's never exceeds a quarter. Right: the gradients of 20 "
    "layers; with sigmoid they fall by many orders of magnitude towards the first layer, with "
    "relu they do not",
)

# %%
i = keras.Input((9, 9, 1))
linear = blocks.conv(blocks.conv(i, 4, 3, p="valid", a=None, bias=False), 1, 3, p="valid", a=None)
first, second = (w for w in keras.Model(i, linear).get_weights() if w.ndim == 4)
one = sum(convolve2d(first[:, :, 0, c], second[:, :, c, 0]) for c in range(4))  # 5x5
x = np.float32(rng.normal(size=(9, 9)))
assert np.allclose(keras.Model(i, linear)(x[None, ..., None])[0, ..., 0], conv2d(x, one), atol=1e-5)

# %% [markdown]
# ## Dropout, scaled in training or after it
#
# With mask $m_i \in \{0, 1\}$ and probability $q$ to *keep* a unit:
#
# | | training | test |
# | --- | --- | --- |
# | as published | $m_i x_i$ | $q\, x_i$ |
# | inverted | $m_i x_i / q$ | $x_i$ |
#
# Why does it help? Each step trains another part of the network, so that the whole is like a mean
# of many networks, and no unit can rely on particular others.
#
# Both have the same expectation in training and test. The inverted form is the common one: it needs
# no change to the network at test time. Keras takes the rate $1 - q$ to *drop*. The agreement is
# exact for anything linear in the units; a nonlinear layer after the dropout makes it an
# approximation.

# %%
q, x = 0.8, np.float32(rng.normal(size=50))
masks = rng.random((20_000, 50)) < q
assert np.allclose((masks * x).mean(axis=0), q * x, atol=0.05)
assert np.allclose((masks * x / q).mean(axis=0), x, atol=0.05)
drop = layers.Dropout(1 - q, seed=0)
once = np.array(drop(x, training=True))
assert np.allclose(once[once != 0], x[once != 0] / q)
assert np.array_equal(drop(x, training=False), x)
w = rng.normal(size=50)
after = np.maximum((masks * x / q) @ w, 0).mean(), max(x @ w, 0)
print(
    f"a relu unit after dropout: {after[0]:.2f} on average in training, {after[1]:.2f} at test time"
)

# %% [markdown]
# ## Batch norm, and small batches
#
# For each channel, with mean $\mu$ and variance $\sigma^2$ over the batch and all positions
#
# $$y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
#
# At inference, running means replace $\mu$ and $\sigma^2$. So in training the output for one image
# depends on the other images of its batch, and the fewer they are, the more strongly. Group norm
# takes both over some channels of a single image: it needs no batch and no running means, and does
# the same in training and at inference.

# %%
x = rng.normal(2, 3, size=(16, 6, 6, 8)).astype("float32")
i = keras.Input((6, 6, 8))
batch = keras.Model(i, blocks.norm(i, blocks.BN))
group = keras.Model(i, blocks.norm(i, {"groups": 4}))
mu, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
assert np.allclose(batch(x, training=True), (x - mu) / np.sqrt(var + 1e-5), atol=1e-4)
parts = x.reshape(16, 36, 4, 2)
mu, var = parts.mean(axis=(1, 3), keepdims=True), parts.var(axis=(1, 3), keepdims=True)
assert np.allclose(group(x), ((parts - mu) / np.sqrt(var + 1e-3)).reshape(x.shape), atol=1e-4)


def moved(net, n):
    """How much the output for image 0 depends on the n - 1 other images of its batch."""
    others = [rng.integers(1, 1437, n - 1) for _ in range(40)]
    images = [np.concatenate([maps[:1], maps[pick]]) for pick in others]
    return float(np.std([net(part, training=True)[0] for part in images], axis=0).mean())


maps = np.repeat(digits(6)[0], 8, axis=-1) * np.linspace(0.5, 1.5, 8, dtype="float32")
sizes = (2, 4, 8, 16, 32, 64)
depends = {"batch norm": [moved(batch, n) for n in sizes], "group norm": [moved(group, 2)]}
assert depends["batch norm"][0] > 3 * depends["batch norm"][-1]
assert depends["group norm"][0] < 1e-6
grid(["", *(f"batch of {n}" for n in sizes)], [["the output changes by", *depends["batch norm"]]])

# %% [markdown]
# Does it matter? We train a net of two 3x3 convolutions (16, and 32 with stride 2), each followed
# by the norm, and global average pooling: Adam at 0.003, seed 0; 20 epochs with batch size 64, 2
# epochs with batch size 2. Before the first run we predicted: at batch size 64 the two are within 3
# points of test accuracy, or batch norm is ahead; at batch size 2 group norm is ahead by at least 2
# points.

# %%
data, reached = digits(8), {}
for key, n in {"batch norm": blocks.BN, "group norm": {"groups": 4}}.items():
    for size, epochs in ((64, 20), (2, 2)):
        keras.utils.set_random_seed(0)
        i = keras.Input((8, 8, 1))
        y = blocks.conv(blocks.conv(i, 16, 3, n=n), 32, 3, s=2, n=n)
        net = keras.Model(i, blocks.dense(blocks.gavgpool(y), 10, a=None))
        history = learn(net, data, epochs, rate=0.003, batch=size)
        reached[key, size] = history["val_accuracy"][-1]
assert reached["batch norm", 64] > reached["group norm", 64] - 0.03
assert abs(reached["batch norm", 2] - reached["group norm", 2]) < 0.06  # neither is better
assert min(reached[key, 64] - reached[key, 2] for key in ("batch norm", "group norm")) > 0
rows = [[*key, f"{100 * v:.1f}"] for key, v in reached.items()]
grid(["norm", "batch", "test accuracy, %"], rows)

# %% [markdown]
# The first half held, the second did not: at batch size 2, batch norm was 1.4 points ahead in the
# run shown. Its means also cover positions, so even two images of 8 x 8 give 128 numbers per
# channel. The paper found group norm's advantage on ImageNet, with deep networks and long training.
# What is certain is the previous table, which shows how much an image's output depends on the rest
# of its batch.

# %% [markdown]
# ## Exercises
#
# 1. ResNet begins with a 7x7 convolution of stride 2 and padding 3 on 224 x 224, and a 3x3 max pool
#    of stride 2 and padding 1. How large is the resulting map, and how many pixels wide is its
#    receptive field?

# %% tags=["exercise"]
answer = ...  # (width of the map, pixels that one position sees)
check(answer, "8e0509a2")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((224, 224, 3))
# stem = keras.Model(i, blocks.maxpool(blocks.conv(i, 64, 7, s=2, p=3), 3, 2, p=1))
# assert stem.output_shape[1:3] == (56, 56)
# assert measure(stem).receptive_field == 1 + 6 + 2 * 2 == 11
# answer = stem.output_shape[1], measure(stem).receptive_field
# ```
# </details>
#
# 2. With stride 1, show that the gradient of a *valid* cross-correlation with respect to its input
#    is a *full* convolution of $G$ by the kernel.

# %% tags=["exercise"]
answer = ...  # width of the gradient, for G of 6 x 6 and a kernel of 3 x 3
check(answer, "2c624232")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# g, kernel = rng.normal(size=(6, 6)), rng.normal(size=(3, 3))
# back = ops.conv_transpose(
#     np.float32(g)[None, ..., None], np.float32(kernel)[..., None, None], 1, "valid"
# )
# assert np.allclose(back[0, ..., 0], convolve2d(g, kernel, "full"), atol=1e-5)
# answer = back.shape[1]
# ```
#
# Transposing the matrix turns the correlation into a convolution, and 8 x 8 inputs gave 6 x 6
# outputs.
# </details>
#
# 3. For which 3x3 kernels is convolution equivariant to rotations by 90 degrees?

# %% tags=["exercise"]
answer = ...  # free numbers of the nine
check(answer, "4e074085")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# a, b, c = rng.normal(size=3)
# kernel = np.array([[a, b, a], [b, c, b], [a, b, a]])
# assert np.array_equal(np.rot90(kernel), kernel)
# assert np.allclose(conv2d(np.rot90(grey), kernel), np.rot90(conv2d(grey, kernel)), atol=1e-5)
# answer = len(np.unique(kernel))
# ```
#
# For those that stay the same when rotated: three free numbers out of nine.
# </details>
#
# 4. Take five 3x3 layers with a 2x2/2 pool after each of the first three. Which dilations reach the
#    same receptive field without a pool?

# %% tags=["exercise"]
answer = ...  # pixels seen with (pools, dilations 1, 2, 4, 8, 8)
check(answer, "c8677c5d")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = y = keras.Input((64, 64, 1))
# for layer in range(5):
#     y = blocks.conv(y, 1, 3)
#     y = blocks.maxpool(y) if layer < 3 else y
# pooled = measure(keras.Model(i, y)).receptive_field
# wide = measure(keras.Model(i, blocks.dilated_stack(i, 1, d=(1, 2, 4, 8, 8)))).receptive_field
# assert pooled == 54 and wide == 47  # a pool of 2 adds a pixel of its own at each scale: 7
# answer = pooled, wide
# ```
# </details>
#
# ## Read more
#
# - I. Goodfellow, Y. Bengio, A. Courville: *Deep Learning*, MIT Press 2016, chapter 9
# - V. Dumoulin, F. Visin: *A guide to convolution arithmetic for deep learning*,
#   [arXiv:1603.07285](https://arxiv.org/abs/1603.07285)
# - W. Luo and others: *Understanding the Effective Receptive Field in Deep Convolutional Neural
#   Networks*, [arXiv:1701.04128](https://arxiv.org/abs/1701.04128)
# - R. Zhang: *Making Convolutional Networks Shift-Invariant Again*,
#   [arXiv:1904.11486](https://arxiv.org/abs/1904.11486)
# - N. Srivastava and others: *Dropout*, Journal of Machine Learning Research 15, 2014
# - S. Ioffe, C. Szegedy: *Batch Normalization*,
#   [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - Y. Wu, K. He: *Group Normalization*, [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)
