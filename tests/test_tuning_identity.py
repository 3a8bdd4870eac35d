"""What makes two searches the same: the words for callbacks and code, equal in every process."""

import functools
import json
import math
import os
import re
import textwrap
import threading

import keras
import numpy as np
import pytest
from processes import run_python
from searches import QUICK, X, Y, nothing

from recipes import tune
from recipes.tuning.record.identity import described_callback, digest_of_code


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
    @pytest.mark.slow_but("min_delta", "LearningRateSched", "callbacks was")
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

    @pytest.mark.slow
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
