"""One small function for each mistake: `rule(model, data) -> list of Findings`, from plain descriptions alone.

A rule bears the name that its findings bear, is silent about what is not known, and says "error" only of what cannot be
right. A new one goes into the file of its subject (`labels.py` the target, `heads.py` the last layer, `data.py` the
rows) and into `RULES` below; one without which no step can be computed also into `NEVER_ALLOWED`. `fit` raises the
errors among them, `check` reports them all.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from cheatsheet.common.words import did_you_mean
from cheatsheet.dataspec import DataSpec
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec
from cheatsheet.rules.data import input_shape, negative_weight, other_parts, unequal_rows, weight_shape
from cheatsheet.rules.heads import unfit_metric, unreachable_target
from cheatsheet.rules.labels import counts_by_squares, skewed_target, stretched_target, target_shape

Rule = Callable[[ModelSpec, DataSpec], list[Finding]]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        other_parts,
        input_shape,
        unequal_rows,
        target_shape,
        stretched_target,
        unreachable_target,
        unfit_metric,
        counts_by_squares,
        skewed_target,
        weight_shape,
        negative_weight,
    )
}
# What is found while values are read, before any rule can judge them.
READING = ("unreadable_values", "other_columns", "unfit_target", "unknown_labels", "class_weight", "unaligned_rows",
           "missing_target", "swapped")  # fmt: skip
# Which only advise; the last two while labels are encoded.
ADVICE = ("counts_by_squares", "skewed_target", "look_alike_labels", "single_row_class")
# Without which nothing can be trained, whatever one says.
NEVER_ALLOWED = ("other_parts", "input_shape", "unequal_rows", "target_shape", "weight_shape", "unfit_metric",
                 *READING)  # fmt: skip


def findings_of(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Apply every rule; return what they find, in the order of `RULES`."""
    return [finding for rule in RULES.values() for finding in rule(model, data)]


def allowed(findings: Iterable[Finding], allow: Iterable[str]) -> list[Finding]:
    """Return the same findings, with the errors of the allowed rules made warnings."""
    names = set(allow)
    return [
        replace(finding, severity="warning") if finding.severity == "error" and finding.rule in names else finding
        for finding in findings
    ]


def require_allowable(allow: Iterable[str]) -> tuple[str, ...]:
    """Require names of rules whose errors can be borne; return them.

    Raises:
        ValueError: for a name that no rule has, naming the nearest; for a rule without which nothing can be trained.
    """
    names = (allow,) if isinstance(allow, str) else tuple(allow)
    possible = [name for name in RULES if name not in (*NEVER_ALLOWED, *ADVICE)]
    for name in names:
        if name in NEVER_ALLOWED:
            raise ValueError(
                f"allow={name!r} cannot be: nothing can be trained on what this rule refuses. Mend the data or the "
                f"model. What can be allowed: {', '.join(possible)}."
            )
        if name not in possible:
            raise ValueError(
                f"Unknown rule. Received: allow={name!r}. Expected some of {', '.join(possible)}."
                f"{did_you_mean(name, possible)}"
            )
    return names
