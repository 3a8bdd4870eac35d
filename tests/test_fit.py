"""fit: the order of the batches, the split, the labels, the weights, and every refusal before the first step."""

import html
import io

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes import build_model, fit, load_data
from recipes.running.progress import LiveLine, ProgressLine
from recipes.training.data.batches import epoch_order, split_rows
from recipes.training.data.targets import encode_target

WINE = load_data("wine")
NAMES = np.array(WINE.class_names)[WINE.y]


def linear_model(learning_rate=0.05, metrics=None):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(learning_rate), "mean_squared_error", metrics=metrics)
    return model


def weights_of(model):
    return [w.copy() for w in model.get_weights()]


class TestOrder:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**63), st.integers(0, 10**6), st.integers(1, 500))
    def test_a_permutation_that_depends_on_seed_and_epoch_alone(self, seed, epoch, num_rows):
        order = epoch_order(seed, epoch, num_rows)
        np.testing.assert_array_equal(np.sort(order), np.arange(num_rows))
        np.testing.assert_array_equal(order, epoch_order(seed, epoch, num_rows))

    def test_epochs_and_seeds_differ(self):
        orders = [tuple(epoch_order(seed, epoch, 50)) for seed in range(5) for epoch in range(20)]
        assert len(set(orders)) == 100

    def test_training_meets_the_rows_in_that_order_anew_each_epoch(self, rng):
        """Plain gradient descent in NumPy, row by row in the promised order, gives the same weights."""
        x, y = rng.normal(size=(7, 3)), rng.normal(size=7)
        model = linear_model()
        fit(model, x, y, epochs=3, batch_size=2, seed=5)
        w, b = np.zeros(3), 0.0
        for epoch in range(3):
            order = epoch_order(5, epoch, 7)
            for rows in (order[0:2], order[2:4], order[4:6], order[6:7]):
                error = x[rows] @ w + b - y[rows]
                w, b = w - 0.05 * 2 * error @ x[rows] / len(rows), b - 0.05 * 2 * error.mean()
        np.testing.assert_allclose(model.get_weights()[0][:, 0], w, rtol=1e-5)
        np.testing.assert_allclose(model.get_weights()[1], [b], rtol=1e-5)

    def test_the_same_seed_gives_the_same_run(self):
        runs = [fit(build_model(x=WINE.x, y=WINE.y, seed=1), *WINE, epochs=3, validation_split=0.2) for _ in range(2)]
        assert runs[0].history == runs[1].history


class TestSplit:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(2, 300), st.floats(0.01, 0.9), st.integers(0, 100))
    def test_both_parts_make_the_whole(self, num_rows, fraction, seed):
        if np.ceil(num_rows * fraction) >= num_rows:
            return
        train, validation = split_rows(num_rows, fraction, seed)
        np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(num_rows))
        assert len(validation) == np.ceil(num_rows * fraction)

    def test_each_class_gives_its_share(self):
        labels = np.repeat([0, 1, 2], [600, 300, 100])  # sorted: Keras' own split would hold one class out
        for seed in range(5):
            _, validation = split_rows(1000, 0.2, seed, labels)
            np.testing.assert_allclose(np.bincount(labels[validation]), [120, 60, 20], atol=1)

    def test_it_is_shuffled_and_depends_on_the_seed(self):
        parts = {tuple(split_rows(100, 0.2, seed)[1]) for seed in range(10)}
        assert len(parts) == 10

    def test_a_class_with_one_row_trains(self):
        labels = np.array([0] * 50 + [1])
        train, _ = split_rows(51, 0.2, 0, labels)
        assert 50 in train

    def test_nothing_left_to_train_on(self):
        with refused("validation_split=0.9 of 2 rows leaves nothing to train on. Pass more rows or a smaller part."):
            split_rows(2, 0.9, 0)


