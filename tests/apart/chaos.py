"""What happens to a run that is disturbed: python -m tests.apart.chaos [WORD ...]

kills, stops, starves and misleads runs of the command line, gives the same command again, and
writes docs/chaos.md: what the command says, and whether the weights are in the end, to the bit,
those of a run that was left alone.  With words: only the rows with one of them; writes nothing.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras

import convbook.blocks  # noqa: F401 -- its layers are in what is loaded
from convbook.training.devices.cluster import here
from tests.apart.strategies import rewritten
from tests.support import files

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "chaos.md"
# Random all along: dropped paths, flips and crops; 12 steps in 3 epochs.
RUN = [
    *("resnet20", "--size", "32", "--recipe", "digits", "--epochs", "3", "--batch-size", "16"),
    *("--option", "drop_path=0.2", "--save-every", "1", "--log-every", "1"),
    *("--deterministic", "--no-tensorboard", "--data"),
]
WORKERS = 2
SAME = "bit-identical"
LIMIT = 420  # seconds


class Disturbed:
    """A run of the command line in a folder of its own, and what its last command has said."""

    def __init__(self, folder: Path):
        self.folder, self.out, self.data = folder, folder / "run", folder / "photos"
        self.said = ""
        files.folder(self.data, {"cat": 40, "dog": 40, "eel": 10})

    def begin(self, *more: str, limit: int | None = None) -> subprocess.Popen[str]:
        """A process of the run; limit: the bytes that a file of it may have."""
        options = [*RUN, f"folder:{self.data}", "--out", str(self.out), *more]
        command = [sys.executable, "-u", "-m", "convbook", "train", *options]
        own = {k: v for k, v in os.environ.items() if not k.startswith(("TF_CONFIG", "SLURM"))}
        own |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        own |= {"KERAS_HOME": str(self.folder / "home")}
        pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def limited() -> None:
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen(command, env=own, cwd=ROOT, preexec_fn=limited, **pipes)

    def end(self, process: subprocess.Popen[str]) -> int:
        """Waits for its end; returns its exit code and keeps what it says last."""
        said, wrong = process.communicate(timeout=LIMIT)
        lines = [*wrong.strip().splitlines()[-1:], *said.strip().splitlines()]
        telling = "truncated or corrupt|nothing to do|resumes|^convbook train: |: saved;"
        line = next((line for line in lines if re.search(telling, line)), "")
        self.said = line.removeprefix("convbook train: ")
        return process.returncode

    def ran(self, *more: str, **limits: int) -> int:
        return self.end(self.begin(*more, **limits))

    def workers(self, *others: str) -> list[subprocess.Popen[str]]:
        """Two processes of one run, the second with other options besides."""
        names = ",".join(here(WORKERS))
        given = [("--workers", names, "--index", str(i)) for i in range(WORKERS)]
        return [self.begin(*given[0]), self.begin(*given[1], *others)]

    def weights(self) -> list[object]:
        return keras.models.load_model(self.out / "model.keras").get_weights()


def step(process: subprocess.Popen[str], at: int) -> None:
    """Waits until the process has printed a step."""
    for line in process.stdout:
        if (found := re.match(r"step (\d+)/", line)) and int(found[1]) >= at:
            return


def appears(process: subprocess.Popen[str], path: Path, pattern: str) -> bool:
    """Waits until a file is there; returns whether the process still runs."""
    while process.poll() is None:
        if any(path.glob(pattern)):
            return True
    return False


def killed(run: Disturbed, number: int, wait: Callable[[subprocess.Popen[str]], object]) -> int:
    """The exit code of a run that gets a signal once wait returns."""
    process = run.begin()
    wait(process)
    process.send_signal(number)
    return run.end(process)


def at_step(process: subprocess.Popen[str]) -> None:
    step(process, 6)


def in_validation(run: Disturbed) -> Callable[[subprocess.Popen[str]], object]:
    """Waits for the checkpoint that is written before the first validation."""
    return lambda process: appears(process, run.out / "checkpoints", "*000004.npz")


# Each disturbs a run.  Returns whether that went as it should.


def kill(run: Disturbed) -> bool:
    """`kill -9` within a step"""
    return killed(run, signal.SIGKILL, at_step) == -signal.SIGKILL


def kill_in_validation(run: Disturbed) -> bool:
    """`kill -9` in the first validation"""
    return killed(run, signal.SIGKILL, in_validation(run)) == -signal.SIGKILL


def kill_while_checkpoint(run: Disturbed) -> bool:
    """`kill -9` while a checkpoint is written"""
    for _ in range(9):
        code = killed(run, signal.SIGKILL, writing(run.out / "checkpoints", ".*"))
        if code == -signal.SIGKILL and any((run.out / "checkpoints").glob(".*")):
            return True
    return False


def writing(path: Path, pattern: str) -> Callable[[subprocess.Popen[str]], object]:
    def wait(process: subprocess.Popen[str]) -> None:
        step(process, 3)
        appears(process, path, pattern)

    return wait


def kill_while_results(run: Disturbed) -> bool:
    """`kill -9` while the results are written"""

    def wait(process: subprocess.Popen[str]) -> None:
        appears(process, run.out, ".writing-model.keras")

    code = killed(run, signal.SIGKILL, wait)
    return code == -signal.SIGKILL and not (run.out / "result.json").exists()


def terminate(run: Disturbed) -> bool:
    """SIGTERM within a step, as schedulers send it"""
    return killed(run, signal.SIGTERM, at_step) == 128 + signal.SIGTERM


def terminate_in_validation(run: Disturbed) -> bool:
    """SIGTERM in the first validation"""
    return killed(run, signal.SIGTERM, in_validation(run)) == 128 + signal.SIGTERM


def interrupt_twice(run: Disturbed) -> bool:
    """Ctrl-C, and again at once"""
    process = run.begin()
    at_step(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    return run.end(process) == 128 + signal.SIGINT


def full_disk(run: Disturbed) -> bool:
    """no room for a checkpoint (files of 200 KB at most)"""
    return run.ran(limit=200_000) == 1 and "cannot be written" in run.said


def damaged_checkpoint(run: Disturbed) -> bool:
    """the newest checkpoint cut in half"""
    kill(run)
    newest = max((run.out / "checkpoints").glob("*.npz"))
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    return True


def all_damaged(run: Disturbed) -> bool:
    """all checkpoints full of zeros"""
    kill(run)
    for path in (run.out / "checkpoints").glob("*.npz"):
        path.write_bytes(bytes(path.stat().st_size))
    return True


def cut_in_half(name: str) -> Callable[[Disturbed], bool]:
    def cut(run: Disturbed) -> bool:
        run.ran()
        path = run.out / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        refused = run.ran() == 2 and str(path) in run.said
        (run.out / "result.json").unlink()  # as it says
        return refused

    cut.__doc__ = f"`{name}` of a finished run cut in half"
    return cut


def refused(run: Disturbed, *more: str) -> bool:
    """Whether the command is refused, with a folder that stays as it was."""
    before = kept(run.out)
    return run.ran(*more) == 2 and before == kept(run.out)


def kept(folder: Path) -> dict[Path, bytes]:
    """The files of a run, but the lock, which a kill leaves and the next command takes."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def changed_data(words: str, change: Callable[[Path], object]) -> Callable[[Disturbed], bool]:
    """Refused with other data, after a kill; the data is as it was in the end."""

    def changed(run: Disturbed) -> bool:
        kill(run)
        first, run.data = run.data, run.folder / "other"
        shutil.copytree(first, run.data)
        change(run.data)
        found = refused(run)
        run.data = first
        return found

    changed.__doc__ = words
    return changed


