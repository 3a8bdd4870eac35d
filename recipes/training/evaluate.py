"""Ask a trained model for its outputs, and how good they are: by the engine that would train it."""

from typing import Any

import keras
import numpy as np

from cheatsheet.modelspec import describe_model
from recipes.training.data.checks import require_inputs
from recipes.training.data.prepare import TrainingData, examples
from recipes.training.data.targets import Classes
from recipes.training.engines.registry import choose


def predict(model: keras.Model, x: Any, *, batch_size: int = 256) -> np.ndarray:
    """Return the outputs of a model, as `model.predict(x)`, without its set-up for each model.

    Args:
        model: A compiled model.
        x: Inputs `(n, ...)`, checked as `fit` checks them.
        batch_size: Rows at once; it does not change the outputs.

    Returns:
        Outputs `(n, units)`, or whatever shape the model gives.

    Raises:
        DataError: for rows of another shape than the model takes.
    """
    one_each = len(getattr(model, "outputs", None) or ()) == len(getattr(model, "inputs", None) or ()) == 1
    inputs = require_inputs(describe_model(model), x) if one_each else x
    engine, _ = choose("auto", model, inputs)
    return engine.predict(model, inputs, batch_size)


def evaluate(
    model: keras.Model, x: Any, y: Any = None, *, classes: Classes | None = None, batch_size: int = 32
) -> dict[str, Any]:
    """Return the loss and the metrics that a model gets on these rows.

    Args:
        model: A compiled model.
        x: Inputs `(n, ...)`.
        y: Targets, labels as in training; `None` evaluates an autoencoder on x.
        classes: The labels in the order of the outputs, `Run.classes`.
        batch_size: Rows at once.

    Returns:
        `{"loss": ..., metric: ...}`, as `model.evaluate(..., return_dict=True)`.

    Raises:
        DataError: for examples that do not fit the model, its loss or each other.
    """
    inputs, targets, _ = examples(model, x, y, classes)
    data = TrainingData(inputs, targets, None, None, classes, None, 0.0)
    engine, _ = choose("auto", model, data.arrays)
    return engine.evaluate(model, data, batch_size)
