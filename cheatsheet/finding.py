"""The one value that every piece of advice is given as, before training and after."""

from dataclasses import dataclass

SEVERITIES = ("error", "warning", "info")  # most severe first


@dataclass(frozen=True)
class Finding:
    """What was found, where, and what mends it.

    Attributes:
        rule: Stable name to search for and to filter by, such as `"overfitting"`.
        severity: `"error"` (the result cannot be trusted), `"warning"` (it can be better) or
            `"info"` (good to know; nothing to mend).
        where: The place: `"epochs 31-50"`, `"layer 'head'"`, `"y"`.
        message: What was seen, with its numbers.
        fix: What to do about it, as an instruction; empty when there is nothing to do.

    >>> print(Finding("still_learning", "warning", "epochs 41-50", "val_loss is falling.", "train longer"))
    warning still_learning (epochs 41-50): val_loss is falling. Mend: train longer.
    """

    rule: str
    severity: str
    where: str
    message: str
    fix: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"Unknown severity. Received: severity={self.severity!r}. Expected one of {SEVERITIES}.")

    def __str__(self) -> str:
        mend = f" Mend: {self.fix.rstrip('.')}." if self.fix else ""
        return f"{self.severity} {self.rule} ({self.where}): {self.message}{mend}"


def by_severity(findings: list[Finding]) -> list[Finding]:
    """The same findings, errors first; the order within one severity is kept."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
