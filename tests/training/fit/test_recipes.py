"""Recipes: complete, traceable to printed texts, and usable by the trainer."""

import inspect
import math
import re
import sys

import keras
import numpy as np
import pytest

from convbook import architectures
from convbook.__main__ import main
from convbook.training.commands import parse
from convbook.training.data.augment import plan
from convbook.training.recipes import KINDS, asked, optimizers, recipe, schedules
from convbook.training.recipes.decay import DECAYS, decay
from convbook.training.recipes.fields import (
    FIELDS,
    TAGS,
    describe,
    entries,
    fields,
    listing,
    training_facts,
)

NETWORKS = architectures.names(aliases=False)
OWN = {name: e for name, e in entries().items() if "networks" in e}  # the papers'
WHOLE = {name: e for name, e in entries().items() if "data" in e}  # ours as well
BORROWED = {name for name, e in OWN.items() if "facts" not in e}
SOURCED = [
    pytest.param(name, key, id=f"{name}-{key}")
    for name in OWN
    for key, field in fields(name).items()
    if field["tag"] != "ours"
]


def test_every_network_has_one_paper_recipe():
    listed = [network for entry in OWN.values() for network in entry["networks"]]
    assert sorted(listed) == sorted(NETWORKS)


@pytest.mark.parametrize("name", WHOLE)
def test_recipes_are_complete(name):
    """Every field is there, with a tag, and a reason where it is ours."""
    found = fields(name)
    other = ("rho", "epsilon") if found["optimizer"]["value"] == "SGD" else ("nesterov",)
    assert [*found] == [k for k in FIELDS if k not in other]
    for key, field in found.items():
        assert field["tag"] in TAGS, key
        assert (field["tag"] == "ours") == ("why" in field), key
        assert field["tag"] == "ours" or field["quotes"], key
    assert found["decays"]["value"] in DECAYS
    assert found["momentum_form"]["value"] in ("caffe", "torch")
    assert [*found["length"]["value"]] in (["epochs"], ["steps"])
    assert found["evaluation"]["value"]["views"] in ("centre", "ten", "dense")


def test_networks_of_a_recipe_have_the_texts_it_quotes():
    """Networks of one recipe share a training entry in facts.json, or have none."""
    for name, entry in OWN.items():
        for network in entry["networks"]:
            assert training_facts(network) == (
                training_facts(entry["facts"]) if "facts" in entry else {}
            ), network
        if name in BORROWED:
            assert {field["tag"] for field in fields(name).values()} == {"ours"}, name
    assert {n for n in NETWORKS if not training_facts(n)} == {
        n for b in BORROWED for n in OWN[b]["networks"]
    }


@pytest.mark.parametrize("name", OWN)
def test_quotes_are_in_the_facts(name):
    """Every text is there, also of the fields that are ours, and what is said is in it."""
    for key, field in fields(name).items():
        for network, text, says in field["quotes"]:
            printed = training_facts(network).get(text)
            assert printed is not None, f"{key}: {network}/{text}"
            assert (says or "") in str(printed), key


@pytest.mark.parametrize(("name", "key"), SOURCED)
def test_tags_are_those_of_the_facts(name, key):
    """The tag of a field is among its text's; a section or table is named there, or not at all."""
    field = fields(name)[key]
    (network, text, _), *_ = field["quotes"]
    tag = training_facts(network)["tag"]
    assert TAGS[field["tag"]] in re.findall(r"\w+", tag)
    if "where" in field:
        assert field["where"] in f"{training_facts(network)[text]} {tag}"


def test_no_section_is_from_memory():
    """Sections, tables and figures are named only in `where`, which is checked above."""
    named = re.compile(r"([Ss]ections?|[Ff]igures?|[Tt]ables?|§) \d|[Aa]ppendix")
    for name, entry in entries().items():
        notes = [entry.get("note"), entry.get("as", {}).get("why")]
        notes += [field.get("why") for field in entry["fields"].values()]
        assert not [line for line in notes if line and named.search(line)], name


