"""What build_model cannot build, or nobody could train, is refused with how to mend it."""

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused
from containers import ENCODE

from recipes import build_model, load_data
from recipes.losses import Detection

WINE = load_data("wine")
DIABETES = load_data("diabetes")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            DIABETES.y * 1e-9,
            "y varies by only 7.7e-08 in its units, so that the gradients of its loss vanish in float32. "
            "Multiply y by a scale, so that it varies by about 1.",
        ),
        (
            1e10 + DIABETES.y.astype(float),
            "y varies by 77 around values of size 1e+10, which float32 cannot resolve. "
            "Subtract an offset, such as y.mean(axis=0).",
        ),
    ],
)
def test_units_that_cannot_be_trained_in_are_refused(y, message):
    with refused(message):
        build_model(x=DIABETES.x, y=y)


def test_tables_name_their_columns():
    table = pd.DataFrame({"age": [30.0, 40.0], "city": ["Rome", "Oslo"], "mass": [70.0, np.nan]})
    with refused(
        f"2 things are in the way:\n1. x has columns that are not numbers: city. {ENCODE}\n"
        "2. x has missing values in 1 column: 'mass' (1). Expected a number in every row. "
        "Drop those rows or impute the values."
    ):
        build_model(x=table, y=[0, 1])
    with refused(
        "x has missing values in 1 column: 'mass' (1). Expected a number in every row. "
        "Drop those rows or impute the values."
    ):
        build_model(x=table[["age", "mass"]], y=[0, 1])


