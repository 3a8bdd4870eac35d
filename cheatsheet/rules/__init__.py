"""One small function for each mistake: `rule(model, data) -> list of Findings`, from plain descriptions alone.

A rule bears the name that its findings bear, is silent about what is not known, and says "error" only of what cannot
be right for this y. A new one goes into the file of its subject (`heads.py` the last layer, `metrics.py` what watches
it, `labels.py` and `quantities.py` the target, `cells.py` a detector, `data.py` the arrays' shapes, `rows.py` what they
hold, `layers.py` the network) and into `RULES` below, causes before their consequences; one without which no step can
be computed also into `NEVER_ALLOWED`. `fit` raises the errors among them, `check` reports them all.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from cheatsheet.common.words import did_you_mean
from cheatsheet.dataspec import DataSpec
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec
from cheatsheet.rules.cells import cell_head, cell_reach, cell_shape, cell_values, cells_as_numbers
from cheatsheet.rules.data import input_shape, negative_weight, other_parts, unequal_rows, weight_shape, zero_weights
from cheatsheet.rules.heads import (
    activation_outside_loss,
    fewer_outputs_than_classes,
    logits_taken_for_probabilities,
    loss_for_numbers,
    probabilities_taken_for_logits,
    sigmoid_with_categorical_crossentropy,
    sigmoid_with_kl_divergence,
    softmax_for_several_labels,
    softmax_over_one,
    softmax_with_binary_crossentropy,
    unfit_metric,
    unreachable_target,
)
from cheatsheet.rules.labels import (
    empty_class,
    empty_columns,
    fractional_labels,
    label_encoding,
    label_range,
    missing_target,
    stretched_target,
    target_shape,
    text_labels,
)
from cheatsheet.rules.layers import (
    constant_initializer,
    doubled_activation,
    dropout_rate,
    learning_rate,
    no_nonlinearity,
    not_judged,
    nothing_trainable,
)
from cheatsheet.rules.metrics import metric_threshold
from cheatsheet.rules.quantities import accuracy_of_numbers, counts_by_squares, loss_domain, skewed_target, unscaled_y
from cheatsheet.rules.rows import class_weight, embedding_range, imbalance, not_finite, ordered_rows, unscaled_x

Rule = Callable[[ModelSpec, DataSpec], list[Finding]]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        other_parts,
        input_shape,
        unequal_rows,
        embedding_range,
        text_labels,
        not_finite,
        cell_shape,
        cell_head,
        cell_values,
        cell_reach,
        cells_as_numbers,
        softmax_over_one,
        softmax_for_several_labels,
        softmax_with_binary_crossentropy,
        sigmoid_with_categorical_crossentropy,
        sigmoid_with_kl_divergence,
        fewer_outputs_than_classes,
        empty_columns,
        label_encoding,
        target_shape,
        stretched_target,
        logits_taken_for_probabilities,
        activation_outside_loss,
        fractional_labels,
        label_range,
        loss_domain,
        unreachable_target,
        ordered_rows,
        unfit_metric,
        metric_threshold,
        doubled_activation,
        constant_initializer,
        nothing_trainable,
        class_weight,
        weight_shape,
        negative_weight,
        zero_weights,
        probabilities_taken_for_logits,
        loss_for_numbers,
        accuracy_of_numbers,
        no_nonlinearity,
        learning_rate,
        dropout_rate,
        unscaled_x,
        unscaled_y,
        counts_by_squares,
        skewed_target,
        empty_class,
        imbalance,
        missing_target,
        not_judged,
    )
}
# A finding of the first makes those that follow from it beside the point, for the same output.
CONSEQUENCES = {
    "text_labels": ("target_shape", "stretched_target"),
    "not_finite": ("unscaled_x", "unscaled_y", "label_range", "loss_domain", "fractional_labels"),
    "softmax_over_one": ("fewer_outputs_than_classes", "loss_for_numbers", "unreachable_target", "label_range",
                         "softmax_with_binary_crossentropy", "target_shape", "label_encoding", "unscaled_y"),
    "softmax_for_several_labels": ("target_shape", "loss_domain", "label_range"),
    "softmax_with_binary_crossentropy": ("target_shape", "fewer_outputs_than_classes"),
    "sigmoid_with_categorical_crossentropy": ("loss_domain",),
    "fewer_outputs_than_classes": ("label_range", "target_shape", "stretched_target", "label_encoding"),
    "empty_columns": ("target_shape", "stretched_target", "label_encoding"),
    "label_encoding": ("target_shape", "stretched_target", "fractional_labels", "label_range"),
    "target_shape": ("loss_for_numbers",),
    "stretched_target": ("unreachable_target", "loss_for_numbers", "loss_domain"),
    "label_range": ("imbalance", "accuracy_of_numbers"),
    "unreachable_target": ("unscaled_y", "skewed_target"),
    "loss_domain": ("unscaled_y", "unreachable_target"),
    "doubled_activation": ("activation_outside_loss",),
    "fractional_labels": ("loss_domain", "imbalance"),
    "cell_shape": ("cell_head", "cell_values", "cell_reach"),
    "cell_values": ("cell_reach",),
    "cells_as_numbers": ("target_shape", "stretched_target", "activation_outside_loss", "unreachable_target",
                         "loss_domain", "unscaled_y", "loss_for_numbers", "skewed_target", "label_range",
                         "fractional_labels", "softmax_over_one", "label_encoding",
                         "logits_taken_for_probabilities"),
}  # fmt: skip
# What is found while values are read, before any rule can judge them.
READING = ("unreadable_values", "other_columns", "unfit_target", "unknown_labels", "class_weight", "unaligned_rows",
           "missing_target", "swapped")  # fmt: skip
# What `fit` mends or refuses by itself while it reads the values, so that its gate need not ask.
ONLY_CHECKED = ("ordered_rows", "text_labels", "not_finite", "class_weight", "not_judged", "imbalance",
                "nothing_trainable", "missing_target")  # fmt: skip
# Of which `fit` warns: the slide's own heads, and a rate that may have been meant.
BORNE = ("sigmoid_with_categorical_crossentropy", "sigmoid_with_kl_divergence", "learning_rate")
# Which only advise; the last two while labels are encoded.
ADVICE = ("counts_by_squares", "skewed_target", "imbalance", "not_judged", "unscaled_x", "unscaled_y",
          "accuracy_of_numbers", "loss_for_numbers", "no_nonlinearity", "probabilities_taken_for_logits",
          "metric_threshold", "empty_class",
          "look_alike_labels", "single_row_class")  # fmt: skip
# Without which nothing can be trained, whatever one says.
NEVER_ALLOWED = ("other_parts", "input_shape", "unequal_rows", "embedding_range", "target_shape", "empty_columns",
                 "cell_shape", "weight_shape", "unfit_metric", *READING)  # fmt: skip

# What `fit` asks; what `predict` asks of x alone; what `evaluate` need not know, for it is about training.
GATE = tuple(name for name in RULES if name not in ONLY_CHECKED)
OF_INPUTS = ("other_parts", "input_shape", "unequal_rows")
OF_TRAINING = ("doubled_activation", "constant_initializer", "no_nonlinearity", "learning_rate", "dropout_rate")
# What says of the network, so that it is said once however many arrays it is found with.
OF_NETWORK = tuple(name for name, rule in RULES.items() if rule.__module__.endswith((".heads", ".layers", ".metrics")))
# What `fit` can be told to bear; NaN, where a loss or a first layer of the user's own knows what to do with it.
ALLOWABLE = (
    *(name for name in RULES if name not in (*NEVER_ALLOWED, *ADVICE, *ONLY_CHECKED, *BORNE)),
    "not_finite",
)


def findings_of(model: ModelSpec, data: DataSpec, rules: Iterable[str] = GATE) -> list[Finding]:
    """Apply these rules; return all that they find, in their order."""
    return [finding for name in rules for finding in RULES[name](model, data)]


def independent(findings: Iterable[Finding]) -> list[Finding]:
    """Leave out what only follows from another fault among these."""
    found = [*findings]
    return [finding for finding in found if not any(_follows(finding, cause) for cause in found)]


def _follows(finding: Finding, cause: Finding) -> bool:
    same = cause.output is None or finding.output is None or cause.output == finding.output
    return same and cause.where == finding.where and finding.rule in CONSEQUENCES.get(cause.rule, ())


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
    possible = ALLOWABLE
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
