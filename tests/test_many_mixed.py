"""Networks that differ in depth, activations, optimizers and batch sizes: one program, and each ends as alone."""

import keras
import numpy as np
import pytest
from test_many import COLUMNS, KIND, ROWS, WEIGHT, YES_NO, X, _double, assert_as_alone  # noqa: F401

from recipes import fit_many
from recipes.training.data.prepare import prepare
from recipes.training.engines.engine import Job, Plan
from recipes.training.engines.many.cost import Size
from recipes.training.engines.many.engine import groups

L, O, R = keras.layers, keras.optimizers, keras.regularizers  # noqa: E741
S = O.schedules
# Hidden layers: (units, activation, rate of the dropout behind it) of each.
HIDDEN = (
    [(8, "tanh", 0.0)],
    [(5, "relu", 0.0), (7, "exponential", None)],
    [(8, "sigmoid", None), (8, "tanh", 0.0), (3, "relu", 0.0)],
    [(20, "softplus", None), (4, "relu", None)],
)
OPTIMIZERS = (
    lambda: O.Adam(0.01, clipnorm=0.5, weight_decay=0.1),
    lambda: O.RMSprop(0.005, momentum=0.3, centered=True, weight_decay=0.1),
    lambda: O.SGD(S.CosineDecay(0.05, 9), momentum=0.5, weight_decay=0.02),
    lambda: O.AdamW(0.003, epsilon=1e-5),
)


def mixed(k, *, hidden=None, optimizer=None, penalty=None, last="sigmoid", width=1, loss="binary_crossentropy"):
    keras.utils.set_random_seed(k)
    parts = [keras.Input((COLUMNS,)), L.Flatten()]
    for units, activation, rate in hidden or HIDDEN[k]:
        parts.append(L.Dense(units, activation, kernel_regularizer=penalty and penalty()))
        parts += [] if rate is None else [L.Dropout(rate, seed=k)]
    model = keras.Sequential([*parts, L.Dense(width, last)])
    draw = np.random.default_rng(k)
    for variable in model.trainable_variables:
        variable.assign(draw.uniform(0.05, 0.5, variable.shape) * draw.choice([-1, 1]))
    model.compile(optimizer() if optimizer else O.Adam(0.01), loss, metrics=["accuracy"])
    return model


@pytest.mark.slow
def test_they_differ_in_all_of_it_at_once():
    """Also in a layer that overflows in some, at equal widths, with schedules that count each network's own steps."""

    def make(k):
        return mixed(k, optimizer=OPTIMIZERS[k])

    options = {
        "epochs": [4, 2, 4, 3],
        "batch_size": [8, 32, 16, 64],
        "validation_split": 0.2,
        "patience": [1, None, 2, 1],
    }
    assert_as_alone(make, X, YES_NO, number=4, how="4 networks by stacked", **options)


@pytest.mark.parametrize(
    "what",
    ["depth", "batch size", *(pytest.param(name, marks=pytest.mark.slow) for name in ("activation", "optimizer"))],
)
@pytest.mark.slow
def test_they_differ_in_one(what):
    """All are stacked in one program; row weights, of classes in one-hot and by number."""
    same = [(8, "tanh", None)]
    options, number = {"epochs": 3}, 3

    def make(k):
        hidden = {"depth": same * (k + 1), "activation": [(8, ("tanh", "relu", "exponential")[k], None)]}.get(
            what, same
        )
        optimizer = (lambda: O.SGD(0.02, momentum=0.5), lambda: O.Adagrad(0.02), lambda: O.Adadelta(0.5))[k]
        return mixed(
            k, hidden=hidden, optimizer=optimizer if what == "optimizer" else None,
            penalty=lambda: R.L1L2(2**-8, 2**-6), last="softmax", width=3, loss="sparse_categorical_crossentropy",
        )  # fmt: skip

    if what == "batch size":
        options["batch_size"] = [10, 15, 100]  # parts of 5 rows; more than there are
    assert_as_alone(make, X, KIND, number=number, sample_weight=WEIGHT, how="3 networks at once", **options)


@pytest.mark.slow
def test_dropout_draws_by_the_place_in_the_batch_in_single_precision(monkeypatch):
    """A batch that is taken in parts draws what it would whole; a network without dropout drops nothing."""
    from recipes.training.engines.many import train
    from recipes.training.engines.tensorflow import program

    monkeypatch.setattr(train, "XLA_PAYS_AFTER_STEPS", 0)
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS", 0)
    hidden = [(8, "tanh", 0.4)], [(8, "tanh", None), (6, "relu", 0.2)], [(4, "relu", None)]
    assert_as_alone(
        lambda k: mixed(k, hidden=hidden[k]), X, YES_NO, epochs=3, batch_size=[16, 32, 48], at_most=1e-5,
        how="3 networks at once", eagerly=False,
    )  # fmt: skip


