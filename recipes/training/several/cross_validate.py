"""Scores on rows that a network has not seen, fold by fold, at the price of little more than one training."""

import inspect
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np

from cheatsheet.common.arguments import require_whole
from cheatsheet.common.arrays import as_array
from cheatsheet.common.words import count, did_you_mean, digits
from cheatsheet.table import canonical_metric
from recipes.build import build_model
from recipes.running.show import as_html
from recipes.training.data.checks import raise_errors, unaligned_rows
from recipes.training.data.prepare import prepare
from recipes.training.data.streams import is_stream
from recipes.training.engines.description import LIFTED
from recipes.training.engines.engine import Job, Plan
from recipes.training.engines.many.engine import begin_ahead, sharing
from recipes.training.names import named_anew, plain_names, renamed
from recipes.training.run import Run
from recipes.training.several.fit_many import train_jobs
from recipes.training.several.folds import corrected_error, folds_of, rows_of, share_of
from recipes.training.several.runs import Runs

# Metrics that need rows of more than one class, by their canonical names.
OF_TWO_CLASSES = {
    "auc", "precision", "recall", "f1_score", "fbeta_score", "precision_at_recall", "recall_at_precision",
    "sensitivity_at_specificity", "specificity_at_sensitivity",
}  # fmt: skip
Build = str | Callable[..., keras.Model]
# What others call an argument, or what is asked for in another way.
_OTHERS_NAMES = {"n_splits": "cv", "folds": "cv", "splits": "cv", "k": "cv", "n_repeats": "repeats",
                 "scoring": "metrics", "callbacks": "patience", "random_state": "seed"}  # fmt: skip


