"""A narrow network trained inside a wider one is the narrow network trained, and many of them compile once."""

import keras
import numpy as np
import pytest
from engines import IMAGES, LABELS, X, Y, cnn, compare, fit_by
from keras import layers

from recipes import build_model, clear_programs, load_data
from recipes.running.programs import PROGRAMS
from recipes.training.engines.tensorflow import program
from recipes.training.engines.tensorflow.state import state_of
from recipes.training.engines.tensorflow.wide import KEEPS_ZERO, OPTIMIZERS, lent, wide_config


@pytest.fixture(autouse=True)
def _no_programs():
    clear_programs()


def two_layers(widths=(16, 5), optimizer="adam", activation="relu", rate=0.0, extra=(), **options):
    hidden = [layers.Dense(width, activation, **options) for width in widths]
    dropout = [layers.Dropout(rate)] if rate else []
    model = keras.Sequential([keras.Input((13,)), *hidden, *dropout, *extra, layers.Dense(3, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(params=[program.PLAIN, pytest.param(program.XLA, marks=pytest.mark.slow)])
def wide_way(request, monkeypatch):
    """One way in which programs for all widths run, however short the run."""
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS_EACH", 0 if request.param == program.XLA else 10**9)


@pytest.mark.usefixtures("wide_way")
class TestSameMathematics:
    @pytest.mark.parametrize(
        "optimizer", ["Adam", *(pytest.param(name, marks=pytest.mark.slow) for name in OPTIMIZERS if name != "Adam")]
    )
    def test_optimizers(self, optimizer):
        def make():
            made = getattr(keras.optimizers, optimizer)(0.01, weight_decay=0.01, clipnorm=1.0)
            return two_layers(optimizer=made, kernel_regularizer="l2")

        _, ours = compare(make, X, Y, engine="widened", rtol=1e-4)
        used = next(iter(PROGRAMS)).wide
        assert used is not None
        assert {tuple(v.shape) for v in used.model.weights} >= {(13, 128), (128, 128), (128, 3)}
        state, rates = lent(ours.model, used.model, used.state)
        assert rates == [0.0, 0.0]
        for wide, own in zip(state, state_of(ours.model), strict=True):
            value = np.asarray(wide).copy()
            value[tuple(slice(size) for size in own.shape)] = 0
            assert not value.any() or wide.shape == own.shape  # what was added is still exactly 0

    @pytest.mark.slow
    @pytest.mark.parametrize("activation", KEEPS_ZERO)
    def test_activations(self, activation):
        assert float(keras.activations.get(activation)(keras.ops.zeros(1))[0]) == 0
        compare(lambda: two_layers(activation=activation), X, Y, engine="widened", rtol=1e-4)

    @pytest.mark.slow
    def test_dropout_of_the_program_s_own_width_draws_the_same_numbers(self, monkeypatch):
        """In the plain graph, where they are Keras' own."""
        monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS_EACH", 10**9)
        runs = []
        for engine in ("resident", "widened"):
            keras.utils.set_random_seed(1)
            runs.append(fit_by(engine, two_layers((128,), rate=0.4), X, Y, epochs=2))
        np.testing.assert_allclose(runs[0].history["loss"], runs[1].history["loss"], rtol=1e-5)
        assert [used.wide is not None for used in PROGRAMS] == [False, True]

    def test_rates_that_are_0_and_others_compile_once(self):
        for rate in (0.0, 0.3):
            fit_by("widened", two_layers(extra=(layers.Dropout(rate),)), X, Y)
        assert len(PROGRAMS) == 1

    @pytest.mark.slow
    def test_scales_of_input_and_output(self):
        x, y = load_data("diabetes")
        make = lambda: build_model("regression", x=x[:64], y=y[:64], units=(20, 10), seed=1)  # noqa: E731
        compare(make, x[:64], y[:64], engine="widened", rtol=1e-4, validation_split=0.2)

    @pytest.mark.slow
    def test_a_run_in_parts_is_the_run_in_one(self, tmp_path):
        def part(epochs, **options):
            keras.utils.set_random_seed(1)
            return fit_by("widened", two_layers(rate=0.2), X, Y, epochs=epochs, **options)

        whole = part(6)
        part(2, checkpoint=tmp_path)
        parts = part(6, checkpoint=tmp_path)
        assert parts.history == whole.history
        for a, b in zip(whole.model.weights, parts.model.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.slow
def test_a_padded_network_draws_the_dropout_that_it_draws_alone(monkeypatch):
    """Each number depends on its row and unit, whatever stands beside them."""
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS_EACH", 0)
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS", 0)
    losses = []
    for engine in ("resident", "widened"):
        keras.utils.set_random_seed(1)
        run = fit_by(engine, two_layers((16, 5), rate=0.4), X, Y, epochs=3)
        assert "XLA" in run.engine.how
        losses.append(run.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert [used.wide is not None for used in PROGRAMS] == [False, True]


@pytest.mark.slow
def test_a_run_goes_on_in_the_way_in_which_it_began(tmp_path, monkeypatch):
    """Fewer epochs than before would by themselves not pay for XLA."""
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS_EACH", 24)
    begun, again = (fit_by("widened", two_layers(), X, Y, epochs=epochs, checkpoint=tmp_path) for epochs in (4, 3))
    assert "XLA" in begun.engine.how
    assert "XLA" in again.engine.how
    assert again.history == begun.history


def test_widths_rates_decays_and_batch_sizes_compile_once():
    engines = []
    for widths, rate, decay, size in (((16, 5), 0.1, 0.01, 16), ((100, 7), 0.0, 0.5, 64), ((1, 128), 0.2, 1e-4, 7)):
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=decay)
        made = two_layers(widths, optimizer, rate=rate)
        engines.append(fit_by("widened", made, X, Y, batch_size=size).engine)
    assert [engine.how.split(", ")[1] for engine in engines] == [
        "compiled for this run",
        *["compiled before"] * 2,
    ]
    assert len(PROGRAMS) == 1


@pytest.mark.slow
def test_decay_alone_compiles_once_in_every_engine_and_still_counts():
    runs = {}
    for decay in (0.01, 0.5):
        make = lambda decay=decay: two_layers(optimizer=keras.optimizers.AdamW(0.01, weight_decay=decay))  # noqa: E731
        _, runs[decay] = compare(make, X, Y)
    assert "compiled before" in runs[0.5].engine.how
    norm = {decay: np.linalg.norm(np.asarray(run.model.weights[0])) for decay, run in runs.items()}
    assert norm[0.5] < norm[0.01]


@pytest.mark.parametrize(
    "model",
    [
        lambda: two_layers(activation="sigmoid"),  # of 0 gives 1/2
        lambda: two_layers(extra=(layers.BatchNormalization(),)),
        lambda: two_layers(kernel_constraint="unit_norm"),
        lambda: two_layers(optimizer="muon"),  # its update depends on the shape
        lambda: two_layers(()),
        lambda: two_layers(rate=0.1, extra=(layers.Dropout(0.1),)),
        cnn,
    ],
    ids=["sigmoid", "batch normalization", "constraint", "muon", "no hidden layer", "two dropouts", "convolutions"],
)
@pytest.mark.slow_but("sigmoid", "no hidden")
def test_what_cannot_be_widened_trains_as_it_is(model):
    made = model()
    assert wide_config(made) is None
    data = (IMAGES, LABELS) if len(made.input_shape) == 4 else (X, Y)
    assert fit_by("widened", made, *data).engine.name == "resident"
