"""Do the verdicts come true? The stored trainings that `diagnose` has not learnt from, judged again.

Made by `python benchmarks/verdicts train` and `pack`; the bounds are what was reached, with a little room for a change
of the last digits. `docs/diagnose.md` has the whole tables.
"""

from pathlib import Path

import numpy as np
import pytest

from recipes import diagnose

STORED = Path(__file__).with_name("data") / "verdicts.npz"
EASY_TO_SAY = "nan"  # read off the curve, not foreseen


@pytest.fixture(scope="module")
def judged():
    """For each training of the scoring half: what came true, the verdict, its confidence."""
    with np.load(STORED, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    curves = {name: np.split(stored[name], np.cumsum(stored[f"{name}_lengths"])[:-1]) for name in ("loss", "val_loss")}
    found = []
    for i in np.flatnonzero(stored["half_names"][stored["half"]] == "scoring"):
        known = {"chance": float(stored["chance"][i]), "least": float(stored["least"][i])} if stored["given"][i] else {}
        finding = diagnose({name: parts[i].astype(float) for name, parts in curves.items()}, **known)[0]
        found.append((str(stored["truth_names"][stored["truth"][i]]), finding.rule, finding.confidence))
    return found


def share(judged, came, called):
    of = [rule in called for truth, rule, _ in judged if truth == came]
    return sum(of) / len(of)


def test_the_classes_have_the_shares_that_were_fixed_beforehand(judged):
    truths = [truth for truth, *_ in judged]
    assert {name: truths.count(name) for name in sorted(set(truths))} == {
        "converged": 69, "diverging": 21, "memorised_noise": 24, "nan": 15, "overfitting": 69, "still_learning": 75,
        "worse_than_chance": 27,
    }  # fmt: skip


def test_accuracy_and_macro_f1(judged):
    right = [truth == rule for truth, rule, _ in judged]
    assert np.mean(right) >= 0.80
    f1 = []
    for name in {truth for truth, *_ in judged}:
        both = sum(truth == rule == name for truth, rule, _ in judged)
        f1.append(2 * both / (sum(t == name for t, *_ in judged) + sum(r == name for _, r, _ in judged)))
    assert np.mean(f1) >= 0.81


def test_the_two_costly_mistakes_are_rare(judged):
    assert share(judged, "still_learning", {"converged"}) <= 0.05
    assert share(judged, "converged", {"overfitting", "diverging"}) <= 0.01


def test_where_it_is_sure_it_is_right(judged):
    sure = [truth == rule for truth, rule, confidence in judged if confidence >= 0.8]
    assert len(sure) >= 0.65 * len(judged)
    assert np.mean(sure) >= 0.89


def test_nan_is_always_seen(judged):
    assert all(rule == EASY_TO_SAY for truth, rule, _ in judged if truth == EASY_TO_SAY)
