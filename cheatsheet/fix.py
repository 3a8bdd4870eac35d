"""From a model with a wrong head to a corrected copy, and from its labels to those that the copy is trained on.

What can be mended mechanically is the last activation, the width, the loss and the labels. All ways of doing so are
tried on the plain description, where nothing is built, and the least change that leaves no finding is made.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.arrays import as_array
from cheatsheet.common.words import count, show_values
from cheatsheet.dataspec import DataSpec, Part, is_several, items_given, pair
from cheatsheet.finding import Finding, by_severity
from cheatsheet.modelcopy import copied
from cheatsheet.modelspec import ModelSpec, OutputSpec, describe_model, name_of
from cheatsheet.rules import RULES, findings_of, independent
from cheatsheet.rules.labels import filled_columns
from cheatsheet.rules.layers import doubled
from cheatsheet.rules.outputs import mend_for_classes
from cheatsheet.table import JUDGED, OF_NUMBERS, OF_ONE_CLASS, OF_YES_OR_NO, TABLE
from cheatsheet.targets import infer_task

# What a change is worth: the fewest and smallest that leave nothing wrong are made. Another row than the cheatsheet's
# for this y costs more than one change, and a new width, which throws trained weights away, more than all others.
_COST = {"activation": 1.0, "loss": 1.1, "labels": 1.0, "width": 3.0, "off the cheatsheet": 1.5}
_OF_THE_HEAD = (
    "softmax_over_one", "softmax_for_several_labels", "softmax_with_binary_crossentropy",
    "sigmoid_with_categorical_crossentropy", "sigmoid_with_kl_divergence", "fewer_outputs_than_classes",
    "empty_columns", "label_encoding", "target_shape",
    "stretched_target", "logits_taken_for_probabilities", "activation_outside_loss", "fractional_labels", "label_range",
    "loss_domain", "unreachable_target", "probabilities_taken_for_logits", "loss_for_numbers", "text_labels",
)  # fmt: skip


# Warnings that a change of the head mends; what others say is a matter of what one wants.
_WARNINGS = ("loss_for_numbers", "probabilities_taken_for_logits", "activation_outside_loss")


@dataclass(frozen=True)
class Fixed:
    """A corrected copy of a model, and what was done.

    Attributes:
        model: The copy, compiled; layers that did not change have the weights of the original.
        transform: Takes `y` as it was given and gives what the copy is trained on: `copy.fit(x, transform(y))`.
        findings: What was wrong and is mended now.
        remaining: What `check` says of the copy with the transformed `y`.
        changes: What was changed, in words; where the labels were, that y goes through `transform`.
    """

    model: Any
    transform: Callable[[Any], Any]
    findings: list[Finding]
    remaining: list[Finding]
    changes: tuple[str, ...]

    def __str__(self) -> str:
        nothing = "nothing could be changed" if self.remaining else "nothing had to be changed"
        lines = [*self.changes] or [nothing]
        return "\n".join([*lines, *(f"mended: {finding}" for finding in self.findings), *map(str, self.remaining)])


@dataclass(frozen=True)
class _Change:
    """One way to mend an output: what its head shall be, and whether its labels are others, as `_Labels` has them."""

    output: OutputSpec
    relabelled: bool


@dataclass(frozen=True)
class _Labels:
    """Other labels for an output.

    Attributes:
        part: The target with them.
        apply: Does the same to any target of this kind.
        words: What was done.
    """

    part: Part
    apply: Callable[[np.ndarray], np.ndarray]
    words: str


@known_arguments_only
def fix(model: Any, y: Any) -> Fixed:
    """Make a corrected, compiled copy of this model for this y, where that is mechanical.

    Args:
        model: A live, compiled Keras model. It is not changed.
        y: Its target as `check` takes it: an array, list or column `(n, ...)`, or a dict or tuple of them.

    Returns:
        A `Fixed`: the copy, what to do to `y`, and what was found.

    Raises:
        TypeError: for what is no live model.
        ValueError: for a model that is not compiled, cannot be copied (its class has no `get_config`, or its own
            `train_step`), or whose mistakes no change of activation, width, loss or labels mends.
    """
    if not hasattr(model, "get_config") or not hasattr(model, "layers"):
        raise TypeError(f"The first argument of fix is a live Keras model. Received: {type(model).__name__}.")
    spec = describe_model(model)
    if spec.optimizer is None:
        raise ValueError("The model is not compiled, so that nothing says what it shall learn. Compile it first.")
    if spec.has_own_step:
        raise ValueError(
            f"{spec.kind} has its own train_step or compute_loss, and nobody can judge what that compares."
        )
    parts = _parts(y)
    data = DataSpec(y=parts)
    before = [
        finding
        for finding in independent(findings_of(spec, data, RULES))
        if finding.rule in (*_OF_THE_HEAD, "doubled_activation", "metric_threshold")
    ]
    changes = {}
    mended, spec_to_be = _undoubled(spec)
    for output, part in pair([output for output in spec_to_be.outputs if output.loss is not None], parts):
        changes[output.made_by or output.layer or output.name or ""] = (output, part, _best(spec_to_be, output, part))
    heads = {name: (output, change.output) for name, (output, _, change) in changes.items()}
    copy, words = copied(model, spec, heads, mended)
    applied = {}
    for output, part, change in changes.values():
        labels = _relabelled(part, output) if change.relabelled else None
        if labels is not None:
            where = f"output {output.name!r}: " if len(spec.outputs) > 1 else ""
            words.append(f"{where}{labels.words}: train and judge the model on fixed.transform(y), not on y")
            applied[id(part)] = labels.apply
    transform = _transform(applied, parts, y)
    after = DataSpec(y=_parts(transform(y)))
    remaining = by_severity(independent(findings_of(describe_model(copy), after, RULES)))
    left = {(finding.rule, finding.output) for finding in remaining}
    findings = [finding for finding in by_severity(before) if (finding.rule, finding.output) not in left]
    return Fixed(copy, transform, findings, remaining, tuple(words))


def _parts(y: Any) -> tuple[Part, ...]:
    items = enumerate(items_given(y))
    return tuple(Part(as_array(value, "y" if name is None else f"y[{name!r}]"), name, i) for i, (name, value) in items)


# --- what to change -----------------------------------------------------------------------------------------------


def _best(spec: ModelSpec, output: OutputSpec, part: Part) -> _Change:
    """Find the least change of an output that leaves nothing wrong with its head, or at least no error.

    Raises:
        ValueError: where there is none.
    """
    if not _wrong(spec, output, output, part):
        return _Change(output, relabelled=False)
    labels = _relabelled(part, output)
    rows = _rows_for(part, output)
    tried: list[tuple[bool, float, int, _Change]] = []
    for change in _candidates(output, part, labels, rows):
        target = labels.part if change.relabelled and labels is not None else part
        wrong = _wrong(spec, output, change.output, target)
        if not any(finding.severity == "error" for finding in wrong):
            tried.append((bool(wrong), _cost(output, change, rows), len(tried), change))
    if not tried:
        wrong = _wrong(spec, output, output, part)
        raise ValueError(
            "No change of the last activation, the width, the loss or the labels mends this: "
            + " ".join(map(str, wrong))
        )
    return min(tried)[-1]


def _wrong(spec: ModelSpec, old: OutputSpec, new: OutputSpec, part: Part) -> list[Finding]:
    outputs = tuple(new if output is old else output for output in spec.outputs)
    alone = replace(spec, outputs=outputs)
    data = DataSpec(y=(replace(part, name=new.name, index=0) if len(outputs) > 1 else part,))
    found = [finding for rule in _OF_THE_HEAD for finding in RULES[rule](alone, data)]
    return [
        finding
        for finding in found
        if (finding.severity == "error" or (finding.severity == "warning" and finding.rule in _WARNINGS))
        and finding.output in (None, name_of(new, alone))
    ]


def _rows_for(part: Part, output: OutputSpec) -> list[tuple[str, str]]:
    """List the activations and losses that the cheatsheet has for this y, the first being its first choice."""
    if mend_for_classes(output, part) is not None:  # the same evidence as check's
        return [(row.activation, row.loss) for row in TABLE if row.task == "multiclass"]
    numbers = output.loss in OF_NUMBERS and output.activation != "softmax" and part.is_number
    if numbers and part.is_one_per_row and part.labels[0].tolist() != [0, 1]:
        task = "regression"  # who compares numbers means numbers
    elif part.array.ndim == 1 or part.array.ndim == 2:
        try:
            task = infer_task(part.array).task
        except ValueError:
            task = "regression" if output.loss in OF_NUMBERS else "multiclass"
    else:
        task = "reconstruction"
    if task == "reconstruction" and part.is_whole and not part.is_one_per_row and output.loss in OF_ONE_CLASS:
        task = "multiclass"
    own = [row for row in TABLE if row.loss == output.loss and row.task == "regression"]  # who said so may mean it
    return [(row.activation, row.loss) for row in (*(row for row in TABLE if row.task == task), *own)]


def _candidates(
    output: OutputSpec, part: Part, labels: _Labels | None, rows: list[tuple[str, str]]
) -> Iterator[_Change]:
    of_rows = (part.array.shape[-1],) if part.array.ndim > 1 and part.array.shape[-1] > 1 else ()
    is_of_classes = (labels is not None and labels.part.is_one_per_row) or mend_for_classes(output, part) is not None
    classes = (1, len(part.labels[0])) if is_of_classes else (1,)
    activations = dict.fromkeys([output.activation, *(activation for activation, _ in rows)])
    if output.activation is None:  # somebody's own, which nobody else can judge
        activations = dict.fromkeys([None])
    losses = dict.fromkeys([(output.loss, output.from_logits), *((loss, False) for _, loss in rows)])
    if output.is_own_loss or output.loss not in JUDGED:
        losses = dict.fromkeys([(output.loss, output.from_logits)])
    if output.from_logits:
        losses[(output.loss, False)] = None
    if output.activation == "softmax" and (output.width or 1) > 1 and part.is_one_per_row:
        losses[("sparse_categorical_crossentropy", False)] = None
    widths = dict.fromkeys([output.width, *of_rows, *classes])
    for activation, (loss, from_logits), width, relabelled in product(
        activations, losses, widths, (False, True) if labels is not None else (False,)
    ):
        shape = None if output.shape is None else (*output.shape[:-1], width)
        new = replace(output, activation=activation, loss=loss, from_logits=from_logits, width=width, shape=shape)
        yield _Change(new, relabelled)


def _cost(old: OutputSpec, change: _Change, rows: list[tuple[str, str]]) -> float:
    new = change.output
    changed = {
        "activation": new.activation != old.activation,
        "loss": (new.loss, new.from_logits) != (old.loss, old.from_logits),
        "labels": change.relabelled,
        "width": new.width != old.width,
        "off the cheatsheet": bool(rows) and (new.activation, new.loss) not in rows and not new.from_logits,
    }
    return sum(_COST[name] for name, is_so in changed.items() if is_so)


def _relabelled(part: Part, output: OutputSpec) -> _Labels | None:
    """Leave out the empty columns of one-hot rows, or number labels from 0 in sorted order.

    `None` for what holds neither columns to spare nor labels, one for each row, or a yes and no.
    """
    array = part.array
    kept = None if output.width is None else filled_columns(part, output.width)
    if kept is not None:
        columns = kept
        return _Labels(
            replace(part, array=array[:, columns]),
            lambda value: _of_columns(value, columns, array.shape[1]),
            f"{count(array.shape[1] - len(columns), 'empty column')} of y left out",
        )
    classes = _classes_to_number(part, output)
    if classes is None:
        return None
    return _Labels(
        replace(part, array=_positions(array, classes)),
        lambda value: _positions(value, classes),
        "labels numbered from 0 in sorted order",
    )


def _of_columns(value: np.ndarray, kept: list[int], width: int) -> np.ndarray:
    """Return these columns of rows that have a 1 in one of them.

    Raises:
        ValueError: for rows of another width, or of a class that the model has no output for.
    """
    if value.ndim != 2 or value.shape[1] != width:
        raise ValueError(f"y has shape {value.shape}. Expected rows of {width} columns, as the model was mended for.")
    rest = np.delete(value, kept, axis=1)
    if rest.any():
        strange = np.delete(np.arange(width), kept)[rest.any(axis=0)]
        raise ValueError(
            f"y holds classes that the model was not mended for: {show_values(strange)}. "
            f"Expected rows with their 1 in one of the columns {show_values(np.asarray(kept))}."
        )
    return value[:, kept]


def _classes_to_number(part: Part, output: OutputSpec) -> np.ndarray | None:
    array = part.array
    if output.loss in OF_YES_OR_NO and part.is_whole and len(part.labels[0]) == 2:
        return part.labels[0]
    if not part.is_one_per_row or not (array.dtype.kind == "U" or part.is_whole):
        return None
    if array.dtype.kind != "U":
        try:
            if infer_task(array.reshape(-1)).task not in ("binary", "multiclass"):
                return None
        except ValueError:
            return None
    return np.unique(array)


def _positions(array: np.ndarray, classes: np.ndarray) -> np.ndarray:
    place = np.minimum(np.searchsorted(classes, array), len(classes) - 1)
    strange = classes[place] != array
    if strange.any():
        raise ValueError(
            f"y holds labels that the model was not mended for: {show_values(np.unique(array[strange]))}. "
            f"Expected {show_values(classes)}."
        )
    return place.astype(np.int64)


def _transform(
    applied: Mapping[int, Callable[[np.ndarray], np.ndarray]], parts: tuple[Part, ...], y: Any
) -> Callable[[Any], Any]:
    """Make the function that does to any y of this kind what was done to this one."""
    done = [applied.get(id(part)) for part in parts]

    def one(value: Any, apply: Callable[[np.ndarray], np.ndarray] | None) -> Any:
        return value if apply is None else apply(as_array(value, "y"))

    if isinstance(y, Mapping):
        by_name = dict(zip(map(str, y), done, strict=True))
        return lambda value: {name: one(part, by_name.get(str(name))) for name, part in value.items()}
    if is_several(y):
        several = type(y)
        return lambda value: several(one(part, apply) for part, apply in zip(value, done, strict=True))
    return lambda value: one(value, done[0])


def _undoubled(spec: ModelSpec) -> tuple[dict[str, str], ModelSpec]:
    """Find the activations that another one follows, and describe the model without them."""
    linear = {first.name: "linear" for first, _, severity in doubled(spec) if severity == "error"}
    layers = tuple(replace(layer, activation=linear.get(layer.name, layer.activation)) for layer in spec.layers)
    return linear, replace(spec, layers=layers)
