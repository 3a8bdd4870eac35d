"""The searches for a network that this package builds: classifiers and regressions from x and y, autoencoders of x."""

import copy
from typing import TYPE_CHECKING, Any

import keras

from recipes.autoencoder.build import build_autoencoder
from recipes.build import build_model
from recipes.tuning.hypermodels import name_afresh
from recipes.tuning.kinds import Kind
from recipes.tuning.space import OF_BODY, ask, defaults
from recipes.tuning.work.train import again, check, retrain, train

if TYPE_CHECKING:
    from recipes.tuning.problem import Problem


def build_supervised(problem: "Problem", hp: Any, seed: int) -> keras.Model:
    """Call `build_model` with these hyperparameters."""
    values = ask(hp, problem.entries)
    options = _common(values)
    options |= {name: values[name] for name in ("dropout", "kernel_size") if name in values}
    depth = values.get("num_layers")
    if problem.body in ("cnn", "sequence"):
        if "filters" in values or depth is not None:
            options["filters"] = tuple(int(values.get("filters", 32)) * 2**i for i in range(depth or 2))
        if "units" in values:
            options["units"] = (int(values["units"]),)
    elif depth is not None:
        options["units"] = tuple(int(values.get(f"units_{i}", 64)) for i in range(1, depth + 1))
    elif "units" in values:
        options["units"] = (int(values["units"]),) * 2  # as many layers as build_model has by default
    model = build_model(
        problem.task, x=problem.x, y=problem.y, loss=problem.loss, body=problem.body, seed=seed,
        metrics=copy.deepcopy(problem.metrics), **options,
    )  # fmt: skip
    name_afresh(model)
    return _decaying(model, values)


def build_coder(problem: "Problem", hp: Any, seed: int) -> keras.Model:
    """Call `build_autoencoder` with these hyperparameters."""
    values = ask(hp, problem.entries)
    options = _common(values)
    depth = values.get("num_layers", 2)
    if "latent" in values:
        options["latent"] = int(values["latent"])
    if problem.body == "conv" and ("filters" in values or "num_layers" in values):
        options["filters"] = tuple(int(values.get("filters", 16)) * 2**i for i in range(depth))
    elif problem.body == "dense" and ("units" in values or "num_layers" in values):
        options["units"] = tuple(max(1, int(values.get("units", 128)) // 2**i) for i in range(depth))
    return _decaying(build_autoencoder(problem.body, x=problem.x, seed=seed, **options), values)


def _common(values: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {name: values[name] for name in ("optimizer", "learning_rate") if name in values}
    if "activation" in values:
        options["hidden_activation"] = values["activation"]
    return options


def _decaying(model: keras.Model, values: dict[str, Any]) -> keras.Model:
    if "weight_decay" in values:
        model.optimizer.weight_decay = float(values["weight_decay"])
    return model


SUPERVISED = Kind(
    build=build_supervised,
    train=train,
    again=again,
    retrain=retrain,
    check=check,
    names={body: OF_BODY[body] for body in ("mlp", "cnn", "sequence")},
    defaults=defaults,
    by_engine=True,
)
AUTOENCODER = Kind(
    build=build_coder,
    train=train,
    again=again,
    retrain=retrain,
    check=check,
    names={body: OF_BODY[body] for body in ("dense", "conv")},
    defaults=defaults,
    by_engine=True,
)
