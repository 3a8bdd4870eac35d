"""The examples that a model is given as a plain description, which the rules judge beside the model's."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from cheatsheet.common.arrays import distinct
from cheatsheet.modelspec import InputSpec, OutputSpec
from cheatsheet.targets import SUM_TOLERANCE, is_whole

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

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers or booleans, and at least one."""
        return self.array.dtype.kind in "buif" and self.array.size > 0

    @property
    def is_one_per_row(self) -> bool:
        """Whether each row has a single value."""
        return self.array.size == len(self.array)

    @cached_property
    def low(self) -> float:
        """The least number; NaN where one is NaN."""
        return float(self.array.min())

    @cached_property
    def high(self) -> float:
        """The largest number; NaN where one is NaN."""
        return float(self.array.max())

    @property
    def is_finite(self) -> bool:
        """Whether every number is finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @cached_property
    def is_whole(self) -> bool:
        """Whether these are whole numbers, whatever their dtype."""
        return self.is_number and self.is_finite and is_whole(self.array)

    @cached_property
    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct values, ascending, and how often each is met."""
        return distinct(self.array)

    @cached_property
    def rows_of(self) -> str | None:
        """What the values of the last axis are together, where it has several.

        Returns:
            `"one_hot"`: one 1 and zeros; `"several"`: ones and zeros, and another number of ones somewhere;
            `"shares"`: no negative number, sum 1; `None`: something else.
        """
        if not self.is_number or self.array.ndim < 2 or self.array.shape[-1] < 2:
            return None
        if not (self.low >= 0 and self.high <= 1 + SUM_TOLERANCE):
            return None
        sums = self.array.sum(axis=-1, dtype=np.float64)
        is_distribution = bool((np.abs(sums - 1) <= SUM_TOLERANCE).all())
        if is_whole(self.array):
            return "one_hot" if is_distribution else "several"
        return "shares" if is_distribution else None


@dataclass(frozen=True)
class DataSpec:
    """Examples as the rules see them.

    Attributes:
        x: One part for each array of inputs; none where x is missing or could not be read.
        y: Likewise of targets, as the loss takes them.
        sample_weight: Likewise of weights: one part for all targets, or one for each.
        where: Which examples these are, for findings: `"validation_data"`; empty for those of training.
        validation_split: Share of the rows at the end on which Keras would validate.
        class_weight: Weights of the classes, by number, as Keras takes them.
        of_trained: Whether they are for a model that is trained, and that nobody will build anew for them.
    """

    x: tuple[Part, ...] = ()
    y: tuple[Part, ...] = ()
    sample_weight: tuple[Part, ...] = ()
    where: str = ""
    validation_split: float = 0.0
    class_weight: Any = None
    of_trained: bool = False

    @property
    def restores(self) -> bool:
        """Whether y is x itself, or looks like it: an autoencoder's examples."""
        if len(self.x) != 1 or len(self.y) != 1:
            return False
        x, y = self.x[0].array, self.y[0].array
        return x is y or (x.shape == y.shape and x[:1].size > 1 and bool(np.array_equal(x[:100], y[:100])))


def describe_data(
    x: Any = None, y: Any = None, *, sample_weight: Any = None, where: str = "", of_trained: bool = False
) -> DataSpec:
    """Describe examples: each argument an array `(n, ...)`, or a dict, list or tuple of arrays, or `None`."""
    return DataSpec(parts_of(x), parts_of(y), parts_of(sample_weight), where, of_trained=of_trained)


def parts_of(tree: Any) -> tuple[Part, ...]:
    """Take a dict, list or tuple of arrays, or a single array, apart; `None` has no parts."""
    if tree is None:
        return ()
    if isinstance(tree, Mapping):
        return tuple(Part(array, str(name), i) for i, (name, array) in enumerate(tree.items()))
    arrays = tree if isinstance(tree, list | tuple) else (tree,)
    return tuple(Part(array, None, i) for i, array in enumerate(arrays))


def is_several(tree: Any) -> bool:
    """Say whether a tuple or a list is an array for each of several ends, rather than the values of one."""
    if isinstance(tree, tuple):
        return True
    return isinstance(tree, list) and bool(tree) and all(np.ndim(part) > 0 and hasattr(part, "shape") for part in tree)


def items_given(tree: Any) -> list[tuple[str | None, Any]]:
    """Take what Keras' `fit` is given apart, unread: the name and the value of each part; no name but in a dict."""
    if isinstance(tree, Mapping):
        return [(str(name), value) for name, value in tree.items()]
    return [(None, value) for value in (tree if is_several(tree) else (tree,))]


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
