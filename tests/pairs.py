"""Pairs of models that look alike and differ in something that hardly shows, and what a training leaves of them."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from engines import fit_by
from keras import layers, ops, optimizers, regularizers
from settings import X, Y

Make = Callable[[], keras.Model]


def net(
    *inner: Any, activation: Any = "relu", optimizer: Any = "adam", loss: Any = "binary_crossentropy", **options: Any
):
    """A small network on X and Y; `after` is called with it when it is compiled."""
    after = options.pop("after", None)
    keras.utils.set_random_seed(3)
    rate = {"adam": optimizers.Adam(0.02), "sgd": optimizers.SGD(0.3)}
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(12, activation, name="hidden"),
            *inner,
            layers.Dense(1, "sigmoid", name="head"),
        ]
    )
    model.compile(rate.get(optimizer, optimizer) if isinstance(optimizer, str) else optimizer, loss, **options)
    if after is not None:
        after(model)
    return model


def _set(path: str, value: Any) -> Callable[[keras.Model], None]:
    """Sets an attribute that lies some steps below the model; a number is the index of a layer."""

    def after(model: keras.Model) -> None:
        *steps, last = path.split(".")
        found: Any = model
        for step in steps:
            found = model.layers[int(step)] if step.isdigit() else getattr(found, step)
        setattr(found, last, value)

    return after


def _after(path: str, first: Any, second: Any, *inner: Callable[[], Any], **options: Any) -> tuple[Make, Make]:
    def make(value: Any) -> keras.Model:
        made = {name: option() if callable(option) else option for name, option in options.items()}
        return net(*(part() for part in inner), after=_set(path, value), **made)

    return lambda: make(first), lambda: make(second)


def _closure(name: str) -> tuple[Make, Make]:
    """Two functions of one name and one code, with other numbers enclosed."""

    def make(a: float) -> keras.Model:
        def function(*values: Any) -> Any:
            return ops.tanh(a * values[0])

        def loss(y_true: Any, y_pred: Any) -> Any:
            return ops.mean(ops.abs(y_true - y_pred) ** a, axis=-1)

        def schedule(layer: Any) -> Any:
            return a * 0.01 * ops.sum(ops.square(layer))

        return {
            "activation": lambda: net(activation=function),
            "loss": lambda: net(loss=loss),
            "regularizer": lambda: _dense(kernel_regularizer=schedule),
            "constraint": lambda: _dense(kernel_constraint=lambda w: ops.clip(w, -0.1 * a, 0.1 * a)),
            "lambda": lambda: net(layers.Lambda(function)),
        }[name]()

    return lambda: make(1.0), lambda: make(5.0)


def _dense(**options: Any) -> keras.Model:
    return net(layers.Dense(6, "relu", **options))


class Forgets(regularizers.Regularizer):
    """Its configuration does not say its factor."""

    def __init__(self, factor: float = 0.0) -> None:
        self.factor = factor

    def __call__(self, w: Any) -> Any:
        return self.factor * ops.sum(ops.square(w))

    def get_config(self) -> dict[str, Any]:
        return {}


class Scales(layers.Layer):
    """Likewise."""

    factor = 1.0

    def call(self, x: Any) -> Any:
        return x * self.factor


class Slow(optimizers.schedules.LearningRateSchedule):
    """Likewise."""

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = rate

    def __call__(self, step: Any) -> Any:
        return ops.cast(self.rate, "float32")

    def get_config(self) -> dict[str, Any]:
        return {}


class Halves(optimizers.SGD):
    """Likewise."""

    share = 1.0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(gradient * self.share, variable, learning_rate)


def _made(kind: type, **attributes: Any) -> Any:
    made = kind()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def _excluded(var_names: list[str] | None) -> keras.Model:
    optimizer = optimizers.AdamW(0.02, weight_decay=0.5)
    if var_names:
        optimizer.exclude_from_weight_decay(var_names=var_names)
    return net(optimizer=optimizer)


def _scaled(decay: float, left_out: list[str] | None = None) -> keras.Model:
    inner = optimizers.AdamW(0.02, weight_decay=decay)
    if left_out:
        inner.exclude_from_weight_decay(var_names=left_out)
    return net(optimizer=optimizers.LossScaleOptimizer(inner, initial_scale=8.0))


def _excluded_list(which: int) -> keras.Model:
    model = net(optimizer=optimizers.AdamW(0.02, weight_decay=0.5))
    model.optimizer.exclude_from_weight_decay(var_list=[model.layers[which].kernel])
    return model


def _patched(model: keras.Model, factor: float) -> None:
    layer, call = model.layers[0], model.layers[0].call
    layer.call = lambda x, **options: factor * call(x, **options)


def _frozen(which: int) -> keras.Model:
    model = net(layers.Dense(12, "relu"))
    model.layers[which].kernel.trainable = False
    return model


def _shared_layer(twice: bool) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8,))
    first, second = layers.Dense(8, "tanh"), layers.Dense(8, "tanh")
    hidden = first(inputs)
    hidden = first(hidden) if twice else second(hidden)
    outputs = layers.Dense(1, "sigmoid")(layers.Concatenate()([hidden, second(inputs)]))
    model = keras.Model(inputs, outputs)
    model.compile(optimizers.Adam(0.02), "binary_crossentropy")
    return model


def _op(a: float, swapped: bool = False) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8,))
    left, right = inputs[:, :4] * a, ops.tanh(inputs[:, 4:])
    joined = layers.Concatenate()([right, left] if swapped else [left, right])
    hidden = layers.Dense(8, "relu")(joined)
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))
    model.compile(optimizers.Adam(0.02), "binary_crossentropy")
    return model


def pairs() -> dict[str, tuple[Make, Make]]:
    """The pairs by what differs."""
    keras_own = layers.Dense
    found: dict[str, tuple[Make, Make]] = {f"closure of a {n}": _closure(n) for n in
             ("activation", "loss", "regularizer", "constraint", "lambda")}  # fmt: skip
    forgets = lambda f: _dense(kernel_regularizer=Forgets(f))  # noqa: E731
    partial = lambda a: net(activation=functools.partial(keras.activations.leaky_relu, negative_slope=a))  # noqa: E731
    found |= {
        "kernels left out of the decay": (lambda: _excluded(["kernel"]), lambda: _excluded(None)),
        "others left out of the decay": (lambda: _excluded(["kernel"]), lambda: _excluded(["bias"])),
        "one kernel or the other left out": (lambda: _excluded_list(0), lambda: _excluded_list(-1)),
        "regularizer whose configuration forgets": (lambda: forgets(0.0), lambda: forgets(0.1)),
        "layer whose configuration forgets": (
            lambda: net(_made(Scales, factor=1.0)), lambda: net(_made(Scales, factor=3.0))),
        "schedule whose configuration forgets": (
            lambda: net(optimizer=optimizers.SGD(Slow(0.01))), lambda: net(optimizer=optimizers.SGD(Slow(0.5)))),
        "optimizer whose configuration forgets": (
            lambda: net(optimizer=_made(Halves, share=1.0, learning_rate=0.3)),
            lambda: net(optimizer=_made(Halves, share=0.1, learning_rate=0.3))),
        "a partial function": (lambda: partial(0.01), lambda: partial(0.9)),
        "a method patched on an instance": (
            lambda: net(after=lambda m: _patched(m, 1.0)), lambda: net(after=lambda m: _patched(m, 0.2))),
        "a method patched on one of two": (net, lambda: net(after=lambda m: _patched(m, 0.2))),
        "decay set after compile": _after("optimizer.weight_decay", None, 0.3, optimizer=lambda: optimizers.Adam(0.02)),
        "decay, a whole number": _after("optimizer.weight_decay", 0.1, 1, optimizer=lambda: optimizers.Adam(0.02)),
        "clipnorm after compile": _after("optimizer.clipnorm", None, 0.01, optimizer="sgd"),
        "clipvalue after compile": _after("optimizer.clipvalue", None, 0.001, optimizer="sgd"),
        "global clipnorm after compile": _after("optimizer.global_clipnorm", None, 0.01, optimizer="sgd"),
        "momentum after compile": _after("optimizer.beta_1", 0.9, 0.1),
        "second momentum after compile": _after("optimizer.beta_2", 0.999, 0.5),
        "epsilon after compile": _after("optimizer.epsilon", 1e-7, 0.1),
        "nesterov after compile": _after("optimizer.nesterov", False, True, optimizer=lambda: optimizers.SGD(0.1, 0.9)),
        "label smoothing after compile": _after(
            "loss._fn_kwargs", *({"label_smoothing": share} for share in (0.0, 0.4)),
            loss=keras.losses.BinaryCrossentropy),
        "options of a loss after compile": _after("loss._fn_kwargs", {"delta": 1.0}, {"delta": 0.05},
                                                  loss=keras.losses.Huber),
        "reduction after compile": _after("loss.reduction", "sum_over_batch_size", "sum", optimizer="sgd",
                                          loss=keras.losses.BinaryCrossentropy),
        "activation after compile": _after("0.activation", keras.activations.relu, keras.activations.tanh),
        "closure put in after compile": _after("0.activation", lambda v: v, lambda v: 0.2 * v),
        "constraint of the variable": _after("0.kernel.constraint", None, keras.constraints.MaxNorm(0.1)),
        "regularizer of the variable": _after("0.kernel.regularizer", None, regularizers.L2(0.1)),
        "activity regularizer": _after("0.activity_regularizer", None, regularizers.L1(0.1)),
        "rate of dropout after compile": _after("1.rate", 0.2, 0.7, lambda: layers.Dropout(0.2, seed=1)),
        "spread of noise after compile": _after("1.stddev", 0.1, 0.9, lambda: layers.GaussianNoise(0.1, seed=1)),
        "momentum of batch normalisation": _after("1.momentum", 0.99, 0.1, layers.BatchNormalization),
        "epsilon of batch normalisation": _after("1.epsilon", 1e-3, 1.0, layers.BatchNormalization),
        "epsilon of layer normalisation": _after("1.epsilon", 1e-3, 1.0, layers.LayerNormalization),
        "slope of a leaky ReLU": _after("1.negative_slope", 0.1, 0.9, lambda: layers.LeakyReLU(0.1), activation="tanh"),
        "scale of a rescaling": _after("1.scale", 1.0, 0.1, lambda: layers.Rescaling(1.0)),
        "frozen before compile": (lambda: net(_trainable(True)), lambda: net(_trainable(False))),
        "one variable frozen": (lambda: _frozen(0), lambda: _frozen(1)),
        "a layer used twice": (lambda: _shared_layer(True), lambda: _shared_layer(False)),
        "a constant in the graph of layers": (lambda: _op(1.0), lambda: _op(4.0)),
        "the order of two inputs of a layer": (lambda: _op(2.0), lambda: _op(2.0, swapped=True)),
        "weights of the loss": (
            lambda: net(optimizer="sgd", loss_weights=[1.0]), lambda: net(optimizer="sgd", loss_weights=[0.1])),
        "mixed precision of one layer": (
            lambda: net(keras_own(6, "relu")), lambda: net(keras_own(6, "relu", dtype="mixed_bfloat16"))),
        "accumulation of gradients": (
            lambda: net(optimizer=optimizers.Adam(0.02)),
            lambda: net(optimizer=optimizers.Adam(0.02, gradient_accumulation_steps=2))),
        "averaged weights": (
            lambda: net(optimizer=optimizers.Adam(0.02)),
            lambda: net(optimizer=optimizers.Adam(0.02, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2))),
        "decay within a scaled optimizer": (lambda: _scaled(0.0), lambda: _scaled(0.5)),
        "who is left out within a scaled optimizer": (lambda: _scaled(0.5), lambda: _scaled(0.5, ["kernel"])),
        "a rate or a schedule": (
            lambda: net(optimizer=optimizers.SGD(0.3)),
            lambda: net(optimizer=optimizers.SGD(optimizers.schedules.ExponentialDecay(0.3, 1, 0.8)))),
    }  # fmt: skip
    return found


def _trainable(value: bool) -> keras.Layer:
    return layers.Dense(12, "relu", trainable=value)


def weights(model):
    return np.concatenate([np.ravel(np.asarray(v, dtype=np.float64)) for v in model.variables if v.dtype != "uint32"])


def trained(make, engine="resident", **options):
    keras.utils.set_random_seed(1)  # of the layers that are made before the model is
    with warnings.catch_warnings(action="ignore"):
        model = make()
        # So few steps take less than compiling them; 16 bits are rounded elsewhere then on some processors.
        model.run_eagerly = engine == "keras" and all(one.compute_dtype != "bfloat16" for one in model.layers)
        run = fit_by(engine, model, X, Y, epochs=2, batch_size=16, **options)
    assert run.engine.name == ("keras" if engine == "keras" else "resident")
    return weights(run.model)


def alike(a, b):
    scale = max(1e-3, np.abs(b).max())
    return np.allclose(a, b, atol=2e-5 * scale, equal_nan=True)
