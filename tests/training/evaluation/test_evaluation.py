"""Evaluation: protocols against windows cut by hand, figures against numpy, the command line."""

import json
import re

import keras
import numpy as np
import pretrained
import pytest
import tensorflow as tf
from files import folder, picture, png
from keras import layers
from matplotlib.figure import Figure

from convbook import architectures
from convbook.__main__ import main as convbook
from convbook.architectures import weights
from convbook.architectures.graph.fully_convolutional import fully_convolutional
from convbook.blocks import BN, basic_block, conv, dense, gavgpool, maxpool
from convbook.training import data
from convbook.training.evaluation import plots, protocols, scores, trained_network, views
from convbook.training.evaluation.probabilities import probabilities

SIZE = 8


def main(argv):
    return convbook(["evaluate", *argv])


def softmax(x):
    e = np.exp(np.float64(x))
    return e / e.sum(-1, keepdims=True)


def noise(*shape):
    return np.random.default_rng(0).random(shape, "float32")


def network(seed=0, size=SIZE, classes=3, channels=3):
    """A small network whose logits differ clearly."""
    keras.utils.set_random_seed(seed)
    i = keras.Input((size, size, channels))
    x = layers.Flatten()(conv(i, 4, k=3, p="valid"))
    model = keras.Model(i, dense(x, classes, a=None))
    model.set_weights([3 * w for w in model.get_weights()])
    return model


# Figures


def test_top_k():
    """The true class is first, second, sixth and, among equals, after a lower number."""
    p = np.array([[9, 1, 1, 1, 1, 1, 1], [3, 9, 1, 1, 1, 1, 1], [9, 8, 7, 6, 5, 4, 3], [1.0] * 7])
    y = np.array([0, 0, 5, 1])
    assert [scores.top(p, y, k) for k in (1, 2, 5, 6)] == [0.25, 0.75, 0.75, 1]
    rng = np.random.default_rng(0)
    p, y = rng.random((100, 9)), rng.integers(0, 9, 100)
    expected = np.mean([label in row.argsort()[-5:] for row, label in zip(p, y, strict=True)])
    assert scores.top(p, y, 5) == expected


def test_calibration_by_hand():
    """Of ten images in the bin around 0.9 eight are right, of five around 0.5 all are."""
    p = np.array([[0.9, 0.1]] * 10 + [[0.48, 0.52]] * 5)
    y = np.array([0] * 8 + [1] * 2 + [1] * 5)
    count, confidence, accuracy = scores.reliability(p, y)
    assert len(count) == 15
    assert dict(zip(np.flatnonzero(count), count[count > 0], strict=True)) == {7: 5, 13: 10}
    np.testing.assert_allclose(confidence[[7, 13]], [0.52, 0.9])
    np.testing.assert_allclose(accuracy[[7, 13]], [1, 0.8])
    error = scores.calibration_error(count, confidence, accuracy)
    assert error == pytest.approx((10 * 0.1 + 5 * 0.48) / 15)
    sure = scores.reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert sure[0][14] == 1
    assert scores.calibration_error(*sure) == 0


def test_confusion_likelihood_and_classes():
    p = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [0.5, 0, 0.5]])
    y = np.array([0, 1, 1, 1])
    confused = scores.confusion(p, y)
    np.testing.assert_array_equal(confused, [[1, 0, 0], [2, 1, 0], [0, 0, 0]])
    assert scores.per_class(p, y) == [1.0, pytest.approx(1 / 3), None]
    tiny = np.finfo("float32").tiny
    expected = -(2 * np.log(0.5) + np.log(0.25) + np.log(tiny)) / 4
    assert scores.negative_log_likelihood(p, y) == pytest.approx(expected)
    assert "top_5" not in scores.summary(p, y)
    assert "top_5" in scores.summary(np.full((1, 6), 1 / 6), y[:1])


# Protocols


