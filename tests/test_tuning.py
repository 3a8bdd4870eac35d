"""Searches: what is searched, what is recorded, that they go on where they stopped, and what they conclude."""

import functools
import json
import math
import os
import re
import textwrap
import threading

import keras
import keras_tuner
import numpy as np
import pytest
from conftest import refused
from keras_tuner import errors
from processes import run_python

from recipes import build_model, load_data, tune
from recipes.cli import main
from recipes.running.checkpoint import Checkpoint
from recipes.training.data.prepare import prepare
from recipes.tuning.oracles.persistent import TUNERS, make_oracle
from recipes.tuning.oracles.schedule import brackets_of, totals
from recipes.tuning.problem import seed_of
from recipes.tuning.record.identity import described_callback, digest_of_code
from recipes.tuning.record.journal import RECORD, Execution, Journal, Trial
from recipes.tuning.search import Search
from recipes.tuning.space import OF_BODY, ask, entries_of
from recipes.tuning.work.train import inherit

X = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int32")
SPACE = {"num_layers": (1, 2), "units": [4, 8], "dropout": (0.1, 0.3), "learning_rate": (1e-3, 1e-1, "log")}
QUICK = {"space": SPACE, "epochs": 2, "verbose": 0}


def scores(search):
    return [(t.number, t.hyperparameters, t.score, t.status) for t in search.trials]


