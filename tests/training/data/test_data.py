"""Data: every source, on tiny files of its format; every kind of broken file; exact batches."""

import argparse
import os
import sys
import types

import files
import keras
import numpy as np
import pytest
import tensorflow as tf
from places import DATA
from private import door

from convbook.training import data
from convbook.training.data import check, moments, records, sources
from convbook.training.data.splits import hold_out

TWO = {"cat": 8, "dog": 9}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The results of the check are stored in a folder of this test."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def keras_files(tmp_path, monkeypatch):
    """keras.datasets fetches from a folder, whatever the checksum."""

    fetched = tmp_path / "fetched"
    fetched.mkdir()  # Keras would take another where it cannot write

    def get_file(fname, origin, file_hash, extract=False):
        kept = tmp_path / (f"{fname}_archive" if extract else fname)
        return keras.utils.get_file(fname, kept.as_uri(), extract=extract, cache_dir=str(fetched))

    for name in ("mnist", "fashion_mnist", "cifar10", "cifar100"):
        monkeypatch.setattr(door(name), get_file)
    return tmp_path


def every(part, classes, **options):
    """All images and labels of one pass."""
    found = list(data.batches(part, 4, classes, **options).as_numpy_iterator())
    return (np.concatenate(a) for a in zip(*found, strict=True))


def run(part, start=0, steps=7, share=(0, 1), classes=3, batch=4, seed=5, **augmentation):
    """The batches of a run as two arrays (steps, B, ...)."""
    options = argparse.Namespace(batch_size=batch, seed=seed, augmentation=augmentation)
    made = data.training_batches(part, steps, classes, options, start, share)
    return [np.stack(a) for a in zip(*made.as_numpy_iterator(), strict=True)]


def in_memory(n=10):
    """n images, each of one value that identifies it."""
    x = np.broadcast_to(np.arange(n, dtype="float32")[:, None, None, None], (n, 8, 8, 3)) / 16
    return data.Split(x, np.arange(n) % 3)


def in_files(tmp_path):
    root = files.folder(tmp_path / "images", {"a": 8, "b": 8, "c": 8})
    return data.load_data(f"folder:{root}", 8, 3).train


def in_records(tmp_path):
    pairs = [(files.jpeg(files.picture(i)), i % 3) for i in range(24)]
    for shard in range(3):
        files.records(tmp_path / f"all-{shard}.tfrecord", pairs[shard::3] * 1)
    return data.load_data(f"tfrecord:{tmp_path}/all-*", 8, 3).train


PLACES = dict(pad_crop=2, flip=True)
SOME = dict(random_area_crop={}, flip=True)
ALL = dict(random_area_crop={}, colour_jitter={}, mixup={}, cutmix={}, **PLACES)


@pytest.mark.parametrize("source", ["memory", "files", "records"])
def test_a_batch_depends_on_the_seed_and_the_step_alone(source, tmp_path):
    """Bit-identical from any first step, in a longer run, and put together from shares."""
    make = dict(memory=lambda p: in_memory(), files=in_files, records=in_records)[source]
    part, options = make(tmp_path), ALL if source == "memory" else SOME
    x, y = run(part, **options)
    assert x.shape == (7, 4, 8, 8, 3)
    for other in (
        run(part, start=3, **options),
        [a[3:7] for a in run(part, steps=9, **options)],
        [
            np.concatenate(a, 1)
            for a in zip(*(run(part, 3, share=(i, 2), **options) for i in (0, 1)), strict=True)
        ],
    ):
        np.testing.assert_array_equal(other[0], x[3:])
        np.testing.assert_array_equal(other[1], y[3:])
    assert (run(part, seed=6, **options)[0] != x).any()
    assert len({step.tobytes() for step in x}) == 7


def test_each_image_has_its_own_draws(tmp_path):
    """One image eight times in a batch gives eight windows, and eight others at the next step."""
    part = in_files(tmp_path)
    part = part.take([0] * 8, part.y[[0] * 8])
    for options in (SOME, dict(scale_jitter=dict(low=16, high=40))):
        x, _ = run(part, steps=2, batch=8, **options)
        assert len({image.tobytes() for image in x.reshape(16, -1)}) == 16


