"""Rules: a model as a plain description, each mistake found and its legitimate neighbours let be, all said at once."""

import pickle

import keras
import numpy as np
import pytest
from conftest import refused

import cheatsheet
import recipes
from cheatsheet.dataspec import describe_data
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import InputSpec, ModelSpec, OutputSpec, describe_model
from cheatsheet.rules import ALLOWABLE, NEVER_ALLOWED, RULES, allowed, findings_of, independent
from recipes import build_model, fit
from recipes.training.evaluate import evaluate, predict


def compiled(*layers, loss="mean_squared_error", shape=(3,), metrics=None):
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile("sgd", loss, metrics=metrics)
    return model


def dense(units=1, activation=None, **options):
    return keras.layers.Dense(units, activation, **options)


def found(model, x=None, y=None, **options):
    """The names of the errors that the rules find."""
    findings = independent(findings_of(describe_model(model), describe_data(x, y, **options)))
    return [finding.rule for finding in findings if finding.severity == "error"]


def two_ended(losses=None, keys=("price", "kind")):
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    ends = [dense(2, name="price")(joined), dense(3, "softmax", name="kind")(joined)]
    model = keras.Model([left, right], ends if keys is None else dict(zip(keys, ends, strict=True)))
    if losses is not None:
        model.compile("sgd", losses)
    return model


class Doubling(keras.layers.Layer):
    """Twice its input; claims an activation that is not its last word."""

    activation = staticmethod(keras.activations.sigmoid)

    def call(self, x):
        return 2 * x


class Own(keras.Model):
    """A subclassed model, whose `call` nobody can read."""

    def __init__(self):
        super().__init__()
        self.head = dense(1, "sigmoid")

    def call(self, x):
        return 255 * self.head(x)


class OwnCall(keras.Sequential):
    """A sequential model whose layers do not have the last word."""

    def call(self, inputs, training=None, mask=None):
        return 255 * super().call(inputs, training=training, mask=mask)


class OwnStep(keras.Model):
    """A functional model that decides by itself what is compared with what."""

    def train_step(self, data):
        return {"loss": keras.ops.zeros(())}


