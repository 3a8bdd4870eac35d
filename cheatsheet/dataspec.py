"""The examples that a model is given as a plain description, which the rules judge beside the model's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from cheatsheet.modelspec import InputSpec, OutputSpec

End = TypeVar("End", InputSpec, OutputSpec)


@dataclass(frozen=True)
class Part:
    """The array for one input or output, which is not copied.

    Attributes:
        array: Shape `(n, ...)`.
        name: Its key among several that were given as a dict.
        index: Its place among several.
    """

    array: np.ndarray
    name: str | None = None
    index: int = 0


@dataclass(frozen=True)
class DataSpec:
    """Examples as the rules see them.

    Attributes:
        x: One part for each array of inputs; none where x is missing or could not be read.
        y: Likewise of targets, as the loss takes them.
        sample_weight: Likewise of weights: one part for all targets, or one for each.
        where: Which examples these are, for findings: `"validation_data"`; empty for those of training.
    """

    x: tuple[Part, ...] = ()
    y: tuple[Part, ...] = ()
    sample_weight: tuple[Part, ...] = ()
    where: str = ""


def describe_data(x: Any = None, y: Any = None, *, sample_weight: Any = None, where: str = "") -> DataSpec:
    """Describe examples: each argument an array `(n, ...)`, or a dict, list or tuple of arrays, or `None`."""
    return DataSpec(parts_of(x), parts_of(y), parts_of(sample_weight), where)


def parts_of(tree: Any) -> tuple[Part, ...]:
    """Take a dict, list or tuple of arrays, or a single array, apart; `None` has no parts."""
    if tree is None:
        return ()
    if isinstance(tree, Mapping):
        return tuple(Part(array, str(name), i) for i, (name, array) in enumerate(tree.items()))
    arrays = tree if isinstance(tree, list | tuple) else (tree,)
    return tuple(Part(array, None, i) for i, array in enumerate(arrays))


def called(what: str, part: Part, parts: Sequence[Part]) -> str:
    """Return how a user writes this part: `x` alone, `x['left']` or `x[0]` among several."""
    if part.name is not None:
        return f"{what}[{part.name!r}]"
    return f"{what}[{part.index}]" if len(parts) > 1 else what


def end_called(name: str, ends: Sequence[End]) -> End | None:
    """Find the input or output of this name, its own or that of its layer; `None` where there is none."""
    return next((end for end in ends if name in (end.name, end.layer)), None)


def pair(ends: Sequence[End], parts: Sequence[Part]) -> Iterator[tuple[End, Part]]:
    """Pair the inputs (or outputs) of a model with the arrays for them: by name in a dict, by place in a list.

    What has no counterpart is left out.
    """
    for part in parts:
        if part.name is not None:
            end = end_called(part.name, ends)
            if end is not None:
                yield end, part
        elif len(parts) == len(ends):
            yield ends[part.index], part
