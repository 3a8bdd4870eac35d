"""Labels into the numbers that a compiled loss wants, and the names of the classes kept."""

from typing import Any

import numpy as np

from cheatsheet.common.arrays import as_array, distinct, require_finite
from cheatsheet.common.tables import class_columns
from cheatsheet.common.words import count, show_values
from cheatsheet.dataspec import Part
from cheatsheet.finding import DataError, Finding, unfit_target
from cheatsheet.modelspec import OutputSpec
from cheatsheet.rules.labels import excess_columns
from cheatsheet.rules.outputs import mend_of_steps
from cheatsheet.table import OF_NUMBERS, OF_ONE_CLASS, OF_YES_OR_NO
from cheatsheet.targets import (
    ROWS_PER_CLASS,
    in_unit_interval,
    is_distribution,
    is_whole,
    look_alike,
    plain_labels,
    require_target,
)
from recipes.features import as_features, as_float32, in_order
from recipes.training.signature import Classes

_OF_CLASSES = OF_ONE_CLASS | {"kl_divergence"}


class UnknownLabels(DataError):
    """Labels that are not among the classes found before.

    Attributes:
        strange: These labels.
        classes: Those found before.
    """

    def __init__(self, strange: np.ndarray, classes: Classes) -> None:
        self.strange, self.classes = strange, classes
        message = (
            f"y holds labels that the training target lacks: {show_values(strange)}. "
            f"Expected {show_values(np.asarray(classes))}.{self.likeness}"
        )
        super().__init__([Finding("unknown_labels", "error", message)])

    @property
    def likeness(self) -> str:
        """Say which strange label differs from a known one in blanks or capitals alone; empty where none does."""
        pairs = (look_alike([*self.classes, label]) for label in np.asarray(self.strange).tolist())
        alike = next((pair for pair in pairs if pair), "")
        return f" {alike}." if alike else ""


def encode_target(y: Any, output: OutputSpec, classes: Classes | None = None) -> tuple[np.ndarray, Classes | None]:
    """Encode these labels as the array that the loss of this output wants.

    Labels that the loss can read are left as they are; text, -1/+1 and gaps are numbered in sorted order; the columns
    of a table of one-hot rows are classes in their own order. Where the loss has an `axis` of its own, or leaves a
    class out, the user has numbered them, and they are left alone.

    Args:
        y: Target as for `cheatsheet.infer_task`, one row per example; for an output with steps or pixels also one
            label, or one row of a distribution, for each.
        output: With Keras' full name of its compiled loss, for one of the user's own `y` is only checked for being
            numbers; with its width and shape, as far as they are known.
        classes: The order found in the training target, for validation data.

    Returns:
        The encoded target, and the label of each class in the order of the outputs (`None` for numbers).

    Raises:
        ValueError: naming what `y` holds, what the loss expects and the mend; mostly a `DataError`. Shapes are left to
            the rules.
    """
    loss = output.loss or ""
    if output.loss_options.get("axis", -1) != -1:
        return as_features(y, "y"), None
    if loss in OF_YES_OR_NO:
        return _for_binary(y, output, classes)
    if loss in ("hinge", "squared_hinge"):
        return _two_labels(y, loss, (-1, 1), classes)
    if loss in _OF_CLASSES:
        return _for_classes(y, output, classes)
    if loss not in OF_NUMBERS:
        array = as_features(y, "y")
        return array if np.ndim(y) > 1 else array[:, 0], None
    array = require_target(y, "regression", loss)
    if array.ndim == 1:
        array = array[:, None]  # (n, 1), as the output: Keras broadcasts other pairs of shapes silently
    return as_float32(array, "y"), None


