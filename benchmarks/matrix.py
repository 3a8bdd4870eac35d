"""`recipes.fit` against `model.fit`, cell by cell: `python benchmarks/matrix.py [--cells NAME ...]`.

Where is the resident engine worth it, and is `engine="auto"` slower anywhere? A cell is one kind of layer, optimizer,
metric or size of the data. Two quantities are measured in each, both by wall time and for the same number of epochs:

- `first` is the whole first call on a fresh model, with all compiling, in a process where TensorFlow is loaded and
  both ways have trained another small network. Kept programs are cleared before.
- `steady` is a later call on the same model, with as many epochs as keep the slower way busy for half a second.

The two ways take turns, and a ratio is Keras' seconds over ours of one such pair: above 1, ours is faster. What is
given is the median over the pairs and an interval from their order statistics: from the k-th smallest ratio to the
k-th largest, the narrowest that covers the true median with at least 95 %, whatever the distribution. Below six pairs
even the smallest and the largest cover less, and the share stands beside them. A cell whose interval lies below 0.95
LOSES.

A change from the plain graph to XLA, which many steps bring, costs a call that compiles. `steady` begins anew after it,
so that all its pairs ran alike; `--seconds` makes the calls longer, and so more of them XLA's. Cells are written to a
file as they come, and a second call measures only those that are missing. The whole takes some 25 minutes.
"""

import argparse
import gc
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from run import machine

import recipes

HERE = Path(__file__).parent
WAYS, QUANTITIES = ("keras", "recipes"), ("first", "steady")
FIRST_EPOCHS, MOST_FIRST_STEPS = 3, 6_000  # 100,000 rows in small batches get fewer epochs, for they take minutes
LEAST_PAIRS = 3  # whatever the time limit
COVERAGE, LOSES_BELOW = 0.95, 0.95

Record = dict[str, Any]


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", metavar="NAME", help="only cells with one of these in their name")
    parser.add_argument("--list", action="store_true", help="print the names of the cells and measure nothing")
    parser.add_argument("--repeats", type=int, default=7, help="pairs of calls for each quantity (7)")
    parser.add_argument("--seconds", type=float, default=0.5, help="least seconds of the slower steady call (0.5)")
    few = f"for the pairs of one quantity, of which {LEAST_PAIRS} are made at least (15)"
    parser.add_argument("--limit", type=float, default=15, metavar="SECONDS", help=few)
    parser.add_argument("--again", action="store_true", help="measure cells that the file has, too")
    parser.add_argument("--markdown", action="store_true", help="print the chosen cells of the file as a table, last")
    parser.add_argument("--out", type=Path, default=HERE / "matrix.json", metavar="FILE.json")
    options = parser.parse_args()
    if options.repeats < 2:
        parser.error(f"an interval needs two pairs. Received: --repeats {options.repeats}.")
    chosen = {name: cell for name, cell in CELLS.items()
              if options.cells is None or any(part in name for part in options.cells)}  # fmt: skip
    if not chosen:
        parser.error(f"no cell has {' or '.join(options.cells)} in its name; --list prints them.")
    if options.list:
        print(*chosen, sep="\n")
        return
    found = json.loads(options.out.read_text()) if options.out.exists() else {"cells": {}}
    known = {name for name, record in found["cells"].items() if "error" not in record and not options.again}
    if missing := [name for name in chosen if name not in known]:
        found["machine"] = machine()
        warm_up()
    for name in missing:
        gc.collect()
        gc.freeze()  # or a look through all that TensorFlow keeps costs some call or other a quarter of a second
        start = time.perf_counter()
        try:
            record = measure(chosen[name], options.repeats, options.seconds, options.limit)
        except Exception as error:  # the other cells are still wanted
            record = {"error": f"{type(error).__name__}: {error}"}
        record |= {"commit": found["machine"]["commit"], "took_s": time.perf_counter() - start}
        found["cells"][name] = record
        _write(options.out, found)
        print(line(name, record), flush=True)
    records = {name: found["cells"][name] for name in chosen}
    if options.markdown:
        print_table(records)
    print(f"\n{len(records)} cells; {summary(records)}")