def nothing(value=0.0):
    """A compiled model that costs nothing to build."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
    return model


class Bowl(keras_tuner.HyperModel):
    """A score that is known: smallest at a = 0.3, b = 5, with a third hyperparameter that only some have."""

    def build(self, hp):
        hp.Float("a", 0.0, 1.0, step=0.05)
        if hp.Int("b", 1, 9) > 6:
            hp.Choice("c", ["p", "q"])
        return nothing()

    def fit(self, hp, model, *args, **kwargs):
        if STOP_AT is not None and COUNT["fits"] == STOP_AT:
            raise KeyboardInterrupt
        COUNT["fits"] += 1
        value = (hp.get("a") - 0.3) ** 2 + (hp.get("b") - 5) ** 2 / 100
        return {"val_loss": [value * 2**-epoch + 1e-3 for epoch in range(kwargs["epochs"])]}


STOP_AT = None
COUNT = {"fits": 0}


class TestSpace:
    @pytest.mark.parametrize("body", OF_BODY)
    @pytest.mark.parametrize("group", [None, "training"])
    def test_every_default_can_be_asked_for(self, body, group):
        shape = (28, 28, 1) if body in ("cnn", "conv") else (30,)
        entries = entries_of(group, body, shape, 500, 32)
        hp = keras_tuner.HyperParameters()
        values = ask(hp, entries)
        assert set(entries) <= {name.split("_1")[0] if name == "units_1" else name for name in values}
        assert ("optimizer" in values) == (body != "grokking")

    def test_small_data_get_small_networks(self):
        widest = [entries_of(None, "mlp", (4,), rows, 32)["units"][1] for rows in (100, 1_000, 100_000)]
        assert widest == [32, 128, 512]
        assert entries_of(None, "conv", (28, 28, 1), 100, 32)["num_layers"] == (1, 2)  # 28 = 4 * 7
        assert entries_of(None, "cnn", (8, 8, 1), 100, 32)["num_layers"] == (1, 3)
        assert entries_of("training", "mlp", (4,), 100, 32)["batch_size"] == [16, 32, 64]

    def test_layers_have_widths_of_their_own_where_they_exist(self):
        hp = keras_tuner.HyperParameters()
        hp.values = {"num_layers": 2, "units_1": 8, "units_2": 4}
        assert ask(hp, {"num_layers": (1, 3), "units": [4, 8]}) == {"num_layers": 2, "units_1": 8, "units_2": 4}
        assert [parameter.name for parameter in hp.space] == ["num_layers", "units_1", "units_2", "units_3"]

    @pytest.mark.parametrize(
        ("space", "message"),
        [
            ("both", "Unknown space. Received: space='both'. Expected 'architecture', 'training', a dictionary such as "
             "{'units': [16, 64], 'learning_rate': (1e-4, 1e-2, 'log')}, or None for both."),
            ({"unit": [1]}, "body='mlp' has no hyperparameter 'unit'. It has num_layers, units, activation, dropout, "
             "optimizer, learning_rate, weight_decay, batch_size. Did you mean 'units'?"),
            ({"units": []}, "space['units'] must list values of one type. Received: []."),
            ({"units": (9, 3)}, "space['units'] as a tuple is (low, high), (low, high, step) or (low, high, 'log'), "
             "low < high. Received: (9, 3). For a choice of values write a list."),
            ({"learning_rate": (0.0, 1.0, "log")},
             "space['learning_rate'] has a log scale, which needs low > 0. Received: (0.0, 1.0, 'log')."),
            ({"dropout": (0.0, 0.5, "fine")},
             "space['dropout'] has the step 'fine'. Expected a number above 0, or 'log'."),
        ],
    )  # fmt: skip
    def test_refusals(self, space, message):
        with refused(message):
            tune(X, Y, space=space)


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"x": None}, "Which data? Received: x=None. Say tune(x, y), or tune(x) for an autoencoder."),
            ({"tuner": "genetic"},
             "Unknown tuner. Received: tuner='genetic'. Expected one of random, bayesian, hyperband, grid."),
            ({"body": "rnn"}, "Unknown body. Received: body='rnn'. Expected one of mlp, cnn with y."),
            ({"body": "dense"}, "body='dense' does not go with y=.... Expected one of mlp, cnn with y."),
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


class TestJournal:
    EXECUTION = Execution(0.5, 2, 3, 0.1, 10, 0.01, "converged", {"val_loss": [0.6, 0.5, 0.7]})

    def written(self, folder):
        journal = Journal(folder)
        journal.append(7, {"started": {"a": 1}, "chooser": {"_seed_state": 3}})
        journal.append(7, {"execution": vars(self.EXECUTION)})
        return journal

    def test_what_was_written_is_read(self, tmp_path):
        journal = self.written(tmp_path)
        assert journal.read(7) == Trial(7, {"a": 1}, "running", (self.EXECUTION,), "", {"_seed_state": 3})
        journal.append(7, {"ended": {"status": "completed"}})
        assert [trial.score for trial in journal.trials()] == [0.5]
        assert journal.read(8) is None

    def test_a_line_that_a_kill_cut_off_is_no_line(self, tmp_path):
        journal = self.written(tmp_path)
        path = tmp_path / "trial_0007" / RECORD
        whole = path.read_bytes()
        first = whole.index(b"\n") + 1
        for end in range(first, len(whole)):
            path.write_bytes(whole[:end])
            assert journal.read(7).executions == ()
        journal.append(7, {"execution": vars(self.EXECUTION)})  # takes the place of the torn one
        assert path.read_bytes() == whole

    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_a_short_write_is_gone_on_with(self, tmp_path, monkeypatch, share):
        self.written(tmp_path / "whole")
        write = os.write
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda handle, data: write(handle, data[: 1 + int(len(data) * share)]))
            self.written(tmp_path / "short")
        whole, short = ((tmp_path / name / "trial_0007" / RECORD).read_bytes() for name in ("whole", "short"))
        assert short == whole

    def test_a_flipped_bit_is_named(self, tmp_path):
        journal = self.written(tmp_path)
        path = tmp_path / "trial_0007" / RECORD
        content = bytearray(path.read_bytes())
        content[30] ^= 1
        path.write_bytes(content)
        with refused(
            f"{path} is damaged in line 1: its checksum does not fit. "
            f"Delete the folder {path.parent} to have that trial run again."
        ):
            journal.trials()


class TestSameAgain:
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
        chosen = []
        for name in ("a", "b"):
            journal = Journal(tmp_path / name)
            options = {"max_trials": 3, "epochs": 1, "seed": 0, "journal": journal}
            oracle = make_oracle("random", keras_tuner.Objective("val_loss", "min"), **options)
            hp = keras_tuner.HyperParameters()
            hp.Float("a", 0, 1)
            oracle.update_space(hp)
            oracle._set_project_dir(str(tmp_path), name)
            chosen.append(oracle.create_trial("tuner0").hyperparameters.values)
        assert chosen[0] == chosen[1]

    def test_trainings_have_unrelated_seeds(self):
        seeds = {seed_of(seed, number, execution) for seed in (0, 1) for number in range(50) for execution in range(3)}
        assert len(seeds) == 300

    def test_the_same_call_goes_on_and_a_finished_search_is_there_at_once(self, tmp_path):
        short = tune(X, Y, max_trials=2, directory=tmp_path / "a", **QUICK)
        records = {path: path.read_bytes() for path in tmp_path.rglob(RECORD)}
        extended = tune(X, Y, max_trials=5, directory=tmp_path / "a", **QUICK)
        assert scores(extended)[:2] == scores(short)
        assert scores(extended) == scores(tune(X, Y, max_trials=5, directory=tmp_path / "b", **QUICK))
        assert all(path.read_bytes() == content for path, content in records.items())  # nothing was run twice
        assert scores(tune(X, Y, max_trials=5, directory=tmp_path / "a", **QUICK)) == scores(extended)

    def test_without_a_directory_the_name_depends_on_data_and_settings(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        folders = [tune(X, y, max_trials=1, **QUICK).folder for y in (Y, Y, 1 - Y)]
        assert folders[0] == folders[1] != folders[2]
        assert folders[0].parent.name == "runs"

    def test_another_search_is_refused_or_written_over(self, tmp_path):
        tune(X, Y, max_trials=1, directory=tmp_path, **QUICK)
        with refused(
            f"{tmp_path} holds another search: epochs was 2, now 3; seed was 0, now 1. "
            "Go on with the same settings, name another directory, or start anew with overwrite=True."
        ):
            tune(X, Y, max_trials=1, directory=tmp_path, **{**QUICK, "epochs": 3}, seed=1)
        with pytest.raises(ValueError, match=r"holds another search: data was"):
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

    def test_a_search_that_was_stopped_ends_as_one_that_was_not(self, tuner, tmp_path, monkeypatch):
        whole = self.search(tuner, tmp_path / "whole")
        for stop in (3, 4, 2):  # trainings after the last stop; in the next one
            monkeypatch.setitem(globals(), "STOP_AT", COUNT["fits"] + stop)
            with pytest.raises(KeyboardInterrupt):
                self.search(tuner, tmp_path / "stopped")
            for name in ("oracle.json", "trial_0001/trial.json"):  # keras-tuner's own may be lost
                (tmp_path / "stopped" / name).write_text("{")
        monkeypatch.setitem(globals(), "STOP_AT", None)
        before = COUNT["fits"]
        stopped = self.search(tuner, tmp_path / "stopped")
        assert scores(stopped) == scores(whole)
        assert COUNT["fits"] - before < len(whole.trials)
        assert json.loads((tmp_path / "stopped" / "oracle.json").read_text())["ongoing_trials"] == {}

    def test_it_finds_what_there_is_to_find(self, tuner, tmp_path):
        found = self.search(tuner, tmp_path)
        assert found.best_trial.score == min(t.score for t in found.trials)
        assert len({json.dumps(t.hyperparameters) for t in found.trials}) == len(found.trials)
        if tuner == "bayesian":
            assert found.best_trial.score < 0.01


class TestOracles:
    def test_hyperband_s_schedule_is_what_happens(self, tmp_path):
        found = tune(X, Y, hypermodel=Bowl(), tuner="hyperband", epochs=9, directory=tmp_path, verbose=0)
        oracle = make_oracle("hyperband", keras_tuner.Objective("val_loss", "min"), max_trials=None, epochs=9, seed=0,
                             journal=Journal(tmp_path))  # fmt: skip
        assert brackets_of(oracle) == [[(9, 1), (3, 3), (1, 9)], [(5, 3), (2, 9)], [(3, 9)]]
        assert totals(oracle, None, 9) == (len(found.trials), 9 + 3 * 2 + 6 + 5 * 3 + 2 * 6 + 3 * 9)
        rounds = {}
        for t in found.trials:
            values = t.hyperparameters
            rounds.setdefault((values["tuner/bracket"], values["tuner/round"]), []).append(values["tuner/epochs"])
        assert rounds == {
            (2, 0): [1] * 9,
            (2, 1): [3] * 3,
            (2, 2): [9],
            (1, 0): [3] * 5,
            (1, 1): [9] * 2,
            (0, 0): [9] * 3,
        }

    def test_what_hyperband_promotes_goes_on_with_its_optimizer(self, tmp_path):
        """A promoted trial ends with the history and the weights of one training of all its epochs."""
        options = {
            **QUICK,
            "epochs": 4,
            "space": {"units": [4, 8], "dropout": 0.2, "learning_rate": (0.01, 0.1, "log")},
        }
        found = tune(X, Y, tuner="hyperband", directory=tmp_path, **options)
        promoted = next(t for t in reversed(found.trials) if "tuner/trial_id" in t.hyperparameters)
        parent = found.trials[int(promoted.hyperparameters["tuner/trial_id"])]
        assert parent.executions[0].epochs < promoted.executions[0].epochs == 4
        assert (
            promoted.executions[0].history["loss"][: parent.executions[0].epochs]
            == parent.executions[0].history["loss"]
        )
        for state in tmp_path.rglob("state-*.npz"):
            state.unlink()
        alone = found.model(promoted.number)  # trained anew, without the states
        outputs = alone.predict(X, verbose=0)
        tune(X, Y, tuner="hyperband", directory=tmp_path / "again", **options)
        kept = Search(found.trials, found.problem, tmp_path / "again").model(promoted.number)
        np.testing.assert_array_equal(kept.predict(X, verbose=0), outputs)

    def test_a_grid_is_complete(self, tmp_path):
        space = {"num_layers": [1, 2], "units": [4, 8], "learning_rate": [0.01, 0.1]}
        found = tune(X, Y, tuner="grid", directory=tmp_path, **{**QUICK, "space": space, "epochs": 1})
        tried = {tuple(sorted(t.hyperparameters.items())) for t in found.trials}
        assert len(found.trials) == len(tried) == 2 * (2 + 4)  # rates times widths of one layer, and of two

    def test_the_disk_holds_the_states_of_the_best_alone(self, tmp_path):
        found = tune(X, Y, max_trials=7, directory=tmp_path, **QUICK)
        held = {int(path.parent.name[6:]) for path in tmp_path.glob("trial_*/state-0")}
        assert held == {t.number for t in found.completed[:3]}
        for number in (found.completed[0].number, found.completed[-1].number):  # from disk, and trained again
            model = found.model(number)
            loss = float(model.evaluate(*found.problem.validation, verbose=0)[0])
            recorded = found.trials[number].executions[0].history["val_loss"][-1]
            assert loss == pytest.approx(recorded, rel=1e-5)

    def test_keras_tuner_can_read_what_is_written(self, tmp_path):
        found = tune(X, Y, max_trials=3, directory=tmp_path / "s", **QUICK)
        oracle = keras_tuner.oracles.RandomSearchOracle(keras_tuner.Objective("val_loss", "min"), max_trials=3)
        oracle._set_project_dir(str(tmp_path), "s")
        oracle.reload()
        assert oracle.get_best_trials(1)[0].score == found.best_trial.score


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
        assert failed[0].error.startswith("RuntimeError: no odd ones (test_tuning.py:")
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


class TestFolder:
    """A search deletes its own files alone, and is kept where nothing else is."""

    KEPT = ("notes.txt", "results.json", "notes.tmp", "trial_1/record.jsonl", "trial_abc/record.jsonl",
            "trial_0000/notes.txt", "trial_0000/state-0/mine.npz", "trial_0000/state-of-the-art/model.keras",
            "trial_0001/search.json.12.tmp.bak", "trial_0007", "search.json.tmp", "data/oracle.json.7.tmp")  # fmt: skip

    @staticmethod
    def content(folder):
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_folder_of_other_things_is_refused_before_anything_is_written(self, tmp_path, monkeypatch, overwrite):
        for name in ("a.json", "b.tmp", "c.py", "d/e.txt", "trial_0000/trial.json", "tuner0.json"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("{}")
        before = self.content(tmp_path)
        monkeypatch.chdir(tmp_path)
        with refused(
            ". holds a.json, b.tmp, c.py, d/, trial_0000/ and 1 more, but no search. "
            "A search is kept in a folder of its own: name an empty or a new directory."
        ):
            tune(X, Y, directory=".", overwrite=overwrite, max_trials=1, **QUICK)
        assert self.content(tmp_path) == before

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_another_programs_search_json_is_refused(self, tmp_path, overwrite):
        for text in ('{"query": "cats"}', "no json", "[1]"):
            (tmp_path / "search.json").write_text(text)
            with refused(f"{tmp_path / 'search.json'} is no search's. Name an empty or a new directory."):
                tune(X, Y, directory=tmp_path, overwrite=overwrite, max_trials=1, **QUICK)
            assert self.content(tmp_path) == {"search.json": text.encode()}

    def test_a_file_is_no_folder(self, tmp_path):
        (tmp_path / "s").write_text("mine")
        with refused(f"{tmp_path / 's'} is a file. A search is kept in a folder: name an empty or a new one."):
            tune(X, Y, directory=tmp_path / "s", overwrite=True, max_trials=1, **QUICK)

    def test_a_worker_writes_nothing_into_a_folder_of_other_things_either(self, tmp_path, monkeypatch):
        (tmp_path / "notes.txt").write_text("mine")
        for name, value in (("IP", "127.0.0.1"), ("PORT", "1")):
            monkeypatch.setenv(f"KERASTUNER_ORACLE_{name}", value)
        monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker-0")
        with pytest.raises(ValueError, match=r"holds notes.txt, but no search"):
            tune(X, Y, directory=tmp_path, max_trials=1, **QUICK)
        assert self.content(tmp_path) == {"notes.txt": b"mine"}

    def test_what_is_there_before_the_search_is_begun_is_no_other_thing(self, tmp_path):
        for name in ("lock", "worker-0.alive", "search.json.17.tmp"):  # of workers that were first, and of a kill
            (tmp_path / name).touch()
        tune(X, Y, directory=tmp_path, max_trials=1, **QUICK)
        assert not (tmp_path / "search.json.17.tmp").exists()

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_files_that_are_not_its_own_stay(self, tmp_path, overwrite):
        tune(X, Y, max_trials=3, directory=tmp_path, **QUICK)
        for name in self.KEPT:
            if (path := tmp_path / name).name == "trial_0007":
                path.write_text("mine")  # a file, not a folder
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("mine")
        leftovers = ("oracle.json.7.tmp", "trial_0001/trial.json.7.tmp", "trial_0001/state-9/state-0.npz.7.tmp")
        for name in leftovers:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("torn")
        options = {**QUICK, "epochs": 1} if overwrite else QUICK
        found = tune(X, Y, max_trials=1 if overwrite else 3, directory=tmp_path, overwrite=overwrite, **options)
        now = self.content(tmp_path)
        assert {name: now.get(name) for name in self.KEPT} == dict.fromkeys(self.KEPT, b"mine")
        assert not set(leftovers[:2]) & set(now)
        assert len(found.trials) == (1 if overwrite else 3)
        if overwrite:  # of the three that were there, what is somebody else's
            assert {name for name in now if name.startswith(("trial_0001", "trial_0002"))} == {
                "trial_0001/search.json.12.tmp.bak"
            }
            assert not (tmp_path / "trial_0002").exists()

    def test_states_that_nobody_needs_are_let_go_and_nothing_else(self, tmp_path):
        tune(X, Y, max_trials=1, directory=tmp_path, **QUICK)
        mine = [tmp_path / "trial_0000" / name for name in ("state-of-mind", "state-0/mine.npz")]
        for path in mine:
            path.write_text("mine")
        found = tune(X, Y, max_trials=7, directory=tmp_path, **QUICK)
        kept = {t.number for t in found.completed[:3]}
        assert all(path.read_text() == "mine" for path in mine)
        for t in found.trials:
            assert (tmp_path / f"trial_{t.id}" / "state-0" / "lock").exists() == (t.number in kept)

    def test_what_is_inherited_takes_no_place_of_other_files(self, tmp_path):
        with Checkpoint(tmp_path / "a" / "state-0", {}) as kept:
            for i in range(3):
                kept.save({"weights": np.full(3, i)}, {"step": i})
        (tmp_path / "a" / "state-0" / "mine.npz").write_text("mine")
        (tmp_path / "b" / "state-0").mkdir(parents=True)
        (tmp_path / "b" / "state-0" / "yours.npz").write_text("yours")
        for _ in range(2):  # the second time it is there
            inherit(tmp_path / "a", tmp_path / "b", 2)
        with Checkpoint(tmp_path / "b" / "state-0", {}) as kept:
            assert kept.load().state["step"] == 2
        assert {p.name for p in (tmp_path / "b" / "state-0").iterdir()} == {"lock", "state-1.npz", "yours.npz"}
        assert [p.name for p in (tmp_path / "b").iterdir()] == ["state-0"]


class TestFatal:
    """keras-tuner's own errors mean what they mean there."""

    @pytest.mark.parametrize(
        "kind", [errors.FatalError, errors.FatalValueError, errors.FatalTypeError, errors.FatalRuntimeError]
    )
    @pytest.mark.parametrize("place", ["build", "fit"])
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


