# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Variants of convolution
#
# What can a convolution give up, and what does that save? A convolution connects nearby positions,
# shares its weights over all of them, and mixes all channels. Each variant gives up one of these,
# or gets the same at a lower cost. For each we give the equation and the block, and compute what is
# exactly true of it. The equations have the channels last: $V$ is the input, $Z$ the output, $j, k$
# the position, $l$ the input channel and $i$ the output channel.

# %%
import keras
import numpy as np
from keras import ops
from matplotlib import pyplot as plt
from scipy.signal import convolve2d, correlate2d
from sklearn.datasets import load_sample_image

from convbook import architectures, blocks
from convbook.architectures import measure
from convbook.beside import check, code, figure, grid

rng = np.random.default_rng(0)
grey = np.float32(load_sample_image("china.jpg")[60:260, 150:450]).mean(axis=-1) / 255


def built(shape, block, *letters, weights=None, **more):
    """The model of one block, its weights drawn from the normal distribution unless given."""
    i = keras.Input(shape)
    net = keras.Model(i, block(i, *letters, **more))
    drawn = [np.float32(rng.normal(size=w.shape)) for w in net.get_weights()]
    net.set_weights(drawn if weights is None else weights)
    return net


def reads(net, channel):
    """Which input channels the outputs of one channel depend on."""
    x = np.float32(rng.normal(size=(1, *net.input_shape[1:])))
    moved = np.repeat(x, x.shape[-1], axis=0)
    moved[range(len(moved)), ..., range(len(moved))] += 1
    return np.abs(net(moved) - net(x))[..., channel].max(axis=(1, 2)) > 1e-5


# %% [markdown]
# ## Local connection: a kernel for each place
#
# $$Z_{j,k,i} = \sum_{m,n,l} V_{j+m,\,k+n,\,l}\, W_{j,k,m,n,l,i}$$
#
# The connections are sparse, but the weights are not shared. This suits features that belong to a
# position, as a mouth belongs to the lower half of a face. If all kernels are equal it is a
# convolution; otherwise, moving the input does not simply move the output. Each position also has
# its own bias.

# %%
x = np.float32(rng.normal(size=(1, 8, 8, 2)))
local = built((8, 8, 2), blocks.local_conv, 3, a=None)
w, b = local.get_weights()  # (6, 6, 18, 3), (6, 6, 3)
windows = np.lib.stride_tricks.sliding_window_view(x[0], (3, 3), axis=(0, 1))
by_hand = np.einsum("jklmn,jkmnli->jki", windows, w.reshape(6, 6, 3, 3, 2, 3)) + b
assert np.allclose(local(x)[0], by_hand, atol=1e-4)

shared = built((8, 8, 2), blocks.conv, 3, p="valid", a=None)
k, c = shared.get_weights()
local.set_weights([np.tile(k.reshape(18, 3), (6, 6, 1, 1)), np.tile(c, (6, 6, 1))])
assert np.allclose(local(x), shared(x), atol=1e-4)
code(blocks.local_conv)

# %% [markdown]
# ## Tiled: kernels that take turns
#
# $$Z_{j,k,i} = \sum_{m,n,l} V_{j+m,\,k+n,\,l}\, W_{j \bmod t,\,k \bmod t,\,m,n,l,i}$$
#
# There are $t \times t$ kernels. Neighbouring positions have different kernels, and positions $t$
# apart have the same one. $t = 1$ gives a convolution; $t$ equal to the size of the output gives a
# local connection. Moving the input by $t$ moves the output by $t$ as well.

# %%
tiled = built((11, 11, 2), blocks.tiled_conv, 3, tiles=2, a=None)
x = np.float32(rng.normal(size=(1, 11, 11, 2)))
moved = np.roll(x, 2, axis=2)
assert np.allclose(tiled(moved)[:, :, 2:], tiled(x)[:, :, :-2], atol=1e-4)
moved = np.roll(x, 1, axis=2)
assert not np.allclose(tiled(moved)[:, :, 1:], tiled(x)[:, :, :-1], atol=0.1)

