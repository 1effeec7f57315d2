"""Random calls end in a result, or in one error that names the argument, its value, what is right.

Of create and of the command line; those of blocks are in test_block_errors.
"""

import random
import re

import keras
import numpy as np
import pytest
from refusals import built

from convbook import architectures
from convbook.__main__ import main
from convbook.architectures import catalog
from convbook.training.data import augment
from convbook.training.fit import run as running
from convbook.training.fit.compiled import compiled
from convbook.training.fit.inputs import training_data
from convbook.training.recipes import rules

# Of which a small network is built in less than half a second.
QUICK = ["lenet5", "resnet20", "plain20", "squeezenet", "alexnet", "resnet18", "preresnet18"]
GOOD = {
    "variant": ["c3_fully_connected_softmax", "option_B"],
    "style": ["paper", "torch", "keras"],
    "shortcut": ["A", "B", "C", "D"],
    "stride_on": ["1x1", "3x3"],
    "se": [16, 4, (16, (1,))],
    "survival": [0.5, 1],
    "drop_path": [0.2, 0],
    "aux": [False],
    "eps": [1e-3],
    "bias": [True, False],
    "bypass": ["simple", None],
    "pool": ["same", 1],
}
ODD = [0, -1, 2.5, True, None, "8", "", "high", float("nan"), float("inf"), (1, 2, 3), (), [], {}]
ODD += [{"a": 1}, object(), np.ones(3), 10**400, 1j, b"x", (16, (9,)), [16, "12"], lambda x: x]
SHAPES = [(32, 32, 3), (32, 32, 1), (None, None, 3), (64, 48, 3), (8, 8, 3), (1, 1, 3)]
ODD_SHAPES = [(0, 32, 3), (32, 32), (32, 32, None), (32.0, 32, 3), ("32", 32, 3), (True, True, 3)]
ODD_SHAPES += ["abc", 32, [], (-4, 32, 3), np.ones(3), {32, 3}, (None, None, None), (10**12, 32, 3)]
WEIGHTS = ["imagenet21k", "no.keras", "timm/x", "timm/resnet50", "a.safetensors", "x.h5", "/"]


def random_network(rng):
    """A name and options for create: of any network with something odd, else of a quick one."""
    odd = rng.random() < 0.75
    name = rng.choice(architectures.names() if odd and rng.random() < 0.5 else QUICK)
    own = [*catalog.find(name)[1].options]
    given = {"input_shape": rng.choice(SHAPES), "classes": rng.choice([10, 2, np.int64(3)])}
    for key in rng.sample(own, min(len(own), rng.randint(0, 2))):
        given[key] = rng.choice(GOOD.get(key, [None]))
    if odd:
        keys = [*own, *own, "variant", "style", "input_shape", "classes", "top", "features"]
        key = rng.choice([*keys, "name", "a", "weights", *catalog.OPTIONS, "colour", "network"])
        values = {"input_shape": ODD_SHAPES, "weights": WEIGHTS + [v for v in ODD if v is not None]}
        given[key] = rng.choice(values.get(key, ODD))
    return name, given


def is_quick(name, given):
    """Whether what may well be good is of a small network: it is not built for the others."""
    return name in QUICK or refused_before(name, given)


def refused_before(name, given):
    """Whether create refuses the call before it builds."""

    class BuiltError(Exception):
        pass

    def stop(*args):
        raise BuiltError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "built", stop)
        try:
            architectures.create(name, **given)
        except BuiltError:
            return False
        except ValueError:
            return True
    return False


def by_name(refused, name, given):
    """Whether an error is a line that names an argument and says what would be right."""
    named = re.match(r"(\w+)(=|: )", refused)
    right = re.search(r"must be|has no| has |give known|lists all", refused)
    return named and named[1] in {*given, "input_shape"} and right and "\n" not in refused


@pytest.mark.parametrize("seed", range(10))
def test_random_networks_build_or_are_refused_by_name(seed):
    rng = random.Random(seed)

    def draw():
        call = random_network(rng)
        return call if is_quick(*call) else None

    def create(name, given):
        return architectures.create(name, **given)

    are_models = [isinstance(model, keras.Model) for _, model in built(draw, create, by_name, 90)]
    assert all(are_models)
    assert len(are_models) > 3


def test_rules_of_augmentations_are_those_of_their_functions():
    found = {name: augment.options(f) for name, (_, f) in augment.NAMES.items()}
    assert {name: [*keys] for name, keys in rules.AUGMENTATIONS.items()} == found


