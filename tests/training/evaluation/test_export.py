"""convbook export: each file answers photographs as convbook predict does."""

import json
import zipfile
from importlib.util import find_spec

import files
import keras
import numpy as np
import pretrained
import pytest
import tensorflow as tf
from proofs.prove import small
from test_learning import MEMBERS, SHORT, shorter
from test_weights import randomise

from convbook import architectures
from convbook.__main__ import main
from convbook.architectures import weights
from convbook.architectures.graph.prepared import first_output
from convbook.gallery import show
from convbook.training import data
from convbook.training.evaluation import predict, trained_network
from convbook.training.export import command, fastest, formats, int8
from convbook.training.export.endpoint import prepared

pytestmark = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")

# Of probabilities: a pixel between two whole values may be rounded to either
CLOSE = 0.01
PHOTOGRAPHS = ("coffee.png", "chelsea.png", "china.jpg")
FORMATS = list(command.ENDINGS)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The path of SqueezeNet 1.1 with weights that were really trained."""
    model = architectures.create("squeezenet_v1_1")
    weights.from_torch(model, pretrained.squeezenet())
    known = weights.Preparation(**pretrained.PREPARATION)
    path = tmp_path_factory.mktemp("export") / "squeezenet.keras"
    weights.prepared(model, known, weights.class_names("imagenet")).save(path)
    return path


@pytest.fixture(scope="module")
def expected(network):
    """The output of predict for the photographs."""
    return predicted(network, [pretrained.path_of(name) for name in PHOTOGRAPHS])


def predicted(path, images):
    return predict.predicted(trained_network.load_network(path), [str(image) for image in images])[
        1
    ]


def exported(network, to, *argv):
    """The path of what convbook export makes of a file, once."""
    if to == "onnx":
        pytest.importorskip("tf2onnx")
    options = "".join(word for word in argv if word.startswith("--"))
    path = network.with_name(f"net{options}{command.ENDINGS[to]}")
    if not path.exists():
        assert main(["export", str(network), "--to", to, "-o", str(path), *argv]) == 0
    return path


def outputs_of(path, x):
    """{name: what a file answers to images x}, from what is made to run it."""
    if path.suffix == ".tflite":
        return lite(path).get_signature_runner()(images=x)
    if path.suffix == ".onnx":
        session = pytest.importorskip("onnxruntime").InferenceSession(path)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, {"images": x}), strict=True))
    found = tf.saved_model.load(str(path)).signatures["serving_default"](images=tf.constant(x))
    return {name: y.numpy() for name, y in found.items()}


def lite(path):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:  # not among what TensorFlow brings
        Interpreter = tf.lite.Interpreter
    return Interpreter(str(path))


def class_names(path):
    """The names of the classes in a file."""
    if path.suffix == ".tflite":
        return zipfile.ZipFile(path).read("labels.txt").decode().split("\n")
    if path.suffix == ".onnx":
        meta = pytest.importorskip("onnxruntime").InferenceSession(path).get_modelmeta()
        return json.loads(meta.custom_metadata_map["classes"])
    found = outputs_of(path, np.zeros((1, 8, 8, 3), "uint8"))["classes"]
    return [name.decode() for name in found]


@pytest.mark.parametrize("to", FORMATS)
def test_photographs(to, network, expected):
    """Photographs of any size give the right class names."""
    path = exported(network, to)
    for name, p in zip(PHOTOGRAPHS, expected, strict=True):
        (found,) = outputs_of(path, pretrained.photograph(name)[None])["probabilities"]
        np.testing.assert_allclose(found, p, atol=CLOSE)
        assert np.argmax(found) == np.argmax(p)
    assert class_names(path) == [*weights.class_names("imagenet")]
    assert class_names(path)[np.argmax(expected[0])] == "espresso"
    if to != "litert":  # of one image
        x = np.stack([pretrained.photograph("coffee.png")] * 2)
        found = outputs_of(path, x)["probabilities"]
        np.testing.assert_allclose(found, expected[[0, 0]], atol=CLOSE)


@pytest.mark.parametrize("to", FORMATS)
def test_raw(to, network):
    path = exported(network, to, "--raw")
    x = np.random.default_rng(0).standard_normal((1, 227, 227, 3)).astype("float32")
    y = keras.models.load_model(network)(x)
    found = outputs_of(path, x)["outputs"]
    np.testing.assert_allclose(found, y, atol=1e-5 * np.abs(y).max())
    if to != "savedmodel":
        assert class_names(path) == [*weights.class_names("imagenet")]


def test_files(network, expected, tmp_path):
    """The signature jpeg of a SavedModel takes bytes, of several sizes at once."""
    call = tf.saved_model.load(str(exported(network, "savedmodel", "--of", "own"))).signatures[
        "jpeg"
    ]
    images = [pretrained.path_of(name) for name in PHOTOGRAPHS]
    found = call(files=tf.constant([image.read_bytes() for image in images]))
    np.testing.assert_allclose(found["probabilities"], expected, atol=CLOSE)
    assert found["classes"][np.argmax(expected[0])] == b"espresso"


def test_weights_too_many_for_constants_are_variables(network, expected, tmp_path, monkeypatch):
    small = exported(network, "savedmodel")
    monkeypatch.setattr(formats, "LARGEST", 0)
    path = tmp_path / "large"
    assert main(["export", str(network), "--to", "savedmodel", "-o", str(path)]) == 0
    (found,) = outputs_of(path, pretrained.photograph("coffee.png")[None])["probabilities"]
    np.testing.assert_allclose(found, expected[0], atol=CLOSE)
    data = [sum(f.stat().st_size for f in (p / "variables").iterdir()) for p in (path, small)]
    assert data[0] > 4e6 > 1e4 > data[1]


def test_openvino(network, expected):
    """In float32: the places of pixels that bfloat16, its choice on many CPUs, has are others."""
    openvino = pytest.importorskip("openvino")
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    run = openvino.Core().compile_model(exported(network, "onnx"), "CPU", config)
    for name, p in zip(PHOTOGRAPHS, expected, strict=True):
        found = run({"images": pretrained.photograph(name)[None]})["probabilities"]
        np.testing.assert_allclose(found[0], p, atol=CLOSE)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_of_each_family(name, tmp_path):
    """LiteRT and, where it can be written, ONNX, at random weights, of a photograph."""
    model = randomise((shorter if name in SHORT else small)(name))
    *_, side, channels = model.input_shape
    mean, order = [0.4] * channels, {1: "grey", 3: "RGB"}[channels]
    known = weights.Preparation(side + 4, side, order=order, mean=mean, std=mean)
    names = [f"class {i}" for i in range(model.outputs[0].shape[-1])]
    model = weights.prepared(first_output(model), known, names)
    model.save(tmp_path / "net.keras")
    x = pretrained.photograph("china.jpg")[..., :channels]
    keras.utils.save_img(tmp_path / "photograph.png", x)
    (p,) = predicted(tmp_path / "net.keras", [tmp_path / "photograph.png"])
    for to in ("litert", *["onnx"] * bool(find_spec("tf2onnx"))):
        (found,) = outputs_of(exported(tmp_path / "net.keras", to), x[None])["probabilities"]
        np.testing.assert_allclose(found, p, atol=CLOSE)
        assert np.argmax(found) == np.argmax(p)
    path, x = exported(tmp_path / "net.keras", to, "--raw"), known(x[None])
    y = model(x)
    np.testing.assert_allclose(
        outputs_of(path, np.array(x))["outputs"], y, atol=1e-5 * np.abs(y).max()
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "pasted"])
def test_trained_in_halves(policy, tmp_path):
    """The file computes in float32; the network has a gate, and layers nested in it."""
    if policy == "pasted":  # a gate that is not ours, whose branch is in halves
        exec(show.text(["stochastic_depth"]), {})
        policy = "mixed_float16"
    keras.config.set_dtype_policy(policy)
    model = architectures.create("resnet20", (32, 32, 3), 4, survival=0.5)
    known = weights.Preparation(36, 32)
    weights.prepared(model, known, list("abcd")).save(tmp_path / "net.keras")
    keras.config.set_dtype_policy("float32")
    exact = architectures.create("resnet20", (32, 32, 3), 4, survival=0.5)
    exact.set_weights(model.get_weights())
    x = np.array(known(pretrained.photograph("china.jpg")[None]))
    y = exact(x)
    for to in ("litert", *["onnx"] * bool(find_spec("tf2onnx"))):
        found = outputs_of(exported(tmp_path / "net.keras", to, "--raw"), x)["outputs"]
        np.testing.assert_allclose(found, y, atol=1e-5 * np.abs(y).max())


@pytest.mark.parametrize("square", [lambda m: m * m, keras.ops.square])
def test_another_network_is_no_file_of_this_one(square, tmp_path, capsys):
    """tf2onnx 1.17 may confuse the axes of x * x where maps are 1 x 1: a file is right or refused;
    ours of a square, which ConvNeXt V2's last stage needs, is right."""
    pytest.importorskip("tf2onnx")
    i = keras.Input((1, 1, 4))
    m = keras.layers.Conv2D(6, 1)(i)
    m = keras.ops.sum(square(m), axis=(1, 2), keepdims=True) * m
    m = keras.layers.Conv2D(4, 1)(m)
    model = randomise(keras.Model(i, keras.layers.Flatten()(m), name="own"))
    model.save(tmp_path / "net.keras")
    code = main(["export", str(tmp_path / "net.keras"), "--to", "onnx", "--raw"])
    if code:
        assert square is not keras.ops.square
        assert "tf2onnx changes its outputs" in capsys.readouterr().err
        assert not (tmp_path / "net.onnx").exists()
        return
    x = np.random.default_rng(0).standard_normal((3, 1, 1, 4)).astype("float32")
    found, y = outputs_of(tmp_path / "net.onnx", x)["outputs"], model(x)
    np.testing.assert_allclose(found, y, atol=1e-5 * np.abs(y).max())


