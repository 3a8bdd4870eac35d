"""`fix`: a corrected copy with the least change, and the labels that it is trained on."""

import keras
import numpy as np
import pytest

import cheatsheet
from recipes import fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)
CLASSES = (X[:, 0] > 0.4).astype(int) + (X[:, 0] > -0.4)
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
NAMES = np.array(["low", "middle", "high"])[CLASSES]


def dense(units, activation, loss, **compiled):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(units, activation, name="head")]
    )
    model.compile(keras.optimizers.Adam(0.03), loss, **compiled)
    return model


def head_of(fixed):
    output = cheatsheet.modelspec.describe_model(fixed.model).outputs[0]
    return output.width, output.activation, output.loss


LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("head", "y", "expected", "mended"),
    [
        ((1, "softmax", "binary_crossentropy"), CLASSES > 1, (1, "sigmoid", "binary_crossentropy"), "softmax_over_one"),
        ((1, None, "binary_crossentropy"), CLASSES > 1, (1, "sigmoid", "binary_crossentropy"), "logits_taken_for"),
        ((1, "sigmoid", LOGITS), CLASSES > 1, (1, "sigmoid", "binary_crossentropy"), "probabilities_taken_for"),
        ((1, "relu", "mse"), X[:, 0], (1, "linear", "mean_squared_error"), "unreachable_target"),
        ((1, "linear", "poisson"), np.arange(90) % 7, (1, "softplus", "poisson"), "activation_outside_loss"),
        ((3, "softmax", "categorical_crossentropy"), CLASSES, (3, "softmax", "sparse_categorical_crossentropy"),
         "label_encoding"),
        ((3, "softmax", "sparse_categorical_crossentropy"), ONE_HOT, (3, "softmax", "categorical_crossentropy"),
         "label_encoding"),
        ((3, "softmax", "binary_crossentropy"), ONE_HOT, (3, "softmax", "categorical_crossentropy"),
         "softmax_with_binary"),
        ((3, "sigmoid", "categorical_crossentropy"), ONE_HOT, (3, "softmax", "categorical_crossentropy"),
         "sigmoid_with_categorical"),
        ((3, "softmax", "categorical_crossentropy"), 1 - ONE_HOT, (3, "sigmoid", "binary_crossentropy"),
         "softmax_for_several"),
        ((1, "sigmoid", "binary_crossentropy"), CLASSES, (3, "softmax", "sparse_categorical_crossentropy"),
         "fewer_outputs_than_classes"),
        ((3, None, "mse"), ONE_HOT, (3, "softmax", "categorical_crossentropy"), "loss_for_numbers"),
        ((3, None, "sparse_categorical_crossentropy"), CLASSES, (3, "softmax", "sparse_categorical_crossentropy"),
         "logits_taken_for"),
        ((1, None, "mse"), X[:, :3], (3, "linear", "mean_squared_error"), "stretched_target"),
    ],
)  # fmt: skip
def test_the_least_change_that_the_cheatsheet_agrees_with(head, y, expected, mended):
    model = dense(*head)
    fixed = cheatsheet.fix(model, y)
    assert head_of(fixed) == expected
    assert [finding.rule.startswith(mended) for finding in fixed.findings][:1] == [True]
    assert [finding for finding in fixed.remaining if finding.severity == "error"] == []
    assert cheatsheet.check(fixed.model, X, fixed.transform(y)) == fixed.remaining


SOFTMAX = "activation='softmax'"
SPARSE = "loss='sparse_categorical_crossentropy'"
READS = f"use {SPARSE}, which reads the number of one class a row"


