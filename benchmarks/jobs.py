"""One measurement in a process of its own: `python benchmarks/jobs.py JOB WAY` prints a line of JSON.

Every way trains the same architecture from its own usual initial weights, on the same data with the same batch size,
shuffled anew each epoch. Timed is from the call to its return; imports, data and building the model are not.
"""

import json
import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

Result = dict[str, float]
MNIST_ROWS = 6_000  # of 60,000, so that an epoch takes seconds; a step costs the same


def main() -> None:
    job, way = sys.argv[1:3]
    if way.startswith("torch"):
        os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and PyTorch do not always bear each other in one process
    result = JOBS[job](way)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


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
    start = time.perf_counter()
    model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)
    return time.perf_counter() - start


def mlp(way: str, epochs: int) -> Result:
    """The breast-cancer MLP 64-32, batch 32: a first call, and a second one once all is compiled."""
    x, y = breast_cancer()
    steps = epochs * -(-len(x) // 32)
    if way == "sklearn":
        return sklearn_mlp(x, y, epochs, steps)
    if way == "torch":
        import torch

        net = torch.nn.Sequential(
            torch.nn.Linear(30, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
        )
        loss = torch.nn.BCEWithLogitsLoss()
        return torch_loop(net, loss, x, y[:, None], batch_size=32, epochs=epochs)
    first = train(way, mlp_model(), x, y, epochs=epochs, batch_size=32)
    model = mlp_model()
    if way == "keras":
        train(way, model, x, y, epochs=1, batch_size=32)  # a new model is compiled anew by Keras
    again = train(way, model, x, y, epochs=epochs, batch_size=32)
    return {"first_s": first, "steps_per_s": steps / again}


def sklearn_mlp(x, y, epochs, steps) -> Result:
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")  # of not having converged: the number of epochs is fixed
    net = MLPClassifier((64, 32), batch_size=32, max_iter=epochs, tol=0, n_iter_no_change=epochs, alpha=0)
    start = time.perf_counter()
    net.fit(x, y)
    seconds = time.perf_counter() - start
    assert net.n_iter_ == epochs
    return {"first_s": seconds, "steps_per_s": steps / seconds}


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


def dense_autoencoder(way: str) -> Result:
    """784-128-64-128-784, batch 100: row 5 of the lecture's table, 218,192 parameters."""
    images, _ = mnist()
    x = images.reshape(len(images), 784)
    if way == "torch":
        from torch import nn

        net = nn.Sequential(
            nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
            nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid(),
        )  # fmt: skip
        return torch_loop(net, nn.MSELoss(), x, x, batch_size=100, epochs=10)

    def make():
        import keras
        from keras import layers

        model = keras.Sequential([keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(64, "relu"),
                                  layers.Dense(128, "relu"), layers.Dense(784, "sigmoid")])  # fmt: skip
        assert model.count_params() == 218_192
        model.compile("adam", "mean_squared_error")
        return model

    return twice(way, make, x, x, batch_size=100, epochs=60 if way == "recipes" else 10)


def conv_autoencoder(way: str) -> Result:
    """16-8 / 8-16 filters, max pooling and upsampling, batch 128."""
    x, _ = mnist()
    x = x[:2560]
    if way == "torch":
        from torch import nn

        net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip
        x = x.transpose(0, 3, 1, 2)
        return torch_loop(net, nn.BCELoss(), x, x, batch_size=128, epochs=3, channels_last=True)

    def make():
        import keras
        from keras import layers

        def conv(filters):
            return layers.Conv2D(filters, 3, padding="same", activation="relu")

        model = keras.Sequential(
            [keras.Input((28, 28, 1)), conv(16), layers.MaxPooling2D(), conv(8), layers.MaxPooling2D(), conv(8),
             layers.UpSampling2D(), conv(16), layers.UpSampling2D(),
             layers.Conv2D(1, 3, padding="same", activation="sigmoid")]
        )  # fmt: skip
        model.compile("adam", "binary_crossentropy")
        return model

    return twice(way, make, x, x, batch_size=128, epochs=3)


def lenet(way: str) -> Result:
    """LeNet-5 (LeCun 1998) with ReLU and max pooling, batch 64."""
    x, y = mnist()
    x, y = x[:3200], y[:3200]

    def make():
        import keras
        from keras import layers

        model = keras.Sequential(
            [keras.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="relu"), layers.MaxPooling2D(),
             layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
             layers.Dense(120, "relu"), layers.Dense(84, "relu"), layers.Dense(10, "softmax")]
        )  # fmt: skip
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return twice(way, make, x, y, batch_size=64, epochs=4)


def grok_paper(way: str) -> Result:
    """The grokking paper's network on x / y modulo 97, batch 512: steps a second once all is compiled."""
    from recipes.grokking.equations import equations

    table = equations("x/y", 97, 0.5)
    epochs, steps_per_epoch = 10, -(-len(table.train) // 512)
    tokens, answers = table.tokens(table.train), table.answer[table.train]
    if way.startswith("torch"):
        return torch_grok(tokens, answers, table.num_tokens, epochs, compiled=way == "torch-compiled")
    from recipes.grokking.networks import PAPER
    from recipes.grokking.step.optimizer import Optimizer
    from recipes.grokking.step.steps import Trainer

    model = PAPER.build(table.num_tokens, seed=0)
    if way == "keras":
        import keras

        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1.0, beta_2=0.98, epsilon=1e-8)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        start = time.perf_counter()
        model.fit(tokens, answers, batch_size=512, epochs=1, verbose=0)
        first = time.perf_counter() - start
        start = time.perf_counter()
        model.fit(tokens, answers, batch_size=512, epochs=epochs, verbose=0)
        return {"first_s": first, "steps_per_s": epochs * steps_per_epoch / (time.perf_counter() - start)}
    trainer = Trainer(table, PAPER, Optimizer(), batch_size=512, seed=0, model=model)
    start = time.perf_counter()
    state = trainer.steps(trainer.start(), 0, steps_per_epoch)
    state["weights"].numpy()
    first = time.perf_counter() - start
    start = time.perf_counter()
    state = trainer.steps(state, steps_per_epoch, (1 + epochs) * steps_per_epoch)
    state["weights"].numpy()
    return {"first_s": first, "steps_per_s": epochs * steps_per_epoch / (time.perf_counter() - start)}


def torch_grok(tokens, answers, num_tokens, epochs, *, compiled) -> Result:
    """The same network, written as PyTorch's users write it: eager, or under torch.compile with fused AdamW."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, width=128, heads=4, hidden=512):
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(width, 3 * width, bias=False)
            self.out = nn.Linear(width, width, bias=False)
            self.first, self.second = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
            self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)

        def forward(self, h):  # (n, 4, width)
            n, length, width = h.shape
            q, k, v = (part.view(n, length, self.heads, -1).transpose(1, 2) for part in self.qkv(h).split(width, dim=2))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(n, length, width)
            h = self.norm_1(h + self.out(mixed))
            return self.norm_2(h + self.second(F.relu(self.first(h))))

    class Transformer(nn.Module):
        def __init__(self, width=128):
            super().__init__()
            self.tokens, self.places = nn.Embedding(num_tokens, width), nn.Embedding(4, width)
            self.blocks = nn.Sequential(Block(), Block())
            self.head = nn.Linear(width, num_tokens, bias=False)

        def forward(self, tokens):
            h = self.tokens(tokens) + self.places(torch.arange(4))
            return self.head(self.blocks(h)[:, -1])

    net = Transformer()
    assert sum(parameter.numel() for parameter in net.parameters()) == 420_096
    if compiled:
        net = torch.compile(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98), fused=compiled)
    x, y = torch.from_numpy(tokens).long(), torch.from_numpy(answers).long()

    def run(epochs):
        steps = 0
        for _ in range(epochs):
            order = torch.randperm(len(x))
            for rows in order.split(512):
                optimizer.zero_grad()
                F.cross_entropy(net(x[rows]), y[rows]).backward()
                optimizer.step()
                steps += 1
        return steps

    start = time.perf_counter()
    run(2)
    first = time.perf_counter() - start
    start = time.perf_counter()
    steps = run(epochs)
    return {"first_s": first, "steps_per_s": steps / (time.perf_counter() - start)}


def grok_run(preset: str, way: str) -> Result:
    """From the call to sustained 99 % validation accuracy; the way is `seed-N`, or `seed-N,option=number,...`."""
    from recipes import grok

    seed, *changes = way.removeprefix("seed-").split(",")
    options = {name: float(value) for name, value in (change.split("=") for change in changes)}
    run = grok(preset, seed=int(seed), max_steps=20_000, verbose=0, **options)
    nothing = float("nan")
    return {
        "first_s": run.seconds,
        "memorised_at": run.memorised_at or nothing,
        "generalised_at": run.generalised_at or nothing,
        "delay_ratio": run.delay_ratio or nothing,
        "steps_per_s": run.steps_per_second,
    }


TUNE_TRIALS, TUNE_EPOCHS = 30, 50


def tuned_model(hp):
    """A keras-tuner user's build: 1 to 3 layers of 16 to 128, dropout, rate on a log scale."""
    import keras
    from keras import layers

    units = [hp.Int(f"units_{i}", 16, 128, step=16) for i in range(3)]
    rate = hp.Float("dropout", 0.0, 0.5, step=0.1)
    model = keras.Sequential([keras.Input((30,))])
    for width in units[: hp.Int("num_layers", 1, 3)]:
        model.add(layers.Dense(width, "relu"))
        model.add(layers.Dropout(rate))
    model.add(layers.Dense(1, "sigmoid"))
    optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"))
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def tune_search(way: str) -> Result:
    """A random search on breast cancer, batch 32: the same trials through this package, keras-tuner and Optuna."""
    import tempfile

    from sklearn.model_selection import train_test_split

    x, y = breast_cancer()
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
    options = {"epochs": TUNE_EPOCHS, "batch_size": 32, "validation_data": (x_val, y_val), "verbose": 0}
    if way == "optuna":
        return optuna_search(x, y, options)
    with tempfile.TemporaryDirectory() as folder:
        if way == "recipes":
            from recipes import tune

            start = time.perf_counter()
            search = tune(
                x, y, hypermodel=tuned_model, max_trials=TUNE_TRIALS, seed=1, directory=folder + "/search", **options
            )
            seconds, best = time.perf_counter() - start, search.best_trial.score
        else:
            import keras_tuner

            start = time.perf_counter()
            tuner = keras_tuner.RandomSearch(
                tuned_model, "val_loss", max_trials=TUNE_TRIALS, seed=1, directory=folder, project_name="search"
            )
            tuner.search(x, y, **options)
            seconds, best = time.perf_counter() - start, tuner.oracle.get_best_trials(1)[0].score
    return {"first_s": seconds, "trials_per_min": 60 * TUNE_TRIALS / seconds, "best_val_loss": float(best)}


def optuna_search(x, y, options) -> Result:
    """As Optuna's users write it: Keras inside an objective function."""
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    class Asks:
        """keras-tuner's questions, put to an Optuna trial."""

        def __init__(self, trial):
            self.trial = trial

        def Int(self, name, low, high, step=1):
            return self.trial.suggest_int(name, low, high, step=step)

        def Float(self, name, low, high, step=None, sampling="linear"):
            return self.trial.suggest_float(name, low, high, step=step, log=sampling == "log")

    def objective(trial):
        keras.backend.clear_session()
        return min(tuned_model(Asks(trial)).fit(x, y, **options).history["val_loss"])

    start = time.perf_counter()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=TUNE_TRIALS)
    seconds = time.perf_counter() - start
    return {"first_s": seconds, "trials_per_min": 60 * TUNE_TRIALS / seconds, "best_val_loss": study.best_value}


