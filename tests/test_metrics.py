"""Metrics that are asked for: those that a loss's targets cannot feed are refused, or the loss is taken that can."""

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused
from sklearn import metrics as sklearn_metrics

import cheatsheet
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


class SeveralValues(keras.metrics.Metric):
    """Gives a dict: the mean output, and under a name that Keras uses too the number of rows."""

    def __init__(self):
        super().__init__(name="several")
        self.total = self.add_variable((), "zeros", name="total")
        self.rows = self.add_variable((), "zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(keras.ops.sum(y_pred))
        self.rows.assign_add(keras.ops.cast(keras.ops.shape(y_pred)[0], "float32"))

    def result(self):
        return {"mean": self.total / self.rows, "acc": self.rows}

    def reset_state(self):
        self.total.assign(0.0)
        self.rows.assign(0.0)


@pytest.mark.slow_but("auto")
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_metric_of_several_values_is_in_the_history_as_in_keras(engine):
    def made():
        return passing([SeveralValues(), "acc"], loss="binary_crossentropy", activation="sigmoid")

    plain, model = made(), made()
    options = {"epochs": 2, "validation_data": (LOGITS, YES), "shuffle": False, "verbose": 0}
    expected = plain.fit(LOGITS, YES, **options).history
    run = fit(model, LOGITS, YES, engine=engine, **options)
    assert run.history.keys() == expected.keys() == {"acc", "loss", "mean", "val_acc", "val_loss", "val_mean"}
    for name, values in expected.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-6, err_msg=name)
    assert run.history["acc"] == [400.0, 400.0]
    found = run.evaluate(LOGITS, YES)
    for name, value in plain.evaluate(LOGITS, YES, return_dict=True, verbose=0).items():
        assert found[name] == pytest.approx(value, rel=1e-6)


# --- metrics that misread an output -------------------------------------------------------------------------------

LOGITS = np.random.default_rng(1).normal(scale=1.5, size=(400, 1)).astype("float32")
YES = (np.random.default_rng(2).random((400, 1)) < 1 / (1 + np.exp(-3 * LOGITS))).astype("float32")
OF_LOGITS = {
    "yes": keras.losses.BinaryCrossentropy,
    "focal": keras.losses.BinaryFocalCrossentropy,
    "one": keras.losses.CategoricalCrossentropy,
    "numbered": keras.losses.SparseCategoricalCrossentropy,
}


def passing(metrics, loss="yes", units=1, activation=None, built=True):
    """A model that gives what it takes, so that its outputs are known."""
    head = keras.layers.Dense(units, activation, use_bias=False, kernel_initializer="identity")
    model = keras.Sequential([keras.Input((units,)), head] if built else [head])
    model.compile("sgd", OF_LOGITS[loss](from_logits=True) if loss in OF_LOGITS else loss, metrics=metrics)
    return model


def misread(model, y=None):
    return [finding for finding in cheatsheet.check(model, y=y) if finding.rule == "metric_threshold"]


def number_of(model, y=YES, x=LOGITS):
    (number,) = (v for k, v in model.evaluate(x, y, verbose=0, return_dict=True).items() if k != "loss")
    return float(np.ravel(number)[0])


PLUS = LOGITS[:, 0] > 0
SAID = YES[:, 0].astype(bool)


