"""How large a model should be: training and validation loss against its size, and the simplest that is as good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cheatsheet.common.arguments import is_whole, known_arguments_only, require_whole
from cheatsheet.common.words import count, did_you_mean
from cheatsheet.finding import Finding
from recipes.features import as_features, moments
from recipes.running.show import as_html

# By what is varied: the axis's label, and the sizes where none are given.
SIZES: dict[str, tuple[str, tuple[int, ...]]] = {
    "degree": ("degree of the polynomial", (0, 1, 2, 3, 4, 5, 6, 8, 10, 12)),
    "units": ("nodes in the hidden layer", (0, 1, 2, 4, 8, 16, 32, 64)),
    "features": ("random features", (5, 10, 20, 50, 100, 200, 500, 1000, 2000)),
}
EPOCHS = 200  # of a network: some thousand steps on some hundred rows
RATE = 0.01  # of Adam: ten times Keras' own, for networks that are this small
NEARLY_ALL = 0.9  # of the repetitions must agree for a peak to be one,
HIGH = 1.5  # which is so many times as high as what is lower on both sides: a bump is none


@dataclass(frozen=True)
class Size:
    """One size of a model and its losses.

    Attributes:
        size: Degree, nodes or features.
        parameters: How many numbers are learnt.
        train: `(seeds,)`, the mean loss on the rows that it learnt from.
        validation: `(seeds,)`, that on the others.
    """

    size: int
    parameters: int
    train: np.ndarray = field(repr=False)
    validation: np.ndarray = field(repr=False)

    @property
    def mean(self) -> float:
        """The mean validation loss."""
        return float(self.validation.mean())

    @property
    def standard_error(self) -> float:
        """How far that mean may be off by chance. The repetitions share rows, so it is rather too small."""
        return standard_error(self.validation)


@dataclass(frozen=True)
class Occam:
    """Models of several sizes on the same data, each repeated with other rows to learn from.

    Attributes:
        by: What is varied: `"degree"`, `"units"` or `"features"`.
        sizes: From the fewest parameters to the most.
        loss: What is measured.
        rows: How many rows they learnt from.
        outputs: How many numbers each row's target has: with `rows · outputs` parameters a model can repeat them all.
    """

    by: str
    sizes: tuple[Size, ...] = field(repr=False)
    loss: str
    rows: int
    outputs: int

    @cached_property
    def best(self) -> Size:
        """The least mean validation loss; of equals the simplest."""
        return min(self.sizes, key=lambda size: size.mean)

    @property
    def limit(self) -> float:
        """The best mean and one standard error above it: what lies below performs alike."""
        return self.best.mean + self.best.standard_error

    @cached_property
    def simplest(self) -> Size:
        """The fewest parameters whose mean validation loss lies within one standard error of the best."""
        return min((s for s in self.sizes if s.mean <= self.limit), key=lambda size: size.parameters)

    @cached_property
    def peak(self) -> Size | None:
        """Where the validation loss, having risen, turns to fall again (double descent); None without such a size."""
        inner = self.sizes[1:-1]
        if not inner:
            return None
        top = max(inner, key=lambda size: size.mean)
        place = self.sizes.index(top)
        before = min(self.sizes[:place], key=lambda size: size.mean)
        after = min(self.sizes[place + 1 :], key=lambda size: size.mean)
        higher = [float((top.validation > HIGH * other.validation).mean()) for other in (before, after)]
        return top if min(higher) >= NEARLY_ALL else None

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be said of it: which is the simplest, whether the range was wide enough, and double descent."""
        name, best, simplest = SIZES[self.by][0], self.best, self.simplest
        message = f"{name} {simplest.size:,} with {count(simplest.parameters, 'parameter')}"
        message += " is the best." if simplest is best else (
            f" lies within one standard error of the best, {best.size:,} with {count(best.parameters, 'parameter')}."
        )  # fmt: skip
        found = [Finding("simplest", "info", message)]
        if best is self.sizes[-1] and simplest is best and len(self.sizes) > 1:
            message = f"the largest size, {best.size:,}, is the best: a larger one may be better."
            found.append(Finding("range_ends", "warning", message, "larger sizes"))
        if self.peak is not None:
            last = self.sizes[-1]
            message = (
                f"the validation loss peaks at {self.peak.size:,} with {count(self.peak.parameters, 'parameter')}, for "
                f"{self.rows * self.outputs:,} numbers to learn, and has fallen again at {last.size:,}."
            )
            found.append(Finding("double_descent", "info", message))
        return tuple(found)

    def plot(self) -> Any:
        """Draw the losses against the size; return the matplotlib Figure. `recipes.plots.plot_occam` takes an Axes."""
        from recipes.plots import plot_occam

        return plot_occam(self).figure

    def __repr__(self) -> str:
        sizes = f"{self.sizes[0].size:,} to {self.sizes[-1].size:,}"
        return f"<Occam {self.by} {sizes}: best {self.best.size:,}, simplest {self.simplest.size:,}>"

    def __str__(self) -> str:
        name, repeats = self.loss.replace("_", " "), count(len(self.best.validation), "repetition")
        lines = [
            f"{name}, {count(self.rows, 'row')} to learn from, mean and standard error of {repeats}",
            f"{self.by:>10} {'parameters':>12} {'training':>12} {'validation':>12}",
        ]
        for size in self.sizes:
            mark = "best" if size is self.best else "as good" if size.mean <= self.limit else ""
            mark = "simplest" if size is self.simplest else mark
            lines.append(
                f"{size.size:10,} {size.parameters:12,} {size.train.mean():12.4g} {size.mean:12.4g} ± "
                f"{size.standard_error:<8.2g} {mark}".rstrip()
            )
        return "\n".join([*lines, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        facts = {f"{self.by} {s.size:,}": f"{s.mean:.4g} ± {s.standard_error:.2g}" for s in self.sizes}
        return as_html(f"{self.loss} by {SIZES[self.by][0]}", facts, self.findings)


@known_arguments_only
def occam(
    x: Any,
    y: Any,
    *,
    by: str = "degree",
    sizes: Sequence[int] | None = None,
    seeds: int = 10,
    validation_split: float = 0.3,
    epochs: int | None = None,
) -> Occam:
    """Fit models of several sizes to the same data and measure each on rows that it did not see.

    `"degree"`: polynomials of one column by least squares, in Legendre's basis over the range of x. `"units"`:
    networks with one hidden layer of so many nodes (0: none, a linear model) by `build_model` and `fit` with Adam 0.01
    in batches of 32, and the losses of the last epoch. `"features"`: least squares on so many cosines cos(v · x + b) of
    the standardised columns, with random v and b that are not learnt. Where least squares has more parameters than
    rows it takes those of the least norm, and its validation loss can fall a second time.

    Args:
        x: Columns of numbers `(n, k)`, or one `(n,)`; a degree needs one.
        y: Numbers `(n,)` or `(n, outputs)`; for networks what `build_model` takes.
        by: What is varied.
        sizes: Which degrees, nodes or numbers of features.
        seeds: How often each is repeated, with other rows to validate on, other features and other first weights.
        validation_split: Share of the rows to validate on.
        epochs: Of networks; 200 where nothing is said.

    Returns:
        The losses of each size, with `best` and `simplest`.

    Raises:
        DataError: for what holds no finite numbers.
        ValueError: for several columns with `by="degree"`, and for settings that cannot be.

    References:
        Breiman et al. (1984), Classification and Regression Trees, section 3.4.3, for the rule of one standard error;
        Rahimi and Recht (2007) for random features; Belkin et al. (2019), arXiv 1812.11118, for double descent.
    """
    if by not in SIZES:
        raise ValueError(f"by is one of {', '.join(SIZES)}. Received: by={by!r}.{did_you_mean(by, SIZES)}")
    numbers = _sizes(by, sizes)
    require_whole("seeds", seeds, 2)
    if not 0 < validation_split < 1:
        raise ValueError(
            f"validation_split must lie between 0 and 1. Received: validation_split={validation_split!r}. Say 0.3."
        )
    if epochs is not None:
        require_whole("epochs", epochs, 1)
        if by != "units":
            raise ValueError(f"epochs={epochs} are those of a network, but by={by!r} is solved. Leave it out.")
    features = as_features(x)
    if by == "degree" and features.shape[1:] != (1,):
        raise ValueError(
            f"x has shape {features.shape}. Expected one column, (n,): a polynomial here has one variable. "
            "Choose one, or say by='units' or by='features'."
        )
    target = y if by == "units" else as_features(y, "y").astype(np.float64)
    rows = len(features)
    if len(target) != rows:
        raise ValueError(f"x has {count(rows, 'row')}, but y has {len(target):,}. Expected one y for each x.")
    held = round(validation_split * rows)
    if not 0 < held < rows:
        raise ValueError(f"x has {count(rows, 'row')}, of which validation_split leaves none. Pass more rows.")
    if by == "units":
        return _networks(features, np.asarray(target), numbers, seeds, held, epochs or EPOCHS)
    flat = features.reshape(rows, -1).astype(np.float64)
    make = _legendre(flat[:, 0]) if by == "degree" else _cosines
    found: list[list[tuple[float, float]]] = [[] for _ in numbers]
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(rows)
        train, validation = order[held:], order[:held]
        for losses, size in zip(found, numbers, strict=True):
            losses.append(_least_squares(make(flat, train, size, seed), target, train, validation))
    outputs = target.shape[1]
    learnt = [(size + (by == "degree")) * outputs for size in numbers]
    made = tuple(Size(n, p, *np.array(losses).T) for n, p, losses in zip(numbers, learnt, found, strict=True))
    return Occam(by, made, "mean_squared_error", rows - held, outputs)


def standard_error(values: Any) -> float:
    """Compute the standard error of a mean, std / sqrt(n) with n - 1 degrees of freedom.

    Args:
        values: `(n,)`, at least two.
    """
    array = np.asarray(values, np.float64)
    return float(array.std(ddof=1) / len(array) ** 0.5)


def _sizes(by: str, sizes: Any) -> tuple[int, ...]:
    least = 1 if by == "features" else 0
    chosen = SIZES[by][1] if sizes is None else tuple(sizes)
    if not chosen or not all(is_whole(size, least) for size in chosen) or len({*chosen}) < len(chosen):
        raise ValueError(
            f"sizes must be different whole numbers of at least {least}. Received: sizes={sizes!r}. "
            f"Expected like {SIZES[by][1][:4]}."
        )
    return tuple(sorted(map(int, chosen)))


Features = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]


def _legendre(x: np.ndarray) -> Features:
    """Make the polynomials up to a degree over the whole range of x, which Legendre's keep between -1 and 1."""
    low, high = x.min(), x.max()
    scaled = 2 * (x - low) / (high - low or 1.0) - 1
    return lambda _x, _train, degree, _seed: np.polynomial.legendre.legvander(scaled, degree)


def _cosines(x: np.ndarray, train: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Make the random features; the first of them are the same for every number of them."""
    mean, std = moments(x[train], keep=1)
    random = np.random.default_rng((seed, 1))
    draws = random.normal(size=(number, x.shape[1] + 1))  # row after row, so that more of them begin alike
    phases = np.pi * draws[:, -1]  # wide enough that every phase is nearly as likely
    return np.cos((x - mean) / std @ draws[:, :-1].T / x.shape[1] ** 0.5 + phases)


def _least_squares(
    features: np.ndarray, y: np.ndarray, train: np.ndarray, validation: np.ndarray
) -> tuple[float, float]:
    """Solve on some rows, with the least norm where many solutions are as good; return the loss there and elsewhere."""
    weights = np.linalg.lstsq(features[train], y[train], rcond=None)[0]
    error = (features @ weights - y) ** 2
    return float(error[train].mean()), float(error[validation].mean())


def _networks(x: np.ndarray, y: np.ndarray, numbers: Sequence[int], seeds: int, held: int, epochs: int) -> Occam:
    from recipes.build import build_model
    from recipes.training.fit import fit

    sizes = []
    outputs, loss = 1, ""
    for number in numbers:
        losses, parameters = [], 0
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(x))
            train, validation = order[held:], order[:held]
            units = (number,) if number else ()
            model = build_model(x=x[train], y=y[train], body="mlp", units=units, learning_rate=RATE, seed=seed)
            run = fit(model, x[train], y[train], epochs=epochs, validation_data=(x[validation], y[validation]),
                      seed=seed, verbose=0)  # fmt: skip
            losses.append((run.history["loss"][-1], run.history["val_loss"][-1]))
            parameters, outputs, loss = model.count_params(), model.output_shape[-1], model.loss
        sizes.append(Size(number, parameters, *np.array(losses).T))
    sizes.sort(key=lambda size: size.parameters)  # from many columns a narrow layer has fewer than none
    return Occam("units", tuple(sizes), str(loss), len(x) - held, outputs)
