"""Ask a trained model for its outputs, and how good they are: by the engine that would train it."""

from typing import Any

import keras

from cheatsheet.modelspec import describe_model
from recipes.training.data.checks import require_inputs
from recipes.training.data.prepare import examples
from recipes.training.data.streams import is_stream
from recipes.training.engines.registry import choose
from recipes.training.signature import Signature, signature_of


def predict(model: keras.Model, x: Any, *, like: Signature | None = None, batch_size: int = 256) -> Any:
    """Return the outputs of a model, as `model.predict(x)`, without its set-up for each model.

    Args:
        model: A compiled model.
        x: Inputs `(n, ...)`, checked as `fit` checks them; several as for `fit`. A `tf.data.Dataset`, `PyDataset` or
            generator goes to Keras as it is.
        like: What it was trained on; by default what `fit` remembers of it. A table's columns are put in that order.
        batch_size: Rows at once; it does not change the outputs.

    Returns:
        Outputs `(n, units)`, or whatever shape and structure the model gives.

    Raises:
        DataError: for rows of another shape than the model takes, and for columns that are missing or new.
    """
    if is_stream(x):
        return model.predict(x, verbose=0)
    inputs = require_inputs(describe_model(model), x, like or signature_of(model))
    engine, _ = choose("auto", model, inputs)
    return engine.predict(model, inputs, batch_size)


def evaluate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    like: Signature | None = None,
    batch_size: int = 32,
) -> dict[str, Any]:
    """Return the loss and the metrics that a model gets on these rows.

    Args:
        model: A compiled model.
        x: Inputs `(n, ...)`, several as for `fit`; a stream goes to Keras as it is.
        y: Targets, labels as in training; `None` evaluates an autoencoder on x.
        sample_weight: Weights as for `fit`.
        like: What it was trained on; by default what `fit` remembers of it.
        batch_size: Rows at once.

    Returns:
        `{"loss": ..., metric: ...}`, as `model.evaluate(..., return_dict=True)`.

    Raises:
        DataError: for examples that do not fit the model, its loss or each other.
    """
    if is_stream(x):
        return model.evaluate(x, verbose=0, return_dict=True)
    data = examples(model, x, y, like or signature_of(model), sample_weight)
    engine, _ = choose("auto", model, data.arrays)
    return engine.evaluate(model, data, batch_size)
