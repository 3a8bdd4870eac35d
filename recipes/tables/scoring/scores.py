"""The loss of each row, in the measure of the task, so that models are compared row by row."""

from dataclasses import dataclass

import numpy as np

from cheatsheet.common.words import digits

SMALLEST = 1e-7  # probability, and rate


@dataclass(frozen=True)
class Metric:
    """What models are compared by.

    Attributes:
        title: As it is shown.
        unit: Of the difference of two of them.
        better: `"lower"` or `"higher"`.
    """

    title: str
    unit: str
    better: str = "lower"


METRICS = {
    "log_loss": Metric("log loss", "nats"),
    "poisson_deviance": Metric("Poisson deviance", "deviance"),
    "r2": Metric("R²", "share of the variance", "higher"),
}


def losses(metric: str, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Compute each row's loss, `(n,)`: -ln p, the Poisson deviance, or the squared error.

    Args:
        metric: `"log_loss"`, `"poisson_deviance"` or `"r2"`.
        true: Places of the classes, counts or numbers, `(n,)`.
        predicted: Probabilities `(n, classes)`, rates or numbers `(n,)`.
    """
    if metric == "log_loss":
        chances = np.clip(predicted, SMALLEST, 1.0)
        chances = chances / chances.sum(axis=1, keepdims=True)
        return -np.log(chances[np.arange(len(true)), true.astype(int)])
    if metric == "poisson_deviance":
        rate = np.maximum(predicted, SMALLEST)
        logs = np.log(np.where(true > 0, true, 1.0) / rate)
        return 2 * (np.where(true > 0, true * logs, 0.0) - (true - rate))
    return (true - predicted) ** 2


def score(metric: str, true: np.ndarray, of_rows: np.ndarray) -> float:
    """Give the metric from the rows' losses: their mean, or for `"r2"` 1 − mean / variance."""
    mean = float(of_rows.mean())
    if metric != "r2":
        return mean
    variance = float(true.var())
    return 1 - mean / variance if variance > 0 else float("nan")


def written(metric: str, value: float) -> str:
    """Write a score with four digits; an R² that is next to 0, as a constant's is, as 0.000."""
    return "0.000" if metric == "r2" and abs(value) < 0.0005 else digits(value)
