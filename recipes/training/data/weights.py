"""How much does each row count? Weights of the rows, and of the classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cheatsheet.common.words import show_values
from cheatsheet.finding import DataError, Finding
from recipes.features import as_features
from recipes.training.data.targets import Classes

Weights = np.ndarray | None


def read_weights(sample_weight: Any) -> Weights:
    """Return weights as float32, in the shape they came in, for the rules to judge; `None` stays `None`.

    Raises:
        ValueError: for what holds no numbers, or not finite ones.
    """
    if sample_weight is None:
        return None
    weights = as_features(sample_weight, "sample_weight").astype(np.float32)
    return weights[:, 0] if np.ndim(sample_weight) == 1 else weights


def class_weights(class_weight: Any, targets: Any, classes: Classes | None) -> np.ndarray:
    """Return the weight of each class, in the order of the classes.

    Args:
        class_weight: `"balanced"`, or a weight for each class, by label or by index.
        targets: Encoded targets.
        classes: The label of each class; `None` for a target of numbers.

    Raises:
        DataError: for a target of numbers, for keys that are not the classes, and for weights that are none.
    """
    if classes is None:
        raise _unfit("class_weight needs a target of classes, but this loss takes numbers. Use sample_weight.")
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(class_index(targets), minlength=len(classes))
        return (counts.sum() / (len(classes) * np.maximum(counts, 1))).astype(np.float32)  # as scikit-learn's
    if not isinstance(class_weight, Mapping):
        raise _unfit(f"class_weight must be 'balanced' or a dict from class to weight. Received: {class_weight!r}.")
    by_label = all(label in class_weight for label in classes)
    by_index = all(index in class_weight for index in range(len(classes)))
    if not (by_label or by_index) or len(class_weight) != len(classes):
        raise _unfit(
            f"class_weight has the keys {show_values(list(class_weight))}. Expected one for each class: "
            f"{show_values(list(classes), 20)}."
        )
    keys = classes if by_label else range(len(classes))
    table = np.array([class_weight[key] for key in keys], dtype=np.float32)
    if not np.isfinite(table).all() or table.min() < 0:
        raise _unfit(f"class_weight must hold finite weights >= 0. Received: {dict(class_weight)}.")
    return table


def class_index(targets: np.ndarray) -> np.ndarray:
    """Find the class of each row, from any of the encodings; `(n,)`."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        return targets.argmax(axis=1)
    return np.unique(targets.ravel(), return_inverse=True)[1] if targets.min() < 0 else targets.ravel().astype(int)


def _unfit(message: str) -> DataError:
    return DataError([Finding("class_weight", "error", message)])
