"""Where does model.fit spend its time? The idea of `recipes.fit` on one page: the bare resident loop.

Trains one small network in three ways. Expected: the bare loop and `recipes.fit` end with the same loss, since they
meet the rows in the same order, and make thousands of steps a second where `model.fit` makes hundreds: a step's
arithmetic takes microseconds, the rest is Python between the steps. What the page leaves out is in `recipes.fit`:
checks, weights, callbacks, validation, Ctrl-C, XLA, and compiled programs that the next model finds.
Reference: docs/engine.md.
"""

import argparse
import time

import numpy as np
import tensorflow as tf

from cheatsheet.common.words import count
from recipes import build_model, fit, load_data
from recipes.training.data.batches import epoch_order


def train_resident(model, x, y, *, epochs, batch_size=32, seed=0):
    """Train a compiled Keras model inside one function; returns loss and accuracy of each epoch, and the seconds."""
    # The data go to the device once, and so does the order of the rows: a fresh permutation for each epoch.
    x, y = tf.constant(x, tf.float32), tf.constant(y, tf.float32)
    orders = tf.constant(np.stack([epoch_order(seed, epoch, len(x)) for epoch in range(epochs)]))  # (epochs, n)
    # All variables must be there before tracing, those of the optimizer too.
    model.optimizer.build(model.trainable_variables)

    # One call trains all epochs. AutoGraph makes both loops a part of the graph: Python sees them once, while tracing.
    @tf.function
    def train():
        metrics = tf.TensorArray(tf.float32, epochs)
        for epoch in tf.range(epochs):
            total, right = 0.0, 0.0
            for start in tf.range(0, len(x), batch_size):
                # A batch is gathered where it is used; the last one of an epoch has what is left over.
                rows = orders[epoch, start : start + batch_size]
                inputs, targets = tf.gather(x, rows), tf.gather(y, rows)
                # The step itself is what Keras does: loss, gradients, the optimizer's update.
                with tf.GradientTape() as tape:
                    outputs = model(inputs, training=True)  # (batch, 1)
                    loss = model.compute_loss(inputs, targets, outputs)
                model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
                # Metrics stay tensors; nothing waits for Python to read them.
                total += loss * tf.cast(len(rows), tf.float32)
                right += tf.reduce_sum(tf.cast((outputs[:, 0] > 0.5) == (targets > 0.5), tf.float32))
            metrics = metrics.write(epoch, tf.stack([total, right]) / len(x))
        return metrics.stack()  # (epochs, 2)

    compiled = train.get_concrete_function()
    start = time.perf_counter()
    loss, accuracy = compiled().numpy().T
    return loss, accuracy, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few epochs only")
    epochs = 5 if parser.parse_args().quick else 200

    # 569 rows of 30 numbers in batches of 32: 18 steps an epoch.
    x, y = load_data("breast_cancer")
    model = build_model(x=x, y=y, seed=0)
    loss, _, seconds = train_resident(model, x, y, epochs=epochs)
    report("the bare loop", epochs, seconds, loss)

    # The same in the package. The second call finds what the first has compiled, XLA among it.
    for _ in range(2):
        run = fit(build_model(x=x, y=y, seed=0), x, y, epochs=epochs, verbose=0)
    report("recipes.fit", epochs, run.seconds, run.history["loss"])

    # Keras' own loop, after an epoch in which it compiles; a twentieth of the epochs is enough to time it.
    model, epochs = build_model(x=x, y=y, seed=0), -(-epochs // 20)
    model.fit(x, y, verbose=0)
    start = time.perf_counter()
    history = model.fit(x, y, epochs=epochs, verbose=0).history
    report("model.fit", epochs, time.perf_counter() - start, history["loss"])


def report(name, epochs, seconds, loss) -> None:
    print(f"{name:13} {epochs * 18 / seconds:7,.0f} steps/s; loss {loss[-1]:.4f} after {count(epochs, 'epoch')}")


if __name__ == "__main__":
    main()
