"""Numbers that are carried from step to step as values end as those that stay in variables: bit by bit.

But for the last digit of a metric: TensorFlow arranges what it adds up, in one way in Keras' compiled `fit`, and in
another in its eager one.
"""

import keras
import numpy as np
import pytest
from conftest import in_precision
from draws import Draw
from engines import MIXED, XLA, X, Y, mlp
from keras import layers

from recipes import clear_programs, fit
from recipes.training.engines.tensorflow import carried, program

LAST_DIGIT = 3e-7  # of single precision


def trained(make, x, y, *, carries, **options):
    """Train a new model, and say whether its numbers were carried; what it raises is given back."""
    clear_programs()
    with pytest.MonkeyPatch.context() as patch:
        said = []
        real = carried.can_be_carried
        patch.setattr(program, "can_be_carried", lambda model: said.append(carries and real(model)) or said[-1])
        try:
            run = fit(make(), x, y, engine="resident", verbose=0, **options)
        except Exception as error:  # such as layers that do not fit each other
            return error, False
    return run, any(said)


def assert_same(make, x, y, *, rtol=0.0, **options):
    """Train both ways and compare every variable and the history; say whether there was anything to compare."""
    (mine, was_carried), (theirs, _) = (trained(make, x, y, carries=way, **options) for way in (True, False))
    if isinstance(theirs, Exception):
        assert type(mine) is type(theirs)
        return False
    assert list(mine.history) == list(theirs.history)
    digit = max(rtol, LAST_DIGIT)
    for name, values in theirs.history.items():
        np.testing.assert_allclose(mine.history[name], values, rtol=digit, atol=digit, err_msg=name)
    for a, b in zip(_metrics_of(mine.model), _metrics_of(theirs.model), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=digit, atol=digit, err_msg=a.path)
    for a, b in zip(_numbers_of(mine.model), _numbers_of(theirs.model), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=rtol, err_msg=a.path)
    return was_carried


def _metrics_of(model):
    return [variable for metric in model.metrics for variable in metric.variables]


def _numbers_of(model):
    """List weights, seeds and statistics, moments and counts."""
    metrics = {id(variable) for variable in _metrics_of(model)}
    return [one for one in (*model.variables, *model.optimizer.variables) if id(one) not in metrics]


OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "Adam": {"amsgrad": True, "clipnorm": 0.1},
    "AdamW": {"weight_decay": 0.1, "global_clipnorm": 0.3},
    "Adamax": {"clipvalue": 0.05},
    "Lion": {"weight_decay": 0.1},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.slow_but("AdamW")
def test_every_optimizer(name):
    assert {*OPTIMIZERS} == {*carried.OPTIMIZERS}

    def make():
        keras.utils.set_random_seed(3)
        rate = keras.optimizers.schedules.CosineDecay(0.01, 20)
        return mlp(getattr(keras.optimizers, name)(rate, **OPTIMIZERS[name]), hidden=[layers.Dropout(0.3)])

    assert assert_same(make, X, Y, epochs=3, validation_split=0.2)


EACH = {
    "InputLayer": (), "Dense": (4,), "Activation": ("gelu",), "ReLU": (), "LeakyReLU": (), "ELU": (), "PReLU": (),
    "Softmax": (), "Identity": (), "Dropout": (0.2,), "GaussianNoise": (0.1,), "GaussianDropout": (0.2,),
    "AlphaDropout": (0.2,), "Flatten": (), "Reshape": ((2, 6),), "Permute": ((1,),), "RepeatVector": (2,),
    "Normalization": (), "Rescaling": (0.5,), "BatchNormalization": (), "LayerNormalization": (),
    "UnitNormalization": (),
}  # fmt: skip
JOINED = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")


@pytest.mark.parametrize("name", carried.LAYERS)
@pytest.mark.slow_but("BatchNormalization", "Concatenate")
def test_every_layer(name):
    def make():
        keras.utils.set_random_seed(3)
        inputs = keras.Input((13,))
        one = layers.Dense(12, "tanh", kernel_regularizer="l2")(inputs)
        if name in JOINED:
            options = {"axes": 1} if name == "Dot" else {}
            one = getattr(layers, name)(**options)([one, layers.Dense(12)(inputs)])
        elif name != "InputLayer":
            one = getattr(layers, name)(*EACH[name])(one)
        model = keras.Model(inputs, layers.Dense(3, "softmax")(layers.Flatten()(one)))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    assert assert_same(make, X, Y, epochs=2, validation_split=0.2)


@pytest.mark.slow
def test_an_epoch_at_a_time_too():
    """Where callbacks are called in between, the program itself takes the numbers from the variables."""

    def make():
        keras.utils.set_random_seed(3)
        return mlp(hidden=[layers.BatchNormalization(), layers.Dropout(0.3)])

    assert assert_same(make, X, Y, epochs=3, validation_split=0.2, callbacks=[keras.callbacks.TerminateOnNaN()])