@pytest.mark.parametrize(
    ("units", "activation", "loss", "metrics", "y", "mend"),
    [
        (3, "sigmoid", "mse", ["accuracy"], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, "sigmoid", "mae", [], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, "relu", "mse", ["accuracy"], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, "relu", "binary_crossentropy", [], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, None, "mse", [], CLASSES[:, None], f"use {SOFTMAX} with {SPARSE}"),
        (3, None, "binary_crossentropy", [], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, "sigmoid", "binary_crossentropy", ["accuracy"], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, "sigmoid", "kl_divergence", [], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, "tanh", "hinge", [], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (3, "sigmoid", "mse", [], CLASSES + 1, f"use {SOFTMAX} with {SPARSE}, and y - 1"),
        (5, "sigmoid", "mse", ["accuracy"], CLASSES, f"use {SOFTMAX} with {SPARSE}"),
        (1, "sigmoid", "mse", ["accuracy"], CLASSES, f"use Dense(3, {SOFTMAX}) with {SPARSE}"),
        (1, None, "mse", ["accuracy"], CLASSES + 1, f"use Dense(3, {SOFTMAX}) with {SPARSE}, and y - 1"),
        (30, "sigmoid", "mse", [], np.arange(90) % 30, f"use {SOFTMAX} with {SPARSE}"),
        (3, "softmax", "mse", ["accuracy"], CLASSES, READS),
        (3, "softmax", "binary_crossentropy", [], CLASSES, READS),
        (3, "softmax", "binary_crossentropy", [], CLASSES + 1, READS + ", and y - 1"),
        (3, "softmax", "mse", [], CLASSES * 10, READS + ", and number y with np.unique(y, return_inverse=True)[1]"),
        (3, "softmax", "mse", [], np.arange(90) % 6, f"use Dense(6, {SOFTMAX}) with {SPARSE}"),
    ],
)
def test_numbers_of_classes_are_no_quantities_and_check_says_what_fix_does(units, activation, loss, metrics, y, mend):
    model = dense(units, activation, loss, metrics=metrics)
    assert {finding.fix for finding in cheatsheet.check(model, X, y) if finding.severity != "info"} == {mend}
    fixed = cheatsheet.fix(model, y)
    width = max(units, len(np.unique(y)))
    assert head_of(fixed) == (width, "softmax", "sparse_categorical_crossentropy")
    assert fixed.remaining == []
    assert np.array_equal(fixed.transform(y).ravel(), np.unique(y, return_inverse=True)[1].ravel())


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y", "expected"),
    [
        (1, None, "mse", CLASSES, (1, "linear", "mean_squared_error")),  # nobody speaks of classes
        (3, "softplus", "poisson", CLASSES, (1, "softplus", "poisson")),  # counts
        (3, None, "mse", X[:, 0], (1, "linear", "mean_squared_error")),
        (3, "sigmoid", "mse", CLASSES * 10, (1, "linear", "mean_squared_error")),
        (4, "sigmoid", "mse", CLASSES, (1, "linear", "mean_squared_error")),
    ],
)
def test_quantities_stay_quantities(units, activation, loss, y, expected):
    assert head_of(cheatsheet.fix(dense(units, activation, loss), y)) == expected


@pytest.mark.parametrize("y", [NAMES, CLASSES + 1, CLASSES * 10 - 7], ids=["text", "1..K", "with gaps"])
def test_labels_are_numbered_where_the_head_is_right(y):
    fixed = cheatsheet.fix(dense(3, "softmax", "sparse_categorical_crossentropy"), y)
    assert head_of(fixed) == (3, "softmax", "sparse_categorical_crossentropy")
    assert fixed.changes == (
        "labels numbered from 0 in sorted order: train and judge the model on fixed.transform(y), not on y",
    )
    assert np.array_equal(fixed.transform(y), np.unique(y, return_inverse=True)[1])
    assert np.array_equal(fixed.transform(y[:1]), fixed.transform(y)[:1])  # of any rows, not of these alone
    with pytest.raises(ValueError, match="labels that the model was not mended for"):
        fixed.transform(np.array(["strange" if y.dtype.kind == "U" else 99]))


SIXES = np.arange(90) % 6
TO_CATEGORICAL = keras.utils.to_categorical


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize(
    ("activation", "loss", "after"),
    [
        ("softmax", "categorical_crossentropy", "categorical_crossentropy"),
        ("softmax", "sparse_categorical_crossentropy", "categorical_crossentropy"),
        ("softmax", "kl_divergence", "kl_divergence"),
        ("sigmoid", "binary_crossentropy", "binary_crossentropy"),
        (None, "mse", "categorical_crossentropy"),
    ],
)
def test_rows_of_labels_from_one_have_an_empty_column(activation, loss, after, built):
    """to_categorical of 1..3 has four columns: check, fit's gate and fix see the one that is empty."""
    y = TO_CATEGORICAL(CLASSES + 1)
    model = dense(3, activation, loss)
    if not built:
        model = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(3, activation)])
        model.compile("adam", loss)
    (found,) = [finding for finding in cheatsheet.check(model, X, y) if finding.severity == "error"]
    assert found.rule == "empty_columns"
    assert "y has 4 columns, but the model has 3 outputs, and column 0 of y is empty" in found.message
    assert "labels that begin at 1" in found.message
    assert found.fix == "use keras.utils.to_categorical(labels - 1), or y[:, 1:]"
    with pytest.raises(cheatsheet.DataError, match="column 0 of y is empty"):
        fit(model, X, y, verbose=0)
    fixed = cheatsheet.fix(model, y)
    assert fixed.changes[-1].startswith("1 empty column of y left out: train and judge the model on fixed.transform(y)")
    assert np.array_equal(fixed.transform(y), ONE_HOT)
    assert np.array_equal(fixed.transform(y[:2]), ONE_HOT[:2])
    assert [finding.rule for finding in fixed.findings] == ["empty_columns"]
    assert cheatsheet.check(fixed.model, X, fixed.transform(y)) == fixed.remaining == []
    assert fixed.model.loss == after
    fixed.model.fit(X, fixed.transform(y), verbose=0)
    for strange in (np.eye(4)[[0]], np.eye(3)):
        with pytest.raises(
            ValueError, match=r"Expected rows (of 4 columns|with their 1 in one of the columns 1, 2, 3)"
        ):
            fixed.transform(strange)


