"""What a search concludes: the best, the simplest as good, the table and the figure."""

import json
import math

import numpy as np
import pytest
from conftest import refused
from searches import QUICK, SPACE, Bowl, X, Y

from recipes import build_model, tune
from recipes.tuning.record.journal import Execution, Hyperparameters, Trial
from recipes.tuning.search import Search


class TestConclusions:
    @staticmethod
    def trial(number, score, parameters, error=0.1, status="completed"):
        execution = Execution(score, 1, 1, 0.1, parameters, error, "converged", {"loss": [1.0], "val_loss": [score]})
        return Trial(number, {"units": parameters}, status, (execution,))

    def search(self, *trials, direction="min"):
        from types import SimpleNamespace

        return Search(trials, SimpleNamespace(direction=direction, objective="val_loss"), "nowhere")

    def test_occam_takes_the_simplest_within_one_standard_error(self):
        trials = [self.trial(0, 1.0, 500), self.trial(1, 1.09, 30), self.trial(2, 1.11, 5), self.trial(3, 1.05, 90)]
        found = self.search(*trials)
        assert found.best_hyperparameters == {"units": 500}
        assert found.simplest_hyperparameters == {"units": 30}
        assert found.standard_error == 0.1
        upwards = self.search(self.trial(0, 0.9, 500, 0.01), self.trial(1, 0.895, 9, 0.5), direction="max")
        assert upwards.best_trial.number == 0
        assert upwards.simplest_trial.number == 1

    def test_without_a_standard_error_only_equals_are_alike(self):
        found = self.search(self.trial(0, 1.0, 50, None), self.trial(1, 1.0, 9, None), self.trial(2, 1.01, 1, None))
        assert found.simplest_trial.number == 1

    def test_failed_trials_have_no_score(self):
        found = self.search(self.trial(0, 0.1, 5, status="failed"), self.trial(1, 1.0, 9))
        assert found.best_trial.number == 1
        with refused("No trial is completed yet. The same call of tune goes on."):
            _ = self.search(self.trial(0, 0.1, 5, status="running")).best_trial

    def test_standard_error_of_several_executions(self):
        executions = [Execution(s, 1, 1, 0.1, 9, 0.3, "", {}) for s in (1.0, 2.0, 3.0)]
        found = Trial(0, {}, "completed", tuple(executions))
        assert found.score == 2.0
        assert found.standard_error == pytest.approx(math.sqrt(0.09 + 1.0 / 3))

    def test_standard_error_of_the_validation_rows(self, tmp_path):
        found = tune(X, Y, max_trials=1, directory=tmp_path, **QUICK)
        x, y = found.problem.validation
        p = found.model(0).predict(x, verbose=0)[:, 0].astype(float)
        assert found.trials[0].executions[0].best_epoch == 2  # the last one, of which the spread is known
        losses = -np.where(y == 1, np.log(p), np.log(1 - p))
        expected = losses.std(ddof=1) / math.sqrt(len(y))
        assert found.best_trial.executions[0].standard_error == pytest.approx(expected, rel=1e-3)

    @pytest.mark.slow
    def test_the_best_is_trained_again_on_all_rows_for_its_best_number_of_epochs(self, tmp_path):
        found = tune(X, Y, max_trials=3, executions_per_trial=3, directory=tmp_path, **{**QUICK, "epochs": 6})
        run = found.retrain()
        assert run.epochs == np.median([e.best_epoch for e in found.best_trial.executions])
        assert run.steps == run.epochs * math.ceil(80 / 32)
        assert run.predict(X).shape == (80, 1)
        assert found.retrain(2).model.count_params() == found.trials[2].parameters
        with refused("There is no trained trial 7. Expected a number of the table."):
            found.retrain(7)

    @pytest.mark.slow
    def test_retraining_advises_no_epochs_beyond_those_that_were_best(self, tmp_path):
        """The training loss falls long after val_loss was least: sixty-four units learn the noise of single rows."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(150, 8)).astype("float32")
        y = (x[:, 0] + rng.normal(size=150) > 0).astype(int)
        space = {"units": [64], "learning_rate": [0.004]}
        found = tune(x, y, max_trials=1, epochs=60, space=space, directory=tmp_path / "long", verbose=0)
        (best,) = (e.best_epoch for e in found.best_trial.executions)
        assert 5 <= best < 30
        said = found.retrain().findings[0]
        assert (said.rule, said.fix) == ("retrained", "")
        assert said.message == (
            f"Trained on all 150 rows for {best} epochs, the best of its trial. The loss on these rows was still "
            "falling; of up to 60 epochs in the search so many scored best."
        )
        short = tune(x, y, max_trials=1, epochs=5, space=space, directory=tmp_path / "short", verbose=0)
        said = short.retrain().findings[0]
        assert (said.rule, said.fix) == ("retrained", "search longer: tune(epochs=10, ...)")

    def test_the_table(self, tmp_path):
        found = tune(X, Y, max_trials=2, directory=tmp_path, **QUICK)
        row = found.table()[1]
        assert next(iter(row)) == "trial"
        assert row["val_loss"] == row["scores"][0] == min(found.trials[1].executions[0].history["val_loss"])
        assert row["parameters"] == build_model(x=X, y=Y, **found.arguments(1)).count_params()
        assert "simplest as good: trial" in str(found)

    def test_what_a_trial_did_not_use_is_not_said_of_it(self, tmp_path):
        found = tune(X, Y, hypermodel=Bowl(), max_trials=20, directory=tmp_path, epochs=1, verbose=0)
        assert any("c" in trial.values for trial in found.trials if trial.values["b"] <= 6)  # keras-tuner chose one
        assert all((row["c"] is None) == (row["b"] <= 6) for row in found.table())
        assert all(("c" in trial.hyperparameters) == (trial.values["b"] > 6) for trial in found.trials)
        with refused("Of this search best_hyperparameters are what its own builder takes."):
            found.arguments()
        left = len(found.completed) - 10
        assert f"and {left} more: search.trials has all" in str(found)
        assert len(str(found).split("\n\n")[1].splitlines()) == 1 + 10 + 1

    def test_hyperband_s_rounds_stand_in_the_table(self, tmp_path):
        found = tune(X, Y, hypermodel=Bowl(), tuner="hyperband", directory=tmp_path, epochs=3, verbose=0)
        rows = [row for row in found.table() if row["tuner/bracket"] == 1]
        assert {(row["tuner/round"], row["tuner/epochs"]) for row in rows} == {(0, 1), (1, 3)}
        assert all((row["tuner/trial_id"] is None) == (row["tuner/round"] == 0) for row in rows)
        assert "tuner/bracket  tuner/round  tuner/epochs" in str(found)

    @pytest.mark.slow
    def test_a_network_is_built_anew_from_its_arguments(self, tmp_path):
        space = {**SPACE, "weight_decay": [0.01], "optimizer": ["rmsprop"], "activation": ["tanh"]}
        found = tune(X, Y, max_trials=2, directory=tmp_path, **{**QUICK, "space": space})
        for trial in found.trials:
            model, scored = build_model(x=X, y=Y, **found.arguments(trial.number)), found.model(trial.number)
            assert model.get_config()["layers"][2:-1] == scored.get_config()["layers"][2:-1]
            of_both = [(type(o), float(o.learning_rate), o.weight_decay) for o in (model.optimizer, scored.optimizer)]
            assert of_both[0] == of_both[1]

    def test_what_is_shown_has_no_digits_that_adding_left(self, tmp_path):
        """The value is keras-tuner's own, whatever is shown of it; 0.1 + 0.2 misses 0.3 by its last digit."""
        options = {**QUICK, "space": {"dropout": [0.1 + 0.2], "units": [4]}}
        found = tune(X, Y, max_trials=1, directory=tmp_path, **options)
        assert found.best_hyperparameters == {"dropout": 0.1 + 0.2, "units": 4}
        assert json.loads(json.dumps(found.best_hyperparameters))["dropout"] == 0.1 + 0.2
        for shown in (found.best_hyperparameters, found.simplest_hyperparameters, found.arguments()):
            assert "'dropout': 0.3," in repr(shown)
            assert "0000" not in repr(shown)
        assert repr(Hyperparameters(a=1 / 3, b=1e-5, c=None, d=True, e=float("inf"))) == (
            f"{{'a': {1 / 3}, 'b': 1e-05, 'c': None, 'd': True, 'e': inf}}"
        )

    def test_an_axis_of_rates_has_more_than_one_label(self, tmp_path):
        """Of the rates 0.00025 to 0.009 one power of ten lies between."""
        options = {**QUICK, "space": {"learning_rate": [2.5e-4, 9e-3], "units": [4]}}
        found = tune(X, Y, max_trials=2, directory=tmp_path, **options)
        (ax,) = (ax for ax in found.plot().axes if ax.get_xlabel() == "learning_rate")
        ax.get_figure(root=True).draw_without_rendering()
        low, high = ax.get_xlim()
        shown = [label.get_text() for place, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
                 if low <= place <= high and label.get_text()]  # fmt: skip
        assert ax.get_xscale() == "log"
        assert len(shown) >= 2

    def test_figures(self, tmp_path):
        found = tune(X, Y, max_trials=3, directory=tmp_path, **QUICK)
        axes = [ax for ax in found.plot().axes if ax.axison]
        np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), [t.score for t in found.trials])
        np.testing.assert_array_equal(
            axes[0].lines[1].get_ydata(), np.minimum.accumulate([t.score for t in found.trials])
        )
        assert [ax.get_xlabel() for ax in axes[2:]] == [
            name for name in ("num_layers", "units_1", "units_2", "dropout", "learning_rate")
            if len({t.hyperparameters.get(name) for t in found.trials} - {None}) > 1
        ]  # fmt: skip
        from recipes.plots import plot_hyperparameter

        with pytest.raises(ValueError, match=r"^No completed trial has a hyperparameter 'unit'. Expected one of "):
            plot_hyperparameter(found, "unit")
