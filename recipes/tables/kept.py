"""What the folder of a fitted table says of it: its decisions, as JSON, which are read without Keras."""

import json
from pathlib import Path
from typing import Any

from recipes.running.saved import MOST_FACTS_BYTES, UntrustedFileError, of_json
from recipes.tables.columns.column import Column, Columns
from recipes.tables.reading.reading import Reading
from recipes.tables.signature import TableSignature
from recipes.tables.target import Target

MODEL, QUANTILES, ARRAYS, FACTS = "model.keras", "quantiles.keras", "arrays.npz", "table.json"
FORMAT = 1


def holds_table(folder: Path) -> bool:
    """Say whether a fitted table was saved in this folder."""
    return (folder / FACTS).is_file()


def read_facts(folder: Path) -> dict[str, Any]:
    """Read the decisions of a fitted table; the digests of its other files are among them, under `"sha256"`.

    Raises:
        FileNotFoundError: where there is none.
        UntrustedFileError: for a file that is another, or that a newer version wrote.
    """
    file = folder / FACTS
    try:
        if file.stat().st_size > MOST_FACTS_BYTES:
            raise ValueError(f"it has {file.stat().st_size:,} bytes")
        facts = json.loads(file.read_bytes())
        if facts["format"] > FORMAT:
            raise ValueError(f"a newer version wrote it: {facts.get('versions')}")
        names = (MODEL, ARRAYS) if facts.get("quantiles") is None else (MODEL, QUANTILES, ARRAYS)
        return {"asked": {}, **of_json(facts), "sha256": {name: str(facts["sha256"][name]) for name in names}}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise no_table(file, error) from error


def signature_of(facts: dict[str, Any], folder: Path) -> TableSignature:
    """Give what a table must be like to be predicted, from the decisions that `read_facts` gives of this folder.

    Raises:
        UntrustedFileError: for decisions that are none.
    """
    try:
        return TableSignature(
            Reading(**facts["reading"]),
            Columns(Column(**column) for column in facts["columns"]),
            Target(**facts["target"]),
        )
    except Exception as error:  # whatever else than a run may stand there
        raise no_table(folder / FACTS, error) from error


def no_table(file: Path, error: Exception) -> UntrustedFileError:
    """Make the error of a file that describes no fitted table."""
    return UntrustedFileError(f"{file} describes no fitted table ({type(error).__name__}: {error}).")
