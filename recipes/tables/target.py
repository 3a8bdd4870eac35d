"""The column to predict: which task it stands for and why, and its values as the network is trained on them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cheatsheet.common.words import count, did_you_mean, show_values
from cheatsheet.finding import unfit_target
from cheatsheet.head import head
from cheatsheet.table import canonical_loss
from cheatsheet.targets import Inference, infer_task
from recipes.tables.columns.column import DURATIONS, TIMES, Column
from recipes.tables.columns.kinds import said_of_limits
from recipes.tables.columns.others import numbers_in
from recipes.tables.columns.values import as_texts, how_it_came, is_dates, values_of
from recipes.tables.reading.texts import (
    CLASSES,
    DURATION,
    NO,
    TIMES_ALONE,
    YES,
    date_format_in,
    decimal_in,
    is_missing_word,
    limits_in,
    unit_of,
    without_limit,
    without_unit,
)

# Of `infer_task`'s advice, what is for arrays or for losses that tables are not fitted with.
OF_ARRAYS = ("mean_squared_logarithmic_error", "hinge", "np.asarray")
TASKS = ("regression", "binary", "multiclass")
FEWEST_ROWS = 10
# A positive target is learnt on a logarithmic scale where it is skewed, and its logarithm is less so by this factor.
SKEWED, LESS_SKEWED = 1.0, 2.0
MOST = 1e30  # of a number; its square is beyond float32 long before, but it is learnt in units of the spread
NUMBERS_FROM = 20  # distinct numbers in text, from which they are quantities rather than classes


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        name: Of the column.
        task: `"regression"`, `"binary"` or `"multiclass"`.
        loss: Keras' name of the loss.
        activation: Of the last layer.
        evidence: What was seen, in words, with the task and what else it could be.
        classes: Labels in the order of the outputs; `None` for numbers. Of two, the second is the positive one.
        scale: `"log"` where the network is trained on the logarithm of the numbers beside them, else `"identity"`.
        num_missing: Rows without a value, which were dropped.
        decimal: Of numbers in text; empty where they came as numbers.
        marks: Words that stand for a missing value.
        num_marked: Rows with one of these.
        unit: Of numbers in text, that follows each of them.
        num_limits: Of numbers in text, entries such as `<0.5`, which are read as their limit.
        costs: Of two classes, of saying the positive one where it is not, and of not saying it where it is.
        lowest: Below which nothing is said: 0 where no number of the rows that train lies below it; `None` for classes,
            and where some do.
    """

    name: str
    task: str
    loss: str
    activation: str
    evidence: str
    classes: tuple[Any, ...] | None = None
    scale: str = "identity"
    num_missing: int = 0
    decimal: str = ""
    marks: tuple[str, ...] = ()
    unit: str = ""
    num_limits: int = 0
    costs: tuple[float, float] | None = None
    lowest: float | None = None
    num_marked: int = 0

    @property
    def threshold(self) -> float:
        """The probability above which the positive class is said: where both mistakes cost as much on average.

        C. Elkan (2001), The Foundations of Cost-Sensitive Learning, IJCAI, equation 2.
        """
        return 0.5 if self.costs is None else self.costs[0] / sum(self.costs)

    @property
    def positive(self) -> Any:
        """The class whose probability the model's only output is; `None` where there is no such class."""
        return self.classes[1] if self.task == "binary" and self.classes else None

    @property
    def is_counts(self) -> bool:
        """Whether the numbers are counts, whose rate is predicted."""
        return self.loss == "poisson"

    @property
    def metric(self) -> str:
        """What models are compared by: `"log_loss"`, `"poisson_deviance"` or `"r2"`."""
        if self.classes is not None:
            return "log_loss"
        return "poisson_deviance" if self.is_counts else "r2"

    @property
    def column(self) -> Column:
        """How numbers in text are read."""
        return Column(self.name, "number", "", decimal=self.decimal, marks=self.marks, unit=self.unit,
                      num_limits=self.num_limits)  # fmt: skip

    def encode(self, series: pd.Series) -> np.ndarray:
        """Give the numbers, or the place of each row's class, `(n,)` float64; NaN where missing or no known class."""
        if self.classes is None:
            return values_of(series, self.column)
        known = {_label_key(label): float(i) for i, label in enumerate(self.classes)}
        return np.array([known.get(text, np.nan) for text in as_texts(series, self.marks)])

    def read(self, series: pd.Series, decimal: str) -> tuple[np.ndarray, list[str]]:
        """Encode the target of another table, whose numbers may be written in another way there.

        Args:
            series: Its values.
            decimal: The decimal mark where they do not tell.

        Returns:
            What `encode` gives, and the texts that are no number or no class of the training.
        """
        if self.classes is None and not pd.api.types.is_numeric_dtype(series.dtype):
            return numbers_in(series, self.column, decimal)
        encoded = self.encode(series)
        unread = {*as_texts(series, self.marks)[np.isnan(encoded)]}
        return encoded, sorted(text for text in unread if not is_missing_word(text))


