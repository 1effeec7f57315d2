"""convbook show: every text runs alone and does the same as the library."""

import ast
import json
import random
import re
import statistics
import subprocess
import sys
import time

import interpreter
import keras
import numpy as np
import pytest
from places import ROOT
from same import layers_of, model_of

from convbook import blocks
from convbook.gallery.menu import MENU
from convbook.gallery.show import gathered, installed, text
from convbook.gallery.show.calls import examples
from convbook.gallery.show.library import Own
from convbook.gallery.show.policy import NAMED

TEXTS = installed()
CALLS = [call for name in MENU for call in examples(TEXTS, name)]
ARTICLE = list(MENU)[:9]
SHOWN = {}  # {call: its text}: several tests read all
# Modules of many paths, stems and operations, whose functions may be longer than others.
LONG = {name for name in MENU if name.startswith(("inception", "reduction", "cell", "bn_incep"))}
LONG |= {name for name in MENU if name.endswith("_cell")} | {"dla_tree"}
# Each block at its defaults first; then six lots of calls with options.
PLAIN = [call for call in CALLS if not call.options]
LOTS = {"defaults": PLAIN}
LOTS |= {f"options{i}": [call for call in CALLS if call.options][i::6] for i in range(6)}

# Runs in an interpreter that has never seen the library: pastes each text, builds its model, gives
# it weights and inputs, and writes down its layers and outputs.
RUNNER = """
import json, sys
import numpy as np
import keras
from same import layers_of, model_of
results = []
for i, (call, text, shapes) in enumerate(json.load(open("cases.json"))):
    try:
        namespace = {}
        exec(compile(text, call, "exec"), namespace)
        model = model_of(call, shapes, namespace)
        data = np.load(f"{i}.npz")
        model.set_weights([data[f"w{j}"] for j in range(len(model.weights))])
        out = model([data[f"x{j}"] for j in range(len(shapes))], training=False)
        np.save(f"{i}.npy", keras.ops.convert_to_numpy(out))
        results.append(layers_of(model))
    except Exception as error:
        results.append(repr(error))
    assert not [m for m in sys.modules if m.split(".")[0] == "convbook"], call
json.dump(results, open("results.json", "w"))
"""


def in_fresh_interpreter(folder, cases):
    """What RUNNER writes down of cases (call, text, shapes) whose data lie in a folder."""
    (folder / "cases.json").write_text(json.dumps(cases))
    (folder / "same.py").write_text((ROOT / "tests" / "support" / "same.py").read_text())
    done = interpreter.run(RUNNER, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "results.json").read_text())


def called(call):
    return f"{call.name}({call.args})"


def in_text(call):
    """The call of what a text prints: of a block that others call, with its options."""
    shared = TEXTS.policy.is_shared(TEXTS.library.find("convbook.blocks", call.name))
    said = [f", {k}={v!r}" for k, v in call.options.items()] if shared else []
    return f"{call.name}({call.args}{''.join(said)})"


def shown(call):
    """The text of a call."""
    key = call.name, repr(call.options)
    if key not in SHOWN:
        SHOWN[key] = text([call.name], call.options)
    return SHOWN[key]


def values(options):
    """Options as the library takes them: what a text names is the thing itself."""
    return {
        k: getattr(blocks, v) if k in NAMED and isinstance(v, str) else v
        for k, v in options.items()
    }


