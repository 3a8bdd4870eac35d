"""Does a trained model do what it reports? Its loss, recomputed from what `predict` gives, and its outputs and units.

`cheatsheet.check` looks at the model from outside; this runs it. Keras computes a crossentropy from the value before
the last activation, whatever activation that is, so that a loss may fall while every prediction stays the same
(keras #18909): only what `predict` gives can show that.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from cheatsheet.finding import DataError, Finding, by_severity
from cheatsheet.modelspec import ModelSpec, OutputSpec, describe_model, name_of
from cheatsheet.rules.heads import RANGES
from cheatsheet.table import JUDGED, OF_NUMBERS, OF_ONE_CLASS
from recipes.training.data.batches import fixed_batch, rows_at_once
from recipes.training.data.checks import Examples, read_examples
from recipes.training.data.prepare import require_compiled
from recipes.training.data.trees import is_tree, items_of, num_rows_of, take
from recipes.training.data.yardsticks import has_masks, loss_weight, yardsticks
from recipes.training.signature import expected_of

MOST_ROWS = 2_000  # looked at, spread over all: shares of units and a mean loss show in these
SAME = 5e-3  # relative; float32, and means over batches of different size, differ by less
SAME_IN_HALF = 5e-2  # under a policy that computes in 16 bits
CLIPPED = 1e-6  # probabilities nearer to 0 and 1 than that Keras cuts off before the logarithm, at 1e-7
FEWEST_ROWS = 10  # on which a mean loss says something
CONSTANT = 1e-6  # spread of an output over the rows, relative to its size
DEAD_SHARE = 0.3  # of a layer's units: below, some are always idle
SATURATED = 1e-3  # distance of an output from the end of its range, relative to the range


@known_arguments_only
def audit(model: keras.Model, x: Any, y: Any = None) -> list[Finding]:
    """Compare what a trained model reports with what it predicts.

    Args:
        model: A compiled Keras model, trained or not. It is run, and not changed.
        x: Inputs as for `fit`; at most 2,000 rows of them are looked at.
        y: Targets as for `fit`; `None` stands for `y=x`.

    Returns:
        Findings, errors first; none where all is as it should be. Rules: `not_finite_output`, `loss_of_predictions`
        (what `evaluate` reports is not the loss of what `predict` gives, penalties left out), `no_distribution` (rows
        of probabilities do not sum to 1), `constant_output`, `worse_than_chance` (than the best constant guess),
        `saturated_output` (outputs at the end of their range, where the target is not), `dead_units` (of relu layers,
        0 on every row).

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for one that is not compiled.
        DataError: for data that cannot be read, or that the model cannot be run on.
    """
    require_compiled(model)
    spec = describe_model(model)
    inputs, targets = _read(model, spec, x, y)
    outputs = model.predict(inputs, verbose=0)
    found = _not_finite(spec, outputs)
    if not found:
        found += _of_the_loss(model, spec, inputs, targets, outputs)
        for output, predicted, target in _by_output(spec, outputs, targets):
            found += _no_distribution(spec, output, predicted)
            found += _constant_output(spec, output, predicted, target)
            found += _saturated_output(spec, output, predicted, target)
        found += _worse_than_chance(model, spec, inputs, targets, found)
    found += _dead_units(model, inputs)
    return by_severity(found)


def _read(model: keras.Model, spec: ModelSpec, x: Any, y: Any) -> tuple[Any, Any]:
    """Read the examples, whatever speaks against training on them; take rows from all over.

    Raises:
        DataError: where there is nothing to run the model on.
    """
    read: Examples = read_examples(spec, x, y, like=expected_of(model), targets_too=not spec.has_own_step,
                                   of_trained=True)  # fmt: skip
    shapes = [finding for finding in read.findings if finding.rule in _HINDERING]
    if read.x is None or (read.y is None and not spec.has_own_step) or shapes:
        raise DataError([finding for finding in read.findings if finding.severity == "error"])
    rows = np.arange(num_rows_of(read.x))[:: -(-num_rows_of(read.x) // MOST_ROWS)]
    if (fixed := fixed_batch(model)) is not None:
        rows = rows[: rows_at_once(model, len(rows) - len(rows) % fixed or len(rows), fixed)]
    return take(read.x, rows), None if read.y is None else take(read.y, rows)


_HINDERING = ("other_parts", "input_shape", "unequal_rows", "target_shape")


def _by_output(spec: ModelSpec, outputs: Any, targets: Any) -> Iterator[tuple[OutputSpec, np.ndarray, Any]]:
    """Go through the outputs whose loss is known: what each is, what it gives, and its target."""
    if spec.has_own_step:
        return
    of_targets = dict(_named(spec, targets)) if targets is not None else {}
    for name, predicted in _named(spec, outputs):
        output = next(output for output in spec.outputs if output.name == name)
        if output.loss in JUDGED and not output.is_own_loss:
            yield output, np.asarray(predicted, dtype=np.float64), of_targets.get(name)


def _named(spec: ModelSpec, tree: Any) -> Iterator[tuple[str | None, Any]]:
    if not is_tree(tree, spec.outputs):
        if len(spec.outputs) == 1:
            yield spec.outputs[0].name, tree
        return
    for i, (key, part) in enumerate(items_of(tree)):
        match = [output for output in spec.outputs if key in (output.name, output.layer)]
        if match or i < len(spec.outputs):
            yield (match[0] if match else spec.outputs[i]).name, part


def _not_finite(spec: ModelSpec, outputs: Any) -> list[Finding]:
    parts = [part for _, part in items_of(outputs)] if is_tree(outputs, spec.outputs) else [outputs]
    bad = sum(int((~np.isfinite(np.asarray(part, dtype=np.float64))).sum()) for part in parts)
    if not bad:
        return []
    message = f"predict() gives {count(bad, 'value')} that {'is' if bad == 1 else 'are'} NaN or infinite."
    fix = "look for NaN in the weights, train anew with a lower learning_rate, and scale x"
    return [Finding("not_finite_output", "error", message, fix)]


# --- reported and predicted ---------------------------------------------------------------------------------------


def _of_the_loss(model: keras.Model, spec: ModelSpec, inputs: Any, targets: Any, outputs: Any) -> list[Finding]:
    """Compare the loss that `evaluate` reports with that of what `predict` gives."""
    if len(spec.outputs) != 1 or spec.has_own_step or targets is None or has_masks(model):
        return []
    output, predicted = spec.outputs[0], np.asarray(outputs)
    function = keras.losses.get(model.loss) if not isinstance(model.loss, list | dict) else None
    weight = loss_weight(model)
    if function is None or not callable(function) or weight is None:
        return []
    same = SAME_IN_HALF if "16" in model.dtype_policy.name else SAME
    away = _away_from_the_ends(output, predicted)
    if away.sum() >= FEWEST_ROWS:
        rows = np.flatnonzero(away)
        reported = _reported(model, take(inputs, rows), take(targets, rows))
        recomputed = weight * _mean(function, targets[rows], predicted[rows])
        differs = abs(reported - recomputed) > same * max(abs(reported), abs(recomputed), 1e-3)
    else:
        # Clipping can only take from the loss of a prediction at the end of its range.
        reported, recomputed = _reported(model, inputs, targets), weight * _mean(function, targets, predicted)
        differs = reported < recomputed - same * max(abs(recomputed), 1e-3)
    if not differs:
        return []
    message = (
        f"evaluate() reports a loss of {reported:.4g}, but what predict() gives has one of {recomputed:.4g}: the loss "
        "is computed from something else than the predictions."
    )
    fix = "see what cheatsheet.check(model, x, y) says of the last activation and the loss"
    return [Finding("loss_of_predictions", "error", message, fix)]


def _away_from_the_ends(output: OutputSpec, predicted: np.ndarray) -> np.ndarray:
    """Which rows have no probability that Keras would cut off?"""
    if output.loss in OF_NUMBERS or output.from_logits:
        return np.ones(len(predicted), dtype=bool)
    flat = predicted.reshape(len(predicted), -1)
    return np.all((flat > CLIPPED) & (flat < 1 - CLIPPED), axis=1)


def _reported(model: keras.Model, inputs: Any, targets: Any) -> float:
    """Give the loss that Keras computes in `evaluate`, less what penalties add; no metric is touched."""
    computed = model.compute_loss(inputs, targets, model(inputs, training=False), training=False)
    total = float(np.mean(keras.ops.convert_to_numpy(computed)))  # without a reduction it has a value for each row
    return total - float(sum(float(penalty) for penalty in model.losses))


def _mean(function: Any, targets: Any, predicted: np.ndarray) -> float:
    """Give the loss of plain numbers, which have no activation that Keras could look behind."""
    return float(np.mean(np.asarray(function(np.asarray(targets), predicted))))


def _worse_than_chance(
    model: keras.Model, spec: ModelSpec, inputs: Any, targets: Any, found: list[Finding]
) -> list[Finding]:
    if not isinstance(targets, np.ndarray) or any(finding.rule == "loss_of_predictions" for finding in found):
        return []
    try:
        chance, _ = yardsticks(model, targets)
    except ValueError:  # a target that the loss is not defined on
        return []
    if chance is None:
        return []
    reported = _reported(model, inputs, targets)
    if reported < chance:
        return []
    message = f"The loss is {reported:.4g} on these rows, no better than the {chance:.4g} of the best constant guess."
    fix = "train on, or look whether these rows are like those of training; after a training with class_weight or "
    fix += "sample_weight, under which the loss is another one, look at run.evaluate(x, y) instead"
    return [Finding("worse_than_chance", "warning", message, fix)]


# --- outputs and units --------------------------------------------------------------------------------------------


def _no_distribution(spec: ModelSpec, output: OutputSpec, predicted: np.ndarray) -> list[Finding]:
    if output.loss not in OF_ONE_CLASS | {"kl_divergence"} or output.gives_logits or predicted.shape[-1] < 2:
        return []
    sums = predicted.sum(axis=-1)
    off = float(np.abs(sums - 1).max())
    if off <= 1e-2:
        return []
    message = f"Rows of predict() sum to {sums.min():.3g} .. {sums.max():.3g}, not to 1: they are no probabilities."
    name = name_of(output, spec)
    return [Finding("no_distribution", "error", message, "use activation='softmax' in the last layer", output=name)]


def _constant_output(spec: ModelSpec, output: OutputSpec, predicted: np.ndarray, target: Any) -> list[Finding]:
    if len(predicted) < 2:
        return []
    spread, size = float(np.ptp(predicted, axis=0).max()), float(np.abs(predicted).max())
    if spread > CONSTANT * max(size, CONSTANT):
        return []
    first = ", ".join(f"{value:.4g}" for value in predicted[0].ravel()[:4])
    message = f"predict() gives the same for every row: {first}."
    fix = "see what cheatsheet.check(model, x, y) says; else lower learning_rate, scale x, and train anew"
    return [Finding("constant_output", "error", message, fix, output=name_of(output, spec))]


def _saturated_output(spec: ModelSpec, output: OutputSpec, predicted: np.ndarray, target: Any) -> list[Finding]:
    """Find predictions of numbers at the end of what the last activation gives, where y goes on."""
    if output.activation not in RANGES or output.loss not in OF_NUMBERS or target is None:
        return []
    low, high = RANGES[output.activation]
    y = np.asarray(target, dtype=np.float64).reshape(predicted.shape) if np.size(target) == predicted.size else None
    if y is None:
        return []
    margin = SATURATED * (high - low if np.isfinite(high) else max(float(np.abs(y).max()), 1.0))
    at_end = (predicted <= low + margin) & (y < low - margin)
    if np.isfinite(high):
        at_end |= (predicted >= high - margin) & (y > high + margin)
    share = float(at_end.mean())
    if share < SATURATED:
        return []
    message = (
        f"{share:.0%} of the predictions stand at the end of what {output.activation} gives, where y goes on beyond."
    )
    fix = "use a last layer without activation, or scale y"
    return [Finding("saturated_output", "error", message, fix, output=name_of(output, spec))]


def _dead_units(model: keras.Model, inputs: Any) -> list[Finding]:
    """Find relu units that give 0 on every row; in nested models they are not looked for."""
    if not getattr(model, "inputs", None):
        return []
    layers = [layer for layer in model.layers[:-1] if _ends_in_relu(layer)]
    if not layers:
        return []
    values = keras.Model(model.inputs, [layer.output for layer in layers]).predict(inputs, verbose=0)
    found = []
    for layer, value in zip(layers, values if len(layers) > 1 else [values], strict=True):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        units = np.asarray(value).reshape(-1, np.asarray(value).shape[-1])
        dead = int((units <= 0).all(axis=0).sum())
        if dead < DEAD_SHARE * units.shape[1]:
            continue
        severity = "error" if dead == units.shape[1] else "warning"
        message = f"{dead} of {units.shape[1]} units of layer {layer.name!r} give 0 on every row, and so learn nothing."
        fix = "lower learning_rate, scale x, or use activation='leaky_relu', and train anew"
        found.append(Finding("dead_units", severity, message, fix, where=f"layer {layer.name!r}"))
    return found


def _ends_in_relu(layer: keras.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    return getattr(layer, "activation", None) is keras.activations.relu and hasattr(layer, "output")