def numbers(text):
    """What numbers a text prints: 1e-4, 32k, 170,000, 60*10^4, x0.94, /10, -4%, 3/4, 50%, one."""
    found = set()
    number = r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"
    text = re.sub(r"\[(\d+),(\d+)\]", r"\1 to \2", text)
    for n, unit in re.findall(rf"({number})([kM]\b|%)?", text):
        value = float(n.replace(",", "")) * {"k": 1e3, "M": 1e6, "%": 0.01}.get(unit, 1)
        found.add(value)
    found |= {1 - int(n) / 100 for n in re.findall(r"-(\d+)%", text)}
    found |= {int(n) / 100 for n in re.findall(r"(\d+)-\d+%", text)}
    found |= {int(a) * int(b) ** int(c) for a, b, c in re.findall(r"(\d+)\*(\d+)\^(\d+)", text)}
    found |= {1 / int(n) for n in re.findall(r"(?<!\d)/(\d+)", text)}
    found |= {1 / int(n) for n in re.findall(r"divide by (\d+)", text)}
    found |= {int(a) / int(b) for a, b in re.findall(r"(\d+)/(\d+)", text)}
    found |= {1.0} if re.search(r"\bone\b|per epoch|linearly|100%", text) else set()
    return found


def values(value):
    """The numbers within a field's value."""
    if isinstance(value, dict):
        return [n for v in value.values() for n in values(v)]
    if isinstance(value, list):
        return [n for v in value for n in values(v)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def test_numbers():
    """The test's own reading of a text."""
    text = "lr 1e-4 /10 at 32k, 170,000 or 60*10^4; x0.94, -4% every 8; 3/4-4/3, 8-100%, one"
    text += " of [256,480]"
    expected = {1e-4, 0.1, 32000, 170000, 600000, 0.94, 0.96, 8, 0.75, 4 / 3, 0.08, 1, 256, 480}
    assert not [n for n in expected if not any(math.isclose(n, m) for m in numbers(text))]


@pytest.mark.parametrize(("name", "key"), SOURCED)
def test_numbers_are_the_printed_ones(name, key):
    """Each number of a value is in its texts; a batch or rate may be a product of two there."""
    field = fields(name)[key]
    texts = [says or str(training_facts(network)[text]) for network, text, says in field["quotes"]]
    printed = {n for text in texts for n in numbers(text)}
    if key in ("lr", "batch_size"):
        printed |= {a * b for a in printed for b in printed}
    if key == "drop_path":
        printed |= {1 - n for n in printed}  # the probability to be kept
    for n in values(field["value"]):
        assert n == 0 or any(math.isclose(n, m, rel_tol=1e-4) for m in printed), (n, texts)


@pytest.mark.parametrize("name", OWN)
def test_words_are_the_printed_ones(name):
    """Optimizer, Nesterov's momentum, kind of schedule and crops, where they are from a text."""
    says = {
        k: " ".join(s or str(training_facts(n)[t]) for n, t, s in f["quotes"]).lower()
        for k, f in fields(name).items()
        if f["tag"] != "ours"
    }
    value = {k: f["value"] for k, f in fields(name).items()}
    if "optimizer" in says:
        printed = says["optimizer"]
        assert value["optimizer"].lower() in printed or printed.endswith("momentum 0.9")
    assert "nesterov" in says.get("nesterov", "nesterov")
    words = {
        "plateau": "plateau|stops improving|stalls",
        "exponential": r"every \d|per ",
        "step": r"/10 (at|after)|/10 at|x0.2 at",
        "rates": "for the rest",
        "polynomial": "polynomial|linearly to 0",
        "cosine": "cosine",
    }
    if "schedule" in says:
        assert re.search(words[value["schedule"]["name"]], says["schedule"])
    crops = {"scale_jitter": r"256", "random_area_crop": "scale", "pad_crop": "pad 4"}
    for augmentation, _ in value["augmentation"]:
        if augmentation in crops and "augmentation" in says:
            assert re.search(crops[augmentation] + "|patches", says["augmentation"])


@pytest.mark.parametrize("name", WHOLE)
def test_augmentation_is_known(name):
    """The pipeline has every name and option."""
    plan(fields(name)["augmentation"]["value"])


@pytest.mark.parametrize(
    "network",
    [
        *("alexnet_grouped", "vgg_A", "nin_cifar10", "googlenet", "squeezenet_v1_1"),
        *("bn_inception", "resnet20_cifar", "densenet_cifar_L40_k12", "amoebanet_a_mobile_4_50"),
        "xception",
    ],
)
def test_dropout_and_heads_stand_in_the_networks(network):
    """The rates of the dropout layers, in order, and as many auxiliary heads as weights."""
    fields = recipe(network, "imagenet", "paper")
    option = {"aux": True} if fields["aux_weights"] else {}
    if network == "vgg_A":
        option["input_shape"] = (64, 64, 3)
    model = architectures.create(network, classes=10, **option)
    rates = [l.rate for l in model.layers if isinstance(l, keras.layers.Dropout)]
    assert rates == fields["dropout"]
    assert len(model.outputs) == 1 + len(fields["aux_weights"])
    for layer in (fields["init"] or {}).get("ones", ()):
        assert model.get_layer(layer).bias is not None


def rates(fields, epoch, at):
    rate, callbacks = schedules.build(fields, epoch)
    assert not callbacks
    return [float(rate(i)) if callable(rate) else rate for i in at]


@pytest.mark.parametrize(
    ("network", "epoch", "at", "expected"),
    [
        # in steps: /10 from 32,000 and 48,000 on
        ("resnet20", 391, [0, 31999, 32000, 47999, 48000], [0.1, 0.1, 0.01, 0.01, 0.001]),
        ("resnet110", 391, [0, 399, 400, 31999, 32000], [0.01, 0.01, 0.1, 0.1, 0.01]),
        # in epochs
        ("resnext29_8x64d_cifar", 10, [1499, 1500, 2249, 2250], [0.1, 0.01, 0.01, 0.001]),
        ("stochastic_depth_resnet1202_cifar", 10, [99, 100, 1499, 1500], [0.01, 0.1, 0.1, 0.01]),
        ("senet154", 7, [209, 210, 419, 420, 630], [0.6, 0.06, 0.06, 0.006, 0.0006]),
        ("inception_v3", 5, [9, 10, 19, 20], [0.045, 0.045 * 0.94, 0.045 * 0.94, 0.045 * 0.94**2]),
        ("nasnet_a_large", 5, [11, 12, 24], [1.5, 1.5 * 0.97, 1.5 * 0.97**2]),
        (
            "lenet5",
            3,
            [0, 5, 6, 14, 15, 24, 36, 59],
            [k / 20 for k in (0.5, 0.5, 0.2, 0.2, 0.1, 0.05, 0.01, 0.01)],
        ),
        # in shares of the run: 300 epochs
        ("densenet_cifar_L40_k12", 4, [599, 600, 899, 900], [0.1, 0.01, 0.01, 0.001]),
        # to 0 at the end: in a straight line, and half a cosine
        ("shufflenet_v1_g3_1x", 9, [0, 75000, 150000, 300000], [0.5, 0.375, 0.25, 0]),
        ("squeezenet_v1_1", 9, [0, 85000, 170000], [0.04, 0.02, 0]),
        ("nasnet_a_cifar_6at768", 10, [0, 3000, 6000], [0.025, 0.0125, 0]),
    ],
)
def test_rates_of_the_papers(network, epoch, at, expected):
    found = rates(recipe(network, "imagenet"), epoch, at)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


def test_rates_of_the_digits():
    """A straight rise in two epochs, then half a cosine; half of the run in a run of one."""
    up = [0.1 * i / 10 for i in range(10)]
    down = [0.05 * (1 + math.cos(math.pi * i / 190)) for i in range(191)]
    found = rates(recipe("resnet20", "digits"), 5, range(201))
    np.testing.assert_allclose(found, up + down, atol=1e-7)
    short = rates(recipe("resnet20", "digits", epochs=2), 6, range(13))
    np.testing.assert_allclose(short[:7], [0.1 * i / 6 for i in range(7)], atol=1e-7)
    assert short[12] == pytest.approx(0, abs=1e-9)


def test_times_are_stretched_with_the_run():
    """A tenth of the epochs, steps for epochs, and what lasts as long as it says."""
    found = rates(recipe("densenet121", "imagenet", epochs=9), 100, [299, 300, 599, 600])
    np.testing.assert_allclose(found, [0.1, 0.01, 0.01, 0.001], rtol=1e-5)
    found = rates(recipe("resnet20", "cifar10", epochs=10), 64, [319, 320, 479, 480])
    np.testing.assert_allclose(found, [0.1, 0.01, 0.01, 0.001], rtol=1e-5)
    found = rates(recipe("resnet110", "cifar10", steps=6400), 64, [399, 400, 3199, 3200])
    np.testing.assert_allclose(found, [0.01, 0.1, 0.1, 0.01], rtol=1e-5)
    found = rates(recipe("resnet110", "cifar10", steps=300), 64, [149, 150, 224, 225])
    np.testing.assert_allclose(found, [0.01, 0.01, 0.01, 0.001], rtol=1e-5)


def test_a_first_rate_ends_where_the_next_fall_begins():
    fields = recipe("resnet110", "cifar10", steps=1000)
    fields["schedule"]["kwargs"] |= dict(at=[0.1, 0.5], unit="runs")  # before its 400 steps
    found = rates(fields, 64, [99, 100, 499, 500])
    np.testing.assert_allclose(found, [0.01, 0.01, 0.01, 0.001], rtol=1e-5)


@pytest.mark.parametrize(
    ("network", "monitor", "least"),
    [
        ("vgg_D", "val_accuracy", 1e-5),
        ("nin_cifar10", "accuracy", 1e-4),
        ("resnet50", "val_accuracy", 0),
    ],
)
def test_plateau(network, monitor, least):
    fields = recipe(network, "imagenet")
    rate, (callback,) = schedules.build(fields, 10)
    assert rate == fields["lr"]
    assert (callback.monitor, callback.factor) == (monitor, 0.1)
    assert callback.min_lr == pytest.approx(least)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizers.build(fields, rate), "mse")
    callback.set_model(model)
    model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)))
    callback.monitor_op = np.greater
    callback.on_train_begin()
    for epoch in range(6):
        assert float(model.optimizer.learning_rate) == pytest.approx(fields["lr"])
        callback.on_epoch_end(epoch, {monitor: 0.5})
    assert float(model.optimizer.learning_rate) == pytest.approx(fields["lr"] / 10)


