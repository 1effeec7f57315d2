"""What appears on a terminal: Keras and its backend come without their remarks.

TensorFlow 2.21 writes six lines while it is imported, whatever TF_CPP_MIN_LOG_LEVEL says: its
libraries log before they read it.  So meanwhile what is written to file descriptor 2 goes through a
process that drops the lines of NOISE and passes all others on; being a process, it also does so
when this one aborts.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

NOISE = "|".join(
    (
        r"WARNING: All log messages before absl::InitializeLog\(\) is called are written",
        r"I\d{4} \d\d:\d\d:",  # INFO, as absl writes it and as TensorFlow does
        r"\d{4}-\d\d-\d\d [\d:.]+: I ",
        r"To enable the following instructions:",  # the second line of such a remark
        # Libraries that TensorFlow 2.18 to 2.20 registers twice, which changes nothing
        r"[EW].*(Unable to register cu\w+ factory|computation placer already registered)",
        # 303: there is no driver of NVIDIA on this machine.  Other numbers say that one fails.
        r"E.*failed call to cuInit.*\(303\)",
    )
)
FILTER = """\
import re, sys
noise = re.compile(sys.argv[1].encode())
for line in sys.stdin.buffer:
    if not noise.match(line):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""


def load_keras() -> None:
    """Imports Keras and its backend, and looks for devices, as quietly as can be.

    TensorFlow then reports warnings and errors; more if TF_CPP_MIN_LOG_LEVEL, which must be set
    before, says so, and with 0 nothing is dropped.
    """
    if "keras" in sys.modules:
        return
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with contextlib.nullcontext() if level == "0" else filtered():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices()


@contextlib.contextmanager
def filtered() -> Iterator[None]:
    """Meanwhile lines of NOISE do not reach stderr, whoever writes them; all others do."""
    kept, (end, begin) = os.dup(2), os.pipe()
    command = [sys.executable, "-I", "-S", "-c", FILTER, NOISE]
    # A session of its own is deaf to Ctrl-C
    reader = subprocess.Popen(command, stdin=end, stdout=kept, start_new_session=True)
    os.dup2(begin, 2)
    os.close(begin)
    os.close(end)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a child that was begun meanwhile
            reader.wait(5)  # may hold the other end