@pytest.mark.parametrize("to", FORMATS)
def test_a_model_of_the_users_own(to, tmp_path, capsys):
    """Names that TensorFlow's graphs cannot have, Normalization, groups, two outputs."""
    i = keras.Input((9, 9, 1), name="entrée")
    m = keras.layers.Normalization(mean=[0.2], variance=[0.3])(i)
    m = keras.layers.Conv2D(6, 3, strides=2, name="a conv of é")(m)
    m = keras.layers.Conv2D(4, 3, groups=2)(m)
    m = keras.layers.GlobalAveragePooling2D()(m)
    model = keras.Model(i, [keras.layers.Dense(n, name=f"tête {n}")(m) for n in (4, 2)], name="été")
    known = weights.Preparation(9, 9, order="grey", mean=[0.5], std=[0.5])
    names = ["été", "naïve", "日本", 'a "b" c']
    weights.prepared(randomise(model), known, names).save(tmp_path / "à moi.keras")
    path = exported(tmp_path / "à moi.keras", to)
    assert "to 4 probabilities, the first of its 2 outputs; " in capsys.readouterr().out
    x = pretrained.photograph("china.jpg")[None, :40, :50, :1]
    expected = keras.ops.softmax(model(known(x))[0])
    np.testing.assert_allclose(outputs_of(path, x)["probabilities"], expected, atol=CLOSE)
    found = outputs_of(path, x)["classes"] if to == "savedmodel" else class_names(path)
    assert [n.decode() if isinstance(n, bytes) else n for n in found] == names


