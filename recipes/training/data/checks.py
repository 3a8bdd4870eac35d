"""Do the examples fit the model? Asks the rules, and gathers what they and the reading of the values find."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from cheatsheet.common.words import show_values
from cheatsheet.dataspec import describe_data, end_called
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import InputSpec, ModelSpec, OutputSpec, Shape
from cheatsheet.rules import BORNE, OF_INPUTS, allowed, findings_of, independent
from cheatsheet.rules.data import fits, single_row
from cheatsheet.rules.rows import not_finite
from cheatsheet.table import COMPARES_SHAPES
from recipes.features import are_gaps_borne, as_features, as_texts, columns_of, in_order
from recipes.training.data.targets import UnknownLabels, doubtful_labels, encode_target, require_numbered
from recipes.training.data.trees import is_tree, items_of, rebuilt
from recipes.training.data.weights import over_steps, read_weights, spread_over
from recipes.training.signature import InputPart, OutputPart, Signature


@dataclass(frozen=True)
class Examples:
    """Inputs, targets and weights that were read and judged.

    Attributes:
        x: Inputs `(n, ...)`, or a tree of them; `None` where they could not be read.
        y: Encoded targets likewise.
        sample_weight: Weights likewise, `(n,)` or one for each step or pixel; `None` for none.
        signature: What they are, part by part.
        findings: All that speaks against them.
    """

    x: Any
    y: Any
    sample_weight: Any
    signature: Signature
    findings: tuple[Finding, ...]


def read_examples(
    spec: ModelSpec,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    like: Signature | None = None,
    trained_before: bool = False,
    where: str = "",
    targets_too: bool = True,
    of_trained: bool = False,
) -> Examples:
    """Read examples for this model and say everything that is wrong with them, without raising it.

    Args:
        spec: The model.
        x: Inputs as for `fit`.
        y: Targets as for `fit`; `None` stands for `y=x`.
        sample_weight: Weights of the rows, or of each output's rows.
        like: What the model was trained on: columns get its order, labels its numbers; `None` finds them.
        trained_before: Whether that was an earlier training, not the training target beside.
        where: Which examples these are, for the findings.
        targets_too: Whether to read y at all.
        of_trained: Whether they are to judge a trained model, so that nobody will build it anew for them.
    """
    found: list[Finding] = []
    inputs = targets = weights = None
    signature = Signature()
    if swapped := _swapped(spec, x, y, where):
        return Examples(None, None, None, signature, (swapped,))
    with gathering(found, where):
        inputs, parts = read_inputs(spec, x, like)
        signature = replace(signature, inputs=parts)
    found += [replace(finding, where=where) for finding in unaligned_rows(x, y=y, sample_weight=sample_weight)]
    with gathering(found, where):
        weights = read_weights(sample_weight, spec.outputs)
    if y is None and targets_too and inputs is not None and not _may_restore(spec, inputs):
        message = "y is missing, and this model gives something else than it takes."
        found.append(Finding("missing_target", "error", message, "pass y", where=where))
        targets_too = False
    if y is None and findings_of(spec, describe_data(inputs), OF_INPUTS):
        targets_too = False  # the same array in the same shape, and one refusal of it is enough
    if targets_too and not (y is None and inputs is None):
        with gathering(found, where):
            targets, ends = _read_targets(spec, inputs if y is None else y, like, trained_before, found, where)
            signature = replace(signature, outputs=ends)
    data = describe_data(inputs, targets, sample_weight=weights, where=where, of_trained=of_trained)
    found += findings_of(spec, data)
    if are_gaps_borne() and (gaps := not_finite(spec, data)):
        found += gaps
        signature = replace(signature, has_gaps=True)
    if isinstance(weights, np.ndarray) and weights.shape[1:] == (1,):
        weights = weights[:, 0]
    if weights is not None and targets is not None:
        weights = spread_over(targets, weights)
        weights = weights if spec.has_own_step else over_steps(weights, targets, signature.outputs, spec.outputs)
    return Examples(inputs, targets, weights, signature, tuple(found))


def _swapped(spec: ModelSpec, x: Any, y: Any, where: str) -> Finding | None:
    """Find targets in the place of inputs, where the shapes leave no doubt; nothing is read for that."""
    if len(spec.outputs) != 1 or len(spec.inputs) > 1 or spec.has_own_step:
        return None
    of_x, of_y = map(_shape_unread, (x, y))
    width = spec.outputs[0].width
    if not of_x or len(of_y) < 2 or of_x[0] != of_y[0] or prod(of_x[1:]) not in (1, width):
        return None
    if spec.inputs:
        taken = spec.inputs[0].shape
        is_swapped = fits(of_y, taken) and not fits(of_x, taken)
    else:  # not built yet: one column where the width of the output does not fit the other
        is_swapped = len(of_x) == 1 and width is not None and prod(of_y[1:]) not in (1, width)
    if not is_swapped:
        return None
    message = f"x has shape {of_x} and y {of_y}, as if they were swapped."
    first = "say fit(model, x, y), run.evaluate(x, y)" if not where else f"say {where}=(x, y)"
    return Finding("swapped", "error", message, f"{first}: inputs first", where=where)


def _shape_unread(values: Any) -> tuple[int, ...]:
    """Give the shape of an array, a table or a list of single values; of all else nothing."""
    if isinstance(values, list | tuple) and values and np.isscalar(values[0]):
        return (len(values),)
    shape = getattr(values, "shape", None)
    known = isinstance(shape, Iterable) and all(isinstance(size, int) for size in shape)
    return tuple(shape) if known and shape is not None else ()


def _may_restore(spec: ModelSpec, inputs: Any) -> bool:
    """May the inputs stand for the targets, as far as shapes and losses tell?"""
    if not spec.inputs and len(spec.outputs) == 1 and isinstance(inputs, np.ndarray):  # not built yet
        width = spec.outputs[0].width
        return spec.has_own_step or width is None or width == inputs.shape[-1]
    if len(spec.inputs) != 1 or len(spec.outputs) != 1 or spec.has_own_step:
        return True
    taken, given = spec.inputs[0].shape[1:], spec.outputs[0].shape
    if spec.outputs[0].loss in ("sparse_categorical_crossentropy", "categorical_crossentropy", "hinge"):
        return False
    if given is None or None in taken or None in given[1:]:
        return True
    return prod(size or 0 for size in taken) == prod(size or 0 for size in given[1:])


def as_trained_on(spec: ModelSpec, inputs: Any) -> ModelSpec:
    """Let a model that is built by its first data take what these are: as many axes, as many numbers in the last."""
    if spec.inputs or spec.kind != "Sequential" or not isinstance(inputs, np.ndarray) or inputs.ndim < 2:
        return spec
    shape = (*[None] * (inputs.ndim - 1), inputs.shape[-1])
    return replace(spec, inputs=(InputSpec("x", shape, "x"),))


def unaligned_rows(x: Any, **others: Any) -> list[Finding]:
    """Find targets and weights of pandas' whose index is that of x in another order: rows go by their place."""
    found: list[Finding] = []
    index: Any = getattr(x, "index", None)
    if not hasattr(index, "equals"):
        return found
    for name, other in others.items():
        theirs = getattr(other, "index", None)
        if not hasattr(theirs, "equals") or len(x) != len(other) or index.equals(theirs):
            continue
        if index.is_unique and index.difference(theirs).empty:
            message = f"x and {name} have the same index in another order, but rows go by their place."
            found.append(Finding("unaligned_rows", "error", message, f"use {name}.loc[x.index]"))
    return found


