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
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from cells import CELLS, Cell, compiled, table
from keras import layers
from run import machine

import recipes

HERE = Path(__file__).parent
WAYS, QUANTITIES = ("keras", "recipes"), ("first", "steady")
FIRST_EPOCHS, MOST_FIRST_STEPS = 3, 6_000  # 100,000 rows in small batches get fewer epochs, for they take minutes
LEAST_PAIRS = 3  # whatever the time limit
COVERAGE, LOSES_BELOW = 0.95, 0.95

Record = dict[str, Any]


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


if __name__ == "__main__":
    main()
