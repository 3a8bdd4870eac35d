"""Train a compiled model on arrays: checked, seeded, and with a verdict."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from recipes.diagnose import diagnose
from recipes.training.batches import ShuffledBatches
from recipes.training.inputs import TrainingData, prepare
from recipes.training.progress import ProgressLine
from recipes.training.run import Run


def fit(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    validation_data: Any = None,
    validation_split: float = 0.0,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    seed: int = 0,
    verbose: str | int = "auto",
) -> Run:
    """How well does this model learn this data?

    Reads its arguments as Keras' own `fit` does, with four differences: x and y are checked before the first step;
    labels (text, -1/+1, 1..K) are encoded to what the compiled loss wants; `validation_split` takes a shuffled and,
    for classes, stratified part rather than the last rows; and every epoch has a new order, also when seeded.

    Args:
        model: A compiled Keras model.
        x: Inputs `(n, ...)`; a dict or tuple of them for a model with several inputs.
        y: Targets, one row per row of x; `None` trains an autoencoder on x.
        epochs: Passes over the training rows.
        batch_size: Rows per step.
        validation_data: `(x, y)` or `(x, y, sample_weight)`.
        validation_split: Share of the rows to validate on instead, `0 <= validation_split < 1`.
        shuffle: Whether each epoch has a new order.
        sample_weight: Weight of each row `(n,)`, at least 0.
        class_weight: Weight of each class, by label or by index.
        callbacks: Keras callbacks.
        seed: Of the validation split and the order of the batches. Weights and dropout have their own,
            `build_model(seed=...)`.
        verbose: 0 is silent; anything else shows one line.

    Returns:
        A `Run`: `history`, `findings`, `classes`, `seconds`; `plot()` draws it. The model itself is trained.

    Raises:
        ValueError: for data that do not fit the model, before anything is changed.
    """
    start = time.perf_counter()
    _require_whole(epochs, "epochs", 1)
    _require_whole(batch_size, "batch_size", 1)
    _require_whole(seed, "seed", 0)
    data = prepare(
        model,
        x,
        y,
        sample_weight=sample_weight,
        class_weight=class_weight,
        validation_data=validation_data,
        validation_split=validation_split,
        seed=seed,
    )
    steps_per_epoch = -(-data.num_rows // batch_size)
    callbacks = list(callbacks)
    line = ProgressLine(epochs=epochs, steps_per_epoch=steps_per_epoch)
    try:
        history = _fit_with_keras(
            model,
            data,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            callbacks=[*callbacks, line] if verbose else callbacks,
        )
    finally:
        line.close()
    return Run(
        model=model,
        history=history,
        findings=diagnose(history, chance=data.chance),
        engine="keras: model.fit",
        seed=seed,
        seconds=time.perf_counter() - start,
        steps=len(history.get("loss", ())) * steps_per_epoch,
        classes=data.classes,
        chance=data.chance,
    )


def _fit_with_keras(
    model: keras.Model,
    data: TrainingData,
    *,
    epochs: int,
    batch_size: int,
    shuffle: bool,
    seed: int,
    callbacks: list[keras.callbacks.Callback],
) -> dict[str, list[float]]:
    arrays = (data.x, data.y) if data.sample_weight is None else (data.x, data.y, data.sample_weight)
    validation = None
    if data.validation is not None:
        validation = data.validation if data.validation[2] is not None else data.validation[:2]
    batches = ShuffledBatches(arrays, batch_size=batch_size, seed=seed, shuffle=shuffle)
    new_order = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.set_epoch(epoch))
    history = model.fit(
        batches,
        epochs=epochs,
        validation_data=validation,
        validation_batch_size=batch_size,
        shuffle=False,  # ShuffledBatches has its own order
        callbacks=[new_order, *callbacks],
        verbose=0,
    )
    return history.history


def _require_whole(value: Any, name: str, least: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}. Received: {name}={value!r}.")