i = keras.Input((11, 11, 2))
weights = {t: measure(keras.Model(i, blocks.tiled_conv(i, 3, tiles=t))).trainable for t in (1, 9)}
assert weights[1] == measure(keras.Model(i, blocks.conv(i, 3, p="valid"))).trainable
assert weights[9] == measure(keras.Model(i, blocks.local_conv(i, 3))).trainable == 81 * weights[1]

# %% [markdown]
# ## Groups: not all channels
#
# The convolution splits the channels into $G$ groups, each with its own kernels. Weights and
# multiply-adds fall by the factor $G$:
#
# $$G \cdot k^2\, \frac{C_I}{G}\, \frac{C_O}{G} = \frac{1}{G}\, k^2\, C_I C_O$$
#
# AlexNet used groups to run on two GPUs. It kept nearly all of its weights, because most of them
# are in the dense layers, but its multiply-adds fell by a third.

# %%
whole, parts = (built((9, 9, 8), blocks.conv, 12, g=g, a=None) for g in (1, 4))
assert measure(parts).weights * 4 == measure(whole).weights
assert measure(parts).macs * 4 == measure(whole).macs
assert list(np.flatnonzero(reads(parts, 0))) == [0, 1]
assert list(np.flatnonzero(reads(parts, 11))) == [6, 7]

k, b = parts.get_weights()  # four convolutions side by side
x = np.float32(rng.normal(size=(1, 9, 9, 8)))
alone = [
    ops.conv(x[..., 2 * j : 2 * j + 2], k[..., 3 * j : 3 * j + 3], padding="same") for j in range(4)
]
assert np.allclose(parts(x), ops.concatenate(alone, axis=-1) + b, atol=1e-4)

# %%
nets = {g: measure(architectures.create(f"alexnet_{g}")) for g in ("grouped", "ungrouped")}
ratio = [nets["grouped"][key] / nets["ungrouped"][key] for key in ("weights", "macs")]
assert ratio[0] > 0.97
assert ratio[1] < 0.67
grid(["AlexNet", "weights", "multiply-adds"], [[k, m.weights, m.macs] for k, m in nets.items()])

# %% [markdown]
# ## Shuffled groups
#
# Groups that never mix are narrow networks side by side. Between two grouped layers,
# `channel_shuffle` distributes the channels of each group over all groups, at no cost:
#
# $$\text{channel } i \text{ of group } j \;\to\; \text{place } i\,g + j$$


# %%
def two_layers(x, shuffled, f=12, g=3):
    x = blocks.conv(x, f, 1, g=g, a=None)
    x = blocks.channel_shuffle(x, g=g) if shuffled else x
    return blocks.conv(x, f, 1, g=g, a=None)


fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.1))
for ax, shuffled in zip(axes, (False, True), strict=True):
    net = built((2, 2, 12), two_layers, shuffled)
    table = np.array([reads(net, channel) for channel in range(12)])
    assert table.all() if shuffled else table.sum() == 12 * 4
    ax.imshow(table, cmap="Greys", vmin=0, vmax=1.4)
    ax.set(title="shuffled" if shuffled else "not shuffled")
    ax.set(xlabel="input channel", ylabel="output channel", xticks=[0, 4, 8], yticks=[0, 4, 8])
order = built((1, 1, 12), blocks.channel_shuffle, g=3)(np.float32([[[range(12)]]]))
assert list(np.ravel(order)) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
figure(
    fig,
    "The input channels that each output channel of two grouped layers reads: without a shuffle "
    "only its own group, three squares on the diagonal; with a shuffle every channel",
)

# %% [markdown]
# ## Small kernels
#
# $n$ kernels of width $k'$ see as much as one of width $k$ if $k - 1 = n (k' - 1)$. Two 3x3 kernels
# have 72 % of the weights of a 5x5, five have 37 % of an 11x11, and each is followed by a relu. 3x3
# is the smallest kernel with a middle: 1x1 sees no neighbour, and 2x2 needs padding on one side.

# %%
for k, share in {5: 0.72, 7: 27 / 49, 11: 0.37}.items():
    i = keras.Input((23, 23, 16))
    large = measure(keras.Model(i, blocks.conv(i, 16, k)))
    small = measure(keras.Model(i, blocks.small_kernels(i, 16, k=k)))
    assert small.receptive_field == large.receptive_field == k
    assert round(small.weights / large.weights, 2) == round(share, 2)
