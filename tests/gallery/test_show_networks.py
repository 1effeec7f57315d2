"""convbook show NETWORK: one file that is the network, weights in order, output for output."""

import ast
import inspect
import json
import re
import subprocess
import sys

import interpreter
import keras
import numpy as np
import pytest

from convbook import architectures, names
from convbook.gallery import show

OURS = names.stored_json("gallery", "ledger.json")["ours"]
SMALL = [name for name, counts in OURS.items() if counts["trainable"] < 30e6]
# Rows and columns of the input, where those of the paper take long.
SIZES = {"inception_v": 96, "inception_resnet": 96, "xception": 96, "lenet": 32, "nin_cifar10": 32}
SIZES |= {"nin_imagenet": 96}
QUICK = [
    ("lenet5", {}),
    ("nin_cifar10", {}),
    ("googlenet", {}),
    ("resnet20", {}),
    ("resnet20", {"shortcut": "C", "se": (4, (2, 3))}),
    ("resnet20", {"survival": 0.5}),
    ("preresnet18", {"drop_path": 0.2}),
    ("resnext29_32x4d_cifar", {"eps": 1e-3}),
    ("densenet40", {}),
    ("squeezenet_v1_0_complex_bypass", {}),
    ("squeezenet1_1", {}),
    ("mobilenet_v1_0.25_224", {"style": "torch"}),
    ("mobilenet_v2_0.35_224", {"a": "softmax", "classes": 7}),
]
THOROUGH = [(name, {}) for name in SMALL if (name, {}) not in QUICK]
THOROUGH += [
    ("lenet5", {"variant": "c3_fully_connected_softmax"}),
    ("googlenet", {"variant": "with_two_aux_heads", "input_shape": (96, 96, 3)}),
    ("bn_inception", {"variant": "width_576_separable_stem", "drop_path": 0.2}),
    ("inception_v3", {"style": "torch"}),
    ("resnet50", {"stride_on": "3x3", "bias": True, "se": 16}),
    ("preresnet50", {"variant": "keras"}),
    ("densenet40", {"rate": 0.2}),
    ("mobilenet_v2_1.4_224", {"survival": 0.8}),
    ("shufflenet", {"style": "torch"}),
    ("nasnet_a_cifar_6at768", {"drop_path": 0.2}),
    ("nasnet_a_mobile", {"variant": "with_aux", "style": "keras", "input_shape": (112, 112, 3)}),
    ("googlenet", {"variant": "torchvision_style"}),
    ("googlenet", {"style": "caffe"}),
    ("regnet_x_400mf", {"variant": "torchvision"}),
    ("regnet_y_200mf", {"drop_path": 0.2}),
    ("cbam_resnet18", {"drop_path": 0.2}),
]
# At default options: code lines of the whole file.
FIGURES = {"resnet50": 58, "mobilenet_v2": 70, "densenet121": 70, "googlenet": 85}
FIGURES |= {"inception_v3": 125, "nasnet_a_large": 140, "nasnet_a_mobile": 140}
FIGURES |= {"amoebanet_a_6_190": 140, "amoebanet_a_6_448": 140, "amoebanet_a_mobile_4_50": 140}


def in_order(model):
    """The layers of a model, each after those that it reads.

    Keras lists them by their distance from the outputs, which Identity layers change.
    """
    config = model.get_config()

    def read_by(value):
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"][0]]
        inner = value.values() if isinstance(value, dict) else value
        inner = inner if isinstance(value, (dict, list, tuple)) else []
        return [name for each in inner for name in read_by(each)]

    reads = {layer["name"]: read_by(layer["inbound_nodes"]) for layer in config["layers"]}
    outputs = config["output_layers"]
    outputs = [outputs] if isinstance(outputs[0], str) else outputs
    found, stack = {}, [name for name, *_ in reversed(outputs)]
    while stack:
        waits = [name for name in reads[stack[-1]] if name not in found]
        if waits:
            stack.append(waits[0])
        else:
            found[stack.pop()] = True
    layers = {layer.name: layer for layer in model.layers}
    return [layers[name] for name in found if name in layers]  # the others are functions