@dataclass(frozen=True)
class CrossValidation:
    """What came out of the folds.

    Attributes:
        scores: The loss and each metric on the rows that were held out, `(folds,)`, or `(folds, values)` of a metric
            with several; of repeats one behind the other. Areas, precision and recall are NaN in a fold that holds
            rows of one class alone out, for which Keras gives 0.
        predictions: Outputs for each row by the network that had not seen it `(n, units)`, the mean over repeats; NaN
            for rows that no fold held out.
        folds: The rows that trained and those that were held out, of each fold.
        runs: The trainings.
    """

    scores: dict[str, np.ndarray]
    predictions: np.ndarray = field(repr=False)
    folds: tuple[tuple[np.ndarray, np.ndarray], ...] = field(repr=False)
    runs: Runs = field(repr=False)

    @property
    def mean(self) -> dict[str, Any]:
        """Each score's mean over the folds; of a metric with several values a list."""
        return {name: _plain(values.mean(axis=0)) for name, values in self.scores.items()}

    @property
    def standard_error(self) -> dict[str, Any]:
        """The standard error of each mean, by `recipes.training.several.folds.corrected_error`."""
        share = share_of(self.folds)
        return {name: _plain(corrected_error(values, share)) for name, values in self.scores.items()}

    def table(self) -> list[dict[str, Any]]:
        """List one row a fold: its number from 1, how many rows trained and were held out, scores, epochs, verdict.

        Of repeats one behind the other. The verdict is one word, as in `Search.table`; `found.runs[0].verdict` has the
        sentence. `pandas.DataFrame(found.table())` makes a table of it.
        """
        return [
            {
                "fold": i + 1,
                "train_rows": len(train),
                "test_rows": len(held),
                **{name: _plain(values[i]) for name, values in self.scores.items()},
                "epochs": run.epochs,
                "kept_epoch": run.kept or run.epochs,
                "verdict": run.findings[0].rule if run.findings else "",
            }
            for i, ((train, held), run) in enumerate(zip(self.folds, self.runs, strict=True))
        ]

    def plot(self) -> Any:
        """Draw the curves of all folds and each fold's scores on the rows that it held out; return the Figure."""
        from recipes.plots import plot_folds

        return plot_folds(self)

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write scores, predictions, the rows of the folds, and every run, into a folder that `recipes.load` reads.

        Raises:
            FileExistsError: for a folder with other files in it, or with saved runs, unless `overwrite`.
        """
        from recipes.training.several.save_many import save_all

        save_all(self, folder, overwrite=overwrite)

    def __str__(self) -> str:
        lines = [f"{count(len(self.folds), 'fold')} in {self.runs.seconds:.1f} s; {self.runs.how}"]
        for name, said in self._said().items():
            lines.append(f"{name}: {said} (by fold: {', '.join(map(digits, self.scores[name]))})")
        return "\n".join(lines)

    def _said(self) -> dict[str, str]:
        means, errors = self.mean, self.standard_error
        return {name: f"{digits(means[name])} ± {digits(errors[name])}" for name in self.scores}

    def __repr__(self) -> str:
        return f"<CrossValidation of {count(len(self.folds), 'fold')}, loss {digits(self.mean['loss'])}>"

    def _repr_html_(self) -> str:
        return as_html(f"Cross-validation, {count(len(self.folds), 'fold')}", self._said())


def cross_validate(
    build: Build,
    x: Any,
    y: Any,
    *,
    cv: Any = 5,
    repeats: int = 1,
    groups: Any = None,
    epochs: int = 1,
    batch_size: int = 32,
    patience: int | None = None,
    validation_split: float = 0.0,
    sample_weight: Any = None,
    class_weight: Any = None,
    seed: int = 0,
    verbose: str | int = "auto",
    engine: str = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    **options: Any,
) -> CrossValidation:
    """Train a network on each fold's rows and score it on the rest; the folds train at once.

    Nothing of the held-out rows reaches the training: scale, classes and class weights are found on each fold's own
    rows, and early stopping, where it is asked for, watches a part of these.

    Args:
        build: A task of the cheatsheet, such as `"binary"`, for `build_model`; or a function that is called with the
            training rows of a fold, `build(x, y)`, or with nothing, `build()`, and gives a compiled model.
        x: Inputs `(n, ...)`, an array or a table.
        y: Targets `(n,)` or `(n, k)`.
        cv: Number of folds, shuffled by the seed, and for classes stratified; or a splitter of scikit-learn; or a list
            of (training rows, held-out rows).
        repeats: So many times, each with other folds and other weights.
        groups: Of each row, `(n,)`: rows of a group stay together (`GroupKFold`, or the splitter's own way).
        epochs: As for `fit`, like the next.
        batch_size: Rows a step.
        patience: Epochs without a lower loss on `validation_split` of the training rows.
        validation_split: Share of each fold's training rows to watch for `patience`.
        sample_weight: Of each row; held-out rows are not weighted.
        class_weight: As for `fit`, found on the training rows.
        seed: Of folds, weights and order.
        verbose: 0 is silent.
        engine: As for `fit_many`, like the next two.
        checkpoint: Folder for the state of all folds, from which the same call goes on.
        checkpoint_every: Write it after so many epochs.
        **options: For `build_model`, such as `units=(64, 32)`.

    Returns:
        `CrossValidation`: `scores` of each fold, `mean`, `standard_error`, `predictions` out of fold, `runs`.

    Raises:
        ValueError: for fewer rows than folds; for folds that are none, that part a group, or whose training rows lack a
            class; for `patience` without `validation_split`; for a function that gives a model which holds constants of
            other rows than it was called with, or weights that another fold trains.
        DataError: as `fit`.
    """
    start = time.perf_counter()
    require_whole("repeats", repeats, 1)
    require_whole("epochs", epochs, 1)
    require_whole("batch_size", batch_size, 1)
    require_whole("seed", seed, 0)
    for name, value in (("groups", groups), ("sample_weight", sample_weight)):
        if isinstance(value, str):
            raise ValueError(
                f"{name}= has a value for each row. Received: {value!r}. Pass the column: x[{value!r}], say."
            )
    if patience is not None:
        require_whole("patience", patience, 1)
    if (patience is None) != (not validation_split):
        if patience is None:
            raise ValueError("validation_split is a share of the training rows for patience=, which is not given.")
        else:
            raise ValueError(
                f"patience={patience} needs rows to watch, and those held out must not be seen. "
                "Pass validation_split=0.2, a share of each fold's training rows."
            )
    _require_known(build, options)
    if is_stream(x):
        raise ValueError(f"cross_validate needs arrays, to take rows of. Received: x is a {type(x).__name__}.")
    target = as_array(y, "y")
    if len(target) != _num_rows(x):
        raise ValueError(f"x has {_num_rows(x):,} rows and y has {len(target):,}. Expected one target for each row.")
    raise_errors(unaligned_rows(x, y=y, groups=groups, sample_weight=sample_weight))
    weights = None if sample_weight is None else np.asarray(sample_weight)
    for name, value in (("sample_weight", weights), ("groups", groups)):
        if value is not None and len(value) != len(target):
            raise ValueError(f"{name} has {len(value):,} rows and y has {len(target):,}. Expected one for each row.")
    folds = folds_of(cv, target, groups, repeats, seed)
    jobs = []
    with_x = takes_rows(build)
    ahead = engine == "auto" and patience is None  # whose held-out rows are known before the data are prepared
    for i, (rows, held) in enumerate(folds):
        _require_words_known(i, target, rows, held)
        x_rows, y_rows = rows_of(x, rows), rows_of(y, rows)
        model = named_anew(partial(_built, build, x_rows, y_rows, seed + i, with_x, options))
        weight = None if weights is None else weights[rows]
        # The rows that are held out may be looked at in every epoch, as long as nothing is decided by them.
        watched: dict[str, Any] = {"validation_data": (rows_of(x, held), rows_of(y, held))}
        if patience is not None:
            watched = {"validation_split": validation_split}
        data = prepare(model, x_rows, y_rows, sample_weight=weight, class_weight=class_weight, seed=seed + i, **watched)
        jobs.append(Job(model, data, Plan(epochs, batch_size, True, seed + i, patience=patience)))
        if i == 0 and ahead:
            begin_ahead(jobs[0], [(len(rows), len(held)) for rows, held in folds])
    _require_apart([job.model for job in jobs])
    _require_all_classes(jobs)
    if not with_x:
        require_no_constants([job.model for job in jobs])
    runs = train_jobs(jobs, engine=engine, verbose=verbose, start=start, checkpoint=checkpoint,
                      checkpoint_every=checkpoint_every, ahead=not ahead)  # fmt: skip
    if len(runs) < len(folds) or any(run.interrupted for run in runs):
        raise KeyboardInterrupt  # in a notebook, where the runs so far are given back: no score of these would be right
    scores, sums, times = [], None, np.zeros(len(target))
    for run, (_, held) in zip(runs, folds, strict=True):
        x_held = rows_of(x, held)
        of_fold = _last(run) if patience is None else _found(run, x_held, rows_of(y, held))
        scores.append(_defined(renamed(of_fold, plain_names(run.model)), target[held]))
        outputs = np.asarray(run.predict(x_held), dtype=np.float64)
        sums = np.zeros((len(target), *outputs.shape[1:])) if sums is None else sums
        sums[held] += outputs
        times[held] += 1
    assert sums is not None
    with np.errstate(invalid="ignore", divide="ignore"):
        predictions = sums / times.reshape(-1, *[1] * (sums.ndim - 1))
    by_name = {name: np.array([score[name] for score in scores], np.float64) for name in scores[0]}
    return CrossValidation(by_name, predictions, tuple(folds), Runs(runs.runs, runs.how, time.perf_counter() - start))


def _require_known(build: Build, options: Mapping[str, Any]) -> None:
    """Answer an argument that nobody has with the one of `cross_validate` that is meant.

    Raises:
        TypeError: for such arguments, and for options of `build_model` where it is not asked.
    """
    known = [*inspect.signature(cross_validate).parameters][:-1]
    for name in options:
        meant = _OTHERS_NAMES.get(name)
        hint = f" Did you mean {meant!r}?" if meant else did_you_mean(name, known)
        if meant or not isinstance(build, str) or (hint and name not in inspect.signature(build_model).parameters):
            raise TypeError(f"cross_validate has no argument {name!r}. It takes {', '.join(known)}, and where build is "
                            f"a task the options of build_model.{hint}")  # fmt: skip


def _last(run: Run) -> Mapping[str, Any]:
    """Find the loss and the metrics of the last epoch on the rows that were held out, and looked at."""
    return {name.removeprefix("val_"): values[-1] for name, values in run.history.items() if name.startswith("val_")}


def _found(run: Run, x: Any, y: Any) -> Mapping[str, Any]:
    """Find the loss and the metrics on rows that were held out and not looked at."""
    found = run.evaluate(x, y)
    return {name: found[name] for name in run.history if name in found}


def _defined(scores: Mapping[str, Any], held: np.ndarray) -> dict[str, Any]:
    """Put NaN for what is not defined where all targets that are held out are the same."""
    if held.ndim > 2 or len(np.unique(held, axis=0)) > 1:
        return dict(scores)
    names = {name for name in scores if canonical_metric(name.rstrip("_0123456789")) in OF_TWO_CLASSES}
    return {name: np.full_like(value, np.nan, float) if name in names else value for name, value in scores.items()}


def _plain(value: Any) -> Any:
    return value.tolist() if np.ndim(value) else float(value)


def takes_rows(build: Build) -> bool:
    """Say whether a builder is given the training rows of its fold."""
    if isinstance(build, str):
        return True
    if isinstance(build, keras.Model):
        raise TypeError(
            "build is a model, which has one set of weights, and may know the scale of rows that are held out. "
            "Pass a function that makes it: build=lambda x, y: build_model(..., x=x, y=y)."
        )
    if not callable(build):
        raise TypeError(f"build is a task such as 'binary', or a function. Received: {build!r}.")
    needed = [p for p in inspect.signature(build).parameters.values()
              if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]  # fmt: skip
    if len(needed) not in (0, 2):
        raise TypeError(f"build takes (x, y) or nothing. Received a function of {count(len(needed), 'argument')}.")
    return len(needed) == 2


def _built(build: Build, x: Any, y: Any, seed: int, with_rows: bool, options: dict[str, Any]) -> keras.Model:
    if isinstance(build, str):
        return build_model(build, x=x, y=y, seed=seed, **options)
    model = build(x, y) if with_rows else build()
    if not isinstance(model, keras.Model):
        raise TypeError(f"build must give a compiled Keras model. Received: {type(model).__name__}.")
    if not model.compiled:
        raise ValueError("build gave a model that is not compiled. Call model.compile(...) in it.")
    return model


def _require_apart(models: Sequence[keras.Model]) -> None:
    """Refuse models that train the same weights: each would begin with what another learnt of rows it holds out.

    Raises:
        ValueError: saying which folds.
    """
    together = sorted(sharing(models, trained=True))
    if together:
        raise ValueError(
            f"build gave models that share weights or an optimizer, for the folds {', '.join(map(str, together[:5]))} "
            "(counted from 0): each would go on with what another has learnt of the rows that it holds out. "
            "Make new layers and a new optimizer in each call."
        )


def _require_all_classes(jobs: Sequence[Job]) -> None:
    """Refuse training rows without one of the classes: output 1 would be another class than in the other folds.

    Raises:
        ValueError: naming fold and class.
    """
    found = [job.data.signature.classes if job.data.signature is not None else None for job in jobs]
    every = {label for classes in found if isinstance(classes, tuple) for label in classes}
    for i, classes in enumerate(found):
        if isinstance(classes, tuple) and (missing := sorted(every - {*classes}, key=str)):
            raise lacking(i, missing[0])


def _require_words_known(i: int, y: np.ndarray, rows: np.ndarray, held: np.ndarray) -> None:
    """Refuse a fold that holds out a word that its training rows lack."""
    if y.dtype.kind == "U" and y.size == len(y) and (missing := sorted({*y[held].ravel()} - {*y[rows].ravel()})):
        raise lacking(i, str(missing[0]))


def lacking(i: int, label: Any) -> ValueError:
    """Make the error of a fold whose training rows lack a class."""
    return ValueError(
        f"The training rows of fold {i} (counted from 0) have no row of class {label!r}, so that its network would not "
        "know that class. Take fewer folds, or a splitter that keeps the share of each class; mend it if it is a typo."
    )


def require_no_constants(models: Sequence[keras.Model]) -> None:
    """Refuse models that were made without their fold's rows and hold constants of data all the same.

    Raises:
        ValueError: naming the layer.
    """
    for model in models:
        for layer in model._flatten_layers(include_self=False):
            names = LIFTED.get(type(layer).__name__, ())
            if type(layer).__name__ == "Normalization" and any(
                getattr(layer, name, None) is not None for name in names
            ):
                raise ValueError(
                    f"The layer {layer.name!r} holds the mean and variance of data, and build() was given no rows: "
                    "they are of rows that are held out, too. Take the training rows, build(x, y), and adapt it to x."
                )


def _num_rows(x: Any) -> int:
    if isinstance(x, Mapping):
        raise TypeError("cross_validate takes one input, an array or a table. Received: x is a dict.")
    return x.shape[0] if hasattr(x, "shape") else len(x)
