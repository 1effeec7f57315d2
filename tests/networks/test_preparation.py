"""How images are prepared for published weights, and that a model knows it wherever it goes."""

import json
from dataclasses import replace

import interpreter
import keras
import numpy as np
import pretrained
import pytest
from PIL import Image

import convbook
from convbook import architectures, names
from convbook.architectures import weights
from convbook.architectures.weights import known as of_libraries
from convbook.architectures.weights import preparation as preparations
from convbook.architectures.weights.published import APPLICATIONS, published
from convbook.training import data

PHOTOGRAPHS = ["chelsea.png", "coffee.png", "china.jpg", "astronaut.png"]
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
CAFFE = weights.Preparation(**pretrained.PREPARATION)


def by_pillow(x, short, crop, interpolation, first):
    """Resized and cropped as torchvision's and timm's transforms do it, with Pillow."""
    image = Image.fromarray(x)
    sides = [int(short * side / min(image.size)) for side in image.size]
    sides = [short, short] if first == "squash" else sides
    image = image.resize(sides, FILTERS[interpolation])
    left, top = (round((side - crop) / 2) for side in sides)
    return np.asarray(image.crop((left, top, left + crop, top + crop)), "float32")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(
    ("short", "crop", "interpolation", "first"),
    [
        (256, 224, "bilinear", "resize"),
        (256, 227, "bilinear", "resize"),
        (235, 224, "bicubic", "resize"),
        (600, 512, "bicubic", "resize"),
        (284, 256, "bicubic", "squash"),
    ],
)
def test_resized_and_cropped_as_pillow_does(name, short, crop, interpolation, first):
    """Equal up to one of 256 levels in a few pixels, because Pillow computes with integers."""
    x = pretrained.photograph(name)
    found = np.asarray(weights.Preparation(short, crop, interpolation, scale=1.0, first=first)(x))
    off = np.abs(found - by_pillow(x, short, crop, interpolation, first))
    assert off.max() <= 2
    assert (off > 0).mean() < 0.01


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_the_modes_are_those_of_keras_applications(mode):
    x = pretrained.photograph("coffee.png")[:224, :224]
    expected = keras.applications.imagenet_utils.preprocess_input(x.astype("float32"), mode=mode)
    found = replace(preparations.mode(mode, 224), short=224)(x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("crop", "short"), [(224, 256), (227, 256), (160, 183), (299, 342)])
def test_the_modes_resize_in_proportion(crop, short):
    """The short side is to the crop as 256 to 224; Caffe's networks crop 227 of 256."""
    found = preparations.mode("caffe", crop)
    assert (found.short, found.crop) == (short, crop)


def test_a_batch_is_its_images_and_grey_has_one_channel():
    batch = np.stack([pretrained.photograph("coffee.png")[:300, :350], np.zeros((300, 350, 3))])
    for first in ("resize", "squash", "crop"):
        prepare = replace(CAFFE, first=first)
        for image, one in zip(prepare(batch), batch, strict=True):
            np.testing.assert_array_equal(image, prepare(one))
    grey = weights.Preparation(20, 16, order="grey", mean=(0.5,), std=(0.25,))
    np.testing.assert_allclose(grey(np.full((40, 30, 1), 255)), np.full((16, 16, 1), 2.0))


def test_cut_first_as_training_cuts():
    """The window of training.data, of whole pixels, then resized without rounding."""
    x = pretrained.photograph("chelsea.png")
    part = data.Split(x[None], [0], 96)
    ((expected, _),) = data.batches(part, 1, 1, short=110).as_numpy_iterator()
    found = weights.Preparation(110, 96, first="crop")(x)
    np.testing.assert_allclose(found, expected[0], atol=1e-5)


