"""Mistakes in the targets, against the shape of what the model gives."""

from collections.abc import Iterator

import numpy as np

from cheatsheet.common.words import count
from cheatsheet.dataspec import DataSpec, Part, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec, OutputSpec, name_of
from cheatsheet.rules.data import fits
from cheatsheet.table import COMPARES_SHAPES, OF_NUMBERS
from cheatsheet.targets import SKEWED, is_whole, look_like_counts

# The other crossentropies refuse shapes that differ.
_STRETCHING = (COMPARES_SHAPES & OF_NUMBERS) | {"kl_divergence"}
_OF_DIFFERENCES = ("mean_squared_error", "mean_absolute_error", "huber")
MOST_LOOKED_AT = 20_000  # values, for advice: a shape shows in these, and a million would cost a twentieth of an epoch


def target_shape(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find targets that cannot be compared with the output: their shapes differ, and none stretches over the other."""
    return [
        _differs("target_shape", output, part, name_of(output, model), data.where)
        for output, part in _of_other_shape(model, data)
        if not _stretches(output, part.array)
    ]


def stretched_target(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find targets that Keras would stretch silently: 1 value compared with each of many, or many with 1."""
    return [
        _differs("stretched_target", output, part, name_of(output, model), data.where)
        for output, part in _of_other_shape(model, data)
        if _stretches(output, part.array)
    ]


def counts_by_squares(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of counts under a squared or absolute error, or under a softmax, that they have a loss of their own."""
    found = []
    for output, part in pair(model.outputs, data.y):
        of_classes = output.loss == "sparse_categorical_crossentropy"
        if not (of_classes or output.loss in _OF_DIFFERENCES) or part.array.size != len(part.array):
            continue
        some = _some(part.array)
        if (
            some.dtype.kind not in "uif"
            or not is_whole(some)
            or not look_like_counts(*np.unique(some, return_counts=True))
        ):
            continue
        taken = "classes" if of_classes else "quantities"
        message = (
            f"y looks like counts ({int(some.max())} at most, small ones most often), and {output.loss} takes them for "
            f"{taken}."
        )
        fix = "if they are counts, use loss='poisson' with activation='softplus' (build_model(y=y) does)"
        name = name_of(output, model)
        found.append(Finding("counts_by_squares", "info", message, fix, where=data.where, output=name))
    return found


def skewed_target(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of positive numbers over orders of magnitude that squared errors see the largest alone."""
    found = []
    for output, part in pair(model.outputs, data.y):
        if (
            output.loss != "mean_squared_error"
            or part.array.size != len(part.array)
            or part.array.dtype.kind not in "uif"
        ):
            continue
        some = _some(part.array)
        if some.size == 0 or not some.min() > 0 or not some.max() > SKEWED * np.median(some):
            continue
        message = (
            f"y is positive and reaches {some.max() / np.median(some):,.0f} times its median, so squared errors see "
            "the largest alone."
        )
        fix = "if ratios count rather than differences, use loss='mean_squared_logarithmic_error'"
        found.append(Finding("skewed_target", "info", message, fix, where=data.where, output=name_of(output, model)))
    return found


def _some(array: np.ndarray) -> np.ndarray:
    """Take values from all over a long array."""
    return array.reshape(-1)[:: -(-array.size // MOST_LOOKED_AT)] if array.size else array


def _of_other_shape(model: ModelSpec, data: DataSpec) -> Iterator[tuple[OutputSpec, Part]]:
    """The outputs and targets that should have one shape and do not."""
    for output, part in pair(model.outputs, data.y):
        compared = output.loss in COMPARES_SHAPES or output.loss == "pinball"
        if model.has_own_step or not compared or part.array.dtype.kind == "U":
            continue
        if not fits(part.array.shape, _expected(output, part.array)):
            yield output, part


def _expected(output: OutputSpec, target: np.ndarray) -> tuple[int | None, ...]:
    if output.loss == "pinball":
        return (None, 1)  # every quantile is compared with the same value
    if output.shape is not None:
        return output.shape
    return (*(None,) * max(target.ndim - 1, 1), output.width)  # not built yet: its last axis alone is known


def _stretches(output: OutputSpec, target: np.ndarray) -> bool:
    """Say whether the loss compares the two all the same: losses of numbers do, where NumPy's broadcasting would."""
    expected = _expected(output, target)
    return (
        output.loss in _STRETCHING
        and len(expected) == target.ndim
        and all(
            size is None or size == mine or 1 in (size, mine)
            for size, mine in zip(expected[1:], target.shape[1:], strict=True)
        )
    )


def _differs(rule: str, output: OutputSpec, part: Part, name: str | None, where: str) -> Finding:
    shape, expected = part.array.shape, _expected(output, part.array)
    stretched = "; Keras would stretch one over the other silently" if rule == "stretched_target" else ""
    if output.loss == "pinball":
        message = f"The rows of y have shape {shape[1:]}, but pinball compares all quantiles with one value a row."
        fix = "pass one column of y"
    elif len(shape) <= 2 and len(expected) <= 2:
        values, outputs = count(shape[1] if len(shape) > 1 else 1, "value"), count(expected[-1] or 0, "output")
        message = (
            f"y has {values} a row (shape {shape}), but the model has {outputs}. Expected the same number{stretched}."
        )
        fix = "build the model with y=y, or mend y's shape"
    else:
        message = (
            f"The rows of y have shape {shape[1:]}, but the model gives {expected[1:]}. Expected the same{stretched}."
        )
        sizes = ", ".join(str(size) for size in expected[1:])
        same = output.values_per_row == int(np.prod(shape[1:]))
        fix = f"use y.reshape(-1, {sizes}), or mend the model" if same else "resize y, or mend the model"
    return Finding(rule, "error", message, fix, where=where, output=name)