def test_what_is_printed():
    """The three worst classes, the worst first, of those with images; top-5 where it is known."""
    found = dict(part="test", data="cifar10", images=9, protocol="centre", models=["a"])
    found |= dict(words=["!"])
    found |= dict(top_1=0.5, top_1_of_each=[0.5], balanced_accuracy=0.45, skipped=[])
    found |= dict(negative_log_likelihood=1.25, calibration_error=0.125)
    found |= dict(classes=[*"pqrst"], accuracy_of_class=[0.5, 0.25, None, 0.75, 0.0])
    assert scores.describe(found) == [
        "protocol centre on test of cifar10, 9 images, 5 classes",
        "  50.00%  top-1 of a",
        "",
        "  50.00%  top-1",
        "  45.00%  balanced accuracy, the mean over classes",
        "  1.2500  negative log likelihood",
        "  12.50%  expected calibration error",
        "worst classes: t 0.0%, q 25.0%, p 50.0%",
        "!",
    ]
    more = dict(models=["a", "b"], top_1_of_each=[0.5, 0.4], top_5=0.9, skipped=["x.png"])
    lines = scores.describe(found | more)
    assert lines[2:4] == ["  40.00%  top-1 of b", ""]
    assert lines[4:6] == ["  50.00%  top-1, ensemble", "  90.00%  top-5"]
    assert lines[-2:] == ["1 left out, listed in evaluation.json", "!"]


@pytest.mark.parametrize("n", [20, 21, 40, 41])
def test_a_confusion_matrix_is_labelled_where_it_can_be_read(n, tmp_path, monkeypatch):
    """Counts in up to 20 x 20 cells, but for 0; names of up to 40 classes, upright if short."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *p, **k: drawn.append(self))
    confused = np.eye(n, dtype=int) * 3
    confused[0, 1] = 2
    for names in ([f"{i:02}" for i in range(n)], [f"class {i}" for i in range(n)]):
        plots.draw_confusion(tmp_path / "c.png", confused, names)
        axes = drawn[-1].axes[0]
        counts = [text.get_text() for text in axes.texts]
        assert sorted(counts) == (["2", *"3" * n] if n <= 20 else [])
        labels = axes.get_xticklabels()
        assert ([text.get_text() for text in labels] == names) is (n <= 40)
        assert {text.get_rotation() for text in labels} == {
            90.0 if len(names[0]) > 2 and n <= 40 else 0.0
        }
        assert axes.images[0].get_array()[0, :3].tolist() == [0.6, 0.4, 0]


def test_protocols_by_name():
    read = protocols.protocol
    assert read("multi") == read("crops:144") == ("crops", None)
    assert read("dense:256,384") == ("dense", (256, 384))
    assert protocols.sides_of(read("crops:144"), 224) == [256, 288, 320, 352]
    assert protocols.sides_of(read("multi"), 299) == [342, 384, 427, 470]
    assert protocols.sides_of(read("ten"), 224) == protocols.sides_of(read("dense"), 224) == [256]
    assert protocols.sides_of(read("centre"), 224) == [224]
    assert protocols.sides_of(read("centre"), 224, short=256) == [256]
    assert protocols.sides_of(read("centre:300"), 224, short=256) == [300]
    for wrong in ("middle", "crops:10", "scales", "ten:", "ten:1,2", "dense:a", "centre:-1"):
        with pytest.raises(ValueError, match=re.escape(repr(wrong))):
            read(wrong)
    with pytest.raises(ValueError, match="short side 200 is below the 224 of the input"):
        protocols.sides_of(read("scales:256,200"), 224)


def test_short_side():
    for (h, w), size in (((12, 20), (9, 15)), ((20, 12), (15, 9)), ((7, 10), (9, 13))):
        assert views.resized(noise(h, w, 3), 9).shape == (*size, 3)
    np.testing.assert_allclose(views.resized(noise(9, 14, 3), 9), noise(9, 14, 3), atol=1e-6)


@pytest.mark.parametrize(("h", "w"), [(12, 20), (20, 12), (12, 12), (13, 18)])
def test_ten_crops_are_slices(h, w):
    """Corners and centre, then their mirror images; nothing is resized at the image's own size."""
    x = noise(h, w, 3)
    found = views.views(protocols.protocol(f"ten:{min(h, w)}"), x, SIZE)
    tops, lefts = (0, h - SIZE), (0, w - SIZE)
    corners = [x[t : t + SIZE, l : l + SIZE] for t in tops for l in lefts]
    t, l = (h - SIZE) // 2, (w - SIZE) // 2
    five = [*corners, x[t : t + SIZE, l : l + SIZE]]
    np.testing.assert_allclose(found, [*five, *(v[:, ::-1] for v in five)], atol=1e-6)


