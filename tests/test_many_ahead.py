"""Programs that are compiled ahead: where the guess is right nothing is compiled twice, and no number hangs on it."""

import gc
import weakref

import keras
import numpy as np
import pytest
from test_cross_validate import NUMBER, ROWS, X, Y

from recipes import build_model, clear_programs, cross_validate, fit_many
from recipes.training.engines.many import ahead, train


@pytest.fixture(autouse=True)
def _xla(monkeypatch):
    monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
    clear_programs()
    yield
    clear_programs()


@pytest.fixture
def compiled(monkeypatch):
    """The shapes that programs were written down for."""
    found, write = [], train.compiled

    def noted(shape, *rest, **how):
        found.append(shape)
        return write(shape, *rest, **how)

    monkeypatch.setattr(train, "compiled", noted)
    return found


def validated(**options):
    return cross_validate("binary", X, Y, epochs=3, units=(8,), verbose=0, **options)


def numbers(runs):
    return [np.concatenate([np.ravel(v) for v in (*run.model.variables, *run.model.optimizer.variables)])
            for run in runs]  # fmt: skip


FOLDS = {
    "four": {"cv": 4}, "twice four": {"cv": 4, "repeats": 2}, "of 12 and 13 rows": {"cv": 7},
    "weighted classes": {"cv": 4, "class_weight": "balanced"},
    "weighted rows": {"cv": 4, "sample_weight": np.linspace(1, 2, ROWS)},
    "patient": {"cv": 4, "patience": 1, "validation_split": 0.3},
}  # fmt: skip


@pytest.mark.slow_but("of 12")
@pytest.mark.parametrize("options", FOLDS.values(), ids=FOLDS)
def test_of_folds_one_program_is_written_down(options, compiled, monkeypatch):
    found = validated(**options)
    assert len(compiled) == 1
    clear_programs()
    monkeypatch.setattr(ahead, "FEWEST", 1_000)
    expected = validated(**options)
    assert len(compiled) == 2
    for mine, theirs in zip(numbers(found.runs), numbers(expected.runs), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(found.predictions, expected.predictions)
    assert all(np.isnan(run.steps_per_second) or run.steps_per_second > 0 for run in found.runs)


def test_it_is_compiled_before_the_other_networks_are_made(compiled):
    before = []

    def build(x, y):
        before.append(len(compiled))
        return build_model("regression", x=x, y=y, units=(8,))

    cross_validate(build, X, NUMBER, cv=4, verbose=0)
    assert before == [0, 1, 1, 1]


@pytest.mark.slow_but("width")
@pytest.mark.parametrize("differs", ["width", "depth", "activation", "optimizer", "rate", "one that trains alone"])
def test_a_wrong_guess_costs_time_alone(differs, compiled, monkeypatch):
    """The networks of later folds are others than the first."""

    def validate():
        made = []

        def build(x, y):
            other, seed = len(made) % 2, len(made)
            units = (8, 8) if other and differs == "depth" else (12,) if other and differs == "width" else (8,)
            hidden = "tanh" if other and differs == "activation" else "relu"
            layers = [keras.layers.Dense(width, hidden, kernel_initializer=keras.initializers.HeNormal(seed + i))
                      for i, width in enumerate(units)]  # fmt: skip
            model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, kernel_initializer="zeros")])
            rate = 0.01 if other and differs == "rate" else 0.002
            kind = keras.optimizers.SGD if other and differs == "optimizer" else keras.optimizers.Adam
            alone = other and differs == "one that trains alone"
            model.compile(kind(rate), "mse", metrics=[keras.metrics.R2Score()] if alone else [])
            made.append(model)
            return model

        return cross_validate(build, X, NUMBER, cv=6, epochs=3, verbose=0)

    found = validate()
    assert bool(len(compiled) > 1) == (differs != "rate"), compiled
    clear_programs()
    monkeypatch.setattr(ahead, "FEWEST", 1_000)
    expected = validate()
    for mine, theirs in zip(numbers(found.runs), numbers(expected.runs), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_copies_over_seeds_have_it_compiled_while_they_are_read(compiled):
    model = build_model("regression", x=X, y=NUMBER, units=(8,))
    runs = fit_many(model, X, NUMBER, seeds=6, epochs=3, verbose=0)
    assert len(compiled) == 1
    assert "6 networks at once" in runs.how


@pytest.mark.slow
def test_nothing_of_the_rows_is_held_by_a_program():
    rows = X.copy()
    found = cross_validate("regression", rows, NUMBER, cv=4, verbose=0)
    held = weakref.ref(found.runs[0].model)
    del found
    gc.collect()
    assert held() is None
    from recipes.running.programs import PROGRAMS

    for program in PROGRAMS._shared.values():
        thread = getattr(program, "_compiling", None)
        assert thread is None or (thread._work is None and thread._found is None)
