"""build_model: the right last layer and loss, any input, raw units in and out."""

import keras
import numpy as np
import pytest
from conftest import refused

import cheatsheet
from cheatsheet.modelspec import describe_model
from recipes import build_model, fit, load_data

WINE = load_data("wine")
DIABETES = load_data("diabetes")
CANCER = load_data("breast_cancer")


def soft(labels, num_classes=3, share=0.9):
    """Each label as a distribution that gives it `share`."""
    rest = (1 - share) / (num_classes - 1)
    return np.eye(num_classes)[labels] * (share - rest) + rest


# The slide's six rows, each on real data.
SIX = [
    ("regression", "mean_squared_error", DIABETES.x, DIABETES.y),
    ("regression", "mean_absolute_error", DIABETES.x, DIABETES.y),
    ("regression", "mean_squared_logarithmic_error", DIABETES.x, DIABETES.y),
    ("binary", "binary_crossentropy", CANCER.x, CANCER.y),
    ("multiclass", "categorical_crossentropy", WINE.x, np.eye(3)[WINE.y]),
    ("multiclass", "kl_divergence", WINE.x, soft(WINE.y)),
]
# The rows that the slide lacks.
MORE = [
    ("multiclass", "sparse_categorical_crossentropy", WINE.x, WINE.y),
    ("binary", "hinge", CANCER.x, 2 * CANCER.y - 1),
    ("multilabel", "binary_crossentropy", WINE.x, np.stack([WINE.y > 0, WINE.y < 2, WINE.x[:, 0] > 13], axis=1)),
    ("regression", "huber", DIABETES.x, DIABETES.y / 100),
    ("regression", "poisson", DIABETES.x, np.round(DIABETES.y)),
    ("quantile", "pinball", DIABETES.x, DIABETES.y),
]


@pytest.mark.parametrize(("task", "loss", "x", "y"), SIX + MORE, ids=lambda v: v if isinstance(v, str) else "")
@pytest.mark.slow_but(
    "regression-mean_squared_error", "binary-binary_cross", "multiclass-sparse", "multilabel", "quantile"
)
def test_every_row_builds_learns_predicts_and_survives_saving(task, loss, x, y, tmp_path):
    row = cheatsheet.lookup(task, loss)
    model = build_model(task, x=x, y=y, loss=loss, seed=0)
    run = fit(model, x, y, epochs=15, validation_split=0.2)
    assert run.history["loss"][-1] < run.chance  # better than any constant guess
    assert model.get_layer("head").activation is keras.activations.get(row.activation)
    y_pred = model.predict(x, verbose=0)
    assert y_pred.shape == (len(x), cheatsheet.head(task, y=y, loss=loss).units)
    if row.activation == "softmax":
        np.testing.assert_allclose(y_pred.sum(axis=1), 1, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), y_pred, rtol=1e-5)
    again.run_eagerly = True  # so few steps take less than compiling them
    assert again.evaluate(x[:50], _encoded(again, y)[:50], verbose=0) is not None


def _encoded(model, y):
    from recipes.training.data.targets import encode_target

    return encode_target(y, describe_model(model).outputs[0])[0]


def test_a_task_alone_takes_its_shape_from_the_first_data():
    model = build_model(task="binary")
    assert not model.built
    run = fit(model, CANCER.x / CANCER.x.max(axis=0), CANCER.y, epochs=2)
    assert model.input_shape == (None, 30)
    assert model.output_shape == (None, 1)
    assert run.classes == (0, 1)


def test_it_is_a_plain_keras_model(tmp_path):
    model = build_model(task="multiclass", input_shape=(28, 28, 1), num_classes=10, body="cnn")
    assert isinstance(model, keras.Sequential)
    assert model.compiled
    assert model.output_shape == (None, 10)
    model.summary(print_fn=lambda line: None)
    x = np.zeros((4, 28, 28, 1), dtype="float32")
    history = model.fit(x, np.eye(10)[[0, 1, 2, 3]], verbose=0)
    assert set(history.history) == {"loss", "accuracy"}


