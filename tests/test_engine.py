"""The resident engine has the mathematics of `model.fit`: same weights, same history, callbacks and all."""

import keras
import numpy as np
import pytest
from engines import IMAGES, LABELS, MIXED, PLAIN, SLOW_MIXED, SLOW_XLA, XLA, X, Y, cnn, compare, mlp, plain_first
from keras import layers, regularizers
from scipy import stats

from recipes import build_autoencoder, fit
from recipes.training.engines.tensorflow.rewrites import _convolve_doubled, rearranged


class TestSameMathematics:
    def test_mlp(self, jit):
        compare(mlp, X, Y, exact=not jit, validation_split=0.3)

    @plain_first
    def test_convolutions_and_batch_normalisation(self, jit):
        compare(cnn, IMAGES, LABELS, validation_split=0.25)

    @pytest.mark.parametrize("way", [PLAIN], indirect=True)
    def test_dropout_and_noise_draw_the_same_numbers(self, way):
        """In the plain graph; under XLA they are those of `test_noise.py`."""
        compare(lambda: mlp(hidden=(layers.Dropout(0.4), layers.GaussianNoise(0.1))), X, Y, exact=True,
                validation_split=0.3)  # fmt: skip

    @pytest.mark.slow
    @pytest.mark.parametrize("way", [MIXED], indirect=True)
    def test_dropout_and_noise_train_as_well_with_other_numbers(self, way):
        """The loss after some epochs, over many seeds, comes from one distribution."""

        def losses(engine):
            found = []
            for seed in range(12):
                keras.utils.set_random_seed(seed)
                model = mlp(hidden=(layers.Dropout(0.4), layers.GaussianNoise(0.3)))
                found.append(fit(model, X, Y, epochs=8, engine=engine, verbose=0).history["loss"][-1])
            return found

        assert stats.ks_2samp(losses("keras"), losses("resident")).pvalue > 0.01

    @plain_first
    @pytest.mark.slow
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
            pytest.param(
                lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.3, amsgrad=True), marks=pytest.mark.slow
            ),
            lambda: keras.optimizers.RMSprop(0.01, centered=True, clipvalue=0.01),
            pytest.param(lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9), marks=pytest.mark.slow),
            lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
            lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
            lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 20)),
            pytest.param(lambda: keras.optimizers.Adadelta(1.0), marks=pytest.mark.slow),
        ],
        ids=["nesterov", "adamw", "amsgrad", "rmsprop", "ema", "ema-overwrite", "accumulation", "schedule", "adadelta"],
    )
    @pytest.mark.slow_but("adamw", "ema-p", "accumulation")
    def test_optimizers(self, jit, optimizer):
        compare(lambda: mlp(optimizer()), X, Y)

    @pytest.mark.parametrize("way", [MIXED], indirect=True)
    def test_accumulated_gradients_under_the_fused_update(self, way):
        adamw = {"weight_decay": 0.1, "gradient_accumulation_steps": 3}
        compare(lambda: mlp(keras.optimizers.AdamW(0.01, **adamw)), X, Y)

    @plain_first
    @pytest.mark.slow
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

        # Eagerly, Keras weighs the batches in the loss of an output; compiled, a smaller one counts as a whole one.
        compare(make, x, y, validation_split=0.3, eagerly=False)

    @plain_first
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
        assert np.shape(ours.history["f1_score"]) == (2, 3)  # a metric that is a vector

    @plain_first
    def test_weights_of_rows_and_classes(self, jit, rng):
        compare(mlp, X, Y, sample_weight=rng.random(len(X)), validation_split=0.3)
        compare(mlp, X, Y, class_weight={0: 1.0, 1: 3.0, 2: 0.2})

        def weighted():
            model = mlp(metrics=())
            model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
            return model

        _, ours = compare(weighted, X, Y, sample_weight=rng.random(len(X)))
        assert "accuracy" in ours.history

    @plain_first
    def test_validation_data_with_weights(self, jit, rng):
        compare(mlp, X[:100], Y[:100], validation_data=(X[100:], Y[100:], rng.random(78)))

    @pytest.mark.parametrize("num_rows", [10, 64, 65])
    @pytest.mark.parametrize("way", [PLAIN, SLOW_MIXED, SLOW_XLA], indirect=True)
    def test_every_size_of_the_last_batch(self, jit, num_rows):
        rows = np.arange(num_rows) * 2
        compare(mlp, X[rows], Y[rows])

    @pytest.mark.parametrize("num_rows", [10, 65])
    @pytest.mark.parametrize("way", [XLA], indirect=True)
    @pytest.mark.slow
    def test_without_and_with_full_batches_under_xla(self, way, num_rows):
        compare(mlp, X[:num_rows], Y[:num_rows])

    @plain_first
    def test_without_shuffling(self, jit):
        compare(mlp, X, Y, shuffle=False)

    @plain_first
    @pytest.mark.slow
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

        theirs, ours = compare(mlp, X, Y, epochs=30, validation_split=0.3, callbacks=callbacks, eagerly=False)
        assert ours.epochs < 30
        assert float(ours.model.optimizer.learning_rate) == float(theirs.model.optimizer.learning_rate)
        assert len((tmp_path / "log.csv").read_text().splitlines()) == ours.epochs + 1
        best = keras.models.load_model(tmp_path / "best.keras")
        assert best.count_params() == ours.model.count_params()

    def test_a_rate_schedule(self, jit):
        compare(mlp, X, Y, callbacks=lambda: [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])

    @pytest.mark.slow
    def test_averaged_weights_are_swapped_in_for_validation(self, jit):
        compare(
            lambda: mlp(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)),
            X, Y, validation_split=0.3, callbacks=lambda: [keras.callbacks.SwapEMAWeights()],
        )  # fmt: skip

    def test_tensorboard_writes_its_scalars(self, jit, tmp_path):
        run = fit(mlp(), X, Y, epochs=2, callbacks=[keras.callbacks.TensorBoard(tmp_path)], verbose=0)
        assert run.engine.name == "resident"
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
        assert resumed.engine.name == "resident"
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


class TestRearranged:
    def test_a_convolution_of_doubled_pixels_from_the_small_image(self, rng):
        small = rng.normal(size=(3, 5, 4, 6))
        kernel = rng.normal(size=(3, 3, 6, 2))
        doubled = keras.ops.convert_to_tensor(small.repeat(2, axis=1).repeat(2, axis=2))
        expected = keras.ops.conv(doubled, keras.ops.convert_to_tensor(kernel), padding="same")
        got = _convolve_doubled(keras.ops.convert_to_tensor(small), keras.ops.convert_to_tensor(kernel))
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)  # float64

    @plain_first  # which is what convolutions get on a CPU
    def test_a_convolutional_autoencoder_trains_as_under_keras(self, way):
        def make():
            model = build_autoencoder("conv", x=IMAGES, latent=4, filters=(8, 8), seed=0)
            model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
            return model

        theirs, ours = compare(make, IMAGES, None, validation_split=0.25)
        np.testing.assert_allclose(ours.model(IMAGES), theirs.model(IMAGES), atol=1e-5)

    def test_the_layers_are_as_before_afterwards(self):
        model = build_autoencoder("conv", x=IMAGES, latent=4, seed=0)
        before = model.predict(IMAGES[:5], verbose=0)
        conv = model.get_layer("encoder").layers[0]
        with rearranged(model):
            assert conv.activation is keras.activations.linear
        assert conv.activation is keras.activations.relu
        assert "convolution_op" not in vars(model.get_layer("decoder").layers[-1])
        np.testing.assert_array_equal(model.predict(IMAGES[:5], verbose=0), before)
