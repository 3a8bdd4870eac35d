"""The tables of `docs/diagnose.md`: verdicts against what came true, on the half that nothing was learnt from."""

from collections.abc import Sequence

import numpy as np
from learn import AS_FIT, looks, matrix
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from stored import Case, cases
from truth import CLASSES, then

from recipes.diagnosis.course import course_of
from recipes.diagnosis.curves import read_curves
from recipes.diagnosis.diagnose import diagnose
from recipes.diagnosis.verdicts import Seen, forecast

SURE = 0.8  # a stated confidence that should be right in nine of ten
TREES = 500
# What a forest is given that sees the ends of the curves alone.
TAIL = ("fall over 0.5", "fall over 0.2", "fall over 0.1", "noise", "rise", "place of the best", "gap", "level",
        "fall over 0.5 of training", "fall over 0.2 of training", "fall over 0.1 of training", "level of training",
        "epochs")  # fmt: skip


def verdict(case: Case) -> tuple[str, float]:
    """Ask `diagnose`, as `fit` would."""
    finding = diagnose(case.history, **case.yardsticks)[0]
    return finding.rule, finding.confidence or 0.0


def seen_of(case: Case) -> Seen:
    """Measure a case as `fit` would have it."""
    curves, chance, least = read_curves(case.history), case.yardsticks["chance"], case.yardsticks.get("least") or 0.0
    return Seen(curves, course_of(curves, chance, least), chance, least)


def scores(said: Sequence[str], truths: Sequence[str]) -> tuple[float, float]:
    """Return accuracy and macro-F1."""
    said, truths = np.array(said), np.array(truths)
    return float(np.mean(said == truths)), float(f1_score(truths, said, average="macro", labels=CLASSES,
                                                          zero_division=0))  # fmt: skip


def rate(said: Sequence[str], truths: Sequence[str], came: str, called: Sequence[str]) -> float:
    """Return the share of one class that was called one of these."""
    of = [s in called for s, t in zip(said, truths, strict=True) if t == came]
    return float(np.mean(of)) if of else 0.0


def forest(features: Sequence[str] | None, scoring: list[Case], seed: int = 0) -> list[str]:
    """Train a random forest on the same looks as the weights were; say what it calls the scoring half.

    Args:
        features: Names of those that it is given; all of them when missing.
        scoring: The cases that it is asked about; NaN needs no forest, and is given to it.
        seed: Of the forest.
    """
    learnt = [look for look in looks(cases(half="development"), AS_FIT, earlier=True) if look.truth is not None]
    names = [*features] if features else [*learnt[0].course.features]
    model = RandomForestClassifier(TREES, random_state=seed, n_jobs=2)
    model.fit(matrix(learnt, names), [look.truth for look in learnt])
    said = iter(model.predict(matrix(looks(scoring, AS_FIT), names)))
    return ["nan" if case.truth == "nan" else str(next(said)) for case in scoring]


def coverage(scoring: list[Case]) -> list[tuple[str, bool]]:
    """Say of each finite case what it was called, and whether the interval holds the level at twice as many epochs."""
    found = []
    for case in scoring:
        if case.truth == "nan" or not np.isfinite(case.later_val_loss).all():
            continue
        interval = forecast(seen_of(case))
        if interval is not None:
            found.append((verdict(case)[0], interval[0] <= then(case.later_val_loss) <= interval[2]))
    return found


def table(said: Sequence[str], truths: Sequence[str]) -> str:
    """Draw the confusion table in Markdown: a row for each class that came true."""
    names = [name.replace("_", " ") for name in CLASSES]
    lines = ["| came true \\ called | " + " | ".join(names) + " | in all |", "|---" * (len(CLASSES) + 2) + "|"]
    for came, name in zip(CLASSES, names, strict=True):
        of = [s for s, t in zip(said, truths, strict=True) if t == came]
        lines.append(f"| {name} | " + " | ".join(str(of.count(called)) for called in CLASSES) + f" | {len(of)} |")
    return "\n".join(lines)


def report(half: str) -> None:
    """Print all that is asked of the verdicts, on one half."""
    of = cases(half=half)
    truths = [case.truth for case in of]
    verdicts = [verdict(case) for case in of]
    said = [rule for rule, _ in verdicts]
    print(f"{half}: {len(of)} trainings\n\n{table(said, truths)}\n")
    rows = {"`diagnose`": said}
    if half == "scoring":
        rows |= {"a random forest on the ends of the curves": forest(TAIL, of),
                 "a random forest on the features of `diagnose`": forest(None, of)}  # fmt: skip
    print("| | accuracy | macro-F1 | still learning called converged | converged called overfitting or diverging |")
    print("|---|---|---|---|---|")
    for name, called in rows.items():
        accuracy, f1 = scores(called, truths)
        missed = rate(called, truths, "still_learning", ["converged"])
        alarms = rate(called, truths, "converged", ["overfitting", "diverging"])
        print(f"| {name} | {accuracy:.3f} | {f1:.3f} | {missed:.1%} | {alarms:.1%} |")
    print("\n| stated confidence | of the curves | right |\n|---|---|---|")
    stated = np.array([confidence for _, confidence in verdicts])
    right = np.array(said) == np.array(truths)
    for low, high in ((0.0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01), (SURE, 1.01)):
        within = (stated >= low) & (stated < high)
        if within.any():
            print(f"| {low:.1f} to {min(high, 1):.1f} | {within.mean():.1%} | {right[within].mean():.3f} |")
    covered = coverage(of)
    print(f"\n80 % interval covers {np.mean([c for _, c in covered]):.3f} of {len(covered)}", end="; ")
    still = [c for rule, c in covered if rule == "still_learning"]
    print(f"of those called still learning {np.mean(still):.3f} of {len(still)}")
