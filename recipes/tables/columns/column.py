"""What was decided about a column, and all of them as a table."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from recipes.tables.reading.texts import DURATION, TIMES_ALONE

# Kinds that the network learns from, with the type of the model's input ...
LEARNT = {"number": "float64", "boolean": "float64", "date": "float64", "category": "string"}
# ... and those that it does not.
LEFT_OUT = ("id", "text", "constant", "group", "time", "dropped")
MIDNIGHT = "days since midnight"
DURATIONS, TIMES = "came as durations", "came as times of day"  # reasons of the dates that count from no year


@dataclass(frozen=True)
class Column:
    """What a column is, why, and how its values are read.

    Attributes:
        name: In the table.
        kind: `"number"`, `"boolean"`, `"date"` or `"category"`, which are learnt from; `"id"`, `"text"`, `"constant"`,
            `"group"`, `"time"` or `"dropped"`, which are not.
        reason: What was seen, in words.
        num_missing: Missing values in the training rows.
        num_distinct: Different values in the training rows.
        input: Name of the model's input; empty where there is none.
        decimal: Of numbers in text, `"."` or `","`; empty where they came as numbers.
        marks: Words that stand for a missing value.
        unit: Of numbers in text, that follows each of them (`kg`), or the sign that each bears (`%`).
        num_limits: Of numbers in text, entries such as `<0.5` in the training rows, which are read as their limit; with
            0 of them such an entry is no number.
        date_format: Of dates in text; empty where they came as dates.
        categories: Those with a place of their own; `""` among them is a missing value.
        has_others: Whether there is a place for all other categories.
        low: Of numbers and of dates, as the model takes them, the smallest in the training rows; `None` for others.
        high: The largest.
    """

    name: str
    kind: str
    reason: str
    num_missing: int = 0
    num_distinct: int = 0
    input: str = ""
    decimal: str = ""
    marks: tuple[str, ...] = ()
    unit: str = ""
    num_limits: int = 0
    date_format: str = ""
    categories: tuple[str, ...] = ()
    has_others: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def is_learnt(self) -> bool:
        """Whether the network learns from it."""
        return self.kind in LEARNT

    @property
    def days(self) -> str:
        """Which days the model's input counts; empty for what is no date."""
        if self.kind != "date":
            return ""
        if self.reason.startswith(DURATIONS) or self.date_format == DURATION:
            return "days"
        # Of runs that were saved when times in text had the day 1900-01-01, that is a part of the number.
        is_time = self.date_format in TIMES_ALONE and (self.low is None or self.low >= 0)
        return MIDNIGHT if is_time or self.reason.startswith(TIMES) else "days since 1970-01-01"

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}, {self.reason}"


class Columns(Sequence[Column]):
    """All columns of a table but the target, in its order; printed as a table, asked by place or by name."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._columns = tuple(columns)

    def __getitem__(self, which: int | str) -> Column:  # type: ignore[override]
        if isinstance(which, str):
            found = next((column for column in self._columns if column.name == which), None)
            if found is None:
                raise KeyError(which)
            return found
        return self._columns[which]

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Columns) and self._columns == other._columns

    def __hash__(self) -> int:
        return hash(self._columns)

    @property
    def learnt(self) -> tuple[Column, ...]:
        """Those that the network learns from."""
        return tuple(column for column in self._columns if column.is_learnt)

    @property
    def left_out(self) -> tuple[Column, ...]:
        """Those that it does not learn from."""
        return tuple(column for column in self._columns if not column.is_learnt)

    def __repr__(self) -> str:
        if not self._columns:
            return "no columns"
        names, kinds = (max(len(getattr(column, part)) for column in self) for part in ("name", "kind"))
        names = min(names, 30)
        return "\n".join(f"{column.name:<{names}}  {column.kind:<{kinds}}  {column.reason}" for column in self)

    def _repr_html_(self) -> str:
        cells = (f"<td>{escape(column.name)}</td><td>{column.kind}</td><td>{escape(column.reason)}</td>"
                 for column in self)  # fmt: skip
        head = "<tr><th>column</th><th>kind</th><th>why</th></tr>"
        return f"<table>{head}{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