class Halving(keras.callbacks.Callback):
    def __init__(self, **attributes):
        super().__init__()
        vars(self).update(attributes)


class TestCallbacks:
    @pytest.mark.parametrize(
        ("before", "after", "difference"),
        [
            (lambda: keras.callbacks.EarlyStopping(min_delta=0.1), lambda: keras.callbacks.EarlyStopping(min_delta=0.5),
             "EarlyStopping.min_delta was 0.1, now 0.5"),
            (lambda: Halving(_factor=2.0), lambda: Halving(_factor=3.0), "Halving._factor was 2.0, now 3.0"),
            (lambda: Halving(steps=[1, {"at": (2, 3)}]), lambda: Halving(steps=[1, {"at": (2, 4)}]),
             'Halving.steps was [1, {"at": [2, 3]}], now [1, {"at": [2, 4]}]'),
            (lambda: Halving(rates=np.arange(3)), lambda: Halving(rates=np.arange(3.0)), "Halving.rates was "),
            (lambda: [Halving(a=1), Halving(a=1)], lambda: [Halving(a=1), Halving(a=2)], "Halving 2.a was 1, now 2"),
            (lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
             lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.2), "LearningRateScheduler.schedule was "),
            (lambda: keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
             lambda: keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs),
             "LambdaCallback.on_epoch_end was "),
            (lambda: Halving(), lambda: [], 'callbacks was [["Halving", {'),
            (lambda: Halving(schedule=keras.optimizers.schedules.CosineDecay(0.1, 10)),
             lambda: Halving(schedule=keras.optimizers.schedules.CosineDecay(0.2, 10)), "Halving.schedule was "),
        ],
    )  # fmt: skip
    def test_a_changed_callback_is_a_changed_search(self, before, after, difference, tmp_path):
        tune(X, Y, callbacks=before(), directory=tmp_path, max_trials=1, **QUICK)
        with pytest.raises(ValueError, match=re.escape(f"{tmp_path} holds another search: {difference}")):
            tune(X, Y, callbacks=after(), directory=tmp_path, max_trials=1, **QUICK)
        tune(X, Y, callbacks=before(), directory=tmp_path, max_trials=1, **QUICK)  # the same again

    def test_what_cannot_be_said_is_named_by_its_type_and_the_model_is_left_out(self):
        callback = Halving(lock=threading.Lock(), inner=Halving(), names={"b", "a"}, best=math.inf, worst=math.nan)
        callback.set_model(nothing())
        callback.teacher = nothing()
        kind, attributes = described_callback(callback)
        digest = attributes.pop("its code")
        assert (kind, len(digest)) == ("Halving", 16)
        assert attributes == {
            "best": "inf",
            "inner": ["a", f"{Halving.__module__}.Halving"],
            "lock": ["a", "_thread.lock"],
            "names": ["a", "b"],
            "worst": "nan",
        }
        json.dumps(attributes, allow_nan=False)

    def test_the_words_are_the_same_in_every_process(self):
        script = textwrap.dedent("""
            import functools, json, keras, numpy as np
            from recipes.tuning.record.identity import described_callback, digest_of_code
            def near(epoch): return epoch in {"a", "b", "c"}
            callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, l: e in {"x", "y", "z"}, on_train_end=near)
            callback.things = {"p", "q", "r"}, frozenset("xyz"), object(), np.arange(3), functools.partial(near, 3)
            print(json.dumps([described_callback(callback), digest_of_code(near)]))
        """)
        found = {
            run_python("-c", script, env={**os.environ, "PYTHONHASHSEED": str(seed)}).stdout
            for seed in (1, 2)
        }  # fmt: skip
        assert len(found) == 1
        assert "0x" not in found.pop()

    def test_code_is_told_apart_by_what_it_does(self):
        def one(hp, width=3):
            return width  # a comment

        first = digest_of_code(one)

        def one(hp, width=3):
            return width

        assert digest_of_code(one) == first
        two = (lambda hp: 1, lambda hp: 2)  # on one line
        assert digest_of_code(two[0]) != digest_of_code(two[1])
        assert digest_of_code(functools.partial(one, width=4)) != digest_of_code(functools.partial(one, width=5))
        typed = {}
        exec("def f(hp): return 1", typed)  # as in a session without a source
        before = digest_of_code(typed["f"])
        exec("def f(hp): return 2", typed)
        assert digest_of_code(typed["f"]) != before


