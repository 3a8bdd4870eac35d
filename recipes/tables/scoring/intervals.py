"""Intervals around predicted numbers, from what the networks say of rows that they did not train on."""

from dataclasses import dataclass

import numpy as np

from cheatsheet.common.words import count, digits
from cheatsheet.finding import Finding
from recipes.training.scoring.conformal import conformal_margin


@dataclass(frozen=True)
class Interval:
    """How far around a predicted number the true one lies as often as was asked for.

    Attributes:
        coverage: The share that was asked for.
        margin: Half of its width; on a logarithmic scale the logarithm of the factor either way.
        is_factor: Whether it is a factor, as where the target was learnt as a logarithm.
        smear: What the prediction, which is a mean, is divided by first where the margin is a factor: its median ratio
            to the truth.
        lowest: Below which no interval goes: 0 where no number of the training did; `None` where some did. The true
            numbers that lie within are as many: none of them is below it. A factor needs none.
        num_rows: Whose residuals it was found by.
        held: Share of the test rows that lie in their interval.
        num_test: How many these are.
    """

    coverage: float
    margin: float
    is_factor: bool
    smear: float
    lowest: float | None
    num_rows: int
    held: float = float("nan")
    num_test: int = 0

    def around(self, predicted: np.ndarray) -> np.ndarray:
        """Give the ends of the interval of each predicted number, `(n, 2)`."""
        predicted = np.asarray(predicted, np.float64)
        if self.is_factor:
            middle = predicted / self.smear
            return np.stack([middle * np.exp(-self.margin), middle * np.exp(self.margin)], axis=1)
        ends = np.stack([predicted - self.margin, predicted + self.margin], axis=1)
        return ends if self.lowest is None else np.maximum(ends, self.lowest)

    def __str__(self) -> str:
        width = f"±{digits(self.margin)}"
        if self.is_factor:
            width = f"from 1/{digits(np.exp(self.margin))} of the median to {digits(np.exp(self.margin))} times it"
        elif self.lowest is not None:
            width += f", none below {digits(self.lowest)}"
        error = (self.held * (1 - self.held) / self.num_test) ** 0.5
        return (
            f"{self.coverage:.0%} intervals: {width}, by {count(self.num_rows, 'row')} held out; "
            f"{self.held:.1%} of {count(self.num_test, 'test row')} lie within (standard error {error:.1%})"
        )


def too_few_held(interval: Interval) -> list[Finding]:
    """Say that fewer test rows lie within than chance explains: two standard errors of the share that was asked."""
    error = (interval.coverage * (1 - interval.coverage) / interval.num_test) ** 0.5
    below = (interval.coverage - interval.held) / error
    if below <= 2:
        return []
    message = (
        f"{interval.held:.1%} of {count(interval.num_test, 'test row')} lie within the intervals, and "
        f"{interval.coverage:.1%} were to: {below:.1f} standard errors of {error:.1%} below."
    )
    fix = "take the intervals for too narrow, or bring more rows"
    return [Finding("intervals_too_narrow", "warning", message, fix)]


def fewest_rows(coverage: float) -> int:
    """Say how many rows an interval of this coverage needs: 9 for 0.9."""
    return int(np.ceil(coverage / (1 - coverage) - 1e-9))


def interval_of(
    coverage: float, true: np.ndarray, predicted: np.ndarray, *, is_factor: bool, lowest: float | None
) -> Interval:
    """Find the interval by the residuals of rows that were held out of the training.

    Each row is predicted by the networks that left it out, as in cross-conformal prediction (V. Vovk 2015,
    doi:10.1007/s10472-013-9368-4). A single network errs more than their average, which widens the interval; the rows
    stopped the training, which narrows it: on average it holds nearly as often as was asked.

    Args:
        coverage: `0 < coverage < 1`.
        true: Targets of these rows, `(n,)`.
        predicted: What was said of them.
        is_factor: Whether the interval shall be a factor; both are positive then.
        lowest: Below which no true number is; `None` where that is not known.
    """
    smear = 1.0
    if is_factor:
        true, predicted = np.log(true), np.log(predicted)
        middle = float(np.median(predicted - true))
        predicted, smear = predicted - middle, float(np.exp(middle))
    margin = conformal_margin(true, predicted, coverage)
    return Interval(coverage, margin, is_factor, smear, lowest, len(true))