@pytest.mark.parametrize("lot", LOTS)
def test_a_text_is_the_block(tmp_path, lot):
    rng = np.random.default_rng(0)
    cases, expected, layers = [], [], []
    for i, call in enumerate(LOTS[lot]):
        model = model_of(called(call), call.shapes, vars(blocks), values(call.options))
        # Off their initial zeros and ones, so that a bias or a norm left out is seen.
        given = [w + rng.uniform(0, 0.2, w.shape) for w in model.get_weights()]
        model.set_weights(given)
        xs = [rng.normal(size=(2, *shape)).astype("float32") for shape in call.shapes]
        expected.append(keras.ops.convert_to_numpy(model(xs, training=False)))
        layers.append(json.loads(json.dumps(layers_of(model))))
        weights = {f"w{j}": w for j, w in enumerate(given)}
        np.savez(tmp_path / f"{i}.npz", **weights, **{f"x{j}": x for j, x in enumerate(xs)})
        cases.append((in_text(call), shown(call), call.shapes))
    results = in_fresh_interpreter(tmp_path, cases)
    for i, (call, result) in enumerate(zip(LOTS[lot], results, strict=True)):
        assert result == layers[i], call
        np.testing.assert_allclose(
            np.load(tmp_path / f"{i}.npy"), expected[i], 1e-5, 1e-5, err_msg=call
        )


def own_texts():
    """(call, {definition: its text}) for every call."""
    for call in CALLS:
        root = TEXTS.library.find("convbook.blocks", call.name)
        yield call, root, gathered(TEXTS, [root], call.options)


def test_two_pasted_texts_never_disagree():
    # What a text has beside its block is the same in every text, and of a block what `convbook
    # show` prints of it: so whatever is pasted after it changes nothing but blocks of its name.
    seen = {}
    for call, root, parts in own_texts():
        for found, part in parts.items():
            if isinstance(found, Own):
                if found != root:
                    assert part == TEXTS.part(found), (call, found.name)
                assert seen.setdefault(found.name, found) == found


@pytest.mark.parametrize("lot", range(4))
def test_every_pair_in_one_file_builds_both(lot):
    """In either order.  Texts without a block in common are the same in both, as the test above
    shows; each of the other pairs is pasted and built."""
    names = {
        id(call): {found.name for found in parts if isinstance(found, Own)}
        for call, _, parts in own_texts()
    }
    pairs = [(a, b) for a in CALLS for b in CALLS if a.name != b.name and b.name in names[id(a)]]
    assert len(pairs) > 100

    known = {}  # {call: its layers}
    for pair in pairs[lot::4]:
        for call in pair:
            if id(call) not in known:
                ours = model_of(called(call), call.shapes, vars(blocks), values(call.options))
                known[id(call)] = layers_of(ours)
        ours = [known[id(call)] for call in pair]
        for order in (pair, pair[::-1]):
            pasted = {}
            for call in order:
                exec(shown(call), pasted)
            models = [model_of(in_text(call), call.shapes, pasted) for call in pair]
            assert [layers_of(model) for model in models] == ours, order


@pytest.mark.parametrize("seed", range(2))
def test_texts_in_one_file_build_their_blocks(seed):
    order = random.Random(seed)
    pasted, calls = {}, {name: examples(TEXTS, name) for name in MENU}
    # Every block at its defaults, and at an option in between: the later of two cuts counts.
    chosen = [calls[name][0] for name in MENU] + [order.choice(calls[name]) for name in MENU]
    order.shuffle(chosen)
    for call in chosen:
        exec(shown(call), pasted)
    last = {call.name: call for call in chosen}
    with keras.StatelessScope(initialize_variables=False):  # their layers are compared alone
        for call in last.values():
            ours = model_of(called(call), call.shapes, vars(blocks), values(call.options))
            assert layers_of(model_of(in_text(call), call.shapes, pasted)) == layers_of(ours), call


def lines(source):
    """The lines of a source that are neither blank, comment nor docstring."""
    docs = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            docs |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    rows = enumerate(source.splitlines(), 1)
    return sum(1 for i, row in rows if row.strip()[:1] not in ("", "#") and i not in docs)


def function(source, name):
    node = next(n for n in ast.parse(source).body if getattr(n, "name", "") == name)
    return "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno])


