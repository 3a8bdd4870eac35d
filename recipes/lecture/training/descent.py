"""How the optimizers go down: the loss of a line over its slope and intercept, and each optimizer's path on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count, did_you_mean
from cheatsheet.finding import Finding
from recipes.lecture.models.lines import LOSSES, Line, Lines, fit_lines
from recipes.running.show import as_html

MSE = "mean_squared_error"
OPTIMIZERS = ("sgd", "momentum", "adagrad", "adadelta", "rmsprop", "adam")
MOMENTUM = 0.9  # the usual one: Sutskever et al. 2013, and the slide's
# Learning rates where none is given, tried on lines in raw and in standardised units: nearly all arrive in 100 steps.
# Of plain descent on squares in units of 1 / curvature. Below 2 it converges (momentum: below 2 (1 + 0.9)), and at 1.5
# it crosses a valley to half the height on the other side, which is seen.
BY_CURVATURE = {"sgd": 1.5, "momentum": 0.5}
# On absolute values the gradient is as long at the end as at the start: shares of the way that the first step goes.
BY_FIRST_STEP = {"sgd": 0.1, "momentum": 0.01}
# The others' steps have about their rate for length, whatever the gradient: shares of the way. Adagrad's shrink with
# the square root of their number. Adadelta's begin at sqrt(epsilon / (1 - rho)) = 0.0014 of its rate.
BY_WAY = {"adagrad": 0.25, "adadelta": 30.0, "rmsprop": 0.03, "adam": 0.05}
NARROW = 100.0  # times as curved across the valley as along it: descent needs about so many steps
ARRIVED = 0.01  # of the loss between the start and the best line


@dataclass(frozen=True)
class Path:
    """One optimizer's way.

    Attributes:
        learning_rate: Of its steps, as the optimizer holds it.
        weights: `(steps + 1, 2)`, slope and intercept, from the start.
        losses: `(steps + 1,)`, the mean loss of each of these lines.
    """

    learning_rate: float
    weights: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Descent:
    """The loss of all lines on the same points, and the paths on it.

    Attributes:
        lines: The points, and the best line by each loss.
        loss: Keras' name of the loss that is descended.
        paths: By the optimizer's name.
    """

    lines: Lines = field(repr=False)
    loss: str
    paths: Mapping[str, Path]

    @property
    def best(self) -> Line:
        """The line of the least loss."""
        return self.lines[self.loss]

    @property
    def least(self) -> float:
        """The least loss that a line can have."""
        return self.best.losses[self.loss]

    @property
    def start(self) -> np.ndarray:
        """Slope and intercept from which all set out, `(2,)`."""
        return next(iter(self.paths.values())).weights[0]

    @property
    def steps(self) -> int:
        """How many steps each optimizer took."""
        return len(next(iter(self.paths.values())).losses) - 1

    @cached_property
    def curvatures(self) -> tuple[float, float]:
        """The mean squared error's second derivatives along its valley and across, the eigenvalues of 2/n·ZᵀZ."""
        low, high = np.linalg.eigvalsh(_hessian(self.lines.x))
        return float(low), float(high)

    @property
    def condition(self) -> float:
        """How many times as curved the mean squared error is across its valley as along it: 1 is a round bowl."""
        low, high = self.curvatures
        return high / low if low > 0 else float("inf")

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be said of it: a valley that is too narrow, and paths that left or did not arrive."""
        found = []
        if self.condition > NARROW:
            message = (
                f"the loss is {self.condition:,.0f} times as curved across its valley as along it, and descent needs "
                "about as many steps."
            )
            found.append(Finding("narrow_valley", "warning", message, "standardise x: (x - x.mean()) / x.std()"))
        first = self._above(self.start)
        for name, path in self.paths.items():
            left = path.losses[-1] - self.least
            if not left <= first:  # this way round, so that NaN is found
                message = f"{name} ended above its start with learning_rate={path.learning_rate:.3g}."
                found.append(Finding("diverged", "error", message, "a smaller learning rate"))
            elif left > ARRIVED * first:
                message = f"{name} has {left / first:.0%} of the way down before it, after {count(self.steps, 'step')}."
                found.append(Finding("still_falling", "warning", message, "more steps, or a larger learning rate"))
        return tuple(found)

    def loss_at(self, weights: Any) -> np.ndarray:
        """Compute the mean loss of any lines.

        Args:
            weights: Slopes and intercepts, `(..., 2)`.

        Returns:
            `(...)`.
        """
        return _loss(self.loss, self.lines.x, self.lines.y, np.asarray(weights, np.float64))

    def plot(self, step: int | None = None) -> Any:
        """Draw the points with the lines, the surface with the paths, and the losses; return the matplotlib Figure.

        `recipes.plots.plot_surface`, `plot_descent_lines` and `plot_descent_losses` draw on an Axes that is there.

        Args:
            step: Only so far; to the end without it.
        """
        from recipes.plots import plot_descent

        return plot_descent(self, step)

    def frames(self, most: int = 60) -> Iterator[tuple[Any, str]]:
        """Draw the way step by step for `recipes.plots.save_page`: figures, each with a sentence.

        Args:
            most: How many frames at most. The first steps go furthest, so that they lie closest.
        """
        require_whole("most", most, 2)
        steps = np.unique(np.round(np.geomspace(1, self.steps + 1, most)).astype(int)) - 1
        for step in steps.tolist():
            losses = ", ".join(f"{name} {path.losses[step]:.3g}" for name, path in self.paths.items())
            yield self.plot(step), f"step {step}: loss {losses} (the best line has {self.least:.3g})"

    def __repr__(self) -> str:
        return f"<Descent {self.loss}: {', '.join(self.paths)}, {count(self.steps, 'step')}>"

    def __str__(self) -> str:
        x, y = self.lines.names
        slope, intercept = self.start
        rows = [
            f"{y} from {x}, {count(len(self.lines.x), 'row')}: {LOSSES[self.loss]} loss down from slope {slope:.4g}, "
            f"intercept {intercept:.4g}; {count(self.steps, 'step')}",
            f"{'':10} {'rate':>10} {'slope':>10} {'intercept':>10} {'loss':>10}",
        ]
        for name, path in self.paths.items():
            slope, intercept = path.weights[-1]
            rows.append(f"{name:10} {path.learning_rate:10.4g} {slope:10.4g} {intercept:10.4g} {path.losses[-1]:10.4g}")
        rows.append(f"{'best line':10} {'':10} {self.best.slope:10.4g} {self.best.intercept:10.4g} {self.least:10.4g}")
        return "\n".join([*rows, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {"loss": self.loss, "least loss": f"{self.least:.4g}"}
        facts |= {name: f"{p.losses[-1]:.4g}, rate {p.learning_rate:.4g}" for name, p in self.paths.items()}
        return as_html("Descent", facts, self.findings)

    def _above(self, weights: np.ndarray) -> float:
        return float(self.loss_at(weights)) - self.least


@known_arguments_only
def descend(
    x: Any,
    y: Any,
    *,
    loss: str = MSE,
    optimizers: Sequence[str] | Mapping[str, Any] = OPTIMIZERS,
    steps: int = 100,
    start: Sequence[float] = (0.0, 0.0),
    learning_rates: Mapping[str, float] | None = None,
    names: Sequence[str] | None = None,
) -> Descent:
    """Go down the loss of the line y = slope · x + intercept with Keras' optimizers, and keep their paths.

    Each takes steps on the gradient of the mean loss over all rows (full batch), in float64. For the mean squared error
    plain descent then is w(t) = w* + (I - rate · H)^t (w(0) - w*) with H = 2/n · ZᵀZ and the rows (x, 1) of Z.

    Args:
        x: One column of numbers, `(n,)` or `(n, 1)`, at least two of them different. They keep their own units.
        y: Numbers `(n,)`.
        loss: `"mean_squared_error"` (L2) or `"mean_absolute_error"` (L1).
        optimizers: Names of `OPTIMIZERS`; or Keras optimizers by the names that you give them, which are copied.
        steps: How many each takes.
        start: Slope and intercept to set out from.
        learning_rates: By the optimizer's name. Where one is missing it follows from the points: SGD's from the
            curvature of the mean squared error, the others' from the way to the valley's floor.
        names: What to call x and y; tables and Series bring their own.

    Raises:
        DataError: for what holds no finite numbers.
        ValueError: for several columns, numbers of rows that differ, an x of one value, and settings that cannot be.

    References:
        Polyak (1964) for momentum; Duchi et al. (2011) Adagrad; Zeiler (2012), arXiv 1212.5701, Adadelta; Tieleman and
        Hinton (2012) RMSprop; Kingma and Ba (2015), arXiv 1412.6980, Adam.
    """
    if loss not in LOSSES:
        raise ValueError(
            f"Unknown loss. Received: loss={loss!r}. Expected one of {', '.join(LOSSES)}.{did_you_mean(loss, LOSSES)}"
        )
    require_whole("steps", steps, 1)
    origin = _two_numbers(start)
    chosen = _chosen(optimizers)
    rates = _rates(learning_rates, chosen)
    lines = fit_lines(x, y, names=names)
    rates = _usual_rates(lines, loss, origin) | rates
    paths = {}
    for name, given in chosen.items():
        optimizer = _optimizer(name, given, rates)
        weights = _go(optimizer, loss, lines, origin, steps)
        paths[name] = Path(float(np.asarray(optimizer.learning_rate)), weights, _loss(loss, lines.x, lines.y, weights))
    return Descent(lines, loss, paths)


def gradient(loss: str, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the gradient of a line's mean loss by slope and intercept, `(2,)`.

    Args:
        loss: `"mean_squared_error"` or `"mean_absolute_error"`, whose gradient is taken as 0 where it has a kink.
        x: `(n,)`.
        y: `(n,)`.
        weights: Slope and intercept, `(2,)`.
    """
    error = weights[0] * x + weights[1] - y
    pull = 2 * error if loss == MSE else np.sign(error)  # of each row, d loss / d prediction
    return np.array([pull @ x, pull.sum()]) / len(x)


