"""Do the examples fit the model? Asks the rules, and gathers what they and the reading of the values find."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cheatsheet.common.words import show_values
from cheatsheet.dataspec import describe_data
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import ModelSpec, Shape
from cheatsheet.rules import allowed, findings_of
from cheatsheet.table import COMPARES_SHAPES
from recipes.features import as_features
from recipes.training.data.targets import Classes, UnknownLabels, encode_target
from recipes.training.data.weights import Weights, read_weights


@dataclass(frozen=True)
class Examples:
    """Inputs, targets and weights that were read and judged.

    Attributes:
        x: Inputs `(n, ...)`, or a tree of them; `None` where they could not be read.
        y: Encoded targets likewise.
        sample_weight: `(n,)` float32, or `None`.
        classes: The label of each class, in the order of the outputs; `None` for numbers.
        findings: All that speaks against them.
    """

    x: Any
    y: Any
    sample_weight: Weights
    classes: Classes | None
    findings: tuple[Finding, ...]


def read_examples(
    spec: ModelSpec,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    classes: Classes | None = None,
    trained_before: bool = False,
    where: str = "",
    targets_too: bool = True,
) -> Examples:
    """Read examples for this model and say everything that is wrong with them, without raising it.

    Args:
        spec: The model.
        x: Inputs as for `fit`.
        y: Targets as for `fit`; `None` stands for `y=x`.
        sample_weight: Weights of the rows.
        classes: The labels that the outputs mean; `None` finds them.
        trained_before: Whether these are from an earlier training, not from the training target beside.
        where: Which examples these are, for the findings.
        targets_too: Whether to read y at all.
    """
    found: list[Finding] = []
    inputs = targets = weights = None
    with gathering(found, where):
        inputs = read_inputs(spec, x)
    with gathering(found, where):
        weights = read_weights(sample_weight)
    if y is None and findings_of(spec, describe_data(inputs)):
        targets_too = False  # the same array in the same shape, and one refusal of it is enough
    if targets_too and not (y is None and inputs is None):
        with gathering(found, where), _in_the_words_of_fit(trained_before):
            targets, classes = _read_targets(spec, inputs if y is None else y, classes)
    found += findings_of(spec, describe_data(inputs, targets, sample_weight=weights, where=where))
    if weights is not None and weights.ndim > 1:
        weights = weights.reshape(len(weights), -1)[:, 0]
    return Examples(inputs, targets, weights, classes, tuple(found))


def raise_errors(findings: Sequence[Finding], allow: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Raise all errors at once but those of the allowed rules; return the rest, the allowed as warnings.

    Raises:
        DataError: with every error in `findings`.
    """
    judged = allowed(findings, allow)
    errors = [finding for finding in judged if finding.severity == "error"]
    if errors:
        raise DataError(errors)
    return tuple(judged)


@contextmanager
def gathering(findings: list[Finding], where: str = "") -> Iterator[None]:
    """Let the block refuse: what it found joins the list instead of being raised."""
    try:
        yield
    except DataError as error:
        findings += [replace(finding, where=finding.where or where) for finding in error.findings]
    except ValueError as error:
        findings.append(Finding("unreadable_values", "error", str(error), where=where))


@contextmanager
def _in_the_words_of_fit(trained_before: bool) -> Iterator[None]:
    """Refuse, within the block, labels that a trained model's outputs do not mean; say what would change that."""
    try:
        yield
    except UnknownLabels as error:
        if not trained_before:
            raise
        message = (
            f"y holds labels that this model was not trained on: {show_values(error.strange)}. Its outputs mean "
            f"{show_values(np.asarray(error.classes))} since an earlier fit."
        )
        fix = "train another model, or pass refit=True to have its outputs mean the labels of y from now on"
        raise DataError([Finding("unknown_labels", "error", message, fix)]) from None


def read_inputs(spec: ModelSpec, x: Any) -> Any:
    """Return x as arrays of numbers, with the last axis of size 1 that the model takes or lacks.

    Raises:
        ValueError: for what holds no finite numbers.
    """
    if is_tree(x, spec.inputs):
        return _read_tree(x, "x")
    inputs = as_features(x)
    return _as_shaped(inputs, spec.inputs[0].shape) if len(spec.inputs) == 1 else inputs


def require_inputs(spec: ModelSpec, x: Any) -> Any:
    """Return x as arrays of numbers that the model takes.

    Raises:
        DataError: for rows that are not what the model takes.
        ValueError: for what holds no finite numbers.
    """
    inputs = read_inputs(spec, x)
    raise_errors(findings_of(spec, describe_data(inputs)))
    return inputs


def _read_targets(spec: ModelSpec, y: Any, classes: Classes | None) -> tuple[Any, Classes | None]:
    if is_tree(y, spec.outputs):
        return _read_tree(y, "y"), None
    if len(spec.outputs) != 1:
        return encode_target(y, "", None, classes)
    output = spec.outputs[0]
    loss = output.loss or ""
    targets, found = encode_target(y, loss, output.values_per_row, classes)
    if loss in COMPARES_SHAPES and output.shape is not None:
        targets = _as_shaped(targets, output.shape)
    return targets, found


def is_tree(values: Any, ends: Sequence[Any]) -> bool:
    """Say whether these are several arrays, rather than one that is written as a list or tuple of rows."""
    if isinstance(values, Mapping):
        return True
    return isinstance(values, list | tuple) and len(ends) > 1


def _read_tree(tree: Any, name: str) -> Any:
    """Read several array-likes, each under its own name in errors; lists of numbers inside count as arrays."""
    if isinstance(tree, Mapping):
        return {key: as_features(part, f"{name}[{key!r}]") for key, part in tree.items()}
    return type(tree)(as_features(part, f"{name}[{i}]") for i, part in enumerate(tree))


def _as_shaped(array: np.ndarray, expected: Shape) -> np.ndarray:
    """Add or drop a last axis of size 1, as expected: Keras itself takes grey images without channels."""
    if array.ndim == len(expected) - 1 and expected[-1] == 1:
        return array[..., None]
    if array.ndim == len(expected) + 1 and array.shape[-1] == 1:
        return array[..., 0]
    return array
