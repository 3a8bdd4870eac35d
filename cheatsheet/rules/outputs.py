"""What the rules about outputs share: which of them can be judged, what their targets are, how a finding names them."""

from collections.abc import Iterator
from math import prod

from cheatsheet.dataspec import DataSpec, Part, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec, OutputSpec, name_of
from cheatsheet.table import JUDGED, OF_ONE_CLASS
from cheatsheet.targets import MOST_CLASSES_WITH_GAPS

MARKS = (-1, -100, 255)  # that people give to rows or pixels of no class


def judged_outputs(model: ModelSpec, data: DataSpec) -> Iterator[tuple[OutputSpec, Part | None]]:
    """Give each output whose loss is known for what it is, with the target for it where there is one."""
    if model.has_own_step:
        return
    targets = {id(output): part for output, part in pair(_with_loss(model), data.y)} | {
        id(output): part for output, part in pair(model.outputs, data.y)
    }
    for output in model.outputs:
        if output.loss in JUDGED and not output.is_own_loss:
            yield output, targets.get(id(output))


def rows_of(output: OutputSpec, part: Part) -> str | None:
    """Say what the values for the nodes of an output are together, as `Part.rows_of`; `None` where y has labels."""
    if output.loss == "sparse_categorical_crossentropy" or part.array.shape[-1:] != (output.width,):
        return None
    return part.rows_of


def mend_for_classes(output: OutputSpec, part: Part | None) -> str | None:
    """Say what makes this head one of classes, where its y numbers them and its loss is no loss of one class.

    A column of 0, 1, 2 alone can be quantities. That there are as many outputs as labels, a softmax, or accuracy among
    the metrics says that they are classes.
    """
    if part is None or not part.is_whole or not part.is_one_per_row or (output.shape and len(output.shape) != 2):
        return None
    if output.loss not in JUDGED - OF_ONE_CLASS - {"pinball", "poisson"} or output.is_own_loss:
        return None
    labels, width = part.labels[0].tolist(), output.width or 1
    low, high, few = int(labels[0]), int(labels[-1]), len(labels) <= MOST_CLASSES_WITH_GAPS
    has_gaps = low not in (0, 1) or high - low + 1 != len(labels)
    fit = low >= 0 and high < width
    if output.activation == "softmax" and width > 1:
        meant = fit or few
    else:
        watched = not {"accuracy", "acc"}.isdisjoint(name.lower() for name in output.metrics)
        meant = len(labels) > 2 and not has_gaps and (width == len(labels) or (few and watched))
    if not meant:
        return None
    if len(labels) > width:
        head = f"use Dense({len(labels)}, activation='softmax') with loss='sparse_categorical_crossentropy'"
    elif output.activation == "softmax":
        head = "use loss='sparse_categorical_crossentropy', which reads the number of one class a row"
    else:
        head = "use activation='softmax' with loss='sparse_categorical_crossentropy'"
    if fit or (low >= 0 and high < len(labels)):
        return head
    return f"{head}, and y - 1" if not has_gaps else f"{head}, and number y with np.unique(y, return_inverse=True)[1]"


def mend_of_steps(output: OutputSpec, shape: tuple[int, ...]) -> str | None:
    """Say what gives one answer a row, where the output has one for each step or pixel and y one for each row.

    Args:
        output: With its shape, if that is known.
        shape: That of y.
    """
    if output.shape is None or len(output.shape) < 3:
        return None
    is_image = len(output.shape) > 3
    if is_image and len(shape) == len(output.shape):  # a picture of one pixel
        return None
    if prod(shape[1:]) != 1 and not (len(shape) == 2 and shape[1] == output.shape[-1]):
        return None
    layer = "Flatten" if None not in output.shape[1:-1] else f"GlobalAveragePooling{len(output.shape) - 2}D"
    other = "a GlobalAveragePooling" if is_image else "return_sequences=False in the last recurrent layer"
    return (
        f"put keras.layers.{layer}() before the last layer, or {other}, for one answer a row instead of one a "
        f"{'pixel' if is_image else 'step'}"
    )


def _with_loss(model: ModelSpec) -> list[OutputSpec]:
    return [output for output in model.outputs if output.loss is not None]


def at_output(
    rule: str, severity: str, message: str, fix: str, model: ModelSpec, output: OutputSpec, data: DataSpec
) -> Finding:
    """Say what was found at an output: its name where there are several, and which examples it is about."""
    return Finding(rule, severity, message, fix, where=data.where, output=name_of(output, model))
