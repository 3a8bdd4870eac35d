"""What lies on disk survives kills, damage, full disks and other runs; and a run that goes on is the same run."""

import errno
import os
import signal
import textwrap
import warnings

import keras
import numpy as np
import pytest
from conftest import ROOT, refused
from engines import IMAGES, X, Y, cnn
from processes import MOST_SECONDS, kill_after, run_python

from recipes import fit
from recipes.running.checkpoint import FILES, Checkpoint, OtherRunError, copy_state, remove_state

SETTINGS = {"seed": 0, "batch_size": 32}


def write(folder, *values):
    with Checkpoint(folder, SETTINGS) as checkpoint:
        checkpoint.load()
        for value in values:
            checkpoint.save({"weights": np.full(3, value)}, {"step": value, "history": [0.1, float(value)]})


def read(folder, settings=SETTINGS):
    with Checkpoint(folder, settings) as checkpoint:
        return checkpoint.load()


def test_the_last_state_comes_back(tmp_path):
    assert read(tmp_path) is None
    write(tmp_path, 1, 2, 3)
    saved = read(tmp_path)
    np.testing.assert_array_equal(saved.arrays["weights"], [3, 3, 3])
    assert saved.state["step"] == 3
    assert saved.state["history"] == [0.1, 3.0]
    write(tmp_path, 4)  # by another process: the older of the two is replaced
    assert read(tmp_path).state["step"] == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lock", *FILES]


@pytest.mark.parametrize("kind", ["empty", "one byte", "half", "all but one byte", "a flipped bit"])
def test_a_damaged_file_is_named_and_the_state_before_is_taken(tmp_path, kind):
    write(tmp_path, 1, 2)
    newest = tmp_path / FILES[0]
    content = newest.read_bytes()
    place = content.index(np.full(3, 2).tobytes())
    damaged = {
        "empty": b"",
        "one byte": content[:1],
        "half": content[: len(content) // 2],
        "all but one byte": content[:-1],
        "a flipped bit": content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :],
    }[kind]
    newest.write_bytes(damaged)
    with pytest.warns(UserWarning, match="Damaged, so the state before is taken: .*state-0.npz"):
        assert read(tmp_path).state["step"] == 1


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    write(tmp_path, 1, 2)
    newest = tmp_path / FILES[0]
    content = newest.read_bytes()
    for place in range(0, len(content), 7):
        newest.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            saved = read(tmp_path)
        np.testing.assert_array_equal(saved.arrays["weights"], np.full(3, saved.state["step"]))
        assert saved.state["step"] == 2 or "Damaged" in str(caught[0].message)


def test_files_of_other_names_are_somebody_elses(tmp_path):
    mine = ("state-backup.npz.1.tmp", "state-0.npz.old.tmp", "state-2.npz.3.tmp", "notes.txt", "state-1.npz.3.tmp.gz")
    for name in (*mine, "state-1.npz.3.tmp"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "state-0.npz.7.tmp").mkdir()  # no file of ours
    keras.utils.set_random_seed(0)
    fit(dropout_model(), X, Y, epochs=2, checkpoint=tmp_path, verbose=0)
    assert all((tmp_path / name).read_text() == "mine" for name in mine)
    assert not (tmp_path / "state-1.npz.3.tmp").exists()
    assert (tmp_path / "state-0.npz.7.tmp").is_dir()


def test_an_array_file_of_the_users_is_not_written_over(tmp_path):
    np.savez(tmp_path / "state-0.npz", weights=np.arange(3))
    before = (tmp_path / "state-0.npz").read_bytes()
    with refused(
        f"No state can be read: {tmp_path / 'state-0.npz'} (it is no checkpoint's). "
        "Name another folder, or delete these files to start anew."
    ):
        fit(dropout_model(), X, Y, epochs=2, checkpoint=tmp_path, verbose=0)
    assert (tmp_path / "state-0.npz").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "state-0.npz"]


def test_a_state_is_removed_without_what_else_lies_there(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, 1, 2)
    (tmp_path / "b" / "notes.txt").write_text("mine")
    for name in ("a", "b"):
        remove_state(tmp_path / name)
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["b", "b/notes.txt"]


def test_a_damaged_state_is_not_copied_where_the_one_before_is_whole(tmp_path):
    write(tmp_path / "a", 1, 2)
    (tmp_path / "a" / FILES[0]).write_bytes(b"")  # the newest
    with pytest.warns(UserWarning, match="Damaged, so the state before is taken"):
        copy_state(tmp_path / "a", tmp_path / "b")
    assert read(tmp_path / "b").state["step"] == 1
    copy_state(tmp_path / "nowhere", tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_both_damaged_is_an_error(tmp_path):
    write(tmp_path, 1, 2)
    for name in FILES:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"^No state can be read: .*state-0.npz .*state-1.npz .* to start anew\.$"):
        read(tmp_path)


def test_other_settings_are_named(tmp_path):
    write(tmp_path, 1)
    with refused(
        f"{tmp_path} holds the state of another run: seed was 0, now 1; batch_size was 32, now null. "
        "Go on with the same settings, or name another folder.",
        OtherRunError,
    ):
        read(tmp_path, {"seed": 1})


