"""The cells of the matrix: every common layer, optimizer, metric and size, as small models on noise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers


@dataclass(frozen=True)
class Cell:
    """One combination: a compiled model, its data, and how it is trained.

    Attributes:
        make: Gives a fresh compiled model.
        data: Gives x and y of so many rows.
        validated: Whether a fifth as many rows again are validated on after each epoch.
        with_callback: Whether EarlyStopping watches, without ever stopping.
    """

    make: Callable[[], keras.Model]
    data: Callable[[int], tuple[np.ndarray, np.ndarray]]
    rows: int
    batch_size: int = 32
    validated: bool = False
    with_callback: bool = False

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.rows // self.batch_size)


# The data: noise, for only the time is looked at.


def table(rows: int, features: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Rows of numbers with two classes."""
    return _noise(rows, (features,)), _classes(rows)


def images(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """As large as MNIST's, with two classes."""
    return _noise(rows, (28, 28, 1)), _classes(rows)


def same_images(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Images as their own targets, for an autoencoder."""
    x = np.random.default_rng(0).random((rows, 28, 28, 1), dtype=np.float32)
    return x, x


def sequences(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """20 steps of 8 numbers, with two classes."""
    return _noise(rows, (20, 8)), _classes(rows)


def tokens(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """20 tokens of 1,000, with two classes."""
    return np.random.default_rng(0).integers(0, 1_000, (rows, 20)).astype(np.int32), _classes(rows)


def _noise(rows: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, *shape), dtype=np.float32)


def _classes(rows: int) -> np.ndarray:
    return np.random.default_rng(1).permutation(np.arange(rows) % 2).astype(np.float32)[:, None]


# The models.


def compiled(
    model: keras.Model, optimizer: Any = "adam", metrics: tuple[Any, ...] = ("accuracy",), loss: str | None = None
) -> keras.Model:
    model.compile(optimizer, loss or "binary_crossentropy", metrics=list(metrics))
    return model


def classifier(shape: tuple[int, ...], *hidden: keras.Layer, **options: Any) -> keras.Model:
    """These layers with one sigmoid behind them."""
    return compiled(keras.Sequential([keras.Input(shape), *hidden, layers.Dense(1, "sigmoid")]), **options)


def small_mlp(**options: Any) -> keras.Model:
    return classifier((30,), layers.Dense(64, "relu"), layers.Dense(32, "relu"), **options)


def with_attention() -> keras.Model:
    x = keras.Input((20, 8))
    h = layers.Dense(16)(x)
    h = layers.LayerNormalization()(h + layers.MultiHeadAttention(2, 8)(h, h))
    h = layers.GlobalAveragePooling1D()(h)
    return compiled(keras.Model(x, layers.Dense(1, "sigmoid")(h)))


def image_autoencoder(*decoder: keras.Layer) -> keras.Model:
    encoder = [layers.Conv2D(8, 3, 2, padding="same", activation="relu"),
               layers.Conv2D(4, 3, 2, padding="same", activation="relu")]  # fmt: skip
    last = layers.Conv2D(1, 3, padding="same", activation="sigmoid")
    return compiled(keras.Sequential([keras.Input((28, 28, 1)), *encoder, *decoder, last]), metrics=())


def _dense(units: int) -> keras.Layer:
    return layers.Dense(units, "relu")


def _conv(filters: int) -> keras.Layer:
    return layers.Conv2D(filters, 3, padding="same", activation="relu")


def _up(filters: int) -> keras.Layer:
    return layers.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu")


def _l2(units: int) -> keras.Layer:
    return layers.Dense(units, "relu", kernel_regularizer=keras.regularizers.L2(1e-4))


# Names and models by the data that they take; 1,000 rows of a table, 512 of all else.
LAYERS: dict[Callable[[int], tuple[np.ndarray, np.ndarray]], dict[str, Callable[[], keras.Model]]] = {
    table: {
        "dense-64-32": small_mlp,
        "dense-256-128": lambda: classifier((30,), _dense(256), _dense(128)),
        "dense-1024-1024": lambda: classifier((30,), _dense(1024), _dense(1024)),
        "dropout-64-32": lambda: classifier((30,), _dense(64), layers.Dropout(0.2), _dense(32), layers.Dropout(0.2)),
        "dropout-256-128": lambda: classifier(
            (30,), _dense(256), layers.Dropout(0.2), _dense(128), layers.Dropout(0.2)
        ),
        "gaussian-noise": lambda: classifier((30,), layers.GaussianNoise(0.1), _dense(64), _dense(32)),
        "batch-normalization": lambda: classifier(
            (30,), _dense(64), layers.BatchNormalization(), _dense(32), layers.BatchNormalization()
        ),
        "layer-normalization": lambda: classifier(
            (30,), _dense(64), layers.LayerNormalization(), _dense(32), layers.LayerNormalization()
        ),
        "l2-regularizer": lambda: classifier((30,), _l2(64), _l2(32)),
    },
    sequences: {
        "conv1d": lambda: classifier(
            (20, 8), layers.Conv1D(16, 3, activation="relu"), layers.MaxPooling1D(), layers.Flatten()
        ),
        "attention": with_attention,
        "lstm-16": lambda: classifier((20, 8), layers.LSTM(16)),
        "gru-16": lambda: classifier((20, 8), layers.GRU(16)),
        "simple-rnn-16": lambda: classifier((20, 8), layers.SimpleRNN(16)),
        "bidirectional-lstm-16": lambda: classifier((20, 8), layers.Bidirectional(layers.LSTM(16))),
        "lstm-128": lambda: classifier((20, 8), layers.LSTM(128)),
    },
    tokens: {
        "embedding": lambda: classifier((20,), layers.Embedding(1_000, 16), layers.GlobalAveragePooling1D()),
    },
    images: {
        "conv2d": lambda: classifier(
            (28, 28, 1), _conv(8), layers.MaxPooling2D(), _conv(16), layers.MaxPooling2D(), layers.Flatten()
        ),
        "depthwise-conv2d": lambda: classifier(
            (28, 28, 1), _conv(8), layers.MaxPooling2D(), layers.DepthwiseConv2D(3), layers.GlobalAveragePooling2D()
        ),
        "separable-conv2d": lambda: classifier(
            (28, 28, 1), _conv(8), layers.MaxPooling2D(), layers.SeparableConv2D(16, 3), layers.GlobalAveragePooling2D()
        ),
    },
    same_images: {
        "conv2d-transpose-autoencoder": lambda: image_autoencoder(_up(4), _up(8)),
        "upsampling-autoencoder": lambda: image_autoencoder(
            layers.UpSampling2D(), _conv(4), layers.UpSampling2D(), _conv(8)
        ),
    },
}  # fmt: skip
OPTIMIZERS: dict[str, Callable[[], keras.Optimizer]] = {
    "sgd": lambda: keras.optimizers.SGD(),
    "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
    "rmsprop": lambda: keras.optimizers.RMSprop(),
    "adam": lambda: keras.optimizers.Adam(),
    "adamw": lambda: keras.optimizers.AdamW(),
    "nadam": lambda: keras.optimizers.Nadam(),
    "adamax": lambda: keras.optimizers.Adamax(),
    "adagrad": lambda: keras.optimizers.Adagrad(),
    "adadelta": lambda: keras.optimizers.Adadelta(),
    "lion": lambda: keras.optimizers.Lion(),
    "muon": lambda: keras.optimizers.Muon(),
    "adam-clipnorm": lambda: keras.optimizers.Adam(clipnorm=1.0),
    "adam-ema": lambda: keras.optimizers.Adam(use_ema=True),
}
METRICS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "none": lambda: (),
    "accuracy": lambda: ("accuracy",),
    "auc": lambda: (keras.metrics.AUC(),),
    "f1": lambda: (keras.metrics.F1Score("micro", threshold=0.5),),
    "four": lambda: ("accuracy", keras.metrics.AUC(), keras.metrics.Precision(), keras.metrics.Recall()),
}
ROWS, BATCH_SIZES = (100, 1_000, 10_000, 100_000), (16, 32, 128, 1_024)


def all_cells() -> dict[str, Cell]:
    cells = {}
    for data, models in LAYERS.items():
        for name, make in models.items():
            cells[f"layer/{name}"] = Cell(make, data, 1_000 if data is table else 512)
    for name, optimizer in OPTIMIZERS.items():
        cells[f"optimizer/{name}"] = Cell(lambda own=optimizer: small_mlp(optimizer=own()), table, 1_000)
    for name, metrics in METRICS.items():
        cells[f"metrics/{name}"] = Cell(lambda own=metrics: small_mlp(metrics=own()), table, 1_000)
    for rows in ROWS:
        for batch_size in BATCH_SIZES[: 3 if rows == 100 else 4]:  # one batch holds 100 rows already
            for validated, ending in ((False, ""), (True, "-validated")):
                cells[f"size/{rows}x{batch_size}{ending}"] = Cell(small_mlp, table, rows, batch_size, validated)
        if rows < 100_000:
            cells[f"callback/{rows}x32-validated"] = Cell(small_mlp, table, rows, 32, True, with_callback=True)
    return cells


CELLS = all_cells()