@pytest.mark.parametrize("name", WHOLE)
def test_every_recipe_takes_a_step(name):
    """A step of its optimizer, at its first rates, with its decay, keeps weights finite."""
    network = entries()[name].get("networks", ["resnet20"])[0]
    data = entries()[name]["data"]
    kind = name.split("_")[0] if name.split("_")[0] in KINDS else "paper"
    fields = recipe(network, data, kind, pretrained=name == "finetune")
    assert fields["name"] == name
    keras.utils.set_random_seed(0)
    i = keras.Input((4,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(8)(i))
    model = keras.Model(i, keras.layers.Dense(3)(x))
    decay(model, fields["weight_decay"], fields["decays"])
    rate, _ = schedules.build(fields, 10)
    loss = keras.losses.CategoricalCrossentropy(True, fields["label_smoothing"])
    model.compile(optimizers.build(fields, rate), loss, run_eagerly=True)
    before = model.get_weights()
    y = np.eye(3)[[0, 1, 2, 0]]
    for _ in range(2):  # a rise begins at 0
        model.train_on_batch(np.random.default_rng(0).random((4, 4)), y)
    kernels = [(a, b) for a, b in zip(before, model.get_weights(), strict=True) if a.ndim == 2]
    assert all((a != b).any() and np.isfinite(b).all() for a, b in kernels)


def test_digits():
    """The recipe of the digits has the values that make train uses."""
    fields = recipe("lenet5", "digits")
    expected = dict(
        epochs=40,
        batch_size=64,
        lr=0.1,
        lr_without_norm=0.01,
        optimizer=dict(name="SGD", kwargs=dict(momentum=0.9, nesterov=True)),
        schedule=dict(name="cosine", kwargs=dict(warmup=2, unit="epochs")),
        weight_decay=5e-4,
        norm_momentum=0.9,
        label_smoothing=0.1,
        augmentation=[["affine", dict(rotation=15, shear=0.2, zoom=0.15, shift=1 / 16)]],
    )
    assert {key: fields[key] for key in expected} == expected


def test_which_recipe():
    """Default: digits for the digits, finetune for files, else the paper's.  The kind of image
    chooses the form of modern, and the weights that of finetune."""
    for arguments, expected in (
        (("resnet20", "digits"), "digits"),
        (("resnet20", "digits", "paper"), "resnet_cifar"),
        (("resnet20", "cifar10"), "resnet_cifar"),
        (("resnet50", "folder:x"), "finetune_scratch"),
        (("resnet50", "tfrecord:x*"), "finetune_scratch"),
        (("resnet50", "folder:x", "paper"), "resnet"),
        (("resnet50", "cifar10", "finetune"), "finetune_scratch"),
        (("resnet50", "tfds:imagenet2012", "modern"), "modern"),
        (("resnet50", "cifar100", "modern"), "modern_small"),
        (("resnet50", "fashion_mnist", "modern"), "modern_glyphs"),
    ):
        assert recipe(*arguments)["name"] == expected
    assert recipe("resnet50", "folder:x", pretrained=True)["name"] == "finetune"
    with pytest.raises(ValueError, match="nearest: resnet"):
        recipe("resnet21", "cifar10")
    with pytest.raises(ValueError, match="recipe='old': recipe must be one of paper, modern"):
        recipe("resnet20", "cifar10", "old")


def test_the_keys_are_the_documented_ones():
    """Those of the table in the module, and no others; plain values that JSON takes."""
    table = inspect.getdoc(sys.modules[recipe.__module__]).split("needs:\n")[1]
    rows = re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*)  +\S", table, re.M)
    documented = {key for row in rows for key in row.split(", ")}
    assert set(recipe("resnet20", "cifar10")) == documented


