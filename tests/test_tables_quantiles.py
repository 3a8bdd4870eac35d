"""Quantiles of numbers on request: how often the true one lies below, kept and told in every place."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import refused
from test_tables_told import FAST, doses

import recipes
from recipes import fit_table
from recipes.cli import main
from recipes.tables.learning.quantiles import Quantiles, far_off, judged

LEVELS = [0.1, 0.5, 0.9]
NORMAL = np.array([-1.2816, 0.0, 1.2816])  # quantiles of the standard normal


def noisy(num_rows=120, seed=0):
    """Numbers whose noise grows with `a`: from a standard deviation of 0.2 to one of 2."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0, 1, num_rows)
    return pd.DataFrame({"a": a, "y": 4 * a + (0.2 + 1.8 * a) * rng.normal(size=num_rows)})


@pytest.fixture(scope="module")
def run():
    return fit_table(noisy(), "y", quantiles=LEVELS, **FAST)


def test_quantiles_are_told_kept_and_rise_in_each_row(run, tmp_path):
    new = noisy(50, 1)
    found = run.predict_quantiles(new)
    assert found.shape == (50, 3)
    assert (np.diff(found, axis=1) >= 0).all()
    assert [*run.predict_table(new).columns] == ["row", "y", "y q0.1", "y q0.5", "y q0.9"]
    np.testing.assert_array_equal(run.predict_table(new)[["y q0.1", "y q0.5", "y q0.9"]], found)
    assert str(run.quantiles) in str(run)
    assert run.quantiles.num_test == 24
    assert "Quantiles by networks of their own" in run.report(tmp_path / "page.html").read_text()
    run.save(tmp_path / "run")
    kept = recipes.load(tmp_path / "run")
    assert kept.quantiles == run.quantiles
    np.testing.assert_array_equal(kept.predict_quantiles(new), found)


@pytest.mark.slow
def test_a_run_without_quantiles_in_place_of_one_with(run, tmp_path):
    run.save(tmp_path / "run")
    plain = fit_table(noisy(), "y", **FAST)
    plain.save(tmp_path / "run", overwrite=True)
    assert recipes.load(tmp_path / "run").quantiles is None
    assert not (tmp_path / "run" / "quantiles.keras").exists()
    with refused("This run has no quantiles. Fit it with quantiles=[0.1, 0.5, 0.9]."):
        plain.predict_quantiles(noisy())


@pytest.mark.slow
def test_quantiles_are_those_of_the_noise_and_hold_of_new_rows():
    run = fit_table(noisy(3_000), "y", quantiles=LEVELS, verbose=0)
    ends = run.predict_quantiles(pd.DataFrame({"a": [0.1, 0.9]}))
    for row, a in zip(ends, (0.1, 0.9), strict=True):
        np.testing.assert_allclose(row, 4 * a + (0.2 + 1.8 * a) * NORMAL, atol=0.3 * (0.2 + 1.8 * a))
    new = noisy(4_000, 1)
    below = (new["y"].to_numpy()[:, None] <= run.predict_quantiles(new)).mean(axis=0)
    print("below:", below)
    np.testing.assert_allclose(below, LEVELS, atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["log", "counts"])
def test_quantiles_of_positive_numbers_stay_positive(kind):
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 2, 900)
    y = np.exp(a + 0.5 * rng.normal(size=900)) if kind == "log" else rng.poisson(np.exp(a))
    run = fit_table({"a": a, "y": y}, "y", quantiles=[0.05, 0.95], num_networks=4, epochs=30, verbose=0)
    assert (run.target.scale == "log") == (kind == "log")
    found = run.predict_quantiles({"a": np.linspace(-1, 3, 40)})
    assert (found >= 0).all()
    assert np.abs(np.array(run.quantiles.below) - [0.05, 0.95]).max() < 0.07


def test_how_good_quantiles_are():
    found = judged([0.25, 0.5], np.arange(5.0), np.array([1.0, 2.0]), np.array([[0.0, 2.0], [3.0, 3.0]]))
    # 1 above too low counts q, 1 below too high 1 - q; the constants are 1 and 2
    assert found == Quantiles((0.25, 0.5), (0.5, 1.0), (0.25 + 0.5 + 0.75 + 0.5) / 4, (0.5 + 0.25) / 4, 2)
    (off,) = far_off(Quantiles((0.1, 0.5, 0.9), (0.1, 0.5, 0.7), 1.0, 2.0, 100))
    assert off.message == (
        "70.0% of 100 test rows lie below q0.9, and about 90% should: too few, by more than chance explains."
    )
    (off,) = far_off(Quantiles((0.025, 0.5), (0.1, 0.5), 1.0, 2.0, 100))
    assert off.message == (
        "10.0% of 100 test rows lie below q0.025, and about 2.5% should: too many, by more than chance explains."
    )
    assert far_off(Quantiles((0.1, 0.9), (0.14, 0.85), 1.0, 2.0, 100)) == []


@pytest.mark.parametrize(
    ("target", "levels", "message"),
    [
        ("age", [0.9, 0.1], "quantiles must rise strictly between 0 and 1."),
        ("age", [0.5, 90], "quantiles must rise strictly between 0 and 1."),
        ("age", "0.5", "quantiles must rise strictly between 0 and 1. Received: quantiles=['0.5']. "),
        ("age", 0.999, "quantiles=[0.999] needs at least 1,000 rows that are held out of the training. Received: 24. "),
        ("cured", [0.1], "quantiles= are of numbers. Received: quantiles=[0.1] for 'cured', which holds 2 classes; "),
    ],
)
def test_quantiles_that_cannot_be_are_refused(target, levels, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        fit_table(doses(), target, quantiles=levels, **FAST)


@pytest.mark.slow
def test_the_command_line_asks_for_quantiles(tmp_path, capsys):
    noisy(80).to_csv(tmp_path / "data.csv", index=False)
    common = [str(tmp_path / "data.csv"), "--target", "y", "--num-networks", "2", "--epochs", "2", "--report",
              str(tmp_path / "page.html")]  # fmt: skip
    assert main(["fit", *common, "--out", str(tmp_path / "run"), "--quantiles", "0.2", "0.8"]) == 0
    assert "below q0.2" in capsys.readouterr().out
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "data.csv")]) == 0
    assert capsys.readouterr().out.startswith("row,y,y q0.2,y q0.8\n1,")
    assert "--quantiles 0.2 0.8" in (tmp_path / "page.html").read_text()
    assert main(["fit", *common, "--quantiles", "0.001"]) == 2
    assert "--quantiles 0.001 needs at least 1,000 rows" in capsys.readouterr().err
