"""Keras models that follow the cheatsheet: built, trained, judged and drawn.

`import recipes` loads neither Keras nor matplotlib; each name below is loaded when it is first used. Where to
start reading: `build.py` (y to model), `training/fit.py` (model to Run), `diagnosis/` (history to findings).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cheatsheet.finding import DataError as DataError
    from recipes.autoencoder.build import build_autoencoder as build_autoencoder
    from recipes.build import build_model as build_model
    from recipes.datasets import load_data as load_data
    from recipes.diagnosis.diagnose import diagnose as diagnose
    from recipes.grokking.grok import grok as grok
    from recipes.grokking.result import GrokRun as GrokRun
    from recipes.running.interrupt import Interrupted as Interrupted
    from recipes.running.programs import clear_programs as clear_programs
    from recipes.tables.fit_table import fit_table as fit_table
    from recipes.tables.run import TableRun as TableRun
    from recipes.training.audit import audit as audit
    from recipes.training.files.export import export as export
    from recipes.training.fit import fit as fit
    from recipes.training.run import Run as Run
    from recipes.training.save import load as load
    from recipes.training.several.cross_validate import cross_validate as cross_validate
    from recipes.training.several.fit_many import fit_many as fit_many
    from recipes.training.several.runs import Runs as Runs
    from recipes.tuning.record.folder import OtherSearchError as OtherSearchError
    from recipes.tuning.search import Search as Search
    from recipes.tuning.tune import tune as tune

_HOME = {
    "DataError": "cheatsheet.finding",
    "GrokRun": "recipes.grokking.result",
    "Interrupted": "recipes.running.interrupt",
    "OtherSearchError": "recipes.tuning.record.folder",
    "Run": "recipes.training.run",
    "Runs": "recipes.training.several.runs",
    "Search": "recipes.tuning.search",
    "TableRun": "recipes.tables.run",
    "audit": "recipes.training.audit",
    "build_autoencoder": "recipes.autoencoder.build",
    "build_model": "recipes.build",
    "clear_programs": "recipes.running.programs",
    "cross_validate": "recipes.training.several.cross_validate",
    "diagnose": "recipes.diagnosis.diagnose",
    "export": "recipes.training.files.export",
    "fit": "recipes.training.fit",
    "fit_many": "recipes.training.several.fit_many",
    "fit_table": "recipes.tables.fit_table",
    "grok": "recipes.grokking.grok",
    "load": "recipes.training.save",
    "load_data": "recipes.datasets",
    "tune": "recipes.tuning.tune",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'recipes' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
