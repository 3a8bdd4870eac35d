"""A `.keras` file read without Keras: stand-ins that show from outside what the live model would show.

A file holds how each object was configured, not the object. Made here are plain objects of classes with the same
names and modules, with the attributes that `modelspec.py` and `modelgraph.py` read, so that there is one reader for
both. Nothing of the file is run, and nothing is read of it but its configuration, which is bounded first.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cheatsheet.modelgraph import KEEP_WIDTH, SETTINGS

CONFIG = "config.json"  # inside the archive; Keras' name
MOST_BYTES = 64 * 2**20  # of the configuration; that of a network of a thousand layers has 2 MB
MOST_DEPTH = 60  # of models within models


def open_model(path: str | os.PathLike[str]) -> Any:
    """Open a `.keras` file as a stand-in of its model.

    Args:
        path: The file.

    Returns:
        An object with the attributes of a Keras model that are read from outside.

    Raises:
        FileNotFoundError: where there is none.
        ValueError: for what is no file of Keras', or cannot be one.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}. Expected a model saved as .keras.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .keras file. Save the model with model.save('model.keras').")
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(CONFIG).file_size
            if size > MOST_BYTES:
                raise ValueError(
                    f"The description in {path} has {size / 2**20:,.0f} MB, and at most {MOST_BYTES // 2**20} are read."
                )
            with archive.open(CONFIG) as file:
                config = json.loads(file.read(MOST_BYTES + 1)[:MOST_BYTES])
    except KeyError:
        raise ValueError(f"{path} has no {CONFIG}, so it is no .keras file.") from None
    except (zipfile.BadZipFile, json.JSONDecodeError, RecursionError, UnicodeDecodeError, NotImplementedError) as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}).") from None
    if not isinstance(config, Mapping) or not isinstance(config.get("class_name"), str):
        raise ValueError(f"{path} does not say which class its model has.")
    try:
        model = _layer(config, 0)
        compiled = config.get("compile_config")
        if isinstance(compiled, Mapping) and compiled:
            model.optimizer = _made(compiled.get("optimizer"))
            model.loss = _made(compiled.get("loss"))
            asked = {kind: _made(compiled.get(kind)) for kind in ("metrics", "weighted_metrics")}
            model._compile_config = SimpleNamespace(config=asked)
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{path} describes its model in a way that Keras does not ({type(error).__name__}: {error})."
        ) from None
    return model


def _class(saved: Mapping[str, Any]) -> type:
    """Make a class of the name and the home that an object of the file had."""
    name, registered = str(saved["class_name"]), saved.get("registered_name")
    module = saved.get("module")
    is_keras = isinstance(module, str) and module.split(".")[0] == "keras"
    if module is None and registered in (None, name):
        is_keras = False
    home = "keras" if is_keras else str(registered or "").rpartition(">")[0] or "of_the_user"

    def call(self: Any) -> None: ...

    call.__module__ = home
    steps = {} if is_keras else {"train_step": call}  # which a class of the user's may have, and the file does not say
    return type(name, (), {"__module__": home, "call": call, **steps})


