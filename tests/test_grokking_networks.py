"""The network in fewer operations is the plain Keras model: in float64 to 1e-10, in float32 to 1e-5."""

import numpy as np
import pytest
import tensorflow as tf
from grokking import SMALL, trainer

from recipes.grokking.equations import OPERATIONS, RANDOM, equations
from recipes.grokking.networks import MLP, ONE_HOT, ONE_LAYER, PAPER, flops_per_example
from recipes.grokking.step.fast_forward import Batch, logits


def plain(model, table, rows):
    """Logits, and the gradient of each weight, of the plain Keras model."""
    with tf.GradientTape() as tape:
        outputs = model(table.tokens(rows))
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(table.answer[rows], outputs)
        loss = tf.reduce_mean(loss)  # Keras' own loss would go through float32
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_weights])
    return np.asarray(outputs), [np.asarray(tf.convert_to_tensor(gradient)) for gradient in gradients]


def compare(network, table, dtype, tolerance, size=40):
    training = trainer(network, table, dtype)
    state, chosen = training.start(), np.arange(len(table.train))[::7][:size]
    rows = table.train[chosen]
    outputs, gradients = plain(training.model, table, rows)
    np.testing.assert_allclose(training.outputs(state, rows), outputs, rtol=0, atol=tolerance * np.abs(outputs).max())
    for (path, ours), theirs in zip(training.gradient(state, chosen).items(), gradients, strict=True):
        # A gradient that cancels to nothing has only the rounding of its terms, so the largest of all is the scale.
        scale = max(np.abs(theirs).max(), 1e-3 * max(np.abs(gradient).max() for gradient in gradients))
        assert np.abs(ours.numpy() - theirs).max() <= tolerance * scale, path


# The network sees tokens alone: one of each kind of table says as much as all, which are slow tests.
KINDS = ("x+y", "x/y if y odd else x-y", "S5: xy", RANDOM)


@pytest.mark.parametrize(
    "operation", [pytest.param(of, marks=() if of in KINDS else pytest.mark.slow) for of in OPERATIONS]
)
def test_every_operation(operation):
    compare(SMALL["paper"], equations(operation, 11), "float64", 1e-10)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.slow_but("one layer", "sinusoidal", "mlp", "one hot")
def test_every_network(name):
    compare(SMALL[name], equations("x/y", 11), "float64", 1e-10)
    compare(SMALL[name], equations("x/y", 11), "float32", 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("network", [PAPER, ONE_LAYER, MLP, ONE_HOT], ids=["paper", "one layer", "mlp", "one hot"])
def test_at_full_size(network, operation):
    table = equations(operation, 97)
    compare(network, table, "float64", 1e-10, size=512)
    compare(network, table, "float32", 1e-5, size=512)


def test_the_paper_s_network_has_its_size():
    assert PAPER.build(99).count_params() == 420_096
    assert flops_per_example(PAPER, 97, 512, shared=False) * 512 == pytest.approx(4.87e9, rel=0.01)
    assert flops_per_example(PAPER, 97, 512, shared=True) * 512 == pytest.approx(1.92e9, rel=0.01)


def test_batches_and_positions_are_shared():
    """Half as many columns as the plain model has rows: 2p + 2n after the first attention, n in the last layer."""
    network, table = SMALL["paper"], equations("x+y", 11)
    model = network.build(table.num_tokens, 0)
    weights = {variable.path: variable.value for variable in model.weights}
    x, y = (tf.constant(column[:5]) for column in (table.x, table.y))
    outputs = logits(network, weights, Batch(x, y, 11))
    assert outputs.shape == (13, 5)
    np.testing.assert_allclose(outputs.numpy().T, np.asarray(model(table.tokens(np.arange(5)))), atol=1e-5)
