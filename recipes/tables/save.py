"""A fitted table in a folder: the model as Keras keeps it, the decisions as JSON, the curves as npz, and no pickle."""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cheatsheet.finding import Finding
from recipes.running.files import as_path, write_atomically
from recipes.running.saved import as_json, require_as_saved, require_room
from recipes.tables.kept import ARRAYS, FACTS, FORMAT, MODEL, QUANTILES, no_table, read_facts, signature_of
from recipes.tables.learning.network import Settings
from recipes.tables.learning.quantiles import Quantiles
from recipes.tables.run import TableRun
from recipes.tables.scoring.comparison import Comparison, Rival
from recipes.tables.scoring.importance import Importance
from recipes.tables.scoring.intervals import Interval
from recipes.training.files.judge import judge_model
from recipes.training.files.model_file import read_model, write_model
from recipes.training.save import versions

_PLAIN = ("scores", "split", "num_rows", "seed", "seconds", "asked")  # of a run, what stands in JSON as it is


def save(run: TableRun, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a run into a folder; see `TableRun.save`."""
    target = as_path(folder, "A run is saved in a folder. Name it: run.save('diamonds').")
    require_room(target, overwrite, FACTS)
    contents = {MODEL: _written(run.model)}
    if run.of_quantiles is not None:
        contents[QUANTILES] = _written(run.of_quantiles)
    buffer = io.BytesIO()
    curves = {f"history/{name}": np.asarray(values, float) for name, values in run.history.items()}
    np.savez(buffer, test_true=run.test_true, test_predicted=run.test_predicted, **curves)  # type: ignore[arg-type]
    contents[ARRAYS] = buffer.getvalue()
    facts = {
        "format": FORMAT,
        "versions": run.versions or versions(),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        "reading": as_json(run.signature.reading),
        "columns": [as_json(column) for column in run.columns],
        "target": as_json(run.target),
        "comparison": as_json(run.comparison),
        "interval": None if run.interval is None else as_json(run.interval),
        "chance": run.chance,
        "linear_loss": run.linear_loss,
        "quantiles": None if run.quantiles is None else as_json(run.quantiles),
        "importance": [as_json(one) for one in run.importance],
        "settings": as_json(run.settings),
        "findings": as_json(run.findings),
        **{name: as_json_tree(getattr(run, name)) for name in _PLAIN},
    }
    text = json.dumps(facts, indent=1, allow_nan=False).encode()
    target.mkdir(parents=True, exist_ok=True)
    for name, content in {**contents, FACTS: text}.items():  # what vouches for the others last
        write_atomically(target / name, content)
    if QUANTILES not in contents:  # of the run that was here
        (target / QUANTILES).unlink(missing_ok=True)


def _written(model: keras.Model) -> bytes:
    """Give the file of a model, which has been judged as one that is read will be."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        write_model(model, path)
        judge_model(path, {})
        return path.read_bytes()


def as_json_tree(value: Any) -> Any:
    """Put a tree of dicts and values in words of JSON."""
    if isinstance(value, dict):
        return {name: as_json_tree(part) for name, part in value.items()}
    return as_json(value)


def load_table(folder: Path, custom_objects: Mapping[str, Any] | None = None) -> TableRun:
    """Read what `save` wrote, judged as `recipes.load` judges every file.

    Raises:
        FileNotFoundError: where a file is missing.
        UntrustedFileError: for files that are damaged, or are no saved run.
    """
    known = read_facts(folder)
    digests = known["sha256"]
    require_as_saved(folder, digests, FACTS)
    model = read_model(folder / MODEL, custom_objects)
    of_quantiles = read_model(folder / QUANTILES, custom_objects) if QUANTILES in digests else None
    signature = signature_of(known, folder)
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        comparison = dict(known["comparison"])
        rivals = tuple(Rival(**rival) for rival in comparison.pop("rivals"))
        return TableRun(
            model=model,
            signature=signature,
            comparison=Comparison(rivals=rivals, **comparison),
            findings=[Finding(**finding) for finding in known["findings"]],
            history={
                name.removeprefix("history/"): values.tolist()
                for name, values in arrays.items()
                if name.startswith("history/")
            },
            importance=tuple(Importance(**one) for one in known["importance"]),
            interval=Interval(**known["interval"]) if known.get("interval") is not None else None,
            quantiles=None if of_quantiles is None else Quantiles(**known["quantiles"]),
            of_quantiles=of_quantiles,
            chance=known.get("chance"),
            linear_loss=known.get("linear_loss"),
            versions=known["versions"],
            settings=Settings(**known["settings"]),
            test_true=arrays["test_true"],
            test_predicted=arrays["test_predicted"],
            **{name: known[name] for name in _PLAIN},
        )
    except Exception as error:  # whatever else than a run may stand there
        raise no_table(folder / FACTS, error) from error
