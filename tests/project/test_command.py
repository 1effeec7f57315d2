"""The command convbook: its help, what it refuses, and what it leaves off the terminal."""

import json
import os
import subprocess
import sys
import tomllib

import files
import keras
import pytest
from places import ROOT

from convbook.__main__ import ALL, help_page, main
from convbook.blocks import conv, dense, gavgpool
from convbook.options import pair
from convbook.training.devices.cluster import here

QUICK = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from convbook.__main__ import main

def said(argv):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as stop:
            code = stop.code
    return code, out.getvalue(), err.getvalue(), [n for n in HEAVY if n in sys.modules]

HEAVY = ("keras", "tensorflow", "jax", "torch")
print(json.dumps([said(argv) for argv in json.loads(sys.argv[1])]))
"""
REFUSED = [
    ("sho basic_block", "convbook: there is no command 'sho'; did you mean show?"),
    ("zzz", "convbook: there is no command 'zzz'; --help lists all commands"),
    ("show", "convbook show: the following arguments are required: NAME|OPTION=VALUE"),
    ("show residul_block", "convbook show: there is no 'residul_block'; nearest: residual_block"),
    ("show squeeze", "fire_module"),
    ("draw residul_block", "convbook draw: there is no 'residul_block'; nearest: residual_block"),
    ("draw resnet50", "convbook draw: resnet50 is a network; draw takes a block"),
    ("draw conv", "convbook draw: conv is not in the menu; draw takes what convbook blocks lists"),
    ("measure docs", "docs: this folder has no model.keras; give the folder of a finished run"),
    (
        "predict README.md a.png",
        "README.md: MODEL must be a run's folder, FILE.keras, or a network's",
    ),
    (f"compare {300 * 'y'}", f"convbook compare: '{300 * 'y'}': File name too long"),
    ("find qqqqqq", "convbook find: nothing found for 'qqqqqq'"),
    ("nets resnet21", "convbook nets: network='resnet21': there is no such network; nearest: "),
    ("measure resnet21", "convbook measure: network='resnet21': there is no such network"),
    ("nets zzzzzzzz", "there is no such network; convbook nets lists all"),
    ("measure bad.jpg", "there is no such network, and this is no .keras file; convbook nets"),
    ("train bad.jpg", "and this is no MODEL.keras or FILE.py:FUNCTION; convbook nets lists all"),
    ("check nosuch", "convbook check: DATA 'nosuch': DATA must be one of digits"),
    ("check no/such", "convbook check: DATA 'no/such': there is no folder no/such"),
    ("find of", "convbook find: 'of' has no word to search for: name an idea, paper or author"),
    ("measure no.keras", "convbook measure: no.keras: there is no such file"),
    ("measure resnet20 se", "argument OPTION=VALUE: 'se' is not NAME=VALUE"),
    ("train resnet21", "convbook train: network='resnet21': there is no such network; nearest: "),
    ("train resnet20 --data letters", "--data 'letters': --data must be one of digits"),
    ("train resnet20 --data / --out a", "tfds:NAME; for this folder give folder:/"),
    ("train resnet20 --dta digits", "unrecognized arguments: --dta digits"),
    ("train resnet20 --lr nan", "'nan' is not a number above 0"),
    ("train resnet20 --set weight_decya=0", "weight_decya=0: a recipe has no such field; it has"),
    ("train resnet20 --workers a:1,b:2", "--workers without --index"),
    ("train resnet20 --unfreeze 3", "nothing is frozen without it"),
    ("evaluate no.keras --data digits", "no.keras: there is no such file"),
    ("predict no.keras a.png", "no.keras: there is no such file"),
    ("export resnet20 --to litert", "resnet20 is a network: give --weights"),
    ("compare no", "'no': there is no such folder; give the folder of a run"),
    ("recipes resnet21", "convbook recipes: network='resnet21': there is no such network"),
]


def environment(**more):
    """That of these tests, but for what they ask of TensorFlow."""
    return {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"} | more


def fresh(*argv, **more):
    """The output of a command in its own process, as typed in a shell."""
    options = dict(capture_output=True, text=True, env=environment(**more), timeout=300)
    return subprocess.run([sys.executable, *map(str, argv)], **options)


def quick(commands):
    done = fresh("-c", QUICK, json.dumps(commands))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("se=16", 16),
        ("se=(16, (3, 4))", (16, (3, 4))),
        ("input_shape=64,64,3", (64, 64, 3)),
        ("shortcut=A", "A"),
        ("stride_on=3x3", "3x3"),
        ("style='torch'", "torch"),
        ("aux=true", True),
        ("aux=False", False),
        ("n=none", None),
        ("a=", ""),
    ],
)
def test_values_are_pythons_or_text(text, expected):
    assert pair(text) == (text.partition("=")[0], expected)


def test_one_page_names_every_command(capsys):
    assert main([]) == main(["--help"]) == main(["help"]) == 0
    lines = help_page().splitlines()
    assert capsys.readouterr().out.splitlines() == 3 * lines
    listed = [line.split()[1] for line in lines if line.startswith("  convbook")]
    assert listed == [*ALL]
    first, last = "blocks find show draw nets measure", "evaluate predict export compare recipes"
    assert listed == [*first.split(), "check", "train", *last.split()]
    assert max(map(len, lines)) <= 90


def test_help_comes_without_keras():
    commands = [[], ["--help"], *([name, "--help"] for name in ALL)]
    for argv, (code, out, err, heavy) in zip(commands, quick(commands), strict=True):
        assert (code, err, heavy) == (0, "", []), argv
        assert out.startswith(
            f"usage: convbook {argv[0]} " if len(argv) > 1 else "Copy convolutional"
        )


def test_refusals_are_one_line_and_code_2_and_come_without_keras():
    outcomes = quick([words.split() for words, _ in REFUSED])
    for (words, expected), (code, out, err, heavy) in zip(REFUSED, outcomes, strict=True):
        assert (code, out, heavy) == (2, "", []), words
        assert err.count("\n") == 1, err
        assert err.startswith("convbook")
        assert expected in err


def test_what_needs_no_keras_comes_without_it():
    commands = ["find skip", "recipes", "recipes resnet50", "show basic_block", "show letters"]
    outcomes = quick([words.split() for words in commands])
    for words, (code, out, err, heavy) in zip(commands, outcomes, strict=True):
        assert (code, err, heavy) == (0, "", []), words
        assert out


def test_the_version_is_that_of_the_project(capsys):
    assert main(["--version"]) == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"convbook {project['version']}\n"


@pytest.mark.parametrize("way", ["-m convbook", "convbook"])
def test_both_ways_to_call_it(way):
    if way == "convbook":
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "convbook"), "train", "resnet21"],
            capture_output=True,
            text=True,
        )
    else:
        done = fresh("-m", "convbook", "train", "resnet21")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("convbook train: network='resnet21': there is no such")


def test_a_reader_that_ends_early_is_no_error():
    command = f"{sys.executable} -m convbook recipes | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.fixture(scope="module")
def short_run(tmp_path_factory):
    """What a short run says, and its folder."""
    out = tmp_path_factory.mktemp("run") / "lenet5"
    argv = (*files.LENET, "--epochs", "1", "--batch-size", "384", "--no-tensorboard", "--out", out)
    return fresh("-m", "convbook", "train", *argv), out


def test_training_begins_with_a_line_of_ours(short_run):
    done, _ = short_run
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("batch size 384 instead of 64: ")


def test_nothing_else_appears_on_several_workers(tmp_path):
    argv = ["train", *files.LENET, "--epochs", "1", "--batch-size", "384", "--no-tensorboard"]
    names = ",".join(here(2))
    argv += ["--workers", names, "--out", str(tmp_path / "run")]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    command = [sys.executable, "-m", "convbook", *argv, "--index"]
    workers = [subprocess.Popen([*command, str(i)], **pipes) for i in range(2)]
    for worker in workers:
        out, err = worker.communicate(timeout=300)
        assert (worker.returncode, err) == (0, "")
        assert out


ANSWERED = [
    "measure resnet20",
    "blocks",
    "measure {run}/model.keras",
    "evaluate {run}/model.keras --data digits",
    "predict {run}/model.keras {run}/curves.png",
    "export {run} --to litert",
]


def test_nothing_but_the_answer_appears(short_run):
    """TensorFlow's remarks at the start are not printed, whatever follows the import."""
    argvs = [words.format(run=short_run[1]).split() for words in ANSWERED]
    # In one process, which imports TensorFlow once; a line between the answers
    code = f"from convbook.__main__ import main\nfor argv in {argvs}: print(main(argv), '---')"
    done = fresh("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    *printed, last = done.stdout.split("0 ---\n")
    assert (len(printed), last) == (len(argvs), "")
    assert all(printed)


@pytest.mark.parametrize("words", ANSWERED)
def test_no_command_imports_keras_but_behind_the_filter(words, request):
    run = request.getfixturevalue("short_run")[1] if "{run}" in words else None
    code = f"""
import sys
from convbook import terminal
from convbook.__main__ import main

class NotYet:
    def find_spec(self, name, path=None, target=None):
        assert name not in ("keras", "tensorflow"), name

sys.meta_path.insert(0, NotYet())
terminal.load_keras = lambda: sys.exit("behind the filter")
main({words.format(run=run).split()})
"""
    assert fresh("-c", code).stderr == "behind the filter\n"


def test_tensorflow_speaks_when_asked_to():
    done = fresh("-m", "convbook", "measure", "lenet5", TF_CPP_MIN_LOG_LEVEL="0")
    assert done.returncode == 0
    assert "oneDNN" in done.stderr


def test_errors_of_tensorflow_still_come():
    """Errors are printed also after the import, at the log level that commands set."""
    code = """
from convbook import terminal
terminal.load_keras()
import tensorflow as tf
try:
    tf.raw_ops.MatMul(a=tf.zeros((2, 3)), b=tf.zeros((2, 3)))
except tf.errors.InvalidArgumentError:
    pass
"""
    done = fresh("-c", code)
    assert done.returncode == 0
    assert "INVALID_ARGUMENT: Matrix size-incompatible" in done.stderr
    assert done.stderr.count("\n") <= 2  # absl's own remark comes before its first line


NOISE = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795913788.068735    4868 port.cc:153] oneDNN custom operations are on.
2025-01-01 10:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.
E0000 00:00:1795913788.068735    4868 cuda_dnn.cc:8310] Unable to register cuDNN factory: Attempting
E0000 00:00:1795914058.565507    5807 cuda.cc:52] failed call to cuInit: UNKNOWN ERROR (303)
W0000 00:00:17 4756 dataset.cc:997] Input of GeneratorDatasetOp::Dataset will not be optimized as
W0000 00:00:1 1 c.cc:4] Local rendezvous is aborting with status: CANCELLED: Operation was cancelled
W0000 00:00:1 1 c.cc:4] Local rendezvous is aborting with status: ABORTED: Shutdown
W0000 00:00:1 1 c.cc:4] Local rendezvous is aborting with status: INVALID_ARGUMENT: Invalid PNG data
E0000 00:00:1795971807.887326   20118 jpeg_mem.cc:331] Premature end of JPEG data. Stopped at line 0
Corrupt JPEG data: 183 extraneous bytes before marker 0xc4
Input file read error
libpng warning: iCCP: known incorrect sRGB profile
"""
WORDS = """\
W0000 00:00:1 1 c.cc:4] Local rendezvous is aborting with status: INVALID_ARGUMENT: Matrix size
W0000 00:00:1795913788.068735    4868 allocator.cc:37] Allocation of 512 exceeds 10% of memory.
E0000 00:00:1795914058.565507    5807 cuda_platform.cc:52] failed call to cuInit: CUDA error (999)
F0000 00:00:1795914058.565507    5807 guard.cc:52] compiled to use AVX, which is not available.
Illustrations begin with an I too
"""


@pytest.mark.parametrize("ends", ["", "os.abort()", "raise RuntimeError('broken')"])
def test_only_known_remarks_are_dropped(ends):
    """Warnings, errors, tracebacks and the last words before an abort pass."""
    code = f"""
