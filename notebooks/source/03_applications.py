# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Applications
#
# What can a convolutional network do besides giving one label to an image of a fixed size? It can
# label every pixel, read images of any size, slide over a larger image at little cost, and read
# data of one or three dimensions. We show each on small, real data.
#
# > **Seen** on the digits, one seed and so no verdict: a head of four steps labels 84 % of the ink
# > pixels correctly, one of a single step 43 %. A net trained on images of 12 pixels reads 95 % of
# > those of 12, and 26 % of those of 20.

# %%
import keras
import numpy as np
from keras import layers, ops
from matplotlib import pyplot as plt
from scipy import ndimage

from convbook import blocks
from convbook.architectures import measure
from convbook.beside import check, code, digits, figure, grid, learn

rng = np.random.default_rng(0)

# %% [markdown]
# ## A label for every pixel
#
# Leave out the layers that shrink the map, or undo them, and the network outputs a score for each
# class at each pixel. The difficulty is that the network must have a wide view at full resolution.
# Here are three ways from 64 x 64 pixels to 64 x 64 labels:

# %%
i = keras.Input((64, 64, 16))
narrow = blocks.dilated_stack(i, 16, d=(1, 1, 1, 1))
wide = blocks.dilated_stack(i, 16, d=(1, 2, 4, 8))
down = blocks.conv(blocks.conv(blocks.conv(i, 16, s=2), 16, s=2), 16)
up = layers.Conv2DTranspose(16, 4, 4, padding="same")(down)
rows = []
for key, y in {"four 3x3": narrow, "four 3x3, dilated": wide, "stride 4 and back up": up}.items():
    assert y.shape[1:3] == (64, 64)
    m = measure(keras.Model(i, y))
    rows.append([key, m.receptive_field, m.weights, m.macs])
assert rows[1][1] > 3 * rows[0][1]
assert rows[1][2:] == rows[0][2:]  # the wider view is free
grid(["", "receptive field", "weights", "multiply-adds"], rows)

# %% [markdown]
# ### Guess, then mend
#
# Neighbouring pixels mostly have the same label. So the network makes a first guess of the labels,
# then a better one from the image *and* the guesses around each pixel, and so on:
#
# $$H^{(t)} = \max\big(U * X + W * Y^{(t-1)},\, 0\big), \qquad Y^{(t)} = V * H^{(t)},
# \qquad Y^{(0)} = 0$$
#
# The kernels $U$, $V$ and $W$ are the same at each step: this is an unrolled recurrent network.
# Beyond two steps, further steps add no weights, and each one sees further.

# %%
code(
    blocks.refinement_head,
    {
        "u = layers": r"U * X",
        "y = v(act(u": r"Y^{(1)} = V * \max(U * X, 0)",
        "y = v(act(layers.add": r"Y^{(t)} = V * \max(U * X + W * Y^{(t-1)}, 0)",
    },
)

# %%
i = keras.Input((12, 12, 4))
rows = []
for steps in (1, 2, 3, 4):
    net = keras.Model(i, blocks.refinement_head(i, 5, steps=steps, hidden=8))
    m = measure(net)
    assert m.receptive_field == 5 + 4 * (steps - 1)
    rows.append([steps, m.receptive_field, m.weights, m.macs])
assert rows[1][2] == rows[2][2] == rows[3][2]

u, u0, v, v0, w = net.get_weights()  # four steps by hand
x = np.float32(rng.normal(size=(2, 12, 12, 4)))
y = 0
for _ in range(4):
    h = ops.conv(x, u, padding="same") + u0
    h += ops.conv(y, w, padding="same") if np.ndim(y) else 0
    y = ops.conv(ops.relu(h), v, padding="same") + v0
assert np.allclose(net(x), y, atol=1e-4)
grid(["steps", "receptive field", "weights", "multiply-adds"], rows)

