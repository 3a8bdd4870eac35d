"""What a kind of search is: how a configuration becomes a model, is trained, and comes back as the model of its score.

`networks.py` holds the kinds that this package builds, `hypermodels.py` those of the user's own code, `grokking.py`
that of grokking; `arguments.py` says which one a call of `tune` is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from recipes.training.run import Run
from recipes.tuning.space import Entries

if TYPE_CHECKING:
    from recipes.tuning.problem import Problem


@dataclass(frozen=True)
class Training:
    """One configuration, to be trained once.

    Attributes:
        hp: keras-tuner's `HyperParameters` with its values.
        seed: Of the initial weights and the order of the batches.
        epochs: Up to which it is trained.
    """

    hp: Any
    seed: int
    epochs: int


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        model: As it was at the end, or at the epoch that was asked for.
        history: One list for each quantity.
        verdict: First rule of `diagnose`, or a kind's own word.
        standard_error: Of the score, by the spread over the validation rows; `None` where it is not known.
        weights: Those of the scored epoch, where training again would not give the same; `None` where it does.
        at_once: How many networks were trained together, this one included; then the model has the weights of the
            scored epoch.
        seconds: Its share of them; `None` where whoever called it knows.
        first: Epochs of the history that another trial had trained.
        stacked: Whether by the program for many networks, be it alone there.
    """

    model: keras.Model
    history: dict[str, list[float]] = field(repr=False)
    verdict: str = ""
    standard_error: float | None = None
    weights: list[np.ndarray] | None = field(default=None, repr=False)
    at_once: int = 1
    seconds: float | None = None
    first: int = 0
    stacked: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of search, as functions; each takes the `Problem` first.

    Attributes:
        build: The compiled model of a configuration, `(problem, hp, seed)`.
        train: `(problem, training, state)`: train it; its state is kept in the folder `state`, and taken up from there.
        again: `(problem, trainings, epoch)`: train it again, without a trace, and give the model as it was after that
            epoch (counted from 1). The trainings are the trial's, after those that Hyperband promoted to it.
        retrain: `(problem, training)`: train it on all rows; `None` where there are no others, or no known way.
        check: Can the first configuration of the space be built and trained? Raises `ValueError` where not.
        arguments: `(problem, hyperparameters)`: what its builder takes for them, by name; `None` where the user's own
            code takes them as they are.
        names: The hyperparameters of each body; empty where the space is the user's own.
        defaults: What is searched when nobody says, `(body, shape of one example, training rows, batch size)`.
        objective: When nobody names one.
        objectives: Of its own, each with its direction.
        brings_data: Whether it has its own, so that there are no x and y.
        by_engine: Whether `train` is by this package's engines, which take several at once.
    """

    build: Callable[["Problem", Any, int], keras.Model]
    train: Callable[["Problem", Training, Path], Trained]
    again: Callable[["Problem", Sequence[Training], int], Trained]
    retrain: Callable[["Problem", Training], Run] | None
    check: Callable[["Problem"], None]
    arguments: Callable[["Problem", Mapping[str, Any]], dict[str, Any]] | None = None
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: Callable[[str, tuple[int, ...], int, int], Entries] | None = None
    objective: str = "val_loss"
    objectives: Mapping[str, str] = field(default_factory=dict)
    brings_data: bool = False
    by_engine: bool = False


class NotMeasured(ValueError):
    """The history does not hold the objective, and so will none."""


class Stopped(Exception):
    """Ctrl-C came while a configuration was being trained; it will be trained when the search goes on."""


def require_measured(objective: str, measured: Iterable[str]) -> None:
    """Require an objective that is among the quantities that the history has.

    Raises:
        NotMeasured: where it is not.
    """
    if objective not in (names := list(measured)):
        raise NotMeasured(
            f"objective={objective!r} is not among what is measured: {', '.join(names)}. "
            "Name one of these, or add it to the model's metrics."
        )
