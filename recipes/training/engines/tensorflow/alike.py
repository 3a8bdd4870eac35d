"""When can two models run the same compiled program? When everything that tracing can read is known to be equal.

A compiled program is a fixed graph whose variables are arguments. Tracing reads a model's Python objects: layers,
optimizer, losses, metrics, regularizers, and whatever was set on them after they were made. Their configurations do not
show all of that. So `identity` walks the objects themselves, every attribute of every one, and gives a text that is
equal for two models only if they differ in nothing but numbers that are no part of the graph: variables, and the few
constants that are lifted out of it (`lifted`). A program's own model is never consulted again, because there is none.

What is not known forbids sharing: a class that is neither Keras' nor ours, a function that is not the one of that name
in its module, any value of a type that is not listed here. Then `identity` gives `None`, and the program belongs to
that model alone. `docs/engine.md`, "Which models share a program", says what was tried against it.
"""

import inspect
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras

from recipes.training.engines.tensorflow.state import state_of
from recipes.training.engines.tensorflow.walk import DEAF_TO_NAMES, Unknown, Walk

# Beyond this size a program that outlives its model would keep too much of the graph's memory.
MOST_PARAMETERS = 20_000_000


def identity(model: keras.Model) -> str | None:
    """Make a text that is equal for models that can run one program; `None` for a model that must have its own.

    Args:
        model: A built and compiled model.
    """
    if model.count_params() > MOST_PARAMETERS:
        return None
    walk = Walk(names=_reads_names(model))
    try:
        walk.model(model)
    except (Unknown, RecursionError):
        return None
    return walk.digest()


def looks(model: keras.Model) -> Hashable:
    """Say what a model that must have its own program looks like now: something else once that no longer fits.

    Equal while the model is neither compiled, nor frozen, nor changed in anything that `identity` reads.
    """
    met: list[Any] = []
    walk = Walk(names=True, met=met)
    walk.model(model)
    return walk.digest(), _These([model.optimizer, *state_of(model), *model.trainable_variables, *met])


class _These:
    """The very same objects, and no others that have come to lie at their addresses since."""

    def __init__(self, things: Sequence[Any]) -> None:
        self.ids = tuple(map(id, things))
        self.held = [_held(thing) for thing in things]

    def __hash__(self) -> int:
        return hash(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _These) or self.ids != other.ids:
            return False
        return all(
            mine() is not None and mine() is theirs() for mine, theirs in zip(self.held, other.held, strict=True)
        )


def _held(thing: Any) -> Callable[[], Any]:
    """Make a weak reference where there can be one."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: thing


def identity_but_widths(model: keras.Sequential, widths: Sequence[int]) -> str | None:
    """Make a text that is equal for networks that differ in hidden layers' widths and the dropout behind them alone.

    Args:
        model: A built and compiled `Sequential` whose layers from the first to the last `Dense` are `Dense` and
            `Dropout`.
        widths: Of the hidden layers in the program.
    """
    layers = model.layers
    dense = [i for i, layer in enumerate(layers) if type(layer) is keras.layers.Dense]
    between = layers[dense[0] : dense[-1]]
    dropouts = [layer for layer in between if type(layer) is keras.layers.Dropout]
    if model._functional is not None and [*model._functional.layers] != [*model._functional._layers]:
        return None
    walk = Walk(names=_reads_names(model), model=model, free=[*between, layers[dense[-1]]])
    try:
        for layer in dropouts:  # which without a rate have no seeds
            if _of_dropout(layer) != _of_dropout(keras.layers.Dropout(0.5 if layer.rate else 0.0, seed=0)):
                return None
        walk.model(model)
        walk.value([layer for layer in layers if layer not in dropouts])
    except (Unknown, RecursionError):
        return None
    walk.value([*widths])
    return walk.digest()


_TOLD: dict[str, bool] = {}


def is_told_by_its_configuration(model: keras.Model, build: Callable[[keras.Model], None]) -> bool:
    """Say whether everything that tracing can read of a model is in its configuration, but for widths and numbers.

    A twin is made from the configuration and written down as the model is: what was set on a layer, an optimizer or a
    class afterwards makes the two differ. It is made once for all models that are written down alike.

    Args:
        model: A built and compiled `Sequential`, or a functional model that is a chain.
        build: Creates every variable of the twin.
    """
    digest = _but_numbers(model)
    if digest is None or not is_known_throughout(model):
        return False
    if digest not in _TOLD:
        try:
            twin = type(model).from_config(with_seeds(model.get_config()))
            twin.compile_from_config(model.get_compile_config())
            build(twin)
            _TOLD[digest] = _but_numbers(twin) == digest
        except Exception:  # a configuration that nothing can be made from, such as two clips at once
            _TOLD[digest] = False
    return _TOLD[digest]


def _but_numbers(model: keras.Model) -> str | None:
    """Make a text that is equal for models that differ in numbers, widths of `Dense` and rates of dropout alone."""
    functional = getattr(model, "_functional", model)  # which a `Sequential` has inside
    if functional is not None and [*functional.layers] != [*functional._layers]:
        return None
    kinds = (keras.layers.Dense, keras.layers.Dropout)
    walk = Walk(names=_reads_names(model), model=model, free=[one for one in model.layers if type(one) in kinds])
    try:
        walk.model(model)
        walk.value([*model.layers])
    except (Unknown, RecursionError):
        return None
    return walk.digest()


def with_seeds(config: Any) -> Any:
    """Put a seed into the configuration wherever Keras would draw one from Python's global generator."""
    if isinstance(config, dict):
        return {name: 0 if name == "seed" and value is None else with_seeds(value) for name, value in config.items()}
    return [with_seeds(item) for item in config] if isinstance(config, list) else config


def _of_dropout(layer: keras.layers.Dropout) -> list[str]:
    """Write down everything of a dropout layer but its rate and what has been made of it by calling it."""
    walk = Walk(names=False, free=[layer])
    walk.value(layer)
    return walk.tokens


def is_known_throughout(model: keras.Model) -> bool:
    """Say whether layers, their functions, loss and metrics are all of Keras' or of our making.

    Then to run a loss or a metric changes nothing, and the configuration can be read.
    """
    user = model._compile_metrics
    given = (model.loss, user and user._user_metrics, user and user._user_weighted_metrics)
    parts = [part for part in keras.tree.flatten(given) if part is not None and not isinstance(part, str)]
    for layer in (model, *model._flatten_layers()):
        held = [value for name, value in vars(layer).items() if name not in ("build", "quantize")]
        parts += [layer, *(value for value in held if callable(value) and not isinstance(value, type))]
    homes = (part.__module__ if inspect.isroutine(part) else type(part).__module__ for part in parts)
    return all((home or "").startswith(("keras.src.", "recipes.")) for home in homes)


def _reads_names(model: keras.Model) -> bool:
    """Does anything in a step depend on the name of a layer or a variable?"""
    if type(model.optimizer).__name__ not in DEAF_TO_NAMES:
        return True
    return any(
        len(getattr(part, "inputs", None) or ()) > 1 or len(getattr(part, "outputs", None) or ()) > 1
        for part in model._flatten_layers()
        if isinstance(part, keras.Model)
    )
