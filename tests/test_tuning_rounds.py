"""Waves whose choice depends on scores: rounds of Hyperband, and Bayesian searches, the same after any kill."""

import shutil
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras_tuner.errors import FailedTrialError
from searches import X, Y
from test_tuning_waves import ALONE, SPACE, everything, killed

from recipes import tune
from recipes.tuning.oracles import _keras_tuner as inside
from recipes.tuning.record.journal import Journal
from recipes.tuning.work import together
from recipes.tuning.work.together import MOST_AT_A_GUESS, waves_of

ROUNDS = {"tuner": "hyperband", "space": SPACE, "epochs": 3, "verbose": 0}
BAYES = {"tuner": "bayesian", "space": SPACE, "epochs": 1, "max_trials": 8, "verbose": 0}


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    return tune(X, Y, directory=tmp_path_factory.mktemp("rounds") / "s", **ROUNDS)


@pytest.fixture(scope="module")
def bayes(tmp_path_factory):
    return tune(X, Y, directory=tmp_path_factory.mktemp("bayes") / "s", **BAYES)


def lines(search):
    """Count what is written to the record: each trial's start, its trainings, its end."""
    return sum(1 + len(t.executions) + (t.status != "running") for t in Journal(search.folder).trials())


class TestTheSameTable:
    def test_a_round_is_a_wave(self, rounds):
        assert [t.wave for t in rounds.trials] == [(0, 3)] * 3 + [(3, 4)] + [(4, 6)] * 2
        assert [t.executions[0].at_once for t in rounds.trials] == [3, 3, 3, 1, 2, 2]
        assert all(t.executions[0].stacked for t in rounds.trials)

    def test_a_bayesian_wave_is_of_few_trials(self, bayes):
        assert [t.wave for t in bayes.trials] == [(0, 3)] * 3 + [(3, 6)] * 3 + [(6, 9)] * 2
        assert {t.executions[0].at_once for t in bayes.trials} == {MOST_AT_A_GUESS}

    @pytest.mark.parametrize(("name", "options", "kills"), [("rounds", ROUNDS, [2, 6, 9]), ("bayes", BAYES, [4, 9, 3])])
    @pytest.mark.slow_but("rounds")
    def test_after_kills(self, request, name, options, kills, tmp_path, monkeypatch):
        found, times = killed(tmp_path / "s", monkeypatch, kills, **options)
        assert times == 3
        assert everything(found) == everything(request.getfixturevalue(name))

    def test_more_trials_extend_it(self, bayes, tmp_path):
        few = tune(X, Y, directory=tmp_path / "s", **{**BAYES, "max_trials": 7})
        assert everything(few) == everything(bayes)[:7]
        assert everything(tune(X, Y, directory=tmp_path / "s", **BAYES)) == everything(bayes)

    @pytest.mark.slow
    @pytest.mark.parametrize("options", [
        ROUNDS, {**ROUNDS, "executions_per_trial": 2}, {**BAYES, "max_trials": 11},
    ], ids=["rounds", "twice each", "bayesian"])  # fmt: skip
    @pytest.mark.parametrize("steps", [1, 2])
    def test_after_a_kill_at_every_line(self, options, steps, tmp_path, monkeypatch):
        monkeypatch.setattr(together, "MOST_TRIALS", 2)  # so that a round is several waves
        whole = tune(X, Y, directory=tmp_path / "whole", **options)
        number = lines(whole)
        found, times = killed(tmp_path / "s", monkeypatch, [steps] * (number // steps + 1), **options)
        assert times >= number // steps - 1
        assert everything(found) == everything(whole)


class TestAsAlone:
    def test_hyperband_promotes_the_same_which_go_on_as_alone(self, rounds, tmp_path):
        alone = tune(X, Y, directory=tmp_path / "s", callbacks=ALONE, **ROUNDS)
        assert [t.values for t in rounds.trials] == [t.values for t in alone.trials]
        assert [t.promoted for t in rounds.trials] == [None] * 3 + [rounds.trials[3].promoted] + [None] * 2
        own, parent = (rounds.trials[n].executions[0].history for n in (3, rounds.trials[3].promoted))
        assert {name: values[:1] for name, values in own.items()} == parent
        for one, other in zip(rounds.trials, alone.trials, strict=True):
            assert one.score == pytest.approx(other.score, rel=2e-5)
            for name, values in one.executions[0].history.items():
                np.testing.assert_allclose(values, other.executions[0].history[name], rtol=2e-5, atol=2e-6)

    @pytest.mark.slow
    def test_with_failures_as_well(self, tmp_path):
        def build(hp):
            if hp.Float("rate", 0.01, 0.1) > 0.07:
                raise FailedTrialError("too fast")
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
            model.compile(keras.optimizers.Adam(hp.get("rate")), "mean_squared_error")
            return model

        options = {"tuner": "hyperband", "hypermodel": build, "epochs": 9, "verbose": 0}
        together, alone = (tune(X, Y, directory=tmp_path / name, callbacks=callbacks, **options)
                           for name, callbacks in (("together", ()), ("alone", ALONE)))  # fmt: skip
        assert {t.status for t in alone.trials} == {"completed", "failed"}
        assert [(t.values, t.status) for t in together.trials] == [(t.values, t.status) for t in alone.trials]

    @pytest.mark.parametrize("lost", [False, True], ids=["from its states", "after these were lost"])
    @pytest.mark.slow
    def test_each_model_is_the_one_that_was_scored(self, rounds, lost, tmp_path):
        if lost:
            rounds = replace(rounds, folder=shutil.copytree(rounds.folder, tmp_path / "s"))
            for path in [*rounds.folder.rglob("state-*.npz"), *rounds.folder.rglob("scored-*.npz")]:
                path.unlink()
        for number in (rounds.best_trial.number, 3, 5):
            with warnings.catch_warnings(action="error"):
                model = rounds.model(number)
            model.run_eagerly = True
            found = model.evaluate(*rounds.problem.validation, verbose=0)[0]
            assert found == pytest.approx(rounds.trials[number].score, abs=1e-7)


def test_with_callbacks_hyperband_goes_on_with_their_states(rounds):
    problem = replace(rounds.problem, callbacks=(keras.callbacks.EarlyStopping(patience=1),))
    assert waves_of(problem, "hyperband").why == "Hyperband goes on with the states of its callbacks, too"
    assert waves_of(problem, "bayesian").size == MOST_AT_A_GUESS


def test_what_has_no_score_yet_counts_with_a_pessimistic_one(tmp_path, monkeypatch):
    """keras-tuner's rule: mean and standard deviation, added up, of the process that the others give."""
    fitted, predicted, make = [], [], inside.gaussian_process

    def watched(oracle):
        process = make(oracle)
        fit, predict = process.fit, process.predict

        def noted(x, y):
            fitted.append((x, y.copy()))
            predicted.append(None)
            return fit(x, y)

        def foretold(x, return_std):
            found = predict(x, return_std=return_std)
            predicted[-1] = predicted[-1] or (x, *found)  # the first after each fit
            return found

        process.fit, process.predict = noted, foretold
        return process

    monkeypatch.setattr(inside, "gaussian_process", watched)
    found = tune(X, Y, directory=tmp_path / "s", **{**BAYES, "max_trials": 7})
    assert [len(y) for _, y in fitted] == [6, 6, 7, 6, 8]  # those that have ended, and all
    ended = [trial.score for trial in found.trials[:6]]
    for (_, scores), (points, all_scores), (where, mean, deviation) in zip(
        fitted[1::2], fitted[2::2], predicted[1::2], strict=True
    ):
        assert [*scores] == ended == [*all_scores[:6]]
        np.testing.assert_array_equal(where, points[6:])
        np.testing.assert_array_equal(all_scores[6:], mean + deviation)
        assert (deviation > 0).all()
