"""Which rows train, which validate, and in which order: a function of the seed alone."""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def epoch_order(seed: int, epoch: int, num_rows: int) -> np.ndarray:
    """Give the order in which the rows are met in this epoch.

    A fresh permutation for each epoch that depends on `(seed, epoch)` alone, so that a run can be repeated and
    taken up again at any epoch. Keras' own seeded shuffle repeats one permutation in every epoch.

    Args:
        seed: Of the run, `0 <= seed < 2**64`.
        epoch: Number of the epoch, from 0.
        num_rows: Number of training rows.

    Returns:
        Permutation of `0 .. num_rows - 1`, int32.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64)))
    return generator.permutation(num_rows).astype(np.int32)


def fixed_batch(model: "keras.Model") -> int | None:
    """Return the number of rows that a model with stateful layers takes at once; `None` for any number."""
    inputs = getattr(model, "inputs", None) or ()
    fixed = next((int(one.shape[0]) for one in inputs if one.shape and one.shape[0]), None)
    if fixed is None or not any(getattr(layer, "stateful", False) for layer in model._flatten_layers()):
        return None
    return fixed


def rows_at_once(model: "keras.Model", num_rows: int, batch_size: int) -> int:
    """Return how many rows the model is given at once: so many, or the number that it is built for.

    Raises:
        ValueError: for rows that do not fill batches of the latter.
    """
    fixed = fixed_batch(model)
    if fixed is None:
        return batch_size
    if num_rows % fixed:
        raise ValueError(
            f"The model takes batches of {fixed} rows, and {num_rows:,} leave {num_rows % fixed} over. Pass "
            f"{num_rows - num_rows % fixed:,} rows, or build it without a fixed batch."
        )
    return fixed


def split_rows(
    num_rows: int, fraction: float, seed: int, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Choose which rows train and which validate.

    Shuffled, and with `labels` stratified: each class gives the same fraction, rounded so that the total is right.

    Args:
        num_rows: Number of rows.
        fraction: Share that validates, `0 < fraction < 1`.
        seed: Of the run.
        labels: Class index of each row `(num_rows,)`, or `None`.

    Returns:
        Row numbers of the training part and of the validation part, each sorted.

    Raises:
        ValueError: where one part would be empty.
    """
    num_validation = math.ceil(num_rows * fraction)
    if num_validation >= num_rows:
        raise ValueError(
            f"validation_split={fraction} of {num_rows} rows leaves nothing to train on. "
            "Pass more rows or a smaller part."
        )
    # Philox's key (seed, epoch) never reaches this epoch, so the split shares no random numbers with the batches.
    order = epoch_order(seed, 2**64 - 1, num_rows)
    if labels is not None:
        order = _interleave_classes(order, labels)
    return np.sort(order[num_validation:]), np.sort(order[:num_validation])


def _interleave_classes(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Reorder a shuffle so that every leading part of it holds each class in proportion."""
    shuffled = labels[order]
    place = np.empty(len(order))
    for label in np.unique(shuffled):
        rows = np.flatnonzero(shuffled == label)
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)  # evenly spread over 0..1
    return order[np.argsort(place, kind="stable")]
