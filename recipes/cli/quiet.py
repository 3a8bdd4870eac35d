"""Load Keras without what TensorFlow writes to stderr on its way, whatever its log level is."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
# TensorFlow's own lines: of absl's log, of the older one, and the end of a sentence about the processor.
NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|[IWE]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\] "
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] (tensorflow|external)/"
    rb"|To enable the following instructions: .*rebuild TensorFlow"
)


def load_keras() -> None:
    """Import Keras and have TensorFlow look for its devices, quietly; does nothing where it is loaded.

    What TensorFlow says of missing GPUs and of its build is left out; every other line comes out, a little later, and
    where the import fails all of them do. A TF_CPP_MIN_LOG_LEVEL of the user's stays.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without(NOISE):
        import keras

        keras.ops.zeros(1)  # the first number of a process is what the devices are looked for


@contextmanager
def _without(noise: re.Pattern[bytes]) -> Iterator[None]:
    """Hold back what anybody writes to the process' stderr in this block; let out what is not noise at its end."""
    try:
        kept = os.dup(STDERR)
    except OSError:  # there is none
        yield
        return
    everything = True
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), STDERR)
        try:
            yield
            everything = False
        finally:
            sys.stderr.flush()
            os.dup2(kept, STDERR)
            os.close(kept)
            held.seek(0)
            lines = [line for line in held if everything or not noise.match(line)]
            with open(STDERR, "wb", closefd=False) as stderr:
                stderr.writelines(lines)
