"""Convolution along the steps of a sequence: patterns count wherever they stand (Waibel et al. 1989)."""

from collections.abc import Sequence

import keras

from recipes.bodies.hidden import hidden_layers


def sequence(
    *,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 5,
    units: Sequence[int] = (64,),
    hidden_activation: str = "relu",
    dropout: float = 0.25,
) -> list[keras.Layer]:
    """Make the layers that turn a sequence `(n, steps, features)` into features.

    Each block is `Conv1D` (same padding), activation and max pooling over two steps; the mean over the steps that are
    left goes into the fully connected layers. `docs/bodies.md` compares it with flattening.

    Args:
        filters: Channels of each block.
        kernel_size: Width of the convolution's window, in steps.
        units: Width of each fully connected layer behind the blocks.
        hidden_activation: Keras' name of the activation, everywhere but at the head.
        dropout: Fraction of the features dropped before each fully connected layer and the head.
    """
    layers: list[keras.Layer] = []
    for number, channels in enumerate(filters, start=1):
        layers += [
            keras.layers.Conv1D(
                channels, kernel_size, padding="same", activation=hidden_activation, name=f"conv_{number}"
            ),
            keras.layers.MaxPooling1D(2, padding="same", name=f"pool_{number}"),  # (n, steps / 2, channels)
        ]
    layers.append(keras.layers.GlobalAveragePooling1D(name="mean"))  # (n, channels)
    return layers + hidden_layers(units, hidden_activation, dropout)
