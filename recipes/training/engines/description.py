"""What a compiled model is, in words that JSON can say: its configuration without names, seeds and numbers."""

from typing import Any

import keras
import numpy as np

# Constants that Keras keeps as plain attributes, by layer class, and what they were made from.
LIFTED = {"Normalization": ("mean", "variance"), "Rescaling": ("scale", "offset")}


def description(model: keras.Model) -> list[Any]:
    """Describe a compiled model without names, seeds and numbers: its layers, and how it is trained."""
    config = keras.optimizers.serialize(model.optimizer)["config"]
    for one in optimizers_in(config):
        one.pop("name", None)  # Keras counts them up in a process
    optimizer = [type(model.optimizer).__name__, config]
    try:
        layers, compiled = _canonical(model.get_config(), {}), model.get_compile_config() or {}
    except (TypeError, ValueError, NotImplementedError, RecursionError):  # something of the user's that has no words
        layers = [[type(part).__name__, [list(w.shape) for w in part.weights]] for part in model._flatten_layers()]
        compiled = {}
    return [layers, {**compiled, "optimizer": optimizer}]


def optimizers_in(config: dict[str, Any]) -> list[dict[str, Any]]:
    """List an optimizer's configuration, and those of the optimizers within it, as one that scales the loss has."""
    found = [config]
    for value in config.values():
        if isinstance(value, dict) and isinstance(inner := value.get("config"), dict):
            found += [one for one in optimizers_in(inner) if "learning_rate" in one]
    return found


def rate_of(model: keras.Model) -> float | None:
    """Return the present learning rate; `None` where a schedule gives it."""
    for one in optimizers_in(keras.optimizers.serialize(model.optimizer)["config"]):
        if "learning_rate" in one:
            rate = one["learning_rate"]
            return float(rate) if isinstance(rate, float | np.floating) else None
    return None


def _canonical(config: Any, names: dict[str, str]) -> Any:
    """Strip a model's configuration of what makes no difference to the program: names, seeds, initial values."""
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
        elif key == "config" and config.get("class_name") in LIFTED:
            numbers = LIFTED[config["class_name"]]
            kept[key] = _canonical({k: np.shape(v) if k in numbers else v for k, v in value.items()}, names)
        else:
            kept[key] = _canonical(value, names)
    return kept


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list | tuple):
        return [_renamed(item, names) for item in value]
    return names.setdefault(value, f"#{len(names)}") if isinstance(value, str) else value