def _loss(loss: str, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):  # of a path that left for infinity
        if loss == MSE:  # in its distance from the best line, so that nothing cancels next to it
            slope, intercept = weights[..., 0], weights[..., 1]
            a, b = x - x.mean(), y - y.mean()
            best = a @ b / (a @ a)
            offset = intercept - (y.mean() - slope * x.mean())
            return (slope - best) ** 2 * (a @ a) / len(x) + offset**2 + ((b - best * a) ** 2).mean()
        lines = weights.reshape(-1, 2)
        return np.array([np.abs(s * x + i - y).mean() for s, i in lines]).reshape(weights.shape[:-1])


def _hessian(x: np.ndarray) -> np.ndarray:
    rows = np.column_stack([x, np.ones(len(x))])
    return 2 * rows.T @ rows / len(x)


def _go(optimizer: Any, loss: str, lines: Lines, start: np.ndarray, steps: int) -> np.ndarray:
    """Take the steps, with a kernel and a bias as a `Dense` layer of one node has them."""
    import keras

    kernel = keras.Variable(start[:1, None], dtype="float64", name="slope")
    bias = keras.Variable(start[1:], dtype="float64", name="intercept")
    path = [start]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            slope, intercept = gradient(loss, lines.x, lines.y, path[-1])
            grads = [np.array([[slope]]), np.array([intercept])]
            optimizer.apply([keras.ops.convert_to_tensor(grad, "float64") for grad in grads], [kernel, bias])
            path.append(np.array([np.asarray(kernel).item(), np.asarray(bias).item()]))
    return np.array(path)


