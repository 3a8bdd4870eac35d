"""Many networks at once, where the axis of the networks or a width that is filled up could show: known answers."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_many import COLUMNS, KIND, NUMBER, ROWS, YES_NO, X, _double, assert_as_alone, network  # noqa: F401

from recipes import fit, fit_many
from recipes.running.interrupt import Interrupt
from recipes.training.data.prepare import prepare
from recipes.training.engines.engine import Job, Plan
from recipes.training.engines.many import engine as many
from recipes.training.engines.many.rows import schedules_of
from recipes.training.engines.many.stacked.layers import LAYERS, Held
from recipes.training.engines.many.stacked.stack import dropout_rates
from recipes.training.engines.tensorflow.alike import identity
from recipes.training.engines.tensorflow.program import _meet, build_variables

L = keras.layers
STEPS = np.random.default_rng(1).normal(size=(ROWS, 4, 2)).astype("float32")
TOKENS = np.random.default_rng(2).integers(0, 9, size=(ROWS, 5))


def numbers(k, *between, optimizer=None, **options):
    return network(*between, seed=k, loss="mse", last="linear", metrics=("mae",), optimizer=optimizer, **options)


class TestWidthsThatAreFilledUp:
    @pytest.mark.slow
    def test_a_flatten_behind_steps_mixes_units_and_steps(self):
        """The places of a step's units in the flat row depend on their number: such widths are not filled up."""

        def make(k):
            return numbers(k, L.Dense(3 + 2 * k, "tanh"), L.Flatten(), inputs=(4, 2))

        assert_as_alone(make, STEPS, NUMBER, epochs=2, how="1 networks at once")

    @pytest.mark.slow
    def test_images_of_one_size_are_flattened_in_front(self):
        def make(k):
            return numbers(k, L.Flatten(), L.Dense(3 + 2 * k, "tanh"), inputs=(4, 2))

        assert_as_alone(make, STEPS, NUMBER, epochs=2, how="3 networks at once")

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["Adam", "RMSprop"])
    def test_zero_over_zero_stays_outside(self, kind):
        """Without epsilon a gradient of 0 gives 0/0 where a width is filled up, and there alone."""

        def make(k):
            return numbers(k, L.Dense(3 + k, "tanh"), optimizer=getattr(keras.optimizers, kind)(0.01, epsilon=0.0))

        assert_as_alone(make, X, NUMBER, epochs=2, how="3 networks at once")

    def test_what_is_infinite_does_not_come_back_as_nan(self):
        """One unit of the first network is infinite; times a weight of 0 that would be NaN in the unit beside it."""
        held = Held([tf.constant([[[1.0, 0.0]]]), tf.zeros((1, 2))], own=tf.constant([[True, False]]))
        settings = {"use_bias": True, "activation": keras.activations.tanh}
        np.testing.assert_array_equal(LAYERS["Dense"].call(tf.constant([[[np.inf]]]), settings, held), [[[1.0, 0.0]]])


