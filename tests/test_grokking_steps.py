"""The steps are those of Keras' own AdamW; the switches do what their authors say."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import refused
from grokking import QUICK, SMALL, trainer

from recipes import grok
from recipes.grokking.equations import equations
from recipes.grokking.step.fast_forward import stable_crossentropy
from recipes.grokking.step.optimizer import Optimizer, across, matrices_of, orthogonalised
from recipes.training.data.batches import epoch_order


@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [
        ("one hot", True),
        pytest.param("one layer", True, marks=pytest.mark.slow),
        *(pytest.param("paper", jit, marks=pytest.mark.slow) for jit in (False, True)),
    ],
)
def test_after_a_hundred_steps_of_keras_own_adamw(name, jit_compile):
    table = equations("x+y", 11, 0.6)  # 73 rows: two full batches and a rest of 9
    # Keras rounds the optimizer's constants to float32, so here they are numbers that it holds exactly.
    settings = {
        "learning_rate": 2**-10,
        "weight_decay": 1.0,
        "beta_1": 0.875,
        "beta_2": 1 - 2**-6,
        "epsilon": 2**-27,
    }
    exact_in_float32 = Optimizer(**settings, warm_up=0)
    training = trainer(SMALL[name], table, "float64", jit_compile=jit_compile, optimizer=exact_in_float32)
    state = training.steps(training.start(), 0, 100)

    plain = SMALL[name].build(table.num_tokens, seed=1, dtype="float64")
    optimizer = keras.optimizers.AdamW(**settings)
    optimizer.build(plain.trainable_weights)

    @tf.function
    def step(tokens, answers):
        with tf.GradientTape() as tape:
            outputs = plain(tokens)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(answers, outputs))
        gradients = tape.gradient(loss, [variable.value for variable in plain.trainable_weights])
        optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients])  # the embedding's is sparse

    for number in range(100):
        epoch, within = divmod(number, 3)
        rows = table.train[epoch_order(0, epoch, len(table.train))[within * 32 : (within + 1) * 32]]
        step(tf.constant(table.tokens(rows)), tf.constant(table.answer[rows]))
    for ours, theirs in zip(training.finish(state).trainable_weights, plain.trainable_weights, strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=1e-10)


def test_the_rate_warms_up():
    optimizer = Optimizer(learning_rate=0.5, warm_up=4, weight_decay=1.0)
    state = {name: tf.ones(1, tf.float64) for name in ("weights", "momentum", "velocity")}
    still = {**state, "momentum": tf.zeros(1, tf.float64)}  # nothing but decay moves the weights
    rates = [
        1 - optimizer.update(still, tf.zeros(1, tf.float64), tf.constant(k))["weights"].numpy()[0] for k in range(6)
    ]
    np.testing.assert_allclose(rates, [0, 0.125, 0.25, 0.375, 0.5, 0.5])


def test_grokfast_adds_the_slow_gradient():
    optimizer = Optimizer(grokfast=2.0, grokfast_decay=0.9, warm_up=0, weight_decay=0.0)
    state = {name: tf.zeros(3, tf.float64) for name in ("weights", "momentum", "velocity", "slow")}
    gradient = tf.constant([1.0, 2.0, 3.0], tf.float64)
    after = optimizer.update(state, gradient, tf.constant(0))
    np.testing.assert_allclose(after["slow"], 0.1 * gradient.numpy())
    np.testing.assert_allclose(after["momentum"], 0.1 * (gradient.numpy() * 1.2), rtol=1e-12)


@pytest.mark.slow
def test_muon_s_matrices_turn_and_the_rest_is_adamw_s(rng):
    singular = np.linalg.svd(orthogonalised(tf.constant(rng.normal(size=(24, 16)))).numpy(), compute_uv=False)
    assert 0.6 < singular.min() <= singular.max() < 1.3  # "about 1", as its authors say
    model = SMALL["paper"].build(13, seed=0)
    matrices = matrices_of(model.trainable_weights)
    assert [shape[1:] for shape in matrices[:6]] == [(16, 16)] * 4 + [(16, 24), (24, 16)]
    size = model.count_params()
    gradient = tf.constant(rng.normal(size=size))
    optimizer = Optimizer(muon=True, warm_up=0, weight_decay=0.0)
    state = {name: tf.zeros(size, tf.float64) for name in ("weights", "momentum", "velocity", "matrix_momentum")}
    moved = optimizer.update(state, gradient, tf.constant(0), matrices=matrices)["weights"].numpy()
    plain = Optimizer(warm_up=0, weight_decay=0.0).update(state, gradient, tf.constant(0))["weights"].numpy()
    start, rows, columns = matrices[4]
    expected = -1e-3 * 0.2 * np.sqrt(24) * orthogonalised(tf.reshape(gradient[start : start + 384], (16, 24)))
    np.testing.assert_allclose(moved[start : start + 384].reshape(rows, columns), expected, rtol=1e-3)
    others = np.ones(size, bool)
    for start, rows, columns in matrices:
        others[start : start + rows * columns] = False
    np.testing.assert_array_equal(moved[others], plain[others])
    assert grok(**QUICK, muon=True, max_steps=60).history["loss"][-1] < np.log(13)


def test_orthograd_leaves_nothing_along_a_variable_and_keeps_the_length(rng):
    w, g = rng.normal(size=9), rng.normal(size=9)
    w[5:] = 0.0  # a variable of zeros has no direction
    turned = across(tf.constant(w), tf.constant(g), (2, 3, 4)).numpy()
    for part in (slice(0, 2), slice(2, 5)):
        assert turned[part] @ w[part] == pytest.approx(0.0, abs=1e-12)
        assert np.linalg.norm(turned[part]) == pytest.approx(np.linalg.norm(g[part]))
    rest = g[2:5] - (w[2:5] @ g[2:5]) / (w[2:5] @ w[2:5]) * w[2:5]
    np.testing.assert_allclose(turned[2:5], rest * np.linalg.norm(g[2:5]) / np.linalg.norm(rest))
    np.testing.assert_allclose(turned[5:], g[5:])
    optimizer = Optimizer(orthograd=True, warm_up=0, weight_decay=0.0)
    state = {"weights": tf.constant(w), "momentum": tf.zeros(9, tf.float64), "velocity": tf.zeros(9, tf.float64)}
    after = optimizer.update(state, tf.constant(g), tf.constant(0), sizes=(2, 3, 4))
    np.testing.assert_allclose(after["momentum"], 0.1 * turned)


def test_stablemax_is_its_formula_and_still_learns_where_the_softmax_is_done():
    logits = np.array([[2.0, -1.0], [0.0, -3.0], [-1.0, 4.0]], "float32")  # (tokens, examples)
    s = np.array([[3.0, 1 / 2], [1.0, 1 / 4], [1 / 2, 5.0]])
    expected = -np.log([s[0, 0] / s[:, 0].sum(), s[2, 1] / s[:, 1].sum()]).mean()
    assert stable_crossentropy(tf.constant(logits), tf.constant([0, 2])).numpy() == pytest.approx(expected)
    sure = tf.Variable([[400.0], [0.0], [0.0]])  # of which float32 says: probability 1
    with tf.GradientTape() as tape:
        loss = stable_crossentropy(sure, tf.constant([0]))
    assert loss.numpy() == pytest.approx(np.log(403 / 401))
    np.testing.assert_allclose(tape.gradient(loss, sure)[:, 0], [1 / 403 - 1 / 401, 1 / 403, 1 / 403], rtol=1e-4)


def test_the_switches_reach_the_run_and_a_batch_may_be_all_of_it():
    options = {**QUICK, "max_steps": 60, "batch_size": 10**6, "weight_decay": 0.0, "beta_2": 0.99}
    run = grok(**options, orthograd=True, stablemax=True)
    assert run.settings["batch_size"] == 60
    on = {"orthograd": True, "stablemax": True, "beta_2": 0.99}
    assert {name: run.settings["optimizer"][name] for name in on} == on
    assert run.history["loss"][-1] < np.log(13)
    with refused("beta_2 must be at least 0 and below 1. Received: beta_2=1.0."):
        grok(**{**options, "beta_2": 1.0})
