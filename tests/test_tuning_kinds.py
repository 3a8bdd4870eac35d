"""Every kind of search: networks, autoencoders, the user's own code, grokking."""

import math

import keras
import numpy as np
import pytest
from searches import QUICK, Bowl, X, Y, scores

from recipes import load_data, tune
from recipes.tuning.space import OF_BODY


class TestKinds:
    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("regression", {"x": X, "y": X[:, 0] * 3}),
            ("multiclass", {"x": X, "y": np.array(["a", "b", "c", "d"])[X[:, :4].argmax(1)]}),
            ("cnn", {"x": np.repeat(X, 16, 1).reshape(80, 8, 8, 1), "y": Y, "body": "cnn"}),
            ("dense", {"x": 1 / (1 + np.exp(-X))}),
            ("conv", {"x": np.repeat(1 / (1 + np.exp(-X)), 16, 1).reshape(80, 8, 8, 1), "body": "cnn"}),
        ],
    )
    @pytest.mark.slow_but("cnn")
    def test_data(self, name, arguments, tmp_path):
        found = tune(**arguments, max_trials=1, epochs=1, directory=tmp_path, verbose=0)
        assert found.best_trial.parameters == sum(np.prod(w.shape) for w in found.best_model.trainable_weights)
        names = set(OF_BODY[found.problem.body]) - {"units"}
        assert {n for n in found.best_hyperparameters if not n.startswith("units")} == names

    def test_grokking(self, tmp_path):
        space = {"p": 11, "learning_rate": [0.01, 0.003], "weight_decay": 1.0}
        found = tune(body="grokking", space=space, tuner="grid", epochs=60, directory=tmp_path, verbose=0)
        best = found.best_trial
        assert found.problem.objective == "steps_to_generalise"
        budget = 60 * math.ceil(60 / 30)
        assert 0 < best.score <= 2 * budget
        assert best.executions[0].history["steps_to_generalise"][0] == best.score
        assert found.best_model.count_params() == best.parameters

    def test_grokking_by_another_objective(self, tmp_path):
        space = {"p": 11, "learning_rate": [0.01, 0.003], "weight_decay": 1.0}
        options = {"body": "grokking", "space": space, "tuner": "grid", "epochs": 4, "verbose": 0}
        found = tune(objective="val_loss", directory=tmp_path / "a", **options)
        assert found.problem.objective == "val_loss"
        assert found.best_trial.score == min(found.best_trial.executions[0].history["val_loss"])
        named = tune(objective="steps_to_generalise", directory=tmp_path / "b", **options)
        assert scores(named) == scores(tune(directory=tmp_path / "c", **options))
        with pytest.raises(ValueError, match=r"^objective='val_mean_squared_error' is not among what is measured: "):
            tune(objective="val_mean_squared_error", directory=tmp_path / "d", **options)

    @pytest.mark.slow
    def test_a_keras_tuner_user_s_build_is_taken_as_it_is(self, tmp_path):
        def build(hp):
            model = keras.Sequential([keras.Input((4,))])
            for i in range(hp.Int("layers", 1, 2)):
                model.add(keras.layers.Dense(hp.Int(f"units_{i}", 4, 8, step=4), activation="relu"))
            model.add(keras.layers.Dense(1, activation="sigmoid"))
            rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
            model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
            return model

        options = {"max_trials": 3, "epochs": 2, "executions_per_trial": 2, "objective": "val_accuracy", "verbose": 0}
        found, again = (tune(X, Y, hypermodel=build, directory=tmp_path / name, **options) for name in "ab")
        assert scores(found) == scores(again)  # build has no seed of its own, but every training has one
        assert found.best_trial.score == max(t.score for t in found.trials)
        first = found.trials[0]
        assert first.score == pytest.approx(np.mean([max(e.history["val_accuracy"]) for e in first.executions]))
        assert first.executions[0].history != first.executions[1].history
        assert isinstance(found.best_model, keras.Sequential)

    @pytest.mark.slow
    def test_the_head_is_the_cheatsheet_s(self, tmp_path):
        wine = load_data("wine")
        found = tune(wine.x, wine.y, max_trials=1, epochs=1, directory=tmp_path, verbose=0)
        head = found.best_model.layers[-1]
        assert (head.units, head.activation.__name__) == (3, "softmax")
        assert found.best_model.loss == "sparse_categorical_crossentropy"

    @pytest.mark.slow
    def test_decay_and_batch_size_reach_the_training(self, tmp_path):
        space = {"weight_decay": 0.25, "batch_size": [7], "optimizer": "sgd", "learning_rate": 0.5}
        found = tune(X, Y, max_trials=1, directory=tmp_path, **{**QUICK, "space": space})
        assert found.best_model.optimizer.weight_decay == 0.25
        assert float(found.best_model.optimizer.learning_rate) == 0.5
        assert (run := found.retrain()).steps == run.epochs * math.ceil(80 / 7)


class TestNames:
    def test_models_of_all_trials_are_named_alike(self, tmp_path):
        """TensorFlow never frees what it keeps of a name that a variable of an optimizer once had."""
        seen = []

        class Named(Bowl):
            def build(self, hp):
                model = super().build(hp)
                seen.append((model.name, *(layer.name for layer in model.layers)))
                return model

        tune(X, Y, hypermodel=Named(), max_trials=4, epochs=1, directory=tmp_path, verbose=0)
        assert len(seen) > 4
        assert len({*seen}) == 1
        assert keras.layers.Dense(1).name not in seen[0]

    def test_a_layer_that_an_earlier_build_has_named_is_no_obstacle(self, tmp_path):
        kept = []

        class Keeping(Bowl):
            def build(self, hp):
                super().build(hp)
                kept[:] = kept or [keras.layers.Dense(4)]
                model = keras.Sequential([keras.Input((4,)), *kept, keras.layers.Dense(1)])
                model.compile("sgd", "mean_squared_error")
                return model

        found = tune(X, Y, hypermodel=Keeping(), max_trials=3, epochs=1, directory=tmp_path, verbose=0)
        assert [trial.status for trial in found.trials] == ["completed"] * 3
