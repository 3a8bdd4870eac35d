"""The arguments of Keras' own `fit` mean what they mean there; a stream that never ends is refused before it hangs."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import refused

from recipes import fit
from recipes.running.progress import ProgressLine
from recipes.training.data.streams import is_endless

X = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


def net():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model


def batches():
    while True:
        for i in range(3):
            yield X[i * 32 : (i + 1) * 32], Y[i * 32 : (i + 1) * 32]


def test_steps_per_epoch_cuts_an_endless_stream():
    ours, theirs = net(), net()
    run = fit(ours, batches(), epochs=2, steps_per_epoch=3, verbose=0)
    theirs.fit(batches(), epochs=2, steps_per_epoch=3, shuffle=False, verbose=0)
    assert (run.epochs, run.steps) == (2, 6)
    np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])


@pytest.mark.parametrize(
    ("options", "validations"),
    [({"validation_freq": 2}, 2), ({"initial_epoch": 3}, 1), ({"validation_batch_size": 5}, 4)],
)
def test_of_arrays(options, validations):
    run = fit(net(), X, Y, epochs=4, validation_split=0.25, verbose=0, **options)
    assert run.engine.name == "keras"
    assert run.engine.why == f"{next(iter(options))} is read by model.fit alone"
    assert len(run.history["val_loss"]) == validations
    assert run.epochs == 4 - options.get("initial_epoch", 0)
    assert run.findings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps_per_epoch": 0}, "steps_per_epoch must be a whole number of at least 1. Received: steps_per_epoch=0."),
        ({"initial_epoch": 4}, "initial_epoch=4 leaves none of epochs=4, which counts all, to train."),
        ({"validation_freq": 2, "checkpoint": "folder"},
         "checkpoint= cannot be used with validation_freq. Leave one of them out."),
        ({"steps_per_epoch": 2, "engine": "resident"},
         "engine='resident' cannot run this: steps_per_epoch is read by model.fit alone. "
         "Use engine='auto' or 'keras'."),
    ],
)  # fmt: skip
def test_what_cannot_be(options, message):
    with refused(message):
        fit(net(), X, Y, epochs=4, **options)


class Endless(keras.utils.PyDataset):
    def __getitem__(self, index):
        return X[:32], Y[:32]

    @property
    def num_batches(self):
        return None


def counted():
    for i in itertools.count():  # nobody can see from outside that this has no end
        if i == 5:
            return
        yield X[:32], Y[:32]


def left_by_break():
    while True:
        yield X[:32], Y[:32]
        if len(X) > 3:
            break


ROWS = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)


@pytest.mark.parametrize(
    ("stream", "endless"),
    [
        (batches, True), (lambda: ROWS.repeat(), True), (Endless, True), (counted, False), (left_by_break, False),
        (lambda: ROWS, False), (lambda: iter([(X, Y)]), False), (lambda: ((X, Y) for _ in range(2)), False),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras' own, at the end of each generator
@pytest.mark.slow_but("batches", "Endless", "counted", "lambda>-False1")
def test_an_end_that_is_known_to_be_missing(stream, endless):
    assert is_endless(stream()) is endless
    if not endless:
        assert fit(net(), stream(), verbose=0).epochs == 1
        return
    name = type(stream()).__name__
    with refused(
        f"x is a {name} that never ends, and so would the first epoch. "
        "Say steps_per_epoch=N, the number of batches that count as one pass."
    ):
        fit(net(), stream(), verbose=0)
    with refused(
        f"validation_data is a {name} that never ends, and so would the first epoch. "
        "Say validation_steps=N, the number of batches that count as one pass."
    ):
        fit(net(), ROWS, validation_data=stream(), verbose=0)
    run = fit(net(), ROWS, validation_data=stream(), validation_steps=2, verbose=0)
    assert len(run.history["val_loss"]) == 1


def test_a_stream_whose_length_nobody_knows_says_that_it_runs(capsys):
    now = [0.0]
    line = ProgressLine(epochs=2, steps_per_epoch=None, clock=lambda: now[0])
    line.on_train_begin()
    line.on_epoch_begin(0)
    for batch in range(40):
        now[0] += 1
        line.on_train_batch_end(batch)
    line.close()
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("epoch 1/2  ")
    assert first.endswith(" batches so far; a stream that never ends needs steps_per_epoch")


def test_a_train_step_of_ones_own_gets_what_keras_would_hand_it():
    seen = []

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(4)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            seen.append(data)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(data) - data))
            variables = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return {"mine": loss}

        def test_step(self, data):
            seen.append(data)
            return {"mine": tf.reduce_mean(tf.square(self(data) - data))}

    model = Own()
    model.compile("adam")
    run = fit(model, X, epochs=3, verbose=0)
    assert run.engine.name == "keras"
    assert run.history["mine"][-1] < run.history["mine"][0]
    assert run.evaluate(X)["mine"] < run.history["mine"][-1]
    assert not any(isinstance(data, tuple) for data in seen)
    with refused("class_weight needs a target of classes, but y=None. Pass y, or sample_weight."):
        fit(model, X, class_weight="balanced", verbose=0)
