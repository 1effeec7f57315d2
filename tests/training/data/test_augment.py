"""Augmentation: exact if possible; otherwise draws fill their range and never leave it."""

import files
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from convbook.training.data import Statistics, augment
from convbook.training.data.augment import crop, draw, rand

SEED = [3, 4]


def images(n, h=8, w=8, c=3, seed=0):
    return np.random.default_rng(seed).random((n, h, w, c), "float32")


def test_draws_of_shares_are_those_of_the_whole():
    for f in (
        lambda x, share: draw.uniform(SEED, 3, x, share),
        lambda x, share: draw.normal(SEED, 3, x, share),
        lambda x, share: draw.beta(SEED, 0.2, x, share)[None],
    ):
        whole = f(images(12), (0, 1))
        shares = [f(images(4), (i, 3)) for i in range(3)]
        np.testing.assert_array_equal(np.concatenate(shares, 1), whole)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_beta(alpha):
    """Mean 1 / 2 and variance 1 / (4 (2 alpha + 1)), in [0, 1]."""
    lam = draw.beta(SEED, alpha, images(20_000, 1, 1)).numpy()
    assert ((lam >= 0) & (lam <= 1)).all()
    assert abs(lam.mean() - 0.5) < 0.01
    assert abs(lam.var() - 1 / (4 * (2 * alpha + 1))) < 0.005


def test_flip():
    x = images(1000)
    found = augment.flip(x, SEED).numpy()
    same, mirrored = ((found == a).all((1, 2, 3)) for a in (x, x[:, :, ::-1]))
    assert (same ^ mirrored).all()
    assert 420 < mirrored.sum() < 580
    np.testing.assert_array_equal(augment.flip(x, SEED, chance=1.0), x[:, :, ::-1])


@pytest.mark.parametrize(("h", "w", "p"), [(8, 8, 4), (6, 9, 1)])
def test_pad_crop_is_every_window_of_the_padded_image(h, w, p):
    """Each window is exact, and all of them are about equally frequent."""
    x = images(3000, h, w)
    found = augment.pad_crop(x, SEED, p=p).numpy()
    padded = np.pad(x, [(0, 0), (p, p), (p, p), (0, 0)])
    taken = np.zeros((3000, 2 * p + 1, 2 * p + 1), bool)
    for i in range(2 * p + 1):
        for j in range(2 * p + 1):
            taken[:, i, j] = (padded[:, i : i + h, j : j + w] == found).all((1, 2, 3))
    assert (taken.sum((1, 2)) == 1).all()
    often = taken.sum(0) / (3000 / (2 * p + 1) ** 2)
    assert often.min() > 0.4
    assert often.max() < 1.8


def windows(f, h, w, n=3000, size=32, **options):
    """n windows (top, left, height, width) of an image h x w."""

    def one(i):
        return tf.stack(f(tf.constant(h), tf.constant(w), tf.stack([i, 7]), size, **options))

    found = tf.data.Dataset.range(n).map(one).batch(n).get_single_element().numpy()
    top, left, tall, wide = found.T
    assert found.min() >= 0
    assert (tall > 0).all()
    assert (wide > 0).all()
    assert (top + tall <= h).all()
    assert (left + wide <= w).all()
    return top, left, tall, wide


def test_random_area_crop():
    """Shares of the area and ratios fill their ranges, to the rounding of pixels."""
    top, left, tall, wide = windows(augment.random_area_crop, 300, 400)
    share, ratio = tall * wide / 120_000, wide / tall
    assert 0.078 < share.min() < 0.09
    assert 0.95 < share.max() <= 1
    assert 0.74 < ratio.min() < 0.76
    assert 1.32 < ratio.max() < 1.35
    assert top.min() == left.min() == 0
    assert (top + tall).max() == 300
    assert (left + wide).max() == 400
    small = tall < 150
    assert abs((top[small] / (300 - tall[small])).mean() - 0.5) < 0.03
    _, _, tall, wide = windows(augment.random_area_crop, 300, 400, 300, aspect=(1.5, 2.0))
    assert ((wide / tall > 1.45) & (wide / tall < 2.05)).all()


