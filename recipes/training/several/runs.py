"""What training many networks gives back: each run by itself, and what they say together."""

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from cheatsheet import Finding
from cheatsheet.common.words import count, digits
from cheatsheet.modelspec import describe_ends
from recipes.diagnosis.diagnose import diagnose
from recipes.running.show import as_html
from recipes.training.data.streams import is_stream
from recipes.training.data.yardsticks import middle_of
from recipes.training.evaluate import evaluate
from recipes.training.names import plain_names, renamed
from recipes.training.run import Run, labels_of
from recipes.training.scoring.evaluations import Evaluations


@dataclass(frozen=True)
class Runs:
    """Several finished runs on one target, which may differ in everything else.

    Attributes:
        runs: One `Run` each, in the order of the models.
        how: What was trained together, in words.
        seconds: Wall time from call to return.
    """

    runs: tuple[Run, ...] = field(repr=False)
    how: str
    seconds: float

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, which: int) -> Run:
        return self.runs[which]

    @property
    def history(self) -> dict[str, np.ndarray]:
        """The curves by name, `(networks, epochs)`; NaN where a network had stopped."""
        histories = self._histories
        names = dict.fromkeys(name for history in histories for name in history)
        longest = max((run.epochs for run in self.runs), default=0)
        curves: dict[str, np.ndarray] = {}
        for name in names:
            each = next(np.shape(history[name][0]) for history in histories if history.get(name))
            curves[name] = np.full((len(self.runs), longest, *each), np.nan)
            for k, history in enumerate(histories):
                values = history.get(name, [])
                curves[name][k, : len(values)] = values
        return curves

    @property
    def _histories(self) -> list[Mapping[str, Any]]:
        """The history of each run, under names that they have in common where Keras has counted theirs up."""
        histories: list[Mapping[str, Any]] = [run.history for run in self.runs]
        if all(history.keys() == histories[0].keys() for history in histories):
            return histories
        return [renamed(run.history, plain_names(run.model)) for run in self.runs]

    @property
    def watched(self) -> str:
        """The curve that runs are compared by: the validation's loss, or without one the training's."""
        return "val_loss" if all("val_loss" in run.history for run in self.runs) else "loss"

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """Each quantity at the epoch whose weights the model has, `(networks,)`."""
        histories, kept = self._histories, self.kept
        names = [name for name in self.history if all(name in history for history in histories)]
        return {
            name: np.array([history[name][epoch - 1] for history, epoch in zip(histories, kept, strict=True)])
            for name in names
        }

    @property
    def best(self) -> Run:
        """The run with the lowest loss on the validation, or without one on the training.

        It was chosen by that number, which is therefore too good for it: judge it on other rows.
        """
        watched = self.scores[self.watched]
        return self.runs[int(np.argmin(np.where(np.isfinite(watched), watched, np.inf)))]

    @property
    def kept(self) -> np.ndarray:
        """The epoch whose weights each network has `(networks,)`, counted from 1."""
        return np.array([run.kept or run.epochs for run in self.runs])

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """The curves by name, `(networks, epochs)`, up to the last epoch in which half of the networks still trained.

        Those that had stopped before count on with what they had then. So every epoch is about all networks, and a
        median does not jump where some of them stop, as it would to those that are left, or to what was kept of them.
        """
        return trained_on(self.history, np.array([run.epochs for run in self.runs]))

    @property
    def median(self) -> dict[str, list[float]]:
        """The median of `curves` in each of their epochs; NaN where no network has a number."""
        return _median(self.curves)

    @property
    def findings(self) -> list[Finding]:
        """What `diagnose` says of the median network, then once each what was said of the data and models of any run.

        Where early stopping put the best weights back, epochs that a network threw away are not judged.
        """
        of_data = {str(one): one for run in self.runs for one in run.findings if one.epochs is None}
        found = diagnose_kept(self.history, self.kept, chance=self.chance, least=self.runs[0].least)
        return [*found, *of_data.values()]

    @property
    def chance(self) -> float | None:
        """The median loss of the constant guesses, which differ between folds; `None` where the losses differ."""
        chances = [run.chance for run in self.runs if run.chance is not None]
        losses = {tuple(output.loss for output in describe_ends(run.model).outputs) for run in self.runs}
        return float(np.median(chances)) if len(chances) == len(self.runs) and len(losses) == 1 else None

    @property
    def verdict(self) -> str:
        """The headline on the median curves, in one sentence."""
        return str(self.findings[0])

    def predict(self, x: Any) -> Any:
        """Return the outputs of every network, `(networks, n, units)`; their mean is what `ensemble()` gives.

        Of models with several outputs it is a list or dict of such arrays, as the models give them.

        Raises:
            DataError: for what the models were not trained on.
        """
        each = [run.predict(x) for run in self.runs]
        return keras.tree.map_structure(lambda *outputs: np.stack([np.asarray(one) for one in outputs]), *each)

    def predict_labels(self, x: Any) -> Any:
        """Return the class of each row by the mean of the networks' outputs, under the name that it had in training.

        Raises:
            DataError: for what the models were not trained on.
            ValueError: for runs whose target was numbers, or several outputs.
        """
        signature = self.runs[0].signature
        if signature is None or not isinstance(signature.classes, tuple):
            several = len(signature.outputs) > 1 if signature is not None else False
            instead = "runs[k].predict_labels of each network" if several else "predict"
            raise ValueError(f"These runs have no classes, one for each row. Use {instead}.")
        return labels_of(self.predict(x).mean(axis=0), signature.classes, middle_of(self.runs[0].model))

    def evaluate(self, x: Any, y: Any = None, *, sample_weight: Any = None) -> Evaluations:
        """Say what the networks are worth on other rows, together and each by itself.

        Returns:
            A mapping of the ensemble's numbers, as `Run.evaluate` gives them of one network; `table()` has mean, median
            and spread over the networks, and `networks` each one's own.

        Raises:
            DataError: for what the models were not trained on.
            ValueError: for networks of which no ensemble can be made.
        """
        if len(self.runs[0].model.outputs or ()) > 1:
            raise ValueError(
                f"These networks have {len(self.runs[0].model.outputs)} outputs, of which no ensemble is made. Say "
                "runs[k].evaluate(x, y) of each network."
            )
        ensemble = evaluate(self.ensemble(), x, y, sample_weight=sample_weight, like=self.runs[0].signature)
        own = () if is_stream(x) else [run.evaluate(x, y, sample_weight=sample_weight) for run in self.runs]
        first = plain_names(self.runs[0].model)
        called = [{plain: name for name, plain in plain_names(run.model).items()} for run in self.runs]
        names = [{name: mine.get(plain, name) for name, plain in first.items()} for mine in called]
        return Evaluations(ensemble, own, names)

    def ensemble(self) -> keras.Model:
        """Make one Keras model that averages the networks: probabilities, numbers, quantiles, or margins.

        It is a plain model with copies of their weights, compiled as they are, and saved and loaded as any other; being
        plain it takes columns by their place: for a table in another order say `runs.predict` or `runs.evaluate`. Where
        the loss takes logits, the probabilities are averaged and given as logits again.

        Raises:
            ValueError: for networks with several outputs, or whose outputs differ in shape or in what they mean; for
                models that their configuration does not make again.
        """
        from recipes.training.several.ensemble import ensemble_of

        classes = [run.signature and run.signature.classes for run in self.runs]
        if any(own != classes[0] for own in classes):
            raise ValueError(
                f"The outputs of these networks mean different classes: {classes[0]} and "
                f"{next(own for own in classes if own != classes[0])}. An ensemble needs the same for all."
            )
        return ensemble_of([run.model for run in self.runs], self.runs[0].signature)

    def plot(self) -> Any:
        """Draw the median of the curves and their spread, with the verdict on the median; return the Figure."""
        from recipes.plots import plot_spread

        return plot_spread(self).figure

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write every run into a folder of its own within this one; `recipes.load(folder)` reads them.

        Raises:
            FileExistsError: for a folder with other files in it, or with saved runs, unless `overwrite`.
        """
        from recipes.training.several.save_many import save_all

        save_all(self, folder, overwrite=overwrite)

    def __repr__(self) -> str:
        watched = self.scores[self.watched]
        return f"<Runs of {count(len(self), 'network')}, {self.watched} {_spread(watched)}>"

    def __str__(self) -> str:
        lines = [f"{count(len(self), 'network')} in {self.seconds:.1f} s", self.how]
        lines += [f"{name}: {_spread(values)}" for name, values in self.scores.items() if values.ndim == 1]
        return "\n".join([*lines, *(f"of the median: {finding}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        facts = {"seconds": f"{self.seconds:.1f}", "trained": self.how}
        facts |= {name: _spread(values) for name, values in self.scores.items() if values.ndim == 1}
        return as_html(f"Runs of {count(len(self), 'network')}", facts, self.findings)


def _spread(values: np.ndarray) -> str:
    """Write a median with its quartiles, and how many networks have no number."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "not finite in any"
    low, middle, high = np.percentile(finite, [25, 50, 75])
    lost = f"; not finite in {len(values) - len(finite)}" if len(finite) < len(values) else ""
    return f"{digits(middle)} (half of them {digits(low)} to {digits(high)}{lost})"