# %% [markdown]
# **On digits.** We make scenes of 16 x 20 pixels, each with two handwritten digits of 8 x 8 at
# random positions, and noise. Every pixel of ink (above 0.3) has the class of its digit, and every
# other pixel is background: 11 classes. To recognize a digit from one of its pixels, the network
# must see all of it. It has one 3x3 convolution to 16 channels, then the head with 24 hidden
# channels. Training: 2,000 scenes, and 300 test scenes of held-out digits; Adam at 0.005, batch
# size 32, 6 epochs, seed 0. Before the first run we predicted: the share of ink pixels with the
# right label is at least 10 points higher with four steps (which see 19 pixels) than with one (7).


# %%
def scenes(count, x, y, seed):
    """count scenes (16, 20, 1) and the label of each pixel: 0 to 9, or 10 for background."""
    draw = np.random.default_rng(seed)
    images = draw.uniform(0, 0.2, (count, 16, 20, 1)).astype("float32")
    labels = np.full((count, 16, 20), 10)
    for image, label in zip(images, labels, strict=True):
        for side in (0, 1):
            which, top, left = draw.integers(len(x)), draw.integers(9), draw.integers(3) + 10 * side
            there = np.s_[top : top + 8, left : left + 8]
            image[there] = np.maximum(image[there], x[which])
            label[there][x[which, ..., 0] > 0.3] = y[which]
    return images, labels


x, y, test_x, test_y = digits(8)
train, test = scenes(2000, x, y, 0), scenes(300, test_x, test_y, 1)
ink = test[1] < 10
guesses, scores = {}, {}
for steps in (1, 4):
    keras.utils.set_random_seed(0)
    i = keras.Input((16, 20, 1))
    net = keras.Model(i, blocks.refinement_head(blocks.conv(i, 16), 11, steps=steps, hidden=24))
    assert measure(net).receptive_field == {1: 7, 4: 19}[steps]
    learn(net, (*train, *test), 6, rate=0.005, batch=32)
    guesses[steps] = np.array(net(test[0])).argmax(-1)
    scores[steps] = float(np.mean((guesses[steps] == test[1])[ink]))
assert scores[4] > scores[1] + 0.1
grid(["steps", "ink pixels labelled correctly, %"], [[k, 100 * v] for k, v in scores.items()])

# %% [markdown]
# ### Then tidy up
#
# Once each pixel has a label, a simple assumption helps a lot: connected pixels belong to one
# object. Here each connected patch of ink takes the label that most of its pixels have. Before the
# first run we predicted: this raises the share of correct pixels.


# %%
def vote(labels):
    """Gives each connected patch of ink its most frequent label."""
    result = labels.copy()
    for image in result:
        patches, count = ndimage.label(image < 10, structure=np.ones((3, 3)))
        for patch in range(1, count + 1):
            image[patches == patch] = np.bincount(image[patches == patch]).argmax()
    return result


for steps in (1, 4):
    scores[f"{steps}, voted"] = float(np.mean((vote(guesses[steps]) == test[1])[ink]))
shown = {
    "scene": test[0][..., 0],
    "label": test[1],
    "1 step": guesses[1],
    "4 steps": guesses[4],
    "4, voted": vote(guesses[4]),
}
fig, axes = plt.subplots(3, 5, figsize=(6.4, 3.3))
for row, ax_row in enumerate(axes):
    for ax, (title, images) in zip(ax_row, shown.items(), strict=True):
        labels = (
            images[row] if title == "scene" else np.where(images[row] < 10, images[row], np.nan)
        )
        colours = dict(cmap="gray") if title == "scene" else dict(cmap="tab10", vmin=0, vmax=9)
        ax.imshow(labels, **colours)
        ax.set_title(title if row == 0 else "")
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
figure(
    fig,
    "Three scenes with two digits each; the true label of each pixel as a colour; and the labels "
    "after one step, after four and after the vote: they become more uniform from left to right",
)

# %%
assert scores["1, voted"] > scores[1]
assert scores["4, voted"] > scores[4]
grid(["steps", "ink pixels labelled correctly, %"], [[k, 100 * v] for k, v in scores.items()])

# %% [markdown]
# ## Images of any size
#
# A network of convolutions takes images of any size, because it applies its kernels as often as the
# image requires. For one label per pixel it needs nothing else. For one label per image it must
# turn the map into a fixed number of values. A pool whose window grows with the map does this, such
# as global average pooling (a 1 x 1 result) or an adaptive pool (say 2 x 2).