class TestLabels:
    @pytest.mark.parametrize(
        ("y", "loss", "units", "encoded", "classes"),
        [
            ([0, 1, 1], "binary_crossentropy", 1, [[0], [1], [1]], (0, 1)),
            ([-1, 1, 1], "binary_crossentropy", 1, [[0], [1], [1]], (-1, 1)),
            ([5, 7, 7], "binary_crossentropy", 1, [[0], [1], [1]], (5, 7)),
            ([True, False], "binary_crossentropy", 1, [[1], [0]], (False, True)),
            (["no", "yes"], "binary_crossentropy", 1, [[0], [1]], ("no", "yes")),
            ([0.25, 0.5], "binary_crossentropy", 1, [[0.25], [0.5]], None),
            ([[0, 1], [1, 1]], "binary_crossentropy", 2, [[0, 1], [1, 1]], None),
            (["no", "yes"], "hinge", 1, [[-1], [1]], ("no", "yes")),
            ([0, 1], "hinge", 1, [[-1], [1]], (0, 1)),
            ([0, 2, 1], "sparse_categorical_crossentropy", 3, [0, 2, 1], (0, 1, 2)),
            ([0, 2, 0], "sparse_categorical_crossentropy", 3, [0, 2, 0], (0, 1, 2)),
            ([1, 3, 2], "sparse_categorical_crossentropy", 3, [0, 2, 1], (1, 2, 3)),
            (["c", "a", "b"], "sparse_categorical_crossentropy", 3, [2, 0, 1], ("a", "b", "c")),
            ([[0, 1], [1, 0]], "sparse_categorical_crossentropy", 2, [1, 0], (0, 1)),
            ([0, 2], "categorical_crossentropy", 3, [[1, 0, 0], [0, 0, 1]], (0, 1, 2)),
            (["b", "a"], "categorical_crossentropy", 2, [[0, 1], [1, 0]], ("a", "b")),
            ([[0.5, 0.5]], "kl_divergence", 2, [[0.5, 0.5]], None),
            ([1.5, 2.5], "mean_squared_error", 1, [[1.5], [2.5]], None),
            ([[1, 2], [3, 4]], "mean_absolute_error", 2, [[1, 2], [3, 4]], None),
        ],
    )
    def test_labels_become_what_the_loss_wants(self, y, loss, units, encoded, classes):
        array, names = encode_target(y, loss, units)
        np.testing.assert_array_equal(array, encoded)
        assert array.dtype in (np.float32, np.int32)
        assert names == classes

    def test_text_labels_train_and_come_back(self):
        model = build_model(x=WINE.x, y=NAMES, seed=0)
        run = fit(model, WINE.x, NAMES, epochs=30)
        best = model.predict(WINE.x, verbose=0).argmax(axis=1)
        assert np.mean(np.array(run.classes)[best] == NAMES) > 0.97

    def test_validation_data_use_the_same_classes(self):
        model = build_model(x=WINE.x, y=NAMES, seed=0)
        part = slice(100, 178)  # classes 1 and 2 alone
        run = fit(model, WINE.x, NAMES, epochs=30, validation_data=(WINE.x[part], NAMES[part]))
        assert run.history["val_accuracy"][-1] > 0.97

    def test_unknown_validation_labels_are_named(self):
        model = build_model(x=WINE.x, y=NAMES)
        with refused(
            "In validation_data: y holds labels that the training target lacks: 'corked'. "
            "Expected 'class_0', 'class_1', 'class_2'."
        ):
            fit(model, WINE.x, NAMES, validation_data=(WINE.x[:2], ["class_0", "corked"]))


class TestWeights:
    def test_sample_weights_as_keras_reads_them(self, rng):
        x, y, weight = rng.normal(size=(20, 3)), rng.normal(size=20), rng.random(20)
        ours, keras_own = linear_model(), linear_model()
        fit(ours, x, y, epochs=2, shuffle=False, sample_weight=weight)
        keras_own.fit(x, y[:, None], epochs=2, shuffle=False, sample_weight=weight, verbose=0)
        for a, b in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)

    @pytest.mark.parametrize("target", [WINE.y, NAMES, np.eye(3)[WINE.y]], ids=["integers", "text", "one-hot"])
    def test_class_weights_as_keras_reads_them(self, target):
        keys = np.unique(target) if target.ndim == 1 else range(3)
        ours = build_model(x=WINE.x, y=target, seed=3)
        fit(ours, WINE.x, target, shuffle=False, class_weight=dict(zip(keys, (1.0, 5.0, 0.5), strict=True)))
        keras_own = build_model(x=WINE.x, y=WINE.y, seed=3)
        keras_own.fit(WINE.x, WINE.y, shuffle=False, class_weight={0: 1.0, 1: 5.0, 2: 0.5}, verbose=0)
        for a, b in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

    def test_balanced_classes(self):
        keras.utils.set_random_seed(0)
        weights = 178 / (3 * np.bincount(WINE.y))
        runs = [
            fit(build_model(x=WINE.x, y=WINE.y, seed=0), *WINE, class_weight=given, verbose=0)
            for given in ("balanced", dict(enumerate(weights)))
        ]
        assert runs[0].history["loss"] == pytest.approx(runs[1].history["loss"])

    def test_validation_rows_are_not_weighted_by_class(self):
        model = build_model(x=WINE.x, y=WINE.y, seed=0, learning_rate=1e-12)
        plain = fit(model, *WINE, validation_split=0.3, verbose=0)
        weighted = fit(model, *WINE, validation_split=0.3, class_weight={0: 1, 1: 100, 2: 1}, verbose=0)
        assert weighted.history["val_loss"] == pytest.approx(plain.history["val_loss"], rel=1e-4)