def test_texts_are_as_short_as_promised():
    whole = {name: text([name]) for name in MENU}
    own = {name: lines(function(source, name)) for name, source in whole.items()}
    whole = {name: lines(source) for name, source in whole.items()}
    assert {n: k for n, k in own.items() if k > (24 if n in LONG else 16)} == {}
    assert statistics.median(own.values()) <= 9
    most = dict.fromkeys(ARTICLE, 42) | {"nf_block": 100}  # which has two layers of its own
    assert {n: k for n, k in whole.items() if k > most.get(n, 80)} == {}
    assert statistics.median(whole.values()) <= 38


def test_the_letters_are_a_page():
    source = text(["letters"])
    assert lines(source) <= 75
    functions = [n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    assert {"conv", "sepconv", "dwconv", "dense", "maxpool", "avgpool", "act"} <= set(functions)
    assert {n: k for n in functions if (k := lines(function(source, n))) > 12} == {}


def test_a_text_is_printed_in_a_second_without_tensorflow():
    code = """
import sys
from convbook.gallery.show import text
text(["amoebanet_reduction_cell"], {"gate": "drop_path", "s_prev": 2})
assert not {"keras", "tensorflow"} & set(sys.modules)
"""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert time.perf_counter() - start < 5  # a second on a machine that does nothing else


def test_a_text_imports_keras_only():
    for call in CALLS:
        for node in ast.walk(ast.parse(shown(call))):
            names = [alias.name for alias in getattr(node, "names", ())]
            if isinstance(node, ast.Import):
                recomputes = "recompute" in call.options  # by TensorFlow's own gradient
                assert names == ["keras"] or (recomputes and names == ["tensorflow"]), call
            elif isinstance(node, ast.ImportFrom):
                assert node.module == "keras", call


def test_texts_are_formatted_and_have_no_loose_ends(tmp_path):
    for i, call in enumerate(CALLS):
        (tmp_path / f"{call.name}_{i}.py").write_text(shown(call))
    (tmp_path / "letters.py").write_text(text(["letters"]))
    options = ["--isolated", "--line-length=100"]
    for command in (
        ["format", "--check"],
        ["check", "--select=E,F,I,W", "--output-format=concise"],
    ):
        ruff = [sys.executable, "-m", "ruff", *command, *options, str(tmp_path)]
        run = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


def test_the_residual_block_of_the_paper():
    source = text(["bottleneck_block"])
    assert function(source, "bottleneck_block").splitlines()[-6:] == [
        "    m = conv(x, f // r, k=1, s=s, n=n)",
        "    m = conv(m, f // r, k=3, p=1, n=n)",
        "    m = conv(m, f, k=1, n=n, a=None)",
        "    if s != 1 or x.shape[-1] != f:",
        "        x = conv(x, f, k=1, s=s, n=n, a=None)",
        '    return act(layers.add([x, m]), "relu")',
    ]
    assert "see basic_block" not in source


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *(("basic_block", "s"), ("inception_module", "k"), ("preact_block", "s")),
        *(("mbconv_block", "p"), ("ws_conv", "p"), ("mobilenet_block", "p")),
    ],
)
def test_a_size_that_is_the_same_both_ways_is_one_number(name, option):
    assert text([name], {option: (1, 1)}) == text([name], {option: 1})
    assert f"{option}=(1, 3)" in text([name], {option: (1, 3)})


@pytest.mark.parametrize("n", [{"groups": 2}, {"dtype": "float32"}, {}])
def test_keywords_of_a_normalisation_are_the_default_of_n(n):
    made = {}
    exec(text(["bottleneck_block"], {"n": n}), made)
    assert made["bottleneck_block"].__kwdefaults__["n"] == n


