"""Which line is best? That is decided by the loss: squares follow outliers, absolute distances follow the many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.tables import columns_of
from cheatsheet.common.words import count
from recipes.features import as_features, moments
from recipes.running.show import as_html

# By Keras' name what the slide calls it.
LOSSES = {"mean_squared_error": "L2", "mean_absolute_error": "L1"}
BISECTIONS = 100  # of an interval of slopes: more than the 53 bits of a float64


@dataclass(frozen=True)
class Line:
    """A line y = slope · x + intercept, and its mean loss on the points by each loss's name."""

    slope: float
    intercept: float
    losses: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True)
class Lines:
    """The best line by each loss, on the same points.

    Attributes:
        x: `(n,)`.
        y: `(n,)`.
        lines: By Keras' name of the loss that it minimises: `"mean_squared_error"` (L2), `"mean_absolute_error"` (L1).
        names: Of x and y.
    """

    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    lines: Mapping[str, Line]
    names: tuple[str, str] = ("x", "y")

    def __getitem__(self, loss: str) -> Line:
        return self.lines[loss]

    def plot(self) -> Any:
        """Draw the points and both lines; return the matplotlib Figure. `recipes.plots.plot_lines` takes an Axes."""
        from recipes.plots import plot_lines

        return plot_lines(self).figure

    def __str__(self) -> str:
        x, y = self.names
        lines = [f"{y} from {x}, {count(len(self.x), 'row')}"]
        lines.append(f"best by  {'line':>24}  " + "  ".join(LOSSES))
        for loss, line in self.lines.items():
            equation = f"{line.slope:.4g}·x {line.intercept:+.4g}"
            values = "  ".join(f"{line.losses[name]:{len(name)}.4g}" for name in LOSSES)
            lines.append(f"{LOSSES[loss]:7}  {equation:>24}  {values}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        facts = {f"best by {LOSSES[loss]}": f"{line.slope:.4g}·x {line.intercept:+.4g}, {LOSSES[loss]} loss "
                 f"{line.losses[loss]:.4g}" for loss, line in self.lines.items()}  # fmt: skip
        return as_html(f"{self.names[1]} from {self.names[0]}", facts)


@known_arguments_only
def fit_lines(x: Any, y: Any, *, names: Sequence[str] | None = None) -> Lines:
    """Find the line of the least mean squared error and that of the least mean absolute error, exactly.

    The first solves the normal equations. The second passes through at least two of the points; where several lines are
    equally good it is one of them.

    Args:
        x: One column of numbers, `(n,)` or `(n, 1)`, at least two of them different.
        y: Numbers `(n,)`.
        names: What to call x and y; tables and Series bring their own.

    Raises:
        DataError: for what holds no finite numbers.
        ValueError: for several columns, numbers of rows that differ, and an x of one value.

    References:
        Legendre (1805) for the squares; Boscovich (1757) for the absolute values.
    """
    first, second = _one_column(x, "x"), _one_column(y, "y")
    if len(first) != len(second):
        raise ValueError(f"x has {count(len(first), 'row')}, but y has {len(second):,}. Expected one y for each x.")
    if first.min() == first.max():
        raise ValueError(
            f"x is {first[0]:.6g} in {count(len(first), 'row')}. Expected two different values at least: "
            "through points above one another every line is as good. Take another column."
        )
    if names is not None and (isinstance(names, str) or len(names) != 2):
        raise ValueError(f"names must be those of x and y. Received: names={names!r}. Leave it out.")
    own = (_name_of(x, "x"), _name_of(y, "y"))
    # Centred and scaled, so that columns of any size are solved as exactly.
    (middle, scale), (height, size) = (moments(values[:, None], 1) for values in (first, second))
    a, b = (first - middle) / scale, (second - height) / size
    lines = {}
    for loss, solve in (("mean_squared_error", _least_squares), ("mean_absolute_error", _least_distances)):
        slope, intercept = solve(a, b)
        slope = slope * float(size[0] / scale[0])
        intercept = intercept * float(size[0]) + float(height[0]) - slope * float(middle[0])
        error = second - (slope * first + intercept)
        values = {"mean_squared_error": float((error**2).mean()), "mean_absolute_error": float(np.abs(error).mean())}
        lines[loss] = Line(slope, intercept, values)
    return Lines(first, second, lines, tuple(map(str, names)) if names is not None else own)  # type: ignore[arg-type]


def _one_column(values: Any, name: str) -> np.ndarray:
    features = as_features(values, name).astype(np.float64)
    if features.shape[1:] != (1,):
        raise ValueError(f"{name} has shape {features.shape}. Expected one column of numbers, (n,). Choose one.")
    return features[:, 0]


def _name_of(values: Any, otherwise: str) -> str:
    """Give the name of a table's only column, or of a Series."""
    names = columns_of(values)
    name = names[0] if names else getattr(values, "name", None)
    return name if isinstance(name, str) and name else otherwise


def _least_squares(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Solve for slope and intercept, x and y having mean 0."""
    return float(x @ y / (x @ x)), 0.0


def _least_distances(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Solve for slope and intercept: the best intercept of a slope is a median, and what is left falls, then rises."""
    low, high = -1.0, 1.0
    while _tilt(low, x, y) > 0:
        low *= 2
    while _tilt(high, x, y) < 0:
        high *= 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        tilt = _tilt(middle, x, y)
        low, high = (middle if tilt <= 0 else low), (middle if tilt >= 0 else high)
    slope = (low + high) / 2
    return slope, float(np.median(y - slope * x))


def _tilt(slope: float, x: np.ndarray, y: np.ndarray) -> float:
    """Compute how the sum of distances to the best line of this slope changes with the slope (a subgradient)."""
    rest = y - slope * x
    sides = np.sign(rest - np.median(rest))
    on_line = sides == 0
    if on_line.any():  # they balance the others, which is what makes the intercept the best one
        sides[on_line] = -sides.sum() / on_line.sum()
    return -float(sides @ x)
