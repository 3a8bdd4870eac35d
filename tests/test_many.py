"""Many networks at once: each ends as it would alone, whatever they differ in."""

from typing import ClassVar

import keras
import numpy as np
import pytest
from conftest import in_precision

from recipes import Runs, build_model, fit, fit_many

ROWS, COLUMNS = 75, 6  # no multiple of the batch: the last one is smaller
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, COLUMNS)).astype("float32")
YES_NO = (X[:, 0] + 0.5 * rng.normal(size=ROWS) > 0).astype(int)
KIND = np.digitize(X[:, 1], [-0.5, 0.5])
NUMBER = (X @ rng.normal(size=COLUMNS)).astype("float32")
WEIGHT = rng.uniform(0, 2, ROWS).astype("float32")


@pytest.fixture(autouse=True)
def _double(request):
    """Compute in double precision, losses too, so that sums in another order are equal to the ninth digit."""
    with in_precision("float32" if "single" in request.node.name else "float64"):
        yield


def network(
    *between, last="sigmoid", width=1, loss="binary_crossentropy", optimizer=None, metrics=("accuracy",),
    weighted_metrics=None, seed=0, units=8, inputs=(COLUMNS,),
):  # fmt: skip
    keras.utils.set_random_seed(seed)
    first = [] if inputs != (COLUMNS,) else [keras.layers.Dense(units, activation="tanh")]
    model = keras.Sequential([keras.Input(inputs), *first, *between, keras.layers.Dense(width, last)])
    optimizer = optimizer or keras.optimizers.Adam(0.01)
    draw = np.random.default_rng(seed)
    model.set_weights([draw.uniform(0.05, 0.6, weight.shape) * draw.choice([-1, 1]) for weight in model.weights])
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(abs(layer.moving_variance.value))
    if callable(loss):
        loss = loss()
    model.compile(optimizer, loss, metrics=[*metrics], weighted_metrics=weighted_metrics)
    return model


def assert_as_alone(make, x, y, *, number=3, at_most=1e-9, how="networks at once", alone=fit, eagerly=True, **options):
    """Train them at once, and each alone; all that a model holds is equal, and what is said of it."""
    together, apart = [make(k) for k in range(number)], [make(k) for k in range(number)]
    runs = fit_many(together, x, y, verbose=0, **options)
    assert how in runs.how, runs.how
    for other in apart:
        other.run_eagerly = eagerly  # so few steps take less than compiling them
    for k, (one, other) in enumerate(zip(together, apart, strict=True)):
        own = {name: value[k] if isinstance(value, list) else value for name, value in options.items()}
        run = alone(other, x, y, verbose=0, **own)
        assert list(run.history) == list(runs[k].history)
        for name, values in run.history.items():
            np.testing.assert_allclose(runs[k].history[name], values, atol=max(at_most, 2e-7), err_msg=f"{k} {name}")
        for mine, theirs in zip((*one.variables, *one.optimizer.variables),
                                (*other.variables, *other.optimizer.variables), strict=True):  # fmt: skip
            np.testing.assert_allclose(
                np.asarray(mine), np.asarray(theirs), atol=at_most, rtol=at_most, err_msg=mine.path
            )
        assert (runs[k].kept, runs[k].steps, runs[k].epochs) == (run.kept, run.steps, run.epochs)
        assert [str(finding) for finding in runs[k].findings][:1] == [str(finding) for finding in run.findings][:1]
    return runs


OPTIMIZERS = {
    "SGD": lambda rate: keras.optimizers.SGD(rate),
    "SGD with momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.8),
    "SGD, Nesterov's": lambda rate: keras.optimizers.SGD(rate, momentum=0.8 + rate, nesterov=True),
    "Adam": lambda rate: keras.optimizers.Adam(rate, beta_1=0.8, epsilon=1e-5),
    "AdamW": lambda rate: keras.optimizers.AdamW(rate, weight_decay=10 * rate),
    "RMSprop": lambda rate: keras.optimizers.RMSprop(rate),
    "RMSprop, centred, with momentum": lambda rate: keras.optimizers.RMSprop(rate, momentum=0.5, centered=True),
    "Adagrad": lambda rate: keras.optimizers.Adagrad(rate),
    "Adadelta": lambda rate: keras.optimizers.Adadelta(100 * rate, rho=0.9),
    "each gradient clipped": lambda rate: keras.optimizers.Adam(rate, clipnorm=10 * rate),
    "all gradients clipped": lambda rate: keras.optimizers.SGD(rate, global_clipnorm=5 * rate),
    "numbers clipped": lambda rate: keras.optimizers.SGD(rate, clipvalue=rate),
    "a schedule": lambda rate: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, 20)),
    "steps": lambda rate: keras.optimizers.SGD(
        keras.optimizers.schedules.PiecewiseConstantDecay([3, 9], [rate, rate / 2, 0.0])
    ),
}  # fmt: skip