def _median(curves: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # that all of a column are NaN
        return {name: np.nanmedian(values, axis=0).tolist() for name, values in curves.items() if values.ndim == 2}


def diagnose_kept(curves: Mapping[str, np.ndarray], kept: np.ndarray, **known: Any) -> list[Finding]:
    """Judge the median of several networks' curves, without the epochs that each threw away.

    Args:
        curves: By name `(networks, epochs)`, or more axes.
        kept: The epoch whose weights each has `(networks,)`, counted from 1.
        known: What `diagnose` is told beside them.
    """
    return diagnose(_median(_held(curves, kept)), kept=kept.tolist(), **known)


def trained_on(curves: Mapping[str, np.ndarray], epochs: np.ndarray) -> dict[str, np.ndarray]:
    """Let networks that have stopped count on with the value that they had then, for as long as half of them train.

    Args:
        curves: By name `(networks, epochs)`, or more axes; NaN where a network had stopped.
        epochs: That each was trained for `(networks,)`.

    Returns:
        The curves, of fewer epochs where more than half of the networks had stopped before the last one did.

    >>> trained_on({"loss": np.array([[3, 1, np.nan, np.nan], [4, 3, 2, np.nan], [5, 4, 3, 2]])}, np.array([2, 3, 4]))
    {'loss': array([[3., 1., 1.],
           [4., 3., 2.],
           [5., 4., 3.]])}
    """
    end = sorted(epochs, reverse=True)[(len(epochs) - 1) // 2] if len(epochs) else 0
    return {name: values[:, :end] for name, values in _held(curves, epochs).items()}


def _held(curves: Mapping[str, np.ndarray], last: np.ndarray) -> dict[str, np.ndarray]:
    """Let each network keep the value of one of its epochs `(networks,)`, counted from 1, in all that follow."""
    filled = {name: values.copy() for name, values in curves.items()}
    for values in filled.values():
        for k, epoch in enumerate(last):
            if 0 < epoch <= values.shape[1]:
                values[k, epoch:] = values[k, epoch - 1]
    return filled