class TestLossesAndMetrics:
    @pytest.mark.slow
    def test_one_row_a_batch(self):
        """Keras squeezes a last axis of one, which in a batch of one row was that of the rows."""

        def make(k):
            return network(seed=k, loss="sparse_categorical_crossentropy", width=3, last="softmax")

        assert_as_alone(make, X[:9], KIND[:9], batch_size=1, epochs=2)
        (run, *_) = fit_many([make(0), make(1)], X[:9], KIND[:9], batch_size=1, verbose=0)
        assert run.history["accuracy"][0] in [i / 9 for i in range(10)] or run.history["accuracy"][0] == pytest.approx(
            round(9 * run.history["accuracy"][0]) / 9
        )

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("loss", "why"),
        [
            (lambda: keras.losses.Dice(), "its loss is dice"),
            (lambda: keras.losses.Tversky(), "its loss is tversky"),
            (lambda: keras.losses.Circle(), "its loss is circle"),
            (lambda: keras.losses.CategoricalCrossentropy(axis=1), "axis=1"),
            (lambda: keras.losses.CategoricalCrossentropy(reduction="sum"), "reduction 'sum'"),
        ],
    )
    def test_what_looks_at_several_rows_is_trained_alone(self, loss, why):
        def make(k):
            return network(seed=k, loss=loss, width=3, last="softmax", metrics=())

        y = KIND if "circle" in why else np.eye(3)[KIND]
        assert_as_alone(make, X, y, number=2, epochs=2, how=why)

    @pytest.mark.slow
    def test_an_ignored_class_counts_in_no_mean(self):
        def make(k):
            loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=0)
            return network(seed=k, loss=lambda: loss, width=3, last="softmax", metrics=())

        assert_as_alone(make, X, KIND, number=2, epochs=2, how="ignore_class=0")

    @pytest.mark.slow
    def test_a_metric_of_half_precision_is_rounded_by_keras(self):
        def make(k):
            model = numbers(k)
            model.compile("sgd", "mse", metrics=[keras.metrics.MeanAbsoluteError(dtype="float16")])
            return model

        assert_as_alone(make, X, NUMBER, number=2, how="in float16")

    @pytest.mark.slow
    def test_margins_and_zeros_are_not_asked_for_together(self):
        """Keras' hinge looks whether all labels of a batch are 0 and 1: each network is asked for its own."""
        models = [network(seed=k, loss="hinge", last="tanh", metrics=()) for k in range(4)]
        apart = [network(seed=k, loss="hinge", last="tanh", metrics=()) for k in range(4)]
        labels = [np.array(y, "float32")[:, None] for y in (YES_NO, 2 * YES_NO - 1, YES_NO, 2 * YES_NO - 1)]
        plan = Plan(2, 32, True, 0)

        def jobs(models):
            data = [prepare(model, X, 2 * YES_NO - 1) for model in models]
            return [Job(m, replace(d, y=y), plan) for m, d, y in zip(models, data, labels, strict=True)]

        found = many.groups(jobs(models))
        assert sorted(group.jobs for group in found) == [(0, 2), (1, 3)]
        from recipes.training.engines.tensorflow.engine import ENGINE

        for group in found:
            many.train([jobs(models)[i] for i in group.jobs], group.network)
        ENGINE.train(jobs(apart))
        for one, other in zip(models, apart, strict=True):
            for mine, theirs in zip(one.weights, other.weights, strict=True):
                np.testing.assert_allclose(mine, theirs, atol=1e-9)

    @pytest.mark.slow
    @pytest.mark.parametrize("weight", [np.ones((20, 4)) / 3, np.arange(20) / 9])
    def test_weights_of_the_steps_of_a_validation(self, weight):
        y = np.random.default_rng(0).integers(0, 3, size=(ROWS, 4))

        def make(k):
            keras.utils.set_random_seed(k)
            model = keras.Sequential([keras.Input((4, 2)), L.Dense(3, "softmax")])
            model.compile("sgd", "sparse_categorical_crossentropy")
            return model

        held = (STEPS[:20], y[:20], weight)
        assert_as_alone(make, STEPS, y, number=2, validation_data=held, epochs=2, how="weights of their own")


@pytest.mark.parametrize("y", [KIND, np.eye(3)[KIND]])
@pytest.mark.slow
def test_the_first_two_of_three_in_single_precision(y):
    """In double precision Keras' own metric fails."""
    sparse = y.ndim == 1
    loss = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    metric = keras.metrics.SparseTopKCategoricalAccuracy if sparse else keras.metrics.TopKCategoricalAccuracy

    def make(k):
        return network(seed=k, loss=loss, width=3, last="softmax", metrics=(metric(k=2),))

    assert_as_alone(make, X, y, number=2, epochs=2, at_most=1e-5, batch_size=16)


class TestNumbersAsKerasRoundsThem:
    @pytest.mark.slow
    def test_penalties_and_scales(self):
        """Keras' `cast` takes a plain number through single precision; a tensor of double precision stays."""

        def make(k):
            return numbers(
                k, L.Rescaling(0.3, 0.1), L.Dense(3, "tanh", kernel_regularizer=keras.regularizers.L2(0.7),
                                                  bias_regularizer=keras.regularizers.L1(0.3)),
            )  # fmt: skip

        def make_scaled(k):
            keras.utils.set_random_seed(k)
            scale = L.Normalization(mean=0.1, variance=1.7)
            model = keras.Sequential([keras.Input((COLUMNS,)), scale, L.Dense(1)])
            model.compile(keras.optimizers.SGD(0.01, momentum=0.5), "mse")
            return model

        for one in (make, make_scaled):
            for engine in ("resident", "keras"):
                assert_as_alone(one, X, NUMBER, epochs=3, eagerly=engine == "keras",
                                alone=lambda *a, e=engine, **o: fit(*a, engine=e, **o))  # fmt: skip

    @pytest.mark.slow
    def test_the_factor_of_what_dropout_keeps(self):
        """As `noise.py` computes it: in Python's precision, and then rounded once."""
        models = [network(L.Dropout(rate), seed=0) for rate in (0.3, 0.1, 0.7)]
        data = prepare(models[0], X, YES_NO)
        (group,) = many.groups([Job(model, data, Plan(1, 32, True, 0)) for model in models])
        found = dropout_rates(models, group.network)
        np.testing.assert_array_equal(found[:, 0, 0], np.float32([0.3, 0.1, 0.7]))
        np.testing.assert_array_equal(found[:, 0, 1], np.float32([1 / (1 - rate) for rate in (0.3, 0.1, 0.7)]))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("first", "x"),
        [
            (L.BatchNormalization, X.astype("float64")),
            (L.LayerNormalization, (3 * X).round().astype("int64")),
            (lambda: L.Activation("tanh"), X > 0),
        ],
    )
    def test_inputs_are_cast_before_the_first_layer(self, first, x):
        def make(k):
            keras.utils.set_random_seed(k)
            model = keras.Sequential([keras.Input((COLUMNS,)), first(), L.Dense(1)])
            model.compile(keras.optimizers.SGD(0.01), "mse")
            return model

        assert_as_alone(make, x, NUMBER, number=2, epochs=2)