def raise_errors(findings: Sequence[Finding], allow: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Raise all errors at once but those of the allowed rules; return the rest, the allowed as warnings.

    Raises:
        DataError: with every error in `findings`.
    """
    judged = allowed(findings, (*allow, *BORNE))
    errors = independent(finding for finding in judged if finding.severity == "error")
    if errors:
        raise DataError(errors)
    return tuple(independent(judged))


@contextmanager
def gathering(findings: list[Finding], where: str = "", output: str | None = None) -> Iterator[None]:
    """Let the block refuse: what it found joins the list instead of being raised."""
    try:
        yield
    except DataError as error:
        findings += [
            replace(finding, where=finding.where or where, output=finding.output or output)
            for finding in error.findings
        ]
    except ValueError as error:
        findings.append(Finding("unreadable_values", "error", str(error), where=where, output=output))


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
            f"{show_values(np.asarray(error.classes))} since an earlier fit.{error.likeness}"
        )
        fix = "train another model, or pass refit=True to have its outputs mean the labels of y from now on"
        raise DataError([Finding("unknown_labels", "error", message, fix)]) from None


def read_inputs(spec: ModelSpec, x: Any, like: Signature | None = None) -> tuple[Any, tuple[InputPart, ...]]:
    """Read x as arrays of numbers, with the last axis of size 1 that the model takes or lacks, and say what they are.

    Args:
        spec: The model.
        x: As for `fit`.
        like: What the model was trained on: a table's columns are put in the order of then.

    Raises:
        DataError: for a table that lacks columns of the training, or has others.
        ValueError: for what holds no finite numbers.
    """
    known = {part.name: part for part in like.inputs} if like is not None else {}
    if not is_tree(x, spec.inputs):
        before = known[None] if len(known) == 1 and None in known else None
        table = in_order(x, before.columns if before else None, "x")
        end = spec.inputs[0] if len(spec.inputs) == 1 else None
        inputs = _as_taken(table, end, "x")
        if end is not None:
            inputs = _as_shaped(inputs, end.shape)
        return inputs, (_input_part(None, inputs, table, before),)
    if spec.kind == "Sequential" and not spec.inputs and isinstance(x, Mapping):  # not built yet
        raise ValueError(
            f"x is a dict with the keys {show_values([*x])}, but a Sequential model takes one array. "
            "Pass pandas.DataFrame(x), whose columns they are, or one of them."
        )
    arrays, parts = [], []
    for i, (key, given) in enumerate(items_of(x)):
        name = str(key) if isinstance(x, Mapping) else None
        before = known.get(name) if name is not None else like.inputs[i] if like and i < len(like.inputs) else None
        table = in_order(given, before.columns if before else None, f"x[{key!r}]")
        end = end_called(name, spec.inputs) if name is not None else spec.inputs[i] if i < len(spec.inputs) else None
        arrays.append(_as_taken(table, end, f"x[{key!r}]"))
        parts.append(_input_part(name, arrays[-1], table, before))
    return rebuilt(x, arrays), tuple(parts)


def _as_taken(values: Any, end: InputSpec | None, name: str) -> np.ndarray:
    """Read one input as what the model takes there: text where that is known, else numbers."""
    return as_texts(values, name) if end is not None and end.takes_text else as_features(values, name)


def _input_part(name: str | None, array: np.ndarray, table: Any, before: InputPart | None) -> InputPart:
    """Say what an input is; one without names keeps those that its columns had before."""
    names = columns_of(table)
    if names is None and before is not None and prod(before.shape) == prod(array.shape[1:]):
        names = before.columns
    return InputPart(name, array.shape[1:], array.dtype.name, names)


def require_inputs(spec: ModelSpec, x: Any, like: Signature | None = None) -> Any:
    """Return x as arrays of numbers that the model takes.

    Raises:
        DataError: for what holds no finite numbers, and for rows that are not what the model takes.
    """
    found: list[Finding] = []
    inputs = None
    if _is_one_series(_shape_unread(x), spec, like):
        raise DataError([single_row("x", _shape_unread(x))])
    with gathering(found):
        inputs, _ = read_inputs(spec, x, like)
        found += findings_of(spec, describe_data(inputs, of_trained=True), OF_INPUTS)
    raise_errors(found)
    return inputs


def _is_one_series(shape: tuple[int, ...], spec: ModelSpec, like: Signature | None) -> bool:
    """Say whether this is one series `(steps, 1)` for a model of any length, trained on longer ones.

    Keras puts an axis at its end and takes it for as many series of one step; a target beside it could tell.
    """
    if len(spec.inputs) != 1 or spec.inputs[0].shape[1:] != (None, 1) or len(shape) != 2 or shape[1] != 1:
        return False
    trained_on = like.inputs[0].shape if like is not None and len(like.inputs) == 1 else ()
    return shape[0] > 1 and trained_on[:1] != (1,)


def _read_targets(
    spec: ModelSpec, y: Any, like: Signature | None, trained_before: bool, found: list[Finding], where: str
) -> tuple[Any, tuple[OutputPart, ...]]:
    """Encode the target of each output for its own loss; what speaks against one of several joins the findings."""
    if not is_tree(y, spec.outputs):
        output = spec.outputs[0] if len(spec.outputs) == 1 else OutputSpec()
        before = like.outputs[0] if like is not None and len(like.outputs) == 1 else None
        with _in_the_words_of_fit(trained_before):
            target, part = _read_target(None, y, output, before, spec, found)
        return target, (part,)
    arrays: list[Any] = []
    parts = []
    before_by_name = {part.name: part for part in like.outputs} if like is not None else {}
    items = items_of(y)
    at_place = dict(enumerate(spec.outputs)) if len(items) == len(spec.outputs) else {}
    for key, given in items:
        output = (end_called(key, spec.outputs) if isinstance(y, Mapping) else at_place.get(key)) or OutputSpec()
        name = output.name or str(key)
        array = given
        with gathering(found, where, name), _in_the_words_of_fit(trained_before):
            array, part = _read_target(name, given, output, before_by_name.get(name), spec, found)
            if name not in before_by_name:
                require_numbered(part.classes, output)
            parts.append(part)
        arrays.append(array)
    if len(parts) < len(items):
        raise DataError([])  # what could not be read has been found, and the rules have nothing to judge
    return rebuilt(y, arrays), tuple(parts)


def _read_target(
    name: str | None, y: Any, output: OutputSpec, before: OutputPart | None, spec: ModelSpec, found: list[Finding]
) -> tuple[np.ndarray, OutputPart]:
    if spec.has_own_step:
        output = OutputSpec(output.name)
    known = before.classes if before is not None else None
    names = before.columns if before is not None else None
    y = in_order(y, names, "y")
    target, classes = encode_target(y, output, known)
    if known is not None and classes == tuple(range(len(known))):
        classes = known  # one-hot rows have no names, and keep those of before
    elif names is not None and np.ndim(y) == 2 and classes == tuple(range(len(names))):
        classes = names
    if known is None and classes is not None:
        found += [replace(finding, output=name) for finding in doubtful_labels(target, classes, output)]
    if output.loss in COMPARES_SHAPES and output.shape is not None:
        target = _as_shaped(target, output.shape)
    columns = columns_of(y) or names
    if classes is not None or np.ndim(target) != 2 or target.shape[1] != len(columns or ()) or target.shape[1] == 1:
        columns = None
    return target, OutputPart(name, target.shape[1:], classes, columns)


def _as_shaped(array: np.ndarray, expected: Shape) -> np.ndarray:
    """Add or drop a last axis of size 1, as expected: Keras itself takes grey images without channels."""
    if array.ndim == len(expected) - 1 and expected[-1] == 1 and fits(array.shape, expected[:-1]):
        return array[..., None]
    if array.ndim == len(expected) + 1 and array.shape[-1] == 1:
        return array[..., 0]
    return array