@pytest.mark.parametrize(
    "augmentation",
    [
        dict(affine=dict(rotation=20, zoom=0.2)),
        PLACES,
        dict(colour_jitter={}),
        dict(scale_jitter=dict(low=8, high=12)),
        dict(rand_augment=1),
    ],
)
def test_shares_are_the_whole(augmentation):
    rng = np.random.default_rng(0)
    part = data.Split(rng.random((10, 8, 8, 3), "float32"), np.arange(10) % 3)
    x, y = run(part, steps=3, **augmentation)
    shares = [run(part, steps=3, share=(i, 4), **augmentation) for i in range(4)]
    np.testing.assert_array_equal(np.concatenate([s[0] for s in shares], 1), x)
    np.testing.assert_array_equal(np.concatenate([s[1] for s in shares], 1), y)


@pytest.mark.parametrize("source", ["files", "records"])
def test_training_takes_every_image_once_a_pass(source, tmp_path):
    """Passes follow each other across batches; without augmentation images are the centres."""
    part = dict(files=in_files, records=in_records)[source](tmp_path)
    n = len(part)
    whole, labels = every(part, 3)
    x, y = run(part, steps=n, batch=3)
    x, y = x.reshape(3, n, -1), y.reshape(3, n, 3)
    for i in range(3):
        order = [int(np.abs(whole.reshape(n, -1) - image).sum(1).argmin()) for image in x[i]]
        assert sorted(order) == list(range(n))
        np.testing.assert_array_equal(x[i], whole.reshape(n, -1)[order])
        np.testing.assert_array_equal(y[i], labels[order])
    assert (x[0] != x[1]).any()


@pytest.mark.parametrize("source", ["memory", "files"])
@pytest.mark.parametrize("n", [10, 11, 12])
def test_batches_deal_out_every_image_once(source, n, tmp_path):
    part = in_memory(n)
    if source == "files":
        part = in_files(tmp_path).take(np.arange(n), np.arange(n) % 3)
    whole = list(data.batches(part, 8, 3).as_numpy_iterator())
    shares = [list(data.batches(part, 8, 3, share=(i, 2)).as_numpy_iterator()) for i in range(2)]
    assert {len(s) for s in shares} == {len(whole)} == {2}
    for step, (x, y) in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([s[step][0] for s in shares]), x)
        np.testing.assert_array_equal(np.concatenate([s[step][1] for s in shares]), y)
    assert sum(len(x) for x, _ in whole) == n


def test_what_cannot_be_shared():
    with pytest.raises(
        ValueError, match="batch=8: the last batch of 9 images is too small for 4 shares"
    ):
        data.batches(in_memory(9), 8, 3, share=(0, 4))
    with pytest.raises(ValueError, match=r"batch=4, share=\(0, 3\)"):
        run(in_memory(), share=(0, 3))
    with pytest.raises(
        ValueError, match="mixup mixes pairs, so each worker needs an even number of images, not 1"
    ):
        run(in_memory(), share=(0, 4), mixup={})
    with pytest.raises(ValueError, match="subtract_mean needs statistics"):
        run(in_memory(), subtract_mean={})
    with pytest.raises(ValueError, match=r"scale_jitter low=4: low must be at least the image.s 8"):
        run(in_memory(), scale_jitter=dict(low=4))