@pytest.mark.parametrize(("h", "w"), [(30, 60), (60, 30)])
def test_144_crops(h, w):
    """Four scales, three squares, six crops, two ways: at the places that GoogLeNet names."""
    x, size = noise(h, w, 3), 14
    found = views.views(protocols.protocol("crops:144"), x, size).numpy()
    expected = []
    for short in (16, 18, 20, 22):  # of 14 as 256 ... 352 are of 224
        y = views.resized(x, short).numpy()
        long = max(y.shape)
        for start in (0, (long - short) // 2, long - short):  # left, centre, right; top ... bottom
            square = y[:, start : start + short] if w > h else y[start : start + short]
            assert square.shape == (short, short, 3)
            end, middle = short - size, (short - size) // 2
            places = [(0, 0), (0, end), (end, 0), (end, end), (middle, middle)]
            expected += [square[t : t + size, l : l + size] for t, l in places]
            expected.append(tf.image.resize(square, (size, size), antialias=True).numpy())
    expected += [view[:, ::-1] for view in expected]
    assert found.shape == (144, size, size, 3)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len({view.tobytes() for view in found}) == 144


def test_scales_are_centres():
    x = noise(12, 20, 3)
    found = views.views(protocols.protocol("scales:12,16"), x, SIZE)
    y = views.resized(x, 16).numpy()
    expected = [x[2:10, 6:14], y[4:12, (y.shape[1] - 8) // 2 :][:, :8]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


# Answers


def part_of(n, h=12, w=20, size=SIZE):
    return data.Split(noise(n, h, w, 3), np.arange(n) % 3, size)


@pytest.mark.parametrize("name", ["ten:12", "crops:144", "scales:8,12"])
@pytest.mark.parametrize("batch", [1, 7])
def test_probabilities_are_averaged(name, batch):
    """The mean of the softmax over the views, each normalised, whatever the batch."""
    model, part, protocol = network(), part_of(3), protocols.protocol(name)
    statistics = data.statistics(part)
    found = probabilities(model, part, protocol, batch, None, {"standardise": True}, statistics)
    for i, x in enumerate(part.x):
        seen = (views.views(protocol, x, SIZE) - statistics.mean) / statistics.std
        expected = softmax(model.predict_on_batch(np.float32(seen))).mean(0)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1)


def test_centre_is_the_trainers_validation():
    """The same batches, by the recipe's short side; a softmax in the network is not done twice."""
    model, part, protocol = network(), part_of(5), protocols.protocol("centre")
    args = part, protocol, 2, 10, {"subtract_mean": True}, data.statistics(part)
    found = probabilities(model, *args)
    batches = data.batches(part, 2, 3, short=10, augmentation=args[-2], statistics=args[-1])
    x = np.concatenate([x for x, _ in batches.as_numpy_iterator()])
    np.testing.assert_allclose(found, softmax(model.predict_on_batch(x)), atol=1e-6)
    sure = keras.Model(model.input, layers.Activation("softmax")(model.output))
    np.testing.assert_allclose(probabilities(sure, *args), found, atol=1e-6)


# The fully convolutional network


def windows(x, size, step):
    """All windows of x (H, W, C), a row of them after the other: (h, w, size, size, C)."""
    tops, lefts = (range(0, n - size + 1, step) for n in x.shape[:2])
    return np.array([[x[t : t + size, l : l + size] for l in lefts] for t in tops])


def unpadded(head):
    """A small VGG without padding: 20 pixels, a map of 3 x 3, windows 4 pixels apart."""
    i = keras.Input((20, 20, 3))
    x = maxpool(conv(i, 4, p="valid"), p="valid")
    x = maxpool(conv(x, 6, k=4, p="valid"), p="valid")
    return keras.Model(i, head(x))


def vgg_head(x):
    x = layers.Dropout(0.5)(dense(layers.Flatten()(x), 7))
    return dense(dense(x, 5, a="tanh"), 4, a=None)


HEADS = {
    "vgg": vgg_head,
    "softmax": lambda x: layers.Softmax()(vgg_head(x)),
    "dense softmax": lambda x: dense(layers.Flatten()(x), 4, a="softmax"),
    "mean": lambda x: dense(gavgpool(x), 4, a=None),
    "max": lambda x: dense(layers.GlobalMaxPooling2D()(x), 4, a=None),
    "maps": lambda x: gavgpool(conv(x, 4, k=1)),
    "norm": lambda x: dense(layers.BatchNormalization()(gavgpool(x)), 4, a=None),
}


@pytest.mark.parametrize("head", HEADS)
def test_dense_equals_the_sliding_windows(head):
    """Position by position, without padding: a map for all windows, in one pass."""
    model = unpadded(HEADS[head])
    model.set_weights([w + 0.1 * noise(*w.shape) for w in model.get_weights()])
    found = fully_convolutional(model)
    x = noise(28, 36, 3)
    cut = windows(x, 20, 4)
    assert cut.shape[:2] == (3, 5)
    expected = model.predict_on_batch(cut.reshape(-1, 20, 20, 3)).reshape(3, 5, 4)
    maps = found.predict_on_batch(x[None])[0]
    if "softmax" in head:  # the map is of scores, before the softmax
        maps = softmax(maps)
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    assert np.ptp(expected, axis=(0, 1)).max() > 1e-3


def test_dense_protocol_averages_windows_and_mirror_images():
    """VGG, section 3.2: class scores averaged over the map, then probabilities of both ways."""
    model = unpadded(vgg_head)
    part = part_of(2, 24, 28, size=20)
    protocol = protocols.protocol("dense:24")
    found = probabilities(model, part, protocol)
    for i, x in enumerate(part.x):
        each = [windows(v, 20, 4).reshape(-1, 20, 20, 3) for v in (x, x[:, ::-1])]
        assert [len(v) for v in each] == [6, 6]
        expected = np.mean([softmax(model.predict_on_batch(v).mean(0)) for v in each], 0)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    one = probabilities(model, part, protocols.protocol("dense:24,24"))
    np.testing.assert_allclose(one, found, atol=1e-6)


def test_dense_takes_files_of_all_sizes(tmp_path):
    """Each file alone, uncropped, at each scale; the mean image becomes the mean of channels."""
    model, dense_net = network(), fully_convolutional(network())
    sizes = [(9, 14), (16, 8), (20, 24)]
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(png(picture(i, *sizes[i])))
    part = data.Files(map(str, paths), [0, 1, 2], SIZE, 3)
    protocol, statistics = protocols.protocol("dense:8,11"), data.statistics(part)
    args = part, protocol, 2, None, {"subtract_mean": {"per_pixel": True}}, statistics
    found = probabilities(model, *args)
    for i, (h, w) in enumerate(sizes):
        x, each = tf.convert_to_tensor(picture(i, h, w) / np.float32(255)), []
        for short in (8, 11):
            y = np.float32(views.resized(x, short) - statistics.mean)
            each += [dense_net.predict_on_batch(v[None]).mean((1, 2))[0] for v in (y, y[:, ::-1])]
        np.testing.assert_allclose(found[i], softmax(each).mean(0), atol=1e-5)


def test_padding_makes_the_difference():
    """A padded network: the head slides exactly over the last map, windows of pixels differ.

    A window that is cut out sees zeros beyond its edge, the whole image goes on there.
    """
    i = keras.Input((16, 16, 3))
    x = maxpool(conv(maxpool(conv(i, 4)), 6))
    model = keras.Model(i, vgg_head(x))
    body, dense_net = keras.Model(i, x), fully_convolutional(model)
    image = noise(24, 32, 3)
    maps = dense_net.predict_on_batch(image[None])[0]
    free = keras.Model(dense_net.input, dense_net.layers[4].output)  # the body, of any size
    features = free.predict_on_batch(image[None])[0]
    assert features.shape == (6, 8, 6)
    y = windows(features, 4, 1).reshape(-1, *body.output_shape[1:])
    for layer in model.layers[len(body.layers) :]:
        y = layer(y)
    np.testing.assert_allclose(maps.reshape(-1, 4), y, atol=1e-5)
    cut = model.predict_on_batch(windows(image, 16, 4).reshape(-1, 16, 16, 3))
    assert abs(cut - maps.reshape(-1, 4)).max() > 1e-3
    own = dense_net.predict_on_batch(image[None, :16, :16])[0]  # no other edge than the window's
    np.testing.assert_allclose(own[0], model(image[None, :16, :16]), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "size", "step"),
    [("vgg11", 64, 32), ("alexnet", 67, 32), ("resnet20", 32, 4), ("squeezenet1_1", 64, 16)],
)
def test_architectures_become_fully_convolutional(name, size, step):
    """At its own size the map has one position, which equals the network's output."""
    model = architectures.create(name, input_shape=(size, size, 3), classes=10)
    found, x = fully_convolutional(model), noise(2, size, size, 3)
    expected = model.predict_on_batch(x)
    maps = found.predict_on_batch(x)
    assert maps.shape == (2, 1, 1, 10)
    np.testing.assert_allclose(maps[:, 0, 0], expected, atol=1e-5 * abs(expected).max())
    more = found.predict_on_batch(noise(1, size + 2 * step, size + step, 3))
    assert more.shape == (1, 3, 2, 10)


def test_what_cannot_become_fully_convolutional():
    lenet = architectures.create("lenet5")
    with pytest.raises(
        ValueError, match=r"lenet5 cannot .* a RadialBasis, has no counterpart on maps"
    ):
        fully_convolutional(lenet)
    i = keras.Input((8, 8, 3))
    two = layers.add([dense(layers.Flatten()(i), 3), dense(gavgpool(i), 3)])
    with pytest.raises(ValueError, match="its head has add"):
        fully_convolutional(keras.Model(i, two))
    with pytest.raises(ValueError, match="no dense layer reads the flattened map of 8 x 8"):
        fully_convolutional(keras.Model(i, layers.Flatten()(i)))
    with pytest.raises(ValueError, match="no flatten and no global pool ends its map"):
        fully_convolutional(keras.Model(i, conv(i, 3)))
    j = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match="it has several inputs"):
        fully_convolutional(keras.Model([i, j], gavgpool(layers.add([i, j]))))
    any_size = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="must have a known size"):
        fully_convolutional(keras.Model(any_size, gavgpool(conv(any_size, 3))))


