"""Does stacking pay for convolutions? K small CNNs in one program against one of them K times: it does not.

A stack of K convolutions is one product of patches and weights, `(K, rows * places, 9 C)` by `(K, 9 C, F)`, since
TensorFlow's own convolution takes no axis of networks. `python benchmarks/convolutions.py`.
"""

import statistics
import time

import numpy as np
import tensorflow as tf

ROUNDS, STEPS = 5, 10


def one(weights, x, y):
    """Mean crossentropy of one network on x `(rows, 28, 28, 1)`."""
    for kernel in weights[:2]:
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")), 2, 2, "SAME")
    logits = tf.reshape(x, (len(y), -1)) @ weights[2]
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


def stacked(weights, x, y):
    """Sum of the mean crossentropies of K networks on x `(K, rows, 28, 28, 1)`."""
    networks, rows = y.shape
    for kernel in weights[:2]:
        _, _, height, width, channels = x.shape
        flat = tf.reshape(x, (networks * rows, height, width, channels))
        patches = tf.image.extract_patches(flat, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
        patches = tf.reshape(patches, (networks, rows * height * width, 9 * channels))
        x = tf.nn.relu(patches @ tf.reshape(kernel, (networks, 9 * channels, -1)))
        x = tf.nn.max_pool2d(tf.reshape(x, (networks * rows, height, width, -1)), 2, 2, "SAME")
        x = tf.reshape(x, (networks, rows, height // 2, width // 2, -1))
    logits = tf.reshape(x, (networks, rows, -1)) @ weights[2]
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
    return tf.reduce_sum(tf.reduce_mean(losses, axis=1))


def gradient_of(loss, weights, x, y, *, jit):
    """Compile loss and gradient, and run them once."""

    def step():
        with tf.GradientTape() as tape:
            value = loss(weights, x, y)
        return value, tape.gradient(value, weights)

    compiled = tf.function(step, jit_compile=jit or None)
    compiled()
    return compiled


def seconds(step):
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - start) / STEPS


def main():
    rng = np.random.default_rng(0)
    print("| rows a step | networks | alone, one after another | stacked | stacked, XLA |\n|---|---|---|---|---|")
    for rows in (16, 64):
        for networks in (4, 16):
            x = tf.constant(rng.random((networks, rows, 28, 28, 1)).astype("float32"))
            y = tf.constant(rng.integers(0, 10, (networks, rows)))
            shapes = (3, 3, 1, 16), (3, 3, 16, 32), (7 * 7 * 32, 10)
            weights = [tf.Variable(0.05 * rng.normal(size=(networks, *shape)).astype("float32")) for shape in shapes]
            first = [tf.Variable(weight[0]) for weight in weights]
            alone, plain = (
                gradient_of(one, first, x[0], y[0], jit=False),
                gradient_of(stacked, weights, x, y, jit=False),
            )
            np.testing.assert_allclose(plain()[1][0][0], alone()[1][0], rtol=1e-3, atol=1e-6)
            ways = [alone, plain, gradient_of(stacked, weights, x, y, jit=True)]
            taken = zip(*([seconds(way) for way in ways] for _ in range(ROUNDS)), strict=True)
            each, plain_s, xla_s = (1000 * statistics.median(times) for times in taken)
            print(f"| {rows} | {networks} | {networks * each:.0f} ms | {plain_s:.0f} ms | {xla_s:.0f} ms |")


if __name__ == "__main__":
    main()
