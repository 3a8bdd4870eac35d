"""Who chooses the trials: schedules, grids, promotions, and what stays on disk for them."""

import keras
import keras_tuner
import numpy as np
import pytest
from searches import QUICK, Bowl, X, Y

from recipes import tune
from recipes.tuning.oracles.persistent import make_oracle
from recipes.tuning.oracles.schedule import brackets_of, totals
from recipes.tuning.record.journal import Journal
from recipes.tuning.search import Search


class TestOracles:
    def test_hyperband_s_schedule_is_what_happens(self, tmp_path):
        found = tune(X, Y, hypermodel=Bowl(), tuner="hyperband", epochs=9, directory=tmp_path, verbose=0)
        oracle = make_oracle("hyperband", keras_tuner.Objective("val_loss", "min"), max_trials=None, epochs=9, seed=0,
                             journal=Journal(tmp_path))  # fmt: skip
        assert brackets_of(oracle) == [[(9, 1), (3, 3), (1, 9)], [(5, 3), (2, 9)], [(3, 9)]]
        assert totals(oracle, None, 9) == (len(found.trials), 9 + 3 * 2 + 6 + 5 * 3 + 2 * 6 + 3 * 9)
        rounds = {}
        for t in found.trials:
            values = t.values
            rounds.setdefault((values["tuner/bracket"], values["tuner/round"]), []).append(values["tuner/epochs"])
        assert rounds == {
            (2, 0): [1] * 9,
            (2, 1): [3] * 3,
            (2, 2): [9],
            (1, 0): [3] * 5,
            (1, 1): [9] * 2,
            (0, 0): [9] * 3,
        }

    @pytest.mark.slow
    def test_what_hyperband_promotes_goes_on_with_its_optimizer(self, tmp_path):
        """A promoted trial ends with the history and the weights of one training of all its epochs."""
        options = {
            **QUICK,
            "epochs": 4,
            "space": {"units": [4, 8], "dropout": 0.2, "learning_rate": (0.01, 0.1, "log")},
        }
        found = tune(X, Y, tuner="hyperband", directory=tmp_path, **options)
        promoted = next(t for t in reversed(found.trials) if t.promoted is not None)
        parent = found.trials[promoted.promoted]
        assert parent.executions[0].epochs < promoted.executions[0].epochs == 4
        assert (
            promoted.executions[0].history["loss"][: parent.executions[0].epochs]
            == parent.executions[0].history["loss"]
        )
        of_disk = found.model(promoted.number).predict(X, verbose=0)
        for state in tmp_path.rglob("state-*.npz"):
            state.unlink()
        anew = Search(found.trials, found.problem, tmp_path).model(promoted.number).predict(X, verbose=0)
        np.testing.assert_array_equal(of_disk, anew)

    @pytest.mark.slow
    def test_a_grid_is_complete(self, tmp_path):
        space = {"num_layers": [1, 2], "units": [4, 8], "learning_rate": [0.01, 0.1]}
        found = tune(X, Y, tuner="grid", directory=tmp_path, **{**QUICK, "space": space, "epochs": 1})
        tried = {tuple(sorted(t.hyperparameters.items())) for t in found.trials}
        assert len(found.trials) == len(tried) == 2 * (2 + 4)  # rates times widths of one layer, and of two

    @pytest.mark.slow
    def test_the_disk_holds_the_states_of_the_best_alone(self, tmp_path):
        one_by_one = [
            keras.callbacks.TerminateOnNaN()
        ]  # which wants to see each training: a trial has a state of its own
        found = tune(X, Y, max_trials=7, directory=tmp_path, callbacks=one_by_one, **QUICK)
        held = {int(path.parent.name[6:]) for path in tmp_path.glob("trial_*/state-0")}
        assert held == {t.number for t in found.completed[:3]}

    def test_keras_tuner_can_read_what_is_written(self, tmp_path):
        found = tune(X, Y, max_trials=3, directory=tmp_path / "s", **QUICK)
        oracle = keras_tuner.oracles.RandomSearchOracle(keras_tuner.Objective("val_loss", "min"), max_trials=3)
        oracle._set_project_dir(str(tmp_path), "s")
        oracle.reload()
        assert oracle.get_best_trials(1)[0].score == found.best_trial.score
