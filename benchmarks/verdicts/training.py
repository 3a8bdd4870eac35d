"""Train the corpus: several hundred small networks, each four times as long as `diagnose` will be shown.

The share of each class is fixed beforehand. Which networks fill it is drawn at random, from settings that tend to give
the class that lacks most; what lies between the classes, or in a class that is full, is trained and left out.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
from sources import ARCHITECTURES, HALVES, OPTIMIZERS, SOURCES, Architecture, Source
from truth import CLASSES, FOLLOWING, in_blocks, truth

import cheatsheet
from recipes import build_model, fit
from recipes.running.programs import PROGRAMS
from recipes.training.engines.tensorflow.program import Program
from recipes.training.engines.tensorflow.steps import XLA
from recipes.training.run import Run

SHARES = {
    "still_learning": 0.25, "converged": 0.23, "overfitting": 0.23, "worse_than_chance": 0.09,
    "memorised_noise": 0.08, "diverging": 0.07, "nan": 0.05,
}  # fmt: skip
LOSSES = {
    "binary": "binary_crossentropy", "multiclass": "sparse_categorical_crossentropy", "counts": "poisson",
    "regression": "mean_squared_error",
}  # fmt: skip
PAIRS_OF_A_SOURCE = 2  # architectures, each with an optimizer, that a data set is trained with
HOPELESS = 0.8  # of what is to be no better than chance: trained on what cannot be learnt
HELD_OUT = 0.3
BATCH_SIZE = 32
FEWEST, MOST = 10, 300  # epochs that are shown, log-uniform
SIGNIFICANT_BITS = 12  # of a stored loss: a 4,000th
# Logarithm to base 10 of the learning rate, by optimizer, where each class is likely.
LIKELY = {
    "still_learning": {"adam": (-4.5, -2.7), "sgd": (-3.5, -1.3), "rmsprop": (-4.7, -3), "momentum": (-4.3, -2.3)},
    "converged": {"adam": (-3.3, -1.7), "sgd": (-1.7, -0.5), "rmsprop": (-3.3, -2.3), "momentum": (-2.5, -1.3)},
    "overfitting": {"adam": (-3.2, -1.5), "sgd": (-1.3, -0.2), "rmsprop": (-3.5, -2), "momentum": (-2, -0.7)},
    "worse_than_chance": {"adam": (-5, 0), "sgd": (-4, 0), "rmsprop": (-5, -1), "momentum": (-4.5, 0)},
    "memorised_noise": {"adam": (-3.2, -1.5), "sgd": (-1.3, -0.2), "rmsprop": (-3.2, -2), "momentum": (-2, -0.7)},
    "diverging": {"adam": (-1.7, 0), "sgd": (-0.7, 0.5), "rmsprop": (-2, 0), "momentum": (-1.3, 0)},
    "nan": {"sgd": (-0.5, 1.5), "momentum": (-1, 1)},
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One training of the corpus, repeatable from these values."""

    half: str
    source: str
    architecture: str
    optimizer: str
    learning_rate: float
    epochs: int  # that are shown
    seed: int