@pytest.mark.slow
def test_what_is_infinite_in_one_stays_in_it():
    """The branch that a network does not take is computed of zeros: its NaN would come through the gradient."""

    def make(k):
        model = mixed(k, hidden=[[(8, "tanh", None)], [(8, "exponential", None), (8, "relu", None)]][k % 2])
        if k == 0:  # exp(1000) is infinite, tanh(1000) is not
            model.layers[1].kernel.assign(np.full((COLUMNS, 8), 1e3))
        return model

    assert_as_alone(make, X, YES_NO, number=2, epochs=2, how="2 networks at once")


@pytest.mark.slow
def test_a_batch_norm_needs_its_whole_batch():
    def make(k):
        model = keras.Sequential([keras.Input((COLUMNS,)), L.Dense(4, "tanh"), L.BatchNormalization(), L.Dense(1)])
        model.compile("sgd", "mse")
        return model

    runs = fit_many([make(k) for k in range(4)], X, YES_NO, batch_size=[16, 32, 16, 32], verbose=0)
    assert "2 networks at once" in runs.how
    assert [run.steps for run in runs] == [-(-ROWS // size) for size in (16, 32, 16, 32)]


def chain(k):
    value = inputs = keras.Input((COLUMNS,))
    for layer in mixed(k).layers:
        value = type(layer).from_config(layer.get_config())(value)
    model = keras.Model(inputs, value)
    model.set_weights(mixed(k).get_weights())
    return model


class TestFunctionalModels:
    @pytest.mark.slow
    def test_a_chain_of_layers_is_taken_like_a_sequential(self):
        def make(k):
            model = chain(k) if k else mixed(k)
            model.compile(O.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
            return model

        assert_as_alone(make, X, YES_NO, number=2, epochs=3, validation_split=0.2, how="2 networks at once")

    @pytest.mark.parametrize("kind", ["branch", "twice", "training", "list", "inner", "replaced"])
    @pytest.mark.slow_but("inner", "list")
    def test_what_is_no_chain_goes_alone(self, kind):
        def make(k):
            keras.utils.set_random_seed(k)
            inputs = keras.Input((COLUMNS,))
            hidden = L.Dense(COLUMNS, "tanh")
            value = hidden(inputs)
            if kind == "branch":
                value = L.Add()([value, inputs])
            if kind == "twice":
                value = hidden(value)
            if kind == "training":  # which `fit` sets for all layers: the one thing here that is no obstacle
                value = L.BatchNormalization()(value, training=False)
            value = L.Dense(1, "sigmoid")(value)
            outputs = {"list": [value], "inner": [value, hidden.output]}.get(kind, value)
            model = keras.Model(inputs, outputs[0] if kind == "inner" else outputs)
            if kind == "replaced":
                hidden.call = lambda x, training=None: 2 * L.Dense.call(hidden, x)
            if kind == "inner":  # a layer that another model calls too
                keras.Model(inputs, hidden(inputs))
            model.compile("sgd", "binary_crossentropy")
            return model

        assert_as_alone(make, X, YES_NO, number=2, epochs=2, at_most=1e-6,
                        how="2 networks at once" if kind == "training" else "by resident")  # fmt: skip


class TestWhoSharesAProgram:
    def size(self, *widths, members=(0,), epochs=50, batch=32, rows=455):
        return Size(members, widths, rows, epochs, frozenset([batch]), frozenset(["Adam"]))

    def test_small_networks_share_one_whatever_they_differ_in(self):
        first, second = self.size(30, 32, 1), self.size(30, 16, 64, 16, 1, batch=64, members=(1,))
        assert (first + second).seconds < first.seconds + second.seconds
        assert (first + second).widths == (30, 32, 64, 32, 1)

    def test_a_giant_does_not_fill_up_its_neighbours(self):
        giant, dwarfs = (
            self.size(784, 1024, 1024, 10, rows=60_000),
            self.size(784, 16, 10, members=tuple(range(1, 20)), rows=60_000),
        )
        assert (giant + dwarfs).seconds > 10 * (giant.seconds + dwarfs.seconds) / 2

    def test_it_is_said(self):
        models = [mixed(k, hidden=[(width, "relu", None)] * depth) for k, (width, depth) in
                  enumerate([(4, 1), (4, 2), (2_000, 2), (4, 1)])]  # fmt: skip
        jobs = [Job(model, prepare(model, X, YES_NO), Plan(1_000, 32, True, 0)) for model in models]
        found = groups(jobs)
        assert sorted(together.jobs for together in found) == [(0, 1, 3), (2,)]
        assert all("in 2 programs" in together.why for together in found)
