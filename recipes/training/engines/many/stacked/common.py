"""What networks have in common, in which all of them train: the greatest widths, depth, activations and optimizers.

A network that lacks a layer of the common one hands its values through there. Which of its layers stand where is told
by their kinds alone: `layers_of` lays any model of a group beside the common network.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from recipes.training.engines.many.stacked.layers import BY_NUMBER, LAYERS, Held
from recipes.training.engines.many.stacked.network import Network, Part, chain_of, wide_shape

SOFT = ("Dense", "Dropout", "Activation", "ReLU")  # layers of which networks may have another number


@dataclass(frozen=True)
class Choice:
    """Activations of which each network has one."""

    functions: tuple[Any, ...]


def kinship(network: Network) -> Hashable:
    """Write down what must be equal for networks to have a common one."""
    rest = replace(network, parts=(), optimizers=())
    if not is_soft(network):
        return rest, tuple(map(_bare, network.parts))
    front, *hidden, last = (tuple(map(_bare, block)) for block in _without_dropout(network))
    kinds = dict.fromkeys(hidden)  # of one kind there may be any number
    outputs = next(part for part in reversed(network.parts) if part.kind == "Dense").shapes[0][-1]
    return rest, front, tuple(kinds) if len(kinds) == 1 else (len(hidden), *hidden), last, outputs


def is_soft(network: Network) -> bool:
    """Say whether units and layers may be filled up: every number behind the first weights goes its own way."""
    kinds = [part.kind for part in network.parts]
    if "Dense" not in kinds:
        return False
    front, *hidden, _ = _blocks(kinds)
    if any(network.parts[i].shapes for i in front) or not {*kinds[len(front) :]} <= {*SOFT}:
        return False
    return all(LAYERS[kinds[i]].takes_zeros(dict(network.parts[i].settings)) for block in hidden for i in block)


def in_common(networks: Sequence[Network]) -> Network | None:
    """Find the network in which all of these train, of equal `kinship`; `None` where there is none."""
    first = networks[0]
    optimizers = tuple(sorted({one for network in networks for one in network.optimizers}, key=repr))
    if all(network.parts == first.parts for network in networks[1:]):
        return replace(first, optimizers=optimizers)
    if not is_soft(first):
        parts = _as_wide_as([network.parts for network in networks])
        return None if parts is None else replace(first, parts=parts, optimizers=optimizers)
    split = [_split(network) for network in networks]
    depth = max(len(blocks) for blocks in split)
    laid = [[*blocks[:-1], *[None] * (depth - len(blocks)), blocks[-1]] for blocks in split]
    widths = _widths_between(laid)
    parts_of_all: list[Part] = []
    for i in range(depth):
        there = [blocks[i] for blocks in laid]
        block = _merged([one for one in there if one is not None], is_optional=None in there)
        sizes = widths[i - 1] if i else None
        for part in block:
            if part.kind == "Dense":
                assert sizes is not None
                kernel = (sizes, widths[i])
                part = replace(part, shapes=(kernel, *[(widths[i],)] * (len(part.shapes) - 1)))
            parts_of_all.append(part)
    return replace(first, parts=tuple(parts_of_all), optimizers=optimizers)


def layers_of(model: keras.Model, network: Network) -> list[keras.Layer | None]:
    """Find the layer of this model for each part of the network in which it trains; `None` for one that it lacks."""
    layers = chain_of(model)
    kinds, own = [part.kind for part in network.parts], [type(layer).__name__ for layer in layers]
    if kinds == own:
        return [*layers]
    blocks, mine = _blocks(kinds), _blocks(own)
    found: list[keras.Layer | None] = [None] * len(kinds)
    for places, there in zip([*blocks[: len(mine) - 1], blocks[-1]], mine, strict=True):
        left = [*there]
        for place in places:
            if left and own[left[0]] == kinds[place]:
                found[place] = layers[left.pop(0)]
    return found


def called(part: Part, x: Any, held: Held, activations: Iterator[Any], present: Any) -> Any:
    """Call a layer; in a network that lacks it, `(K,)`, the values go on as they are, into as many units as there are.

    What is not taken is computed of zeros, so that nothing in it is infinite, nor its gradient; a layer whose units are
    told apart does so itself, as it has none in such a network.
    """
    settings = {name: _choosing(value, next(activations)) if isinstance(value, Choice) else value
                for name, value in part.settings}  # fmt: skip
    if present is None:
        return LAYERS[part.kind].call(x, settings, held)
    y = LAYERS[part.kind].call(x if held.own is not None else _masked(present, x), settings, held)
    more = y.shape[-1] - x.shape[-1]
    x = tf.pad(x, [[0, 0]] * (len(x.shape) - 1) + [[0, more]]) if more > 0 else x[..., : y.shape[-1]]
    return where(present, y, tf.cast(x, y.dtype))


def _choosing(choice: Choice, which: Any) -> Any:
    """Make the activation that is another in each network, by its number `(K,)`."""

    def activation(x: Any) -> Any:
        found = None
        for i, function in enumerate(choice.functions):
            own = which == i
            values = function(_masked(own, x))
            found = values if found is None else where(own, values, found)
        return found

    return activation


def _masked(which: Any, x: Any) -> Any:
    """Leave zeros in the networks that are not meant, `(K,)`."""
    return tf.where(tf.reshape(which, (-1, *[1] * (len(x.shape) - 1))), x, tf.zeros((), x.dtype))


def where(which: Any, first: Any, second: Any) -> Any:
    """Take from each network of two trees the one that `which` says, `(K,)`."""

    def choose(one: Any, other: Any) -> Any:
        return tf.where(tf.reshape(which, (-1, *[1] * (len(one.shape) - 1))), one, other)

    return tf.nest.map_structure(choose, first, second)


def _blocks(kinds: Sequence[str]) -> list[list[int]]:
    """Split layers, by their places, in front of each `Dense`; the first block has none."""
    blocks: list[list[int]] = [[]]
    for i, kind in enumerate(kinds):
        if kind == "Dense":
            blocks.append([])
        blocks[-1].append(i)
    return blocks


def _split(network: Network) -> list[list[Part]]:
    return [[network.parts[i] for i in block] for block in _blocks([part.kind for part in network.parts])]


def _without_dropout(network: Network) -> list[list[Part]]:
    blocks = [[part for part in block if part.kind != "Dropout"] for block in _split(network)]
    # The last block is behind the last hidden width, and what it gives is what the loss expects: nothing of it varies.
    return [*([_chosen_later(part) for part in block] for block in blocks[:-1]), blocks[-1]]


def _chosen_later(part: Part) -> Part:
    """Leave the activation out where units go their own way through it."""
    settings = tuple((name, None if name == "activation" and value in BY_NUMBER else value)
                     for name, value in part.settings)  # fmt: skip
    return replace(part, settings=settings)


def _bare(part: Part) -> Part:
    return replace(part, shapes=((),) * len(part.shapes))


def _widths_between(laid: Sequence[Sequence[Sequence[Part] | None]]) -> list[int]:
    """Find the common width behind each block, where a network that lacks one hands its own on."""
    found: list[list[int]] = []
    for blocks in laid:
        dense = [next((part.shapes[0] for part in block or () if part.kind == "Dense"), None) for block in blocks]
        width = next(shape for shape in dense if shape is not None)[0]
        own = []
        for shape in dense:
            width = width if shape is None else shape[1]
            own.append(width)
        found.append(own)
    return [wide_shape([(width,) for width in along])[0] for along in zip(*found, strict=True)]


def _merged(blocks: Sequence[Sequence[Part]], *, is_optional: bool) -> list[Part]:
    """Lay blocks over each other that differ in activations and in where there is a dropout."""
    found: list[Part] = []
    gaps = [_gaps(block) for block in blocks]
    for along in zip(*gaps, strict=True):
        for i in range(max(len(dropouts) for _, dropouts in along)):
            there = [dropouts[i] for _, dropouts in along if len(dropouts) > i]
            found.append(replace(there[0], draws=any(part.draws for part in there)))
        same = [part for part, _ in along if part is not None]
        if same:
            found.append(replace(_with_a_choice(same), is_optional=is_optional))
    return found


def _gaps(block: Sequence[Part]) -> list[tuple[Part | None, list[Part]]]:
    """List the parts of a block with the dropouts in front of each, and those at its end."""
    found: list[tuple[Part | None, list[Part]]] = []
    dropouts: list[Part] = []
    for part in block:
        if part.kind == "Dropout":
            dropouts.append(part)
        else:
            found.append((part, dropouts))
            dropouts = []
    return [*found, (None, dropouts)]


def _with_a_choice(parts: Sequence[Part]) -> Part:
    settings = []
    for along in zip(*(part.settings for part in parts), strict=True):
        name, value = along[0]
        several = sorted({value for _, value in along}, key=lambda one: getattr(one, "__name__", ""))
        settings.append((name, Choice(tuple(several)) if name == "activation" and len(several) > 1 else value))
    return replace(parts[0], settings=tuple(settings))


def _as_wide_as(networks: Sequence[tuple[Part, ...]]) -> tuple[Part, ...] | None:
    """Fill widths up in networks that differ in nothing else."""
    first = networks[0]
    begin = next(i for i, part in enumerate(first) if part.shapes)  # in front of it nothing is filled up
    if not all(LAYERS[part.kind].takes_zeros(dict(part.settings)) for part in first[begin:-1]):
        return None
    if len({(_widths(parts)[0], _widths(parts)[-1]) for parts in networks}) > 1:
        return None
    found = []
    for same in zip(*networks, strict=True):
        if any(part.statistics or part.constants for part in same) and len({*same}) > 1:
            return None
        shapes = [wide_shape(shapes) for shapes in zip(*(part.shapes for part in same), strict=True)]
        found.append(replace(same[0], shapes=tuple(shapes)))
    return tuple(found)


def _widths(parts: Sequence[Part]) -> list[int]:
    """List what comes in and what goes out of the layers with weights."""
    first, *_ = kernels = [part.shapes[0] for part in parts if part.shapes]
    return [first[0], *(shape[-1] for shape in kernels)]
