"""A search keeps the names of columns and classes: what comes back reads tables as a model does that `fit` trained."""

import numpy as np
import pandas as pd
import pytest
from conftest import refused

from cheatsheet import DataError
from recipes import fit, tune
from recipes.training.evaluate import predict

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)).astype("float32")
TABLE = pd.DataFrame(X, columns=["temperature", "wind", "rain"])
KIND = np.array(["hail", "rain", "snow"])[np.digitize(X[:, 0], [-0.4, 0.4])]
DUMMIES = pd.get_dummies(pd.Series(KIND))[["snow", "hail", "rain"]]
TURNED = TABLE[["rain", "temperature", "wind"]]
OPTIONS = {"max_trials": 1, "epochs": 20, "space": {"units": [16], "learning_rate": [0.02]}, "verbose": 0}


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    return tune(TABLE, DUMMIES, directory=tmp_path_factory.mktemp("search"), **OPTIONS)


@pytest.mark.slow
def test_what_is_trained_on_all_rows_knows_columns_and_classes(search):
    run = search.retrain()
    assert run.signature.inputs[0].columns == tuple(TABLE)
    assert run.classes == ("snow", "hail", "rain")
    np.testing.assert_array_equal(run.predict(TURNED), run.predict(X))
    assert np.mean(run.predict_labels(TURNED) == KIND) > 0.8
    assert run.evaluate(TURNED, DUMMIES[["hail", "rain", "snow"]]) == run.evaluate(X, DUMMIES)


@pytest.mark.slow
def test_the_scored_model_knows_them_too(search):
    model = search.best_model
    np.testing.assert_array_equal(predict(model, TURNED), predict(model, X))
    with refused("x lacks the column 'rain' and has the column 'hail', which the model was not trained on. "
                 "Pass the columns 'temperature', 'wind', 'rain'.", DataError):  # fmt: skip
        fit(model, TABLE.rename(columns={"rain": "hail"}), DUMMIES, verbose=0)


@pytest.mark.slow
def test_validation_data_are_put_in_order(search, tmp_path):
    held = slice(0, 30)
    scores = [
        tune(TABLE, DUMMIES, validation_data=(x[held], DUMMIES[names][held]), directory=tmp_path / str(i),
             **{**OPTIONS, "epochs": 2}).best_trial.score
        for i, (x, names) in enumerate([(TABLE, ["snow", "hail", "rain"]), (TURNED, ["hail", "rain", "snow"])])
    ]  # fmt: skip
    assert scores[0] == scores[1]
    with refused("x lacks the column 'rain'. Pass the columns 'temperature', 'wind', 'rain'.", DataError):
        tune(TABLE, DUMMIES, validation_data=(TABLE[["wind", "temperature"]], DUMMIES), directory=tmp_path, **OPTIONS)


def test_an_index_in_another_order_is_refused(tmp_path):
    with refused(
        "x and y have the same index in another order, but rows go by their place. Use y.loc[x.index].", DataError
    ):
        tune(TABLE, pd.Series(KIND)[::-1], directory=tmp_path, **OPTIONS)