# %%
def classifier(pool):
    i = keras.Input((None, None, 1))
    n = {"groups": 4}
    y = blocks.conv(blocks.conv(i, 16, n=n), 32, s=2, n=n)
    return keras.Model(i, blocks.dense(pool(y), 10, a=None))


net = classifier(blocks.gavgpool)
for size in ((8, 8), (13, 20), (40, 9)):
    assert net(np.zeros((1, *size, 1), "float32")).shape == (1, 10)
quarters = layers.AveragePooling2D((6, 10))  # a quarter of a 12 x 20 map
adaptive = layers.AdaptiveAveragePooling2D((2, 2))
x = np.float32(rng.normal(size=(1, 12, 20, 3)))
assert np.allclose(adaptive(x), quarters(x), atol=1e-5)
assert adaptive(np.zeros((1, 7, 31, 3), "float32")).shape == (1, 2, 2, 3)

fixed = keras.Model(i := keras.Input((8, 8, 1)), blocks.dense(layers.Flatten()(i), 10))
try:
    fixed(np.zeros((1, 12, 12, 1), "float32"))
except ValueError as error:
    refused = str(error)
assert "shape" in refused  # a dense layer after Flatten knows one size only

# %% [markdown]
# A network that accepts a size need not be accurate at it: convolution is equivariant to shifts,
# not to scale. We train the network above on digits of 12 x 12, and the same network on 8, 12 and
# 16 in turn, with as many steps in all (24 epochs, batch size 64, Adam at 0.003, seed 0). Before
# the first run we predicted: the first is at least 5 points less accurate at 20 pixels than at 12;
# the second has the higher mean accuracy over all sizes.

# %%
sizes = (8, 10, 12, 14, 16, 20)
data = {size: digits(size) for size in sizes}
curves = {}
for key, trained_on in {"12 only": (12,), "8, 12, 16": (8, 12, 16)}.items():
    keras.utils.set_random_seed(0)
    net = classifier(blocks.gavgpool)
    adam = keras.optimizers.Adam(0.003)
    net.compile(adam, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for epoch in range(24):
        size = trained_on[epoch % len(trained_on)]
        net.fit(*data[size][:2], 64, verbose=0)
    right = {s: np.array(net(data[s][2])).argmax(-1) == data[s][3] for s in sizes}
    curves[key] = [100 * float(np.mean(right[s])) for s in sizes]
fig, ax = plt.subplots(figsize=(6.4, 2.8))
for key, curve in curves.items():
    ax.plot(sizes, curve, "o-", label=f"trained on {key}")
ax.set(xlabel="size of the test images", ylabel="test accuracy, %", xticks=sizes)
ax.legend()
figure(
    fig,
    "Test accuracy by image size: the net trained on 12 pixels is best there and falls off on "
    "both sides; the net trained on three sizes is more even",
)

# %%
mean = {key: float(np.mean(curve)) for key, curve in curves.items()}
assert curves["12 only"][5] < curves["12 only"][2] - 5
assert mean["8, 12, 16"] > mean["12 only"]
rows = [[key, *(f"{v:.1f}" for v in [*curve, mean[key]])] for key, curve in curves.items()]
grid(["test accuracy, %, trained on", *(f"{size} x {size}" for size in sizes), "mean"], rows)

# %% [markdown]
# Both held, the first by a wide margin: even 10 or 14 pixels are foreign to a net that has seen
# only 12. (There is a reason for group norm. In a first run the norm was batch norm, and both
# claims held, too; but its running means belonged to the last size that the network had seen.)

# %% [markdown]
# ## Slid over a larger image
#
# A dense layer that reads a flattened $k \times k$ map is a $k \times k$ convolution
# (`dense_as_conv`). In this form a classifier of 8 x 8 images gives a *map* of answers for a larger
# image, one for each window. With *valid* padding, so that no zeros enter, each is exactly the
# answer for that window when cut out. Together they cost a fraction of separate crops, because the
# windows share their work.

# %%
x, y, test_x, test_y = digits(8)
keras.utils.set_random_seed(0)
i = keras.Input((8, 8, 1))
maps = blocks.conv(blocks.conv(i, 16, p="valid"), 32, p="valid")  # 4 x 4 x 32
last = layers.Dense(10)
whole = keras.Model(i, last(layers.Flatten()(maps)))
learned = learn(whole, (x, y, test_x, test_y), 8)["val_accuracy"][-1]
assert learned > 0.9


def slid(shape):
    j = keras.Input((*shape, 1))
    maps = blocks.conv(blocks.conv(j, 16, p="valid"), 32, p="valid")
    y = blocks.dense_as_conv(maps, 10, k=4, a=None, weights=last.get_weights())
    body = keras.Model(j, y)
    body.set_weights(whole.get_weights()[:-2] + body.get_weights()[-2:])
    return body


scene = np.zeros((1, 16, 30, 1), "float32")
places = (1, 2), (6, 11), (2, 21)
for at, digit in zip(places, test_x[:3], strict=True):
    scene[0, at[0] : at[0] + 8, at[1] : at[1] + 8] = digit
over = slid((16, 30))
answers = np.array(over(scene))[0]  # (9, 23, 10)
crops = np.lib.stride_tricks.sliding_window_view(scene[0, ..., 0], (8, 8)).reshape(-1, 8, 8, 1)
assert np.allclose(answers.reshape(-1, 10), whole(crops), atol=1e-4)
saved = len(crops) * measure(whole).macs / measure(over).macs
assert saved > 3

fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.2))
axes[0].imshow(scene[0, ..., 0], cmap="gray")
axes[0].set(title="image, 16 x 30")
chance = np.array(ops.softmax(answers))
axes[1].imshow(chance[..., int(test_y[1])], vmin=0, vmax=1)
axes[1].set(title=f"probability of a {test_y[1]}, 9 x 23 windows")
for ax in axes:
    ax.grid(False)
