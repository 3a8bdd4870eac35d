"""Does a `.keras` file hold a model and nothing else? Judged before Keras sees it, and nothing in it is run on the way.

Keras' own `safe_mode` refuses lambdas; that a file names only layers, that it holds the numbers for which it asks
memory, and that its weights lie in the file itself, is looked at here.
"""

import json
import math
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import h5py
import keras
import numpy as np

from cheatsheet.common.words import show_values
from recipes._keras import global_state
from recipes.running.saved import UntrustedFileError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"  # what Keras 3 puts into the archive
MOST_EXPANSION = 100  # bytes for each stored one; Keras stores them as they are
MOST_CONFIG_BYTES = 64 * 2**20
MOST_DEPTH = 200  # brackets within each other; ResNet-50 has 16
MOST_OBJECTS = 50_000  # layers, initializers, ...; ResNet-152 has some 5,000
MOST_NAME = 512  # characters
MOST_UNROLLED = 1_000  # steps of a recurrent layer that is traced once for each
SPARE_NUMBERS = 1_000_000  # that a model may hold beside the file's: seeds, counters, tables of metrics

_PLAIN = ("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__")
_NUMBERS = re.compile(r"bool|(u?int|float)(8|16|32|64)|bfloat16")
_RUNS_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")  # which a file may bring along
# Keys under which configurations have layers, not functions.
_OF_LAYERS = ("layers", "layer", "cell", "cells", "forward_layer", "backward_layer", "body", "encoder", "decoder")
_READS_FILES = ("vocabulary", "idf_weights", "filepath", "path")  # where a layer takes a path for a value
# Where the names of this package in files are registered.
_REGISTERING = (
    "recipes.losses",
    "recipes.build",
    "recipes.grokking.transformer",
    "recipes.lecture.astronomy.detector",
)


def judge_model(path: Path, custom_objects: Mapping[str, Any]) -> None:
    """Judge a `.keras` file as `read_model` does, without reading the model.

    Args:
        path: The file, which nobody else writes to.
        custom_objects: As for `read_model`.

    Raises:
        UntrustedFileError: for one that is not known to hold a model and nothing else; says why, not of which file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _judge_archive(archive)
            config = _read_config(archive)
            _judge_objects(config, custom_objects)
            with archive.open(WEIGHTS) as opened:
                numbers = _count_numbers(opened)
        needed = _count_needed(config, custom_objects)
    except UntrustedFileError:
        raise
    except zipfile.BadZipFile:
        raise UntrustedFileError("it is no .keras file, which is a zip archive, or it is damaged") from None
    except Exception as error:  # a file from anywhere can upset every reader in its own way
        raise UntrustedFileError(f"it cannot be read ({first_line(error)})") from error
    if needed > numbers + SPARE_NUMBERS:
        raise UntrustedFileError(f"its model asks for {needed:,} numbers, and the file holds {numbers:,}")


def is_of_recipes(thing: dict[str, Any]) -> bool:
    """Say whether a description names a class or function of this package."""
    names = (thing.get("registered_name"), thing.get("config"))  # a class's, or a function's
    return any(isinstance(name, str) and name.startswith("recipes>") for name in names)


def first_line(error: Exception) -> str:
    """Write an error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


# --- the archive --------------------------------------------------------------------------------------------------


