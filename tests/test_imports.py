"""Imports point one way, and light packages stay light."""

import ast
import sys
from pathlib import Path

import pytest
from processes import run_python

ROOT = Path(__file__).parents[1]

# Each module may import from those before it in its list. A folder stands for all that is in it, in this order.
ORDER = {
    "cheatsheet": ["finding", "arrays", "table", "targets", "head", "chance", "__main__"],
    "recipes": [
        "losses", "seeds", "programs", "arrays", "bodies.mlp", "bodies.cnn", "bodies.autoencoders", "bodies", "build",
        "autoencoder", "diagnose", "training", "training.checkpoint", "training.batches", "training.targets",
        "training.signature", "training.inputs", "training.interrupt", "training.operations", "training.alike",
        "training.resume", "training.engine", "training.widening", "training.noise", "training.steps",
        "training.program", "training.resident", "training.with_keras", "training.inference", "training.run",
        "training.progress", "training.fit", "data",
        "grokking", "grokking.equations", "grokking.transformer", "grokking.network", "grokking.shared",
        "grokking.optimizer", "grokking.steps", "grokking.phases", "grokking.crossentropy", "grokking.fourier",
        "grokking.memory", "grokking.run",
        "tuning", "tuning.space", "tuning.journal", "tuning.folder", "tuning.identity", "tuning.problem",
        "tuning.trial", "tuning.oracles", "tuning.tuner", "tuning.schedule", "tuning.report", "tuning.workers",
        "tuning.tensorboard", "tuning.result", "tuning.arguments", "tuning.search",
        "plots.history", "plots.autoencoder", "plots.grokking", "plots.search", "plots", "cli", "__main__",
    ],
}  # fmt: skip
# The one home of each heavy import.
HOMES = {
    "matplotlib": {
        "recipes.plots.history",
        "recipes.plots.autoencoder",
        "recipes.plots.grokking",
        "recipes.plots.search",
    },
    "keras_tuner": {
        "recipes.tuning.arguments",
        "recipes.tuning.problem",
        "recipes.tuning.oracles",
        "recipes.tuning.tuner",
        "recipes.tuning.workers",
        "recipes.tuning.tensorboard",
        "recipes.tuning.search",
    },
    "tensorflow": {
        "recipes.training.resident",
        "recipes.training.operations",
        "recipes.training.widening",
        "recipes.training.noise",
        "recipes.training.steps",
        "recipes.training.program",
        "recipes.grokking.shared",
        "recipes.grokking.optimizer",
        "recipes.grokking.steps",
        "recipes.tuning.tensorboard",
    },
}


def modules(package):
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def imported(tree):
    """Names of the imported modules, and whether each import stands at the top of the module."""
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module, id(node) in top


@pytest.mark.parametrize("package", ORDER)
def test_the_order_names_every_module(package):
    named = {f"{package}.{name}" for name in ORDER[package]}
    assert {name for name, _ in modules(package)} - {package} == named


@pytest.mark.parametrize("package", ORDER)
def test_each_module_imports_earlier_ones_alone(package):
    place = {f"{package}.{name}": i for i, name in enumerate(ORDER[package])}
    for name, tree in modules(package):
        for target, at_top in imported(tree):
            if name == package or not target.startswith(package + ".") or not at_top:
                continue
            assert place[target] < place[name], f"{name} imports {target}, which comes later"


def test_cheatsheet_needs_numpy_alone():
    for name, tree in modules("cheatsheet"):
        for target, _ in imported(tree):
            root = target.split(".")[0]
            assert root in sys.stdlib_module_names | {"numpy", "cheatsheet"}, f"{name} imports {target}"


def test_nothing_imports_examples_tests_or_benchmarks():
    for package in ORDER:
        for name, tree in modules(package):
            for target, _ in imported(tree):
                assert target.split(".")[0] not in ("examples", "tests", "benchmarks"), f"{name} imports {target}"


def test_heavy_imports_have_one_home():
    for name, tree in modules("recipes"):
        for target, _ in imported(tree):
            root = target.split(".")[0]
            assert root not in HOMES or name in HOMES[root], f"{name} imports {target}"


@pytest.mark.parametrize("package", ["cheatsheet", "recipes"])
def test_importing_loads_neither_keras_nor_matplotlib(package):
    code = f"import {package}, sys; print([m for m in ('keras', 'tensorflow', 'matplotlib') if m in sys.modules])"
    done = run_python("-c", code)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]


def test_public_names_of_recipes_all_load():
    import recipes

    assert set(recipes.__all__) == {
        "GrokRun", "Run", "Search", "build_autoencoder", "build_model", "clear_programs",
        "diagnose", "fit", "grok", "load_data", "tune",
    }  # fmt: skip
    for name in recipes.__all__:
        assert callable(getattr(recipes, name))
    with pytest.raises(AttributeError, match=r"^module 'recipes' has no attribute 'nothing'$"):
        _ = recipes.nothing
