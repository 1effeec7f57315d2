"""convbook show: every snippet stands alone and is what it was cut from."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from convbook import blocks
from convbook.gallery.menu import MENU
from convbook.gallery.show import closure, snippet
from convbook.gallery.show.shake import shake

NAMES = [name for name in blocks.__all__ if not name.isupper()]
# Calls beside those of the menu, with options that keep more of the helpers.
MORE = {
    "inception_module": "x, (8, 8, 12, 4, 8, 8), n={'groups': 4}, se=4",
    "dense_block": "x, 8, 2, n={'momentum': 0.9}, r=4",
    "basic_block": "x, 64, 2, shortcut='A', se=4, n=None",
    "bottleneck_block": "x, 64, 2, stride_on='3x3'",
    "preact_block": "x, 64, 2, r=4",
    "resnext_bottleneck_block": "x, 64, 2, c=4, form='concat'",
    "mlpconv": "x, (8, 8), k=5, s=2, p=2",
    "shufflenet_unit": "x, 480, 2",
}
CASES = [(name, row.args) for name, row in MENU.items()] + [*MORE.items()]

# Runs in an interpreter that has never seen the package: pastes each text, builds the model of
# the call, gives it the weights and input that the block itself had, and keeps the outputs.
RUNNER = """
import json, sys
import numpy as np
results = {}
for i, (name, args, text, shapes) in enumerate(json.load(open("cases.json"))):
    namespace = {}
    try:
        exec(compile(text, name, "exec"), namespace)
        import keras
        names = [part.strip() for part in args.split(",")[: len(shapes)]]
        inputs = {n: keras.Input(shape) for n, shape in zip(names, shapes)}
        scope = {**namespace, "keras": keras, **inputs}
        model = keras.Model([*inputs.values()], eval(f"{name}({args})", scope))
        data = np.load(f"{i}.npz")
        given = [data[f"w{j}"] for j in range(sum(key[0] == "w" for key in data))]
        assert [w.shape for w in model.weights] == [w.shape for w in given], model.weights
        model.set_weights(given)
        xs = [data[f"x{j}"] for j in range(len(inputs))]
        np.save(f"{i}.npy", keras.ops.convert_to_numpy(model(xs, training=False)))
        results[i] = ""
    except Exception as error:
        results[i] = repr(error)
    assert not [m for m in sys.modules if m.split(".")[0] in ("blocks", "architectures")], name
json.dump(results, open("results.json", "w"))
"""


def model_of(name, args):
    inputs = {
        n.strip(): keras.Input(shape)
        for n, shape in zip(args.split(","), MENU[name].shapes, strict=False)
    }
    names = {**vars(blocks), "keras": keras, **inputs}
    return keras.Model([*inputs.values()], eval(f"{name}({args})", names))


@pytest.mark.parametrize("part", range(2))
def test_a_pasted_snippet_is_the_block(tmp_path, part):
    rng = np.random.default_rng(0)
    cases, expected = [], []
    for i, (name, args) in enumerate(CASES[part::2]):
        model = model_of(name, args)
        # Off their initial zeros and ones, so that a bias or a norm left out is seen.
        model.set_weights([w + rng.uniform(0, 0.2, w.shape) for w in model.get_weights()])
        xs = [rng.normal(size=(2, *shape)).astype("float32") for shape in MENU[name].shapes]
        expected.append(keras.ops.convert_to_numpy(model(xs, training=False)))
        weights = {f"w{j}": w for j, w in enumerate(model.get_weights())}
        np.savez(tmp_path / f"{i}.npz", **weights, **{f"x{j}": x for j, x in enumerate(xs)})
        cases.append((name, args, snippet(name), MENU[name].shapes))
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    subprocess.run([sys.executable, "-c", RUNNER], cwd=tmp_path, check=True, timeout=600)
    errors = json.loads((tmp_path / "results.json").read_text())
    assert {cases[int(i)][0]: error for i, error in errors.items() if error} == {}
    for i, (name, args, *_) in enumerate(cases):
        got = np.load(tmp_path / f"{i}.npy")
        np.testing.assert_allclose(got, expected[i], 1e-5, 1e-5, err_msg=f"{name}({args})")


@pytest.mark.parametrize("name", NAMES)
def test_a_snippet_needs_keras_only_and_ends_in_the_tested_source(name):
    text = snippet(name)
    assert text.endswith(inspect.getsource(getattr(blocks, name)))
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            assert [alias.name for alias in node.names] == ["keras"]
        elif isinstance(node, ast.ImportFrom):
            assert node.module == "keras"
    assert not re.search(r"\b(import|from) (blocks|architectures)\b|\bblocks\.\w", text)
    assert "\n\n\n\n" not in text
    assert max(map(len, text.splitlines())) <= 100, [n for n in text.splitlines() if len(n) > 100]


def test_snippets_are_formatted_and_have_no_loose_ends(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(snippet(name))
    options = ["--isolated", "--line-length=100"]
    for command in (["format", "--check"], ["check", "--select=E,F,I,B018,F841"]):
        ruff = [sys.executable, "-m", "ruff", *command, *options, str(tmp_path)]
        run = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


def test_a_snippet_has_what_its_block_uses_and_no_more():
    text = snippet("bottleneck")
    assert [n.name for n in ast.parse(text).body[1:]] == ["conv", "bottleneck"]
    assert not re.search("Grouped|BatchNorm|ZeroPadding|pre=|groups=", text.split('"""')[2])
    assert "class GroupedConv2D" in snippet("shufflenet_unit")
    assert "BatchNormalization" in snippet("basic_block")


def test_a_helper_shown_for_itself_keeps_its_options():
    assert inspect.getsource(blocks.conv) in snippet("conv")
    assert "class GroupedConv2D" in snippet("conv")


