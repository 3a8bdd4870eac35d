"""What one would use without a network: the best constant, a linear model, histogram gradient boosting."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from recipes.tables.columns.column import Columns
from recipes.tables.target import Target

ONE_THREAD_BELOW = 200_000  # values of a table
NAMES = ("constant", "linear", "boosting")
Rows = Mapping[str, np.ndarray]


def predictions_of(
    name: str, columns: Columns, target: Target, rows: Rows, y: np.ndarray, others: Rows, *, seed: int = 0
) -> np.ndarray:
    """Fit a baseline on some rows, and predict others.

    Args:
        name: `"constant"`: the share of each class, or the mean; `"linear"`: logistic, ridge or Poisson regression on
            standardised numbers and one-hot categories; `"boosting"`: scikit-learn's HistGradientBoosting with its
            defaults.
        columns: The decisions.
        target: What is predicted.
        rows: Values of the learnt columns of the rows to fit.
        y: Their targets, encoded.
        others: Values of the rows to predict.
        seed: Of the boosting.

    Returns:
        Probabilities `(n, classes)`, or numbers `(n,)`.
    """
    number = len(next(iter(others.values())))
    if name == "constant":
        if target.classes is None:
            return np.full(number, y.mean())
        shares = np.bincount(y.astype(int), minlength=len(target.classes)) / len(y)
        return np.tile(shares, (number, 1))
    model = (_linear if name == "linear" else _boosting)(columns, target, seed)
    of_fit, of_others = _frame(columns, rows), _frame(columns, others)
    labels = y if target.classes is None else y.astype(int)
    few = len(y) * len(columns.learnt) < ONE_THREAD_BELOW  # for which starting threads takes longer than the work
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1 if few else None):
        model.fit(of_fit, labels)
        if target.classes is None:
            return np.asarray(model.predict(of_others), float)
        chances = np.zeros((number, len(target.classes)))
        chances[:, model.classes_] = model.predict_proba(of_others)
    return chances


def _frame(columns: Columns, rows: Rows) -> Any:
    import pandas as pd

    return pd.DataFrame({column.input: rows[column.name] for column in columns.learnt})


def _parts(columns: Columns) -> tuple[list[str], list[str]]:
    numbers = [column.input for column in columns.learnt if column.kind != "category"]
    return numbers, [column.input for column in columns.learnt if column.kind == "category"]


def _linear(columns: Columns, target: Target, seed: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers, words = _parts(columns)
    places = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=256)
    encode = ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
         ("words", places, words)]
    )  # fmt: skip
    if target.classes is not None:
        return make_pipeline(encode, LogisticRegression(max_iter=1000))
    return make_pipeline(encode, PoissonRegressor(alpha=1e-4, max_iter=1000) if target.is_counts else Ridge())


def _boosting(columns: Columns, target: Target, seed: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    numbers, words = _parts(columns)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254)
    encode = ColumnTransformer([("words", codes, words), ("numbers", "passthrough", numbers)])
    options: dict[str, Any] = {"categorical_features": list(range(len(words))) or None, "random_state": seed}
    if target.classes is not None:
        return make_pipeline(encode, HistGradientBoostingClassifier(**options))
    loss = "poisson" if target.is_counts else "squared_error"
    return make_pipeline(encode, HistGradientBoostingRegressor(loss=loss, **options))