def decide_target(
    series: pd.Series,
    name: str,
    *,
    task: str | None = None,
    loss: str | None = None,
    positive: Any = None,
    decimal: str = ".",
) -> tuple[Target, np.ndarray]:
    """Decide what a column stands for as a target.

    Args:
        series: Its values, of all rows.
        name: Of the column.
        task: `"regression"`, `"binary"` or `"multiclass"`; from the values when missing.
        loss: `"poisson"` for counts; from the values when missing.
        positive: Of two classes the one whose probability is given.
        decimal: The decimal mark of the file.

    Returns:
        The decision, and the encoded values `(n,)`, NaN where missing.

    Raises:
        DataError: for a target that is missing in all rows, is constant, holds dates, names or single rows.
        ValueError: for a task that tables are not fitted for.
    """
    if task is not None and task not in TASKS:
        raise ValueError(
            f"Tables are fitted for the tasks {', '.join(TASKS)}. Received: task={task!r}.{did_you_mean(task, TASKS)}"
        )
    known, how = known_values(series, name, decimal)
    if len(known) < FEWEST_ROWS:
        raise unfit_target(
            f"The table has {count(len(known), 'row')} with a target, of {count(len(series), 'row')}. "
            f"Expected at least {FEWEST_ROWS}, to train, validate and test on.",
            "collect more",
        )
    num_marked = int(np.isin(as_texts(series), how.marks).sum()) if how.marks else 0
    if len(np.unique(known)) == 1:
        also = f"; {count(num_marked, 'row')} with {show_values(how.marks)} were read as missing" if num_marked else ""
        raise unfit_target(
            f"The target {name!r} holds a single value ({show_values(known[:1])}) in {count(len(known), 'row')}, "
            f"so there is nothing to learn{also}.",
            "write that class as another word" if num_marked else "look where the rows were filtered",
        )
    if known.dtype.kind == "f" and not np.abs(known).max() < MOST:
        raise unfit_target(
            f"The target {name!r} holds numbers as large as {np.abs(known).max():.3g}, beyond what a network computes "
            f"with ({MOST:g}).",
            "delete them where they stand for what is missing, or take another unit",
        )
    found = infer_column(known, name, task, loss)
    fitting = (one for one in found.alternatives if not any(word in one for word in OF_ARRAYS))
    found = replace(found, alternatives=tuple(fitting))
    top = head(found.task, y=known, loss=found.loss)
    if top.loss not in ("mean_squared_error", "poisson", "binary_crossentropy", "sparse_categorical_crossentropy"):
        raise ValueError(f"Counts of a table are fitted with loss='poisson'. Received: loss={loss!r}. Leave it out.")
    classes = None
    if found.task != "regression":
        classes = found.classes or tuple(np.unique(known).tolist())
    if positive is not None or (classes is not None and len(classes) == 2):
        classes = _in_order(classes, positive, name, found.task)
    evidence = f"{found}; {how.reason}" if how.reason and not classes else str(found)
    target = Target(name, found.task, top.loss, top.activation, evidence, classes,
                    num_missing=len(series) - len(known), decimal=how.decimal, marks=how.marks,
                    unit=how.unit, num_limits=0 if classes else how.num_limits, num_marked=num_marked)  # fmt: skip
    return target, target.encode(series)


def _in_order(classes: tuple[Any, ...] | None, positive: Any, name: str, task: str) -> tuple[Any, ...]:
    """Put the positive one of two classes last: the one that was named, or the one that says yes."""
    if positive is not None and (classes is None or len(classes) != 2):
        raise ValueError(f"positive= names one of two classes. Received: positive={positive!r} for {name!r}, {task}.")
    assert classes is not None
    labels = [_label_key(label) for label in classes]
    if positive is not None:
        asked = _label_key(positive)
        if asked not in labels:
            raise ValueError(
                f"positive= names one of the classes of {name!r}, {show_values(classes)}. Received: "
                f"positive={positive!r}.{did_you_mean(asked, labels)}"
            )
        return classes if labels.index(asked) == 1 else classes[::-1]
    words = [label.lower() for label in labels]
    return classes[::-1] if words[0] in YES and words[1] in NO else classes


def on_scale(target: Target, y: np.ndarray) -> Target:
    """Decide on which scale these numbers, of the rows that train, are learnt, and what nothing is below."""
    if target.classes is None and y.min() >= 0:
        target = replace(target, lowest=0.0)
    if target.loss != "mean_squared_error" or y.min() <= 0:
        return target
    skew, of_log = _skew(y), abs(_skew(np.log(y)))
    if skew < SKEWED or of_log * LESS_SKEWED > skew:
        return target
    why = f"positive and skewed ({skew:.1f}, their logarithm {_skew(np.log(y)):.1f}), so learnt as logarithms too"
    return replace(target, scale="log", evidence=f"{target.evidence}; {why}")