# The command


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of three classes, 8 images to train on and some to test of each."""
    root = tmp_path_factory.mktemp("images")
    folder(root / "train", dict(ant=8, bee=8, cat=8), png, "png")
    return folder(root / "test", dict(ant=3, bee=2, cat=4), png, "png", seed=50).parent


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))


def saved(at, model, **result):
    """A model.keras in a folder, and a result.json if anything is said for it; else the model says
    that images are in [0, 1] as they are."""
    at.mkdir(parents=True)
    kind = dict(order="grey", mean=[0], std=[1]) if model.input_shape[-1] == 1 else {}
    plain = weights.Preparation(SIZE, SIZE, first="crop", **kind)
    (model if result else weights.prepared(model, plain)).save(at / "model.keras")
    if result:
        (at / "result.json").write_text(json.dumps(result))
    return str(at / "model.keras")


def by_hand(images, model, augmentation=None, statistics=None, part="test"):
    parts = data.load_data(f"folder:{images}", SIZE, 3)
    found = data.batches(getattr(parts, part), 64, 3, augmentation=augmentation,
                         statistics=statistics)  # fmt: skip
    (x, y), = found.as_numpy_iterator()  # fmt: skip
    return softmax(model.predict_on_batch(x)), y.argmax(1)


def test_evaluate_one_network(images, tmp_path, capsys):
    """Without result.json; all figures are those of the probabilities computed by hand."""
    model = network()
    path = saved(tmp_path / "run", model)
    assert main([str(tmp_path / "run"), "--data", f"folder:{images}"]) == 0  # that is path
    out = tmp_path / "run" / "evaluation-centre-test"
    found = json.loads((out / "evaluation.json").read_text())
    p, y = by_hand(images, model)
    assert len(y) == found["images"] == 9
    assert found["top_1"] == np.mean(p.argmax(1) == y)
    assert found["negative_log_likelihood"] == pytest.approx(-np.log(p[range(9), y]).mean(), 1e-4)
    assert found["confusion"] == [
        [int(((y == a) & (p.argmax(1) == b)).sum()) for b in range(3)] for a in range(3)
    ]
    assert found["classes"] == ["ant", "bee", "cat"]
    assert found["accuracy_of_class"] == [np.mean(p.argmax(1)[y == c] == c) for c in range(3)]
    for name in ("confusion.png", "reliability.png"):
        assert (out / name).read_bytes()[:4] == b"\x89PNG"
    text = capsys.readouterr().out
    assert f"{found['top_1']:8.2%}  top-1\n" in text
    assert f"images prepared as for {path}: short side {SIZE}, centre {SIZE} x {SIZE}" in text


def test_evaluate_an_ensemble(images, tmp_path):
    """The mean of the probabilities, each network with images as it was trained on."""
    one, two = network(1), network(2)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.1]
    result = dict(options={"data": "gone"}, recipe={"augmentation": [["standardise", {}]]})
    paths = [
        saved(tmp_path / "a", one),
        saved(tmp_path / "b", two, **result, statistics=dict(mean=mean, std=std)),
    ]
    out = tmp_path / "out"
    assert main([*paths, "--data", f"folder:{images}", "--out", str(out)]) == 0
    found = json.loads((out / "evaluation.json").read_text())
    a, y = by_hand(images, one)
    statistics = data.Statistics(np.array(mean), np.array(std), None, None)
    b, _ = by_hand(images, two, result["recipe"]["augmentation"], statistics)
    p = (a + b) / 2
    assert found["negative_log_likelihood"] == pytest.approx(-np.log(p[range(9), y]).mean(), 1e-4)
    assert found["top_1_of_each"] == [np.mean(q.argmax(1) == y) for q in (a, b)]
    assert len(found["words"]) == 2
    assert found["words"][0].startswith(f"images prepared as for {paths[0]}: short side {SIZE}")
    assert found["words"][1] == f"images prepared as in the training of {paths[1]}"


def test_the_preparation_of_a_library_is_carried_out_exactly():
    names = ("chelsea.png", "coffee.png")
    part = data.Files([str(pretrained.path_of(name)) for name in names], [0, 1], 227, 3)
    model = architectures.create("squeezenet_v1_1")
    weights.from_torch(model, pretrained.squeezenet())
    known = weights.Preparation(**pretrained.PREPARATION)
    p = probabilities(model, part, protocols.CENTRE, preparation=known)
    for i, name in enumerate(names):
        x = np.asarray(known(pretrained.photograph(name)))[None]
        np.testing.assert_allclose(p[i], softmax(model.predict_on_batch(x))[0], atol=1e-5)


def test_statistics_are_those_of_the_training_data(images, tmp_path):
    """If result.json lacks them, they are computed from the data that it names."""
    model = network(3)
    options = dict(data=f"folder:{images}", augmentation=[["subtract_mean", {}]])
    path = saved(tmp_path / "run", model, options=options)
    parts = data.load_data(f"folder:{images}", SIZE, 3)
    known = trained_network.preparation(trained_network.load_network(path))
    np.testing.assert_allclose(known[1].mean, data.statistics(parts.train).mean)
    assert main([path, "--data", options["data"], "--protocol", "ten:12", "--part", "val"]) == 0
    found = (tmp_path / "run" / "evaluation-ten-12-val" / "evaluation.json").read_text()
    assert "evaluated with mirror images, but trained without them" in found
    p = probabilities(model, parts.val, protocols.protocol("ten:12"), 64, None, *known[:2])
    expected = -np.log(p[range(len(parts.val)), parts.val.y]).mean()
    assert json.loads(found)["negative_log_likelihood"] == pytest.approx(expected, 1e-5)
    (tmp_path / "run" / "result.json").write_text(json.dumps({"options": options | {"data": "x"}}))
    with pytest.raises(ValueError, match=r"result\.json lacks the mean of its training data"):
        trained_network.preparation(trained_network.load_network(path))


def test_evaluate_on_the_digits(tmp_path):
    """A network with batch norm; the trainer's own accuracy comes out again."""
    i = keras.Input((8, 8, 1))
    model = keras.Model(i, dense(gavgpool(basic_block(conv(i, 4, n=BN), 8, s=2)), 10, a=None))
    path = saved(tmp_path / "run", model)
    assert main([path, "--data", "digits", "--protocol", "dense:16", "--part", "val"]) == 0
    found = json.loads((tmp_path / "run/evaluation-dense-16-val/evaluation.json").read_text())
    assert found["images"] == 288
    assert sum(map(sum, found["confusion"])) == 288
    assert found["top_1"] <= found["top_5"]


