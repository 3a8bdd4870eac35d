"""Keras models that follow the cheatsheet: built, trained, judged and drawn.

`import recipes` loads neither Keras nor matplotlib; each name below is loaded when it is first used. Where to
start reading: `build.py` (y to model), `training/fit.py` (model to Run), `diagnosis/` (history to findings).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not lazy: once the module of the same name is loaded, it would hide the function behind `recipes.diagnosis.diagnose`.
from recipes.diagnosis.diagnose import diagnose
from recipes.running.programs import clear_programs

if TYPE_CHECKING:
    from recipes.autoencoder.build import build_autoencoder as build_autoencoder
    from recipes.build import build_model as build_model
    from recipes.datasets import load_data as load_data
    from recipes.grokking.grok import GrokRun as GrokRun
    from recipes.grokking.grok import grok as grok
    from recipes.training.fit import fit as fit
    from recipes.training.run import Run as Run
    from recipes.tuning.search import Search as Search
    from recipes.tuning.tune import tune as tune

_HOME = {
    "build_model": "recipes.build",
    "build_autoencoder": "recipes.autoencoder.build",
    "fit": "recipes.training.fit",
    "Run": "recipes.training.run",
    "load_data": "recipes.datasets",
    "grok": "recipes.grokking.grok",
    "GrokRun": "recipes.grokking.grok",
    "tune": "recipes.tuning.tune",
    "Search": "recipes.tuning.search",
}

__all__ = [
    "GrokRun", "Run", "Search", "build_autoencoder", "build_model", "clear_programs", "diagnose", "fit",
    "grok", "load_data", "tune",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'recipes' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
