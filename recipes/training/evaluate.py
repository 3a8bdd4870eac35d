"""Ask a trained model for its outputs, and how good they are: by the engine that would train it."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from scipy.special import expit, softmax

from cheatsheet.dataspec import end_called
from cheatsheet.modelspec import ModelSpec, OutputSpec, describe_ends, name_of
from cheatsheet.table import OF_NUMBERS
from recipes.features import gaps_borne
from recipes.losses import Pinball
from recipes.training.data.batches import rows_at_once
from recipes.training.data.checks import require_inputs
from recipes.training.data.prepare import TrainingData, examples
from recipes.training.data.streams import is_stream, require_batches
from recipes.training.data.targets import class_index
from recipes.training.data.trees import is_tree, items_of, num_rows_of
from recipes.training.engines.registry import choose
from recipes.training.scoring.evaluation import Evaluation, Report
from recipes.training.scoring.scores import of_classes, of_labels, of_numbers, of_quantiles
from recipes.training.signature import OutputPart, Signature, expected_of

PREDICT_ROWS = 256  # at once


def predict(model: keras.Model, x: Any, *, like: Signature | None = None, batch_size: int = PREDICT_ROWS) -> Any:
    """Return the outputs of a model, as `model.predict(x)`, without its set-up for each model.

    Args:
        model: A compiled model.
        x: Inputs `(n, ...)`, checked as `fit` checks them; several as for `fit`. A `tf.data.Dataset`, `PyDataset` or
            generator goes to Keras as it is.
        like: What it was trained on; by default what `fit`, or `build_model`, remembers of it. A table's columns are
            put in that order.
        batch_size: Rows at once; it does not change the outputs.

    Returns:
        Outputs `(n, units)`, or whatever shape and structure the model gives.

    Raises:
        DataError: for rows of another shape than the model takes, and for columns that are missing or new.
    """
    if is_stream(x):
        require_batches(model, x, targets=False)
        return model.predict(x, verbose=0)
    like = like or expected_of(model)
    with gaps_borne(like is not None and like.has_gaps):
        inputs = require_inputs(describe_ends(model), x, like)
    batch_size = rows_at_once(model, num_rows_of(inputs), batch_size)
    engine, _ = choose("auto", model, inputs)
    return engine.predict(model, inputs, batch_size)


def evaluate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    like: Signature | None = None,
    batch_size: int = 32,
) -> Evaluation:
    """Say what a model is worth on these rows: its loss and metrics, and what one wants to know of its task.

    Args:
        model: A compiled model.
        x: Inputs `(n, ...)`, several as for `fit`; a stream goes to Keras as it is.
        y: Targets, labels as in training; `None` evaluates an autoencoder on x.
        sample_weight: Weights as for `fit`; they count in all but the compiled metrics, which Keras leaves unweighted,
            and which are printed as such.
        like: What it was trained on; by default what `fit`, or `build_model`, remembers of it.
        batch_size: Rows at once.

    Returns:
        An `Evaluation`, a mapping: `["loss"]` and each metric as `model.evaluate(..., return_dict=True)` has them, then
        balanced accuracy and the like. With a stream, which is read but once, and for a model that trains in a way of
        its own, Keras' numbers alone.

    Raises:
        DataError: for examples that do not fit the model, its loss or each other.
    """
    if is_stream(x):
        require_batches(model, x)
        return Evaluation(model.evaluate(x, verbose=0, return_dict=True), {})
    data = examples(model, x, y, like or expected_of(model), sample_weight)
    batch_size = rows_at_once(model, data.num_rows, batch_size)
    engine, _ = choose("auto", model, data.arrays)
    numbers = dict(engine.evaluate(model, data, batch_size))
    unweighted = [] if data.sample_weight is None else _unweighted(model, numbers)
    spec = describe_ends(model)
    reports: dict[str | None, Report] = {}
    if not spec.has_own_step:
        outputs = engine.predict(model, data.x, rows_at_once(model, data.num_rows, PREDICT_ROWS))
        for output, part, target, predicted, weights in _by_output(spec, data, outputs):
            found = _judge(model, output, part, target, predicted, weights)
            if found is not None:
                name = name_of(output, spec)
                reports[name] = found[1]
                for key, value in found[0].items():
                    numbers.setdefault(key if name is None else f"{name}_{key}", value)
    return Evaluation(numbers, reports, data.num_rows, unweighted)


def _unweighted(model: keras.Model, numbers: Mapping[str, Any]) -> list[str]:
    """Find the compiled metrics that Keras leaves unweighted: all but the losses and the last, `weighted_metrics`."""
    compiled = getattr(model, "_compile_metrics", None)
    weighted = [m for m in keras.tree.flatten(getattr(compiled, "_user_weighted_metrics", None)) if m is not None]
    names = [name for name in numbers if name != "loss" and not name.endswith("_loss")]
    return names[: len(names) - len(weighted)]


def _by_output(
    spec: ModelSpec, data: TrainingData, outputs: Any
) -> Iterator[tuple[OutputSpec, OutputPart, np.ndarray, np.ndarray, np.ndarray | None]]:
    """Go through the outputs that have a target: what each is, what it was compared with, and the arrays."""
    parts = data.signature.outputs if data.signature is not None else ()
    if not is_tree(data.y, spec.outputs):
        if len(spec.outputs) == 1 and isinstance(outputs, np.ndarray):
            yield spec.outputs[0], parts[0], data.y, outputs, data.sample_weight
        return
    for i, ((key, target), part) in enumerate(zip(items_of(data.y), parts, strict=True)):
        output = end_called(part.name, spec.outputs) if part.name is not None else None
        if output is None:
            continue
        predicted = outputs.get(output.name) if isinstance(outputs, Mapping) else outputs[spec.outputs.index(output)]
        weights = data.sample_weight
        if weights is not None and not isinstance(weights, np.ndarray):
            weights = weights[key] if isinstance(weights, Mapping) else [*weights][i]
        if predicted is not None:
            yield output, part, target, predicted, weights


def _judge(
    model: keras.Model,
    output: OutputSpec,
    part: OutputPart,
    target: np.ndarray,
    predicted: np.ndarray,
    weights: np.ndarray | None,
) -> tuple[dict[str, float], Report] | None:
    """Judge one output in the words of its task; `None` where that is not known, or no number came out."""
    loss = output.loss or ""
    if not np.isfinite(predicted).all() or output.loss_options.get("axis", -1) != -1:
        return None
    if part.classes is not None:
        index = class_index(target, loss).ravel()
        scores = predicted.reshape(-1, predicted.shape[-1])
        weights = None if weights is None else _for_each(weights, len(index))
        kept = (index >= 0) & (index < len(part.classes))  # the rest is left out by the loss too
        if not kept.any() or scores.shape[1] not in (1, len(part.classes)):
            return None
        index, scores, weights = index[kept], scores[kept], None if weights is None else weights[kept]
        if scores.shape[1] > 1:
            return of_classes(
                index, softmax(scores, axis=1) if output.gives_logits else scores, part.classes, weights, None
            )
        scores = expit(scores[:, 0]) if output.gives_logits else scores[:, 0]
        return of_classes(index, scores, part.classes, weights, 0.0 if "hinge" in loss else 0.5)
    if weights is not None and weights.ndim > 1:
        weights = weights.reshape(len(weights), -1)
        if not (weights == weights[:, :1]).all():
            return None
        weights = weights[:, 0]  # that of the row, which each step was given
    if loss == "binary_crossentropy" and target.shape == predicted.shape and target.ndim == 2 and target.shape[1] > 1:
        if not np.isin(target, (0, 1)).all():
            return None
        scores = expit(predicted) if output.gives_logits else predicted
        return of_labels(target, scores, part.columns or range(target.shape[1]), weights)
    if loss == "pinball" and isinstance(model.loss, Pinball):
        return of_quantiles(target.reshape(-1), predicted, model.loss.quantiles, weights)
    if loss in OF_NUMBERS and target.shape == predicted.shape:
        return of_numbers(target.reshape(len(target), -1), predicted.reshape(len(target), -1), weights)
    return None


def _for_each(weights: np.ndarray, number: int) -> np.ndarray:
    """Give each step or pixel its weight, which may be that of its row."""
    return np.repeat(weights.ravel(), number // weights.size)