class TestRun:
    def test_what_comes_back(self):
        model = build_model(x=WINE.x, y=WINE.y, seed=0)
        run = fit(model, *WINE, epochs=4, validation_split=0.25)
        assert set(run.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert (run.epochs, run.steps) == (4, 4 * 5)  # 133 training rows in batches of 32
        assert run.steps_per_second > 2 * run.steps / run.seconds  # of which most goes into compiling
        assert run.model is model
        assert run.chance == pytest.approx(1.086, abs=0.01)  # entropy of the three cultivars
        assert run.verdict == str(run.findings[0])
        assert run.plot().axes[0].get_xlabel() == "epoch"
        last = {name: f"{values[-1]:.4g}" for name, values in run.history.items()}
        rule = run.findings[0].rule
        assert repr(run) == f"<Run of 4 epochs, loss {last['loss']}, val_loss {last['val_loss']}: {rule}>"
        shown = run._repr_html_()
        for name, value in {"epochs": 4, "steps": 20, **last, "engine": html.escape(str(run.engine))}.items():
            assert f"<tr><th>{name}</th><td>{value}</td></tr>" in shown
        assert all(f"<li>{html.escape(str(finding))}</li>" in shown for finding in run.findings)
        assert str(run).startswith("4 epochs, 20 steps in ")

    @pytest.mark.parametrize("num_rows", [178, 256, 3])
    def test_predicting_and_evaluating_as_keras_does(self, num_rows):
        model = build_model(x=WINE.x, y=NAMES, seed=0)
        run = fit(model, WINE.x, NAMES, epochs=10, verbose=0)
        rows = np.arange(num_rows) * 5 % 178
        x, y = WINE.x[rows], WINE.y[rows]
        np.testing.assert_allclose(run.predict(x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-7)
        theirs = model.evaluate(x, y, verbose=0, return_dict=True)
        assert run.evaluate(x, NAMES[rows]) == pytest.approx(theirs, rel=1e-5)
        assert np.mean(run.predict_labels(x) == NAMES[rows]) > 0.9

    @pytest.mark.parametrize("loss", ["binary_crossentropy", "hinge"])
    def test_labels_come_back_under_their_names(self, loss):
        y = np.where(WINE.y == 0, "first", "other")
        run = fit(build_model("binary", x=WINE.x, y=y, loss=loss, seed=0), WINE.x, y, epochs=30, verbose=0)
        assert np.mean(run.predict_labels(WINE.x) == y) > 0.95

    def test_numbers_have_no_labels(self):
        run = fit(build_model("regression", input_shape=(13,)), WINE.x, WINE.x[:, 0], verbose=0)
        with refused("This run has no classes: its target was numbers. Use predict."):
            run.predict_labels(WINE.x)

    def test_y_none_trains_an_autoencoder(self, rng):
        x = rng.random((40, 6))
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2), keras.layers.Dense(6)])
        model.compile("adam", "mean_squared_error")
        run = fit(model, x, epochs=2, validation_data=x[:10])
        assert run.chance == pytest.approx(x[:10].var(axis=0).mean(), rel=1e-5)
        assert "val_loss" in run.history

    def test_chance_is_left_open_where_the_loss_has_another_unit(self, rng):
        x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
        model = linear_model()
        for delta, known in ((1.0, True), (2.0, False)):  # 1 is Keras' own, and the table's
            model.compile("sgd", keras.losses.Huber(delta=delta))
            assert (fit(model, x, y, verbose=0).chance is not None) == known

    def test_pandas_lists_and_one_feature(self):
        frame = pd.DataFrame(WINE.x[:, :2], columns=["alcohol", "acid"])
        assert fit(build_model(x=frame, y=pd.Series(NAMES)), frame, pd.Series(NAMES)).epochs == 1
        one = list(range(10))
        model = build_model("regression", x=one, y=one)
        assert fit(model, one, one).epochs == 1
        assert model.input_shape == (None, 1)

    def test_several_inputs_and_outputs(self, rng):
        left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
        joined = keras.layers.Concatenate()([left, right])
        outputs = {"a": keras.layers.Dense(1, name="a")(joined), "b": keras.layers.Dense(2, name="b")(joined)}
        model = keras.Model({"left": left, "right": right}, outputs)
        model.compile("adam", {"a": "mean_squared_error", "b": "mean_absolute_error"})
        x = {"left": rng.normal(size=(30, 2)), "right": rng.normal(size=(30, 3))}
        y = {"a": rng.normal(size=(30, 1)), "b": rng.normal(size=(30, 2))}
        run = fit(model, x, y, epochs=2, validation_split=0.2)
        assert run.epochs == 2
        assert run.chance is None

    def test_lists_and_tuples_are_rows(self):
        rows, labels = tuple(map(tuple, WINE.x.tolist())), tuple(WINE.y.tolist())
        model = build_model(x=rows, y=labels)
        assert fit(model, rows, labels, validation_data=(rows[:50:7], labels[:50:7])).epochs == 1

    def test_streams_go_to_keras(self):
        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 3

            def __getitem__(self, index):
                return WINE.x[index * 50 : index * 50 + 50], WINE.y[index * 50 : index * 50 + 50]

        model = build_model(x=WINE.x, y=WINE.y)
        run = fit(model, Batches(), epochs=2, validation_data=Batches(), verbose=0)
        assert str(run.engine) == "keras: model.fit (x is a Batches, not arrays)"
        assert run.steps == 6
        assert len(run.history["val_loss"]) == 2
        with refused(
            "validation_split cannot be used with a Batches, which makes its own batches. "
            "Put targets and weights into it, and pass validation_data."
        ):
            fit(model, Batches(), validation_split=0.2)
        with refused(
            "y cannot be used with a Batches, which makes its own batches. "
            "Put targets and weights into it, and pass validation_data."
        ):
            fit(model, Batches(), WINE.y)

    def test_one_callback_or_none(self):
        model = build_model(x=WINE.x, y=WINE.y)
        stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=1)
        assert fit(model, *WINE, epochs=9, callbacks=stop, verbose=0).epochs == 2
        assert fit(model, *WINE, callbacks=None, verbose=0).epochs == 1

    def test_callbacks_stop_it(self):
        model = build_model(x=WINE.x, y=WINE.y, seed=0)
        stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=2)  # the loss falls
        assert fit(model, *WINE, epochs=50, callbacks=[stop]).epochs == 3


