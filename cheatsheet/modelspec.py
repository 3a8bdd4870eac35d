"""A Keras model as a plain description, which the rules judge: names, shapes, last activations, losses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from cheatsheet.table import TABLE, canonical_loss, canonical_metric

Shape = tuple[int | None, ...]

# Layers and operations that move values or pass them on, so that what they are given is what they give.
_PASS_ON = {"Reshape", "Permute", "Flatten", "Identity", "Squeeze", "ExpandDims", "Transpose",
            "Cropping1D", "Cropping2D", "Cropping3D"}  # fmt: skip
# Layers that keep the last axis as wide as it was.
_KEEP_WIDTH = {"Activation", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU", "Dropout", "GaussianNoise", "Rescaling",
               "Normalization", "BatchNormalization", "LayerNormalization", "Identity"}  # fmt: skip
# Layers and operations of keras.ops that are an activation by themselves.
_ACTIVATIONS = {"Softmax": "softmax", "ReLU": "relu", "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh",
                "Softplus": "softplus", "HardSigmoid": "hard_sigmoid", "Exp": "exponential"}  # fmt: skip
# Private attributes of Keras' objects that are read, by class; `tests/test_private_names.py` sees that each exists.
PRIVATE = {
    "KerasTensor": ("_keras_history",),  # which layer made it
    "Layer": ("_inbound_nodes",),  # from what
    "LossFunctionWrapper": ("_fn_kwargs",),  # from_logits and kin, which some configs leave out
    "Model": ("_compile_metrics",),
    "CompileMetrics": ("_user_metrics", "_user_weighted_metrics"),  # as they were named, or given as objects
}
_OF_THE_FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")  # whose functions do what they are called


@dataclass(frozen=True)
class InputSpec:
    """What a model takes at one of its inputs.

    Attributes:
        name: Its key, where the model takes a dict, or else the name of the input layer.
        shape: `(None, ...)` with `None` for every axis of unknown size, rows included.
        layer: Name of the input layer.
    """

    name: str
    shape: Shape
    layer: str


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
        metrics: Names of those of Keras' own metrics that watch it, as `cheatsheet.table.canonical_metric` gives them.
    """

    name: str | None = None
    shape: Shape | None = None
    width: int | None = None
    layer: str | None = None
    activation: str | None = None
    loss: str | None = None
    from_logits: bool | None = None
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()

    @property
    def values_per_row(self) -> int | None:
        """Number of values for each row, `height * width * channels` for images; `None` where not known."""
        if self.shape is None:
            return self.width
        sizes = [size for size in self.shape[1:] if size is not None]
        return prod(sizes) if len(sizes) == len(self.shape) - 1 else None


@dataclass(frozen=True)
class LayerSpec:
    """One layer.

    Attributes:
        name: Its name, behind those of the models that it is in: `"encoder/dense"`.
        kind: Name of its class.
        activation: Name of its activation; `None` where it has none or that is not known.
        is_keras: Whether it is one of Keras' own, not a user's class, which may do anything.
    """

    name: str
    kind: str
    activation: str | None
    is_keras: bool


@dataclass(frozen=True)
class ModelSpec:
    """A model as the rules see it.

    Attributes:
        name: The model's name.
        kind: `"Sequential"`, `"Functional"`, or the name of a user's class.
        inputs: In Keras' order; empty where not known, as for a model that is not built or computes in its own way.
        outputs: In Keras' order; where not known, one for each loss, with a loss alone.
        layers: Every layer that is no model itself, in the order of the models' lists.
        has_own_step: Whether its class brings its own `train_step` or `compute_loss`, so that nobody knows what the
            loss compares with what.
    """

    name: str
    kind: str
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    layers: tuple[LayerSpec, ...]
    has_own_step: bool = False


def name_of(output: OutputSpec, model: ModelSpec) -> str | None:
    """Return what findings call an output: its name among several, `None` for the only one."""
    return output.name if len(model.outputs) > 1 else None