def _judge_archive(archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(names) != len(set(names)):
        raise UntrustedFileError("it holds two files of one name")
    strange = [name for name in names if name not in (CONFIG, METADATA, WEIGHTS) and not _is_asset(name)]
    if strange:
        raise UntrustedFileError(f"it holds files that no saved model has: {show_values(np.array(strange))}")
    missing = [name for name in (CONFIG, METADATA, WEIGHTS) if name not in names]
    if missing:
        raise UntrustedFileError(f"it lacks {' and '.join(missing)}")
    for info in infos:
        if info.flag_bits & 1:
            raise UntrustedFileError(f"{info.filename} in it is encrypted")
        if info.file_size > MOST_EXPANSION * max(info.compress_size, 1):
            raise UntrustedFileError(
                f"{info.filename} in it would grow from {info.compress_size:,} to {info.file_size:,} bytes"
            )


def _is_asset(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    plain = all(part not in ("", ".", "..") and len(part) <= MOST_NAME for part in parts)
    return parts[0] == "assets" and plain and "\\" not in name and "\0" not in name


def _read_config(archive: zipfile.ZipFile) -> dict[str, Any]:
    size = archive.getinfo(CONFIG).file_size
    if size > MOST_CONFIG_BYTES:
        raise UntrustedFileError(f"{CONFIG} in it has {size:,} bytes, and at most {MOST_CONFIG_BYTES:,} are read")
    text = archive.read(CONFIG)
    bare = np.frombuffer(re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text), np.uint8)  # without strings
    steps = np.isin(bare, (ord("["), ord("{"))).astype(int) - np.isin(bare, (ord("]"), ord("}")))
    depth = int(steps.cumsum().max(initial=0))
    if depth > MOST_DEPTH:
        raise UntrustedFileError(f"{CONFIG} in it is {depth:,} brackets deep, and at most {MOST_DEPTH} are read")
    config = json.loads(text)
    if not isinstance(config, dict):
        raise UntrustedFileError(f"{CONFIG} in it describes no model")
    return config


# --- what it names ------------------------------------------------------------------------------------------------


def objects_in(config: Any, key: str = "") -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each description of an object in a configuration, and the key under which it stands, also within lists."""
    pending = [(config, key)]
    while pending:
        thing, key = pending.pop()
        if isinstance(thing, dict):
            if "class_name" in thing:
                yield thing, key
            pending += [(value, name) for name, value in thing.items()]
        elif isinstance(thing, list):
            pending += [(value, key) for value in thing]


def _judge_objects(config: dict[str, Any], custom_objects: Mapping[str, Any]) -> None:
    if not {"class_name", "config"} <= config.keys():
        raise UntrustedFileError(f"{CONFIG} in it describes no model")
    _judge_values(config)
    objects = list(objects_in(config))
    if len(objects) > MOST_OBJECTS:
        raise UntrustedFileError(f"it describes {len(objects):,} objects, and at most {MOST_OBJECTS:,} are read")
    if any(is_of_recipes(thing) for thing, _ in objects):
        for module in _REGISTERING:
            import_module(module)
    known = {**keras.saving.get_custom_objects(), **custom_objects}
    for thing, key in objects:
        _judge_object(thing, key, known)
    top = _class_of(config, known)
    if not (isinstance(top, type) and issubclass(top, keras.Model)):
        raise UntrustedFileError(f"it describes a {config['class_name']}, which is no model")


def _judge_values(config: Any) -> None:
    """Bound names and whole numbers, and refuse paths where Keras would read another file."""
    pending = [("", config)]
    unrolls, longest = False, 0
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            pending += list(value.items())
            unrolls = unrolls or value.get("unroll") is True
        elif isinstance(value, list):
            inner = "" if key == "vocabulary" else key  # a list of words, not a path to a file of them
            pending += [(inner, part) for part in value]
        elif isinstance(value, str) and key in _READS_FILES:
            raise UntrustedFileError(f"{key}={value[:80]!r} in it would have another file read")
        elif isinstance(value, str) and key == "name" and (len(value) > MOST_NAME or not value.isprintable()):
            raise UntrustedFileError(f"it holds a name of {len(value):,} characters, or of strange ones")
        elif isinstance(value, int) and abs(value) >= 2**64:
            raise UntrustedFileError(f"it holds a whole number of {len(str(value)):,} digits")
        elif isinstance(value, int) and "shape" in key:
            longest = max(longest, value)
    if unrolls and longest > MOST_UNROLLED:
        raise UntrustedFileError(
            f"it unrolls {longest:,} steps of a recurrent layer, and at most {MOST_UNROLLED:,} are"
        )


def _judge_object(thing: dict[str, Any], key: str, known: Mapping[str, Any]) -> None:
    name = thing["class_name"]
    if not isinstance(name, str):
        raise UntrustedFileError("it describes an object whose class has no name")
    if name in _PLAIN:
        dtype = thing.get("config", {}).get("dtype") if isinstance(thing.get("config"), dict) else None
        of_text = name == "__keras_tensor__" and dtype == "string"  # which only says what a layer takes
        if dtype is not None and not of_text and not _NUMBERS.fullmatch(str(dtype)):
            raise UntrustedFileError(f"it holds an array of {str(dtype)[:80]!r}")
        return
    if name == "__lambda__":
        raise UntrustedFileError("it holds a lambda, which is any code")
    found = _class_of(thing, known)
    shown = thing["config"] if name == "function" else name
    if found is None:
        raise UntrustedFileError(
            f"it names {str(shown)[:80]!r} of {str(thing.get('module'))[:80]!r}, which is neither Keras' nor this "
            "package's. If you trust it, register it (keras.saving.register_keras_serializable) or pass it in "
            "custom_objects="
        )
    if name in _RUNS_CODE and found is getattr(keras.layers, name, None):
        raise UntrustedFileError(f"it holds a {name} layer, which runs code that the file brings")
    if key in _OF_LAYERS and not (isinstance(found, type) and issubclass(found, keras.Operation)):
        raise UntrustedFileError(f"it has {str(shown)[:80]!r}, which is no layer, in place of one")


def _class_of(thing: dict[str, Any], known: Mapping[str, Any]) -> Any:
    """Find what Keras would make of a description, among what is allowed; `None` for all else."""
    name, registered, module = thing["class_name"], thing.get("registered_name"), thing.get("module")
    if name == "function":
        function = thing.get("config")
        if not isinstance(function, str):
            return None
        return next((known[n] for n in (function, registered) if isinstance(n, str) and n in known), None) or (
            _function_of_keras(function) if module == "builtins" else None
        )
    for known_as in (registered, name):
        if isinstance(known_as, str) and known_as in known:
            return known[known_as]
    if not isinstance(module, str) or not re.fullmatch(r"keras(\.\w+)*", module):
        return None
    found = _attribute(f"{module}.{name}")
    return found if isinstance(found, type) and issubclass(found, _kinds()) else None


def _kinds() -> tuple[type, ...]:
    """Classes whose heirs a model is made of."""
    return (
        keras.Operation,  # layers and models too
        keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer, keras.initializers.Initializer,
        keras.regularizers.Regularizer, keras.constraints.Constraint,
        keras.optimizers.schedules.LearningRateSchedule, keras.dtype_policies.DTypePolicy,
    )  # fmt: skip


def _function_of_keras(name: str) -> Any:
    homes = (keras.activations, keras.losses, keras.metrics, keras.initializers)
    return next((vars(home)[name] for home in homes if callable(vars(home).get(name))), None)


def _attribute(path: str) -> Any:
    """Follow a dotted path into the modules of Keras that are loaded; none is loaded for a file."""
    home, _, name = path.rpartition(".")
    return getattr(sys.modules.get(home), name, None)


# --- what it weighs -----------------------------------------------------------------------------------------------


def _count_numbers(opened: IO[bytes]) -> int:
    """Count the numbers that the weights' file holds in itself, and not behind links or in other files."""
    numbers = 0
    with h5py.File(opened, "r") as file:
        pending: list[tuple[str, Any]] = [("/", file)]
        seen = 0
        while pending:
            path, group = pending.pop()
            for name in group:
                seen += 1
                if seen > MOST_OBJECTS or path.count("/") > MOST_DEPTH or len(name) > MOST_NAME:
                    raise UntrustedFileError(f"its weights lie in more than {MOST_OBJECTS:,} places, or too deep")
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise UntrustedFileError(f"its weights {path}{name} lie behind a link")
                member = group[name]
                if isinstance(member, h5py.Group):
                    pending.append((f"{path}{name}/", member))
                else:
                    numbers += _size_of(member, f"{path}{name}")
    return numbers


def _size_of(member: Any, path: str) -> int:
    if not isinstance(member, h5py.Dataset) or member.external or member.is_virtual:
        raise UntrustedFileError(f"its weights {path} lie in another file, or are none")
    if member.dtype.kind not in "biuf" and member.dtype.name not in ("bfloat16", "|V2"):
        raise UntrustedFileError(f"its weights {path} are no numbers, but {member.dtype}")
    size = math.prod(member.shape)
    if size * member.dtype.itemsize > MOST_EXPANSION * member.id.get_storage_size() + 1024:
        raise UntrustedFileError(f"its weights {path} claim {size:,} numbers, and the file stores far fewer")
    return size


def _count_needed(config: dict[str, Any], custom_objects: Mapping[str, Any]) -> int:
    """Count the weights of the model that is described, without memory for any of them."""
    waiting = "uninitialized_variables"  # to which Keras adds each variable that is made in such a scope
    before = [*(global_state.get_global_attribute(waiting) or ())]
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(
                _uncompiled(config), custom_objects=dict(custom_objects), safe_mode=True
            )
            return sum(math.prod(variable.shape) for variable in model.variables)
    finally:
        global_state.set_global_attribute(waiting, before)  # or a later scope would make them after all


def _uncompiled(config: Any) -> Any:
    """Leave out how models are compiled: an optimizer's own numbers are a few for each weight."""
    if isinstance(config, dict):
        return {key: _uncompiled(value) for key, value in config.items() if key != "compile_config"}
    return [_uncompiled(value) for value in config] if isinstance(config, list) else config