def require_numbered(classes: Classes | None, output: OutputSpec) -> None:
    """Require whole numbers as labels of one of several outputs to be those of its loss, 0..K-1.

    Text is encoded there as in a single output. But of several arrays of numbers that stand for different things nobody
    sees which one was shifted, and Keras' own losses, metrics and callbacks count each from 0.

    Raises:
        DataError: for other whole numbers, such as 1..K.
    """
    if classes is None or output.loss not in _OF_CLASSES or not all(isinstance(label, int) for label in classes):
        return
    if classes != tuple(range(len(classes))):
        raise unfit_target(
            f"y holds the labels {show_values(classes)}. Among several outputs {output.loss} takes the classes "
            f"0..{len(classes) - 1}.",
            "number them from 0 (y - y.min() where none is left out), or pass the names of the classes as text",
        )


def doubtful_labels(target: np.ndarray, classes: Classes, output: OutputSpec) -> list[Finding]:
    """Say which classes may be another one, misspelt: labels alike but for blanks and capitals, and a single row.

    Args:
        target: Encoded; where each step or pixel has a class, nothing is said.
        classes: The label of each.
        output: With its loss; several outputs have names.
    """
    index = class_index(target, output.loss or "")
    if index.ndim != 1 or len(index) < ROWS_PER_CLASS * len(classes):
        return []
    rows = np.bincount(index[(index >= 0) & (index < len(classes))].astype(int), minlength=len(classes))
    found = []
    if alike := look_alike([label for label, number in zip(classes, rows, strict=True) if number]):
        message = f"{alike} in y, and are classes of their own."
        fix = "if they are one class, mend y, such as by y.str.strip().str.lower()"
        found.append(Finding("look_alike_labels", "warning", message, fix))
    single = [label for label, number in zip(classes, rows, strict=True) if number == 1]
    if single:
        which = f"class {show_values(single)} has" if len(single) == 1 else f"classes {show_values(single)} have"
        message = f"The {which} a single row of {len(index):,}, which cannot both train and validate."
        found.append(Finding("single_row_class", "warning", message, "look for a misspelt label, or leave the row out"))
    return found


def class_index(targets: np.ndarray, loss: str) -> np.ndarray:
    """Find the class of each row, step or pixel from the encoding that this loss wants; without the classes' axis."""
    if loss == "sparse_categorical_crossentropy":
        return targets
    if targets.shape[-1] > 1 and targets.ndim > 1:
        return targets.argmax(axis=-1)
    second = targets > (0 if "hinge" in loss else 0.5)
    return (second[..., 0] if second.ndim > 1 else second).astype(int)


def _steps_of(output: OutputSpec) -> tuple[int | None, ...]:
    """Give the axes between rows and classes of an output that judges each step or pixel; none where it judges rows."""
    return () if output.shape is None else output.shape[1:-1]


def _for_binary(y: Any, output: OutputSpec, classes: Classes | None) -> tuple[np.ndarray, Classes | None]:
    array, units = as_array(y, "y"), output.values_per_row
    if array.ndim > 1 and array.shape[1:] != (1,):
        require_finite(array, "y")
        is_text = array.dtype.kind == "U"
        if not is_text and in_unit_interval(array) and classes is None:
            return as_float32(array, "y"), None  # the very same array for an autoencoder
        if _steps_of(output) and output.width == 1 and (is_text or len(np.unique(array)) == 2):
            labels, classes = _two_labels(array.reshape(-1), output.loss or "", (0, 1), classes)
            return labels.reshape(array.shape), classes
        if is_text or not in_unit_interval(array):
            held = f"holds text ({show_values(array)})" if is_text else f"runs from {array.min()} to {array.max()}"
            raise unfit_target(
                f"{output.loss} expects values in [0, 1], but y {held}.",
                "scale them (divide by 255, say), or use loss='mean_squared_error'",
            )
        return as_float32(array, "y"), None
    if units not in (None, 1):
        _require_one_answer(array, output)
        raise unfit_target(
            f"y has shape {array.shape}, one label a row, but the model has {units} outputs with {output.loss}.",
            f"build it with task='multiclass', num_classes={units}, or pass {units} columns of 0 and 1",
        )
    return _two_labels(array, output.loss or "", (0, 1), classes)