@pytest.mark.slow_but("a schedule")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    assert_as_alone(lambda k: network(seed=k, optimizer=OPTIMIZERS[name](0.01 * (k + 1))), X, YES_NO, epochs=4)


def without_biases(rate):
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.2)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def test_what_is_left_out_of_the_decay_is_left_out():
    assert_as_alone(
        lambda k: network(seed=k, optimizer=without_biases(0.01 * (k + 1))), X, YES_NO, epochs=3, how="", eagerly=False
    )


LOSSES = {
    "two classes": (YES_NO, {}),
    "smoothed": (YES_NO, {"loss": lambda: keras.losses.BinaryCrossentropy(label_smoothing=0.1)}),
    "logits": (YES_NO, {"loss": lambda: keras.losses.BinaryCrossentropy(from_logits=True), "last": "linear",
                        "metrics": ()}),
    "classes": (KIND, {"loss": "sparse_categorical_crossentropy", "width": 3, "last": "softmax"}),
    "one-hot": (np.eye(3)[KIND], {"loss": "categorical_crossentropy", "width": 3, "last": "softmax"}),
    "numbers": (NUMBER, {"loss": "mse", "last": "linear",
                         "metrics": ("mae", "RootMeanSquaredError")}),
    "huber": (NUMBER, {"loss": lambda: keras.losses.Huber(), "last": "linear", "metrics": ("mae",)}),
    "margins": (2 * YES_NO - 1, {"loss": "hinge", "last": "tanh", "metrics": ()}),
    "several numbers": (np.stack([NUMBER, -NUMBER], 1), {"loss": "mae", "last": "linear", "width": 2, "metrics": ()}),
}  # fmt: skip


@pytest.mark.slow_but("[classes-False]", "[numbers-True]")
@pytest.mark.parametrize(("name", "weighted"), [(name, weighted) for name in LOSSES for weighted in (False, True)])
def test_losses_metrics_and_weights(name, weighted):
    y, options = LOSSES[name]
    if weighted:
        options = {**options, "weighted_metrics": ["mape"] if name in ("numbers", "huber") else None}
    extra = {"sample_weight": WEIGHT} if weighted else {"validation_split": 0.2}
    assert_as_alone(lambda k: network(seed=k, **options), X, y, epochs=3, **extra, eagerly=False)


BETWEEN = {
    "batch norm": lambda: (keras.layers.BatchNormalization(momentum=0.9),),
    "layer norm": lambda: (keras.layers.LayerNormalization(),),
    "penalties": lambda: (keras.layers.Dense(5, "relu", kernel_regularizer=keras.regularizers.L1L2(2**-10, 2**-7),
                                             bias_regularizer=keras.regularizers.L2(0.125)),),
    "activation": lambda: (keras.layers.Activation("softplus"),
                           keras.layers.ReLU(6.0)),
    "scale": lambda: (keras.layers.Rescaling(0.5, 1.0),
                      keras.layers.Normalization(mean=0.25, variance=4.0)),
    "no bias": lambda: (keras.layers.Dense(4, "sigmoid", use_bias=False),),
    "shapes": lambda: (keras.layers.Reshape((4, 2)), keras.layers.Dense(3, "elu"),
                       keras.layers.Flatten()),
}  # fmt: skip


@pytest.mark.slow_but("batch norm", "shapes")
@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.slow_but("batch norm")
def test_layers(name):
    assert_as_alone(
        lambda k: network(*BETWEEN[name](), seed=k), X, YES_NO, epochs=3, validation_split=0.2, eagerly=False
    )


