"""The folder of a checkpoint may be one in which other files lie: they are not its own."""

import numpy as np
import pytest
from conftest import refused

from recipes import build_model, fit
from recipes.running.checkpoint import FILES

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


def small():
    return build_model("binary", x=X, units=(4,), seed=0)


def test_other_files_in_the_folder_are_neither_read_nor_touched(tmp_path):
    """So a run may keep its state among a project's own files, as a search, which deletes folders, may not."""
    others = {
        "thesis.tex": b"text",
        "state.npz": b"no state",
        "state-0.npz.bak": b"",
        "lock.txt": b"",
        "run.json": b"{}",
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "state-2").mkdir()
    options = {"checkpoint": tmp_path, "verbose": 0}
    first = fit(small(), X, Y, epochs=1, **options)
    resumed = fit(small(), X, Y, epochs=2, **options)
    assert resumed.history["loss"][:1] == first.history["loss"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name in others} == others
    assert {path.name for path in tmp_path.iterdir()} == {*others, *FILES, "lock", "state-2"}


@pytest.mark.parametrize("spoilt", [FILES[:1], FILES], ids=["one", "both"])
def test_a_file_of_the_same_name_that_is_no_state_is_refused(spoilt, tmp_path):
    for name in spoilt:
        (tmp_path / name).write_bytes(b"my own")
    with pytest.raises(ValueError, match=r"^No state can be read: .* Name another folder, or delete these files"):
        fit(small(), X, Y, checkpoint=tmp_path, verbose=0)
    assert all((tmp_path / name).read_bytes() == b"my own" for name in spoilt)


def test_what_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with refused(f"{tmp_path / 'file'} is a file. A checkpoint is kept in a folder: name one, which will be made."):
        fit(small(), X, Y, checkpoint=tmp_path / "file", verbose=0)
    with refused("A checkpoint is kept in a folder. Name it: checkpoint='folder'. Received: True.", TypeError):
        fit(small(), X, Y, checkpoint=True, verbose=0)
