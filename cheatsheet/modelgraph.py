"""The layers of a Keras model and how they follow each other, nested models unfolded; read from outside, never run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Layers and operations that move values or pass them on, so that what they are given is what they give.
PASS_ON = {"Reshape", "Permute", "Flatten", "Identity", "Squeeze", "ExpandDims", "Transpose",
            "Cropping1D", "Cropping2D", "Cropping3D"}  # fmt: skip
# Layers that keep the last axis as wide as it was.
KEEP_WIDTH = {"Activation", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU", "Dropout", "GaussianNoise", "Rescaling",
               "Normalization", "BatchNormalization", "LayerNormalization", "Identity"}  # fmt: skip
# Layers and operations of keras.ops that are an activation by themselves.
_ACTIVATIONS = {"Softmax": "softmax", "ReLU": "relu", "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh",
                "Softplus": "softplus", "HardSigmoid": "hard_sigmoid", "Exp": "exponential", "LeakyReLU": "leaky_relu",
                "LeakyRelu": "leaky_relu"}  # fmt: skip
_OF_THE_FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")  # whose functions do what they are called
# What the rules ask of a layer: its own setting, as Keras names it.
SETTINGS = ("units", "filters", "rate", "input_dim", "scale", "offset", "stride", "reach")


@dataclass(frozen=True)
class LayerSpec:
    """One layer, or one operation of `keras.ops`.

    Attributes:
        name: Its name, behind those of the models that it is in: `"encoder/dense"`.
        kind: Name of its class.
        activation: Name of its activation; `None` where it has none or that is not known.
        home: Package of its class: `"keras"`, `"recipes"`, or a user's, whose class may do anything.
        after: Names of the layers that it reads from; empty where it reads the model's input; `None` where not known,
            as in a class of the user's own.
        is_trainable: Whether training may move its weights.
        settings: Those of `units`, `filters`, `rate`, `input_dim`, `scale`, `offset`, `stride`, `reach` and
            `input_width` (size of the last axis of what it reads) that it has, and `kernel_initializer`, the name of
            its class.
    """

    name: str
    kind: str
    activation: str | None
    home: str
    after: tuple[str, ...] | None = None
    is_trainable: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_keras(self) -> bool:
        """Whether it does what its kind is called."""
        return self.home in _OF_THE_FRAMEWORKS


def read(thing: Any, name: str) -> Any:
    """Read an attribute; `None` where there is none, or none yet: Keras raises different errors for the latter."""
    try:
        return getattr(thing, name)
    except (AttributeError, ValueError, RuntimeError):
        return None


def is_of_the_frameworks(thing: Any) -> bool:
    """Say whether a class or function is one of Keras' or its backends', not a user's, whose name proves nothing."""
    return home_of(thing) in _OF_THE_FRAMEWORKS


def home_of(thing: Any) -> str:
    """Name the package that a class or function is of; of an object of a file the one that registered it."""
    return str(getattr(thing, "__module__", "")).split(".")[0]


def maker_of(tensor: Any) -> tuple[Any, int, int]:
    """Find the layer or operation that made a symbolic tensor, in which of its calls, and as which of its outputs."""
    operation, call, place = read(tensor, "_keras_history") or (None, 0, 0)
    return operation, call, place


def _is_model(layer: Any) -> bool:
    return isinstance(read(layer, "layers"), Sequence)


def _is_plain_model(layer: Any) -> bool:
    """Is this a model that calls its layers as Keras does, and so as its graph says?"""
    return _is_model(layer) and is_of_the_frameworks(getattr(type(layer), "call", None))


def flat_layers(model: Any) -> Iterator[Any]:
    """Give every layer that is no model itself."""
    for layer in read(model, "layers") or ():
        yield from flat_layers(layer) if _is_model(layer) else (layer,)


# --- which layer follows which ------------------------------------------------------------------------------------


def layer_specs(model: Any) -> Iterator[LayerSpec]:
    """Describe every layer of a model that is no model itself, and what each reads from."""
    if not _is_plain_model(model):
        return _disconnected(model, "")
    return _in_sequence(model, "", ()) if _is_sequential(model) else _in_graph(model, "", ())


def _is_sequential(model: Any) -> bool:
    return type(model).__name__ == "Sequential" or not read(model, "outputs")


def _disconnected(model: Any, path: str) -> Iterator[LayerSpec]:
    for layer in read(model, "layers") or ():
        inner = f"{path}{layer.name}"
        yield from _disconnected(layer, f"{inner}/") if _is_model(layer) else (_spec(layer, inner, None),)


def _in_sequence(model: Any, path: str, sources: tuple[str, ...]) -> Iterator[LayerSpec]:
    for layer in read(model, "layers") or ():
        yield from _unfolded(layer, path, sources)
        sources = _ends(layer, path)


def _in_graph(model: Any, path: str, sources: tuple[str, ...]) -> Iterator[LayerSpec]:
    operations = read(model, "operations") or read(model, "layers") or ()
    within = {id(operation) for operation in operations}
    for operation in operations:
        before: dict[str, None] = dict.fromkeys(sources if type(operation).__name__ == "InputLayer" else ())
        for call in read(operation, "_inbound_nodes") or ():
            makers = [maker_of(tensor)[0] for tensor in call.input_tensors]
            if all(id(maker) in within for maker in makers):  # not a call of it in another model
                before |= dict.fromkeys(name for maker in makers for name in _ends(maker, path))
        yield from _unfolded(operation, path, tuple(before))