class TestModelSpec:
    def test_sequential(self):
        spec = describe_model(compiled(dense(8, "relu", name="first"), dense(1, "sigmoid", name="head"), loss="mse"))
        assert spec.kind == "Sequential"
        assert [taken.shape for taken in spec.inputs] == [(None, 3)]
        assert spec.outputs == (
            OutputSpec("head", (None, 1), 1, "head", "sigmoid", "mean_squared_error", from_logits=False,
                       made_by="head"),
        )  # fmt: skip
        assert [(layer.name, layer.kind, layer.activation) for layer in spec.layers] == [
            ("first", "Dense", "relu"),
            ("head", "Dense", "sigmoid"),
        ]
        assert not spec.has_own_step

    @pytest.mark.parametrize("keys", [("price", "kind"), ("p", "k")], ids=["names of layers", "keys of their own"])
    def test_several_ends(self, keys):
        price, kind = keys
        spec = describe_model(two_ended({price: "mae", kind: "sparse_categorical_crossentropy"}, keys))
        assert spec.kind == "Functional"
        assert spec.inputs == (InputSpec("left", (None, 2), "left"), InputSpec("right", (None, 3), "right"))
        by_name = {output.name: output for output in spec.outputs}
        assert by_name[price].loss == "mean_absolute_error"
        assert (by_name[price].layer, by_name[price].activation, by_name[price].shape) == ("price", "linear", (None, 2))
        assert by_name[kind].loss == "sparse_categorical_crossentropy"
        assert (by_name[kind].layer, by_name[kind].activation, by_name[kind].width) == ("kind", "softmax", 3)

    def test_several_ends_in_a_list(self):
        spec = describe_model(two_ended(["mae", "categorical_crossentropy"], None))
        assert [(output.name, output.loss) for output in spec.outputs] == [
            ("price", "mean_absolute_error"),
            ("kind", "categorical_crossentropy"),
        ]

    def test_nested_models(self):
        inner = keras.Sequential([keras.Input((4,)), dense(6, "tanh", name="deep"), keras.layers.Reshape((2, 3))])
        inputs = keras.Input((3,))
        outer = keras.Model(inputs, inner(dense(4)(inputs)))
        output = describe_model(outer).outputs[0]
        assert (output.activation, output.shape, output.width, output.values_per_row) == ("tanh", (None, 2, 3), 3, 6)
        assert f"{inner.name}/deep" in [layer.name for layer in describe_model(outer).layers]
        assert describe_model(keras.Sequential([keras.Input((4,)), inner])).outputs[0].activation == "tanh"

    @pytest.mark.parametrize(
        ("layers", "activation"),
        [
            ([dense(4, "sigmoid"), keras.layers.Reshape((2, 2)), keras.layers.Flatten()], "sigmoid"),
            ([dense(4, "sigmoid"), keras.layers.Activation("linear", dtype="float32")], "sigmoid"),
            ([dense(4), keras.layers.Activation("tanh")], "tanh"),
            ([dense(4), keras.layers.Softmax()], "softmax"),
            ([dense(4), keras.layers.ReLU()], "relu"),
            ([dense(4), keras.layers.ReLU(negative_slope=0.1)], None),
            ([dense(4, "sigmoid"), keras.layers.Rescaling(255.0)], None),
            ([dense(4, "sigmoid"), Doubling()], None),
            ([dense(4, lambda x: x)], None),
            ([keras.layers.Reshape((1, 3)), keras.layers.TimeDistributed(dense(4, "sigmoid"))], "sigmoid"),
        ],
        ids=[
            "reshaped",
            "linear",
            "Activation",
            "Softmax",
            "ReLU",
            "leaky",
            "scaled",
            "own layer",
            "own function",
            "td",
        ],
    )
    def test_the_last_activation(self, layers, activation):
        assert describe_model(compiled(*layers)).outputs[0].activation == activation

    def test_the_last_activation_is_an_operation(self):
        inputs = keras.Input((3,))
        assert (
            describe_model(keras.Model(inputs, keras.ops.sigmoid(dense()(inputs)))).outputs[0].activation == "sigmoid"
        )
        assert describe_model(keras.Model(inputs, 255 * dense(1, "sigmoid")(inputs))).outputs[0].activation is None

    def test_a_model_not_built_yet(self):
        model = keras.Sequential([dense(8, "relu"), dense(3, "softmax", name="head"), keras.layers.Dropout(0.1)])
        spec = describe_model(model)
        assert spec.inputs == ()
        output = spec.outputs[0]
        assert (output.shape, output.width, output.loss) == (None, 3, None)
        assert not model.built
        assert describe_model(keras.Sequential()).outputs == (OutputSpec(),)

    def test_a_class_of_ones_own(self):
        model = Own()
        assert describe_model(model).outputs == (OutputSpec(),)
        model.compile("sgd", "mse")
        model(np.zeros((2, 3), "float32"))
        spec = describe_model(model)
        assert spec.outputs == (OutputSpec(loss="mean_squared_error", from_logits=False),)
        assert (spec.kind, spec.inputs, [layer.kind for layer in spec.layers]) == ("Own", (), ["Dense"])

    def test_an_own_call_has_the_last_word(self):
        model = OwnCall([keras.Input((3,)), dense(1, "sigmoid", name="head")])
        model.compile("sgd", "mse")
        spec = describe_model(model)
        assert [taken.shape for taken in spec.inputs] == [(None, 3)]
        assert spec.outputs == (OutputSpec("head", loss="mean_squared_error", from_logits=False),)
        assert found(model, X, 255 * Y) == []
        assert found(model, X[:, :2], 255 * Y) == ["input_shape"]

    def test_a_functional_class_with_its_own_step(self):
        inputs = keras.Input((3,))
        model = OwnStep(inputs, dense(2)(inputs))
        model.compile("sgd", "mse")
        assert describe_model(model).has_own_step
        assert found(model, np.zeros((5, 3)), np.zeros((5, 1))) == []

    @pytest.mark.parametrize(
        ("loss", "name", "from_logits", "options"),
        [
            ("bce", "binary_crossentropy", False, {}),
            (keras.losses.binary_crossentropy, "binary_crossentropy", False, {}),
            (
                keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1, name="mine"),
                "binary_crossentropy",
                True,
                {"label_smoothing": 0.1},
            ),
            (
                keras.losses.SparseCategoricalCrossentropy(ignore_class=-1),
                "sparse_categorical_crossentropy",
                False,
                {"ignore_class": -1},
            ),
            (keras.losses.Huber(delta=2.0), "huber", False, {"delta": 2.0}),
            (lambda a, b: a - b, "<lambda>", False, {}),
        ],
        ids=["short", "function", "logits", "ignored", "huber", "own"],
    )
    def test_losses(self, loss, name, from_logits, options):
        output = describe_model(compiled(dense(), loss=loss)).outputs[0]
        assert (output.loss, output.from_logits) == (name, from_logits)
        assert {key: output.loss_options[key] for key in options} == options

    def test_describing_changes_nothing(self):
        model = build_model("binary")
        describe_model(model)
        assert not model.built
        assert not hasattr(model, "optimizer") or int(model.optimizer.iterations) == 0


X = np.zeros((10, 3), "float32")
Y = np.linspace(0, 1, 10, dtype="float32")[:, None]