def test_int8_of_a_nested_network(tmp_path):
    """The first and the last layer stay in float32, not all that lies nested before the last."""
    i, x = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    m = keras.layers.Conv2D(8, 3, activation="relu")(i)
    inner = keras.Model(i, keras.layers.Conv2D(32, 3, name="middle")(m))
    y = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(inner(x)))
    known = weights.Preparation(8, 8, order="grey", mean=[0.5], std=[0.5])
    weights.prepared(keras.Model(x, y), known).save(tmp_path / "net.keras")
    path = exported(tmp_path / "net.keras", "litert", "--int8", "--calibrate", "digits")
    file = lite(path)
    file.allocate_tensors()
    kernels = {tuple(t["shape"]): t["dtype"] for t in file.get_tensor_details()}
    assert kernels[8, 3, 3, 1] is np.float32
    assert kernels[32, 3, 3, 8] is np.int8


@pytest.mark.parametrize(("images", "step"), [(200, 1), (201, 2), (401, 3)])
def test_at_most_200_images_are_shown_to_int8(images, step):
    """The images are evenly spaced, and passed one at a time, as integers."""
    x = np.arange(images * 4, dtype="uint8").reshape(images, 2, 2, 1)
    each = int8.calibration_images(data.Split(x, np.zeros(images, int)), lambda x: x)()
    found = [image for (image,) in each]
    assert len(found) <= 200
    np.testing.assert_array_equal(np.concatenate(found), x[::step])
    assert {(image.shape, image.dtype.name) for image in found} == {((1, 2, 2, 1), "uint8")}