def test_a_name_in_two_files_is_refused(monkeypatch):
    texts = {
        "blocks": {"a": ("blocks.one", "a")},
        "blocks.one": {"a": "def a(x):\n    return b(c(x))", "b": "B", "c": ("blocks.two", "c")},
        "blocks.two": {"b": "b = 2", "c": "def c(x):\n    return b"},
    }
    texts["blocks.one"]["b"] = "b = 1"
    monkeypatch.setattr("convbook.gallery.show.definitions", texts.get)
    with pytest.raises(ValueError, match=r"b is in both blocks\.\w+ and blocks\.\w+"):
        closure("a", {})


def test_pasting_a_registered_layer_beside_the_package_breaks_neither(tmp_path):
    # Its own process: pasting registers the layer's name anew for all of Keras.
    name = "shufflenet_unit"
    (tmp_path / "pasted.py").write_text(snippet(name))
    code = f"""
        import keras, numpy as np
        from convbook.blocks import {name} as ours
        from pasted import {name} as theirs
        for i, block in enumerate((ours, theirs)):
            x = keras.Input((8, 8, 240))
            model = keras.Model(x, block(x, 240))
            model.save(f"{{i}}.keras")
            images = np.ones((1, 8, 8, 240), "float32")
            again = keras.saving.load_model(f"{{i}}.keras")
            np.testing.assert_allclose(model(images), again(images), rtol=1e-5)
    """
    path = {"PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)])}
    run = [sys.executable, "-c", textwrap.dedent(code)]
    subprocess.run(run, cwd=tmp_path, env=os.environ | path, check=True, timeout=300)


def cut(**texts):
    """The texts after all cuts for root; what is no longer needed stays in."""
    texts = {name: textwrap.dedent(text).strip() for name, text in texts.items()}
    whole = texts
    while shorter := shake(texts, "root", whole):
        texts = shorter
    return texts


HELPER = '''
    def helper(x, f, *, g=1, n=None, late=False):
        """Line one.

        g: groups; this line goes
          with its continuation.
        n: stays where n stays.
        """
        bias = n is None if late else n is None and g == 1
        # Why groups.
        if g > 1 and f > 1:
            x = split(x, g)
        elif n:
            # Why a norm.
            x = norm(x, n)
        else:
            x = plain(x)
        return layer(x, f, bias)
'''


def test_options_that_nobody_passes_go_with_all_that_they_guard():
    texts = cut(root="def root(x):\n    return helper(x, 8)", helper=HELPER)
    assert texts["root"] == "def root(x):\n    return helper(x, 8)"
    assert (
        texts["helper"]
        == textwrap.dedent(
            '''
        def helper(x, f):
            """Line one.

            """
            x = plain(x)
            return layer(x, f, True)
        '''
        ).strip()
    )


def test_options_that_somebody_passes_stay():
    root = "def root(x, n=None):\n    return helper(x, 8, n=n)"
    text = cut(root=root, helper=HELPER)["helper"]
    assert text.startswith("def helper(x, f, *, n=None):")
    assert "n: stays" in text
    assert "g: groups" not in text
    assert "with its continuation" not in text
    assert "    if n:\n        # Why a norm.\n        x = norm(x, n)\n    else:" in text
    assert "bias = n is None\n" in text


@pytest.mark.parametrize(
    "root",
    [
        "def root(x, **options):\n    return helper(x, 8, **options)",
        "def root(x, *args):\n    return helper(*args)",
        "def root(xs):\n    return map(helper, xs)",
        "def root(x, f, g, n, late):\n    return helper(x, f, g=g, n=n, late=late)",
    ],
)
def test_options_that_anybody_might_pass_stay(root):
    text = textwrap.dedent(HELPER).strip()
    assert cut(root=root, helper=HELPER) == {"root": root, "helper": text}


def test_constants_reach_a_helper_through_another():
    texts = cut(
        root="def root(x):\n    return outer(x)",
        outer="def outer(x, *, g=2):\n    return inner(x, g=g)",
        inner="def inner(x, *, g=1):\n    if g == 2:\n        return two(x)\n    return one(x)",
    )
    assert texts["outer"] == "def outer(x):\n    return inner(x)"
    assert texts["inner"] == "def inner(x):\n    return two(x)"


def test_an_option_read_elsewhere_keeps_its_tests():
    inner = "def inner(x, *, s=1):\n    if s > 1:\n        x = pad(x)\n    return layer(x, s)"
    assert cut(root="def root(x):\n    return inner(x)", inner=inner)["inner"] == inner


def test_an_option_set_anew_before_its_test_keeps_it():
    inner = (
        "def inner(x, *, s=1):\n    s = pair(s)\n    if s == 1:\n        x = pad(x)\n    return x"
    )
    assert cut(root="def root(x):\n    return inner(x)", inner=inner)["inner"] == inner


def test_what_only_looks_like_a_test_is_no_test():
    inner = "def inner(x, *, s=1):\n    return layer(x, -s)"
    assert cut(root="def root(x):\n    return inner(x)", inner=inner)["inner"] == inner


def test_a_call_that_only_checks_goes_and_the_tests_of_the_padding_with_it():
    texts = cut(
        root="def root(x):\n    return inner(x, 3, p='valid')",
        check="def check(k):\n    if k < 1:\n        raise ValueError(k)",
        same="def same(p):\n    if isinstance(p, str):\n        return p\n    return pair(p)",
        inner="""
            def inner(x, k, p="same"):
                # It must be right.
                check(k)
                p = same(p)
                if not isinstance(p, str):
                    x, p = pad(x, p), "valid"
                return layer(x, k, p)
        """,
    )
    assert texts["inner"] == 'def inner(x, k, p="same"):\n    return layer(x, k, p)'