class TestRules:
    """Each fires on its mistake and is silent beside it."""

    def test_each_bears_the_name_of_its_findings(self):
        model = compiled(dense(1, "sigmoid"))
        data = describe_data(X[:, :2], np.tile(Y, 2)[:-1] * 300, sample_weight=-np.ones((10, 3)))
        wide = describe_data(X, np.zeros((10, 5, 2)))
        spec = describe_model(model)
        twice = describe_data([X, X], Y)
        kinds = compiled(dense(3, "softmax"), loss="sparse_categorical_crossentropy", metrics=["recall"])
        seen = [*((spec, given) for given in (data, wide, twice)),
                (describe_model(kinds), describe_data(X, np.zeros(10)))]  # fmt: skip
        names = {finding.rule for one, given in seen for finding in findings_of(one, given)}
        assert names >= {"other_parts", "input_shape", "unequal_rows", "target_shape", "stretched_target",
                         "unreachable_target", "unfit_metric", "weight_shape", "negative_weight"}  # fmt: skip
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
        assert found(model, X, Y, sample_weight=np.zeros((10, 1))) == []
        assert found(model, X, Y[:-1]) == ["unequal_rows"]
        assert found(model, X, Y, sample_weight=np.ones(9)) == ["weight_shape"]
        assert found(model, X, Y, sample_weight=np.linspace(-1, 1, 10)) == ["negative_weight"]

    def test_each_of_several_ends_is_judged(self):
        model = two_ended({"price": "mse", "kind": "categorical_crossentropy"})
        x, kinds = {"left": np.zeros((6, 2)), "right": np.zeros((6, 3))}, np.eye(3)[[0, 1, 2] * 2]
        assert found(model, x, {"price": np.zeros((6, 2)), "kind": kinds}) == []
        assert found(model, [x["left"], x["right"]], {"kind": kinds, "price": np.zeros((6, 2))}) == []
        assert found(model, x, {"price": np.zeros((6, 1)), "kind": kinds}) == ["stretched_target"]
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


