"""`audit`: what a model reports against what it predicts, on models whose fault is known."""

import keras
import numpy as np
import pytest

from recipes import DataError, audit, build_model, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype(np.float32)
CLASSES = (X[:, 0] > 0.4).astype(int) + (X[:, 0] > -0.4)
BINARY = (X[:, 0] + 0.5 * RNG.normal(size=200) > 0).astype(int)


def trained(units, activation, loss, y, x=X, hidden="relu", epochs=15):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, hidden), keras.layers.Dense(units, activation)])
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(x, y, epochs=epochs, verbose=0)
    return model


def rules(model, x, y=None):
    return [finding.rule for finding in audit(model, x, y)]


@pytest.fixture(scope="module")
def right():
    keras.utils.set_random_seed(0)
    return trained(3, "softmax", "sparse_categorical_crossentropy", CLASSES)


def test_a_right_model_has_nothing(right):
    assert rules(right, X, CLASSES) == []


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1:UserWarning")
@pytest.mark.slow
def test_one_softmax_node_reports_a_loss_that_it_does_not_have():
    model = trained(1, "softmax", "binary_crossentropy", BINARY)
    found = audit(model, X, BINARY)
    assert [finding.rule for finding in found] == ["loss_of_predictions", "constant_output"]
    reported = model.evaluate(X, BINARY, verbose=0)
    assert reported < 0.69  # it looks as if it learnt
    predicted = (BINARY == 0).mean() * -np.log(2**-23)  # of always 1.0, cut off in float32 as Keras does
    assert f"{reported:.4g}" in found[0].message
    assert f"{predicted:.4g}" in found[0].message


def test_sigmoids_under_a_categorical_crossentropy_are_no_distribution():
    model = trained(3, "sigmoid", "categorical_crossentropy", np.eye(3)[CLASSES])
    assert set(rules(model, X, np.eye(3)[CLASSES])) == {"loss_of_predictions", "no_distribution"}


def test_an_untrained_model_and_a_hopeless_one_are_no_better_than_chance(right):
    assert "worse_than_chance" in rules(right, X, np.roll(CLASSES, 7))
    assert "worse_than_chance" not in rules(right, X, CLASSES)


@pytest.mark.slow
def test_targets_of_one_axis_and_of_two_are_the_same():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse", metrics=["mae"])
    model.fit(X, X[:, 0], validation_split=0.2, epochs=10, verbose=0)  # Keras traces its test step on (n,)
    assert rules(model, X, X[:, 0]) == rules(model, X, X[:, :1]) == []


@pytest.mark.slow
def test_penalties_are_no_gap():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, "relu", kernel_regularizer="l2"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(X, BINARY, epochs=15, verbose=0)
    assert rules(model, X, BINARY) == []


@pytest.mark.slow
def test_a_sure_model_is_no_gap():
    y = (X[:, 0] > 0).astype(int)
    model = trained(1, "sigmoid", "binary_crossentropy", y, x=X * 300, epochs=30)
    assert (model.predict(X * 300, verbose=0) > 1 - 1e-6).any()  # cut off before the logarithm
    assert "loss_of_predictions" not in rules(model, X * 300, y)


@pytest.mark.slow
def test_outputs_at_the_end_of_their_range():
    model = trained(1, "sigmoid", "mse", 100 * BINARY, epochs=60)
    assert "saturated_output" in rules(model, X, 100 * BINARY)


def test_dead_units_are_counted():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu", name="hidden"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    kernel, bias = model.layers[0].get_weights()
    bias[:6] = -100
    model.layers[0].set_weights([kernel, bias])
    found = [finding for finding in audit(model, X, X[:, 1]) if finding.rule == "dead_units"]
    assert "6 of 8 units of layer 'hidden'" in found[0].message
    assert found[0].severity == "warning"


def test_nan_outputs_come_alone():
    model = trained(1, None, "mse", X[:, 1], epochs=1)
    model.layers[-1].set_weights([np.full((8, 1), np.nan, np.float32), np.zeros(1, np.float32)])
    assert rules(model, X, X[:, 1])[0] == "not_finite_output"


def test_several_outputs_are_each_looked_at():
    inputs = keras.Input((4,))
    features = keras.layers.Dense(8, "relu")(inputs)
    a, b = keras.layers.Dense(3, "sigmoid", name="a")(features), keras.layers.Dense(1, name="b")(features)
    model = keras.Model(inputs, {"a": a, "b": b})
    model.compile("adam", {"a": "categorical_crossentropy", "b": "mse"})
    found = audit(model, X, {"a": np.eye(3)[CLASSES], "b": X[:, 0]})
    assert [(finding.rule, finding.output) for finding in found if finding.rule != "dead_units"] == [
        ("no_distribution", "a")
    ]


def test_labels_mean_what_fit_made_of_them():
    names = np.array(["low", "middle", "high"])[CLASSES]
    model = build_model(x=X, y=names, seed=0)
    fit(model, X, names, epochs=30)
    assert rules(model, X, names) == []


def test_the_model_is_left_as_it_was(right):
    weights = [w.copy() for w in right.get_weights()]
    before = [value.numpy().copy() for value in right.metrics_variables]
    audit(right, X[:50], CLASSES[:50])
    assert all(np.array_equal(a, b) for a, b in zip(weights, right.get_weights(), strict=True))
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, right.metrics_variables, strict=True))


def test_what_cannot_be_run_is_refused(right):
    with pytest.raises(TypeError, match="Keras model"):
        audit("model.keras", X, CLASSES)
    with pytest.raises(ValueError, match="not compiled"):
        audit(keras.Sequential([keras.layers.Dense(1)]), X, CLASSES)
    with pytest.raises(DataError, match="the model takes"):
        audit(right, X[:, :2], CLASSES)
