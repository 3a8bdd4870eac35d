"""The one value that every piece of advice is given as, before training and after."""

from collections.abc import Iterable
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
    """The same findings, errors first; the order within one severity is kept."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
