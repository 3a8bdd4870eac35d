"""Work that goes on in a thread of its own, while this one does something else."""

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any


def cores_given() -> int | None:
    """Count the cores that this process may use; `None` where the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


_CORES = threading.BoundedSemaphore(cores_given() or 1)


class InThread:
    """Calls a function in a thread; `wait` gives what it gave, or raises what it raised.

    As many run at once as there are cores; the others wait for their turn.

    Args:
        work: The function, which spends its time outside Python's lock, or nothing is gained.
        waits: Whether it waits for its turn; what others wait for while it is theirs must not.
    """

    def __init__(self, work: Callable[[], Any], *, waits: bool = True) -> None:
        self._work: Callable[[], Any] | None = work
        self._waits = waits
        self._found: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="recipes")
        self._thread.start()

    def wait(self) -> Any:
        """Wait for the end of it; Ctrl-C is noticed meanwhile."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found

    def _run(self) -> None:
        try:
            with _CORES if self._waits else nullcontext():
                work, self._work = self._work, None  # what it holds is let go at its end
                assert work is not None
                self._found = work()
        except BaseException as error:  # for the thread that waits
            self._error = error
