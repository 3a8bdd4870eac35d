"""A second model in a process trains as itself, whatever the first one was: compiled programs are shared by proof."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers
from pairs import Forgets, alike, net, pairs, trained, weights
from settings import X, Y, set_on, settings, subjects

from recipes import clear_programs, fit
from recipes.running.programs import PROGRAMS
from recipes.training.data.prepare import TrainingData
from recipes.training.engines.tensorflow.alike import identity
from recipes.training.engines.tensorflow.program import build_variables

PAIRS = pairs()
QUICK = (
    "kernels left out of the decay", "closure of a activation",
)  # fmt: skip


class TestPairs:
    """Two models that differ in something that hardly shows."""

    @pytest.fixture(autouse=True)
    def _empty(self):
        clear_programs()

    def in_turns(self, name, times):
        first, second = PAIRS[name]
        wanted = [trained(first, "keras"), trained(second, "keras")]
        assert not alike(*wanted), f"{name}: the pair does not differ"
        for order in ((0, 1), (1, 0)):
            clear_programs()
            for _ in range(times):
                for i in order:
                    found = trained(PAIRS[name][i])
                    assert alike(found, wanted[i]), f"{name}: {np.abs(found - wanted[i]).max():.1e} off, {order}"

    @pytest.mark.parametrize("name", QUICK)
    @pytest.mark.slow_but("closure of a activation")
    def test_each_trains_as_itself(self, name):
        self.in_turns(name, times=1)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", PAIRS)
    def test_each_trains_as_itself_ten_times_in_turns(self, name):
        self.in_turns(name, times=5)  # in both orders

    @pytest.mark.slow
    @pytest.mark.parametrize("name", PAIRS)
    @pytest.mark.parametrize("way", ["widened", "checkpoint"])
    def test_also_in_a_search_and_when_resumed(self, name, way, tmp_path):
        first, second = PAIRS[name]
        clear_programs()
        for i, make in enumerate((first, second, first)):
            keras_own = trained(make, "keras")
            if way == "widened":
                found = trained(make, "widened")
            else:
                keras.utils.set_random_seed(1)
                with warnings.catch_warnings(action="ignore"):
                    fit(make(), X, Y, batch_size=16, verbose=0, checkpoint=tmp_path / str(i))
                found = trained(make, checkpoint=tmp_path / str(i))
            if "dropout" in name and way == "widened":
                continue  # which has its own random numbers there
            assert alike(found, keras_own), name


class TestEverySetting:
    """Set after compiling, one attribute after the other, on every one of Keras' own objects."""

    def compare(self, chosen, most_trainings=10**6):
        tried = shared = trainings = refused = 0
        seen, plain_identity = set(), {}
        for subject, name, other in chosen:

            def make(subject=subject, name=name, other=other, change=True):
                keras.utils.set_random_seed(1)
                model = subject.make()
                if change and not set_on(subject.find(model), name, other):
                    raise ValueError(f"{name} cannot be set")
                return model

            try:
                if subject not in plain_identity:
                    plain_identity[subject] = self.identity_of(make(change=False))
                identities = [plain_identity[subject], self.identity_of(make())]
            except Exception:  # Keras itself cannot build it so
                refused += 1
                continue
            tried += 1
            if identities[0] is None or identities[0] != identities[1]:
                continue  # two programs
            shared += 1
            family = type(subject.find(subject.make())).__mro__[1].__name__
            if (family, name) in seen or trainings == most_trainings:
                continue  # the same attribute, on another class of the kind
            seen.add((family, name))
            try:
                wanted = trained(make, "keras")
            except Exception:
                continue
            trainings += 1
            plain = lambda make=make: make(change=False)  # noqa: E731
            for first, second in ((plain, make), (make, plain)):
                clear_programs()
                trained(first)
                found = trained(second)
                want = wanted if second is make else trained(plain, "keras")
                assert alike(found, want), f"{subject.name}.{name} = {other!r}: {np.abs(found - want).max():.1e} off"
        print(f"{tried} settings tried, {refused} that Keras refuses; programs shared in {shared}, {trainings} trained")
        return tried, shared

    def identity_of(self, model):
        with warnings.catch_warnings(action="ignore"):
            build_variables(model, TrainingData(X, Y, None, None, None, None, 0.0))
        return identity(model)

    def test_a_sample(self, rng):
        chosen = []
        for subject in subjects(rng, most=8):
            every = list(settings(subject))
            chosen += [(subject, *every[k]) for k in rng.permutation(len(every))[:6]]
        tried, shared = self.compare(chosen, most_trainings=3)
        assert tried > 25
        assert shared >= 4

    @pytest.mark.slow
    def test_all(self):
        tried, shared = self.compare((subject, *setting) for subject in subjects() for setting in settings(subject))
        assert tried > 4_000
        assert shared > 500