def _two_labels(
    y: Any, loss: str, codes: tuple[int, int], classes: Classes | None
) -> tuple[np.ndarray, Classes | None]:
    array = require_target(y, "binary", loss)  # (n,)
    if array.dtype.kind == "f" and not is_whole(array) and codes == (0, 1) and classes is None:
        return array[:, None].astype(np.float32), None  # probabilities of class 1
    if classes is None:
        values, _ = distinct(array)
        if len(values) == 1:
            raise unfit_target(
                f"y holds one class only ({show_values(values)}) in {len(array)} rows. Expected two.",
                "look where y was filtered, sorted or split",
            )
        classes = plain_labels(values)
    encoded = np.asarray(codes, dtype=np.float32)[_positions(array, classes)]
    return encoded[:, None], classes


def _for_classes(y: Any, output: OutputSpec, classes: Classes | None) -> tuple[np.ndarray, Classes | None]:
    """Encode labels or rows; the columns of a table of one-hot rows name the classes, and then say their order."""
    names = None if _steps_of(output) else class_columns(y)
    if names and classes and all(isinstance(label, str) for label in classes):
        y = in_order(y, classes, "y")
    encode = _as_indices if output.loss == "sparse_categorical_crossentropy" else _as_rows
    target, found = encode(y, output, classes)
    if names and classes is None and found == tuple(range(len(names))):
        found = names
    return target, found


def _as_indices(y: Any, output: OutputSpec, classes: Classes | None) -> tuple[np.ndarray, Classes | None]:
    steps, loss = _steps_of(output), output.loss or ""
    units = output.width if steps else output.values_per_row
    array = as_array(y, "y")
    if "ignore_class" in output.loss_options and output.loss_options["ignore_class"] is not None:
        return _left_alone(array, output, units)
    if steps:
        array = _without_classes(array, output)
        flat = require_target(array.reshape(-1), "multiclass", loss)
    else:
        flat = array = require_target(array, "multiclass", loss)
        if array.ndim == 2:
            _require_width(array, units)
            return array.argmax(axis=1).astype(np.int32), tuple(range(array.shape[1]))
    if classes is None:
        classes = _classes_of(flat, units)
    return _positions(flat, classes).astype(np.int32).reshape(array.shape), classes


def _left_alone(array: np.ndarray, output: OutputSpec, units: int | None) -> tuple[np.ndarray, Classes | None]:
    """Require labels that are numbered already, but for the one that the loss leaves out."""
    ignored = output.loss_options["ignore_class"]
    require_finite(array, "y")
    kept = array[array != ignored] if array.dtype.kind != "U" else array
    numbered = kept.dtype.kind != "U" and is_whole(kept) and (kept.size == 0 or kept.min() >= 0)
    if not numbered or (units is not None and kept.size and kept.max() >= units):
        raise unfit_target(
            f"{output.loss} leaves out ignore_class={ignored}, and so reads the other labels of y as they are, but y "
            f"holds {show_values(np.unique(kept))}. Expected 0..{'K-1' if units is None else units - 1}.",
            "number the classes from 0",
        )
    if array.ndim > 1 and array.shape[-1] == 1 and not (output.shape is not None and array.ndim < len(output.shape)):
        array = array[..., 0]
    return array.astype(np.int32), None if units is None else tuple(range(units))


def _without_classes(array: np.ndarray, output: OutputSpec) -> np.ndarray:
    """Give one label for each step or pixel, also from one-hot and from a last axis of size 1.

    Raises:
        DataError: for other axes than the output has.
    """
    assert output.shape is not None
    if array.ndim == len(output.shape):
        if array.shape[-1] == 1 and output.width != 1:
            array = array[..., 0]
        elif array.dtype.kind != "U" and array.shape[-1] == output.width and is_distribution(_rows(array)):
            array = array.argmax(axis=-1)
    sizes = output.shape[1:-1]
    if array.ndim != len(sizes) + 1 or any(b not in (None, a) for a, b in zip(array.shape[1:], sizes, strict=True)):
        _require_one_answer(array, output)
        message = (
            f"The rows of y have shape {array.shape[1:]}, but the model gives one of {output.width} classes for each "
            f"of {sizes}. Expected one label for each of these."
        )
        raise DataError([Finding("target_shape", "error", message, "mend y's shape, or the model")])
    return array


