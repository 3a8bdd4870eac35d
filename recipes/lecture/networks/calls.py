"""Every call of every layer of a Keras model, nested models unfolded: what computes what from what. Read, never run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cheatsheet.modelgraph import is_of_the_frameworks, maker_of, read
from recipes.lecture.networks.layers import leaves_of

Shape = tuple[int | None, ...]
Sources = tuple[int, ...]
Key = tuple[int, int, int]  # of a tensor: who made it, in which call, as which output


@dataclass(frozen=True)
class Call:
    """One call of a layer, or of an operation of `keras.ops`.

    Attributes:
        name: The layer's name, behind those of the models that it is in: `"encoder/dense"`.
        layer: The layer itself; `None` for an input that is not known yet.
        after: Which calls it reads from, as places in the list; empty for an input, and where the joins are not known.
        shape: Shape of its (first) output for one row; `None` where not known.
        first: Place of the first call of the same layer, where this is a later one.
    """

    name: str
    layer: Any
    after: Sources
    shape: Shape | None
    first: int | None = None


@dataclass(frozen=True)
class Calls:
    """The calls of a model, each behind those it reads from.

    Attributes:
        outputs: Places of the calls that the model's outputs come from.
        are_joined: Whether it is known what reads from what.
    """

    calls: tuple[Call, ...]
    outputs: Sources
    are_joined: bool


def calls_of(model: Any) -> Calls:
    """List the calls of a model's layers; of a class that computes in its own way, its layers in their order."""
    walk = _Walk()
    if not _is_plain(model):
        for name, layer in leaves_of(model):
            if read(layer, "layers") is None:
                walk.add(name, layer, (), None)
        return Calls(tuple(walk.calls), (len(walk.calls) - 1,) if walk.calls else (), False)
    ends = walk.model(model, "", None)
    return Calls(tuple(walk.calls), tuple(dict.fromkeys(source for sources in ends for source in sources)), True)


def _is_plain(model: Any) -> bool:
    """Is this a model that calls its layers as Keras does, and so as its graph says?"""
    return isinstance(read(model, "layers"), Sequence) and is_of_the_frameworks(getattr(type(model), "call", None))


class _Walk:
    """The calls found so far."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.seen: dict[int, int] = {}  # the first call of each layer

    def add(self, name: str, layer: Any, after: Sources, shape: Shape | None) -> Sources:
        """Note a call; return where it stands."""
        place = len(self.calls)
        first = self.seen.setdefault(id(layer), place)
        self.calls.append(Call(name, layer, after, shape, first if first < place else None))
        return (place,)

    def model(self, model: Any, path: str, given: Sequence[Sources] | None) -> list[Sources]:
        """Walk through a model that is given these calls at its inputs; return what each of its outputs comes from."""
        if read(model, "outputs"):
            return self._graph(model, path, given)
        # A sequential model that does not know its input yet.
        sources = self.add("input", None, (), None) if given is None else tuple(one for some in given for one in some)
        for layer in read(model, "layers") or ():
            sources = tuple(dict.fromkeys(one for some in self._call(layer, path, [sources], ()) for one in some))
        return [sources]

    def _graph(self, model: Any, path: str, given: Sequence[Sources] | None) -> list[Sources]:
        made: dict[Key, Sources] = {}
        inputs = read(model, "inputs") or ()
        if given is not None and len(given) != len(inputs):  # called in a way of its own
            everything = tuple(source for some in given for source in some)
            given = [everything] * len(inputs)
        for i, tensor in enumerate(inputs):
            layer = maker_of(tensor)[0]
            made[_key(tensor)] = (
                self.add(f"{path}{layer.name}", layer, (), _shape(tensor)) if given is None else given[i]
            )
        # No recursion from layer to layer: networks are deeper than Python's stack.
        todo = [*reversed(model.outputs)]
        while todo:
            tensor = todo[-1]
            layer, call, _ = maker_of(tensor)
            if _key(tensor) in made or layer is None:
                made.setdefault(_key(tensor), ())
                todo.pop()
                continue
            node = layer._inbound_nodes[call]
            waiting = [before for before in node.input_tensors if _key(before) not in made]
            if waiting:
                todo += reversed(waiting)
                continue
            results = self._call(layer, path, [made[_key(before)] for before in node.input_tensors], node.outputs)
            made |= {_key(output): sources for output, sources in zip(node.outputs, results, strict=False)}
            made.setdefault(_key(tensor), results[0])
            todo.pop()
        return [made[_key(tensor)] for tensor in model.outputs]

    def _call(self, layer: Any, path: str, given: list[Sources], outputs: Sequence[Any]) -> list[Sources]:
        """Walk through one call of a layer, or of a model."""
        name = f"{path}{layer.name}"
        if _is_plain(layer):
            return self.model(layer, f"{name}/", given)
        after = tuple(dict.fromkeys(source for some in given for source in some))
        place = self.add(name, layer, after, _shape(outputs[0]) if outputs else None)
        return [place] * max(len(outputs), 1)


def _key(tensor: Any) -> Key:
    layer, call, place = maker_of(tensor)
    return id(layer) if layer is not None else id(tensor), call, place


def _shape(tensor: Any) -> Shape | None:
    shape = read(tensor, "shape")
    return None if shape is None else tuple(shape)[1:]
