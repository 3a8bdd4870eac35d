"""Convolutional network: convolution, activation and max pooling, stacked; fully connected at the end (LeCun 1998)."""

from collections.abc import Sequence

import keras

from recipes.bodies.hidden import hidden_layers


def cnn(
    *,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    units: Sequence[int] = (64,),
    hidden_activation: str = "relu",
    dropout: float = 0.25,
) -> list[keras.Layer]:
    """Make the layers that turn an image `(n, height, width, channels)` into features.

    Each block is `Conv2D` (same padding), activation and 2x2 max pooling, so it halves height and width.

    Args:
        filters: Channels of each block.
        kernel_size: Side of the convolution's window, in pixels.
        units: Width of each fully connected layer behind the blocks.
        hidden_activation: Keras' name of the activation, everywhere but at the head.
        dropout: Fraction of the features dropped before each fully connected layer and the head.
    """
    layers: list[keras.Layer] = []
    for number, channels in enumerate(filters, start=1):
        layers += [
            keras.layers.Conv2D(
                channels, kernel_size, padding="same", activation=hidden_activation, name=f"conv_{number}"
            ),
            keras.layers.MaxPooling2D(2, name=f"pool_{number}"),  # (n, height / 2, width / 2, channels)
        ]
    layers.append(keras.layers.Flatten(name="flatten"))
    return layers + hidden_layers(units, hidden_activation, dropout)