def test_columns_that_are_empty_elsewhere_and_those_that_are_not():
    model = dense(3, "softmax", "categorical_crossentropy")
    (found,) = cheatsheet.check(model, X, TO_CATEGORICAL(2 * CLASSES))
    assert (found.rule, found.fix) == ("empty_columns", "use y[:, [0, 2, 4]], or as many outputs as columns")
    assert np.array_equal(cheatsheet.fix(model, TO_CATEGORICAL(2 * CLASSES)).transform(np.eye(5)[[4, 0]]),
                          np.eye(3)[[2, 0]])  # fmt: skip
    for unbuilt in (model, compiled(keras.Sequential([keras.layers.Dense(3, "softmax")]), "categorical_crossentropy")):
        (found,) = cheatsheet.check(unbuilt, X, np.eye(6)[SIXES])
        assert found.rule == "target_shape"  # which are rows, though of too many


@pytest.mark.parametrize("units", [3, 4, 7])
def test_an_output_for_no_class_is_said_and_its_class_not_called_rare(units):
    """Labels that begin at 1 leave the first of K + 1 outputs without a row."""
    for loss, y in (
        ("sparse_categorical_crossentropy", np.arange(90) % (units - 1) + 1),
        ("categorical_crossentropy", np.eye(units)[np.arange(90) % (units - 1) + 1]),
    ):
        (found,) = cheatsheet.check(dense(units, "softmax", loss), X, y)
        assert (found.rule, found.severity) == ("empty_class", "info")
        assert "labels begin at 1: one output is for nothing" in found.message
        assert f"use {units - 1} outputs" in found.fix
        run = fit(dense(units, "softmax", loss), X, y, verbose=0)
        assert [finding.severity for finding in run.findings if finding.rule == "empty_class"] == ["info"]
        for right in (y[:20], np.arange(90) % units if y.ndim == 1 else np.eye(units)[np.arange(90) % units]):
            rows = X[: len(right)]
            assert cheatsheet.check(dense(units, "softmax", loss), rows, right) == []
    ignoring = keras.losses.SparseCategoricalCrossentropy(ignore_class=0)
    assert cheatsheet.check(dense(3, "softmax", ignoring), X, np.arange(90) % 2 + 1) == []


def test_the_mend_for_numbers_numbers_them_from_0():
    model = dense(3, "softmax", "categorical_crossentropy")
    for y, labels in ((CLASSES, "y"), (CLASSES + 1, "y - 1"), (CLASSES * 10, "np.unique(y, return_inverse=True)[1]")):
        (found,) = cheatsheet.check(model, X, y)
        assert f"keras.utils.to_categorical({labels})" in found.fix
        mended = eval(labels, {"y": y, "np": np})
        assert cheatsheet.check(model, X, TO_CATEGORICAL(mended)) == []


def test_minus_one_and_one_become_zero_and_one():
    y = np.where(CLASSES > 1, 1, -1)
    fixed = cheatsheet.fix(dense(1, "sigmoid", "binary_crossentropy"), y)
    assert np.array_equal(fixed.transform(y), CLASSES > 1)


