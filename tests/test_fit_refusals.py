"""What `fit` refuses, before the first step; and the labels that a model's outputs keep."""

import keras
import numpy as np
import pytest
from conftest import refused
from fits import NAMES, WINE

from recipes import build_model, fit

X, Y = WINE.x, WINE.y
NAN = WINE.x.copy()
NAN[3, 1] = np.nan


def weights_of(model):
    return [w.copy() for w in model.get_weights()]


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
         "Build the model for such rows, as build_model(x=x) does, or reshape x."),
        (X, Y + 5.5, {}, "task='multiclass' expects labels, but y holds fractions (5.5, 6.5, 7.5). "
         "Do not scale labels; for quantities say task='regression'."),
        (X, np.arange(178) % 4, {}, "The model has 3 outputs, but y holds 4 classes: 0, 1, 2, 3. "
         "Expected labels 0..2, or 3 different ones. Build the model with num_classes=4, or mend y."),
        (X, np.eye(4)[np.arange(178) % 4], {}, "y has 4 values a row (shape (178, 4)), but the model has 3 outputs. "
         "Expected the same number. "
         "Build the model with y=y, or mend y's shape."),
        (X, np.eye(4)[Y], {}, "y has 4 columns, but the model has 3 outputs, and column 3 of y is empty. "
         "Use y[:, [0, 1, 2]], or as many outputs as columns."),
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


def test_what_is_wrong_with_the_network_is_said_once():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(1, "softmax")])
    model.compile("adam", "binary_crossentropy")
    y = (WINE.y > 0).astype(int)
    with refused("A softmax over one node is always 1, so every prediction is 1.0, whatever the loss shows. "
                 "Use Dense(1, activation='sigmoid') with loss='binary_crossentropy'."):  # fmt: skip
        fit(model, X, y, validation_data=(X, y))
    with refused("2 things are in the way:\n1. x has 1 value not finite; the first is NaN in row 3, column 1. Expected "
                 "finite numbers. Drop those rows or impute the values.\n2. In validation_data: x has 1 value not "
                 "finite; the first is NaN in row 3, column 1. Expected finite numbers. Drop those rows or impute the "
                 "values."):  # fmt: skip
        fit(build_model(x=X, y=Y), NAN, Y, validation_data=(NAN, Y))


def test_arguments_in_the_wrong_order():
    with refused("The first argument of fit is a Keras model. Received: ndarray. Say fit(model, x, y).", TypeError):
        fit(X, Y, build_model(x=X, y=Y))


def test_strings_for_regression():
    model = build_model("regression", input_shape=(13,))
    with refused(
        "task='regression' needs numbers, but y holds text ('class_0', 'class_1', 'class_2'). "
        "Say task='multiclass' (or 'binary') for labels."
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
