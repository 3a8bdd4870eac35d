"""Every attribute of Keras' own objects, and another value for each: what `test_sharing.py` sets."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

ROWS = np.random.default_rng(0)
X = ROWS.normal(size=(64, 8)).astype("float32")
Y = (X[:, :1] + 0.3 * X[:, 1:2] > 0).astype("float32")
SHAPES = {1: (8,), 2: (4, 2), 3: (2, 2, 2), 4: (2, 2, 2, 1)}  # of an example, by its number of axes


@dataclass(frozen=True)
class Subject:
    """An object in a compiled model whose attributes are set.

    Attributes:
        name: Of its class.
        make: A new compiled model.
        find: The object in that model.
    """

    name: str
    make: Callable[[], keras.Model]
    find: Callable[[keras.Model], Any]


def network(
    *inner: Any, optimizer: Any = None, loss: Any = "binary_crossentropy", metrics: Any = (), shape: Any = (8,)
):
    """A small network around these layers, on X and Y."""
    body = [layers.Reshape(shape), *inner, layers.Flatten()]
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8, "tanh"), *body, layers.Dense(1, "sigmoid")])
    model.compile(optimizer or keras.optimizers.SGD(0.1), loss, metrics=list(metrics))
    return model


def subjects(rng: np.random.Generator | None = None, most: int = 10**6) -> list[Subject]:
    """One for each class that can stand in a small network on X and Y, whatever its arguments.

    Args:
        rng: Of their order.
        most: So many of them.
    """
    found: dict[str, Subject] = {}
    candidates = [*_candidates()]
    for i in range(len(candidates)) if rng is None else rng.permutation(len(candidates)):
        name, make, find = candidates[i]
        if len(found) == most:
            break
        try:
            find(make())
        except Exception:  # one that needs other data
            continue
        found.setdefault(name, Subject(name, make, find))
    return [*found.values()]


def _candidates() -> Iterator[tuple[str, Callable[[], keras.Model], Callable[[keras.Model], Any]]]:
    yield "Sequential", network, lambda model: model
    yield "Functional", lambda: _functional(), lambda model: model
    yield "CompileLoss", network, lambda model: model._compile_loss
    yield "CompileMetrics", lambda: network(metrics=["accuracy"]), lambda model: model._compile_metrics
    yield "Variable", network, lambda model: model.layers[0].kernel
    for name, kind in _classes(keras.optimizers, keras.optimizers.Optimizer):
        yield name, lambda kind=kind: network(optimizer=kind(0.01)), lambda model: model.optimizer
        yield (f"{name} with decay", lambda kind=kind: network(optimizer=kind(0.01, weight_decay=0.1)),
               lambda model: model.optimizer)  # fmt: skip
    for name, kind in _classes(keras.losses, keras.losses.Loss):
        yield name, lambda kind=kind: network(loss=kind()), lambda model: model.loss
    for name, kind in _classes(keras.metrics, keras.metrics.Metric):
        yield (name, lambda kind=kind: network(metrics=[_made(kind, name="m")]),
               lambda model: model._compile_metrics._user_metrics[0])  # fmt: skip
    for what, base in (("kernel_regularizer", keras.regularizers.Regularizer),
                       ("kernel_constraint", keras.constraints.Constraint)):  # fmt: skip
        module = keras.regularizers if what == "kernel_regularizer" else keras.constraints
        for name, kind in _classes(module, base):
            yield (name, lambda kind=kind, what=what: network(layers.Dense(4, **{what: _made(kind)})),
                   lambda model, what=what: getattr(model.layers[2], what))  # fmt: skip
    schedules = keras.optimizers.schedules
    for name, kind in _classes(schedules, schedules.LearningRateSchedule):
        yield (name, lambda kind=kind: network(optimizer=keras.optimizers.SGD(_made(kind))),
               lambda model: model.optimizer._learning_rate)  # fmt: skip
    for name, kind in _classes(layers, layers.Layer):
        for shape in SHAPES.values():
            yield (name, lambda kind=kind, shape=shape: network(_made(kind), shape=shape),
                   lambda model: model.layers[2])  # fmt: skip
    sequence = {"shape": (4, 2)}
    yield "RNN", lambda: network(layers.RNN(layers.LSTMCell(3)), **sequence), lambda model: model.layers[2]
    yield "LSTMCell", lambda: network(layers.RNN(layers.LSTMCell(3)), **sequence), lambda model: model.layers[2].cell
    yield (
        "Bidirectional",
        lambda: network(layers.Bidirectional(layers.GRU(3)), **sequence),
        lambda model: model.layers[2],
    )
    yield (
        "TimeDistributed",
        lambda: network(layers.TimeDistributed(layers.Dense(3)), **sequence),
        lambda model: model.layers[2],
    )
    yield "MultiHeadAttention", _attention, lambda model: model.layers[2]


def _attention() -> keras.Model:
    inputs = keras.Input((8,))
    rows = layers.Reshape((4, 2))(inputs)
    found = layers.MultiHeadAttention(2, 3, dropout=0.2)(rows, rows)
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Flatten()(found)))
    model.compile("sgd", "binary_crossentropy")
    return model


def _functional() -> keras.Model:
    inputs = keras.Input((8,))
    hidden = layers.Dense(4, "relu")(inputs)
    outputs = layers.Dense(1, "sigmoid")(layers.Concatenate()([hidden, inputs * 2.0]))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "binary_crossentropy")
    return model


def _classes(module: Any, base: type) -> list[tuple[str, type]]:
    found = [(name, kind) for name, kind in vars(module).items() if inspect.isclass(kind) and issubclass(kind, base)]
    return sorted({id(kind): (name, kind) for name, kind in found if kind is not base}.values())


# Arguments that a constructor wants, whatever the class.
_ARGUMENTS = {
    "units": 3, "filters": 3, "kernel_size": 1, "rate": 0.3, "stddev": 0.1, "input_dim": 5, "output_dim": 3, "n": 2,
    "num_heads": 1, "key_dim": 2, "axes": 1, "dims": (1,), "target_shape": (8,), "activation": "relu", "groups": 1,
    "factor": 2, "num_classes": 2, "sensitivity": 0.5, "specificity": 0.5, "precision": 0.5, "recall": 0.5,
    "target_class_ids": [0, 1], "initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5,
    "first_decay_steps": 5, "boundaries": [3, 6], "values": [0.1, 0.05, 0.01], "min_value": -0.5, "max_value": 0.5,
    "pool_size": 1, "scale": 0.5, "max_norm": 1.0, "l1": 0.01, "l2": 0.01, "shape": (8,),
}  # fmt: skip


def _made(kind: type, **given: Any) -> Any:
    wanted = inspect.signature(kind.__init__).parameters.values()
    needed = {p.name: _ARGUMENTS[p.name] for p in wanted if p.default is p.empty and p.name in _ARGUMENTS}
    return kind(**needed, **given)


def others(value: Any) -> list[Any]:
    """Other values of the kind of this one; none for what nobody would set."""
    if value is None:
        return [0.3, 2, "sum", True]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, float):
        return [0.5 * value + 0.05, int(value) + 1]
    if isinstance(value, str):
        return [{"channels_last": "channels_first", "valid": "same"}.get(value, "sum" if value != "sum" else "none")]
    if isinstance(value, tuple) and value and all(isinstance(item, int) for item in value):
        return [tuple(item + 1 for item in value)]
    if inspect.isfunction(value) and value.__module__.startswith("keras.src.activations"):
        return [keras.activations.softplus if value is not keras.activations.softplus else keras.activations.tanh,
                lambda v: 0.3 * v]  # fmt: skip
    if isinstance(value, keras.regularizers.Regularizer):
        return [keras.regularizers.L2(0.2)]
    if isinstance(value, keras.constraints.Constraint):
        return [keras.constraints.MaxNorm(0.1)]
    if isinstance(value, np.ndarray):
        return [value * 0.5 + 0.1]
    return []


def settings(subject: Subject) -> Iterator[tuple[str, Any]]:
    """Every attribute of the object that can be set to something else, and what to."""
    found = subject.find(subject.make())
    names = {*vars(found)} | {n for n, v in inspect.getmembers(type(found)) if isinstance(v, property) and v.fset}
    for name in sorted(names):
        if name.startswith(("_self_", "__")):
            continue
        try:
            value = getattr(found, name)
        except Exception:
            continue
        for other in others(value):
            yield name, other
    for name in ("call", "update_state", "update_step", "__call__"):  # patched on the instance
        if callable(getattr(found, name, None)) and name != "__call__":
            yield name, "patched"


def set_on(found: Any, name: str, other: Any) -> bool:
    """Set it; whether that was possible."""
    if other == "patched":
        before = getattr(found, name)
        other = lambda *arguments, **options: before(*arguments, **options)  # noqa: E731 - as a user would
    try:
        setattr(found, name, other)
    except Exception:
        return False
    return True