def test_what_int8_loses_is_said():
    same = "same first class as the network for {} of 100 images"
    assert int8.Agreement(100, 100, 0.0).words() == same.format(100)
    led = "; for the others, its class led by at most 0.25"
    assert int8.Agreement(98, 100, 0.25).words() == same.format(98) + led


def own(**options):
    """A network of the user's own: a dense layer with options."""
    i = keras.Input((8, 8, 3))
    return keras.Model(i, keras.layers.Dense(**options)(keras.layers.Flatten()(i)))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: own(units=1), "returns one number, not classes: give --raw"),
        (
            lambda: own(units=4, activation="sigmoid"),
            "ends in a sigmoid, not in logits: give --raw",
        ),
        (
            lambda: weights.deployed(own(units=4), weights.Preparation(8, 8)),
            "prepares images itself; give the network that it was made from",
        ),
    ],
)
def test_models_that_are_refused(model, words, tmp_path, capsys):
    model().save(tmp_path / "net.keras")
    argv = ["export", str(tmp_path / "net.keras"), "--to", "litert", "--preparation", "tf"]
    assert main(argv) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "net.tflite").exists()


def test_what_a_format_does_not_have(tmp_path, capfd):
    """An operator of the user's own model, in one line; no file is left."""
    i = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.ops.erfinv(0.1 * i))
    model = keras.Model(i, keras.layers.Dense(4)(x), name="own")
    weights.prepared(model, weights.Preparation(8, 8)).save(tmp_path / "net.keras")
    for to, words in (("litert", "LiteRT"), ("onnx", "ONNX")):
        if to == "onnx":
            pytest.importorskip("tf2onnx")
        argv = ["export", str(tmp_path / "net.keras"), "--to", to]
        assert main(argv) == 2
        last = capfd.readouterr().err.splitlines()[-1]
        assert last.startswith(f"convbook export: own cannot be converted to {words}: ")
        assert [path.name for path in tmp_path.iterdir()] == ["net.keras"]


def test_int8(network, tmp_path, capfd):
    """In one file, with the preparation: the same first class for at least 95 of 100 images."""
    rng = np.random.default_rng(0)
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png"):
        x = pretrained.photograph(name)
        (tmp_path / "photos" / name[:-4]).mkdir(parents=True)
        for i in range(7):
            side = int(min(x.shape[:2]) * rng.uniform(0.7, 1))
            y0, x0 = (rng.integers(0, n - side + 1) for n in x.shape[:2])
            crop = x[y0 : y0 + side, x0 : x0 + side]
            keras.utils.save_img(tmp_path / "photos" / name[:-4] / f"{i}.png", crop)
    path = exported(network, "litert", "--int8", "--calibrate", f"folder:{tmp_path}/photos")
    assert "int8: same first class as the network for " in capfd.readouterr().out
    images = sorted((tmp_path / "photos").rglob("*.png"))
    expected = predicted(network, images).argmax(-1)
    xs = [keras.utils.img_to_array(keras.utils.load_img(image), dtype="uint8") for image in images]
    found = [np.argmax(outputs_of(path, x[None])["probabilities"]) for x in xs]
    assert np.mean(found == expected) >= 0.95
    assert path.stat().st_size < 0.6 * exported(network, "litert").stat().st_size
    assert class_names(path) == [*weights.class_names("imagenet")]