def swap(data: Path) -> None:
    one, other = data / "cat" / "1.jpg", data / "dog" / "1.jpg"
    pixels = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(pixels)


def moved_data(run: Disturbed) -> bool:
    """the same images at another path, after a kill"""
    kill(run)
    run.data.rename(run.folder / "moved")
    run.data = run.folder / "moved"
    return True


def another_option(run: Disturbed) -> bool:
    """another rate, after a kill"""
    return kill(run) and refused(run, "--lr", "0.5")


def finished_folder(run: Disturbed) -> bool:
    """another seed into the folder of a finished run"""
    return run.ran() == 0 and refused(run, "--seed", "1")


def two_writers(run: Disturbed) -> bool:
    """a second run into the folder of one that trains"""
    first = run.begin()
    step(first, 2)
    first.send_signal(signal.SIGSTOP)  # lest it end before the second asks
    code = run.ran()
    first.send_signal(signal.SIGCONT)
    said = run.said
    ended = run.end(first)
    run.said = said
    return (code, ended) == (2, 0)


def mismatched(*more: str) -> Callable[[Disturbed], bool]:
    def disagree(run: Disturbed) -> bool:
        codes = [run.end(process) for process in run.workers(*more)]
        return codes == [2, 2] and not run.out.exists()

    disagree.__doc__ = f"a worker with `{' '.join(more)}`"
    return disagree


