"""The guides: their code runs, at small size, and every command that a page shows is accepted."""

import ast
import re
import shlex
import shutil
import tomllib
from importlib import import_module
from pathlib import Path

import files
import keras
import pytest

from convbook.architectures import catalog, loading
from convbook.training import protocols, trainer
from convbook.training.__main__ import COMMANDS, main, parse
from convbook.training.data.sources import KERAS, PREFIXED

ROOT = Path(__file__).parents[1]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
CONTRIBUTING = ROOT / "docs" / "contributing.md"
PAGES = [*GUIDES, CONTRIBUTING, ROOT / "README.md"]
FENCE = re.compile(r"(<!-- not run: .*? -->\n)?^```(\w*)\n(.*?)^```", re.M | re.S)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
TARGETS = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M)


def fences(page, *languages):
    """[(whether it is run, text)] of the fenced parts of a page in these languages."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(not mark, text) for mark, language, text in found if language in languages]


def commands(page):
    """The command lines that a page shows, as lists of words."""
    for _, text in fences(page, "", "bash"):
        for line in text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for line in re.findall(r"`((?:make|pip) [^`]+)`", prose):
        yield shlex.split(line)


def trained(argv):
    """A training: its network, recipe, data and devices exist and go together."""
    options = parse(argv)[1]
    name, net = catalog.find(options.model)
    trainer.pixels(options, net)
    recipe = trainer.chosen_recipe(options)
    assert recipe["batch_size"] % options.accumulate == 0
    kinds = {known.partition(":")[0] for known in ("digits", *KERAS, *PREFIXED)}
    assert options.data.partition(":")[0] in kinds
    if options.weights:
        loading.needed(name, options.weights, {})


def accepted(words):
    """Raises, or ends the process, if words are no command of ours."""
    while words[0] == "srun" or "=" in words[0] or words[0].startswith("--"):
        words = words[1:]
    program, *argv = words
    if program == "make":
        assert argv[0] in TARGETS
    elif program == "pip":
        extras = re.findall(r"\[([\w,]+)\]", " ".join(argv))
        assert {e for extra in extras for e in extra.split(",")} <= {*EXTRAS}
    elif program == "python" and argv[:2] == ["-m", "training"]:
        if argv[2] == "recipes":
            assert main(argv[2:]) == 0
        elif argv[2] in COMMANDS:
            options = (
                import_module(f"convbook.training.{COMMANDS[argv[2]]}")
                .parser()
                .parse_args(argv[3:])
            )
            protocols.protocol(getattr(options, "protocol", "centre"))
        else:
            trained(argv[2:])
    elif program == "python" and argv[:1] == ["-m"]:
        room = {"blocks": "gallery.__main__", "architectures": "gallery.networks"}[argv[1]]
        assert import_module(room).main(argv[2:]) == 0
    else:
        assert program == "python"
        assert (ROOT / argv[0]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_accepted(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words in commands(page):
        try:
            accepted(words)
        except (SystemExit, Exception) as error:
            pytest.fail(f"{shlex.join(words)}: {error!r} {capsys.readouterr().err}")


@pytest.mark.parametrize(
    "line",
    [
        "python -m training resnet20 --dta digits",
        "python -m training resnet21",
        "python -m training resnet20 --data folders:photos --out a",
        "python -m training lenet5 --weights imagenet",
        "python -m training resnet20 --set weight_decya=0",
        "python -m training evaluate a.keras --data digits --protocol eleven",
        "python -m training recipes resnet21",
        "python -m blocks show basic_blok",
        "make trian",
        "pip install '.[dokcs]'",
        "pythn -m training",
    ],
)
def test_what_is_no_command_of_ours_is_found(line):
    with pytest.raises((SystemExit, Exception)):
        accepted(shlex.split(line))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with what the commands of the guides would have left: short runs, and photos."""
    at = tmp_path_factory.mktemp("guides")
    files.folder(at / "photos", {"cat": 12, "dog": 12})
    short = ["lenet5", "--epochs", "1", "--no-tensorboard"]
    assert main([*short, "--batch-size", "384", "--out", f"{at}/runs/mine"]) == 0
    shutil.copytree(at / "runs" / "mine", at / "runs" / "resnet20-digits")
    photos = ["--data", f"folder:{at}/photos", "--batch-size", "8"]
    photos += ["--option", "variant=c3_fully_connected_softmax"]  # for any number of classes
    assert main([*short, *photos, "--out", f"{at}/runs/photos"]) == 0
    return at


def run(page):
    """Runs all code of a page as one program; what is marked is read but not run."""
    scope = {}
    for runs, text in fences(page, "python"):
        code = compile(text, page.name, "exec")
        if runs:
            exec(code, scope)
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("create"):
                given = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
                if "weights" in given:
                    name = catalog.find(ast.literal_eval(node.args[0]))[0]
                    loading.needed(name, given["weights"], {})
    return scope


@pytest.mark.parametrize(
    "page", [p for p in (*GUIDES, CONTRIBUTING) if fences(p, "python")], ids=lambda page: page.stem
)
def test_code_runs(page, runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    scope = run(page)
    if page.stem == "own_model":
        assert scope["accuracy"] > 0.9
        assert (runs / "mine.svg").is_file()
    if page.stem == "own_images":
        assert len(scope["good"]) == 2
        assert (runs / "photos_model" / "saved_model.pb").is_file()
    if page.stem == "resume":
        assert scope["info"]["step"] == 3  # 1,149 images in batches of 384
    if page == CONTRIBUTING:
        assert scope["wide_block"](keras.Input((8, 8, 4)), 6, s=2).shape == (None, 4, 4, 6)
