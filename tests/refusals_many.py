"""What people put by mistake into `fit_many`, `cross_validate` and what they give; `refusals.py` has the others."""

import keras
import numpy as np
from mistakes import NUM_COLUMNS, Case, Given, endless

from recipes import build_model, cross_validate, fit_many
from recipes.training.scoring.conformal import conformal_margin


def at_once(g: Given, models, *data, **options):
    """Call fit_many, and see that no model has made a step."""
    held = [model for model in (models if isinstance(models, list) else [models]) if isinstance(model, keras.Model)]
    before = [model.get_weights() for model in held]
    try:
        return fit_many(models, *data, verbose=0, **options)
    finally:
        for model, weights in zip(held, before, strict=True):
            for ours, theirs in zip(weights, model.get_weights(), strict=True):
                np.testing.assert_array_equal(ours, theirs)


def folds(g: Given, build, x, y, **options):
    return cross_validate(build, x, y, verbose=0, **options)


def twice(g: Given):
    model = g.binary()
    return [model, model]


MANY = [
    Case("fit_many", "one model and no seeds", lambda g: at_once(g, g.binary(), g.x, g.y)),
    Case("fit_many", "a list and seeds", lambda g: at_once(g, [g.binary()], g.x, g.y, seeds=3)),
    Case("fit_many", "no models", lambda g: at_once(g, [], g.x, g.y)),
    Case("fit_many", "one model twice", lambda g: at_once(g, twice(g), g.x, g.y)),
    Case("fit_many", "seeds=0", lambda g: at_once(g, g.binary(), g.x, g.y, seeds=0)),
    Case("fit_many", "two numbers of epochs for one model",
         lambda g: at_once(g, [g.binary()], g.x, g.y, epochs=[1, 2])),
    Case("fit_many", "patience and nothing to watch", lambda g: at_once(g, [g.binary()], g.x, g.y, patience=3)),
    Case("fit_many", "x holds NaN", lambda g: at_once(g, [g.binary()], g.with_value(np.nan), g.y)),
    Case("fit_many", "an endless generator", lambda g: at_once(g, [g.binary()], endless())),
    Case("fit_many", "one model that takes other columns", lambda g: at_once(
        g, [g.binary(), build_model("binary", input_shape=(NUM_COLUMNS + 1,))], g.x, g.y)),
    Case("fit_many", "callbacks that are none", lambda g: at_once(g, [g.binary()], g.x, g.y, callbacks=["early"])),
    Case("cross_validate", "a model", lambda g: folds(g, g.binary(), g.x, g.y)),
    Case("cross_validate", "a model that knows all rows",
         lambda g: folds(g, lambda: build_model("binary", x=g.x, y=g.y), g.x, g.y)),
    Case("cross_validate", "more folds than rows", lambda g: folds(g, "binary", g.x[:8], g.y[:8], cv=9)),
    Case("cross_validate", "an unknown splitter", lambda g: folds(g, "binary", g.x, g.y, cv="five")),
    Case("cross_validate", "a fold that holds out what it trains on",
         lambda g: folds(g, "binary", g.x, g.y, cv=[(np.arange(60), np.arange(40, 90))])),
    Case("cross_validate", "patience on the rows that are held out",
         lambda g: folds(g, "binary", g.x, g.y, patience=3)),
    Case("cross_validate", "y has fewer rows than x", lambda g: folds(g, "binary", g.x, g.y[:-1])),
    Case("cross_validate", "an unknown task", lambda g: folds(g, "binry", g.x, g.y)),
    Case("cross_validate", "an unknown argument", lambda g: folds(g, "binary", g.x, g.y, unit=(8,))),
    Case("conformal_margin", "too few rows", lambda g: conformal_margin(g.numbers[:5], g.numbers[:5], 0.9)),
    Case("conformal_margin", "a coverage in per cent", lambda g: conformal_margin(g.numbers, g.numbers, 90)),
]  # fmt: skip
