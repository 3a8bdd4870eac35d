"""Many finished runs in one folder: each in a folder of its own, as `save.py` keeps it, and a list beside them.

Of a cross-validation the rows of its folds, its scores and predictions are there too.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recipes.running.files import as_path, write_atomically
from recipes.running.saved import MOST_FACTS_BYTES, UntrustedFileError, require_as_saved, require_room
from recipes.training.save import load_run, save
from recipes.training.several.cross_validate import CrossValidation
from recipes.training.several.runs import Runs

LIST, FOLDS = "runs.json", "folds.npz"
FORMAT = 1


def save_all(saved: Runs | CrossValidation, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write runs into a folder, from which `recipes.load` reads them in any process; see `Runs.save`."""
    target = as_path(folder, "Runs are saved in a folder. Name it: runs.save('seeds').")
    require_room(target, overwrite, LIST, "saved runs", ours=rf"run_\d{{3,}}|{re.escape(FOLDS)}")
    runs = saved if isinstance(saved, Runs) else saved.runs
    facts: dict[str, Any] = {"format": FORMAT, "number": len(runs), "how": runs.how, "seconds": runs.seconds}
    target.mkdir(parents=True, exist_ok=True)
    (target / LIST).unlink(missing_ok=True)  # until all are new, nothing vouches for a mixture of old and new
    (target / FOLDS).unlink(missing_ok=True)
    for i, run in enumerate(runs):
        save(run, target / _name(i), overwrite=overwrite)
    if isinstance(saved, CrossValidation):
        content = _of_folds(saved)
        write_atomically(target / FOLDS, content)
        facts[FOLDS] = hashlib.sha256(content).hexdigest()
    write_atomically(target / LIST, json.dumps(facts, indent=1).encode())  # what vouches for the others last


def holds_runs(folder: Path) -> bool:
    """Say whether `save_all` wrote this folder."""
    return (folder / LIST).is_file()


def load_all(folder: Path, custom_objects: Mapping[str, Any] | None = None) -> Runs | CrossValidation:
    """Read what `save_all` wrote, each run judged as `recipes.load` judges it.

    Raises:
        FileNotFoundError: where a run is missing.
        UntrustedFileError: for a list that is none.
    """
    file = folder / LIST
    try:
        if file.stat().st_size > MOST_FACTS_BYTES:
            raise ValueError(f"it has {file.stat().st_size:,} bytes")
        facts = json.loads(file.read_bytes())
        number, how, seconds = int(facts["number"]), str(facts["how"]), float(facts["seconds"])
        if facts["format"] > FORMAT:
            raise ValueError("a newer version wrote it")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UntrustedFileError(f"{file} lists no runs ({type(error).__name__}: {error}).") from error
    if FOLDS in facts:
        require_as_saved(folder, {FOLDS: facts[FOLDS]}, LIST)
    runs = Runs(tuple(load_run(folder / _name(i), custom_objects) for i in range(number)), how, seconds)
    return _with_folds(runs, folder / FOLDS) if FOLDS in facts else runs


def _of_folds(found: CrossValidation) -> bytes:
    arrays = {"predictions": found.predictions} | {f"scores/{name}": one for name, one in found.scores.items()}
    for i, (rows, held) in enumerate(found.folds):
        arrays |= {f"rows/{i}": rows, f"held/{i}": held}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _with_folds(runs: Runs, path: Path) -> CrossValidation:
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        scores = {name.removeprefix("scores/"): values for name, values in held.items() if name.startswith("scores/")}
        folds = tuple((held[f"rows/{i}"], held[f"held/{i}"]) for i in range(len(runs)))
        return CrossValidation(scores, held["predictions"], folds, runs)
    except Exception as error:  # whatever else may stand there
        raise UntrustedFileError(f"{path} describes no folds ({type(error).__name__}: {error}).") from error


def _name(i: int) -> str:
    return f"run_{i:03d}"