class TestProgress:
    def lines(self, seconds_per_epoch, epochs=6):
        now, stream = [0.0], io.StringIO()
        line = ProgressLine(epochs=epochs, steps_per_epoch=10, stream=stream, clock=lambda: now[0])
        line.on_train_begin()
        for epoch in range(epochs):
            now[0] += seconds_per_epoch
            line.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25})
        line.on_train_end()
        line.close()
        return stream.getvalue().splitlines()

    def test_a_short_run_in_a_log_is_one_line(self):
        assert self.lines(1.0) == ["epoch 6/6  loss 0.5  val_loss 0.25  10 steps/s  in 6 s"]

    def test_a_long_run_in_a_log_is_a_line_now_and_then(self):
        assert self.lines(6.0) == [
            "epoch 2/6  loss 0.5  val_loss 0.25  2 steps/s  24 s left",
            "epoch 4/6  loss 0.5  val_loss 0.25  2 steps/s  12 s left",
            "epoch 6/6  loss 0.5  val_loss 0.25  2 steps/s  in 36 s",
        ]

    def test_before_it_is_started_a_line_is_as_in_a_log(self):
        now, stream = [0.0], io.StringIO()
        line = LiveLine(stream, clock=lambda: now[0])
        line.close()
        line.show("too soon")
        now[0] = 11.0
        line.show("first")
        line.show("last", last=True)
        line.close()
        assert stream.getvalue() == "first\nlast\n"
        progress = ProgressLine(epochs=1, steps_per_epoch=10, stream=stream, clock=lambda: now[0])
        now[0] = 12.0
        progress.on_epoch_end(0, {"loss": 0.5})
        progress.close()
        assert stream.getvalue().endswith("epoch 1/1  loss 0.5  10 steps/s  in 1 s\n")

    def test_verbose_0_is_silent(self, capsys):
        fit(build_model(x=WINE.x, y=WINE.y), *WINE, verbose=0)
        captured = capsys.readouterr()
        assert captured.out + captured.err == ""


