"""The linear part of a table's model: an exact ridge regression, and networks that learn what it leaves."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from recipes import fit_table
from recipes.tables.curves import verdict_on
from recipes.tables.learning import linear
from recipes.tables.learning.fit_rows import fit_rows
from recipes.tables.learning.linear import LEAST_SPREAD, PENALTIES, linear_of
from recipes.tables.learning.preprocessing import outputs_of
from recipes.tables.prepare import prepare_table

NUM_ROWS = 40


def example(num_features, num_outputs=2, seed=0):
    """Features of which the last is constant, numbers that hang on them, and three parts to hold out."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(NUM_ROWS, num_features)).astype(np.float32)
    features[:, -1] = 1.0
    y = features[:, :3] @ rng.normal(size=(3, num_outputs)) + 0.3 * rng.normal(size=(NUM_ROWS, num_outputs))
    return features, y, np.array_split(rng.permutation(NUM_ROWS)[:24], 3)


def ridge(features, y, penalty):
    return Ridge(alpha=penalty, solver="svd").fit(features.astype(np.float64), y)


def best_penalty(features, y, held):
    """The penalty under which the rows held out are said best, by scikit-learn."""
    errors = []
    for penalty in PENALTIES:
        error = 0.0
        for out in held:
            rest = np.setdiff1d(np.arange(NUM_ROWS), out)
            error += np.sum((y[out] - ridge(features[rest], y[rest], penalty).predict(features[out])) ** 2)
        errors.append(error)
    return PENALTIES[np.argmin(errors)]


@pytest.mark.parametrize("num_features", [6, 90], ids=["more rows", "more features"])
def test_it_is_scikit_learns_ridge_without_the_part_and_without_the_row(num_features):
    features, y, held = example(num_features)
    found = linear_of(features, y, held)
    kernels, losses, chances = [], np.zeros((3, 2)), np.zeros((3, 2))
    for k in range(2):
        penalty = best_penalty(features, y[:, k], held)
        for i, out in enumerate(held):
            rest = np.setdiff1d(np.arange(NUM_ROWS), out)
            whole = ridge(features[rest], y[rest, k], penalty)
            said = whole.predict(features[out])
            np.testing.assert_allclose(found.said[i][:, k], said, atol=1e-6)
            np.testing.assert_allclose(found.left[i][out, k] * found.spread, y[out, k] - said, atol=1e-5)
            losses[i, k] = np.mean((y[out, k] - said) ** 2)
            chances[i, k] = np.mean((y[out, k] - y[rest, k].mean()) ** 2)
            for row in rest:
                others = np.setdiff1d(rest, row)
                without = y[row, k] - ridge(features[others], y[others, k], penalty).predict(features[[row]])[0]
                assert found.left[i][row, k] * found.spread == pytest.approx(without, abs=1e-5)
            kernels.append((k, whole.coef_, whole.intercept_))
    assert found.spread > 0.1
    assert np.mean(np.square(found.left)) == pytest.approx(1.0)
    assert found.loss == pytest.approx(np.median(losses.mean(axis=1)))
    assert found.chance == pytest.approx(np.median(chances.mean(axis=1)))
    for k in range(2):
        np.testing.assert_allclose(found.kernel[:, k], np.mean([c for j, c, _ in kernels if j == k], 0), atol=1e-6)
        assert found.bias[k] == pytest.approx(np.mean([b for j, _, b in kernels if j == k]), abs=1e-6)


def test_residuals_without_the_row_are_larger_than_with_it():
    """With as many features as rows the regression follows its rows; what it leaves there says nothing of new ones."""
    features, y, held = example(38)
    found = linear_of(features, y, held)
    rest = np.setdiff1d(np.arange(NUM_ROWS), held[0])
    with_them = y[rest] - ridge(features[rest], y[rest], PENALTIES[0]).predict(features[rest])
    assert np.mean((found.left[0][rest] * found.spread) ** 2) > 3 * np.mean(with_them**2)