def fewer_images(run: Disturbed) -> bool:
    """a worker with one image fewer"""
    other = run.folder / "fewer"
    shutil.copytree(run.data, other)
    (other / "cat" / "0.jpg").unlink()
    codes = [run.end(process) for process in run.workers("--data", f"folder:{other}")]
    return codes == [2, 2] and not run.out.exists()


def lost(number: int, which: int) -> Callable[[Disturbed], bool]:
    """A worker gets a signal at a step; the other must end, and name it."""

    def lose(run: Disturbed) -> bool:
        each = run.workers()
        step(each[0], 6)
        each[which].send_signal(number)
        code = run.end(each[1 - which])
        each[which].kill()
        each[which].communicate()
        return code == 1 and f"worker {which} " in run.said

    what = {signal.SIGKILL: "`kill -9`", signal.SIGSTOP: "SIGSTOP"}[signal.Signals(number)]
    lose.__doc__ = f"{what} for {('the chief', 'worker 1')[which]} of two workers"
    return lose


def no_worker(run: Disturbed) -> bool:
    """a worker that never starts"""
    names = ",".join(here(WORKERS))
    return run.ran("--workers", names, "--index", "0") == 1 and "worker 1 " in run.said


ALONE = [
    *(kill, kill_in_validation, kill_while_checkpoint, kill_while_results),
    *(terminate, terminate_in_validation, interrupt_twice, full_disk),
    *(damaged_checkpoint, all_damaged, cut_in_half("model.keras"), cut_in_half("result.json")),
    changed_data("an image deleted, after a kill", lambda data: (data / "cat/1.jpg").unlink()),
    changed_data("two images that changed places, after a kill", swap),
    changed_data(
        "a class added, after a kill", lambda data: shutil.copytree(data / "dog", data / "fox")
    ),
    changed_data(
        "a class renamed, after a kill", lambda data: (data / "dog").rename(data / "wolf")
    ),
    *(moved_data, another_option, finished_folder, two_writers),
    *(mismatched("--lr", "0.5"), mismatched("--seed", "1"), mismatched("--batch-size", "12")),
    *(mismatched("--precision", "mixed_bfloat16"), fewer_images, no_worker),
]
TOGETHER = [lost(signal.SIGKILL, 1), lost(signal.SIGKILL, 0), lost(signal.SIGSTOP, 1)]


def ended(run: Disturbed, together: bool) -> bool:
    """Gives the command again, as it was; returns whether the run ends."""
    said = run.said
    processes = run.workers() if together else [run.begin()]
    codes = [run.end(process) for process in processes]
    run.said = said or run.said
    return not any(codes)


def seen(disturb: Callable[[Disturbed], bool], alone: Disturbed, together: bool) -> list[str]:
    """A row of the page: the disturbance, what the run prints, the weights at its end."""
    with tempfile.TemporaryDirectory() as folder:
        run = Disturbed(Path(folder))
        went = disturb(run)
        end = ended(run, together)
        said = re.sub(r"localhost:\d+|process \d+ on [\w.-]+", "...", run.said)
        said = said.replace(f"{folder}/", "").replace("|", r"\|")
        same = end and all(
            (a == b).all() for a, b in zip(run.weights(), alone.weights(), strict=True)
        )
    verdict = SAME if went and same else "other weights" if went and end else "not as planned"
    return [str(disturb.__doc__), said or "nothing", verdict]


def rows(words: list[str]) -> Iterator[list[str]]:
    for disturbances, together in ((ALONE, False), (TOGETHER, True)):
        chosen = [
            each
            for each in disturbances
            if not words or any(word in str(each.__doc__) for word in words)
        ]
        with tempfile.TemporaryDirectory() as folder:
            alone = Disturbed(Path(folder))
            if chosen and not ended(alone, together):
                raise SystemExit(f"an undisturbed run does not end: {alone.said}")
            for disturb in chosen:
                yield seen(disturb, alone, together)


def main(words: list[str]) -> int:
    found = []
    for row in rows(words):
        found.append(row)
        print(" | ".join(row), flush=True)
    if not words:
        table = [f"| {' | '.join(row)} |" for row in found]
        head = ["| what happens | what the run prints | the weights |", "|---|---|---|"]
        rewritten(PAGE, [*head, *table])
    return any(row[-1] != SAME for row in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