def test_a_folder_in_use_is_refused(tmp_path):
    with (
        Checkpoint(tmp_path, SETTINGS),
        refused(
            f"{tmp_path} is in use by another process. Wait for it to end, or name another folder.", BlockingIOError
        ),
    ):
        Checkpoint(tmp_path, SETTINGS)
    Checkpoint(tmp_path, SETTINGS).close()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_last_state(tmp_path, monkeypatch, call):
    write(tmp_path, 1, 2)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, Checkpoint(tmp_path, SETTINGS) as checkpoint:
        checkpoint.load()
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="could not be written"):
            checkpoint.save({"weights": np.zeros(3)}, {"step": 3})
    assert read(tmp_path).state["step"] == 2
    assert not list(tmp_path.glob("*.tmp"))


def test_killed_at_every_boundary_of_a_write(tmp_path):
    """The process dies right before and right after each flush and each rename."""
    script = textwrap.dedent("""
        import os, signal, sys
        import numpy as np
        from recipes.running.checkpoint import Checkpoint
        folder, die_at = sys.argv[1], int(sys.argv[2])
        count = 0
        def deadly(real):
            def call(*arguments):
                global count
                for before in (True, False):
                    count += 1
                    if count == die_at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    if before:
                        result = real(*arguments)
                return result
            return call
        os.fsync, os.replace = deadly(os.fsync), deadly(os.replace)
        checkpoint = Checkpoint(folder, {})
        saved = checkpoint.load()
        step = saved.state["step"] if saved else 0
        while step < 20:
            step += 1
            checkpoint.save({"weights": np.full(1000, step)}, {"step": step})
            print(step, flush=True)
    """)
    for die_at in (*range(1, 9), 0):
        done = run_python("-c", script, tmp_path / "run", str(die_at))
        assert done.returncode == (-signal.SIGKILL if die_at else 0), done.stderr[-2000:]
        reported = [int(line) for line in done.stdout.split()]
        with Checkpoint(tmp_path / "run", {}) as checkpoint:
            saved = checkpoint.load()
        step = saved.state["step"] if saved else 0
        assert step >= max(reported, default=0)
        if saved:
            np.testing.assert_array_equal(saved.arrays["weights"], np.full(1000, step))
    assert step == 20


def dropout_model(**options):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((13,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def assert_same_run(ours, whole):
    assert ours.history == whole.history
    for a, b in zip(whole.model.variables, ours.model.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(b), np.asarray(a))


@pytest.mark.parametrize(
    ("engine", "every"),
    [("resident", None), ("resident", 2), pytest.param("keras", None, marks=pytest.mark.slow)],
)
@pytest.mark.slow_but("resident-2")
def test_a_run_in_parts_is_the_run_in_one(tmp_path, engine, every):
    options = {"validation_split": 0.2, "engine": engine, "verbose": 0}
    whole = fit(dropout_model(), X, Y, epochs=7, **options)
    for epochs in (3, 5, 7, 7):
        ours = fit(dropout_model(), X, Y, epochs=epochs, checkpoint=tmp_path, checkpoint_every=every, **options)
        assert ours.epochs == epochs
    assert_same_run(ours, whole)
    assert ours.steps == whole.steps


@pytest.mark.parametrize("engine", ["resident", pytest.param("keras", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_early_stopping_goes_on_counting(tmp_path, engine):
    def stopping():
        return keras.callbacks.EarlyStopping("val_loss", patience=3, min_delta=1e-3, restore_best_weights=True)

    def noisy():  # a rate so high that the validation loss soon rises
        model = dropout_model()
        model.optimizer.learning_rate = 0.3
        return model

    options = {"validation_split": 0.3, "engine": engine, "verbose": 0}
    whole = fit(noisy(), X, Y, epochs=40, callbacks=stopping(), **options)
    assert whole.epochs < 40
    for epochs in (whole.epochs - 2, 40, 40):
        ours = fit(
            noisy(), X, Y, epochs=epochs, callbacks=stopping(), checkpoint=tmp_path, checkpoint_every=1, **options
        )
    assert_same_run(ours, whole)


@pytest.mark.slow
def test_a_rate_that_callbacks_lower_is_taken_up(tmp_path):
    def reducing():
        return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05)

    whole = fit(dropout_model(), X, Y, epochs=30, callbacks=reducing(), verbose=0)
    first = dropout_model()
    part = fit(first, X, Y, epochs=20, callbacks=reducing(), checkpoint=tmp_path, verbose=0)
    assert part.history["learning_rate"][-1] < 1e-3
    same = fit(first, X, Y, epochs=25, callbacks=reducing(), checkpoint=tmp_path, verbose=0)  # with its present rate
    assert same.epochs == 25
    again = fit(dropout_model(), X, Y, epochs=30, callbacks=reducing(), checkpoint=tmp_path, verbose=0)
    assert_same_run(again, whole)
    other = dropout_model()
    other.optimizer.learning_rate = 0.3
    with pytest.raises(ValueError, match=r"another run: learning_rate was 0\.001\d*, now 0\.3"):
        fit(other, X, Y, epochs=31, callbacks=reducing(), checkpoint=tmp_path, verbose=0)


@pytest.mark.slow
def test_the_way_of_compiling_does_not_depend_on_what_was_trained_before(tmp_path, monkeypatch):
    from recipes import clear_programs
    from recipes.training.engines.tensorflow import program

    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS", 30)
    clear_programs()
    before = fit(dropout_model(), X, Y, epochs=10, verbose=0)  # 60 steps: from here on this process would take XLA
    kept = fit(dropout_model(), X, Y, epochs=2, checkpoint=tmp_path, verbose=0)
    assert "XLA" in before.engine.how
    assert "plain graph" in kept.engine.how


def test_numpy_s_numbers_and_metrics_of_several_values(tmp_path):
    def model():
        made = dropout_model()
        labels = keras.metrics.F1Score()
        made.compile("adam", "categorical_crossentropy", metrics=[labels])
        return made

    options = {"verbose": 0, "seed": np.int64(0), "batch_size": np.int32(32)}
    fit(model(), X, np.eye(3)[Y], epochs=2, checkpoint=tmp_path, **options)
    run = fit(model(), X, np.eye(3)[Y], epochs=4, checkpoint=tmp_path, **options)
    assert np.shape(run.history["f1_score"]) == (4, 3)


@pytest.mark.slow
def test_a_convolutional_run_in_parts(tmp_path):
    labels = np.arange(200) % 10
    options = {"verbose": 0}
    keras.utils.set_random_seed(1)
    whole = fit(cnn(), IMAGES, labels, epochs=4, **options)
    for epochs in (2, 4):
        keras.utils.set_random_seed(1)
        ours = fit(cnn(), IMAGES, labels, epochs=epochs, checkpoint=tmp_path, **options)
    assert_same_run(ours, whole)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"batch_size": 16}, "batch_size was 32, now 16"),
        ({"seed": 1}, "seed was 0, now 1"),
        ({"x": X * 2}, "data was "),
    ],
)
def test_another_run_is_refused(tmp_path, change, difference):
    fit(dropout_model(), X, Y, epochs=1, checkpoint=tmp_path, verbose=0)
    options = {"x": X, "y": Y, **change}
    with pytest.raises(ValueError, match=f"holds the state of another run: {difference}"):
        fit(dropout_model(), **options, epochs=1, checkpoint=tmp_path, verbose=0)