def test_a_recipe_is_ones_own():
    recipe("resnet20", "cifar10")["optimizer"]["kwargs"]["momentum"] = 0
    recipe("resnet20", "cifar10")["augmentation"].clear()
    again = recipe("resnet20", "cifar10")
    assert again["optimizer"]["kwargs"]["momentum"] == 0.9
    assert again["augmentation"]


def test_the_rate_stays_when_the_batch_changes_unless_told():
    """The rate stays unless asked otherwise, and a printed line says so."""
    for scale, lr in (("none", 0.1), ("linear", 0.025), ("sqrt", 0.05)):
        fields = recipe("densenet121", "imagenet", batch_size=64, lr_scale=scale)
        assert fields["lr"] == pytest.approx(lr)
        (line,) = fields["words"]
        assert line.startswith(f"batch size 64 instead of 256: learning rate {lr:g} (")
        assert f"--lr-scale {scale}" in line
    fields = recipe("lenet5", "digits", batch_size=128, lr_scale="linear")
    assert (fields["lr"], fields["lr_without_norm"]) == (0.2, 0.02)
    assert fields["words"][0].endswith("the recipe's is 0.1), 0.02 without batch norm")
    assert recipe("lenet5", "digits", lr=0.3)["lr_without_norm"] is None
    fields = recipe("densenet121", "imagenet", batch_size=64, lr=0.3)
    assert fields["lr"] == 0.3
    assert "learning rate 0.3 (as given; the recipe's is 0.1)" in fields["words"][0]
    assert recipe("densenet121", "imagenet")["words"] == []


