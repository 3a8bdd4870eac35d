"""The one value that every piece of advice is given as, before training and after, and the error that carries them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

SEVERITIES = ("error", "warning", "info")  # most severe first


@dataclass(frozen=True)
class Finding:
    """What was found, where, and what mends it.

    Attributes:
        rule: Stable name to search for and to filter by, such as `"overfitting"`.
        severity: `"error"` (the result cannot be right, or not be trusted), `"warning"` (it can be better) or
            `"info"` (good to know; nothing to mend).
        message: What was seen, with its numbers.
        fix: What to do about it, as an instruction; empty when there is nothing to do.
        where: The place in words: `"layer 'head'"`, `"y"`, `"steps 100-5,000"`; from `epochs` when missing.
        epochs: The first and the last epoch that it is about, counted from 1; `None` where it is about none.
        output: Name of the model's output that it is about; `None` for a model with one, or for the whole.
        confidence: How often this verdict has come true, `0..1`; `None` where that was not measured.

    >>> print(Finding("still_learning", "warning", "val_loss is falling.", "train longer", epochs=(41, 50)))
    warning still_learning (epochs 41-50): val_loss is falling. Mend: train longer.
    """

    rule: str
    severity: str
    message: str
    fix: str = ""
    where: str = field(default="", kw_only=True)
    epochs: tuple[int, int] | None = field(default=None, kw_only=True)
    output: str | None = field(default=None, kw_only=True)
    confidence: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"Unknown severity. Received: severity={self.severity!r}. Expected one of {SEVERITIES}.")

    @property
    def place(self) -> str:
        """Where it is, in words; empty where nobody said."""
        parts = [f"output {self.output!r}"] if self.output is not None else []
        if self.where:
            parts.append(self.where)
        elif self.epochs is not None:
            first, last = self.epochs
            parts.append(f"epoch {first}" if first == last else f"epochs {first}-{last}")
        return ", ".join(parts)

    def __str__(self) -> str:
        place = f" ({self.place})" if self.place else ""
        mend = f" Mend: {self.fix.rstrip('.')}." if self.fix else ""
        return f"{self.severity} {self.rule}{place}: {self.message}{mend}"


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings, errors first; the order within one severity is kept."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


class DataError(ValueError):
    """Data that a model cannot rightly be trained or judged on, with everything that was found at once.

    Attributes:
        findings: All of it, each a `Finding` of severity `"error"`.

    >>> print(DataError([Finding("unequal_rows", "error", "x has 3 rows, but y has 2.", "mend y")]))
    x has 3 rows, but y has 2. Mend y.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings)
        self.findings = [*findings]

    def __str__(self) -> str:
        texts = [_in_words(finding) for finding in self.findings]
        if len(texts) == 1:
            return texts[0]
        return "\n".join([f"{len(texts)} things are in the way:", *(f"{i}. {text}" for i, text in enumerate(texts, 1))])


def _in_words(finding: Finding) -> str:
    """Put a finding into words: its place, unless the message names it, what was seen, and what mends it."""
    message = finding.message
    if finding.place:
        is_named = repr(finding.place) in message
        message = f"{message[0].upper()}{message[1:]}" if is_named else f"In {finding.place}: {message}"
    fix = finding.fix.rstrip(".")
    return message + (f" {fix[0].upper()}{fix[1:]}." if fix else "")


def unreadable(message: str) -> DataError:
    """Return the error for values that are no numbers to train on; the message ends with the mend."""
    return DataError([Finding("unreadable_values", "error", message)])


def unfit_target(message: str, fix: str = "") -> DataError:
    """Return the error for a `y` that its task or loss cannot take, with the mend."""
    return DataError([Finding("unfit_target", "error", message, fix)])
