"""A run: what comes back from `fit`, and the line that shows how far it is."""

import html
import io

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused
from fits import NAMES, WINE, linear_model

from recipes import build_model, fit, fit_many
from recipes.running.progress import LiveLine, ProgressLine


class TestRun:
    def test_what_comes_back(self):
        model = build_model(x=WINE.x, y=WINE.y, seed=0)
        run = fit(model, *WINE, epochs=4, validation_split=0.25)
        assert set(run.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert (run.epochs, run.steps) == (4, 4 * 5)  # 133 training rows in batches of 32
        assert run.steps_per_second > 2 * run.steps / run.seconds  # of which most goes into compiling
        assert run.model is model
        assert run.chance == pytest.approx(1.086, abs=0.01)  # entropy of the three cultivars
        assert run.verdict == str(run.findings[0])
        assert run.plot().axes[0].get_xlabel() == "epoch"
        last = {name: f"{values[-1]:.4g}" for name, values in run.history.items()}
        rule = run.findings[0].rule
        assert repr(run) == f"<Run of 4 epochs, loss {last['loss']}, val_loss {last['val_loss']}: {rule}>"
        shown = run._repr_html_()
        for name, value in {"epochs": 4, "steps": 20, **last, "engine": html.escape(str(run.engine))}.items():
            assert f"<tr><th>{name}</th><td>{value}</td></tr>" in shown
        assert all(f"<li>{html.escape(str(finding))}</li>" in shown for finding in run.findings)
        assert str(run).startswith("4 epochs, 20 steps in ")

    @pytest.mark.parametrize("num_rows", [178, 256, 3])
    def test_predicting_and_evaluating_as_keras_does(self, num_rows):
        model = build_model(x=WINE.x, y=NAMES, seed=0)
        run = fit(model, WINE.x, NAMES, epochs=10, verbose=0)
        rows = np.arange(num_rows) * 5 % 178
        x, y = WINE.x[rows], WINE.y[rows]
        np.testing.assert_allclose(run.predict(x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-7)
        theirs = model.evaluate(x, y, verbose=0, return_dict=True)
        ours = run.evaluate(x, NAMES[rows])
        assert {*[*ours][: len(theirs)]} == {*theirs}
        assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-5)
        assert np.mean(run.predict_labels(x) == NAMES[rows]) > 0.9

    @pytest.mark.parametrize("loss", ["binary_crossentropy", "hinge"])
    def test_labels_come_back_under_their_names(self, loss):
        y = np.where(WINE.y == 0, "first", "other")
        run = fit(build_model("binary", x=WINE.x, y=y, loss=loss, seed=0), WINE.x, y, epochs=30, verbose=0)
        assert np.mean(run.predict_labels(WINE.x) == y) > 0.95

    def test_numbers_have_no_labels(self):
        run = fit(build_model("regression", input_shape=(13,)), WINE.x, WINE.x[:, 0], verbose=0)
        with refused(
            "This run has no classes, one for each row: its target was numbers, or several yes or no. Use predict."
        ):
            run.predict_labels(WINE.x)

    def test_y_none_trains_an_autoencoder(self, rng):
        x = rng.random((40, 6))
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2), keras.layers.Dense(6)])
        model.compile("adam", "mean_squared_error")
        run = fit(model, x, epochs=2, validation_data=x[:10])
        assert run.chance == pytest.approx(np.mean((x[:10] - x.mean(axis=0)) ** 2), rel=1e-5)  # the training rows' mean
        assert "val_loss" in run.history

    def test_a_constant_guess_is_chosen_on_the_rows_that_train(self, rng):
        x, y = rng.normal(size=(80, 3)), np.arange(80) % 4 == 0
        run = fit(build_model(x=x, y=y), x, y, validation_data=(x[1:4], y[1:4]), verbose=0)  # of one class
        assert run.chance == pytest.approx(-np.log(0.75))

    def test_no_yardstick_where_keras_reports_another_quantity(self, rng):
        x, y = rng.normal(size=(20, 5, 3)), rng.normal(size=(20, 5, 1))
        for layers in (
            [keras.layers.Dense(1, kernel_regularizer="l2")],
            [keras.layers.Dense(1, activity_regularizer="l1")],
            [keras.layers.Masking(), keras.layers.Dense(1)],
        ):
            model = keras.Sequential([keras.Input((5, 3)), *layers])
            model.compile("adam", "mean_squared_error")
            assert fit(model, x, y, verbose=0).chance is None
        model = keras.Sequential([keras.Input((5, 3)), keras.layers.Dense(1)])
        model.compile("adam", "mean_squared_error")
        assert fit(model, x, y, verbose=0).chance == pytest.approx(y.var(axis=0).mean())

    def test_chance_is_left_open_where_the_loss_has_another_unit(self, rng):
        x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
        model = linear_model()
        for delta, known in ((1.0, True), (2.0, False)):  # 1 is Keras' own, and the table's
            model.compile("sgd", keras.losses.Huber(delta=delta))
            assert (fit(model, x, y, verbose=0).chance is not None) == known

    def test_pandas_lists_and_one_feature(self):
        frame = pd.DataFrame(WINE.x[:, :2], columns=["alcohol", "acid"])
        assert fit(build_model(x=frame, y=pd.Series(NAMES)), frame, pd.Series(NAMES)).epochs == 1
        one = list(range(10))
        model = build_model("regression", x=one, y=one)
        assert fit(model, one, one).epochs == 1
        assert model.input_shape == (None, 1)

    def test_several_inputs_and_outputs(self, rng):
        left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
        joined = keras.layers.Concatenate()([left, right])
        outputs = {"a": keras.layers.Dense(1, name="a")(joined), "b": keras.layers.Dense(2, name="b")(joined)}
        model = keras.Model({"left": left, "right": right}, outputs)
        model.compile("adam", {"a": "mean_squared_error", "b": "mean_absolute_error"})
        x = {"left": rng.normal(size=(30, 2)), "right": rng.normal(size=(30, 3))}
        y = {"a": rng.normal(size=(30, 1)), "b": rng.normal(size=(30, 2))}
        run = fit(model, x, y, epochs=2, validation_split=0.2)
        assert run.epochs == 2
        assert run.chance is None

    def test_lists_and_tuples_are_rows(self):
        rows, labels = tuple(map(tuple, WINE.x.tolist())), tuple(WINE.y.tolist())
        model = build_model(x=rows, y=labels)
        assert fit(model, rows, labels, validation_data=(rows[:50:7], labels[:50:7])).epochs == 1

    def test_streams_go_to_keras(self):
        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 3

            def __getitem__(self, index):
                return WINE.x[index * 50 : index * 50 + 50], WINE.y[index * 50 : index * 50 + 50]

        model = build_model(x=WINE.x, y=WINE.y)
        run = fit(model, Batches(), epochs=2, validation_data=Batches(), verbose=0)
        assert str(run.engine) == "keras: model.fit (x is a Batches, not arrays)"
        assert run.steps == 6
        assert len(run.history["val_loss"]) == 2
        with refused(
            "validation_split cannot be used with a Batches, which makes its own batches. "
            "Put targets and weights into it, and pass validation_data."
        ):
            fit(model, Batches(), validation_split=0.2)
        with refused(
            "y cannot be used with a Batches, which makes its own batches. "
            "Put targets and weights into it, and pass validation_data."
        ):
            fit(model, Batches(), WINE.y)

    def test_one_callback_or_none(self):
        model = build_model(x=WINE.x, y=WINE.y)
        stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=1)
        assert fit(model, *WINE, epochs=9, callbacks=stop, verbose=0).epochs == 2
        assert fit(model, *WINE, callbacks=None, verbose=0).epochs == 1

    def test_callbacks_stop_it(self):
        model = build_model(x=WINE.x, y=WINE.y, seed=0)
        stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=2)  # the loss falls
        assert fit(model, *WINE, epochs=50, callbacks=[stop]).epochs == 3