def _unfolded(layer: Any, path: str, sources: tuple[str, ...]) -> Iterator[LayerSpec]:
    inner = f"{path}{layer.name}"
    if not _is_model(layer):
        yield _spec(layer, inner, sources)
    elif not _is_plain_model(layer):
        yield _spec(layer, inner, sources)
        yield from _disconnected(layer, f"{inner}/")
    elif _is_sequential(layer):
        yield from _in_sequence(layer, f"{inner}/", sources)
    else:
        yield from _in_graph(layer, f"{inner}/", sources)


def _ends(layer: Any, path: str) -> tuple[str, ...]:
    """Name the layers, within a nested model, whose values this layer or model gives."""
    inner = f"{path}{layer.name}"
    if not _is_plain_model(layer):
        return (inner,)
    if _is_sequential(layer):
        layers = read(layer, "layers")
        return _ends(layers[-1], f"{inner}/") if layers else ()
    ends = [name for tensor in read(layer, "outputs") for name in _ends(maker_of(tensor)[0], f"{inner}/")]
    return tuple(dict.fromkeys(ends))


def _spec(layer: Any, name: str, after: tuple[str, ...] | None) -> LayerSpec:
    inner = read(layer, "layer") or layer  # of TimeDistributed
    settings: dict[str, Any] = {key: value for key in SETTINGS if isinstance(value := read(inner, key), int | float)}
    initializer = read(inner, "kernel_initializer")
    if is_of_the_frameworks(type(initializer)):
        settings["kernel_initializer"] = type(initializer).__name__
    shape = (_built(layer) or {}).get("input_shape")
    if isinstance(shape, list | tuple) and shape and isinstance(shape[-1], int):
        settings["input_width"] = shape[-1]
    if type(layer).__name__ == "Normalization" and _is_unadapted(layer):
        settings |= {"scale": 1.0, "offset": 0.0}
    is_trainable = read(layer, "trainable") is not False
    return LayerSpec(
        name, type(layer).__name__, activation_of(layer), home_of(type(layer)), after, is_trainable, settings
    )


def _is_unadapted(layer: Any) -> bool:
    """Say whether a Normalization still has the mean 0 and the variance 1 that it is made with."""
    try:
        return not np.asarray(layer.mean).any() and bool((np.asarray(layer.variance) == 1).all())
    except Exception:  # not built, or in a file, which does not say
        return False


def _built(layer: Any) -> dict[str, Any] | None:
    try:
        return layer.get_build_config()
    except Exception:  # operations have none, and a user's own layer may do anything
        return None


# --- the last activation ------------------------------------------------------------------------------------------


def activation_behind(tensor: Any, path: str = "") -> tuple[str | None, str | None]:
    """Find the last activation on the way to this tensor, through models and behind layers that only reshape.

    Returns:
        Its name, and that of the layer that has it; `None` for what is not known.
    """
    layer, call, place = maker_of(tensor)
    if layer is None:
        return None, None
    inner = f"{path}{layer.name}"
    if _is_model(layer):
        inside = read(layer, "outputs") if _is_plain_model(layer) else None
        if inside:
            return activation_behind(inside[place], f"{inner}/")
        return None, inner
    if not _passes_on(layer):
        return activation_of(layer), inner
    calls = read(layer, "_inbound_nodes")
    return activation_behind(calls[call].input_tensors[0], path) if calls else (None, inner)


def activation_to_be(layers: Sequence[Any]) -> tuple[str | None, str | None]:
    """Find the last activation of a sequence of layers that is not built yet, and the layer that has it."""
    computing = [layer for layer in layers if not _passes_on(layer)]
    return (activation_of(computing[-1]), str(computing[-1].name)) if computing else (None, None)


def _passes_on(layer: Any) -> bool:
    if not is_of_the_frameworks(type(layer)):
        return False
    kind = type(layer).__name__
    return kind in PASS_ON or (kind == "Activation" and activation_of(layer) == "linear")


def activation_of(layer: Any) -> str | None:
    """Give Keras' name of a layer's activation; `None` for no such, for one's own, and for a layer of one's own."""
    if not is_of_the_frameworks(type(layer)):
        return None
    kind = type(layer).__name__
    if kind == "TimeDistributed":
        return activation_of(read(layer, "layer"))
    if kind in _ACTIVATIONS:
        leaks = kind == "ReLU" and (read(layer, "negative_slope") or read(layer, "threshold"))
        elsewhere = kind == "Softmax" and read(layer, "axis") not in (-1, None)
        return None if leaks or elsewhere else _ACTIVATIONS[kind]
    activation = read(layer, "activation")
    if type(activation).__name__ in _ACTIVATIONS:  # a layer in the place of a function
        return activation_of(activation)
    return getattr(activation, "__name__", None) if is_of_the_frameworks(activation) else None


def shape_to_be(model: Any, rows: Any) -> tuple[int | None, ...] | None:
    """Find the shape `(None, ...)` that a sequential model of Keras' own layers will give for rows like these.

    It is not built, and nothing of the user's is run: a layer of their own leaves the shape unknown.
    """
    if not all(is_of_the_frameworks(type(layer)) for layer in flat_layers(model)):
        return None
    try:
        given = np.shape(rows if hasattr(rows, "shape") else rows[:1])
        return tuple(model.compute_output_shape((None, *given[1:]))) if len(given) > 1 else None
    except Exception:  # what cannot be computed is answered where the model is built
        return None


def width_to_be(layers: Sequence[Any]) -> int | None:
    """Find how wide the last axis of a sequence of layers will be that is not built yet."""
    for layer in reversed(layers):
        units = read(layer, "units")
        if isinstance(units, int):
            return units
        if type(layer).__name__ not in KEEP_WIDTH:
            return None
    return None
