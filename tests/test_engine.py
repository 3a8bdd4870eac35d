"""The resident engine has the mathematics of `model.fit`: same weights, same history, callbacks and all."""

import os
import signal
import threading

import keras
import numpy as np
import pytest
from conftest import refused
from keras import layers, regularizers

from recipes import build_autoencoder, build_model, fit, load_data
from recipes.training import resident
from recipes.training.engine import acts_on_batches
from recipes.training.interrupt import Interrupt
from recipes.training.operations import _convolve_doubled, rearranged
from recipes.training.sharing import share_key

WINE = load_data("wine")
X = ((WINE.x - WINE.x.mean(0)) / WINE.x.std(0)).astype("float32")
Y = WINE.y
DIGITS = load_data("digits")
IMAGES, LABELS = DIGITS.x[:200], DIGITS.y[:200]


EVERY_WAY = [pytest.param(way, id=way) for way in (resident.PLAIN, resident.MIXED, resident.XLA)]
SLOW_WAYS = [pytest.param(way, id=way, marks=pytest.mark.slow) for way in (resident.MIXED, resident.XLA)]
WAYS = [EVERY_WAY[0], EVERY_WAY[2], SLOW_WAYS[0]]  # the middle one is made of the other two
PLAIN_FIRST = [EVERY_WAY[0], *SLOW_WAYS]  # where compiling has little to do with what is tested
every_way = pytest.mark.parametrize("way", EVERY_WAY, indirect=True)
plain_first = pytest.mark.parametrize("way", PLAIN_FIRST, indirect=True)


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Each way of compiling, whatever the engine would choose."""
    monkeypatch.setattr(resident._Program, "choose", lambda self, model, num_steps: request.param)
    resident._PROGRAMS.clear()
    return request.param


@pytest.fixture
def jit(way):
    """Whether any of it goes through XLA, whose rounding and random numbers are its own."""
    return way != resident.PLAIN


def compare(make, x, y, *, exact=False, rtol=1e-5, **options):
    """Train one copy with `model.fit` and one resident; weights and histories must agree."""
    options = {"epochs": 4, "batch_size": 32, "verbose": 0, **options}
    runs = {}
    for engine in ("keras", "resident"):
        keras.utils.set_random_seed(1)  # the same initial weights and dropout seeds
        made = options.copy()
        if "callbacks" in made:
            made["callbacks"] = made["callbacks"]()
        runs[engine] = fit(make(), x, y, engine=engine, **made)
    theirs, ours = runs["keras"], runs["resident"]
    assert ours.engine.startswith("resident")
    assert theirs.engine.startswith("keras")
    assert set(ours.history) == set(theirs.history)
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    for a, b in zip(theirs.model.variables, ours.model.variables, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if exact:
            np.testing.assert_array_equal(b, a)
        elif a.dtype.kind == "f":  # relative to the largest weight of each array
            assert np.abs(a - b).max() <= rtol * np.abs(a).max(), a.shape
    assert int(ours.model.optimizer.iterations) == int(theirs.model.optimizer.iterations)
    return theirs, ours


def mlp(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=("accuracy",), hidden=(), last="softmax"):
    model = keras.Sequential([keras.Input((13,)), layers.Dense(16, "relu"), *hidden, layers.Dense(3, last)])
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


def cnn():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 3, padding="same", use_bias=False),  # BatchNormalization would undo a bias
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class TestSameMathematics:
    @every_way
    def test_mlp(self, jit):
        compare(mlp, X, Y, exact=not jit, validation_split=0.3)

    def test_convolutions_and_batch_normalisation(self, jit):
        compare(cnn, IMAGES, LABELS, epochs=3, validation_split=0.25)

    @pytest.mark.parametrize("way", [EVERY_WAY[0], EVERY_WAY[2]], indirect=True)
    def test_dropout_and_noise_draw_the_same_numbers(self, jit):
        """XLA has its own random numbers, so there Keras' step must be compiled by XLA too, and every batch."""

        def make():
            model = mlp(hidden=(layers.Dropout(0.4), layers.GaussianNoise(0.1)))
            model.jit_compile = jit
            return model

        compare(make, X, Y, exact=not jit, validation_split=0.3)

    @plain_first
    def test_regularised_layers(self, jit):
        def make():
            model = keras.Sequential(
                [
                    keras.Input((13,)),
                    layers.Dense(16, "tanh", kernel_regularizer=regularizers.L2(0.01), kernel_constraint="max_norm"),
                    layers.ActivityRegularization(l1=1e-3),
                    layers.Dense(3, "softmax", bias_regularizer="l1"),
                ]
            )
            model.compile("adam", "sparse_categorical_crossentropy")
            return model

        compare(make, X, Y, validation_split=0.3)

    @plain_first
    @pytest.mark.parametrize(
        "optimizer",
        [
            lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
            lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=0.5),
            lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.3, amsgrad=True),
            lambda: keras.optimizers.RMSprop(0.01, centered=True, clipvalue=0.01),
            lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
            lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
            lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
            lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 20)),
            lambda: keras.optimizers.Adadelta(1.0),
        ],
        ids=["nesterov", "adamw", "amsgrad", "rmsprop", "ema", "ema-overwrite", "accumulation", "schedule", "adadelta"],
    )
    def test_optimizers(self, jit, optimizer):
        compare(lambda: mlp(optimizer()), X, Y, epochs=3)

    def test_several_inputs_outputs_losses_and_weights(self, jit):
        x = {"left": X[:, :5], "right": X[:, 5:]}
        y = {"kind": Y, "alcohol": X[:, :2]}

        def make():
            left, right = keras.Input((5,), name="left"), keras.Input((8,), name="right")
            joined = layers.Dense(8, "relu")(layers.Concatenate()([left, right]))
            outputs = {
                "kind": layers.Dense(3, "softmax", name="kind")(joined),
                "alcohol": layers.Dense(2, name="alcohol")(joined),
            }
            model = keras.Model({"left": left, "right": right}, outputs)
            model.compile(
                "adam",
                {"kind": "sparse_categorical_crossentropy", "alcohol": "mse"},
                loss_weights={"kind": 0.3, "alcohol": 2.0},
                metrics={"kind": ["accuracy"], "alcohol": ["mae"]},
            )
            return model

        compare(make, x, y, validation_split=0.3)

    def test_custom_losses_and_metrics(self, jit):
        def cubic(y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 3, axis=-1)

        class Largest(keras.metrics.Metric):
            def __init__(self):
                super().__init__(name="largest")
                self.value = self.add_weight(name="value", initializer="zeros")

            def update_state(self, y_true, y_pred, sample_weight=None):
                self.value.assign(keras.ops.maximum(self.value, keras.ops.max(keras.ops.abs(y_pred))))

            def result(self):
                return self.value + 0.0  # else Keras' history shows what the variable holds later

        def make():
            return mlp(loss=cubic, metrics=(Largest(), keras.metrics.F1Score()), last="linear")

        _, ours = compare(make, X, np.eye(3)[Y], validation_split=0.3)
        assert np.shape(ours.history["f1_score"]) == (4, 3)  # a metric that is a vector

    @plain_first
    def test_weights_of_rows_and_classes(self, jit, rng):
        compare(mlp, X, Y, sample_weight=rng.random(len(X)), validation_split=0.3)
        compare(mlp, X, Y, class_weight={0: 1.0, 1: 3.0, 2: 0.2})
        model = mlp()
        model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])

    @plain_first
    def test_validation_data_with_weights(self, jit, rng):
        compare(mlp, X[:100], Y[:100], validation_data=(X[100:], Y[100:], rng.random(78)))

    @pytest.mark.parametrize("num_rows", [10, 64, 65])
    def test_every_size_of_the_last_batch(self, jit, num_rows):
        rows = np.arange(num_rows) * 2
        compare(mlp, X[rows], Y[rows], epochs=2)

    @plain_first
    def test_without_shuffling(self, jit):
        compare(mlp, X, Y, shuffle=False)

    @plain_first
    def test_subclassed_models(self, jit):
        class Two(keras.Model):
            def __init__(self):
                super().__init__()
                self.first, self.second = layers.Dense(8, "relu"), layers.Dense(3, "softmax")

            def call(self, x):
                return self.second(self.first(x))

        def make():
            model = Two()
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            return model

        compare(make, X, Y, validation_split=0.3)

    @plain_first
    def test_integer_images_stay_integers_and_are_scaled_in_the_graph(self, jit):
        x = (IMAGES * 16).astype("uint8")

        def make():
            model = keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 16), layers.Flatten(),
                                      layers.Dense(10, "softmax")])  # fmt: skip
            model.compile("adam", "sparse_categorical_crossentropy")
            return model

        compare(make, x, LABELS)

    @plain_first
    def test_a_second_call_goes_on_where_the_first_ended(self, jit):
        histories = []
        for engine in ("keras", "resident"):
            keras.utils.set_random_seed(1)
            model = mlp()
            for seed in (0, 1):
                run = fit(model, X, Y, epochs=2, seed=seed, engine=engine, verbose=0)
            histories.append(run.history["loss"])
        np.testing.assert_allclose(*histories, rtol=1e-5)