def _skew(y: np.ndarray) -> float:
    spread = y.std()
    return float((((y - y.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def known_values(series: pd.Series, name: str, decimal: str) -> tuple[np.ndarray, Column]:
    """Give the values of a target that are there, and how numbers in text were read.

    Raises:
        DataError: for a target that is missing in all rows, and one that holds dates or complex numbers.
    """
    values, how = _values_in(series, decimal)
    known = np.array([value for value in values if value is not None])
    if len(known) == 0:
        raise unfit_target(
            f"The target {name!r} is missing in all {count(len(series), 'row')}.", "name the column to predict"
        )
    if kind := _kind_of_dates(series, known):
        days = "days" if kind == "durations" else "days since a start"
        raise unfit_target(f"The target {name!r} holds {kind}.", f"turn them into numbers first, such as {days}")
    if pd.api.types.is_complex_dtype(series.dtype):
        raise unfit_target(f"The target {name!r} holds complex numbers.", "name a column of their parts")
    return known, how


def _kind_of_dates(series: pd.Series, known: np.ndarray) -> str:
    """Name what a target is, as it came or as text: dates, times of day, durations; `""` for others."""
    if is_dates(series):
        return {DURATIONS: "durations", TIMES: "times of day"}.get(how_it_came(series), "dates")
    found = date_format_in(np.unique(known).tolist()) if known.dtype.kind == "U" else None
    if found is None:
        return ""
    return "durations" if found[0] == DURATION else "times of day" if found[0] in TIMES_ALONE else "dates"


def _values_in(series: pd.Series, decimal: str) -> tuple[list[Any], Column]:
    """List plain values, `None` where missing; and how numbers in text were read, with the words for missing ones.

    Words that are classes as often as gaps (`none`, `unknown`) stay classes.
    """
    how = Column("", "number", "")
    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_numeric_dtype(series.dtype):
        return [_plain(value) for value in series.astype(object)], how
    there = series.dropna()
    if len(there) and all(isinstance(value, bool | np.bool_) for value in there):
        return [None if pd.isna(value) else bool(value) for value in series], how
    if len(there) and all(isinstance(value, int | float | np.number) for value in there):
        return [_plain(value) for value in series.astype(object)], how
    texts = as_texts(series)
    words = sorted({*texts} - {""})
    limited = limits_in(words)
    plain = [without_limit(word) if limited else word for word in words]
    unit = unit_of(plain)
    numbers = decimal_in([without_unit(word, unit) for word in plain], decimal)
    if numbers is not None:
        num_limits = int(np.isin(texts, limited).sum())
        how = replace(how, decimal=numbers[0], marks=numbers[1], unit=unit, num_limits=num_limits)
        if limited:
            how = replace(how, reason=said_of_limits(num_limits, limited))
        values = values_of(series, how)
        if len(words) >= NUMBERS_FROM or (values % 1 > 0).any():
            return [_plain(value) for value in values], how
    kept = CLASSES | ({"-", "--", "---"} if any(map(_is_signs, words)) else set())  # beside + these are classes
    marks = tuple(word for word in words if is_missing_word(word) and word.lower() not in kept)
    return [text or None for text in as_texts(series, marks)], Column("", "number", "", marks=marks)


def _is_signs(word: str) -> bool:
    """Say whether a label is made of plus signs, as laboratories write a positive finding: `+`, `++`, `(+)`."""
    return "+" in word and not word.strip("+()/- ")


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _label_key(label: Any) -> str:
    return as_texts(pd.Series([label], dtype=object))[0]


def infer_column(known: np.ndarray, name: str, task: str | None = None, loss: str | None = None) -> Inference:
    """Infer what the values of a column stand for, unless that was said.

    Raises:
        DataError: for a target that is no column of numbers or classes, and for classes with a row or two each.
    """
    if task is None and loss is None:
        found = infer_task(known)
        if found.task not in TASKS:
            raise unfit_target(f"The target {name!r} looks like {found.task}.", "name a column with one value a row")
        if found.classes is not None and len(found.classes) > max(2, len(known) / 2):
            raise unfit_target(
                f"The target {name!r} holds {count(len(found.classes), 'class')} in "
                f"{count(len(known), 'row')}: too few rows of each to learn from.",
                "say task='regression' if they are quantities",
            )
        return found
    if task is None:
        task = "regression"
    if loss is not None:
        loss = canonical_loss(loss)
    classes = None if task == "regression" else tuple(np.unique(known).tolist())
    return Inference(task, None if classes is None else len(classes), "as asked", classes=classes, loss=loss)
