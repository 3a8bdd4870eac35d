"""Every number that the README and the docs claim of training, measured anew. Minutes, so `make test-all` only."""

import importlib
import re
import runpy
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from conftest import ROOT
from processes import run_python
from sklearn.model_selection import KFold, StratifiedKFold

from recipes import build_model, fit, load_data

pytestmark = pytest.mark.slow

SEEDS = (0, 1, 2)
# README's table of results: data, the call that builds the model, epochs, score, and the score as printed.
RESULTS = re.findall(
    r"^\| ([\w ]+)[^|]*\| `(build_model\(.*\))`, (\d+) epochs \| (accuracy|R²) ([\d.]+) \|$",
    (ROOT / "README.md").read_text(), re.MULTILINE,
)  # fmt: skip


def cross_validated(data, code, score, epochs):
    """Median over three seeds of the mean score over five folds; `code` builds a model from `x` and `y`."""
    means = []
    for seed in SEEDS:
        splitter = KFold if data.task == "regression" else StratifiedKFold
        folds = splitter(5, shuffle=True, random_state=seed).split(data.x, data.y)
        scores = []
        for train, test in folds:
            x, y = data.x[train], data.y[train]
            model = eval(code, {"build_model": partial(build_model, seed=seed), "x": x, "y": y})
            fit(model, x, y, epochs=epochs, seed=seed, verbose=0)
            scores.append(score(data.y[test], model.predict(data.x[test], verbose=0)))
        means.append(np.mean(scores))
    return np.median(means)


def accuracy(y, y_prob):
    best = y_prob.argmax(axis=1) if y_prob.shape[1] > 1 else y_prob[:, 0] > 0.5
    return np.mean(best == y)


def r_squared(y, y_pred):
    return 1 - np.mean((y - y_pred[:, 0]) ** 2) / np.var(y)


def least(printed):
    """The smallest number that is printed so: half of the last digit below it."""
    return float(printed) - 0.5 * 10.0 ** -len(printed.partition(".")[2])


def test_every_result_is_read():
    table = (ROOT / "README.md").read_text().split("## Results")[1].split("## Examples")[0]
    assert len(RESULTS) == table.count("\n| ") - 1 == 4  # but the line of names


@pytest.mark.parametrize(("name", "code", "epochs", "score", "printed"), RESULTS)
def test_the_results_of_the_readme(name, code, epochs, score, printed):
    data = load_data(name.strip().replace(" ", "_"))
    measured = cross_validated(data, code, {"accuracy": accuracy, "R²": r_squared}[score], int(epochs))
    print(f"{name}: {score} {measured:.4f}, printed as {printed}")
    assert measured >= least(printed)


@pytest.mark.parametrize(("row", "epochs", "val_loss"), [("5", 40, 0.0043), ("7", 20, 0.2372)])
def test_rows_of_the_notebook(row, epochs, val_loss, mnist_folder, tmp_path, monkeypatch):
    """Row 5 to its end against the printed value; row 7, whose end is minutes away, against docs/autoencoder.md."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    rows = importlib.import_module("autoencoder_rows")
    data = load_data("mnist", folder=mnist_folder)
    x, x_test = data.x.reshape(-1, 784), data.x_test.reshape(-1, 784)
    chosen = replace(rows.ROWS[row], epochs=epochs)
    run = rows.train(chosen, chosen.build(x, 0, {}), x, x_test, 0, tmp_path)
    assert run.history["val_loss"][-1] <= val_loss * (1 + rows.TOLERANCE)


def test_super_resolution_beats_bicubic_by_a_decibel(tmp_path):
    done = run_python(ROOT / "examples" / "super_resolution.py", "--out", tmp_path, timeout=1800)
    assert done.returncode == 0, done.stderr[-2000:]
    gain = float(re.search(r"gain of a tile: \+([\d.]+) dB on average", done.stdout)[1])
    assert gain >= 1


def test_denoising_beats_the_filters(tmp_path):
    done = run_python(ROOT / "examples" / "denoising.py", "--out", tmp_path, timeout=1800)
    assert done.returncode == 0, done.stderr[-2000:]
    levels = {name: float(level) for name, level in re.findall(r"^(\w+).*: ([\d.]+) dB$", done.stdout, re.MULTILINE)}
    assert levels["network"] >= max(levels["Gaussian"], levels["median"], levels["noisy"]) + 2


def test_the_slides_sigmoid_against_softmax():
    """The rows of docs/sigmoid-or-softmax.md that its text rests on."""
    measure = runpy.run_path(str(ROOT / "examples" / "sigmoid_or_softmax.py"))["measure"]
    rows = {
        (loss, activation): np.median([measure("digits", loss, activation, 30, seed) for seed in SEEDS], axis=0)
        for loss in ("categorical_crossentropy", "kl_divergence")
        for activation in ("sigmoid", "softmax")
    }
    accuracy, low, high, error, reported = range(5)
    crossentropy, softmax = rows["categorical_crossentropy", "sigmoid"], rows["categorical_crossentropy", "softmax"]
    assert crossentropy[accuracy] == pytest.approx(softmax[accuracy], abs=0.01)
    assert crossentropy[reported] == pytest.approx(softmax[reported], rel=0.05)
    assert crossentropy[low] > 1.2
    assert crossentropy[high] > 3
    assert crossentropy[error] > 0.3 > 0.05 > softmax[error]
    collapsed, sound = rows["kl_divergence", "sigmoid"], rows["kl_divergence", "softmax"]
    assert collapsed[accuracy] < 0.3 < 0.95 < sound[accuracy]
    assert collapsed[low] > 9.9
    assert collapsed[reported] == pytest.approx(0, abs=1e-4)


def test_the_simplest_network_of_a_search_beats_the_defaults(tmp_path, monkeypatch, capsys):
    """On unseen rows: the loss on breast cancer, the accuracy on digits (docs/tuning.md)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tuning_pays.py", "--seeds", "3", "4", "5"])
    runpy.run_path(str(ROOT / "examples" / "tuning_pays.py"), run_name="__main__")
    cells = [[cell.strip() for cell in line.split("|")] for line in capsys.readouterr().out.splitlines()]
    median = {(row[1], row[3]): (float(row[4]), float(row[5])) for row in cells if len(row) > 5 and row[2] == "median"}
    assert median["breast_cancer", "simplest as good"][0] < median["breast_cancer", "defaults"][0]
    assert median["digits", "simplest as good"][1] > median["digits", "defaults"][1]


