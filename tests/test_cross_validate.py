"""Scores on rows that were not seen: what the folds are, that nothing leaks, and that each is as it would be alone."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import refused
from scipy.sparse import csr_matrix
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from recipes import Runs, build_model, cross_validate, fit, load
from recipes.running.saved import UntrustedFileError
from recipes.training.several.cross_validate import CrossValidation

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
    curves, *scores = found.plot().get_axes()
    assert len(curves.lines) == 2 * (3 + 1)  # of each fold and their median
    assert [[*ax.lines[-1].get_ydata()] for ax in scores] == [[*values] for values in found.scores.values()]
    assert found.runs.findings[0].rule in curves.get_title(loc="left").replace(" ", "_")
    rows = found.table()
    assert [(row["fold"], row["train_rows"], row["test_rows"], row["kept_epoch"]) for row in rows] == [
        (1, 60, 30, 4), (2, 60, 30, 4), (3, 60, 30, 4),
    ]  # fmt: skip
    assert [row["verdict"] for row in rows] == [run.findings[0].rule for run in found.runs]
    for ax in scores:
        assert [*ax.lines[-1].get_xdata()] == [row["fold"] for row in rows]
        low, high = ax.get_xlim()
        assert [place for place in ax.get_xticks() if low <= place <= high] == [1, 2, 3]
    assert [row["accuracy"] for row in rows] == found.scores["accuracy"].tolist()
    assert "chance=" not in found.runs.verdict  # each fold has one of its own, and the median is known


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


@pytest.mark.parametrize("name", ["groups", "sample_weight"])
def test_the_name_of_a_column_is_no_value_of_each_row(name):
    with refused(f"{name}= has a value for each row. Received: 'who'. Pass the column: x['who'], say."):
        cross_validate("binary", X, Y, **{name: "who"})


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


@pytest.mark.parametrize("container", [pl.DataFrame, csr_matrix, keras.ops.convert_to_tensor])
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.slow_but("1-")
def test_other_containers_and_targets_of_two_columns(container, columns):
    y = np.stack([NUMBER, -NUMBER], axis=1)[:, :columns]
    plain = cross_validate("regression", X, y, cv=3, verbose=0)
    target = pl.DataFrame(y) if container is pl.DataFrame else y
    found = cross_validate("regression", container(X), target, cv=3, verbose=0)
    np.testing.assert_allclose(found.predictions, plain.predictions, atol=1e-6)
    assert found.predictions.shape == (ROWS, columns)


@pytest.mark.parametrize("container", [list, pl.Series, lambda w: pd.Series(w, index=range(ROWS)[::-1])])
@pytest.mark.slow_but("Series")
def test_weights_go_with_their_rows(container):
    weight = rng.uniform(0, 2, ROWS)
    folds = cross_validate("regression", X, NUMBER, cv=3, sample_weight=weight, verbose=0)
    found = cross_validate("regression", X, NUMBER, cv=3, sample_weight=container(weight), verbose=0)
    np.testing.assert_array_equal(found.predictions, folds.predictions)
    rows, held = folds.folds[0]
    model = build_model("regression", x=X[rows], y=NUMBER[rows], seed=0)
    run = fit(model, X[rows], NUMBER[rows], sample_weight=weight[rows], verbose=0)
    np.testing.assert_allclose(found.predictions[held], run.predict(X[held]), atol=1e-5)


def test_balanced_weights_are_those_of_the_training_rows():
    found = cross_validate("binary", X, Y, cv=3, class_weight="balanced", verbose=0)
    rows, held = found.folds[0]
    run = fit(build_model("binary", x=X[rows], y=Y[rows], seed=0), X[rows], Y[rows], class_weight="balanced", verbose=0)
    np.testing.assert_allclose(found.predictions[held], run.predict(X[held]), atol=1e-5)


def test_masks_of_rows():
    mask = np.arange(ROWS) < 60
    found = cross_validate("regression", X, NUMBER, cv=[(mask, ~mask)], verbose=0)
    np.testing.assert_array_equal(found.folds[0][1], np.arange(60, ROWS))


class TestLeaks:
    def test_models_that_share_weights(self):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        before = model.get_weights()
        with pytest.raises(ValueError, match="what another has learnt of the rows that it holds out"):
            cross_validate(lambda: model, X, NUMBER, cv=3)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))

    @pytest.mark.parametrize("cv", [KFold(3), [(np.arange(45), np.arange(45, ROWS))]])
    def test_groups_that_a_splitter_does_not_heed(self, cv):
        with pytest.raises(ValueError, match="trains on rows of a group of which it holds others out"):
            cross_validate("regression", X, NUMBER, cv=cv, groups=np.arange(ROWS) // 7)

    def test_a_row_that_is_counted_from_the_end(self):
        """Row -1 is the last one, which is held out."""
        with pytest.raises(ValueError, match="rows -1 to 59"):
            cross_validate("regression", X, NUMBER, cv=[(np.r_[-1, np.arange(60)], np.arange(60, ROWS))])


class TestClassesThatAFoldLacks:
    """Without class b, output 1 would mean c in one fold, and b in another."""

    kinds = np.array(["a", "b", "c"])[np.arange(ROWS) % 3]

    def test_known_to_another_fold(self):
        lacks = [np.flatnonzero(self.kinds != kind) for kind in "bc"]
        with pytest.raises(ValueError, match=r"fold 0 .* no row of class 'b'"):
            cross_validate("multiclass", X, self.kinds, cv=[(rows[:30], rows[30:]) for rows in lacks], verbose=0)

    def test_known_to_held_out_rows_alone(self):
        rows = np.flatnonzero(self.kinds != "b")
        with pytest.raises(ValueError, match="no row of class 'b'"):
            cross_validate("multiclass", X, self.kinds, cv=[(rows, np.flatnonzero(self.kinds == "b"))], verbose=0)

    def test_held_out_rows_need_not_have_each(self):
        held = np.flatnonzero(self.kinds == "a")[:9]
        rows = np.setdiff1d(np.arange(ROWS), held)
        found = cross_validate("multiclass", X, self.kinds, cv=[(rows, held)], verbose=0)
        assert found.predictions[held].shape == (9, 3)


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
            ({"cv": []}, "no folds"),
            ({"cv": [(np.arange(50), np.arange(0))]}, "at least one row"),
            ({"cv": [(np.arange(50), np.arange(50, 95))]}, "rows 50 to 94"),
            ({"sample_weight": np.ones(80)}, "sample_weight has 80 rows and y has 90"),
            ({"groups": np.ones(91)}, "groups has 91 rows"),
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


def test_it_is_saved_with_its_folds_and_read_back(tmp_path):
    found = cross_validate("binary", X, Y, cv=KFold(2), verbose=0)
    found.save(tmp_path / "folds")
    again = load(tmp_path / "folds")
    assert isinstance(again, CrossValidation)
    assert again.table() == found.table()
    assert (str(again), again.mean, again.standard_error) == (str(found), found.mean, found.standard_error)
    np.testing.assert_array_equal(again.predictions, found.predictions)
    for mine, theirs in zip(again.folds, found.folds, strict=True):
        for rows, expected in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(again.runs.predict(X), found.runs.predict(X))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        found.save(tmp_path / "folds")

    content = (tmp_path / "folds" / "folds.npz").read_bytes()
    (tmp_path / "folds" / "folds.npz").write_bytes(content[:-1])
    with pytest.raises(UntrustedFileError, match=r"folds\.npz is not the file that was saved"):
        load(tmp_path / "folds")
    (tmp_path / "folds" / "folds.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks folds\.npz"):
        load(tmp_path / "folds")
    found.runs.save(tmp_path / "folds", overwrite=True)  # the runs alone: no folds of an earlier save go with them
    assert isinstance(load(tmp_path / "folds"), Runs)
    found.save(tmp_path / "folds", overwrite=True)
    assert load(tmp_path / "folds").scores.keys() == found.scores.keys()