def _made(value: Any) -> Any:
    """Stand in for a loss, a metric, an optimizer, an initializer or a function; trees of them likewise."""
    if isinstance(value, list | tuple):
        return [_made(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    if "class_name" not in value:
        return {key: _made(part) for key, part in value.items()}
    config = value.get("config")
    if value["class_name"] == "function" or not isinstance(config, Mapping):
        return _function(str(config), "of_the_user")
    made = _class(value)()
    made.name = config.get("name")
    made.get_config = lambda: dict(config)
    return made


def _function(name: str, home: str) -> Any:
    def function() -> None: ...

    function.__name__, function.__module__ = name, home
    return function


def _layer(saved: Mapping[str, Any], depth: int) -> Any:
    """Stand in for a layer, an operation or a model."""
    if depth > MOST_DEPTH:
        raise RecursionError(f"models are nested more than {MOST_DEPTH} deep")
    given = saved.get("config")
    config: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    layer = _class(saved)()
    layer.name = str(config.get("name") or saved.get("name") or "")
    layer.trainable = config.get("trainable", True)
    layer.get_build_config = lambda: saved.get("build_config")
    layer._inbound_nodes = []
    for key in (*SETTINGS, "axis", "negative_slope", "threshold"):
        if key in config:
            setattr(layer, key, config[key])
    if "kernel_initializer" in config:
        layer.kernel_initializer = _made(config["kernel_initializer"])
    if "activation" in config:
        activation = config["activation"]
        if activation is None or isinstance(activation, str):
            layer.activation = _function(activation or "linear", "keras")
        else:
            layer.activation = _made(activation)
    if isinstance(config.get("layer"), Mapping):  # TimeDistributed, Bidirectional
        layer.layer = _layer(config["layer"], depth + 1)
    layer.shape_of_saved = _shape_given(saved, config)
    if isinstance(config.get("layers"), list):
        _fill(layer, config, depth)
    return layer


def _shape_given(saved: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    """Tell the shape of what a layer gives, where its configuration does."""
    if saved["class_name"] == "InputLayer":
        return tuple(config.get("batch_shape") or ()) or None
    built = saved.get("build_config")
    shape = built.get("input_shape") if isinstance(built, Mapping) else None
    if not isinstance(shape, list) or not all(size is None or isinstance(size, int) for size in shape):
        return None
    if saved["class_name"] in KEEP_WIDTH:
        return tuple(shape)
    inner = config.get("layer")
    if saved["class_name"] == "TimeDistributed" and isinstance(inner, Mapping):
        saved, config = inner, inner["config"]
    return (*shape[:-1], config["units"]) if saved["class_name"] == "Dense" else None


def _fill(model: Any, config: Mapping[str, Any], depth: int) -> None:
    """Give a model its layers, and the tensors that lead from one to the next."""
    saved = config["layers"]
    layers = [_layer(part, depth + 1) for part in saved]
    inputs = [layer for layer in layers if type(layer).__name__ == "InputLayer"]
    if "input_layers" not in config:  # sequential: one after the other
        model.layers = [layer for layer in layers if layer not in inputs]
        shape = config.get("build_input_shape")
        if isinstance(shape, list):
            entry = inputs[0] if inputs else SimpleNamespace(name="input", shape_of_saved=tuple(shape))
            entry.shape_of_saved = tuple(shape)
            model.inputs = [_tensor(entry, 0, 0)]
            tensor = model.inputs[0]
            for layer in model.layers:
                layer._inbound_nodes = [SimpleNamespace(input_tensors=[tensor])]
                shape_kept = getattr(tensor, "shape", None) if type(layer).__name__ in KEEP_WIDTH else None
                tensor = _tensor(layer, 0, 0, shape_kept)
            model.outputs = [tensor]
            model.input, model.output = model.inputs[0], tensor
        return
    model.layers = model.operations = layers
    by_name = {layer.name: layer for layer in layers}
    for layer, part in zip(layers, saved, strict=True):
        for call in part.get("inbound_nodes") or ():
            seen = [_tensor_of(found, by_name) for found in _histories(call)]
            layer._inbound_nodes.append(SimpleNamespace(input_tensors=seen))
    for what in ("input", "output"):
        structure = config[f"{what}_layers"]
        tree = _ends(structure, by_name)
        setattr(model, what, tree)
        flat = [tree[key] for key in sorted(tree)] if isinstance(tree, dict) else tree
        setattr(model, f"{what}s", flat if isinstance(flat, list) else [flat])


def _ends(structure: Any, by_name: Mapping[str, Any]) -> Any:
    if isinstance(structure, Mapping):
        return {key: _ends(part, by_name) for key, part in structure.items()}
    if len(structure) == 3 and isinstance(structure[0], str):
        name, call, place = structure
        layer = by_name[name]
        before = layer._inbound_nodes[call].input_tensors if layer._inbound_nodes else []
        kept = before[0].shape if before and type(layer).__name__ in KEEP_WIDTH else None
        return _tensor(layer, call, place, kept)
    return [_ends(part, by_name) for part in structure]


def _histories(value: Any) -> Any:
    """Give the tensors that a call was made with, wherever they stand among its arguments."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]
            return
        value = value.values()
    if not isinstance(value, str | int | float | bool | None):
        for part in value:
            yield from _histories(part)


def _tensor_of(config: Mapping[str, Any], by_name: Mapping[str, Any]) -> Any:
    name, call, place = config["keras_history"]
    return _tensor(by_name[name], call, place, tuple(config["shape"]))


def _tensor(layer: Any, call: int, place: int, shape: Any = None) -> Any:
    if shape is None:
        shape = layer.shape_of_saved
    if shape is None and getattr(layer, "outputs", None):
        shape = layer.outputs[place].shape
    computes = getattr(layer, "layer", layer)  # of TimeDistributed
    width = getattr(computes, "units", getattr(computes, "filters", None))
    return SimpleNamespace(name=layer.name, shape=shape, width=width, _keras_history=(layer, call, place))