def _require_one_answer(array: np.ndarray, output: OutputSpec) -> None:
    """Require an output that gives one answer a row, where y has one a row: a Flatten may have been forgotten."""
    fix = mend_of_steps(output, array.shape)
    if fix is not None and output.shape is not None:
        message = f"y has shape {array.shape}, one answer a row, but the model gives {output.shape[1:]} for each."
        raise DataError([Finding("target_shape", "error", message, fix)])


def _rows(array: np.ndarray) -> np.ndarray:
    """Put the last axes side by side: `(rows * steps, classes)`."""
    return array.reshape(-1, array.shape[-1])


def _as_rows(y: Any, output: OutputSpec, classes: Classes | None) -> tuple[np.ndarray, Classes | None]:
    array, steps = as_array(y, "y"), _steps_of(output)
    is_of_rows = (array.ndim == 2 and not steps) or (bool(steps) and array.ndim == len(steps) + 2)
    if is_of_rows and array.shape[-1] > 1:
        require_finite(array, "y")
        if array.dtype.kind == "U" or not is_distribution(_rows(array)):
            raise unfit_target(
                f"{output.loss} expects rows that sum to 1, but the first row of y is {show_values(_rows(array)[0])}.",
                "for several labels a row build the model with task='multilabel'",
            )
        return array.astype(np.float32), tuple(range(array.shape[-1])) if is_whole(array) else None
    indices, classes = _as_indices(array, output, classes)
    width = (output.width if steps else output.values_per_row) or len(classes or ())
    return np.eye(width, dtype=np.float32)[indices], classes


def _classes_of(array: np.ndarray, units: int | None) -> Classes:
    values, _ = distinct(array)
    width = units or len(values)
    if array.dtype.kind != "U" and values[0] >= 0 and values[-1] < width:
        return tuple(range(width))  # numbered as the loss wants them, though some class may be absent
    if len(values) == width:
        return plain_labels(values)
    alike = look_alike(values.tolist())
    raise unfit_target(
        f"The model has {width} outputs, but y holds {len(values)} classes: {show_values(values)}. "
        f"Expected labels 0..{width - 1}, or {width} different ones." + (f" {alike}." if alike else ""),
        f"build the model with num_classes={len(values)}, or mend y",
    )


def _positions(array: np.ndarray, classes: Classes) -> np.ndarray:
    """Find the index of each label in `classes`, in whatever order these are."""
    known = np.asarray(classes)
    if (known.dtype.kind == "U") != (array.dtype.kind == "U"):  # text against numbers
        raise UnknownLabels(np.unique(array), classes)
    order = np.argsort(known)
    position = order[np.minimum(np.searchsorted(known, array, sorter=order), len(known) - 1)]
    strange = known[position] != array
    if strange.any():
        raise UnknownLabels(np.unique(array[strange]), classes)
    return position


def _require_width(array: np.ndarray, units: int | None) -> None:
    """Require one-hot rows of as many columns as the model has outputs: once they are numbered, no rule can tell."""
    if units is not None and array.shape[1] != units:
        if (told := excess_columns(Part(array), units)) is not None:
            raise DataError([Finding("empty_columns", "error", *told)])
        message = (
            f"y has {count(array.shape[1], 'value')} a row (shape {array.shape}), but the model has "
            f"{count(units, 'output')}. Expected the same number."
        )
        raise DataError([Finding("target_shape", "error", message, "build the model with y=y, or mend y's shape")])
