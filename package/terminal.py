"""Keep the terminal quiet: Keras and its backend work without their log messages.

TensorFlow 2.21 writes six lines while it is imported, whatever TF_CPP_MIN_LOG_LEVEL says: its
libraries log before they read it.  Later it warns and errs of what no one can change.  So what is
written to file descriptor 2 goes through a process that drops the lines of NOISE and passes all
others on; being a process, it does so even when this one aborts.
"""

import atexit
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
        r".*\] Unable to register cu\w+ factory",
        r".*\] computation placer already registered",
        # 303: there is no driver of NVIDIA on this machine.  Other numbers say that one fails.
        r".*\] failed call to cuInit.*\(303\)",
        # Workers that end do not ask each other for more, nor wait for what they have asked
        r".*\] Local rendezvous is aborting with status: CANCELLED: GetNextFromShard was cancelled",
        r".*\] Local rendezvous is aborting with status: CANCELLED: Operation was cancelled",
        r"\t \[\[\{\{node MultiDeviceIteratorGetNextFromShard\}\}\]\]",
        r".*\] Local rendezvous is aborting with status: ABORTED: Shutdown",
        # Of images that cannot be read, which we name, and of profiles that no decoder here uses
        r".*\] Local rendezvous is aborting with status: INVALID_ARGUMENT: (jpeg::|Invalid PNG)",
        r".* jpeg_mem\.cc:\d+\] ",
        r"Corrupt JPEG data: ",
        r"Input file read error$",
        r"libpng warning: ",
        # Of any conversion to LiteRT, and of one to int8
        r"fully_quantize: \d, inference_type: ",
        r".*\] Skipping runtime version metadata in the model",
        r"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.",
        r".*\] Ignored (output_format|drop_control_dependency)\.",
        # Of the batches dealt out to several devices: they are ready, there is nothing to optimise
        r".*\] Input of GeneratorDatasetOp::Dataset will not be optimized",
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
    """Imports Keras and its backend; from then on lines of NOISE do not appear.

    TensorFlow reports warnings and errors; more if TF_CPP_MIN_LOG_LEVEL, which must be set before,
    says so, and with 0 nothing is dropped.
    """
    if "keras" in sys.modules:
        return
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1") != "0" and sys.stderr:
        quiet = contextlib.ExitStack()
        quiet.enter_context(filtered())
        atexit.register(quiet.close)
    import keras  # noqa: F401


@contextlib.contextmanager
def filtered() -> Iterator[None]:
    """Meanwhile lines of NOISE do not reach stderr.

    What Python itself writes there goes past the filter, at once: it may be a bar of progress.
    """
    stderr, kept, (end, begin) = sys.stderr, os.dup(2), os.pipe()
    command = [sys.executable, "-I", "-S", "-c", FILTER, NOISE]
    # A session of its own is deaf to Ctrl-C
    reader = subprocess.Popen(command, stdin=end, stdout=kept, start_new_session=True)
    stderr.flush()
    os.dup2(begin, 2)
    os.close(begin)
    os.close(end)
    if sys.__stderr__ and stderr is sys.__stderr__:
        # Not to be closed: who took it may write to the last
        sys.stderr = os.fdopen(kept, "w", 1, stderr.encoding, stderr.errors, closefd=False)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = stderr
        os.dup2(kept, 2)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a child that was begun meanwhile
            reader.wait(5)  # may hold the other end