X, Y = WINE.x, WINE.y
NAN = WINE.x.copy()
NAN[3, 1] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y[:-1], {}, "x has 178 rows, but y has 177. Expected the same number. "
         "Look where one of them was filtered or split."),
        (X[:0], Y, {}, "x is empty: shape (0, 13). Expected at least one row. "
         "Look where it was filtered or split."),
        (X[:0], Y[:0], {}, "2 things are in the way:\n"
         "1. x is empty: shape (0, 13). Expected at least one row. Look where it was filtered or split.\n"
         "2. y is empty: shape (0,). Expected at least one row. Look where it was filtered or split."),
        (NAN, Y, {}, "x has 1 value not finite; the first is NaN in row 3, column 1. "
         "Expected finite numbers. Drop those rows or impute the values."),
        (X[:, :5], Y, {}, "The rows of x have shape (5,), but the model takes (13,). "
         "Build the model with x=x, or reshape x."),
        (X, Y + 5.5, {}, "task='multiclass' expects labels, but y holds fractions (5.5, 6.5, 7.5). "
         "Do not scale labels; for quantities say task='regression'."),
        (X, np.arange(178) % 4, {}, "The model has 3 outputs, but y holds 4 classes: 0, 1, 2, 3. "
         "Expected labels 0..2, or 3 different ones. Build the model with num_classes=4, or mend y."),
        (X, np.eye(4)[Y], {}, "y has 4 values a row (shape (178, 4)), but the model has 3 outputs. "
         "Expected the same number. "
         "Build the model with y=y, or mend y's shape."),
        (X, Y, {"epochs": 0}, "epochs must be a whole number of at least 1. Received: epochs=0."),
        (X, Y, {"batch_size": -1}, "batch_size must be a whole number of at least 1. Received: batch_size=-1."),
        (X, Y, {"seed": -1}, "seed must be a whole number of at least 0. Received: seed=-1."),
        (X, Y, {"validation_split": 1.0},
         "validation_split is a fraction, 0 <= validation_split < 1. Received: 1.0."),
        (X, Y, {"validation_split": 0.5, "validation_data": (X, Y)},
         "validation_data and validation_split=0.5 are both given. Expected one of them."),
        (X, Y, {"sample_weight": np.ones(5)},
         "sample_weight has shape (5,). Expected one weight per row: (178,)."),
        (X, Y, {"sample_weight": -np.ones(178)}, "sample_weight goes down to -1. Expected weights >= 0: "
         "a negative one maximises the loss."),
        (X, Y, {"class_weight": {0: 1.0, 1: 2.0}},
         "class_weight has the keys 0, 1. Expected one for each class: 0, 1, 2."),
    ],
)  # fmt: skip
def test_refusals_come_before_the_first_step_and_change_nothing(x, y, options, message):
    model = build_model(x=X, y=Y, seed=0)
    before = weights_of(model)
    with refused(message):
        fit(model, x, y, **options)
    for a, b in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(model.optimizer.iterations) == 0


def test_a_fractional_validation_target_for_classes():
    y = (WINE.y > 0).astype(int)
    with refused("In validation_data: y holds labels that the training target lacks: 0.25, 0.5. Expected 0, 1."):
        fit(build_model(x=X, y=y), X, y, validation_data=(X[:2], [0.25, 0.5]))


def test_arguments_in_the_wrong_order():
    with refused("The first argument of fit is a Keras model. Received: ndarray. Say fit(model, x, y).", TypeError):
        fit(X, Y, build_model(x=X, y=Y))


def test_strings_for_regression():
    model = build_model("regression", input_shape=(13,))
    with refused(
        "task='regression' needs numbers, but y holds text ('class_0', 'class_1', 'class_2'). "
        "Say task='multiclass' (or 'binary') for labels, or convert with y.astype(float)."
    ):
        fit(model, X, NAMES)


def test_widths_that_keras_would_stretch_silently():
    model = build_model("regression", input_shape=(13,))
    with refused(
        "y has 2 values a row (shape (178, 2)), but the model has 1 output. Expected the same number; Keras would "
        "stretch one over the other silently. Build the model with y=y, or mend y's shape."
    ):
        fit(model, X, X[:, :2])


