"""What the batch size does to what is learnt, with the same number of epochs for all, or of steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cheatsheet.common.arguments import is_whole, known_arguments_only, require_whole
from cheatsheet.common.arrays import as_array
from cheatsheet.common.words import count
from cheatsheet.finding import Finding
from recipes.features import as_features
from recipes.lecture.models.occam import standard_error
from recipes.running.show import as_html

SIZES = (8, 32, 128, 512)
RATES = (0.01, 0.1, 1.0)  # of plain descent
EPOCHS = 30
Build = Callable[[float, int], Any]


@dataclass(frozen=True)
class BatchSizes:
    """What was reached with each batch size and learning rate, on rows that the network did not learn from.

    Attributes:
        held: What is the same for all batch sizes: `"epochs"` or `"steps"`.
        budget: How many of them.
        metric: What is measured, Keras' name: an accuracy for classes, the loss for numbers.
        rows: How many rows it learnt from.
        batch_sizes: `(b,)`.
        learning_rates: `(r,)`.
        values: `(r, b, seeds)`, after the last epoch.
        steps: `(b,)`, how many steps the weights took.
    """

    held: str
    budget: int
    metric: str
    rows: int
    batch_sizes: tuple[int, ...]
    learning_rates: tuple[float, ...]
    values: np.ndarray = field(repr=False)
    steps: tuple[int, ...]

    @cached_property
    def means(self) -> np.ndarray:
        """`(r, b)`, over the seeds."""
        return self.values.mean(axis=-1)

    @cached_property
    def errors(self) -> np.ndarray:
        """`(r, b)`, the means' standard errors."""
        return np.array([[standard_error(cell) for cell in row] for row in self.values])

    @property
    def is_loss(self) -> bool:
        """Whether less is better."""
        return self.metric == "loss"

    @cached_property
    def best_rates(self) -> tuple[float, ...]:
        """The learning rate that is best for each batch size, `(b,)`."""
        sign = 1 if self.is_loss else -1
        places = np.where(np.isfinite(self.means), sign * self.means, np.inf).argmin(axis=0)
        return tuple(self.learning_rates[place] for place in places)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be said of it: which rate each batch size wants, and how far apart the sizes then are."""
        places = [self.learning_rates.index(rate) for rate in self.best_rates]
        best = [float(self.means[place, i]) for i, place in enumerate(places)]
        wants = ", ".join(f"{size:,}: {rate:g}" for size, rate in zip(self.batch_sizes, self.best_rates, strict=True))
        message = (
            f"the best learning rate by batch size is {wants}; with it the {self.metric} is {min(best):.4g} to "
            f"{max(best):.4g} after {self.budget:,} {self.held}."
        )
        found = [Finding("best_rates", "info", message)]
        ends = {self.learning_rates[0], self.learning_rates[-1]} & {*self.best_rates}
        if ends and len(self.learning_rates) > 1:
            message = (
                f"the best rate of some batch sizes is the end of those tried, {', '.join(map(str, sorted(ends)))}."
            )
            found.append(Finding("range_ends", "warning", message, "more learning_rates to that side"))
        return tuple(found)

    def plot(self) -> Any:
        """Draw it against the batch size; return the matplotlib Figure. `plot_batch_sizes` takes an Axes."""
        from recipes.plots import plot_batch_sizes

        return plot_batch_sizes(self).figure

    def __repr__(self) -> str:
        cells = count(self.values.size, "training")
        return f"<BatchSizes {self.metric} at {self.budget:,} {self.held} each: {cells}>"

    def __str__(self) -> str:
        head = f"{self.metric}, {count(self.rows, 'row')} to learn from, {self.budget:,} {self.held} each"
        lines = [f"{head}; mean and standard error of {count(self.values.shape[-1], 'seed')}"]
        lines.append(f"{'batch size':>14}" + "".join(f"{size:18,}" for size in self.batch_sizes))
        lines.append(f"{'steps':>14}" + "".join(f"{steps:18,}" for steps in self.steps))
        for rate, means, errors in zip(self.learning_rates, self.means, self.errors, strict=True):
            cells = (f"{m:.4g} ± {e:.1g}" for m, e in zip(means, errors, strict=True))
            lines.append(f"{f'rate {rate:g}':>14}" + "".join(f"{cell:>18}" for cell in cells))
        return "\n".join([*lines, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        places = [self.learning_rates.index(rate) for rate in self.best_rates]
        best = zip(self.batch_sizes, self.best_rates, self.means.T[range(len(places)), places], strict=True)
        facts = {f"batch size {size:,}": f"{value:.4g} with rate {rate:g}" for size, rate, value in best}
        return as_html(f"{self.metric} at {self.budget:,} {self.held}", facts, self.findings)


@known_arguments_only
def compare_batch_sizes(
    x: Any,
    y: Any,
    *,
    batch_sizes: Sequence[int] = SIZES,
    learning_rates: Sequence[float] = RATES,
    epochs: int | None = None,
    steps: int | None = None,
    seeds: int = 3,
    validation_split: float = 0.2,
    build: Build | None = None,
) -> BatchSizes:
    """Train the same network in batches of several sizes, with the same number of epochs or of steps.

    With the same epochs all see each row as often, and larger batches take fewer steps; with the same steps all move
    as often, and larger batches see more rows. Which of the two is held decides what comes out.

    Args:
        x: Inputs `(n, ...)`.
        y: Target, of classes or numbers.
        batch_sizes: Rows a step.
        learning_rates: Each with each batch size.
        epochs: How often to go through all rows: 30 where neither this nor `steps` is given.
        steps: How many steps instead, to the nearest whole epoch; at least one epoch's of the smallest batch.
        seeds: How many trainings for each pair, each with its own rows to validate on and its own first weights.
        validation_split: Share of the rows to validate on.
        build: A function of a learning rate and a seed that makes a compiled Keras model; without it
            `build_model(x=x, y=y, body="mlp", optimizer="sgd")`.

    Raises:
        DataError: for data that do not fit the model.
        ValueError: for settings that cannot be.

    References:
        Goyal et al. (2017), arXiv 1706.02677: k times the batch size wants k times the rate. Shallue et al. (2019),
        arXiv 1811.03600: what is held decides. Keskar et al. (2017), arXiv 1609.04836.
    """
    from recipes.build import build_model
    from recipes.training.fit import fit

    sizes, rates = _sizes(batch_sizes), _rates(learning_rates)
    if epochs is not None and steps is not None:
        raise ValueError(
            f"Either epochs or steps are held. Received: epochs={epochs!r}, steps={steps!r}. Leave one out."
        )
    held, budget = ("epochs", EPOCHS if epochs is None else epochs) if steps is None else ("steps", steps)
    require_whole(held, budget, 1)
    require_whole("seeds", seeds, 2)
    if not 0 < validation_split < 1:
        raise ValueError(
            f"validation_split must lie between 0 and 1. Received: validation_split={validation_split!r}. Say 0.2."
        )
    features, target = as_features(x), as_array(y, "y")
    kept = round(validation_split * len(features))
    rows = len(features) - kept
    if not 0 < kept < len(features) or sizes[-1] > rows:
        raise ValueError(
            f"batch_sizes={batch_sizes!r} of {count(max(rows, 0), 'row')} to learn from. "
            f"Expected sizes of 1 to {max(rows, 0):,}."
        )
    an_epoch = [-(-rows // size) for size in sizes]  # steps; the last batch may be smaller
    turns = [budget if held == "epochs" else max(1, round(budget / number)) for number in an_epoch]
    if held == "steps" and (longest := max(an_epoch)) > budget:
        raise ValueError(
            f"steps={budget} end within the first pass over the rows in batches of {sizes[an_epoch.index(longest)]}, "
            f"which takes {longest:,}. Expected at least as many, or larger batches."
        )
    values = np.empty((len(rates), len(sizes), seeds))
    metric = "loss"
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(features))
        validation, train = order[:kept], order[kept:]
        data = features[train], target[train]
        for i, rate in enumerate(rates):
            for j, (size, turn) in enumerate(zip(sizes, turns, strict=True)):
                model = build(rate, seed) if build else build_model(
                    x=data[0], y=data[1], body="mlp", optimizer="sgd", learning_rate=rate, seed=seed
                )  # fmt: skip
                run = fit(model, *data, epochs=turn, batch_size=size, seed=seed, verbose=0,
                          validation_data=(features[validation], target[validation]))  # fmt: skip
                metric = next((name for name in run.history if name.endswith("accuracy")), "val_loss")
                metric = metric.removeprefix("val_")
                values[i, j, seed] = run.history[f"val_{metric}"][-1]
    made = tuple(turn * number for turn, number in zip(turns, an_epoch, strict=True))
    return BatchSizes(held, budget, metric, rows, sizes, rates, values, made)


def _sizes(sizes: Any) -> tuple[int, ...]:
    numbers = tuple(sizes) if isinstance(sizes, Sequence | np.ndarray) and not isinstance(sizes, str) else ()
    if not numbers or not all(is_whole(size, 1) for size in numbers):
        raise ValueError(
            f"batch_sizes must be whole numbers of at least 1. Received: batch_sizes={sizes!r}. Expected like {SIZES}."
        )
    return tuple(sorted({int(size) for size in numbers}))


def _rates(rates: Any) -> tuple[float, ...]:
    numbers = tuple(rates) if isinstance(rates, Sequence | np.ndarray) and not isinstance(rates, str) else ()
    wrong = [
        r for r in numbers if isinstance(r, bool) or not isinstance(r, int | float | np.number) or not 0 < r < 1e300
    ]
    if not numbers or wrong:
        raise ValueError(f"learning_rates must be numbers above 0. Received: {rates!r}. Expected like {RATES}.")
    return tuple(sorted({float(rate) for rate in numbers}))
