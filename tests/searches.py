"""Searches that cost little, for the tests of them."""

import keras
import keras_tuner
import numpy as np

X = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int32")
SPACE = {"num_layers": (1, 2), "units": [4, 8], "dropout": (0.1, 0.3), "learning_rate": (1e-3, 1e-1, "log")}
FITS = {"count": 0, "stop_at": None}  # trainings of a `Bowl`, and after how many it is interrupted
QUICK = {"space": SPACE, "epochs": 2, "verbose": 0}


def scores(search):
    return [(t.number, t.hyperparameters, t.score, t.status) for t in search.trials]


def nothing(value=0.0):
    """A compiled model that costs nothing to build."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
    return model


class Bowl(keras_tuner.HyperModel):
    """A score that is known: smallest at a = 0.3, b = 5, with a third hyperparameter that only some have."""

    def build(self, hp):
        hp.Float("a", 0.0, 1.0, step=0.05)
        if hp.Int("b", 1, 9) > 6:
            hp.Choice("c", ["p", "q"])
        return nothing()

    def fit(self, hp, model, *args, **kwargs):
        if FITS["stop_at"] == FITS["count"]:
            raise KeyboardInterrupt
        FITS["count"] += 1
        value = (hp.get("a") - 0.3) ** 2 + (hp.get("b") - 5) ** 2 / 100
        return {"val_loss": [value * 2**-epoch + 1e-3 for epoch in range(kwargs["epochs"])]}
