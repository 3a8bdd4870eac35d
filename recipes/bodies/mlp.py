"""Multilayer perceptron: fully connected layers, one after the other."""

from collections.abc import Sequence

import keras


def mlp(*, units: Sequence[int] = (64, 32), hidden_activation: str = "relu", dropout: float = 0.0) -> list[keras.Layer]:
    """Make the fully connected layers that turn any input into features.

    Args:
        units: Width of each hidden layer; `()` leaves none, which makes the model linear.
        hidden_activation: Keras' name of their activation.
        dropout: Fraction of the features dropped after each hidden layer while training.
    """
    layers: list[keras.Layer] = [keras.layers.Flatten(name="flatten")]  # (n, features)
    for number, width in enumerate(units, start=1):
        layers.append(keras.layers.Dense(width, activation=hidden_activation, name=f"hidden_{number}"))
        if dropout:
            layers.append(keras.layers.Dropout(dropout, name=f"dropout_{number}"))
    return layers