import os, sys, warnings
from convbook import terminal
print("before", file=sys.stderr)
with terminal.filtered():
    os.write(2, {NOISE + WORDS + NOISE!r}.encode())
    warnings.warn("of Python", stacklevel=1)
    os.write(2, b"without an end")
    {ends}
print(", after", file=sys.stderr)
"""
    done = fresh("-c", code)
    lines = done.stderr.splitlines()
    assert lines[0] == "before"
    assert [line for line in lines if line in WORDS.splitlines()] == WORDS.splitlines()
    assert not {*lines} & {*NOISE.splitlines()}
    assert "UserWarning: of Python" in done.stderr
    assert ("without an end, after" in lines) == (not ends)
    assert "without an end" in done.stderr
    assert ("RuntimeError: broken" in done.stderr) == ("broken" in ends)
    assert (done.returncode == 0) == (not ends)


def test_what_python_writes_goes_past_the_filter_at_once():
    """A progress bar has no end of line, so the filter must not wait for one."""
    code = """
import sys, time
from convbook import terminal
with terminal.filtered():
    sys.stderr.write("half of it")
    sys.stderr.flush()
    sys.stdin.read()
"""
    pipes = dict(stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stderr.read(10) == b"half of it"
        process.stdin.close()


def test_children_that_live_on_do_not_hold_it_up():
    code = """