@pytest.mark.slow_but("SGD")
@pytest.mark.parametrize(("optimizer", "how"), [("SGD", "networks at once"), ("Adam", "squares an embedding")])
def test_embeddings(optimizer, how):
    tokens = np.random.default_rng(0).integers(0, 9, size=(ROWS, 5))

    def make(k):
        layers = keras.layers.Embedding(9, 4), keras.layers.Flatten()
        return network(*layers, seed=k, inputs=(5,), optimizer=keras.optimizers.get(optimizer))

    assert_as_alone(make, tokens, YES_NO, epochs=3, how=how, eagerly=False)


class TestTheyMayDiffer:
    @pytest.mark.slow
    def test_in_hidden_widths_whatever_the_activation(self):
        def make(k):
            return network(keras.layers.Dense(3 + 2 * k, "sigmoid"),
                           keras.layers.Dense(7 - 2 * k, "softplus"), units=4 + k, seed=k,
                           optimizer=keras.optimizers.AdamW(0.02, weight_decay=0.1))  # fmt: skip

        assert_as_alone(make, X, YES_NO, epochs=4, validation_split=0.2, eagerly=False)

    def test_in_epochs_and_in_seeds(self):
        assert_as_alone(
            lambda k: network(seed=k), X, YES_NO, epochs=[2, 5, 3], seed=[3, 4, 9], validation_split=0.2, eagerly=False
        )

    @pytest.mark.slow
    def test_in_patience(self):
        def make(k):
            return network(seed=k, optimizer=keras.optimizers.Adam(0.3))

        options = {"epochs": 30, "patience": [1, 4, None], "validation_split": 0.3}
        assert_as_alone(make, X, YES_NO, **options, seed=[0, 1, 2])
        runs = fit_many([make(k) for k in range(3)], X, YES_NO, verbose=0, **options)
        assert {run.epochs < 30 for run in runs} == {True, False}

    @pytest.mark.slow
    def test_in_batch_sizes(self):
        runs = fit_many([network(seed=k) for k in range(4)], X, YES_NO, batch_size=[16, 32, 16, 32], verbose=0)
        assert "4 networks at once" in runs.how
        assert [run.steps for run in runs] == [5, 3, 5, 3]
        assert_as_alone(lambda k: network(seed=k), X, YES_NO, batch_size=[16, 32, 16])

    @pytest.mark.slow
    def test_in_everything(self):
        def make(k):
            return network(seed=k) if k % 2 else network(seed=k, loss="mse", metrics=())

        assert_as_alone(make, X, YES_NO, number=5, epochs=2)


@pytest.mark.slow
def test_in_single_precision_the_first_steps_are_the_same():
    def make(k):
        return build_model("binary", x=X, units=(8 + k, 4), learning_rate=0.002 * (k + 1), seed=k)

    assert_as_alone(make, X, YES_NO, epochs=6, at_most=1e-5, validation_split=0.2, eagerly=False)


@pytest.mark.slow
def test_dropout_draws_what_it_would_alone_under_xla_in_single_precision(monkeypatch):
    from recipes.training.engines.many import train
    from recipes.training.engines.tensorflow import program

    monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS", 0)

    def make(k):
        return build_model("binary", x=X, units=(8 + k, 4), dropout=0.1 + 0.2 * k, seed=k)

    assert_as_alone(make, X, YES_NO, number=2, epochs=2, at_most=1e-5, eagerly=False)