def test_at_another_size_all_is_in_proportion():
    assert CAFFE.at(227) is CAFFE
    assert (CAFFE.at(64).short, CAFFE.at(64).crop, CAFFE.at(64).mean) == (72, 64, CAFFE.mean)
    per_pixel = weights.Preparation(2, 2, mean=np.zeros((2, 2, 3)))
    with pytest.raises(
        ValueError, match="size=4: size must be 2, because the mean has a value for each"
    ):
        per_pixel.at(4)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (dict(short=200), "short=200: short must be a whole number, at least crop=227"),
        (dict(crop=0), "crop=0: crop must be"),
        (dict(interpolation="area"), "interpolation='area': interpolation must be 'bilinear' or"),
        (dict(order="CMYK"), "order='CMYK': order must be 'RGB' or 'BGR' or 'grey'"),
        (dict(scale=0), "scale=0: scale must be a number above 0"),
        (dict(mean=(1, 2)), r"mean=\(1, 2\): mean must be numbers, of shape \(3,\) or"),
        (dict(mean=("a", "b", "c")), "mean must be numbers"),
        (dict(std=(1, 0, 1)), "std must be above 0"),
        (dict(first="pad"), "first='pad': first must be 'resize' or 'squash'"),
    ],
)
def test_what_is_no_preparation_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        replace(CAFFE, **fields)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((20, 20, 4), "uint8"), r"x=\(20, 20, 4\): x must be images \(H, W, 3\)"),
        (np.zeros((20, 20), "uint8"), r"x=\(20, 20\): x must be images"),
        (np.full((20, 20, 3), 0.5), "x='0.5 to 0.5': x must be .* values from 0 to 255"),
        (np.full((20, 20, 3), -1.0), "x='-1 to -1': x must be"),
        (np.full((20, 20, 3), 300.0), "x='300 to 300': x must be"),
    ],
)
def test_what_are_no_images_of_0_to_255_is_refused(x, words):
    with pytest.raises(ValueError, match=words):
        CAFFE(x)


