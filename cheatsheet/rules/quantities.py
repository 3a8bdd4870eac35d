"""Mistakes in targets that are numbers: against the loss, its domain, the scale of the outputs, the metrics."""

import math

import numpy as np

from cheatsheet.dataspec import DataSpec, Part, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec
from cheatsheet.rules.outputs import at_output, judged_outputs, rows_of
from cheatsheet.table import OF_NUMBERS, OF_ONE_CLASS, OF_YES_OR_NO
from cheatsheet.targets import MOST_CLASSES_WITH_GAPS, SKEWED, is_whole, look_like_counts

_OF_DIFFERENCES = ("mean_squared_error", "mean_absolute_error", "huber")
MOST_LOOKED_AT = 20_000  # values, for advice: a shape shows in these, and a million would cost a twentieth of an epoch
# Root mean square of a target beyond which the weights of the last layer, which start near 0, must travel long: with
# Adam's 0.001 a step, 30 takes 30,000 steps (SO 52800582).
LARGEST_TARGET, LEAST_TARGET = 30.0, 1e-3
_ACCURACIES = {"accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}
# Layers behind which the network's own numbers are brought to the scale of y.
_SCALES = {"Rescaling", "Normalization"}


def loss_domain(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find targets on which the loss is not defined: below 0 under poisson, rows that are no distribution under KL."""
    found = []
    for output, part in judged_outputs(model, data):
        if part is None or not part.is_number or not part.is_finite:
            continue
        loss, severity, message, fix = output.loss, "error", "", ""
        if loss in ("poisson", "mean_squared_logarithmic_error") and part.low < 0:
            what = "takes them for 0" if loss != "poisson" else "is the likelihood of counts"
            message = f"y goes down to {part.low:g}, but {loss} expects y >= 0: it {what}."
            fix = "use loss='mean_squared_error' or 'mean_absolute_error' without a last activation"
        elif (
            loss == "kl_divergence"
            and part.array.shape[-1] == output.width
            and (part.low < 0 or rows_of(output, part) not in ("one_hot", "shares"))
        ):
            message = f"{loss} compares distributions, but the rows of y are none ({_rows(part)})."
            fix = "divide each row by its sum, or use another loss"
        elif (
            loss in OF_ONE_CLASS
            and loss != "sparse_categorical_crossentropy"
            and part.array.shape[1:] != (1,)
            and part.array.shape[-1] == output.width
            and part.low >= 0
            and part.high <= 1
            and rows_of(output, part) is None
        ):
            severity = "warning"
            message = f"{loss} expects rows that sum to 1, but those of y do not ({_rows(part)})."
            fix = "divide each row by its sum"
        elif loss == "mean_absolute_percentage_error" and part.low <= 0 <= part.high and (part.array == 0).any():
            severity = "warning"
            message = (
                f"y is 0 in {np.mean(part.array == 0):.0%} of its values, where no percentage can be taken: {loss} "
            )
            message += "divides by 1e-7 there."
            fix = "use loss='mean_absolute_error'; 'poisson' with activation='softplus' for counts"
        if message:
            found.append(at_output("loss_domain", severity, message, fix, model, output, data))
    return found


def _rows(part: Part) -> str:
    sums = part.array.sum(axis=-1) if part.array.ndim > 1 else part.array
    return f"sums {sums.min():.4g} to {sums.max():.4g}, least value {part.low:.4g}"


def counts_by_squares(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of counts under a squared or absolute error, or under a softmax, that they have a loss of their own."""
    found = []
    for output, part in pair(model.outputs, data.y):
        of_classes = output.loss == "sparse_categorical_crossentropy"
        if not (of_classes or output.loss in _OF_DIFFERENCES) or part.array.size != len(part.array):
            continue
        some = some_of(part.array)
        if (
            some.dtype.kind not in "uif"
            or not np.isfinite(some).all()
            or not is_whole(some)
            or not look_like_counts(*np.unique(some, return_counts=True))
        ):
            continue
        taken = "classes" if of_classes else "quantities"
        message = (
            f"y looks like counts ({int(some.max())} at most, small ones most often), and {output.loss} takes them for "
            f"{taken}."
        )
        fix = "if they are counts, use loss='poisson' with activation='softplus' (build_model(y=y) does)"
        found.append(at_output("counts_by_squares", "info", message, fix, model, output, data))
    return found


def skewed_target(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of positive numbers over orders of magnitude that squared errors see the largest alone."""
    found = []
    for output, part in pair(model.outputs, data.y):
        if (
            output.loss != "mean_squared_error"
            or part.array.size != len(part.array)
            or part.array.dtype.kind not in "uif"
        ):
            continue
        some = some_of(part.array)
        if some.size == 0 or not some.min() > 0 or not some.max() > SKEWED * np.median(some):
            continue
        message = (
            f"y is positive and reaches {some.max() / np.median(some):,.0f} times its median, so squared errors see "
            "the largest alone."
        )
        fix = "if ratios count rather than differences, use loss='mean_squared_logarithmic_error'"
        found.append(at_output("skewed_target", "info", message, fix, model, output, data))
    return found


def unscaled_y(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of targets far from 1 in size that the last layer, which starts near 0, takes long to get there."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.loss not in OF_NUMBERS - {"mean_squared_logarithmic_error", "poisson"} or output.activation is None:
            continue
        if part is None or part.array.dtype.kind not in "uif" or data.restores or _is_scaled(model, output.made_by):
            continue
        some = some_of(part.array).astype(np.float64)
        size = math.sqrt(float(np.mean(some**2))) if some.size else 0.0
        if not math.isfinite(size) or size == 0 or LEAST_TARGET <= size <= LARGEST_TARGET:
            continue
        message = f"y is of order {size:.2g}, and the outputs of a new network of order 1: the way there takes long."
        fix = "scale y, (y - y.mean()) / y.std(), and invert it behind predict; build_model(x=x, y=y) does it inside"
        found.append(at_output("unscaled_y", "warning", message, fix, model, output, data))
    return found


def _is_scaled(model: ModelSpec, name: str | None) -> bool:
    layer = model.layer(name)
    return layer is not None and layer.kind in _SCALES


def accuracy_of_numbers(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find accuracy as the metric of numbers, where it counts outputs that equal y exactly (SO 48775305)."""
    found = []
    for output, part in judged_outputs(model, data):
        asked = sorted(_ACCURACIES & {name.lower() for name in output.metrics})
        if not asked or part is None or not part.is_number:
            continue
        some = some_of(part.array)
        if output.loss in OF_NUMBERS:
            of_numbers = not is_whole(some) or len(np.unique(some)) > MOST_CLASSES_WITH_GAPS
        else:
            of_numbers = output.loss in OF_YES_OR_NO and not is_whole(some)
        if not of_numbers:
            continue
        message = f"{asked[0]!r} counts how often an output equals y, and y holds numbers: it stays near 0."
        fix = "use metrics=['mean_absolute_error']"
        found.append(at_output("accuracy_of_numbers", "warning", message, fix, model, output, data))
    return found


def some_of(array: np.ndarray) -> np.ndarray:
    """Take values from all over a long array."""
    some = array.reshape(-1)[:: -(-array.size // MOST_LOOKED_AT)] if array.size else array
    return some.astype(np.float32) if some.dtype == np.float16 else some  # whose largest number is 65,504