class TestWhatIsNotKnownIsTrainedAlone:
    @pytest.mark.parametrize(
        ("make", "why"),
        [
            (lambda: network(keras.layers.Lambda(lambda v: v)), "class Lambda"),
            (
                lambda: network(loss=lambda: lambda y, p: keras.ops.mean(keras.ops.square(y - p), -1)),
                "looks at each row by itself",
            ),
            (lambda: network(loss=lambda: keras.losses.Huber(0.5)), "its configuration"),  # which Keras leaves out
            (lambda: network(metrics=(keras.metrics.AUC(),)), "no mean over the rows"),
            (lambda: network(optimizer=keras.optimizers.Nadam()), "its optimizer is Nadam"),
            (lambda: network(optimizer=keras.optimizers.Adam(use_ema=True)), "use_ema"),
            (lambda: network(keras.layers.Dense(3, kernel_constraint="non_neg")), "constraint"),
        ],
    )
    @pytest.mark.slow_but("Lambda", "Nadam", "use_ema", "constraint")
    def test_and_said(self, make, why):
        runs = fit_many([make(), make()], X, YES_NO, verbose=0)
        assert len(runs) == 2
        assert why in runs.how

    @pytest.mark.slow
    def test_what_was_set_afterwards_is_seen(self):
        """A method of one layer replaced, which no configuration shows: it is trained as it is, not as it looks."""

        def make(k):
            model = network(seed=k)
            if k:
                model.layers[0].call = lambda x, training=None: 2 * keras.layers.Dense.call(model.layers[0], x)
            return model

        assert_as_alone(make, X, YES_NO, number=2, epochs=2, at_most=1e-5, how="")

    def test_frozen_layers_stay(self):
        def make(k):
            model = network(seed=k)
            model.layers[0].trainable = False
            model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
            return model

        assert_as_alone(make, X, YES_NO, number=2, epochs=2, how="frozen")

    @pytest.mark.slow
    def test_one_frozen_variable_stays(self):
        def make(k):
            model = network(keras.layers.BatchNormalization(), seed=k)
            model.layers[1 if k else 0].trainable_variables[0].trainable = False
            model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
            return model

        assert_as_alone(make, X, YES_NO, number=2, epochs=2, how="frozen")


@pytest.mark.slow
def test_a_scale_that_was_adapted_to_data():
    def make(k):
        scale = keras.layers.Normalization()
        scale.adapt(X + k)
        model = keras.Sequential([keras.Input((COLUMNS,)), scale, keras.layers.Dense(1, "sigmoid")])
        model.set_weights([*model.get_weights()[:-2], np.full((COLUMNS, 1), 0.1), np.zeros(1)])
        model.compile("sgd", "binary_crossentropy")
        return model

    assert_as_alone(make, X, YES_NO, epochs=2, at_most=1e-6)


