"""Processes of their own that tests start: each is told to end in time, and none outlives its test.

The one place of the tests that starts them with `Popen` (`test_processes.py` holds the tests to it).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MOST_SECONDS = 300  # who waits longer for a process waits for one that hangs
LIFETIME = 2 * MOST_SECONDS  # and then it is killed, whoever still reads from it

# For scripts whose subject is Ctrl-C, before their work: a job that a shell runs in the background inherits a Ctrl-C
# that is ignored, and so do its children.
RESTORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def run_python(*arguments: str | Path, timeout: float = MOST_SECONDS, **options: Any) -> subprocess.CompletedProcess:
    """Run Python with these arguments, such as `"-c", script`, to its end.

    Args:
        arguments: Of Python.
        timeout: Seconds after which it is killed.
        options: Of `subprocess.Popen`.

    Returns:
        Its exit status and what it printed.

    Raises:
        subprocess.TimeoutExpired: where it did not end in time; by then it is killed.
    """
    with started_python(*arguments, lifetime=2 * timeout, **options) as process:
        out, errors = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


@contextmanager
def started_python(*arguments: str | Path, lifetime: float = LIFETIME, **options: Any) -> Iterator[subprocess.Popen]:
    """A Python beside the block, in a session of its own; at the block's end it and its children are killed."""
    command = [sys.executable, *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    process = subprocess.Popen(command, start_new_session=True, **options)
    watchdog = threading.Timer(lifetime, kill_session, [process])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        kill_session(process)
        process.communicate(timeout=MOST_SECONDS)


def kill_after(seconds: float, process: subprocess.Popen) -> None:
    """Kill it after so many seconds, and wait until it has gone."""
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=MOST_SECONDS)


def kill_session(process: subprocess.Popen) -> None:
    """Kill it and the children that it has started, as `kill -9` does."""
    with suppress(ProcessLookupError):  # none of them is left
        os.killpg(process.pid, signal.SIGKILL)