figure(
    fig,
    "Left: an image with three digits. Right: a map of the probability of the middle digit's "
    "class, highest where a window holds that digit",
)

# %%
for at, label in zip(places, test_y[:3], strict=True):
    assert answers[at].argmax() == label
grid(
    ["207 windows", "multiply-adds"],
    [
        ["windows cut out", len(crops) * measure(whole).macs],
        ["network slid over the image", measure(over).macs],
        ["ratio", saved],
    ],
)

# %% [markdown]
# VGG's authors test on whole images this way. At 384 x 384 its last map is 12 x 12 instead of 7
# x 7. The first dense layer, run as a 7x7 convolution, gives 6 x 6 answers, and their mean is the
# network's answer. The windows are 32 pixels apart, the network's total stride. 36 separate crops
# would cost about 12 times as much, as the notebook on VGG shows.

# %%
wide = 384 // 32 - 7 + 1
print(f"{wide} x {wide} answers; crops cost {wide**2 * 224**2 / 384**2} times as much")

# %% [markdown]
# ## What may vary, and what not
#
# The number of observations may vary: a longer recording or a larger image is more of the same. The
# values observed at each point may not vary: a network of three channels cannot take two.

# %%
three = keras.Model(i := keras.Input((None, None, 3)), blocks.conv(i, 4))
try:
    three(np.zeros((1, 8, 8, 2), "float32"))
except ValueError as error:
    refused = str(error)
assert "shape" in refused

# %% [markdown]
# It does not help either to put the columns of a table (age, income, height) in a row and convolve.
# That assumes that neighbouring columns belong together and that all positions are alike. If you
# swap two columns, the data say the same, but the features change.

# %%
columns = np.float32(rng.normal(size=(1, 6, 1)))
exchanged = columns[:, [1, 0, 2, 3, 4, 5]]
row = layers.Conv1D(2, 3)
assert not np.allclose(np.sort(row(columns), axis=1), np.sort(row(exchanged), axis=1), atol=1e-3)