def describe_model(model: Any) -> ModelSpec:
    """Describe a live Keras model, compiled or not, built or not. It is read, never run and never changed.

    Args:
        model: A `keras.Model`: sequential, functional, nested, or a class of the user's own, of which what cannot be
            read from outside stays unknown.

    Returns:
        A `ModelSpec`.
    """
    is_plain = _is_of_the_frameworks(getattr(type(model), "call", None))  # a user's own `call` may do anything
    outputs = _outputs(model) or _outputs_to_be(model)
    if not is_plain:
        outputs = tuple(OutputSpec(output.name) for output in outputs)
    own = [name for name in ("train_step", "compute_loss") if hasattr(type(model), name)]
    return ModelSpec(
        name=str(_read(model, "name") or ""),
        kind=type(model).__name__,
        inputs=_inputs(model),
        outputs=_with_metrics(_with_losses(outputs, _read(model, "loss")), _read(model, "_compile_metrics")),
        layers=tuple(_layers(model)),
        has_own_step=any(not _is_of_the_frameworks(getattr(type(model), name)) for name in own),
    )


def _read(thing: Any, name: str) -> Any:
    """Read an attribute; `None` where there is none, or none yet: Keras raises different errors for the latter."""
    try:
        return getattr(thing, name)
    except (AttributeError, ValueError, RuntimeError):
        return None


def _is_of_the_frameworks(thing: Any) -> bool:
    """Is this class or function one of Keras' or its backends', rather than a user's, whose name proves nothing?"""
    return str(getattr(thing, "__module__", "")).split(".")[0] in _OF_THE_FRAMEWORKS


# --- inputs, outputs, layers --------------------------------------------------------------------------------------


def _inputs(model: Any) -> tuple[InputSpec, ...]:
    tensors = _read(model, "inputs") or ()
    keys = _keys(_read(model, "input"), tensors)
    names = [str(_read(_maker(tensor)[0], "name") or tensor.name) for tensor in tensors]
    return tuple(
        InputSpec(key or name, tuple(tensor.shape), name)
        for key, name, tensor in zip(keys, names, tensors, strict=True)
    )


def _outputs(model: Any) -> tuple[OutputSpec, ...]:
    """Describe the outputs of a model whose graph of layers is known; none for another."""
    tensors = _read(model, "outputs") or ()
    made = []
    for key, tensor in zip(_keys(_read(model, "output"), tensors), tensors, strict=True):
        layer = str(_read(_maker(tensor)[0], "name") or "") or None
        shape = tuple(tensor.shape)
        width = shape[-1] if len(shape) > 1 else None
        made.append(OutputSpec(key or layer, shape, width, layer, _activation_behind(tensor)))
    return tuple(made)


def _outputs_to_be(model: Any) -> tuple[OutputSpec, ...]:
    """Describe the output of a sequential model that is not built yet, from its last layers."""
    layers = list(_flat(model)) if type(model).__name__ == "Sequential" else []
    if not layers:
        return ()
    name = layers[-1].name
    return (OutputSpec(name, None, _width_to_be(layers), name, _activation_to_be(layers)),)


def _flat(model: Any) -> Iterator[Any]:
    """Every layer that is no model itself."""
    for layer in _read(model, "layers") or ():
        yield from _flat(layer) if _is_model(layer) else (layer,)


def _is_model(layer: Any) -> bool:
    return isinstance(_read(layer, "layers"), Sequence)


def _layers(model: Any, path: str = "") -> Iterator[LayerSpec]:
    for layer in _read(model, "layers") or ():
        if _is_model(layer):
            yield from _layers(layer, f"{path}{layer.name}/")
        else:
            kind, is_keras = type(layer).__name__, _is_of_the_frameworks(type(layer))
            yield LayerSpec(f"{path}{layer.name}", kind, _activation_of(layer), is_keras)


def _keys(structure: Any, tensors: Sequence[Any]) -> list[str | None]:
    """Find the key of each tensor where they stand in a dict."""
    if not isinstance(structure, Mapping):
        return [None] * len(tensors)
    of = {id(tensor): str(key) for key, tensor in structure.items()}
    return [of.get(id(tensor)) for tensor in tensors]


# --- the last activation ------------------------------------------------------------------------------------------


def _maker(tensor: Any) -> tuple[Any, int, int]:
    """Find the layer or operation that made a symbolic tensor, in which of its calls, and as which of its outputs."""
    operation, call, place = _read(tensor, "_keras_history") or (None, 0, 0)
    return operation, call, place


def _activation_behind(tensor: Any) -> str | None:
    """Find the last activation on the way to this tensor, through models and behind layers that only reshape."""
    layer, call, place = _maker(tensor)
    if layer is None:
        return None
    if _is_model(layer):
        inside = _read(layer, "outputs") if _is_of_the_frameworks(getattr(type(layer), "call", None)) else None
        return _activation_behind(inside[place]) if inside else None
    if not _passes_on(layer):
        return _activation_of(layer)
    calls = _read(layer, "_inbound_nodes")
    return _activation_behind(calls[call].input_tensors[0]) if calls else None


