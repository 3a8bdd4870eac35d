"""`recipes.sklearn`: scikit-learn's own checks, and that the estimators are `build_model` and `fit`."""

import pickle
import random
from functools import partial

import joblib
import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import refused
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    estimator_checks_generator,
    parametrize_with_checks,
)

from recipes import build_model, fit, load_data
from recipes.sklearn import RecipeClassifier, RecipeRegressor

ESTIMATORS = [RecipeClassifier(), RecipeRegressor()]
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 is met once in an epoch and one that is there "
    "twice is met twice, each time in another batch: alike on average, not to the last digit"
}
# Cheap ones that between them go through reading, training, predicting, copying and refusing.
QUICK = {
    "check_estimators_unfitted", "check_estimators_pickle", "check_supervised_y_2d", "check_requires_y_none",
    "check_estimators_nan_inf", "check_regressor_multioutput", "check_supervised_y_no_nan",
    "check_classifiers_one_label", "check_fit2d_1sample", "check_estimator_sparse_tag",
}  # fmt: skip
X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.array(["ill", "well"])[(X[:, 0] + X[:, 1] > 0).astype(int)]
NUMBERS = 100 + 5 * X[:, 0]


ALL = parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_TO_FAIL)


def assert_passes(check, estimator):
    """Let scikit-learn look; its checks raise AssertionError themselves."""
    check(estimator)


@pytest.mark.slow  # two minutes
@pytest.mark.parametrize(ALL.args[0], [*ALL.args[1]], **ALL.kwargs)  # pytest wants a list, and gets a generator
def test_scikit_learns_checks(estimator, check):
    assert_passes(check, estimator)


def quick_checks():
    for estimator in ESTIMATORS:
        for one, check in estimator_checks_generator(estimator):
            if (name := check.func.__name__) in QUICK:
                yield pytest.param(one, check, id=f"{type(one).__name__}-{name}")


@pytest.mark.parametrize(("estimator", "check"), [*quick_checks()])
def test_a_handful_of_scikit_learns_checks(estimator, check):
    assert_passes(check, estimator)


def test_the_handful_is_there():
    names = {check.func.__name__ for estimator in ESTIMATORS for _, check in estimator_checks_generator(estimator)}
    assert names >= QUICK | {*EXPECTED_TO_FAIL}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_names_of_columns_are_kept_and_compared(estimator):
    assert_passes(partial(check_dataframe_column_names_consistency, type(estimator).__name__), estimator)


@pytest.fixture(scope="module")
def classifier():
    return RecipeClassifier(epochs=3).fit(X, Y)


@pytest.fixture(scope="module")
def regressor():
    return RecipeRegressor(epochs=3).fit(X, NUMBERS)


class TestItIsBuildModelAndFit:
    def test_classes(self, classifier):
        model = build_model("binary", x=X, y=(Y == "well").astype(int), seed=0)
        run = fit(model, X, (Y == "well").astype(int), epochs=3, verbose=0)
        assert classifier.run_.history == run.history
        assert classifier.classes_.tolist() == ["ill", "well"]
        proba = classifier.predict_proba(X)
        np.testing.assert_allclose(proba[:, 1], run.predict(X)[:, 0], rtol=1e-5)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_array_equal(classifier.predict(X), np.array(["ill", "well"])[(proba[:, 1] > 0.5).astype(int)])

    def test_numbers_in_their_own_units(self, regressor):
        run = fit(build_model("regression", x=X, y=NUMBERS, seed=0), X, NUMBERS, epochs=3, verbose=0)
        assert regressor.run_.history == run.history
        np.testing.assert_allclose(regressor.predict(X), run.predict(X)[:, 0], rtol=1e-5)
        assert regressor.predict(X).dtype == np.float64

    def test_what_is_not_given_is_the_bodys_own(self):
        asked = {"units": (8,), "hidden_activation": "tanh", "dropout": 0.25, "learning_rate": 0.01, "batch_size": 16,
                 "validation_split": 0.25, "patience": 1, "epochs": 4, "random_state": 3}  # fmt: skip
        found = RecipeRegressor(loss="huber", **asked).fit(X, X[:, 0])
        model = build_model("regression", x=X, y=X[:, 0], units=(8,), hidden_activation="tanh", dropout=0.25,
                            learning_rate=0.01, loss="huber", seed=3)  # fmt: skip
        run = fit(model, X, X[:, 0], epochs=4, batch_size=16, validation_split=0.25, patience=1, seed=3, verbose=0)
        assert found.run_.history == run.history

    def test_images(self):
        images = load_data("digits").x[:40]
        found = RecipeClassifier(body="cnn", filters=(4,), epochs=1).fit(images, np.arange(40) % 3)
        assert found.predict_proba(images[:5]).shape == (5, 3)
        assert found.model_.name == "cnn_multiclass"


