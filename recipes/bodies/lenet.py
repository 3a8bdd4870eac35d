"""LeNet-5 (LeCun et al. 1998), the convolutional network of the lecture's slide, layer by layer."""

import keras

from cheatsheet.common.words import did_you_mean

POOLING = {"average": keras.layers.AveragePooling2D, "max": keras.layers.MaxPooling2D}
PADDING = ("same", "valid")


def lenet(
    *, hidden_activation: str = "tanh", pooling: str = "average", padding: str = "same", dropout: float = 0.0
) -> list[keras.Layer]:
    """Make the layers of LeNet-5 up to F6, under the names that the paper gives them.

    C1: 6 maps of 5x5 windows; S2: 2x2 pooling; C3: 16 maps of 5x5; S4: 2x2 pooling; C5: 120 nodes, F6: 84. With 10
    classes behind them 61,706 parameters on images of 28x28 pixels with `padding="same"`, as on 32x32 without.

    From the paper: the layers, their sizes, tanh and averages. Plainer than there: S2 and S4 have no coefficients of
    their own (12 and 32 parameters and an activation there), every map of C3 sees all six of S2 (10 of 16 do not there:
    1,516 parameters in the place of 2,416), tanh is not stretched to 1.7159 tanh(2x / 3), and the head is a softmax
    rather than distances to drawings of the digits. Modern: `hidden_activation="relu"`, `pooling="max"`, `dropout`.

    Args:
        hidden_activation: Keras' name of the activation, everywhere but at the head.
        pooling: `"average"` as in the paper, or `"max"`.
        padding: Of C1: `"same"` frames 28x28 pixels to the paper's 32x32; `"valid"` is for images that have a frame.
        dropout: Fraction of the features dropped before C5, before F6 and before the head.

    Raises:
        ValueError: for another pooling or padding.
    """
    if pooling not in POOLING:
        raise ValueError(
            f"pooling is one of {', '.join(POOLING)}. Received: pooling={pooling!r}.{did_you_mean(pooling, POOLING)}"
        )
    if padding not in PADDING:
        raise ValueError(
            f"padding is one of {', '.join(PADDING)}. Received: padding={padding!r}.{did_you_mean(padding, PADDING)}"
        )
    pool = POOLING[pooling]
    layers: list[keras.Layer] = [
        keras.layers.Conv2D(6, 5, padding=padding, activation=hidden_activation, name="C1"),  # (n, 28, 28, 6)
        pool(2, name="S2"),  # (n, 14, 14, 6)
        keras.layers.Conv2D(16, 5, activation=hidden_activation, name="C3"),  # (n, 10, 10, 16)
        pool(2, name="S4"),  # (n, 5, 5, 16)
        keras.layers.Flatten(name="flatten"),  # C5's windows are as large as S4's maps, so a Dense layer is the same
    ]
    for name, width in (("C5", 120), ("F6", 84)):
        if dropout:
            layers.append(keras.layers.Dropout(dropout, name=f"dropout_{name}"))
        layers.append(keras.layers.Dense(width, activation=hidden_activation, name=name))
    if dropout:
        layers.append(keras.layers.Dropout(dropout, name="dropout_head"))
    return layers
