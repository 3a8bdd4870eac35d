"""What a network learns, counted layer by layer, and what its maker chose beforehand, in the lecture's two groups."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from math import prod
from typing import Any

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.modelgraph import activation_of, read
from cheatsheet.modelspec import describe_model
from recipes.running.show import as_html

GROUPS = ("architecture", "training")
# The slides' green and red, one dark and one light, so that they differ in grey and to every eye.
COLOURS = {"architecture": ("#0f5c44", "white"), "training": ("#f0907a", "black")}  # ground, letters
WHOLE = "the model"  # where a choice stands that is no layer's
LATER = "chosen with fit"  # of what is no part of a model


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


@dataclass(frozen=True)
class ParameterCount:
    """The parameters of a model by layer, those without any left out; a layer that is used twice counts once."""

    layers: tuple[LayerCount, ...]

    @property
    def total(self) -> int:
        """The number of all, as `model.count_params()` gives it."""
        return sum(layer.count for layer in self.layers)

    @property
    def trainable(self) -> int:
        """The number of those that training moves."""
        return sum(layer.trainable for layer in self.layers)

    def plot(self) -> Any:
        """Draw a bar for each layer; return the matplotlib Figure. `recipes.plots.plot_parameters` takes an Axes."""
        from recipes.plots import plot_parameters

        return plot_parameters(self).figure

    @property
    def sum(self) -> str:
        """The slide's line, such as `16 + 15 + 4 = 35 parameters`."""
        parts = " + ".join(f"{layer.count:,}" for layer in self.layers)
        frozen = f", {self.trainable:,} of them trained" if self.trainable < self.total else ""
        return f"{parts} = " * (len(self.layers) > 1) + count(self.total, "parameter") + frozen

    def __str__(self) -> str:
        return "\n".join([*map(str, self.layers), self.sum])

    def _repr_html_(self) -> str:
        facts = {f"{layer.layer} ({layer.kind})": layer.equation for layer in self.layers}
        return as_html("Parameters", {**facts, "in all": f"{self.total:,}"})


@dataclass(frozen=True)
class Choice:
    """One hyperparameter: its group (`"architecture"` or `"training"`), what was chosen, and where.

    Attributes:
        where: Name of the layer or output; empty for the whole model.
    """

    group: str
    name: str
    value: str
    where: str = ""


@dataclass(frozen=True)
class Hyperparameters:
    """What was chosen beforehand, as a table in the slides' two colours: green architecture, red training."""

    choices: tuple[Choice, ...] = field(repr=False)

    def __getitem__(self, group: str) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.group == group)

    def plot(self) -> Any:
        """Draw the table; return the matplotlib Figure. `recipes.plots.plot_hyperparameters` takes an Axes."""
        from recipes.plots import plot_hyperparameters

        return plot_hyperparameters(self).figure

    def __repr__(self) -> str:
        numbers = ", ".join(f"{len(self[group])} of {group}" for group in GROUPS)
        return f"<Hyperparameters: {numbers}>"

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self._rows(), strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in self._rows())

    def _repr_html_(self) -> str:
        rows = []
        for choice in self.choices:
            ground, letters = COLOURS[choice.group]
            cells = "".join(f"<td>{escape(text)}</td>" for text in (choice.where or WHOLE, choice.name, choice.value))
            rows.append(f'<tr><th style="background:{ground};color:{letters}">{choice.group}</th>{cells}</tr>')
        return f"<table><caption>Hyperparameters</caption>{''.join(rows)}</table>"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(choice.group, choice.where or WHOLE, choice.name, choice.value) for choice in self.choices]


@known_arguments_only
def count_parameters(model: Any) -> ParameterCount:
    """Count a model's parameters layer by layer, with the sum that gives each number.

    Of the lecture's network of 3 inputs, 4 and 3 hidden nodes and one output: 3·4 + 4 = 16, 4·3 + 3 = 15,
    3·1 + 1 = 4, in all 35: a weight for each pair of nodes, and a bias for each node.

    Args:
        model: Any Keras model that is built, nested, frozen or of a class of one's own.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for one whose layers have no weights yet.
    """
    model = _require_model(model, "count_parameters")
    if not read(model, "built"):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, as it does not know its input. "
            "Build it: build_model(..., input_shape=...), model.build((None, ...)), or call it on some data."
        )
    seen: set[int] = set()
    layers = [_count_of(name, layer, seen) for name, layer in _leaves(model)]
    layers.append(_count_of(model.name, model, seen))  # what a class of one's own holds beside its layers
    return ParameterCount(tuple(layer for layer in layers if layer.arrays))


