"""How a network of many layers is folded until it has few enough columns: rows of alike layers, blocks, the middle."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cheatsheet.common.words import count
from recipes.lecture.networks.calls import Shape
from recipes.lecture.networks.layers import LayerCount

MOST_IN_COLUMN = 5  # things above each other
MOST_KINDS = 3  # that are named of what is folded


@dataclass(eq=False)
class Part:
    """A layer with what only follows it, or several folded into one, on the way to the drawing.

    Attributes:
        layer: The (last) layer.
        shape: Shape of the output for one row.
        shown_shape: The shape that is drawn: of an image that is flattened, the image's.
        after: The parts that it reads from.
        before: The places of the calls that it reads from.
        is_end: Whether it gives an output of the model.
    """

    names: list[str]
    title: str
    kinds: list[str]
    layer: Any
    shape: Shape | None
    shown_shape: Shape | None
    architecture: list[str]
    training: list[str]
    counts: list[LayerCount]
    after: list["Part"] = field(repr=False)
    before: list[int] = field(default_factory=list)
    is_end: bool = False
    is_folded: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether it stays as it is: what goes in and what comes out is always seen."""
        return self.is_end or not self.after


def columns_of(parts: Iterable[Part]) -> dict[Part, int]:
    """Give each part the column behind all that it reads from; parts come after what they read from."""
    columns: dict[Part, int] = {}
    for part in parts:
        columns[part] = 1 + max((columns[source] for source in part.after), default=-1)
    return columns


def fold(parts: list[Part], most_columns: int) -> list[Part]:
    """Fold parts, each behind those it reads from, into no more columns than this, and no column too high."""
    for step in (_rows_of_alike, _blocks, _rows_of_alike):
        if _num_columns(parts) > most_columns:
            parts = step(parts)
    columns = columns_of(parts)
    number = 1 + max(columns.values(), default=-1)
    if number > most_columns:
        first = most_columns // 2
        last = number - (most_columns - first - 1)
        parts = _merged(parts, [[part for part in parts if first <= columns[part] < last]])
    columns = columns_of(parts)
    too_many = []
    for column in range(1 + max(columns.values(), default=-1)):
        here = [part for part in parts if columns[part] == column]
        if len(here) > MOST_IN_COLUMN:
            too_many.append(here[MOST_IN_COLUMN // 2 : 1 - MOST_IN_COLUMN + MOST_IN_COLUMN // 2])
    return _merged(parts, too_many)


def _num_columns(parts: list[Part]) -> int:
    return 1 + max(columns_of(parts).values(), default=-1)


def _followers(parts: Iterable[Part]) -> dict[Part, list[Part]]:
    followers: dict[Part, list[Part]] = {}
    for part in parts:
        for source in part.after:
            followers.setdefault(source, []).append(part)
    return followers


def _rows_of_alike(parts: list[Part]) -> list[Part]:
    """Fold layers one after the other, without a branch, that keep the size of what they give."""
    followers = _followers(parts)
    group_of: dict[Part, list[Part]] = {}
    groups: list[list[Part]] = []
    for part in parts:
        source = part.after[0] if len(part.after) == 1 else None
        is_next = source in group_of and len(followers[source]) == 1 if source is not None else False
        if source is not None and is_next and not part.is_end and _extent(part) == _extent(source):
            group_of[part] = group_of[source]
            group_of[part].append(part)
        elif not part.is_fixed and _extent(part) is not None:
            group_of[part] = [part]
            groups.append(group_of[part])
    return _merged(parts, groups)


def _extent(part: Part) -> Shape | None:
    """Give the size of what a part gives: of maps without their number."""
    shape = part.shape
    return shape[:-1] if shape is not None and len(shape) > 1 else shape


def _blocks(parts: list[Part]) -> list[Part]:
    """Fold what lies between two layers through which everything goes: a shortcut with what it goes around."""
    places = {part: place for place, part in enumerate(parts)}
    last_use = [place for place in range(len(parts))]
    for part in parts:
        for source in part.after:
            last_use[places[source]] = max(last_use[places[source]], places[part])
    groups: list[list[Part]] = []
    since: list[Part] = []
    reaches = -1  # how far what came before is still read
    for place, part in enumerate(parts):
        since.append(part)
        if reaches <= place:  # everything so far is read through this one alone
            groups.append([member for member in since if not member.is_fixed])
            since = []
        reaches = max(reaches, last_use[place])
    return _merged(parts, [group for group in groups if len(group) > 1])


def _merged(parts: list[Part], groups: Sequence[Sequence[Part]]) -> list[Part]:
    """Make one part of each group of more than one, and join the others to it."""
    stands_for: dict[Part, Part] = {}
    for group in groups:
        if len(group) > 1:
            whole = _whole(group)
            stands_for |= dict.fromkeys(group, whole)
    if not stands_for:
        return parts
    result: dict[Part, None] = {}
    for part in parts:
        after = dict.fromkeys(stands_for.get(source, source) for source in part.after)
        target = stands_for.get(part, part)
        target.after = [*dict.fromkeys([*(target.after if target is not part else ()), *after])]
        target.after = [source for source in target.after if source is not target]
        result.setdefault(target)
    return _sorted([*result])


def _sorted(parts: list[Part]) -> list[Part]:
    """Put each part behind those it reads from, and otherwise leave their order."""
    done: dict[Part, None] = {}
    left = parts
    while left:
        ready = [part for part in left if all(source in done for source in part.after)]
        if not ready:
            raise RuntimeError("The folded layers read from each other in a circle.")
        done |= dict.fromkeys(ready)
        left = [part for part in left if part not in done]
    return [*done]


def _whole(group: Sequence[Part]) -> Part:
    last = group[-1]
    names = [name for part in group for name in part.names]
    kinds = [kind for part in group for kind in part.kinds]
    shapes = {part.shape for part in group}
    common = Counter(kinds).most_common()
    words = [f"{number} {kind}" if number > 1 else kind for kind, number in common[:MOST_KINDS]]
    if len(common) > MOST_KINDS:
        words.append(f"{sum(number for _, number in common[MOST_KINDS:])} more")
    return Part(
        names=names,
        title=count(len(names), "input" if {*kinds} == {"InputLayer"} else "layer"),
        kinds=kinds,
        layer=last.layer,
        shape=last.shape if len(shapes) == 1 or len(last.shape or ()) > 1 else None,
        shown_shape=last.shape if len(shapes) == 1 or len(last.shape or ()) > 1 else None,
        architecture=[] if {*kinds} == {"InputLayer"} else words,
        training=[],
        counts=[counted for part in group for counted in part.counts],
        after=[],
        is_end=any(part.is_end for part in group),
        is_folded=True,
    )