def test_random_area_crop_takes_areas_evenly():
    """As in the paper, each tenth of the range has a tenth of the windows."""
    _, _, tall, wide = windows(augment.random_area_crop, 500, 500, aspect=(1.0, 1.0))
    assert (tall == wide).all()
    counts, _ = np.histogram(tall * wide / 250_000, 10, (0.08, 1.0))
    assert abs(counts / 300 - 1).max() < 0.25


def test_random_area_crop_of_a_strip():
    """If no window fits, the largest one of an allowed ratio is cut from the centre."""
    for h, w, tall, wide in ((3, 400, 3, 4), (400, 3, 4, 3), (1, 1, 1, 1)):
        found = windows(augment.random_area_crop, h, w, 20, area=(0.9, 1.0))
        expected = [(h - tall) // 2, (w - wide) // 2, tall, wide]
        assert (np.stack(found, 1) == expected).all()


def test_scale_jitter():
    """The side is size * short / S for every S from low to high; places fill the image."""
    top, left, tall, wide = windows(augment.scale_jitter, 300, 500, low=64, high=96)
    assert (tall == wide).all()
    assert set(tall) == {round(32 * 300 / s) for s in range(64, 97)}
    assert top.min() == left.min() == 0
    assert (top + tall).max() == 300
    assert (left + wide).max() == 500
    assert abs((left / (500 - wide)).mean() - 0.5) < 0.03
    *_, tall, wide = windows(augment.scale_jitter, 300, 500, 5, size=32, low=32, high=32)
    assert (tall == 300).all()


def test_scale_jitter_is_rescaling_then_cropping():
    """arXiv:1409.1556, section 3.1: where S / short is whole, the very pixels, borders apart."""
    x = images(1, 48, 64)[0]
    rescaled = tf.image.resize(x, (96, 128), antialias=True).numpy()
    window = [a[0] for a in windows(augment.scale_jitter, 48, 64, 1, low=96, high=96)]
    top, left, tall, wide = window
    assert (tall, wide) == (16, 16)
    found = crop.resize(crop.cut(tf.constant(x), lambda h, w: window), 32).numpy()
    expected = rescaled[2 * top : 2 * top + 32, 2 * left : 2 * left + 32]
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-5)


@pytest.mark.parametrize(
    ("h", "w", "size", "short", "expected"),
    [
        (256, 341, 224, 256, (16, 58, 224, 224)),
        (512, 512, 224, 256, (32, 32, 448, 448)),
        (100, 80, 32, None, (10, 0, 80, 80)),
        (375, 500, 299, 341, (23, 85, 329, 329)),
    ],
)
def test_centre_crop(h, w, size, short, expected):
    found = augment.centre_crop(tf.constant(h), tf.constant(w), None, size, short)
    assert tuple(int(a) for a in found) == expected


@pytest.mark.parametrize("channels", [1, 3])
def test_decode_gives_the_window(channels):
    """Exact for PNG and grey JPEG; for colour JPEG, up to libjpeg's interpolation."""
    for encode, exact in ((files.png, True), (files.jpeg, channels == 1)):
        encoded = encode(files.picture(0, 61, 83))
        whole = tf.io.decode_jpeg(encoded, channels, dct_method="INTEGER_ACCURATE").numpy()
        for at in ((0, 0, 61, 83), (17, 30, 20, 31), (3, 2, 40, 50)):
            top, left, tall, wide = at
            found = crop.decode(tf.constant(encoded), channels, lambda h, w, at=at: at)
            found = found.numpy()
            apart = np.abs(found.astype(int) - whole[top : top + tall, left : left + wide])
            assert found.shape == (tall, wide, channels)
            assert (apart > 0).mean() <= (0 if exact else 0.1)  # its last row and column
            assert apart.mean() < 0.5


