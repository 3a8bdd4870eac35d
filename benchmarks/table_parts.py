"""What does each part of `fit_table`'s network gain? `python benchmarks/table_parts.py [--tables NAMES] [--seeds N]`.

The twelve development tables of `table_scores.py`, whose test rows stay closed: a fifth of the other rows is held out
and scored, the rest trains, once with all parts and once without each. What is shown is how much the loss on the rows
held out grows without the part; the losses are log loss, squared error or Poisson deviance.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
from table_scores import TABLES, read

from recipes.tables.learning import fit_rows as fitting
from recipes.tables.learning import network, preprocessing
from recipes.tables.learning.network import NUM_BINS, Settings, settings_for
from recipes.tables.learning.preprocessing import build_preprocessing, outputs_of
from recipes.tables.learning.scales import Scales
from recipes.tables.prepare import Prepared
from recipes.tables.scoring.judge import probabilities
from recipes.tables.scoring.scores import losses
from recipes.tables.split import split_rows

NUM_NETWORKS = 8
LARGE = ("storms", "CPS1988", "diamonds")  # one seed: on so many rows they differ little


@dataclass(frozen=True)
class Inner:
    """Rows of a table that are not tested on, split once more.

    Attributes:
        ready: The table.
        train: Values of the columns in the rows that train and stop the training.
        y: Encoded targets of these.
        held: For each network the places within them of the rows that stop it.
        apart: Values of the columns in the rows that are scored.
        true: Encoded targets of these.
        settings: Those that `fit_table` takes for so many rows.
    """

    ready: Prepared
    train: dict[str, np.ndarray]
    y: np.ndarray
    held: tuple[np.ndarray, ...]
    apart: dict[str, np.ndarray]
    true: np.ndarray
    settings: Settings


def inner_of(name: str, seed: int) -> Inner:
    ready = read(name, seed)
    rest = ready.split.rest
    split = split_rows(ready.y[rest], is_classes=ready.target.classes is not None, test_split=0.2,
                       num_networks=NUM_NETWORKS, seed=seed)  # fmt: skip
    train, apart = rest[split.rest], rest[split.test]
    rows, y = ready.part(train), ready.y[train]
    features = outputs_of(build_preprocessing(ready.columns, rows, num_bins=NUM_BINS), ready.columns, rows).shape[1]
    settings = settings_for(len(y), features, loss=ready.target.loss)
    return Inner(ready, rows, y, split.held, ready.part(apart), ready.y[apart], settings)


def loss_of(inner: Inner, seed: int) -> float:
    """Train, and give the mean loss on the rows that were held out."""
    target, columns = inner.ready.target, inner.ready.columns
    fitted = fitting.fit_rows(columns, target, inner.train, inner.y, inner.held, seed=seed, settings=inner.settings)
    predicted = probabilities(target, outputs_of(fitted.model, columns, inner.apart))
    return float(losses(target.metric, inner.true, predicted).mean())


# What a table must be for a part to have a say, and how the part is left out.


def _has_numbers(inner: Inner) -> bool:
    return any(column.kind != "category" for column in inner.ready.columns.learnt)


def _has_gaps(inner: Inner) -> bool:
    return any(np.isnan(values).any() for values in inner.train.values() if values.dtype.kind == "f")


def _is_of_numbers(inner: Inner) -> bool:
    return inner.ready.target.loss == "mean_squared_error"


def _is_on_two_scales(inner: Inner) -> bool:
    return inner.ready.target.scale == "log"


def _always(inner: Inner) -> bool:
    return True


def _with(**changes: Any) -> Callable[[Inner], Inner]:
    return lambda inner: replace(inner, settings=replace(inner.settings, **changes))


def _filled(inner: Inner) -> Inner:
    """Put the median of the rows that train wherever a number is missing, so that nothing says that it was."""
    train, apart = dict(inner.train), dict(inner.apart)
    for name, values in inner.train.items():
        if values.dtype.kind == "f" and np.isnan(values).any():
            for rows in (train, apart):
                rows[name] = np.where(np.isnan(rows[name]), np.nanmedian(values), rows[name])
    return replace(inner, train=train, apart=apart)


def _standard(values: np.ndarray, column: Any) -> tuple[float, float]:
    there = values[~np.isnan(values)]
    return float(there.mean()), float(1 / (there.std() or 1.0))


def _constant_rate(start: float, steps: int, *, warmup_target: float, **_: Any) -> float:
    return warmup_target


def _one_scale(share: float) -> Callable[..., Scales]:
    original = Scales.balanced
    return lambda scales, outputs, y: replace(original(scales, outputs, y), share=share)


@contextmanager
def _patched(*places: tuple[Any, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, other in places:
            stack.enter_context(patch.object(owner, name, other))
        yield


SCHEDULES = keras.optimizers.schedules
# By name: for which tables, what changes of the rows and settings, and which names of the package mean something else.
PARTS: dict[str, tuple[Callable[[Inner], bool], Callable[[Inner], Inner], tuple[tuple[Any, str, Any], ...]]] = {
    "eight networks (one)": (_always, lambda one: replace(one, held=one.held[:1]), ()),
    "eight networks (four)": (_always, lambda one: replace(one, held=one.held[:4]), ()),
    "each stops by other rows (all by the same)": (
        _always, lambda one: replace(one, held=one.held[:1] * NUM_NETWORKS), ()),
    "piecewise-linear code (none)": (_has_numbers, _with(num_bins=0), ()),
    "smooth clip (none)": (_has_numbers, _with(), ((preprocessing, "CLIP", 1e12),)),
    "median and quartiles (mean and deviation, no clip)": (
        _has_numbers, _with(), ((preprocessing, "CLIP", 1e12), (preprocessing, "_scale", _standard))),
    "what is missing is a feature (median alone)": (_has_gaps, _filled, ()),
    "linear part (none)": (_is_of_numbers, _with(), ((fitting, "linear_of", lambda *_: None),)),
    "two scales (logarithm alone)": (_is_on_two_scales, _with(), ((Scales, "balanced", _one_scale(1.0)),)),
    "two scales (numbers alone)": (_is_on_two_scales, _with(), ((Scales, "balanced", _one_scale(0.0)),)),
    "dropout (none)": (_always, _with(dropout=0.0), ()),
    "decay (none)": (_always, _with(weight_decay=0.0), ()),
    "rate on a cosine (constant)": (_always, _with(), ((SCHEDULES, "CosineDecay", _constant_rate),)),
    "first answer is the best constant (0)": (
        _always, _with(), ((network, "_best_constant", lambda head, y: np.zeros(head.units)),)),
}  # fmt: skip
WHOLE = "as it is"
ALL = (_always, _with(), ())
NOISE = "nothing (other initial weights)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=[*TABLES], choices=[*TABLES])
    parser.add_argument("--seeds", type=int, default=3, help="of the splits and the networks; of the largest tables 1")
    parser.add_argument("--out", type=Path, required=True, help="file of results: what it has is not run again")
    options = parser.parse_args()
    known: dict[str, dict[str, float]] = json.loads(options.out.read_text()) if options.out.exists() else {}
    for seed in range(options.seeds):
        for name in options.tables:
            if seed and name in LARGE:
                continue
            inner = inner_of(name, seed)
            found = known.setdefault(f"{name} {seed}", {})
            for part, (is_for, change, places) in {WHOLE: ALL, NOISE: ALL, **PARTS}.items():
                if part in found or not is_for(inner):
                    continue
                start = time.perf_counter()
                with _patched(*places):
                    found[part] = loss_of(change(inner), seed + 100 * (part == NOISE))
                options.out.write_text(json.dumps(known, indent=1) + "\n")
                print(f"{name} {seed}: {part}: {found[part]:.5f} ({time.perf_counter() - start:.0f} s)", flush=True)
    show(known, options.tables)


def show(known: dict[str, dict[str, float]], tables: list[str]) -> None:
    """Print the table of docs/tables.md: by how many percent the loss grows without each part, and their median."""
    print("| part (in its place) | median | " + " | ".join(tables) + " |")
    print("|---" * (len(tables) + 2) + "|")
    for part in (*PARTS, NOISE):
        cells, changes = [], []
        for name in tables:
            pairs = [(found[part], found[WHOLE]) for key, found in known.items()
                     if key.rsplit(" ", 1)[0] == name and part in found]  # fmt: skip
            if not pairs:
                cells.append("–")
                continue
            changes.append(float(np.median([without / whole for without, whole in pairs])))
            cells.append(f"{100 * (changes[-1] - 1):+.1f}".replace("-", "−"))
        middle = f"{100 * (np.median(changes) - 1):+.1f}".replace("-", "−") if changes else "–"
        print(f"| {part} | {middle} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