class TestTask:
    def test_it_is_decided_once_from_the_whole_of_y(self, tmp_path):
        y = np.repeat([3, 4, 5], 10)  # thirty rows are enough to be taken for classes, the 24 that train are not
        x = np.random.default_rng(0).normal(size=(30, 4)) + y[:, None]
        options = {"max_trials": 1, "epochs": 2, "space": "training", "verbose": 0}
        found = tune(x, y, directory=tmp_path / "a", **options)
        assert found.problem.task == "multiclass"
        assert "val_accuracy" in found.trials[0].executions[0].history
        assert found.best_model.output_shape == (None, 3)
        assert tune(x, y, objective="val_accuracy", directory=tmp_path / "b", **options).completed

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
    def test_rows_are_divided_as_fit_divides_them(self, y, task, tmp_path):
        problem = tune(X, y, task, max_trials=1, epochs=1, space="training", directory=tmp_path, verbose=0).problem
        model = build_model(task, x=X, y=y)
        data = prepare(model, X, y, validation_split=0.2, seed=0)
        np.testing.assert_array_equal(problem.x, data.x)
        np.testing.assert_array_equal(problem.validation[0], data.validation[0])


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

    def test_the_head_is_the_cheatsheet_s(self, tmp_path):
        wine = load_data("wine")
        found = tune(wine.x, wine.y, max_trials=1, epochs=1, directory=tmp_path, verbose=0)
        head = found.best_model.layers[-1]
        assert (head.units, head.activation.__name__) == (3, "softmax")
        assert found.best_model.loss == "sparse_categorical_crossentropy"

    def test_decay_and_batch_size_reach_the_training(self, tmp_path):
        space = {"weight_decay": 0.25, "batch_size": [7], "optimizer": "sgd", "learning_rate": 0.5}
        found = tune(X, Y, max_trials=1, directory=tmp_path, **{**QUICK, "space": space})
        assert found.best_model.optimizer.weight_decay == 0.25
        assert float(found.best_model.optimizer.learning_rate) == 0.5
        assert found.best_run.steps == found.best_run.epochs * math.ceil(80 / 7)


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
        losses = -np.where(y == 1, np.log(p), np.log(1 - p))
        expected = losses.std(ddof=1) / math.sqrt(len(y))
        assert found.best_trial.executions[0].standard_error == pytest.approx(expected, rel=1e-3)

    def test_the_best_is_trained_again_on_all_rows_for_its_best_number_of_epochs(self, tmp_path):
        found = tune(X, Y, max_trials=3, directory=tmp_path, **{**QUICK, "epochs": 6})
        assert found.best_run.epochs == found.best_trial.executions[0].best_epoch
        assert found.best_run.steps == found.best_run.epochs * math.ceil(80 / 32)
        assert found.best_model.predict(X, verbose=0).shape == (80, 1)

    def test_the_table(self, tmp_path):
        found = tune(X, Y, max_trials=2, directory=tmp_path, **QUICK)
        row = found.table()[1]
        assert next(iter(row)) == "trial"
        assert row["val_loss"] == row["scores"][0] == min(found.trials[1].executions[0].history["val_loss"])
        assert (
            row["parameters"]
            == build_model(
                "binary",
                input_shape=(4,),
                units=[v for k, v in found.trials[1].hyperparameters.items() if k[:5] == "units"],
            ).count_params()
        )
        assert "simplest as good: trial" in str(found)

    def test_figures(self, tmp_path):
        found = tune(X, Y, max_trials=3, directory=tmp_path, **QUICK)
        axes = found.plot()
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


