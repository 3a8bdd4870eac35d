"""Does the mend help? The run is repeated as it was and as the mend says, with three seeds each."""

import json
import time
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from score import seen_of
from stored import Case, cases
from training import Setting, compile_once, train
from truth import LEAST_RANGE

from recipes.diagnosis import mends, remarks
from recipes.diagnosis.curves import end_of
from recipes.diagnosis.mends import Mend
from recipes.diagnosis.verdicts import judge

SEEDS = (11, 12, 13)
HELPS, HARMS = 0.02, -0.02  # of R
MOST_OF_A_KIND = 8  # cases


def mend_of(case: Case) -> tuple[str, Mend] | None:
    """Name the rule whose mend is followed, and the mend; `None` where it changes nothing about the training."""
    if not np.isfinite(case.loss).all() or not np.isfinite(case.val_loss).all():
        return "nan", mends.of_nan(None)
    seen = seen_of(case)
    rule = judge(seen).rule
    beside = {"rate_too_high": remarks.rate_too_high(seen)[1], "rate_too_low": remarks.rate_too_low(seen)[1]}
    for name, mend in beside.items():
        if mend is not None and rule in ("still_learning", "converged", "worse_than_chance"):
            return name, mend
    followed = {
        "diverging": mends.of_diverging(None),
        "overfitting": mends.of_overfitting(None, 1),
        "memorised_noise": mends.of_memorised(1),
        "still_learning": mends.of_still_learning(None, 1),
    }
    return (rule, followed[rule]) if rule in followed else None


def advise(out: Path, seconds: float, half: str = "scoring", only: str = "") -> None:
    """Follow the mends of a half, as many of each kind as there is time for; append to a file.

    Args:
        out: File of one JSON object a line; what is in it is not repeated.
        seconds: After which no other case begins.
        half: Whose cases.
        only: What the names of the rules must begin with.
    """
    compile_once()
    start = time.perf_counter()
    done = {json.loads(line)["case"] for line in out.read_text().splitlines()} if out.exists() else set()
    number: dict[str, int] = {}
    with out.open("a") as file:
        for i, case in enumerate(cases(half=half)):
            found = mend_of(case)
            if found is None or not found[0].startswith(only):
                continue
            rule, mend = found
            number[rule] = number.get(rule, 0) + 1
            if number[rule] > MOST_OF_A_KIND or i in done or time.perf_counter() - start > seconds:
                continue
            gains = [_gain(case, seed, mend) for seed in SEEDS]
            file.write(json.dumps({"case": i, "rule": rule, **asdict(mend), "gains": gains}) + "\n")
            file.flush()
    print(report(out))


def _gain(case: Case, seed: int, mend: Mend) -> float:
    """Say by how much val_loss is lower where the mend is followed, in units of R."""
    names = {field.name for field in fields(Setting)} - {"epochs", "seed"}
    setting = Setting(epochs=case.epochs, seed=seed, **{name: getattr(case, name) for name in names})
    before = np.array(train(setting, case.epochs).history["val_loss"])
    epochs = round(mend.epochs * case.epochs)
    after = np.array(train(setting, epochs, rate=mend.rate * case.learning_rate).history["val_loss"])
    level = float(np.nanmin(after)) if mend.keep_best else end_of(after)
    old = end_of(before) if np.isfinite(before).all() else np.inf
    if not np.isfinite(old) or not np.isfinite(level):
        return float(np.isfinite(level)) - float(np.isfinite(old))
    best = min(float(np.nanmin(case.val_loss)), float(np.nanmin(case.later_val_loss)), level)
    return (old - level) / max(case.chance - best, LEAST_RANGE * (case.chance - case.least))


def report(out: Path) -> str:
    """Draw the table: how often each mend helped, changed nothing, and harmed."""
    records = [json.loads(line) for line in out.read_text().splitlines()]
    lines = ["| rule | runs | improved | as before | worse | median gain, of R |", "|---|---|---|---|---|---|"]
    for rule in [*sorted({record["rule"] for record in records}), None]:
        gains = np.array([gain for record in records if rule in (None, record["rule"]) for gain in record["gains"]])
        helped, harmed = np.mean(gains > HELPS), np.mean(gains < HARMS)
        name = "in all" if rule is None else rule.replace("_", " ")
        lines.append(f"| {name} | {len(gains)} | {helped:.1%} | {1 - helped - harmed:.1%} | {harmed:.1%} | "
                     f"{np.median(gains):.2f} |")  # fmt: skip
    return "\n".join(lines)
