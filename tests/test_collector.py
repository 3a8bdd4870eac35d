"""A search keeps Python's collector from what was there before, and leaves it as it found it."""

import gc
import weakref

import pytest
from searches import Bowl, X, Y

from recipes import tune
from recipes.running.memory import new_objects_alone


class Cycle:
    def __init__(self):
        self.itself = self


class TestNewObjectsAlone:
    def test_what_is_new_is_collected_and_what_was_there_is_not_looked_at(self):
        old = weakref.ref(Cycle())
        kept = Cycle()
        with new_objects_alone():
            assert old() is None  # collected beforehand
            watched, kept = weakref.ref(kept), None
            new = weakref.ref(Cycle())
            gc.collect()
            assert new() is None
            assert watched() is not None
        gc.collect()
        assert watched() is None

    def test_what_somebody_has_frozen_stays_frozen(self):
        gc.freeze()
        try:
            before = gc.get_freeze_count()
            with new_objects_alone():
                assert gc.get_freeze_count() == before
            assert gc.get_freeze_count() == before
        finally:
            gc.unfreeze()

    def test_it_ends_with_the_search_however_that_ends(self, tmp_path):
        seen = []

        class Failing(Bowl):
            def fit(self, hp, model, *args, **kwargs):
                seen.append(gc.get_freeze_count())
                raise ValueError("no")

        with pytest.raises(RuntimeError, match="No configuration could be trained"):
            tune(X, Y, hypermodel=Failing(), max_trials=2, epochs=1, directory=tmp_path, verbose=0)
        assert min(seen) > 0
        assert gc.get_freeze_count() == 0