code(blocks.small_kernels)

# %% [markdown]
# Without the relus a stack is one large kernel, but not an arbitrary one: two 3x3 kernels of one
# channel have 18 numbers, a 5x5 has 25.

# %%
first, second = rng.normal(size=(2, 3, 3))
one = convolve2d(first, second)
twice = correlate2d(correlate2d(grey, first, "valid"), second, "valid")
assert one.shape == (5, 5)
assert np.allclose(twice, correlate2d(grey, one, "valid"))

# %% [markdown]
# ## Asymmetric pairs
#
# A 1xk and a kx1 have $2 k C^2$ weights instead of $k^2 C^2$, a share of $2/k$, and the same
# receptive field. Inception v3's authors found that this works on maps of 12 to 20 pixels, but not
# in the first layers. With one channel and no relu in between, such a pair is a kernel of rank 1.

# %%
i = keras.Input((17, 17, 32))
for k in (3, 5, 7):
    pair = measure(keras.Model(i, blocks.asymmetric_pair(i, 32, k=k)))
    square = measure(keras.Model(i, blocks.conv(i, 32, k)))
    assert pair.weights * k == square.weights * 2
    assert pair.receptive_field == square.receptive_field == k
code(blocks.asymmetric_pair)

# %% [markdown]
# ## Several sizes at once
#
# A dog may fill the image or only a corner of it. Which kernel size is right? GoogLeNet uses 1x1,
# 3x3 and 5x5 in parallel. That is expensive, mostly because of the 5x5. So a 1x1 comes first and
# reduces the channels (see rank, below).

# %%
i = keras.Input((28, 28, 192))
sizes = {
    "multi_size": blocks.multi_size(i, 64),
    "its 5x5 alone": blocks.conv(i, 64, 5),
    "5x5 after a 1x1 to 16": blocks.conv(blocks.conv(i, 16, 1), 64, 5),
}
counts = {key: measure(keras.Model(i, y)) for key, y in sizes.items()}
share = counts["its 5x5 alone"].macs / counts["multi_size"].macs
assert share == 25 / 35
assert counts["5x5 after a 1x1 to 16"].macs < counts["its 5x5 alone"].macs / 10
rows = [[key, m.weights, m.macs] for key, m in counts.items()]
grid(["28 x 28 x 192", "weights", "multiply-adds"], rows)

# %% [markdown]
# ## 1x1
#
# A 1x1 convolution is a dense layer at each pixel, with the same weights everywhere. It mixes
# channels, increases or reduces their number, and with its relu adds a nonlinearity, all at full
# resolution.

# %%
x = np.float32(rng.normal(size=(1, 5, 5, 8)))
mix = built((5, 5, 8), blocks.conv, 3, 1)
k, b = mix.get_weights()
assert np.allclose(mix(x), np.maximum(x @ k[0, 0] + b, 0), atol=1e-5)

# %% [markdown]
# **The bottleneck** is a 1x1 to fewer channels, then the expensive $k \times k$ on these, and a 1x1
# back. With $\sqrt C$ channels in the middle and $C$ around it, the ratio of its weights to those
# of one $k \times k$ is
#
# $$\frac{2\, C^{3/2} + k^2\, C}{k^2\, C^2} = \frac{2}{k^2 \sqrt C} + \frac 1 C$$
#
# The two 1x1 dominate: for 3x3 the first term is the larger one from $C = 21$ on. ($1/C$ alone, as
# is sometimes written, is too small by a factor of 4.6 at 256 channels.)

# %%
rows = []
for c in (16, 64, 256, 1024):
    i = keras.Input((4, 4, c))
    neck = measure(keras.Model(i, blocks.bottleneck(i, c, r=int(c**0.5))))
    ratio = neck.weights / measure(keras.Model(i, blocks.conv(i, c, 3))).weights
    assert np.isclose(ratio, 2 / (9 * c**0.5) + 1 / c)
    rows.append([c, neck.weights, ratio, 2 / (9 * c**0.5), 1 / c])
assert np.isclose(rows[2][2] * 256, 4.56, atol=0.01)
grid(["C", "weights", "share of a 3x3's", "first term", "second term"], rows)

