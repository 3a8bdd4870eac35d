"""Does tuning pay? Tuned networks against build_model's defaults, on rows that neither of them has seen.

A quarter of the rows is put aside; the search divides the rest again, into rows that train and rows that choose. Then
all are trained on the whole of that rest, the defaults for as many epochs as one of the search's trials. Three seeds,
each with another division. Expected: five minutes. The simplest network within one standard error of the best beats the
defaults on small data, where the best of many owes much to luck; with more data the best does.
Reference: G. Cawley and N. Talbot (2010), On over-fitting in model selection, JMLR 11 (why the division is nested).
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from recipes import build_model, fit, load_data, tune

SEARCHES = {
    # 426 rows: two fifths of them choose, and each network is trained three times, or chance would choose.
    "breast_cancer": {
        "body": "mlp", "max_trials": 40, "epochs": 50, "validation_split": 0.4, "executions_per_trial": 3},
    "digits": {"body": "cnn", "max_trials": 12, "epochs": 30, "space": {
        "num_layers": (2, 3), "filters": [16, 32, 64], "units": [64, 128, 256], "dropout": (0.1, 0.5, 0.1),
        "learning_rate": (3e-4, 3e-3, "log")}},
}  # fmt: skip
NETWORKS = ("defaults", "best", "simplest as good")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/tuning_pays"), help="folder for the searches")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="one data set, one seed, one trial, one epoch")
    options = parser.parse_args()
    print("| data | seed | network | loss | accuracy | parameters |")
    print("|---|---|---|---|---|---|")
    for name, arguments in [*SEARCHES.items()][: 1 if options.quick else None]:
        if options.quick:
            arguments = {**arguments, "max_trials": 1, "epochs": 1, "executions_per_trial": 1}
        found = [compare(name, seed, arguments, options) for seed in options.seeds[: 1 if options.quick else None]]
        for i, network in enumerate(NETWORKS):
            loss, accuracy = np.median([row[i] for row in found], axis=0)
            print(f"| {name} | median | {network} | {loss:.4f} | {accuracy:.4f} | |", flush=True)


def compare(name: str, seed: int, arguments: dict, options: argparse.Namespace) -> list[tuple[float, float]]:
    """Loss and accuracy of each network on the rows put aside."""
    x, y = load_data(name)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=y)
    folder = options.runs / ("quick" if options.quick else "full") / f"{name}-{seed}"
    search = tune(x, y, **arguments, seed=seed, directory=folder, verbose=0)
    plain = build_model(x=x, y=y, body=arguments["body"], seed=seed)
    fit(plain, x, y, epochs=arguments["epochs"], seed=seed, verbose=0)
    best, simplest = (search.retrain(trial.number).model for trial in (search.best_trial, search.simplest_trial))
    rows = []
    for network, model in zip(NETWORKS, (plain, best, simplest), strict=True):
        loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
        print(f"| {name} | {seed} | {network} | {loss:.4f} | {accuracy:.4f} | {model.count_params():,} |", flush=True)
        rows.append((loss, accuracy))
    return rows


if __name__ == "__main__":
    main()