def test_broken_files_are_left_out(images, tmp_path, capsys):
    root = tmp_path / "some"
    for part, n in (("train", 8), ("test", 2)):
        folder(root / part, dict(ant=n, bee=n, cat=n), png, "png")
    (root / "test" / "ant" / "bad.png").write_bytes(png(picture(1))[:100])
    path = saved(tmp_path / "run", network())
    assert main([path, "--data", f"folder:{root}"]) == 2
    assert "bad.png: a PNG that is truncated" in capsys.readouterr().err
    assert main([path, "--data", f"folder:{root}", "--skip-broken"]) == 0
    found = (tmp_path / "run" / "evaluation-centre-test" / "evaluation.json").read_text()
    assert [file.endswith("bad.png") for file, _ in json.loads(found)["skipped"]] == [True]
    assert json.loads(found)["images"] == 6


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["{tmp}/none.keras"], "none.keras: there is no such file"),
        (["{tmp}/good", "{tmp}/good/model.keras"], "good/model.keras: given twice; an ensemble"),
        (["{tmp}/text.keras"], "text.keras cannot be loaded by Keras"),
        (["{tmp}/four/model.keras"], " has 3: give data with the classes of the network"),
        (["{tmp}/other/model.keras"], "class 1 is 'wasp' for"),
        (["{tmp}/other/model.keras"], ": give data with the classes of the network"),
        (["{tmp}/text/model.keras"], "of a run: name a folder that convbook train --out made"),
        (["{tmp}/good/model.keras", "--protocol", "eleven"], "--protocol 'eleven': must be"),
        (
            ["{tmp}/good/model.keras", "--protocol", "scales:7"],
            "short side 7 is below the 8 of the input",
        ),
        (["{tmp}/good/model.keras", "--size", "9"], "--size 9: its input is (8, 8, 3)"),
        (["{tmp}/good/model.keras", "--out", "{tmp}/text.keras"], "cannot be written"),
        (["{tmp}/good/model.keras", "--data", "letters"], "--data must be one of digits"),
        (["{tmp}/good/model.keras", "--batch-size", "0"], "'0' is not a whole number"),
        (["{tmp}/nan/model.keras"], "(NaN or infinity): evaluate an earlier checkpoint"),
        (["{tmp}/torn/model.keras"], "result.json cannot be read"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(argv, words, images, broken, capsys):
    assert main(["--data", f"folder:{images}", *(arg.format(tmp=broken) for arg in argv)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Networks that do not fit together with the first one."""
    root = tmp_path_factory.mktemp("broken")
    (root / "text.keras").write_text("no model")
    saved(root / "good", network())
    saved(root / "four", network(classes=4))
    saved(root / "other", network(), options={}, classes=["ant", "wasp", "cat"])
    saved(root / "torn", network())
    (root / "torn" / "result.json").write_text("{")
    saved(root / "text", network())
    (root / "text" / "result.json").write_text("{}")
    model = network()
    model.set_weights([w * np.nan for w in model.get_weights()])
    saved(root / "nan", model)
    return root


@pytest.mark.parametrize(("old", "new"), trained_network.RENAMED.items())
def test_a_deprecated_name_is_the_new_one_and_says_so(old, new):
    with pytest.warns(DeprecationWarning, match=rf"is now {new}; version 0\.4\.0 removes"):
        assert getattr(trained_network, old) is getattr(trained_network, new)