def measure(cell: Cell, repeats: int, seconds: float, limit: float) -> Record:
    """Both quantities of one cell."""
    x, y = cell.data(cell.rows)
    validation = cell.data(max(1, cell.rows // 5)) if cell.validated else None

    def call(way: str, model: keras.Model, epochs: int) -> tuple[float, str]:
        return timed(way, model, x, y, epochs=epochs, batch_size=cell.batch_size, validation_data=validation,
                     callbacks=[_watcher(cell)] if cell.with_callback else [])  # fmt: skip

    epochs = max(1, min(FIRST_EPOCHS, MOST_FIRST_STEPS // cell.steps_per_epoch))
    first, models = measure_first(cell.make, call, epochs, repeats, limit)
    steady = measure_steady(models, call, first["engine"], repeats, seconds, limit)
    for record in (first, steady):
        record["steps"] = record["epochs"] * cell.steps_per_epoch
    return {"rows": cell.rows, "batch_size": cell.batch_size, "first": first, "steady": steady}


def measure_first(
    make: Callable[[], keras.Model],
    call: Callable[[str, keras.Model, int], tuple[float, str]],
    epochs: int,
    repeats: int,
    limit: float,
) -> tuple[Record, dict[str, keras.Model]]:
    """First calls on fresh models, and the last model of each way."""
    start, pairs, models, engine = time.perf_counter(), [], {}, ""
    while not _enough(pairs, repeats, start, limit):
        pair = {}
        for way in WAYS:
            keras.backend.clear_session()
            recipes.clear_programs()
            models[way] = make()
            pair[way], engine = call(way, models[way], epochs)
        pairs.append(pair)
    return compared(pairs, epochs, engine), models


def measure_steady(
    models: dict[str, keras.Model],
    call: Callable[[str, keras.Model, int], tuple[float, str]],
    engine: str,
    repeats: int,
    seconds: float,
    limit: float,
) -> Record:
    """Later calls on models that have been trained, with as many epochs as take the slower way so many seconds."""
    start, epochs, pairs = time.perf_counter(), 1, []
    while not _enough(pairs, repeats, start, limit):
        pair = {}
        for way in WAYS:
            pair[way], ran = call(way, models[way], epochs)
        slower = max(pair.values())
        if ran != engine:  # this call compiled, and what was before it ran otherwise
            pairs, engine = [], ran
        elif slower < seconds and not pairs:
            epochs = max(2 * epochs if slower < seconds / 2 else epochs + 1, math.ceil(epochs * seconds / slower))
        else:
            pairs.append(pair)
    return compared(pairs, epochs, engine)


def timed(way: str, model: keras.Model, x: Any, y: Any, *, epochs: int, **options: Any) -> tuple[float, str]:
    """Seconds of one call, and what ran."""
    gc.collect()
    start = time.perf_counter()
    if way == "keras":
        history = model.fit(x, y, epochs=epochs, verbose=0, **options).history
        seconds, engine = time.perf_counter() - start, "model.fit"
    else:
        run = recipes.fit(model, x, y, epochs=epochs, verbose=0, engine="auto", **options)
        seconds = time.perf_counter() - start
        history, engine = run.history, str(run.engine) if run.engine.name == "keras" else run.engine.how.split(",")[0]
    if len(history["loss"]) != epochs:
        raise RuntimeError(f"{way} trained {len(history['loss'])} of {epochs} epochs.")
    return seconds, engine


def compared(pairs: list[dict[str, float]], epochs: int, engine: str) -> Record:
    """The seconds of all pairs, and the median of their ratios with its interval."""
    ratios = sorted(pair["keras"] / pair["recipes"] for pair in pairs)
    low, high, coverage = interval(ratios)
    seconds = {f"{way}_s": [pair[way] for pair in pairs] for way in WAYS}
    middle = {"ratio": statistics.median(ratios), "low": low, "high": high, "coverage": coverage}
    return {"epochs": epochs, "engine": engine, **seconds, **middle}


def interval(values: list[float]) -> tuple[float, float, float]:
    """Lower and upper end for the median from sorted values, and how surely it lies between.

    The k-th smallest of n lies above the median where fewer than k values fall below it: Bin(n, 1/2).
    """

    def coverage(k: int) -> float:
        return 1 - 2 * sum(math.comb(len(values), i) for i in range(k)) / 2 ** len(values)

    k = max((k for k in range(1, (len(values) + 1) // 2 + 1) if coverage(k) >= COVERAGE), default=1)
    return values[k - 1], values[-k], coverage(k)


def warm_up() -> None:
    """What a process pays once, whatever it trains."""
    for way in WAYS:
        model = compiled(keras.Sequential([keras.Input((5,)), layers.Dense(3, "tanh"), layers.Dense(1, "sigmoid")]))
        x, y = table(50, features=5)
        timed(way, model, x, y, epochs=2, batch_size=20, validation_data=(x, y))


def _enough(pairs: list[Any], repeats: int, start: float, limit: float) -> bool:
    late = time.perf_counter() - start > limit
    return len(pairs) >= (min(LEAST_PAIRS, repeats) if late else repeats)


def _watcher(cell: Cell) -> keras.callbacks.Callback:
    return keras.callbacks.EarlyStopping("val_loss" if cell.validated else "loss", patience=1_000_000)


def _write(path: Path, found: Record) -> None:
    """Whole or not at all, so that a call that is stopped loses one cell at most."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(found, indent=1) + "\n")
    beside.replace(path)


# What is printed.


def verdict(record: Record) -> str:
    """`LOSES` where the interval lies below 0.95; a question mark where only the median does."""
    if record["high"] < LOSES_BELOW:
        return "LOSES"
    return "loses?" if record["ratio"] < LOSES_BELOW else ""


def ratio(record: Record) -> str:
    sure = "" if record["coverage"] >= COVERAGE else f" at {record['coverage']:.0%}"
    text = f"{record['ratio']:.2f} [{record['low']:.2f}, {record['high']:.2f}]{sure}"
    return f"{text} {verdict(record)}".rstrip()


def amounts(record: Record, what: str) -> tuple[str, str]:
    """Median seconds of a first call, or steps a second once compiled: Keras', ours."""
    seconds = [statistics.median(record[f"{way}_s"]) for way in WAYS]
    if what == "first":
        return f"{seconds[0]:.2f} s", f"{seconds[1]:.2f} s"
    return f"{record['steps'] / seconds[0]:,.0f}", f"{record['steps'] / seconds[1]:,.0f} steps/s"


def line(name: str, record: Record) -> str:
    """One cell as it is measured."""
    if "error" in record:
        return f"{name:32} FAILED {record['error']}"
    first, steady = (f"{ratio(record[what])} ({' / '.join(amounts(record[what], what))})" for what in QUANTITIES)
    return f"{name:32} first {first}  steady {steady}  {record['steady']['engine']}  [{record['took_s']:.0f} s]"


def print_table(records: dict[str, Record]) -> None:
    print("\n| cell | first: Keras | recipes | ratio | steady: Keras | recipes | ratio | steady engine |")
    print("|---|---|---|---|---|---|---|---|")
    for name, record in records.items():
        if "error" in record:
            print(f"| {name} | failed: {record['error'].splitlines()[0]} | | | | | | |")
            continue
        first, steady = record["first"], record["steady"]
        shown = [*amounts(first, "first"), ratio(first), *amounts(steady, "steady"), ratio(steady), steady["engine"]]
        print(f"| {name} | {' | '.join(shown)} |")


def summary(records: dict[str, Record]) -> str:
    """Which cells lose or failed, by name."""
    said = []
    for what in QUANTITIES:
        for mark in ("LOSES", "loses?"):
            names = [name for name, record in records.items() if what in record and verdict(record[what]) == mark]
            if names:
                said.append(f"{what} {mark} {', '.join(names)}")
    failed = [name for name, record in records.items() if "error" in record]
    if failed:
        said.append(f"FAILED {', '.join(failed)}")
    return "; ".join(said) or "none loses"


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

if __name__ == "__main__":
    main()
