"""Trials that train together have the numbers of trials that train alone, and the same ones after any kill."""

import json
import shutil
import threading
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import refused
from keras_tuner.errors import FailedTrialError, FatalError
from searches import X, Y

from recipes import clear_programs, tune
from recipes.running.programs import PROGRAMS
from recipes.tuning.record.journal import RECORD, Journal
from recipes.tuning.work.together import MOST_TRIALS, waves_of

SPACE = {"units": [4, 8], "learning_rate": (1e-3, 1e-1, "log")}  # one group, so that few programs are compiled
WAVES = {"space": SPACE, "epochs": 3, "verbose": 0}
NINE = 9  # trials: a whole wave, and a half
ALONE = [keras.callbacks.TerminateOnNaN()]  # which sees every batch, and changes nothing


def everything(search):
    """All that a table is made from, but for the time."""
    return [
        (t.number, t.values, t.status, t.error, [{**vars(e), "seconds": 0} for e in t.executions], t.standard_error)
        for t in search.trials
    ]


@pytest.fixture(scope="module")
def nine(tmp_path_factory):
    return tune(X, Y, max_trials=NINE, directory=tmp_path_factory.mktemp("nine") / "s", **WAVES)


class Killed(BaseException):
    """As `kill -9`: nothing in the package catches it."""


def kill_at(patch, append):
    """End the process, as it were, before the line after so many others is written to a record."""
    left, write = [append], Journal.append

    def counted(journal, number, event):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        write(journal, number, event)

    patch.setattr(Journal, "append", counted)


def killed(folder, monkeypatch, kills, **options):
    """Search, killed after so many lines each time, and then to the end; return it and how often it was killed."""
    times = 0
    for kill in kills:
        with monkeypatch.context() as patch:
            kill_at(patch, kill)
            try:
                tune(X, Y, directory=folder, **options)
            except Killed:
                times += 1
    return tune(X, Y, directory=folder, **options), times


