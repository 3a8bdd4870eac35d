"""Ctrl-C ends a run at a clean place instead of tearing it."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


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
