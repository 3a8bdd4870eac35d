"""What does a trained model say, and how good is it? The same engine as for training, without its steps."""

from typing import Any

import keras
import numpy as np

from cheatsheet.modelspec import describe_model
from recipes.training.data.checks import require_inputs
from recipes.training.data.prepare import TrainingData, examples
from recipes.training.data.targets import Classes
from recipes.training.engines.engine import Plan, choose


def predict(model: keras.Model, x: Any, *, batch_size: int = 256) -> np.ndarray:
    """Which outputs does the model give? As `model.predict(x)`, without its set-up for each model.

    Args:
        model: A compiled model.
        x: Inputs `(n, ...)`, checked as `fit` checks them.
        batch_size: Rows at once; it does not change the outputs.

    Returns:
        Outputs `(n, units)`, or whatever shape the model gives.

    Raises:
        DataError: for rows of another shape than the model takes.
    """
    if len(getattr(model, "outputs", None) or ()) != 1 or len(model.inputs) != 1:
        return model.predict(x, batch_size=batch_size, verbose=0)
    inputs = require_inputs(describe_model(model), x)
    if _is_resident(model, TrainingData(inputs, None, None, None, None, None, 0.0)):
        from recipes.training.engines.tensorflow import (
            loop as resident,  # imports tensorflow, which another backend need not have
        )

        return resident.predict(model, inputs, batch_size)
    return model.predict(inputs, batch_size=batch_size, verbose=0)


def evaluate(
    model: keras.Model, x: Any, y: Any = None, *, classes: Classes | None = None, batch_size: int = 32
) -> dict[str, Any]:
    """Which loss and metrics does the model get on these rows?

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
    if _is_resident(model, data):
        from recipes.training.engines.tensorflow import loop as resident

        return resident.evaluate(model, data, batch_size)
    return model.evaluate(inputs, targets, batch_size=batch_size, verbose=0, return_dict=True)


def _is_resident(model: keras.Model, data: TrainingData) -> bool:
    plan = Plan(epochs=1, batch_size=1, shuffle=False, seed=0, callbacks=[])
    return choose("auto", model, data, plan)[0] == "resident"