def _usual_rates(lines: Lines, loss: str, start: np.ndarray) -> dict[str, float]:
    """Choose the rates that fit the points, for those for which none is given."""
    curvature = float(np.linalg.eigvalsh(_hessian(lines.x))[-1])
    above = float(_loss(MSE, lines.x, lines.y, start)) - lines[MSE].losses[MSE]
    # The way to the valley's floor, across. In units in which slope and intercept are of very different sizes one rate
    # cannot suit both; this one suits the steeper, so that no path leaves.
    way = float(np.sqrt(2 * max(above, 0.0) / curvature)) or 1.0
    rates = {name: share * way for name, share in BY_WAY.items()}
    if loss == MSE:
        unit, shares = 1 / curvature, BY_CURVATURE
    else:
        steepest = float(np.abs(gradient(loss, lines.x, lines.y, start)).max())
        unit, shares = way / (steepest or 1.0), BY_FIRST_STEP
    rates |= {name: share * unit for name, share in shares.items()}
    return {name: float(f"{rate:.2g}") for name, rate in rates.items()}  # two digits, so that they can be said


def _optimizer(name: str, given: Any, rates: Mapping[str, float]) -> Any:
    """Make the optimizer of this name, or a fresh one with the settings of the user's own."""
    import keras

    if given is not None:
        made = type(given).from_config(given.get_config())
        if name in rates:
            made.learning_rate = rates[name]
        return made
    if name == "momentum":
        return keras.optimizers.SGD(rates[name], momentum=MOMENTUM)
    return type(keras.optimizers.get(name))(learning_rate=rates[name])


