"""A search keeps Python's collector from what was there before, and leaves it as it found it."""

import gc
import weakref

import pytest
from searches import Bowl, X, Y

from recipes import tune
from recipes.running.memory import new_objects_alone


@pytest.fixture(autouse=True)
def nothing_frozen():
    """As in a user's process; the tests' own freezes what they import."""
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    yield
    gc.unfreeze()
    if frozen:
        gc.freeze()


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
        before = gc.get_freeze_count()
        with new_objects_alone():
            assert gc.get_freeze_count() == before
        assert gc.get_freeze_count() == before > 0

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
