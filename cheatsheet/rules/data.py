"""Mistakes in the rows: their shape, their number, their weights."""

import numpy as np

from cheatsheet.common.words import count
from cheatsheet.dataspec import DataSpec, called, pair
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import ModelSpec


def input_shape(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find inputs whose rows have another shape than the model takes."""
    findings = []
    for taken, part in pair(model.inputs, data.x):
        shape, expected = part.array.shape, taken.shape
        if fits(shape, expected):
            continue
        findings.append(
            Finding(
                "input_shape",
                "error",
                f"The rows of {called('x', part, data.x)} have shape {shape[1:]}, but the model takes {expected[1:]}.",
                "build the model with x=x, or reshape x",
                where=data.where,
            )
        )
    return findings


def unequal_rows(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find arrays of inputs and targets that do not have the same number of rows."""
    lengths: dict[str, int] = {}
    for name, parts in (("x", data.x), ("y", data.y)):
        for part in parts:
            lengths[called(name, part, parts)] = len(part.array)
    return _unequal(lengths, data.where)


def require_same_rows(x: np.ndarray, y: np.ndarray) -> None:
    """Require one target for each row of x.

    Raises:
        DataError: naming both numbers.
    """
    findings = _unequal({"x": len(x), "y": len(y)})
    if findings:
        raise DataError(findings)


def _unequal(lengths: dict[str, int], where: str = "") -> list[Finding]:
    first = next(iter(lengths), None)
    other = next((name for name in lengths if lengths[name] != lengths[first or ""]), None)
    if first is None or other is None:
        return []
    return [
        Finding(
            "unequal_rows",
            "error",
            f"{first} has {count(lengths[first], 'row')}, but {other} has {lengths[other]:,}. "
            "Expected the same number.",
            "look where one of them was filtered or split",
            where=where,
        )
    ]


def weight_shape(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find sample weights that are not one for each row."""
    if data.sample_weight is None or not data.x:
        return []
    shape, num_rows = data.sample_weight.shape, len(data.x[0].array)
    if shape in ((num_rows,), (num_rows, 1)):
        return []
    message = f"sample_weight has shape {shape}. Expected one weight per row: ({num_rows},)."
    return [Finding("weight_shape", "error", message, where=data.where)]


def negative_weight(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find sample weights below 0, which turn a row's loss around."""
    weight = data.sample_weight
    if weight is None or weight.size == 0 or weight.dtype.kind not in "if" or not weight.min() < 0:
        return []
    message = (
        f"sample_weight goes down to {weight.min():.4g}. Expected weights >= 0: a negative one maximises the loss."
    )
    return [Finding("negative_weight", "error", message, where=data.where)]


def fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Say whether an array has the axes that a model's end has; `None` stands for any size, the rows are not compared.

    A last axis of size 1 may be missing on one side, as Keras itself adds and takes it away.
    """
    if len(shape) == len(expected) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == len(expected) - 1 and expected[-1] == 1:
        shape = (*shape, 1)
    return len(shape) == len(expected) and all(
        size is None or size == mine for mine, size in zip(shape[1:], expected[1:], strict=True)
    )
