"""Metrics that are asked for: those that a loss's targets cannot feed are refused, or the loss is taken that can."""

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused
from sklearn import metrics as sklearn_metrics

from cheatsheet import DataError
from cheatsheet.modelspec import describe_model
from cheatsheet.table import OF_NUMBERED, OF_ROWS, canonical_metric
from recipes import build_model, fit, tune
from recipes.training.evaluate import evaluate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype("float32")
KIND = np.digitize(X[:, 0], [-0.5, 0.5])
NAMES = np.array(["a", "b", "c"])[KIND]


def compiled(loss, metrics, weighted=None):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("adam", loss, metrics=metrics, weighted_metrics=weighted)
    return model


@pytest.mark.parametrize("labels", [KIND, NAMES], ids=["numbers", "text"])
@pytest.mark.slow
def test_build_model_takes_the_loss_that_the_metrics_can_be_watched_beside(labels):
    model = build_model(x=X, y=labels, metrics=["precision", keras.metrics.AUC(name="area"), "f1_score"], seed=0)
    run = fit(model, X, labels, epochs=20, validation_split=0.2, verbose=0)
    plain = fit(build_model(x=X, y=labels, seed=0), X, labels, epochs=20, validation_split=0.2, verbose=0)
    np.testing.assert_allclose(run.history["val_loss"], plain.history["val_loss"], rtol=1e-4)  # the same number
    rows, outputs = np.eye(3)[KIND], run.predict(X)
    found = run.evaluate(X, labels)
    assert found["precision"] == pytest.approx(
        sklearn_metrics.precision_score(rows, outputs > 0.5, average="micro"), rel=1e-5
    )
    by_class = sklearn_metrics.f1_score(KIND, outputs.argmax(axis=1), average=None)
    assert np.asarray(found["f1_score"]).tolist() == pytest.approx(by_class.tolist(), rel=1e-5)


def test_metrics_of_numbered_classes_take_the_other_twin():
    model = build_model("multiclass", num_classes=3, metrics=["sparse_categorical_accuracy"], seed=0)
    run = fit(model, X, NAMES, epochs=1, verbose=0)
    assert run.history["sparse_categorical_accuracy"] == run.history["accuracy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": KIND, "loss": "sparse_categorical_crossentropy", "metrics": ["auc"]},
         "The metric 'auc' reads one-hot rows, but sparse_categorical_crossentropy takes the number of a class. "
         "Say loss='categorical_crossentropy'."),
        ({"y": np.eye(3)[KIND], "metrics": ["sparse_categorical_accuracy"]},
         "The metric 'sparse_categorical_accuracy' reads the number of a class, but categorical_crossentropy takes "
         "rows. Leave 'sparse' out of its name."),
        ({"y": KIND, "metrics": [keras.metrics.Recall(), "sparse_categorical_accuracy"]},
         "metrics='recall' reads one-hot rows, and 'sparse_categorical_accuracy' the number of a class. Expected one "
         "kind. Leave 'sparse' out of the latter's name, or one of them."),
        ({"y": KIND, "metrics": ["presicion"]},
         "Unknown metric. Received: metrics='presicion'. Expected the name of one of keras.metrics, such as "
         "'accuracy', 'auc' or 'f1_score'. Did you mean 'Precision'?"),
    ],
)  # fmt: skip
def test_metrics_that_cannot_be_watched_are_refused(options, message):
    with refused(message):
        build_model(**options)


@pytest.mark.parametrize(
    "name", sorted(name for name in vars(keras.metrics) if isinstance(vars(keras.metrics)[name], type))
)
def test_the_two_kinds_are_as_keras_has_them(name):
    """What reads rows gives another number, or an error, for numbered classes, and the other way round."""
    kind = vars(keras.metrics)[name]
    needed = {"PrecisionAtRecall": {"recall": 0.5}, "RecallAtPrecision": {"precision": 0.5},
              "SensitivityAtSpecificity": {"specificity": 0.5}, "SpecificityAtSensitivity": {"sensitivity": 0.5},
              "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]},
              "OneHotMeanIoU": {"num_classes": 3}}  # fmt: skip
    known = canonical_metric(name)
    if known not in OF_ROWS | OF_NUMBERED:
        return
    outputs = np.exp(X[:, :3]) / np.exp(X[:, :3]).sum(axis=1, keepdims=True)

    def value(targets):
        metric = kind(**needed.get(name, {}))
        try:
            metric.update_state(targets, outputs)
        except Exception:
            return None
        return np.asarray(metric.result()).tolist()

    read, other = (np.eye(3)[KIND], KIND) if known in OF_ROWS else (KIND, np.eye(3)[KIND])
    assert np.isfinite(value(read)).all()
    assert value(other) != value(read)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", keras.losses.SparseCategoricalCrossentropy()])
