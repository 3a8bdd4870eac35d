"""Ctrl-C ends a run at a clean place instead of tearing it, and then the script around it."""

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")


class Interrupt:
    """Within `with Interrupt() as interrupt`, the first Ctrl-C sets `interrupt.requested`; the second one raises.

    Outside the main thread, where Python delivers no signals, and where Ctrl-C is ignored, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None

    def __enter__(self) -> "Interrupt":
        in_main = threading.current_thread() is threading.main_thread()
        self._installed = in_main and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        if self._installed:
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a run at a clean place; `result` is what there is of it: a `Run`, `Runs`, `TableRun`, `GrokRun`
    or `Search`.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


def interrupted(result: Result, message: str) -> Result:
    """End a run that Ctrl-C stopped: raised in a script, so that the loop around it ends too; returned to a person.

    Args:
        result: What there is of the run.
        message: Where it stopped, and how to go on, in one line.

    Returns:
        The result, in a notebook or at a prompt, after the message.

    Raises:
        Interrupted: with the result, everywhere else.
    """
    if not is_interactive():
        raise Interrupted(message, result)
    print(message, file=sys.stderr)
    return result


def how_to_go_on(done: str, kept: object, where: str = "its state is in") -> str:
    """Say in one line where Ctrl-C ended a run, and how it goes on.

    Args:
        done: What was ended, and after what.
        kept: Folder that the same call goes on from; `None` where nothing is on disk.
        where: What is in it.

    >>> how_to_go_on("the run after 3 of 8 epochs", "state")
    'Ctrl-C ended the run after 3 of 8 epochs; its state is in state. The same call goes on from there.'
    """
    if kept is None:
        return f"Ctrl-C ended {done}; the model keeps what it has learnt. checkpoint='folder' lets the same call go on."
    return f"Ctrl-C ended {done}; {where} {kept}. The same call goes on from there."


def is_interactive() -> bool:
    """Say whether a person gives the commands one by one: in a notebook, in IPython, at Python's own prompt."""
    ipython = sys.modules.get("IPython")
    return hasattr(sys, "ps1") or (ipython is not None and ipython.get_ipython() is not None)