def tune_memory(way: str) -> Result:
    """Resident memory after so many trials of one search: 10 or 100."""
    import gc
    import tempfile

    from recipes import tune

    x, y = breast_cancer()
    with tempfile.TemporaryDirectory() as folder:
        trials = 10 if way == "ten" else 100
        tune(x, y, max_trials=trials, epochs=5, directory=folder + "/search", verbose=0)
        gc.collect()
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
    return {"rss_mb": pages * resource.getpagesize() / 2**20}


def memory(way: str) -> Result:
    """Peak memory of three epochs of the dense autoencoder on 60,000 images."""
    import keras
    from keras import layers

    x = np.random.default_rng(0).random((60_000, 784), dtype=np.float32)
    model = keras.Sequential([keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(64, "relu"),
                              layers.Dense(128, "relu"), layers.Dense(784, "sigmoid")])  # fmt: skip
    model.compile("adam", "mean_squared_error")
    return {"first_s": train(way, model, x, x, epochs=2, batch_size=100)}


def roof(way: str) -> Result:
    """float32 matrix products of 2048 x 2048 through TensorFlow: the rate that nothing here can pass."""
    import tensorflow as tf

    a = tf.random.normal((2048, 2048))
    (a @ a).numpy()
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(4):
            b = a @ a
        b.numpy()
        best = max(best, 4 * 2 * 2048**3 / (time.perf_counter() - start))
    return {"gflops": best / 1e9}


def importing(way: str) -> Result:
    """Seconds that `import recipes` takes."""
    start = time.perf_counter()
    import recipes  # noqa: F401

    return {"first_s": time.perf_counter() - start}


JOBS = {
    "mlp-200": lambda way: mlp(way, 200),
    "mlp-3": lambda way: mlp(way, 3),
    "dense-autoencoder": dense_autoencoder,
    "conv-autoencoder": conv_autoencoder,
    "lenet": lenet,
    "grok-paper": grok_paper,
    "grok-paper-seeds": lambda way: grok_run("paper", way),
    "grok-lecture-seeds": lambda way: grok_run("lecture", way),
    "tune": tune_search,
    "tune-memory": tune_memory,
    "memory": memory,
    "roof": roof,
    "import": importing,
}

if __name__ == "__main__":
    main()
