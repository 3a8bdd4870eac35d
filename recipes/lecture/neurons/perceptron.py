"""One neuron that learns, and the path of its line: by Rosenblatt's rule, and by the gradient of a sigmoid."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count, did_you_mean
from cheatsheet.finding import Finding
from recipes.features import as_features
from recipes.lecture.neurons.points import Points, read_points
from recipes.lecture.neurons.separate import Separation, separate
from recipes.running.show import as_html

RULES = {"rosenblatt": "Rosenblatt's rule", "gradient": "a sigmoid's gradient"}


@dataclass(frozen=True)
class PerceptronRun:
    """A neuron's way to its line. The second class lies where weights · x + bias > 0.

    Attributes:
        points: What it learnt from.
        rule: `"rosenblatt"` or `"gradient"`.
        learning_rate: Length of its steps.
        path: `(k, 3)`, the two weights and the bias: zeros, then after each mistake (Rosenblatt) or epoch (gradient).
        mistakes: `(epochs,)`, how many of Rosenblatt's rows were wrong when their turn came; of the gradient none.
        errors: `(epochs,)`, the rows on the wrong side of the line at each epoch's end.
        best: `(3,)`, the line of the epoch with the fewest errors, the first of several.
        separation: Whether there is a line without an error, and the bound on the mistakes.
    """

    points: Points
    rule: str
    learning_rate: float
    path: np.ndarray = field(repr=False)
    mistakes: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)
    best: np.ndarray = field(repr=False)
    separation: Separation

    @property
    def weights(self) -> np.ndarray:
        """The two weights and the bias at the end, `(3,)`."""
        return self.path[-1]

    @property
    def num_mistakes(self) -> int:
        """How often a row was on the wrong side when its turn came; 0 for the gradient, which takes no turns."""
        return int(self.mistakes.sum())

    @property
    def bound(self) -> float:
        """(R/γ)², the most mistakes that Rosenblatt's rule can make here; infinite where no line parts the classes."""
        return self.separation.bound

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be said of it: whether a line parts the classes, and whether it was found."""
        least = int(self.errors.min())
        rows = len(self.points.x)
        if (common := self.separation.common_point) is not None:
            a, b = common
            message = (
                f"no line parts the classes: the point ({a:.3g}, {b:.3g}) lies among both. The best line met has "
                f"{count(least, 'error')} in {rows:,} rows"
            )
            fix = "take another column, or a hidden layer; keep the best line, not the last"
            return (Finding("not_separable", "warning", f"{message}.", fix),)
        if self.errors[-1]:
            message = f"a line parts the classes, and this one still has {count(int(self.errors[-1]), 'error')}."
            return (Finding("still_learning", "warning", message, "train longer"),)
        return (Finding("converged", "info", f"the line parts all {rows:,} rows."),)

    def predict_labels(self, x: Any) -> np.ndarray:
        """Tell the class of each row from the line at the end; `(n,)` of the labels.

        Args:
            x: The same two columns, `(n, 2)`.

        Raises:
            ValueError: for another number of columns.
        """
        features = as_features(x)
        if features.shape[1:] != (2,):
            raise ValueError(
                f"x has shape {features.shape}. Expected the two columns {' and '.join(self.points.columns)}."
            )
        return np.array(self.points.classes)[(features @ self.weights[:2] + self.weights[2] > 0).astype(int)]

    def keras_model(self) -> Any:
        """Build the Keras model with these weights: a `ThresholdNeuron`, or a `Dense` node with a sigmoid."""
        import keras

        from recipes.lecture.neurons.neuron import ThresholdNeuron

        if self.rule == "rosenblatt":
            return keras.Sequential([keras.Input((2,)), ThresholdNeuron(self.weights[:2].tolist(), -self.weights[2])])
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
        model.set_weights([self.weights[:2, None], self.weights[2:]])
        return model

    def plot(self) -> Any:
        """Draw the points with the line's path, and the mistakes against their bound; return the matplotlib Figure.

        `recipes.plots.plot_path`, `plot_mistakes` and `plot_errors` draw on an Axes that is there.
        """
        from recipes.plots import plot_perceptron

        return plot_perceptron(self)

    def __repr__(self) -> str:
        return f"<PerceptronRun {self.rule}: {self._way()}, {count(int(self.errors[-1]), 'error')} at the end>"

    def __str__(self) -> str:
        first, second = self.points.classes
        a, b = self.points.columns
        slope_a, slope_b, bias = self.weights
        lines = [
            f"{RULES[self.rule]}: {first} or {second} from {a} and {b}, {count(len(self.points.x), 'row')}",
            f"{self._way()}; {count(int(self.errors[-1]), 'error')} at the end",
            f"{second} where {slope_a:.4g}·{a} {slope_b:+.4g}·{b} {bias:+.4g} > 0",
        ]
        if self.rule == "rosenblatt" and self.separation.is_separable:
            radius, margin = self.separation.radius, self.separation.margin
            lines.append(f"mistakes at most (R/γ)² = ({radius:.3g}/{margin:.3g})² = {self.bound:,.0f}")
        return "\n".join([*lines, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        facts = {
            "rule": RULES[self.rule],
            "way": self._way(),
            "errors at the end": int(self.errors[-1]),
            "mistakes at most": f"{self.bound:,.0f}" if self.rule == "rosenblatt" else None,
        }
        return as_html("Perceptron", facts, self.findings)

    def _way(self) -> str:
        mistakes = f"{count(self.num_mistakes, 'mistake')} in " if self.rule == "rosenblatt" else ""
        return f"{mistakes}{count(len(self.errors), 'epoch')}"


@known_arguments_only
def learn_perceptron(
    x: Any,
    y: Any,
    *,
    rule: str = "rosenblatt",
    columns: Sequence[Any] | None = None,
    classes: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    epochs: int = 1_000,
    learning_rate: float | None = None,
    seed: int = 0,
) -> PerceptronRun:
    """Train one neuron from weights 0 and keep the path of its line.

    With the target t of 0 or 1 and z = (x, 1) both rules are w += learning_rate · (t - p) · z. Rosenblatt's p is the
    step, 1 where w · z > 0 (on the line itself every row counts as a mistake), row after row, so that only mistakes
    move the line; it ends with the first epoch without one. The gradient of the mean binary crossentropy has the
    sigmoid of w · z for p and the mean over all rows, which all pull: Keras' SGD with the whole set as a batch.

    Args:
        x: Two columns of numbers, an array or a table; more of them with `columns`. They keep their own units.
        y: Labels `(n,)` of two classes; or the name of the table's column that holds them.
        rule: `"rosenblatt"` or `"gradient"`.
        columns: Which two of several: names in a table, places in an array.
        classes: Which two of several labels, the negative one first.
        names: What to call the two columns; a table has names.
        epochs: How often to go through all rows, at most.
        learning_rate: By default 1 for Rosenblatt's rule, of which it changes no mistake, from weights 0; for the
            gradient 4 / mean |z|², a length of step that lowers the loss in any units.
        seed: Of the rows' order in each epoch of Rosenblatt's rule.

    Raises:
        DataError: for what holds no finite numbers, and for a target without two classes.
        ValueError: for other than two columns, and for settings that cannot be.

    References:
        Rosenblatt (1958), The perceptron, Psychological Review 65; Novikoff (1962) for the bound.
    """
    if rule not in RULES:
        raise ValueError(
            f"Unknown rule. Received: rule={rule!r}. Expected one of {', '.join(RULES)}.{did_you_mean(rule, RULES)}"
        )
    require_whole("epochs", epochs, 1)
    if learning_rate is not None and not 0 < learning_rate < float("inf"):
        raise ValueError(f"learning_rate must be above 0. Received: learning_rate={learning_rate!r}. Leave it out.")
    points = read_points(x, y, columns=columns, classes=classes, names=names)
    rows = np.column_stack([points.x, np.ones(len(points.x))])
    if learning_rate is None:
        # The loss's second derivative is at most mean |z|² / 4, and a step of its inverse never raises the loss.
        learning_rate = 1.0 if rule == "rosenblatt" else 4 / float((rows**2).sum(axis=1).mean())
    order = np.random.default_rng(seed)
    path, mistakes, errors = [np.zeros(3)], [], []
    best, least = path[0], len(points.x) + 1
    for _ in range(epochs):
        if rule == "rosenblatt":
            turn = order.permutation(len(rows))
            steps = _learn_from_mistakes(path[-1], rows[turn], points.is_second[turn], float(learning_rate))
        else:
            steps = [_descend(path[-1], rows, points.is_second, float(learning_rate))]
        path += steps
        errors.append(int(((rows @ path[-1] > 0) != points.is_second).sum()))
        if errors[-1] < least:
            best, least = path[-1], errors[-1]
        if rule == "rosenblatt":
            mistakes.append(len(steps))
            if not steps:
                break
    return PerceptronRun(
        points, rule, float(learning_rate), np.array(path), np.array(mistakes, int), np.array(errors), best,
        separate(points.x, points.is_second),
    )  # fmt: skip


def _learn_from_mistakes(weights: np.ndarray, rows: np.ndarray, is_second: np.ndarray, rate: float) -> list[np.ndarray]:
    """Go once through the rows by Rosenblatt's rule; return the weights after each mistake."""
    first, second, bias = weights.tolist()
    path = []
    for (a, b, _), target in zip(rows.tolist(), is_second.tolist(), strict=True):
        total = first * a + second * b + bias
        if total <= 0 if target else total >= 0:
            step = rate if target else -rate
            first, second, bias = first + step * a, second + step * b, bias + step
            path.append(np.array([first, second, bias]))
    return path


def _descend(weights: np.ndarray, rows: np.ndarray, is_second: np.ndarray, rate: float) -> np.ndarray:
    """Take one step down the gradient of the mean binary crossentropy of a sigmoid."""
    probability = 0.5 * (1 + np.tanh(rows @ weights / 2))  # the sigmoid, which cannot overflow so
    return weights + rate * (is_second - probability) @ rows / len(rows)