def test_the_lecture_s_network_groks():
    from recipes import grok

    runs = [grok("lecture", seed=seed, verbose=0) for seed in SEEDS]
    assert [run.kind for run in runs] == ["grokking"] * 3
    assert min(run.delay_ratio for run in runs) >= 5


def test_networks_find_more_light_echoes_than_a_matched_filter():
    """The tables of docs/light-echoes.md: the filter to the digit, the networks within the spread that they say."""
    from recipes.lecture.astronomy import light_echoes as echoes
    from recipes.lecture.astronomy.echoes import simulate_echoes
    from recipes.lecture.astronomy.matched_filter import tune_filter

    assert tune_filter(simulate_echoes(echoes.TUNING_SCENES, seed=echoes.TUNING_SEED)) == echoes.TUNED
    row = re.compile(r"^\| ([\w ]+) \| (\d[\d.]+)(?: ± ([\d.]+))? \|", re.MULTILINE)
    page = (ROOT / "docs" / "light-echoes.md").read_text().split("| AP50 without streaks |")
    printed, printed_clear = map(row.findall, page)
    assert [name for name, *_ in printed] == [name for name, *_ in printed_clear] == list(echoes.METHODS)
    found = echoes.compare_detectors()
    print(found)
    measured = {name: found.average_precisions(name).mean() for name in echoes.METHODS}
    clear = {name: values.mean() for name, values in echoes.judge_without_streaks(found).items()}
    assert clear[echoes.FILTER] > max(clear[echoes.PLAIN], clear[echoes.ATTENTION]) > 0.7
    assert 0.3 <= measured[echoes.FILTER] <= 0.6
    for table, values in ((printed, measured), (printed_clear, clear)):
        for name, mean, spread in table:
            assert values[name] == pytest.approx(float(mean), abs=0.0005 if name == echoes.FILTER else float(spread))
    assert min(measured[echoes.PLAIN], measured[echoes.ATTENTION]) >= measured[echoes.FILTER] + 0.1


def test_what_reads_simulated_streaks():
    """The table of docs/streaks.md: the periodogram to the digit, the networks within two standard errors."""
    from recipes.lecture.astronomy import streaks
    from recipes.lecture.astronomy.extraction import simulate_streaks
    from recipes.lecture.astronomy.periodogram import tune_periodogram

    tuned = tune_periodogram(simulate_streaks(streaks.TUNING_IMAGES, seed=streaks.TUNING_SEED))
    assert tuned == streaks.TUNED
    page = (ROOT / "docs" / "streaks.md").read_text().split("| accuracy where")[0]
    printed = re.findall(r"^\| ([\w ]+) \| (0\.\d+) \|", page, re.MULTILINE)
    assert [name for name, _ in printed] == list(streaks.METHODS)
    found = streaks.compare_classifiers()
    print(found)
    for name, accuracy in printed:
        close = 0.0005 if name == streaks.PERIODOGRAM else 0.015
        assert found.accuracies(name).mean() == pytest.approx(float(accuracy), abs=close)
