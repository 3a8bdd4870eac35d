"""The margin is an order statistic of the residuals, and holds as often as it says."""

import numpy as np
import pytest

from recipes.training.scoring.conformal import conformal_margin


def test_it_is_the_residual_at_its_place():
    truth = np.arange(1.0, 20.0)  # residuals 1 .. 19
    assert conformal_margin(truth, np.zeros(19), 0.9) == 18  # the 18th of 19: ceil(20 * 0.9)
    assert conformal_margin(truth, np.zeros((19, 1)), 0.5) == 10
    assert conformal_margin(-truth, np.zeros(19), 0.9) == 18


def test_it_holds_as_often_as_it_says_on_average():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        residuals, new = rng.standard_t(3, size=49), rng.standard_t(3, size=200)
        held.append(np.mean(np.abs(new) <= conformal_margin(residuals, np.zeros(49), 0.9)))
    assert np.mean(held) == pytest.approx(0.9, abs=4 * np.std(held) / 20)  # (49 + 1) * 0.9 is whole: exactly 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(8), np.zeros(8), 0.9), "at least 9 rows"),
        ((np.zeros(9), np.zeros(8), 0.9), "9 numbers and predictions 8"),
        ((np.zeros(9), np.zeros(9), 1.0), "0 < coverage < 1"),
        ((np.full(9, np.nan), np.zeros(9), 0.9), "not finite"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        conformal_margin(*arguments)
