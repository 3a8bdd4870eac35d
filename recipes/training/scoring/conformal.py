"""Intervals around predicted numbers that hold as often as they say, whatever the network."""

import math
from typing import Any

import numpy as np

from cheatsheet.common.arguments import require_whole


def conformal_margin(truth: Any, predictions: Any, coverage: float = 0.9) -> float:
    """Find the margin m for which `prediction - m .. prediction + m` holds the truth of a new row that often.

    Split conformal prediction: the ceil((n + 1) * coverage)-th smallest of n absolute residuals, on rows that did not
    train. For rows that are exchangeable with these the interval holds the truth with a probability of at least
    `coverage`, and of at most 1 / (n + 1) more where no two residuals are equal, averaged over such sets of rows.
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman (2018), Distribution-free predictive inference for
    regression, JASA 113, section 2.2.

    Args:
        truth: Numbers `(n,)` of rows that were not trained on.
        predictions: Of a network for them, `(n,)` or `(n, 1)`.
        coverage: `0 < coverage < 1`.

    Raises:
        ValueError: for too few rows: 9 are needed for 0.9.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage is a share, 0 < coverage < 1. Received: coverage={coverage!r}.")
    truth, predictions = np.ravel(truth), np.ravel(predictions)
    if truth.shape != predictions.shape:
        raise ValueError(f"truth has {len(truth):,} numbers and predictions {len(predictions):,}. Expected as many.")
    require_whole("the number of rows", len(truth), 1)
    place = math.ceil((len(truth) + 1) * coverage)
    if place > len(truth):
        needed = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise ValueError(f"coverage={coverage} needs at least {needed:,} rows. Received: {len(truth):,}.")
    residuals = np.abs(np.asarray(truth, np.float64) - predictions)
    if not np.isfinite(residuals).all():
        raise ValueError("truth or predictions hold values that are not finite.")
    return float(np.sort(residuals)[place - 1])