def test_the_slides_literal_head_is_one_argument_away():
    assert build_model("multiclass", num_classes=3).layers[-1].activation is keras.activations.softmax
    literal = build_model("multiclass", num_classes=3, activation="lecture")
    assert literal.layers[-1].activation is keras.activations.sigmoid
    assert literal.loss == "categorical_crossentropy"


def test_inputs_are_standardised_inside():
    model = build_model(x=WINE.x, y=WINE.y)
    scaled = model.get_layer("input_scale")(WINE.x)
    np.testing.assert_allclose(np.mean(scaled, axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.std(scaled, axis=0), 1, atol=1e-3)


def test_a_constant_column_does_not_explode_on_new_data():
    x = np.column_stack([WINE.x[:, 0], np.zeros(len(WINE.x))])
    model = build_model(x=x, y=WINE.y)
    new = np.array([[13.0, 1.0]], dtype="float32")
    assert np.abs(model.get_layer("input_scale")(new)).max() < 2


def test_regression_gives_raw_units_from_the_start():
    y = np.stack([DIABETES.y * 1e6, DIABETES.y - 1000], axis=1)
    with pytest.warns(UserWarning, match=r"^The columns of y vary by 77 to 7\.7e\+07; their losses add up"):
        model = build_model(x=DIABETES.x, y=y, seed=0)
    y_pred = model.predict(DIABETES.x, verbose=0)
    np.testing.assert_allclose(y_pred.mean(axis=0), y.mean(axis=0), atol=2 * y.std(axis=0).max())
    assert y_pred.shape == y.shape


def test_poisson_rates_stay_positive():
    y = np.round(DIABETES.y)
    model = build_model("regression", x=DIABETES.x, y=y, loss="poisson")
    assert model.predict(DIABETES.x, verbose=0).min() > 0


def test_orders_of_magnitude_are_learnt_in_the_logarithm(rng):
    x = rng.normal(size=(400, 3))
    y = np.exp(2 * x[:, 0] + 8)
    model = build_model("regression", x=x, y=y, loss="mean_squared_logarithmic_error", seed=0)
    run = fit(model, x, y, epochs=60, verbose=0)
    assert run.history["loss"][-1] < 0.01 * run.chance
    assert model.predict(x, verbose=0).min() > -1


def test_a_loss_from_logits_gets_a_linear_head():
    model = build_model("binary", input_shape=(3,), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    assert model.layers[-1].activation is keras.activations.linear


def test_plain_descent_does_not_diverge_in_raw_units():
    model = build_model(x=DIABETES.x, y=DIABETES.y, optimizer="sgd", seed=0)
    run = fit(model, DIABETES.x, DIABETES.y, epochs=20)
    assert run.history["loss"][-1] < run.chance


def test_seeds_repeat_and_differ_and_leave_pythons_generator_alone():
    import random

    before = random.getstate()
    first, second, other = (build_model("binary", input_shape=(3,), seed=seed) for seed in (0, 0, 1))
    assert random.getstate() == before
    for a, b, c in zip(first.get_weights(), second.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.ndim == 1 or not np.array_equal(a, c)


def test_options_reach_the_body():
    model = build_model("binary", input_shape=(4,), units=(8, 8, 8), hidden_activation="tanh", dropout=0.5,
                        optimizer="sgd", learning_rate=0.5)  # fmt: skip
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [8, 8, 8, 1]
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == 3
    assert float(model.optimizer.learning_rate) == pytest.approx(0.5)


def test_grey_images_without_a_channel_axis_get_one():
    x = load_data("digits").x[..., 0]
    model = build_model(x=x, y=np.arange(len(x)) % 10, body="cnn", filters=(4,), units=(8,))
    assert model.input_shape == (None, 8, 8)
    assert model.predict(x[:2], verbose=0).shape == (2, 10)


def test_your_own_body():
    def wide(*, units=4):
        return [keras.layers.Dense(units, activation="relu")]

    model = build_model("binary", input_shape=(3,), body=wide, units=5)
    assert model.layers[0].units == 5


def test_your_own_loss_keeps_the_rows_head():
    loss = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
    model = build_model("binary", input_shape=(3,), loss=loss)
    assert model.loss is loss
    assert model.layers[-1].activation is keras.activations.sigmoid


def test_numpys_whole_numbers_are_whole():
    model = build_model("binary", input_shape=np.int64(4), units=np.array([5, 3]))
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [5, 3, 1]
    model = build_model("binary", input_shape=(8, 8, 1), body="cnn", kernel_size=(np.int64(3), 5))
    assert model.get_layer("conv_1").kernel_size == (3, 5)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_schedule_is_a_learning_rate(optimizer, tmp_path):
    def schedule():
        return keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)

    model = build_model("binary", input_shape=(3,), optimizer=optimizer, learning_rate=schedule())
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)
    model.optimizer.iterations.assign(10)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    y = DIABETES.y[:, None]
    scaled = build_model(x=DIABETES.x, y=y, optimizer=optimizer, learning_rate=schedule(), seed=0)
    fit(scaled, DIABETES.x, y, epochs=2, batch_size=256, verbose=0)  # 4 steps
    by = y.std() ** 2 if optimizer == "sgd" else 1.0  # the raw gradient grows with the square of y's unit
    assert float(scaled.optimizer.learning_rate) == pytest.approx(0.1 * 0.5**0.4 / by, rel=1e-4)
    scaled.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert float(again.optimizer.learning_rate) == pytest.approx(float(scaled.optimizer.learning_rate))


class TestSequences:
    """(n, steps, features): Conv1D where asked for, never a picture by mistake."""

    @pytest.mark.slow
    def test_patterns_count_wherever_they_stand(self, rng):
        """A wave of one sign or the other, somewhere in noise: flattened it is not found."""
        y = np.tile([0, 1], 300)
        x = rng.normal(size=(600, 40, 3)).astype("float32")
        for row, sign, start in zip(x, 2 * y - 1, rng.integers(0, 32, 600), strict=True):
            row[start : start + 8, 0] += 3 * sign * np.sin(np.linspace(0, 2 * np.pi, 8))
        found = {}
        for body in ("sequence", "mlp"):
            model = build_model(x=x[:400], y=y[:400], body=body, seed=0)
            run = fit(model, x[:400], y[:400], epochs=20, verbose=0)
            found[body] = run.evaluate(x[400:], y[400:])["accuracy"]
        assert found["sequence"] > 0.9 > 0.7 > found["mlp"]

    def test_its_layers(self):
        model = build_model("regression", input_shape=(9, 2), body="sequence", filters=(4, 8, 8, 8), units=())
        assert [layer.output.shape[1:] for layer in model.layers if layer.name.startswith(("pool", "mean"))] == [
            (5, 4), (3, 8), (2, 8), (1, 8), (8,)]  # fmt: skip

    @pytest.mark.parametrize(
        ("shape", "body", "message"),
        [
            ((50, 3), "cnn", "body='cnn' expects images, but examples of shape (50, 3) look like 50 steps of "
                             "3 features. Use body='sequence'; for images say x[..., None]."),
            ((28, 28, 1), "sequence", "body='sequence' expects (n, steps, features), but one example has shape "
                                      "(28, 28, 1). For images use body='cnn'."),
            ((50,), "sequence", "body='sequence' expects (n, steps, features), but one example has shape (50,). "
                                "Use x[..., None] for one feature, or body='mlp'."),
        ],
    )  # fmt: skip
    def test_shapes_that_do_not_fit(self, shape, body, message):
        with refused(message):
            build_model("binary", input_shape=shape, body=body)

    def test_flattening_is_said(self, recwarn):
        build_model("binary", input_shape=(50, 3))
        build_model("binary", input_shape=(28, 28, 1))
        assert [str(warning.message) for warning in recwarn] == [
            "One example has shape (50, 3); the MLP flattens it to 150 numbers, whose order it does not know. "
            "Say body='sequence' for steps, body='cnn' for images, or body='mlp' for this.",
            "One example has shape (28, 28, 1); the MLP flattens it to 784 numbers, whose order it does not know. "
            "Say body='cnn' for images, or body='mlp' for this.",
        ]
        build_model("binary", input_shape=(50, 3), body="mlp")
        build_model("binary", input_shape=(50, 1))
        assert len(recwarn) == 2
