"""Do the verdicts come true? The stored trainings on which no number of `diagnose` was chosen, judged again.

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
