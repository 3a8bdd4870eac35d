"""What callbacks watch: a quantity that nothing will write is refused before any work, and no other is."""

import keras
import numpy as np
import pytest

from recipes import cross_validate, fit, fit_many, tune
from recipes.training.names import quantities_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 5)).astype("float32")
Y = (X.mean(axis=1) > 0).astype("float32")
CALLBACKS = keras.callbacks


class Logs(keras.callbacks.Callback):
    """Writes a quantity of its own into the logs, for those that come after it."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_mine"] = float(epoch)


class Pair(keras.metrics.Metric):
    """A metric of two values, under names that only its result knows."""

    def update_state(self, *_, **__):
        pass

    def result(self):
        return {"low": keras.ops.zeros(()), "high": keras.ops.ones(())}


def mine(true, predicted):
    return keras.ops.mean(keras.ops.abs(true - predicted))


def one(units=4, **compiled):
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid", name="end")]
    )
    model.compile("adam", "binary_crossentropy", **{"metrics": ["accuracy"], **compiled})
    return model


def two(**compiled):
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4, "relu")(inputs)
    model = keras.Model(inputs, [keras.layers.Dense(1, name=name)(hidden) for name in "ab"])
    model.compile("adam", "mse", **compiled)
    return model


NEVER_WRITTEN = [
    (lambda: CALLBACKS.EarlyStopping(), {}, "nothing validates.*monitor='loss'"),
    (lambda: CALLBACKS.ReduceLROnPlateau(), {}, "nothing validates"),
    (lambda: CALLBACKS.ModelCheckpoint("unwritten.keras", save_best_only=True), {}, "nothing validates"),
    (lambda: CALLBACKS.EarlyStopping("val_acuracy"), {"validation_split": 0.2}, "Did you mean 'val_accuracy'"),
    (lambda: CALLBACKS.EarlyStopping("val_acc", mode="max"), {"validation_split": 0.2}, "Did you mean 'val_accuracy'"),
    (lambda: CALLBACKS.ReduceLROnPlateau("los", mode="min"), {"validation_split": 0.2}, "Did you mean 'loss'"),
    (lambda: CALLBACKS.EarlyStopping("val_f1", mode="max"), {"validation_split": 0.2}, "will not have. It has 'loss'"),
]


@pytest.mark.parametrize("way", [fit, fit_many])
@pytest.mark.parametrize(("make", "options", "says"), NEVER_WRITTEN, ids=[says for *_, says in NEVER_WRITTEN])
def test_what_nothing_will_write_is_refused_before_any_work(way, make, options, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = one()
    before = model.get_weights()
    with pytest.raises(ValueError, match=says):
        way(model if way is fit else [model], X, Y, epochs=2, verbose=0, callbacks=[make()], **options)
    for weights, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, kept)
    assert int(model.optimizer.iterations) == 0
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda: [CALLBACKS.EarlyStopping("loss")], {}),
        (lambda: [CALLBACKS.EarlyStopping("accuracy")], {}),
        (lambda: [CALLBACKS.ModelCheckpoint("kept.keras")], {}),  # saves at each epoch, whatever it watches
        (lambda: [CALLBACKS.EarlyStopping("val_accuracy")], {"validation_split": 0.2}),
        (lambda: [CALLBACKS.EarlyStopping("val_loss")], {"validation_data": (X, Y)}),
        (lambda: [Logs(), CALLBACKS.EarlyStopping("val_mine", mode="max")], {}),
        (lambda: [CALLBACKS.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(own=1.0)),
                  CALLBACKS.EarlyStopping("own", mode="max", patience=9)], {}),
    ],
)  # fmt: skip
def test_what_is_written_is_let_be(make, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fit(one(), X, Y, epochs=2, verbose=0, callbacks=make(), **options).epochs == 2


METRICS = keras.metrics
COMPILED = {
    "nothing": lambda: one(metrics=[]),
    "names": lambda: one(metrics=["acc", "AUC", "mae"]),
    "objects": lambda: one(metrics=[METRICS.AUC(), METRICS.Precision(name="p"), METRICS.AUC()]),
    "functions": lambda: one(metrics=[mine, keras.losses.mean_squared_error]),
    "weighted": lambda: one(metrics=[["mae"]], weighted_metrics=["accuracy"]),
    "by output": lambda: one(metrics={"end": ["mae"]}),
    "two": lambda: two(metrics=["mae", "mse"]),
    "two by name": lambda: two(metrics={"a": ["mae"], "b": [METRICS.MeanSquaredError()]}),
    "two nested": lambda: two(metrics=[["mae"], []]),
}


@pytest.mark.slow_but("[names]", "[two by name]")
@pytest.mark.parametrize("how", COMPILED)
def test_all_that_keras_writes_is_listed(how):
    """Else a callback that watches it would be refused."""
    model = COMPILED[how]()
    listed = quantities_of(model)
    y = [Y, Y] if len(model.outputs) == 2 else Y
    written = model.fit(X, y, verbose=0, validation_split=0.5).history
    assert {*written} <= {*listed, *(f"val_{name}" for name in listed)}
    if len(model.outputs) == 1:
        assert len(written) == 2 * len(listed)


def test_what_cannot_be_known_is_not_listed():
    class Own(keras.Model):
        def train_step(self, data):
            return {"elbo": keras.ops.zeros(())}

    class Layer(keras.layers.Layer):
        def call(self, x):
            return x

    own = Own(*(lambda model: (model.inputs, model.outputs))(one()))
    own.compile("adam", "mse")
    layered = keras.Sequential([keras.Input((5,)), Layer(), keras.layers.Dense(1)])
    layered.compile("adam", "mse")
    assert quantities_of(own) is quantities_of(layered) is quantities_of(one(metrics=[Pair()])) is None
    run = fit(one(metrics=[Pair()]), X, Y, epochs=2, verbose=0, callbacks=CALLBACKS.EarlyStopping("low", mode="min"))
    assert run.epochs == 2


def test_a_search_and_folds_say_it_too(tmp_path):
    with pytest.raises(RuntimeError, match=r"will not have.*Did you mean 'val_accuracy'"):
        tune(X, Y, max_trials=1, epochs=2, verbose=0, directory=tmp_path,
             callbacks=[CALLBACKS.EarlyStopping("val_acuracy", mode="max")])  # fmt: skip
    with pytest.raises(TypeError, match="callbacks"):
        cross_validate(one, X, Y, callbacks=[CALLBACKS.EarlyStopping()])


def test_a_log_goes_on_where_the_run_does(tmp_path):
    """Keras begins a log anew at each call; lines of epochs that run again, as after a kill, are not kept twice."""
    log = tmp_path / "log.csv"

    def train(epochs):
        keras.utils.set_random_seed(0)
        logger = CALLBACKS.CSVLogger(log)
        run = fit(one(), X, Y, epochs=epochs, verbose=0, callbacks=[logger], checkpoint=tmp_path / "kept")
        assert not logger.append
        return run

    train(3)
    with log.open("a") as file:
        file.write("3,0.5,0.5\n4,0.5,0.5\n")
    history = train(6).history
    header, *lines = log.read_text().split()
    assert header.startswith("epoch,accuracy,loss")
    assert [line.split(",")[0] for line in lines] == list("012345")
    np.testing.assert_allclose([float(line.split(",")[2]) for line in lines], history["loss"], rtol=1e-6)
    train(6)  # which is over
    assert len(log.read_text().split()) == 7


def test_callbacks_are_told_what_keras_tells_them():
    class Told(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.told = dict(self.params)

    ours, theirs = Told(), Told()
    fit(one(), X, Y, epochs=2, verbose=0, callbacks=ours)
    one().fit(X, Y, epochs=2, verbose=0, callbacks=[theirs])
    assert ours.told == theirs.told == {"verbose": 0, "epochs": 2, "steps": 3}