class TestDataError:
    def test_it_is_a_value_error_of_both_packages(self):
        assert cheatsheet.DataError is recipes.DataError is DataError
        assert issubclass(DataError, ValueError)

    def test_its_words(self):
        one = Finding("a", "error", "It is so.", "make it otherwise", where="validation_data", output="price")
        assert str(DataError([one])) == "In output 'price', validation_data: It is so. Make it otherwise."
        two = Finding("b", "error", "It is not.")
        assert str(DataError([one, two])) == (
            "2 things are in the way:\n"
            "1. In output 'price', validation_data: It is so. Make it otherwise.\n"
            "2. It is not."
        )

    def test_it_comes_through_a_pickle(self):
        error = pickle.loads(pickle.dumps(DataError([Finding("a", "error", "It is so.")])))  # noqa: S301
        assert [finding.rule for finding in error.findings] == ["a"]

    def test_fit_says_everything_at_once(self):
        model = compiled(dense(2, "sigmoid"))
        y = np.zeros((9, 3))
        y[0, 0] = 7
        with pytest.raises(DataError) as caught:
            fit(model, X[:, :2], y, sample_weight=-np.ones(10), validation_data=(X, Y[:5]))
        assert [(finding.rule, finding.where) for finding in caught.value.findings] == [
            ("input_shape", ""),
            ("unequal_rows", ""),
            ("target_shape", ""),
            ("unreachable_target", ""),
            ("negative_weight", ""),
            ("unequal_rows", "validation_data"),
            ("stretched_target", "validation_data"),
        ]
        assert str(caught.value).splitlines()[1:3] == [
            "1. The rows of x have shape (2,), but the model takes (3,). Build the model with x=x, or reshape x.",
            "2. x has 10 rows, but y has 9. Expected the same number. Look where one of them was filtered or split.",
        ]

    def test_what_cannot_be_read_is_told_with_the_rest(self):
        with pytest.raises(DataError) as caught:
            fit(compiled(dense()), np.full((10, 3), np.nan), np.array(["a"] * 10), sample_weight=["b"] * 10)
        assert [finding.rule for finding in caught.value.findings] == [
            "unreadable_values",
            "unreadable_values",
            "unfit_target",
        ]

    def test_an_autoencoders_input_is_refused_once(self):
        model = compiled(dense(3))
        with refused(
            "The rows of x have shape (2,), but the model takes (3,). Build the model with x=x, or reshape x.",
            DataError,
        ):
            fit(model, X[:, :2])

    def test_predicting_and_evaluating_take_the_same_way(self):
        model = compiled(dense())
        for call, fix in (
            (lambda: predict(model, X[0]), "Pass one row as np.reshape(x, (1, -1))"),
            (lambda: evaluate(model, X[:, :1], Y), "Build the model with x=x, or reshape x"),
            (lambda: predict(model, X[:, :1]), "Build the model with x=x, or reshape x"),
        ):
            with refused(f"The rows of x have shape (1,), but the model takes (3,). {fix}.", DataError):
                call()
        with pytest.raises(DataError, match=r"^x has 10 rows, but y has 4\."):
            evaluate(model, X, Y[:4])

    def test_one_column_for_two_outputs_among_several(self):
        model = two_ended({"price": "mse", "kind": "sparse_categorical_crossentropy"})
        x, y = {"left": X[:, :2], "right": X}, {"price": Y, "kind": np.resize([0, 1, 2], 10)}
        with refused(
            "In output 'price': y has 1 value a row (shape (10, 1)), but the model has 2 outputs. Expected the same "
            "number; Keras would stretch one over the other silently. Build the model with y=y, or mend y's shape.",
            DataError,
        ):
            fit(model, x, y)
        with pytest.raises(DataError, match=r"^In output 'kind': The model has 3 outputs, but y holds 2 classes"):
            fit(model, x, {"price": np.tile(Y, 2), "kind": np.array(["a", "b"] * 5)})
        assert fit(model, x, {**y, "price": np.tile(Y, 2)}, verbose=0).epochs == 1
        in_a_list = two_ended(["mse", "sparse_categorical_crossentropy"], None)
        with pytest.raises(DataError, match=r"^In output 'price': y has 1 value a row"):
            fit(in_a_list, [X[:, :2], X], [Y, y["kind"]])

    def test_grey_images_may_lack_their_channels_on_either_side(self, rng):
        images = rng.random((8, 4, 4)).astype("float32")
        model = compiled(keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid"), shape=(4, 4, 1))
        runs = [fit(model, images, y, epochs=1, verbose=0) for y in (None, images, images[..., None])]
        assert all(run.epochs == 1 for run in runs)
        assert predict(model, images).shape == (8, 4, 4, 1)


class TestAllow:
    def test_an_allowed_error_is_a_warning_of_the_run(self):
        model = compiled(dense(1, "sigmoid"))
        run = fit(model, X, 255 * Y, allow=("unreachable_target",), verbose=0)
        assert (run.findings[-1].rule, run.findings[-1].severity) == ("unreachable_target", "warning")
        assert run.findings[0].rule != "unreachable_target"
        assert run.verdict == str(run.findings[0])

    def test_a_stretched_target_trains_as_in_keras(self):
        y = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
        x = np.random.default_rng(1).normal(size=(10, 3)).astype("float32")
        ours, theirs = (compiled(dense(1, kernel_initializer="zeros")) for _ in range(2))
        run = fit(ours, x, y, epochs=3, shuffle=False, allow="stretched_target", verbose=0)
        theirs.run_eagerly = True  # so few steps take less than compiling them
        history = theirs.fit(x, y, epochs=3, shuffle=False, verbose=0).history
        assert run.history["loss"] == pytest.approx(history["loss"], rel=1e-5)
        np.testing.assert_allclose(ours.get_weights()[0], theirs.get_weights()[0], rtol=1e-5)

    def test_the_other_errors_are_raised(self):
        with pytest.raises(DataError) as caught:
            fit(compiled(dense(1, "sigmoid")), X, 255 * np.tile(Y, 2), allow=("unreachable_target",))
        assert [finding.rule for finding in caught.value.findings] == ["stretched_target"]

    def test_what_makes_its_own_batches_is_not_judged(self):
        with pytest.raises(ValueError, match=r"^allow cannot be used with a generator, which makes its own batches\."):
            fit(compiled(dense()), ((X, Y) for _ in range(3)), allow=("unreachable_target",))

    def test_an_unknown_rule(self):
        with refused(
            f"Unknown rule. Received: allow='unreachable_targets'. Expected some of {', '.join(ALLOWABLE)}. "
            "Did you mean 'unreachable_target'?"
        ):
            fit(compiled(dense()), X, Y, allow=("unreachable_targets",))

    @pytest.mark.parametrize("rule", NEVER_ALLOWED)
    def test_what_cannot_be_computed_cannot_be_allowed(self, rule):
        with refused(
            f"allow={rule!r} cannot be: nothing can be trained on what this rule refuses. Mend the data or the model. "
            f"What can be allowed: {', '.join(ALLOWABLE)}."
        ):
            fit(compiled(dense()), X, Y, allow=(rule,))

    def test_only_errors_are_changed(self):
        findings = [Finding("a", "error", "."), Finding("a", "info", "."), Finding("b", "error", ".")]
        assert [finding.severity for finding in allowed(findings, ["a"])] == ["warning", "info", "error"]


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
