"""Which engine runs, that it compiles once for models that differ in numbers alone, and that Ctrl-C ends it cleanly."""

import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import refused
from engines import IMAGES, LABELS, WINE, X, Y, cnn, mlp, plain_first
from keras import layers

from recipes import build_model, clear_programs, fit
from recipes.running.interrupt import Interrupt, Interrupted, interrupted, is_interactive
from recipes.running.programs import PROGRAMS
from recipes.training.data.batches import epoch_order
from recipes.training.engines import registry
from recipes.training.engines.engine import Outcome
from recipes.training.engines.tensorflow import program
from recipes.training.engines.tensorflow.engine import acts_on_batches


class TestChoice:
    def reason(self, model, x=X, y=Y, **options):
        run = fit(model, x, y, verbose=0, **options)
        return str(run.engine)

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
        monkeypatch.setattr("recipes.training.engines.tensorflow.engine.free_memory", lambda: 1000.0)
        assert "exceed 50% of the free memory" in self.reason(mlp())

    def test_xla_where_it_pays_and_never_for_convolutions_on_a_cpu(self, monkeypatch):
        monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS", 1)
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
    @pytest.fixture(autouse=True)
    def _no_programs(self):
        clear_programs()

    @plain_first
    def test_a_second_model_of_the_same_kind_runs_the_same_program(self, jit):
        def train(seed, rate):
            model = build_model(x=WINE.x + seed, y=Y, seed=seed, learning_rate=rate, dropout=0.2)
            return fit(model, WINE.x + seed, Y, epochs=3, validation_split=0.2, verbose=0)

        alone = [train(seed, 0.01 * (seed + 1)) for seed in (0, 1)]
        assert "compiled for this run" in alone[0].engine.how
        assert "compiled before" in alone[1].engine.how
        assert len(PROGRAMS) == 1
        clear_programs()
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

    @pytest.mark.slow
    def test_a_program_whose_model_was_compiled_anew_is_not_lent(self, monkeypatch):
        """What is traced later, here another way, would follow the owner's new loss and optimizer."""
        ways = iter([program.PLAIN, program.XLA, program.XLA])
        monkeypatch.setattr(program.Program, "choose", lambda self, model, num_steps, **_: next(ways))
        owner = mlp()
        fit(owner, X, Y, epochs=1, verbose=0)
        owner.compile("sgd", "sparse_categorical_crossentropy")
        keras.utils.set_random_seed(1)
        borrowed = fit(mlp(), X, Y, epochs=3, verbose=0)
        clear_programs()
        keras.utils.set_random_seed(1)
        alone = fit(mlp(), X, Y, epochs=3, verbose=0)
        assert borrowed.history == alone.history
        for a, b in zip(alone.model.get_weights(), borrowed.model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    @plain_first
    def test_a_model_of_its_own_kind_compiles_once_too(self, jit):
        model = mlp(loss=lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1))
        engines = [fit(model, X, Y, verbose=0).engine.how for _ in range(2)]
        assert "compiled for this run" in engines[0]
        assert "compiled before" in engines[1]
        model.compile("sgd", "mse", metrics=[])
        assert "compiled for this run" in fit(model, X, np.eye(3)[Y], verbose=0).engine.how

    @plain_first
    def test_freezing_a_layer_afterwards_freezes_it(self, jit):
        model = mlp()
        fit(model, X, Y, verbose=0)
        model.layers[0].trainable = False
        model.compile("adam", "sparse_categorical_crossentropy")
        before = model.layers[0].get_weights()[0].copy()
        fit(model, X, Y, verbose=0)
        np.testing.assert_array_equal(before, model.layers[0].get_weights()[0])


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("engine", ["keras", "resident"])
def test_ctrl_c_ends_the_run_with_the_history_so_far(engine):
    model = build_model(x=X, y=Y, seed=0)

    def press_after_three_epochs():
        while int(model.optimizer.iterations) < 18:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_after_three_epochs, daemon=True).start()
    with pytest.raises(Interrupted, match=r"^Ctrl-C ended the run after [\d,]+ of 1,000,000 epochs; ") as ended:
        fit(model, X, Y, epochs=10**6, engine=engine, verbose=0)
    run = ended.value.result
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
    before = model.evaluate(X, Y, verbose=0)[0]
    assert model.fit(X, Y, epochs=3, verbose=0).history["loss"][-1] < before
    model.save(tmp_path / "model.keras")
    expected = model.predict(X, verbose=0)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), expected)
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 6 * 4
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(X, verbose=0), expected)


class Toy:
    """An engine in twenty lines: plain steps, one after the other, of models that have few weights."""

    name, suits, widens = "toy", "small models", False

    def obstacle(self, model, arrays, callbacks=()):
        return None if model.count_params() < 1_000 else "the model is not small"

    def train(self, jobs):
        return [Outcome({"loss": self.losses(job)}, "one step after the other") for job in jobs]

    def losses(self, job):
        x, y, *_ = job.data.arrays
        losses = []
        for epoch in range(job.plan.epochs):
            order = epoch_order(job.plan.seed, epoch, len(x))
            starts = range(0, len(x), job.plan.batch_size)
            batches = [order[start : start + job.plan.batch_size] for start in starts]
            job.model.reset_metrics()
            losses.append([job.model.train_on_batch(x[rows], y[rows]) for rows in batches][-1])
        return [float(loss) for loss in losses]

    def predict(self, model, x, batch_size):
        return model.predict(x, batch_size=batch_size, verbose=0)

    def evaluate(self, model, data, batch_size):
        return model.evaluate(data.x, data.y, batch_size=batch_size, verbose=0, return_dict=True)


@pytest.mark.slow
def test_a_new_engine_is_a_room_and_a_line_in_the_registry(monkeypatch):
    monkeypatch.setitem(sys.modules, "toy_engine", SimpleNamespace(ENGINE=Toy()))
    monkeypatch.setattr(registry, "ROOMS", ["toy_engine", *registry.ROOMS])

    def trained(**options):
        keras.utils.set_random_seed(1)
        return fit(mlp(metrics=()), X, Y, epochs=3, verbose=0, **options)

    run = trained()
    assert str(run.engine) == "toy: one step after the other (small models)"
    for ours, keras_own in zip(run.model.weights, trained(engine="keras").model.weights, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=1e-6)
    assert run.evaluate(X, Y)["loss"] < run.history["loss"][0]
    assert run.predict(X).shape == (len(X), 3)
    wide = build_model(x=X, y=Y, units=(64, 64))
    assert str(fit(wide, X, Y, verbose=0).engine).endswith("(the model is not small)")
    with refused("engine='toy' cannot run this: the model is not small. Use engine='auto' or 'resident' or 'keras'."):
        fit(wide, X, Y, engine="toy")


def test_at_a_prompt_an_interrupted_run_is_returned(monkeypatch, capsys):
    assert not is_interactive()
    with pytest.raises(Interrupted, match=r"^so far$") as ended:
        interrupted("a result", "so far")
    assert ended.value.result == "a result"
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert interrupted("a result", "so far") == "a result"
    assert capsys.readouterr().err == "so far\n"
