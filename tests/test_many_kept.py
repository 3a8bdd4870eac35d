"""Networks that have stopped are taken out, and what lies on disk: the results stay, to the digit or to the bit."""

import textwrap

import keras
import numpy as np
import pytest
from conftest import ROOT, refused
from processes import MOST_SECONDS, kill_after
from test_many import YES_NO, X, _double, assert_as_alone, network  # noqa: F401

from recipes import Runs, cross_validate, fit_many
from recipes.running import checkpoint as on_disk
from recipes.running.interrupt import Interrupted
from recipes.training.engines.many import train

O = keras.optimizers  # noqa: E741
PATIENT = {"epochs": 48, "validation_split": 0.3, "patience": [1, 1, 2, 1, None, 1, 2, 1], "seed": [*range(8)]}


def stopping(k):
    return network(seed=k, optimizer=O.Adam(0.01 if k == 4 else 0.4))


@pytest.mark.parametrize("way", ["plain", "XLA"])
@pytest.mark.slow_but("plain")
def test_those_that_have_stopped_are_taken_out(way, monkeypatch):
    """Each still ends as alone, and fewer epochs of networks are computed than without."""
    if way == "XLA":
        monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
        monkeypatch.setattr(train, "XLA_SECONDS", 0.0)
    computed = []
    own = train.Training._orders
    monkeypatch.setattr(
        train.Training,
        "_orders",
        lambda run, places, epoch, count: computed.append(count * len(places)) or own(run, places, epoch, count),
    )
    runs = assert_as_alone(stopping, X, YES_NO, number=8, how="then 1 networks at once", eagerly=False, **PATIENT)
    own_epochs = sum(run.epochs for run in runs)
    assert own_epochs <= sum(computed) < 8 * 48 / 2


@pytest.mark.slow
def test_where_a_smaller_program_costs_more_than_it_saves_there_is_none(monkeypatch):
    monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
    runs = fit_many([stopping(k) for k in range(8)], X, YES_NO, verbose=0, **PATIENT)
    assert "XLA, 8 networks at once" in runs.how


def some(number=4):
    """One of them goes alone, two programs for the others."""
    made = [stopping(k) for k in range(number)]
    made[1].compile(O.Nadam(0.01), "binary_crossentropy", metrics=["accuracy"])
    made[3].compile(O.SGD(keras.optimizers.schedules.CosineDecay(0.1, 40)), "mse")
    return made


OPTIONS = {"epochs": 12, "validation_split": 0.3, "patience": [1, None, None, 2], "seed": [*range(4)], "verbose": 0}


def bits(runs):
    return [[np.asarray(v).tobytes() for v in (*run.model.variables, *run.model.optimizer.variables)] for run in runs]


