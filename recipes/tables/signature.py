"""What a table must be like to be predicted: how it is read, what its columns are, and how another one differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cheatsheet.common.warn import warn_user
from cheatsheet.common.words import count, did_you_mean, show_values
from cheatsheet.finding import DataError, Finding
from recipes.tables.columns.column import Columns
from recipes.tables.columns.others import Written, differences, read_as_written
from recipes.tables.columns.values import values_of
from recipes.tables.reading.frames import read_frame
from recipes.tables.reading.reading import Reading
from recipes.tables.target import Target


@dataclass(frozen=True)
class TableSignature:
    """What a table must be like to be predicted: how it is read, its columns, and what comes out.

    Attributes:
        reading: Separator, decimals, encoding.
        columns: What each column is.
        target: What is predicted.
    """

    reading: Reading
    columns: Columns
    target: Target

    def read(self, frame: Any) -> Written:
        """Read another table, each column by how it is written there; one that has been read stays as it is."""
        if isinstance(frame, Written):
            return frame
        table, reading = read_frame(frame, self.reading)
        return read_as_written(table, self.columns, reading.decimal)

    def rows_to_predict(self, other: Written) -> dict[str, np.ndarray]:
        """Give the values of the learnt columns `(n,)` by name, and warn of what is other than in the training.

        Raises:
            DataError: as `require`.
        """
        rows, found = self.require(other)
        warnings = [one.message for one in found if one.severity == "warning"]
        if warnings:
            warn_user(" ".join(f"{text[0].upper()}{text[1:]}" for text in warnings))
        return rows

    def require(self, other: Written) -> tuple[dict[str, np.ndarray], list[Finding]]:
        """Require a table that can be predicted; give the values of its learnt columns, and what was found.

        Raises:
            DataError: for a table that lacks a column, or in which one holds nothing that can be read.
        """
        rows = self._values(other.table)
        found = self._differences(other, rows)
        errors = [one for one in found if one.severity == "error"]
        if errors:
            raise DataError(errors)
        return rows, found

    def differences(self, other: Written) -> list[Finding]:
        """Find what is other than in the table that was trained on: columns, types, categories, gaps."""
        return self._differences(other, self._values(other.table))

    def _values(self, table: pd.DataFrame) -> dict[str, np.ndarray]:
        """Give the values of the learnt columns that the table has."""
        there = (column for column in self.columns.learnt if column.name in table.columns)
        return {column.name: values_of(table[column.name], column) for column in there}

    def _differences(self, other: Written, rows: Mapping[str, np.ndarray]) -> list[Finding]:
        table = other.table
        known = {column.name for column in self.columns} | {self.target.name}
        new = [name for name in table.columns if name not in known]
        found = []
        for column in self.columns.learnt:
            if column.name not in table.columns:
                near = did_you_mean(column.name, new)
                message = f"the table lacks the column {column.name!r}, which the model was trained on.{near}"
                fix = "pass a table with it"
                found.append(Finding("other_columns", "error", message, fix, where=column.name))
        if not found and new:
            message = f"the model does not know {count(len(new), 'column')}: {show_values(new)}."
            found.append(Finding("new_columns", "info", message))
        for column in self.columns.learnt:
            if column.name in rows:
                bad = other.unreadable.get(column.name, [])
                found += differences(table[column.name], rows[column.name], column, bad)
        return [*found, *other.findings]