def test_tensorboard_opens_what_is_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    found = tune(X, Y, max_trials=2, directory=tmp_path / "s", tensorboard=tmp_path / "t", **QUICK)
    trial = found.trials[1]
    events = EventAccumulator(str(tmp_path / "t" / "trial_0001" / "execution-0"), size_guidance={"tensors": 0})
    events.Reload()
    import tensorflow as tf

    written = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_val_loss")]
    np.testing.assert_allclose(written, trial.executions[0].history["val_loss"], rtol=1e-6)
    content = events.PluginTagToContent("hparams")
    start = plugin_data_pb2.HParamsPluginData.FromString(content["_hparams_/session_start_info"]).session_start_info
    assert start.hparams["units_1"].number_value == trial.hyperparameters["units_1"]
    top = EventAccumulator(str(tmp_path / "t"))
    top.Reload()
    assert "_hparams_/experiment" in top.PluginTagToContent("hparams")


def test_curves_are_replaced_where_a_search_was_started_anew_and_refused_where_it_is_another(tmp_path):
    heights = [1.0]

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            hp.Int("a", 1, 100)
            return nothing()

        def fit(self, hp, model, *args, **kwargs):
            return {"val_loss": heights}

    options = {"epochs": 1, "directory": tmp_path / "s", "tensorboard": tmp_path / "t", "verbose": 0}
    tune(X, Y, hypermodel=Model(), max_trials=2, **options)
    first, second = (tmp_path / "t" / f"trial_000{i}" / "execution-0" for i in (0, 1))
    before = sorted(first.iterdir())
    tune(X, Y, hypermodel=Model(), max_trials=2, **options)
    assert sorted(first.iterdir()) == before
    heights[0] = 2.0  # what no digest of the code sees
    (first / "notes.txt").write_text("mine")
    tune(X, Y, hypermodel=Model(), max_trials=1, overwrite=True, **options)
    assert not set(before) & set(first.iterdir())
    assert (first / "notes.txt").read_text() == "mine"
    assert not second.exists()
    tune(X, Y, hypermodel=Model(), max_trials=1, overwrite=True, **{**options, "batch_size": 8})  # in place of that one
    with refused(f"{tmp_path / 't'} holds the curves of another search. Name another folder for tensorboard."):
        tune(X, Y, hypermodel=Model(), max_trials=1, **{**options, "directory": tmp_path / "u"}, seed=1)
    assert not (tmp_path / "u").exists()