# %% [markdown]
# ## Rank: what a bottleneck loses
#
# Write a map as a matrix $P$ with one row per position and one column per channel. A linear 1x1 to
# $C^*$ channels is a product with a $C \times C^*$ matrix. If $C^* \ge \operatorname{rank} P$,
# there is a matrix that loses nothing: a second 1x1 recovers $P$. If $C^*$ is less, something is
# lost, and keeping the largest singular values loses the least.
#
# An exact case: 64 kernels of 3x3 on an image of one channel. A window has 9 numbers, so the 64
# channels have rank 9. A relu makes the rank full, and then leaving out any channel loses
# something.

# %%
bank = np.float32(rng.normal(size=(3, 3, 1, 64)))
image = (grey - grey.mean())[None, ::2, ::2, None]
maps = {}
for a in (None, "relu"):
    net = built((100, 150, 1), blocks.conv, 64, a=a, bias=False, weights=[bank])
    maps[a] = np.float64(net(image)).reshape(-1, 64)
assert np.linalg.matrix_rank(maps[None], rtol=1e-5) == 9
assert np.linalg.matrix_rank(maps["relu"], rtol=1e-5) == 64


def lost(p):
    """Share of P lost by the best pair of 1x1 convolutions, to 0, 1 ... 64 channels and back."""
    squares = np.linalg.eigvalsh(p.T @ p).clip(0)  # of the singular values, in rising order
    return np.sqrt(np.append(0, np.cumsum(squares)) / squares.sum())[::-1]


loss = {a: lost(p) for a, p in maps.items()}
fig, ax = plt.subplots(figsize=(6.4, 2.8))
for a, shares in loss.items():
    ax.semilogy(np.maximum(shares, 1e-6), label=f"3x3 to 64 channels, {a or 'linear'}")
assert loss[None][9] < 1e-5 < 1e-3 < loss[None][8]
assert loss["relu"][32] > 1e-3
assert 0.05 < loss["relu"][16] < 0.1
down = np.linalg.eigh(maps["relu"].T @ maps["relu"])[1][:, -32:]  # the two 1x1: down, then back
back = maps["relu"] @ down @ down.T
change = np.linalg.norm(maps["relu"] - back) / np.linalg.norm(maps["relu"])
assert np.isclose(change, loss["relu"][32])
ax.set(xlabel="channels in the bottleneck", ylabel="share lost")
ax.legend()
figure(
    fig,
    "Share lost by a bottleneck of 1 to 64 channels: nothing from 9 channels on for linear "
    "maps; always a little after a relu",
)

# %% [markdown]
# After the relu a quarter of the channels still keeps all but 8 % (expected: all but 5 %): maps of
# real images have a low *effective* rank. This is why bottlenecks work. Halving the size of a map
# also loses information, which is why networks double the channels when they do so.

# %% [markdown]
# ## Depthwise and separable
#
# Each channel has its own $k \times k$ kernel, and a 1x1 mixes the channels:
#
# $$Z_{j,k,i} = \sum_l P_{l,i} \sum_{m,n} V_{j+m,\,k+n,\,l}\, D_{m,n,l}, \qquad
# \frac{k^2 C_I + C_I C_O}{k^2 C_I C_O} = \frac{1}{C_O} + \frac{1}{k^2}$$
#
# This is the convolution whose kernel is $K_{m,n,l,i} = D_{m,n,l} P_{l,i}$. Its depthwise half is a
# grouped convolution with as many groups as channels.

# %%
separable = built((9, 9, 8), blocks.sepconv, 12, a=None)
d, p, b = separable.get_weights()
k = d * p.reshape(1, 1, 8, 12)
x = np.float32(rng.normal(size=(1, 9, 9, 8)))
full = built((9, 9, 8), blocks.conv, 12, a=None, weights=[k, b])
assert np.allclose(separable(x), full(x), atol=1e-3)
assert np.isclose(measure(separable).weights / measure(full).weights, 1 / 12 + 1 / 9)

