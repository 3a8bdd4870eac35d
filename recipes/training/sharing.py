"""When can two models run the same compiled program? When they differ in nothing but numbers.

A compiled program is a fixed graph over some variables. Another model of the same architecture, compiled alike, can
use it by lending its numbers: weights, optimizer state, seeds, and the constants of `Normalization` and `Rescaling` and
the weight decay, which are lifted out of the graph. So a cross-validation compiles once.
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from recipes.training.widening import OPTIMIZERS

# Beyond this size the copies cost more than they save, and a kept program would keep too much memory.
MOST_PARAMETERS = 20_000_000

# Constants that Keras keeps as plain attributes, by layer class.
_LIFTED = {"Normalization": ("mean", "variance"), "Rescaling": ("scale", "offset")}


def lifted_constants(model: keras.Model) -> list[tuple[Any, str]]:
    """The layers and attributes that hold numbers outside the weights, in their order, and the optimizer's decay."""
    places: list[tuple[Any, str]] = []
    for layer in model._flatten_layers(include_self=False):
        for attribute in _LIFTED.get(type(layer).__name__, ()):
            if type(layer).__module__.startswith("keras.") and getattr(layer, attribute, None) is not None:
                places.append((layer, attribute))
    if _has_plain_decay(model.optimizer):
        places.append((model.optimizer, "weight_decay"))
    return places


def values_of(places: list[tuple[keras.Layer, str]]) -> list[np.ndarray]:
    """Their present values, float32."""
    return [np.asarray(getattr(layer, name), dtype=np.float32) for layer, name in places]


@contextmanager
def replaced(places: list[tuple[keras.Layer, str]], values: list[Any]) -> Iterator[None]:
    """Within it, those attributes hold these values (tensors of a graph being traced)."""
    before = [getattr(layer, name) for layer, name in places]
    try:
        for (layer, name), value in zip(places, values, strict=True):
            object.__setattr__(layer, name, value)  # past Keras' tracking of attributes
        yield
    finally:
        for (layer, name), value in zip(places, before, strict=True):
            object.__setattr__(layer, name, value)


def state_of(model: keras.Model) -> list[keras.Variable]:
    """Every variable that training reads or writes: weights, seeds, optimizer, metrics; each once."""
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    variables = [*model.variables, *model.optimizer.variables, *metrics]
    return list({id(variable): variable for variable in variables}.values())


def share_key(model: keras.Model, wide: dict[str, Any] | None = None) -> str | None:
    """A text that is equal for models that can run one program; `None` for a model that must have its own.

    Only Keras' own layers, losses, metrics and optimizers count as known: whatever else a model holds may differ in
    ways that no configuration shows.

    Args:
        model: A built and compiled model.
        wide: The configuration of the wider network that is to run it, instead of its own.
    """
    if type(model) not in (keras.Sequential, keras.Model) and type(model).__name__ != "Functional":
        return None
    if model.count_params() > MOST_PARAMETERS or len(model.outputs) != 1:
        return None
    if not all(_is_known(layer) for layer in model._flatten_layers(include_self=False)):
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of lambdas, that they are unsafe to save
            compiled = model.get_compile_config()
        compiled["optimizer"] = _optimizer_config(model.optimizer)
        # Compiling anew without metrics leaves the old ones at work, which the configuration does not show.
        shapes = None if wide is not None else [list(variable.shape) for variable in state_of(model)]
        at_work = [[metric.name for metric in model.metrics], shapes]
        parts = [_canonical(wide or model.get_config(), {}), compiled, at_work]
        return json.dumps(parts, sort_keys=True) if _is_own(compiled) else None
    except (TypeError, ValueError, NotImplementedError):  # a custom object without a configuration
        return None


def description(model: keras.Model) -> list[Any]:
    """What a compiled model is, without names, seeds and numbers: its layers, and how it is trained."""
    compiled = model.get_compile_config() or {}
    config = keras.optimizers.serialize(model.optimizer)["config"]
    config.pop("name", None)
    optimizer = [type(model.optimizer).__name__, config]
    return [_canonical(model.get_config(), {}), {**compiled, "optimizer": optimizer}]


def _is_known(layer: keras.Layer) -> bool:
    module = type(layer).__module__
    if not module.startswith(("keras.src.layers", "keras.src.models")):
        return False
    if type(layer).__name__ in _LIFTED:
        return True
    return "preprocessing" not in module and type(layer).__name__ not in ("Lambda", "TFSMLayer", "TorchModuleWrapper")


def _has_plain_decay(optimizer: Any) -> bool:
    """Is the decay a number that Keras' base class applies, so that a tensor in its place will do?"""
    return type(optimizer).__name__ in OPTIMIZERS and isinstance(optimizer.weight_decay, float)


def _optimizer_config(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """Class and settings. A plain learning rate is a variable, and decay is lifted: neither is part of the program."""
    config = keras.optimizers.serialize(optimizer)["config"]
    if isinstance(config.get("learning_rate"), float):
        config["learning_rate"] = "variable"
    if _has_plain_decay(optimizer):
        config["weight_decay"] = "lifted"
    config.pop("name", None)
    return [type(optimizer).__module__, type(optimizer).__name__, config]


def _is_own(config: Any) -> bool:
    """Does a serialised compile configuration name nothing but Keras' and this package's objects?"""
    if isinstance(config, dict):
        if config.get("class_name") == "function":
            return str(config.get("registered_name", "")).startswith("recipes>")
        if "class_name" in config and not str(config.get("module")).startswith(("keras", "recipes")):
            return False
        return all(map(_is_own, config.values()))
    if isinstance(config, list | tuple):
        return all(map(_is_own, config))
    return True


def _canonical(config: Any, names: dict[str, str]) -> Any:
    """A model's configuration without what makes no difference to the program: names, seeds, initial values."""
    if isinstance(config, list | tuple):
        return [_canonical(item, names) for item in config]
    if not isinstance(config, dict):
        return config
    kept: dict[str, Any] = {}
    for key, value in config.items():
        if key in ("seed", "shared_object_id", "build_input_shape", "build_config") or key.endswith("_initializer"):
            continue
        if key == "name" and isinstance(value, str):
            kept[key] = names.setdefault(value, f"#{len(names)}")
        elif key in ("keras_history", "input_layers", "output_layers"):
            kept[key] = _renamed(value, names)
        elif key == "config" and config.get("class_name") in _LIFTED:
            lifted = _LIFTED[config["class_name"]]
            kept[key] = _canonical({k: np.shape(v) if k in lifted else v for k, v in value.items()}, names)
        else:
            kept[key] = _canonical(value, names)
    return kept


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list | tuple):
        return [_renamed(item, names) for item in value]
    return names.setdefault(value, f"#{len(names)}") if isinstance(value, str) else value