def test_a_file_of_json_says_all(tmp_path):
    path = tmp_path / "caffe.json"
    path.write_text(json.dumps(pretrained.PREPARATION))
    assert preparations.mode(str(path), 64) == CAFFE
    for text, words in (
        ("{", "cannot be read"),
        ("[]", "it must hold an object with short, crop"),
        ('{"short": 256, "crop": 224, "colour": 1}', "it must hold an object with short, crop"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            preparations.mode(str(path), 64)
    with pytest.raises(ValueError, match="preparation must be caffe, tf, torch or"):
        preparations.mode("theano", 64)


# Rows whose library takes images of another size than the paper's.
OTHER_SIZES = {"torchvision/efficientnet_b2": 288}
OTHER_SIZES |= {f"timm/efficientnet_b{i}": n for i, n in enumerate((256, 288, 320), 2)}
OTHER_SIZES |= {"pytorchcv/darknet53": 224, "timm/resnest101e": 256}
OTHER_SIZES |= {"timm/resnest200e": 320, "timm/resnest269e": 416}
OTHER_SIZES |= {"timm/convnextv2_huge": 384}
OTHER_SIZES |= {"pytorchcv/resnesta200": 256, "pytorchcv/resnesta269": 320}
OTHER_SIZES |= {f"timm/regnety_{size}": 384 for size in (640, 1280, 2560)}
OTHER_SIZES |= {"torchvision/regnet_y_128gf": 384}
OTHER_SIZES |= {"timm/efficientnet_b5": 448, "timm/ese_vovnet57b": 256}
OTHER_SIZES |= {f"timm/resnet{depth}d": 256 for depth in (101, 152, 200)}
OTHER_SIZES |= {"timm/resnet26t": 256, "timm/ecaresnet26t": 256, "timm/ecaresnet50t": 256}
OTHER_SIZES |= {"timm/ecaresnet269d": 320, "timm/seresnet152d": 256}
OTHER_SIZES |= {"timm/tf_efficientnet_l2": 475, "timm/tf_efficientnet_lite3": 300}
OTHER_SIZES |= {"timm/tf_efficientnet_lite4": 380, "timm/repvgg_d2se": 320}
OTHER_SIZES |= {"timm/mobilenetv4_conv_aa_large": 448}


def test_every_published_row_has_its_preparation_and_names():
    rows = [*published().items()]
    rows += [(f"keras.applications/{name}", (name, row[2])) for name, row in APPLICATIONS.items()]
    for of, (name, options) in rows:
        known, net = weights.prepared_as(of), architectures.catalog.NETS[name]
        assert len(known.class_names) == options.get("classes", net.classes), of
        of_227 = name.startswith(("squeezenet", "alexnet")) and not of.startswith("keras")
        size = OTHER_SIZES.get(of, 224 if of_227 else net.shape[0])
        assert known.preparation.crop == size, of
    kept = names.stored_json("architectures.weights", "preparations.json")
    there = {f"{library}/{name}" for library in kept for name in kept[library]}
    assert there <= {of for of, _ in rows}


TORCHVISION = "torchvision/inception_v3.IMAGENET1K_V1"


@pytest.mark.parametrize(
    ("of", "full", "sides", "interpolation", "mean"),
    [
        ("timm/resnet50.tv_in1k", None, (256, 224), "bilinear", 0.485),
        ("timm/resnet50", "timm/resnet50.a1_in1k", (235, 224), "bicubic", 0.485),
        ("timm/resnet50d", "timm/resnet50d.ra2_in1k", (256, 224), "bicubic", 0.485),
        ("timm/resnetv2_50", "timm/resnetv2_50.a1h_in1k", (235, 224), "bicubic", 0.5),
        ("torchvision/resnet50.IMAGENET1K_V2", None, (232, 224), "bilinear", 0.485),
        ("torchvision/inception_v3", TORCHVISION, (342, 299), "bilinear", 0.5),
        ("pytorchcv/resnet20_cifar10", None, (32, 32), "bilinear", 0.4914),
        ("keras.applications/mobilenet_v2_1.0_224", None, (256, 224), "bilinear", 0.5),
    ],
)
def test_rows_of_published_weights(of, full, sides, interpolation, mean):
    known = weights.prepared_as(of)
    found = known.preparation
    assert known.of == (full or of)
    assert (found.short, found.crop) == sides
    assert (found.interpolation, found.mean[0]) == (interpolation, mean)


def test_nfnets_see_the_whole_image_squashed():
    """timm's crop_mode, of ConvNeXt only at 384; its other weights crop the resized image."""
    rows = names.stored_json("architectures.weights", "preparations.json")["timm"]
    squashed = {name for name, tags in rows.items() for row in tags.values() if row[5:]}
    v2 = {f"tf_efficientnetv2_{size}" for size in ("b3", "m", "l", "xl")}
    next_ = {f"convnext_{size}" for size in ("tiny", "small", "base", "large", "xlarge")}
    next_ |= {f"convnextv2_{size}" for size in ("nano", "tiny", "base", "large", "huge")}
    nfnets = {f"dm_nfnet_f{i}" for i in range(7)}
    assert squashed == nfnets | {"efficientnet_b5"} | v2 | next_
    found = weights.prepared_as("timm/dm_nfnet_f0").preparation
    assert found.first == "squash"
    assert found.words().startswith("both sides 284, centre 256 x 256, bicubic")
    ramp = np.broadcast_to(np.linspace(0, 255, 512)[None, :, None], (284, 512, 3)).astype("uint8")
    seen = np.asarray(replace(found, mean=(0, 0, 0), std=(1, 1, 1), scale=1.0)(ramp))[0, :, 0]
    assert seen[0] < 20
    assert seen[-1] > 235


def test_rows_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"of='timm/resnet51': of must be .* as timm/resnet50"):
        weights.prepared_as("timm/resnet51")
    with pytest.raises(ValueError, match=r"of must be torchvision/resnet18\.IMAGENET1K_V1"):
        weights.prepared_as("torchvision/resnet18.IMAGENET1K_V9")
    assert of_libraries.about("resnet50", "timm/resnet50.of_tomorrow") is None


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """SqueezeNet 1.1 with weights that were trained, saved with what is known of them."""
    model = architectures.create("squeezenet_v1_1")
    weights.from_torch(model, pretrained.squeezenet())
    known = weights.prepared(model, CAFFE, weights.class_names("imagenet"))
    path = tmp_path_factory.mktemp("squeezenet") / "model.keras"
    known.save(path)
    return model, known, path


def likeliest(model, x):
    logits = np.asarray(model(model.preparation(x)[None]))[0].astype("float64")
    p = np.exp(logits - logits.max())
    return model.class_names[p.argmax()], p.max() / p.sum()


SEEN = [
    ("coffee.png", "espresso", 0.95),
    ("chelsea.png", "Egyptian cat", 0.4),
    ("china.jpg", "dome", 0.2),
]


@pytest.mark.parametrize(("name", "what", "least"), SEEN)
def test_a_trained_network_sees_what_is_there(name, what, least, squeezenet):
    seen, p = likeliest(convbook.load(squeezenet[2]), pretrained.photograph(name))
    assert seen == what
    assert p > least


def test_with_the_preparation_of_others_it_is_wrong(squeezenet):
    other = preparations.mode("torch", 227)
    model = weights.prepared(squeezenet[0], other, squeezenet[1].class_names)
    assert likeliest(model, pretrained.photograph("coffee.png"))[0] != "espresso"


LOAD = """
import sys
import numpy as np
import convbook
model = convbook.load(sys.argv[1])
print(type(model).__name__, model.preparation.words(), model.class_names[285])
np.save(sys.argv[2], model(np.load(sys.argv[3])))
"""


def test_loaded_in_a_fresh_interpreter_it_is_the_same(squeezenet, tmp_path):
    model, _, path = squeezenet
    x = np.asarray(CAFFE(pretrained.photograph("coffee.png")))[None]
    np.save(tmp_path / "x.npy", x)
    done = interpreter.run(LOAD, path, tmp_path / "y.npy", tmp_path / "x.npy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"PreparedModel {CAFFE.words()} Egyptian cat"
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model(x))


def test_its_layers_inputs_and_outputs_are_those_of_the_bare_network(squeezenet):
    model, known, _ = squeezenet
    assert isinstance(known, keras.Model)
    assert known.layers == model.layers
    assert (known.inputs, known.outputs) == (model.inputs, model.outputs)
    assert known.name == model.name


def test_what_is_made_of_it_knows_too(squeezenet, tmp_path):
    _, known, path = squeezenet
    small, laid = architectures.fold(known), architectures.flat(known)
    again = architectures.create("squeezenet_v1_1", weights=path)
    for made in (small, laid, again):
        assert (made.preparation, made.class_names) == (CAFFE, known.class_names)
    body = architectures.create("squeezenet_v1_1", weights=path, top=False)
    assert (body.preparation, body.class_names) == (CAFFE, None)
    smaller = architectures.create("squeezenet_v1_1", weights=path, input_shape=(64, 64, 3))
    assert smaller.preparation == CAFFE.at(64)


def test_files_without_it_load_as_before(squeezenet, tmp_path):
    model, known, _ = squeezenet
    model.save(tmp_path / "bare.keras")
    known.save_weights(tmp_path / "bare.weights.h5")
    assert type(convbook.load(tmp_path / "bare.keras")) is type(model)
    for name in ("bare.keras", "bare.weights.h5"):
        made = architectures.create("squeezenet_v1_1", weights=tmp_path / name)
        assert type(made) is type(model)
        np.testing.assert_array_equal(made.get_weights()[0], model.get_weights()[0])


def test_names_that_are_not_as_many_as_classes_are_refused(squeezenet):
    with pytest.raises(
        ValueError, match="class_names has 10 names; squeezenet_v1_1 has 1000 classes"
    ):
        weights.prepared(squeezenet[0], CAFFE, weights.class_names("cifar10"))
