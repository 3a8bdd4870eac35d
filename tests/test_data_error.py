"""What the rules find at the gate is raised all at once, and what may be is allowed."""

import pickle

import keras
import numpy as np
import pytest
from conftest import refused
from ends import X, Y, compiled, dense, two_ended

import cheatsheet
import recipes
from cheatsheet.finding import DataError, Finding
from cheatsheet.rules import ALLOWABLE, NEVER_ALLOWED, allowed
from recipes import fit
from recipes.training.evaluate import evaluate, predict


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
            "1. The rows of x have shape (2,), but the model takes (3,). Build the model for such rows, as "
            "build_model(x=x) does, or reshape x.",
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
            "The rows of x have shape (2,), but the model takes (3,). Build the model for such rows, as "
            "build_model(x=x) does, or reshape x.",
            DataError,
        ):
            fit(model, X[:, :2])

    def test_predicting_and_evaluating_take_the_same_way(self):
        model = compiled(dense())
        for call, fix in (
            (lambda: predict(model, X[0]), "Pass one row as np.reshape(x, (1, -1))"),
            (lambda: evaluate(model, X[:, :1], Y), "Pass the 3 columns that the model was made for, in their order"),
            (lambda: predict(model, X[:, :1]), "Pass the 3 columns that the model was made for, in their order"),
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
