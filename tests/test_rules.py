"""Rules: each mistake is found and its legitimate neighbours are let be."""

import keras
import numpy as np
import pytest
from ends import Own, X, Y, compiled, dense, found, two_ended

from cheatsheet.dataspec import describe_data
from cheatsheet.modelspec import ModelSpec, OutputSpec, describe_model
from cheatsheet.rules import RULES, findings_of
from recipes import build_model, fit


class TestRules:
    """Each fires on its mistake and is silent beside it."""

    def test_each_bears_the_name_of_its_findings(self):
        model = compiled(dense(1, "sigmoid"))
        data = describe_data(X[:, :2], np.tile(Y, 2)[:-1] * 300, sample_weight=-np.ones((10, 3)))
        wide = describe_data(X, np.zeros((10, 5, 2)))
        spec = describe_model(model)
        twice = describe_data([X, X], Y)
        kinds = compiled(dense(3, "softmax"), loss="sparse_categorical_crossentropy", metrics=["recall"])
        idle = describe_data(X, Y, sample_weight=np.zeros(10))
        seen = [*((spec, given) for given in (data, wide, twice, idle)),
                (describe_model(kinds), describe_data(X, np.zeros(10)))]  # fmt: skip
        names = {finding.rule for one, given in seen for finding in findings_of(one, given)}
        assert names >= {"other_parts", "input_shape", "unequal_rows", "target_shape", "stretched_target",
                         "unreachable_target", "unfit_metric", "weight_shape", "negative_weight",
                         "zero_weights"}  # fmt: skip
        for name, rule in ((name, RULES[name]) for name in names):
            assert {finding.rule for one, given in seen for finding in rule(one, given)} == {name}

    @pytest.mark.parametrize(
        ("taken", "given", "rules"),
        [
            ((3,), (10, 3), []),
            ((3,), (10, 2), ["input_shape"]),
            ((None, 3), (10, 7, 3), []),
            ((None, 3), (10, 7, 2), ["input_shape"]),
            ((8, 8, 1), (10, 8, 8), []),  # grey images without their channel axis
            ((8, 8), (10, 8, 8, 1), []),
            ((8, 8, 3), (10, 8, 8), ["input_shape"]),
            ((3,), (10, 4, 3), ["input_shape"]),
        ],
    )
    def test_input_shape(self, taken, given, rules):
        model = keras.Sequential([keras.Input(taken), keras.layers.Identity()])
        assert found(model, np.zeros(given)) == rules

    @pytest.mark.parametrize(
        ("layers", "loss", "y", "rules"),
        [
            ([dense(1)], "mse", (10, 1), []),
            ([dense(1)], "mse", (10,), []),
            ([dense(1)], "mse", (10, 2), ["stretched_target"]),
            ([dense(2)], "mse", (10, 1), ["stretched_target"]),
            ([dense(2)], "mse", (10, 3), ["target_shape"]),
            ([dense(4), keras.layers.Reshape((2, 2))], "mae", (10, 2, 2), []),
            ([dense(4), keras.layers.Reshape((2, 2))], "mae", (10, 4), ["target_shape"]),
            ([dense(4), keras.layers.Reshape((2, 2))], "mae", (10, 1, 2), ["stretched_target"]),
            ([dense(4), keras.layers.Reshape((2, 2, 1))], "mae", (10, 2, 2), []),
            ([dense(2, "sigmoid")], "binary_crossentropy", (10, 1), ["target_shape"]),  # which Keras refuses itself
            ([dense(2, "softmax")], "kl_divergence", (10, 1), ["stretched_target"]),
            ([dense(3, "softmax")], "sparse_categorical_crossentropy", (10, 1), []),
            ([dense(3, "softmax")], "sparse_categorical_crossentropy", (10,), []),
            ([dense(3)], lambda y, p: p, (10, 7), []),  # an own loss may compare as it likes
        ],
    )
    def test_target_shapes(self, layers, loss, y, rules):
        assert found(compiled(*layers, loss=loss), X, np.zeros(y)) == rules

    def test_a_stretched_target_is_what_keras_trains_on_and_another_is_not(self):
        """The difference between the two rules, asked of Keras itself."""
        for y, rule in ((np.zeros((10, 1)), "stretched_target"), (np.zeros((10, 3)), "target_shape")):
            model = compiled(dense(2))
            assert found(model, X, y) == [rule]
            if rule == "stretched_target":
                assert np.isfinite(model.fit(X, y, verbose=0).history["loss"][0])
            else:
                with pytest.raises(Exception, match=r"[Ii]ncompatible|[Dd]imensions|shape"):
                    model.fit(X, y, verbose=0)

    def test_quantiles_share_one_value(self):
        model = build_model("quantile", input_shape=(3,))
        assert found(model, X, Y) == []
        assert found(model, X, np.tile(Y, 3)) == ["target_shape"]

    @pytest.mark.parametrize(
        ("activation", "low", "high", "rules"),
        [
            ("sigmoid", 0.0, 1.0, []),
            ("sigmoid", 0.0, 255.0, ["unreachable_target"]),
            ("tanh", -1.0, 1.0, []),
            ("tanh", -1.5, 1.0, ["unreachable_target"]),
            ("relu", 0.0, 1e6, []),
            ("softplus", -0.1, 1.0, ["unreachable_target"]),
            ("softmax", 0.0, 2.0, ["softmax_over_one"]),
            ("linear", -1e6, 1e6, []),
            ("leaky_relu", -5.0, 5.0, []),
        ],
    )
    @pytest.mark.parametrize("functional", [False, True])
    def test_unreachable_target(self, activation, low, high, rules, functional):
        model = compiled(dense(1, activation))
        if functional:
            inputs = keras.Input((3,))
            model = keras.Model(inputs, keras.layers.Flatten()(dense(1, activation)(inputs)))
            model.compile("sgd", "mse")
        assert found(model, X, low + (high - low) * Y) == rules

    def test_no_range_for_labels_or_for_what_is_scaled_behind(self):
        assert found(compiled(dense(1, "tanh"), loss="hinge"), X, np.where(Y > 0.5, 5.0, -5.0)) == ["label_range"]
        assert found(compiled(dense(1, "sigmoid"), keras.layers.Rescaling(255.0)), X, 255 * Y) == []
        assert found(Own(), X, 255 * Y) == []

    def test_rows_and_weights(self):
        model = compiled(dense())
        assert found(model, X, Y, sample_weight=np.ones(10)) == []
        assert found(model, X, Y, sample_weight=np.ones((10, 1))) == []
        assert found(model, X, Y[:-1]) == ["unequal_rows"]
        assert found(model, X, Y, sample_weight=np.ones(9)) == ["weight_shape"]
        assert found(model, X, Y, sample_weight=np.linspace(-1, 1, 10)) == ["negative_weight"]
        for dtype in ("float32", "float64", "int32", "bool"):
            assert found(model, X, Y, sample_weight=np.zeros(10, dtype)) == ["zero_weights"]
            assert found(model, X, Y, sample_weight=np.eye(10, dtype=dtype)[3]) == []

    def test_each_of_several_ends_is_judged(self):
        model = two_ended({"price": "mse", "kind": "categorical_crossentropy"})
        x, kinds = {"left": np.zeros((6, 2)), "right": np.zeros((6, 3))}, np.eye(3)[[0, 1, 2] * 2]
        assert found(model, x, {"price": np.zeros((6, 2)), "kind": kinds}) == []
        assert found(model, [x["left"], x["right"]], {"kind": kinds, "price": np.zeros((6, 2))}) == []
        assert found(model, x, {"price": np.zeros((6, 1)), "kind": kinds}) == ["stretched_target"]
        one, none = {"price": np.zeros(6), "kind": np.ones(6)}, {"price": np.zeros(6), "kind": np.zeros(6)}
        whole = {"price": np.zeros((6, 2)), "kind": kinds}
        assert (
            found(model, x, whole, sample_weight=one)
            == found(model, x, whole, sample_weight={"price": np.zeros(6)})
            == []
        )
        assert found(model, x, whole, sample_weight=none) == ["zero_weights"]
        y = {"price": np.zeros((6, 2)), "kind": kinds}
        assert found(model, {**x, "right": np.zeros((6, 2))}, y) == ["input_shape"]
        assert found(model, {**x, "right": np.zeros((5, 3))}, y) == ["unequal_rows"]
        assert found(model, x, {"kind": kinds}) == ["other_parts"]
        assert found(model, x, {**y, "unheard": np.zeros((6, 9))}) == []
        assert found(model, {"left": x["left"]}, y) == ["other_parts"]
        assert found(model, x["left"], y) == ["other_parts"]

    def test_text_is_not_for_these_rules(self):
        assert found(compiled(dense(3, "softmax"), loss="categorical_crossentropy"), X, np.array(["a"] * 10)) == []

    def test_nothing_known_nothing_said(self):
        spec = ModelSpec("", "Own", (), (OutputSpec(),), ())
        assert findings_of(spec, describe_data(X, Y)) == []
        assert findings_of(spec, describe_data()) == []


def test_counts_and_skewed_targets_are_said(rng):
    """Advice, beside the verdict; it stops nothing, and is silent where the loss fits."""
    x = rng.normal(size=(400, 3)).astype("float32")
    counts, prices = rng.geometric(0.3, 400) - 1, np.exp(3 * rng.normal(size=400))
    for y, task, rule in ((counts, "regression", "counts_by_squares"), (prices, "regression", "skewed_target"),
                          (np.minimum(counts, 9), "multiclass", None), (x[:, 0], "regression", None)):  # fmt: skip
        run = fit(build_model(task, x=x, y=y, seed=0), x, y, verbose=0)
        advice = [finding for finding in run.findings if finding.rule in ("counts_by_squares", "skewed_target")]
        assert [finding.rule for finding in advice] == ([rule] if rule else [])
        assert all(finding.severity == "info" for finding in advice)
    with pytest.warns(UserWarning, match=r"The task was read off y: .* regression with loss='poisson'; if each is"):
        model = build_model(x=x, y=counts, seed=0)
    run = fit(model, x, counts, verbose=0)
    assert "counts_by_squares" not in [finding.rule for finding in run.findings]
    assert (run.predict(x) > 0).all()