def _chosen(optimizers: Any) -> dict[str, Any]:
    """Read which optimizers, each with the Keras optimizer that was given for it, or None."""
    import keras

    if isinstance(optimizers, Mapping):
        wrong = [name for name, given in optimizers.items() if not isinstance(given, keras.optimizers.Optimizer)]
        if wrong or not optimizers:
            raise ValueError(
                f"optimizers has Keras optimizers by name, or is a sequence of names. Received: {optimizers!r}. "
                "Expected something like {'mine': keras.optimizers.Adam(0.1)}."
            )
        return {str(name): given for name, given in optimizers.items()}
    names = (optimizers,) if isinstance(optimizers, str) else tuple(optimizers)
    for name in names:
        if name not in OPTIMIZERS:
            raise ValueError(
                f"Unknown optimizer. Received: {name!r}. Expected one of {', '.join(OPTIMIZERS)}, or Keras optimizers "
                f"of your own by name, such as {{'mine': keras.optimizers.Nadam(0.1)}}.{did_you_mean(name, OPTIMIZERS)}"
            )
    if not names or len({*names}) < len(names):
        raise ValueError(f"optimizers must be different ones. Received: {names!r}. Expected like ('sgd', 'adam').")
    return dict.fromkeys(names)


def _rates(rates: Any, chosen: Mapping[str, Any]) -> dict[str, float]:
    if rates is None:
        return {}
    if not isinstance(rates, Mapping):
        raise ValueError(
            f"learning_rates has one for each optimizer's name. Received: {rates!r}. Expected like {{'sgd': 0.01}}."
        )
    for name, rate in rates.items():
        if name not in chosen:
            raise ValueError(
                f"learning_rates names {name!r}, which is not among the optimizers {', '.join(chosen)}."
                + did_you_mean(name, chosen)
            )
        if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not 0 < rate < float("inf"):
            raise ValueError(f"A learning rate must be above 0. Received: learning_rates={{{name!r}: {rate!r}}}.")
    return {name: float(rate) for name, rate in rates.items()}


def _two_numbers(start: Any) -> np.ndarray:
    try:
        numbers = np.array(start, np.float64)
    except (TypeError, ValueError):
        numbers = np.zeros(0)
    if numbers.shape != (2,) or not np.isfinite(numbers).all():
        raise ValueError(f"start must be a slope and an intercept. Received: start={start!r}. Expected like (0, 0).")
    return numbers