def test_where_features_outnumber_rows_there_is_as_much_to_learn_as_to_say():
    """Under a small penalty the regression passes through its rows; without the row it does not."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(120, 5))
    features = (hidden @ rng.normal(size=(5, 900)) + 0.1 * rng.normal(size=(120, 900))).astype(np.float32)
    y = hidden[:, :1] + 0.01 * rng.normal(size=(120, 1))
    out = np.arange(30)
    found = linear_of(features, y, [out])
    learnt, held = found.left[0][30:], found.left[0][out]
    assert 0.5 < np.sqrt(np.mean(learnt**2)) < 2
    assert 0.5 < np.sqrt(np.mean(held**2)) < 2


def test_calm_rows_held_out_do_not_swell_what_is_learnt():
    """Rows of a closed shop: the regression explains them, and not the others."""
    features, y, _ = example(6, 1)
    out = np.arange(10)
    features[out], y[out] = 0.0, 0.0
    found = linear_of(features, y, [out])
    assert np.abs(found.left[0]).max() < 10


@pytest.mark.parametrize("out", [np.arange(0), np.arange(NUM_ROWS)], ids=["none", "all"])
def test_without_rows_on_both_sides_there_is_none(out):
    features, y, held = example(6)
    assert linear_of(features, y, [held[0], out]) is None


def test_parts_that_are_the_same_are_solved_once(monkeypatch):
    features, y, held = example(6)
    solved = []
    monkeypatch.setattr(linear, "_Part", lambda *a, real=linear._Part: solved.append(a) or real(*a))
    found = linear_of(features, y, [held[0]] * 3)
    assert len(solved) == 1
    assert found.left[0] is found.left[2]


def test_too_many_directions_are_left_to_the_networks():
    rng = np.random.default_rng(0)
    most = linear.MOST_DIRECTIONS
    features = rng.normal(size=(most + 1, most + 1)).astype(np.float32)
    assert linear_of(features, np.zeros((most + 1, 1)), [np.arange(9)]) is None
    parts = [np.arange(i, i + 9) for i in range(40)]
    assert 40 * features[:most].size * most > linear.MOST_WORK
    assert linear_of(features[:most], np.zeros((most, 1)), parts) is None


def test_numbers_that_it_explains_leave_next_to_nothing():
    features, _, held = example(6)
    found = linear_of(features, features[:, :1].astype(np.float64), held)
    assert found.spread < 0.01
    assert np.isfinite(found.left).all()
    constant = linear_of(features, np.zeros((NUM_ROWS, 1)), held)
    assert constant.spread == LEAST_SPREAD
    assert not np.any(constant.left)


# --- in a table -----------------------------------------------------------------------------------------------------


def straight(num_rows=300, seed=0):
    """A price that is a sum over columns, one of them a category."""
    rng = np.random.default_rng(seed)
    size, age, place = rng.uniform(20, 200, num_rows), rng.uniform(0, 80, num_rows), rng.integers(0, 4, num_rows)
    price = 3 * size - 2 * age + np.array([-200, 0, 80, 150])[place] + rng.normal(0, 4, num_rows)
    return pd.DataFrame({"size": size, "age": age, "place": np.array([*"nesw"])[place], "price": price})


def test_the_model_says_what_networks_and_regressions_say_together():
    ready = prepare_table(straight(), "price", num_networks=3)
    rest = ready.part(ready.split.rest)
    y, held = ready.y[ready.split.rest], ready.split.held
    fitted = fit_rows(ready.columns, ready.target, rest, y, held, epochs=2)
    features = fitted.examples.features
    middle, spread = y.mean(), y.std()
    beside = linear_of(features, ((y - middle) / spread).astype(np.float32)[:, None], held)
    networks = np.mean([np.asarray(run.model(features)) for run in fitted.runs], axis=0)
    expected = (beside.spread * networks + features @ beside.kernel + beside.bias) * spread + middle
    found = outputs_of(fitted.model, ready.columns, rest)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    first = np.asarray(fitted.runs[0].model(features[held[0]])) * beside.spread + beside.said[0]
    kept = np.searchsorted(np.sort(np.concatenate(held)), held[0])  # which rows `held_outputs` stand for
    np.testing.assert_allclose(fitted.held_outputs[kept], first * spread + middle, rtol=1e-4)


def test_the_line_that_shows_the_training_has_the_losses_of_the_curves(capsys):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame["y"] = frame.sum(axis=1) + 0.3 * rng.normal(size=200)
    run = fit_table(frame, "y", num_networks=1, epochs=3, verbose=1)
    shown = re.findall(r"val_loss ([\d.e-]+)", capsys.readouterr().err)[-1]
    assert float(shown) == pytest.approx(run.history["val_loss"][0][-1], rel=1e-3)


def test_a_sum_over_columns_is_found_and_the_curve_is_no_worse_than_a_constant():
    run = fit_table(straight(), "price", num_networks=3, epochs=4, verbose=0)
    assert run.scores["network"]["r2"] > 0.995  # of the noise 0.9994 is left
    assert run.chance == pytest.approx(1.0, rel=0.2)
    assert run.linear_loss < 0.01
    assert all(losses[0] < 0.02 for losses in run.history["val_loss"])  # in units of the variance of the price
    assert not {"worse_than_chance", "memorised_noise"} & {finding.rule for finding in run.findings}


@pytest.mark.slow
def test_later_rows_of_another_level_are_compared_with_the_mean_of_the_earlier():
    """In units of the variance of all rows the earlier rows' mean is far worse than 1, and a network's loss too."""
    frame = straight()
    frame["day"] = np.arange(len(frame))
    frame["price"] += 2_000 * (frame.day > 200)
    run = fit_table(frame, "price", time="day", num_networks=2, epochs=3, verbose=0)
    ready = prepare_table(frame, "price", time="day", num_networks=2)
    y, out = ready.y[ready.split.rest], ready.split.held[0]
    y = (y - y.mean()) / y.std()
    assert run.chance == pytest.approx(np.mean((y[out] - np.delete(y, out).mean()) ** 2), rel=1e-4)
    assert run.chance > 2


@pytest.mark.parametrize(("val_loss", "rule"), [(0.01 * 0.9 ** np.arange(20), "still_learning"),
                                                (np.full(20, 1.2), "worse_than_chance")])  # fmt: skip
def test_a_verdict_looks_at_what_networks_can_gain_beside_it(val_loss, rule):
    history = {"loss": [val_loss.tolist()] * 3, "val_loss": [val_loss.tolist()] * 3}
    assert verdict_on(history, 1.0, 0.01)[0].rule == rule
    assert "still_learning" not in {finding.rule for finding in verdict_on(history, 1.0)}


def test_a_verdict_says_what_the_linear_part_has_by_itself():
    flat = [0.008 + 0.002 * 0.5 ** np.arange(30)] * 3
    (found, *_) = verdict_on({"loss": flat, "val_loss": flat}, 1.0, 0.0105)
    assert found.rule == "converged"
    assert found.message.endswith("The linear part alone has 0.0105.")
    assert "chance=" not in found.message


@pytest.mark.slow
def test_classes_and_counts_have_none():
    frame = straight()
    frame["dear"] = np.where(frame.price > frame.price.median(), "yes", "no")
    run = fit_table(frame.drop(columns="price"), "dear", num_networks=2, epochs=2, verbose=0)
    assert "linear" not in [layer.name for layer in run.model.layers]
    assert run.linear_loss is None
