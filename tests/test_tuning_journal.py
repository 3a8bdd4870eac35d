"""The record of a trial: what was written is read, also after a kill."""

import os

import pytest
from conftest import refused

from recipes.tuning.record.journal import RECORD, Execution, Journal, Trial


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
