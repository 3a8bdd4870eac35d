"""The networks of a program shared out to threads: the same networks, however many threads there are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_many import KIND, ROWS, YES_NO, X, _double, network  # noqa: F401 - a fixture

from recipes import fit_many
from recipes.training.engines.many import threads, train


def test_a_share_for_each_thread():
    shared = threads.shares(np.array([3, 5, 7, 8, 9]), 2, equal=True)
    assert [share.tolist() for share in shared] == [[3, 5, 7], [8, 9, 9]]
    shared = threads.shares(np.array([3, 5, 7, 8, 9]), 2, equal=False)
    assert [share.tolist() for share in shared] == [[3, 5, 7], [8, 9]]
    for number in range(1, 40):
        for cores in range(1, 10):
            count = threads.num_threads(number, cores)
            assert 1 <= count <= min(cores, number)
            for equal in (True, False):
                shared = threads.shares(np.arange(number), count, equal=equal)
                assert len(shared) == count
                assert {*np.concatenate(shared).tolist()} == {*range(number)}
                assert not equal or len({len(share) for share in shared}) == 1
            assert len(shared[0]) * count <= max(number + count - 1, threads.MOST_TWICE * number)
    assert threads.num_threads(3, 2) == 1  # the third would stand in both, and one core be idle
    assert [threads.num_threads(number, 2) for number in (1, 2, 5, 20)] == [1, 2, 2, 2]


def test_tensorflow_may_be_told_to_use_fewer(monkeypatch):
    assert threads.num_cores() >= 1
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert threads.num_cores() == 1


def stopping(k):
    return network(seed=k, optimizer=keras.optimizers.Adam(0.02 * (1 + k % 3)))


def trained(cores, monkeypatch, number=8, **options):
    monkeypatch.setattr(train, "num_cores", lambda: cores)
    runs = fit_many([stopping(k) for k in range(number)], X, YES_NO, verbose=0, **options)
    return runs, [np.concatenate([np.ravel(v) for v in (*run.model.variables, *run.model.optimizer.variables)])
                  for run in runs]  # fmt: skip


@pytest.mark.slow_but("plain-5")
@pytest.mark.parametrize("number", [5, 7, 8])  # five in two threads: one of them stands in both
@pytest.mark.parametrize("way", ["plain", "XLA"])
def test_however_many_threads_it_is_the_same(way, number, monkeypatch):
    """Also of those that have stopped and are taken out, each at its epoch, with rows that validate and weigh."""
    if way == "XLA":
        monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
        monkeypatch.setattr(train, "XLA_SECONDS", 0.0)
    weight = np.linspace(0.5, 2, ROWS)
    options = {"epochs": [48, 3, *[40] * (number - 2)], "patience": [1, None, *[2] * (number - 2)],
               "validation_split": 0.3, "sample_weight": weight, "batch_size": 16, "number": number}  # fmt: skip
    one, expected = trained(1, monkeypatch, **options)
    assert "threads" not in one.how
    for cores in (2, 3):
        runs, found = trained(cores, monkeypatch, **options)
        shared = threads.num_threads(number, cores)
        assert (f"in {shared} threads" in runs.how) == (shared > 1)
        assert [(run.epochs, run.kept, run.steps) for run in runs] == [(run.epochs, run.kept, run.steps) for run in one]
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)
        for name, values in one.history.items():
            np.testing.assert_allclose(runs.history[name], values, rtol=1e-9, atol=2e-7)


@pytest.mark.slow_but("plain")
@pytest.mark.parametrize("way", ["plain", "XLA"])
def test_a_run_goes_on_as_it_was_shared_out(way, tmp_path, monkeypatch):
    """To the same bits, also where there are other cores."""
    if way == "XLA":
        monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
    options = {"epochs": 9, "number": 4, "checkpoint_every": 2}
    _, whole = trained(2, monkeypatch, checkpoint=tmp_path / "whole", **options)
    own = train.Training._block

    def block(run, *arguments):
        if run.epoch >= 4:
            raise OSError("killed")
        return own(run, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(train.Training, "_block", block)
        with pytest.raises(OSError, match="killed"):
            trained(2, patched, checkpoint=tmp_path / "cut", **options)
    _, found = trained(4, monkeypatch, checkpoint=tmp_path / "cut", **options)
    assert [values.tobytes() for values in found] == [values.tobytes() for values in whole]


def test_what_goes_wrong_in_a_thread_is_raised():
    def fails():
        raise tf.errors.ResourceExhaustedError(None, None, "no memory")

    with threads.threads_beside(2) as at_once:
        assert at_once([lambda: 1, lambda: 2]) == [1, 2]
        for calls in ([fails, lambda: 2], [lambda: 1, fails]):
            with pytest.raises(tf.errors.ResourceExhaustedError):
                at_once(calls)


@pytest.mark.slow
def test_a_metric_of_each_class_and_dropout_too(monkeypatch):
    """Under XLA dropout draws what the network alone would, wherever it stands."""
    monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)

    def histories(cores):
        monkeypatch.setattr(train, "num_cores", lambda: cores)
        made = [network(keras.layers.Dropout(0.2 + 0.1 * k, seed=k), last="softmax", width=3, seed=k,
                        loss="sparse_categorical_crossentropy") for k in range(4)]  # fmt: skip
        return fit_many(made, X, KIND, epochs=5, verbose=0).history

    one, two = histories(1), histories(2)
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=1e-9, atol=2e-7)