def test_overrides():
    """In the places of the recipe's; None is none; rates within a schedule follow lr."""
    fields = recipe("resnet110", "cifar10", lr=0.2, epochs=3, momentum=0.8, weight_decay=None)
    assert (fields["epochs"], fields["steps"]) == (3, None)
    assert fields["optimizer"]["kwargs"]["momentum"] == 0.8
    assert fields["weight_decay"] == 1e-4
    assert fields["schedule"]["kwargs"]["first"]["share"] == pytest.approx(0.1)
    assert fields["words"] == [
        "learning rate 0.2 instead of 0.1",
        "3 epochs instead of 64000 steps: the whole schedule is scaled by the same factor",
    ]
    fields = recipe("resnet20", "cifar10", batch_size=64)
    assert fields["words"][1] == "64000 steps as in the recipe: with such batches other epochs"
    assert "was made for imagenet, not for cifar10" in recipe("vgg_A", "cifar10")["words"][0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(speed=1), "speed=1: a recipe has no such field; it has .*batch_size"),
        (
            dict(batch_size=1, lr_scale="root"),
            "lr_scale='root': lr_scale must be one of none, linear",
        ),
        (dict(lr=0.1, lr_scale="linear"), "lr_scale must be none, because lr=0.1 is given"),
        (dict(epochs=1, steps=2), "epochs=1, steps=2: give one of the two"),
    ],
)
def test_overrides_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        recipe("resnet20", "cifar10", **options)


