"""Names that Keras counts up in a process, where the second `AUC()` is called `auc_1` and the second layer `dense_1`.

What belongs together is found in spite of them: the curves of several models, and those of a run that goes on.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar

import keras

from cheatsheet.modelgraph import is_of_the_frameworks
from recipes._keras import global_state, to_snake_case

Made = TypeVar("Made")


def named_anew(make: Callable[[], Made]) -> Made:
    """Build a model whose names are counted from the start: `dense` and `dense_1`, not `dense_1207`.

    Keras counts names over the process, and an optimizer's variables have those of layers in theirs. Of each name that
    a variable ever had TensorFlow keeps 35 kB and takes a millisecond for it (`benchmarks/names.py`), so that many
    models had better share theirs. Names that are made later are new all the same.

    Args:
        make: Makes it. One that holds a layer which was made, and so named, before may get two of one name, which
            Keras refuses: it is called once more then, and names are as they come.
    """
    before = _counted()
    _count_from({})
    try:
        return make()
    except ValueError as error:
        if "unique" not in str(error):
            raise
    finally:
        after = _counted()
        _count_from({name: max(before.get(name, 0), after.get(name, 0)) for name in {**before, **after}})
    return make()


def metrics_given(model: keras.Model) -> list[keras.metrics.Metric]:
    """List the metrics that a model was compiled with as objects, in order; those asked for by name are left out."""
    held = model._compile_metrics
    given = () if held is None else (held._user_metrics, held._user_weighted_metrics)
    return [part for part in keras.tree.flatten(given) if isinstance(part, keras.metrics.Metric)]


def results_of(model: keras.Model) -> dict[str, Any]:
    """Read what loss and metrics have come to, under the history's names: of a metric of several values, theirs."""
    return _flat(model.get_metrics_result())


def _flat(results: Mapping[str, Any]) -> dict[str, Any]:
    """Put the values of metrics that give a dict among the others, in Keras' order: of one name the last one stays."""
    if not any(isinstance(value, Mapping) for value in results.values()):
        return dict(results)
    flat: dict[str, Any] = {}
    for name, value in sorted(results.items()):
        flat.update(_flat(value) if isinstance(value, Mapping) else {name: value})
    return flat


def quantities_of(model: keras.Model) -> list[str] | None:
    """List what the history of a compiled model will have, without `val_`; `None` where that cannot be known.

    Of several outputs each loss and metric may stand alone or behind the output's name; all of these are listed.
    """
    own = [getattr(type(model), name, None) for name in ("train_step", "compute_loss", "compute_metrics")]
    held = model._compile_metrics
    given = keras.tree.flatten(() if held is None else (held._user_metrics, held._user_weighted_metrics))
    given = [metric for metric in given if metric is not None]
    # A layer or a metric of the user's may write whatever it likes.
    parts = [*own, *map(type, given), *map(type, model._flatten_layers(include_self=False))]
    if not all(part is None or is_of_the_frameworks(part) or part in (str, FunctionType) for part in parts):
        return None
    names = [metric if isinstance(metric, str) else _called(metric) for metric in given]
    outputs = [*(getattr(model, "output_names", None) or ())]
    behind = [f"{output}_{name}" for output in outputs for name in ("loss", *names)] if len(outputs) > 1 else []
    return [*dict.fromkeys(["loss", *names, *behind])]


def plain_names(model: keras.Model) -> dict[str, str]:
    """Map the quantities of a model's history to the names that they would have in a process of their own.

    Those of metrics that have a name of their own, or were asked for by name, are the same; so is the loss.
    """
    numbers: dict[str, int] = {}
    plain = {metric.name: numbered(metric.name, type(metric).__name__, numbers) for metric in metrics_given(model)}
    outputs = ("", *(f"{name}_" for name in getattr(model, "output_names", None) or ()))
    return {f"{part}{output}{name}": f"{part}{output}{found}"
            for part in ("", "val_") for output in outputs for name, found in plain.items()}  # fmt: skip


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Give values under other names; those that have none keep their own."""
    return {names.get(name, name): value for name, value in values.items()}


def numbered_anew(config: Any, numbers: dict[str, int] | None = None) -> Any:
    """Give a configuration with the names that its metrics and losses would have in a process of their own."""
    numbers = {} if numbers is None else numbers
    if isinstance(config, list | tuple):
        return [numbered_anew(item, numbers) for item in config]
    if not isinstance(config, dict):
        return config
    kept = {name: numbered_anew(value, numbers) for name, value in config.items()}
    inner = kept.get("config")
    if isinstance(inner, dict) and isinstance(inner.get("name"), str) and isinstance(kept.get("class_name"), str):
        kept["config"] = {**inner, "name": numbered(inner["name"], kept["class_name"], numbers)}
    return kept


def numbered(name: str, kind: str, numbers: dict[str, int]) -> str:
    """Number a name anew where Keras made it, from the name of the class."""
    base = to_snake_case(kind.split(">")[-1])
    if not re.fullmatch(rf"{re.escape(base)}(_\d+)?", name):
        return name
    number = numbers.get(base, 0)
    numbers[base] = number + 1
    return f"{base}_{number}" if number else base


def _called(metric: Any) -> str:
    """Name a metric as Keras does: an object by its name, a function by its own."""
    return str(getattr(metric, "name", None) or to_snake_case(metric.__name__))


def _counted() -> dict[str, int]:
    return dict(global_state.get_global_attribute("object_name_uids") or {})


def _count_from(numbers: Mapping[str, int]) -> None:
    global_state.set_global_attribute("object_name_uids", defaultdict(int, numbers))