class TestTheSameTable:
    def test_trials_train_together(self, nine):
        assert [[e.at_once for e in t.executions] for t in nine.trials] == [[MOST_TRIALS]] * NINE
        assert [t.wave for t in nine.trials] == [(0, 6)] * 6 + [(6, 12)] * 3

    @pytest.mark.slow
    def test_after_kills_while_choosing_while_recording_and_in_the_last_wave(self, nine, tmp_path, monkeypatch):
        found, times = killed(tmp_path / "s", monkeypatch, [4, 7, 8], max_trials=NINE, **WAVES)
        assert times == 3
        assert everything(found) == everything(nine)

    @pytest.mark.slow
    @pytest.mark.parametrize("steps", [1, 2, 5])
    def test_after_a_kill_at_every_line(self, nine, tmp_path, monkeypatch, steps):
        found, times = killed(tmp_path / "s", monkeypatch, [steps] * (30 // steps + 1), max_trials=NINE, **WAVES)
        assert times >= 30 // steps - 1
        assert everything(found) == everything(nine)

    @pytest.mark.slow
    def test_a_wave_that_is_chosen_ahead_is_the_one_that_would_be_chosen_after(self, tmp_path, monkeypatch):
        """Also where some models ask for what others do not have, and begin by clearing Keras' state."""
        began = []

        def build(hp):
            began.append(hp.Float("rate", 0.01, 0.1))
            keras.backend.clear_session()
            layers = [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
            if hp.Choice("more", [False, True]):
                layers.insert(2, keras.layers.Dropout(hp.Float("dropout", 0.1, 0.5)))
            model = keras.Sequential(layers)
            model.compile(keras.optimizers.SGD(hp.get("rate")), "mean_squared_error")
            return model

        options = {"hypermodel": build, "max_trials": 18, "epochs": 1, "verbose": 0}
        ahead = tune(X, Y, directory=tmp_path / "ahead", **options)
        assert not [thread for thread in threading.enumerate() if thread.name == "recipes"]
        monkeypatch.setattr("recipes.tuning.tune.waves_of", lambda *of: replace(waves_of(*of), looks_ahead=False))
        after = tune(X, Y, directory=tmp_path / "after", **options)
        assert everything(ahead) == everything(after)
        assert {len(t.hyperparameters) for t in after.trials} == {2, 3}

    @pytest.mark.slow
    def test_more_trials_extend_it_as_if_asked_at_once(self, nine, tmp_path):
        few = tune(X, Y, max_trials=4, directory=tmp_path / "s", **WAVES)
        assert everything(few) == everything(nine)[:4]  # the other two of the wave are not shown
        assert len(few.table()) == 4
        assert everything(tune(X, Y, max_trials=NINE, directory=tmp_path / "s", **WAVES)) == everything(nine)

    @pytest.mark.slow
    def test_all_waves_are_one_program(self, tmp_path):
        clear_programs()
        found = tune(X, Y, max_trials=13, directory=tmp_path / "s", **{**WAVES, "epochs": 1})
        assert {e.at_once for t in found.trials for e in t.executions} == {MOST_TRIALS}
        assert len(PROGRAMS) == 1

    @pytest.mark.parametrize("most", [pytest.param(None, marks=pytest.mark.slow), 4])
    @pytest.mark.slow
    def test_a_grid_has_every_combination_in_the_same_order(self, tmp_path, monkeypatch, most):
        options = {"tuner": "grid", "max_trials": most, **WAVES, "epochs": 1,
                   "space": {"units": [4, 8], "learning_rate": [0.1, 0.01], "dropout": [0.1, 0.2]}}  # fmt: skip
        whole, _ = killed(tmp_path / "s", monkeypatch, [3, 9], **options)
        alone = tune(X, Y, directory=tmp_path / "alone", callbacks=ALONE, **options)
        assert [t.hyperparameters for t in whole.trials] == [t.hyperparameters for t in alone.trials]
        assert len(whole.trials) == (most or 8)
        assert len(tune(X, Y, directory=tmp_path / "s", **{**options, "max_trials": None}).trials) == 8


class TestAsAlone:
    def compare(self, together, alone, error=2e-5):
        assert {e.at_once for t in alone.trials for e in t.executions} == {1}
        assert min(e.at_once for t in together.trials for e in t.executions) > 1
        for one, other in zip(together.trials, alone.trials, strict=True):
            assert one.hyperparameters == other.hyperparameters
            for a, b in zip(one.executions, other.executions, strict=True):
                assert a.history.keys() == b.history.keys()
                for name in a.history:
                    np.testing.assert_allclose(a.history[name], b.history[name], rtol=error, atol=error / 10)
                assert (a.best_epoch, a.epochs, a.parameters, a.verdict) == (
                    b.best_epoch, b.epochs, b.parameters, b.verdict)  # fmt: skip
            assert one.score == pytest.approx(other.score, rel=error)

    def test_each_trial(self, nine, tmp_path):
        alone = tune(X, Y, max_trials=3, directory=tmp_path / "s", callbacks=ALONE, **WAVES)
        for trial, other in zip(nine.trials[:3], alone.trials, strict=True):
            assert trial.standard_error == pytest.approx(other.standard_error, rel=0.5)  # of the best, not the last
        self.compare(_cut(nine, 3), alone)

    @pytest.mark.parametrize("restores", [False, pytest.param(True, marks=pytest.mark.slow)])
    @pytest.mark.slow
    def test_early_stopping_is_patience(self, tmp_path, restores):
        options = {**WAVES, "epochs": 12, "max_trials": 3, "space": {**SPACE, "learning_rate": [0.3, 0.1]}}
        stop = {"patience": 1, "restore_best_weights": restores}
        together, alone = (
            tune(X, Y, directory=tmp_path / name, callbacks=[callback], **options)
            for name, callback in (
                ("together", keras.callbacks.EarlyStopping(**stop)),
                ("alone", keras.callbacks.EarlyStopping(**stop, min_delta=1e-12)),  # means the same, and is asked
            )
        )
        assert min(e.epochs for t in alone.trials for e in t.executions) < 12
        self.compare(together, alone, 1e-3)  # after more epochs

    @pytest.mark.slow
    def test_executions(self, tmp_path):
        options = {**WAVES, "max_trials": 1, "executions_per_trial": 3}
        together, alone = (
            tune(X, Y, directory=tmp_path / name, callbacks=callbacks, **options)
            for name, callbacks in (("together", ()), ("alone", ALONE))
        )
        self.compare(together, alone)

    def test_the_models_are_those_that_were_scored(self, nine):
        assert [path.parent.name for path in nine.folder.glob("trial_*/scored-*")] == [f"trial_{nine.best_trial.id}"]
        other = next(t.number for t in nine.trials if t.number != nine.best_trial.number)
        for number in (nine.best_trial.number, other):
            model = nine.model(number)
            model.run_eagerly = True
            found = model.evaluate(*nine.problem.validation, verbose=0)
            assert found[0] == pytest.approx(nine.trials[number].score, abs=1e-7)


def _cut(search, number):
    return replace(search, trials=search.trials[:number])


class TestWhatGoesWrong:
    def build(self, hp):
        rate = hp.Float("rate", 0.01, 0.1)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(rate), "mean_squared_error")
        return model

    def search(self, tmp_path, build, **options):
        name = str(len([*tmp_path.iterdir()]))
        return tune(X, Y, directory=tmp_path / name, **{"max_trials": 6, "epochs": 2, "verbose": 0, **options},
                    hypermodel=build)  # fmt: skip

    def test_a_trial_that_fails_leaves_the_others(self, tmp_path):
        values = [t.hyperparameters["rate"] for t in self.search(tmp_path, self.build, epochs=1).trials]

        def build(hp):
            if hp.Float("rate", 0.01, 0.1) == values[2]:
                raise FailedTrialError("not this one")
            model = self.build(hp)
            if hp.get("rate") == values[4]:
                model.optimizer.learning_rate = 1e30
            return model

        found = self.search(tmp_path, build)
        assert [t.status for t in found.trials] == [
            "completed", "completed", "failed", "completed", "failed", "completed"]  # fmt: skip
        assert "not this one" in found.trials[2].error
        assert found.trials[4].error.startswith("FloatingPointError: ")
        assert [t.executions[0].at_once for t in found.completed] == [5] * 4

        def fatal(hp):
            if hp.Float("rate", 0.01, 0.1) == values[5]:
                raise FatalError("nor any after it")
            return self.build(hp)

        assert len(self.search(tmp_path, fatal, max_trials=5).completed) == 5  # the sixth was never asked for
        with pytest.raises(FatalError):
            self.search(tmp_path, fatal)

    def test_a_wave_without_room_goes_one_after_another(self, tmp_path, monkeypatch):
        def train(training):
            raise MemoryError("no room")

        monkeypatch.setattr("recipes.training.engines.many.train.Training.train", train)
        with warnings.catch_warnings(record=True, action="always") as heard:
            found = self.search(tmp_path, self.build, max_trials=2, epochs=1)
        said = "6 networks could not be trained together, and go one after another: no room"
        assert said in [str(warning.message) for warning in heard]
        assert [t.executions[0].at_once for t in found.completed] == [1, 1]

    @pytest.mark.parametrize("callbacks", [(), ALONE], ids=["together", "alone"])
    def test_what_trains_by_itself_is_said(self, tmp_path, callbacks, capsys):
        options = {"max_trials": 1, "epochs": 1, "verbose": 1, "callbacks": callbacks}
        tune(X, Y, directory=tmp_path / "s", space={"units": [4], "learning_rate": (0.01, 0.1)}, **options)
        said = " ".join(capsys.readouterr().err.split())
        if callbacks:
            assert "one training after another: its callbacks (TerminateOnNaN) want to see each training" in said
        else:
            assert "up to 6 networks train at once, those of 6 trials" in said

    def test_callbacks_another_objective_and_an_own_fit_are_named(self, nine):
        for changes, why in (
            ({"callbacks": tuple(ALONE)}, "its callbacks (TerminateOnNaN) want to see each training"),
            ({"objective": "val_accuracy", "direction": "max"}, "the epoch that counts is that of val_accuracy"),
            ({"kind": replace(nine.problem.kind, by_engine=False)}, "it has its own way of training"),
            ({"entries": {"num_layers": [3], "units": [2048]}}, "one network of these is work enough"),
        ):
            waves = waves_of(replace(nine.problem, **changes), "random")
            assert waves.size == 0
            assert waves.why.startswith(why)


def as_of_an_older_version(folder, target):
    """Copy the records of a search without what older versions do not write."""
    journal = Journal(target)
    for path in sorted(folder.glob(f"trial_*/{RECORD}")):
        for line in path.read_text().splitlines():
            event = json.loads(line.split(" ", 1)[1])
            event.pop("wave", None)
            for name in ("share", "at_once"):
                event.get("execution", {}).pop(name, None)
            journal.append(int(path.parent.name[-4:]), event)
    shutil.copy(folder / "search.json", target)


@pytest.mark.slow
def test_a_search_of_an_older_version_goes_on(nine, tmp_path):
    tune(X, Y, max_trials=2, directory=tmp_path / "new", **WAVES)  # two have ended, four have been chosen
    for number in (3, 4, 5):
        shutil.rmtree(tmp_path / "new" / f"trial_000{number}")
    as_of_an_older_version(tmp_path / "new", tmp_path / "old")
    found = tune(X, Y, max_trials=5, directory=tmp_path / "old", **WAVES)
    assert everything(found)[:2] == [(*t[:4], [{**e, "at_once": 1} for e in t[4]], t[5]) for t in everything(nine)[:2]]
    assert [t.hyperparameters for t in found.trials] == [t.hyperparameters for t in nine.trials[:5]]
    assert [t.executions[0].at_once for t in found.trials[2:]] == [1, 3, 3]  # the third was being trained alone
    assert [t.score for t in found.trials] == pytest.approx([t.score for t in nine.trials[:5]], rel=2e-5)


FOLDS = {**WAVES, "max_trials": 2, "cv": 3}


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    return tune(X, Y, directory=tmp_path_factory.mktemp("folds") / "s", **FOLDS)


class TestFolds:
    @pytest.mark.slow
    def test_the_score_is_the_mean_and_its_error_that_of_nadeau_and_bengio(self, folds):
        for trial in folds.trials:
            scores = [e.score for e in trial.executions]
            assert len(scores) == 3
            assert all(e.score == min(e.history["val_loss"]) for e in trial.executions)
            assert trial.score == np.mean(scores)
            shares = [len(held) / len(rows) for rows, held in folds.problem.folds]
            assert trial.standard_error == pytest.approx(np.std(scores, ddof=1) * np.sqrt(1 / 3 + np.mean(shares)))
        assert {e.at_once for t in folds.trials for e in t.executions} == {3 * MOST_TRIALS}

    def test_every_row_is_held_out_once_and_classes_keep_their_share(self, folds):
        held = np.concatenate([held for _, held in folds.problem.folds])
        assert sorted(held) == [*range(len(X))]
        assert {int(Y[rows].sum()) for _, rows in folds.problem.folds} <= {Y.sum() // 3, Y.sum() // 3 + 1}

    def test_the_best_model_is_trained_on_all_rows_for_the_median_epoch(self, folds):
        run = folds.retrain()
        epochs = [e.best_epoch for e in folds.best_trial.executions]
        assert run.epochs == np.median(epochs)
        for mine, theirs in zip(folds.best_model.get_weights(), run.model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert not [*folds.folder.glob("trial_*/scored-*")]

    @pytest.mark.slow
    def test_after_a_kill_between_folds(self, folds, tmp_path, monkeypatch):
        found, times = killed(tmp_path / "s", monkeypatch, [8], **FOLDS)
        assert times == 1
        assert everything(found) == everything(folds)

    @pytest.mark.slow
    def test_each_fold_is_as_alone(self, folds, tmp_path):
        alone = tune(X, Y, directory=tmp_path / "alone", callbacks=ALONE, **{**FOLDS, "max_trials": 1})
        TestAsAlone().compare(_cut(folds, 1), alone)

    @pytest.mark.slow
    def test_nothing_of_the_held_out_rows_reaches_the_training(self, tmp_path):
        """Their scale is another: what is measured on the training rows must not know."""
        rows = np.arange(len(X))
        cv = [(rows[20:], rows[:20]), (rows[:60], rows[60:])]
        other = X.copy()
        other[:20] = 1000 * other[:20] + 500
        options = {**WAVES, "max_trials": 1, "cv": cv}
        found = [tune(x, Y, directory=tmp_path / str(i), **options) for i, x in enumerate((X, other))]
        (first, second), (of_other, _) = (search.trials[0].executions for search in found)
        assert first.history["loss"] == of_other.history["loss"]
        assert first.history["val_loss"] != of_other.history["val_loss"]
        assert second.share == pytest.approx(1 / 3)

    @pytest.mark.slow
    def test_groups_stay_together_and_a_splitter_is_taken(self, tmp_path):
        from sklearn.model_selection import GroupKFold

        groups = np.arange(len(X)) // 4
        options = {**WAVES, "max_trials": 1, "epochs": 1, "groups": groups}
        for name, cv in (("a", 4), ("b", GroupKFold(4))):
            found = tune(X, Y, cv=cv, directory=tmp_path / name, **options)
            assert len(found.problem.folds) == 4
            assert not any(np.intersect1d(groups[rows], groups[held]).size for rows, held in found.problem.folds)

    @pytest.mark.slow
    def test_other_folds_are_another_search(self, folds):
        with pytest.raises(ValueError, match="holds another search: cv was"):
            tune(X, Y, directory=folds.folder, **{**FOLDS, "cv": 4})

    @pytest.mark.slow
    @pytest.mark.parametrize("tuner", ["bayesian", "hyperband", "grid"])
    def test_every_tuner_scores_by_folds(self, tmp_path, tuner):
        options = {**FOLDS, "tuner": tuner, "max_trials": 3}
        found = tune(X, Y, directory=tmp_path / "s", **options)
        assert [len(t.executions) for t in found.trials] == [3] * 3
        assert {e.at_once for t in found.trials for e in t.executions} == {
            "bayesian": {9}, "hyperband": {9}, "grid": {3 * MOST_TRIALS}}[tuner]  # fmt: skip

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"cv": 3, "validation_split": 0.2}, "cv validates on the rows that each fold holds out. Received beside "
             "it: validation_split. Leave one of them out."),
            ({"cv": 3, "validation_data": (X, Y)}, "cv validates on the rows that each fold holds out. Received beside "
             "it: validation_data. Leave one of them out."),
            ({"groups": Y}, "groups keeps rows together in folds, and there are none: cv=None. Pass cv=5 too."),
            ({"cv": 3, "groups": Y[:5]}, "groups has 5 rows and x has 80. Expected one for each row."),
            ({"cv": [(np.flatnonzero(Y == 0), np.flatnonzero(Y == 1))]}, "The training rows of fold 0 (counted from 0) "
             "have no row of class 1, so that its network would not know that class. Take fewer folds, or a splitter "
             "that keeps the share of each class; mend it if it is a typo."),
        ],
    )  # fmt: skip
    def test_what_does_not_go_together_is_refused(self, tmp_path, arguments, message):
        with refused(message):
            tune(X, Y, max_trials=1, directory=tmp_path / "s", **WAVES, **arguments)

    def test_constants_of_held_out_rows_and_an_own_way_to_validate_are_refused(self, tmp_path):
        def build(hp):
            scale = keras.layers.Normalization()
            scale.adapt(X)
            model = keras.Sequential([keras.Input((4,)), scale, keras.layers.Dense(1)])
            model.compile(keras.optimizers.SGD(hp.Float("rate", 0.01, 0.1)), "mean_squared_error")
            return model

        with pytest.raises(ValueError, match="holds the mean and variance of data, and build"):
            tune(X, Y, hypermodel=build, cv=3, max_trials=1, directory=tmp_path / "s", verbose=0)
        with refused(
            "A search that has its own data has its own way to validate. Received beside it: cv. Leave it out."
        ):
            tune(body="grokking", cv=3, max_trials=1, directory=tmp_path / "g", verbose=0)