def test_a_number_above_0_is_one_in_float32():
    """Its least normal number is taken; half of it would be 0 on a GPU."""
    least = float(np.finfo("float32").tiny)
    assert recipe("lenet5", "digits", lr=least)["lr"] == least
    with pytest.raises(ValueError, match="lr must be a number above 0"):
        recipe("lenet5", "digits", lr=least / 2)


def test_unknown_schedules():
    fields = recipe("resnet20", "cifar10")
    with pytest.raises(ValueError, match="schedule='zigzag': schedule must be one of constant"):
        schedules.build(fields | {"schedule": {"name": "zigzag", "kwargs": {}}}, 10)
    fields["schedule"]["kwargs"]["unit"] = "hours"
    with pytest.raises(ValueError, match="unit='hours': unit must be one of steps"):
        schedules.build(fields, 10)


@pytest.mark.parametrize("network", NETWORKS)
def test_description(network):
    """Each field once with its value, its tag and every text; no line is long."""
    lines = describe(network)
    assert max(map(len, lines)) <= 98
    assert [l.split()[0] for l in lines[2:] if l[:1].strip() and l.split()[0] in FIELDS] == [
        *fields(recipe(network, "imagenet", "paper")["name"])
    ]
    whole = re.sub(r"\s+", " ", " ".join(lines))
    for field in fields(recipe(network, "imagenet", "paper")["name"]).values():
        for of, text, says in field["quotes"]:
            assert re.sub(r"\s+", " ", str(says or training_facts(of)[text])) in whole


def test_no_recipe_has_the_name_of_another_ones_network():
    for name in architectures.names():
        if name in entries():
            assert recipe(name, "imagenet", "paper")["name"] == name


def test_a_recipe_of_ones_own(tmp_path):
    """Fields of a file; the command line is above them; what is wrong is named."""
    path = tmp_path / "my.json"

    def read(fields, *argv):
        path.write_text(fields)
        return asked(parse(["resnet20", "--data", "cifar10", "--recipe", str(path), *argv]))

    fields = '{"like": "modern", "lr": 0.02, "epochs": 7, "batch_size": 8}'
    found = read(fields)
    like = recipe("resnet20", "cifar10", "modern", lr=0.02, epochs=7, batch_size=8)
    assert found == like
    assert read(fields, "--lr", "0.5")["lr"] == 0.5
    nine = read(fields, "--steps", "9")
    assert (nine["steps"], nine["epochs"]) == (9, None)
    for wrong, words in (
        ("[]", "must be one object"),
        ("{", "cannot be read"),
        ('{"rate": 1}', "rate: a recipe has no such field; it has like"),
        ('{"lr": -1}', "lr=-1: lr must be a number above 0"),
        ('{"like": "old"}', "recipe must be one of"),
    ):
        with pytest.raises(ValueError, match=words):
            read(wrong)


def test_the_command(capsys):
    def run(*argv):
        code = main(["recipes", *argv])
        return code, *(text.splitlines() for text in capsys.readouterr())

    assert run() == (0, listing(), [])
    assert run("modern") == (0, describe("modern"), [])
    code, _, (error,) = run("resnet21")
    assert code == 2
    assert error.startswith("convbook recipes: network='resnet21': there is no such")
