"""Two columns and two classes of whatever the user has, as points that can be drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cheatsheet.common.arrays import as_array, distinct, require_finite
from cheatsheet.common.tables import is_table, names_in, select
from cheatsheet.common.words import count, did_you_mean, show_values
from cheatsheet.finding import unfit_target, unreadable
from cheatsheet.targets import plain_labels
from recipes.features import as_features


@dataclass(frozen=True)
class Points:
    """Points of two classes in the plane.

    Attributes:
        x: `(n, 2)`, float64.
        is_second: `(n,)`, true for the second class.
        columns: Names of the two columns.
        classes: The two labels.
    """

    x: np.ndarray = field(repr=False)
    is_second: np.ndarray = field(repr=False)
    columns: tuple[str, str]
    classes: tuple[Any, Any]


def read_points(
    x: Any,
    y: Any,
    *,
    columns: Sequence[Any] | None = None,
    classes: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
) -> Points:
    """Read two columns and two classes.

    Args:
        x: Array or table `(n, k)` of numbers.
        y: Labels `(n,)`, of any kind; or the name of the column of x that holds them.
        columns: Which two: names in a table, places in an array; not needed where there are two.
        classes: Which two labels, the first one negative; rows of others are left out. Not needed where there are two.
        names: What to call the two columns.

    Raises:
        DataError: for what holds no finite numbers, and for a target without two classes.
        ValueError: for other than two columns, unknown ones, and numbers of rows that differ.
    """
    if isinstance(y, str):
        x, y = _without_target(x, y)
    x, own_names = _two_columns(x, columns)
    if names is not None and (isinstance(names, str) or len(names) != 2):
        raise ValueError(f"names must be those of the two columns. Received: names={names!r}. Leave it out.")
    first_name, second_name = map(str, names or own_names)
    features = as_features(x).astype(np.float64)
    labels = as_array(y, "y")
    require_finite(labels, "y")
    if labels.ndim > 1 and labels.shape[1:] == (1,):
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise unfit_target(f"y has shape {labels.shape}. Expected one label a row, (n,).", "pass y.argmax(axis=1)")
    if len(features) != len(labels):
        raise ValueError(
            f"x has {count(len(features), 'row')}, but y has {len(labels):,}. Expected one label for each row of x."
        )
    first, second = _two_classes(labels, classes)
    kept = (labels == first) | (labels == second)
    plain = plain_labels(np.array([first, second]))
    return Points(features[kept], labels[kept] == second, (first_name, second_name), (plain[0], plain[1]))


def _without_target(x: Any, name: str) -> tuple[Any, Any]:
    """Take the target's column out of a table."""
    if not is_table(x):
        raise ValueError(f"y={name!r} names a column, but x is no table. Pass the labels themselves, one for each row.")
    names = names_in(x)
    if name not in names:
        raise ValueError(
            f"x has no column {name!r} for y. It has {show_values(names, 20)}.{did_you_mean(name, map(str, names))}"
        )
    return select(x, [other for other in names if other != name]), x[name]


def _two_columns(x: Any, columns: Sequence[Any] | None) -> tuple[Any, tuple[str, str]]:
    if columns is not None and (isinstance(columns, str) or len(columns) != 2 or columns[0] == columns[1]):
        raise ValueError(f"columns must be two different ones. Received: columns={columns!r}. Expected like (0, 2).")
    if is_table(x):
        names = names_in(x)
    else:
        x = as_array(x, "x")
        if x.ndim != 2:
            raise ValueError(f"x has shape {x.shape}. Expected two columns, (n, 2). A line needs a plane to lie in.")
        names = [*range(x.shape[1])]
    if columns is None:
        if len(names) != 2:
            raise ValueError(
                f"x has {count(len(names), 'column')}. Expected two, the axes of the plane. Say which, such as "
                f"columns=({names[0]!r}, {names[-1]!r})."
                if len(names) > 2
                else f"x has {count(len(names), 'column')}. Expected two, the axes of the plane. Add another column."
            )
        columns = names
    for column in columns:
        if column not in names:
            raise ValueError(
                f"x has no column {column!r}. It has {show_values(names, 20)}.{did_you_mean(column, map(str, names))}"
            )
    chosen = select(x, columns) if is_table(x) else x[:, list(columns)]
    first, second = (column if isinstance(column, str) else f"column {column}" for column in columns)
    return chosen, (first, second)


def _two_classes(labels: np.ndarray, classes: Sequence[Any] | None) -> tuple[Any, Any]:
    values, _ = distinct(labels)
    if classes is None:
        if len(values) == 1:
            raise unfit_target(
                f"y holds one class only ({show_values(values)}) in {count(len(labels), 'row')}. Expected two.",
                "look where y was filtered, sorted or split",
            )
        if len(values) > 2:
            raise unfit_target(
                f"y holds {len(values)} classes ({show_values(values)}). Expected two, as a line has two sides.",
                f"say which, such as classes=({', '.join(map(repr, plain_labels(values[:2])))})",
            )
        return values[0], values[1]
    if isinstance(classes, str) or len(classes) != 2 or classes[0] == classes[1]:
        raise ValueError(f"classes must be two different labels. Received: classes={classes!r}.")
    known = plain_labels(values)
    for label in classes:
        if label not in known:
            raise unreadable(
                f"y has no label {label!r}. It has {show_values(known, 20)}.{did_you_mean(label, map(str, known))}"
            )
    return classes[0], classes[1]
