"""Mistakes in the targets, against the shape of what the model gives."""

from collections.abc import Iterator
from math import prod

import numpy as np

from cheatsheet.common.words import count, show_values
from cheatsheet.dataspec import DataSpec, Part, called, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec, OutputSpec
from cheatsheet.rules.data import as_compared, fits
from cheatsheet.rules.outputs import MARKS, at_output, judged_outputs, mend_for_classes, mend_of_steps, rows_of
from cheatsheet.table import COMPARES_SHAPES, OF_MARGINS, OF_NUMBERS, OF_ONE_CLASS, OF_YES_OR_NO
from cheatsheet.targets import ROWS_PER_CLASS, SUM_TOLERANCE

# The other crossentropies refuse shapes that differ.
_STRETCHING = (COMPARES_SHAPES & OF_NUMBERS) | OF_MARGINS | {"kl_divergence"}
_BY_FIT = " (recipes.fit does it itself)"


def target_shape(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find targets that cannot be compared with the output: their shapes differ, and none stretches over the other."""
    return [
        _differs("target_shape", output, part, model, data)
        for output, part in _of_other_shape(model, data)
        if not _stretches(output, part.array)
    ]


def stretched_target(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find targets that Keras would stretch silently: 1 value compared with each of many, or many with 1."""
    return [
        _differs("stretched_target", output, part, model, data)
        for output, part in _of_other_shape(model, data)
        if _stretches(output, part.array)
    ]


def empty_columns(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find one-hot rows with more columns than there are outputs, which are empty: `to_categorical` of labels 1..K."""
    found = []
    for output, part in judged_outputs(model, data):
        if part is not None and output.width is not None and _has_row_of_classes(output):
            told = excess_columns(part, output.width)
            if told is not None:
                found.append(at_output("empty_columns", "error", *told, model, output, data))
    return found


def empty_class(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of classes that no row has that an output is there for nothing, as where labels begin at 1."""
    found = []
    for output, part in judged_outputs(model, data):
        width = output.width or 0
        if part is None or width < 3 or data.restores or not _has_row_of_classes(output):
            continue
        if len(part.array) < ROWS_PER_CLASS * width:
            continue  # chance may leave out a class of few rows
        if part.array.ndim == 2 and rows_of(output, part) == "one_hot":
            empty = np.flatnonzero(~part.array.any(axis=0)).tolist()
            seen = f"{_columns(empty)} empty"
        elif output.loss == "sparse_categorical_crossentropy" and part.is_one_per_row and part.is_whole:
            # a gap elsewhere is a choice, and labels outside are `label_range`
            empty = [0] if part.labels[0].tolist() == [*range(1, width)] else []
            seen = "y never holds class 0"
        else:
            continue
        if not empty or output.loss_options.get("ignore_class") in empty:
            continue
        message = f"The model has {width} outputs, for the classes 0 .. {width - 1}, but {seen}"
        if empty == [0]:
            message += ", as where labels begin at 1: one output is for nothing."
            fix = f"number the labels from 0 (labels - 1) and use {width - 1} outputs, unless 0 will be met later"
        else:
            message += f": {count(len(empty), 'output')} for nothing."
            fix = "look whether rows were left out, or leave the class out"
        found.append(at_output("empty_class", "info", message, fix, model, output, data))
    return found


def _has_row_of_classes(output: OutputSpec) -> bool:
    """Say whether the output gives each row one value a class, as far as is known."""
    return output.loss_options.get("axis", -1) == -1 and (output.shape is None or len(output.shape) == 2)


def excess_columns(part: Part, width: int) -> tuple[str, str] | None:
    """Say of one-hot rows with as many empty columns as they have more than there are outputs what that is; or `None`.

    Returns:
        A message and its mend.
    """
    kept = filled_columns(part, width)
    if kept is None:
        return None
    num_columns = part.array.shape[1]
    empty = sorted({*range(num_columns)} - {*kept})
    message = f"y has {num_columns} columns, but the model has {width} outputs, and {_columns(empty)} empty"
    if empty == [*range(len(empty))]:
        first = len(empty)
        message += f", as keras.utils.to_categorical gives for labels that begin at {first}."
        return message, f"use keras.utils.to_categorical(labels - {first}), or y[:, {first}:]"
    return f"{message}.", f"use y[:, {kept}], or as many outputs as columns"


def filled_columns(part: Part, width: int) -> list[int] | None:
    """List the columns of one-hot rows in which some row has its 1, where those are as many as the outputs alone."""
    if part.rows_of != "one_hot" or part.array.ndim != 2 or width < 2 or part.array.shape[1] <= width:
        return None
    kept = np.flatnonzero(part.array.any(axis=0)).tolist()
    return kept if len(kept) == width else None


def _columns(places: list[int]) -> str:
    named = ", ".join(map(str, places))
    return f"column {named} of y is" if len(places) == 1 else f"columns {named} of y are"


def label_encoding(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find labels as numbers where the loss reads one-hot rows, or rows where it reads numbers (keras #11786)."""
    found = []
    for output, part in judged_outputs(model, data):
        if part is None or not part.is_number or (output.width or 0) < 2 or output.loss not in OF_ONE_CLASS:
            continue
        if output.loss_options.get("axis", -1) != -1:
            continue
        is_rows = part.array.ndim > 1 and part.array.shape[-1] == output.width and part.rows_of is not None
        is_rows = is_rows or part.rows_of in ("one_hot", "shares")  # of another width
        steps = len(output.shape) - 2 if output.shape is not None else part.array.ndim - 1 - is_rows
        axes = part.array.ndim - 1 - steps  # 0 for a label, 1 for a row of them
        if output.loss == "sparse_categorical_crossentropy":
            if axes < 1 or (axes == 1 and part.array.shape[-1] == 1):
                continue
            message = f"y holds rows of {part.array.shape[-1]} values, but {output.loss} expects one label for each."
            fix = "use loss='categorical_crossentropy', or y.argmax(axis=-1)"
        else:
            if axes == 0 and is_rows:
                continue  # one row of classes for all steps: `target_shape`
            if (axes != 0 and not (axes == 1 and part.array.shape[-1] == 1)) or not part.is_whole:
                continue
            message = f"y holds labels as numbers, but {output.loss} expects one-hot rows, shape (n, {output.width})."
            labels = _from_zero(part, output.width or 0)
            sparse = "use loss='sparse_categorical_crossentropy'" + (f" with {labels}" if labels != "y" else "")
            fix = f"{sparse}, or keras.utils.to_categorical({labels})" + _BY_FIT
        found.append(at_output("label_encoding", "error", message, fix, model, output, data))
    return found


def _from_zero(part: Part, width: int) -> str:
    """Write what numbers these labels from 0, in terms of y."""
    if part.low >= 0 and part.high < width:
        return "y"
    return "y - 1" if part.low == 1 and part.high == width else "np.unique(y, return_inverse=True)[1]"


def label_range(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find labels that the loss reads as something else, or not at all: 1..K, -1/+1 under binary crossentropy."""
    found = []
    for output, part in judged_outputs(model, data):
        if part is None or not part.is_number or not part.is_finite:
            continue
        told = _strange_labels(output, part)
        if told is not None:
            message, fix = told[0], mend_for_classes(output, part) or told[1]
            found.append(at_output("label_range", "error", message, fix, model, output, data))
    return found


def _strange_labels(output: OutputSpec, part: Part) -> tuple[str, str] | None:
    """Say what these labels are and what mends it; `None` where the loss reads them rightly."""
    loss, low, high = output.loss, part.low, part.high
    if loss == "sparse_categorical_crossentropy":
        if not part.is_whole or output.loss_options.get("axis", -1) != -1:
            return None
        ignored = output.loss_options.get("ignore_class")
        labels = [label for label in part.labels[0].tolist() if label != ignored]
        width = output.width
        if not labels or (labels[0] >= 0 and (width is None or labels[-1] < width)):
            return None
        first, last = labels[0], labels[-1]
        expected = "0 .. K-1" if width is None else f"0 .. {width - 1}"
        message = (
            f"y holds labels {first:g} .. {last:g}, but the loss expects {expected}: on a CPU Keras stops, on a GPU "
            "the loss is NaN."
        )
        marks = [label for label in labels if label in MARKS]
        rest = [label for label in labels if label not in MARKS]
        if marks and len(rest) > 1 and (rest[0] >= 0 and (width is None or rest[-1] < width)):
            return message, f"if {marks[0]:g} stands for no class, use the loss with ignore_class={marks[0]:g}"
        if first == 1 and (width is None or last == width):
            return message, "use y - 1" + _BY_FIT
        return message, "number them with np.unique(y, return_inverse=True)[1]" + _BY_FIT
    if loss in OF_YES_OR_NO:
        if low >= -SUM_TOLERANCE and high <= 1 + SUM_TOLERANCE:
            return None
        message = f"{loss} expects 0 and 1 (or shares between), but y runs from {low:g} to {high:g}"
        two = part.is_whole and len(part.labels[0]) == 2
        if two and (low, high) == (-1, 1):
            return f"{message}: -1 counts as a gain without end.", "use (y + 1) / 2, or tanh with hinge" + _BY_FIT
        if two:
            return f"{message}.", f"use (y == {high:g}).astype(float)" + _BY_FIT
        to_unit = f"divide by {high:g}" if low >= 0 else "use (y - y.min()) / (y.max() - y.min())"
        return f"{message}.", f"{to_unit}, or use loss='mean_squared_error' without a last activation"
    if loss in OF_ONE_CLASS:
        single = part.is_whole and (part.array.ndim == 1 or part.array.shape[-1] == 1)  # label_encoding
        if single or (low >= -SUM_TOLERANCE and high <= 1 + SUM_TOLERANCE):
            return None
        return f"{loss} expects rows of shares, but y runs from {low:g} to {high:g}.", "pass one-hot rows"
    if loss in ("hinge", "squared_hinge"):
        if part.is_whole and set(part.labels[0].tolist()) <= {-1, 0, 1} and len(part.labels[0]) <= 2:
            return None
        fix = f"use np.where(y == {high:g}, 1, -1)" + _BY_FIT if part.is_whole else "pass -1 and +1"
        return f"{loss} expects -1 and +1, but y runs from {low:g} to {high:g}.", fix
    return None


def fractional_labels(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find labels that are no whole numbers, whose fractions Keras cuts off silently (SO 59325381)."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.loss != "sparse_categorical_crossentropy" or part is None or not part.is_number:
            continue
        if not part.is_finite or part.is_whole:
            continue
        message = (
            f"y holds fractions ({part.low:.4g} .. {part.high:.4g}), and Keras takes the whole part for the label."
        )
        fix = "do not scale labels; for quantities use Dense(1) with loss='mean_squared_error'"
        found.append(at_output("fractional_labels", "error", message, fix, model, output, data))
    return found


def missing_target(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say that without y nothing is known of the target, and that Keras' `fit` would stop."""
    if not data.x or data.y or model.has_own_step or not any(output.loss for output in model.outputs):
        return []
    message = "y was not given, so that nothing is said of the target; model.fit(x) would stop."
    return [Finding("missing_target", "info", message, "pass y; for an autoencoder y=x", where=data.where)]


def text_labels(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find labels that are text, which no loss of Keras reads (keras #12047)."""
    found = []
    for part in data.y:
        if part.array.dtype.kind != "U":
            continue
        values = np.unique(part.array)
        message = f"{called('y', part, data.y)} holds text ({show_values(values)}), and Keras reads numbers alone."
        fix = "number it with np.unique(y, return_inverse=True)[1]" + _BY_FIT
        found.append(Finding("text_labels", "error", message, fix, where=data.where))
    return found


def _of_other_shape(model: ModelSpec, data: DataSpec) -> Iterator[tuple[OutputSpec, Part]]:
    """The outputs and targets that should have one shape and do not."""
    for output, part in pair(model.outputs, data.y):
        compared = output.loss in COMPARES_SHAPES or output.loss == "pinball" or _has_other_steps(output, part)
        is_known = output.shape is not None or output.width is not None
        if model.has_own_step or not compared or not is_known or part.array.dtype.kind == "U":
            continue
        if not fits(part.array.shape, _expected(output, part.array)) or _is_one_for_all_steps(
            output, part, model, data
        ):
            yield output, part


def _is_one_for_all_steps(output: OutputSpec, part: Part, model: ModelSpec, data: DataSpec) -> bool:
    """Say whether y has one value a row where the output has one for each of a number of steps that is not fixed.

    There the shapes alone could be those of sequences of one step. That x has more of them, and that no layer gathers
    them, says that they are not.
    """
    if output.shape is None or len(output.shape) != 3 or output.shape[1] is not None or prod(part.array.shape[1:]) != 1:
        return False
    keep = all(layer.is_keras and "Conv" not in layer.kind and "Pool" not in layer.kind for layer in model.layers)
    has_steps = len(data.x) == 1 and data.x[0].array.ndim > 1 and data.x[0].array.shape[1] > 1
    return bool(model.layers) and keep and has_steps


def _has_other_steps(output: OutputSpec, part: Part) -> bool:
    """Say whether numbered classes are there for other steps or pixels than the output judges."""
    if output.loss != "sparse_categorical_crossentropy" or output.shape is None or output.is_own_loss:
        return False
    if output.loss_options.get("axis", -1) != -1 or part.array.ndim == len(output.shape):
        return False  # label_encoding
    return not fits(part.array.shape, output.shape[:-1])


def _expected(output: OutputSpec, target: np.ndarray) -> tuple[int | None, ...]:
    if output.loss == "pinball":
        return (None, 1)  # every quantile is compared with the same value
    if output.shape is not None:
        return output.shape[:-1] if output.loss == "sparse_categorical_crossentropy" else output.shape
    return (*(None,) * max(target.ndim - 1, 1), output.width)  # not built yet: its last axis alone is known


def _stretches(output: OutputSpec, target: np.ndarray) -> bool:
    """Say whether the loss compares the two all the same: losses of numbers do, where NumPy's broadcasting would."""
    given, expected = as_compared(target.shape, _expected(output, target))
    return (
        output.loss in _STRETCHING
        and len(expected) == len(given)
        and all(
            size is None or size == mine or 1 in (size, mine)
            for size, mine in zip(expected[1:], given[1:], strict=True)
        )
    )


def _differs(rule: str, output: OutputSpec, part: Part, model: ModelSpec, data: DataSpec) -> Finding:
    shape, expected = part.array.shape, _expected(output, part.array)
    stretched = "; Keras would stretch one over the other silently" if rule == "stretched_target" else ""
    if output.loss == "pinball":
        message = f"The rows of y have shape {shape[1:]}, but pinball compares all quantiles with one value a row."
        fix = "pass one column of y"
    elif (spread := mend_of_steps(output, shape)) is not None and output.shape is not None:
        message = f"y has shape {shape}, one answer a row, but the model gives {output.shape[1:]} for each{stretched}."
        fix = spread
    elif len(shape) <= 2 and len(expected) <= 2:
        values, outputs = count(shape[1] if len(shape) > 1 else 1, "value"), count(expected[-1] or 0, "output")
        message = (
            f"y has {values} a row (shape {shape}), but the model has {outputs}. Expected the same number{stretched}."
        )
        fix = mend_for_classes(output, part) or "build the model with y=y, or mend y's shape"
    else:
        message = (
            f"The rows of y have shape {shape[1:]}, but the model gives {expected[1:]}. Expected the same{stretched}."
        )
        sizes = ", ".join(str(size) for size in expected[1:])
        same = output.values_per_row == int(np.prod(shape[1:]))
        fix = f"use y.reshape(-1, {sizes}), or mend the model" if same else "resize y, or mend the model"
    return at_output(rule, "error", message, fix, model, output, data)