def test_resize():
    """Bytes become [0, 1]; of the same size, exactly; larger, over all pixels."""
    x = np.arange(64, dtype="uint8").reshape(8, 8, 1)
    np.testing.assert_allclose(crop.resize(tf.constant(x), 8), x / np.float32(255), rtol=1e-6)
    flat = np.indices((8, 8)).sum(0)[..., None] % 2 * np.float32(1)  # a chequerboard
    inner = crop.resize(tf.constant(flat), 2).numpy()
    np.testing.assert_allclose(inner, 0.5, atol=0.01)


def statistics():
    flat = np.random.default_rng(0).standard_normal((999, 3)) @ [[3, 2, 1], [0, 1, 0.5], [0, 0, 1]]
    return Statistics(flat.mean(0), flat.std(0), np.cov(flat.T), None)


def test_pca_noise():
    """The same for all pixels of an image; along component i, scale times its eigenvalue."""
    x, moments = images(5000, 2, 3), statistics()
    noise = augment.pca_noise(x, SEED, statistics=moments, scale=0.1).numpy() - x
    assert np.ptp(noise, (1, 2)).max() < 1e-5
    values, vectors = np.linalg.eigh(moments.covariance)
    along = noise[:, 0, 0] @ vectors
    np.testing.assert_allclose(along.std(0), 0.1 * values, rtol=0.05)
    np.testing.assert_allclose(np.corrcoef(along.T), np.eye(3), atol=0.05)
    assert (np.abs(along.mean(0)) < 0.06 * 0.1 * values).all()


def test_colour_jitter():
    """Each blend keeps what it should; none is the identity; the strength fills its range."""
    x = images(2000, 4, 4) * 0.4 + 0.3
    none = dict(brightness=0, contrast=0, saturation=0)
    np.testing.assert_allclose(augment.colour_jitter(x, SEED, **none), x, atol=1e-6)
    luma = [0.299, 0.587, 0.114]
    factor = augment.colour_jitter(x, SEED, **none | dict(brightness=0.4)).numpy() / x
    assert np.ptp(factor, (1, 2, 3)).max() < 1e-5
    assert 0.6 <= factor.min() < 0.61
    assert 1.39 < factor.max() <= 1.4 + 1e-6
    own = augment.colour_jitter(x, SEED, **none | dict(saturation=0.4)).numpy()
    np.testing.assert_allclose(own @ luma, x @ luma, atol=1e-5)
    assert (own != x).any((1, 2, 3)).all()
    wide = augment.colour_jitter(x, SEED, **none | dict(contrast=0.4)).numpy()
    np.testing.assert_allclose((wide @ luma).mean((1, 2)), (x @ luma).mean((1, 2)), atol=1e-5)
    assert (wide != x).any((1, 2, 3)).all()


def test_colour_jitter_in_every_order():
    """With fixed strengths, there are as many results as orders that differ."""
    x = np.repeat(images(1, 4, 4) * 0.4 + 0.3, 300, 0)
    one = tf.random.stateless_uniform
    found = augment.colour_jitter(x, SEED).numpy()
    assert found.min() >= 0
    assert found.max() <= 1
    u = one((6, 300), SEED).numpy()
    orders = {tuple(o) for o in np.argsort(u[3:], 0).T}
    assert len(orders) == 6
    for i in range(20):
        expected = x[i]
        for which in np.argsort(u[3:, i]):
            grey = expected @ np.float32([0.299, 0.587, 0.114])
            aim = [0 * grey, grey * 0 + grey.mean(), grey][which][..., None]
            keep = 1 + (2 * u[which, i] - 1) * 0.4
            expected = np.clip(aim + (expected - aim) * keep, 0, 1)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)


def labelled(n):
    return images(n, 16, 16), np.eye(n, dtype="float32")