@known_arguments_only
def hyperparameters(model: Any, *, epochs: int | None = None, batch_size: int | None = None) -> Hyperparameters:
    """List what was chosen for a model beforehand: its architecture, and how it is trained.

    Args:
        model: Any Keras model, compiled or not; or a `Run`, which knows its epochs.
        epochs: As given to `fit`; no part of a model, so it is not known otherwise.
        batch_size: Likewise.

    Raises:
        TypeError: for what is no Keras model.
    """
    if epochs is None and hasattr(model, "history") and hasattr(model, "signature"):
        epochs = model.epochs
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value is not None:
            require_whole(name, value, 1)
    model = _require_model(getattr(model, "model", model), "hyperparameters")
    leaves = [
        (name, layer)
        for name, layer in _leaves(model)
        if type(layer).__name__ != "InputLayer" and read(layer, "layers") is None
    ]
    with_units = sum(_nodes_of(_inner(layer)) is not None for _, layer in leaves)
    architecture = [Choice("architecture", "layers", f"{len(leaves)}, of which {with_units} have nodes or filters")]
    training = list(_training_of(model))
    for name, layer in leaves:
        architecture += [Choice("architecture", what, value, name) for what, value in _shape_of(layer)]
        training += [Choice("training", what, value, name) for what, value in _restraints_of(layer)]
    training += [
        Choice("training", "epochs", LATER if epochs is None else f"{epochs:,}"),
        Choice("training", "batch size", LATER if batch_size is None else f"{batch_size:,}"),
    ]
    return Hyperparameters((*architecture, *training))


def _require_model(model: Any, function: str) -> Any:
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(
            f"{function} takes a Keras model. Received: {type(model).__name__}. "
            "Pass the model itself; of a file, keras.saving.load_model(path)."
        )
    return model


def _leaves(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give every layer that is no model itself, with its name behind those of the models that it is in."""
    for layer in read(model, "layers") or ():
        if read(layer, "layers") is None:
            yield f"{path}{layer.name}", layer
        else:
            yield from _leaves(layer, f"{path}{layer.name}/")
            yield f"{path}{layer.name}", layer  # for what it holds beside its layers


def _count_of(name: str, layer: Any, seen: set[int]) -> LayerCount:
    """Count those of a layer's arrays that no other layer has brought before."""
    mine = [weight for weight in layer.weights if id(weight) not in seen]
    seen |= {id(weight) for weight in mine}
    trained = {id(weight) for weight in layer.trainable_weights}
    arrays = tuple((weight.name, tuple(map(int, weight.shape))) for weight in mine)
    trainable = sum(prod(weight.shape) for weight in mine if id(weight) in trained)
    return LayerCount(name, type(layer).__name__, arrays, trainable)


def _shape_of(layer: Any) -> Iterator[tuple[str, str]]:
    """Tell a layer's nodes, activation, and what each node is connected with."""
    kind, inner = type(layer).__name__, _inner(layer)
    nodes = _nodes_of(inner)
    if nodes is not None:
        yield nodes
    if (activation := activation_of(layer) or activation_of(inner)) is not None:
        yield "activation", activation
    window = read(inner, "kernel_size") or read(inner, "pool_size")
    if kind == "Dense":
        yield "connectivity", "each node with all before it"
    elif window is not None:
        steps = "×".join(map(str, read(inner, "strides") or ()))
        yield "connectivity", f"{kind}, windows of {'×'.join(map(str, window))}, step {steps}, {read(inner, 'padding')}"
    elif isinstance(joined := read(layer, "input"), list) and len(joined) > 1:
        yield "connectivity", f"{kind} of {len(joined)} branches"
    elif nodes is not None or layer.weights:
        yield "connectivity", kind


def _inner(layer: Any) -> Any:
    """Give the layer that a wrapper repeats over time or runs in both directions; any other layer itself."""
    return read(layer, "layer") or read(layer, "forward_layer") or layer


def _nodes_of(layer: Any) -> tuple[str, str] | None:
    """Tell how many nodes, filters or numbers a layer gives for each place; `None` where it has no such setting."""
    for setting, what in (("units", "nodes"), ("filters", "filters"), ("output_dim", "length of the vectors")):
        if isinstance(value := read(layer, setting), int):
            return what, f"{value:,}"
    return None


def _restraints_of(layer: Any) -> Iterator[tuple[str, str]]:
    """Tell what keeps a layer from fitting too closely, and whether it is trained at all."""
    layer = _inner(layer)
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


def _training_of(model: Any) -> Iterator[Choice]:
    """Tell how a model was compiled."""
    spec = describe_model(model)
    for output in spec.outputs:
        name = (output.name or "") if len(spec.outputs) > 1 else ""
        yield Choice("training", "loss", output.loss or "not compiled yet", name)
    yield Choice("training", "optimizer", spec.optimizer or "not compiled yet")
    optimizer = read(model, "optimizer")
    if optimizer is None:
        return
    try:
        asked = optimizer.get_config().get("learning_rate")  # a schedule is described by a dict
    except Exception:  # a user's own optimizer may do anything
        asked = None
    rate = "not known" if spec.learning_rate is None else f"{spec.learning_rate:.4g}"
    schedule = f", then {asked.get('class_name', 'a schedule')}" if isinstance(asked, dict) else ""
    yield Choice("training", "learning rate", rate + schedule)
    for what in ("momentum", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm"):
        value = read(optimizer, what)
        if isinstance(value, int | float) and value:
            yield Choice("training", what.replace("_", " "), f"{value:g}")