# %% [markdown]
# ## One dimension and three
#
# | | one channel | several channels |
# | --- | --- | --- |
# | one dimension | sound: amplitude by time | the joints of a moving figure by time |
# | two | a grey image; a spectrogram | a colour image |
# | three | a scan of a body | a film: time, rows, columns, with three colours |
#
# The layer is the same, with as many sums as there are dimensions. A kernel of width $k$ has $k^d$
# positions.

# %%
cases = {
    "sound": ((1000, 1), layers.Conv1D),
    "moving figure": ((200, 60), layers.Conv1D),
    "grey image": ((64, 64, 1), layers.Conv2D),
    "colour image": ((64, 64, 3), layers.Conv2D),
    "scan": ((32, 32, 32, 1), layers.Conv3D),
    "film": ((16, 32, 32, 3), layers.Conv3D),
}
rows = []
for key, (shape, kind) in cases.items():
    i = keras.Input(shape)
    y = kind(8, 3)(i)
    m = measure(keras.Model(i, y))
    assert y.shape[1:] == (*(n - 2 for n in shape[:-1]), 8)
    assert m.weights == 3 ** (len(shape) - 1) * shape[-1] * 8
    rows.append([key, " x ".join(map(str, shape)), " x ".join(map(str, y.shape[1:])), m.weights])
grid(["", "input, channels last", "output", "weights"], rows)

# %% [markdown]
# ## Exercises
#
# 1. How many steps does `refinement_head` need, after one 3x3, to see 31 pixels?

# %% tags=["exercise"]
answer = ...  # steps
check(answer, "7902699b")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# i = keras.Input((64, 64, 1))
# head = keras.Model(i, blocks.refinement_head(blocks.conv(i, 16), 11, steps=7))
# assert measure(head).receptive_field == 3 + 4 * 7 == 31
# answer = (31 - 3) // 4
# ```
#
# Each step adds the 3x3 of $W$ and that of $V$: 4 pixels.
# </details>
#
# 2. A network has a total stride of 32 and needs a last map of at least 7 x 7. Which square images
#    can it take, and how many answers does an image of 512 pixels give?

# %% tags=["exercise"]
answer = ...  # (least pixels a side, answers for 512 pixels)
check(answer, "d3509572")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# assert 7 * 32 == 224
# assert (512 // 32 - 7 + 1) ** 2 == 100
# answer = 7 * 32, (512 // 32 - 7 + 1) ** 2
# ```
#
# Images of 224 pixels or more; 10 x 10 answers.
# </details>
#
# 3. Turn the map of windows above into a label for every pixel of the image: each pixel takes the
#    mean of the windows that contain it. Which operation is that?

# %% tags=["exercise"]
answer = ...  # its name, two words
check(answer, "168624d9")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# paint = np.ones((8, 8, 1, 1), "float32")
# by_class = np.moveaxis(chance, -1, 0)[..., None]  # (10, 9, 23, 1)
# painted = ops.conv_transpose(by_class, paint, 1, "valid")[..., 0]
# count = ops.conv_transpose(np.ones((1, 9, 23, 1), "float32"), paint, 1, "valid")[0, ..., 0]
# mean = np.array(painted / count)
# assert mean.shape == (10, 16, 30)
# assert np.allclose(mean.sum(axis=0), 1, atol=1e-4)
# answer = "transposed convolution"
# ```
#
# It is a transposed convolution with a kernel of ones: the *full* convolution.
# </details>
#
# ## Read more
#
# - I. Goodfellow, Y. Bengio, A. Courville: *Deep Learning*, MIT Press 2016, sections 9.6 and 9.7
# - P. Pinheiro, R. Collobert: *Recurrent Convolutional Neural Networks for Scene Labeling*,
#   [arXiv:1306.2795](https://arxiv.org/abs/1306.2795)
# - P. Sermanet and others: *OverFeat*, [arXiv:1312.6229](https://arxiv.org/abs/1312.6229)
# - J. Long, E. Shelhamer, T. Darrell: *Fully Convolutional Networks for Semantic Segmentation*,
#   [arXiv:1411.4038](https://arxiv.org/abs/1411.4038)
# - Efficient convolution is in the notebook on variants (Fourier transform, separable kernels);
#   features without supervision are in the lab.