def _activation_to_be(layers: Sequence[Any]) -> str | None:
    computing = [layer for layer in layers if not _passes_on(layer)]
    return _activation_of(computing[-1]) if computing else None


def _passes_on(layer: Any) -> bool:
    if not _is_of_the_frameworks(type(layer)):
        return False
    kind = type(layer).__name__
    return kind in _PASS_ON or (kind == "Activation" and _activation_of(layer) == "linear")


def _activation_of(layer: Any) -> str | None:
    """Give Keras' name of a layer's activation; `None` for no such, for one's own, and for a layer of one's own."""
    if not _is_of_the_frameworks(type(layer)):
        return None
    kind = type(layer).__name__
    if kind == "TimeDistributed":
        return _activation_of(_read(layer, "layer"))
    if kind in _ACTIVATIONS:
        leaks = getattr(layer, "negative_slope", 0) or getattr(layer, "threshold", 0)
        return None if leaks else _ACTIVATIONS[kind]
    activation = _read(layer, "activation")
    return getattr(activation, "__name__", None) if _is_of_the_frameworks(activation) else None


def _width_to_be(layers: Sequence[Any]) -> int | None:
    for layer in reversed(layers):
        units = _read(layer, "units")
        if isinstance(units, int):
            return units
        if type(layer).__name__ not in _KEEP_WIDTH:
            return None
    return None


# --- losses -------------------------------------------------------------------------------------------------------


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
    known = (output.name, output.shape, output.width, output.layer, output.activation)
    if loss is None:
        return OutputSpec(*known)
    if isinstance(loss, str):
        return OutputSpec(*known, canonical_loss(loss), False)
    options = loss_options(loss)
    from_logits = options.pop("from_logits", getattr(loss, "from_logits", False))
    return OutputSpec(*known, _loss_name(loss), bool(from_logits), options)


def loss_options(loss: Any) -> dict[str, Any]:
    """Return the settings of one of Keras' loss objects that say what a label means or costs; none of another loss."""
    if not _is_of_the_frameworks(type(loss)) or not hasattr(loss, "get_config"):
        return {}
    options = {**getattr(loss, "_fn_kwargs", {}), **loss.get_config()}
    return {name: value for name, value in options.items() if name not in ("name", "reduction", "dtype", "fn")}


def _with_metrics(outputs: tuple[OutputSpec, ...], compiled: Any) -> tuple[OutputSpec, ...]:
    """Add to each output the names of Keras' metrics that watch it, as `compile` takes them."""
    names: dict[int, list[str]] = {i: [] for i in range(len(outputs))}
    for given in (_read(compiled, "_user_metrics"), _read(compiled, "_user_weighted_metrics")):
        for i, output in enumerate(outputs):
            if len(outputs) == 1:
                mine = given
            elif isinstance(given, Mapping):
                mine = given.get(output.name, given.get(output.layer))
            else:
                mine = given[i] if isinstance(given, list | tuple) and len(given) == len(outputs) else None
            names[i] += metric_names(mine)
    return tuple(replace(output, metrics=tuple(names[i])) for i, output in enumerate(outputs))


def metric_names(metrics: Any) -> list[str]:
    """Name Keras' own among these metrics, however they are nested."""
    if isinstance(metrics, Mapping):
        metrics = [*metrics.values()]
    if isinstance(metrics, list | tuple):
        return [name for part in metrics for name in metric_names(part)]
    if metrics is None or isinstance(metrics, str):
        return [canonical_metric(metrics)] if metrics else []
    of = metrics if hasattr(metrics, "__name__") else type(metrics)  # a function, a class, or an object of one
    return [canonical_metric(of.__name__)] if _is_of_the_frameworks(of) else []


def _loss_name(loss: Any) -> str | None:
    """Give a loss's full name: that of Keras' class, which a user may have named otherwise, or its own."""
    by_class = canonical_loss(type(loss).__name__)
    if _is_of_the_frameworks(type(loss)) and by_class in {row.loss for row in TABLE}:
        return by_class
    name = getattr(loss, "name", None) or getattr(loss, "__name__", None)
    return canonical_loss(str(name)) if name else None