def test_another_model_is_refused(tmp_path):
    def wide():
        model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    fit(dropout_model(), X, Y, epochs=1, checkpoint=tmp_path, verbose=0)
    with pytest.raises(ValueError, match=r"another run: layers was .*; optimizer was .*Adam.*, now .*SGD"):
        fit(wide(), X, Y, epochs=1, checkpoint=tmp_path, verbose=0)


def test_a_run_that_has_gone_further_is_given_as_it_is_and_said(tmp_path):
    options = {"checkpoint": tmp_path, "engine": "resident", "verbose": 0}
    first = fit(dropout_model(), X, Y, epochs=2, **options)
    with pytest.warns(UserWarning, match="holds this run after 2 epochs, more than epochs=1: it is given as it is"):
        again = fit(dropout_model(), X, Y, epochs=1, **options)
    assert again.history == first.history
    assert all(map(np.array_equal, again.model.get_weights(), first.model.get_weights()))


def test_every_without_a_checkpoint_is_refused():
    with refused("checkpoint_every=3 says how often, but checkpoint=None. Pass checkpoint='folder' too."):
        fit(dropout_model(), X, Y, checkpoint_every=3)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path, start_python):
    script = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[1])
        import hashlib, json
        import numpy as np
        from engines import X, Y
        from test_checkpoint import dropout_model
        from recipes import fit
        run = fit(dropout_model(), X, Y, epochs=3000, validation_split=0.2, checkpoint=sys.argv[2], verbose=0)
        digest = hashlib.sha256(b"".join(np.asarray(v).tobytes() for v in run.model.variables)).hexdigest()
        print(digest, hashlib.sha256(json.dumps(run.history).encode()).hexdigest())
    """)

    def start(folder):
        return start_python("-c", script, ROOT / "tests", tmp_path / folder)

    whole = start("whole").communicate(timeout=MOST_SECONDS)[0]
    rng = np.random.default_rng(0)
    for seconds in rng.uniform(4, 12, 6):
        kill_after(seconds, start("killed"))
    assert start("killed").communicate(timeout=MOST_SECONDS)[0] == whole != ""
    assert os.path.exists(tmp_path / "killed" / FILES[0])


@pytest.mark.slow
def test_steps_of_a_resumed_run_are_those_of_all_its_parts(tmp_path):
    for engine in ("resident", "keras"):
        parts = [fit(dropout_model(), X, Y, epochs=n, checkpoint=tmp_path / engine, engine=engine, verbose=0)
                 for n in (2, 5, 5)]  # fmt: skip
        assert [run.steps for run in parts] == [12, 30, 30]