def test_data_in_the_place_of_the_task():
    with refused(
        "The first argument of build_model is a task such as 'binary'. Received: ndarray. "
        "For data say build_model(x=x, y=y).",
        TypeError,
    ):
        build_model(WINE.x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Which model? Received: task=None, y=None. Pass a task such as 'binary', or x and y."),
        (
            {"task": "multiclass"},
            "task='multiclass' needs the number of classes. Received: num_classes=None, y=None. "
            "Pass num_classes=K, or y.",
        ),
        (
            {"task": "binary", "body": "cn"},
            "Unknown body. Received: body='cn'. Expected one of mlp, cnn, lenet, sequence. Did you mean 'cnn'?",
        ),
        (
            {"task": "binary", "units": 64},
            "units must be a sequence of whole numbers of at least 1, one for each layer. "
            "Received: units=64. Expected something like (64, 32).",
        ),
        (
            {"task": "binary", "dropout": 1.5},
            "dropout is a fraction, 0 <= dropout < 1. Received: dropout=1.5.",
        ),
        (
            {"task": "binary", "learning_rate": -1.0},
            "learning_rate must be positive. Received: learning_rate=-1.0.",
        ),
        (
            {"task": "binary", "input_shape": (4, 4, 1), "body": "cnn", "filters": (8, 8, 8)},
            "3 blocks halve the image 3 times, too often for 4x4 pixels. Pass filters= with at most 2 values.",
        ),
        (
            {"task": "binary", "input_shape": (3, 32, 32), "body": "cnn"},
            "input_shape=(3, 32, 32) looks like (channels, height, width). Expected the channels last: (32, 32, 3). "
            "Use np.moveaxis(x, 1, -1).",
        ),
        (
            {"x": WINE.x, "y": WINE.y[:-1]},
            "x has 178 rows, but y has 177. Expected the same number. Look where one of them was filtered or split.",
        ),
        (
            {"x": [["red", 1], ["white", 2]], "y": [0, 1]},
            "x holds text ('1', '2', 'red', 'white'). Expected numbers. "
            "Encode text columns first (sklearn.preprocessing.OneHotEncoder).",
        ),
        (
            {"task": "binary", "input_shape": (0,)},
            "input_shape must be the shape of one example, in whole numbers of at least 1. "
            "Received: input_shape=(0,). Expected something like (30,) or (28, 28, 1).",
        ),
        (
            {"task": "reconstruction", "num_classes": 4},
            "build_model has no decoder. For task='reconstruction' use recipes.build_autoencoder.",
        ),
        (
            {"task": "detection"},
            "task='detection' has no last layer of its own width, but five numbers for each cell of an image. "
            "Use recipes.lecture.astronomy.detector.build_detector, which python -m cheatsheet detection shows.",
        ),
        (
            {"task": "regression", "loss": Detection()},
            "The cheatsheet has no row for this loss. Received: task='regression', loss='detection'. Expected one of "
            "mean_squared_error, mean_absolute_error, mean_squared_logarithmic_error, huber, poisson. That loss goes "
            "with task='detection'.",
        ),
    ],
)
def test_refusals(arguments, message):
    with refused(message):
        build_model(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": (True,)}, "units must be a sequence of whole numbers of at least 1, one for each layer. "
         "Received: units=(True,). Expected something like (64, 32)."),
        ({"units": None}, "units must be a sequence of whole numbers of at least 1, one for each layer. "
         "Received: units=None. Expected something like (64, 32)."),
        ({"units": "64"}, "units must be a sequence of whole numbers of at least 1, one for each layer. "
         "Received: units='64'. Expected something like (64, 32)."),
        ({"body": "cnn", "filters": (8, np.True_)},
         "filters must be a sequence of whole numbers of at least 1, one for each layer. "
         f"Received: filters=(8, {np.True_!r}). Expected something like (64, 32)."),
        ({"body": "cnn", "kernel_size": True},
         "kernel_size must be a whole number of at least 1. Received: kernel_size=True."),
        ({"body": "cnn", "kernel_size": (3, 0)},
         "kernel_size must be a whole number of at least 1. Received: kernel_size=0."),
        ({"dropout": False}, "dropout is a fraction, 0 <= dropout < 1. Received: dropout=False."),
        ({"input_shape": True},
         "input_shape must be the shape of one example, in whole numbers of at least 1. "
         "Received: input_shape=True. Expected something like (30,) or (28, 28, 1)."),
        ({"input_shape": (True, 2)},
         "input_shape must be the shape of one example, in whole numbers of at least 1. "
         "Received: input_shape=(True, 2). Expected something like (30,) or (28, 28, 1)."),
        ({"task": "multilabel", "num_classes": True},
         "num_classes must be a whole number of at least 1. Received: num_classes=True."),
        ({"learning_rate": "fast"},
         "learning_rate is a number, or one of keras.optimizers.schedules. Received: 'fast'."),
        ({"learning_rate": True}, "learning_rate is a number, or one of keras.optimizers.schedules. Received: True."),
        ({"learning_rate": {"rate": 1}},
         "learning_rate is a number, or one of keras.optimizers.schedules. Received: dict."),
        ({"learning_rate": float("nan")}, "learning_rate must be positive. Received: learning_rate=nan."),
    ],
)  # fmt: skip
def test_what_is_no_number_is_not_taken_for_one(arguments, message):
    with refused(message):
        build_model(**{"task": "binary", **arguments})


def test_a_misspelt_argument_is_answered():
    with refused(
        "build_model has no argument 'droput' with body='mlp', which takes units, hidden_activation, dropout. "
        "Did you mean 'dropout'?",
        TypeError,
    ):
        build_model("binary", droput=0.1)


def test_an_unknown_optimizer_is_answered():
    with pytest.raises(ValueError, match=r"^Unknown optimizer\. Received: optimizer='adm'\..* Did you mean 'adam'\?$"):
        build_model("binary", optimizer="adm")


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "kl_divergence"])
def test_the_slides_activation_may_be_named(loss):
    """As `activation="lecture"` builds it: the example that measures what it does needs both."""
    named = build_model("multiclass", num_classes=3, loss=loss, activation="sigmoid")
    printed = build_model("multiclass", num_classes=3, loss=loss, activation="lecture")
    assert named.layers[-1].activation is printed.layers[-1].activation is keras.activations.sigmoid


@pytest.mark.parametrize("activation", ["relu", "softmax"])
def test_a_last_activation_that_the_loss_cannot_read_is_refused(activation):
    """In a search `activation` is that of hidden layers."""
    with pytest.raises(ValueError, match=r"is the last layer's.*The hidden layers' is hidden_activation="):
        build_model("binary", activation=activation)
    assert build_model("binary", activation="lecture").layers[-1].activation.__name__ == "sigmoid"
