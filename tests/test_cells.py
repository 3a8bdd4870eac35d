"""What is wrong with a detector: head, targets, units; each beside a right one, of which nothing is said."""

import keras
import numpy as np
import pytest

import cheatsheet
from cheatsheet import DataError
from recipes import fit
from recipes.lecture.astronomy.detector import CellBoxes, build_detector, cell_targets
from recipes.losses import Detection

SIDE = 64
BOXES = [np.array([[10, 10, 30, 34.0], [40, 44, 60, 70.0]]), np.empty((0, 4)), np.array([[-6, 30, 12, 50.0]])] * 4
X = np.random.default_rng(0).normal(size=(len(BOXES), SIDE, SIDE, 1)).astype("float32")
Y = cell_targets(BOXES, SIDE)
layers = keras.layers


def detector(channels=5, activation=None, last=(CellBoxes,), loss=Detection, strides=3):
    body = [layers.Conv2D(4, 3, 2, "same", activation="relu") for _ in range(strides)]
    end = [layers.Conv2D(channels, 1, activation=activation), *(make() for make in last)]
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), *body, *end])
    model.compile("adam", loss() if isinstance(loss, type) else loss)
    return model


def with_y(change):
    y = Y.copy()
    change(y)
    return y


def to_width_and_height(y):
    y[..., 3:] -= np.where(y[..., :1] == 1, y[..., 1:3], 0)


@pytest.mark.parametrize(
    "model",
    [detector(), build_detector(side=SIDE), build_detector(side=SIDE, attention=True)],
    ids=["own layers", "ours", "with attention"],
)
def test_nothing_is_found_in_a_right_one(model, tmp_path):
    assert cheatsheet.check(model, X, Y) == []
    model.save(tmp_path / "detector.keras")
    assert cheatsheet.check(tmp_path / "detector.keras", X, Y) == []


def test_boxes_in_parts_of_the_image_under_a_sigmoid_are_right():
    y = with_y(lambda y: y[..., 1:].__itruediv__(SIDE))
    y[..., 1:] = y[..., 1:].clip(0, 1)
    assert cheatsheet.check(detector(activation="sigmoid", last=()), X, y) == []


NOT_SAID_IN_A_FILE = ("six channels", "another grid", "no grid")  # the shape that a layer gives
WRONG_HEADS = {
    "linear": (detector(last=()), "cell_head", "does not keep the confidence between 0 and 1"),
    "softmax": (detector(activation="softmax", last=()), "cell_head", "sum to 1"),
    "relu": (detector(activation="relu", last=()), "cell_head", "does not keep the confidence"),
    "sigmoid": (detector(activation="sigmoid", last=()), "cell_head", "those of y run from -6 to 70"),
    "sigmoid twice": (detector(activation="sigmoid"), "cell_head", "what sigmoid has bounded already"),
    "four channels": (detector(4, last=()), "cell_shape", r"The model gives \(n, 8, 8, 4\)"),
    "six channels": (detector(6), "cell_shape", r"The model gives \(n, 8, 8, 6\)"),
    "another grid": (detector(strides=4), "cell_shape", "y has 8 x 8 cells, and the model gives 4 x 4"),
    "no grid": (detector(last=(layers.Flatten,)), "cell_shape", r"The model gives \(n, 320\)"),
    "another stride": (detector(last=(lambda: CellBoxes(stride=4),)), "cell_reach", "its 8 x 8 cells are 32 x 32"),
}


@pytest.mark.parametrize("name", WRONG_HEADS)
def test_wrong_heads(name, tmp_path):
    model, rule, said = WRONG_HEADS[name]
    found = cheatsheet.check(model, X, Y)
    assert [(one.rule, one.severity) for one in found] == [(rule, "error")]
    with pytest.raises(DataError, match=said):
        fit(model, X, Y, verbose=0)
    if name not in NOT_SAID_IN_A_FILE:
        model.save(tmp_path / "wrong.keras")
        assert cheatsheet.check(tmp_path / "wrong.keras", X, Y)[0].rule == rule