def test_a_rows_numbers_do_not_depend_on_its_place(classifier):
    proba = classifier.predict_proba(X)
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_array_equal(classifier.predict_proba(X[order]), proba[order])
    np.testing.assert_array_equal(np.concatenate([classifier.predict_proba(X[i : i + 1]) for i in range(9)]), proba[:9])


def test_class_weights_are_weights_of_rows():
    uneven = np.where(np.arange(60) % 10, Y, "rare")
    by_row = RecipeClassifier(epochs=2).fit(X, uneven, compute_sample_weight("balanced", uneven))
    weighted = RecipeClassifier(epochs=2, class_weight="balanced").fit(X, uneven)
    np.testing.assert_array_equal(weighted.predict_proba(X), by_row.predict_proba(X))
    half = {"ill": 0.5, "well": 0.5, "rare": 2.0}
    twice = RecipeClassifier(epochs=2, class_weight=half).fit(X, uneven, np.full(60, 2.0))
    once = RecipeClassifier(epochs=2, class_weight={name: 2 * value for name, value in half.items()}).fit(X, uneven)
    np.testing.assert_array_equal(twice.predict_proba(X), once.predict_proba(X))


def test_several_numbers_and_several_labels_a_row():
    both = np.stack([NUMBERS, X[:, 2]], axis=1)
    assert RecipeRegressor(epochs=2).fit(X, both).predict(X[:4]).shape == (4, 2)
    labels = (X[:, :2] > 0).astype(int)
    found = RecipeClassifier(epochs=60).fit(X, labels)
    assert (found.predict(X) == labels).mean() > 0.9
    np.testing.assert_array_equal(found.predict_proba(X) > 0.5, found.predict(X) == 1)
    assert found.classes_.tolist() == [0, 1]


def test_a_hinge_has_no_probabilities():
    found = RecipeClassifier(loss="hinge", epochs=60).fit(X, Y)
    assert not hasattr(found, "predict_proba")
    assert found.score(X, Y) > 0.8


def test_the_global_generators_are_left_alone():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    found = [RecipeRegressor(epochs=1, random_state=seed).fit(X, NUMBERS).predict(X) for seed in (None, None, 7, 7)]
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert not np.array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[2], found[3])


def test_one_optimizer_serves_several_fits():
    estimator = RecipeRegressor(epochs=1, optimizer=keras.optimizers.Adam(0.01))
    first, second = estimator.fit(X, NUMBERS).predict(X), clone(estimator).fit(X, NUMBERS).predict(X)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, RecipeRegressor(epochs=1, learning_rate=0.01).fit(X, NUMBERS).predict(X))


@pytest.mark.parametrize("copied", [lambda fitted: pickle.loads(pickle.dumps(fitted)), None])  # noqa: S301 - its own
def test_copies_predict_the_same(copied, classifier, tmp_path):
    if copied is None:
        joblib.dump(classifier, tmp_path / "fitted.joblib")
        other = joblib.load(tmp_path / "fitted.joblib")
    else:
        other = copied(classifier)
    np.testing.assert_array_equal(other.predict_proba(X), classifier.predict_proba(X))
    assert clone(other).get_params() == classifier.get_params()


CITIES = ["Rome", "Oslo", None, "Oslo"] * 15


def frame(kind, cities=CITIES):
    columns = {"size": X[:, 0].tolist(), "city": cities, "open": [True, False, True] * 20, "grade": [1, 2, 3, 3] * 15}
    if kind == "polars":
        return pl.DataFrame(columns).with_columns(pl.col("grade").cast(pl.String).cast(pl.Categorical))
    made = pd.DataFrame(columns)
    made["grade"] = made["grade"].astype("category")
    return made.astype({"city": "category"}) if kind == "categories" else made