class TestSwitches:
    """What is set for the whole process when a model trains belongs to that model alone."""

    @pytest.mark.parametrize(
        ("get", "put", "value", "make"),
        [
            pytest.param(
                keras.config.epsilon,
                keras.config.set_epsilon,
                0.2,
                lambda: net(loss="mean_absolute_percentage_error"),
                marks=pytest.mark.slow,
            ),
            (keras.config.dtype_policy, keras.config.set_dtype_policy, "mixed_bfloat16", lambda: net(layers.Dense(6))),
        ],
        ids=["epsilon", "mixed precision"],
    )
    def test_a_switch_between_two_models(self, get, put, value, make):
        clear_programs()
        before, wanted, found = get(), [], []
        try:
            for setting in (before, value, before):
                put(setting)
                wanted.append(trained(make, "keras"))
                found.append(trained(make))
        finally:
            put(before)
        tolerance = 2e-2 if value == "mixed_bfloat16" else 2e-5  # bfloat16 rounds to 8 bits
        assert not np.allclose(wanted[0], wanted[1], atol=1e-4)
        for a, b, atol in zip(found, wanted, (2e-5, tolerance, 2e-5), strict=True):
            np.testing.assert_allclose(a, b, atol=atol)

    def test_a_class_whose_method_was_replaced(self, monkeypatch):
        clear_programs()
        make = lambda: net(layers.LeakyReLU(0.1))  # noqa: E731
        plain = [trained(make, "keras"), trained(make)]
        monkeypatch.setattr(layers.LeakyReLU, "call", lambda self, x: 0.1 * x)
        patched = [trained(make, "keras"), trained(make)]
        monkeypatch.undo()
        assert alike(*plain)
        assert alike(*patched)
        assert not alike(plain[1], patched[1])
        assert alike(trained(make), plain[0])


def test_models_that_differ_in_numbers_alone_share_one_program():
    clear_programs()

    def make(rate, seed):
        keras.utils.set_random_seed(seed)
        return net(layers.Dropout(0.2), optimizer=keras.optimizers.AdamW(rate, weight_decay=rate), metrics=["AUC"])

    runs = [fit(make(rate, i), X, Y, verbose=0).engine.how for i, rate in enumerate((0.1, 0.2, 0.3))]
    assert [("compiled before" in run) for run in runs] == [False, True, True]
    assert len(PROGRAMS) == 1


@pytest.mark.slow
def test_metrics_are_called_by_the_names_of_the_model_that_trains():
    clear_programs()
    keras.backend.clear_session()
    names = [set(fit(net(metrics=[keras.metrics.AUC()]), X, Y, verbose=0).history) for _ in range(2)]
    assert names == [{"loss", "auc"}, {"loss", "auc_1"}]
    assert len(PROGRAMS) == 1


@pytest.mark.slow
def test_settings_changed_between_two_runs_of_one_model_count():
    """Also of a model that has its own program: Keras' own fit goes on with what it traced first."""
    for make in (net, lambda: net(activation=lambda v: keras.ops.relu(v))):
        model = make()
        fit(model, X, Y, verbose=0)
        model.optimizer.clipnorm = 0.0
        before = weights(model)
        model.optimizer.learning_rate = 0.0
        fit(model, X, Y, verbose=0)
        np.testing.assert_array_equal(weights(model)[:100], before[:100])


class TestTheLook:
    """Variables are created without running the user's layers."""

    class Counts(layers.Layer):
        def build(self, shape):
            self.seen = self.add_weight(name="seen", shape=(), initializer="zeros", trainable=False)
            self.mean = self.add_weight(name="mean", shape=(shape[-1],), initializer="zeros", trainable=False)

        def call(self, x, training=False):
            self.seen.assign_add(1.0)
            if training:
                self.mean.assign(0.9 * self.mean + 0.1 * keras.ops.mean(x, axis=0))
            return x - self.mean

    @pytest.mark.parametrize("engine", ["resident", "keras"])
    def test_a_layer_that_keeps_state_ends_where_model_fit_ends(self, engine):
        model, theirs = net(self.Counts()), net(self.Counts())
        theirs.run_eagerly = True  # so few steps take less than compiling them
        fit(model, X, Y, epochs=2, validation_data=(X[:20], Y[:20]), shuffle=False, verbose=0, engine=engine)
        theirs.fit(X, Y, epochs=2, validation_data=(X[:20], Y[:20]), shuffle=False, verbose=0)
        assert float(model.layers[1].seen.numpy()) == float(theirs.layers[1].seen.numpy()) == 2 * (2 + 1)
        np.testing.assert_allclose(weights(model), weights(theirs), rtol=1e-5, atol=1e-6)

    def test_of_a_subclassed_model_too(self):
        class Two(keras.Model):
            def __init__(self, counts):
                super().__init__()
                self.counts, self.head = counts, layers.Dense(1, "sigmoid")

            def call(self, x, training=False):
                return self.head(self.counts(x, training=training))

        model = Two(self.Counts())
        model.compile("sgd", "binary_crossentropy")
        run = fit(model, X, Y, verbose=0)
        assert run.engine.name == "resident"
        assert float(model.counts.seen.numpy()) == 2


def test_a_regularizer_that_forgets_is_known_to_forget():
    """The pair of that name rests on it."""
    assert Forgets.from_config(Forgets(0.5).get_config()).factor != 0.5