@pytest.mark.parametrize("n", [6, 7])
def test_mixup(n):
    """Two images in the proportion of their labels; an odd last one stays as it is."""
    x, y = labelled(n)
    found, labels = (a.numpy() for a in augment.mixup(x, y, SEED, alpha=1.0))
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(found, np.einsum("ij,jhwc->ihwc", labels, x), atol=1e-6)
    partners = np.minimum(np.arange(n) ^ 1, n - 1)
    assert ((labels > 0) == (y + y[partners] > 0)).all()
    assert len({round(float(a), 5) for a in labels[y > 0]}) >= 6


@pytest.mark.parametrize("n", [200, 7])
def test_cutmix(n):
    """A rectangle of the partner, and its share of the pixels in the labels."""
    x, y = labelled(n)
    found, labels = (a.numpy() for a in augment.cutmix(x, y, SEED))
    partners = np.minimum(np.arange(n) ^ 1, n - 1)
    other = (found == x[partners]).all(-1)
    for i in range(n - n % 2):
        assert (found[i][~other[i]] == x[i][~other[i]]).all()
        rows, columns = other[i].any(1), other[i].any(0)
        assert (other[i] == np.outer(rows, columns)).all()
        for line in (rows, columns):
            assert np.abs(np.diff(np.r_[0, line, 0])).sum() in (0, 2)
        np.testing.assert_allclose(labels[i, partners[i]], other[i].mean(), atol=1e-6)
        np.testing.assert_allclose(labels[i, i], 1 - other[i].mean(), atol=1e-6)
    if n > 100:
        # A side s anywhere is s - s^2 / 4 inside; s^2 even in [0, 1]: 1/2 - 1/5 + 1/48.
        assert abs(other.mean() - 0.32) < 0.06


def by_pil(f, x, **options):
    return np.asarray(f(Image.fromarray(x), **options), "float32") / 255


BY_PIL = {
    "autocontrast": (1, lambda x, m: by_pil(ImageOps.autocontrast, x)),
    "equalize": (2, lambda x, m: by_pil(ImageOps.equalize, x)),
    "solarize": (4, lambda x, m: by_pil(ImageOps.solarize, x, threshold=256 - abs(m) * 256)),
    "colour": (5, lambda x, m: enhanced(ImageEnhance.Color, x, m)),
    "posterize": (6, lambda x, m: by_pil(ImageOps.posterize, x, bits=8 - round(4 * abs(m)))),
    "contrast": (7, lambda x, m: enhanced(ImageEnhance.Contrast, x, m)),
    "brightness": (8, lambda x, m: enhanced(ImageEnhance.Brightness, x, m)),
    "sharpness": (9, lambda x, m: enhanced(ImageEnhance.Sharpness, x, m)),
}


def enhanced(f, x, m):
    return by_pil(lambda image: f(image).enhance(1 + 0.9 * m), x)


@pytest.mark.parametrize("name", BY_PIL)
@pytest.mark.parametrize("m", [-0.9, 0.5])
def test_rand_augment_operations_are_those_of_pil(name, m):
    """The operations equal those of PIL, which the paper used, up to rounding."""
    x = files.picture(1, 24, 30) // 2 + 50
    i, f = BY_PIL[name]
    found = rand.OPERATIONS[i](tf.constant(x / np.float32(255)), tf.constant(m)).numpy()
    apart = np.abs(found - f(x, m)) * 255
    assert apart.max() < (1e-3 if name == "equalize" else 2.1)
    assert apart.mean() < 1.1
    assert (np.abs(found - x / 255) > 0.01).any()


