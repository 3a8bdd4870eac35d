"""The same call goes on where it stopped, and the same seed gives the same table."""

import json
import os
import signal

import keras
import pytest
from conftest import refused
from grokking import press_ctrl_c_at_every_step
from searches import FITS, QUICK, Bowl, X, Y, nothing, scores

from cheatsheet.common.words import count
from recipes import OtherSearchError, tune
from recipes.running.interrupt import Interrupted
from recipes.tuning.problem import seed_of
from recipes.tuning.record.journal import RECORD
from recipes.tuning.words import TUNERS


class TestSameAgain:
    @pytest.mark.slow
    def test_the_same_seed_gives_the_same_table_and_another_another(self, tmp_path):
        first, second, other = (
            tune(X, Y, max_trials=4, seed=seed, directory=tmp_path / name, **QUICK)
            for name, seed in (("a", 0), ("b", 0), ("c", 1))
        )
        assert scores(first) == scores(second) != scores(other)
        assert [e.history for t in first.trials for e in t.executions] == [
            e.history for t in second.trials for e in t.executions
        ]

    def test_a_seed_of_0_is_one(self, tmp_path):
        found = [tune(X, Y, hypermodel=Bowl(), max_trials=3, seed=0, epochs=1, directory=tmp_path / name, verbose=0)
                 for name in "ab"]  # fmt: skip
        assert scores(found[0]) == scores(found[1])

    def test_trainings_have_unrelated_seeds(self):
        seeds = {seed_of(seed, number, execution) for seed in (0, 1) for number in range(50) for execution in range(3)}
        assert len(seeds) == 300

    def test_the_same_call_goes_on_and_a_finished_search_is_there_at_once(self, tmp_path):
        short = tune(X, Y, max_trials=2, directory=tmp_path / "a", **QUICK)
        records = {path: path.read_bytes() for path in tmp_path.rglob(RECORD)}
        extended = tune(X, Y, max_trials=5, directory=tmp_path / "a", **QUICK)
        assert scores(extended)[:2] == scores(short)
        assert scores(extended) == scores(tune(X, Y, max_trials=5, directory=tmp_path / "b", **QUICK))
        for path, content in records.items():
            beyond = b"ended" not in content  # chosen to settle a wave, and asked for only now
            assert path.read_bytes() == content or (beyond and path.read_bytes().startswith(content))
        assert scores(tune(X, Y, max_trials=5, directory=tmp_path / "a", **QUICK)) == scores(extended)

    @pytest.mark.slow
    def test_without_a_directory_the_name_depends_on_data_and_settings(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        folders = [tune(X, y, max_trials=1, **QUICK).folder for y in (Y, Y, 1 - Y)]
        assert folders[0] == folders[1] != folders[2]
        assert folders[0].parent.name == "runs"

    @pytest.mark.slow
    def test_another_search_is_refused_or_written_over(self, tmp_path):
        tune(X, Y, max_trials=1, directory=tmp_path, **QUICK)
        with refused(
            f"{tmp_path} holds another search: epochs was 2, now 3; seed was 0, now 1. "
            "Go on with the same settings, name another directory, or start anew with overwrite=True."
        ):
            tune(X, Y, max_trials=1, directory=tmp_path, **{**QUICK, "epochs": 3}, seed=1)
        with pytest.raises(OtherSearchError, match=r"holds another search: data was"):
            tune(X + 1, Y, max_trials=1, directory=tmp_path, **QUICK)
        with pytest.raises(ValueError, match=r"holds another search: space was"):
            tune(X, Y, max_trials=1, directory=tmp_path, **{**QUICK, "space": {"units": [4]}})
        anew = tune(X, Y, max_trials=2, directory=tmp_path, overwrite=True, **{**QUICK, "epochs": 1})
        assert [t.executions[0].epochs for t in anew.trials] == [1, 1]

    def test_changed_code_is_another_search(self, tmp_path):
        def build(hp):
            hp.Float("a", 0, 1)
            return nothing()

        options = {"max_trials": 1, "epochs": 1, "directory": tmp_path, "verbose": 0}
        tune(X, Y, hypermodel=build, **options)

        def build(hp):
            hp.Float("a", 0, 1)
            return nothing(1.0)

        with pytest.raises(ValueError, match=r"holds another search: hypermodel was"):
            tune(X, Y, hypermodel=build, **options)


@pytest.mark.parametrize("tuner", TUNERS)
class TestEveryTuner:
    def search(self, tuner, folder):
        most = {"random": 12, "bayesian": 14, "hyperband": None, "grid": 25}[tuner]
        return tune(X, Y, hypermodel=Bowl(), tuner=tuner, max_trials=most, epochs=4, directory=folder, verbose=0)

    @pytest.mark.slow_but("random", "hyperband")
    def test_a_search_that_was_stopped_ends_as_one_that_was_not(self, tuner, tmp_path, monkeypatch):
        whole = self.search(tuner, tmp_path / "whole")
        for stop in (3, 4, 2):  # trainings after the last stop; in the next one
            monkeypatch.setitem(FITS, "stop_at", FITS["count"] + stop)
            with pytest.raises(KeyboardInterrupt):
                self.search(tuner, tmp_path / "stopped")
            for name in ("oracle.json", "trial_0001/trial.json"):  # keras-tuner's own may be lost
                (tmp_path / "stopped" / name).write_text("{")
        monkeypatch.setitem(FITS, "stop_at", None)
        before = FITS["count"]
        stopped = self.search(tuner, tmp_path / "stopped")
        assert scores(stopped) == scores(whole)
        assert FITS["count"] - before < len(whole.trials)
        assert json.loads((tmp_path / "stopped" / "oracle.json").read_text())["ongoing_trials"] == {}

    @pytest.mark.slow_but("random", "bayesian", "hyperband")
    def test_it_finds_what_there_is_to_find(self, tuner, tmp_path):
        found = self.search(tuner, tmp_path)
        assert found.best_trial.score == min(t.score for t in found.trials)
        assert len({json.dumps(t.values) for t in found.trials}) == len(found.trials)
        if tuner == "bayesian":
            assert found.best_trial.score < 0.01


class PressCtrlC(keras.callbacks.Callback):
    """At the end of the epoch after so many others, of all trainings together."""

    left = 0  # of the class, and so no setting of the search

    def on_epoch_end(self, epoch, logs=None):
        type(self).left -= 1
        if type(self).left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("after", [1, 8])  # in the first trial, at the end of the second
@pytest.mark.slow_but("[8]")
def test_ctrl_c_ends_the_script_with_the_search_so_far(tmp_path, monkeypatch, after):
    options = {**QUICK, "epochs": 4, "max_trials": 3, "callbacks": [PressCtrlC()]}
    whole = tune(X, Y, directory=tmp_path / "whole", **options)
    monkeypatch.setattr(PressCtrlC, "left", after)
    with pytest.raises(Interrupted) as ended:
        tune(X, Y, directory=tmp_path / "s", **options)
    search = ended.value.result
    assert search.interrupted
    done = [trial for trial in scores(search) if trial[3] == "completed"]
    assert len(done) == (after - 1) // 4
    assert done == scores(whole)[: len(done)]
    assert str(ended.value) == (
        f"Ctrl-C ended the search after {count(len(done), 'trial')}; its record is in {tmp_path / 's'}. "
        "The same call goes on from there."
    )
    assert scores(tune(X, Y, directory=tmp_path / "s", **options)) == scores(whole)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_a_trial_of_grokking(tmp_path, monkeypatch):
    options = {"body": "grokking", "space": {"p": [7]}, "epochs": 20, "max_trials": 1, "directory": tmp_path,
               "verbose": 0}  # fmt: skip
    with monkeypatch.context() as patched:
        press_ctrl_c_at_every_step(patched)
        with pytest.raises(Interrupted, match=r"^Ctrl-C ended the search after 0 trials; its record is in "):
            tune(**options)
    (trial,) = tune(**options).trials
    assert trial.status == "completed"
