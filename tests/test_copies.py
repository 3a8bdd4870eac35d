"""Copies of a model are it in everything but its weights, or are refused: for `seeds=` and in ensembles."""

import keras
import numpy as np
import pytest

from recipes import build_model, fit, fit_many

L = keras.layers
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype("float32")
NUMBER = (X @ [1.0, -1.0, 0.5, 0.0]).astype("float32")


def network(*layers, loss="mse", optimizer="adam", seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), *layers, L.Dense(1)])
    model.compile(optimizer, loss)
    return model


def adapted(k=0):
    scale = L.Normalization()
    scale.adapt(3 * X + k)
    return scale


class TestSeeds:
    def test_a_scale_that_was_adapted_is_kept(self):
        model = network(adapted())
        for run in fit_many(model, X, NUMBER, seeds=2, verbose=0):
            np.testing.assert_array_equal(run.model.layers[0].mean, model.layers[0].mean)
            np.testing.assert_array_equal(run.model.layers[0].adapt_mean, model.layers[0].adapt_mean)

    def test_the_loss_is_the_very_one(self):
        """Keras leaves the delta of a Huber loss out of its configuration."""
        model = network(loss=keras.losses.Huber(0.1))
        (run,) = fit_many(model, X, NUMBER, seeds=1, verbose=0)
        expected = keras.losses.Huber(0.1)(NUMBER[:, None], run.model.predict(X, verbose=0))
        assert run.model.evaluate(X, NUMBER, verbose=0) == pytest.approx(float(expected), rel=1e-5)

    def test_who_is_left_out_of_the_decay_stays_out(self):
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        (run,) = fit_many(network(optimizer=optimizer), X, NUMBER, seeds=1, verbose=0)
        own = run.model
        assert [bool(own.optimizer._use_weight_decay(v)) for v in own.trainable_variables] == [True, False]

    def test_a_function_of_one_s_own_is_the_loss_of_each(self):
        def loss(y, p):
            return keras.ops.mean(keras.ops.abs(y - p) ** 3, axis=-1)

        runs = fit_many(network(loss=loss), X, NUMBER, seeds=2, verbose=0)
        assert all(run.model.loss is loss for run in runs)

    def test_what_no_configuration_tells_is_refused(self):
        model = network(L.Dense(3, name="hidden"))
        model.layers[0].call = lambda x, training=None: 2 * L.Dense.call(model.layers[0], x)
        with pytest.raises(ValueError, match="layer 'hidden' holds something that its configuration does not tell"):
            fit_many(model, X, NUMBER, seeds=2, verbose=0)

    @pytest.mark.slow
    def test_other_labels_with_refit(self):
        model = build_model("binary", x=X)
        fit(model, X, np.where(NUMBER > 0, "a", "b"), verbose=0)
        with pytest.raises(ValueError, match="refit=True"):
            fit_many(model, X, np.where(NUMBER > 0, "a", "c"), seeds=2, verbose=0)
        runs = fit_many(model, X, np.where(NUMBER > 0, "a", "c"), seeds=2, refit=True, verbose=0)
        assert runs[0].classes == ("a", "c")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class TestEnsembles:
    def test_of_scales_that_were_adapted_to_other_data(self):
        runs = fit_many([network(adapted(k), seed=k) for k in range(2)], X, NUMBER, verbose=0)
        np.testing.assert_allclose(runs.ensemble().predict(X, verbose=0), runs.predict(X).mean(axis=0), atol=1e-6)

    def test_several_labels_behind_logits_are_independent(self):
        """Three times yes or no is no choice of one in three: the sigmoid of each is averaged, not their softmax."""
        y = np.stack([NUMBER > 0, NUMBER > 1, NUMBER < 0], axis=1).astype(int)
        models = []
        for k in range(3):
            keras.utils.set_random_seed(k)
            models.append(keras.Sequential([keras.Input((4,)), L.Dense(3)]))
            models[-1].compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
        runs = fit_many(models, X, y, verbose=0)
        mean = sigmoid(runs.predict(X)).mean(axis=0)
        np.testing.assert_allclose(sigmoid(runs.ensemble().predict(X, verbose=0)), mean, atol=1e-6)

    def test_logits_and_probabilities_are_not_averaged(self):
        models = []
        for logits in (True, False):
            models.append(keras.Sequential([keras.Input((4,)), L.Dense(1, None if logits else "sigmoid")]))
            models[-1].compile("adam", keras.losses.BinaryCrossentropy(from_logits=logits))
        runs = fit_many(models, X, NUMBER > 0, verbose=0)
        with pytest.raises(ValueError, match="outputs that mean the same"):
            runs.ensemble()

    def test_in_double_precision(self):
        models = []
        for k in range(2):
            keras.utils.set_random_seed(k)
            layers = [L.Dense(3, "tanh", dtype="float64"), L.Dense(1, dtype="float64")]
            models.append(keras.Sequential([keras.Input((4,), dtype="float64"), *layers]))
            models[-1].compile("adam", "mse")
        runs = fit_many(models, X, NUMBER, verbose=0)
        ensemble = runs.ensemble()
        assert ensemble.outputs[0].dtype == "float64"
        np.testing.assert_allclose(ensemble.predict(X, verbose=0), runs.predict(X).mean(axis=0), rtol=1e-12)

    def test_is_compiled_with_the_very_loss(self):
        runs = fit_many([network(loss=keras.losses.Huber(0.1), seed=k) for k in range(2)], X, NUMBER, verbose=0)
        ensemble = runs.ensemble()
        expected = keras.losses.Huber(0.1)(NUMBER[:, None], ensemble.predict(X, verbose=0))
        assert ensemble.evaluate(X, NUMBER, verbose=0) == pytest.approx(float(expected), rel=1e-5)

    def test_of_quantiles_each_is_averaged_by_itself(self):
        runs = fit_many([build_model("quantile", x=X, y=NUMBER, seed=k) for k in range(2)], X, NUMBER, verbose=0)
        np.testing.assert_allclose(runs.ensemble().predict(X, verbose=0), runs.predict(X).mean(axis=0), atol=1e-6)

    def test_classes_that_are_others_are_refused(self):
        models = [build_model("binary", x=X, seed=k) for k in range(2)]
        for model, other in zip(models, "bc", strict=True):
            fit(model, X, np.where(NUMBER > 0, "a", other), verbose=0)
        from recipes import Runs

        runs = [fit(m, X, np.where(NUMBER > 0, "a", o), verbose=0) for m, o in zip(models, "bc", strict=True)]
        with pytest.raises(ValueError, match="mean different classes"):
            Runs(tuple(runs), "", 0.0).ensemble()
