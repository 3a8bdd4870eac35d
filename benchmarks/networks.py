"""Jobs that train one network: an MLP, autoencoders, LeNet."""

import time

import numpy as np
from training import Result, breast_cancer, mlp_model, mnist, torch_loop, train, twice


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
    if way.startswith("keras"):
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


def memory(way: str) -> Result:
    """Peak memory of three epochs of the dense autoencoder on 60,000 images."""
    import keras
    from keras import layers

    x = np.random.default_rng(0).random((60_000, 784), dtype=np.float32)
    model = keras.Sequential([keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(64, "relu"),
                              layers.Dense(128, "relu"), layers.Dense(784, "sigmoid")])  # fmt: skip
    model.compile("adam", "mean_squared_error")
    return {"first_s": train(way, model, x, x, epochs=2, batch_size=100)}