class TestTables:
    EXPECTED = np.column_stack(
        [
            np.float32(X[:, 0]), np.array([True, False, True] * 20),
            *(np.array([city == name for city in CITIES]) for name in ("Oslo", "Rome", None)),
            *(np.array([1, 2, 3, 3] * 15) == grade for grade in (1, 2, 3)),
        ]
    )  # fmt: skip

    @pytest.mark.parametrize("kind", ["pandas", "categories", "polars"])
    def test_text_and_categories_are_one_hot(self, kind):
        found = RecipeClassifier(epochs=1).fit(frame(kind), Y)
        np.testing.assert_array_equal(found.encoding_.encode(frame(kind)), self.EXPECTED)
        assert found.feature_names_in_.tolist() == ["size", "city", "open", "grade"]
        assert found.n_features_in_ == 4
        assert found.model_.input_shape == (None, 8)

    def test_an_unseen_value_is_none_of_those_that_are_known(self):
        found = RecipeClassifier(epochs=1).fit(frame("pandas"), Y)
        unseen = found.encoding_.encode(frame("pandas", ["Bern"] * 60))
        assert not unseen[:, 2:5].any()
        np.testing.assert_array_equal(unseen[:, 5:], self.EXPECTED[:, 5:])
        assert np.isfinite(found.predict_proba(frame("pandas", ["Bern"] * 60))).all()
        complete = RecipeClassifier(epochs=1).fit(frame("pandas", ["Rome", "Oslo"] * 30), Y)
        assert not complete.encoding_.encode(frame("pandas", [None] * 60))[:, 2:4].any()

    def test_what_is_read_alike_in_pandas_and_polars(self):
        found = RecipeRegressor(epochs=2).fit(frame("pandas"), NUMBERS)
        np.testing.assert_array_equal(found.predict(frame("polars")), found.predict(frame("pandas")))

    def test_names_are_refused(self):
        with refused(
            "Column 'city' of X holds 60 texts, all different ('n0', 'n1', 'n10', 'n11', 'n12', ...): names, of which "
            "nothing can be learnt. Leave it out."
        ):
            RecipeClassifier().fit(frame("pandas", [f"n{i}" for i in range(60)]), Y)

    def test_columns_in_another_order_are_refused(self):
        found = RecipeClassifier(epochs=1).fit(frame("pandas"), Y)
        with pytest.raises(ValueError, match="must be in the same order"):
            found.predict(frame("pandas")[["city", "size", "open", "grade"]])

    def test_missing_numbers_are_refused(self):
        broken = frame("pandas")
        broken.loc[3, "size"] = np.nan
        with pytest.raises(ValueError, match="size"):
            RecipeClassifier().fit(broken, Y)

    def test_dates_are_refused(self):
        with pytest.raises(ValueError, match="date"):
            RecipeClassifier().fit(frame("pandas").assign(size=pd.Timestamp("2020-01-01")), Y)


class TestWithinScikitLearn:
    def test_a_pipeline_is_scored_fold_by_fold(self):
        scale = ColumnTransformer([("scale", StandardScaler(), [0])], remainder="passthrough")
        scores = cross_val_score(make_pipeline(scale, RecipeClassifier(epochs=40)), X, Y, cv=2)
        assert scores.shape == (2,)
        assert scores.mean() > 0.8

    def test_a_grid_is_searched(self):
        search = GridSearchCV(RecipeClassifier(epochs=20), {"learning_rate": [1e-5, 0.03]}, cv=2)
        search.fit(X, Y)
        assert search.best_params_["learning_rate"] == 0.03
        assert search.predict(X).shape == (60,)

    def test_what_matters_is_found(self):
        found = RecipeRegressor(epochs=60).fit(X, NUMBERS)
        importance = permutation_importance(found, X, NUMBERS, n_repeats=3, random_state=0).importances_mean
        assert importance[0] > 10 * abs(importance[1:]).max()


@pytest.mark.parametrize(
    ("estimator", "y", "error", "message"),
    [
        (RecipeClassifier(dropout=2), Y, ValueError, "dropout is a fraction"),
        (RecipeClassifier(body="mpl"), Y, ValueError, "Did you mean 'mlp'"),
        (RecipeClassifier(filters=(3,)), Y, TypeError, "build_model has no argument 'filters' with body='mlp'"),
        (RecipeClassifier(patience=2), Y, ValueError, "patience=2 watches val_loss"),
        (RecipeClassifier(epochs=0), Y, ValueError, "epochs must be a whole number"),
        (RecipeClassifier(), np.full(60, "ill"), ValueError, "y holds 1 class, 'ill', in 60 rows"),
        (RecipeClassifier(), Y[:9], ValueError, "X has 60 rows and y 9 rows"),
        (RecipeClassifier(class_weight="balanced"), X > 0, ValueError, "class_weight is for one label a row"),
        (RecipeRegressor(loss="poisson"), X[:, 0], ValueError, "poisson"),
    ],
)
def test_what_cannot_be_is_refused(estimator, y, error, message):
    with pytest.raises(error, match=message):
        estimator.fit(X, y)