@pytest.mark.slow
def test_layers_that_did_not_change_keep_their_weights_and_the_original_everything():
    model = dense(1, "softmax", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    before = [w.copy() for w in model.get_weights()]
    fixed = cheatsheet.fix(model, CLASSES > 1)
    assert all(np.array_equal(a, b) for a, b in zip(before, fixed.model.get_weights(), strict=True))
    fixed.model.fit(X, fixed.transform(CLASSES > 1), epochs=30, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.layers[-1].activation is keras.activations.softmax
    assert fixed.model.optimizer is not model.optimizer
    assert fixed.model.optimizer.get_config()["learning_rate"] == pytest.approx(0.03)
    assert fixed.model.evaluate(X, CLASSES > 1, verbose=0, return_dict=True)["accuracy"] > 0.9
    assert model.optimizer.iterations.numpy() == 0


def test_a_new_width_leaves_the_layers_before_it_as_they_are():
    model = dense(1, "softmax", "binary_crossentropy")
    fixed = cheatsheet.fix(model, CLASSES)
    assert head_of(fixed) == (3, "softmax", "sparse_categorical_crossentropy")
    for old, new in zip(model.layers[0].get_weights(), fixed.model.layers[0].get_weights(), strict=True):
        assert np.array_equal(old, new)
    assert "1 -> 3 outputs" in fixed.changes


def test_functional_nested_and_separate_activations():
    inputs = keras.Input((4,))
    top = keras.Sequential([keras.layers.Dense(3), keras.layers.Softmax()], name="top")
    model = keras.Model(inputs, top(keras.layers.Dense(5, "tanh")(inputs)))
    model.compile("adam", "categorical_crossentropy")
    fixed = cheatsheet.fix(model, 1 - ONE_HOT)
    assert head_of(fixed) == (3, "sigmoid", "binary_crossentropy")
    before, after = model.predict(X, verbose=0), fixed.model.predict(X, verbose=0)
    assert before.sum(axis=1) == pytest.approx(1, abs=1e-5)
    logit = np.log(after) - np.log1p(-after)  # the very same values before the last activation
    shares = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    assert np.allclose(shares, before, atol=1e-4)


def test_several_outputs_each_by_itself():
    inputs = keras.Input((4,))
    features = keras.layers.Dense(5, "relu")(inputs)
    kind = keras.layers.Dense(3, "sigmoid", name="kind")(features)
    size = keras.layers.Dense(1, "relu", name="size")(features)
    model = keras.Model(inputs, {"kind": kind, "size": size})
    model.compile("sgd", {"kind": "categorical_crossentropy", "size": "mse"}, loss_weights={"kind": 1.0, "size": 0.5})
    y = {"kind": NAMES, "size": X[:, 0]}
    fixed = cheatsheet.fix(model, y)
    outputs = {output.name: output for output in cheatsheet.modelspec.describe_model(fixed.model).outputs}
    assert (outputs["kind"].activation, outputs["kind"].loss) == ("softmax", "sparse_categorical_crossentropy")
    assert (outputs["size"].activation, outputs["size"].loss) == ("linear", "mean_squared_error")
    assert [finding for finding in cheatsheet.check(fixed.model, X, fixed.transform(y))] == fixed.remaining
    fixed.model.fit(X, fixed.transform(y), epochs=1, verbose=0)


def test_a_doubled_softmax_becomes_one():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax"), keras.layers.Softmax()])
    model.compile("adam", "sparse_categorical_crossentropy")
    fixed = cheatsheet.fix(model, CLASSES)
    assert fixed.model.layers[0].activation is keras.activations.linear
    assert [finding.rule for finding in fixed.findings] == ["doubled_activation"]


@pytest.mark.parametrize(
    ("head", "y"),
    [
        ((1, "sigmoid", keras.losses.BinaryFocalCrossentropy(gamma=3.0)), CLASSES > 1),
        ((1, None, "log_cosh"), X[:, 0]),
        ((1, "exponential", "poisson"), np.arange(90) % 7),
        ((1, "softplus", "mean_squared_logarithmic_error"), np.abs(X[:, 0])),
        ((1, "tanh", "mse"), np.tanh(X[:, 0])),
        ((1, None, "hinge"), np.where(CLASSES > 1, 1, -1)),
        ((3, None, "cosine_similarity"), X[:, :3]),
        ((1, None, lambda y, p: keras.ops.mean(keras.ops.square(y - p), axis=-1)), X[:, 0]),
        ((1, None, "mean_absolute_percentage_error"), np.arange(90) % 7),  # zeros: a warning, and no class
    ],
)
def test_where_nothing_is_wrong_nothing_is_changed(head, y):
    fixed = cheatsheet.fix(dense(*head), y)
    assert fixed.changes == ()
    assert fixed.transform(y) is y


@pytest.mark.slow
def test_two_softmax_nodes_under_binary_crossentropy_learn():
    fixed = cheatsheet.fix(dense(2, "softmax", "binary_crossentropy"), CLASSES > 1)
    assert head_of(fixed) == (2, "softmax", "sparse_categorical_crossentropy")
    fixed.model.fit(X, fixed.transform(CLASSES > 1), epochs=40, verbose=0)
    assert (fixed.model.predict(X, verbose=0).argmax(axis=1) == (CLASSES > 1)).mean() > 0.9


def test_a_mask_of_255_becomes_a_yes():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    y = 255 * RNG.integers(0, 2, (20, 4, 4, 1))
    fixed = cheatsheet.fix(model, y)
    assert head_of(fixed) == (1, "sigmoid", "binary_crossentropy")
    assert np.array_equal(fixed.transform(y), y // 255)


def test_metrics_are_kept_but_those_of_other_labels():
    watched = [keras.metrics.F1Score(name="f1"), "accuracy", keras.metrics.AUC(name="auc")]
    model = dense(3, "softmax", "categorical_crossentropy", metrics=watched)
    fixed = cheatsheet.fix(model, CLASSES)
    assert {change for change in fixed.changes if "metric" in change} == {
        "metric 'f1_score' left out: it reads other labels", "metric 'auc' left out: it reads other labels"
    }  # fmt: skip
    assert fixed.remaining == []
    assert "accuracy" in fixed.model.fit(X, CLASSES, verbose=0).history
    kept = cheatsheet.fix(dense(3, None, "categorical_crossentropy", metrics=watched), ONE_HOT)
    assert {"f1", "accuracy", "auc"} < {*kept.model.fit(X, ONE_HOT, verbose=0).history}


def test_targets_in_a_list():
    inputs = keras.Input((4,))
    ends = [keras.layers.Dense(1, "softmax", name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)]
    model = keras.Model(inputs, ends)
    model.compile("adam", ["binary_crossentropy", "mse"])
    y = [CLASSES > 1, X[:, 0]]
    fixed = cheatsheet.fix(model, y)
    assert fixed.changes == ("output 'a': last activation softmax -> sigmoid",)
    fixed.model.fit(X, fixed.transform(y), verbose=0)


def test_a_right_model_is_copied_as_it_is():
    model = dense(3, "softmax", "sparse_categorical_crossentropy")
    fixed = cheatsheet.fix(model, CLASSES)
    assert (fixed.findings, fixed.remaining, fixed.changes) == ([], [], ())
    assert np.array_equal(fixed.model.predict(X, verbose=0), model.predict(X, verbose=0))


def test_a_loss_keeps_its_other_settings():
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    fixed = cheatsheet.fix(dense(3, "softmax", loss), ONE_HOT)
    assert fixed.model.loss.get_config()["label_smoothing"] == 0.1
    assert not fixed.model.loss.get_config()["from_logits"]


class Own(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.head = keras.layers.Dense(units)

    def call(self, x):
        return self.head(x)


class Stepping(keras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize(
    ("make", "y", "error", "said"),
    [
        (lambda: "model.keras", CLASSES, TypeError, "a live Keras model"),
        (lambda: keras.Sequential([keras.layers.Dense(1)]), CLASSES, ValueError, "not compiled"),
        (lambda: compiled(Own(3)), CLASSES, ValueError, "cannot be copied"),
        (lambda: compiled(Stepping([keras.layers.Dense(3)])), CLASSES, ValueError, "its own train_step"),
        (
            lambda: dense(3, "softmax", "sparse_categorical_crossentropy"),
            np.zeros((90, 2, 3)),
            ValueError,
            "No change of",
        ),
    ],
)
def test_what_cannot_be_mended_is_refused_with_a_sentence(make, y, error, said):
    with pytest.raises(error, match=said):
        cheatsheet.fix(make(), y)


def compiled(model, loss="sparse_categorical_crossentropy"):
    model.compile("adam", loss)
    return model


def test_a_scale_that_was_adapted_keeps_its_constants():
    x = 100 * X + 7
    scale = keras.layers.Normalization()
    scale.adapt(x)
    model = keras.Sequential([keras.Input((4,)), scale, keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    copy = cheatsheet.fix(model, CLASSES > 1).model
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
