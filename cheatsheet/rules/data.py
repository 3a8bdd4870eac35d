"""Mistakes in the rows: their shape, their number, their weights."""

import numpy as np

from cheatsheet.common.words import count
from cheatsheet.dataspec import DataSpec, Part, called, pair
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import ModelSpec


def other_parts(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find dicts, lists and tuples of arrays that are not one for each input, or for each output with a loss."""
    findings = []
    for what, kind, ends, parts in (
        ("x", "input", model.inputs, data.x),
        ("y", "output", [output for output in model.outputs if output.loss is not None], data.y),
    ):
        if not ends or not parts or (what == "y" and model.has_own_step):
            continue
        names, fix = [end.name for end in ends], ""
        if parts[0].name is None:
            if len(parts) in (len(ends), len(model.outputs) if what == "y" else len(ends)):
                continue
            seen = f"{what} is {count(len(parts), 'array')}, but the model has {count(len(ends), kind)}"
            message = f"{seen}: {', '.join(map(repr, names))}. Expected one for each."
        else:
            given = [part.name for part in parts]
            lacking = [end.name for end in ends if end.name not in given and end.layer not in given]
            if not lacking:
                continue
            message = (
                f"{what} has the keys {', '.join(map(repr, given))}, and none for the {kind} "
                f"{', '.join(map(repr, lacking))} of the model."
            )
            if len(ends) == 1:
                fix = f"pass the array itself, or pandas.DataFrame({what}) where the keys name columns"
        findings.append(Finding("other_parts", "error", message, fix, where=data.where))
    return findings


def input_shape(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find inputs whose rows have another shape than the model takes."""
    findings = []
    for taken, part in pair(model.inputs, data.x):
        shape, expected = part.array.shape, taken.shape
        if fits(shape, expected):
            continue
        name = called("x", part, data.x)
        row = _as_one_row(shape, expected)
        if row is not None:
            findings.append(single_row(name, row, data.where))
            continue
        message = f"The rows of {name} have shape {shape[1:]}, but the model takes {expected[1:]}."
        fix = _reshaping(shape, expected, data.of_trained or bool(data.where))
        findings.append(Finding("input_shape", "error", message, fix, where=data.where))
    return findings


def single_row(name: str, shape: tuple[int, ...], where: str = "") -> Finding:
    """Find an example that came without the axis of the rows."""
    message = f"{name} has the shape of a single row, {shape}, but the model takes any number of rows like it."
    fix = f"pass {name}[np.newaxis], whose first axis counts the rows"
    return Finding("input_shape", "error", message, fix, where=where)


def _as_one_row(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> tuple[int, ...] | None:
    """Return the shape that one image or sequence was given in, without the axis of the rows; `None` for another.

    An axis of size 1 may have been added at its end, or lack there, as of grey images without channels.
    """
    for given, wanted in (
        (shape, expected[1:]),
        (shape[:-1] if shape[-1] == 1 else (), expected[1:]),
        (shape, expected[1:-1] if expected[-1] == 1 and None not in expected[1:] else ()),
    ):
        is_as_long = len(given) == len(wanted) > 1
        if is_as_long and all(size in (None, mine) for mine, size in zip(given, wanted, strict=True)):
            return given
    return None


def _reshaping(shape: tuple[int, ...], expected: tuple[int | None, ...], of_trained: bool) -> str:
    if shape == (expected[-1], 1) and len(expected) == 2:
        return "pass one row as np.reshape(x, (1, -1))"
    if len(shape) > 2 and (*shape[2:], shape[1]) == expected[1:]:
        return "move the channels to the end: np.moveaxis(x, 1, -1)"
    if len(shape) > 2 and (shape[-1], *shape[1:-1]) == expected[1:]:
        return "move the channels to the front: np.moveaxis(x, -1, 1)"
    if not of_trained:
        return "build the model for such rows, as build_model(x=x) does, or reshape x"
    if len(expected) == len(shape) == 2:
        return f"pass the {count(expected[1] or 0, 'column')} that the model was made for, in their order"
    return "resize or reshape x"


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
    """Find sample weights that are neither one for each row nor one for each step or pixel of the target."""
    findings = []
    for part in data.sample_weight if data.x else ():
        shape, num_rows = part.array.shape, len(data.x[0].array)
        steps = _steps(model, data, part)
        if shape in ((num_rows,), (num_rows, 1)) or shape in {(num_rows, *steps[:i]) for i in range(1, len(steps) + 1)}:
            continue
        finer = f", or one per step: {(num_rows, *steps)}" if steps else ""
        message = (
            f"{called('sample_weight', part, data.sample_weight)} has shape {shape}. "
            f"Expected one weight per row: ({num_rows},){finer}."
        )
        findings.append(Finding("weight_shape", "error", message, where=data.where))
    return findings


def _steps(model: ModelSpec, data: DataSpec, weight: Part) -> tuple[int, ...]:
    """Find the axes between rows and classes of the target that this is a weight for, as an output has them."""
    for output, target in pair(model.outputs, data.y):
        if weight.name is not None:
            is_its = weight.name == target.name
        else:
            is_its = len(data.sample_weight) == 1 or weight.index == target.index
        if is_its and output.shape is not None and len(output.shape) > 2:
            return target.array.shape[1 : len(output.shape) - 1]
    return ()


def negative_weight(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find sample weights below 0, which turn a row's loss around."""
    findings = []
    for part in data.sample_weight:
        weight = part.array
        if weight.size == 0 or weight.dtype.kind not in "if" or not weight.min() < 0:
            continue
        message = (
            f"{called('sample_weight', part, data.sample_weight)} goes down to {weight.min():.4g}. "
            "Expected weights >= 0: a negative one maximises the loss."
        )
        findings.append(Finding("negative_weight", "error", message, where=data.where))
    return findings


def zero_weights(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find sample weights that are all 0, so that nothing is learnt and the loss says 0."""
    arrays = [part.array for part in data.sample_weight]
    if not arrays or len(arrays) < len(model.outputs) or any(array.size == 0 for array in arrays):
        return []  # an output without weights counts
    if any(array.dtype.kind not in "iufb" or array.any() for array in arrays):
        return []
    fix = "give the rows that count a weight above 0"
    return [Finding("zero_weights", "error", "sample_weight is 0 in every row: nothing counts.", fix, where=data.where)]


def as_compared(
    shape: tuple[int, ...], expected: tuple[int | None, ...]
) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
    """Drop the last axis of size 1 that one of the two has more than the other, as Keras does."""
    if len(shape) == len(expected) + 1 and shape[-1] == 1:
        return shape[:-1], expected
    if len(shape) == len(expected) - 1 and expected[-1] == 1:
        return shape, expected[:-1]
    return shape, expected


def fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Say whether an array has the axes that a model's end has; `None` stands for any size, the rows are not compared.

    A last axis of size 1 may be missing on one side, as Keras itself adds and takes it away.
    """
    shape, expected = as_compared(shape, expected)
    return len(shape) == len(expected) and all(
        size is None or size == mine for mine, size in zip(shape[1:], expected[1:], strict=True)
    )