def test_statistics():
    """Statistics of pixels in [0, 1]; standardised images have the mean 0 and the deviation 1."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (300, 8, 8, 3)).astype("uint8")
    x[..., 1] = x[..., 0] // 2 + x[..., 1] // 4
    part = data.Split(x, np.arange(300) % 3)
    found = data.statistics(part)
    flat = x.reshape(-1, 3) / 255
    np.testing.assert_allclose(found.mean, flat.mean(0), atol=1e-6)
    np.testing.assert_allclose(found.covariance, np.cov(flat.T, bias=True), atol=1e-6)
    np.testing.assert_allclose(found.std, flat.std(0), atol=1e-6)
    np.testing.assert_allclose(found.pixel_mean, x.mean(0) / 255, atol=1e-6)
    known = dict(statistics=found)
    x, _ = every(part, 3, augmentation=dict(standardise=True), **known)
    np.testing.assert_allclose(x.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(x.std((0, 1, 2)), 1, atol=1e-5)
    x, _ = every(part, 3, augmentation=[("subtract_mean", dict(per_pixel=True))], **known)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)


def test_statistics_of_many_files_are_those_of_some(tmp_path, monkeypatch):
    """They are computed from enough files, evenly spaced, so that no class is left out."""
    monkeypatch.setattr(moments, "MOST", 4)
    part = data.load_data(f"folder:{files.folder(tmp_path / 'f', TWO)}", 8, 3).train
    assert len(part) == 10
    some = [0, 2, 5, 7]
    x, _ = every(part.take(some, part.y[some]), 2)
    found = data.statistics(part)
    np.testing.assert_allclose(found.pixel_mean, x.mean(0), atol=1e-6)
    np.testing.assert_allclose(found.std, x.std((0, 1, 2)), atol=1e-5)


def test_batches_of_a_larger_image(tmp_path):
    """short=10: of the image resized to a short side of 10, the centre of 8."""
    root = files.folder(tmp_path / "images", {"a": 8, "b": 8, "c": 8}, files.png, "png")
    part = data.load_data(f"folder:{root}", 8, 3).train
    x, _ = every(part, 3, short=10)
    for path, found in zip(part.paths, x, strict=True):
        expected = tf.io.decode_png(tf.io.read_file(path))[2:18, 4:20]  # of 20 x 24
        expected = tf.image.resize(expected, (8, 8), antialias=True) / 255
        np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(ValueError, match="short=6: short must be at least the 8"):
        every(part, 3, short=6)


def test_training_batches_are_normalised(tmp_path):
    """They are normalised as in evaluation, before pad_crop, so that its zeros are the mean."""
    part = in_memory()
    options = argparse.Namespace(batch_size=10, seed=0, augmentation=dict(subtract_mean=True))
    known = dict(statistics=data.statistics(part))
    x, _ = next(data.training_batches(part, 1, 3, options, **known).as_numpy_iterator())
    clean, _ = every(part, 3, augmentation=options.augmentation, **known)
    np.testing.assert_array_equal(np.sort(x, 0), np.sort(clean, 0))
    options.augmentation["pad_crop"] = 8
    x, _ = next(data.training_batches(part, 1, 3, options, **known).as_numpy_iterator())
    assert (np.isin(x, [0, *clean.ravel()])).all()
    assert 0.1 < (x == 0).mean() < 0.9


def test_mnist(keras_files):
    """The files of keras.datasets; a tenth of the training images is for validation."""
    x, y = files.mnist(keras_files, 100)
    parts = data.load_data("mnist", 28, 1)
    assert [len(p) for p in parts[:3]] == [90, 10, 10]
    assert parts.classes == 10
    np.testing.assert_array_equal(parts.test.y, y[100:])
    images, labels = every(parts.test, 10)
    np.testing.assert_allclose(images[..., 0], x[100:] / 255, atol=1e-6)
    assert labels.argmax(1).tolist() == y[100:].tolist()
    seen = np.concatenate([every_x for every_x, _ in (every(p, 10) for p in parts[:2])])
    assert sorted(a.tobytes() for a in np.uint8(np.round(seen[..., 0] * 255))) == sorted(
        a.tobytes() for a in x[:100]
    )
    larger, _ = every(data.load_data("mnist", 32, 3).test, 10)
    assert larger.shape == (10, 32, 32, 3)
    expected = tf.image.resize(x[100:, ..., None] / 255, (32, 32), antialias=True)
    np.testing.assert_allclose(larger[..., :1], expected, atol=1e-6)


def test_cifar10(keras_files):
    x = files.cifar10(keras_files)
    parts = data.load_data("cifar10", 32, 3)
    assert [len(p) for p in parts[:3]] == [45_000, 5_000, 10]
    images, _ = every(parts.test, 5)
    np.testing.assert_allclose(images, x / 255, atol=1e-6)
    with pytest.raises(ValueError, match="has 3 channels; the model takes 1"):
        data.load_data("cifar10", 32, 1)


def test_cifar100(keras_files):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 3072), "uint8"), [i % 4 for i in range(40)]
    batch = {b"data": x, b"fine_labels": y}
    pickled = {f"cifar-100-python/{name}": batch for name in ("train", "test")}
    files.archive(keras_files / "cifar-100-python-target_archive", pickled)
    parts = data.load_data("cifar100", 32, 3)
    assert [len(p) for p in parts[:3]] == [36, 4, 40]
    images, _ = every(parts.test, 4)
    expected = x.reshape(40, 3, 32, 32).transpose(0, 2, 3, 1) / 255
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_fashion_mnist_of_the_system(monkeypatch):
    """The first 60 + 20 images of the data set, in its own format, found where Debian puts it."""
    monkeypatch.setattr(sources, "FASHION_MNIST", DATA / "fashion_mnist")
    parts = data.load_data("fashion_mnist", 28, 1)
    assert sum(len(p) for p in parts[:2]) == 60
    assert parts.names[9] == "Ankle boot"
    # https://github.com/zalandoresearch/fashion-mnist shows the first images of the test part
    assert parts.test.y[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    images, _ = every(parts.test, 20)
    assert images.shape == (20, 28, 28, 1)
    trousers = images[2, ..., 0] > 0.5  # two legs: the lower rows are bright, dark, bright
    assert trousers[20].any()
    assert not trousers[20, 14]


def test_fashion_mnist_that_is_nowhere(keras_files, monkeypatch, tmp_path):
    """The error has both ways to get it, in one line."""
    monkeypatch.setattr(sources, "FASHION_MNIST", tmp_path / "none")
    with pytest.raises(ValueError, match=r"keras\.datasets could not load it: ") as refused:
        data.load_data("fashion_mnist", 28, 1)
    ways = "connect once, so that Keras keeps it, or install Debian's package dataset-fashion-mnist"
    assert str(refused.value).endswith(f"; {ways}")
    assert "\n" not in str(refused.value)


def test_a_broken_fashion_mnist_of_the_system(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "FASHION_MNIST", tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=f"{tmp_path} cannot be read: Not a gzipped file"):
        data.load_data("fashion_mnist", 28, 1)


def test_what_keras_cannot_fetch(keras_files):
    with pytest.raises(ValueError, match=r"--data 'mnist': keras.datasets could not load it: "):
        data.load_data("mnist", 28, 1)


def test_folder_split(tmp_path):
    """Each image in one part, with the label of its folder; always the same split."""
    root = files.folder(tmp_path / "images", {"b": 20, "a": 30})
    (root / "a" / "deeper").mkdir()
    (root / "a" / "0.jpg").rename(root / "a" / "deeper" / "0.JPEG")
    (root / "a" / ".DS_Store").write_text("")
    (root / "LICENCE").write_text("")
    parts = data.load_data(f"folder:{root}", 16, 3)
    assert [len(p) for p in parts[:3]] == [32, 8, 10]
    assert (parts.classes, parts.names, list(parts.skipped)) == (2, ["a", "b"], [])
    paths = [p for part in parts[:3] for p in part.paths]
    assert sorted(paths) == sorted(str(p) for p in root.glob("*/**/*.[jJ]*"))
    for part in parts[:3]:
        assert ["ab".index(os.path.relpath(p, root)[0]) for p in part.paths] == part.y.tolist()
    assert data.load_data(f"folder:{root}", 16, 3).train.paths == parts.train.paths


def test_folder_parts(tmp_path):
    """train, val and test as they are; of train and val, val is the test."""
    for part, n in (("train", 20), ("val", 3), ("test", 4)):
        files.folder(tmp_path / "images" / part, {"a": n, "b": n}, seed=n * 100)
    parts = data.load_data(f"folder:{tmp_path}/images", 16, 1)
    assert [len(p) for p in parts[:3]] == [40, 6, 8]
    assert all(
        f"/{name}/" in p
        for name, part in zip(("train", "val", "test"), parts[:3], strict=True)
        for p in part.paths
    )
    (tmp_path / "images" / "test").rename(tmp_path / "images" / ".test")
    parts = data.load_data(f"folder:{tmp_path}/images", 16, 1)
    assert [len(p) for p in parts[:3]] == [36, 4, 6]
    assert all("/val/" in p for p in parts.test.paths)
    assert not set(parts.train.paths) & set(parts.val.paths)


def test_hold_out():
    """A tenth of every class is held out, at most 10,000 images in all."""
    y = np.arange(200_000) % 8
    train, val = hold_out(y)
    assert (len(train), len(val)) == (190_000, 10_000)
    assert np.bincount(y[val]).tolist() == [1250] * 8


KINDS = {
    "RGB.png": ("RGB", "PNG"),
    "RGBA.png": ("RGBA", "PNG"),
    "palette.png": ("P", "PNG"),
    "grey.png": ("L", "PNG"),
    "grey-alpha.png": ("LA", "PNG"),
    "16 bit.png": ("I;16", "PNG"),
    "grey.jpg": ("L", "JPEG"),
    "CMYK.jpg": ("CMYK", "JPEG"),
    "a PNG.jpg": ("RGB", "PNG"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_images(kind, channels, tmp_path):
    """All formats give the same picture, with the requested channels."""
    x = files.picture(0, 32, 32)
    root = files.folder(tmp_path / "images", TWO)
    (root / "cat" / kind).write_bytes(files.pil(x, *KINDS[kind]))
    parts = data.load_data(f"folder:{root}", 32, channels)
    part = next(p for p in parts[:3] if str(root / "cat" / kind) in p.paths)
    images, _ = every(part, 2)
    image = images[part.paths.index(str(root / "cat" / kind))]
    luma = x @ [0.299, 0.587, 0.114]
    expected = np.repeat(luma[..., None], 3, -1) if "grey" in kind else x
    expected = x[..., :1] if "16" in kind else expected
    expected = expected if channels == 3 or "16" in kind else luma[..., None]
    assert image.shape == (32, 32, channels)
    loss = 0.1 if "palette" in kind else 0.03
    assert np.abs(image - expected / 255).mean() < loss


def test_exif_and_odd_sizes(tmp_path):
    """One pixel, one row, very wide: all become size by size."""
    root = files.folder(tmp_path / "images", {"a": 20, "b": 20})
    for i, (h, w) in enumerate([(1, 1), (1, 40), (300, 2), (7, 5)]):
        (root / "a" / f"odd{i}.png").write_bytes(files.png(files.picture(i, h, w)))
    part = data.load_data(f"folder:{root}", 16, 3).train
    assert sum("odd" in p for p in part.paths) > 1
    for augmentation in (dict(random_area_crop={}), dict(scale_jitter=dict(low=16, high=32))):
        x, _ = run(part, classes=2, **augmentation)
        assert np.isfinite(x).all()
    images, _ = every(part, 2, short=20)
    assert images.shape == (len(part), 16, 16, 3)


def gif(x):
    return files.pil(x, "P", "GIF")


BROKEN = {
    "text.jpg": (lambda x: b"no image at all", "neither JPEG nor PNG"),
    "empty.jpg": (lambda x: b"", "empty"),
    "short.jpg": (lambda x: files.jpeg(x)[:-40], "a JPEG that is truncated or corrupt"),
    "head.jpg": (lambda x: files.jpeg(x)[:4], "a JPEG that is truncated or corrupt"),
    "short.png": (lambda x: files.png(x)[:-60], "a PNG that is truncated or corrupt"),
    "flipped.png": (lambda x: files.png(x)[:60] + b"!" + files.png(x)[61:], "a PNG that is trunc"),
    "a.gif": (gif, "a GIF, neither JPEG nor PNG"),
    "gif.png": (gif, "a GIF, neither JPEG nor PNG"),
    "a.bmp": (lambda x: files.pil(x, "RGB", "BMP"), "a BMP, neither"),
    "a.tiff": (lambda x: files.pil(x, "RGB", "TIFF"), "a TIFF, neither"),
    "a.webp": (lambda x: files.pil(x, "RGB", "WEBP"), "a WebP, neither"),
    "moving.png": (files.animated_png, "an animated PNG"),
    "notes.txt": (lambda x: b"notes", "neither JPEG nor PNG"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_is_named(name, tmp_path):
    """Broken images are named before training; with --skip-broken they are skipped and listed."""
    root = files.folder(tmp_path / "images", TWO)
    make, why = BROKEN[name]
    (root / "cat" / name).write_bytes(make(files.picture(0)))
    with pytest.raises(ValueError, match="--skip-broken") as stop:
        data.load_data(f"folder:{root}", 16, 3)
    assert f"{root}/cat/{name}: {why}" in str(stop.value)
    parts = data.load_data(f"folder:{root}", 16, 3, skip_broken=True)
    assert [(f, w[: len(why)]) for f, w in parts.skipped] == [(f"{root}/cat/{name}", why)]
    assert sum(len(p) for p in parts[:3]) == 17


def test_many_broken_images(tmp_path):
    """The first ten by name, and how many more; all of them in skipped."""
    root = files.folder(tmp_path / "images", TWO)
    for i in range(25):
        (root / "cat" / f"x{i:02}.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"x09.jpg: empty; and 15 more \(--skip-broken"):
        data.load_data(f"folder:{root}", 16, 3)
    assert len(data.load_data(f"folder:{root}", 16, 3, skip_broken=True).skipped) == 25


def test_a_file_that_may_not_be_read_or_is_gone(tmp_path):
    root = files.folder(tmp_path / "images", TWO)
    (root / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"gone.jpg: not found"):
        data.load_data(f"folder:{root}", 16, 3)
    assert len(data.load_data(f"folder:{root}", 16, 3, skip_broken=True).skipped) == 1


def test_broken_classes(tmp_path):
    """An empty class, one that only broken images fill, and one that train lacks."""
    root = tmp_path / "images"
    for part in ("train", "val", "test"):
        files.folder(root / part, TWO)
    (root / "train" / "empty").mkdir()
    (root / "train" / "bad").mkdir()
    (root / "train" / "bad" / "x.jpg").write_bytes(b"")
    files.folder(root / "val", {"other": 2})
    with pytest.raises(ValueError, match=r"val/other: a class that is missing in .*train") as stop:
        data.load_data(f"folder:{root}", 16, 3)
    for words in ("train/empty: a class without", "train/bad: a class without", "x.jpg: empty"):
        assert words in str(stop.value)
    parts = data.load_data(f"folder:{root}", 16, 3, skip_broken=True)
    assert (parts.names, parts.classes, len(parts.val)) == (["cat", "dog"], 2, 17)
    assert len(parts.skipped) == 4


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"cat": 9}, "only one class"),
        ({}, "has no class folders"),
        ({"cat": 3, "dog": 9}, "class 'cat' has 3 images"),
    ],
)
def test_folders_that_cannot_be(counts, words, tmp_path):
    (tmp_path / "images").mkdir()
    files.folder(tmp_path / "images", counts)
    for skip in (False, True):
        with pytest.raises(ValueError, match=words):
            data.load_data(f"folder:{tmp_path}/images", 16, 3, skip_broken=skip)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("folder:nowhere", 8, 3), "there is no folder 'nowhere'"),
        (("folder:README.md", 8, 3), "'README.md' is a file, not a folder of images"),
        (("folder:", 8, 3), "must be one of digits"),
        (("tfrecord:nowhere*", 8, 3), "no file matches 'nowhere\\*'"),
        (("folder:nowhere", 8, 2), "1 or 3 channels"),
        (("digits", 8, 1, False, 1), "--first-label 1 works only with"),
    ],
)
def test_words_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        data.load_data(*arguments)


def test_the_check_is_made_once(tmp_path, monkeypatch, home):
    """A file is checked once until it changes; if the result cannot be stored, again."""
    root = files.folder(tmp_path / "images", TWO)
    calls = []
    look = check.look
    monkeypatch.setattr(check, "look", lambda x: calls.append(1) or look(x))

    def looks():
        calls.clear()
        data.load_data(f"folder:{root}", 16, 3, skip_broken=True)
        return len(calls)

    assert [looks(), looks()] == [17, 0]
    (root / "cat" / "0.jpg").write_bytes(files.jpeg(files.picture(99)))
    (root / "dog" / "more.jpg").write_bytes(files.jpeg(files.picture(98)))
    assert [looks(), looks()] == [2, 0]
    (table,) = (home / "checked").iterdir()
    table.write_text("no table " * 100)
    assert [looks(), looks()] == [18, 0]
    monkeypatch.setenv("KERAS_HOME", str(root / "cat" / "1.jpg"))
    assert [looks(), looks()] == [18, 18]


def test_offsets_are_those_of_the_file(tmp_path):
    """Every record is found, and read as TFRecordDataset reads it."""
    path = tmp_path / "a.tfrecord"
    files.records(path, [(b"x" * (i * 37), i) for i in range(20)])
    at, why = records.offsets(path)
    assert why is None
    part = data.Records([str(path)], [0] * 20, at, np.arange(20), 8, 3, records.INCEPTION)
    expected = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    assert [part.record(i).numpy() for i in range(20)] == expected
    assert [part.example(i)[0].numpy() for i in (3, 0)] == [b"x" * 111, b""]


def shards(root, train=24, val=8, labels=lambda i: i % 3):
    """Inception's names: two shards to train, one for validation."""
    root.mkdir(exist_ok=True)
    image = [(files.jpeg(files.picture(i)), labels(i)) for i in range(train + val)]
    files.records(root / "train-00000-of-00002", image[: train // 2])
    files.records(root / "train-00001-of-00002", image[train // 2 : train])
    files.records(root / "validation-00000-of-00001", image[train:])
    return f"tfrecord:{root}/*-of-*"


def test_tfrecord(tmp_path):
    parts = data.load_data(shards(tmp_path), 20, 3)
    assert [len(p) for p in parts[:3]] == [21, 3, 8]
    assert (parts.classes, parts.names) == (3, None)
    images, labels = every(parts.test, 3)
    assert labels.argmax(1).tolist() == [i % 3 for i in range(24, 32)]
    for i, image in enumerate(images):
        expected = tf.io.decode_jpeg(files.jpeg(files.picture(24 + i))).numpy()[:, 2:22] / 255
        assert np.abs(image - expected).mean() < 0.01


def test_tfrecord_labels(tmp_path):
    """Labels from 1, as ImageNet's, need --first-label; labels out of range are named."""
    pattern = shards(tmp_path, labels=lambda i: i % 3 + 1)
    with pytest.raises(ValueError, match=r"class labelled 0: no image to train on .*first-label"):
        data.load_data(pattern, 16, 3)
    parts = data.load_data(pattern, 16, 3, first_label=1)
    assert parts.classes == 3
    assert set(parts.test.y) == {0, 1, 2}
    pattern = shards(tmp_path, labels=lambda i: {25: 7, 26: -2}.get(i, i % 3))
    with pytest.raises(
        ValueError, match="label 7 is of a class that is missing in the training part"
    ) as stop:
        data.load_data(pattern, 16, 3)
    assert f"{tmp_path}/validation-00000-of-00001, record at byte" in str(stop.value)
    assert "label -2 is out of range: it must be from 0 to 2" in str(stop.value)
    parts = data.load_data(pattern, 16, 3, skip_broken=True)
    assert (len(parts.test), len(parts.skipped)) == (6, 2)


def damage(path, at):
    found = bytearray(path.read_bytes())
    found[at] ^= 1
    path.write_bytes(found)


def test_broken_records(tmp_path):
    """A wrong checksum, a truncated file, a foreign example, an image that is none."""
    pattern = shards(tmp_path)
    first, second = tmp_path / "train-00000-of-00002", tmp_path / "train-00001-of-00002"
    at, _ = records.offsets(first)
    damage(first, at[4] + 40)
    second.write_bytes(second.read_bytes()[:-9])
    shard = tmp_path / "validation-00000-of-00001"
    with tf.io.TFRecordWriter(str(tmp_path / "train-extra-of-3")) as writer:
        writer.write(files.example(b"GIF89a", 1))
        writer.write(files.example(files.jpeg(files.picture(0)), 1, ("image", "label")))
        writer.write(b"foreign")
        writer.write(files.example(files.jpeg(files.picture(0)), 1))
    (tmp_path / "test-empty-of-1").write_bytes(b"")
    with pytest.raises(ValueError, match="--skip-broken") as stop:
        data.load_data(pattern, 16, 3)
    for words in (
        f"{first}, record at byte {at[4]}: the record is corrupt",
        f"{second}: truncated or corrupt: no whole record at byte",
        "byte 0: a GIF, neither JPEG nor PNG",
        "no image/encoded and image/class/label in the record",
        "test-empty-of-1: empty",
    ):
        assert words in str(stop.value)
    parts = data.load_data(pattern, 16, 3, skip_broken=True)
    assert sum(len(p) for p in parts[:3]) == 32 - 2 + 1
    assert len(parts.skipped) == 6
    assert shard.exists()


def test_records_that_cannot_be(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "z.tfrecord"), "GZIP") as writer:
        writer.write(b"x")
    with pytest.raises(ValueError, match="compressed"):
        data.load_data(f"tfrecord:{tmp_path}/z*", 16, 3)
    (tmp_path / "other").write_bytes(b"")
    shards(tmp_path)
    with pytest.raises(ValueError, match=r"/other: which part is it\?"):
        data.load_data(f"tfrecord:{tmp_path}/*", 16, 3)
    with pytest.raises(ValueError, match="no records to train on"):
        data.load_data(f"tfrecord:{tmp_path}/val*", 16, 3)


def stub(root):
    """A stand-in for the part of tensorflow_datasets that the trainer uses."""
    files.records(
        root / "x-train.tfrecord-0",
        [(files.png(files.picture(i)), i % 2) for i in range(20)],
        names=("image", "label"),
    )
    files.records(
        root / "x-test.tfrecord-0",
        [(files.png(files.picture(i)), -1) for i in range(6)],
        names=("image", "label"),
    )
    split = {
        s: types.SimpleNamespace(filepaths=[root / f"x-{s}.tfrecord-0"]) for s in ("train", "test")
    }
    label = types.SimpleNamespace(names=["no", "yes"])
    info = types.SimpleNamespace(features=dict(image=None, label=label), splits=split)
    builder = types.SimpleNamespace(info=info, download_and_prepare=lambda: None)

    def build(name, file_format):
        if name != "x":
            raise KeyError(f"Dataset {name} not found\nAvailable: ...")
        return builder

    return types.SimpleNamespace(builder=build)


def test_tfds(tmp_path, monkeypatch):
    """Through its TFRecord files; a part without labels, as ImageNet's test, is left out."""
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", stub(tmp_path))
    parts = data.load_data("tfds:x", 16, 3)
    assert sum(len(p) for p in parts[:3]) == 20
    assert (parts.classes, parts.names) == (2, ["no", "yes"])
    with pytest.raises(
        ValueError, match=r"--data 'tfds:y': TensorFlow Datasets cannot prepare it: .*not found"
    ):
        data.load_data("tfds:y", 16, 3)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ValueError, match=r"pip install 'keras-block-cookbook\[tfds\]'"):
        data.load_data("tfds:x", 16, 3)
