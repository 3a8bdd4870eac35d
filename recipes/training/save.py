"""A finished run in a folder: the model as Keras keeps it, what is known of it as JSON and npz, and no pickle."""

import dataclasses
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any

import keras
import numpy as np

from cheatsheet import Finding
from recipes.running.files import as_path, write_atomically
from recipes.running.saved import (
    FACTS,
    MOST_FACTS_BYTES,
    UntrustedFileError,
    as_json,
    of_json,
    require_as_saved,
    require_room,
)
from recipes.training.engines.engine import EngineUsed
from recipes.training.files.judge import judge_model
from recipes.training.files.model_file import put_random_states, random_states, read_model, write_model
from recipes.training.run import Run
from recipes.training.signature import InputPart, OutputPart, Signature, remember

MODEL, HISTORY = "model.keras", "history.npz"
STATE = "random state"  # of dropout and noise: names in the latter
FORMAT = 1
_PACKAGES = {"recipes": "keras-recipes", "keras": "keras", "tensorflow": "tensorflow", "numpy": "numpy"}


def save(run: Run, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a run into a folder, from which `recipes.load` reads it in any process; see `Run.save`."""
    target = as_path(folder, "A run is saved in a folder. Name it: run.save('wards').")
    require_room(target, overwrite, FACTS)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        compiled = write_model(run.model, path)
        try:
            judge_model(path, own_objects(run.model))
        except UntrustedFileError as error:
            raise ValueError(f"This run cannot be saved so that it could be loaded again: {error}.") from None
        model = path.read_bytes()
    arrays = io.BytesIO()
    curves = {f"history/{name}": np.asarray(values) for name, values in run.history.items()}
    states = {f"{STATE} {i}": state for i, state in enumerate(random_states(run.model))}
    np.savez(arrays, **curves, **states)  # type: ignore[arg-type]
    history = arrays.getvalue()
    facts = {
        "format": FORMAT,
        "versions": versions(),
        "sha256": {MODEL: hashlib.sha256(model).hexdigest(), HISTORY: hashlib.sha256(history).hexdigest()},
        "compiled": compiled,
        "run": {name: as_json(getattr(run, name)) for name in _FACTS},
    }
    text = json.dumps(facts, indent=1, allow_nan=False).encode()  # all is ready before the first file is written
    target.mkdir(parents=True, exist_ok=True)
    for name, content in ((MODEL, model), (HISTORY, history), (FACTS, text)):  # what vouches for the others last
        write_atomically(target / name, content)


def versions() -> dict[str, str]:
    """List the versions of the packages that what is saved depends on."""
    return {name: version(package) for name, package in _PACKAGES.items()}


def load(path: str | os.PathLike[str], *, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Read what the `save` of a `Run`, `Runs`, `CrossValidation` or `TableRun` wrote, or a `.keras` file.

    Each may come from anywhere.

    Files are judged before Keras sees them: only layers and kin of Keras, of this package, registered in this process
    or named in `custom_objects` are allowed, in bounded numbers and sizes, and no file runs code. A pickle can be
    trusted no more than its author; this can.

    Args:
        path: The folder of a saved run, or a `.keras` file.
        custom_objects: Classes and functions of your own in the model, by their names.

    Returns:
        The `Run`, whose model predicts to the bit what it did and trains on where it stopped; of many the `Runs`, of
        folds the `CrossValidation`; of a table the `TableRun`; of a file the `keras.Model`.

    Raises:
        FileNotFoundError: where nothing is there.
        recipes.training.files.judge.UntrustedFileError: a ValueError, for files that are damaged, are no saved run or
            model, or are not known to be safe, saying why.
    """
    path = as_path(path, "load reads the folder of a saved run, or a .keras file. Name it: load('wards').")
    if not path.exists() and path.suffix.lower() != ".keras":
        raise FileNotFoundError(
            f"There is no run in {path}. Expected a folder that save has written, or a .keras file."
        )
    if not path.is_dir():
        return read_model(path, custom_objects)
    from recipes.tables.kept import holds_table
    from recipes.tables.save import load_table
    from recipes.training.several.save_many import holds_runs, load_all

    if holds_table(path):
        return load_table(path, custom_objects)
    return load_all(path, custom_objects) if holds_runs(path) else load_run(path, custom_objects)


def load_run(path: Path, custom_objects: Mapping[str, Any] | None = None) -> Run:
    """Read the folder of one saved run; see `load`."""
    facts = _read_facts(path)
    require_as_saved(path, {name: facts["sha256"].get(name) for name in (MODEL, HISTORY)}, FACTS)
    model = read_model(path / MODEL, custom_objects, facts["compiled"])
    try:
        with np.load(path / HISTORY, allow_pickle=False) as file:
            names = [name for name in file.files if not name.startswith(STATE)]
            contents = {name.removeprefix("history/"): file[name].tolist() for name in names}
            states = [file[f"{STATE} {i}"] for i in range(len(file.files) - len(names))]
        known = {name: _FACTS[name](value) for name, value in facts["run"].items() if name in _FACTS}
        run = Run(model=model, history=contents, **known)
    except Exception as error:  # whatever else than a run may stand there
        raise UntrustedFileError(f"{path / FACTS} describes no run ({type(error).__name__}: {error}).") from error
    put_random_states(model, states)
    remember(model, run.signature)
    return run


def _read_facts(path: Path) -> dict[str, Any]:
    file = path / FACTS
    if not file.is_file():
        raise FileNotFoundError(f"{path} holds no saved run: it lacks {FACTS}.")
    if file.stat().st_size > MOST_FACTS_BYTES:
        raise UntrustedFileError(f"{file} has {file.stat().st_size:,} bytes, too many for a run.")
    try:
        facts = json.loads(file.read_bytes())
        new = facts["format"] > FORMAT
        if not all(isinstance(facts[name], dict) for name in ("sha256", "run")):
            raise TypeError("parts are missing")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UntrustedFileError(f"{file} describes no run ({type(error).__name__}: {error}).") from error
    if new:
        raise UntrustedFileError(f"{file} was written by a newer version: {facts.get('versions')}.")
    return {**facts, "compiled": facts.get("compiled")}


def _signature(value: Any) -> Signature | None:
    found = of_json(value)
    if found is None:
        return None
    return Signature(
        tuple(InputPart(**part) for part in found["inputs"]),
        tuple(OutputPart(**part) for part in found["outputs"]),
        bool(found.get("has_gaps")),
    )


def _findings(value: Any) -> list[Finding]:
    return [Finding(**part) for part in of_json(value)]


# What is kept of a run beside its model and its history, and how it is read back.
_FACTS: dict[str, Any] = {
    "findings": _findings,
    "engine": lambda value: EngineUsed(**of_json(value)),
    "signature": _signature,
    **dict.fromkeys(
        ("seed", "seconds", "steps", "steps_per_second", "chance", "least", "spread", "kept", "interrupted"), of_json
    ),
}


# --- copies within Python -----------------------------------------------------------------------------------------


def packed(run: Run) -> tuple[Any, ...]:
    """Return how to make this run again, for `pickle`, `joblib` and `copy.deepcopy`: the model as Keras' own file."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        run.model.save(path)
        content = path.read_bytes()
    fields = {field.name: getattr(run, field.name) for field in dataclasses.fields(run) if field.name != "model"}
    return unpacked, (content, own_objects(run.model), fields, random_states(run.model))


def unpacked(
    content: bytes, custom_objects: dict[str, Any], fields: dict[str, Any], states: Sequence[np.ndarray] = ()
) -> Run:
    """Make the run again of which `packed` told; a pickle, which brings code anyhow, may bring lambdas too."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        path.write_bytes(content)
        model = keras.saving.load_model(path, custom_objects=custom_objects, safe_mode=False)
    run = Run(model=model, **fields)
    put_random_states(model, states)
    remember(model, run.signature)
    return run


def own_objects(model: keras.Model) -> dict[str, Any]:
    """Find the classes and functions in a model that are not Keras', by the names under which a file has them."""
    compiled = (model.optimizer, model.loss, model._compile_metrics) if model.compiled else ()
    found: dict[str, Any] = {}
    seen: set[int] = set()
    pending = [*model._flatten_layers(), *compiled]
    while pending:
        thing = pending.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, list | tuple):
            pending += thing
        elif isinstance(thing, Mapping):
            pending += thing.values()
        elif isinstance(thing, FunctionType):
            found |= _named(thing)
        elif type(thing).__module__.startswith("keras.") or hasattr(thing, "get_config"):
            found |= _named(type(thing))
            pending += [v for v in getattr(thing, "__dict__", {}).values() if not isinstance(v, keras.Variable)]
    return found


def _named(thing: Any) -> dict[str, Any]:
    if str(thing.__module__).split(".")[0] == "keras" or thing.__name__ == "<lambda>":
        return {}
    return {thing.__name__: thing, keras.saving.get_registered_name(thing): thing}
