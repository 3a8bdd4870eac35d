"""From a row and a `y` to the last layer."""

import numpy as np
import pytest
from conftest import refused

from cheatsheet import LECTURE, Head, head


@pytest.mark.parametrize("row", LECTURE, ids=lambda row: row.loss)
def test_the_slides_rows_give_their_head_and_the_literal_one(row):
    num_classes = 4 if row.units == "classes" else None
    built = head(row.task, num_classes, loss=row.loss)
    assert (built.units, built.activation, built.loss) == (num_classes or 1, row.activation, row.loss)
    assert head(row.task, num_classes, loss=row.loss, activation="lecture").activation == row.lecture_activation


@pytest.mark.parametrize(
    ("y", "units", "activation", "loss"),
    [
        ([0, 1, 1], 1, "sigmoid", "binary_crossentropy"),
        (["a", "b", "c"], 3, "softmax", "sparse_categorical_crossentropy"),
        ([0, 1, 2], 3, "softmax", "sparse_categorical_crossentropy"),
        (np.eye(4)[[0, 1, 2, 3]], 4, "softmax", "categorical_crossentropy"),
        ([[0.2, 0.8], [0.4, 0.6]], 2, "softmax", "kl_divergence"),
        ([[1, 1, 0], [0, 0, 1]], 3, "sigmoid", "binary_crossentropy"),
        ([1.5, 2.5], 1, "linear", "mean_squared_error"),
        ([[1.5, 2.5], [3.5, 4.0]], 2, "linear", "mean_squared_error"),
        (np.full((2, 4, 4, 1), 0.5), 16, "sigmoid", "binary_crossentropy"),
        (np.full((2, 4, 4, 1), 3.5), 16, "linear", "mean_squared_error"),
    ],
)
def test_the_target_chooses(y, units, activation, loss):
    built = head(y=y)
    assert (built.units, built.activation, built.loss) == (units, activation, loss)


def test_sigmoid_for_squared_errors_in_the_unit_interval():
    x = np.full((3, 5), 0.5)
    assert head("reconstruction", y=x, loss="mse").activation == "sigmoid"
    assert head("reconstruction", y=3 * x, loss="mse").activation == "linear"


def test_quantiles_give_a_node_each():
    assert head("quantile", quantiles=(0.1, 0.9)) == Head(2, "linear", "pinball", (), "quantile", (0.1, 0.9))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Which head? Received: task=None, y=None. Pass a task such as 'binary', or y."),
        (
            {"task": "multiclass"},
            "task='multiclass' needs the number of classes. Received: num_classes=None, y=None. "
            "Pass num_classes=K, or y.",
        ),
        (
            {"task": "multiclass", "num_classes": 1},
            "task='multiclass' needs at least two classes: a softmax over one node is always 1. "
            "Received: num_classes=1. For yes or no say task='binary'.",
        ),
        (
            {"task": "multiclass", "num_classes": 2, "y": [0, 1, 2]},
            "num_classes=2, but y holds 3 classes. Pass num_classes=3, or mend y.",
        ),
        (
            {"task": "multiclass", "y": [0.5, 1.5]},
            "task='multiclass' expects labels, but y holds fractions (0.5, 1.5). "
            "Do not scale labels; for quantities say task='regression'.",
        ),
        (
            {"task": "binary", "num_classes": 3},
            "task='binary' has two classes and one output node. Received: num_classes=3. "
            "Leave num_classes out, or say task='multiclass'.",
        ),
        (
            {"task": "binary", "y": [0, 1, 2]},
            "task='binary' expects two classes, but y holds 3: 0, 1, 2. "
            "Say task='multiclass', num_classes=3, or task='regression' for quantities.",
        ),
        (
            {"task": "regression", "y": ["a", "b"]},
            "task='regression' needs numbers, but y holds text ('a', 'b'). "
            "Say task='multiclass' (or 'binary') for labels.",
        ),
        (
            {"task": "regression", "y": ["1.5", "2"]},
            "task='regression' needs numbers, but y holds text ('1.5', '2'). "
            "Say task='multiclass' (or 'binary') for labels, or convert with np.asarray(y, float).",
        ),
        (
            {"task": "regression", "y": ["1,5", "2"]},
            "task='regression' needs numbers, but y holds numbers with a decimal comma, as text ('1,5', '2'). "
            "Read it by np.char.replace(np.asarray(y, str), ',', '.').astype(float).",
        ),
        (
            {"task": "regression", "num_classes": 3},
            "task='regression' has no classes. Received: num_classes=3. Leave it out; the number of outputs is the "
            "number of y's columns.",
        ),
        (
            {"task": "regression", "loss": "poisson", "y": [-1.0, 2.0]},
            "poisson expects y >= 0, but y goes down to -1. Use loss='mean_squared_error' or 'mean_absolute_error'.",
        ),
        (
            {"task": "multilabel", "y": [0, 1, 2]},
            "task='multilabel' expects (n, K) rows of 0 and 1, but y has shape (3,) and values 0, 1, 2. "
            "For one label a row say task='multiclass'.",
        ),
        (
            {"task": "reconstruction", "y": [[0, 255.0]], "loss": "binary_crossentropy"},
            "binary_crossentropy expects values in [0, 1], but they run from 0 to 255. "
            "Scale them (divide by 255, say), or use loss='mean_squared_error', activation='linear'.",
        ),
        (
            {"task": "binary", "loss": "hinge", "activation": "lecture"},
            "The slide has no row for task='binary', loss='hinge'. Received: activation='lecture'. "
            "Leave activation out, or name one.",
        ),
        (
            {"task": "detection"},
            "task='detection' has no last layer of its own width, but five numbers for each cell of an image. "
            "Use recipes.lecture.astronomy.detector.build_detector, which python -m cheatsheet detection shows.",
        ),
        (
            {"task": "quantile", "quantiles": (0.9, 0.1)},
            "quantiles must rise strictly between 0 and 1. Received: quantiles=(0.9, 0.1). "
            "Expected something like (0.05, 0.5, 0.95).",
        ),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with refused(message):
        head(**arguments)
