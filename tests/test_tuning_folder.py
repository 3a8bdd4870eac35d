"""A search deletes its own files alone, and is kept where nothing else is."""

import keras
import numpy as np
import pytest
from conftest import refused
from searches import QUICK, X, Y

from recipes import tune
from recipes.running.checkpoint import Checkpoint
from recipes.tuning.work.train import inherit

# A callback wants to see each training, so that no trial trains with others, and each has a state of its own.
ONE_BY_ONE = {**QUICK, "callbacks": [keras.callbacks.TerminateOnNaN()]}


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
        tune(X, Y, max_trials=3, directory=tmp_path, **ONE_BY_ONE)
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
        options = {**ONE_BY_ONE, "epochs": 1} if overwrite else ONE_BY_ONE
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

    @pytest.mark.slow
    def test_states_that_nobody_needs_are_let_go_and_nothing_else(self, tmp_path):
        tune(X, Y, max_trials=1, directory=tmp_path, **ONE_BY_ONE)
        mine = [tmp_path / "trial_0000" / name for name in ("state-of-mind", "state-0/mine.npz")]
        for path in mine:
            path.write_text("mine")
        found = tune(X, Y, max_trials=7, directory=tmp_path, **ONE_BY_ONE)
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
