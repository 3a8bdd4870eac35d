"""The part of the model that learns: several small networks, trained at once, behind the preprocessing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from cheatsheet.head import Head
from recipes.build import compile_head
from recipes.seeds import seeded
from recipes.tables.learning.linear import Linear
from recipes.tables.learning.scales import Scales
from recipes.tables.target import Target
from recipes.training.data.prepare import prepare
from recipes.training.engines.engine import Job, Plan
from recipes.training.several.ensemble import ensemble_of
from recipes.training.several.fit_many import train_until_interrupted
from recipes.training.several.runs import Runs

# What one network may spend on its training, in multiplications; eight of the default size then take 50,000 rows about
# a minute on two cores.
BUDGET = 6e10
MOST_EPOCHS, FEWEST_EPOCHS = 200, 6
NUM_BINS = 16
RATE, HIGH_RATE, FEW_EPOCHS = 2e-3, 5e-3, 50  # the latter: chosen by the rows held out of four tables (docs/tables.md)
# Below which dropout and decay are strong: chosen by the rows held out of five tables (docs/tables.md).
FEW_ROWS, FEW_NUMBERS = 10_000, 1_000
# Of the features of all folds together; beyond it all networks stop by the same rows, which are held once, and if that
# is still too much, a sample of the rows trains. The engine holds them three times: as they are, parted, as a constant.
MOST_BYTES = 2**29


@dataclass(frozen=True)
class Settings:
    """How the networks are made and trained.

    Attributes:
        num_bins: Of the piecewise-linear code of a number, at most.
        units: Of the hidden layers.
        dropout: Behind each of them.
        learning_rate: At its highest; it rises over the first twentieth of the steps and falls to 0 on a cosine.
        weight_decay: Of AdamW.
        batch_size: Rows a step.
        epochs: At most; with the budget of rows that are seen.
        patience: Epochs without a lower loss on the rows held out.
    """

    num_bins: int
    units: tuple[int, ...]
    dropout: float
    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int
    patience: int


def settings_for(num_rows: int, num_features: int, *, loss: str, epochs: int | None = None) -> Settings:
    """Choose the settings for so many rows and features.

    Args:
        num_rows: That are not tested on.
        num_features: Of the preprocessing.
        loss: Keras' name of it; numbers under squared errors take less dropout and decay than classes and counts.
        epochs: At most, where it was said.
    """
    units = (128, 128) if num_rows < 3_000 else (256, 256)
    batch_size = min(256, max(16, 2 ** round(math.log2(max(num_rows, 1) / 40 + 1))))
    each = num_features * units[0] + units[0] * units[1]
    by_budget = int(BUDGET / (each * num_rows))
    most = epochs or max(FEWEST_EPOCHS, min(MOST_EPOCHS, by_budget))
    few = num_rows < (FEW_NUMBERS if loss == "mean_squared_error" else FEW_ROWS)
    # Where the budget allows few epochs they have to be worth more.
    learning_rate = HIGH_RATE if epochs is None and most < FEW_EPOCHS else RATE
    dropout, decay = (0.3, 1.0) if few else (0.15, 0.3) if num_rows < FEW_ROWS else (0.1, 0.1)
    return Settings(
        num_bins=NUM_BINS, units=units, dropout=dropout, learning_rate=learning_rate, weight_decay=decay,
        batch_size=batch_size, epochs=most, patience=max(8, most // 6),
    )  # fmt: skip


def build_core(
    num_features: int, head: Head, y: np.ndarray, settings: Settings, *, num_rows: int, seed: int
) -> keras.Sequential:
    """Build one network from features to the target on its scale, whose first answer is the best constant."""
    with seeded(seed):
        layers: list[Any] = [keras.Input((num_features,))]
        for units in settings.units:
            layers.append(keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal"))
            if settings.dropout:
                layers.append(keras.layers.Dropout(settings.dropout))
        layers.append(keras.layers.Dense(head.units, name="head"))
        constant = _best_constant(head, y)
        if constant.any():  # outside the variables, so that the decay does not pull it to 0
            layers.append(keras.layers.Rescaling(1.0, constant.tolist(), name="constant"))
        if head.activation != "linear":
            layers.append(keras.layers.Activation(head.activation))
        model = keras.Sequential(layers)
        steps = settings.epochs * -(-num_rows // settings.batch_size)
        warm = max(1, steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate * 0.05, max(1, steps - warm), alpha=0.0,
            warmup_target=settings.learning_rate, warmup_steps=warm,
        )  # fmt: skip
        optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
        compile_head(model, head, optimizer=optimizer)
    last = model.get_layer("head")
    kernel, bias = last.get_weights()
    last.set_weights([kernel * 0.1, bias])
    return model


def _best_constant(head: Head, y: np.ndarray) -> np.ndarray:
    """Give what the head adds so that, before it learns, it says what is said best without looking."""
    if head.task == "regression" and head.loss == "poisson":
        return np.array([math.log(math.expm1(max(float(y.mean()), 1e-3)))])  # of the softplus
    if head.task == "quantile":
        return np.quantile(y, head.quantiles)
    if head.task == "regression":  # which is standardised
        return np.zeros(head.units)
    share = (np.bincount(y.astype(int), minlength=max(head.units, 2)) + 1) / (len(y) + max(head.units, 2))
    return np.array([math.log(share[1] / share[0])]) if head.units == 1 else np.log(share)


def train_cores(
    features: np.ndarray,
    targets: Sequence[np.ndarray],
    head: Head,
    held: Sequence[np.ndarray],
    settings: Settings,
    *,
    seed: int,
    verbose: str | int = 0,
    unit: float = 1.0,
) -> tuple[Runs, bool]:
    """Train a network for each part that is held out, all at once; each stops by its part.

    Ctrl-C ends it early; networks that have not begun by then are left out.

    Args:
        features: Of all rows that are not tested on, `(n, features)` float32.
        targets: For each network what it learns of these rows, `(n,)`, or `(n, units)` of numbers; the same for those
            that hold out the same.
        head: The last layer.
        held: Places of the rows that each network is stopped by.
        settings: How.
        seed: Of weights, orders and dropout.
        verbose: 0 is silent.
        unit: Of the losses that are shown.

    Returns:
        The networks, and whether Ctrl-C ended their training.

    Raises:
        KeyboardInterrupt: where it came before the first epoch was over, so that there is nothing to give.
    """
    jobs = []
    known: dict[bytes, Any] = {}
    for i, (out, y) in enumerate(zip(held, targets, strict=True)):
        key = out.tobytes()
        is_in = np.ones(len(y), bool)
        is_in[out] = False
        model = build_core(features.shape[1], head, y[is_in], settings, num_rows=int(is_in.sum()), seed=seed + i)
        if key not in known:
            known[key] = prepare(model, features[is_in], y[is_in], validation_data=(features[out], y[out]))
        plan = Plan(settings.epochs, settings.batch_size, True, seed + i, patience=settings.patience)
        jobs.append(Job(model, known[key], plan))
    runs, has_ended = train_until_interrupted(jobs, verbose=verbose, unit=unit)
    if not has_ended:
        return runs, False
    begun = tuple(run for run in runs if run.epochs)
    if not begun:
        raise KeyboardInterrupt("Ctrl-C ended the training before its first epoch was over: there is no result.")
    return replace(runs, runs=begun), True


def averaged(runs: Runs, features: Any, linear: Linear | None) -> Any:
    """Put networks, and what they were trained beside, behind features; return their mean outputs."""
    outputs = ensemble_of([run.model for run in runs])(features)
    if linear is None:
        return outputs
    beside = keras.layers.Dense(len(linear.bias), name="linear")
    both = linear.spread * outputs + beside(features)
    beside.set_weights([linear.kernel, linear.bias])
    return both


def compose(
    preprocessing: keras.Model, runs: Runs, target: Target, scales: Scales | None, linear: Linear | None
) -> keras.Model:
    """Put preprocessing, networks and the target's own units together in one plain Keras model.

    Args:
        preprocessing: From columns to features.
        runs: The trained networks, whose outputs are averaged.
        target: What they were trained on.
        scales: Of numbers, the way back.
        linear: Of numbers, what the networks were trained beside.
    """
    outputs = averaged(runs, preprocessing.outputs[0], linear)
    if scales is not None:
        outputs = scales.layers(outputs)
    return keras.Model(preprocessing.inputs, outputs, name=f"table_{target.task}")