def combinations(half: str) -> list[tuple[Source, Architecture, str]]:
    """Pair each data set with architectures and optimizers, in turn: what is compiled once serves many settings."""
    pairs = [(a, OPTIMIZERS[(i + k) % len(OPTIMIZERS)]) for k in range(2) for i, a in enumerate(ARCHITECTURES[half])]
    number = len(SOURCES[half]) * PAIRS_OF_A_SOURCE
    return [(SOURCES[half][i // PAIRS_OF_A_SOURCE], *pairs[(5 * i) % len(pairs)]) for i in range(number)]


def draw(half: str, wanted: str, rng: np.random.Generator) -> Setting:
    """Draw a setting that tends to give the class that is wanted."""
    chosen = [(s, a, o) for s, a, o in combinations(half) if o in LIKELY[wanted]]
    if wanted == "memorised_noise" or (wanted == "worse_than_chance" and rng.random() < HOPELESS):
        chosen = [(s, a, o) for s, a, o in chosen if _hopeless(s)]
    elif wanted in ("diverging", "nan") and rng.random() < 0.5:
        chosen = [(s, a, o) for s, a, o in chosen if s.task in ("regression", "counts")]
    elif wanted in ("still_learning", "converged"):
        chosen = [(s, a, o) for s, a, o in chosen if not _hopeless(s)]
    source, architecture, optimizer = chosen[rng.integers(len(chosen))]
    low, high = LIKELY[wanted][optimizer]
    rate = float(f"{10 ** rng.uniform(low, high):.2g}")
    epochs = int(np.exp(rng.uniform(np.log(FEWEST), np.log(MOST))))
    return Setting(half, source.name, architecture.name, optimizer, rate, epochs, int(rng.integers(1000)))


def _hopeless(source: Source) -> bool:
    return source.name.startswith("un")


def network(setting: Setting, x: np.ndarray, y: np.ndarray, *, rate: float | None = None) -> keras.Model:
    """Build and compile the network of a setting, perhaps at another rate."""
    source, architecture = source_of(setting), architecture_of(setting)
    rate = setting.learning_rate if rate is None else rate
    optimizer = keras.optimizers.SGD(rate, momentum=0.9) if setting.optimizer == "momentum" else setting.optimizer
    rate_by_name = {} if setting.optimizer == "momentum" else {"learning_rate": rate}
    task, loss = (source.task, None) if source.task != "counts" else ("regression", "poisson")
    classes = {"num_classes": int(y.max()) + 1} if task == "multiclass" else {}

    def body() -> list[keras.Layer]:
        return _layers(architecture)

    return build_model(
        task, input_shape=x.shape[1:], body=body, loss=loss, optimizer=optimizer, seed=setting.seed, **classes,
        **rate_by_name,
    )  # fmt: skip


def _layers(architecture: Architecture) -> list[keras.Layer]:
    layers: list[keras.Layer] = []
    for units in architecture.units:
        penalty = keras.regularizers.L2(architecture.l2) if architecture.l2 else None
        layers.append(keras.layers.Dense(units, architecture.activation, kernel_regularizer=penalty))
        if architecture.batch_norm:
            layers.append(keras.layers.BatchNormalization())
        if architecture.dropout:
            layers.append(keras.layers.Dropout(architecture.dropout))
    return layers


def source_of(setting: Setting) -> Source:
    """Find the data set of a setting."""
    return next(source for source in SOURCES[setting.half] if source.name == setting.source)


def architecture_of(setting: Setting) -> Architecture:
    """Find the architecture of a setting."""
    return next(a for a in ARCHITECTURES[setting.half] if a.name == setting.architecture)


def train(setting: Setting, epochs: int, *, rate: float | None = None, **options) -> Run:
    """Train the network of a setting."""
    x, y = source_of(setting)()
    model = network(setting, x, y, rate=rate)
    return fit(model, x, y, epochs=epochs, batch_size=BATCH_SIZE, validation_split=HELD_OUT, seed=setting.seed,
               verbose=0, **options)  # fmt: skip


def rounded(curve: np.ndarray) -> np.ndarray:
    """Round to so many significant bits, which a file stores in half the room."""
    mantissa, exponent = np.frexp(np.asarray(curve, np.float64))
    return np.ldexp(np.round(mantissa * 2.0**SIGNIFICANT_BITS) / 2.0**SIGNIFICANT_BITS, exponent).astype(np.float32)


def corpus(out: Path, number: int, seconds: float) -> None:
    """Train until each half has its share of each class, or the time is over; append each training to a file.

    Args:
        out: File of one JSON object a line; what is in it is kept, and gone on from.
        number: Trainings wanted in each half.
        seconds: After which no other training begins.
    """
    compile_once()
    start = time.perf_counter()
    records = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    with out.open("a") as file:
        while time.perf_counter() - start < seconds:
            lacking = {}
            for half in HALVES:
                found = [record["truth"] for record in records if record["half"] == half]
                for name in CLASSES:
                    lacking[half, name] = round(SHARES[name] * number) - found.count(name)
            (half, wanted), most = max(lacking.items(), key=lambda item: (item[1] / SHARES[item[0][1]], item[0]))
            if most <= 0:
                break
            rng = np.random.default_rng([zlib.crc32(b"verdicts"), len(records)])
            setting = draw(half, wanted, rng)
            began = time.perf_counter()
            record = asdict(setting) | _trained(setting)
            full = record["truth"] is None or lacking[half, record["truth"]] <= 0
            record |= {"wanted": wanted, "kept": not full, "seconds": round(time.perf_counter() - began, 2)}
            if full:
                for name in ("loss", "val_loss", "later_loss", "later_val_loss"):
                    record.pop(name, None)
            records.append(record)
            file.write(json.dumps(record) + "\n")
            file.flush()
    for half in HALVES:
        found = [record["truth"] for record in records if record["half"] == half and record["kept"]]
        print(half, {name: found.count(name) for name in CLASSES}, f"of {len(records)} trained", flush=True)


def _trained(setting: Setting) -> dict:
    epochs = (1 + FOLLOWING) * setting.epochs
    run = train(setting, epochs)
    loss, val_loss = (rounded(run.history[name]) for name in ("loss", "val_loss"))
    n = setting.epochs
    rest = [in_blocks(curve[n:]) for curve in (loss, val_loss)]
    chance, least = yardsticks_of(setting) if run.chance is None else (run.chance, run.least)
    came = truth(loss[:n], val_loss[:n], *rest, chance, least)
    shown = {"loss": loss[:n], "val_loss": val_loss[:n], "later_loss": rest[0], "later_val_loss": rest[1]}
    return {"truth": came, "chance": chance, "least": least, "given": run.chance is not None,
            **{name: [float(v) for v in values] for name, values in shown.items()}}  # fmt: skip


def compile_once() -> None:
    """Have each program serve many settings: kept, and compiled at once in the way that pays in the end."""
    Program.choose = lambda self, model, num_steps, *, alone=False: XLA  # type: ignore[method-assign]
    PROGRAMS.most = len(HALVES) * max(len(combinations(half)) for half in HALVES)


def yardsticks_of(setting: Setting) -> tuple[float, float]:
    """Give the loss of a constant guess, and of a perfect model, where penalties keep `fit` from naming them."""
    source = source_of(setting)
    y = source()[1]
    loss = LOSSES[source.task]
    return cheatsheet.chance_loss(loss, y), cheatsheet.least_loss(loss, y)
