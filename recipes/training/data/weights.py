"""How much does each row count? Weights of the rows, and of the classes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cheatsheet.common.words import show_values
from cheatsheet.dataspec import end_called
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import OutputSpec
from cheatsheet.table import BY_LAST_AXIS
from recipes.features import as_features, gaps_borne
from recipes.training.data.targets import class_index
from recipes.training.data.trees import items_of, rebuilt
from recipes.training.signature import Classes, OutputPart


def read_weights(sample_weight: Any, outputs: Sequence[OutputSpec]) -> Any:
    """Return weights as float32, in the shape they came in, for the rules to judge; `None` stays `None`.

    Args:
        sample_weight: An array-like; for a model with several outputs also a dict by output, list or tuple of them.
        outputs: Of the model.

    Raises:
        ValueError: for what holds no numbers, or not finite ones.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Mapping):
        return {key: _read(part, f"sample_weight[{key!r}]") for key, part in sample_weight.items()}
    if isinstance(sample_weight, list | tuple) and len(outputs) > 1 and len(sample_weight) == len(outputs):
        return [_read(part, f"sample_weight[{i}]") for i, part in enumerate(sample_weight)]
    return _read(sample_weight, "sample_weight")


def _read(sample_weight: Any, name: str) -> np.ndarray:
    with gaps_borne(False):
        weights = as_features(sample_weight, name).astype(np.float32)
    return weights[:, 0] if np.ndim(sample_weight) == 1 else weights


def spread_over(targets: Any, weights: Any) -> Any:
    """Give weights the structure of the targets, as Keras wants them: 1 where a dict names an output not."""
    if isinstance(weights, Mapping):
        if not isinstance(targets, Mapping):
            return next(iter(weights.values())) if len(weights) == 1 else weights
        return {
            key: weights[key] if key in weights else np.ones(len(target), np.float32) for key, target in targets.items()
        }
    return type(targets)(weights) if isinstance(weights, list) and isinstance(targets, list | tuple) else weights


def over_steps(weights: Any, targets: Any, parts: Sequence[OutputPart], outputs: Sequence[OutputSpec]) -> Any:
    """Give each step or pixel the weight of its row, where an output judges each.

    Keras would multiply losses `(n, steps)` by weights `(n,)`: an error, or where a batch has as many rows as there are
    steps, the weight of a row silently for that of a step.

    Args:
        weights: In the structure of the targets, or one array for all; `None` for none.
        targets: Encoded, an array or a tree.
        parts: What they are, one for each.
        outputs: Of the model.
    """
    if weights is None or not any(output.shape is not None and len(output.shape) > 2 for output in outputs):
        return weights
    if not isinstance(targets, Mapping | list | tuple):
        return _over_steps(weights, targets, outputs[0]) if len(outputs) == 1 else weights
    if not isinstance(weights, np.ndarray) and isinstance(weights, Mapping) != isinstance(targets, Mapping):
        return weights
    spread = []
    for (key, target), part in zip(items_of(targets), parts, strict=True):
        output = end_called(part.name, outputs) if part.name is not None else None
        one = weights if isinstance(weights, np.ndarray) else weights[key]
        spread.append(one if output is None else _over_steps(one, target, output))
    return rebuilt(targets, spread)


def _over_steps(weights: np.ndarray, target: np.ndarray, output: OutputSpec) -> np.ndarray:
    shape = output.shape or ()
    steps = target.shape[1 : len(shape) - 1]
    if weights.ndim > len(steps) or output.loss not in BY_LAST_AXIS or output.is_own_loss:
        return weights
    if output.loss_options.get("axis", -1) != -1:
        return weights
    if any(size not in (1, steps[i]) for i, size in enumerate(weights.shape[1:])):  # which the rules refuse
        return weights
    rows = weights.reshape(weights.shape + (1,) * (len(steps) + 1 - weights.ndim))
    return np.ascontiguousarray(np.broadcast_to(rows, (len(weights), *steps)))


