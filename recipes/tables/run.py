"""What fitting a table gives back."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from cheatsheet.common.warn import warn_user
from cheatsheet.common.words import count, digits, show_values
from cheatsheet.finding import Finding, unreadable
from recipes.running.show import as_html
from recipes.tables.columns.column import Columns
from recipes.tables.columns.values import as_texts, texts_of
from recipes.tables.curves import verdict_on
from recipes.tables.learning.network import Settings
from recipes.tables.learning.preprocessing import as_inputs, made_up_rows, outputs_of
from recipes.tables.learning.quantiles import Quantiles
from recipes.tables.reading.frames import require_column
from recipes.tables.scoring.comparison import Comparison
from recipes.tables.scoring.importance import Importance
from recipes.tables.scoring.intervals import Interval
from recipes.tables.scoring.judge import evaluation_of, guesses, probabilities
from recipes.tables.scoring.scores import written
from recipes.tables.signature import TableSignature
from recipes.tables.target import Target
from recipes.training.scoring.evaluation import Evaluation
from recipes.training.several.runs import Runs

if TYPE_CHECKING:
    from recipes.training.files.export import Export


@dataclass(frozen=True)
class TableRun:
    """A network that was fitted to a table, and what it is worth.

    Attributes:
        model: A plain Keras model; one input `(n, 1)` for each learnt column, by `Column.input`: float64, or string.
        signature: How tables are read, what each column is, what is predicted.
        scores: The task's metric on the test rows, of the network and of each baseline, and on the rows that stopped
            the training (`"validation"`).
        comparison: The network beside the baselines.
        findings: What was found in the table, in the comparison and in the loss curves, errors first.
        history: The curves by name, one list for each network, NaN where it had stopped.
        split: Which rows were for what, in words.
        num_rows: `"rest"` that trained and stopped the training, and `"test"`.
        settings: Of the networks.
        seed: Of split, weights and orders.
        seconds: Wall time from call to return.
        test_true: Encoded targets of the test rows.
        test_predicted: What the model says of them: probabilities `(n, classes)`, or numbers `(n,)`.
        importance: How much hangs on each column, on the test rows, the most important first.
        interval: How far around a predicted number the true one lies; `None` where it was not asked for.
        quantiles: How good the quantiles are on the test rows; `None` where none were asked for.
        of_quantiles: The model of the quantiles `(n, levels)`, with the inputs of `model`; `None` likewise.
        chance: Loss of the best constant guess, in the units of the curves; `None` where that is not known.
        linear_loss: That of the linear part alone, on the rows held out; `None` where there is none.
        asked: The arguments of the call, those that were given, by name; `frame` only where it was a path.
        versions: Of the packages that it was made with, by name.
        runs: The networks one by one, as they were trained: beside a linear part on what it leaves, in units of its
            own. `None` in a run that was loaded.
    """

    model: keras.Model = field(repr=False)
    signature: TableSignature
    scores: dict[str, dict[str, float]]
    comparison: Comparison
    findings: list[Finding]
    history: dict[str, list[list[float]]] = field(repr=False)
    split: str
    num_rows: dict[str, int]
    settings: Settings
    seed: int
    seconds: float
    test_true: np.ndarray = field(repr=False)
    test_predicted: np.ndarray = field(repr=False)
    importance: tuple[Importance, ...] = field(default=(), repr=False)
    interval: Interval | None = field(default=None, repr=False)
    quantiles: Quantiles | None = field(default=None, repr=False)
    of_quantiles: keras.Model | None = field(default=None, repr=False)
    chance: float | None = field(default=None, repr=False)
    linear_loss: float | None = field(default=None, repr=False)
    asked: dict[str, Any] = field(default_factory=dict, repr=False)
    versions: dict[str, str] = field(default_factory=dict, repr=False)
    runs: Runs | None = field(default=None, repr=False)

    @property
    def target(self) -> Target:
        """What is predicted, with the evidence."""
        return self.signature.target

    @property
    def task(self) -> str:
        """`"regression"`, `"binary"` or `"multiclass"`."""
        return self.target.task

    @property
    def columns(self) -> Columns:
        """What each column is, and why; `print` shows a table."""
        return self.signature.columns

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """The label of each class, in the order of the probabilities; `None` for numbers."""
        return self.target.classes

    @property
    def positive(self) -> Any:
        """The class whose probability `model` gives, the second of two; `None` for numbers and for more classes."""
        return self.target.positive

    @property
    def verdict(self) -> str:
        """Who won, and whether a network is justified here."""
        return self.comparison.sentence

    def predict(self, frame: Any) -> np.ndarray:
        """Return what the model says of each row of a table: probabilities `(n, classes)`, or numbers `(n,)`.

        Args:
            frame: As for `fit_table`; the target need not be in it. Columns may come in any order.

        Raises:
            DataError: for a table that lacks a column; see `check`, whose warnings are given as warnings.
        """
        return self._predict(self.signature.rows_to_predict(self.signature.read(frame)))

    def _predict(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        return probabilities(self.target, outputs_of(self.model, self.columns, rows))

    def predict_labels(self, frame: Any) -> np.ndarray:
        """Return the most probable class of each row, under its own name `(n,)`; the cheapest, where costs were given.

        Raises:
            ValueError: for a run whose target was numbers.
            DataError: as `predict`.
        """
        if self.classes is None:
            raise ValueError(f"{self.target.name!r} has no classes: it is numbers. Use predict.")
        labels = np.array(self.classes, dtype=object if isinstance(self.classes[0], str) else None)
        return labels[guesses(self.target, self.predict(frame))]

    def predict_intervals(self, frame: Any) -> np.ndarray:
        """Return the interval around what is predicted of each row, `(n, 2)`: its lower and its upper end.

        On average the true number lies within nearly as often as `fit_table(..., intervals=0.9)` asked for, over rows
        like those of the training; how often it did on the test rows, `print(run.interval)` says.

        Raises:
            ValueError: for a run that was fitted without `intervals`.
            DataError: as `predict`.
        """
        if self.interval is None:
            raise ValueError("This run has no intervals. Fit it with intervals=0.9.")
        return self.interval.around(self.predict(frame))

    def predict_quantiles(self, frame: Any) -> np.ndarray:
        """Return the quantiles of each row, `(n, levels)`, in the order of `run.quantiles.levels`, rising in each row.

        Of `(0.05, 0.95)` the two ends are an interval that holds some 90 % of the true numbers, wider for rows of which
        less can be known, where that of `predict_intervals` is equally wide for all.

        Raises:
            ValueError: for a run that was fitted without `quantiles`.
            DataError: as `predict`.
        """
        if self.of_quantiles is None:
            raise ValueError("This run has no quantiles. Fit it with quantiles=[0.1, 0.5, 0.9].")
        rows = self.signature.rows_to_predict(self.signature.read(frame))
        return outputs_of(self.of_quantiles, self.columns, rows)

    def predict_table(self, frame: Any) -> pd.DataFrame:
        """Return what the model says of each row as a frame, beside what the rows are told apart by.

        Its columns: those that were ids in the training, without any `"row"`, counted from 1; that of `group=`, if the
        table has it; the class or the number, under the target's name; then the probability of each class, `"p(yes)"`,
        or the ends of the interval, `"price low"` and `"price high"`, and the quantiles, `"price q0.1"`.

        Raises:
            DataError: as `predict`.
        """
        other = self.signature.read(frame)
        rows = self.signature.rows_to_predict(other)
        predicted = self._predict(rows)
        ids: dict[str, Any] = texts_of(other.table, self.columns, "id") or {"row": np.arange(1, len(predicted) + 1)}
        ids |= texts_of(other.table, self.columns, "group")
        name = self.target.name
        told: dict[str, Any] = {}
        if self.classes is None:
            told[name] = predicted
            if self.interval is not None:
                ends = self.interval.around(predicted)
                told |= {f"{name} low": ends[:, 0], f"{name} high": ends[:, 1]}
            if self.of_quantiles is not None and self.quantiles is not None:
                values = outputs_of(self.of_quantiles, self.columns, rows)
                told |= {f"{name} q{level:g}": values[:, k] for k, level in enumerate(self.quantiles.levels)}
        else:
            told[name] = pd.Series([self.classes[i] for i in guesses(self.target, predicted)], dtype=object)
            told |= {f"p({label})": predicted[:, i] for i, label in enumerate(self.classes)}
        return pd.DataFrame({**{f"{key} (column)" if key in told else key: ids[key] for key in ids}, **told})

    def inputs_of(self, frame: Any = None, *, most: int | None = None) -> dict[str, Any]:
        """Return what `model` is given for the rows of a table, by the name of each input: tensors `(n, 1)`.

        They are float64 or text, as `model(...)`, `model.predict` and a model that Keras has loaded take them: Keras'
        own `predict` takes no text of NumPy's, and a call no tensors beside arrays. `np.asarray` makes arrays of them.

        Args:
            frame: As for `predict`; rows are made up without it.
            most: How many of the first rows.
        """
        if frame is None:
            rows = made_up_rows(self.columns, most or 1)
        else:
            rows, _ = self.signature.require(self.signature.read(frame))
        return as_inputs(self.columns, rows, stop=most)

    def export(
        self, path: str | os.PathLike[str], *, format: str | None = None, x: Any = None, overwrite: bool = False
    ) -> "Export":
        """Write the model for other programs, as `.keras`, SavedModel or ONNX, compared with it; see `recipes.export`.

        The file takes a column in each input, and gives numbers or probabilities; to go on in this package, `save` it.
        """
        from recipes.training.files.export import export

        return export(self, path, format=format, x=x, overwrite=overwrite)

    def check(self, frame: Any) -> list[Finding]:
        """Find what is other in a table than in the one that was trained on: columns, types, categories, gaps.

        Errors are what `predict` refuses: columns that are missing, or hold nothing that can be read.
        """
        return self.signature.differences(self.signature.read(frame))

    def evaluate(self, frame: Any) -> Evaluation:
        """Say what the model is worth on the rows of another table that have the target.

        Of rows that it was trained on the scores are too good: `run.evaluation` has those of the test rows.

        Returns:
            A mapping: the metric of the comparison, then what one wants to know of the task; `print` shows the
            confusion matrix too, and `plot()` draws it.

        Raises:
            ValueError: for a table without the target; a `DataError` as `predict`, and where no value of it is known.
        """
        other = self.signature.read(frame)
        lacking = f"The table to evaluate needs the column {self.target.name!r}, the target."
        require_column(other.table, self.target.name, "target", lacking)
        true, unknown = self.target.read(other.table[self.target.name], self.signature.reading.decimal)
        known = ~np.isnan(true)
        if not known.any():
            shown = f": {show_values(unknown)}" if unknown else ""
            known = "" if self.target.classes is None else f" Expected {show_values(self.target.classes)}."
            raise unreadable(f"No row has a known value of the target {self.target.name!r}{shown}.{known}")
        if unknown:
            what = "number" if self.classes is None else "class of the training"
            number = int(np.isin(as_texts(other.table[self.target.name]), unknown).sum())
            warn_user(
                f"{count(number, 'row')} {'is' if number == 1 else 'are'} left out, where {self.target.name!r} is no "
                f"{what} ({show_values(unknown)})."
            )
        table = other.table.loc[known].reset_index(drop=True)
        return evaluation_of(
            self.target, true[known], self._predict(self.signature.rows_to_predict(replace(other, table=table)))
        )

    @property
    def evaluation(self) -> Evaluation:
        """What the model is worth on the test rows: the metric, and the tables of the task."""
        return evaluation_of(self.target, self.test_true, self.test_predicted)

    @property
    def said_of_positive(self) -> str:
        """Which class is the positive one, in words; of two."""
        assert self.classes is not None
        other = self.classes[0]
        said = f"the model gives the probability of {self.positive!r}, the positive class; the other is {other!r}"
        if self.target.costs is None:
            return said
        return f"{said}; {self.positive!r} is said from {digits(self.target.threshold)} on, by the costs of mistakes"

    @property
    def of_curves(self) -> list[Finding]:
        """What the loss curves say, by their median while all of the networks were trained."""
        return verdict_on(self.history, self.chance, self.linear_loss)

    def plot(self) -> Any:
        """Draw what the model is worth on the test rows; return the matplotlib Figure."""
        return self.evaluation.plot()

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write all of it into one HTML file, with its figures, which opens without a network; return the path.

        Args:
            path: Such as `"report.html"`; a file that is there is replaced.
        """
        from recipes.plots.report import save_report

        return save_report(self, path)

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the run into a folder, from which `recipes.load(folder)` reads it in any process.

        In it lie `model.keras`, which plain Keras loads and which takes raw columns, `table.json` with all decisions,
        and `arrays.npz` with the curves and the predictions of the test rows. The table is not kept.

        Raises:
            FileExistsError: for a folder with other files in it, or with a saved run, unless `overwrite`.
        """
        from recipes.tables.save import save

        save(self, folder, overwrite=overwrite)

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {written(name, one)}" for name, one in self.scores["network"].items())
        return (
            f"<TableRun of {self.target.name!r}: {self.task}, {values} on {count(self.num_rows['test'], 'test row')}>"
        )

    def __str__(self) -> str:
        learnt, left = len(self.columns.learnt), len(self.columns.left_out)
        return "\n".join([
            f"{self.target.name}: {self.target.evidence}",
            f"{count(self.num_rows['rest'] + self.num_rows['test'], 'row')}, {count(learnt, 'column')} learnt from, "
            f"{left} left out; {self.split}",
            *([] if self.positive is None else [self.said_of_positive]),
            str(self.comparison),
            *([] if self.interval is None else [str(self.interval)]),
            *([] if self.quantiles is None else [str(self.quantiles)]),
            *(str(one) for one in self.findings if one.message != self.comparison.sentence),
        ])  # fmt: skip

    def _repr_html_(self) -> str:
        scores = {name: ", ".join(f"{key} {written(key, value)}" for key, value in values.items())
                  for name, values in self.scores.items()}  # fmt: skip
        positive = {} if self.positive is None else {"positive class": repr(self.positive)}
        facts = {"target": self.target.name, "task": self.target.evidence, **positive, "rows": self.split, **scores,
                 "seconds": f"{self.seconds:.1f}"}  # fmt: skip
        return as_html("TableRun", facts, self.findings) + self.columns._repr_html_()