class TestProgress:
    def lines(self, seconds_per_epoch, epochs=6, first=None, stopped=None):
        now, stream = [0.0], io.StringIO()
        line = ProgressLine(epochs=epochs, steps_per_epoch=10, stream=stream, clock=lambda: now[0])
        line.on_train_begin()
        for epoch in range(stopped or epochs):
            now[0] += first if first and epoch == 0 else seconds_per_epoch
            line.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25})
        line.on_train_end()
        line.close()
        return stream.getvalue().splitlines()

    def test_a_short_run_in_a_log_is_one_line(self):
        assert self.lines(1.0) == ["epoch 6/6  loss 0.5  val_loss 0.25  10 steps/s  in 6 s"]

    def test_a_long_run_in_a_log_is_a_line_now_and_then(self):
        assert self.lines(6.0) == [
            "epoch 2/6  loss 0.5  val_loss 0.25  1.7 steps/s  24 s left",
            "epoch 4/6  loss 0.5  val_loss 0.25  1.7 steps/s  12 s left",
            "epoch 6/6  loss 0.5  val_loss 0.25  1.7 steps/s  in 36 s",
        ]

    def test_a_run_that_stops_early_says_how_long_it_took(self):
        assert self.lines(6.0, stopped=3)[-1] == "epoch 3/6  loss 0.5  val_loss 0.25  1.7 steps/s  in 18 s"

    def test_the_time_that_is_left_is_told_once_it_is_known(self):
        """The first epoch is mostly compiling; the others take a second each."""
        assert self.lines(1.0, epochs=61, first=9.0)[0].endswith("10 steps/s  59 s left")
        assert self.lines(1.0, epochs=5, first=20.0)[0].endswith("  0.5 steps/s  1 min 20 s left")

    def test_several_networks_are_named(self, capfd):
        names = set()
        for models in ([], [build_model(task="multiclass", num_classes=3, body="mlp", units=(5, 5, 5), seed=0)]):
            many = [build_model(x=WINE.x, y=WINE.y, seed=seed) for seed in range(2)]
            fit_many([*many, *models], *WINE, epochs=2)
            names |= {line.partition(", epoch")[0] for line in capfd.readouterr().err.splitlines()}
        assert names == {"2 networks", "2 of 3 networks", "network 3 of 3"}

    def test_before_it_is_started_a_line_is_as_in_a_log(self):
        now, stream = [0.0], io.StringIO()
        line = LiveLine(stream, clock=lambda: now[0])
        line.close()
        line.show("too soon")
        now[0] = 11.0
        line.show("first")
        line.show("last", last=True)
        line.close()
        assert stream.getvalue() == "first\nlast\n"
        progress = ProgressLine(epochs=1, steps_per_epoch=10, stream=stream, clock=lambda: now[0])
        now[0] = 12.0
        progress.on_epoch_end(0, {"loss": 0.5})
        progress.close()
        assert stream.getvalue().endswith("epoch 1/1  loss 0.5  10 steps/s  in 1 s\n")

    def test_verbose_0_is_silent(self, capsys):
        fit(build_model(x=WINE.x, y=WINE.y), *WINE, verbose=0)
        captured = capsys.readouterr()
        assert captured.out + captured.err == ""
