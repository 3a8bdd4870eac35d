"""Is this model right for this y? Every rule at once, without training a step."""

import os
from dataclasses import replace
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.arrays import as_array
from cheatsheet.dataspec import DataSpec, Part, items_given, pair
from cheatsheet.finding import Finding, by_severity
from cheatsheet.modelspec import ModelSpec, describe_model
from cheatsheet.rules import RULES, findings_of, independent

# What a dataset, a generator or Keras' PyDataset has and no array does.
_OF_STREAMS = ("element_spec", "__next__", "num_batches")


@known_arguments_only
def check(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    validation_split: float | None = None,
    class_weight: Any = None,
) -> list[Finding]:
    """Find what is wrong with a compiled Keras model for these examples, as Keras' own `model.fit` would train it.

    Nothing is trained, run or changed, and TensorFlow is not imported: a live model is read through its attributes, a
    `.keras` file through its description.

    Args:
        model: A Keras model of any kind, compiled, built or not; or the path of a `.keras` file.
        x: Inputs as they would be given to `model.fit`: an array, list or table `(n, ...)`, or a dict, list or tuple
            of them for several inputs; `None` leaves them out.
        y: Targets likewise, as they are: `check` judges what Keras would make of them. `recipes.fit` encodes some of
            them by itself, and the finding then says so.
        validation_split: Share of the rows at the end on which Keras would validate.
        class_weight: As for `model.fit`.

    Returns:
        Findings, errors first; none for a model that has nothing wrong that can be seen from outside. An error cannot
        be right for this y; a warning is unusual, or can be better; an information is good to know. What follows from
        another fault is left out.

    Raises:
        ValueError: for a file that is not Keras', a `validation_split` outside of 0 to 1.
        TypeError: for what is no model.

    References:
        The catalogue: mistakes of users of Keras, as they asked about them; each rule names one.

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> check(SimpleNamespace(layers=[], loss="mse"), y=np.array([0.5, 1.5]))
    []
    """
    is_file = isinstance(model, str | os.PathLike)
    if not is_file and not hasattr(model, "layers"):
        raise TypeError(
            f"The first argument of check is a Keras model, or the path of a .keras file. Received: "
            f"{type(model).__name__}."
        )
    if validation_split is not None and not 0 <= validation_split < 1:
        raise ValueError(f"validation_split must be at least 0 and below 1. Received: {validation_split!r}.")
    spec = describe_model(model, x)
    found: list[Finding] = []
    data = DataSpec(
        x=_parts(x, "x", found),
        y=_parts(y, "y", found),
        validation_split=validation_split or 0.0,
        class_weight=class_weight,
    )
    if not any(output.loss for output in spec.outputs) and not spec.has_own_step:
        message = "The model is not compiled, so that nothing says what it is compared by."
        found.append(Finding("not_compiled", "info", message, "call model.compile(...) first"))
    elif x is None and y is None:
        message = "The model alone was looked at: what needs y (head, loss, labels) or x (inputs, their scale) was not."
        found.append(Finding("missing_target", "info", message, "pass x and y"))
    return by_severity([*found, *independent(findings_of(spec, _as_keras_takes(spec, data), RULES))])


def _parts(tree: Any, name: str, found: list[Finding]) -> tuple[Part, ...]:
    """Read each array as it is; what cannot be read is a finding, and has no part."""
    if tree is None:
        return ()
    if any(hasattr(tree, sign) for sign in _OF_STREAMS):
        kind = type(tree).__name__
        message = f"Not judged: {name}, a {kind}, which makes its own batches and may be read but once."
        found.append(Finding("not_judged", "info", message, "pass some of its rows as arrays"))
        return ()
    items = items_given(tree)
    parts = []
    for i, (key, value) in enumerate(items):
        label = name if len(items) == 1 and key is None else f"{name}[{key if key is not None else i!r}]"
        try:
            parts.append(Part(as_array(value, label), key, i))
        except ValueError as error:
            rule = "not_finite" if _has_missing(value) else "unreadable_values"
            found.append(Finding(rule, "error", str(error)))
    return tuple(parts)


def _has_missing(value: Any) -> bool:
    """Does a table, a column or a list have places without a value?"""
    if hasattr(value, "isna"):
        return bool(np.asarray(value.isna()).any())
    if hasattr(value, "null_count"):
        return bool(np.sum(np.asarray(value.null_count())))
    try:
        return any(item is None for item in np.asarray(value, dtype=object).ravel())
    except ValueError:  # rows of different lengths
        return False


def _as_keras_takes(spec: ModelSpec, data: DataSpec) -> DataSpec:
    """Add or drop the last axis of size 1 that Keras itself adds or drops."""
    taken = {id(part): shape for end, part in pair(spec.inputs, data.x) if (shape := end.shape) is not None}
    x = tuple(
        replace(part, array=part.array[..., None])
        if id(part) in taken and part.array.ndim == len(taken[id(part)]) - 1 and taken[id(part)][-1] == 1
        else part
        for part in data.x
    )
    return replace(data, x=x)