WRONG_TARGETS = {
    "a confidence of 0.7": (
        with_y(lambda y: np.copyto(y[..., 0], 0.7, where=y[..., 0] == 1)),
        "cell_values",
        "y holds 0.69",
    ),
    "a confidence of 2": (with_y(lambda y: np.copyto(y[..., 0], 2, where=y[..., 0] == 1)), "cell_values", "y holds 2"),
    "the confidence last": (Y[..., [1, 2, 3, 4, 0]], "cell_values", r"y\[..., \[4, 0, 1, 2, 3\]\]"),
    "left and right swapped": (Y[..., [0, 3, 2, 1, 4]], "cell_values", "no area"),
    "width and height": (with_y(to_width_and_height), "cell_values", "x, y, x [+] width"),
    "parts of the image": (with_y(lambda y: y[..., 1:].__itruediv__(SIDE)), "cell_reach", "in pixels of the image"),
    "one cell": (Y[:, 2:3, 2:3], "cell_shape", "y has 1 x 1 cells"),
    "a number a row": (np.ones(len(Y)), "cell_shape", r"y has shape \(12,\)"),
    "boxes alone": (np.tile([10.0, 10, 30, 34], (len(Y), 1)), "cell_shape", r"y has shape \(12, 4\)"),
}


@pytest.mark.parametrize(("y", "rule", "said"), WRONG_TARGETS.values(), ids=WRONG_TARGETS)
def test_wrong_targets(y, rule, said):
    found = cheatsheet.check(detector(), X, y)
    assert [(one.rule, one.severity) for one in found] == [(rule, "error")]
    with pytest.raises(DataError, match=said):
        fit(detector(), X, y, verbose=0)


def test_of_targets_with_nan_that_alone_is_said():
    y = with_y(lambda y: np.copyto(y, np.nan, where=y == 10))
    for model in (detector(), detector(activation="sigmoid", last=())):
        assert {one.rule for one in cheatsheet.check(model, X, y)} == {"not_finite"}


def test_no_object_anywhere_is_said_of_what_trains_alone():
    assert cheatsheet.check(detector(), X, np.zeros_like(Y))[0].rule == "cell_values"
    run = fit(detector(), X, np.zeros_like(Y), verbose=0)
    assert "cell_values" in [one.rule for one in run.findings if one.severity == "warning"]
    judged = run.evaluate(X[1:2], Y[1:2])
    assert judged["loss"] >= 0  # an image without objects is one to be right about
    with pytest.raises(ValueError, match=r"There is nothing to draw: .* as a detector's, the loss and the metrics"):
        judged.plot()


@pytest.mark.parametrize("loss", ["mse", "mae", "binary_crossentropy"])
def test_a_loss_for_numbers_sees_the_empty_boxes_too(loss):
    found = cheatsheet.check(detector(loss=loss), X, Y)
    assert [(one.rule, one.severity) for one in found] == [("cells_as_numbers", "error")]
    assert "Detection()" in found[0].fix


def test_a_loss_of_the_same_name_is_none_of_ours():
    class Detection(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=(1, 2, 3))

    assert [one.rule for one in cheatsheet.check(detector(last=(), loss=Detection(name="detection")), X, Y)] == [
        "not_judged"
    ]


def test_cells_are_known_for_what_they_are():
    found = cheatsheet.infer_task(Y)
    assert (found.task, found.evidence) == ("detection", "8 x 8 cells per row, each 1, 0 or -1 and a box")
    assert cheatsheet.infer_task(np.random.default_rng(0).random((6, 8, 8, 5))).task == "reconstruction"
    boxes_everywhere = np.where(Y[..., :1] == 1, Y, [0, 1, 2, 3, 4])
    assert cheatsheet.infer_task(boxes_everywhere).task == "reconstruction"
