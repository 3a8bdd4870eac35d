"""What a call of `tune` may say, and how its data are divided."""

import keras
import numpy as np
import pytest
from conftest import refused
from searches import Bowl, X, Y

from recipes import build_model, fit, tune
from recipes.training.data.prepare import prepare


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"x": None}, "Which data? Received: x=None. Say tune(x, y), or tune(x) for an autoencoder."),
            ({"tuner": "genetic"},
             "Unknown tuner. Received: tuner='genetic'. Expected one of random, bayesian, hyperband, grid."),
            ({"body": "rnn"}, "Unknown body. Received: body='rnn'. Expected one of mlp, cnn, sequence with y."),
            ({"body": "dense"}, "body='dense' does not go with y=.... Expected one of mlp, cnn, sequence with y."),
            ({"max_trials": 0}, "max_trials must be a whole number of at least 1. Received: max_trials=0."),
            ({"epochs": 1.5}, "epochs must be a whole number of at least 1. Received: epochs=1.5."),
            ({"validation_split": 0.0},
             "A search needs rows to validate on: 0 < validation_split < 1. Received: validation_split=0.0."),
            ({"hypermodel": Bowl(), "space": "training"},
             "hypermodel has its own space. Received beside it: space. Leave one of them out."),
            ({"body": "grokking"}, "body='grokking' has its own tables of equations. Leave x and y out."),
            ({"objective": "val_happiness"}, "Is more 'val_happiness' better, or less? "
             "Say objective=keras_tuner.Objective('val_happiness', direction='min' or 'max')."),
            ({"y": Y[:7]}, "x has 80 rows, but y has 7. Expected the same number. "
             "Look where one of them was filtered or split."),
            ({"x": {"a": X}}, "A search takes x as one array, whose rows it divides. Received: dict. "
             "Pass the arrays, or train one model of several inputs with fit."),
        ],
    )  # fmt: skip
    def test_before_any_work(self, arguments, message, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with refused(message):
            tune(**{"x": X, "y": Y, **arguments})
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tune(X, Y, patience=3), "Pass callbacks=[keras.callbacks.EarlyStopping(patience=5)]."),
        (lambda: tune(X, Y, lr=0.1), "Search it, or fix it to one value: space={'learning_rate': [...]}."),
        (lambda: fit(None, X, Y, learning_rate=0.1),
         "It goes with the model: build_model(learning_rate=...), or model.compile."),
        (lambda: build_model("binary", n_epochs=5), "It goes with fit(model, x, y, epochs=...)."),
        (lambda: tune(X, Y, max_trial=3), "Did you mean 'max_trials'?"),
    ],
)  # fmt: skip
def test_arguments_of_another_function_are_answered_with_where_they_go(call, message):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).endswith(f" {message}")


def test_what_the_answers_say_works(tmp_path):
    stop = keras.callbacks.EarlyStopping(patience=5)
    space = {"learning_rate": [0.1]}
    found = tune(X, Y, space=space, callbacks=[stop], max_trials=1, epochs=2, directory=tmp_path, verbose=0)
    assert found.best_hyperparameters == {"learning_rate": 0.1}
    named = "A trial is named by its number. Received: a dict."
    with refused(f"{named} These hyperparameters are those of trial 0: pass 0.", TypeError):
        found.retrain(found.best_hyperparameters)
    with refused(named, TypeError):
        found.retrain({"learning_rate": 0.3})
    with refused("A search is kept in a folder. Name it: directory='folder'. Received: 3.", TypeError):
        tune(X, Y, directory=3, verbose=0)


class TestTask:
    @pytest.mark.slow
    def test_it_is_decided_once_from_the_whole_of_y(self, tmp_path, recwarn):
        y = np.repeat([3, 4, 5], 10)  # thirty rows are enough to be taken for classes, the 24 that train are not
        x = np.random.default_rng(0).normal(size=(30, 4)) + y[:, None]
        options = {"max_trials": 1, "epochs": 2, "space": "training", "verbose": 0}
        found = tune(x, y, directory=tmp_path / "a", **options)
        said = [str(warning.message) for warning in recwarn if "was read off y" in str(warning.message)]
        assert said == [
            "The task was read off y: 3 distinct integers 3..5 in 30 rows: multiclass; if they are counts, say "
            "task='regression', loss='poisson'."
        ]
        assert found.problem.task == "multiclass"
        assert "val_accuracy" in found.trials[0].executions[0].history
        assert found.best_model.output_shape == (None, 3)
        assert tune(x, y, "multiclass", objective="val_accuracy", directory=tmp_path / "b", **options).completed

    @pytest.mark.parametrize(
        ("y", "task"),
        [
            (Y, None),
            (np.where(Y, 0.9, 0.2).astype("float32"), "binary"),  # probabilities
            (np.array(["a", "b", "c", "d"])[X.argmax(1)], None),
            (np.eye(4)[X.argmax(1)], None),
            (np.eye(4)[X.argmax(1)] * 0.9 + 0.025, None),  # distributions
            (X[:, 0], None),
        ],
    )
    @pytest.mark.slow_but("y0", "y1")
    def test_rows_are_divided_as_fit_divides_them(self, y, task, tmp_path):
        problem = tune(X, y, task, max_trials=1, epochs=1, space="training", directory=tmp_path, verbose=0).problem
        model = build_model(task, x=X, y=y)
        data = prepare(model, X, y, validation_split=0.2, seed=0)
        np.testing.assert_array_equal(problem.x, data.x)
        np.testing.assert_array_equal(problem.validation[0], data.validation[0])
