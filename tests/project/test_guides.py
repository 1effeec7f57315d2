"""The guides' code runs, at small size, and every command that a page shows is accepted."""

import ast
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import files
import pytest
from places import ROOT

from convbook.__main__ import main, parsed
from convbook.architectures import catalog
from convbook.architectures.weights import loading
from convbook.names import data_source, is_own
from convbook.training.commands import finished
from convbook.training.evaluation import protocols
from convbook.training.fit import job
from convbook.training.recipes import asked

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PAGES = [*GUIDES, ROOT / "README.md"]
FENCE = re.compile(r"(<!-- not run: .*? -->\n)?^```(\w*)\n(.*?)^```", re.M | re.S)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ON_FILES = ("check", "train", "evaluate", "predict", "export", "compare")
MODELS = (".keras", ".py", ".safetensors", ".weights.h5")
TARGETS = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M)


def fences(page, *languages):
    """[(whether it is run, text)] of the fenced parts of a page in these languages."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(not mark, text) for mark, language, text in found if language in languages]


def programs(page):
    """{name: text} of the files that a page shows: the first line is a comment with the name."""
    found = (re.match(r"# (\w+\.py)\n", text) for _, text in fences(page, "python"))
    texts = [text for _, text in fences(page, "python")]
    return {m[1]: text for m, text in zip(found, texts, strict=True) if m}


def commands(page):
    """The command lines that a page shows, as lists of words."""
    for _, text in fences(page, "", "bash"):
        for line in text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for line in re.findall(r"`((?:make|pip) [^`]+)`", prose):
        yield shlex.split(line)


def train(options):
    """A training: its network, recipe, data and devices exist and go together."""
    finished(options)
    if is_own(options.model):  # an empty file here
        asked(options)
        return
    recipe = job.chosen_recipe(options)
    assert recipe["batch_size"] % options.accumulate == 0
    data_source(options.data)
    if options.weights:
        loading.needed(catalog.find(options.model)[0], options.weights, {}, options.of)


def accepted(words):
    """Raises, or ends the process, if words are no command of ours; here models are empty files."""
    while words[0] == "srun" or "=" in words[0] or words[0].startswith("--"):
        words = words[1:]
    program, *argv = words[: words.index(">")] if ">" in words else words
    if program == "make":
        assert argv[0] in TARGETS
    elif program == "pip":
        extras = re.findall(r"\[([\w,]+)\]", " ".join(argv))
        assert {e for extra in extras for e in extra.split(",")} <= {*EXTRAS}
    elif program == "convbook" and argv[0] in ON_FILES:
        own = (word.partition(":")[0] for word in argv)
        for path in (Path(word) for word in own if word.endswith(MODELS)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        options = parsed(argv[0], argv[1:])[1]
        if argv[0] == "train":
            train(options)
        protocols.protocol(getattr(options, "protocol", "centre"))
    elif program == "convbook":
        assert main(argv) == 0
    else:
        assert program == "python"
        assert (ROOT / argv[0]).is_file() or Path(argv[0]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_accepted(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in programs(page).items():
        (tmp_path / name).write_text(text)
    for words in commands(page):
        try:
            accepted(words)
        except (SystemExit, Exception) as error:
            pytest.fail(f"{shlex.join(words)}: {error!r} {capsys.readouterr().err}")


@pytest.mark.parametrize(
    "line",
    [
        "convbook train resnet20 --dta digits",
        "convbook train resnet21",
        "convbook train resnet20 --data folders:photos --out a",
        "convbook train lenet5 --weights imagenet",
        "convbook train resnet20 --set weight_decya=0",
        "convbook evaluate a.keras --data digits --protocol eleven",
        "convbook recipes resnet21",
        "convbook show basic_blok",
        "make trian",
        "pip install '.[dokcs]'",
        "convbok train resnet20",
        "convbook tran resnet20",
    ],
)
def test_what_is_no_command_of_ours_is_found(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SystemExit, Exception)):
        accepted(shlex.split(line))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with what the commands of the guides would have left: short runs, and photos."""
    at = tmp_path_factory.mktemp("guides")
    files.folder(at / "photos", {"cat": 12, "dog": 12})
    short = ["train", *files.LENET, "--epochs", "1", "--no-tensorboard"]
    assert main([*short, "--batch-size", "384", "--out", f"{at}/runs/mine"]) == 0
    shutil.copytree(at / "runs" / "mine", at / "runs" / "resnet20-digits")
    photos = ["--data", f"folder:{at}/photos", "--batch-size", "8"]
    assert main([*short, *photos, "--out", f"{at}/runs/photos"]) == 0
    argv = ["export", f"{at}/runs/photos", "--to", "savedmodel", "-o", f"{at}/photos_saved"]
    assert main(argv) == 0
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
    "page", [p for p in GUIDES if fences(p, "python")], ids=lambda page: page.stem
)
def test_code_runs(page, runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    scope = run(page)
    if page.stem == "own_model":
        assert scope["accuracy"] > 0.9
        assert (runs / "mine.svg").is_file()
    if page.stem == "own_images":
        assert len(scope["good"]) == 2
    if page.stem == "export":
        assert scope["best"] in ("cat", "dog")
    if page.stem == "resume":
        assert scope["info"]["step"] == 3  # 1,149 images in batches of 384
