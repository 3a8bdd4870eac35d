"""Labels into the numbers that a compiled loss wants, and the names of the classes kept."""

from typing import Any

import numpy as np

from cheatsheet.common.arrays import as_array, require_finite
from cheatsheet.common.words import count, show_values
from cheatsheet.finding import DataError, Finding, unfit_target
from cheatsheet.table import OF_NUMBERS
from cheatsheet.targets import in_unit_interval, is_distribution, is_whole, plain_labels, require_target
from recipes.features import as_features, as_float32

Classes = tuple[Any, ...]


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
            f"Expected {show_values(np.asarray(classes))}."
        )
        super().__init__([Finding("unknown_labels", "error", message)])


def encode_target(
    y: Any, loss: str, units: int | None, classes: Classes | None = None
) -> tuple[np.ndarray, Classes | None]:
    """Encode these labels as the array that this loss wants.

    Labels that the loss can read are left as they are; text, -1/+1 and gaps are numbered in sorted order.

    Args:
        y: Target as for `cheatsheet.infer_task`, one row per example.
        loss: Keras' full name of the compiled loss; for one of the user's own `y` is only checked for being numbers.
        units: Width of the model's output, `None` while it is not known.
        classes: The order found in the training target, for validation data.

    Returns:
        The encoded target, and the label of each class in the order of the outputs (`None` for numbers).

    Raises:
        ValueError: naming what `y` holds, what the loss expects and the mend; mostly a `DataError`. Shapes are left to
            the rules.
    """
    if loss == "binary_crossentropy":
        return _for_binary(y, units, classes)
    if loss in ("hinge", "squared_hinge"):
        labels, classes = _two_labels(y, loss, (-1, 1), classes)
        return labels, classes
    if loss == "sparse_categorical_crossentropy":
        return _as_indices(y, loss, units, classes)
    if loss in ("categorical_crossentropy", "kl_divergence"):
        return _as_rows(y, loss, units, classes)
    if loss not in OF_NUMBERS:
        array = as_features(y, "y")
        return array if np.ndim(y) > 1 else array[:, 0], None
    array = require_target(y, "regression", loss)
    if array.ndim == 1:
        array = array[:, None]  # (n, 1), as the output: Keras broadcasts other pairs of shapes silently
    return as_float32(array, "y"), None


def _for_binary(y: Any, units: int | None, classes: Classes | None) -> tuple[np.ndarray, Classes | None]:
    array = as_array(y, "y")
    if array.ndim > 1 and array.shape[1:] != (1,):
        require_finite(array, "y")
        if array.dtype.kind == "U" or not in_unit_interval(array):
            raise unfit_target(
                f"binary_crossentropy expects values in [0, 1], but y runs from {array.min()} to {array.max()}.",
                "scale them (divide by 255, say), or use loss='mean_squared_error'",
            )
        return as_float32(array, "y"), None  # the very same array for an autoencoder
    if units not in (None, 1):
        raise unfit_target(
            f"y has shape {array.shape}, one label a row, but the model has {units} outputs with binary_crossentropy.",
            f"build it with task='multiclass', num_classes={units}, or pass {units} columns of 0 and 1",
        )
    return _two_labels(array, "binary_crossentropy", (0, 1), classes)


def _two_labels(
    y: Any, loss: str, codes: tuple[int, int], classes: Classes | None
) -> tuple[np.ndarray, Classes | None]:
    array = require_target(y, "binary", loss)  # (n,)
    if array.dtype.kind == "f" and not is_whole(array) and codes == (0, 1) and classes is None:
        return array[:, None].astype(np.float32), None  # probabilities of class 1
    if classes is None:
        values = np.unique(array)
        if len(values) == 1:
            raise unfit_target(
                f"y holds one class only ({show_values(values)}) in {len(array)} rows. Expected two.",
                "look where y was filtered, sorted or split",
            )
        classes = plain_labels(values)
    encoded = np.asarray(codes, dtype=np.float32)[_positions(array, classes)]
    return encoded[:, None], classes


def _as_indices(y: Any, loss: str, units: int | None, classes: Classes | None) -> tuple[np.ndarray, Classes | None]:
    array = require_target(y, "multiclass", loss)
    if array.ndim == 2:
        _require_width(array, units)
        return array.argmax(axis=1).astype(np.int32), tuple(range(array.shape[1]))
    if classes is None:
        classes = _classes_of(array, units)
    return _positions(array, classes).astype(np.int32), classes


def _as_rows(y: Any, loss: str, units: int | None, classes: Classes | None) -> tuple[np.ndarray, Classes | None]:
    array = as_array(y, "y")
    if array.ndim == 2 and array.shape[1] > 1:
        require_finite(array, "y")
        if not is_distribution(array):
            raise unfit_target(
                f"{loss} expects rows that sum to 1, but the first row of y is {show_values(array[0])}.",
                "for several labels a row build the model with task='multilabel'",
            )
        return array.astype(np.float32), tuple(range(array.shape[1])) if is_whole(array) else None
    indices, classes = _as_indices(array, loss, units, classes)
    width = units or len(classes or ())
    return np.eye(width, dtype=np.float32)[indices], classes


def _classes_of(array: np.ndarray, units: int | None) -> Classes:
    values = np.unique(array)
    width = units or len(values)
    if array.dtype.kind != "U" and values[0] >= 0 and values[-1] < width:
        return tuple(range(width))  # numbered as the loss wants them, though some class may be absent
    if len(values) == width:
        return plain_labels(values)
    raise unfit_target(
        f"The model has {width} outputs, but y holds {len(values)} classes: {show_values(values)}. "
        f"Expected labels 0..{width - 1}, or {width} different ones.",
        f"build the model with num_classes={len(values)}, or mend y",
    )


def _positions(array: np.ndarray, classes: Classes) -> np.ndarray:
    """Find the index of each label in `classes`, which are sorted."""
    known = np.asarray(classes)
    if (known.dtype.kind == "U") != (array.dtype.kind == "U"):  # text against numbers
        raise UnknownLabels(np.unique(array), classes)
    position = np.searchsorted(known, array)
    strange = known[np.minimum(position, len(known) - 1)] != array
    if strange.any():
        raise UnknownLabels(np.unique(array[strange]), classes)
    return position


def _require_width(array: np.ndarray, units: int | None) -> None:
    """Require one-hot rows of as many columns as the model has outputs: once they are numbered, no rule can tell."""
    if units is not None and array.shape[1] != units:
        message = (
            f"y has {count(array.shape[1], 'value')} a row (shape {array.shape}), but the model has "
            f"{count(units, 'output')}. Expected the same number."
        )
        raise DataError([Finding("target_shape", "error", message, "build the model with y=y, or mend y's shape")])
