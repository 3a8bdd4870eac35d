"""Lists of models drawn at random, in all that models can be and differ in: at once, each ends as it would alone.

What is drawn is mostly nasty: settings that few know, models that differ in one thing, data of odd shapes. Some of it
is stacked, some is refused and trained by itself; either way the promise is the same.
"""

import re

import numpy as np
import pytest
from conftest import in_precision
from draws import FEW, Draw

from recipes import build_model, fit, fit_many, load_data


@pytest.fixture(autouse=True)
def _double():
    """Compute in double precision, so that sums in another order are equal to the ninth digit."""
    with in_precision("float64"):
        yield


def _tried(call):
    try:
        return call()
    except Exception as error:  # as alone, whatever it is
        return error


def _without_names(findings):
    """Write findings without the names of layers, which count up within a process."""
    return [re.sub(r"_\d+'", "'", str(finding)) for finding in findings]


def assert_as_alone(draw, *, at_most=1e-9, **more):
    made = _tried(lambda: [[draw.make(k) for k in range(draw.number)] for _ in range(2)])
    if isinstance(made, Exception):  # layers that do not fit each other
        return ""
    together, apart = made
    alone = [
        _tried(lambda k=k: fit(apart[k], draw.x, draw.y, **draw.of(k), **more, verbose=0)) for k in range(len(apart))
    ]
    runs = _tried(lambda: fit_many(together, draw.x, draw.y, **draw.options, verbose=0))
    errors = [run for run in alone if isinstance(run, Exception)]
    if errors or isinstance(runs, Exception):
        assert errors, runs
        assert isinstance(runs, Exception), errors
        return f"refused: {errors[0]}"
    for k, (run, own) in enumerate(zip(alone, runs, strict=True)):
        where = f"model {k}: {runs.how}"
        wild = draw.nasty in ("infinite", "diverges") and k == 1  # where the order of sums decides between inf and NaN
        assert list(run.history) == list(own.history), where
        for name, values in run.history.items():
            # Keras rounds metrics that are not of double precision.
            _assert_close(own.history[name], values, max(at_most, 1e-6), wild, f"{where}: {name}")
        assert (own.kept, own.steps, own.epochs) == (run.kept, run.steps, run.epochs), where
        if not wild:
            assert _without_names(own.findings) == _without_names(run.findings), where
        pairs = zip(_all_of(together[k]), _all_of(apart[k]), strict=True)
        for mine, theirs in pairs:
            _assert_close(np.asarray(mine), np.asarray(theirs), at_most, wild, f"{where}: {mine.path}")
    return runs.how


def _all_of(model):
    return [*model.variables, *model.optimizer.variables]


def _assert_close(mine, theirs, at_most, wild, message):
    if wild:
        np.testing.assert_array_equal(np.isfinite(mine), np.isfinite(theirs), err_msg=message)
    else:
        np.testing.assert_allclose(mine, theirs, rtol=at_most, atol=at_most, err_msg=message)


@pytest.mark.parametrize("number", range(FEW))
@pytest.mark.slow_but("[1]")
def test_each_ends_as_alone(number):
    assert_as_alone(Draw(number))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(FEW, 500))
def test_many_more_end_as_alone(number):
    """In every tenth Keras' own `fit` is the judge."""
    draw = Draw(number)
    assert_as_alone(draw, **({"engine": "keras"} if number % 10 == 0 else {}))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(500, 540))
def test_under_xla_and_with_dropout(number, monkeypatch):
    from recipes.training.engines.many import train
    from recipes.training.engines.tensorflow import program

    monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS", 0)
    # Keras' schedules are in single precision, whose last bit XLA rounds in its own way within a step.
    assert_as_alone(Draw(number, dropout=True), at_most=1e-6)


@pytest.mark.slow
def test_a_hundred_seeds_end_as_a_hundred_alone():
    """In single precision whole runs drift apart in their last digits, and their losses are of one distribution."""
    from scipy.stats import ks_2samp

    x, y = load_data("breast_cancer")
    x = ((x - x.mean(0)) / x.std(0)).astype("float32")
    options = {"epochs": 60, "validation_split": 0.25, "verbose": 0}

    def make(seed):
        return build_model("binary", x=x, y=y, units=(16, 8), dropout=0.2, learning_rate=0.005, seed=seed)

    together = fit_many([make(seed) for seed in range(100)], x, y, seed=[*range(100)], **options)
    assert "100 networks at once" in together.how
    alone = [fit(make(seed), x, y, seed=seed, **options) for seed in range(100)]
    mine, theirs = together.scores["val_loss"], np.array([run.history["val_loss"][-1] for run in alone])
    assert np.std(theirs) > 0.002  # else there is no distribution to compare
    assert ks_2samp(mine, theirs).pvalue > 0.2
    apart = mine - theirs
    assert abs(apart.mean()) < 3 * apart.std() / 10 + 1e-6
    others = [fit(make(seed), x, y, seed=seed, **options).history["val_loss"][-1] for seed in range(100, 200)]
    assert ks_2samp(mine, others).pvalue > 0.05