@pytest.mark.parametrize("first", ["resize", "squash", "crop"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(61, 80), (40, 33), (300, 200)], ids=str)
def test_prepared_by_products_of_matrices(first, interpolation, size):
    """Smaller, larger and much larger images, in all ways."""
    options = dict(order="BGR", mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    p = weights.Preparation(40, 33, interpolation, first=first, **options)
    x = np.random.default_rng(0).integers(0, 256, (2, *size, 3)).astype("float32")
    # A value between two whole ones may be rounded to either.
    atol = 1 / 255 / 0.5 + 1e-4 if first != "crop" else 1e-4
    np.testing.assert_allclose(prepared(tf.constant(x), p), p(x), atol=atol)


def test_a_run(tmp_path, capsys):
    """Grey, cut before it is resized, less the mean of its training images: of result.json."""
    train = ["train", *files.LENET, "--epochs", "1", "--batch-size", "384", "--no-tensorboard"]
    assert main([*train, "--out", f"{tmp_path}/run"]) == 0
    keras.utils.save_img(tmp_path / "a.png", pretrained.photograph("chelsea.png")[..., :1])
    assert main(["export", f"{tmp_path}/run", "--to", "savedmodel"]) == 0
    assert f"{tmp_path}/run/model-savedmodel: images of any size" in capsys.readouterr().out
    call = tf.saved_model.load(f"{tmp_path}/run/model-savedmodel").signatures["jpeg"]
    found = call(files=tf.constant([(tmp_path / "a.png").read_bytes()]))
    network = trained_network.load_network(tmp_path / "run" / "model.keras")
    _, p, _ = predict.predicted(network, [f"{tmp_path}/a.png"])
    np.testing.assert_allclose(found["probabilities"], p, atol=CLOSE)
    assert [name.decode() for name in found["classes"].numpy()] == list("0123456789")


@pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224", "mobilenet_v2_0.35_224", "lenet5"])
def test_the_fastest_is_recommended(name, tmp_path, capsys):
    """By measurements of the network or, if there are none, of another of its family."""
    shape = None if name == "lenet5" else (32, 32, 3)
    architectures.create(name, shape, 10).save(tmp_path / "net.keras")
    assert main(["export", f"{tmp_path}/net.keras", "--to", "litert", "--raw"]) == 0
    _, how, *advice = capsys.readouterr().out.splitlines()
    call = f'ai_edge_litert.interpreter.Interpreter("{tmp_path}/net.tflite").get_signature_runner()'
    assert how == f"run it: {call}(images=x)"
    assert bool(advice) == (name != "lenet5")
    for line in advice:
        latencies = fastest.stored_latencies()
        times = latencies["nets"]["mobilenet_v2_1.0_224"]["1"]
        best = min(fastest.FORMATS, key=times.get)
        assert line.startswith(f"fastest: --to {fastest.FORMATS[best]}, with {best}. An image of ")
        assert f"mobilenet_v2_1.0_224 took {best} {1000 * times[best]:.1f} ms, " in line
        assert f"--int8 {1000 * times['LiteRT int8']:.1f} ms ({latencies['cores']} CPU" in line


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--to", "litert", "-o", "net.onnx"], "for litert, the name must end with .tflite"),
        (["--to", "litert", "-o", "nowhere/a.tflite"], "there is no folder nowhere"),
        (["--to", "savedmodel", "-o", "a.tflite"], ".tflite is the ending of --to litert"),
        (["--to", "savedmodel", "-o", "."], "--out .: it already exists"),
        (["--to", "onnx", "--int8"], "--int8 works only with --to litert, not onnx"),
        (["--to", "litert", "--int8"], "--int8 and --calibrate DATA: give both, or neither"),
        (
            ["--to", "litert", "--int8", "--calibrate", "photos"],
            "--calibrate must be one of digits",
        ),
        (
            ["--to", "litert", "--int8", "--calibrate", "folder:/none"],
            "--calibrate 'folder:/none': there is no folder '/none'",
        ),
        (["--to", "tensorrt"], "--to: invalid choice"),
    ],
)
def test_refused(argv, words, network, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(network), *argv]) == 2
    assert words in capsys.readouterr().err


def test_a_bare_file_is_asked_about(tmp_path, capsys):
    """A bare file needs its preparation, unless nothing is to be prepared."""
    architectures.create("resnet20", (32, 32, 3), 4).save(tmp_path / "bare.keras")
    bare = ["export", str(tmp_path / "bare.keras"), "--to", "litert"]
    assert main(bare) == 2
    assert "does not say how to prepare its images" in capsys.readouterr().err
    assert main([*bare, "--raw"]) == 0
    assert "images (N, 32, 32, 3), already prepared" in capsys.readouterr().out
    assert main([*bare, "--preparation", "torch"]) == 0
    assert "short side 37, centre 32 x 32" in capsys.readouterr().out
    assert zipfile.ZipFile(tmp_path / "bare.tflite").read("labels.txt").startswith(b"class 0\n")
