"""What a network learns, counted layer by layer, and what its maker chose beforehand, in the lecture's two groups."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.modelgraph import activation_of, read
from cheatsheet.modelspec import describe_model
from recipes.lecture.networks.drawing import NetworkDrawing, draw_network
from recipes.lecture.networks.layers import (
    COLOURS,
    LayerCount,
    count_of,
    inner_of,
    leaves_of,
    nodes_of,
    require_model,
    restraints_of,
)
from recipes.running.show import as_html

GROUPS = ("architecture", "training")
WHOLE = "the model"  # where a choice stands that is no layer's
LATER = "chosen with fit"  # of what is no part of a model


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
    """What was chosen beforehand, in the slides' two colours, green architecture and red training.

    Attributes:
        choices: The rows of the table.
        drawing: The network that they make.
    """

    choices: tuple[Choice, ...] = field(repr=False)
    drawing: NetworkDrawing = field(repr=False)

    def __getitem__(self, group: str) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.group == group)

    def plot(self) -> Any:
        """Draw the network above the table; return the matplotlib Figure.

        `recipes.plots.plot_network` and `plot_hyperparameters` draw each on an Axes that is there.
        """
        from recipes.plots import plot_choices

        return plot_choices(self)

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
        model: Any Keras model that is built, nested, frozen or of a class of one's own; or a `Run`.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for one whose layers have no weights yet.
    """
    model = require_model(model, "count_parameters")
    if not read(model, "built"):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, as it does not know its input. "
            "Build it: build_model(..., input_shape=...), model.build((None, ...)), or call it on some data."
        )
    seen: set[int] = set()
    layers = [count_of(name, layer, seen) for name, layer in leaves_of(model)]
    layers.append(count_of(model.name, model, seen))  # what a class of one's own holds beside its layers
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
    model = require_model(model, "hyperparameters")
    leaves = [
        (name, layer)
        for name, layer in leaves_of(model)
        if type(layer).__name__ != "InputLayer" and read(layer, "layers") is None
    ]
    with_units = sum(nodes_of(inner_of(layer)) is not None for _, layer in leaves)
    architecture = [Choice("architecture", "layers", f"{len(leaves)}, of which {with_units} have nodes or filters")]
    training = list(_training_of(model))
    for name, layer in leaves:
        architecture += [Choice("architecture", what, value, name) for what, value in _shape_of(layer)]
        training += [Choice("training", what, value, name) for what, value in restraints_of(layer)]
    training += [
        Choice("training", "epochs", LATER if epochs is None else f"{epochs:,}"),
        Choice("training", "batch size", LATER if batch_size is None else f"{batch_size:,}"),
    ]
    return Hyperparameters((*architecture, *training), draw_network(model))


def _shape_of(layer: Any) -> Iterator[tuple[str, str]]:
    """Tell a layer's nodes, activation, and what each node is connected with."""
    kind, inner = type(layer).__name__, inner_of(layer)
    nodes = nodes_of(inner)
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
