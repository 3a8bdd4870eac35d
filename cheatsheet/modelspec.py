"""A Keras model as a plain description, which the rules judge: names, shapes, layers, last activations, losses."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

from cheatsheet.modelfile import open_model
from cheatsheet.modelgraph import (
    LayerSpec,
    activation_behind,
    activation_to_be,
    flat_layers,
    home_of,
    is_of_the_frameworks,
    layer_specs,
    maker_of,
    read,
    shape_to_be,
    width_to_be,
)
from cheatsheet.table import JUDGED, OF_THIS_PROJECT, canonical_loss, canonical_metric

Shape = tuple[int | None, ...]

# Private attributes of Keras' objects that are read, by class; `tests/test_private_names.py` sees that each exists.
PRIVATE = {
    "KerasTensor": ("_keras_history",),  # which layer made it
    "Layer": ("_inbound_nodes",),  # from what
    "LossFunctionWrapper": ("_fn_kwargs",),  # from_logits and kin, which some configs leave out
    "Model": ("_compile_config.config",),  # the metrics as they were named, or given as objects
}


@dataclass(frozen=True)
class InputSpec:
    """What a model takes at one of its inputs.

    Attributes:
        name: Its key, where the model takes a dict, or else the name of the input layer.
        shape: `(None, ...)` with `None` for every axis of unknown size, rows included.
        layer: Name of the input layer.
        takes_text: Whether it is text that it takes, which a layer of the model turns into numbers.
    """

    name: str
    shape: Shape
    layer: str
    takes_text: bool = False


# Last activations whose values are probabilities.
PROBABILITIES = frozenset(["sigmoid", "hard_sigmoid", "softmax"])


@dataclass(frozen=True)
class OutputSpec:
    """What a model gives at one of its outputs, and what that is compared by; `None` is "not known" throughout.

    Attributes:
        name: Its key, where the model gives a dict, or else the name of the layer that gives it.
        shape: `(None, ...)` with `None` for every axis of unknown size, rows included.
        width: Number of nodes: the size of the last axis. Of a model that is not built yet, its last layer's.
        layer: Name of the layer that gives it.
        activation: Name of the last activation (`"linear"` for none), behind layers that only reshape.
        loss: Full name of the loss (Keras'; the function's for one's own).
        from_logits: Whether the loss takes logits, not probabilities.
        loss_options: Other settings of Keras' own losses that say what a label means or costs: `label_smoothing`,
            `ignore_class`, `axis`, `delta`, ...
        is_own_loss: Whether the loss is a function or class of the user's own, so that its name proves nothing.
        metrics: Names of those of Keras' own metrics that watch it, as `cheatsheet.table.canonical_metric` gives them.
        metric_options: The settings of each; none for one that was given by its name.
        made_by: Name of the layer that computes it, as in `ModelSpec.layers`.
    """

    name: str | None = None
    shape: Shape | None = None
    width: int | None = None
    layer: str | None = None
    activation: str | None = None
    loss: str | None = None
    from_logits: bool | None = None
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    is_own_loss: bool = False
    metrics: tuple[str, ...] = ()
    metric_options: tuple[Mapping[str, Any], ...] = ()
    made_by: str | None = None

    @property
    def gives_logits(self) -> bool:
        """Whether what comes out are logits: behind a sigmoid or softmax it is none, whatever the loss says.

        Keras then looks behind the activation for what the loss takes.
        """
        return bool(self.from_logits) and self.activation not in PROBABILITIES

    @property
    def values_per_row(self) -> int | None:
        """Number of values for each row, `height * width * channels` for images; `None` where not known."""
        if self.shape is None:
            return self.width
        sizes = [size for size in self.shape[1:] if size is not None]
        return prod(sizes) if len(sizes) == len(self.shape) - 1 else None


@dataclass(frozen=True)
class ModelSpec:
    """A model as the rules see it.

    Attributes:
        name: The model's name.
        kind: `"Sequential"`, `"Functional"`, or the name of a user's class.
        inputs: In Keras' order; empty where not known, as for a model that is not built or computes in its own way.
        outputs: In Keras' order; where not known, one for each loss, with a loss alone.
        layers: Every layer and operation that is no model itself, in the order of the models' lists; empty where not
            asked for.
        has_own_step: Whether its class brings its own `train_step` or `compute_loss`, so that nobody knows what the
            loss compares with what.
        optimizer: Name of the optimizer's class; `None` where the model is not compiled.
        learning_rate: Its rate; of a schedule the one that it starts from, or warms up to.
    """

    name: str
    kind: str
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    layers: tuple[LayerSpec, ...] = ()
    has_own_step: bool = False
    optimizer: str | None = None
    learning_rate: float | None = None

    def layer(self, name: str | None) -> LayerSpec | None:
        """Find the layer of this name; `None` where there is none."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str | None, LayerSpec]:
        return {layer.name: layer for layer in reversed(self.layers)}  # the first of a name, as in a list

    def before(self, layer: LayerSpec) -> list[LayerSpec]:
        """List the layers that a layer reads from; none where that is not known."""
        return [found for name in layer.after or () if (found := self.layer(name)) is not None]


def name_of(output: OutputSpec, model: ModelSpec) -> str | None:
    """Return what findings call an output: its name among several, `None` for the only one."""
    return output.name if len(model.outputs) > 1 else None


def describe_model(model: Any, x: Any = None) -> ModelSpec:
    """Describe a Keras model, live or in a file, compiled or not, built or not. It is read, never run, never changed.

    Args:
        model: A `keras.Model`: sequential, functional, nested, or a class of the user's own, of which what cannot be
            read from outside stays unknown. Or the path of a `.keras` file, for which Keras is not needed.
        x: Rows of which a sequential model that is not built yet takes its shapes.

    Returns:
        A `ModelSpec`.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that is none of Keras', or larger than any model's description.
    """
    if isinstance(model, str | os.PathLike):
        model = open_model(model)
    optimizer = read(model, "optimizer")
    return replace(
        describe_ends(model, x),
        layers=tuple(layer_specs(model)),
        optimizer=None if optimizer is None else type(optimizer).__name__,
        learning_rate=_learning_rate(optimizer),
    )


def describe_ends(model: Any, x: Any = None) -> ModelSpec:
    """Describe a live model's inputs and outputs alone, without what lies between them and its optimizer.

    A tenth of the work: reading the optimizer's rate fetches it from the device. `predict` asks for no more each time.
    `x` is as for `describe_model`.
    """
    is_plain = is_of_the_frameworks(getattr(type(model), "call", None))  # a user's own `call` may do anything
    outputs = _outputs(model) or _outputs_to_be(model, x)
    if not is_plain:
        outputs = tuple(OutputSpec(output.name) for output in outputs)
    own = [name for name in ("train_step", "compute_loss") if hasattr(type(model), name)]
    return ModelSpec(
        name=str(read(model, "name") or ""),
        kind=type(model).__name__,
        inputs=_inputs(model),
        outputs=_with_metrics(_with_losses(outputs, read(model, "loss")), model),
        has_own_step=any(not is_of_the_frameworks(getattr(type(model), name)) for name in own),
    )


# --- inputs and outputs -------------------------------------------------------------------------------------------


def _inputs(model: Any) -> tuple[InputSpec, ...]:
    tensors = read(model, "inputs") or ()
    keys = _keys(read(model, "input"), tensors)
    names = [str(read(maker_of(tensor)[0], "name") or tensor.name) for tensor in tensors]
    return tuple(
        InputSpec(key or name, tuple(tensor.shape), name, str(read(tensor, "dtype")) == "string")
        for key, name, tensor in zip(keys, names, tensors, strict=True)
    )


def _outputs(model: Any) -> tuple[OutputSpec, ...]:
    """Describe the outputs of a model whose graph of layers is known; none for another."""
    tensors = read(model, "outputs") or ()
    made = []
    for key, tensor in zip(_keys(read(model, "output"), tensors), tensors, strict=True):
        layer = str(read(maker_of(tensor)[0], "name") or "") or None
        shape = None if tensor.shape is None else tuple(tensor.shape)
        width = shape[-1] if shape is not None and len(shape) > 1 else read(tensor, "width")
        activation, made_by = activation_behind(tensor)
        made.append(OutputSpec(key or layer, shape, width, layer, activation, made_by=made_by))
    return tuple(made)


def _outputs_to_be(model: Any, x: Any) -> tuple[OutputSpec, ...]:
    """Describe the output of a sequential model that is not built yet, from its last layers and the rows it is for."""
    layers = list(flat_layers(model)) if type(model).__name__ == "Sequential" else []
    if not layers:
        return ()
    name = layers[-1].name
    activation, made_by = activation_to_be(layers)
    shape = None if x is None else shape_to_be(model, x)
    width = width_to_be(layers) if shape is None or len(shape) < 2 else shape[-1]
    return (OutputSpec(name, shape, width, name, activation, made_by=made_by),)


def _keys(structure: Any, tensors: Any) -> list[str | None]:
    """Find the key of each tensor where they stand in a dict."""
    if not isinstance(structure, Mapping):
        return [None] * len(tensors)
    of = {id(tensor): str(key) for key, tensor in structure.items()}
    return [of.get(id(tensor)) for tensor in tensors]


# --- how it is compiled -------------------------------------------------------------------------------------------


def _learning_rate(optimizer: Any) -> float | None:
    """Read the rate of an optimizer, live or in a file, the first or the warmed-up one of a schedule; or `None`."""
    try:
        rate = optimizer.get_config().get("learning_rate")
    except Exception:  # a user's own optimizer may do anything
        return None
    if isinstance(rate, Mapping):
        schedule = rate.get("config") or {}
        rates = [schedule.get(name) for name in ("initial_learning_rate", "warmup_target")]
        rate = max((value for value in rates if isinstance(value, int | float)), default=None)
    return float(rate) if isinstance(rate, int | float) else None


def _with_losses(outputs: tuple[OutputSpec, ...], loss: Any) -> tuple[OutputSpec, ...]:
    """Add to each output what it is compared by; where the outputs are not known, make one for each loss."""
    if isinstance(loss, Mapping):
        outputs = outputs or tuple(OutputSpec(str(key)) for key in loss)
        losses = [loss.get(output.name, loss.get(output.layer)) for output in outputs]
    elif isinstance(loss, list | tuple):
        outputs = outputs or tuple(OutputSpec() for _ in loss)
        losses = [*loss] if len(loss) == len(outputs) else [None] * len(outputs)
    else:
        outputs = outputs or (OutputSpec(),)
        losses = [loss] * len(outputs)
    return tuple(_with_loss(output, loss) for output, loss in zip(outputs, losses, strict=True))


def _with_loss(output: OutputSpec, loss: Any) -> OutputSpec:
    if loss is None:
        return output
    if isinstance(loss, str):
        return replace(output, loss=canonical_loss(loss), from_logits=False)
    options = loss_options(loss)
    from_logits = options.pop("from_logits", getattr(loss, "from_logits", False))
    name = _loss_name(loss)
    is_ours = name in OF_THIS_PROJECT and home_of(type(loss)) == "recipes"
    is_known = is_of_the_frameworks(loss) or is_of_the_frameworks(type(loss)) or is_ours
    return replace(output, loss=name, from_logits=bool(from_logits), loss_options=options, is_own_loss=not is_known)


def loss_options(loss: Any) -> dict[str, Any]:
    """Return the settings of one of Keras' loss objects that say what a label means or costs; none of another loss."""
    if not is_of_the_frameworks(type(loss)) or not hasattr(loss, "get_config"):
        return {}
    options = {**getattr(loss, "_fn_kwargs", {}), **loss.get_config()}
    return {name: value for name, value in options.items() if name not in ("name", "reduction", "dtype", "fn")}


def _with_metrics(outputs: tuple[OutputSpec, ...], model: Any) -> tuple[OutputSpec, ...]:
    """Add to each output the names of Keras' metrics that watch it, as `compile` takes them."""
    watching: list[list[tuple[str, Mapping[str, Any]]]] = [[] for _ in outputs]
    asked = read(read(model, "_compile_config"), "config") or {}
    for given in (asked.get("metrics"), asked.get("weighted_metrics")):
        for i, output in enumerate(outputs):
            if len(outputs) == 1:
                mine = given
            elif isinstance(given, Mapping):
                mine = given.get(output.name, given.get(output.layer))
            else:
                mine = given[i] if isinstance(given, list | tuple) and len(given) == len(outputs) else None
            watching[i] += metrics_with_options(mine)
    return tuple(
        replace(output, metrics=tuple(name for name, _ in mine), metric_options=tuple(options for _, options in mine))
        for output, mine in zip(outputs, watching, strict=True)
    )


def metric_names(metrics: Any) -> list[str]:
    """Name Keras' own among these metrics, however they are nested."""
    return [name for name, _ in metrics_with_options(metrics)]


def metrics_with_options(metrics: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Name Keras' own among these metrics, each with its settings, of which a name or a function has none."""
    if isinstance(metrics, Mapping):
        metrics = [*metrics.values()]
    if isinstance(metrics, list | tuple):
        return [named for part in metrics for named in metrics_with_options(part)]
    if metrics is None or isinstance(metrics, str):
        chosen_by_loss = str(metrics).lower() in ("accuracy", "acc")  # which the class Accuracy is not
        return [(metrics.lower() if chosen_by_loss else canonical_metric(metrics), {})] if metrics else []
    if hasattr(metrics, "__name__"):  # a function or a class
        return [(canonical_metric(metrics.__name__), {})] if is_of_the_frameworks(metrics) else []
    if not is_of_the_frameworks(type(metrics)):
        return []
    options = metrics.get_config() if hasattr(metrics, "get_config") else {}
    return [(canonical_metric(type(metrics).__name__), options)]


def _loss_name(loss: Any) -> str | None:
    """Give a loss's full name: that of Keras' class, which a user may have named otherwise, or its own."""
    by_class = canonical_loss(type(loss).__name__)
    if is_of_the_frameworks(type(loss)) and by_class in JUDGED:
        return by_class
    name = getattr(loss, "name", None) or getattr(loss, "__name__", None)
    return canonical_loss(str(name)) if name else None
