"""Labels that may be misspelt are pointed out, and of two classes it is said which one the output is for."""

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused

from cheatsheet import DataError, infer_task
from cheatsheet.rules import ADVICE
from recipes import build_model, fit, tune

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3)).astype("float32")
CLEAN = np.array(["setosa", "versicolor", "virginica"])[np.arange(120) % 3]
BLANK = np.where(np.arange(120) == 30, "setosa ", CLEAN)
CAPITALS = np.where(np.arange(120) < 21, np.char.capitalize(CLEAN), CLEAN)
MISSPELT = np.where(np.arange(120) == 31, "vesricolor", CLEAN)
TWO = np.where(X[:, 0] > 0, "malignant", "benign")


def net(units, loss="sparse_categorical_crossentropy", activation="softmax"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation)])
    model.compile(keras.optimizers.Adam(0.1), loss)
    return model


def advice(run):
    return {finding.rule: str(finding) for finding in run.findings if finding.rule in ADVICE}


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
@pytest.mark.slow_but("sparse")
def test_a_misspelt_label_is_a_finding(loss):
    assert advice(fit(net(3, loss), X, CLEAN, verbose=0)) == {}
    assert advice(fit(net(4, loss), X, BLANK, verbose=0)) == {
        "look_alike_labels": "warning look_alike_labels: 'setosa', 'setosa ' differ in blanks or capitals alone in y, "
        "and are classes of their own. Mend: if they are one class, mend y, such as by y.str.strip().str.lower().",
        "single_row_class": "warning single_row_class: The class 'setosa ' has a single row of 120, which cannot both "
        "train and validate. Mend: look for a misspelt label, or leave the row out.",
    }
    assert advice(fit(net(6, loss), X, CAPITALS, verbose=0)).keys() == {"look_alike_labels"}
    assert advice(fit(net(4, loss), X, MISSPELT, verbose=0)).keys() == {"single_row_class"}
    mended = pd.Series(BLANK).str.strip().str.lower()
    assert advice(fit(net(3, loss), X, mended, verbose=0)) == {}


def test_a_misspelt_label_among_several_outputs_names_its_output():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, {"size": keras.layers.Dense(1, name="size")(inputs),
                                 "kind": keras.layers.Dense(4, "softmax", name="kind")(inputs)})  # fmt: skip
    model.compile("adam", {"size": "mean_squared_error", "kind": "sparse_categorical_crossentropy"})
    run = fit(model, X, {"size": X[:, 0], "kind": BLANK}, verbose=0)
    assert {finding.output for finding in run.findings if finding.rule in ADVICE} == {"kind"}


@pytest.mark.parametrize("small", [["a", "b", "A"], ["a", "b", "c"]])
def test_a_handful_of_rows_says_nothing(small):
    assert advice(fit(net(3), X[:3], small, verbose=0)) == {}


@pytest.mark.slow
def test_what_reads_the_task_off_y_says_it_too(tmp_path, recwarn):
    inferred = infer_task(BLANK)
    said = "'setosa', 'setosa ' differ in blanks or capitals alone: if they are one class, mend y"
    assert said in inferred.alternatives
    options = {"max_trials": 1, "epochs": 1, "space": {"units": [2]}, "verbose": 0}
    build_model(x=X, y=BLANK)
    tune(X, BLANK, directory=tmp_path, **options)
    told = [str(warning.message) for warning in recwarn if "was read off y" in str(warning.message)]
    assert len(told) == 2
    assert all(said in text for text in told)


def test_labels_that_do_not_fit_for_a_blank_are_told_so():
    alike = "'setosa', 'setosa ' differ in blanks or capitals alone."
    with refused(
        "The model has 3 outputs, but y holds 4 classes: 'setosa', 'setosa ', 'versicolor', 'virginica'. "
        f"Expected labels 0..2, or 3 different ones. {alike} Build the model with num_classes=4, or mend y.",
        DataError,
    ):
        fit(net(3), X, BLANK, verbose=0)
    run = fit(net(3), X, CLEAN, verbose=0)
    for call in (lambda: run.evaluate(X, BLANK), lambda: fit(net(3), X, CLEAN, validation_data=(X, BLANK), verbose=0),
                 lambda: fit(run.model, X, BLANK, verbose=0)):  # fmt: skip
        with pytest.raises(DataError) as caught:
            call()
        assert alike in str(caught.value)
    with pytest.raises(DataError, match=r"holds 3: .* 'benign', 'benign ' differ in blanks or capitals alone\. Say"):
        fit(net(1, "binary_crossentropy", "sigmoid"), X, np.where(X[:, 1] > 1, "benign ", TWO), verbose=0)


@pytest.mark.parametrize(
    ("loss", "activation", "said"),
    [
        ("binary_crossentropy", "sigmoid", "the probability of"),
        ("hinge", "tanh", "above 0 for"),
        (keras.losses.BinaryCrossentropy(from_logits=True), "linear", "above 0 for"),
    ],
    ids=["sigmoid", "hinge", "logits"],
)
def test_the_positive_class_is_said(loss, activation, said):
    run = fit(net(1, loss, activation), X, TWO, epochs=20, verbose=0)
    assert run.positive == "malignant"
    assert f"the output is {said} 'malignant', the positive class; the other is 'benign'" in str(run)
    assert "outputs are for 'malignant'" in repr(run)
    assert "malignant" in run._repr_html_()
    found = run.evaluate(X, TWO)
    cut = "the output is above 0" if loss == "hinge" else "its probability is above 0.5"
    assert f"positive class 'malignant', predicted where {cut}; negative 'benign'" in str(found)
    assert run.predict(X)[TWO == "malignant"].mean() > run.predict(X)[TWO == "benign"].mean()  # as it says


def test_where_each_class_has_its_output_none_is_the_positive_one():
    for run in (fit(net(2), X, TWO, verbose=0), fit(net(3), X, CLEAN, verbose=0),
                fit(net(1, "mean_squared_error", "linear"), X, X[:, 0], verbose=0)):  # fmt: skip
        assert run.positive is None
        assert "positive" not in str(run) + repr(run)