def settings(model):
    """[class, settings] of each layer in order, those of models within too."""
    found = []
    for layer in in_order(model):
        kind = type(layer).__name__.replace("GroupedConv2D", "Conv2D")
        # What names it or says where its class was found; an Identity carries no more than a name.
        of = {"name", "layer", "seed", "module", "registered_name", "build_config", "inbound_nodes"}
        config = layer.get_config()
        if kind != "Identity":
            inner = {
                key: {k: v for k, v in value.items() if k not in of}
                if isinstance(value, dict)
                else value
                for key, value in config.items()
                if key not in of
            }
            found.append([kind, inner])
        if hasattr(layer, "layer"):
            found += settings(layer.layer)
    return found


# Runs in an interpreter that has never seen the package.
def compute_in(floats):
    keras.config.set_floatx(floats)
    keras.config.set_dtype_policy(floats)


RUNNER = f"""
import json, sys, traceback
import keras
import numpy as np
{inspect.getsource(in_order)}
{inspect.getsource(settings)}
{inspect.getsource(compute_in)}
compute_in(open("floatx").read())
found = []
for i, text in enumerate(json.load(open("texts.json"))):
    namespace = {{}}
    try:
        exec(compile(text, str(i), "exec"), namespace)
        model = namespace["model"]
        data = np.load(f"{{i}}.npz")
        given = [data[f"w{{j}}"] for j in range(len(data) - 1)]
        assert [w.shape for w in model.weights] == [w.shape for w in given]
        model.set_weights(given)
        made = model(data["x"], training=False)
        made = made if isinstance(made, list) else [made]
        np.savez(f"{{i}}.made.npz", *map(namespace["keras"].ops.convert_to_numpy, made))
        found.append(settings(model))
    except Exception:
        found.append(traceback.format_exc())
assert not [m for m in sys.modules if m.startswith("convbook")]
json.dump(found, open("found.json", "w"), default=str)
"""


def call(name, options):
    """The options of a case, with a small input."""
    size = next((size for start, size in SIZES.items() if name.startswith(start)), 64)
    shape = architectures.catalog.find(name)[1].shape
    smaller = shape[0] > size and "input_shape" not in options
    return {**options, **({"input_shape": (size, size, shape[2])} if smaller else {})}


def prepared(folder, i, name, options):
    """(the outputs, the layers) of the network itself; what the text's needs is in folder."""
    model = architectures.create(name, **options)
    rng = np.random.default_rng(i)
    # Off their initial zeros and ones, so that a bias or a norm left out is seen.
    new = [w + rng.uniform(0, 0.2, w.shape) * (w.ndim == 1) for w in model.get_weights()]
    model.set_weights([w.astype(keras.config.floatx()) for w in new])
    x = rng.normal(size=(2, *model.input_shape[1:])).astype(keras.config.floatx())
    weights = {f"w{j}": w for j, w in enumerate(model.get_weights())}
    np.savez(folder / f"{i}.npz", x=x, **weights)
    made = model(x, training=False)
    made = made if isinstance(made, list) else [made]
    layers = json.loads(json.dumps(settings(model), default=str))
    return [keras.ops.convert_to_numpy(m) for m in made], layers


def prove(folder, cases):
    cases = [(name, call(name, options)) for name, options in cases]
    ours = [prepared(folder, i, *case) for i, case in enumerate(cases)]
    (folder / "floatx").write_text(keras.config.floatx())
    (folder / "texts.json").write_text(json.dumps([show.text([name], o) for name, o in cases]))
    done = interpreter.run(RUNNER, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "found.json").read_text())
    for i, (case, (outputs, layers)) in enumerate(zip(cases, ours, strict=True)):
        assert found[i] == layers, case
        data = np.load(folder / f"{i}.made.npz")
        assert len(data.files) == len(outputs)
        for key, output in zip(data.files, outputs, strict=True):
            scale = max(1, np.abs(output).max())
            np.testing.assert_allclose(data[key] / scale, output / scale, 0, 1e-5, err_msg=case)