depthwise = built((9, 9, 8), blocks.dwconv, a=None, bias=False, weights=[d])
grouped = built(
    (9, 9, 8), blocks.conv, 8, g=8, a=None, bias=False, weights=[d.transpose(0, 1, 3, 2)]
)
assert np.allclose(depthwise(x), grouped(x), atol=1e-4)

# %% [markdown]
# It has several forms: the depthwise half alone (`dwconv`); both halves with nothing between them,
# as in Xception (`sepconv`); batch norm and relu after both, as in MobileNet (`mobilenet_block`);
# the 1x1 in groups, as in ShuffleNet (`grouped_sepconv`, and `shufflenet_unit` with shuffle).

# %%
i = keras.Input((14, 14, 64))
forms = {
    "conv": blocks.conv(i, 64),
    "dwconv": blocks.dwconv(i),
    "sepconv": blocks.sepconv(i, 64),
    "mobilenet_block": blocks.mobilenet_block(i, 64),
    "grouped_sepconv, g=4": blocks.grouped_sepconv(i, 64, g=4),
}
counts = {key: measure(keras.Model(i, y)) for key, y in forms.items()}
assert counts["sepconv"].weights == counts["mobilenet_block"].weights == 9 * 64 + 64 * 64
assert counts["grouped_sepconv, g=4"].weights == 9 * 64 + 64 * 64 // 4
rows = [[key, m.weights, m.macs] for key, m in counts.items()]
grid(["64 channels", "weights", "multiply-adds"], rows)

# %% [markdown]
# ## Weighted channels
#
# Squeeze-and-excitation gives each channel a weight that depends on the whole image:
#
# $$z_c = \frac{1}{HW} \sum_{j,k} u_{j,k,c}, \qquad
# s = \sigma(W_2 \max(W_1 z, 0)), \qquad \tilde u_{j,k,c} = s_c\, u_{j,k,c}$$
#
# For the convolution that follows, weighted channels amount to a kernel with weighted input
# channels, $K_{m,n,l,i}\, s_l$: the image chooses the kernel.

# %%
i = keras.Input((6, 6, 16))
gated = blocks.se_block(i, r=4)
net = keras.Model(i, gated)
x = np.float32(rng.normal(size=(3, 6, 6, 16)))
s = np.array(net(x)) / x
assert np.allclose(s, s[:, :1, :1], atol=1e-4)  # one weight for each channel of each image
assert 0 < s.min() < s.max() < 1
assert not np.allclose(s[0, 0, 0], s[1, 0, 0], atol=1e-4)
k = np.float32(rng.normal(size=(3, 3, 16, 5)))
weighted = ops.conv(x[:1], k * s[0, 0, 0][:, None], padding="same")
assert np.allclose(ops.conv(net(x[:1]), k, padding="same"), weighted, atol=1e-3)
code(blocks.se_block)

# %% [markdown]
# ## Dilated: a wide view without a pool
#
# With dilation rate $d$ the kernel reads every $d$-th pixel:
#
# $$Z_{j,k} = \sum_{m,n} V_{j + dm,\, k + dn}\, K_{m,n}$$
#
# It is a kernel of width $d(k-1) + 1$ with zeros in between: 5 for 3x3 and $d = 2$. A network that
# labels every pixel needs a wide view and full resolution. Pools would lose everything smaller than
# the product of their strides (with four pools of stride 2, objects below 16 pixels).

# %%
kernel = rng.normal(size=(3, 3))
holes = np.zeros((5, 5))
holes[::2, ::2] = kernel
net = built(
    (None, None, 1), blocks.conv, 1, d=2, p="valid", a=None, bias=False,
    weights=[np.float32(kernel)[..., None, None]],
)  # fmt: skip
found = net(grey[None, ..., None])[0, ..., 0]
assert np.allclose(found, correlate2d(grey, holes, "valid"), atol=1e-4)
for rate in (1, 2, 3, 4):
    i = keras.Input((33, 33, 1))
    assert measure(keras.Model(i, blocks.conv(i, 1, d=rate))).receptive_field == 2 * rate + 1
code(blocks.dilated_stack)

# %% [markdown]
# **Gridding.** Three 3x3 with rate 2 see 13 pixels a side, but only every second one. With rates 1,
# 2 and 5 (hybrid dilated convolution) they see 17 without a hole. With all weights set to one, we
# count how often they read each pixel:


# %%
def read(rates, k=3):
    """How many paths lead from each pixel of a row to one output."""
    paths = np.ones(1, int)
    for d in rates:
        comb = np.zeros(d * (k - 1) + 1, int)
        comb[::d] = 1
        paths = np.convolve(paths, comb)
    return paths


def share_read(rates):
    return np.count_nonzero(read(rates)) / len(read(rates))


stacks = (1, 1, 1), (2, 2, 2), (2, 4, 6), (1, 2, 5)
fig, axes = plt.subplots(1, 4, figsize=(6.4, 2.1))
for ax, rates in zip(axes, stacks, strict=True):
    paths = np.outer(read(rates), read(rates))
    i = keras.Input((31, 31, 1))
    model = keras.Model(i, blocks.dilated_stack(i, 1, d=rates))
    assert measure(model).receptive_field == len(paths) == 1 + 2 * sum(rates)
    ax.imshow(np.where(paths, np.log(paths + 1), np.nan), cmap="viridis")
    ax.set_title(f"{rates}\n{len(paths)} x {len(paths)}")
    ax.axis("off")
assert [round(share_read(rates), 2) for rates in stacks] == [1, 0.54, 0.52, 1]
figure(
    fig,
    "Pixels read by four stacks of three dilated 3x3 convolutions: with rates 1, 1, 1 a small "
    "full square; with 2, 2, 2 and 2, 4, 6 a grid without every second row and column; with 1, "
    "2, 5 a large full square",
)

# %% [markdown]
# When are there no holes? Let $M_n = r_n$ and
# $M_i = \max(M_{i+1} - 2 r_i,\; M_{i+1} - 2 (M_{i+1} - r_i),\; r_i)$, the largest distance between
# pixels that are read. The paper asks for $M_2 \le k$. A common divisor above 1 always leaves
# holes. Rates can exceed $k$, as the last of (1, 2, 5) does. We compare the rule with the count,
# for triples:


# %%
def distance(rates):
    """M_2."""
    m = rates[-1]
    for r in rates[-2:0:-1]:
        m = max(m - 2 * r, m - 2 * (m - r), r)
    return m


triples = [(1, b, c) for b in range(1, 7) for c in range(b, 12)]
good = [rates for rates in triples if distance(rates) <= 3]
full = [rates for rates in triples if share_read(rates) == 1]
assert good == full  # the rule finds them all, and no other
assert distance((1, 2, 5)) == 2
assert distance((1, 2, 9)) == 5
assert share_read((1, 2, 9)) < 1
assert all(share_read((2, 2 * b, 2 * c)) < 1 for b in range(1, 4) for c in range(b, 6))
widest = max(full, key=sum)
print(
    f"{len(triples)} triples: {len(full)} without holes, {len(good)} by the rule; the widest of "
    f"them is {widest}"
)

# %% [markdown]
# ## By Fourier transform
#
# Convolution is a product of spectra, so a kernel of any size costs two transforms and one product:
#
# $$V * K = \mathcal F^{-1}\big(\mathcal F(V) \cdot \mathcal F(K)\big)$$
#
# Without zeros at the border it would be circular: the image would wrap around. We count
# $5 n \log_2 n$ operations for a complex transform of $n$ numbers, and half of that for a real one.
# By this count it pays off for kernels of about 9 x 9 or more. The 3x3 kernels of today's networks
# are smaller.

# %%
kernel = rng.normal(size=(15, 15))
shape = np.add(grey.shape, kernel.shape) - 1
product = np.fft.rfft2(grey, shape) * np.fft.rfft2(kernel, shape)
assert np.allclose(np.fft.irfft2(product, shape), convolve2d(grey, kernel), atol=1e-4)
circular = np.fft.irfft2(np.fft.rfft2(grey) * np.fft.rfft2(kernel, grey.shape), grey.shape)
assert np.allclose(circular[14:, 14:], convolve2d(grey, kernel, "valid"), atol=1e-4)
assert not np.allclose(circular[:14], convolve2d(grey, kernel)[:14, :300], atol=0.1)

