"""The cheatsheet says what the slide says, and what it builds instead."""

import pytest
from conftest import refused

import cheatsheet
from cheatsheet import EXTENDED, LECTURE, TABLE, lookup
from cheatsheet.table import canonical_loss


def test_the_slides_six_rows_in_order():
    assert [(row.loss, row.task, row.lecture_activation, row.units) for row in LECTURE] == [
        ("mean_squared_error", "regression", "linear", "one"),
        ("mean_absolute_error", "regression", "linear", "one"),
        ("mean_squared_logarithmic_error", "regression", "linear", "one"),
        ("binary_crossentropy", "binary", "sigmoid", "one"),
        ("categorical_crossentropy", "multiclass", "sigmoid", "classes"),
        ("kl_divergence", "multiclass", "sigmoid", "classes"),
    ]


def test_what_is_built_differs_from_the_slide_in_the_multiclass_rows_alone():
    assert [row.activation for row in LECTURE] == ["linear"] * 3 + ["sigmoid", "softmax", "softmax"]


def test_rows_that_the_slide_lacks():
    assert {(row.task, row.loss, row.activation) for row in EXTENDED} == {
        ("multiclass", "sparse_categorical_crossentropy", "softmax"),
        ("binary", "hinge", "tanh"),
        ("multilabel", "binary_crossentropy", "sigmoid"),
        ("regression", "huber", "linear"),
        ("regression", "poisson", "softplus"),
        ("quantile", "pinball", "linear"),
        ("reconstruction", "binary_crossentropy", "sigmoid"),
        ("reconstruction", "mean_squared_error", "linear"),
        ("detection", "detection", "sigmoid, exp"),
    }
    assert all(row.lecture_activation is None for row in EXTENDED)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.task}-{row.loss}")
def test_every_row_is_found_by_task_and_loss_and_says_everything(row):
    assert lookup(row.task, loss=row.loss) is row
    assert all((row.target, row.likelihood, row.chance, row.why))


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        ("regression", "mean_squared_error"),
        ("binary", "binary_crossentropy"),
        ("multiclass", "categorical_crossentropy"),
    ],
)
def test_a_task_alone_gives_the_slides_row(task, loss):
    assert lookup(task).loss == loss
    assert lookup(task) in LECTURE


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("msle", "mean_squared_logarithmic_error"),
        ("BinaryCrossentropy", "binary_crossentropy"),
        ("KLDivergence", "kl_divergence"),
        ("kld", "kl_divergence"),
        ("my_loss", "my_loss"),
    ],
)
def test_short_names_of_losses(name, full):
    assert canonical_loss(name) == full


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("binry",),
            "Unknown task. Received: task='binry'. Expected one of regression, binary, multiclass, multilabel, "
            "quantile, reconstruction, detection. Did you mean 'binary'?",
        ),
        (
            ("classification",),
            "Unknown task. Received: task='classification'. Expected one of regression, binary, multiclass, "
            "multilabel, quantile, reconstruction, detection. For 'classification' say 'binary' or 'multiclass'.",
        ),
        (
            ("mse",),
            "Unknown task. Received: task='mse'. Expected one of regression, binary, multiclass, multilabel, "
            "quantile, reconstruction, detection. 'mse' is a loss: say task='regression', loss='mean_squared_error'.",
        ),
        (
            ("yolo",),
            "Unknown task. Received: task='yolo'. Expected one of regression, binary, multiclass, multilabel, "
            "quantile, reconstruction, detection. For 'yolo' say 'detection'.",
        ),
        (
            ("binary", "mse"),
            "The cheatsheet has no row for this loss. Received: task='binary', loss='mse'. "
            "Expected one of binary_crossentropy, hinge. That loss goes with task='regression'.",
        ),
        (
            ("binary", "hinje"),
            "The cheatsheet has no row for this loss. Received: task='binary', loss='hinje'. "
            "Expected one of binary_crossentropy, hinge. Did you mean 'hinge'?",
        ),
    ],
)
def test_unknown_words_get_the_whole_answer(arguments, message):
    with refused(message):
        lookup(*arguments)


def test_public_names():
    assert set(cheatsheet.__all__) == {
        "EXTENDED", "LECTURE", "TABLE", "TASKS", "DataError", "Finding", "Fixed", "Head", "Inference", "Row",
        "chance_loss", "check", "fix", "head", "infer_task", "least_loss", "lookup",
    }  # fmt: skip
