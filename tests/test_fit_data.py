"""The data of a run: the order of the rows, what validates, what labels become, what weights do."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import refused
from fits import NAMES, WINE, linear_model
from hypothesis import given, settings
from hypothesis import strategies as st

from cheatsheet.modelspec import OutputSpec
from recipes import build_model, fit
from recipes.training.data.batches import epoch_order, split_rows
from recipes.training.data.targets import encode_target


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
        array, names = encode_target(y, OutputSpec(loss=loss, width=units))
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


class TestClassesInColumns:
    """A table of one-hot rows: its columns are the classes, in their order."""

    TABLE = pd.DataFrame({"low": [1, 0, 0, 1], "mid": [0, 0, 1, 0], "high": [0, 1, 0, 0]})
    NAMES = ("low", "mid", "high")
    LABELS = ("low", "high", "mid", "low")

    @pytest.mark.parametrize("make", [pd.DataFrame, lambda t: t.astype(bool), lambda t: t.astype("Int64"),
                                      lambda t: pl.DataFrame(t.to_dict("list"))])  # fmt: skip
    @pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
    def test_they_are_the_classes_and_keep_their_places(self, make, loss):
        output = OutputSpec(loss=loss, width=3)
        target, classes = encode_target(make(self.TABLE), output)
        assert classes == self.NAMES
        other_order = make(self.TABLE)[["high", "low", "mid"]]
        for y in (other_order, np.array(self.TABLE), pd.Series(self.LABELS)):
            np.testing.assert_array_equal(encode_target(y, output, classes)[0], target)

    def test_columns_that_are_missing_or_new(self):
        with refused(
            "y lacks the column 'high' and has the column 'top', which the model was not trained on. "
            "Pass the columns 'low', 'mid', 'high'."
        ):
            output = OutputSpec(loss="categorical_crossentropy", width=3)
            encode_target(self.TABLE.rename(columns={"high": "top"}), output, self.NAMES)

    @pytest.mark.parametrize(
        ("table", "loss", "width", "classes"),
        [
            (TABLE.set_axis([4, 5, 6], axis=1), "categorical_crossentropy", 3, (0, 1, 2)),  # numbers are no names
            (TABLE[["low"]], "sparse_categorical_crossentropy", 2, (0, 1)),  # one column of labels
            (TABLE / 2 + 1 / 6, "kl_divergence", 3, None),  # shares
            (TABLE, "binary_crossentropy", 3, None),  # labels of which a row may have several
        ],
    )
    def test_other_tables_name_no_classes(self, table, loss, width, classes):
        assert encode_target(table, OutputSpec(loss=loss, width=width))[1] == classes

    def test_a_run_keeps_them(self):
        table = pd.get_dummies(pd.Series(NAMES))[["class_2", "class_0", "class_1"]]
        model = build_model(x=WINE.x, y=table, seed=0)
        shuffled = table[["class_0", "class_1", "class_2"]]
        run = fit(model, WINE.x, table, epochs=30, validation_data=(WINE.x, shuffled))
        assert run.classes == tuple(table.columns)
        assert np.mean(run.predict_labels(WINE.x) == NAMES) > 0.97
        assert run.history["val_accuracy"][-1] == run.evaluate(WINE.x, table)["accuracy"] > 0.97
        again = fit(model, WINE.x, NAMES, epochs=1)  # text finds its place among them
        assert again.classes == run.classes
        assert again.history["accuracy"][0] > 0.97


class TestWeights:
    def test_sample_weights_as_keras_reads_them(self, rng):
        x, y, weight = rng.normal(size=(20, 3)), rng.normal(size=20), rng.random(20)
        ours, keras_own = linear_model(), linear_model()
        fit(ours, x, y, epochs=2, shuffle=False, sample_weight=weight)
        keras_own.run_eagerly = True  # so few steps take less than compiling them
        keras_own.fit(x, y[:, None], epochs=2, shuffle=False, sample_weight=weight, verbose=0)
        for a, b in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)

    @pytest.mark.parametrize("target", [WINE.y, NAMES, np.eye(3)[WINE.y]], ids=["integers", "text", "one-hot"])
    def test_class_weights_as_keras_reads_them(self, target):
        keys = np.unique(target) if target.ndim == 1 else range(3)
        ours = build_model(x=WINE.x, y=target, seed=3)
        fit(ours, WINE.x, target, shuffle=False, class_weight=dict(zip(keys, (1.0, 5.0, 0.5), strict=True)))
        keras_own = build_model(x=WINE.x, y=WINE.y, seed=3)
        keras_own.run_eagerly = True
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