VALUES = ["high", "nan", "5", "0", "-1", "abc", "none", "true", "[]", "{}", "{'a':1}", "(1,2)"]
VALUES += ["1e300", "0.5", "", "[[1]]", "inf", "[('flip',{})]", "{'flip':2}", "[", "10**400", "٣"]
VALUES += ["{'name':'step'}", "{'name':'cosine','warmup':'x'}", "{'kernel':{'name':'He'}}"]
VALUES += ["{'resize':0,'crop':-1,'views':'x'}", "{'mixup':-1}", "RMSprop", "99999999999999999999"]
NUMBERS = "size epochs steps batch-size lr seed patience accumulate save-every keep log-every"
WORDS = "data recipe lr-scale precision weights init-from init-only freeze workers monitor"
MORE = [["--jit"], ["--deterministic"], ["--skip-broken"], ["--nope"], ["extra"], ["--tpu", "x y"]]
MORE += [["--init-only", "["], ["--patience", "3", "--monitor", "nosuch"], ["--set", "schedule=x"]]
MORE += [["--size", "1"], ["--size", "100000"], ["--set", "label_smoothing=7"], ["--workers", "a"]]
MORE += [["--set", "augmentation=5"], ["--set", "weight_decay=nan"], ["--set", "lr=abc"]]
MORE += [["--option", "survival=high"], ["--set", "name=x"], ["--init-from", "junk.keras"]]
NAMES = ["lenet5", "lenet5", "resnet20", "basic_block", "conv", "letters", "nope", "", "junk.keras"]
OPTIONS = ["se", "f", "s", "n", "a", "k", "shortcut", "classes", "input_shape", "top", "name", "x"]


def training(rng):
    argv = ["train", rng.choice(["lenet5", "lenet5", "resnet20", "nope", ""])]
    for _ in range(rng.choice([1, 1, 2])):
        argv += rng.choice(
            [
                ["--set", f"{rng.choice([*rules.RULES, 'colour'])}={rng.choice(VALUES)}"],
                ["--set", f"{rng.choice([*rules.RULES])}={rng.choice(VALUES)}"],
                ["--option", f"{rng.choice([*GOOD, 'classes', 'top'])}={rng.choice(VALUES)}"],
                [f"--{rng.choice(NUMBERS.split())}", rng.choice([*VALUES, "2", "64"])],
                [f"--{rng.choice(WORDS.split())}", rng.choice([*VALUES, "modern", "val_loss"])],
                rng.choice(MORE),
            ]
        )
    return argv


COMMANDS = ["blocks", "find", "show", "show", "draw", "nets", "measure", "evaluate", "predict"]
COMMANDS += ["recipes", "compare", "export", "nosuch"]


def reading(rng):
    """A command line of another command."""
    command = rng.choice(COMMANDS)
    argv = [command, *rng.choices(NAMES, k=rng.choice([0, 1, 1, 2]))]
    if command in ("show", "nets", "measure"):
        options = rng.choices(OPTIONS, k=rng.choice([0, 1, 1]))
        argv += [f"{key}={rng.choice([*VALUES, '16', 'A'])}" for key in options]
    if command in ("evaluate", "predict"):
        data = ["--data", rng.choice(VALUES)]
        argv += rng.choice([data, ["--size", "x"], ["--protocol", "ten:1"]])
    if command == "export":
        argv += ["--to", rng.choice(["litert", "onnx", "savedmodel", "nope"])]
        argv += rng.choice([[], ["--int8"], ["--raw", "--calibrate", "5"], ["--preparation", "tf"]])
    return argv


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """In an empty folder; of a run that would train only what is ready before its first step."""

    def ready(job, folder, machines):
        compiled(job)
        training_data(job, 0)
        return {"test_accuracy": 0.5}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "train", ready)
    (tmp_path / "junk.keras").write_text("junk")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("draw", [training, reading])
def test_random_command_lines_end_in_a_result_or_a_line(draw, seed, quick, capsys):
    rng = random.Random(seed)
    for _ in range(25):
        keras.backend.clear_session(free_memory=False)
        keras.config.set_dtype_policy("float32")
        argv = draw(rng)
        code = main(argv)
        said = capsys.readouterr().err
        assert code in (0, 1, 2), argv
        if code == 2:
            assert said.count("\n") == 1, (argv, said)
            assert said.startswith("convbook"), (argv, said)