def test_a_network_or_a_block_has_each_helper_once():
    source = text(["bottleneck_block", "se_block", "basic_block"])
    names = [n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    assert sorted(set(names)) == sorted(names)
    assert names[-3:] == ["bottleneck_block", "se_block", "basic_block"]


def test_a_path_that_is_gated_is_written_once():
    """It becomes a function, which the gate gets, and which is called directly without a gate."""
    printed = text(["inverted_residual_block"], {"gate": "drop_path"})
    assert printed.count("dwconv(m, k=k, s=s") == 1
    assert "m = branch(x) if s != 1 or channels != f else drop_path(x, branch)\n" in printed


def test_a_variable_within_a_path_leaves_that_of_outside_its_name():
    """A gated path is a function within the block, and does not reassign the block's f."""
    for name in ("sk_block", "resnest_block"):
        lines = text([name], {"gate": "drop_path"}).splitlines()
        inside = [line.strip() for line in lines if line.startswith(" " * 8)]
        assert not [line for line in inside if line.startswith("f = ")], name
    assert "f1 = f // r\n" in text(["sk_block"], {"gate": "drop_path"})


def test_no_list_is_laid_out_within_another():
    assert "layers.concatenate([m2, m1, *seen])" in text(["dla_tree"])
    assert not [name for name in MENU if "*[" in text([name])]


@pytest.mark.parametrize(
    ("name", "option", "block", "written"),
    [
        ("csp_stage", "block", "eca_block", 'layers.Activation("sigmoid"'),
        ("csp_stage", "block", "leaky_bottleneck", "layers.LeakyReLU"),
        ("dla_tree", "block", "bottleneck_block", "m = conv(x, f // 4, k=1"),
        ("dla_tree", "root", "dla_root", "layers.concatenate([m2, m1, *seen])"),
    ],
)
def test_a_block_by_name_is_written_in(name, option, block, written):
    source, made = text([name], {option: block}), {}
    exec(source, made)
    x = keras.Input((8, 8, 16))
    given = {option: getattr(blocks, block)}
    pasted, library = made[name](x, 64), getattr(blocks, name)(x, 64, **given)
    count = [keras.Model(x, y).count_params() for y in (pasted, library)]
    assert count[0] == count[1]
    assert f"{option}=" not in source.partition(f"def {name}")[2].partition("\n")[0]


@pytest.mark.parametrize(
    ("name", "option", "block", "right"),
    [
        ("csp_stage", "block", "res2net_block", "needs only x, such as se_block; one that"),
        ("dla_tree", "block", "se_block", "needs only x and f, such as basic_block"),
        ("dla_tree", "block", "none_such", "needs only x and f, such as basic_block"),
        ("dla_tree", "root", "basic_block", "takes x, f and seen, such as dla_root"),
    ],
)
def test_a_name_that_is_no_such_block_is_refused(name, option, block, right):
    message = f"{option}={block}: {option} must be a block of the library that {right}"
    with pytest.raises(ValueError, match=message):
        text([name], {option: block})


def test_options_need_one_name():
    with pytest.raises(
        ValueError, match="se: give options with one name only, not with basic_block, se_block"
    ):
        text(["basic_block", "se_block"], {"se": 16})


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="name='basic': no block, layer or letter is called that"):
        text(["basic"])


def test_a_text_speaks_of_nothing_that_is_not_there():
    for call in CALLS:
        tree = ast.parse(shown(call))
        there = {node.name for node in tree.body if hasattr(node, "name")}
        documented = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        said = " ".join(ast.get_docstring(node) or "" for node in documented)
        words = set(re.findall(r"\w+_\w+|(?<=see )\w+", said))
        assert words & set(blocks.__all__) <= there, call


def test_a_choice_without_a_default_is_cut_too():
    """op of cell_op is no parameter of the text; the text is that of the chosen operation."""
    found = text(["cell_op"], {"op": "avg3", "s": 2})
    assert "def cell_op(x, f, s=2, *, n=BN_TF):" in found
    assert "m = avgpool(x, k=3, s=s)" in found
    with pytest.raises(ValueError, match="rows='': rows must be rows"):
        text(["cell"], {"rows": ""})


def test_the_order_of_options_changes_nothing():
    one = text(["bottleneck_block"], {"se": 4, "bias": True})
    assert one == text(["bottleneck_block"], {"bias": True, "se": 4})
    assert "# bottleneck_block(x, f, bias=True, se=4)" in one
