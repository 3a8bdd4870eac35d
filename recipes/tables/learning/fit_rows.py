"""From the values of columns to one model of rows, and what its networks say of the rows that they left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from cheatsheet.head import Head
from recipes.tables.columns.column import Columns
from recipes.tables.learning.linear import Linear, linear_of
from recipes.tables.learning.network import MOST_BYTES, NUM_BINS, Settings, compose, settings_for, train_cores
from recipes.tables.learning.preprocessing import ROWS_AT_ONCE, build_preprocessing, outputs_of
from recipes.tables.learning.scales import scales_for
from recipes.tables.scoring.intervals import Interval, interval_of
from recipes.tables.scoring.judge import probabilities
from recipes.tables.scoring.scores import losses, score
from recipes.tables.target import Target
from recipes.training.several.runs import Runs


@dataclass(frozen=True)
class Examples:
    """Rows as the networks take them.

    Attributes:
        preprocessing: From columns to features.
        features: `(n, features)` float32.
        y: Encoded targets `(n,)`.
        held: For each network the places of the rows that stop it.
    """

    preprocessing: keras.Model
    features: np.ndarray
    y: np.ndarray
    held: Sequence[np.ndarray]


def examples_of(
    columns: Columns,
    rows: Mapping[str, np.ndarray],
    y: np.ndarray,
    held: Sequence[np.ndarray],
    *,
    num_bins: int,
    seed: int,
) -> Examples:
    """Turn values of columns into features, of as many rows as the memory is for."""
    preprocessing = build_preprocessing(columns, rows, num_bins=num_bins)
    most = MOST_BYTES // (4 * preprocessing.output_shape[-1])  # rows
    if len(y) * len({out.tobytes() for out in held}) > most:
        held = [held[0]] * len(held)
    if len(y) > most:
        drawn = np.sort(np.random.default_rng([seed, 53]).choice(len(y), most, replace=False))
        rows, y = {name: values[drawn] for name, values in rows.items()}, y[drawn]
        held = [np.flatnonzero(np.isin(drawn, held[0]))] * len(held)
    return Examples(preprocessing, outputs_of(preprocessing, columns, rows), y, held)


@dataclass(frozen=True)
class Fitted:
    """Networks behind their preprocessing, and what came of their training.

    Attributes:
        model: From columns to outputs.
        runs: The networks one by one.
        settings: How they were made.
        validation: The metric on rows that were held out; a little too good, for they stopped the training.
        num_rows: That trained or stopped the training.
        held_true: Targets of the rows that some network left out, `(n,)`.
        held_outputs: What the networks that left them out say of them, on average, `(n, units)`.
        examples: What they were trained on; `None` once that is let go.
        is_cut_short: Whether Ctrl-C ended the training.
        linear: What the networks were trained beside; `None` for nothing.
    """

    model: keras.Model
    runs: Runs
    settings: Settings
    validation: float
    num_rows: int
    held_true: np.ndarray
    held_outputs: np.ndarray
    examples: Examples | None = field(repr=False)
    is_cut_short: bool = False
    linear: Linear | None = field(default=None, repr=False)

    @property
    def history(self) -> dict[str, list[list[float]]]:
        """Give the losses by epoch, a list for each network; of numbers in units of their variance."""
        unit = _unit(self.linear)
        return {key: (values * unit).tolist() for key, values in self.runs.history.items() if values.ndim == 2}

    @property
    def chance(self) -> float | None:
        """Give the loss of the best constant guess in the same units."""
        return self.runs.chance if self.linear is None else self.linear.chance

    @property
    def linear_loss(self) -> float | None:
        """Give the loss of the linear part alone in the same units; `None` without one."""
        return None if self.linear is None else self.linear.loss

    def interval(self, coverage: float, target: Target, true: np.ndarray, predicted: np.ndarray) -> Interval:
        """Find the interval around predicted numbers, and how many of these test rows lie in theirs."""
        found = interval_of(
            coverage, self.held_true, self.held_outputs[:, 0], is_factor=target.scale == "log",
            lowest=target.lowest,
        )  # fmt: skip
        low, high = found.around(predicted).T
        return replace(found, held=float(((low <= true) & (true <= high)).mean()), num_test=len(true))


def fit_rows(
    columns: Columns,
    target: Target,
    rows: Mapping[str, np.ndarray],
    y: np.ndarray,
    held: Sequence[np.ndarray],
    *,
    epochs: int | None = None,
    seed: int = 0,
    verbose: str | int = 0,
    settings: Settings | None = None,
) -> Fitted:
    """Train the networks on rows whose columns are decided, and put them together with the preprocessing.

    Args:
        columns: The decisions.
        target: What is predicted.
        rows: Values of the learnt columns.
        y: Encoded targets.
        held: For each network the places of the rows that stop it.
        epochs: At most, where it was said.
        seed: Of weights and orders.
        verbose: 0 is silent.
        settings: Others than those for this number of rows.
    """
    num_bins = settings.num_bins if settings is not None else NUM_BINS
    examples = examples_of(columns, rows, y, held, num_bins=num_bins, seed=seed)
    features, y, held = examples.features, examples.y, examples.held
    settings = settings or settings_for(len(y), features.shape[1], loss=target.loss, epochs=epochs)
    scales = scales_for(target, y)
    learnt = y.astype(np.float32 if target.classes is None else np.int32) if scales is None else scales.learnt(y)
    linear = None if scales is None else linear_of(features, learnt, held)
    targets = [learnt] * len(held) if linear is None else linear.left
    units = len(target.classes) if target.task == "multiclass" and target.classes else 1
    head = Head(units if scales is None else learnt.shape[1], target.activation, target.loss, (), target.task)
    runs, is_cut_short = train_cores(features, targets, head, held, settings, seed=seed, verbose=verbose,
                                      unit=_unit(linear))  # fmt: skip
    seen, outputs = out_of_fold(runs, examples, linear)
    if scales is not None:
        scales = scales.balanced(outputs, y[seen])
        outputs = scales.back(outputs)
    validation = score(target.metric, y[seen], losses(target.metric, y[seen], probabilities(target, outputs)))
    model = compose(examples.preprocessing, runs, target, scales, linear)
    return Fitted(
        model, runs, settings, validation, len(y), y[seen], outputs, examples, is_cut_short, linear,
    )  # fmt: skip


def _unit(linear: Linear | None) -> float:
    """Give what a squared error of 1 is in the curves, where networks learn what a regression leaves."""
    return 1.0 if linear is None else linear.spread**2


def out_of_fold(runs: Runs, examples: Examples, linear: Linear | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Ask each network, and what it was trained beside, about the rows that it did not train on.

    Returns:
        Which rows these are, `(n,)`, and the mean outputs for them, `(rows, outputs)`.
    """
    features, num_rows = examples.features, len(examples.y)
    sums: Any = None
    times = np.zeros(num_rows)
    for i, (run, out) in enumerate(zip(runs, examples.held[: len(runs)], strict=True)):
        parts = [
            run.model(features[out[start : start + ROWS_AT_ONCE]], training=False)
            for start in range(0, len(out), ROWS_AT_ONCE)
        ]
        outputs = np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])
        if linear is not None:
            outputs = linear.spread * outputs + linear.said[i]
        sums = np.zeros((num_rows, outputs.shape[1])) if sums is None else sums
        sums[out] += outputs
        times[out] += 1
    seen = times > 0
    return seen, sums[seen] / times[seen, None]
