"""Scores on rows that were not seen: what the folds are, that nothing leaks, and that each is as it would be alone."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, StratifiedKFold

from recipes import build_model, cross_validate, fit

ROWS = 90
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 4)).astype("float32")
Y = np.where(X[:, 0] + 0.3 * rng.normal(size=ROWS) > 0, "ill", "well")
NUMBER = (3 * X[:, 0] - X[:, 1]).astype("float32")


def test_each_fold_is_the_run_that_fit_makes_of_its_rows():
    found = cross_validate("binary", X, Y, cv=3, epochs=4, units=(8,), seed=5, verbose=0)
    assert "3 networks at once" in found.runs.how
    for i, (rows, held) in enumerate(found.folds):
        model = build_model("binary", x=X[rows], y=Y[rows], units=(8,), seed=5 + i)
        run = fit(model, X[rows], Y[rows], epochs=4, seed=5 + i, verbose=0)
        np.testing.assert_allclose(found.predictions[held], run.predict(X[held]), atol=1e-5)
        assert found.scores["loss"][i] == pytest.approx(run.evaluate(X[held], Y[held])["loss"], abs=1e-5)
    # Nadeau and Bengio (2003): 30 rows held out, 60 trained on
    assert found.standard_error["loss"] == pytest.approx(
        np.std(found.scores["loss"], ddof=1) * np.sqrt(1 / 3 + 30 / 60)
    )
    assert "± " in str(found)


def test_folds_are_a_partition_and_keep_the_share_of_classes():
    found = cross_validate("binary", X, Y, cv=5, verbose=0)
    held = np.concatenate([held for _, held in found.folds])
    np.testing.assert_array_equal(np.sort(held), np.arange(ROWS))
    shares = [np.mean(Y[held] == "ill") for _, held in found.folds]
    assert np.ptp(shares) < 0.06
    assert np.isfinite(found.predictions).all()


def test_the_scale_is_that_of_the_training_rows():
    """One column is far off in one fold: its network must not know, and its scale is another."""
    x = X.copy()
    folds = [(np.arange(30, ROWS), np.arange(30)), (np.arange(60), np.arange(60, ROWS))]
    x[:30, 1] += 1000
    found = cross_validate("regression", x, NUMBER, cv=folds, verbose=0)
    for run, (rows, _) in zip(found.runs, folds, strict=True):
        scale = run.model.get_layer("input_scale")
        np.testing.assert_allclose(np.ravel(scale.mean), x[rows].mean(axis=0), rtol=1e-4)


def test_splitters_groups_and_repeats():
    groups = np.arange(ROWS) // 9
    found = cross_validate("binary", X, Y, cv=GroupKFold(5), groups=groups, verbose=0)
    assert all(not set(groups[rows]) & set(groups[held]) for rows, held in found.folds)
    assert len(cross_validate("binary", X, Y, cv=StratifiedKFold(3), verbose=0).folds) == 3
    twice = cross_validate("binary", X, Y, cv=3, repeats=2, verbose=0)
    assert len(twice.scores["loss"]) == 6
    assert not np.array_equal(twice.folds[0][1], twice.folds[3][1])
    np.testing.assert_array_equal(np.isfinite(twice.predictions).all(axis=1), np.full(ROWS, True))


def test_early_stopping_watches_training_rows_alone():
    found = cross_validate("binary", X, Y, cv=3, epochs=60, patience=3, validation_split=0.25, learning_rate=0.1,
                           verbose=0)  # fmt: skip
    assert any(run.epochs < 60 for run in found.runs)
    with pytest.raises(ValueError, match="those held out must not be seen"):
        cross_validate("binary", X, Y, patience=3)


@pytest.mark.parametrize("container", [pd.DataFrame, lambda x: x.tolist()])
def test_containers(container):
    plain = cross_validate("binary", X, Y, cv=3, epochs=2, verbose=0)
    found = cross_validate("binary", container(X), list(Y), cv=3, epochs=2, verbose=0)
    np.testing.assert_allclose(found.predictions, plain.predictions, atol=1e-6)


def test_metrics_with_several_values():
    found = cross_validate("binary", X, Y, cv=3, metrics=["f1_score"], verbose=0)
    assert found.scores["f1_score"].shape == (3, 1)
    assert len(found.mean["f1_score"]) == 1


class TestRefusals:
    def test_rows_in_another_order(self):
        table, y = pd.DataFrame(X), pd.Series(Y).sample(frac=1, random_state=0)
        with pytest.raises(ValueError, match=r"Use y\.loc\[x\.index\]"):
            cross_validate("binary", table, y)
        weight = pd.Series(np.ones(ROWS)).sample(frac=1, random_state=0)
        with pytest.raises(ValueError, match=r"Use sample_weight\.loc\[x\.index\]"):
            cross_validate("binary", table, pd.Series(Y), sample_weight=weight)

    def test_a_model_that_is_not_compiled(self):
        with pytest.raises(ValueError, match=r"not compiled\. Call model\.compile"):
            cross_validate(lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), X, Y)

    def test_a_model_that_knows_all_rows(self):
        model = build_model("binary", x=X, y=Y)
        with pytest.raises(TypeError, match="scale of rows that are held out"):
            cross_validate(model, X, Y)

        def build():
            return build_model("binary", x=X, y=Y)

        with pytest.raises(ValueError, match="'input_scale' holds the mean and variance of data"):
            cross_validate(build, X, Y)

    def test_a_function_without_rows_is_taken_where_it_knows_none(self):
        def build():
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy")
            return model

        assert len(cross_validate(build, X, Y, cv=3, verbose=0).scores["loss"]) == 3

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"cv": 200}, "leave some without a row"),
            ({"cv": 1}, "cv"),
            ({"cv": "five"}, "a number of folds"),
            ({"cv": [(np.arange(50), np.arange(40, 60))]}, "trains on rows that it holds out"),
            ({"repeats": 0}, "repeats"),
            ({"unit": (8,)}, "'units'"),
            ({"n_splits": 3}, "'cv'"),
            ({"batchsize": 3}, "'batch_size'"),
            ({"callbacks": []}, "'patience'"),
        ],
    )
    def test_arguments(self, options, message):
        with pytest.raises((ValueError, TypeError), match=message):
            cross_validate("binary", X, Y, verbose=0, **options)
