"""Several arrays as one dict, list or tuple: a tree, as Keras calls it, of one level where a user writes it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np


def is_tree(values: Any, ends: Sequence[Any]) -> bool:
    """Say whether these are several arrays, rather than one that is written as a list or tuple of rows."""
    if isinstance(values, Mapping):
        return True
    return isinstance(values, list | tuple) and len(ends) > 1


def items_of(tree: Any) -> list[tuple[Any, Any]]:
    """List the parts of a dict with their keys, those of a list or tuple with their places."""
    return list(tree.items()) if isinstance(tree, Mapping) else list(enumerate(tree))


def rebuilt(tree: Any, arrays: Iterable[Any]) -> Any:
    """Put other arrays, in the order of `items_of`, into a dict with the same keys, or a list or tuple."""
    return dict(zip(tree, arrays, strict=True)) if isinstance(tree, Mapping) else type(tree)(arrays)


def num_rows_of(tree: Any) -> int:
    """Count the rows of an array, or of the first array of a tree."""
    return len(keras.tree.flatten(tree)[0])


def take(tree: Any, rows: np.ndarray) -> Any:
    """Take these rows of every array in a tree; `None` stays `None`."""
    return None if tree is None else keras.tree.map_structure(lambda array: array[rows], tree)