k, side = np.arange(1, 26), 224
direct = 2.0 * k**2 * side**2
n = (side + k - 1.0) ** 2
fourier = 3 * 2.5 * n * np.log2(n) + 3 * n  # two transforms, one back; n / 2 complex products
separable = 2 * 2.0 * k * side**2
fig, ax = plt.subplots(figsize=(6.4, 2.8))
for cost, label in (
    (direct, "direct, $2 k^2$ per pixel"),
    (fourier, "Fourier"),
    (separable, "separable kernel, $4k$ per pixel"),
):
    ax.semilogy(k, cost, label=label)
ax.set(xlabel="kernel width", ylabel="operations, 224 x 224")
ax.legend()
crossing = int(k[direct > fourier][0])
assert 6 <= crossing <= 10
figure(
    fig,
    "Operations by kernel width: the direct convolution grows with its square; Fourier stays "
    "level and is cheaper from a width of about 8; a separable kernel costs less than both up "
    "to 25",
)

# %%
print(f"Fourier is cheaper from {crossing} x {crossing} on, a separable kernel from 3 x 3 on")

# %% [markdown]
# ## Separable kernels: rank 1
#
# A kernel that is an outer product, $K = u\, v^\top$ (in $d$ dimensions
# $u_1 \otimes \dots \otimes u_d$), equals $d$ convolutions of one dimension: $dk$ weights and
# multiply-adds instead of $k^d$. A kernel has this form exactly if its rank is 1. The Sobel and
# Gaussian kernels have rank 1, the Laplacian does not. Any kernel is a sum of rank-many separable
# ones, and the first few may be enough.

# %%
sobel = np.outer([1, 2, 1], [-1, 0, 1])
gauss = np.exp(-0.5 * np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2) / 2)
laplace = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
ring = np.hypot(*np.mgrid[-5:6, -5:6])
ring = np.exp(-((ring - 3) ** 2))
kernels = {"Sobel": sobel, "Gauss": gauss, "Laplace": laplace, "ring": ring}
kernels["random 5x5"] = rng.normal(size=(5, 5))
ranks = {key: int(np.linalg.matrix_rank(kernel)) for key, kernel in kernels.items()}
assert ranks["Sobel"] == ranks["Gauss"] == 1 < ranks["Laplace"] == 2
assert ranks["random 5x5"] == 5


def left_out(kernel):
    """Share of a kernel that a sum of one, two or three separable kernels misses."""
    squares = np.linalg.svd(kernel)[1] ** 2
    return np.sqrt(np.maximum(1 - np.cumsum(squares)[:3] / squares.sum(), 0)).tolist()


grid(
    ["kernel", "size", "rank", "1 term misses", "2 terms", "3 terms"],
    [
        [key, f"{len(kernel)} x {len(kernel)}", ranks[key], *left_out(kernel)]
        for key, kernel in kernels.items()
    ],
)

# %% [markdown]
# `spatial_sepconv` learns the two vectors of each channel.

# %%
u, s, v = np.linalg.svd(gauss)
column, row = u[:, 0] * s[0], v[0]
net = built(
    (None, None, 1), blocks.spatial_sepconv, k=7, a=None,
    weights=[column.reshape(7, 1, 1, 1), row.reshape(1, 7, 1, 1), np.zeros(1)],
)  # fmt: skip
found = net(grey[None, ..., None])[0, ..., 0]
assert np.allclose(found, convolve2d(grey, gauss, "same"), atol=1e-3)
code(blocks.spatial_sepconv)

# %% [markdown]
# ## All of them side by side
#
# Each is one layer, from 28 x 28 x 64 to the same size (tiled and local have no padding and give 26
# x 26). The receptive field does not include what weighted channels know of the whole image.

