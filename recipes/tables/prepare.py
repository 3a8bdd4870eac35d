"""A table that is read, split and understood: all that happens before something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cheatsheet.common.arguments import require_whole
from cheatsheet.common.words import count, show_values
from cheatsheet.finding import Finding, unreadable
from recipes.tables.columns.column import Columns
from recipes.tables.columns.kinds import DATES_AND, DATES_IN_FORMS, NUMBERS_AND, TWO_MARKS, decide_columns
from recipes.tables.columns.leaks import leaks
from recipes.tables.columns.remarks import alike, beyond_limit, remarks
from recipes.tables.columns.repeats import repeated_ids
from recipes.tables.columns.values import as_texts, is_dates, values_of
from recipes.tables.reading.frames import read_frame, require_column, require_name
from recipes.tables.reading.reading import Reading
from recipes.tables.split import Split, split_rows
from recipes.tables.target import Target, decide_target, on_scale

FEWEST_OF_CLASS = 5  # rows
_MENDS = {
    NUMBERS_AND: "write numbers, or leave the fields empty",
    DATES_AND: "write dates, leave the fields empty, or delete such rows",
    DATES_IN_FORMS: "write them as 2024-12-31",
    TWO_MARKS: "write all of them with one decimal mark",
}
MANY_GAPS = 0.1  # of the rows with a word in the target: so often a word that was read as missing may be a class
FEWEST_REPEATED, MORE_REPEATED = 3, 10.0  # test rows that the others hold too, and how many times more than by chance


@dataclass(frozen=True)
class Prepared:
    """A table that is read, split and understood, before anything is trained.

    Attributes:
        reading: How it was read.
        target: What is predicted.
        columns: What each column is.
        rows: Values of each learnt column, of all rows with a target.
        y: Encoded targets of these.
        split: Which rows are for what.
        findings: What a user should know of it.
    """

    reading: Reading
    target: Target
    columns: Columns
    rows: dict[str, np.ndarray]
    y: np.ndarray
    split: Split
    findings: list[Finding]

    def part(self, places: np.ndarray) -> dict[str, np.ndarray]:
        """Give the values of the learnt columns in these rows."""
        return {name: values[places] for name, values in self.rows.items()}


def prepare_table(
    frame: Any,
    target: str,
    *,
    task: str | None = None,
    loss: str | None = None,
    group: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    positive: Any = None,
    test_split: float = 0.2,
    num_networks: int = 8,
    seed: int = 0,
) -> Prepared:
    """Read a table, decide what its target and its columns are, and split its rows; the arguments are `fit_table`'s.

    Args:
        frame: The table.
        target: Name of the column to predict.
        task: Of the target.
        loss: Of the target.
        group: Column that keeps rows together.
        time: Column that orders them.
        drop: Columns not to learn from.
        positive: Of two classes the one whose probability is given.
        test_split: Share of the rows that are tested on.
        num_networks: For each of which a part of the other rows is held out.
        seed: Of the split.
    """
    if isinstance(test_split, bool) or not isinstance(test_split, int | float) or not 0 < test_split < 1:
        raise ValueError(f"test_split is a share of the rows, 0 < test_split < 1. Received: test_split={test_split!r}.")
    require_whole("seed", seed, 0)
    for role, name in (("target", target), ("group", group), ("time", time)):
        require_name(name, role)
    if group is not None and time is not None:
        raise ValueError("group= and time= split the rows in two ways. Pass one of them, and the other in drop=.")
    table, reading = read_frame(frame)
    name = require_column(table, target, "target")
    roles = _roles(table, name, group, time, drop)
    goal, encoded = decide_target(table[name], name, task=task, loss=loss, positive=positive, decimal=reading.decimal)
    has_target = ~np.isnan(encoded)
    table, y = table.loc[has_target].reset_index(drop=True), encoded[has_target]
    split = split_rows(
        y, is_classes=goal.classes is not None, test_split=test_split, num_networks=num_networks, seed=seed,
        groups=None if group is None else as_texts(table[str(group)]),
        times=None if time is None else _times(table[str(time)]),
    )  # fmt: skip
    goal = on_scale(goal, y[split.rest])
    columns = decide_columns(table.iloc[split.rest].drop(columns=name), decimal=reading.decimal, roles=roles)
    if not len(columns):
        raise unreadable(f"The table has no column but the target {name!r}: there is nothing to learn it from.")
    if not columns.learnt:
        raise unreadable(f"No column is left to learn from:\n{columns!r}")
    rows = {column.name: values_of(table[column.name], column) for column in columns.learnt}
    known = {key: values[split.rest] for key, values in rows.items()}
    findings = [*_findings_of(goal, columns, known, y[split.rest], len(encoded)), *remarks(known, columns, reading),
                *_repeated(rows, y, split)]  # fmt: skip
    if group is None and time is None:
        findings += repeated_ids(table, columns)
    if group is not None and (without := int((as_texts(table[str(group)]) == "").sum())):
        message = f"{count(without, 'row')} without a value of {group!r} {'is' if without == 1 else 'are'} one group."
        fix = "fill them, or delete these rows"
        findings.append(Finding("missing_group", "warning", message, fix, where=str(group)))
    return Prepared(reading, goal, columns, rows, y, split, findings)


def _roles(table: pd.DataFrame, target: str, group: Any, time: Any, drop: Sequence[str]) -> dict[str, str]:
    """Say which columns have a part of their own, and find them."""
    drop = [drop] if isinstance(drop, str) else [*drop]
    roles = {require_column(table, name, "drop"): "dropped" for name in drop}
    if group is not None:
        roles[require_column(table, group, "group")] = "group"
    if time is not None:
        roles[require_column(table, time, "time")] = "time"
    if target in roles:
        raise ValueError(f"The target {target!r} cannot be the column of {roles[target]!r}, too.")
    return roles


def _times(series: pd.Series) -> np.ndarray:
    """Read the column that orders the rows: dates, or numbers."""
    column = decide_columns(pd.DataFrame({"time": series}))[0]
    if column.kind not in ("date", "number", "id", "boolean") or (column.kind == "id" and not _is_ordered(series)):
        raise ValueError(
            f"time= orders the rows by dates or numbers. Received: the column {str(series.name)!r} of kind "
            f"{column.kind!r} ({column.reason})."
        )
    values = values_of(series, column)
    if np.isnan(values).any():
        raise ValueError(
            f"time= orders the rows, and {str(series.name)!r} is missing in "
            f"{count(int(np.isnan(values).sum()), 'row')}. Fill them, or drop those rows."
        )
    return values


def _is_ordered(series: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(series.dtype) or is_dates(series)


def _findings_of(
    goal: Target, columns: Columns, rows: Mapping[str, np.ndarray], y: np.ndarray, num_rows: int
) -> list[Finding]:
    """Say what a user should know of the table, before the training."""
    found = [*alike(goal.classes or (), f"classes of the target {goal.name!r}", goal.name)]
    found += leaks(rows, columns, y if goal.classes is None else y.astype(int), is_classes=goal.classes is not None)
    if goal.num_limits:
        found.append(beyond_limit(goal.name, goal.evidence))
    if goal.num_missing:
        words = f" ({show_values(goal.marks)} among them)" if goal.marks else ""
        were = "was" if goal.num_missing == 1 else "were"
        message = f"{count(goal.num_missing, 'row')} without a value of {goal.name!r}{words} {were} left out"
        if goal.classes is not None and goal.num_marked > MANY_GAPS * num_rows:
            message += f"; {goal.num_marked:,} of them hold {show_values(goal.marks)}, which may be a class."
            fix = "if it is one, write it as a word that does not stand for what is missing"
            found.append(Finding("missing_target", "warning", message, fix))
        else:
            found.append(Finding("missing_target", "info", f"{message}."))
    if goal.classes is not None:
        rows_of = np.bincount(y.astype(int), minlength=len(goal.classes))
        rare = [f"{goal.classes[i]!r} ({rows_of[i]:,})" for i in np.argsort(rows_of, kind="stable")
                if rows_of[i] < FEWEST_OF_CLASS]  # fmt: skip
        if rare:
            shown = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
            message = f"{count(len(rare), 'class')} of {goal.name!r} with few rows to learn from: {shown}."
            found.append(Finding("rare_class", "warning", message, "collect more of them, or put classes together"))
    for column in columns.left_out:
        if column.kind in ("id", "text", "constant"):
            message = f"the column {column.name!r} is not learnt from: {column.reason}."
            fix = next((fix for reason, fix in _MENDS.items() if column.reason.startswith(reason)), "")
            severity = "warning" if fix else "info"  # of a few values, and all of it could be learnt from
            found.append(Finding(f"{column.kind}_column", severity, message, fix, where=column.name))
    for column in columns.learnt:
        if "would fit too" in column.reason:
            message = f"the dates of {column.name!r} can be read in two ways: {column.reason}."
            found.append(Finding("ambiguous_dates", "warning", message, "write them as 2024-12-31", where=column.name))
    same = _copies(rows, columns)
    found += [
        Finding("copied_column", "info", f"the columns {show_values(names)} hold the same values.", where=names[0])
        for names in same
    ]
    return found


def _repeated(rows: Mapping[str, np.ndarray], y: np.ndarray, split: Split) -> list[Finding]:
    """Find test rows that stand among the others too, target included, more of them than chance brings together.

    Two rows agree in a column with the sum of its squared shares; chance is that columns know nothing of each other.
    """
    whole, alike = np.zeros(len(y), np.int64), 1.0  # the number of each row's values so far; chance of two to agree
    for values in (*rows.values(), y):
        codes = pd.factorize(values)[0].astype(np.int64)
        codes -= codes.min()  # what is missing is -1
        alike *= float(np.sum((np.bincount(codes) / len(y)) ** 2))
        whole, distinct = pd.factorize(whole * (codes.max() + 1) + codes)
        if len(distinct) == len(y):  # whatever the other columns hold
            return []
    number = int(np.isin(whole[split.test], whole[split.rest]).sum())
    if number < FEWEST_REPEATED:
        return []
    expected = len(split.test) * min(1.0, len(split.rest) * alike)
    if number < MORE_REPEATED * expected:
        return []
    message = (
        f"{number:,} of {count(len(split.test), 'test row')} stand among the rows that train, too, with the same "
        "values and the same target: where these are the same cases twice, the scores are too good."
    )
    fix = "delete rows that are there twice, or name the column that tells the cases apart: group="
    return [Finding("repeated_rows", "warning", message, fix)]


def _copies(rows: Mapping[str, np.ndarray], columns: Columns) -> list[list[str]]:
    """List the groups of columns with the same values in every row."""
    groups: dict[int, list[str]] = {}
    for column in columns.learnt:
        groups.setdefault(hash(tuple(pd.util.hash_array(rows[column.name])[:2_000])), []).append(column.name)
    found = []
    for names in groups.values():
        first = rows[names[0]]
        equal = [other for other in names[1:] if rows[other].dtype == first.dtype
                 and np.array_equal(rows[other], first, equal_nan=first.dtype == np.float64)]  # fmt: skip
        if equal:
            found.append([names[0], *equal])
    return found