@pytest.mark.parametrize("part", range(2))
def test_a_text_is_the_network(tmp_path, part):
    prove(tmp_path, QUICK[part::2])


@pytest.mark.texts
@pytest.mark.parametrize("case", THOROUGH, ids=lambda case: f"{case[0]}{case[1] or ''}")
def test_every_text_is_its_network(tmp_path, case, request):
    if not case[0].startswith("resnest"):
        return prove(tmp_path, [case])
    compute_in("float64")  # grouped kernels round otherwise, and gates enlarge that
    request.addfinalizer(lambda: compute_in("float32"))
    prove(tmp_path, [case])


def code_lines(text):
    """How many lines are neither blank, comment nor docstring."""
    docs = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)):
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                docs |= {*range(first.lineno, first.end_lineno + 1)}
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for i, s in lines if s.strip() and not s.strip().startswith("#") and i not in docs)


def test_all_texts_are_short_formatted_and_without_loose_ends(tmp_path):
    assert {*FIGURES} <= {*names.networks()}
    for name in names.networks():
        text = show.text([name])
        compile(text, name, "exec")
        assert code_lines(text) <= FIGURES.get(name, 170), name
        imported = [n for n in ast.parse(text).body if isinstance(n, (ast.Import, ast.ImportFrom))]
        wanted = {"keras", "sys"} if "1202" in name else {"keras"}
        assert {getattr(n, "module", None) or n.names[0].name for n in imported} == wanted, name
        (tmp_path / f"{name}.py").write_text(text)
    options = ["--isolated", "--line-length=100"]
    for command in (
        ["format", "--check"],
        ["check", "--select=E,F,I,B007,B018,F841", "--ignore=E731"],
    ):
        ruff = [sys.executable, "-m", "ruff", *command, *options, str(tmp_path)]
        run = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


def test_a_text_has_only_what_its_options_leave():
    text = show.text(["resnet50"])
    for other in ("survival", "se_block", "drop_path", "shortcut="):
        assert other not in text
    assert "def se_block" in show.text(["resnet50"], {"se": 16})
    assert "next(gates)" in show.text(["resnet50"], {"survival": 0.5})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 0.5}, "rate=0.5: resnet50 has no rate; it has"),
        ({"shortcut": "E"}, "shortcut='E': shortcut must be"),
        ({"classes": 0}, "classes=0: classes must be"),
        ({"input_shape": (32,)}, r"input_shape=\(32,\): input_shape must be"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, words):
    with pytest.raises(ValueError, match=words) as error:
        show.text(["resnet50"], options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "table"),
    [("efficientnet_b0", {}, "TABLE"), ("densenet121", {"eps": 0.001}, "DEPTHS")],
)
def test_the_norms_keywords_stand_above_the_other_tables(name, options, table):
    """The keywords have one name, even if an option changes one of them."""
    text = show.text([name], options)
    assert text.count('"epsilon": 0.001}\n') == 1
    assert text.index("\nN = {") < text.index(f"\n{table} = (") < text.index(", n=N)")


def test_a_long_plan_is_a_table_and_a_loop():
    """The cells of a network that is built by rows."""
    text = show.text(["nasnet_a_mobile"])
    table, loop = (
        re.search(r"^CELLS = ", text, re.M),
        re.search(r"^    for .* in CELLS:$", text, re.M),
    )
    assert table.start() < loop.start()
    assert "CELLS" not in show.text(["resnet50"])


def test_a_network_stands_alone():
    with pytest.raises(ValueError, match="a file of its own; type one name"):
        show.text(["resnet50", "conv"])
