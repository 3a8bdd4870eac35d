"""The loss of the best constant guess: equal to Keras' loss for that guess, and no other constant does better."""

import functools

import keras
import numpy as np
import pytest

from cheatsheet import chance_loss, least_loss
from recipes.losses import Pinball

RNG = np.random.default_rng(1)
LABELS = RNG.choice(3, size=200, p=[0.6, 0.3, 0.1])
SOFT = RNG.dirichlet((2.0, 1.0, 0.5), size=200)
SKEWED = RNG.gamma(2.0, 2.0, size=201)
COUNTS = RNG.poisson(2.5, size=200).astype(float)
YES = (RNG.random(200) < 0.3).astype(float)

# loss, target, the best constant output, small changes of it that must be worse
CASES = [
    ("mean_squared_error", SKEWED, [SKEWED.mean()]),
    ("mean_absolute_error", SKEWED, [np.median(SKEWED)]),
    ("mean_squared_logarithmic_error", SKEWED, [np.expm1(np.log1p(SKEWED).mean())]),
    ("binary_crossentropy", YES, [YES.mean()]),
    ("categorical_crossentropy", np.eye(3)[LABELS], np.eye(3)[LABELS].mean(0)),
    ("sparse_categorical_crossentropy", LABELS, np.eye(3)[LABELS].mean(0)),
    ("kl_divergence", SOFT, SOFT.mean(0)),
    ("hinge", 2 * YES - 1, [-1.0]),
    ("poisson", COUNTS, [COUNTS.mean()]),
]


def keras_loss(loss, y, constant):
    y_true = y if loss.startswith("sparse") else y.reshape(len(y), -1)
    y_pred = np.tile(np.asarray(constant, dtype=float), (len(y), 1))
    # NumPy in, so that Keras has no cached logits; float64 keeps the comparison tight.
    losses = keras.losses.get(loss)(keras.ops.convert_to_tensor(y_true), keras.ops.convert_to_tensor(y_pred))
    return float(np.mean(keras.ops.convert_to_numpy(losses)))


@pytest.mark.parametrize(("loss", "y", "best"), CASES, ids=[case[0] for case in CASES])
def test_equals_keras_for_the_best_constant(loss, y, best):
    assert chance_loss(loss, y) == pytest.approx(keras_loss(loss, y, best), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "y", "best"), [c for c in CASES if c[0] != "hinge"], ids=lambda v: v if isinstance(v, str) else ""
)
def test_no_other_constant_does_better(loss, y, best):
    for step in RNG.normal(scale=0.02, size=(20, len(best))):
        other = np.asarray(best) + step
        if len(best) > 1:
            other = np.abs(other) / np.abs(other).sum()
        assert keras_loss(loss, y, other) > chance_loss(loss, y) - 1e-6


def test_huber_by_a_search_over_constants():
    loss_of = functools.partial(keras_loss, "huber", SKEWED)
    near = min(np.linspace(0, 10, 101), key=lambda c: loss_of([c]))  # the loss is convex: its least is beside it
    least = min(loss_of([c]) for c in np.linspace(near - 0.1, near + 0.1, 41))
    assert chance_loss("huber", SKEWED) == pytest.approx(least, abs=1e-5)


def test_pinball_by_a_search_over_constants():
    for q in (0.05, 0.5, 0.9):
        error = SKEWED[:, None] - np.sort(SKEWED)[None]  # the best constant is one of the values
        assert chance_loss("pinball", SKEWED, quantiles=[q]) == pytest.approx(
            np.maximum(q * error, (q - 1) * error).mean(0).min(), rel=1e-3
        )
    constant = np.tile(np.quantile(SKEWED, (0.1, 0.9)), (len(SKEWED), 1))
    assert float(Pinball((0.1, 0.9))(SKEWED, constant)) == pytest.approx(
        chance_loss("pinball", SKEWED, quantiles=(0.1, 0.9)), rel=1e-5
    )


def test_balanced_classes_cost_ln_k():
    assert chance_loss("sparse_categorical_crossentropy", np.arange(30) % 10) == pytest.approx(np.log(10))
    assert chance_loss("binary_crossentropy", [0, 1]) == pytest.approx(np.log(2))


def test_a_zero_initialised_head_starts_at_ln_k():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(7, "softmax", kernel_initializer="zeros")])
    model.compile(loss="sparse_categorical_crossentropy")
    loss = model.evaluate(RNG.normal(size=(40, 5)), np.arange(40) % 7, verbose=0)
    assert loss == pytest.approx(np.log(7), rel=1e-6)


def test_the_mean_image_for_reconstructions():
    images = RNG.random((50, 4, 4, 1))
    assert chance_loss("mean_squared_error", images) == pytest.approx(np.mean((images - images.mean(0)) ** 2))


@pytest.mark.parametrize(("loss", "y"), [("poisson", COUNTS + 900), ("categorical_crossentropy", SOFT)])
def test_a_perfect_model_gets_the_least_loss(loss, y):
    y_true = y.reshape(len(y), -1)
    perfect = keras.losses.get(loss)(keras.ops.convert_to_tensor(y_true), keras.ops.convert_to_tensor(y_true))
    assert least_loss(loss, y) == pytest.approx(float(np.mean(perfect)), rel=1e-6)
    assert least_loss(loss, y) < chance_loss(loss, y)


def test_an_unknown_loss_has_no_chance():
    assert chance_loss("my_loss", [1, 2]) is None
