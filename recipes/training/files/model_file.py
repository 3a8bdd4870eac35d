"""A model in a `.keras` file: written so that plain Keras loads it, read only once it is judged."""

import json
import os
import pickletools
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipes.running.saved import UntrustedFileError
from recipes.training.files.judge import CONFIG, first_line, is_of_recipes, judge_model, objects_in

MOST_BYTES = 16 * 2**30  # of a file; the largest models for which one would use a laptop
_MAGIC = {b"\x89HDF": "an HDF5 file (.h5), Keras' old format, whose layers may hold any code"}


def read_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compiled: dict[str, Any] | None = None,
) -> keras.Model:
    """Read a model from a `.keras` file that may come from anywhere.

    Allowed are the layers, losses, metrics and kin of Keras and of this package, those registered in this process
    (`keras.saving.register_keras_serializable`) and those named in `custom_objects`.

    Args:
        path: The file.
        custom_objects: Classes and functions of your own, by the name under which the file has them.
        compiled: How it was compiled, where `write_model` has left that out.

    Returns:
        The model, compiled where it was, with the state of its optimizer.

    Raises:
        FileNotFoundError: where there is none.
        UntrustedFileError: for everything else that is not known to be safe, saying what.
    """
    custom_objects = dict(custom_objects or {})
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.keras"  # what is judged is what is read, whoever writes to the file meanwhile
        try:
            _copy(Path(path), copy)
            judge_model(copy, custom_objects)
            if compiled is not None:
                compile_as(copy, compiled)
                judge_model(copy, custom_objects)
            return _read(copy, custom_objects)
        except UntrustedFileError as error:
            raise UntrustedFileError(f"{path} was not loaded: {error}.") from error.__cause__


def _read(path: Path, custom_objects: dict[str, Any]) -> keras.Model:
    try:
        return keras.saving.load_model(path, custom_objects=custom_objects, safe_mode=True)
    except Exception as error:
        raise UntrustedFileError(f"Keras cannot read it ({first_line(error)})") from error


def write_model(model: keras.Model, path: Path) -> dict[str, Any] | None:
    """Write a model as a `.keras` file that loads in plain Keras, where this package is not installed.

    Args:
        model: The model.
        path: Ends in `.keras`.

    Returns:
        How it was compiled, where plain Keras could not read that, which then is left out of the file; else `None`.
    """
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        compiled = json.loads(archive.read(CONFIG)).get("compile_config")
    if not any(is_of_recipes(thing) for thing, _ in objects_in(compiled)):
        return None
    compile_as(path, None)
    return compiled


def random_states(model: keras.Model) -> list[np.ndarray]:
    """Read how far dropout and noise have drawn, which Keras keeps in no file: `(2,)` each, in the layers' order."""
    return [np.asarray(variable) for variable in _states_in(model)]


def put_random_states(model: keras.Model, states: Sequence[np.ndarray]) -> None:
    """Have dropout and noise go on from here; a model that has others of them is left as it is."""
    variables = _states_in(model)
    if [tuple(variable.shape) for variable in variables] == [np.shape(state) for state in states]:
        for variable, state in zip(variables, states, strict=True):
            variable.assign(state)


def _states_in(model: keras.Model) -> list[keras.Variable]:
    return [variable for variable in model.variables if variable.name == "seed_generator_state"]


def compile_as(path: Path, compiled: dict[str, Any] | None) -> None:
    """Have the model in a file compiled otherwise; `None` is not at all. Its weights stay as they are."""
    with zipfile.ZipFile(path) as archive:
        held = {info.filename: archive.read(info) for info in archive.infolist()}
    held[CONFIG] = json.dumps({**json.loads(held[CONFIG]), "compile_config": compiled}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)


def _copy(path: Path, copy: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if not path.is_file():
        raise UntrustedFileError("it is no file")
    if path.stat().st_size > MOST_BYTES:
        raise UntrustedFileError(f"it has {path.stat().st_size / 2**30:,.0f} GB, and at most 16 are read")
    with path.open("rb") as opened:
        start = opened.read(4)
        kind = next((what for magic, what in _MAGIC.items() if start.startswith(magic)), None)
        if kind is None and _is_pickle(path):
            kind = "a pickle, which runs code when it is read"
        if kind is not None:
            raise UntrustedFileError(f"it is {kind}. Save the model as .keras")
        opened.seek(0)
        with copy.open("wb") as target:
            shutil.copyfileobj(opened, target)


def _is_pickle(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return next(pickletools.genops(opened))[0].name == "PROTO"
    except Exception:  # whatever other bytes mean to it
        return False
