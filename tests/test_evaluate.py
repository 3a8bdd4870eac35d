"""What `evaluate` says of a task is what scikit-learn says of the same predictions."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from recipes import build_autoencoder, build_model, fit
from recipes.plots import plot_calibration, plot_confusion, plot_predictions
from recipes.training.evaluate import evaluate
from recipes.training.several.ensemble import ensemble_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype("float32")
WEIGHTS = RNG.random(200).astype("float32")


def passing(units, loss, activation="linear", names=None):
    """A model whose outputs are its inputs, or their activation."""
    inputs = keras.Input((units,))
    outputs = keras.layers.Activation(activation, name=names)(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(loss=loss)
    return model


@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`")  # Keras' own, of a sigmoid
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(("activation", "from_logits"), [("linear", True), ("sigmoid", False), ("sigmoid", True)])
def test_two_classes(weights, activation, from_logits):
    scores = X[:, :1] + 0.1
    labels = np.where(X[:, 0] + RNG.normal(size=200) > 0, "yes", "no")
    loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
    found = evaluate(passing(1, loss, activation), scores, labels, sample_weight=weights)
    probability = 1 / (1 + np.exp(-scores[:, 0]))
    guess = np.where(probability > 0.5, "yes", "no")
    true = labels == "yes"
    np.testing.assert_allclose(
        found.confusion_matrix, metrics.confusion_matrix(labels, guess, sample_weight=weights), rtol=1e-6
    )
    assert found["balanced_accuracy"] == pytest.approx(
        metrics.balanced_accuracy_score(labels, guess, sample_weight=weights)
    )
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(true, probability, sample_weight=weights))
    assert found.recall["yes"] == pytest.approx(metrics.recall_score(true, guess == "yes", sample_weight=weights))
    assert found.precision["no"] == pytest.approx(metrics.precision_score(~true, guess == "no", sample_weight=weights))
    assert next(iter(found)) == "loss"


@pytest.mark.parametrize(
    ("loss", "units", "activation", "y"),
    [
        (keras.losses.SparseCategoricalCrossentropy, 3, "softmax", np.array(["a", "b", "c"])[X[:, :3].argmax(axis=1)]),
        (keras.losses.CategoricalCrossentropy, 3, "softmax", np.eye(3)[X[:, :3].argmax(axis=1)]),
        (keras.losses.BinaryCrossentropy, 1, "sigmoid", (X[:, 0] > 0.3).astype(int)),
        (keras.losses.BinaryCrossentropy, 3, "sigmoid", (X[:, :3] > 0.3).astype(int)),
    ],
    ids=["labels", "one-hot", "yes or no", "several labels"],
)
def test_probabilities_are_none_the_less_under_a_loss_of_logits(loss, units, activation, y):
    """Keras looks behind the activation for the loss; what comes out are probabilities, whatever it was told."""
    x, found = X[:, :units], []
    for from_logits in (False, True):
        model = passing(units, loss(from_logits=from_logits), activation)
        with warnings.catch_warnings(action="ignore"):  # Keras', and ours, that say so
            run = fit(model, x, y, epochs=1, verbose=0)
            labels = run.predict_labels(x) if run.classes else run.predict(x) > 0.5
            found.append(({**run.evaluate(x, y)}, labels))
    (expected, labels), (numbers, same) = found
    assert numbers == pytest.approx(expected, rel=1e-5)
    assert {*np.ravel(labels)} == {*np.ravel(same)}
    np.testing.assert_array_equal(labels, same)
    assert len({*np.ravel(labels)}) > 1
    with warnings.catch_warnings(action="ignore"), pytest.raises(ValueError, match="from_logits=True, which"):
        ensemble_of([model, model])


def test_calibration_is_as_it_was_made():
    """Of probabilities that come true as they say the error is within its own; of doubled logits it is large."""
    many = RNG.normal(size=(20_000, 1)).astype("float32")
    came = (RNG.random(20_000) < 1 / (1 + np.exp(-many[:, 0]))).astype(int)
    model = passing(1, keras.losses.BinaryCrossentropy(from_logits=True))
    honest, sure = evaluate(model, many, came), evaluate(model, 3 * many, came)
    bins = honest.calibration
    assert (np.abs(bins.observed - bins.predicted) < 4 * bins.error).all()
    assert bins.num_rows.sum() == 20_000
    assert honest["calibration_error"] < 0.01
    assert sure["calibration_error"] > 0.1


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_several_classes(loss):
    labels = RNG.choice(["a", "b", "c", "d"], 200)
    found = evaluate(passing(4, loss, "softmax"), X, labels)
    probability = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    guess = np.array(list("abcd"))[X.argmax(axis=1)]
    np.testing.assert_array_equal(found.confusion_matrix, metrics.confusion_matrix(labels, guess))
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, probability, multi_class="ovr"), rel=1e-5)
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, guess))
    assert list(found.recall.values()) == pytest.approx(metrics.recall_score(labels, guess, average=None))
    only = evaluate(passing(4, loss, "softmax"), X[:50], np.zeros(50, int))  # one of four classes: no area
    assert "auc" not in only
    assert np.isnan(only.recall[3])


def test_a_class_for_each_step_but_those_left_out():
    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1))
    x, y = RNG.normal(size=(20, 6, 3)).astype("float32"), RNG.integers(-1, 3, (20, 6))
    kept = y.ravel() >= 0
    expected = metrics.confusion_matrix(y.ravel()[kept], x.reshape(-1, 3).argmax(axis=1)[kept])
    np.testing.assert_array_equal(evaluate(model, x, y).confusion_matrix, expected)
    halves = evaluate(model, x, y, sample_weight=np.full((20, 6), 0.5))
    np.testing.assert_allclose(halves.confusion_matrix, expected / 2)


def test_margins_are_no_probabilities():
    found = evaluate(passing(1, "hinge"), X[:, :1], np.where(X[:, 0] > 0, 1, -1))
    assert found["balanced_accuracy"] == found["auc"] == 1
    assert found.calibration is None
    assert "calibration_error" not in found


def test_several_labels_a_row():
    true = pd.DataFrame({"sun": X[:, 0] > 0, "rain": X[:, 1] > 1, "snow": RNG.random(200) > 0.5})
    run = fit(build_model("multilabel", x=X, y=true, seed=0), X, true, epochs=20, verbose=0)
    assert run.signature.outputs[0].columns == ("sun", "rain", "snow")
    found, outputs = run.evaluate(X, true[["snow", "sun", "rain"]]), run.predict(X)
    areas = [metrics.roc_auc_score(true.iloc[:, k], outputs[:, k]) for k in range(3)]
    assert found["auc"] == pytest.approx(np.mean(areas))
    assert list(found.recall) == ["sun", "rain", "snow"]
    for k, name in enumerate(found.recall):
        assert found.recall[name] == pytest.approx(metrics.recall_score(true[name], outputs[:, k] > 0.5))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_numbers(weights):
    true = X[:, :2] + RNG.normal(size=(200, 2))
    found = evaluate(passing(2, "mean_squared_error"), X[:, :2], true, sample_weight=weights)
    for name, score in (("r2", metrics.r2_score), ("mean_absolute_error", metrics.mean_absolute_error)):
        assert found[name] == pytest.approx(score(true, X[:, :2], sample_weight=weights), rel=1e-5)
    squares = np.average(((true - X[:, :2]) ** 2).mean(axis=1), weights=weights)
    assert found["root_mean_squared_error"] == pytest.approx(
        metrics.root_mean_squared_error(true, X[:, :2], sample_weight=weights), rel=1e-5
    )
    assert weights is not None or found["loss"] == pytest.approx(squares, rel=1e-5)


@pytest.mark.slow
def test_quantiles_and_reconstructions():
    run = fit(build_model("quantile", x=X, y=X[:, 0], seed=0, quantiles=(0.1, 0.5, 0.9)), X, X[:, 0], verbose=0)
    below = (X[:, :1] <= run.predict(X)).mean(axis=0)
    found = run.evaluate(X, X[:, 0])
    np.testing.assert_allclose(found.calibration.observed, below)
    assert found["calibration_error"] == pytest.approx(np.abs(below - [0.1, 0.5, 0.9]).mean())
    coded = fit(build_autoencoder("dense", x=X, units=(4,), latent=2, seed=0), X, verbose=0)
    assert coded.evaluate(X)["r2"] == pytest.approx(metrics.r2_score(X, coded.predict(X)), rel=1e-4)


@pytest.mark.slow
def test_several_outputs_by_name():
    inputs = keras.Input((4,))
    kind, size = keras.layers.Dense(3, "softmax", name="kind")(inputs), keras.layers.Dense(1, name="size")(inputs)
    for outputs in ({"kind": kind, "size": size}, [kind, size]):
        model = keras.Model(inputs, outputs)
        named = isinstance(outputs, dict)
        losses = ["sparse_categorical_crossentropy", "mean_squared_error"]
        model.compile("adam", dict(zip(outputs, losses, strict=True)) if named else losses)
        targets = [RNG.choice(["a", "b", "c"], 200), X[:, 0]]
        targets = dict(zip(outputs, targets, strict=True)) if named else targets
        run = fit(model, X, targets, verbose=0)
        found = run.evaluate(X, targets)
        labels = run.predict_labels(X)["kind"]
        true = targets["kind" if named else 0]
        assert found["kind_balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(true, labels))
        assert {"size_r2", "kind_auc"} <= found.keys()
        np.testing.assert_array_equal(found.reports["kind"].confusion_matrix, metrics.confusion_matrix(true, labels))
        with pytest.raises(AttributeError, match=r"There are several outputs\. Ask for \.reports\[name\]"):
            _ = found.confusion_matrix


def test_a_compiled_metric_keeps_its_name_and_value():
    model = passing(1, "binary_crossentropy", "sigmoid")
    model.compile(loss="binary_crossentropy", metrics=[keras.metrics.AUC(name="auc", num_thresholds=3)])
    y = (X[:, 0] + RNG.normal(size=200) > 0).astype(int)
    ours, theirs = evaluate(model, X[:, :1], y), model.evaluate(X[:, :1], y[:, None], return_dict=True, verbose=0)
    assert ours["auc"] == pytest.approx(theirs["auc"])


def test_a_metric_under_its_short_name_is_printed_once():
    x = np.linspace(-1, 1, 40)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    found = evaluate(model, x, 2 * x[:, 0])
    assert str(found).count(f"{found['mean_absolute_error']:.4g}") == 1
    assert "mae" in found


def test_what_is_not_known_is_left_to_keras():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean(y_pred)

    model = Own()
    model.compile("adam", "mse")
    model(X)
    found = evaluate(model, X, X)
    assert found["loss"] == pytest.approx(X.mean(), abs=1e-5)
    assert not found.reports
    with pytest.raises(ValueError, match="There is nothing to draw: of a model that trains"):
        found.plot()


def test_how_it_reads():
    labels = np.where(X[:, 0] > 0, "warm", "cold")
    found = evaluate(passing(1, keras.losses.BinaryCrossentropy(from_logits=True)), X[:, :1], labels)
    cold = int((labels == "cold").sum())
    lines = str(found).splitlines()
    assert lines[0].startswith("on 200 rows: loss 0.")
    assert lines[1] == "positive class 'warm', predicted where its probability is above 0.5; negative 'cold'"
    assert [line.split() for line in lines[2:]] == [
        ["true,", "predicted", "cold", "warm", "recall", "precision"],
        ["cold", str(cold), "0", "1.000", "1.000"],
        ["warm", "0", str(200 - cold), "1.000", "1.000"],
    ]
    assert repr(found) == f"<Evaluation on 200 rows: {lines[0].removeprefix('on 200 rows: ')}>"
    assert "<pre>positive class" in found._repr_html_()
    assert "true, predicted" in found._repr_html_()
    assert dict(found) == {name: found[name] for name in found}


def test_the_figures_show_the_numbers():
    labels = RNG.choice(["a", "b", "c", "d"], 200)
    found = evaluate(passing(4, "categorical_crossentropy", "softmax"), X, labels)
    report = found.reports[None]
    ax = plot_confusion(report)
    assert [int(text.get_text()) for text in ax.texts] == found.confusion_matrix.ravel().tolist()
    assert len(plot_calibration(report).lines) > 1
    assert len(found.plot().axes) == 2
    numbers = evaluate(passing(4, "mean_squared_error"), X, X + 1)
    np.testing.assert_array_equal(plot_predictions(numbers.reports[None]).lines[0].get_xdata(), (X + 1).ravel())
