"""What came true: the class of a shown curve, from what the rest of the same training did.

All is measured against the range R from the loss of a constant guess to the best smoothed val_loss of the whole
training, which counts as at least a quarter of the way to a perfect model, so that noise about chance is no range.
"""

import numpy as np

from recipes.diagnosis.curves import end_of, smoothed

CLASSES = (
    "still_learning", "converged", "overfitting", "worse_than_chance", "memorised_noise", "diverging", "nan",
)  # fmt: skip
GAIN = 0.05  # of R: a later fall, or a rise above the best, that counts
FLAT = 0.02  # of R: gaps that do not count
LEAST_RANGE = 0.25  # of the way from chance to a perfect model
LEARNT = 0.01  # of that way: less is no better than chance
ROSE = 0.10  # of the range of the training loss: a rise of it that counts
BY_HEART = 0.5  # of the way from chance to a perfect model: training loss below it has memorised
BLOCKS = 60  # medians that stand for the three quarters that follow
FOLLOWING = 3  # times as many epochs as shown


def in_blocks(curve: np.ndarray) -> np.ndarray:
    """Thin what follows to at most so many medians of consecutive epochs."""
    return np.array([np.median(part) for part in np.array_split(curve, min(BLOCKS, len(curve)))])


def truth(
    loss: np.ndarray, val_loss: np.ndarray, later_loss: np.ndarray, later_val_loss: np.ndarray,
    chance: float, least: float,
) -> str | None:  # fmt: skip
    """Name the class that came true; `None` for what lies between the classes.

    Args:
        loss: Training loss of the epochs that are shown, `(epochs,)`.
        val_loss: Validation loss of the same.
        later_loss: Training loss of the epochs that followed, as `in_blocks` gives it.
        later_val_loss: Validation loss of the same.
        chance: Loss of the best constant guess on the validation rows.
        least: Loss of a perfect model on them.
    """
    if not (np.isfinite(loss).all() and np.isfinite(val_loss).all()):
        return "nan"
    whole = chance - least
    smooth, smooth_loss = smoothed(val_loss), smoothed(loss)
    best, end = float(smooth.min()), end_of(val_loss)
    later = _finite(smoothed(later_val_loss))
    gain = best - float(later.min())
    span = max(chance - min(best, float(later.min())), LEAST_RANGE * whole)
    if _diverged(loss, smooth_loss, later_loss, chance, whole):
        return "diverging"
    learnt = chance - LEARNT * whole
    if gain > GAIN * span:
        return "still_learning"
    rise = end - best
    by_heart = end_of(loss) < chance - BY_HEART * whole
    if by_heart and end >= learnt and best > chance - GAIN * whole:
        return "memorised_noise"
    if rise > GAIN * span and end_of(loss) < smooth_loss[int(np.argmin(smooth))]:
        return "overfitting"
    if min(best, float(later.min())) >= learnt:
        return "worse_than_chance"
    if max(rise, gain) < FLAT * span and np.isfinite(later_val_loss).all():
        return "converged"
    return None


def then(later_val_loss: np.ndarray) -> float:
    """Give the level of val_loss after as many epochs again: the end of the first of the three parts that follow."""
    part = later_val_loss[: max(1, len(later_val_loss) // FOLLOWING)]
    return float(np.median(part[-max(2, len(part) // 10) :]))


def _diverged(loss: np.ndarray, smooth: np.ndarray, later: np.ndarray, chance: float, whole: float) -> bool:
    best = float(smooth.min())
    rise = end_of(loss) - best
    if rise <= ROSE * max(chance - best, LEAST_RANGE * whole):
        return False
    return float(_finite(smoothed(later)).min()) > best + rise / 2


def _finite(curve: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(curve), curve, np.inf)
