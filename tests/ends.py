"""Small models with one end or two, ten rows for them, and what the rules find: shared by the tests of the rules."""

import keras
import numpy as np

from cheatsheet.dataspec import describe_data
from cheatsheet.modelspec import describe_model
from cheatsheet.rules import findings_of, independent


def compiled(*layers, loss="mean_squared_error", shape=(3,), metrics=None):
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile("sgd", loss, metrics=metrics)
    return model


def dense(units=1, activation=None, **options):
    return keras.layers.Dense(units, activation, **options)


def found(model, x=None, y=None, **options):
    """The names of the errors that the rules find."""
    findings = independent(findings_of(describe_model(model), describe_data(x, y, **options)))
    return [finding.rule for finding in findings if finding.severity == "error"]


def two_ended(losses=None, keys=("price", "kind")):
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    ends = [dense(2, name="price")(joined), dense(3, "softmax", name="kind")(joined)]
    model = keras.Model([left, right], ends if keys is None else dict(zip(keys, ends, strict=True)))
    if losses is not None:
        model.compile("sgd", losses)
    return model


class Own(keras.Model):
    """A subclassed model, whose `call` nobody can read."""

    def __init__(self):
        super().__init__()
        self.head = dense(1, "sigmoid")

    def call(self, x):
        return 255 * self.head(x)


X = np.zeros((10, 3), "float32")
Y = np.linspace(0, 1, 10, dtype="float32")[:, None]