class TestSeeds:
    def test_copies_begin_afresh_and_the_model_stays(self):
        model = build_model("binary", x=X, units=(8,), seed=0)
        before = [np.asarray(w).copy() for w in model.weights]
        runs = fit_many(model, X, YES_NO, seeds=3, epochs=3, validation_split=0.2, verbose=0)
        assert isinstance(runs, Runs)
        assert len(runs) == 3
        assert all(np.array_equal(a, b) for a, b in zip(before, map(np.asarray, model.weights), strict=True))
        firsts = {round(run.history["loss"][0], 7) for run in runs}
        assert len(firsts) == 3
        again = fit_many(model, X, YES_NO, seeds=[0, 1, 2], epochs=3, validation_split=0.2, verbose=0)
        assert [run.history for run in again] == [run.history for run in runs]

    def test_scales_and_frozen_layers_keep_their_numbers(self):
        scale = keras.layers.Normalization()
        scale.adapt(100 * X + 7)
        frozen = keras.layers.Dense(5, "relu", trainable=False)
        model = keras.Sequential([keras.Input((COLUMNS,)), scale, frozen, keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        runs = fit_many(model, X, YES_NO, seeds=2, verbose=0)
        for run in runs:
            np.testing.assert_array_equal(run.model.layers[0].mean, scale.mean)
            np.testing.assert_array_equal(run.model.layers[1].get_weights()[0], frozen.get_weights()[0])
            assert not np.array_equal(run.model.layers[2].get_weights()[0], model.layers[2].get_weights()[0])

    def test_python_s_own_numbers_are_left_alone(self):
        import random

        model = build_model("binary", x=X, seed=0)
        random.seed(1)
        expected = random.random()
        random.seed(1)
        fit_many(model, X, YES_NO, seeds=2, verbose=0)
        assert random.random() == expected


@pytest.mark.slow
def test_each_model_is_judged_and_rows_are_held_once():
    """Only one of the models lacks a scale for values of some 1e5: it alone is told so."""
    x = 1e5 * X + 3e5
    scaled = [build_model("binary", x=x, units=(4 + k,), seed=k) for k in range(2)]
    plain = keras.Sequential([keras.Input((COLUMNS,)), keras.layers.Dense(1, "sigmoid")])
    plain.compile("adam", "binary_crossentropy")
    runs = fit_many([*scaled, plain], x, YES_NO, validation_split=0.2, verbose=0)
    told = [{finding.rule for finding in run.findings} for run in runs]
    assert ["unscaled_x" in rules for rules in told] == [False, False, True]


class TestRefusals:
    def test_before_anything_is_trained(self):
        model = network()
        before = model.get_weights()
        with pytest.raises(ValueError, match=r"epochs has 2 values for 1 model\."):
            fit_many([model], X, YES_NO, epochs=[1, 2])
        with pytest.raises(ValueError, match="twice"):
            fit_many([model, model], X, YES_NO)
        with pytest.raises(ValueError, match="seeds=8"):
            fit_many(model, X, YES_NO)
        with pytest.raises(TypeError, match="copies of one model"):
            fit_many([model], X, YES_NO, seeds=2)
        with pytest.raises(ValueError, match="one of them twice"):
            fit_many(model, X, YES_NO, seeds=[1, 1])
        with pytest.raises(ValueError, match=r"Received: seeds=2\.0"):
            fit_many(model, X, YES_NO, seeds=2.0)
        for wrong in (network, {"a": model}, [network, network], "model.keras"):
            with pytest.raises(TypeError, match="a list of compiled Keras models"):
                fit_many(wrong, X, YES_NO)
        with pytest.raises(ValueError, match="no models"):
            fit_many([], X, YES_NO)
        with pytest.raises(ValueError, match="nothing validates"):
            fit_many([model], X, YES_NO, patience=3)
        with pytest.raises(ValueError, match="finite"):
            fit_many([network(), model], np.where(X > 2, np.nan, X), YES_NO)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


class TestCallbacks:
    class Seen(keras.callbacks.Callback):
        """Remembers which epochs it has seen, and halves the rate in the second."""

        everything: ClassVar[list] = []  # of all copies

        def __init__(self):
            super().__init__()
            self.epochs = []

        def __deepcopy__(self, memo):
            made = type(self)()
            TestCallbacks.Seen.everything.append(made)
            return made

        def on_epoch_end(self, epoch, logs=None):
            self.epochs.append(epoch)
            if epoch == 1:
                self.model.optimizer.learning_rate = 0.5 * self.model.optimizer.learning_rate

    def test_each_network_gets_a_copy_and_trains_as_alone(self):
        own = self.Seen()
        self.Seen.everything.clear()
        together, apart = [network(seed=k) for k in range(2)], [network(seed=k) for k in range(2)]
        runs = fit_many(together, X, YES_NO, epochs=4, callbacks=own, verbose=0)
        assert "callbacks" in runs.how
        assert own.epochs == []
        assert [copy.epochs for copy in self.Seen.everything] == [[0, 1, 2, 3]] * 2
        for model, other, run in zip(together, apart, runs, strict=True):
            assert fit(other, X, YES_NO, epochs=4, callbacks=self.Seen(), verbose=0).history == run.history
            for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
                np.testing.assert_array_equal(mine, theirs)

    @pytest.mark.slow
    def test_patience_beside_them_keeps_the_best_epoch_for_seeds_too(self):
        model = network(optimizer=keras.optimizers.Adam(0.3))
        options = {"epochs": 20, "patience": 1, "validation_split": 0.3, "verbose": 0}
        quick, watched = (
            fit_many(model, X, YES_NO, seeds=2, callbacks=callbacks, **options)
            for callbacks in ((), [keras.callbacks.TerminateOnNaN()])
        )
        assert [run.kept for run in quick] == [run.kept for run in watched]
        assert [run.epochs for run in quick] == [run.epochs for run in watched]

    def test_what_is_none_is_refused_before_anything_is_trained(self):
        with pytest.raises(TypeError, match=r"keras\.callbacks\.EarlyStopping\(patience=5\)"):
            fit_many([network()], X, YES_NO, callbacks=["early"], verbose=0)
