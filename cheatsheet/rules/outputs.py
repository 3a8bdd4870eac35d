"""What the rules about outputs share: which of them can be judged, what their targets are, how a finding names them."""

from collections.abc import Iterator

from cheatsheet.dataspec import DataSpec, Part, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import ModelSpec, OutputSpec, name_of
from cheatsheet.table import JUDGED

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


def _with_loss(model: ModelSpec) -> list[OutputSpec]:
    return [output for output in model.outputs if output.loss is not None]


def at_output(
    rule: str, severity: str, message: str, fix: str, model: ModelSpec, output: OutputSpec, data: DataSpec
) -> Finding:
    """Say what was found at an output: its name where there are several, and which examples it is about."""
    return Finding(rule, severity, message, fix, where=data.where, output=name_of(output, model))
