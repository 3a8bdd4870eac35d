"""Losses that are sums, weighted, or without a reduction: nothing is compared with chance on another scale."""

import keras
import numpy as np
import pytest
from keras import layers

from recipes import audit, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 6)).astype("float32")
Y = (2 * X[:, 0] + X[:, 1] ** 2).astype("float32")
YES = (X[:, 1] > 0).astype(int)


def net(loss, activation=None, **compiled):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, "relu"), layers.Dense(1, activation)])
    model.compile(keras.optimizers.Adam(0.02), loss, **compiled)
    return model


def rules(findings):
    return {finding.rule for finding in findings}


@pytest.mark.parametrize(
    ("make", "y"),
    [
        (lambda: net(keras.losses.BinaryCrossentropy(reduction="sum"), "sigmoid"), YES),
        (lambda: net(keras.losses.MeanSquaredError(reduction="sum")), Y),
        (lambda: net(keras.losses.MeanSquaredError(reduction="none")), Y),
    ],
    ids=["crossentropies added", "squares added", "no reduction"],
)
def test_a_loss_that_is_no_mean_has_no_chance(make, y):
    model = make()
    run = fit(model, X, y, epochs=8, validation_split=0.25, verbose=0)
    assert run.chance is None
    assert not rules(run.findings) & {"worse_than_chance", "rate_too_high", "nan"}
    assert not rules(audit(model, X, y)) & {"worse_than_chance", "loss_of_predictions"}


@pytest.mark.parametrize("weight", [100.0, 0.01])
@pytest.mark.parametrize("form", [lambda w: [w], lambda w: w], ids=["list", "number"])
def test_the_weight_of_the_only_loss_counts(weight, form):
    plain = fit(net("mse"), X, Y, epochs=2, verbose=0)
    run = fit(net("mse", loss_weights=form(weight)), X, Y, epochs=2, verbose=0)
    assert run.chance == pytest.approx(weight * plain.chance)


def test_shuffled_labels_are_no_better_for_a_small_weight():
    mixed = RNG.permutation(Y)
    for weight in (1.0, 0.01, 100.0):
        model = net("mse", loss_weights=[weight])
        run = fit(model, X, mixed, epochs=12, validation_split=0.25, verbose=0)
        assert run.chance / weight == pytest.approx(fit(net("mse"), X, mixed, validation_split=0.25, verbose=0).chance)
        assert "converged" not in rules(run.findings)
        assert "loss_of_predictions" not in rules(audit(model, X, mixed))


def test_what_audit_says_of_a_weighted_training_is_no_error():
    yes = (X[:, 1] + 0.5 * RNG.normal(size=400) > 0.9).astype(int)
    model = net("binary_crossentropy", "sigmoid")
    fit(model, X, yes, epochs=20, verbose=0, class_weight={0: 1.0, 1: 30.0})
    for finding in audit(model, X, yes):
        assert finding.severity != "error"
        assert "class_weight" in finding.fix