@pytest.mark.parametrize(
    ("metric", "true"),
    [
        ("accuracy", (PLUS == SAID).mean()),
        ("acc", (PLUS == SAID).mean()),
        ("binary_accuracy", (PLUS == SAID).mean()),
        (keras.metrics.binary_accuracy, (PLUS == SAID).mean()),
        (keras.metrics.BinaryAccuracy, (PLUS == SAID).mean()),
        (keras.metrics.Precision, sklearn_metrics.precision_score(SAID, PLUS)),
        ("recall", sklearn_metrics.recall_score(SAID, PLUS)),
        (keras.metrics.TruePositives, (PLUS & SAID).sum()),
        (keras.metrics.FalseNegatives, (~PLUS & SAID).sum()),
        (lambda: keras.metrics.BinaryIoU([0, 1]), sklearn_metrics.jaccard_score(SAID, PLUS, average="macro")),
        (keras.metrics.AUC, sklearn_metrics.roc_auc_score(SAID, LOGITS[:, 0])),
        ("auc", sklearn_metrics.roc_auc_score(SAID, LOGITS[:, 0])),
        ("binary_crossentropy", sklearn_metrics.log_loss(SAID, 1 / (1 + np.exp(-LOGITS[:, 0])))),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cuts_logits_at_a_half_is_found_and_mended(metric, true):
    """Keras' own number is another one than NumPy's; that of the copy that fix makes is the same."""

    def made():
        return metric() if callable(metric) and metric is not keras.metrics.binary_accuracy else metric

    model = passing([made()])
    assert abs(number_of(model) - true) > 0.01 * true
    (found,) = misread(model)
    assert found.severity == "warning"
    assert any(setting in found.fix for setting in ("threshold=0.0)", "thresholds=0.0)", "(from_logits=True)"))
    assert "activation='sigmoid' without from_logits=True" in found.fix
    assert len(misread(passing([made()], built=False), YES)) == len(misread(passing([made()], "focal"))) == 1
    fixed = cheatsheet.fix(model, YES)
    assert [finding.rule for finding in fixed.findings] == ["metric_threshold"]
    assert fixed.remaining == []
    assert number_of(fixed.model) == pytest.approx(true, rel=5e-3)
    assert [change[:6] for change in fixed.changes] == ["metric"]


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        (lambda: keras.metrics.F1Score(), {}),
        (lambda: keras.metrics.F1Score(threshold=0.5), {}),
        (lambda: keras.metrics.PrecisionAtRecall(0.9), {}),
        (lambda: keras.metrics.SensitivityAtSpecificity(0.8), {}),
        (lambda: keras.metrics.Precision(), {"loss": "one", "units": 2}),
        (lambda: keras.metrics.BinaryAccuracy(), {"loss": "one", "units": 2}),
        (lambda: keras.metrics.AUC(), {"loss": "one", "units": 2}),
    ],
)
def test_what_no_setting_mends_is_found_and_left(metric, options):
    model = passing([metric()], **options)
    (found,) = misread(model)
    assert "without from_logits=True" in found.fix
    fixed = cheatsheet.fix(model, YES if options == {} else np.eye(2)[SAID.astype(int)])
    assert [finding.rule for finding in fixed.remaining] == ["metric_threshold"]
    assert fixed.changes == ()


def test_other_outputs_that_a_metric_misreads():
    """Margins, which 0 parts; probabilities cut at 0; one node, whose largest value is always itself."""
    for metric, options, mend in (
        ("accuracy", {"loss": "hinge", "activation": "tanh"}, "sign_accuracy"),
        (keras.metrics.BinaryAccuracy(threshold=0.0), {"loss": "binary_crossentropy", "activation": "sigmoid"},
         "keras.metrics.BinaryAccuracy(threshold=0.5)"),
        (keras.metrics.F1Score(), {"loss": "binary_crossentropy", "activation": "sigmoid"},
         "keras.metrics.F1Score(threshold=0.5)"),
    ):  # fmt: skip
        (found,) = misread(passing([metric], **options))
        assert mend in found.fix
    model = passing([keras.metrics.F1Score()], loss="binary_crossentropy", activation="sigmoid")
    everything = sklearn_metrics.f1_score(SAID, np.ones(400))
    assert number_of(model) == pytest.approx(everything, rel=1e-5)
    mended = cheatsheet.fix(model, YES).model
    assert number_of(mended) == pytest.approx(sklearn_metrics.f1_score(SAID, PLUS), rel=1e-5)


