"""One layer of any Keras model, read and not run: its nodes, its parameters, and what restrains it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from cheatsheet.modelgraph import read

# The slides' green and red, one dark and one light, so that they differ in grey and to every eye: ground, letters.
COLOURS = {"architecture": ("#0f5c44", "white"), "training": ("#f0907a", "black")}


@dataclass(frozen=True)
class LayerCount:
    """The parameters of one layer.

    Attributes:
        layer: Its name, behind those of the models that it is in: `"encoder/dense"`.
        kind: Name of its class.
        arrays: Name and shape of each of its arrays, as `(("kernel", (3, 4)), ("bias", (4,)))`.
        trainable: How many of its numbers training moves.
    """

    layer: str
    kind: str
    arrays: tuple[tuple[str, tuple[int, ...]], ...]
    trainable: int

    @property
    def count(self) -> int:
        """How many numbers its arrays hold."""
        return sum(prod(shape) for _, shape in self.arrays)

    @property
    def formula(self) -> str:
        """The slide's sum, such as `3·4 + 4`."""
        return " + ".join("·".join(map(str, shape)) or "1" for _, shape in self.arrays)

    @property
    def equation(self) -> str:
        """The sum with its result, `3·4 + 4 = 16`; of a single array of one axis the number alone."""
        return f"{self.formula} = {self.count:,}" if self.formula != str(self.count) else self.formula

    def __str__(self) -> str:
        frozen = f", {self.count - self.trainable:,} of them not trained" if self.trainable < self.count else ""
        names = ", ".join(name for name, _ in self.arrays)
        return f"{self.layer} ({self.kind}): {self.equation}  ({names}{frozen})"


def require_model(model: Any, function: str) -> Any:
    """Refuse what is no Keras model; give the model, also of a `Run`.

    Args:
        model: What was given.
        function: What to call the function that was given it.

    Raises:
        TypeError: for what is neither.
    """
    import keras

    if not isinstance(model, keras.Model):  # a model of one's own class may have a `model`, too
        model = getattr(model, "model", model)
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"{function} takes a Keras model. Received: {type(model).__name__}. "
            "Pass the model itself; of a file, keras.saving.load_model(path)."
        )
    return model


def leaves_of(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give every layer that is no model itself, with its name behind those of the models that it is in."""
    for layer in read(model, "layers") or ():
        if read(layer, "layers") is None:
            yield f"{path}{layer.name}", layer
        else:
            yield from leaves_of(layer, f"{path}{layer.name}/")
            yield f"{path}{layer.name}", layer  # for what it holds beside its layers


def count_of(name: str, layer: Any, seen: set[int]) -> LayerCount:
    """Count those of a layer's arrays that no other layer has brought before."""
    mine = [weight for weight in layer.weights if id(weight) not in seen]
    seen |= {id(weight) for weight in mine}
    trained = {id(weight) for weight in layer.trainable_weights}
    arrays = tuple((weight.name, tuple(map(int, weight.shape))) for weight in mine)
    trainable = sum(prod(weight.shape) for weight in mine if id(weight) in trained)
    return LayerCount(name, type(layer).__name__, arrays, trainable)


def inner_of(layer: Any) -> Any:
    """Give the layer that a wrapper repeats over time or runs in both directions; any other layer itself."""
    return read(layer, "layer") or read(layer, "forward_layer") or layer


def nodes_of(layer: Any) -> tuple[str, str] | None:
    """Tell how many nodes, filters or numbers a layer gives for each place; `None` where it has no such setting."""
    for setting, what in (("units", "nodes"), ("filters", "filters"), ("output_dim", "length of the vectors")):
        if isinstance(value := read(layer, setting), int):
            return what, f"{value:,}"
    return None


def restraints_of(layer: Any) -> Iterator[tuple[str, str]]:
    """Tell what keeps a layer from fitting too closely, and whether it is trained at all."""
    layer = inner_of(layer)
    kind = type(layer).__name__
    for what, name in (("rate", "dropout"), ("dropout", "dropout"), ("recurrent_dropout", "recurrent dropout"),
                       ("stddev", "noise")):  # fmt: skip
        value = read(layer, what)
        if isinstance(value, int | float) and value and ("Drop" in kind or "Noise" in kind or what != "rate"):
            yield name, f"{value:g}"
    for what in ("kernel", "bias", "activity", "recurrent"):
        regularizer = read(layer, f"{what}_regularizer")
        if regularizer is not None:
            parts = [f"{part.upper()} {float(size):g}" for part in ("l1", "l2") if (size := read(regularizer, part))]
            yield f"{what} regulariser", ", ".join(parts) or type(regularizer).__name__
    if layer.weights and read(layer, "trainable") is False:
        yield "trained", "no, frozen"
