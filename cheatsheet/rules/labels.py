"""Mistakes in the targets, against the shape of what the model gives."""

from collections.abc import Iterator

import numpy as np

from cheatsheet.common.words import count
from cheatsheet.dataspec import DataSpec, Part, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec, OutputSpec, name_of
from cheatsheet.rules.data import fits
from cheatsheet.table import COMPARES_SHAPES, OF_NUMBERS

# The other crossentropies refuse shapes that differ.
_STRETCHING = (COMPARES_SHAPES & OF_NUMBERS) | {"kl_divergence"}


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
