"""The fully connected layers between a convolutional body and the head."""

from collections.abc import Sequence

import keras


def hidden_layers(units: Sequence[int], activation: str, dropout: float) -> list[keras.Layer]:
    """Make the fully connected layers behind a convolutional body, with dropout before each and before the head."""
    layers: list[keras.Layer] = []
    for number, width in enumerate(units, start=1):
        if dropout:
            layers.append(keras.layers.Dropout(dropout, name=f"dropout_{number}"))
        layers.append(keras.layers.Dense(width, activation=activation, name=f"hidden_{number}"))
    if dropout:
        layers.append(keras.layers.Dropout(dropout, name="dropout_head"))
    return layers
