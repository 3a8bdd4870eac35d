"""A network as the slides draw it: columns of nodes, maps and boxes, what joins them, and what is left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.modelgraph import KEEP_WIDTH, PASS_ON, activation_of, is_of_the_frameworks, read
from recipes.lecture.networks.calls import Call, Shape, calls_of
from recipes.lecture.networks.fold import Part, columns_of, fold
from recipes.lecture.networks.layers import LayerCount, count_of, inner_of, nodes_of, require_model, restraints_of

# Layers that are told below the one before them, and get no column: they keep its numbers, or their place and size.
EDGES = {
    f"{what}{axes}D" for what in ("ZeroPadding", "Cropping") for axes in (1, 2, 3)
}  # what they change is no matter
TOLD_BELOW = PASS_ON | KEEP_WIDTH | EDGES | {
    "GaussianDropout", "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "UnitNormalization",
    "GroupNormalization", "ActivityRegularization", "Masking",
}  # fmt: skip
WEIGHTED = {"Dense"}  # its kernel has a weight for each pair of nodes
NODE_BY_NODE = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"} | KEEP_WIDTH
MOST_LINES = 400  # between two columns: more are a grey area


@dataclass(frozen=True)
class DrawnLayer:
    """One thing in a drawing: a layer with what only follows it, or several layers folded into one.

    Attributes:
        title: What it is called.
        kind: Name of its class; empty where it stands for several.
        names: Names of the layers that it stands for, those without a column of their own among them.
        look: `"nodes"` for a row of numbers, `"maps"` for a grid of them, `"box"` for all else.
        shape: Shape of its output for one row; `None` where not known.
        size: How many nodes or maps it has; `None` where not known.
        shown: Which of its nodes are drawn; the others are the dots.
        architecture: What was chosen for its shape, one line each.
        training: What was chosen to restrain it, such as dropout.
        counts: Its parameters, layer by layer.
        column: Which column it stands in, from the left.
        is_folded: Whether it stands for several layers that would have columns of their own.
    """

    title: str
    kind: str
    names: tuple[str, ...]
    look: str
    shape: Shape | None
    size: int | None
    shown: tuple[int, ...]
    architecture: tuple[str, ...]
    training: tuple[str, ...]
    counts: tuple[LayerCount, ...] = field(repr=False)
    column: int
    is_folded: bool = False

    @property
    def parameters(self) -> int:
        """How many numbers training has to find in it, or has been given."""
        return sum(counted.count for counted in self.counts)

    @property
    def equation(self) -> str:
        """The slide's sum, `3·4 + 4 = 16`; of several layers the number alone, and nothing without parameters."""
        if len(self.counts) == 1:
            return self.counts[0].equation
        return count(self.parameters, "parameter") if self.counts else ""

    def __str__(self) -> str:
        parts = [*self.architecture, *self.training, *([self.equation] if self.counts else [])]
        return f"{self.title}: {', '.join(parts)}"


@dataclass(frozen=True)
class Join:
    """What one thing in a drawing gives another.

    Attributes:
        source: Place of the one in `NetworkDrawing.layers`.
        target: Place of the other.
        pairs: `(k, 2)`, the nodes that are joined one by one, of those shown; empty where the layers are joined as a
            whole.
        weights: `(k,)`, the weight of each pair; `None` where there are none, or too many.
    """

    source: int
    target: int
    pairs: np.ndarray = field(repr=False)
    weights: np.ndarray | None = field(repr=False, default=None)


@dataclass(frozen=True)
class NetworkDrawing:
    """A network laid out in columns from input to output.

    Attributes:
        name: The model's name.
        layers: Column by column.
        joins: What gives its numbers to what.
        are_joins_known: Whether it is known; of a class that computes in its own way it is not.
        num_layers: How many layers the model has, inputs not counted.
        parameters: How many parameters, as `model.count_params()` says; `None` for a model that has none yet.
    """

    name: str
    layers: tuple[DrawnLayer, ...] = field(repr=False)
    joins: tuple[Join, ...] = field(repr=False)
    are_joins_known: bool
    num_layers: int
    parameters: int | None

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        return 1 + max((layer.column for layer in self.layers), default=-1)

    def plot(self) -> Any:
        """Draw it; return the matplotlib Figure. `recipes.plots.plot_network` takes an Axes."""
        from recipes.plots import plot_network

        return plot_network(self).figure

    @property
    def sentence(self) -> str:
        """How many layers and parameters it has, and what is not known of it."""
        size = "no parameters yet" if self.parameters is None else count(self.parameters, "parameter")
        unknown = "" if self.are_joins_known else "; its class joins them in its own way, which is not known"
        return f"{self.name}: {count(self.num_layers, 'layer')}, {size}{unknown}"

    def __str__(self) -> str:
        return "\n".join([self.sentence, *(f"{layer.column + 1:>3}. {layer}" for layer in self.layers)])


