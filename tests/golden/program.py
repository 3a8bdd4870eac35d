"""What a program of the suite is: a function that builds a compiled model and its data, one line of which is wrong.

The wrong line says which rule it breaks, and the line below it is what it should have been:

    Dense(1, "softmax"),  # wrong: error softmax_over_one
    # right: Dense(1, "sigmoid"),

Run as it stands, the function is the wrong twin. The right twin is the same text with the one line for the other.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("error", "warning", "info")
WAYS_OF_FIT = ("silent", "raises", "nan")
_WRONG = re.compile(r"\s+# wrong: (?P<severities>[a-z|]+) (?P<rule>[a-z_]+)$")
_RIGHT = re.compile(r"^(?P<indent>\s*)# right: (?P<code>.+)$")


@dataclass(frozen=True)
class Fault:
    """One wrong line.

    Attributes:
        rule: Id of the rule that it breaks.
        severities: Which of `SEVERITIES` a tool may give it: one, or two where both can be defended.
        line: Its place in the program's text, counted from 0.
        right: The line that should stand there.
    """

    rule: str
    severities: tuple[str, ...]
    line: int
    right: str


@dataclass(frozen=True)
class Case:
    """What a tool is to judge: `model.fit(x, y, **options)` before it is called.

    Attributes:
        model: A compiled Keras model, built or not.
        x: Inputs: an array, or a list or dict of them, or a container of another library.
        y: Targets, likewise; `None` for a model that is its own target.
        options: `validation_split` and `class_weight`, where the program passes them to `fit`.
    """

    model: Any
    x: Any
    y: Any
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """One program, its wrong twin and its right one.

    Attributes:
        name: Its id.
        subject: The module that it stands in: `"heads"`, `"labels"`, ..., `"correct"`.
        about: What it is, in a sentence.
        source: The public question or issue that it is keyed to; empty where there is none.
        fit: What Keras' own `fit` does with the wrong twin: `"silent"` (it trains, with a finite loss), `"raises"`,
            or `"nan"`.
        faults: Its wrong lines; none for a correct program.
        wrong_text: The function as it stands, without its decorator.
    """

    name: str
    subject: str
    about: str
    source: str
    fit: str
    faults: tuple[Fault, ...]
    wrong_text: str
    function: Callable[[], tuple] = field(repr=False)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that the wrong twin breaks, in the order of its lines."""
        return tuple(fault.rule for fault in self.faults)

    def text(self, mended: Collection[str] = ()) -> str:
        """Give the program's text, with the lines that break these rules mended."""
        lines = self.wrong_text.splitlines()
        for fault in self.faults:
            if fault.rule in mended:
                lines[fault.line] = fault.right
        return "\n".join(lines)

    def build(self, mended: Collection[str] = ()) -> Case:
        """Build the wrong twin, or the one in which the lines that break these rules are mended."""
        namespace = dict(self.function.__globals__)
        exec(compile(self.text(mended), f"<{self.name}>", "exec"), namespace)
        return Case(*namespace[self.name]())

    def right(self) -> Case:
        """Build the right twin: every wrong line mended."""
        return self.build(mended=self.rules)


PROGRAMS: list[Program] = []  # with one wrong line or two
CORRECT: list[Program] = []  # without any


def program(source: str = "", *, fit: str = "silent") -> Callable[[Callable], Callable]:
    """Add the decorated function to the suite.

    Args:
        source: The public question or issue that it is keyed to.
        fit: What Keras' own `fit` does with the wrong twin, one of `WAYS_OF_FIT`.
    """

    def added(function: Callable[[], tuple]) -> Callable[[], tuple]:
        text = textwrap.dedent(inspect.getsource(function))
        text = text[text.index("def ") :].rstrip()
        made = Program(
            name=function.__name__,
            subject=function.__module__.rsplit(".", 1)[-1],
            about=inspect.getdoc(function) or "",
            source=source,
            fit=fit,
            faults=tuple(_faults(text)),
            wrong_text=text,
            function=function,
        )
        (PROGRAMS if made.faults else CORRECT).append(made)
        return function

    return added


def _faults(text: str) -> Iterator[Fault]:
    lines = text.splitlines()
    for i, line in enumerate(lines):
        wrong = _WRONG.search(line)
        if wrong is None:
            continue
        right = _RIGHT.match(lines[i + 1])
        severities = tuple(wrong["severities"].split("|"))
        if right is None or not set(severities) <= set(SEVERITIES):
            raise ValueError(f"A wrong line needs '# right: ...' below it, and known severities. Received: {line!r}.")
        yield Fault(wrong["rule"], severities, i, right["indent"] + right["code"])
