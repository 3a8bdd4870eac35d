"""Many finished runs in one folder: each in a folder of its own, as `save.py` keeps it, and a list beside them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipes.running.files import as_path, write_atomically
from recipes.running.saved import MOST_FACTS_BYTES, UntrustedFileError, require_room
from recipes.training.runs import Runs
from recipes.training.save import load_run, save

LIST = "runs.json"
FORMAT = 1


def save_all(runs: Runs, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write runs into a folder, from which `recipes.load` reads them in any process; see `Runs.save`."""
    target = as_path(folder, "Runs are saved in a folder. Name it: runs.save('seeds').")
    require_room(target, overwrite, LIST, "saved runs", ours=r"run_\d{3,}")
    target.mkdir(parents=True, exist_ok=True)
    (target / LIST).unlink(missing_ok=True)  # until all are new, nothing vouches for a mixture of old and new
    for i, run in enumerate(runs):
        save(run, target / _name(i), overwrite=overwrite)
    facts = {"format": FORMAT, "number": len(runs), "how": runs.how, "seconds": runs.seconds}
    write_atomically(target / LIST, json.dumps(facts, indent=1).encode())  # what vouches for the others last


def holds_runs(folder: Path) -> bool:
    """Say whether `save_all` wrote this folder."""
    return (folder / LIST).is_file()


def load_all(folder: Path, custom_objects: Mapping[str, Any] | None = None) -> Runs:
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
    return Runs(tuple(load_run(folder / _name(i), custom_objects) for i in range(number)), how, seconds)


def _name(i: int) -> str:
    return f"run_{i:03d}"
