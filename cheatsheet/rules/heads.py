"""Mistakes in the last layer, against the target that it shall reach."""

import math

from cheatsheet.dataspec import DataSpec, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec, name_of
from cheatsheet.table import OF_NUMBERED, OF_NUMBERS, OF_ROWS

# What a last activation can give.
_RANGES = {"sigmoid": (0, 1), "hard_sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1), "relu": (0, math.inf),
           "softplus": (0, math.inf), "exponential": (0, math.inf)}  # fmt: skip


def unfit_metric(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find metrics that read one-hot rows beside a loss that takes numbered classes, and the other way round.

    Keras fails on the one kind within its graph, and makes nonsense of the other.
    """
    findings = []
    for output, part in pair(model.outputs, data.y):
        if model.has_own_step or (output.width or 0) < 2:
            continue
        if output.loss == "sparse_categorical_crossentropy":
            strange, reads, takes = OF_ROWS, "one-hot rows", "the number of one class a row"
            fix = (
                "compile with loss='categorical_crossentropy', for which fit makes rows of labels, or leave the metric "
                "out: run.evaluate gives recall and precision by class, and AUC"
            )
        elif output.loss in ("categorical_crossentropy", "kl_divergence"):
            strange, reads, takes = OF_NUMBERED, "the number of one class a row", "one-hot rows"
            fix = "leave 'sparse' out of its name: both kinds of accuracy are the same number"
        else:
            continue
        for name in sorted(strange.intersection(output.metrics)):
            message = f"The metric {name!r} reads {reads}, but {output.loss} takes {takes} (y: {part.array.shape})."
            findings.append(
                Finding("unfit_metric", "error", message, fix, where=data.where, output=name_of(output, model))
            )
    return findings


def unreachable_target(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find numbers that the last activation cannot give: a sigmoid trained on 0..255 runs into its end and stays."""
    findings = []
    for output, part in pair(model.outputs, data.y):
        name, y = output.activation, part.array
        if model.has_own_step or output.loss not in OF_NUMBERS or name not in _RANGES or y.dtype.kind not in "buif":
            continue
        (low, high), (least, largest) = _RANGES[name], (float(y.min()), float(y.max()))
        margin = 1e-6 * max(1.0, abs(least), abs(largest))
        if low - margin <= least and largest <= high + margin:
            continue
        span = f"from {low:g} up" if high == math.inf else f"from {low:g} to {high:g}"
        scale = f"scale y (divide by {largest:g})" if least >= 0 else "scale y"
        findings.append(
            Finding(
                "unreachable_target",
                "error",
                f"The last layer's {name} gives values {span}, but y runs from {least:g} to {largest:g}.",
                f"{scale}, or build the model with activation='linear'",
                where=data.where,
                output=name_of(output, model),
            )
        )
    return findings
