"""What every job of a network shares: data, a timed call, and the loop as PyTorch's users write it."""

import os
import sys
import time

import numpy as np

Result = dict[str, float]
MNIST_ROWS = 6_000  # of 60,000, so that an epoch takes seconds; a step costs the same


def breast_cancer():
    from recipes import load_data

    x, y = load_data("breast_cancer")
    return ((x - x.mean(0)) / x.std(0)).astype("float32"), y.astype("float32")


def mlp_model():
    import keras
    from keras import layers

    model = keras.Sequential(
        [keras.Input((30,)), layers.Dense(64, "relu"), layers.Dense(32, "relu"), layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def train(way, model, x, y, *, epochs, batch_size):
    """Seconds of one call."""
    if way == "recipes":
        from recipes import fit

        start = time.perf_counter()
        run = fit(model, x, y, epochs=epochs, batch_size=batch_size, verbose=0)
        seconds = time.perf_counter() - start
        print(run.engine, file=sys.stderr)
        return seconds
    if way == "keras-jax":
        model.steps_per_execution = -(-len(x) // batch_size)  # an epoch, the fastest that it has
    start = time.perf_counter()
    model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)
    return time.perf_counter() - start


def torch_loop(net, loss, x, y, *, batch_size, epochs, channels_last=False) -> Result:
    """The loop as PyTorch's users write it: data in memory, a permutation an epoch, Adam."""
    import torch

    x, y = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.ascontiguousarray(y))
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
        x, y = x.to(memory_format=torch.channels_last), y.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-7)

    def run(epochs):
        steps = 0
        for _ in range(epochs):
            order = torch.randperm(len(x))
            for start in range(0, len(x), batch_size):
                rows = order[start : start + batch_size]
                optimizer.zero_grad()
                value = loss(net(x[rows]), y[rows])
                value.backward()
                optimizer.step()
                steps += 1
        return steps

    start = time.perf_counter()
    run(epochs)
    first = time.perf_counter() - start
    start = time.perf_counter()
    steps = run(epochs)
    return {"first_s": first, "steps_per_s": steps / (time.perf_counter() - start)}


def mnist():
    """Images in [0, 1]; the real ones where RECIPES_DATA names their folder, else noise of the same shape."""
    from recipes import load_data

    if os.environ.get("RECIPES_DATA"):
        data = load_data("mnist")
        return data.x[:MNIST_ROWS], data.y[:MNIST_ROWS]
    rng = np.random.default_rng(0)
    return rng.random((MNIST_ROWS, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, MNIST_ROWS).astype(np.int32)


def twice(way, make, x, y, *, batch_size, epochs) -> Result:
    """A first call, and a second one on the same model; two epochs, the first with compiling."""
    model = make()
    first = train(way, model, x, y, epochs=epochs, batch_size=batch_size)
    again = train(way, model, x, y, epochs=epochs, batch_size=batch_size)
    return {"first_s": first, "steps_per_s": epochs * -(-len(x) // batch_size) / again}
