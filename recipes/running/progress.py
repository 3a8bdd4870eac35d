"""One live line for a long run; in a log file, a plain line now and then."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

import keras
from rich.console import Console
from rich.live import Live
from rich.text import Text

REFRESH_SECONDS = 0.1
LOG_EVERY_SECONDS = 10.0  # where the output is no terminal


class LiveLine:
    """A line that is written anew in a terminal, and printed now and then into a log."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.console = Console(file=stream or sys.stderr, highlight=False)
        self.clock = clock
        self.live: Live | None = None
        self.line = ""
        self.shown = clock()

    def start(self) -> None:
        """Show that something has begun."""
        self.shown = self.clock()
        if self.console.is_terminal:
            self.live = Live(Text("compiling ..."), console=self.console, auto_refresh=False)
            self.live.start()

    def show(self, line: str, *, last: bool = False) -> None:
        """Put this line in place of the one before; the last one is left to `close`."""
        now = self.clock()
        self.line = line
        if self.live is not None and now - self.shown >= REFRESH_SECONDS:
            self.live.update(Text(line, overflow="ellipsis", no_wrap=True), refresh=True)
            self.shown = now
        elif self.live is None and now - self.shown >= LOG_EVERY_SECONDS and not last:
            self.console.print(line, soft_wrap=True)
            self.shown = now

    def close(self) -> None:
        """Leave the last line standing; also called when the run is interrupted."""
        if self.live is not None:
            self.live.update(Text(self.line, overflow="ellipsis", no_wrap=True), refresh=True)
            self.live.stop()
            self.live = None
        elif self.line:
            self.console.print(self.line, soft_wrap=True)
        self.line = ""


class ProgressLine(keras.callbacks.Callback):
    """Epoch, losses, steps per second and the time left, on one line.

    Args:
        epochs: At most.
        steps_per_epoch: Of a stream `None`, where nobody knows.
        of: What trains, where that is not the call's one model: `"8 networks"`.
        unit: The losses are shown in this unit, where the model is trained in another.
        stream: Where the line goes; to stderr without it.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        *,
        epochs: int,
        steps_per_epoch: int | None,
        of: str = "",
        unit: float = 1.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.of, self.unit = of, unit
        self.clock = clock
        self.line = LiveLine(stream, clock)
        self.start = self.epoch_start = clock()
        self.epoch = 0
        self.told: tuple[int, dict[str, float]] | None = None  # epochs that are done, and what the last one gave
        self.first: int | None = None  # epoch, where a run goes on
        self.compiled = (0, 0.0)  # epochs that had been trained when all was compiled, and when that was

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.start = self.clock()
        self.line.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch, self.epoch_start = epoch, self.clock()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Say of a stream whose length nobody knows that it runs, and what it needs if it never ends."""
        if self.steps_per_epoch is None and self.clock() - self.epoch_start > LOG_EVERY_SECONDS:
            text = f"epoch {self.epoch + 1}/{self.epochs}  {batch + 1:,} batches so far"
            self.line.show(f"{text}; a stream that never ends needs steps_per_epoch", last=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.first is None:
            self.first = epoch
            self.compiled = (epoch + 1, self.clock())
        self.told = epoch + 1, dict(logs or {})
        self.line.show(self._describe(has_ended=epoch + 1 == self.epochs), last=epoch + 1 == self.epochs)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the last line standing, which says how long it took, also of a run that was stopped early."""
        if self.told is not None:
            self.line.line = self._describe(has_ended=True)
            self.told = None
        self.line.close()

    def _describe(self, *, has_ended: bool) -> str:
        assert self.told is not None
        done, logs = self.told
        seconds = self.clock() - self.start
        here = done - (self.first or 0)  # epochs of this call
        first, since = self.compiled[0], self.clock() - self.compiled[1]
        epochs, elapsed = (done - first, since) if done > first and since > 0 else (here, seconds)
        rate = epochs * self.steps_per_epoch / elapsed if self.steps_per_epoch and elapsed else 0.0
        speed = f"{rate:{',.0f' if rate >= 10 else '.2g'}} steps/s  " if rate else ""
        time_text = f"in {duration(seconds)}" if has_ended else self._left(done, epochs, elapsed)
        losses = "  ".join(f"{name} {self.unit * logs[name]:.4g}" for name in ("loss", "val_loss") if name in logs)
        of = f"{self.of}, " if self.of else ""
        return f"{of}epoch {done}/{self.epochs}  {losses}  {speed}{time_text}".rstrip()

    def _left(self, done: int, epochs: int, elapsed: float) -> str:
        """Write how long the rest takes; nothing of a short first epoch, which was mostly compiling."""
        if done == self.compiled[0] and elapsed < LOG_EVERY_SECONDS:
            return ""
        return f"{duration(elapsed / epochs * (self.epochs - done))} left"


def duration(seconds: float) -> str:
    """Write a time in words: `12 s`, `3 min 20 s`, `2 h 05 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