def test_one_class_only():
    with refused("y holds one class only (0) in 178 rows. Expected two. Look where y was filtered, sorted or split."):
        fit(build_model("binary", input_shape=(13,)), X, np.zeros(178, int))


def test_an_uncompiled_model():
    with refused("The model is not compiled. Call model.compile(...) first, or build it with build_model."):
        fit(keras.Sequential([keras.layers.Dense(1)]), X, Y)


class TestWhatOutputsMean:
    """A model's outputs keep the labels that they were trained on."""

    def model(self, loss="binary_crossentropy", last="sigmoid", units=1):
        made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, last)])
        made.compile("adam", loss)
        return made

    def data(self, labels):
        x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
        return x, np.asarray(labels)[(x[:, 0] > 0).astype(int) * (len(labels) - 1)]

    def test_other_labels_are_refused(self):
        model = self.model()
        x, y = self.data(["b", "c"])
        fit(model, x, y, verbose=0)
        with refused(
            "y holds labels that this model was not trained on: 'a'. Its outputs mean 'b', 'c' since an earlier fit. "
            "Train another model, or pass refit=True to have its outputs mean the labels of y from now on."
        ):
            fit(model, *self.data(["a", "b"]), verbose=0)
        assert fit(model, x, y, verbose=0).classes == ("b", "c")

    def test_some_of_the_labels_keep_their_outputs(self):
        model = self.model("sparse_categorical_crossentropy", "softmax", 3)
        x, _ = self.data(["a", "c"])
        fit(model, x, np.resize(["a", "b", "c"], 40), verbose=0)
        run = fit(model, x, np.resize(["b", "c"], 40), verbose=0)
        assert run.classes == ("a", "b", "c")

    def test_numbers_after_text_are_refused(self):
        model = self.model()
        fit(model, *self.data(["b", "c"]), verbose=0)
        with pytest.raises(ValueError, match=r"not trained on: 0, 1\. Its outputs mean 'b', 'c'"):
            fit(model, *self.data([0, 1]), verbose=0)

    def test_one_hot_rows_keep_the_names(self):
        model = self.model("categorical_crossentropy", "softmax", 2)
        x, y = self.data(["b", "c"])
        fit(model, x, y, verbose=0)
        assert fit(model, x, np.eye(2)[(y == "c").astype(int)], verbose=0).classes == ("b", "c")

    def test_refit_forgets(self):
        model = self.model()
        before = fit(model, *self.data(["b", "c"]), verbose=0)
        assert fit(model, *self.data(["a", "b"]), refit=True, verbose=0).classes == ("a", "b")
        assert fit(model, *self.data(["a", "b"]), verbose=0).classes == ("a", "b")
        with refused(
            "The model's outputs mean 'a', 'b' since a later fit with refit=True, and meant 'b', 'c' in this run. "
            "Use the later run."
        ):
            before.predict_labels(self.data(["b", "c"])[0])

    @pytest.mark.parametrize(
        ("loss", "last", "middle"),
        [
            (keras.losses.BinaryCrossentropy(from_logits=True), "linear", 0.0),
            (keras.losses.BinaryCrossentropy(), "sigmoid", 0.5),
            ("hinge", "tanh", 0.0),
        ],
        ids=["logits", "probabilities", "hinge"],
    )
    def test_labels_are_cut_where_the_loss_says(self, loss, last, middle):
        model = self.model(loss, last)
        x, y = self.data(["b", "c"])
        run = fit(model, x, y, verbose=0)
        outputs = run.predict(x)[:, 0]
        assert (run.predict_labels(x) == np.where(outputs > middle, "c", "b")).all()
        between = (outputs > min(middle, 0.0)) & (outputs <= 0.5)
        assert between.any()  # where a cut at one half would give another label

    def test_a_layer_frozen_after_compiling_is_frozen_and_said(self):
        model = self.model()
        x, y = self.data([0, 1])
        fit(model, x, y, verbose=0)
        model.layers[0].trainable = False
        before = model.layers[0].get_weights()[0]
        name = model.layers[0].name
        with pytest.warns(UserWarning, match="trainable") as caught:
            fit(model, x, y, verbose=0)
        assert [str(warning.message) for warning in caught if "changed" in str(warning.message)] == [
            f"trainable was changed after compile(), of {name}: this run follows it, model.fit may not. "
            "Call compile() again to have both do the same."
        ]
        np.testing.assert_array_equal(model.layers[0].get_weights()[0], before)