@pytest.mark.parametrize("metric", ["precision", keras.metrics.AUC, keras.metrics.categorical_accuracy])
def test_fit_refuses_metrics_of_rows_beside_numbered_classes(loss, metric):
    metric = metric() if isinstance(metric, type) else metric
    model = compiled(loss, [metric])
    before = [weight.copy() for weight in model.get_weights()]
    for call in (lambda: fit(model, X, KIND, verbose=0), lambda: evaluate(model, X, KIND)):
        with pytest.raises(DataError, match=r"reads one-hot rows, but sparse_categorical_crossentropy takes") as caught:
            call()
        assert [finding.rule for finding in caught.value.findings] == ["unfit_metric"]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert fit(compiled("categorical_crossentropy", [metric]), X, NAMES, verbose=0).epochs == 1


def test_metrics_of_one_of_several_outputs_are_refused_by_its_name():
    inputs = keras.Input((4,))
    size, kind = keras.layers.Dense(1, name="size")(inputs), keras.layers.Dense(3, "softmax", name="kind")(inputs)
    for outputs, metrics in (({"size": size, "kind": kind}, {"kind": ["recall"], "size": ["mse"]}),
                             ([size, kind], [["mse"], ["recall"]])):  # fmt: skip
        model = keras.Model(inputs, outputs)
        names = {"size": "mean_squared_error", "kind": "sparse_categorical_crossentropy"}
        model.compile("adam", names if isinstance(outputs, dict) else [*names.values()], metrics=metrics)
        assert {output.name: output.metrics for output in describe_model(model).outputs} == {
            "size": ("mean_squared_error",), "kind": ("recall",)
        }  # fmt: skip
        targets = {"size": X[:, 0], "kind": KIND}
        with pytest.raises(DataError, match=r"^In output 'kind': The metric 'recall' reads one-hot rows"):
            fit(model, X, targets if isinstance(outputs, dict) else [*targets.values()], verbose=0)


def test_a_metric_of_ones_own_is_left_alone():
    class Precision(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            return super().update_state(y_pred[:, 0])

    run = fit(compiled("sparse_categorical_crossentropy", [Precision(name="mine")]), X, KIND, verbose=0)
    assert 0 < run.history["mine"][0] < 1


def test_evaluate_says_which_numbers_are_unweighted():
    weights = np.where(KIND == 0, 3.0, 0.5).astype("float32")
    model = compiled("sparse_categorical_crossentropy", ["accuracy"], [keras.metrics.SparseCategoricalAccuracy("all")])
    right = model.predict(X, verbose=0).argmax(axis=1) == KIND
    found = evaluate(model, X, KIND, sample_weight=weights)
    assert found["accuracy"] == pytest.approx(right.mean(), rel=1e-5)
    assert found["all"] == pytest.approx(np.average(right, weights=weights), rel=1e-5)
    assert found.unweighted == ("accuracy",)
    for text in (str(found), repr(found), found._repr_html_()):
        assert "accuracy (unweighted)" in text
        assert "all (unweighted)" not in text
    assert "unweighted" not in str(evaluate(model, X, KIND))


@pytest.mark.slow
def test_a_search_shows_the_metrics_that_were_asked_for(tmp_path):
    search = tune(X, KIND, metrics=["recall", "f1_score"], max_trials=2, epochs=3, space={"units": [4, 8]},
                  directory=tmp_path, verbose=0)  # fmt: skip
    for row, trial in zip(search.table(), search.trials, strict=True):
        (execution,) = trial.executions
        assert row["val_recall"] == execution.history["val_recall"][execution.best_epoch - 1]
        assert len(row["val_f1_score"]) == 3
        assert {"val_accuracy", "val_loss"} <= row.keys()
    assert pd.DataFrame(search.table())["val_recall"].between(0, 1).all()