def test_rand_augment_moves_as_far_as_it_says():
    """A pixel off the centre turned by 30 degrees, slanted by 0.3, shifted by 150 / 331."""
    x = np.zeros((61, 61, 1), "float32")
    x[30, 50] = x[31, 50] = x[30, 51] = x[31, 51] = 1
    rotate, *rest = (rand.OPERATIONS[i] for i in (3, 10, 11, 12, 13))

    def centre(f, m):
        mass = f(tf.constant(x), tf.constant(m)).numpy()[..., 0]
        return np.array([(np.indices((61, 61))[a] * mass).sum() / mass.sum() - 30 for a in (0, 1)])

    row, column = centre(rotate, 1.0)
    assert abs(abs(np.degrees(np.arctan2(row, column))) - 30) < 2
    for f, m, expected in zip(
        rest,
        (1.0, 1.0, 0.2, 0.2),
        ([0.5, 20.35], [-5.65, 20.5], [0.5, 14.97], [-5.03, 20.5]),
        strict=True,
    ):
        np.testing.assert_allclose(centre(f, m), expected, atol=0.15)


def test_rand_augment():
    """Stays in [0, 1]; m=0 and n=0 are the identity, but for what has no strength."""
    x, f = images(300, 20, 20), tf.function(augment.rand_augment)
    found = f(x, SEED, n=2, m=9).numpy()
    assert found.shape == x.shape
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_array_equal(f(x, SEED, n=0), x)
    still = f(x, SEED, n=1, m=0).numpy()
    kept = np.isclose(still, x, atol=0.003).all((1, 2, 3)).mean()
    assert abs(kept - 12 / 14) < 0.06  # autocontrast and equalize act at any strength
    once = f(x, SEED, n=1, m=9).numpy()
    assert abs((once == x).all((1, 2, 3)).mean() - 1 / 14) < 0.05


def test_rand_augment_draws_the_sign_of_each_strength(monkeypatch):
    """Each operation of each image draws its own sign: left or right, darker or brighter."""
    monkeypatch.setattr(rand, "OPERATIONS", (lambda x, m: x + m,))
    x = np.zeros((400, 2, 2, 1), "float32")
    once = augment.rand_augment(x, SEED, n=1, m=7).numpy()[:, 0, 0, 0]
    np.testing.assert_allclose(np.unique(once), [-0.7, 0.7])
    assert abs((once > 0).mean() - 0.5) < 0.1
    twice = augment.rand_augment(x, SEED, n=2, m=7).numpy()[:, 0, 0, 0]
    np.testing.assert_allclose(np.unique(twice), [-1.4, 0, 1.4])  # each sign for itself
    assert abs((twice == 0).mean() - 0.5) < 0.1


def test_plan():
    """A dictionary or pairs, as Python or as JSON has them; the order of the stages."""
    augmentation = dict(flip=True, pad_crop=3, mixup=None, colour_jitter=dict(contrast=0.1))
    found = augment.plan(augmentation)
    assert found.places == [(0, augment.flip, {}), (1, augment.pad_crop, dict(p=3))]
    assert found.colours == [(3, augment.colour_jitter, dict(contrast=0.1))]
    assert found.mixtures == found.crops == found.normalisations == []
    assert augment.plan([["flip", {}]]) == augment.plan([("flip", True)])
    assert not any(augment.plan(None))


@pytest.mark.parametrize(
    ("augmentation", "words"),
    [
        (dict(flop=True), "augmentation 'flop': must be one of random_area_crop, scale_jitter"),
        (dict(pad_crop=dict(q=4)), "'pad_crop' has no option 'q': its options are p"),
        (dict(pca_noise=dict(statistics=1)), "no option 'statistics'"),
        (
            dict(centre_crop=True, scale_jitter=True),
            "centre_crop and scale_jitter: give at most one",
        ),
        (dict(standardise=True, subtract_mean=True), "one of the normalisations"),
        (dict(standardise=0.3), "'standardise' has no options"),
    ],
)
def test_plans_that_cannot_be(augmentation, words):
    with pytest.raises(ValueError, match=words):
        augment.plan(augmentation)


def test_every_recipe_is_planned():
    """For each network, and for another size, the names and options of its recipe exist."""
    from convbook.training.recipes import recipe

    for model in ("resnet50", "vgg_D", "alexnet_grouped", "googlenet", "resnet20_cifar"):
        for name in ("paper", "modern"):
            assert any(augment.plan(recipe(model, "imagenet", name)["augmentation"]))
