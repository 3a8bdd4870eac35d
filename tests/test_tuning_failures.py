"""Trials that fail, errors that end a search, and what is refused at once."""

import json

import keras
import keras_tuner
import numpy as np
import pytest
from conftest import refused
from keras_tuner import errors
from searches import QUICK, X, Y, nothing, scores

from recipes import tune
from recipes.cli import main
from recipes.tuning.kinds import NotMeasured
from recipes.tuning.record.journal import Journal
from recipes.tuning.words import TUNERS


def with_metrics(hp):
    model = nothing()
    model.compile("sgd", "mean_squared_error", metrics=["mean_absolute_error"])
    hp.Float("a", 0, 1)
    return model


class TestFailures:
    def test_a_trial_that_raises_is_recorded_and_the_search_goes_on(self, tmp_path, capsys):
        def build(hp):
            if hp.Int("a", 1, 9) % 2 and list(tmp_path.glob("s/trial_*")):  # not when the space is looked at
                raise RuntimeError("no odd ones")
            return nothing()

        found = tune(X, Y, hypermodel=build, max_trials=6, epochs=1, directory=tmp_path / "s")
        failed = [t for t in found.trials if t.status == "failed"]
        assert {t.hyperparameters["a"] % 2 for t in failed} == {1}
        assert {t.hyperparameters["a"] % 2 for t in found.completed} == {0}
        assert failed[0].error.startswith("RuntimeError: no odd ones (test_tuning_failures.py:")
        assert capsys.readouterr().err.count("no odd ones") == 1  # said once, though it happened several times
        assert "failed" in str(found)

    def test_nan_is_a_failure_with_its_epoch(self, tmp_path):
        def build(hp):
            model = nothing()
            model.compile(keras.optimizers.SGD(hp.Choice("rate", [0.01, 1e20])), "mean_squared_error")
            return model

        found = tune(X, Y, hypermodel=build, tuner="grid", epochs=3, directory=tmp_path, verbose=0, task="regression")
        assert [t.status for t in found.trials] == ["completed", "failed"]
        assert found.trials[1].error.startswith("FloatingPointError: ")
        assert "became" in found.trials[1].error

    def test_no_completed_trial_raises_the_first_cause(self, tmp_path):
        def build(hp):
            if hp.Int("a", 1, 3) and list(tmp_path.glob("s/trial_*")):  # not when the space is looked at
                raise RuntimeError("broken")
            return nothing()

        with pytest.raises(
            RuntimeError, match=r"all 2 failed. The first one \(a=\d\): RuntimeError: broken \(test_tun"
        ):
            tune(X, Y, hypermodel=build, max_trials=2, epochs=1, directory=tmp_path / "s", verbose=0)

    def test_what_no_trial_could_do_is_refused_at_once(self, tmp_path):
        uncompiled = lambda hp: keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("a", 1, 3))])  # noqa: E731
        with pytest.raises(ValueError, match=r"^The model is not compiled"):
            tune(X, Y, hypermodel=uncompiled, directory=tmp_path / "s")
        with pytest.raises(ValueError, match=r"^Unknown task. Received: task='binar'"):
            tune(X, Y, "binar", directory=tmp_path / "s")
        with pytest.raises(ValueError, match=r"^body='cnn' expects images"):
            tune(X, Y, body="cnn", directory=tmp_path / "s")
        with pytest.raises(ValueError, match=r"x has 1 NaN|NaN"):
            tune(np.where(X[3, 1] == X, np.nan, X), Y, directory=tmp_path / "s")
        assert not (tmp_path / "s").exists()

    @pytest.mark.parametrize(
        ("objective", "changes", "measured"),
        [
            ("val_acuracy", {}, "accuracy, loss, val_accuracy, val_loss"),
            ("val_accuracy", {"y": X[:, 0]}, "loss, mean_absolute_error, val_loss, val_mean_absolute_error"),
            ("val_mae", {"hypermodel": with_metrics}, "loss, mean_absolute_error, val_loss, val_mean_absolute_error"),
            ("val_accuracy", {"callbacks": [keras.callbacks.EarlyStopping()], "y": X[:, 0]},
             "loss, mean_absolute_error, val_loss, val_mean_absolute_error, learning_rate"),
        ],
    )  # fmt: skip
    def test_an_objective_that_will_not_be_measured_leaves_nothing_behind(self, tmp_path, objective, changes, measured):
        kind = keras_tuner.Objective(objective, "min")
        with refused(
            f"objective={objective!r} is not among what is measured: {measured}. "
            "Name one of these, or add it to the model's metrics.",
            NotMeasured,
        ):
            tune(**{"x": X, "y": Y, "objective": kind, "epochs": 1, "directory": tmp_path / "s", **changes})
        assert not (tmp_path / "s").exists()

    def test_what_only_the_training_knows_is_looked_for_in_its_history(self, tmp_path):
        class Own(keras.Sequential):
            def test_step(self, data):
                return {**super().test_step(data), "bliss": 1.0}

        def build(hp):
            hp.Float("a", 0, 1)
            model = Own([keras.Input((4,)), keras.layers.Dense(1)])
            model.compile("sgd", "mean_squared_error")
            return model

        options = {"hypermodel": build, "max_trials": 1, "epochs": 1, "verbose": 0}
        kind = keras_tuner.Objective("val_bliss", "max")
        assert tune(X, Y, objective=kind, directory=tmp_path / "a", **options).best_trial.score == 1.0
        with pytest.raises(NotMeasured, match=r"^objective='val_blis' is not among what is measured: .*val_bliss"):
            tune(X, Y, objective=keras_tuner.Objective("val_blis", "max"), directory=tmp_path / "b", **options)

    def test_an_objective_that_is_not_measured(self, tmp_path):
        with pytest.raises(ValueError, match=r"^objective='val_auc' is not among what is measured: accuracy, loss"):
            tune(X, Y, objective=keras_tuner.Objective("val_auc", "max"), max_trials=9, directory=tmp_path, **QUICK)

    def test_exit_codes_of_the_command_line(self, tmp_path, capsys):
        np.savez(tmp_path / "data.npz", x=X, y=Y)
        options = ["tune", "--data", str(tmp_path / "data.npz"), "--max-trials", "1", "--epochs", "1",
                   "--space", "training", "--directory", str(tmp_path / "s")]  # fmt: skip
        assert main([*options, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["status"] == "completed"
        assert main([*options, "--seed", "1"]) == 2
        assert "seed was 0, now 1" in capsys.readouterr().err
        assert main([*options, "--out", str(tmp_path / "data.npz")]) == 2  # before any work
        assert f"--out {tmp_path / 'data.npz'} is a file. Name a folder." in capsys.readouterr().err
        assert main([*options[:-1], str(tmp_path / "t"), "--objective", "val_mean_absolute_error"]) == 2
        assert "is not among what is measured" in capsys.readouterr().err


class TestFatal:
    """keras-tuner's own errors mean what they mean there."""

    @pytest.mark.parametrize(
        "kind", [errors.FatalError, errors.FatalValueError, errors.FatalTypeError, errors.FatalRuntimeError]
    )
    @pytest.mark.parametrize("place", ["build", "fit"])
    @pytest.mark.slow_but("build-FatalError", "fit-FatalTypeError")
    def test_a_fatal_error_ends_the_search_which_goes_on_later(self, kind, place, tmp_path):
        disk = {"is_full": True}

        class Model(keras_tuner.HyperModel):
            def build(self, hp):
                hp.Int("a", 1, 100)
                self.meet("build")
                return nothing()

            def fit(self, hp, model, *args, **kwargs):
                self.meet("fit")
                return {"val_loss": [float(hp.get("a"))]}

            def meet(self, where):
                if where == place and disk["is_full"] and len(list(tmp_path.glob("s/trial_*"))) == 3:
                    raise kind("the disk is full")

        options = {"max_trials": 5, "epochs": 1, "directory": tmp_path / "s", "verbose": 0}
        with refused("the disk is full", kind):
            tune(X, Y, hypermodel=Model(), **options)
        assert [t.status for t in Journal(tmp_path / "s").trials()] == ["completed", "completed", "running"]
        disk["is_full"] = False
        found = tune(X, Y, hypermodel=Model(), **options)
        assert scores(found) == scores(tune(X, Y, hypermodel=Model(), **{**options, "directory": tmp_path / "t"}))
        assert {t.status for t in found.trials} == {"completed"}

    def test_a_failed_trial_is_marked_as_failed(self, tmp_path):
        def build(hp):
            if hp.Int("a", 0, 9) % 2:
                raise errors.FailedTrialError("too slow")
            return nothing()

        found = tune(X, Y, hypermodel=build, max_trials=6, epochs=1, directory=tmp_path, verbose=0)
        assert {t.hyperparameters["a"] % 2 for t in found.trials if t.status == "failed"} == {1}
        assert {t.hyperparameters["a"] % 2 for t in found.completed} == {0}
        assert {t.error[:35] for t in found.trials if t.error} == {"FailedTrialError: too slow (test_tu"}

    @pytest.mark.parametrize("tuner", TUNERS)
    def test_a_default_configuration_that_is_given_up_does_not_end_the_search(self, tuner, tmp_path):
        def build(hp):
            depth = hp.Choice("depth", [9, 1, 2])  # the first is the default
            if depth == 9:
                raise errors.FailedTrialError("too deep")
            with hp.conditional_scope("depth", [2]):
                hp.Choice("width", [4, 8])
            return nothing()

        options = {"hypermodel": build, "tuner": tuner, "epochs": 2, "verbose": 0}
        if tuner != "hyperband":
            options["max_trials"] = 8
        found = tune(X, Y, directory=tmp_path / "a", **options)
        assert {t.status for t in found.trials if t.hyperparameters.get("depth") == 9} <= {"failed"}
        assert {t.status for t in found.trials if t.hyperparameters.get("depth") in (1, 2)} == {"completed"}
        assert all(("width" in t.hyperparameters) == (t.hyperparameters["depth"] == 2) for t in found.completed)
        assert scores(tune(X, Y, directory=tmp_path / "a", **options)) == scores(found)

    def test_fatal_at_the_first_look_leaves_nothing_behind(self, tmp_path):
        def build(hp):
            raise errors.FatalError("no data")

        with refused("no data", errors.FatalError):
            tune(X, Y, hypermodel=build, max_trials=6, epochs=1, directory=tmp_path / "s", verbose=0)
        assert not (tmp_path / "s").exists()