@known_arguments_only
def draw_network(model: Any, *, most_nodes: int = 8, most_columns: int = 12) -> NetworkDrawing:
    """Describe how a network is to be drawn: its columns, its joins, and what is left out where it is large.

    A layer that gives a row of numbers is a column of nodes, one that gives a grid a stack of maps. Dropout,
    normalisation, activations and flattening are told below the layer that they follow. Each stands in the column
    behind all that it reads from. A network of more columns is folded: layers in a row that keep the size of their
    maps become one, then blocks around a shortcut, then whatever lies in the middle.

    Args:
        model: Any Keras model: sequential, functional, nested, with several inputs or outputs, built or not; or a
            `Run`. Of a class that computes in its own way the layers stand in their order, without joins.
        most_nodes: How many nodes of a layer are drawn.
        most_columns: How many columns.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for fewer than 3 nodes or 4 columns.
    """
    require_whole("most_nodes", most_nodes, 3)  # the first, the dots and the last
    require_whole("most_columns", most_columns, 4)  # input, first, the rest, output
    model = require_model(model, "draw_network")
    calls = calls_of(model)
    seen: set[int] = set()
    parts = [_part_of(call, calls.calls, seen) for call in calls.calls]
    for place in calls.outputs:
        parts[place].is_end = calls.are_joined
    rest = count_of(model.name, model, seen)  # what a class of one's own holds beside its layers
    if rest.arrays and parts:
        parts[-1].counts.append(rest)
    num_layers = len({id(call.layer) for call in calls.calls if not _is_input(call.layer)})
    kept = _told_below(parts)
    if not calls.are_joined:  # in their order, so that they have columns; the joins are dropped below
        for before, part in pairwise(kept):
            part.after = [before]
    kept = fold(kept, most_columns)
    columns = columns_of(kept)
    kept.sort(key=columns.__getitem__)
    drawn = tuple(_drawn(part, columns[part], most_nodes if calls.are_joined else 0) for part in kept)
    joins = _joins(kept, drawn) if calls.are_joined else ()
    parameters = sum(layer.parameters for layer in drawn) if read(model, "built") else None
    return NetworkDrawing(str(model.name), drawn, joins, calls.are_joined, num_layers, parameters)


def _part_of(call: Call, calls: Sequence[Call], seen: set[int]) -> Part:
    """Read what a call's layer is, with those of its parameters that no call before has brought."""
    layer = call.layer
    kind = "InputLayer" if _is_input(layer) else type(layer).__name__
    counted = count_of(call.name, layer, seen) if hasattr(layer, "weights") else None
    activation = activation_of(layer) or activation_of(inner_of(layer))
    is_one = kind in TOLD_BELOW and activation is not None  # such as Activation and ReLU, whose kind says it again
    architecture = [] if is_one or kind in ("InputLayer", "Dense") else [_kind_of(layer)]
    if layer is None:
        architecture.append("not known yet")
    if activation not in (None, "linear"):
        architecture.append(str(activation))
    if call.first is not None:
        architecture.append("the same weights again" if layer.weights else "used again")
    shape = call.shape
    if shape is None and (nodes := nodes_of(inner_of(layer))) is not None:
        shape = (int(nodes[1].replace(",", "")),) if nodes[0] == "nodes" else None
    name = call.name
    if kind == "InputLayer" and sum(_is_input(other.layer) for other in calls) == 1:
        name = "input"
    return Part(
        names=[call.name],
        title=name.rsplit("/", 1)[-1],
        kinds=[kind],
        layer=layer,
        shape=shape,
        shown_shape=shape,
        architecture=architecture,
        training=[f"{what} {value}" for what, value in restraints_of(layer)] if hasattr(layer, "weights") else [],
        counts=[counted] if counted is not None and counted.arrays else [],
        after=[],
        before=[*call.after],
    )


def _is_input(layer: Any) -> bool:
    return layer is None or type(layer).__name__ == "InputLayer"


def _kind_of(layer: Any) -> str:
    """Name a layer's class, with its window."""
    kind, inside = type(layer).__name__, inner_of(layer)
    if inside is not layer:
        return f"{kind}({type(inside).__name__})"
    window = read(layer, "kernel_size") or read(layer, "pool_size")
    strides = read(layer, "strides")
    text = kind if window is None else f"{kind} {_product(window)}"
    own = read(layer, "layers")
    if own is not None:
        return f"{kind}, of {count(len(own), 'layer')}"
    is_usual = strides is None or set(strides) == {1} or strides == window
    return text if window is None or is_usual else f"{text}, step {_product(strides)}"


def _product(sizes: Sequence[Any]) -> str:
    return "×".join("?" if size is None else f"{size:,}" for size in sizes)


# --- what has no column of its own --------------------------------------------------------------------------------