# %%
i = keras.Input((28, 28, 64))
every = {
    "3x3": blocks.conv(i, 64),
    "5x5": blocks.conv(i, 64, 5),
    "two 3x3": blocks.small_kernels(i, 64, k=5),
    "1x5, 5x1": blocks.asymmetric_pair(i, 64, k=5),
    "1x1": blocks.conv(i, 64, 1),
    "bottleneck, r = 4": blocks.bottleneck(i, 64),
    "3x3, 4 groups": blocks.conv(i, 64, g=4),
    "depthwise": blocks.dwconv(i),
    "separable": blocks.sepconv(i, 64),
    "depthwise 3x1, 1x3": blocks.spatial_sepconv(i),
    "3x3, dilation 2": blocks.conv(i, 64, d=2),
    "3x3, weighted": blocks.se_block(blocks.conv(i, 64)),
    "maxout of two 3x3": blocks.maxout(i, 64),
    "tiled 2 x 2": blocks.tiled_conv(i, 64, tiles=2),
    "local": blocks.local_conv(i, 64),
}
rows = []
for key, y in every.items():
    m = measure(keras.Model(i, y))
    first = rows[0][3] if rows else m.macs
    rows.append([key, m.receptive_field, m.weights, m.macs, m.macs / first])
grid(["layer", "receptive field", "weights", "multiply-adds", "relative to a 3x3"], rows)

# %% [markdown]
# ## Exercises
#
# 1. For which $C$ does a bottleneck with $r = 4$ have fewer weights than a separable convolution,
#    both with 3x3?

# %% tags=["exercise"]
answer = ...  # the C at which both have as many
check(answer, "5ec1a0c9")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# for c in (4, 16, 64, 256):
#     neck = 2 * c * c // 4 + 9 * (c // 4) ** 2
#     separable = 9 * c + c * c
#     i = keras.Input((4, 4, c))
#     assert measure(keras.Model(i, blocks.bottleneck(i, c))).weights == neck
#     assert measure(keras.Model(i, blocks.sepconv(i, c))).weights == separable
#     assert (neck < separable) == (17 / 16 * c < 9 + c)
# answer = 9 / (17 / 16 - 1)
# ```
#
# $\frac{17}{16} C^2 < 9 C + C^2$ holds below $C = 144$.
# </details>
#
# 2. How many grouped 1x1 layers, with a shuffle between them, does it take until each of 64
#    channels in 8 groups reads all the others? And in 16 groups?

# %% tags=["exercise"]
answer = ...  # layers for (8 groups, 16 groups)
check(answer, "869b3224")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def layers_needed(g, f=64):
#     group = np.kron(np.eye(g), np.ones((f // g, f // g)))
#     shuffle = np.eye(f)[np.arange(f).reshape(g, f // g).T.ravel()]
#     reach, count = group, 1
#     while not reach.all():
#         reach, count = group @ shuffle @ reach > 0, count + 1
#     return count
#
#
# assert layers_needed(8) == 2
# assert layers_needed(16) == 3
# answer = layers_needed(8), layers_needed(16)
# ```
#
# A group of 8 channels has one channel from each of 8 groups; a group of 4 cannot have one from
# each of 16.
# </details>
#
# 3. Find rates for four dilated 3x3 that see more than 40 pixels a side without a hole.

# %% tags=["exercise"]
answer = ...  # pixels a side that the widest such rates see
check(answer, "5316ca1c")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# assert share_read((1, 2, 5, 14)) == 1
# assert len(read((1, 2, 5, 14))) == 45
# answer = len(read((1, 3, 9, 27)))
# ```
#
# Three layers see 17 pixels without a hole, and the last layer may place three such windows up to
# 17 pixels apart. (1, 3, 9, 27) is the widest of all, with 81.
# </details>
#
# ## Read more
#
# - I. Goodfellow, Y. Bengio, A. Courville: *Deep Learning*, MIT Press 2016, sections 9.5 and 9.8
# - J. Ngiam, Q. Le and others: *Tiled convolutional neural networks*, NIPS 2010
# - F. Yu, V. Koltun: *Multi-Scale Context Aggregation by Dilated Convolutions*,
#   [arXiv:1511.07122](https://arxiv.org/abs/1511.07122)
# - P. Wang and others: *Understanding Convolution for Semantic Segmentation*,
#   [arXiv:1702.08502](https://arxiv.org/abs/1702.08502)
# - M. Mathieu, M. Henaff, Y. LeCun: *Fast Training of Convolutional Networks through FFTs*,
#   [arXiv:1312.5851](https://arxiv.org/abs/1312.5851)
# - The notebooks on VGG, GoogLeNet, Inception v3, Xception, MobileNet, ShuffleNet and SENet, which
#   show each variant in its network