class TestCheckpoint:
    @pytest.mark.slow
    def test_cut_off_at_any_write_it_ends_with_the_same_bits(self, tmp_path, monkeypatch):
        """And with the same histories, epochs kept and steps."""
        whole = fit_many(some(), X, YES_NO, checkpoint=tmp_path / "whole", checkpoint_every=3, **OPTIONS)
        writes = 0
        own = on_disk.write_atomically

        def write(path, content):
            nonlocal writes
            writes += 1
            if writes in cuts:
                raise OSError("killed")
            own(path, content)

        monkeypatch.setattr(on_disk, "write_atomically", write)
        cuts = (1, 3, 7, 12)
        times = 0
        while True:
            times += 1
            try:
                runs = fit_many(some(), X, YES_NO, checkpoint=tmp_path / "cut", checkpoint_every=3, **OPTIONS)
                break
            except OSError:
                continue
        assert times == 5
        assert bits(runs) == bits(whole)
        assert [run.history for run in runs] == [run.history for run in whole]
        assert [(run.kept, run.steps) for run in runs] == [(run.kept, run.steps) for run in whole]
        again = fit_many(some(), X, YES_NO, checkpoint=tmp_path / "cut", checkpoint_every=3, **OPTIONS)
        assert bits(again) == bits(whole)  # nothing is left to do

    def test_on_disk_or_not_it_is_the_same(self, tmp_path):
        options = {"epochs": 5, "seeds": 2, "verbose": 0}
        one, other = (fit_many(network(), X, YES_NO, **options, **more) for more in ({}, {"checkpoint": tmp_path}))
        assert bits(one) == bits(other)

    def test_another_call_is_refused_with_the_difference(self, tmp_path):
        fit_many([network(seed=k) for k in range(2)], X, YES_NO, checkpoint=tmp_path, verbose=0)
        with pytest.raises(ValueError, match="another run: epochs was 1, now 2"):
            fit_many([network(seed=k) for k in range(2)], X, YES_NO, checkpoint=tmp_path, epochs=2, verbose=0)
        with pytest.raises(ValueError, match="seed of network 1 was null, now 7"):
            fit_many([network(seed=k) for k in range(2)], X, YES_NO, checkpoint=tmp_path, seed=[0, 7], verbose=0)
        with pytest.raises(ValueError, match="data was"):
            fit_many([network(seed=k) for k in range(2)], X + 1, YES_NO, checkpoint=tmp_path, verbose=0)
        with refused("checkpoint_every=3 says how often, but checkpoint=None. Pass checkpoint='folder' too."):
            fit_many([network()], X, YES_NO, checkpoint_every=3)

    @pytest.mark.slow
    def test_folds_too(self, tmp_path):
        options = {"cv": 2, "epochs": 3, "units": (4,), "verbose": 0}
        one, other, again = (cross_validate("binary", X, YES_NO, **options, **more) for more in
                             ({}, {"checkpoint": tmp_path}, {"checkpoint": tmp_path}))  # fmt: skip
        assert one.scores["loss"].tolist() == other.scores["loss"].tolist() == again.scores["loss"].tolist()
        with pytest.raises(ValueError, match=r"another run: .*seed was 0, now 1"):
            cross_validate("binary", X, YES_NO, **options, seed=1, checkpoint=tmp_path)

    def test_ctrl_c_says_how_to_go_on(self, tmp_path, monkeypatch):
        own = train.Training._orders

        def orders(run, places, epoch, count):
            run.plans[0].interrupt.requested = True
            return own(run, places, epoch, count)

        models, options = [network(seed=k) for k in range(2)], {"epochs": 9, "checkpoint": tmp_path, "verbose": 0}
        monkeypatch.setattr(train.Training, "_orders", orders)
        with pytest.raises(Interrupted, match=r"its state is in .*goes on") as caught:
            fit_many(models, X, YES_NO, **options)
        monkeypatch.undo()
        assert isinstance(caught.value.result, Runs)
        assert caught.value.result[0].epochs < 9
        runs = fit_many(models, X, YES_NO, **options)
        assert [run.epochs for run in runs] == [9, 9]
        assert bits(runs) == bits(fit_many([network(seed=k) for k in range(2)], X, YES_NO, epochs=9, verbose=0))

    @pytest.mark.slow
    def test_killed_at_random_moments(self, tmp_path, start_python):
        script = textwrap.dedent("""
            import sys
            sys.path.insert(0, sys.argv[1])
            import hashlib
            from test_many_kept import X, YES_NO, bits, stopping
            from recipes import fit_many
            runs = fit_many([stopping(k) for k in range(8)], X, YES_NO, epochs=3000, validation_split=0.3,
                            patience=[5, 5, 900, 5, None, 5, 900, 5], checkpoint=sys.argv[2], verbose=0)
            print(hashlib.sha256(repr(bits(runs)).encode()).hexdigest(), runs.how)
        """)

        def start(folder):
            return start_python("-c", script, ROOT / "tests", tmp_path / folder)

        whole = start("whole").communicate(timeout=MOST_SECONDS)[0]
        for seconds in np.random.default_rng(0).uniform(6, 16, 5):
            kill_after(seconds, start("killed"))
        assert start("killed").communicate(timeout=MOST_SECONDS)[0] == whole != ""