class TestOptimizers:
    @pytest.mark.slow
    def test_a_norm_that_overflows_is_nan_as_in_keras(self):
        def make(k):
            model = numbers(k, optimizer=keras.optimizers.SGD(1e-3, global_clipnorm=1.0))
            if k:
                model.layers[0].kernel.assign(np.full((COLUMNS, 8), 1e-3))
                model.layers[-1].kernel.assign(np.full((8, 1), 1e200))
            return model

        assert_as_alone(make, X, NUMBER, number=2, epochs=2)

    @pytest.mark.slow
    def test_a_limit_below_zero_clips_nothing(self):
        def make(k):
            return numbers(k, optimizer=keras.optimizers.SGD(1e-3, clipnorm=-1.0))

        assert_as_alone(make, X, NUMBER, number=2, epochs=2)

    def test_a_configuration_that_nothing_can_be_made_from(self):
        def make(k):
            optimizer = keras.optimizers.SGD(1e-3, clipvalue=1.0)
            optimizer.clipnorm = 0.1  # of two at once Keras takes the first, but makes no optimizer
            return numbers(k, optimizer=optimizer)

        assert_as_alone(make, X, NUMBER, number=2, how="configuration")

    @pytest.mark.slow
    @pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
    def test_embeddings_are_clipped_word_by_word(self, clip):
        def make(k):
            optimizer = keras.optimizers.SGD(0.1, **{clip: 0.001})
            return numbers(k, L.Embedding(9, 4), L.Flatten(), inputs=(5,), optimizer=optimizer)

        assert_as_alone(make, TOKENS, NUMBER, number=2, epochs=2, how="embedding")

    def test_rates_of_a_schedule_are_those_of_each_step(self):
        schedule = keras.optimizers.schedules.CosineDecay(0.01, 30, warmup_target=0.1, warmup_steps=7)
        models = [numbers(0, optimizer=keras.optimizers.SGD(rate)) for rate in (schedule, 0.1)]
        found, none = schedules_of(models, "float64")
        assert none is None
        np.testing.assert_allclose(
            found(tf.range(40, dtype=tf.int64)), [float(schedule(i)) for i in range(40)], rtol=1e-6
        )

    def test_one_that_was_made_for_another_model_is_refused_as_alone(self):
        optimizer = keras.optimizers.Adam()
        models = [numbers(0, optimizer=optimizer), numbers(1, optimizer=optimizer)]
        with pytest.raises(ValueError, match="Unknown variable"):
            fit_many(models, X, NUMBER, verbose=0)


@pytest.mark.slow
def test_models_that_share_a_layer_are_trained_one_after_another():
    """The second begins with what the first has made of their layer, as two calls of `fit` would."""

    def make():
        keras.utils.set_random_seed(0)
        layer = L.Dense(4, "tanh")
        models = [keras.Sequential([keras.Input((COLUMNS,)), layer, L.Dense(1)]) for _ in range(2)]
        for model in models:
            model.compile(keras.optimizers.SGD(0.05), "mse")
        return [*models, numbers(5), numbers(6)]

    together, apart = make(), make()
    runs = fit_many(together, X, NUMBER, epochs=3, verbose=0)
    assert "2 networks by stacked" in runs.how
    assert "shares weights" in runs.how
    for run, model in zip(runs, apart, strict=True):
        alone = fit(model, X, NUMBER, epochs=3, verbose=0)
        np.testing.assert_allclose(run.history["loss"], alone.history["loss"], rtol=1e-7)
    for one, other in zip(together, apart, strict=True):
        for mine, theirs in zip(one.weights, other.weights, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-9)