import subprocess, sys, time
from convbook import terminal
begin = time.monotonic()
with terminal.filtered():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(time.monotonic() - begin)
child.kill()
"""
    assert float(fresh("-c", code).stdout) < 20


def test_measure_counts_a_saved_model(tmp_path, capsys):
    """The same as measure; if sizes are unknown, for the given input shape."""
    path = tmp_path / "model.keras"
    i = keras.Input((None, None, 3))
    keras.Model(i, dense(gavgpool(conv(conv(i, 4), 8, s=2)), 10)).save(path)
    assert main(["measure", str(path)]) == 2
    assert "has unknown sizes: give it an input shape" in capsys.readouterr().err
    assert main(["measure", str(path), "input_shape=8,8,3"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    macs = 64 * 27 * 4 + 16 * 36 * 8 + 8 * 10
    assert ["trainable", f"{27 * 4 + 4 + 36 * 8 + 8 + 8 * 10 + 10}"] in rows
    assert ["macs", f"{macs:,}"] in rows
    assert main(["measure", str(tmp_path), "input_shape=8,8,3"]) == 0  # the folder of a run
    assert f"{macs:,}" in capsys.readouterr().out
    assert main(["train", str(tmp_path)]) == 2
    assert f"for the network of this run give {path}" in capsys.readouterr().err
    assert main(["measure", str(path), "se=16"]) == 2
    assert "se=16: a saved model has no option but input_shape" in capsys.readouterr().err
    (tmp_path / "text.keras").write_text("no model")
    assert main(["measure", str(tmp_path / "text.keras")]) == 2
    assert "text.keras cannot be loaded by Keras" in capsys.readouterr().err


def test_measure_runs_no_code_of_a_file(tmp_path, capsys):
    i = keras.Input((8, 8, 3))
    keras.Model(i, keras.layers.Lambda(lambda x: 2 * x)(i)).save(tmp_path / "lambda.keras")
    assert main(["measure", str(tmp_path / "lambda.keras")]) == 2
    assert "lambda.keras cannot be loaded by Keras" in capsys.readouterr().err