@pytest.mark.parametrize("way", [MIXED, XLA], indirect=True)
@pytest.mark.slow_but("for the full")
def test_under_xla_they_are_equal_but_for_rounding(way):
    def make():
        keras.utils.set_random_seed(3)
        return mlp(hidden=[layers.BatchNormalization(), layers.Dropout(0.3)])

    assert assert_same(make, X, Y, rtol=2e-5, epochs=2, validation_split=0.2)


def test_what_is_not_known_stays_in_its_variables():
    def can(change=lambda model: None, **options):
        model = mlp(**options)
        model.optimizer.build(model.trainable_variables)
        change(model)
        return carried.can_be_carried(model)

    class Mine(keras.optimizers.Adam):
        pass

    class Dense(layers.Dense):
        pass

    def wrapped(optimizer):
        optimizer.update_step = lambda *args: type(optimizer).update_step(optimizer, *args)

    assert can()
    assert not can(optimizer=Mine())
    assert not can(optimizer="rmsprop")
    assert not can(optimizer="nadam")  # has one number for all arrays, which every array moves
    assert not can(optimizer="muon")
    assert not can(optimizer=keras.optimizers.Adam(use_ema=True))
    assert not can(optimizer=keras.optimizers.Adam(gradient_accumulation_steps=2))
    assert not can(hidden=[Dense(4)])
    assert not can(hidden=[layers.Dense(4, kernel_constraint="non_neg")])
    assert not can(hidden=[layers.Dense(4, activity_regularizer="l2")])
    assert not can(hidden=[layers.Dense(4, kernel_regularizer=lambda weights: 0.0)])
    assert not can(hidden=[layers.Dense(4, activation=lambda x: x)])
    assert not can(loss=lambda y, prediction: prediction[:, 0])
    assert not can(lambda model: wrapped(model.optimizer))
    assert not can(lambda model: setattr(model, "compute_loss", lambda **data: 0.0))
    assert not can(lambda model: setattr(model.optimizer, "_learning_rate", lambda step: 0.1))
    assert not can(
        lambda model: model.optimizer.exclude_from_weight_decay(var_names=["bias"]),
        optimizer=keras.optimizers.AdamW(),
    )
    with pytest.MonkeyPatch.context() as patch:
        real = keras.optimizers.Adam.update_step
        patch.setattr(keras.optimizers.Adam, "update_step", lambda *args: real(*args))
        assert not can()


def test_a_weight_without_a_gradient_is_left_to_keras():
    def make():
        keras.utils.set_random_seed(3)
        inputs = keras.Input((13,))
        model = keras.Model(inputs, {"a": layers.Dense(3, "softmax")(inputs), "b": layers.Dense(2)(inputs)})
        model.compile("adam", {"a": "sparse_categorical_crossentropy", "b": None})
        return model

    with pytest.warns(UserWarning, match="Gradients do not exist"):
        assert assert_same(make, X, {"a": Y, "b": X[:, :2]}, epochs=2)  # carried until tracing found it out


def _drawn(number, **options):
    """Draw a list of models, and say of how many the numbers were carried."""
    draw = Draw(number, dropout=True)
    return sum(
        assert_same(lambda k=k: draw.make(k), draw.x, draw.y, **draw.of(k), **options) for k in range(draw.number)
    )


@pytest.mark.slow
def test_several_inputs_and_outputs():
    def make():
        keras.utils.set_random_seed(3)
        left, right = keras.Input((5,), name="left"), keras.Input((8,), name="right")
        joined = layers.Dense(8, "relu")(layers.Concatenate()([left, right]))
        outputs = {"kind": layers.Dense(3, "softmax", name="kind")(joined), "x": layers.Dense(2, name="x")(joined)}
        model = keras.Model({"left": left, "right": right}, outputs)
        losses = {"kind": "sparse_categorical_crossentropy", "x": "mse"}
        metrics = {"kind": ["accuracy"], "x": [keras.metrics.R2Score()]}
        model.compile("adam", losses, loss_weights={"kind": 0.3, "x": 2.0}, metrics=metrics)
        return model

    x, y = {"left": X[:, :5], "right": X[:, 5:]}, {"kind": Y, "x": X[:, :2]}
    assert assert_same(make, x, y, epochs=3, validation_split=0.2)


@pytest.mark.slow
def test_in_two_precisions():
    def make():
        keras.utils.set_random_seed(3)
        return mlp(hidden=[layers.BatchNormalization(), layers.Dropout(0.3)])

    with in_precision("float32", "mixed_bfloat16"):
        assert assert_same(make, X, Y, epochs=3, validation_split=0.2)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.slow_but("[1]")
def test_models_drawn_at_random(number):
    assert _drawn(number) > 0


@pytest.mark.slow
def test_sixty_more():
    assert sum(_drawn(number) for number in range(600, 660)) > 45


@pytest.mark.slow
def test_twenty_in_double_precision():
    with in_precision("float64"):
        assert sum(_drawn(number) for number in range(800, 820)) > 12