@pytest.mark.parametrize("engine", ["many", "resident", "keras"])
@pytest.mark.parametrize("patience", [1, 2])
@pytest.mark.slow_but("many", "1-resident")
def test_to_early_stopping_the_first_epoch_is_the_best_so_far_even_if_nan(engine, patience):
    """Keras' callback takes the first loss for the best whatever it is, and to NaN none compares as lower."""
    models = [numbers(k) for k in range(2)]
    models[0].layers[0].kernel.assign(np.full((COLUMNS, 8), np.inf))
    options = {"epochs": 6, "patience": patience, "validation_split": 0.2, "verbose": 0}
    if engine == "many":
        run = fit_many(models, X, NUMBER, **options)[0]
    else:
        run = fit(models[0], X, NUMBER, engine=engine, **options)
    assert (run.epochs, run.kept) == (1 + patience, 1)
    assert np.isnan(run.history["val_loss"]).all()


class TestPrograms:
    @pytest.mark.slow
    def test_another_epsilon_of_keras_is_another_program(self):
        """Keras reads it while a step is traced: a variance of 0 is held to it."""

        def make(k):
            keras.utils.set_random_seed(k)
            scale = L.Normalization(mean=0.0, variance=0.0)
            model = keras.Sequential([keras.Input((COLUMNS,)), scale, L.Dense(1)])
            model.compile(keras.optimizers.SGD(1e-12), "mse")
            return model

        before = keras.config.epsilon()
        found = []
        try:
            for epsilon in (1e-1, 1e-2):
                keras.config.set_epsilon(epsilon)
                found.append(fit_many([make(0), make(1)], X, NUMBER, verbose=0)[0].history["loss"][0])
        finally:
            keras.config.set_epsilon(before)
        assert found[1] > 50 * found[0]

    def test_interrupted_before_the_first_step(self):
        models = [numbers(k) for k in range(2)]
        before = [model.get_weights() for model in models]
        interrupt = Interrupt()
        interrupt.requested = True
        data = prepare(models[0], X, NUMBER)
        jobs = [Job(model, data, Plan(3, 32, True, 0, interrupt=interrupt)) for model in models]
        (group,) = many.groups(jobs)
        assert [outcome.history for outcome in many.train(jobs, group.network)] == [{}, {}]
        for model, weights in zip(models, before, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))

    @pytest.mark.parametrize("metrics", [("mae",), (), ("mae", keras.metrics.RootMeanSquaredError), ("r2_score",)])
    def test_to_build_loss_and_metrics_is_all_that_a_first_step_does(self, metrics):
        """All that tracing can read of a model is the same, whether it has met a row or was only built."""

        def make():
            model = numbers(0)
            made = [metric if isinstance(metric, str) else metric(name="root") for metric in metrics]
            model.compile("adam", "mse", metrics=made, weighted_metrics=made[:1])
            return model

        built, met = make(), make()
        data = prepare(built, X, NUMBER)
        build_variables(built, data)
        _meet(met, X[:1], NUMBER[:1, None], tf.zeros((1, 1), tf.float64), None)
        build_variables(met, data)
        assert identity(built) is not None
        assert identity(built) == identity(met)


class TestRows:
    def test_the_rules_are_asked_of_each_model(self):
        def make(rate):
            model = keras.Sequential([keras.Input((COLUMNS,), name="x"), L.Dense(3, "relu", name="hidden"),
                                      L.Dropout(rate, name="drop"), L.Dense(1, name="y")])  # fmt: skip
            model.compile("adam", "mse")
            return model

        with pytest.raises(ValueError, match="drops 100%"):
            fit_many([make(0.5), make(1.0)], X, NUMBER, verbose=0)

    def test_equal_arrays_are_held_once(self, monkeypatch):
        from recipes.training.engines.many import train

        sizes = []
        own = train.Training
        monkeypatch.setattr(train, "Training", lambda jobs, *rest: sizes.append(len({id(job.data.x) for job in jobs}))
                            or own(jobs, *rest))  # fmt: skip
        fit_many([numbers(k, units=4 + k) for k in range(3)], X, NUMBER, validation_split=0.2, verbose=0)
        assert sizes == [1]