def class_weights(class_weight: Any, targets: np.ndarray, loss: str, classes: Classes | None) -> np.ndarray:
    """Return the weight of each class, in the order of the classes.

    Args:
        class_weight: `"balanced"`, or a weight for each class, by label or by index.
        targets: Encoded targets of one output.
        loss: Of that output.
        classes: The label of each class; `None` for a target of numbers.

    Raises:
        DataError: for a target of numbers, for keys that are not the classes, and for weights that are none.
    """
    if classes is None:
        raise _unfit("class_weight needs a target of classes, but this loss takes numbers. Use sample_weight.")
    if isinstance(class_weight, str) and class_weight == "balanced":
        index = class_index(targets, loss).ravel()
        counts = np.bincount(index[(index >= 0) & (index < len(classes))], minlength=len(classes))
        return (counts.sum() / (len(classes) * np.maximum(counts, 1))).astype(np.float32)  # as scikit-learn's
    if not isinstance(class_weight, Mapping):
        raise _unfit(f"class_weight must be 'balanced' or a dict from class to weight. Received: {class_weight!r}.")
    by_label = all(label in class_weight for label in classes)
    by_index = all(index in class_weight for index in range(len(classes)))
    if not (by_label or by_index) or len(class_weight) != len(classes):
        raise _unfit(
            f"class_weight has the keys {show_values(list(class_weight))}. Expected one for each class: "
            f"{show_values(list(classes), 20)}."
        )
    keys = classes if by_label else range(len(classes))
    table = np.array([class_weight[key] for key in keys], dtype=np.float32)
    if not np.isfinite(table).all() or table.min() < 0 or not table.any():
        raise _unfit(f"class_weight must hold finite weights >= 0, some above 0. Received: {dict(class_weight)}.")
    return table


def weights_by_class(
    outputs: Sequence[OutputSpec], targets: Any, parts: Sequence[OutputPart], class_weight: Any
) -> Any:
    """Weigh each row, step or pixel by its class: one array, or of several outputs one each, in the targets' structure.

    Args:
        outputs: Of the model.
        targets: Encoded, an array or a tree.
        parts: What they are, one for each.
        class_weight: As for `fit`.

    Raises:
        DataError: for weights that are not those of the classes; for several outputs, for what does not name them.
    """
    if not isinstance(targets, Mapping | list | tuple):
        loss = outputs[0].loss or "" if outputs else ""
        return _looked_up(class_weights(class_weight, targets, loss, parts[0].classes), targets, loss)
    keys = [*targets] if isinstance(targets, Mapping) else [part.name for part in parts]
    if not isinstance(class_weight, Mapping) or not {*class_weight} <= {*keys}:
        received = show_values([*class_weight]) if isinstance(class_weight, Mapping) else repr(class_weight)
        raise _unfit(
            "class_weight of a model with several outputs is a dict from output to the weights of its classes. "
            f"Received: {received}. Expected some of {show_values(keys, 20)}."
        )
    weights = []
    for key, (_, target), part in zip(keys, items_of(targets), parts, strict=True):
        if key not in class_weight:
            weights.append(np.ones(len(target), np.float32))
            continue
        output = end_called(part.name, outputs) if part.name else None
        loss = output.loss or "" if output else ""
        try:
            table = class_weights(class_weight[key], target, loss, part.classes)
        except DataError as error:
            raise DataError([replace(finding, output=part.name) for finding in error.findings]) from None
        weights.append(_looked_up(table, target, loss))
    return rebuilt(targets, weights)


def _looked_up(table: np.ndarray, targets: np.ndarray, loss: str) -> np.ndarray:
    """Look up the weight of each row, step or pixel by its class; 0 for a label that is no class, as one left out."""
    index = class_index(targets, loss)
    known = (index >= 0) & (index < len(table))
    return np.where(known, table[np.where(known, index, 0)], np.float32(0))


def _unfit(message: str) -> DataError:
    return DataError([Finding("class_weight", "error", message)])