def _told_below(parts: Sequence[Part]) -> list[Part]:
    """Put what only follows another layer below it; return those that are left, joined to each other."""
    followers: dict[int, int] = {}
    for part in parts:
        for place in part.before:
            followers[place] = followers.get(place, 0) + 1
    stands_in: dict[int, Part] = {}
    kept = []
    for i, part in enumerate(parts):
        sources = [stands_in[place] for place in part.before]
        if len(sources) == 1 and followers[part.before[0]] == 1 and _only_follows(part, sources[0]):
            source = stands_in[i] = sources[0]
            source.names += part.names
            source.counts += part.counts
            source.training += part.training
            source.is_end = part.is_end
            if not _does_nothing(part, source):
                source.architecture += part.architecture
            if part.shape is not None and part.kinds[0] not in EDGES:
                source.shape = part.shape
                if len(part.shape) >= len(source.shown_shape or ()):
                    source.shown_shape = part.shape
        else:
            stands_in[i] = part
            part.after = [*dict.fromkeys(sources)]
            kept.append(part)
    return kept


def _only_follows(part: Part, source: Part) -> bool:
    """Does this part say no more than the layer before it: does it keep its numbers, at least in another form?"""
    if source.is_end or not is_of_the_frameworks(type(part.layer)) or part.kinds[0] not in TOLD_BELOW:
        return False
    shape, before = part.shape, source.shape
    if shape is None or before is None:
        return part.kinds[0] != "Reshape"
    # Numbers in a row that become an image are worth seeing; an image that becomes a row is flattened for the next.
    return len(shape) <= max(len(before), 1)


def _does_nothing(part: Part, source: Part) -> bool:
    """Is there nothing to be said of it: dropout, told among the restraints, or flattening what is flat?"""
    kind = part.kinds[0]
    return bool(part.training) or kind == "Identity" or (kind in PASS_ON and part.shape == source.shape)


# --- what is drawn ------------------------------------------------------------------------------------------------


def _drawn(part: Part, column: int, most_nodes: int) -> DrawnLayer:
    """Decide how a part looks."""
    shape = part.shown_shape
    look, size = "box", None
    shown: tuple[int, ...] = ()
    if shape is not None and len(shape) == 1 and shape[0] is not None:
        look, size = "nodes", shape[0]
    elif shape is not None and len(shape) > 1:
        look, size = "maps", shape[0] if read(part.layer, "data_format") == "channels_first" else shape[-1]
    if look == "nodes" and (part.is_folded or most_nodes == 0):
        look = "box"  # what is within has nodes of its own; or nobody knows what they are joined with
    if look == "nodes":
        shown = nodes_shown(int(size or 0), most_nodes)
    what = []
    if shape is not None:
        what = [count(int(size), "node")] if size is not None and len(shape) == 1 else [_product(shape)]
    return DrawnLayer(
        title=part.title,
        kind="" if part.is_folded else part.kinds[0],
        names=tuple(part.names),
        look=look,
        shape=shape,
        size=size,
        shown=shown,
        architecture=(*what, *dict.fromkeys(part.architecture)),
        training=tuple(dict.fromkeys(part.training)),
        counts=tuple(part.counts),
        column=column,
        is_folded=part.is_folded,
    )


def nodes_shown(size: int, most: int) -> tuple[int, ...]:
    """Choose the nodes that are drawn: all, or the first and the last ones around the dots, which take a place."""
    if size <= most:
        return tuple(range(size))
    first = most // 2
    return (*range(first), *range(size - (most - 1 - first), size))


def _joins(parts: Sequence[Part], drawn: Sequence[DrawnLayer]) -> tuple[Join, ...]:
    places = {part: place for place, part in enumerate(parts)}
    joins = []
    for part, target in zip(parts, drawn, strict=True):
        offset = 0
        for source in part.after:
            before = drawn[places[source]]
            pairs, weights = _lines(part, target, source, before, offset)
            joins.append(Join(places[source], places[part], pairs, weights))
            offset += before.size or 0
    return tuple(joins)


def _lines(
    part: Part, target: DrawnLayer, source: Part, before: DrawnLayer, offset: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Find which nodes are joined with which, and by what weight."""
    none = np.zeros((0, 2), int)
    if target.look != "nodes" or before.look != "nodes" or source.shape != before.shape:
        return none, None
    kind = part.kinds[0]
    if kind in WEIGHTED and is_of_the_frameworks(type(part.layer)):
        if len(before.shown) * len(target.shown) > MOST_LINES:
            return none, None
        pairs = np.array([(i, j) for i in before.shown for j in target.shown])
        kernel = read(part.layer, "kernel")
        if kernel is None or tuple(kernel.shape) != (before.size, target.size):
            return pairs, None
        return pairs, np.asarray(kernel, float)[pairs[:, 0], pairs[:, 1]]
    if kind == "Concatenate" and sum((other.shape or (0,))[0] or 0 for other in part.after) == target.size:
        one_by_one = [(i, i + offset) for i in before.shown if i + offset in target.shown]
    elif kind in NODE_BY_NODE and before.size == target.size:
        one_by_one = [(i, i) for i in before.shown if i in target.shown]
    else:
        return none, None
    return np.array(one_by_one, int).reshape(-1, 2), None
