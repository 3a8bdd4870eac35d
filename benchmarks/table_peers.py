"""CatBoost and RealMLP on the rows of one split: `PYTHON benchmarks/table_peers.py FOLDER PEER SEED`.

It runs in an environment of their own (pip install catboost pytabkit pyarrow), as PyTorch and TensorFlow crash in one
process; `table_scores.py --peers PYTHON` writes the folder and calls it. Both learn with their defaults, but for what
the metric asks: CatBoost has the Poisson loss for counts, RealMLP chooses its epoch by the log loss and smooths no
labels, which would cost it some of it.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd


def catboost(about: dict, rest: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, seed: int) -> np.ndarray:
    from catboost import CatBoostClassifier, CatBoostRegressor

    options = {"cat_features": about["words"], "random_seed": seed, "verbose": False, "allow_writing_files": False,
               "thread_count": about["threads"]}  # fmt: skip
    if about["classes"]:
        return _chances(CatBoostClassifier(**options).fit(rest, y.astype(int)), test, about["classes"])
    if about["counts"]:
        return (
            CatBoostRegressor(loss_function="Poisson", **options).fit(rest, y).predict(test, prediction_type="Exponent")
        )
    return CatBoostRegressor(**options).fit(rest, y).predict(test)


def realmlp(about: dict, rest: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, seed: int) -> np.ndarray:
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    rest, test = _filled(rest, test, about["words"])
    options = {"device": "cpu", "random_state": seed, "n_threads": about["threads"]}
    if about["classes"]:
        model = RealMLP_TD_S_Classifier(val_metric_name="cross_entropy", use_ls=False, **options)
        return _chances(model.fit(rest, y.astype(int), cat_col_names=about["words"]), test, about["classes"])
    found = RealMLP_TD_S_Regressor(**options).fit(rest, y, cat_col_names=about["words"]).predict(test)
    return np.maximum(found, 0.05) if about["counts"] else found  # as scikit-learn's MLP, which has no Poisson loss


def _filled(rest: pd.DataFrame, test: pd.DataFrame, words: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put medians for missing numbers, and a column beside that says so: RealMLP takes none."""
    parts = [part.copy() for part in (rest, test)]
    for name in rest.columns.difference(words):
        missing = rest[name].isna()
        for part in parts:
            if missing.any():
                part[f"{name} is missing"] = part[name].isna().astype(float)
            part[name] = part[name].fillna(rest[name].median()).fillna(0.0)
    return parts[0], parts[1]


def _chances(model, test: pd.DataFrame, number: int) -> np.ndarray:
    chances = np.zeros((len(test), number))
    chances[:, model.classes_.astype(int)] = model.predict_proba(test)
    return chances


def main() -> None:
    folder, peer, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    about = json.loads((folder / "about.json").read_text())
    rest, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("rest", "test"))
    for part in (rest, test):
        for name in about["words"]:
            part[name] = part[name].fillna("").astype(str)
    found = {"CatBoost": catboost, "RealMLP": realmlp}[peer](about, rest, np.load(folder / "y.npy"), test, seed)
    np.save(folder / "found.npy", np.asarray(found, float).reshape(len(test), -1))


if __name__ == "__main__":
    main()
