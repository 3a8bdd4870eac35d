"""Imports point one way, and light packages stay light."""

import ast
import sys
from pathlib import Path

import pytest
from processes import run_python

ROOT = Path(__file__).parents[1]

# Each room may import from those before it: a folder with all that is in it, or a module beside the folders.
ORDER = {
    "cheatsheet": [
        "finding", "common", "table", "targets", "head", "chance", "modelgraph", "modelfile", "modelspec",
        "dataspec", "rules", "check", "modelcopy", "fix", "__main__",
    ],
    "recipes": [
        "_keras", "seeds", "losses", "optimizers", "features", "datasets", "bodies", "build", "autoencoder",
        "running", "diagnosis",
        "training", "grokking", "tuning", "tables", "lecture", "sklearn", "plots", "cli", "__main__",
    ],
}  # fmt: skip
# The same for the rooms within a room; the modules beside them may be on either side.
ORDER_WITHIN = {
    "recipes.training": ["scoring", "data", "engines", "files", "several"],
    "recipes.training.engines.many": ["stacked"],
    "recipes.tuning": ["record", "oracles", "work"],
    "recipes.tables": ["reading", "columns", "scoring", "learning"],
    "recipes.lecture": ["models", "neurons", "networks", "training", "images", "astronomy"],
    "recipes.plots.lecture": ["networks", "images"],
}
# The one home of each heavy import.
HOMES = {
    "matplotlib": ("recipes.plots",),
    "keras_tuner": ("recipes.tuning",),
    "grpc": ("recipes.tuning.work",),
    "pandas": ("recipes.tables",),
    "tensorflow": (
        "recipes.training.engines.many",
        "recipes.training.engines.tensorflow",
        "recipes.grokking.step",
        "recipes.tuning.tensorboard",
        "recipes.lecture.images.gradient",
    ),
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
            yield from ((f"{node.module}.{alias.name}", id(node) in top) for alias in node.names)  # it may be a module


def room_of(name, within):
    """The part of a module's name that comes after `within`."""
    return name.removeprefix(within + ".").split(".")[0]


@pytest.mark.parametrize("package", ORDER)
def test_the_order_names_every_room(package):
    assert {room_of(name, package) for name, _ in modules(package) if name != package} == {*ORDER[package]}
    for outer, rooms in ORDER_WITHIN.items():
        folders = {path.name for path in (ROOT / outer.replace(".", "/")).iterdir() if (path / "__init__.py").exists()}
        assert folders == {*rooms}


@pytest.mark.parametrize("package", ORDER)
def test_rooms_import_from_earlier_ones_alone(package):
    places = {package: ORDER[package]} | {outer: rooms for outer, rooms in ORDER_WITHIN.items() if package in outer}
    for name, tree in modules(package):
        for target, at_top in imported(tree):
            for outer, rooms in places.items():
                if not at_top or not name.startswith(outer + ".") or not target.startswith(outer + "."):
                    continue
                mine, its = (
                    rooms.index(room) if (room := room_of(n, outer)) in rooms else None for n in (name, target)
                )
                assert mine is None or its is None or its <= mine, f"{name} imports {target}, which comes later"


@pytest.mark.parametrize("package", ORDER)
def test_no_modules_import_each_other_in_a_circle(package):
    names = {name for name, _ in modules(package)}
    graph = {
        name: {target for target, at_top in imported(tree) if target in names and at_top}
        for name, tree in modules(package)
    }
    while graph:
        free = [name for name, targets in graph.items() if not targets & graph.keys()]
        assert free, f"a circle among {', '.join(sorted(graph))}"
        for name in free:
            del graph[name]


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
            homes = HOMES.get(root, ("recipes",))
            assert any(f"{name}.".startswith(f"{home}.") for home in homes), f"{name} imports {target}"


@pytest.mark.parametrize("package", ["cheatsheet", "recipes"])
def test_importing_loads_neither_keras_nor_matplotlib(package):
    code = f"import {package}, sys; print([m for m in ('keras', 'tensorflow', 'matplotlib') if m in sys.modules])"
    done = run_python("-c", code)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]


def test_public_names_of_recipes_all_load():
    import recipes

    assert set(recipes.__all__) == {
        "DataError", "GrokRun", "Interrupted", "OtherSearchError", "Run", "Runs", "Search", "TableRun", "audit",
        "build_autoencoder", "build_model", "clear_programs", "cross_validate", "diagnose", "export", "fit",
        "fit_many", "fit_table", "grok", "load", "load_data", "tune",
    }  # fmt: skip
    for name in recipes.__all__:
        assert callable(getattr(recipes, name))
    with pytest.raises(AttributeError, match=r"^module 'recipes' has no attribute 'nothing'$"):
        _ = recipes.nothing
