"""Where the things of a drawing stand in their columns, so that lines are straight and cross little."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

SWEEPS = 8  # there and back: in Sugiyama's method the order settles within a few
MOST_PULLS, SETTLED = 200, 1e-4  # until no height moves by more: a tenth of what a screen shows of an inch
BEND_HEIGHT = 0.35  # of a line that goes past a column, in the unit of the heights
BEND_WEIGHT = 0.02  # a line gives way to the layers


@dataclass(eq=False)
class Slot:
    """A place in a column: of a layer, or of a line that goes past."""

    column: int
    above: float
    below: float
    weight: float = 1.0
    left: list["Slot"] = field(default_factory=list)
    right: list["Slot"] = field(default_factory=list)
    y: float = 0.0  # downwards


def place(
    columns: Sequence[int],
    joins: Sequence[tuple[int, int]],
    extents: Sequence[tuple[float, float]],
    gap: float,
) -> tuple[np.ndarray, Mapping[tuple[int, int], list[tuple[int, float]]]]:
    """Find the height of each layer's middle, and where the lines pass the columns between two layers.

    The order within the columns follows the mean place of the neighbours (Sugiyama, Tagawa and Toda 1981); the heights
    are as near to the neighbours' as the room that each needs allows, in least squares.

    Args:
        columns: The column of each layer.
        joins: Pairs of places of layers, the left one first.
        extents: How much room each layer needs above its middle and below.
        gap: What stays free between two.

    Returns:
        `(n,)` heights, upwards, and for each join its bends as `(column, height)`.
    """
    slots = [Slot(column, *extent) for column, extent in zip(columns, extents, strict=True)]
    by_column: list[list[Slot]] = [[] for _ in range(max(columns, default=-1) + 1)]
    bends: dict[tuple[int, int], list[Slot]] = {}
    for source, target in joins:
        way = [Slot(column, BEND_HEIGHT / 2, BEND_HEIGHT / 2, BEND_WEIGHT)
               for column in range(columns[source] + 1, columns[target])]  # fmt: skip
        bends[source, target] = way
        for before, after in zip([slots[source], *way], [*way, slots[target]], strict=True):
            before.right.append(after)
            after.left.append(before)
        for slot in way:
            by_column[slot.column].append(slot)  # the lines first: they pass above, where no letters are
    for slot in slots:
        by_column[slot.column].append(slot)
    _put_in_order(by_column)
    for column in by_column:
        _put(column, _stacked(column, gap), gap)
    for pull in range(MOST_PULLS):
        earlier = [slot.y for slot in slots]
        for column in by_column[:: 1 if pull % 2 == 0 else -1]:
            _put(column, [_wanted(slot) for slot in column], gap)
        if max((abs(slot.y - y) for slot, y in zip(slots, earlier, strict=True)), default=0) < SETTLED:
            break
    heights = np.array([-slot.y for slot in slots])
    return heights, {join: [(slot.column, -slot.y) for slot in way] for join, way in bends.items()}


def _put_in_order(by_column: Sequence[list[Slot]]) -> None:
    """Sort each column by the mean place of what its slots are joined to, from left to right and back."""
    for sweep in range(SWEEPS):
        side = "left" if sweep % 2 == 0 else "right"
        for column in by_column[:: 1 if side == "left" else -1]:
            # Places within the neighbours' columns, from 0 to 1, as these are not equally high.
            share = {slot: (i + 0.5) / len(other) for other in by_column for i, slot in enumerate(other)}
            wanted = {slot: _mean([share[other] for other in getattr(slot, side)], share[slot]) for slot in column}
            column.sort(key=wanted.__getitem__)


def _stacked(column: Sequence[Slot], gap: float) -> list[float]:
    """Stack the slots of a column around 0."""
    if len(column) == 1:
        return [0.0]
    heights = np.array([slot.above + slot.below + gap for slot in column])
    tops = np.cumsum(heights) - heights
    middle = (heights.sum() - gap) / 2
    return [top + slot.above - middle for top, slot in zip(tops, column, strict=True)]


def _put(column: Sequence[Slot], wanted: Sequence[float], gap: float) -> None:
    """Put slots as near as possible to where they are wanted, in their order and with the room that each needs.

    With the least distances taken away, what remains is a regression that must not fall: neighbours that would overlap
    share their mean (pool adjacent violators).
    """
    offsets = [0.0]
    for upper, lower in pairwise(column):
        offsets.append(offsets[-1] + upper.below + gap + lower.above)
    pools: list[tuple[float, float, int]] = []  # mean, weight, number
    for slot, want, offset in zip(column, wanted, offsets, strict=True):
        pools.append((want - offset, slot.weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, weight_a, number_a), (b, weight_b, number_b) = pools[-2:]
            weight = weight_a + weight_b
            pools[-2:] = [((a * weight_a + b * weight_b) / weight, weight, number_a + number_b)]
    places = [mean for mean, _, number in pools for _ in range(number)]
    for slot, height, offset in zip(column, places, offsets, strict=True):
        slot.y = height + offset


def _wanted(slot: Slot) -> float:
    """Give the mean height of what a slot is joined to, in which lines count as little as they weigh."""
    others = [*slot.left, *slot.right]
    weight = sum(other.weight for other in others)
    return sum(other.weight * other.y for other in others) / weight if others else slot.y


def _mean(values: Sequence[float], otherwise: float) -> float:
    return float(np.mean(values)) if values else otherwise
