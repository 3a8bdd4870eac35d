"""What a model is worth on some rows, in the words of its task: a mapping of numbers, with tables beside them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cheatsheet.common.words import count, digits
from cheatsheet.table import canonical_metric
from recipes.running.show import as_html

MOST_SHOWN = 12  # classes whose table is printed


@dataclass(frozen=True)
class Calibration:
    """How often what is given a probability comes true, bin by bin of that probability.

    For classes, of the class that is predicted (for two, of the second); for quantiles, how often y lies below each.

    Attributes:
        predicted: Mean predicted probability in each bin.
        observed: How often it came true.
        error: Standard error of `observed`, from the number of rows.
        num_rows: In each bin.
    """

    predicted: np.ndarray
    observed: np.ndarray
    error: np.ndarray
    num_rows: np.ndarray


@dataclass(frozen=True)
class Report:
    """What there is to say of one output beside its numbers.

    Attributes:
        classes: Labels of the classes, in the order of the tables; of a multilabel target the names of the labels.
        confusion_matrix: Number of rows (or their weight) by true class (down) and predicted class (across).
        recall: By class, how many of it are found; NaN for a class that is not there.
        precision: By class, how many of those predicted to be it are; NaN where none was.
        calibration: Of its probabilities; `None` where it gives none.
        points: True and predicted values `(2, n)`, at most 2,000 of them; `None` for classes.
        positive: The class that a single output for two is for; `None` for others.
        threshold: Of that output, above which the tables have the positive class as predicted.
    """

    classes: tuple[Any, ...] = ()
    confusion_matrix: np.ndarray | None = None
    recall: Mapping[Any, float] = field(default_factory=dict)
    precision: Mapping[Any, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    points: np.ndarray | None = None
    positive: Any = None
    threshold: float | None = None


class Evaluation(Mapping[str, float]):
    """The numbers by name: `"loss"` and the compiled metrics as Keras gives them, then those of the task.

    `balanced_accuracy`, `auc` and `calibration_error` for classes, `r2`, `mean_absolute_error` and
    `root_mean_squared_error` for numbers, `calibration_error` for quantiles; of several outputs with the output's name
    before. `print` shows all, the tables too; `plot()` draws them.

    Attributes:
        reports: For each output, by name (`None` for the only one), its tables.
        num_rows: That were looked at; `None` for a stream.
        unweighted: Names of the metrics in which every row counts the same, where others take weights.
    """

    def __init__(
        self,
        numbers: Mapping[str, float],
        reports: Mapping[str | None, Report],
        num_rows: int | None = None,
        unweighted: Sequence[str] = (),
    ) -> None:
        self._numbers = dict(numbers)
        self.reports = dict(reports)
        self.num_rows = num_rows
        self.unweighted = tuple(unweighted)

    def __getitem__(self, name: str) -> float:
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def confusion_matrix(self) -> np.ndarray | None:
        """Of the only output: number of rows by true class (down) and predicted class (across)."""
        return self._only().confusion_matrix

    @property
    def recall(self) -> Mapping[Any, float]:
        """Of the only output: by class, how many of it are found."""
        return self._only().recall

    @property
    def precision(self) -> Mapping[Any, float]:
        """Of the only output: by class, how many of those predicted to be it are."""
        return self._only().precision

    @property
    def calibration(self) -> Calibration | None:
        """Of the only output: how often what is given a probability comes true."""
        return self._only().calibration

    def _only(self) -> Report:
        if len(self.reports) > 1:
            names = ", ".join(map(repr, self.reports))
            raise AttributeError(f"There are several outputs. Ask for .reports[name], of {names}.")
        return next(iter(self.reports.values()), Report())

    def plot(self) -> Any:
        """Draw what the task makes of the outputs; return the matplotlib Figure.

        `recipes.plots.plot_confusion`, `plot_calibration` and `plot_predictions` draw on an Axes that is there.
        """
        from recipes.plots import plot_evaluation

        return plot_evaluation(self)

    def __repr__(self) -> str:
        rows = "" if self.num_rows is None else f" on {count(self.num_rows, 'row')}"
        return f"<Evaluation{rows}: {self._line()}>"

    def __str__(self) -> str:
        rows = "" if self.num_rows is None else f"on {count(self.num_rows, 'row')}: "
        lines = [f"{rows}{self._line()}"]
        for name, report in self.reports.items():
            lines += _table_of(name, report)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tables = "".join(f"<pre>{_escaped(_table_of(name, report))}</pre>" for name, report in self.reports.items())
        return as_html("Evaluation", {self._named(name): digits(value) for name, value in self.items()}) + tables

    def _line(self) -> str:
        once: dict[str, str] = {}  # a compiled "mae" is the mean absolute error that is asked for anyway
        for name, value in self.items():
            once.setdefault(f"{canonical_metric(name)} {digits(value)}", f"{self._named(name)} {digits(value)}")
        return ", ".join(once.values())

    def _named(self, name: str) -> str:
        return f"{name} (unweighted)" if name in self.unweighted else name


def _escaped(lines: Sequence[str]) -> str:
    from html import escape

    return escape("\n".join(lines))


def _table_of(name: str | None, report: Report) -> list[str]:
    """Write an output's confusion matrix with recall and precision, or of many classes the latter's worst."""
    lines = [f"{name}:"] if name is not None and report.classes else []
    if report.positive is not None:
        what = "its probability" if report.calibration is not None else "the output"
        at = "" if report.threshold is None else f", predicted where {what} is above {report.threshold:.3g}"
        lines.append(f"positive class {report.positive!r}{at}; negative {report.classes[0]!r}")
    if report.confusion_matrix is not None and len(report.classes) <= MOST_SHOWN:
        labels = [str(label)[:16] for label in report.classes]
        cells = [[f"{value:g}" for value in row] for row in np.round(report.confusion_matrix, 1)]
        width = max(len(text) for text in (*labels, *(cell for row in cells for cell in row)))
        corner = "true, predicted"
        first = max(len(corner), width)
        head = " ".join(label.rjust(width) for label in labels)
        lines.append(f"{corner.ljust(first)}  {head}  recall  precision")
        for label, row, text in zip(report.classes, cells, labels, strict=True):
            shown = " ".join(cell.rjust(width) for cell in row)
            lines.append(f"{text.rjust(first)}  {shown}  {report.recall[label]:6.3f}  {report.precision[label]:9.3f}")
        return lines
    by_recall = [*report.recall]
    if len(by_recall) > MOST_SHOWN:
        by_recall.sort(key=lambda label: (math.isnan(report.recall[label]), report.recall[label]))
    for label in by_recall[:MOST_SHOWN]:
        lines.append(f"{str(label)[:16]}: recall {report.recall[label]:.3f}, precision {report.precision[label]:.3f}")
    if len(by_recall) > MOST_SHOWN:
        lines.append(f"... and {len(by_recall) - MOST_SHOWN} classes with a higher recall")
    return lines