@pytest.mark.slow_but("BinaryAccuracy(threshold=0.0)", "Sparse")
@pytest.mark.parametrize(
    ("options", "y", "kind", "true"),
    [
        ({}, YES, "BinaryAccuracy(threshold=0.0)", (PLUS == SAID).mean()),
        ({"loss": "binary_crossentropy", "activation": "sigmoid"}, YES, "BinaryAccuracy(threshold=0.5)",
         (PLUS == SAID).mean()),
        ({"loss": "one", "units": 2}, np.eye(2)[SAID.astype(int)], "CategoricalAccuracy()", (PLUS == SAID).mean()),
        ({"loss": "numbered", "units": 2}, SAID[:, None].astype(int), "SparseCategoricalAccuracy()",
         (PLUS == SAID).mean()),
    ],
)  # fmt: skip
def test_the_class_accuracy_is_not_the_accuracy(options, y, kind, true):
    """It counts outputs that equal the label to the last digit: 0 of a model that is right in most rows."""
    x = LOGITS if options.get("units", 1) == 1 else np.c_[-LOGITS, LOGITS]
    for metric in (keras.metrics.Accuracy(), keras.metrics.Accuracy(name="mine")):
        model = passing([metric], **options)
        assert number_of(model, y, x) < 0.01
        (found,) = misread(model)
        assert kind in found.fix
        fixed = cheatsheet.fix(model, y)
        assert fixed.changes == (f"metric 'Accuracy': {kind}",)
        assert number_of(fixed.model, y, x) == pytest.approx(true, rel=1e-5)
        assert {metric.name} <= fixed.model.evaluate(x, y, verbose=0, return_dict=True).keys()
    (found,) = misread(passing([keras.metrics.Accuracy()], loss="hinge"))
    assert "sign_accuracy" in found.fix
    assert misread(passing(["Accuracy"], loss="one", units=2)) == []  # which Keras chooses by the loss


@pytest.mark.parametrize(
    ("metrics", "options"),
    [
        ([keras.metrics.BinaryAccuracy(threshold=0.0), keras.metrics.AUC(from_logits=True)], {}),
        ([keras.metrics.Precision(thresholds=0), keras.metrics.Recall(thresholds=[0.0])], {}),
        ([keras.metrics.BinaryAccuracy(threshold=0.7), "mse"], {}),  # somebody's own cut, and no cut at all
        (["accuracy"], {"units": 2}),  # of which Keras takes the largest
        (["accuracy", "acc"], {"loss": "one", "units": 3}),
        ([keras.metrics.F1Score(), keras.metrics.Precision(top_k=1)], {"loss": "one", "units": 3}),
        (["accuracy"], {"loss": "numbered", "units": 3}),
        (["accuracy", "auc"], {"activation": "sigmoid"}),  # from_logits or not, what comes out is a probability
        (["accuracy", "auc"], {"loss": "binary_crossentropy", "activation": "sigmoid"}),
        (["accuracy"], {"loss": "mse"}),  # 0 and 1 as numbers lie around a half
        ([lambda y, p: 0.0], {}),
    ],
)
def test_a_metric_that_is_right_is_let_be(metrics, options):
    assert misread(passing(metrics, **options)) == []
    assert misread(passing(metrics, **options, built=False)) == []


def test_one_of_several_outputs_and_a_file(tmp_path):
    inputs = keras.Input((1,))
    ends = {"a": keras.layers.Dense(1, name="a")(inputs), "b": keras.layers.Dense(1, "sigmoid", name="b")(inputs)}
    model = keras.Model(inputs, ends)
    loss = keras.losses.BinaryCrossentropy
    model.compile("sgd", {"a": loss(from_logits=True), "b": loss()}, metrics={"a": ["accuracy"], "b": ["accuracy"]})
    found = misread(model)
    assert [finding.output for finding in found] == ["a"]
    model.save(tmp_path / "model.keras")
    assert misread(tmp_path / "model.keras") == found
    fixed = cheatsheet.fix(model, {"a": YES, "b": YES})
    assert fixed.changes == ("metric 'accuracy': threshold=0.0",)
    assert fixed.remaining == []


def test_fit_says_it_and_build_model_compiles_what_is_right():
    run = fit(passing(["accuracy"]), LOGITS, YES, verbose=0)
    assert [finding.severity for finding in run.findings if finding.rule == "metric_threshold"] == ["warning"]
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    for task, y in (("binary", SAID), ("multilabel", np.c_[SAID, ~SAID])):
        run = fit(build_model(task, x=LOGITS, y=y, loss=loss, seed=0), LOGITS, y, epochs=3, verbose=0)
        assert "metric_threshold" not in [finding.rule for finding in run.findings]
        name = "accuracy" if task == "binary" else "binary_accuracy"
        right = ((run.predict(LOGITS) > 0) == y.reshape(400, -1)).mean()
        assert run.evaluate(LOGITS, y)[name] == pytest.approx(right, abs=1e-5)
