"""What two packages from PyPI say of the same curves: `PYTHONPATH=. OTHER/bin/python benchmarks/verdicts/peers.py`.

Run by a Python of an environment of its own with `pip install trainproof==0.22.0 trainspotter==0.2.6`; NumPy is all
else that it needs. Their findings are put into four coarse classes, in which they can be right: a run is broken,
overfitting, or flat without use; a finding on none of these counts as right wherever the curve is sound, whether it is
converged or still learning, which neither package tells apart.
"""

import json
import sys
from collections.abc import Callable

import numpy as np
from stored import Case, cases

BROKEN, OVERFITTING, USELESS, SOUND = "broken", "overfitting", "useless", "sound"
COARSE = {
    "nan": BROKEN, "diverging": BROKEN, "overfitting": OVERFITTING, "memorised_noise": OVERFITTING,
    "worse_than_chance": USELESS, "converged": SOUND, "still_learning": SOUND,
}  # fmt: skip


def by_trainproof(case: Case) -> str:
    """Ask trainproof."""
    from trainproof.epoch import check_records

    records = [{"step": i + 1, "loss": float(a), "eval_loss": float(b)}
               for i, (a, b) in enumerate(zip(case.loss, case.val_loss, strict=True))]  # fmt: skip
    ids = [finding["id"] for finding in check_records(records)["findings"]]
    if any("NAN" in name or "DIVERGE" in name for name in ids):
        return BROKEN
    if "TP-OVERFIT" in ids:
        return OVERFITTING
    return USELESS if {"TP-FLAT", "TP-DEAD-RUN", "TP-ZERO-LOSS"} & set(ids) else SOUND


def by_trainspotter(case: Case) -> str:
    """Ask trainspotter."""
    from trainspotter import Run, run_all

    run = Run()
    for i, (a, b) in enumerate(zip(case.loss, case.val_loss, strict=True)):
        run.add_point("train/loss", i + 1, float(a))
        run.add_point("eval/loss", i + 1, float(b))
    found = [finding.detector for finding in run_all(run) if finding.severity != "info"]
    if "divergence" in found:
        return BROKEN
    if "overfitting" in found:
        return OVERFITTING
    return USELESS if "plateau" in found else SOUND


def by_recipes(case: Case) -> str:
    """Ask `diagnose`."""
    from recipes.diagnosis.diagnose import diagnose

    return COARSE[diagnose(case.history, **case.yardsticks)[0].rule]


def main() -> None:
    scoring = cases(half="scoring")
    truths = np.array([COARSE[case.truth] for case in scoring])
    names = (BROKEN, OVERFITTING, USELESS, SOUND)
    result = {}
    ways: list[Callable[[Case], str]] = [by_recipes, by_trainproof, by_trainspotter]
    for way in ways:
        said = np.array([way(case) for case in scoring])
        recall = {name: round(float(np.mean(said[truths == name] == name)), 3) for name in names}
        precision = {name: round(float(np.mean(truths[said == name] == name)), 3) if (said == name).any() else None
                     for name in names}  # fmt: skip
        result[way.__name__] = {"accuracy": round(float(np.mean(said == truths)), 3), "recall": recall,
                                "precision": precision}  # fmt: skip
    json.dump(result, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
