"""The linear part of a table's model: an exact ridge regression, and networks that learn what it leaves."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from recipes import fit_table
from recipes.tables.learning import linear
from recipes.tables.learning.fit_rows import fit_rows
from recipes.tables.learning.linear import LEAST_SPREAD, MOST_GROWTH, PENALTIES, linear_of
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
    kernels, squares = [], []
    for k in range(2):
        penalty = best_penalty(features, y[:, k], held)
        for i, out in enumerate(held):
            rest = np.setdiff1d(np.arange(NUM_ROWS), out)
            whole = ridge(features[rest], y[rest, k], penalty)
            said = whole.predict(features[out])
            np.testing.assert_allclose(found.said[i][:, k], said, atol=1e-6)
            np.testing.assert_allclose(found.left[i][out, k] * found.spread, y[out, k] - said, atol=1e-5)
            squares.append(np.sum((y[out, k] - said) ** 2))
            for row in rest:
                others = np.setdiff1d(rest, row)
                without = y[row, k] - ridge(features[others], y[others, k], penalty).predict(features[[row]])[0]
                with_it = y[row, k] - whole.predict(features[[row]])[0]
                if abs(without) < 0.99 * MOST_GROWTH * abs(with_it):
                    assert found.left[i][row, k] * found.spread == pytest.approx(without, abs=1e-5)
            kernels.append((k, whole.coef_, whole.intercept_))
    assert found.spread == pytest.approx(np.sqrt(sum(squares) / (2 * 24)))
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


def test_a_sum_over_columns_is_found_and_the_curve_is_no_worse_than_a_constant():
    run = fit_table(straight(), "price", num_networks=3, epochs=4, verbose=0)
    assert run.scores["network"]["r2"] > 0.995  # of the noise 0.9994 is left
    assert run.chance == 1.0
    assert all(losses[0] < 0.02 for losses in run.history["val_loss"])  # in units of the variance of the price
    assert not {"worse_than_chance", "memorised_noise"} & {finding.rule for finding in run.findings}


def test_classes_and_counts_have_none():
    frame = straight()
    frame["dear"] = np.where(frame.price > frame.price.median(), "yes", "no")
    run = fit_table(frame.drop(columns="price"), "dear", num_networks=2, epochs=2, verbose=0)
    assert "linear" not in [layer.name for layer in run.model.layers]