@plain_first
class TestCallbacks:
    def test_those_that_act_once_an_epoch(self, jit, tmp_path):
        own = keras.callbacks

        def callbacks():
            return [
                own.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=0.05, factor=0.5),
                own.CSVLogger(tmp_path / "log.csv"),
                own.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True),
                own.TerminateOnNaN(),
                own.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
                own.EarlyStopping(monitor="val_loss", min_delta=0.05, patience=1, restore_best_weights=True),
            ]

        theirs, ours = compare(mlp, X, Y, epochs=30, validation_split=0.3, callbacks=callbacks)
        assert ours.epochs < 30
        assert float(ours.model.optimizer.learning_rate) == float(theirs.model.optimizer.learning_rate)
        assert len((tmp_path / "log.csv").read_text().splitlines()) == ours.epochs + 1
        best = keras.models.load_model(tmp_path / "best.keras")
        assert best.count_params() == ours.model.count_params()

    def test_a_rate_schedule(self, jit):
        compare(mlp, X, Y, callbacks=lambda: [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])

    def test_averaged_weights_are_swapped_in_for_validation(self, jit):
        compare(
            lambda: mlp(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)),
            X, Y, validation_split=0.3, callbacks=lambda: [keras.callbacks.SwapEMAWeights()],
        )  # fmt: skip

    def test_tensorboard_writes_its_scalars(self, jit, tmp_path):
        run = fit(mlp(), X, Y, epochs=2, callbacks=[keras.callbacks.TensorBoard(tmp_path)], verbose=0)
        assert run.engine.startswith("resident")
        assert list(tmp_path.rglob("events.out.tfevents*"))

    def test_backup_and_restore(self, jit, tmp_path):
        class Stop(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise RuntimeError("power cut")

        def run(*more):
            keras.utils.set_random_seed(1)
            backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", double_checkpoint=True)
            return fit(mlp(), X, Y, epochs=4, callbacks=[backup, *more], verbose=0)

        with pytest.raises(RuntimeError, match="power cut"):
            run(Stop())
        resumed = run()
        assert resumed.engine.startswith("resident")
        assert resumed.epochs == 2
        keras.utils.set_random_seed(1)
        whole = fit(mlp(), X, Y, epochs=4, verbose=0)
        np.testing.assert_allclose(resumed.history["loss"], whole.history["loss"][2:], rtol=1e-5)

    def test_nan_terminates(self, jit):
        x = X.copy()
        model = mlp(keras.optimizers.SGD(1e30), loss="mse", last="linear")
        run = fit(model, x * 1e10, np.eye(3)[Y], epochs=9, callbacks=[keras.callbacks.TerminateOnNaN()], verbose=0)
        assert run.epochs < 9
        assert run.findings[0].rule == "nan"

    def test_the_order_of_the_calls(self, jit):
        def recorder(calls):
            class Recorder(keras.callbacks.Callback):
                pass

            for name in (
                "on_train_begin",
                "on_epoch_begin",
                "on_test_begin",
                "on_test_end",
                "on_epoch_end",
                "on_train_end",
            ):
                setattr(Recorder, name, lambda self, *args, name=name, logs=None: calls.append(name))
            return Recorder()

        recorded = []
        for engine in ("keras", "resident"):
            recorded.append([])
            fit(
                mlp(),
                X,
                Y,
                epochs=2,
                validation_split=0.3,
                callbacks=[recorder(recorded[-1])],
                engine=engine,
                verbose=0,
            )
        assert recorded[0] == recorded[1]


class TestChoice:
    def reason(self, model, x=X, y=Y, **options):
        run = fit(model, x, y, verbose=0, **options)
        return run.engine

    def test_arrays_are_resident(self):
        assert self.reason(mlp()).startswith("resident: plain graph, compiled")

    def test_batch_callbacks_go_to_keras(self):
        seen = []
        callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
        assert self.reason(mlp(), callbacks=[callback]) == "keras: model.fit (LambdaCallback acts on batches)"
        assert seen == [0, 1, 2, 3, 4, 5]

    def test_own_train_steps_go_to_keras(self):
        class Mine(keras.Model):
            def train_step(self, data):
                return super().train_step(data)

        inputs = keras.Input((13,))
        model = Mine(inputs, layers.Dense(3, "softmax")(inputs))
        model.compile("adam", "sparse_categorical_crossentropy")
        assert self.reason(model) == "keras: model.fit (Mine has its own train_step)"
        with refused("engine='resident' cannot run this: Mine has its own train_step. Use engine='auto' or 'keras'."):
            fit(model, X, Y, engine="resident")

    def test_eager_models_go_to_keras(self):
        model = mlp()
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
        assert self.reason(model) == "keras: model.fit (the model is compiled with run_eagerly=True)"

    def test_data_beyond_the_memory_go_to_keras(self, monkeypatch):
        monkeypatch.setattr("recipes.training.engine._free_memory", lambda: 1000.0)
        assert "exceed 50% of the free memory" in self.reason(mlp())

    def test_xla_where_it_pays_and_never_for_convolutions_on_a_cpu(self, monkeypatch):
        monkeypatch.setattr(resident, "XLA_PAYS_AFTER_STEPS", 1)
        assert self.reason(mlp(hidden=(layers.Dense(5),))).startswith("resident: XLA")
        assert self.reason(cnn(), IMAGES, LABELS).startswith("resident: plain graph")

    def test_an_unknown_engine(self):
        with refused("Unknown engine. Received: engine='tf'. Expected one of auto, resident, keras."):
            fit(mlp(), X, Y, engine="tf")

    @pytest.mark.parametrize(
        ("make", "batches"),
        [
            (lambda: keras.callbacks.EarlyStopping(), False),
            (lambda: keras.callbacks.ModelCheckpoint("a.keras"), False),
            (lambda: keras.callbacks.ModelCheckpoint("a.keras", save_freq=10), True),
            (lambda: keras.callbacks.TensorBoard(), False),
            (lambda: keras.callbacks.TensorBoard(update_freq="batch"), True),
            (lambda: keras.callbacks.TensorBoard(profile_batch=2), True),
            (lambda: keras.callbacks.BackupAndRestore("b"), False),
            (lambda: keras.callbacks.BackupAndRestore("b", save_freq=5), True),
            (lambda: keras.callbacks.LambdaCallback(on_train_batch_begin=print), True),
            (lambda: keras.callbacks.SwapEMAWeights(), False),
        ],
    )
    def test_which_callbacks_act_on_batches(self, make, batches):
        assert acts_on_batches(make()) is batches


class TestCompiledOnce:
    def traces(self):
        return sum(
            f.experimental_get_tracing_count() for p in resident._PROGRAMS.values() for f in p.functions.values()
        )

    def test_a_second_model_of_the_same_kind_runs_the_same_program(self, jit):
        def train(seed, rate):
            model = build_model(x=WINE.x + seed, y=Y, seed=seed, learning_rate=rate, dropout=0.2)
            return fit(model, WINE.x + seed, Y, epochs=3, validation_split=0.2, verbose=0)

        alone = [train(seed, 0.01 * (seed + 1)) for seed in (0, 1)]
        assert "compiled for this run" in alone[0].engine
        assert "compiled before" in alone[1].engine
        assert self.traces() == 1
        resident._PROGRAMS.clear()
        fresh = train(1, 0.02)  # its own program: the same numbers as with the borrowed one
        assert fresh.history == alone[1].history
        for a, b in zip(fresh.model.get_weights(), alone[1].model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    @plain_first
    def test_the_first_model_keeps_its_numbers(self, jit):
        first = mlp()
        fit(first, X, Y, epochs=2, verbose=0)
        before = [v.numpy() for v in [*first.variables, *first.optimizer.variables]]
        fit(mlp(keras.optimizers.Adam(0.5)), X, Y, epochs=2, verbose=0)
        for a, b in zip(before, [*first.variables, *first.optimizer.variables], strict=True):
            np.testing.assert_array_equal(a, b.numpy())

    def test_what_differs_in_more_than_numbers_is_not_shared(self):
        keys = [
            share_key(model)
            for model in (
                mlp(),
                mlp(keras.optimizers.Adam(beta_1=0.8)),
                mlp("sgd"),
                mlp(last="linear"),
                mlp(hidden=(layers.Dropout(0.1),)),
                mlp(hidden=(layers.Dropout(0.2),)),
                mlp(metrics=()),
                mlp(loss="mse"),
            )
        ]
        assert None not in keys
        assert len(set(keys)) == len(keys)
        frozen = mlp()
        frozen.layers[0].trainable = False
        assert share_key(frozen) != keys[0]
        assert share_key(mlp(keras.optimizers.Adam(0.3))) == keys[0]

    def test_metrics_that_a_second_compile_leaves_at_work_are_seen(self):
        stale, clean = mlp(loss="mse"), mlp(loss="mse", metrics=())
        for model in (stale, clean):
            model.compile("adam", "mse")
            fit(model, X, np.eye(3)[Y], verbose=0)
        assert share_key(stale) != share_key(clean)

    def test_what_is_not_keras_own_is_not_shared(self):
        class Mine(layers.Layer):
            def call(self, x):
                return x

        assert share_key(mlp(hidden=(Mine(),))) is None
        assert share_key(mlp(hidden=(layers.Lambda(lambda x: x),))) is None
        assert share_key(mlp(loss=lambda y_true, y_pred: y_pred)) is None

    @plain_first
    def test_a_model_of_its_own_kind_compiles_once_too(self, jit):
        model = mlp(loss=lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1))
        engines = [fit(model, X, Y, verbose=0).engine for _ in range(2)]
        assert "compiled for this run" in engines[0]
        assert "compiled before" in engines[1]
        model.compile("sgd", "mse", metrics=[])
        assert "compiled for this run" in fit(model, X, np.eye(3)[Y], verbose=0).engine

    @plain_first
    def test_freezing_a_layer_afterwards_freezes_it(self, jit):
        model = mlp()
        fit(model, X, Y, verbose=0)
        model.layers[0].trainable = False
        model.compile("adam", "sparse_categorical_crossentropy")
        before = model.layers[0].get_weights()[0].copy()
        fit(model, X, Y, verbose=0)
        np.testing.assert_array_equal(before, model.layers[0].get_weights()[0])


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C, which a process started in the background lacks."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("engine", ["keras", "resident"])
def test_ctrl_c_ends_the_run_with_the_history_so_far(engine):
    model = build_model(x=X, y=Y, seed=0)
    timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    run = fit(model, X, Y, epochs=10**6, engine=engine, verbose=0)
    assert run.interrupted
    assert 0 < run.epochs < 10**6
    assert np.isfinite(run.history["loss"]).all()
    assert run.steps == 6 * run.epochs or engine == "keras"  # Keras stops within an epoch
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_ctrl_c_is_ignored_it_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_models_still_train_save_and_load_as_any_other(tmp_path):
    model = mlp()
    fit(model, X, Y, verbose=0)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")
    keras.models.clone_model(model)


class TestRearranged:
    def test_a_convolution_of_doubled_pixels_from_the_small_image(self, rng):
        small = rng.normal(size=(3, 5, 4, 6))
        kernel = rng.normal(size=(3, 3, 6, 2))
        doubled = keras.ops.convert_to_tensor(small.repeat(2, axis=1).repeat(2, axis=2))
        expected = keras.ops.conv(doubled, keras.ops.convert_to_tensor(kernel), padding="same")
        got = _convolve_doubled(keras.ops.convert_to_tensor(small), keras.ops.convert_to_tensor(kernel))
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)  # float64

    def test_a_convolutional_autoencoder_trains_as_under_keras(self, way):
        def make():
            model = build_autoencoder("conv", x=IMAGES, latent=4, filters=(8, 8), seed=0)
            model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
            return model

        theirs, ours = compare(make, IMAGES, None, epochs=3, validation_split=0.25)
        np.testing.assert_allclose(
            ours.model.predict(IMAGES, verbose=0), theirs.model.predict(IMAGES, verbose=0), atol=1e-5
        )

    def test_the_layers_are_as_before_afterwards(self):
        model = build_autoencoder("conv", x=IMAGES, latent=4, seed=0)
        before = model.predict(IMAGES[:5], verbose=0)
        conv = model.get_layer("encoder").layers[0]
        with rearranged(model):
            assert conv.activation is keras.activations.linear
        assert conv.activation is keras.activations.relu
        assert "convolution_op" not in vars(model.get_layer("decoder").layers[-1])
        np.testing.assert_array_equal(model.predict(IMAGES[:5], verbose=0), before)
