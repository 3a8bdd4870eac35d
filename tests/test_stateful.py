"""Networks that carry their state from batch to batch, and so take one number of rows at once."""

import keras
import numpy as np
import pytest
from keras import layers

from recipes import audit, fit

X = np.random.default_rng(0).normal(size=(96, 7, 3)).astype("float32")
Y = X.sum(axis=(1, 2))


def stateful(rows=32):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(rows, 7, 3))
    model = keras.Model(inputs, layers.Dense(1)(layers.LSTM(4, stateful=True)(inputs)))
    model.compile("adam", "mse")
    return model


def test_it_predicts_and_is_judged_in_its_batches():
    run = fit(stateful(), X, Y, epochs=2, shuffle=False, verbose=0)
    lstm = run.model.layers[1]
    lstm.reset_states()
    expected = run.model.predict(X, batch_size=32, verbose=0)
    lstm.reset_states()
    np.testing.assert_array_equal(run.predict(X), expected)
    lstm.reset_states()
    loss = run.model.evaluate(X, Y, batch_size=32, verbose=0)
    lstm.reset_states()
    found = run.evaluate(X, Y)
    assert found["loss"] == pytest.approx(loss, rel=1e-5)
    assert {"r2", "mean_absolute_error"} <= found.keys()
    assert "loss_of_predictions" not in [finding.rule for finding in audit(run.model, X, Y)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"x": X[:90], "y": Y[:90]}, "takes batches of 32 rows, and 90 leave 26 over. Pass 64 rows"),
        ({"x": X, "y": Y, "batch_size": 16}, "takes batches of 32 rows. Received: batch_size=16. Pass 32"),
        ({"x": X, "y": Y, "validation_data": (X[:40], Y[:40])}, "and 40 leave 8 over"),
    ],
)
def test_rows_that_fill_no_batches_are_refused(options, says):
    model = stateful()
    with pytest.raises(ValueError, match=says):
        fit(model, verbose=0, **options)
    assert int(model.optimizer.iterations) == 0


def test_rows_left_over_in_predict():
    run = fit(stateful(), X, Y, verbose=0)
    for ask in (lambda: run.predict(X[:40]), lambda: run.evaluate(X[:40], Y[:40])):
        with pytest.raises(ValueError, match="takes batches of 32 rows, and 40 leave 8 over"):
            ask()


def test_a_fixed_batch_without_state_is_as_before():
    model = keras.Sequential([keras.Input((3,), batch_size=4), layers.Dense(1)])
    model.compile("adam", "mse")
    assert fit(model, X[:, 0], Y, batch_size=4, verbose=0).predict(X[:, 0]).shape == (96, 1)
