"""Keras' own calls with targets `(n,)`, before, within and after a fit, which hands the engines `(n, 1)`."""

import keras
import numpy as np
import pytest

from recipes import fit

X = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


def built(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


class Evaluates(keras.callbacks.Callback):
    """Says after each epoch what the model is worth on rows of its own, as Keras' users do."""

    def __init__(self, y, on_batch=False):
        super().__init__()
        self.y, self.on_batch, self.found = y, on_batch, []

    def on_epoch_end(self, epoch, logs=None):
        if self.on_batch:
            self.found.append(self.model.test_on_batch(X[:10], self.y[:10])[0])
        else:
            self.found.append(self.model.evaluate(X[:10], self.y[:10], verbose=0)[0])


@pytest.mark.slow_but("[(n,)-keras]", "[evaluate-(n,)-keras]")
@pytest.mark.parametrize("engine", ["keras", "auto"])
@pytest.mark.parametrize("own", [Y, Y[:, None]], ids=["(n,)", "(n, 1)"])
def test_before_and_after_a_fit(engine, own):
    model = built()
    model.fit(X, own, verbose=0)
    model.evaluate(X, own, verbose=0)
    run = fit(model, X, Y, validation_split=0.25, engine=engine, verbose=0)
    expected = model.evaluate(X, own, verbose=0, return_dict=True)
    assert run.evaluate(X, Y)["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    model.fit(X, own, verbose=0)
    assert model.evaluate(X, own, verbose=0, return_dict=True)["loss"] < expected["loss"]


@pytest.mark.slow_but("[(n,)-keras]", "[evaluate-(n,)-keras]")
@pytest.mark.parametrize("engine", ["keras", "auto"])
@pytest.mark.parametrize("own", [Y, Y[:, None]], ids=["(n,)", "(n, 1)"])
@pytest.mark.parametrize("on_batch", [False, True], ids=["evaluate", "test_on_batch"])
def test_a_callback_that_evaluates(engine, own, on_batch):
    callback, alone = Evaluates(own, on_batch), built()
    run = fit(built(), X, Y, epochs=2, validation_split=0.25, callbacks=[callback], engine=engine, verbose=0)
    again = fit(alone, X, Y, epochs=2, validation_split=0.25, engine=engine, verbose=0)
    assert run.history["loss"] == again.history["loss"]
    assert run.history["val_loss"] == again.history["val_loss"]
    assert callback.found[-1] == pytest.approx(alone.evaluate(X[:10], Y[:10], verbose=0)[0], rel=1e-6)


@pytest.mark.slow_but("on_epoch_end")
@pytest.mark.parametrize("when", ["on_epoch_end", "on_epoch_begin", "on_train_batch_begin", "on_train_begin"])
@pytest.mark.parametrize("engine", ["keras", "auto"])
@pytest.mark.parametrize("validation_split", [0.0, 0.25])
def test_a_callback_that_compiles_the_model_anew_is_answered(when, engine, validation_split):
    """Where Keras' own fit ends in an error of Python's."""

    def anew(at, *_, **__):
        if at == 1 or when == "on_train_begin":
            model.layers[0].trainable = False
            model.compile("adam", "mean_squared_error")

    model, callback = built(), keras.callbacks.Callback()
    setattr(callback, when, anew)
    with pytest.raises(ValueError, match=r"^A callback has compiled the model anew, after [012] epochs? of this fit"):
        fit(model, X, Y, epochs=4, validation_split=validation_split, callbacks=[callback], engine=engine, verbose=0)


def test_a_callback_that_compiles_the_model_anew_at_the_end_is_believed():
    class Anew(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.compile("sgd", "mean_squared_error")

    model = built()
    model.evaluate(X, Y, verbose=0)  # a function with the loss of before
    fit(model, X, Y, callbacks=[Anew()], engine="keras", verbose=0)
    expected = np.mean((model.predict(X, verbose=0)[:, 0] - Y) ** 2)
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)
