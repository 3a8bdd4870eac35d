"""The searches for a network that this package builds: classifiers and regressions from x and y, autoencoders of x."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

from recipes.autoencoder.build import build_autoencoder
from recipes.build import build_model
from recipes.tuning.hypermodels import name_afresh
from recipes.tuning.kinds import Kind
from recipes.tuning.space import OF_BODY, ask, defaults
from recipes.tuning.words import WITH_Y, WITHOUT_Y
from recipes.tuning.work.train import again, check, retrain, train

if TYPE_CHECKING:
    from recipes.tuning.problem import Problem


def build_supervised(problem: "Problem", hp: Any, seed: int) -> keras.Model:
    """Call `build_model` with these hyperparameters."""
    model = build_model(
        **arguments_of_network(problem, ask(hp, problem.entries)), x=problem.x, y=problem.y, seed=seed,
        metrics=copy.deepcopy(problem.metrics),
    )  # fmt: skip
    name_afresh(model)
    return model


def build_coder(problem: "Problem", hp: Any, seed: int) -> keras.Model:
    """Call `build_autoencoder` with these hyperparameters."""
    return build_autoencoder(**arguments_of_coder(problem, ask(hp, problem.entries)), x=problem.x, seed=seed)


def arguments_of_network(problem: "Problem", values: Mapping[str, Any]) -> dict[str, Any]:
    """Give what `build_model` takes for hyperparameters, but for the data and the seed."""
    options = {"task": problem.task, "body": problem.body, **_common(values)}
    if problem.loss is not None:
        options["loss"] = problem.loss
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
    return options


def arguments_of_coder(problem: "Problem", values: Mapping[str, Any]) -> dict[str, Any]:
    """Give what `build_autoencoder` takes for hyperparameters, but for the data and the seed."""
    options = {"kind": problem.body, **_common(values)}
    depth = values.get("num_layers", 2)
    if "latent" in values:
        options["latent"] = int(values["latent"])
    if problem.body == "conv" and ("filters" in values or "num_layers" in values):
        options["filters"] = tuple(int(values.get("filters", 16)) * 2**i for i in range(depth))
    elif problem.body == "dense" and ("units" in values or "num_layers" in values):
        options["units"] = tuple(max(1, int(values.get("units", 128)) // 2**i) for i in range(depth))
    return options


def _common(values: Mapping[str, Any]) -> dict[str, Any]:
    same = ("optimizer", "learning_rate", "weight_decay")
    options: dict[str, Any] = {name: values[name] for name in same if name in values}
    if "activation" in values:
        options["hidden_activation"] = values["activation"]
    return options


SUPERVISED = Kind(
    build=build_supervised,
    arguments=arguments_of_network,
    train=train,
    again=again,
    retrain=retrain,
    check=check,
    names={body: OF_BODY[body] for body in WITH_Y},
    defaults=defaults,
    by_engine=True,
)
AUTOENCODER = Kind(
    build=build_coder,
    arguments=arguments_of_coder,
    train=train,
    again=again,
    retrain=retrain,
    check=check,
    names={body: OF_BODY[body] for body in WITHOUT_Y},
    defaults=defaults,
    by_engine=True,
)
